"""What one more frame costs must not depend on how many there are; counted in blocks read, which no busy machine can blur."""

from __future__ import annotations

import psycopg
import pytest
from cogmill.ledger import Ledger
from cogmill.ledger.connection import statement

from bench.ledger_seed import LARGE_ID, SMALL_ID, Size, seed

SIZE = Size(frames=6_000, collections=12, large=4_000, small=100)

EVERY_PUBLICATION = (
    "index_candidates",
    "delete_withdrawn_rows",
    "unlinked_scans",
    "service_facts",
    "mark_published",
    "due_frames",
)
"""Queries of each run that name a whole collection."""


@pytest.fixture(scope="module")
def seeded(postgres):
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE growth TEMPLATE migrated")
    seed(SIZE, **postgres.parameters("growth"))
    return postgres.parameters("growth")


def blocks(connection, query, collection):
    values = {"collection_id": collection, "revision": 3, "sha256": "x", "levels": [], "at_most": 100}
    explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement(query)
    plan = connection.execute(explain, values).fetchone()[0][0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize("query", EVERY_PUBLICATION)
def test_publishing_reads_as_little_of_a_large_collection_as_of_a_small_one(seeded, query):
    with psycopg.connect(**seeded) as connection:
        blocks(connection, query, LARGE_ID)  # loads what the server reads once
        large, small = (blocks(connection, query, collection) for collection in (LARGE_ID, SMALL_ID))
        connection.rollback()

    assert large <= 2 * small + 20


def test_facts_of_a_service_are_those_of_all_its_rows(seeded):
    ledger = Ledger.connect(**seeded)
    with psycopg.connect(**seeded, autocommit=True) as connection:
        connection.execute(
            "UPDATE cogmill.tile_index SET acquired = NULL WHERE oid IN"
            " (SELECT min(oid) FROM cogmill.tile_index WHERE collection_id <> %s GROUP BY collection_id)",
            [SMALL_ID],
        )
        rows = connection.execute(
            "SELECT collection_id, min(acquired), max(acquired), count(*) > count(acquired), min(ST_XMin(geom)), min(ST_YMin(geom)),"
            " max(ST_XMax(geom)), max(ST_YMax(geom)) FROM cogmill.tile_index GROUP BY 1"
        ).fetchall()

    assert len(rows) == SIZE.collections
    for collection_id, *expected in rows:
        facts = ledger.collections.service_facts(collection_id)
        assert [
            facts.first_day,
            facts.last_day,
            facts.undated,
            facts.xmin,
            facts.ymin,
            facts.xmax,
            facts.ymax,
        ] == expected
        assert facts.undated == (collection_id != SMALL_ID)
        assert facts.inside
    ledger.close()
