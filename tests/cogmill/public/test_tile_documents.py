"""TileJSON and WMTS: read by the clients that people use, whatever stands in titles."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from cogmill.config.site import Contact, License, Site
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Bands, Collection, Product
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public import tilejson, wmts
from cogmill.public.facts import CollectionFacts
from cogmill.public.services_list import CatalogEntry, catalog_entry
from cogmill.public.tile_grid import finest_zoom, first_zoom
from lxml import etree
from osgeo import gdal
from owslib.wmts import WebMapTileService

gdal.UseExceptions()

NASTY = "<b>\"'&]]> Straße \x00\x08\ufffe {z} %7B"
CLEAN = "<b>\"'&]]> Straße     {z} %7B"
ADDRESSES = ArchiveAddresses("https://photos.example.org/bucket", "https://maps.example.org")
SITE = Site(
    title="Aerial photographs",
    organization="Map Room",
    contact=Contact(name="Ann", email="maps@example.org"),
    license=License(id="CC-BY-4.0", url="https://creativecommons.org/licenses/by/4.0/"),
    keywords=("historical", "aerial"),
)
EXTENT = Bounds3857(-10_900_000, 3_500_000, -10_880_000, 3_520_000)


def facts(collection: Collection, site: Site = SITE, **changes: object) -> CollectionFacts:
    known = CollectionFacts(
        collection=collection, title="Travis USDA 1951 Frames", abstract="Photographs of 1951.", frames=3, bands=(Bands.BW,),
        bounds=EXTENT.to_4326(), bounds_3857=EXTENT, days=(dt.date(1951, 3, 22), dt.date(1951, 3, 22)), every_year=(1951,), undated=False,
        scans=3, cog_bytes=1, gsd_m=0.6, updated=dt.datetime(2026, 1, 2, tzinfo=dt.UTC), revision=3, site=site,
        addresses=ADDRESSES.of(collection.id),
    )  # fmt: skip
    return replace(known, **changes)


def travis(year: str = "1951", product: Product = Product.FRAMES, **changes: object) -> CollectionFacts:
    return facts(Collection("Travis", "USDA", year, product), every_year=(int(year),), **changes)


def entries(*known: CollectionFacts) -> list[CatalogEntry]:
    return [CatalogEntry.from_stored(json.loads(json.dumps(catalog_entry(one).stored()))) for one in known]


def opened(body: bytes) -> WebMapTileService:
    return WebMapTileService("https://photos.example.org/wmts.xml", xml=body)


def test_tilejson_says_where_tiles_are() -> None:
    (document,) = tilejson.collection_documents(travis(), [])

    said = json.loads(document.body)

    assert document.key == "catalog/travis_usda_1951_frames/tiles.json"
    assert said["tiles"] == ["https://maps.example.org/tiles/travis_usda_1951_frames/{z}/{x}/{y}.png"]
    assert (said["minzoom"], said["maxzoom"], said["scheme"]) == (0, 18, "xyz")
    assert said["bounds"] == pytest.approx([*EXTENT.to_4326()], abs=1e-7)
    assert said["attribution"] == "Map Room"


def test_attribution_is_text_for_clients_that_take_it_for_html() -> None:
    (document,) = tilejson.collection_documents(
        travis(site=SITE.model_copy(update={"attribution": NASTY}), title=NASTY), []
    )

    said = json.loads(document.body)

    assert said["name"] == NASTY
    assert "<" not in said["attribution"]


def test_owslib_opens_the_capabilities_of_a_collection() -> None:
    (document,) = wmts.collection_documents(travis(), [])

    service = opened(document.body)

    layer = service["travis_usda_1951_frames"]
    assert layer.title == "Travis USDA 1951 Frames"
    assert layer.boundingBoxWGS84 == pytest.approx([*EXTENT.to_4326()], abs=1e-7)
    assert layer.formats == ["image/png", "image/jpeg"]
    assert [resource["template"] for resource in layer.resourceURLs] == [
        f"https://maps.example.org/tiles/travis_usda_1951_frames/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.{ending}"
        for ending in ("png", "jpg")
    ]
    grid = service.tilematrixsets["GoogleMapsCompatible_0-18"]
    assert [int(zoom) for zoom in grid.tilematrix] == list(range(19))
    assert grid.tilematrix["0"].scaledenominator == pytest.approx(559082264.0287178)
    assert service.identification.accessconstraints == f"CC-BY-4.0: {SITE.license.url}"
    assert service.provider.name == "Map Room"


def test_gdal_opens_the_capabilities_of_a_collection(tmp_path: Path) -> None:
    (document,) = wmts.collection_documents(travis(), [])
    file = tmp_path / "wmts.xml"
    file.write_bytes(document.body)

    dataset = gdal.Open(f"WMTS:{file}")

    west, pixel, _, north, _, _ = dataset.GetGeoTransform()
    assert pixel == pytest.approx(156543.03392804097 / 2**18)
    assert (west, north) == (pytest.approx(EXTENT.west, abs=pixel), pytest.approx(EXTENT.north, abs=pixel))
    assert dataset.GetSpatialRef().GetAuthorityCode(None) == "3857"


def test_titles_of_strangers_are_text() -> None:
    site = SITE.model_copy(update={"organization": NASTY, "keywords": (NASTY,)})
    (document,) = wmts.collection_documents(travis(title=NASTY, abstract=NASTY, site=site), [])

    service = opened(document.body)

    assert service["travis_usda_1951_frames"].title == CLEAN
    assert service.provider.name == CLEAN


def test_capabilities_follow_the_order_of_the_schema() -> None:
    (document,) = wmts.collection_documents(travis(), [])

    layer = etree.fromstring(document.body).find(".//{*}Layer")

    assert [etree.QName(part).localname for part in layer] == [
        "Title", "Abstract", "WGS84BoundingBox", "Identifier", "Style", "Format", "Format", "TileMatrixSetLink", "ResourceURL", "ResourceURL",
    ]  # fmt: skip


def test_archive_has_a_layer_for_each_year_and_each_collection() -> None:
    known = entries(travis("1951"), travis("1962", gsd_m=2.0), travis("1970", Product.INDEX))

    (document,) = wmts.archive_documents(SITE, ADDRESSES, known)
    years = list(tilejson.archive_documents(SITE, ADDRESSES, known))

    service = opened(document.body)
    assert document.key == "catalog/wmts.xml"
    assert list(service.contents) == [
        "archive_1951", "archive_1962", "travis_usda_1951_frames", "travis_usda_1962_frames", "travis_usda_1970_index",
    ]  # fmt: skip
    assert (
        service["archive_1962"]
        .resourceURLs[0]["template"]
        .startswith("https://maps.example.org/tiles/archive/1962/{TileMatrix}/")
    )
    assert list(service["archive_1962"].tilematrixsetlinks) == ["GoogleMapsCompatible_0-17"]
    assert [document.key for document in years] == [
        "catalog/archive/1951/tiles.json",
        "catalog/archive/1962/tiles.json",
    ]


def test_archive_without_collections_has_capabilities_without_layers() -> None:
    (document,) = wmts.archive_documents(SITE, ADDRESSES, [])

    assert list(opened(document.body).contents) == []


def test_entry_of_an_earlier_version_has_no_years() -> None:
    stored = catalog_entry(travis()).stored()
    del stored["every_year"], stored["max_zoom"]

    assert CatalogEntry.from_stored(stored).every_year == ()


def test_zoom_is_the_first_whose_pixels_are_no_larger() -> None:
    exact = 156543.03392804097 / 2**17

    assert [finest_zoom(gsd) for gsd in (exact, exact * 1.001, exact * 0.9, 1e6, 1e-9, 0, None)] == [
        17,
        17,
        18,
        0,
        24,
        24,
        24,
    ]


def test_crowded_years_begin_where_tiles_meet_few_collections() -> None:
    side = 50_000

    def county(number: int) -> Bounds3857:
        west, south = -11_000_000 + side * (number % 16), 3_000_000 + side * (number // 16)
        return Bounds3857(west, south, west + side, south + side)

    many = [county(number) for number in range(240)]

    assert first_zoom(many[:24]) == 0
    zoom = first_zoom(many)
    reach = math.ceil(2 * 20037508.342789244 / 2**zoom / side) + 1
    assert reach**2 <= 25, "as many counties as a tile can meet"
    assert zoom > 5
