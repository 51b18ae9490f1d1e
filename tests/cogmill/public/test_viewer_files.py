"""The viewer's files as the bucket gets them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from cogmill.config.site import BaseMap, License, Site
from cogmill.domain.geo import Bounds3857
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public import viewer_files
from cogmill.public.document import Document
from cogmill.public.services_list import CatalogEntry

ADDRESSES = ArchiveAddresses("https://bucket.example.org/ID", "https://maps.example.org")
EXTENT = Bounds3857(-10_883_731.9, 3_541_938.5, -10_880_000.1, 3_545_000.0)
ENTRY = CatalogEntry(
    id="travis_usda_1951_frames", name="Travis_USDA_1951_frames", title="<b>", county="Travis", agency="USDA", year="1951",
    product="frames", frames=14, years=(1951, 1951), extent_3857=EXTENT, extent_4326=EXTENT.to_4326(), wms="", capabilities="", preview="",
)  # fmt: skip


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "index-0a1b.js").write_text("start()")
    monkeypatch.setattr(viewer_files, "VIEWER", tmp_path)
    return tmp_path


def files(site: Site | None = None) -> dict[str, Document]:
    return {one.key: one for one in viewer_files.documents(site or Site(), ADDRESSES, [ENTRY])}


def content(document: Document) -> object:
    return json.loads(gzip.decompress(document.body))


def test_files_with_a_hash_may_be_kept_and_pages_may_not(built):
    found = files()

    assert set(found) == {"viewer/index.html", "viewer/assets/index-0a1b.js", "viewer/config.json", "viewer/collections.json"}  # fmt: skip
    assert "immutable" in found["viewer/assets/index-0a1b.js"].cache_control
    assert found["viewer/index.html"].cache_control == ""
    assert found["viewer/assets/index-0a1b.js"].content_type.startswith("text/javascript")
    assert {one.encoding for one in found.values()} == {"gzip"}
    assert gzip.decompress(found["viewer/index.html"].body) == b"<!doctype html>"


def test_the_same_build_gives_the_same_bytes(built):
    assert {key: one.sha256 for key, one in files().items()} == {key: one.sha256 for key, one in files().items()}


def test_an_installation_without_the_viewer_still_writes_what_it_reads(built, tmp_path, monkeypatch):
    monkeypatch.setattr(viewer_files, "VIEWER", tmp_path / "none")

    assert set(files()) == {"viewer/config.json", "viewer/collections.json"}


def test_short_list_has_whole_meters_and_common_addresses(built):
    known = content(files()["viewer/collections.json"])

    (row,) = (dict(zip(known["columns"], values, strict=True)) for values in known["collections"])
    assert row["extent_3857"] == [-10_883_732, 3_541_938, -10_880_000, 3_545_000]
    assert (row["id"], row["years"], row["frames"]) == (ENTRY.id, [1951, 1951], 14)
    addresses = {name: one.replace("{id}", ENTRY.id) for name, one in known["addresses"].items()}
    of_it = ADDRESSES.of(ENTRY.id)
    assert addresses["wms"] == of_it.wms
    assert (addresses["thumbnail"], addresses["large"]) == (of_it.thumbnail(256), of_it.thumbnail(1024))


def test_short_list_of_3000_collections_is_small(built):
    entries = [ENTRY] * 3000
    (short,) = [
        one for one in viewer_files.documents(Site(), ADDRESSES, entries) if one.key.endswith("collections.json")
    ]

    assert len(gzip.decompress(short.body)) < 600_000


def test_configuration_says_what_the_site_says(built):
    site = Site(
        title="Old Texas", license=License(id="CC0-1.0", url="https://creativecommons.org/publicdomain/zero/1.0/"),
        base_map=BaseMap(url="https://tiles.example.org/{z}/{x}/{y}.png", attribution="Tiles"),
    )  # fmt: skip
    known = content(files(site)["viewer/config.json"])

    assert known["title"] == "Old Texas"
    assert known["license"]["name"] == "CC0-1.0"
    assert known["base_map"] == {"url": "https://tiles.example.org/{z}/{x}/{y}.png", "attribution": "Tiles", "max_zoom": 19}  # fmt: skip
    assert content(files()["viewer/config.json"])["base_map"] is None


def test_places_are_named_where_the_site_has_some(built):
    places = {"type": "FeatureCollection", "features": []}

    written = viewer_files.places_document(places)

    assert (written.key, content(written)) == ("viewer/places.geojson", places)
    named = [content(files(Site(places=file))["viewer/config.json"])["places"] for file in (None, "counties.geojson")]
    assert named == [None, "places.geojson"]


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "a/b.geojson", "x.txt", ".geojson"])
def test_places_are_a_file_beside_the_site_file(name):
    with pytest.raises(ValueError, match="places"):
        Site(places=name)


@pytest.mark.parametrize(
    "address", ["javascript:{z}{x}{y}", "https://tiles.example.org/", "https://x/{z}/{x}/{y} .png"]
)
def test_base_map_must_be_the_address_of_tiles(address):
    with pytest.raises(ValueError, match="must be the address of tiles"):
        BaseMap(url=address, attribution="x")
