"""One photograph as a STAC item. What the ledger does not know is left out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.domain.layout.texas import MULTIPLE, NOT_KNOWN
from cogmill.domain.model import Product
from cogmill.public.facts import CollectionFacts, PublishedFrame
from cogmill.public.scans.lone_scan import LoneScan
from cogmill.public.stac.stac_links import COG, FILE, PROJECTION, RASTER, VERSION, Json, item_links, link

CRS = "EPSG:3857"
"""Of every COG."""

FILE_WORDS = ("copyright", "artist", "file_datetime", "camera_make", "camera_model")
"""What an upload may say of itself besides a description."""

FIRST_PHOTOGRAPH = dt.date(1858, 1, 1)
"""Where nothing tells the year: the year of the first photograph from the air."""

SHA256 = "1220"
"""What a SHA-256 begins with as a multihash: its function and its 32 bytes."""


def interval(photograph: PublishedFrame | LoneScan) -> tuple[dt.date, dt.date]:
    """Return the first and last possible day of a photograph: at worst between the first of all and its upload."""
    return photograph.acquired or (FIRST_PHOTOGRAPH, photograph.uploaded_at.astimezone(dt.UTC).date())


def span(photographs: Sequence[PublishedFrame] | Sequence[LoneScan]) -> list[str]:
    """Return the first and last second within which all photographs were taken."""
    days = [interval(photograph) for photograph in photographs]
    return [begin(min(first for first, _ in days)), end(max(last for _, last in days))]


def times(photograph: PublishedFrame | LoneScan) -> Json:
    """Return the properties that say when a photograph was taken."""
    first, last = interval(photograph)
    exact = begin(first) if first == last else None
    return {"datetime": exact, "start_datetime": begin(first), "end_datetime": end(last)}


def dated(photograph: PublishedFrame | LoneScan) -> str:
    """Return how exactly that is known: to the `day`, within a `period`, or not at all (`unknown`)."""
    if photograph.acquired is None:
        return "unknown"
    first, last = photograph.acquired
    return "day" if first == last else "period"


def begin(day: dt.date) -> str:
    """Return the first second of a day.

    >>> begin(dt.date(1951, 3, 22))
    '1951-03-22T00:00:00Z'
    """
    return f"{day.isoformat()}T00:00:00Z"


def end(day: dt.date) -> str:
    """Return the last second of a day.

    >>> end(dt.date(1951, 3, 22))
    '1951-03-22T23:59:59Z'
    """
    return f"{day.isoformat()}T23:59:59Z"


def item_id(photograph: PublishedFrame | LoneScan) -> str:
    """Return the id of an item, which stays when its COG is built again; unique in its collection."""
    return f"{photograph.bands}_{photograph.stem}"


def geometries(outlines: NDArray[np.object_]) -> Iterator[Json]:
    """Yield polygons as objects of GeoJSON."""
    yield from map(json.loads, shapely.to_geojson(outlines))


def items(facts: CollectionFacts, frames: Sequence[PublishedFrame], outlines: NDArray[np.object_]) -> Iterator[Json]:
    """Yield the items of photographs, without their geometry, which each format writes in its own way.

    Args:
        facts: Of their collection.
        frames: The photographs.
        outlines: Their outlines, as `polygons` returns them.
    """
    links, collection_id = item_links(facts.addresses, facts.site), facts.collection.id
    for frame, bounds in zip(frames, shapely.bounds(outlines).tolist(), strict=True):
        page = facts.addresses.photograph(frame.bands, frame.stem)
        yield {
            "type": "Feature",
            "stac_version": VERSION,
            "stac_extensions": [FILE, PROJECTION, RASTER],
            "id": item_id(frame),
            "bbox": bounds,
            "properties": _properties(facts, frame),
            "links": [*links, link("via", page, "text/html")],
            "assets": _assets(facts, frame),
            "collection": collection_id,
        }


def _properties(facts: CollectionFacts, frame: PublishedFrame) -> Json:
    collection = facts.collection
    known: Json = {
        "title": _title(facts, frame),
        **times(frame),
        "gsd": _ground_m(frame),
        "cogmill:dated": dated(frame),
        "cogmill:date": _told(frame.date),
        "cogmill:roll": _told(frame.roll) if collection.product == Product.FRAMES else None,
        "cogmill:frame": _told(frame.frame_num),
        "cogmill:agency": collection.agency,
        "cogmill:county": collection.county or None,
        "cogmill:product": str(collection.product),
        "cogmill:bands": str(frame.bands),
        "cogmill:source_crs": frame.source_crs,
        "cogmill:adjustments": frame.adjustments,
        "cogmill:shift_accuracy": frame.shift_accuracy_m,
        "cogmill:uploaded": _moment(frame.uploaded_at),
        **_film(collection.product, frame),
        **_texts(frame),
    }
    return {name: value for name, value in known.items() if value is not None or name == "datetime"}


def _texts(frame: PublishedFrame) -> Json:
    """Return what the upload says of itself; the description under the name that STAC has for it."""
    texts = frame.texts or {}
    return {"description": texts.get("description"), **{f"cogmill:{word}": texts.get(word) for word in FILE_WORDS}}


def _film(product: Product, frame: PublishedFrame) -> Json:
    """Return film and negative under the names that the archive of New Zealand (LINZ) gives them."""
    if product != Product.FRAMES:
        return {}
    number = frame.frame_num
    return {
        "film:id": _told(frame.roll),
        "film:negative_sequence": int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None,  # noqa: PLR2004
    }


def _title(facts: CollectionFacts, frame: PublishedFrame) -> str:
    if facts.collection.product == Product.FRAMES:
        parts = [("Roll", _told(frame.roll)), ("frame", _told(frame.frame_num))]
        told = ", ".join(f"{word} {value}" for word, value in parts if value)
    else:
        told = frame.stem
    return f"{facts.title}: {told or frame.stem}"


def _assets(facts: CollectionFacts, frame: PublishedFrame) -> Json:
    addresses = facts.addresses
    cog: Json = {
        "href": addresses.object(frame.cog_key),
        "title": "Georeferenced photograph",
        "type": COG,
        "roles": ["data"],
        "data_type": "uint8",
        "file:size": frame.cog_size,
        "file:checksum": SHA256 + frame.cog_sha256 if frame.cog_sha256 else None,
        "raster:sampling": "area",
        "raster:spatial_resolution": _ground_m(frame),
        "proj:code": CRS,
        **_grid(frame),
    }
    assets = {"cog": {name: value for name, value in cog.items() if value is not None}}
    if frame.scan_key is not None:
        scan = {
            "href": addresses.object(frame.scan_key),
            "title": "Raw scan, without a position",
            "type": "image/tiff",
            "roles": ["source"],
            "file:size": frame.scan_size,
        }
        assets["scan"] = {name: value for name, value in scan.items() if value is not None}
    return assets


def _grid(frame: PublishedFrame) -> Json:
    """Return where the pixels of a COG lie; nothing while the ledger has not read it."""
    if frame.width is None or frame.height is None:
        return {}
    shape = {"proj:shape": [frame.height, frame.width]}
    if frame.transform is None:
        return shape
    a, _, west, _, e, north = frame.transform
    box = [west, north + e * frame.height, west + a * frame.width, north]
    return {"proj:bbox": box, **shape, "proj:transform": list(frame.transform)}


def _ground_m(frame: PublishedFrame) -> float | None:
    """Return the size of a pixel on the ground, meters."""
    return None if frame.gsd_m is None else round(frame.bounds_3857.ground_m(frame.gsd_m), 4)


def _told(text: str) -> str | None:
    """Return what a file name tells; None for the words that stand where it tells nothing."""
    return None if text in ("", NOT_KNOWN, MULTIPLE) else text


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
