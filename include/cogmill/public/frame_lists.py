"""The photographs of one collection as two files: for asking what shows a place, and for searching by roll, frame and date.

`frames.fgb` is a FlatGeobuf with its spatial index, which the viewer and other programs read by HTTP ranges: a question
about a place costs a request or two, however many photographs there are. `frames.json` is small and read as a whole.
Both follow each publication, and stay the same where the collection does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.domain.public_keys import frame_search_key, frames_key
from cogmill.index.columnar import flatgeobuf
from cogmill.index.geojson import BATCH_FEATURES, FeatureBatch
from cogmill.public.document import JSON, Document, compact_json
from cogmill.public.facts import CollectionFacts, PublishedFrame, acquired_text

NAMES = ("name", "bands", "date", "roll", "frame_num", "acquired", "dl_georef", "dl_orig", "link")
"""Properties of a feature, in their order."""

COLUMNS = ("name", "roll", "frame", "date", "lon", "lat")
"""What an entry of `frames.json` holds; the place lies within the photograph's outline."""

FLATGEOBUF = "application/vnd.flatgeobuf"
OUTLINE_DECIMALS, PLACE_DECIMALS = 6, 5
"""Digits of a degree: about 10 cm, and a meter."""


def documents(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[Document]:
    """Yield both lists of a collection."""
    outlines = shapely.transform(
        shapely.from_wkb([frame.outline_wkb for frame in frames]), lambda xy: np.round(xy, OUTLINE_DECIMALS)
    )
    collection_id = facts.collection.id
    body = flatgeobuf(collection_id, NAMES, _features(facts, frames, outlines))
    yield Document(frames_key(collection_id), body, FLATGEOBUF)
    places = np.round(shapely.get_coordinates(shapely.point_on_surface(outlines)), PLACE_DECIMALS).tolist()
    entries = [[*_entry(frame), *place] for frame, place in zip(frames, places, strict=True)]
    content = {"collection": collection_id, "columns": COLUMNS, "frames": entries}
    yield Document(frame_search_key(collection_id), compact_json(content), JSON)


def _features(
    facts: CollectionFacts, frames: Sequence[PublishedFrame], outlines: NDArray[np.object_]
) -> Iterator[FeatureBatch]:
    """Yield the features of `frames.fgb`, outlines of shape (frames,) in degrees."""
    for start in range(0, len(frames), BATCH_FEATURES):
        part = slice(start, start + BATCH_FEATURES)
        yield FeatureBatch([_values(facts, frame) for frame in frames[part]], outlines[part])


def _values(facts: CollectionFacts, frame: PublishedFrame) -> tuple[str | None, ...]:
    address = facts.addresses
    return (
        frame.stem,
        str(frame.bands),
        frame.date,
        frame.roll,
        frame.frame_num,
        acquired_text(frame.acquired),
        address.object(frame.cog_key),
        address.object(frame.scan_key) if frame.scan_key else None,
        address.photograph(frame.bands, frame.stem),
    )


def _entry(frame: PublishedFrame) -> tuple[str, str, str, str]:
    return f"{frame.bands}/{frame.stem}", frame.roll, frame.frame_num, acquired_text(frame.acquired) or frame.date
