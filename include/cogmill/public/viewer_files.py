"""The viewer in the bucket: what `make viewer` built, its configuration, and a short list of all collections.

Files with a hash in their names may be kept for ever; all others are asked for again each time, so a new release of the viewer and
a publication are seen at once. Texts are stored compressed, since a bucket compresses nothing by itself.
"""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from cogmill.config.places import VIEWER
from cogmill.config.site import Site
from cogmill.domain import public_keys
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.document import GEOJSON, JSON, Document, compact_json
from cogmill.public.services_list import CatalogEntry

FOR_EVER = "public, max-age=31536000, immutable"
"""Of files whose names change with their bytes."""

COLUMNS = (
    "id",
    "name",
    "title",
    "county",
    "agency",
    "year",
    "product",
    "frames",
    "years",
    "every_year",
    "extent_3857",
    "max_zoom",
    "updated",
)
"""What the short list holds of a collection, in its order; extents in whole meters, outwards."""

HTML, SCRIPT = "text/html; charset=utf-8", "text/javascript; charset=utf-8"
TYPES = {".html": HTML, ".js": SCRIPT, ".css": "text/css; charset=utf-8", ".md": "text/markdown; charset=utf-8"}
"""Content types that must not depend on the machine."""

STAND_IN, ID = "id0of0a0collection", "{id}"
"""Stand for a collection's id in the addresses of the short list, before and after."""


def documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> Iterator[Document]:
    """Yield the viewer's files, where it has been built, its configuration and the short list of collections."""
    yield from built_documents(VIEWER)
    yield _compressed(public_keys.VIEWER_CONFIG, compact_json(configuration(site)), JSON)
    yield _compressed(public_keys.VIEWER_COLLECTIONS, compact_json(collections(addresses, entries)), JSON)


def places_document(places: Mapping[str, object]) -> Document:
    """Return the file of places that the site names, as `load_places` returns them."""
    return _compressed(public_keys.VIEWER_PLACES, compact_json(places), GEOJSON)


def built_documents(folder: Path) -> tuple[Document, ...]:
    """Return the built viewer; nothing where it has not been built."""
    page = folder / "index.html"
    return _built(folder, page.stat().st_mtime_ns) if page.is_file() else ()


@cache
def _built(folder: Path, changed: int) -> tuple[Document, ...]:
    """Return a build, read and compressed once per process; the page is what is written last."""
    del changed
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return tuple(
        _compressed(
            f"{public_keys.VIEWER}{name}",
            (folder / name).read_bytes(),
            _type(name),
            FOR_EVER if name.startswith("assets/") else "",
        )
        for name in names
    )


def configuration(site: Site) -> dict[str, object]:
    """Return what the viewer says about the site, and what lies below the photographs."""
    terms = {"name": site.license.label, "url": str(site.license.url)} if site.license else None
    base_map = site.base_map.model_dump(mode="json") if site.base_map else None
    return {
        "title": site.title,
        "language": site.language,
        "attribution": site.credit,
        "license": terms,
        "privacy": str(site.privacy_url) if site.privacy_url else None,
        "base_map": base_map,
        "places": public_keys.VIEWER_PLACES.removeprefix(public_keys.VIEWER) if site.places else None,
    }


def collections(addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> dict[str, object]:
    """Return the list of all collections, a tenth as long as `catalog/services.json`, with the addresses that they have in common."""
    # braces would be escaped in addresses, so a plain id stands in and is replaced
    one = addresses.of(STAND_IN)
    templates = {"wms": one.wms, "tiles": one.tiles, "thumbnail": one.thumbnail(256), "large": one.thumbnail(1024)}
    return {
        "addresses": {name: address.replace(STAND_IN, ID) for name, address in templates.items()},
        "columns": COLUMNS,
        "collections": [_row(entry) for entry in entries],
    }


def _row(entry: CatalogEntry) -> list[object]:
    west, south, east, north = entry.extent_3857
    extent = [int(west // 1), int(south // 1), -int(-east // 1), -int(-north // 1)]
    values = {name: getattr(entry, name) for name in COLUMNS} | {"extent_3857": extent}
    return [values[name] for name in COLUMNS]


def _type(name: str) -> str:
    return TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _compressed(key: str, body: bytes, content_type: str, cache_control: str = "") -> Document:
    return Document(key, gzip.compress(body, 9, mtime=0), content_type, cache_control, "gzip")
