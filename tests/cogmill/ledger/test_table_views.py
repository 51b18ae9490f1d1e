"""A view for each collection stands where the predecessor had a table: for QGIS and for queries of people."""

from __future__ import annotations

import psycopg
import pytest
from cogmill.domain.model import Collection, Product

from tests.small_archive import TRAVIS

COLUMNS = ["oid", "location", "src_srs", "date", "roll", "frame_num", "dl_orig", "dl_georef", "dl_index", "geom"]
HAYS = Collection("Hays", "USDA", "1951", Product.FRAMES)


def write(sample) -> int:
    ((written,),) = sample.sql("SELECT cogmill.write_table_views('tables')")
    return written


@pytest.fixture
def tables(sample):
    """Two published collections, and a schema for their views."""
    sample.published(TRAVIS)
    sample.published(HAYS, frames=2)
    sample.sql("CREATE SCHEMA tables")
    return sample


def test_each_collection_is_a_view_with_the_columns_of_the_old_tables(tables):
    assert write(tables) == 2

    with psycopg.connect(**tables.libpq) as connection:
        rows = connection.execute("SELECT * FROM tables.travis_usda_1951_frames ORDER BY location")
        assert [column.name for column in rows.description] == COLUMNS
        assert [row[3:6] for row in rows] == [("03-22-51", "4", str(number)) for number in (1, 2, 3)]
        typed = "SELECT type, srid FROM geometry_columns WHERE f_table_name = 'hays_usda_1951_frames'"
        assert connection.execute(typed).fetchall() == [("POLYGON", 3857)]


def test_views_come_and_go_with_their_collections(tables):
    write(tables)
    tables.sql("DELETE FROM cogmill.tile_index WHERE collection_id = %s", HAYS.id)

    assert write(tables) == 1

    views = "SELECT viewname FROM pg_views WHERE schemaname = 'tables'"
    assert tables.sql(views) == [(TRAVIS.id,)]


def test_a_table_of_that_name_stays(tables):
    tables.sql("CREATE TABLE tables.hays_usda_1951_frames AS SELECT 'theirs' AS words")

    assert write(tables) == 1
    assert write(tables) == 1
    assert tables.sql("SELECT words FROM tables.hays_usda_1951_frames") == [("theirs",)]
