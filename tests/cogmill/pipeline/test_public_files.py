"""Static files for the public follow what is on the map, cost what changed, and say the same in a rebuilt ledger."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache

import cogmill
import pytest
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.model import Collection, Product
from cogmill.domain.public_access import PUBLIC_PATTERNS, bucket_policy
from cogmill.domain.public_keys import CATALOG, CATALOG_PAGE, SERVICES, SITEMAP, VIEWER, VIEWER_PAGE, VIEWER_PLACES
from cogmill.mapserver.urls import download_url
from cogmill.pipeline import ingest, public_files, publish, withdraw
from cogmill.pipeline.public_files import follow_changes, update_public_files
from cogmill.public import pages, viewer_files

from tests.small_archive import TRAVIS
from tests.system import strangers

TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.INDEX)


@pytest.fixture
def two(sample):
    sample.published(TXDOT, 2).published(TRAVIS, 3)
    for collection in (TXDOT, TRAVIS):
        update_public_files(sample.archive, collection.id)
    return sample


def services(sample):
    return json.loads(sample.archive.store.read(SERVICES))["services"]


def test_lists_the_services_for_programs_and_for_people(two):
    page = two.archive.store.read(CATALOG_PAGE).decode()
    entries = services(two)

    assert [entry["id"] for entry in entries] == [TXDOT.id, TRAVIS.id]
    assert entries[1]["years"] == [1951, 1951]
    assert entries[1]["downloads"]["bw"].endswith("_idx.zip")
    assert -98.1 < entries[1]["extent_4326"][0] < -97
    assert "2 services with 5 photographs" in page
    assert entries[1]["wms"].replace("&", "&amp;") in page


def test_keeps_the_names_of_the_old_list(two):
    (entry,) = [entry for entry in services(two) if entry["id"] == TRAVIS.id]

    named = {name: entry[name] for name in ("label", "org", "county", "agency", "year", "mission", "type")}
    assert named == {
        "label": "Travis Usda 1951 Frames", "org": "USDA", "county": "Travis", "agency": "USDA", "year": "1951",
        "mission": "", "type": "frames",
    }  # fmt: skip


def test_writes_nothing_when_nothing_changed(two):
    again = update_public_files(two.archive, TRAVIS.id)

    assert (again.written, again.removed) == ([], [])
    assert again.unchanged >= 2


def photograph_pages(change):
    return [key for key in change.written if "/photographs/" in key and not key.endswith("/index.html")]


@pytest.fixture
def rendered(monkeypatch):
    """Pages of photographs that were rendered, by name."""
    names = []
    render = pages._photograph_page

    def counted(facts, constant, frame):
        names.append(frame.stem)
        return render(facts, constant, frame)

    monkeypatch.setattr(pages, "_photograph_page", counted)
    return names


def test_one_changed_photograph_renders_one_page(two, rendered):
    two.sql(
        "UPDATE cogmill.frame SET cog_sha256 = repeat('ab', 32) WHERE id = "
        "(SELECT min(oid) FROM cogmill.tile_index WHERE starts_with(collection_id, 'travis'))"
    )

    change = update_public_files(two.archive, TRAVIS.id)

    (name,), (written,) = rendered, photograph_pages(change)
    assert name in written
    assert "ab" * 32 in two.archive.store.read(written).decode()
    assert update_public_files(two.archive, TRAVIS.id).written == []
    assert rendered == [name]


def test_pages_follow_template_and_site(two, rendered, tmp_path, monkeypatch):
    """Each is rendered once more, and stored where its bytes are other ones."""
    site = tmp_path / "site.yaml"
    site.write_text("license: {id: CC0-1.0, url: 'https://creativecommons.org/publicdomain/zero/1.0/'}\n")
    licensed = two.archive.with_settings(site_file=site)
    change = update_public_files(licensed, TRAVIS.id)
    assert (len(rendered), len(photograph_pages(change))) == (3, 3)

    monkeypatch.setattr(cogmill, "__version__", "another")
    change = update_public_files(licensed, TRAVIS.id)
    assert (len(rendered), len(photograph_pages(change))) == (6, 0)
    update_public_files(licensed, TRAVIS.id)
    assert len(rendered) == 6

    templates = tmp_path / "templates"
    shutil.copytree(pages.TEMPLATES, templates)
    page = templates / "photograph.html.j2"
    page.write_text(page.read_text().replace('{{ _("Date") }}', "Taken"))
    monkeypatch.setattr(pages, "TEMPLATES", templates)
    monkeypatch.setattr(pages, "_environment", cache(pages._environment.__wrapped__))
    change = update_public_files(licensed, TRAVIS.id)
    assert (len(rendered), len(photograph_pages(change))) == (9, 3)


def test_what_is_to_be_stored_again_is_rendered_again(two, rendered):
    two.archive.ledger.public_documents.invalidate(TRAVIS.id)

    change = update_public_files(two.archive, TRAVIS.id)

    assert (len(rendered), len(photograph_pages(change))) == (3, 3)


def test_a_new_frame_changes_only_its_collection_and_the_lists(two):
    before = {key: two.etag(key) for key in two.listed(CATALOG)}
    two.upload(TRAVIS, 1, first=9)
    ingest.ingest_uploads(two.archive)
    two.build(TRAVIS)
    two.publish(TRAVIS)

    update_public_files(two.archive, TRAVIS.id)

    changed = {key for key in before if two.etag(key) != before[key]}
    assert not [key for key in changed if TXDOT.id in key]
    assert SERVICES in changed


def test_an_installation_without_the_viewer_leaves_it_alone(two, tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<!doctype html>")
    for folder, keys in ((tmp_path, {VIEWER_PAGE}), (tmp_path / "none", {VIEWER_PAGE})):
        monkeypatch.setattr(viewer_files, "VIEWER", folder)
        monkeypatch.setattr(public_files, "VIEWER", folder)
        update_public_files(two.archive, None)

        assert keys <= set(two.listed(VIEWER))


@pytest.mark.parametrize("viewer", [True, False])
def test_places_follow_the_site_file_whether_the_viewer_was_built_here_or_not(two, tmp_path, monkeypatch, viewer):
    build = tmp_path / "build"
    build.mkdir()
    if viewer:
        (build / "index.html").write_text("<!doctype html>")
    for module in (viewer_files, public_files):
        monkeypatch.setattr(module, "VIEWER", build)
    site, places = tmp_path / "site.yaml", tmp_path / "counties.geojson"
    archive = two.archive.with_settings(site_file=site)
    site.write_text("places: counties.geojson")
    places.write_text(
        '{"features": [{"geometry": {"type": "Point", "coordinates": [-97.7, 30.3]}, "properties": {"name": "Austin"}}]}'
    )

    assert VIEWER_PLACES in update_public_files(archive, TRAVIS.id).written
    assert VIEWER_PLACES not in update_public_files(archive, TRAVIS.id).written
    assert json.loads(gzip.decompress(two.archive.store.read(VIEWER_PLACES)))["features"][0]["properties"] == {
        "name": "Austin"
    }

    places.write_text("no places")
    with pytest.raises(ConfigurationError, match=r"counties\.geojson"):
        update_public_files(archive, TRAVIS.id)
    assert VIEWER_PLACES in two.listed(VIEWER), "what is public stays"
    site.write_text("title: none")
    assert VIEWER_PLACES in update_public_files(archive, TRAVIS.id).removed


def test_a_withdrawn_collection_leaves_nothing_behind(two):
    publish.withdraw_service(two.archive, TRAVIS.id)

    follow_changes(two.archive)

    assert [entry["id"] for entry in services(two)] == [TXDOT.id]
    assert not [key for key in two.listed(CATALOG) if TRAVIS.id in key]


def test_a_deleted_mapfile_takes_the_pages_with_it(two):
    two.delete(f"mapfiles/{TRAVIS.id}.map")
    withdraw.unpublish(two.archive, TRAVIS.id)

    follow_changes(two.archive)

    assert [entry["id"] for entry in services(two)] == [TXDOT.id]


def test_another_run_never_writes_what_it_read_before(two, archive):
    """Facts are read below the lock that orders the writers."""
    with archive.ledger.public_documents.exclusive(TRAVIS.id):
        held = two.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    assert held == [(1,)]
    assert two.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_a_stranger_opens_every_address_and_no_other_key(sample, s3_server):
    """From the lists to pages, documents and COGs, under the policy that demo, containers and Amazon have."""
    bucket = sample.archive.store.bucket
    public = f"{s3_server}/{bucket}"
    archive = sample.archive.with_settings(public_url=public)
    sample = replace(sample, archive=archive)
    sample.client.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, simulated=True))
    sample.published(TXDOT, 2).published(TRAVIS, 3)
    for collection in (TXDOT, TRAVIS):
        update_public_files(archive, collection.id)
    sample.put("georef/rejected.tif")
    sample.put("quarantine/catalog/x.html")

    start = [download_url(public, key) for key in (SERVICES, CATALOG_PAGE, SITEMAP)]
    found = strangers.crawl(start, (public,))
    meant = {key: any(fnmatchcase(key, pattern) for pattern in PUBLIC_PATTERNS) for key in sample.listed()}
    answers = {key: strangers.ask(download_url(public, key)) for key in meant}

    assert {url: status for url, status in found.items() if status != 200} == {}
    assert sum(url.endswith(".tif") for url in found) >= 5
    assert answers == {key: 200 if is_public else 403 for key, is_public in meant.items()}
    assert {key.partition("/")[0] for key, is_public in meant.items() if not is_public} >= {
        "georef",
        "mapfiles",
        "quarantine",
    }
