"""What the ledger tells map hosts of tiles: by the functions that MapServer's role may call, and nothing else."""

from __future__ import annotations

import psycopg
import pytest
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Collection, Product
from cogmill.public.tile_grid import finest_zoom, first_zoom

from tests.small_archive import SmallArchive, west_of

WORLD = "ST_MakeEnvelope(-20037508, -20037508, 20037508, 20037508, 3857)"
NEWER = Collection("Travis", "USDA", "1962", Product.FRAMES)
SHEETS = Collection("Travis", "USDA", "1951", Product.INDEX)

CROWD = """
WITH places AS (
    SELECT n, 'crowd' || n || '_usda_1951_frames' AS id, -11000000 + 50000 * mod(n, 16) AS west, 3000000 + 50000 * (n / 16) AS south
    FROM generate_series(0, 59) AS n
), collections AS (
    INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product, mapfile_sha256)
    SELECT id, id, 'Crowd' || n, 'USDA', '1951', 'frames', 'x' FROM places
), frames AS (
    INSERT INTO cogmill.frame (collection_id, source_key, etag, size, uploaded_at, state, gsd_m)
    SELECT id, id, 'x', 1, now(), 'arrived', 0.6 FROM places RETURNING id, collection_id
)
INSERT INTO cogmill.tile_index (oid, location, cog_key, src_srs, date, roll, frame_num, dl_georef, dl_index, geom, collection_id)
SELECT f.id, '/vsis3/b/' || f.id, f.id, 'EPSG:3857', '1951', '1', '1', '', '', ST_MakeEnvelope(west, south, west + 50000, south + 50000, 3857), p.id
FROM places AS p JOIN frames AS f ON f.collection_id = p.id
"""


def year_of(sample: SmallArchive, year: int) -> tuple:
    """Return version, bounds and zooms of a year, nothing when it has no photographs."""
    columns = "version, west, south, east, north, min_zoom, max_zoom"
    return next(iter(sample.sql(f"SELECT {columns} FROM cogmill.tiles_of_year({year})")), ())  # noqa: S608


def shown(sample: SmallArchive, year: int, zoom: int = 25) -> list[str]:
    """Return the locations that a map of the whole world opens, in drawing order."""
    query = f"SELECT location FROM cogmill.archive_on_map(%s, {WORLD}, %s) ORDER BY place"  # noqa: S608
    return [location for (location,) in sample.sql(query, year, zoom)]


def test_zooms_are_those_that_documents_state(sample: SmallArchive) -> None:
    sizes = [0.05, 0.3, 0.597, 0.6, 1.0, 1.19432856685505, 1.2, 2.0, 30.0, 156543.03392804097, 1e6]

    said = [
        row[0]
        for row in sample.sql(
            "SELECT cogmill.zoom_of(g) FROM unnest(%s::float8[]) WITH ORDINALITY AS s (g, n) ORDER BY n", sizes
        )
    ]

    assert said == [finest_zoom(size) for size in sizes]
    assert sample.sql("SELECT cogmill.zoom_of(NULL)") == [(finest_zoom(None),)]


def test_crowded_year_begins_where_documents_say(sample: SmallArchive) -> None:
    sample.sql(CROWD)
    extents = [
        Bounds3857(*row) for row in sample.sql("SELECT ST_XMin(extent), ST_YMin(extent), ST_XMax(extent), ST_YMax(extent) FROM cogmill.collection")
    ]  # fmt: skip

    found = year_of(sample, 1951)

    assert found[5] == first_zoom(extents) > 0
    assert found[6] == 18


def test_service_has_tiles_while_it_is_public(sample: SmallArchive) -> None:
    ask = "SELECT west, east, max_zoom FROM cogmill.tiles_of_collection('travis_usda_1951_frames')"
    assert sample.sql(ask) == []
    sample.published(frames=2)

    assert sample.sql(ask) == [(west_of(1), west_of(2) + 1000, 18)]

    sample.archive.ledger.collections.mark_withdrawn("travis_usda_1951_frames")
    assert sample.sql(ask) == []
    assert year_of(sample, 1951) == ()


def test_version_changes_with_the_index_and_with_the_overviews(sample: SmallArchive) -> None:
    sample.published(frames=1)
    ask = "SELECT version FROM cogmill.tiles_of_collection('travis_usda_1951_frames')"
    versions, years = sample.sql(ask), [year_of(sample, 1951)[0]]

    sample.published(frames=2)
    versions, years = versions + sample.sql(ask), [*years, year_of(sample, 1951)[0]]
    cell = {
        "level": 12, "x": 1, "y": 1, "acquired": None, "all_days": True, "key": "overviews/a.tif", "size": 1, "sha256": "x",
        "west": -10_900_000, "south": 3_500_000, "east": -10_890_000, "north": 3_510_000,
    }  # fmt: skip
    sample.archive.ledger.overview_cells.change(
        "travis_usda_1951_frames",
        root="/vsis3/b/",
        shown=[],
        gone=[],
        added=[cell],
        taken_back=[],
        levels=[12],
        revision=2,
    )
    versions, years = versions + sample.sql(ask), [*years, year_of(sample, 1951)[0]]

    assert len(set(versions)) == len(set(years)) == 3


def test_photographs_are_of_their_own_year_or_of_that_in_the_name(sample: SmallArchive) -> None:
    sample.published(frames=2)
    sample.published(NEWER, frames=1)  # its file names say 1951
    sample.published(SHEETS, frames=1)

    assert len(shown(sample, 1951)) == 3
    assert shown(sample, 1962) == []
    assert year_of(sample, 1962) == ()

    sample.sql("UPDATE cogmill.tile_index SET acquired = NULL WHERE collection_id = %s", NEWER.id)
    assert len(shown(sample, 1951)) == 2
    assert len(shown(sample, 1962)) == 1


def test_collection_of_several_years_shows_those_of_one(sample: SmallArchive) -> None:
    sample.published(frames=3)
    sample.sql(
        "UPDATE cogmill.tile_index SET acquired = '1952-01-01' WHERE oid = (SELECT max(oid) FROM cogmill.tile_index)"
    )

    assert [len(shown(sample, year)) for year in (1950, 1951, 1952)] == [0, 2, 1]


def test_cells_serve_where_they_are_fine_enough(sample: SmallArchive) -> None:
    sample.published(frames=3)
    sample.sql(
        "INSERT INTO cogmill.overview (collection_id, level, x, y, acquired, all_days, key, location, src_srs, size, sha256, geom)"
        " SELECT 'travis_usda_1951_frames', level, 0, 0, '1951-03-22', true, 'k' || level, '/vsis3/b/k' || level, 'EPSG:3857', 1, 'x',"
        " ST_MakeEnvelope(-10900000, 3500000, -10890000, 3510000, 3857) FROM (VALUES (15), (12)) AS l (level)"
    )
    sample.sql("UPDATE cogmill.collection SET overview_levels = '{15,12}'")

    assert [len(shown(sample, 1951, zoom)) for zoom in (25, 16)] == [3, 3]
    assert [shown(sample, 1951, zoom) for zoom in (15, 13, 12, 3)] == [["/vsis3/b/k15"]] * 2 + [["/vsis3/b/k12"]] * 2


def test_map_hosts_may_ask_and_may_not_read_the_ledger(sample: SmallArchive, database: dict[str, object]) -> None:
    sample.published(frames=1)
    with psycopg.connect(**database | {"user": "cogmill_reader"}, autocommit=True) as reader:
        assert (
            len(reader.execute("SELECT * FROM cogmill.tiles_of_collection('travis_usda_1951_frames')").fetchall()) == 1
        )
        assert len(reader.execute("SELECT * FROM cogmill.tiles_of_year(1951)").fetchall()) == 1
        assert len(reader.execute(f"SELECT * FROM cogmill.archive_on_map(1951, {WORLD}, 25)").fetchall()) == 1  # noqa: S608
        for statement in ("SELECT * FROM cogmill.collections_of_year(1951)", "SELECT id FROM cogmill.collection"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)
