from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import shapely
from cogmill.config.site import Contact, License, Site
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Bands, Collection, Product
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.facts import CollectionFacts, PublishedFrame

TRAVIS = Collection("Travis", "USDA", "1951", Product.FRAMES)
DAY = dt.date(1951, 3, 22)
ADDRESSES = ArchiveAddresses("https://photos.example.org/bucket", "https://maps.example.org")
SITE = Site(
    title="Aerial photographs",
    organization="Map Room",
    organization_url="https://maproom.example.org",
    contact=Contact(email="maps@example.org"),
    license=License(id="CC-BY-4.0", url="https://creativecommons.org/licenses/by/4.0/"),
    keywords=("historical", "aerial"),
    country_code="US",
    privacy_url="https://maproom.example.org/privacy",
)


def frame(number: int = 1, stem: str = "03-22-51_4-1", **changed: object) -> PublishedFrame:
    west = -10_900_000 + 1000 * number
    bounds = Bounds3857(west, 3_500_000, west + 2000, 3_502_000)
    values = {
        "bands": Bands.BW, "stem": stem, "date": "03-22-51", "roll": "4", "frame_num": str(number), "acquired": (DAY, DAY),
        "uploaded_at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "cog_key": f"bw/Travis/USDA_1951/frames/cog/{stem}.0123456789ab.tif",
        "cog_size": 1000, "cog_sha256": "ab" * 32, "width": 100, "height": 90, "gsd_m": 0.6, "transform": None, "source_crs": "EPSG:26914",
        "scan_key": f"bw/Travis/USDA_1951/frames/scanned/{stem}.tif", "scan_size": 2000, "bounds_3857": bounds,
        "outline_wkb": shapely.to_wkb(shapely.box(*bounds.to_4326())),
    }  # fmt: skip
    return PublishedFrame(**values | changed)


@pytest.fixture
def facts() -> Callable[..., CollectionFacts]:
    def make(frames: list[PublishedFrame], site: Site = SITE, **changed: object) -> CollectionFacts:
        extent = Bounds3857(-10_900_000, 3_500_000, -10_880_000, 3_502_000)
        values = {
            "collection": TRAVIS, "title": "Travis USDA 1951 Frames", "abstract": "Photographs of 1951.", "frames": len(frames),
            "bands": (Bands.BW,), "bounds": extent.to_4326(), "bounds_3857": extent, "days": (DAY, DAY), "undated": False,
            "scans": len(frames), "cog_bytes": 1000 * len(frames), "gsd_m": 0.6, "updated": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
            "revision": 3, "site": site, "addresses": ADDRESSES.of(TRAVIS.id),
        }  # fmt: skip
        return CollectionFacts(**values | changed)

    return make
