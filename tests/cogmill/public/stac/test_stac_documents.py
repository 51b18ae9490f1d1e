from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import unquote

import pytest
from cogmill.config.site import Site
from cogmill.domain import public_keys
from cogmill.domain.public_access import PUBLIC_PATTERNS
from cogmill.public.services_list import catalog_entry
from cogmill.public.stac import stac_documents
from cogmill.public.stac.stac_documents import archive_documents, collection_documents

from tests.cogmill.public.stac.conftest import ADDRESSES, MOSAICS, SHEETS, SITE, about, photograph
from tests.cogmill.public.stac.validating import validate
from tests.small_archive import TRAVIS

BASE = ADDRESSES.public_url + "/"


def files(frames, **about_it):
    return {document.key: document for document in collection_documents(about(frames, **about_it), frames)}


def read(document):
    return json.loads(document.body)


def collection_of(written):
    return read(written["stac/travis_usda_1951_frames/collection.json"])


def items_of(written):
    return [read(document) for key, document in written.items() if "/items/" in key]


def test_everything_is_valid_however_much_is_known(validator, various):
    written = files(various)

    items = items_of(written)
    for document in [*items, *read(written["stac/travis_usda_1951_frames/items.geojson"])["features"]]:
        validate(validator, document)
    validate(validator, collection_of(written))
    assert len(items) == len(various)


@pytest.mark.parametrize("collection", [MOSAICS, SHEETS])
def test_mosaics_and_sheets_of_sets_without_a_county_are_valid(validator, collection):
    frames = [photograph(1, date="MULTIPLE", roll="MULTIPLE", frame_num="_1", stem="mosaic_1", acquired=None)]
    written = files(frames, collection=collection, site=Site())

    (item,) = items_of(written)
    validate(validator, item)
    made = read(written[public_keys.stac_collection_key(collection.id)])
    validate(validator, made)
    assert "film:id" not in item["properties"]
    assert ("cogmill:county" in item["properties"]) == bool(collection.county)


def test_the_root_lists_all_collections(validator, various):
    entries = [catalog_entry(about(various)), catalog_entry(about(various, collection=MOSAICS, title='A <b> & "c"'))]

    (document,) = archive_documents(SITE, ADDRESSES, entries)

    root = read(document)
    validate(validator, root)
    children = [link for link in root["links"] if link["rel"] == "child"]
    assert [child["title"] for child in children] == ["Scans without a position", "Travis USDA 1951", 'A <b> & "c"']
    assert document.key == unquote(root["links"][1]["href"].removeprefix(BASE))


def test_an_empty_archive_has_a_valid_root(validator):
    (document,) = archive_documents(Site(), ADDRESSES, [])

    validate(validator, read(document))


def test_names_of_any_characters_survive_addresses(various):
    written = files(various)

    for key, document in written.items():
        if "/items/" in key:
            item = read(document)
            (own,) = [link["href"] for link in item["links"] if link["rel"] == "self"]
            assert unquote(own.removeprefix(BASE)) == key
    assert {unquote(i["assets"]["cog"]["href"].removeprefix(BASE)) for i in items_of(written)} == {
        frame.cog_key for frame in various
    }
    listed = [link["href"] for link in collection_of(written)["links"] if link["rel"] == "item"]
    assert {unquote(href.removeprefix(BASE)) for href in listed} == {key for key in written if "/items/" in key}


def test_every_address_is_one_that_the_public_may_read(various):
    prefixes = tuple(pattern.partition("*")[0] for pattern in PUBLIC_PATTERNS)
    text = [json.dumps(read(document)) for document in files(various).values() if document.key.endswith("json")]

    found = {part.partition('"')[0] for one in text for part in one.split('"href": "')[1:]}
    own = {href.removeprefix(BASE) for href in found if href.startswith(BASE)}
    assert own
    assert [href for href in own if not href.startswith(prefixes)] == []


def test_a_vague_date_is_an_interval_and_an_unknown_one_claims_nothing(various):
    by_id = {item["id"]: item["properties"] for item in items_of(files(various))}

    day, year, unknown = (by_id[f"bw_03-22-51_4-{number}"] for number in (1, 3, 4))
    assert (day["datetime"], day["cogmill:dated"]) == ("1951-03-22T00:00:00Z", "day")
    assert (year["datetime"], year["cogmill:dated"]) == (None, "period")
    assert (year["start_datetime"], year["end_datetime"]) == ("1951-01-01T00:00:00Z", "1951-12-31T23:59:59Z")
    assert (unknown["datetime"], unknown["cogmill:dated"]) == (None, "unknown")
    assert (unknown["start_datetime"], unknown["end_datetime"]) == ("1858-01-01T00:00:00Z", "2024-02-03T23:59:59Z")


def test_film_fields_are_there_where_the_name_tells_them(various):
    by_id = {item["id"]: item["properties"] for item in items_of(files(various))}

    told, untold = by_id["bw_03-22-51_4-1"], by_id["bw_03-22-51_4-4"]
    assert (told["film:id"], told["film:negative_sequence"], told["cogmill:frame"]) == ("4", 1, "1")
    assert not {"film:id", "film:negative_sequence", "cogmill:roll"} & untold.keys()
    assert untold["cogmill:frame"] == "12A"


def test_a_cog_says_where_its_pixels_lie_and_what_its_bytes_are(various):
    by_id = {item["id"]: item["assets"] for item in items_of(files(various))}

    cog = by_id["bw_03-22-51_4-1"]["cog"]
    west, south, east, north = cog["proj:bbox"]
    height, width = cog["proj:shape"]
    a, _, c, _, e, f = cog["proj:transform"]
    assert (west, north, east, south) == (c, f, c + a * width, f + e * height)
    assert cog["file:checksum"] == "1220" + various[0].cog_sha256
    assert cog["raster:spatial_resolution"] == pytest.approx(2 * 0.8663, abs=0.001)
    assert "file:checksum" not in by_id["bw_03-22-51_4-1"]["scan"]
    assert "scan" not in by_id["bw_03-22-51_4-5"]
    assert not {"proj:transform", "proj:bbox", "file:checksum", "file:size"} & by_id["bw_03-22-51_4-5"]["cog"].keys()
    assert "proj:shape" in by_id["bw_03-22-51_4-5"]["cog"]
    assert not {"proj:shape", "raster:spatial_resolution"} & by_id["bw_03-22-51_4-6"]["cog"].keys()


def test_a_missing_license_is_said_and_never_guessed(various):
    stated, unstated = (collection_of(files(various, site=site)) for site in (SITE, Site()))

    assert stated["license"] == "CC-BY-4.0"
    assert [link["href"] for link in stated["links"] if link["rel"] == "license"] == [SITE.license.url]
    assert {provider["name"] for provider in stated["providers"]} == {"USDA", "Map Room"}
    assert unstated["license"] == "other"
    assert "No license" in unstated["description"]
    assert [link for link in unstated["links"] if link["rel"] == "license"] == []
    assert [provider["name"] for provider in unstated["providers"]] == ["USDA"]


def test_one_changed_photograph_changes_only_its_own_item():
    frames = [photograph(number) for number in range(1, 6)]
    before = files(frames)
    after = files([*frames[:4], replace(frames[4], cog_key="bw/x/cog/y.0123456789ac.tif")])

    changed = {key for key in after if before[key].body != after[key].body}
    assert changed == {
        f"stac/{TRAVIS.id}/{name}" for name in ("items.parquet", "items.geojson", "items/bw/03-22-51_4-5.json")
    }


def test_equal_facts_give_equal_bytes_whatever_the_revision(various):
    again = files(various, revision=99)

    assert {key: document.body for key, document in files(various).items()} == {
        key: document.body for key, document in again.items()
    }


def test_many_photographs_are_in_the_table_only(various, validator, monkeypatch):
    monkeypatch.setattr(stac_documents, "JSON_ITEMS", len(various) - 1)

    written = files(various)

    assert sorted(written) == [f"stac/{TRAVIS.id}/collection.json", f"stac/{TRAVIS.id}/items.parquet"]
    made = collection_of(written)
    validate(validator, made)
    assert "item-collection" not in made["assets"]
    assert [link for link in made["links"] if link["rel"] == "item"] == []
