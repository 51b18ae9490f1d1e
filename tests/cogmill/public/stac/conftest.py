"""Facts of a collection and its photographs, without a ledger."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
import shapely
from cogmill.config.site import License, Site
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Bands, Collection, Product
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.facts import CollectionFacts, PublishedFrame
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from tests.cogmill.public.stac.validating import stac_validator
from tests.small_archive import TRAVIS

ADDRESSES = ArchiveAddresses("https://data.example.org", "https://maps.example.org")
DAY = dt.date(1951, 3, 22)
UPLOADED = dt.datetime(2024, 2, 3, 4, 5, 6, 789, tzinfo=dt.UTC)
SITE = Site(
    title="Old photographs",
    organization="Map Room",
    organization_url="https://maps.example.org/about",
    license=License(id="CC-BY-4.0", url="https://creativecommons.org/licenses/by/4.0/"),
    keywords=("aerial",),
)


def photograph(number: int, collection: Collection = TRAVIS, **changes: object) -> PublishedFrame:
    west = -10_900_000 + 200 * number
    bounds = Bounds3857(west, 3_499_000, west + 1_000, 3_500_000)
    stem = f"03-22-51_4-{number}"
    known = PublishedFrame(
        bands=Bands.BW,
        stem=stem,
        date="03-22-51",
        roll="4",
        frame_num=str(number),
        acquired=(DAY, DAY),
        uploaded_at=UPLOADED,
        cog_key=f"bw/Travis/USDA_1951/frames/cog/{stem}.0123456789ab.tif",
        cog_size=1_000_000 + number,
        cog_sha256=hashlib.sha256(stem.encode()).hexdigest(),
        width=500,
        height=500,
        gsd_m=2.0,
        transform=(2.0, 0.0, float(west), 0.0, -2.0, 3_500_000.0),
        source_crs="EPSG:26914",
        scan_key=f"bw/Travis/USDA_1951/frames/scanned/{stem}.tif",
        scan_size=5_000_000,
        bounds_3857=bounds,
        outline_wkb=shapely.to_wkb(shapely.box(*bounds.to_4326())),
    )
    return replace(known, **changes)


def about(
    frames: Sequence[PublishedFrame], *, site: Site = SITE, collection: Collection = TRAVIS, **changes: object
) -> CollectionFacts:
    edges = [list(frame.bounds_3857) for frame in frames]
    west, south = (min(edge[n] for edge in edges) for n in (0, 1))
    east, north = (max(edge[n] for edge in edges) for n in (2, 3))
    bounds = Bounds3857(west, south, east, north)
    days = [day for frame in frames if frame.acquired for day in frame.acquired]
    known = CollectionFacts(
        collection=collection,
        title="Travis USDA 1951",
        abstract="Photographs of Travis County.",
        frames=len(frames),
        bands=tuple(sorted({frame.bands for frame in frames})),
        bounds=bounds.to_4326(),
        bounds_3857=bounds,
        days=(min(days), max(days)) if days else None,
        undated=False,
        scans=len(frames),
        cog_bytes=1,
        gsd_m=2.0,
        updated=UPLOADED,
        revision=7,
        site=site,
        addresses=ADDRESSES.of(collection.id),
    )
    return replace(known, **changes)


@pytest.fixture(scope="module")
def validator() -> JsonSchemaSTACValidator:
    return stac_validator()


@pytest.fixture
def various() -> list[PublishedFrame]:
    """Photographs of which more or less is known, under names that mean something to addresses, JSON and markup."""
    year = (dt.date(1951, 1, 1), dt.date(1951, 12, 31))
    return [
        photograph(1),
        photograph(2, bands=Bands.NC),
        photograph(3, acquired=year, date="1951"),
        photograph(4, acquired=None, date="unknown", roll="N/A", frame_num="12A"),
        photograph(5, scan_key=None, scan_size=None, transform=None, cog_sha256=None, cog_size=None),
        photograph(6, width=None, height=None, gsd_m=None, transform=None, source_crs=None),
        photograph(7, stem="a %+#&=,~ Ü_ß-\U0001f600..7", cog_key="bw/x/cog/a %+#& Ü.0123456789ab.tif"),
        photograph(8, frame_num="9" * 30, roll="", stem="x_4-" + "9" * 30),
    ]


MOSAICS = Collection("Travis", "USDA", "1951", Product.MOSAIC)
SHEETS = Collection("", "AMS", "V23", Product.INDEX)
