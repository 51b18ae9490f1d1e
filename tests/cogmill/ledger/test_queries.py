from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from cogmill.ledger import Ledger
from cogmill.ledger.page_queries import FIRST_REJECTION, PageCursor

from bench.ledger_seed import LARGE_ID, Size, seed

WORLD = (-2e7, -2e7, 2e7, 2e7)


@pytest.fixture
def ledger(database):
    seed(Size(frames=600, collections=12, large=60, small=20), **database)
    with psycopg.connect(**database, autocommit=True) as owner:
        ledger = Ledger(owner)
        ledger.sql = lambda statement, *values: owner.execute(statement, values)
        yield ledger


def extent(ledger, collection_id=LARGE_ID):
    return ledger.pages.collection(collection_id).extent


def measured(ledger, collection_id=LARGE_ID):
    (row,) = ledger.sql(
        "SELECT min(ST_XMin(geom)), min(ST_YMin(geom)), max(ST_XMax(geom)), max(ST_YMax(geom))"
        " FROM cogmill.tile_index WHERE collection_id = %s",
        collection_id,
    )
    return None if row[0] is None else pytest.approx(row)


def walk(read, key):
    """All rows by `next`, and the pages on the way back by `previous`."""
    turn, forth, pages = PageCursor(), [], []
    while True:
        page = read(turn)
        forth += page.rows
        pages.append(page.rows)
        if not page.has_next:
            break
        turn = PageCursor(after=key(page.rows[-1]))
    back = [pages[-1]]
    while page.has_previous:
        page = read(PageCursor(before=key(page.rows[0])))
        back.insert(0, page.rows)
    return forth, pages, back


def test_every_collection_is_seen_once_when_pages_are_turned_forth_and_back(ledger):
    read = lambda turn: ledger.pages.collections(turn, search="", only="", size=4)  # noqa: E731

    forth, pages, back = walk(read, lambda card: card.id)

    assert [card.id for card in forth] == [row["id"] for row in ledger.collections.all()]
    assert len(pages) == 3
    assert back == pages


def test_counts_agree_with_the_ledger_when_collections_are_listed(ledger):
    cards = ledger.pages.collections(PageCursor(), search="", only="", size=100).rows
    total: dict[str, int] = {}
    for card in cards:
        for state, frames in card.states.items():
            total[state] = total.get(state, 0) + frames

    assert (
        total
        == ledger.queries.states()
        == dict(ledger.sql("SELECT state, count(*) FROM cogmill.frame GROUP BY state").fetchall())
    )
    assert not any(card.has_picture for card in cards)


@pytest.mark.parametrize(
    ("only", "states"),
    [("rejected", ["rejected"]), ("failed", ["failed"]), ("waiting", ["arrived", "building", "built"])],
)
def test_only_collections_with_such_frames_are_listed_when_asked_for(ledger, only, states):
    rows = ledger.sql("SELECT collection_id FROM cogmill.frame WHERE state = ANY(%s)", states)
    expected = {collection_id for (collection_id,) in rows}

    found = ledger.pages.collections(PageCursor(), search="", only=only, size=100).rows

    assert {card.id for card in found} == expected


def test_search_means_letters_and_not_patterns_when_it_holds_a_wildcard(ledger):
    found = {
        search: ledger.pages.collections(PageCursor(), search=search, only="", size=100) for search in ("county1_", "%")
    }

    assert {card.id.partition("_")[0] for card in found["county1_"].rows} == {"county1"}
    assert found["%"].rows == []


def test_search_of_uploads_means_letters_and_not_patterns(ledger):
    (some,), _ = ledger.pages.uploads("/georef/", at_most=1)
    key = some.source_key.lower()

    found = {search: ledger.pages.uploads(search, at_most=5) for search in (key, key[:-1] + "_", key[:-1] + "%", "\\")}

    assert [frame.source_key for frame in found.pop(key)[0]] == [some.source_key]
    assert set(map(str, found.values())) == {"([], [])"}


def test_search_of_uploads_reads_an_index_whatever_is_asked_for(ledger):
    """Both a part that few keys have and one that all have: a look at every key takes seconds when there are a million."""
    for pattern in ("%no such upload%", "%/georef/%"):
        with ledger._connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(
                "EXPLAIN SELECT id FROM cogmill.frame WHERE lower(source_key) LIKE %s ORDER BY uploaded_at DESC, id LIMIT 50",
                [pattern],
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        assert "frame_by_key_part" in plan or "frame_latest" in plan
        assert "Seq Scan" not in plan


def test_every_frame_is_seen_once_when_pages_of_one_state_are_turned(ledger):
    read = lambda turn: ledger.pages.frames(LARGE_ID, turn, search="", state="published", size=25)  # noqa: E731

    forth, pages, back = walk(read, lambda frame: frame.source_key)

    keys = ledger.sql("SELECT source_key FROM cogmill.frame WHERE collection_id = %s ORDER BY 1", LARGE_ID)
    assert [frame.source_key for frame in forth] == [key for (key,) in keys]
    assert back == pages


def test_refusals_without_a_collection_are_listed_too_when_all_are_asked_for(ledger):
    ledger.sql(
        "INSERT INTO cogmill.frame (source_key, etag, size, uploaded_at, state, reason, detail)"
        " VALUES ('bw/odd', 'e', 1, now(), 'rejected', 'bad_name', 'odd')"
    )
    seen, before = [], FIRST_REJECTION
    while True:
        page = ledger.pages.rejected(before, size=7)
        seen += page.rows
        if not page.has_next:
            break
        before = (seen[-1].changed_at, seen[-1].id)

    assert len({frame.id for frame in seen}) == len(seen) == ledger.queries.states()["rejected"]
    assert (seen[0].source_key, seen[0].collection_id) == ("bw/odd", None)
    assert [frame.changed_at for frame in seen] == sorted((frame.changed_at for frame in seen), reverse=True)


def test_outlines_are_bounded_and_meet_the_window_when_a_map_asks(ledger):
    west, south, east, north = extent(ledger)

    assert len(ledger.pages.frames_in(LARGE_ID, WORLD, tolerance=1, at_most=1000)) == 60
    assert len(ledger.pages.frames_in(LARGE_ID, WORLD, tolerance=1, at_most=10)) == 10
    assert ledger.pages.frames_in(LARGE_ID, (east + 1, south, east + 2, north), tolerance=1, at_most=10) == []
    assert len(ledger.pages.collections_in(WORLD, search="", at_most=1000)) == 12
    assert LARGE_ID in {
        one.id for one in ledger.pages.collections_in((west, south, east, north), search="county0", at_most=9)
    }


def test_extent_follows_the_index_when_rows_come_change_and_go(ledger):
    assert extent(ledger) == measured(ledger)

    move = "UPDATE cogmill.tile_index SET geom = ST_Translate(geom, %s, 0) WHERE oid = %s"
    ((oid,),) = ledger.sql("SELECT max(oid) FROM cogmill.tile_index WHERE collection_id = %s", LARGE_ID)

    ledger.sql(move, -90_000, oid)
    grown = extent(ledger)
    assert grown == measured(ledger)

    ledger.sql(move, 90_000, oid)
    assert extent(ledger) == measured(ledger)
    assert extent(ledger)[0] > grown[0]

    ledger.sql("DELETE FROM cogmill.tile_index WHERE collection_id = %s AND oid %% 3 > 0", LARGE_ID)
    assert extent(ledger) == measured(ledger)

    ledger.sql("DELETE FROM cogmill.tile_index WHERE collection_id = %s", LARGE_ID)
    assert extent(ledger) is None

    ledger.sql(
        "INSERT INTO cogmill.tile_index (oid, location, src_srs, date, roll, frame_num, dl_georef, dl_index, geom, collection_id)"
        " SELECT id, cog_key, '', '', '', '', '', '', footprint, collection_id FROM cogmill.frame WHERE collection_id = %s",
        LARGE_ID,
    )
    assert extent(ledger) == measured(ledger)


def test_asking_for_an_unknown_collection_says_so(ledger):
    with pytest.raises(KeyError, match="nowhere"):
        ledger.pages.collection("nowhere")


def test_refusals_begin_with_the_latest_when_no_line_is_named(ledger):
    assert FIRST_REJECTION[0] > dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    assert ledger.pages.rejected(FIRST_REJECTION, size=1).rows
