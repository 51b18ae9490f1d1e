"""A small published archive as files in a folder: everything of the program but bucket, ledger and map host, for tests in a browser."""

from __future__ import annotations

import datetime as dt
import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.config.site import Site
from cogmill.domain import keys
from cogmill.domain.geo import EARTH_RADIUS_M, Bounds3857, Bounds4326
from cogmill.domain.model import BuiltCog, Collection, UploadKey
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.overviews.contents import Member
from cogmill.overviews.thumbnail import draw_thumbnails
from cogmill.public.document import Document
from cogmill.public.facts import CollectionFacts, PublishedFrame
from cogmill.public.scans import scan_list
from cogmill.public.scans.lone_scan import LoneScan, ScanFacts
from cogmill.public.services_list import CatalogEntry, catalog_entry
from cogmill.public.writers import archive_documents, collection_documents
from numpy.typing import NDArray

WHEN = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
SITE = Site(title="Test archive", attribution="Nobody's photographs")


def to_degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitude and latitude of EPSG:3857 meters, shape (points, 2)."""
    angle = xy / EARTH_RADIUS_M
    return np.degrees(np.column_stack([angle[:, 0], 2 * np.arctan(np.exp(angle[:, 1])) - np.pi / 2]))


def published_frame(upload: UploadKey, cog_key: str, outline: shapely.Polygon, cog: BuiltCog | None) -> PublishedFrame:
    """Return what the ledger would say of a frame; its outline in EPSG:3857."""
    name = upload.name
    assert name is not None
    return PublishedFrame(
        bands=upload.bands, stem=upload.stem, date=name.date, roll=name.roll, frame_num=name.frame_num, acquired=name.acquired,
        uploaded_at=WHEN, cog_key=cog_key, cog_size=cog.size if cog else None, cog_sha256=cog.sha256 if cog else None,
        width=cog.width if cog else None, height=cog.height if cog else None, gsd_m=cog.gsd_m if cog else None, transform=None, source_crs="EPSG:3857",
        scan_key=None, scan_size=None, bounds_3857=Bounds3857.from_edges(outline.bounds),
        outline_wkb=shapely.to_wkb(shapely.transform(outline, to_degrees)),
    )  # fmt: skip


def collection_facts(
    collection: Collection, frames: Sequence[PublishedFrame], addresses: ArchiveAddresses
) -> CollectionFacts:
    boxes = np.array([[*frame.bounds_3857] for frame in frames])
    extent = Bounds3857.from_edges([*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()])
    days = [day for frame in frames if frame.acquired for day in frame.acquired]
    return CollectionFacts(
        collection=collection, title=f"{collection.county} {collection.agency} {collection.year}", abstract="", frames=len(frames), bands=tuple({frame.bands for frame in frames}),
        bounds=extent.to_4326(), bounds_3857=extent, days=(min(days), max(days)) if days else None, undated=False, scans=0, cog_bytes=0,
        gsd_m=None, updated=WHEN, revision=1, site=SITE, addresses=addresses.of(collection.id),
    )  # fmt: skip


@dataclass
class StaticArchive:
    """What the bucket of a published archive holds, below `folder`."""

    folder: Path
    addresses: ArchiveAddresses
    uploads: dict[str, list[tuple[UploadKey, PublishedFrame]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, uploads: Mapping[str, Path]) -> None:
        """Build the COG of each upload."""
        with Engine(Limits()) as engine:
            for key, path in sorted(uploads.items()):
                upload = keys.parse_upload(key)
                cog_key = keys.cog_key(upload.collection, upload.bands, upload.stem, "0123456789ab")
                target = self.folder / cog_key
                target.parent.mkdir(parents=True, exist_ok=True)
                profile = PROFILES[str(upload.bands)]
                built = engine.build(path, target, bands=upload.bands, profile=profile, provenance={}, area=None)
                outline = shapely.from_wkb(built.footprint_wkb)
                frame = published_frame(upload, cog_key, outline, built)
                self.uploads[upload.collection.id].append((upload, frame))

    def write_scans(
        self, found: Mapping[Collection, Sequence[LoneScan]], place: Mapping[Collection, Bounds4326]
    ) -> None:
        """Write what the public is told of scans without a position; `place` has the rectangles that are known."""
        entries = []
        for collection, scans in found.items():
            title = f"{collection.county} {collection.agency} {collection.year}"
            addresses = self.addresses.of(collection.id)
            facts = ScanFacts(
                collection=collection, title=title, place=place.get(collection), site=SITE, addresses=addresses
            )
            self.write(scan_list.collection_documents(facts, scans))
            entries.append(scan_list.scan_entry(facts, scans))
        self.write(scan_list.archive_documents(SITE, self.addresses, entries))

    def publish(self) -> None:
        """Write every file that a publication writes."""
        entries = []
        for _, known in sorted(self.uploads.items()):
            collection, frames = known[0][0].collection, [frame for _, frame in known]
            facts = collection_facts(collection, frames, self.addresses)
            self.write(collection_documents(facts, frames))
            members = [Member(frame.cog_key, frame.bounds_3857) for frame in frames]
            for size, body in draw_thumbnails(facts.bounds_3857, members, self._read, keys.THUMBNAIL_SIZES).items():
                self.write([Document(keys.thumbnail_key(collection.id, size), body, "image/webp")])
            entries.append(catalog_entry(facts))
        self.write_lists(entries)

    def write_lists(self, entries: Sequence[CatalogEntry]) -> None:
        """Write the documents of the whole archive, the viewer among them."""
        self.write(archive_documents(SITE, self.addresses, entries))

    def write(self, documents: Iterable[Document]) -> None:
        """Write documents as a browser sees them: not compressed."""
        for document in documents:
            target = self.folder / document.key
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.decompress(document.body) if document.encoding == "gzip" else document.body)

    def _read(self, key: str, first: int, size: int) -> bytes | None:
        with (self.folder / key).open("rb") as source:
            source.seek(first)
            return source.read(size)
