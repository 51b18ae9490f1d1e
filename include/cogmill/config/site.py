"""The site file, `include/site.yaml`: what is particular to an archive, and is said wherever the public meets it.

Nothing is guessed: what the file leaves out is None, and pages, catalogs and the nightly report say that it is missing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator, Field, model_validator

from cogmill.config.site_layout import KEYS as LAYOUT_KEYS
from cogmill.config.site_layout import LayoutConfig
from cogmill.config.values import AccuracyConfig, Link, StrictModel
from cogmill.config.yaml_files import parsed
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.layout import TEXAS, KeyLayout, use_layout
from cogmill.domain.layout.formats import Format
from cogmill.domain.sidecars import SidecarKind

OTHER_LICENSE = "other"
"""Id of a license that SPDX has no id for; STAC uses the same word."""

CITATION_PARTS = ("title", "organization", "years", "url")
"""What may stand between braces in a citation."""

OUTPUT_CRS = (
    "EPSG:3857",
    "EPSG:4326",
    "CRS:84",
    "EPSG:4269",
    "EPSG:26913",
    "EPSG:26914",
    "EPSG:26915",
    "EPSG:3083",
)
"""Web maps, longitude and latitude (WGS84, NAD83), the UTM zones of Texas, its Albers grid."""

Text = Annotated[str, Field(min_length=1, max_length=4000)]
"""Plain text; whoever shows it escapes it."""


def _spdx(license_id: str) -> str:
    if license_id.lower() == OTHER_LICENSE:
        return OTHER_LICENSE
    try:
        return str(canonicalize_license_expression(license_id))
    except InvalidLicenseExpression:
        raise ValueError(
            f"must be an id of SPDX such as CC-BY-4.0 or CC0-1.0, or `{OTHER_LICENSE}` for any other license"
        ) from None


def _email(address: str) -> str:
    if not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+", address):
        raise ValueError("must be an e-mail address such as archive@example.org")
    return address


def _language(tag: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag):
        raise ValueError("must be a language tag such as en, de or en-US")
    return tag


def _citation(pattern: str) -> str:
    if wrong := set(re.findall(r"\{([^{}]*)\}", pattern)) - set(CITATION_PARTS):
        raise ValueError(
            f"{', '.join(sorted(wrong))} is unknown, allowed between braces are {', '.join(CITATION_PARTS)}"
        )
    return pattern


def _with_web(codes: tuple[str, ...]) -> tuple[str, ...]:
    if missing := {"EPSG:3857", "EPSG:4326"} - set(codes):
        raise ValueError(f"must hold {' and '.join(sorted(missing))}, which tiles and pages ask for")
    return codes


Grid = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_-]*\.tif$")]
"""File of one of PROJ's grids, a name without a folder."""


PlacesFile = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\.(geo)?json$")]
"""File of places, a name without a folder."""


class License(StrictModel):
    """Terms under which photographs may be used."""

    id: Annotated[str, AfterValidator(_spdx)]
    """Id of SPDX, such as `CC-BY-4.0`, or `other`."""
    url: Link
    """Address of the terms."""
    name: Text | None = None
    """Name for people; the id when there is none."""

    @property
    def label(self) -> str:
        """Name for people."""
        return self.name or ("its own license" if self.id == OTHER_LICENSE else self.id)


class Contact(StrictModel):
    """Whom to ask; at least one of e-mail and web address."""

    name: Text | None = None
    """A person or an office."""
    email: Annotated[str, AfterValidator(_email)] | None = None
    url: Link | None = None

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if self.email is None and self.url is None:
            raise ValueError("email or url is needed")
        return self


class SiteFacts(StrictModel):
    """Facts that a collection may state for itself."""

    abstract: Text | None = None
    """A few sentences about the photographs."""
    organization: Text | None = None
    """Who holds the photographs."""
    organization_url: Link | None = None
    contact: Contact | None = None
    """Whom to ask, such as `{name: Map Room, email: maps@example.org}`."""
    license: License | None = None
    """Terms, such as `{id: CC-BY-4.0, url: "https://creativecommons.org/licenses/by/4.0/"}`."""
    attribution: Text | None = None
    """What a map that shows the photographs has to say; the organization when it is left out."""
    keywords: tuple[Text, ...] = ()
    """Words by which the photographs are found."""
    citation: Annotated[Text, AfterValidator(_citation)] | None = None
    """How to cite, with `{title}`, `{organization}`, `{years}` and `{url}` in their places."""
    language: Annotated[str, AfterValidator(_language)] = "en"
    """Language of these texts, such as `en`; in German (`de`) pages, advice to uploaders and titles are written too."""
    output_crs: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z]{3,9}:[0-9]{2,7}$")], ...], AfterValidator(_with_web)
    ] = OUTPUT_CRS
    """Coordinate systems in which maps are offered, such as `[EPSG:3857, EPSG:900913, EPSG:4326, EPSG:25832]`."""

    country_code: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """Country of the photographs, two letters as ISO 3166 writes them, such as `US`; for the Editor Layer Index."""
    permission_osm: Literal["explicit", "implicit", "no"] | None = None
    """Whether OpenStreetMap's mappers may draw after the photographs; for the Editor Layer Index."""

    @property
    def credit(self) -> str | None:
        """What a map has to say about where the photographs are from; None when the site says nothing."""
        return self.attribution or self.organization


def _tiles(address: str) -> str:
    if not re.fullmatch(r"https?://[^\s\"'<>]+", address) or not all(part in address for part in ("{z}", "{x}", "{y}")):
        raise ValueError("must be the address of tiles such as https://tiles.example.org/{z}/{x}/{y}.png")
    return address


class BaseMap(StrictModel):
    """Tiles that the viewer shows below the photographs, in the scheme that all web maps share."""

    url: Annotated[str, AfterValidator(_tiles)]
    """Address with `{z}`, `{x}` and `{y}`."""
    attribution: Text
    """What a map that shows them has to say."""
    max_zoom: Annotated[int, Field(ge=1, le=24)] = 19
    """Finest zoom that has tiles."""


class Site(SiteFacts):
    """Contents of the site file. Every key is optional."""

    title: Text = "Historical aerial photographs"
    """Title of the whole archive."""
    privacy_url: Link | None = None
    """Address of the privacy policy of the hosts."""
    base_map: BaseMap | None = None
    """What the viewer shows below the photographs; only a graticule and names of counties when it is left out, and then nobody else is asked."""
    places: PlacesFile | None = None
    """GeoJSON beside the site file with places that the viewer draws and names, instead of the names of counties that have photographs."""
    proj_grids: tuple[Grid, ...] = ()
    """PROJ's grids that the datums of this archive need, such as `[us_noaa_conus.tif]` for NAD27 (docs/install.md)."""
    datum_accuracy: AccuracyConfig = AccuracyConfig()
    """Accuracy that the datum shift of a frame must claim, such as `{meters: 12}`; 5 meters or one pixel, whichever is more, when it is left out."""
    sidecars: tuple[SidecarKind, ...] = ()
    """Files beside a TIFF without a position from which it is taken, such as `[world_file, aux_xml]` (docs/site.md); none when it is left out."""
    formats: tuple[Format, ...] = ()
    """Formats of georeferenced frames that are taken beside GeoTIFF, such as `[jp2, img]` (docs/site.md); none when it is left out."""
    layout: LayoutConfig | None = None
    """Where files lie, how they are named and dated (docs/site.md); the built-in layout when it is left out."""

    def key_layout(self) -> KeyLayout:
        """Return the layout of the archive's keys."""
        return self.layout.key_layout() if self.layout else TEXAS

    def with_facts(self, facts: SiteFacts | None) -> Site:
        """Return the site as it speaks for a collection that states some facts for itself."""
        stated = {name: getattr(facts, name) for name in facts.model_fields_set} if facts else {}
        return self.model_copy(update=stated)

    @property
    def missing(self) -> tuple[str, ...]:
        """Facts that people who use the photographs need and that nobody has stated."""
        return tuple(name for name in ("organization", "contact", "license") if getattr(self, name) is None)


KEYS = {
    "": sorted(Site.model_fields),
    "base_map": sorted(BaseMap.model_fields),
    "contact": sorted(Contact.model_fields),
    "datum_accuracy": sorted(AccuracyConfig.model_fields),
    "license": sorted(License.model_fields),
    **LAYOUT_KEYS,
}
"""Keys of the site file, by the key that they are below."""


def load_site(file: Path) -> Site:
    """Return what a site file says; without such a file only what is true of every archive.

    Raises:
        ConfigurationError: Names the file, the line, the key and what is allowed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Site()
    except (UnicodeDecodeError, OSError) as err:
        raise ConfigurationError(f"{file.name}: not readable: {err}") from err
    return _parsed(file.name, text)


@lru_cache(maxsize=4)
def _parsed(name: str, text: str) -> Site:
    """Return the contents of a site file; asked for once per collection, so that a text is parsed once."""
    return parsed(Site, name, text, KEYS)


def use_site(file: Path) -> None:
    """Let this process work by a site file.

    Raises:
        ConfigurationError: Names the file, the line, the key and what is allowed.
    """
    site = load_site(file)
    use_layout(site.key_layout(), site.language, site.formats)
