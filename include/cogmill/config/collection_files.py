"""Collection files: `include/collections/<collection id>.yaml`, what differs from the defaults for one collection."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from cogmill.cog.profiles import (
    PROFILES,
    DatumAccuracy,
    Grid,
    Nodata,
    Profile,
    Resampling,
    Scaling,
    default_profile,
    read_like,
)
from cogmill.config.settings import FolderSettings
from cogmill.config.site import Contact, License, Site, SiteFacts, load_site
from cogmill.config.task_settings import CollectionTasks
from cogmill.config.values import AccuracyConfig, Crs, StrictModel
from cogmill.config.yaml_files import parsed
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.layout.dates import vague_days
from cogmill.domain.model import Bands, Product

log = logging.getLogger(__name__)

ProfileName = Literal["bw", "nc", "bw_jpeg", "archive_zstd", "webp_lossless"]
"""The keys of `PROFILES`, spelled out for the schema of collection files."""

ENDINGS = tuple(f"_{product.value}.yaml" for product in Product)
"""Endings of the names of collection files; a collection id ends with its product."""

YAML = (".yaml", ".yml")

ProfileChooser = Callable[[str, Product, Bands, str], Profile]
"""Returns the profile of a frame, by the id of its collection, its product, the bands folder and its name without extension."""


def _vague(date: str) -> str:
    if vague_days(date) is None:
        raise ValueError("must be a date as EDTF writes it, such as '1951', '1951-03', '1951~' or '1951/1952'")
    return date


class CollectionProfiles(StrictModel):
    """Profile by bands folder; bands without one keep their default."""

    bw: ProfileName | None = None
    nc: ProfileName | None = None
    cir: ProfileName | None = None


class CollectionScaling(StrictModel):
    """Source values that become 0 and 255; linear between them."""

    low: float
    high: float

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class CollectionPoints(StrictModel):
    """How well control points must agree."""

    most_px: Annotated[float, Field(gt=0, le=100)] = 3.0


class CollectionConfig(StrictModel):
    """Contents of a collection file. Every key is optional; a key that is left out keeps its default."""

    title: str | None = Field(default=None, min_length=1)
    """Title of the map service."""
    profiles: CollectionProfiles = CollectionProfiles()
    """Profile of the COGs of each bands folder, such as `{bw: bw_jpeg}`: `bw`, `nc`, `bw_jpeg`, `archive_zstd` or `webp_lossless`."""
    date: Annotated[str, AfterValidator(_vague)] | None = None
    """When photographs were taken whose names do not tell it, as EDTF writes it: `1951`, `1951-03`, `1951~`, `1951/1952`. Counts for uploads from then on."""
    collar: bool | None = None
    """Whether film collars are removed. Default: `true` for frames, `false` for index sheets and mosaics."""
    keep_rim: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Frames in which no film collar is looked for, because their rim is picture: names without extension, or patterns such as `[03-22-51_4-17*]`."""
    nodata: Nodata | None = None
    """Which pixels of the nodata value are masked: `edge` for those connected to the edge, `everywhere` for all."""
    resampling: Resampling | None = None
    """Kernel of the warp: `bilinear` or `cubic`."""
    grid: Grid | None = None
    """Pixel grid of warped COGs: `native` for the frame's own resolution, `web` for the next finer zoom level of web maps."""
    datum_accuracy: AccuracyConfig = AccuracyConfig()
    """Accuracy that the datum shift of its frames must claim, such as `{meters: 12, pixels: 1}`: the larger of a length and a share of the pixel. What is left out is as in the site file."""
    facts: SiteFacts | None = None
    """What the public is told otherwise than the site file says: `abstract`, `organization`, `organization_url`, `contact`, `license`, `attribution`, `keywords`, `citation`, `language`, `output_crs`, `country_code`, `permission_osm`, as in `include/site.yaml`."""
    scaling: CollectionScaling | None = None
    """Range of 16-bit values, such as `{low: 0, high: 4095}`: `low` becomes 0, `high` becomes 255. Without it 16-bit frames are rejected."""
    crs: Crs | None = None
    """Coordinate system of files that name none, such as `EPSG:26914`; of all others their own counts. Without it they are rejected."""
    control_points: CollectionPoints | None = None
    """Files that have control points instead of a position are placed by them, where they are off by no more than so many pixels, root mean square: `{most_px: 3}`. Without it they are rejected."""
    tasks: CollectionTasks | None = None
    """How Airflow runs its tasks, otherwise than the settings say: `owner`, `queue`, `build_queue`, `build_pool`, `build_executor_config`, `priority` (of its tasks among those that wait), `retries`, `schedule` (beside the runs that uploads trigger), `notify_topic` (an SNS topic that gets its messages too)."""
    product: Product = Field(default=Product.FRAMES, exclude=True)
    """Taken from the file's name; not a key of the file."""

    def profile(self, bands: Bands, stem: str = "") -> Profile:
        """Return the profile of a frame in one bands folder of the collection, by the frame's file name without extension."""
        name = getattr(self.profiles, bands.value)
        default = default_profile(bands, self.product)
        changed: dict[str, Any] = {
            key: value
            for key in ("collar", "nodata", "resampling", "grid", "crs")
            if (value := getattr(self, key)) is not None
        }
        if any(fnmatchcase(stem, pattern) for pattern in self.keep_rim):
            changed["collar"] = False
        if self.scaling is not None:
            changed["scaling"] = Scaling(self.scaling.low, self.scaling.high)
        if self.control_points is not None:
            changed["control_points_px"] = self.control_points.most_px
        chosen = default if name is None else replace(PROFILES[name], collar=default.collar, crs=default.crs)
        return replace(chosen, **changed)


KEYS = {
    "": sorted(set(CollectionConfig.model_fields) - {"product"}),
    "profiles": sorted(CollectionProfiles.model_fields),
    "control_points": sorted(CollectionPoints.model_fields),
    "scaling": sorted(CollectionScaling.model_fields),
    "tasks": sorted(CollectionTasks.model_fields),
    "datum_accuracy": sorted(AccuracyConfig.model_fields),
    "facts": sorted(SiteFacts.model_fields),
    "facts.contact": sorted(Contact.model_fields),
    "facts.license": sorted(License.model_fields),
}
"""Keys of a collection file, by the key that they are below."""


def load_collection_config(folder: Path, collection_id: str) -> CollectionConfig | None:
    """Return the contents of a collection's file; None when there is no such file.

    Files of other collections are not read, so that a mistake in one of them harms no other.

    Args:
        folder: Folder of the collection files.
        collection_id: The file's name without `.yaml`; in the name of the file, case does not matter.

    Raises:
        ConfigurationError: Names the file, the line, the key and what is allowed.
    """
    # Called once per service by whoever compiles thousands, so plain names are compared, not paths.
    names = _names(folder)
    for name in names:
        if name.lower().endswith(YAML) and not name.lower().endswith(ENDINGS):
            _warn_once(folder / name)
    found = [name for name in names if name.lower() == f"{collection_id}.yaml"]
    if len(found) > 1:
        raise ConfigurationError(f"{' and '.join(found)}: two files for one collection, keep one of them")
    return _load(folder / found[0]) if found else None


def site_of(settings: FolderSettings, config: CollectionConfig | None) -> Site:
    """Return the site as it speaks for a collection with some file, or with none."""
    return load_site(settings.site_file).with_facts(config.facts if config else None)


def collections_with_files(folder: Path) -> list[tuple[str, int]]:
    """Return the ids of the collections that have files, and when each was changed (ns), so that a change is noticed."""
    names = [name for name in _names(folder) if name.lower().endswith(ENDINGS)]
    return [(name.lower().removesuffix(".yaml"), (folder / name).stat().st_mtime_ns) for name in names]


def collection_abstract(config: CollectionConfig | None, title: str, site: Site) -> str:
    """Return what is said about a collection: its own words, or else its title and those of the site."""
    if config and config.facts and config.facts.abstract:
        return config.facts.abstract
    return f"{title}. {site.abstract}" if site.abstract else f"Historical aerial photographs: {title}."


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


@cache
def _warn_once(file: Path) -> None:
    log.warning("collection_file_ignored file=%s expected=<collection id>.yaml", file.name)


def _load(file: Path) -> CollectionConfig:
    try:
        text = file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as err:
        raise ConfigurationError(f"{file.name}: not readable as YAML: {err}") from err
    return parsed(CollectionConfig, file.name, text, KEYS, {"product": file.stem.lower().rpartition("_")[2]})


def profile_chooser(settings: FolderSettings, override: str | None = None) -> ProfileChooser:
    """Return how the profile of a frame is chosen: by name, else by its collection file, else by default.

    Args:
        settings: Where the collection files and the site file are.
        override: Name of a profile that is used instead of the collections' own.

    Raises:
        ConfigurationError: There is no profile of that name, or the site file is wrong. The chooser itself raises it for a collection
            whose file is wrong.
    """
    if override is not None and override not in PROFILES:
        raise ConfigurationError(f"profile {override!r} is unknown, allowed are {', '.join(PROFILES)}")
    read = cache(partial(load_collection_config, settings.collections_dir))
    of_site = load_site(settings.site_file).datum_accuracy.changes(DatumAccuracy())

    def choose(collection_id: str, product: Product, bands: Bands, stem: str) -> Profile:
        config = read(collection_id)
        own = config.profile(bands, stem) if config else default_profile(bands, product)
        accuracy = config.datum_accuracy.changes(of_site) if config else of_site
        if override is None:
            return replace(own, accuracy=accuracy)
        return replace(read_like(PROFILES[override], own), accuracy=accuracy)

    return choose
