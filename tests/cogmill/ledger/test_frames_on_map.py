"""Which frames a map opens: none that others hide, unless a day that somebody asks for shows them."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
import shapely

ONE, OTHER = dt.date(1951, 3, 22), dt.date(1951, 3, 23)
BOX = shapely.box(0, 0, 1000, 1000)


@pytest.fixture
def index(database):
    with psycopg.connect(**database, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product)"
            " VALUES ('travis_usda_1951_frames', 'Travis_USDA_1951_frames', 'Travis', 'USDA', '1951', 'frames')"
        )
        yield Index(owner)


class Index:
    """The tile index of one collection, whose frames are drawn in the order in which they were added."""

    def __init__(self, owner):
        self.owner = owner
        self.names = {}

    def add(self, name, outline, *, margin=5.0, acquired=ONE):
        """Add a frame with an outline; without a margin it may have holes."""
        key = f"bw/Travis/USDA_1951/frames/cog/{len(self.names):03d}.tif"
        (number,) = self.owner.execute(
            "INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, cog_key, footprint)"
            " VALUES ('travis_usda_1951_frames', %s, 'bw', %s, 'e', 1, now(), 'published', %s, ST_GeomFromWKB(%s, 3857)) RETURNING id",
            (f"georef/{key}", name, key, shapely.to_wkb(outline)),
        ).fetchone()
        self.names[number] = name
        self.owner.execute(
            "INSERT INTO cogmill.tile_index (oid, location, cog_key, src_srs, date, roll, frame_num, dl_georef, dl_index, geom,"
            " collection_id, acquired) VALUES (%s, %s, %s, 'EPSG:3857', '', '', '', '', '', ST_GeomFromWKB(%s, 3857), 'travis_usda_1951_frames', %s)",
            (number, f"/vsis3/cogmill/{key}", key, shapely.to_wkb(outline), acquired),
        )
        if margin:
            self.owner.execute("INSERT INTO cogmill.outlined_cog (key, margin_m) VALUES (%s, %s)", (key, margin))

    def shown(self, where="all_days", box=BOX):
        """Return the names of the frames that a map opens, in drawing order; MapServer adds the condition."""
        query = f"""
            SELECT oid FROM cogmill.frames_on_map('travis_usda_1951_frames', ST_GeomFromWKB(%s, 3857))
            WHERE {where} ORDER BY location
        """  # noqa: S608 - a condition of this file
        return [self.names[number] for (number,) in self.owner.execute(query, (shapely.to_wkb(box),))]


def test_a_frame_is_left_out_when_a_later_one_hides_it(index):
    index.add("below", shapely.box(-500, -500, 1500, 1500))
    index.add("above", shapely.box(-600, -600, 1600, 1600))

    assert index.shown() == ["above"]
    assert index.shown(box=shapely.box(-1000, -1000, 1000, 1000)) == ["above"]


def test_a_frame_is_left_out_when_several_hide_it_together(index):
    index.add("below", shapely.box(-500, -500, 1500, 1500))
    index.add("west", shapely.box(-600, -600, 600, 1600))
    index.add("east", shapely.box(400, -600, 1600, 1600))

    assert index.shown() == ["west", "east"]


def test_a_frame_is_shown_when_a_strip_of_it_is_seen_or_may_be(index):
    index.add("below", shapely.box(-500, -500, 1500, 1500))
    index.add("above", shapely.box(-600, -600, 990, 1600))  # ends within the picture
    assert index.shown() == ["below", "above"]

    index.add("east", shapely.box(980, -600, 1600, 1600))  # overlaps by less than the margins
    assert index.shown() == ["below", "above", "east"]

    assert index.shown(box=shapely.box(0, 0, 900, 900)) == ["above"]


def test_earlier_frames_hide_nothing(index):
    index.add("large", shapely.box(-600, -600, 1600, 1600))
    index.add("small", shapely.box(200, 200, 800, 800))

    assert index.shown() == ["large", "small"]


@pytest.mark.parametrize("holed", ["below", "above"])
def test_a_frame_that_may_have_holes_hides_nothing_and_is_never_hidden(index, holed):
    for name, side in (("below", 500), ("above", 600)):
        outline = shapely.box(-side, -side, 1000 + side, 1000 + side)
        index.add(name, outline, margin=None if name == holed else 5.0)

    assert index.shown() == ["below", "above"]


def test_a_frame_is_left_out_when_only_its_rectangle_reaches_into_the_map(index):
    index.add("corner", shapely.Polygon([(-2000, 900), (200, 3000), (-2000, 3000)]))
    index.add("here", shapely.box(-100, -100, 500, 500))

    assert index.shown() == ["here"]


def test_a_day_shows_what_another_day_hides(index):
    index.add("first", shapely.box(-500, -500, 1500, 1500))
    index.add("second", shapely.box(-500, -500, 1500, 1500))
    index.add("other day", shapely.box(-600, -600, 1600, 1600), acquired=OTHER)

    assert index.shown() == ["other day"]
    assert index.shown(f"acquired = '{ONE}'") == ["second"]
    assert index.shown(f"acquired = '{OTHER}'") == ["other day"]
    assert index.shown(f"acquired >= '{ONE}'") == ["second", "other day"]


def test_frames_without_a_day_hide_each_other(index):
    index.add("below", shapely.box(-500, -500, 1500, 1500), acquired=None)
    index.add("above", shapely.box(-600, -600, 1600, 1600), acquired=None)

    assert index.shown() == ["above"]


def test_all_frames_are_drawn_when_they_are_many(index):
    for number in range(41):
        index.add(f"{number}", BOX)

    assert len(index.shown()) == 41
    assert index.shown(box=shapely.box(2000, 2000, 3000, 3000)) == []


def test_reader_may_ask(index, database):
    index.add("one", BOX)

    index.owner.execute("SET ROLE cogmill_reader")

    assert index.shown() == ["one"]
