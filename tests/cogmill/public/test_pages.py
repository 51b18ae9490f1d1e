"""Pages say what is known and nothing else, and text of strangers stays text."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cogmill.config.page_words import PageWords
from cogmill.config.site import Contact, License, Site, load_site, use_site
from cogmill.domain.layout import TEXAS, use_layout
from cogmill.domain.model import Bands
from cogmill.public import layer_files, pages
from cogmill.public.services_list import catalog_entry, services_page
from lxml import etree

from tests.cogmill.public.conftest import DAY, SITE, TRAVIS, frame

CENTRAL_EUROPE = Path(__file__).parents[3] / "examples" / "central-europe" / "site.yaml"
NASTY = "\"'><script>alert(1)</script></script><!--&{{7*7}}"


class Reader(HTMLParser):
    """Tags, links and the JSON-LD of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.data = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag if tag != "script" else f"script {dict(attrs).get('type')}")
        self.links += [value for name, value in attrs if name in ("href", "src") and value]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script application/ld+json" and not self.data:
            self.data = data


def written(facts, frames):
    ours = (pages.collection_documents, layer_files.collection_documents)
    return {document.key: document.body.decode() for write in ours for document in write(facts, frames)}


def page(facts, frames):
    return written(facts, frames)[f"catalog/{TRAVIS.id}/index.html"]


def test_page_names_every_way_out_and_every_fact(facts):
    text = page(facts([frame()]), [frame()])
    about = json.loads(Reader(text).data)

    for way in (
        "/wms/?map=",
        "/tiles/",
        "wmts.xml",
        "tiles.json",
        ".qlr",
        "stac/",
        "editor-layer-index.geojson",
        "cogs.txt",
        "_idx.zip",
    ):
        assert way in text, way
    assert (about["@type"], about["license"]) == ("Dataset", SITE.license.url)
    assert about["temporalCoverage"] == "1951-03-22/1951-03-22"
    assert "CC-BY-4.0" in text
    assert "Map Room: Travis USDA 1951 Frames. https://photos.example.org" in text


def test_list_tells_days_as_the_pages_do_and_frames_of_two_bands_apart(facts):
    key = f"catalog/{TRAVIS.id}/photographs/index.html"
    both = [frame(), frame(bands=Bands.NC)]

    one = written(facts(both[:1]), both[:1])[key]
    two = written(facts(both, bands=(Bands.BW, Bands.NC)), both)[key]

    assert "<td>1951-03-22</td>" in one
    assert ">Bands<" not in one
    assert "<td>bw</td>" in two
    assert "<td>nc</td>" in two


def test_missing_license_is_said_and_not_guessed(facts):
    given = facts([frame()], site=Site())

    texts = written(given, [frame()])

    assert "No license is stated" in texts[f"catalog/{TRAVIS.id}/index.html"]
    assert "none is stated" in texts[f"catalog/{TRAVIS.id}/photographs/bw/{frame().stem}.html"]
    assert "license" not in json.loads(Reader(texts[f"catalog/{TRAVIS.id}/index.html"]).data)
    assert "license_url" not in texts[f"catalog/{TRAVIS.id}/editor-layer-index.geojson"]


def test_text_of_strangers_stays_text(facts):
    site = Site(
        title=NASTY, abstract=NASTY, organization=NASTY, attribution=NASTY, citation=NASTY.replace("{{7*7}}", ""), keywords=(NASTY,),
        contact=Contact(name=NASTY, email="a@example.org"), license=License(id="other", name=NASTY, url="https://example.org"),
    )  # fmt: skip
    stem = "a' b+ä%#&</script>"
    one = frame(stem=stem, date=NASTY, roll=NASTY, frame_num=NASTY)

    texts = written(facts([one], site=site, title=NASTY, abstract=NASTY), [one])

    for key, text in texts.items():
        if key.endswith(".html"):
            assert {tag for tag in Reader(text).tags if tag.startswith("script")} <= {"script application/ld+json"}, key
            assert "<script>alert" not in text
        elif key.endswith("json"):
            json.loads(text)
        elif key.endswith(".qlr"):
            etree.fromstring(text.encode())
    about = json.loads(Reader(texts[f"catalog/{TRAVIS.id}/index.html"]).data)
    assert about["name"] == NASTY


def test_addresses_on_pages_are_percent_encoded(facts):
    one = frame(stem="a b+ä%#?")
    links = [link for text in written(facts([one]), [one]).values() for link in Reader(text).links]

    assert any(link.endswith("/photographs/bw/a%20b%2B%C3%A4%25%23%3F.html") for link in links)
    assert not [link for link in links if re.search(r"[ ä]", link)]


def test_address_of_a_photograph_outlives_a_rebuild(facts):
    before, after = frame(), frame(cog_key="bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.ffffffffffff.tif")
    key = f"catalog/{TRAVIS.id}/photographs/bw/03-22-51_4-1.html"

    first, second = written(facts([before]), [before])[key], written(facts([after]), [after])[key]

    assert before.cog_key in first
    assert after.cog_key in second
    assert json.loads(Reader(second).data)["contentUrl"].endswith(after.cog_key)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (None, ""),
        ((DAY, DAY), "1951-03-22"),
        ((dt.date(1937, 1, 1), dt.date(1938, 12, 31)), "1937 to 1938"),
        ((dt.date(1937, 6, 1), dt.date(1937, 8, 31)), "1937-06-01 to 1937-08-31"),
    ],
)
def test_vague_dates_stay_vague(days, words):
    assert pages.taken(days, PageWords()) == words


def test_equal_facts_give_equal_bytes(facts):
    frames = [frame(number, f"03-22-51_4-{number}") for number in range(3)]

    assert written(facts(frames), frames) == written(facts(frames, revision=99), frames)


@pytest.mark.parametrize("built", [True, False])
def test_page_leads_to_the_viewer_where_there_is_one(facts, tmp_path, monkeypatch, built):
    monkeypatch.setattr(pages, "VIEWER", tmp_path)
    if built:
        (tmp_path / "index.html").touch()

    links = Reader(page(facts([frame()]), [frame()])).links

    views = [link for link in links if "/viewer/" in link]
    assert [re.sub(r"c=[-\d.,]+&z=[\d.]+", "c&z", view) for view in views] == (
        ["https://photos.example.org/bucket/viewer/index.html?c&z&year=1951"] if built else []
    )


def test_page_leads_to_scans_without_a_position_where_there_are_some(facts):
    without = written(facts([frame()]), [frame()])
    with_some = written(facts([frame()], lone_scans=1200), [frame()])
    address = f"https://photos.example.org/bucket/catalog/{TRAVIS.id}/scans.html"

    assert address in Reader(with_some[f"catalog/{TRAVIS.id}/index.html"]).links
    assert "1,200 that are not on the map yet" in with_some[f"catalog/{TRAVIS.id}/index.html"]
    assert "scans.html" not in without[f"catalog/{TRAVIS.id}/index.html"]
    assert {key for key in without if without[key] != with_some[key]} == {f"catalog/{TRAVIS.id}/index.html"}


def test_a_site_in_german_has_pages_in_german(facts):
    scanned = replace(facts([frame()]), frames=12_345, cog_bytes=12_345_678, gsd_m=0.5)
    site = scanned.site.model_copy(update={"language": "de-AT", "license": None})

    found = written(replace(scanned, site=site, title="A <b>"), [frame()])

    text = found[f"catalog/{TRAVIS.id}/index.html"]
    assert '<html lang="de-AT">' in text
    assert "<dt>Luftbilder</dt><dd>12.345</dd>" in text
    assert "12,3 MB" in text
    assert "etwa 0,43 m" in text  # half a meter of the map, on the ground of Texas
    assert "Für diese Luftbilder ist keine Lizenz angegeben" in text
    assert '<h2 id="cite">Zitierweise</h2>' in text
    (photograph,) = [body for key, body in found.items() if "/photographs/bw/" in key]
    assert "<dt>Rohscan</dt>" in photograph
    listed = found[f"catalog/{TRAVIS.id}/photographs/index.html"]
    assert "<title>Luftbilder von A &lt;b&gt; " in listed
    assert not [body for body in found.values() if "Where you are" in body]


def test_bands_and_products_are_called_as_the_folders_of_the_site(facts):
    both = [frame(), frame(2, bands=Bands.NC)]
    of_both = facts(both, bands=(Bands.BW, Bands.NC))
    use_site(CENTRAL_EUROPE)
    site = load_site(CENTRAL_EUROPE)
    try:
        found = written(replace(of_both, site=site), both)
        catalog = services_page([catalog_entry(of_both)], site)
    finally:
        use_layout(TEXAS)

    assert "Travis USDA 1951, Luftbilder" in catalog
    assert [kind in catalog for kind in ("Shapefile, sw", "Shapefile, farbe", "Shapefile, bw")] == [True, True, False]
    assert "Umrisse als Shapefile, farbe" in found[f"catalog/{TRAVIS.id}/index.html"]
    assert "<td>farbe</td>" in found[f"catalog/{TRAVIS.id}/photographs/index.html"]
