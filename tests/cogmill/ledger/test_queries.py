from __future__ import annotations

import psycopg
import pytest
from cogmill.ledger import Ledger
from cogmill.ledger.page_lists import (
    COLLECTION_SORTS,
    FRAME_SORTS,
    REJECTION_SORTS,
    FrameFilter,
    PageRequest,
    RejectionFilter,
)

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


def walk(read, size, sort=""):
    """All rows by `next`, and the pages on the way back by `previous`."""
    page = read(PageRequest(size, sort=sort))
    forth, pages = [*page.rows], [page.rows]
    while page.has_next:
        page = read(PageRequest(size, page.request.skip + size, sort))
        forth += page.rows
        pages.append(page.rows)
    back = [pages[-1]]
    while page.has_previous:
        page = read(PageRequest(size, page.request.skip - size, sort))
        back.insert(0, page.rows)
    return forth, pages, back


def test_every_collection_is_seen_once_when_pages_are_turned_forth_and_back(ledger):
    forth, pages, back = walk(ledger.pages.collections, 4)

    assert [card.id for card in forth] == [row["id"] for row in ledger.collections.all()]
    assert len(pages) == 3
    assert back == pages


def test_counts_agree_with_the_ledger_when_collections_are_listed(ledger):
    cards = ledger.pages.collections(PageRequest(100)).rows
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

    found = ledger.pages.collections(PageRequest(100), only=only).rows

    assert {card.id for card in found} == expected


def test_search_means_letters_and_not_patterns_when_it_holds_a_wildcard(ledger):
    found = {search: ledger.pages.collections(PageRequest(100), search=search) for search in ("county1_", "%")}

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
    read = lambda request: ledger.pages.frames(LARGE_ID, request, FrameFilter(state="published"))  # noqa: E731

    forth, pages, back = walk(read, 25)

    keys = ledger.sql("SELECT source_key FROM cogmill.frame WHERE collection_id = %s ORDER BY 1", LARGE_ID)
    assert [frame.source_key for frame in forth] == [key for (key,) in keys]
    assert back == pages


def test_refusals_without_a_collection_are_listed_too_when_all_are_asked_for(ledger):
    ledger.sql(
        "INSERT INTO cogmill.frame (source_key, etag, size, uploaded_at, state, reason, detail)"
        " VALUES ('bw/odd', 'e', 1, now(), 'rejected', 'bad_name', 'odd')"
    )
    seen, *_ = walk(lambda request: ledger.pages.rejections(RejectionFilter(), request), 7)

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
        "INSERT INTO cogmill.tile_index (oid, location, cog_key, src_srs, date, roll, frame_num, dl_georef, dl_index, geom,"
        " collection_id) SELECT id, cog_key, cog_key, '', '', '', '', '', '', footprint, collection_id FROM cogmill.frame WHERE collection_id = %s",
        LARGE_ID,
    )
    assert extent(ledger) == measured(ledger)


def test_asking_for_an_unknown_collection_says_so(ledger):
    with pytest.raises(KeyError, match="nowhere"):
        ledger.pages.collection("nowhere")


def value(card, by):
    """What a list of collections is sorted by."""
    counts = {"on_map": "published", "rejected": "rejected", "failed": "failed"}
    if by in counts:
        return card.states.get(counts[by], 0)
    return {"name": card.id, "waiting": card.waiting, "published": card.published_at}[by]


@pytest.mark.parametrize("by", COLLECTION_SORTS)
def test_collections_are_sorted_by_each_column_up_and_down(ledger, by):
    up, *_ = walk(ledger.pages.collections, 5, by)
    down, *_ = walk(ledger.pages.collections, 5, f"-{by}")

    values = [value(card, by) for card in up]
    assert values == sorted(values)
    assert [value(card, by) for card in down] == sorted(values, reverse=True)
    assert len({card.id for card in up}) == len(up) == 12


@pytest.mark.parametrize("by", FRAME_SORTS)
def test_frames_are_sorted_by_each_column_up_and_down(ledger, by):
    read = lambda request: ledger.pages.frames(LARGE_ID, request)  # noqa: E731
    up, *_ = walk(read, 25, by)
    down, *_ = walk(read, 25, f"-{by}")

    assert len({frame.id for frame in up}) == len({frame.id for frame in down}) == len(up) == 60
    if by != "state":  # all are published
        field = {"name": "source_key", "size": "size", "changed": "changed_at"}.get(by)
        if field:
            values = [getattr(frame, field) for frame in up]
            assert values == sorted(values)
            assert [getattr(frame, field) for frame in down] == sorted(values, reverse=True)


@pytest.mark.parametrize("sort", [f"{sign}{by}" for by in REJECTION_SORTS for sign in ("", "-")])
def test_rejected_uploads_are_sorted_by_each_column(ledger, sort):
    found = ledger.pages.rejections(RejectionFilter(), PageRequest(1000, sort=sort)).rows

    field = {"changed": "changed_at", "upload": "source_key", "reason": "reason"}[sort.removeprefix("-")]
    values = [getattr(frame, field) for frame in found]
    assert values == sorted(values, reverse=sort.startswith("-"))


def test_rejected_uploads_are_filtered_by_reason_county_collection_and_key(ledger):
    every = ledger.pages.rejections(RejectionFilter(), PageRequest(1000)).rows
    some = every[0]
    county = some.source_key.split("/")[1]
    part = some.source_key.rpartition("/")[2].lower()
    kept = {
        RejectionFilter(reason=some.reason): lambda one: one.reason == some.reason,
        RejectionFilter(county=county): lambda one: one.source_key.split("/")[1] == county,
        RejectionFilter(collection=some.collection_id): lambda one: one.collection_id == some.collection_id,
        RejectionFilter(part=part): lambda one: part in one.source_key.lower(),
        RejectionFilter(reason=some.reason, county=county): lambda one: (
            (one.reason, one.source_key.split("/")[1]) == (some.reason, county)
        ),
        RejectionFilter(part="%"): lambda _one: False,
    }
    for shown, fits in kept.items():
        expected = [one.id for one in every if fits(one)]
        assert [one.id for one in ledger.pages.rejections(shown, PageRequest(1000)).rows] == expected
        assert ledger.pages.rejection_counts(shown).all == len(expected)
        assert {one.id for one in ledger.pages.all_rejections(shown, 1000)} == set(expected)
    assert sum(ledger.pages.rejection_reasons().values()) == len(every)
    assert ledger.pages.rejection_counties() == sorted({one.source_key.split("/")[1] for one in every})


def test_what_building_again_cannot_help_is_not_counted_as_retriable(ledger):
    before = ledger.pages.rejection_counts(RejectionFilter())
    key = ledger.pages.rejections(RejectionFilter(), PageRequest(1)).rows[0].source_key
    ledger.sql("INSERT INTO cogmill.finding (kind, subject) VALUES ('rejected_gone', %s)", key)
    ledger.sql(
        "INSERT INTO cogmill.frame (source_key, etag, size, uploaded_at, state, reason, detail)"
        " VALUES ('bw/odd', 'e', 1, now(), 'rejected', 'bad_name', 'odd')"
    )

    after = ledger.pages.rejection_counts(RejectionFilter())

    assert (after.all - before.all, after.retriable - before.retriable) == (1, -1)


@pytest.mark.parametrize("only", ["rejected", "failed", "waiting", "not public"])
def test_the_map_shows_the_collections_of_the_list(ledger, only):
    listed = {card.id for card in ledger.pages.collections(PageRequest(100), only=only).rows}

    assert {one.id for one in ledger.pages.collections_in(WORLD, only=only, at_most=100)} == listed


def test_the_map_of_a_collection_shows_the_frames_of_the_list(ledger):
    shown = FrameFilter(search="-1.tif", state="published")
    listed = {frame.id for frame in ledger.pages.frames(LARGE_ID, PageRequest(100), shown).rows}

    assert {one.id for one in ledger.pages.frames_in(LARGE_ID, WORLD, shown, tolerance=1, at_most=100)} == listed
    assert listed


def test_a_collection_tells_of_its_scans_and_overviews(ledger):
    summary = ledger.pages.collection(LARGE_ID)
    (frame,) = ledger.pages.frames(LARGE_ID, PageRequest(1)).rows

    ((scans,),) = ledger.sql("SELECT count(*) FROM cogmill.scan WHERE collection_id = %s", LARGE_ID)
    assert (summary.scans, summary.missing_scans) == (scans, 60 - scans)
    assert (summary.overview_levels, summary.overview_cells) == (0, 0)
    assert frame.scan_key == frame.source_key.replace("/georef/", "/scanned/")
