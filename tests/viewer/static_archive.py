"""A small published archive as files in a folder, made by the program itself but for bucket, ledger and map host: for tests in a browser."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
import shapely
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain import keys
from cogmill.domain.geo import EARTH_RADIUS_M, Bounds3857
from cogmill.domain.model import BuiltCog, UploadKey
from cogmill.index.columnar import flatgeobuf
from cogmill.index.geojson import FeatureBatch
from cogmill.overviews.contents import Member
from cogmill.overviews.thumbnail import draw_thumbnails
from numpy.typing import NDArray

NAMES = ("name", "bands", "date", "roll", "frame_num", "acquired", "dl_georef", "dl_orig", "link")


def to_degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitude and latitude of EPSG:3857 meters, shape (points, 2)."""
    angle = xy / EARTH_RADIUS_M
    return np.degrees(np.column_stack([angle[:, 0], 2 * np.arctan(np.exp(angle[:, 1])) - np.pi / 2]))


@dataclass
class Published:
    upload: UploadKey
    cog: BuiltCog
    key: str

    @property
    def outline(self) -> shapely.Polygon:
        return shapely.from_wkb(self.cog.footprint_wkb)


@dataclass
class StaticArchive:
    """What the bucket of a published archive holds, below `folder`."""

    folder: Path
    maps: str
    root: str
    collections: dict[str, list[Published]] = field(default_factory=lambda: defaultdict(list))

    def add(self, uploads: Mapping[str, Path]) -> None:
        """Build the COG of each upload."""
        with Engine(Limits()) as engine:
            for key, path in uploads.items():
                upload = keys.parse_upload(key)
                cog_key = keys.cog_key(upload.collection, upload.bands, upload.stem, "0123456789ab")
                target = self.folder / cog_key
                target.parent.mkdir(parents=True, exist_ok=True)
                profile = PROFILES[str(upload.bands)]
                built = engine.build(path, target, bands=upload.bands, profile=profile, provenance={}, area=None)
                self.collections[upload.collection.id].append(Published(upload, built, cog_key))

    def publish(self) -> None:
        """Write the lists and pictures that a publication writes."""
        entries = [self._publish(collection_id, frames) for collection_id, frames in sorted(self.collections.items())]
        self.write("catalog/services.json", json.dumps({"services": entries}))

    def write(self, key: str, body: str | bytes) -> None:
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body.encode() if isinstance(body, str) else body)

    def _publish(self, collection_id: str, frames: Iterable[Published]) -> dict[str, object]:
        frames = sorted(frames, key=lambda frame: frame.key)
        collection = frames[0].upload.collection
        extent = Bounds3857.from_edges(shapely.total_bounds([frame.outline for frame in frames]).tolist())
        members = [Member(f.key, Bounds3857.from_edges(f.outline.bounds)) for f in frames]
        for size, picture in draw_thumbnails(extent, members, self._read, keys.THUMBNAIL_SIZES).items():
            self.write(keys.thumbnail_key(collection_id, size), picture)
        rings = [shapely.transform(f.outline, to_degrees) for f in frames]
        values = [self._values(frame) for frame in frames]
        batch = FeatureBatch(values, np.array(rings, dtype=object))
        self.write(f"catalog/{collection_id}/frames.fgb", flatgeobuf(collection_id, NAMES, [batch]))
        points = [shapely.point_on_surface(ring) for ring in rings]
        entries = [[f"{v[1]}/{v[0]}", v[3], v[4], v[5] or v[2], p.x, p.y] for v, p in zip(values, points, strict=True)]
        self.write(f"catalog/{collection_id}/frames.json", json.dumps({"frames": entries}))
        days = [frame.upload.name.acquired for frame in frames if frame.upload.name and frame.upload.name.acquired]
        return {
            "id": collection_id,
            "name": collection.service_name,
            "title": f"{collection.county} {collection.agency} {collection.year}",
            "county": collection.county,
            "agency": collection.agency,
            "year": collection.year,
            "product": str(collection.product),
            "frames": len(frames),
            "years": [min(days)[0].year, max(day[1] for day in days).year] if days else None,
            "extent_3857": [*extent],
            "extent_4326": [*extent.to_4326()],
            "wms": f"{self.maps}/wms/?map=/mapfiles/{collection_id}.map&",
            "capabilities": "",
            "preview": f"{self.root}{keys.thumbnail_key(collection_id, 256)}",
            "downloads": {},
        }

    def _values(self, frame: Published) -> tuple[str | None, ...]:
        name, upload = frame.upload.name, frame.upload
        assert name is not None
        days = name.acquired
        acquired = None if days is None else days[0].isoformat() if days[0] == days[1] else f"{days[0].year}"
        return (
            upload.stem,
            str(upload.bands),
            name.date,
            name.roll,
            name.frame_num,
            acquired,
            self.root + quote(frame.key),
            None,
            None,
        )

    def _read(self, key: str, first: int, size: int) -> bytes | None:
        with (self.folder / key).open("rb") as source:
            source.seek(first)
            return source.read(size)
