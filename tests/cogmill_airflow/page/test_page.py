"""The page's answers, from the real ledger over Airflow's connection. Who may see it is tested on a real API server in tests/system."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from cogmill.domain.errors import ADVICE, Reason
from cogmill.domain.layout import TEXAS, use_layout
from cogmill.domain.layout.formats import Format
from cogmill.domain.lifecycle import HELD_STATE, HOLD_WORDS, Hold, State
from fastapi import HTTPException, Request
from starlette.testclient import TestClient

from bench.ledger_seed import LARGE_ID, Size, seed
from tests.airflow_home import ROOT

HTML = {"accept": "text/html"}
HOSTILE = "bw/County0/USDA_1935/frames/georef/\"><script>alert('x')</script>&{{ 7 * 7 }}.tif"


@pytest.fixture
def page(ledger_connection: dict[str, object]) -> Iterator[TestClient]:
    from cogmill_airflow.page import access
    from cogmill_airflow.page.app import app

    app.dependency_overrides = {access.Reader.dependency: lambda: None, access.may_retry: lambda: True}
    yield TestClient(app, headers=HTML)
    app.dependency_overrides = {}


@pytest.fixture
def full_page(page: TestClient, database: dict[str, object]) -> TestClient:
    seed(Size(frames=400, collections=6, large=120, small=20), **database)
    return page


def reject(database: dict[str, object], key: str, collection_id: str | None = LARGE_ID) -> None:
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, detail)"
            " VALUES (%s, %s, 'bw', 'x', 'e', 1, now(), 'rejected', 'no_crs', %s)",
            [collection_id, key, f"in {key}"],
        )


@pytest.mark.parametrize(("hold", "state"), HELD_STATE.items())
def test_a_frame_that_is_held_back_says_why(
    full_page: TestClient, database: dict[str, object], hold: Hold, state: State
) -> None:
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "UPDATE cogmill.frame SET state = %s, hold = %s"
            " WHERE id = (SELECT min(id) FROM cogmill.frame WHERE collection_id = %s)",
            [state, hold, LARGE_ID],
        )

    text = full_page.get(f"/dags/collection__{LARGE_ID}?state={state}").text

    assert text.count("held back") == 1
    assert HOLD_WORDS[hold] in text


def test_a_frame_that_failed_says_when_it_is_tried_again(full_page: TestClient, database: dict[str, object]) -> None:
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "UPDATE cogmill.frame SET state = 'failed', detail = 'S3 keeps it', next_try_at = '2026-03-01 12:34:56Z'"
            " WHERE id = (SELECT min(id) FROM cogmill.frame WHERE collection_id = %s)",
            [LARGE_ID],
        )

    text = full_page.get(f"/dags/collection__{LARGE_ID}?state=failed").text

    assert "S3 keeps it" in text
    assert re.search(r"Tried again by itself, <time[^>]*>2026-03-01 12:34 UTC</time>", text)


def test_every_collection_can_be_reached_when_all_pages_are_followed(full_page: TestClient) -> None:
    text = full_page.get("/").text

    shown = re.findall(r'<td class="name"><a href="(/dags/[^"?]+)"', text)
    assert len(shown) == 6
    assert all(full_page.get(path).status_code == 200 for path in shown)


def pages_from(page: TestClient, path: str, pattern: str) -> list[list[str]]:
    """Return what matches on a page and on those behind it, as when *Next* is clicked; never more than ten."""
    found, query = [], ""
    for _ in range(10):
        text = page.get(path + query).text
        found.append(re.findall(pattern, text))
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if not following:
            break
        query = following.group(1).replace("&amp;", "&")
    return found


def test_pages_of_frames_follow_each_other_when_next_is_clicked(full_page: TestClient) -> None:
    pages = pages_from(full_page, f"/dags/collection__{LARGE_ID}", r'title="(bw/[^"]+)"')

    keys = [key for page in pages for key in page]
    assert (len(pages), len(keys), len(set(keys))) == (3, 120, 120)


def test_every_name_is_escaped_when_it_is_hostile(full_page: TestClient, database: dict[str, object]) -> None:
    reject(database, HOSTILE)

    for path in (
        "/rejected",
        f"/dags/collection__{LARGE_ID}?state=rejected",
        f"/dags/collection__{LARGE_ID}?q=<script>",
    ):
        text = full_page.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text
        assert "49.tif" not in text
        assert re.findall(r"<script(?! (?:defer )?src=)", text) == []
    typed = full_page.get('/?q="onerror="x').text
    assert "onerror" not in typed.replace("&#34;onerror=&#34;x", "").replace("%22onerror%3D%22x", "")


def test_advice_and_retry_stand_beside_a_rejection_when_it_has_a_collection(
    full_page: TestClient, database: dict[str, object]
) -> None:
    reject(database, "bw/odd one.tif", None)

    text = full_page.get("/rejected").text

    first, second = text.split("<tr>")[2:4]
    assert "bw/odd one.tif" in first
    assert ADVICE[Reason.NO_CRS] in first
    assert 'class="retry"' not in first
    assert 'class="retry"' in second


def test_no_button_is_shown_when_the_user_may_not_start_backfills(full_page: TestClient) -> None:
    from cogmill_airflow.page import access

    assert 'class="retry"' in full_page.get("/rejected").text
    full_page.app.dependency_overrides[access.may_retry] = lambda: False

    assert 'class="retry"' not in full_page.get("/rejected").text


def test_map_gets_bounded_lists_when_it_asks(full_page: TestClient) -> None:
    places = full_page.get("/extents").json()
    frames = full_page.get(f"/dags/collection__{LARGE_ID}/footprints").json()

    assert (len(places["collections"]), places["capped"]) == (6, False)
    assert (len(frames["frames"]), frames["capped"]) == (120, False)
    assert frames["frames"][0]["outline"]["type"] == "Polygon"
    assert full_page.get("/extents?west=nan").status_code == 422


def test_browser_is_told_to_load_nothing_foreign_when_it_asks_for_anything(full_page: TestClient) -> None:
    for path in ("/", "/static/page.css", "/static/nowhere.js", "/extents"):
        policy = full_page.get(path).headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "unsafe" not in policy


def test_only_its_own_files_are_served_when_a_path_climbs(full_page: TestClient) -> None:
    assert full_page.get("/static/page.css").status_code == 200
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/leaflet/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    ):
        assert full_page.get(path).status_code == 404


def test_wrong_questions_are_rejected_when_nothing_matches(full_page: TestClient) -> None:
    assert full_page.get("/?only=everything").status_code == 422
    assert full_page.get("/?q=%00").status_code == 422
    assert full_page.get("/dags/collection__nowhere").status_code == 404
    assert full_page.get("/dags/somebody_elses").status_code == 404
    assert full_page.get("/dags/watch%20uploads").status_code == 422


def test_settings_are_read_once_when_many_pages_are_asked_for(
    full_page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogmill.config import settings

    full_page.get("/")
    monkeypatch.setattr(settings, "Settings", lambda: pytest.fail(".env was read again"))

    assert [full_page.get(path).status_code for path in ("/", "/rejected", "/static/page.css")] == [200, 200, 200]


def test_page_cannot_change_the_ledger_when_it_reads(page: TestClient) -> None:
    from cogmill_airflow.page.app import read_only_ledger

    with read_only_ledger() as ledger, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        ledger._connection.execute("DELETE FROM cogmill.frame")


def test_says_what_is_missing_when_there_is_no_connection(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_COGMILL_POSTGIS")

    answer = page.get("/")

    assert answer.status_code == 503
    assert "There is no connection cogmill_postgis" in answer.text


def test_says_that_the_ledger_is_away_when_it_does_not_answer(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import free_port

    away = {"conn_type": "postgres", "host": "127.0.0.1", "port": free_port(), "password": "canary-password"}
    monkeypatch.setenv("AIRFLOW_CONN_COGMILL_POSTGIS", json.dumps(away))

    answer = page.get("/")

    assert answer.status_code == 503
    assert "The ledger cannot be reached" in answer.text
    assert "canary" not in answer.text
    assert page.get("/", headers={"accept": "application/json"}).json()["detail"] == "The ledger cannot be reached"


def test_airflow_shows_the_page_in_its_navigation_when_plugins_are_loaded() -> None:
    from airflow import plugins_manager

    views, _ = plugins_manager._get_ui_plugins()
    (view,) = [view for view in views if view["name"] == "Collections"]

    assert (view["href"], view["url_route"]) == ("cogmill/", "collections")
    for icon in (view["icon"], view["icon_dark_mode"]):
        assert (ROOT / "plugins/cogmill_airflow/page/static" / icon.rpartition("/")[2]).is_file()


def test_the_client_cannot_choose_which_dag_it_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    from cogmill_airflow.page import access

    asked: list[str | None] = []
    monkeypatch.setattr(access, "_may_read", lambda request, user: asked.append(request.path_params.get("dag_id")))

    def request(query: bytes) -> Request:
        return Request({"type": "http", "query_string": query, "path_params": {"dag_id": "one"}, "headers": []})

    access.may_read(request(b"q=x"), user=None)
    with pytest.raises(HTTPException, match="takes no dag_id"):
        access.may_read(request(b"dag_id=another"), user=None)

    assert asked == ["one"]


def found(page: TestClient, typed: str) -> str:
    """Return the page of uploads whose keys contain what a person types."""
    answer = page.get("/uploads", params={"q": typed})
    assert answer.status_code == 200
    return answer.text


def delete_upload(database: dict[str, object], kind: str, key: str) -> None:
    """Note what a comparison finds when an upload is no longer in the bucket."""
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "INSERT INTO cogmill.finding (kind, subject, first_seen) VALUES (%s, %s, '2026-11-28 11:38Z')", [kind, key]
        )


def test_a_good_upload_is_found_by_any_part_of_its_key(full_page: TestClient, database: dict[str, object]) -> None:
    with psycopg.connect(**database) as ledger:
        (key,) = ledger.execute("SELECT source_key FROM cogmill.frame WHERE state = 'published' LIMIT 1").fetchone()

    for part in (key, key.rpartition("/")[2].upper(), f" {key[3:]} "):
        text = found(full_page, part)
        assert key in text
        assert "Nothing: it is on the map." in text
        assert '">COG</a>' in text


def test_a_broken_upload_says_what_to_do_and_one_that_waits_says_when(
    full_page: TestClient, database: dict[str, object]
) -> None:
    reject(database, "bw/County0/USDA_1935/frames/georef/broken.tif")
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "UPDATE cogmill.frame SET state = 'failed', next_try_at = '2100-01-02 03:04Z', detail = %s"
            " WHERE id = (SELECT min(id) FROM cogmill.frame WHERE collection_id = %s)",
            ["/var/lib/cogmill/tmp/cogmill-x/tmp7/source.tif, band 1: IReadBlock failed", LARGE_ID],
        )

    broken, every = found(full_page, "broken.TIF"), found(full_page, "county0/usda_1935")

    assert ADVICE[Reason.NO_CRS] in broken
    assert 'class="retry"' in broken
    assert "is tried again by itself, not before 2100-01-02 03:04 UTC" in found(full_page, failed_key(database))
    assert "/var/lib" not in every
    assert "There are more than 100: type more of the key." in every


def test_a_whole_key_is_told_what_it_would_become(page: TestClient) -> None:
    assert (
        "would become a frame of <b>travis_<wbr>usda_<wbr>1951_<wbr>frames</b>: roll 4, number 173, taken on 1951-03-22."
        in found(page, "bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif")
    )
    rejected = found(page, "bw/Travis/USDA_1951/frames/<b>/03-22-51_4-173.tif")
    assert "would be rejected" in rejected
    assert "Move it to bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif." in rejected
    assert "<b>/03" not in rejected
    assert "As a new upload" not in found(page, "Travis")


def failed_key(database: dict[str, object]) -> str:
    with psycopg.connect(**database) as ledger:
        (key,) = ledger.execute("SELECT source_key FROM cogmill.frame WHERE state = 'failed'").fetchone()
    return key


def test_a_misplaced_upload_is_found_with_the_key_where_it_belongs(
    page: TestClient, database: dict[str, object]
) -> None:
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "INSERT INTO cogmill.frame (source_key, etag, size, uploaded_at, state, reason, detail)"
            " VALUES ('bw/Travis/USDA_1951/frames/georef/sub/03-22-51_4-16.tif', 'e', 1, now(), 'rejected', 'wrong_folder', '')"
        )

    assert "Move it to bw/Travis/USDA_1951/frames/georef/03-22-51_4-16.tif." in found(page, "4-16")


def test_a_deleted_upload_says_when_it_leaves_the_map_and_offers_no_retry(
    full_page: TestClient, database: dict[str, object]
) -> None:
    key = "bw/County0/USDA_1935/frames/georef/gone.tif"
    reject(database, key)
    delete_upload(database, "rejected_gone", key)
    with psycopg.connect(**database) as ledger:
        (shown,) = ledger.execute(
            "SELECT source_key FROM cogmill.frame WHERE state = 'published' AND collection_id = %s LIMIT 1", [LARGE_ID]
        ).fetchone()
    delete_upload(database, "source_missing", shown)

    rejected, published = found(full_page, "gone.tif"), found(full_page, shown)

    assert 'class="retry"' not in rejected
    assert "upload deleted" in rejected
    assert "It leaves the map with the first maintenance after 2026-11-2" in published
    listed = full_page.get(f"/dags/collection__{LARGE_ID}", params={"q": shown.rpartition("/")[2]}).text
    assert "upload deleted" in listed
    row = next(row for row in full_page.get("/rejected").text.split("<tr>") if "gone.tif" in row)
    assert 'class="retry"' not in row


def test_a_scan_is_found_and_says_whether_a_frame_links_to_it(page: TestClient, database: dict[str, object]) -> None:
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product)"
            " VALUES ('travis_usda_1951_frames', 'Travis_USDA_1951_frames', 'Travis', 'USDA', '1951', 'frames')"
        )
        ledger.execute(
            "INSERT INTO cogmill.scan (key, collection_id, bands, stem, etag, size, uploaded_at) VALUES"
            " ('bw/Travis/USDA_1951/frames/scanned/4-16.tif', 'travis_usda_1951_frames', 'bw', '4-16', 'e', 1, now())"
        )

    assert "It is linked as soon as a georeferenced frame of its name is uploaded." in found(page, "scanned/4-16")


def test_says_what_may_be_wrong_when_no_upload_is_found(page: TestClient) -> None:
    text = found(page, 'nowhere"><script>alert(1)</script>')

    assert "No upload has this in its key" in text
    assert 'href="/dags/watch_uploads"' in text
    assert "<script>alert" not in text
    assert "Every file that was ever seen" in found(page, "  ")


def test_names_the_formats_that_the_site_takes_when_no_upload_is_found(page: TestClient) -> None:
    assert "Is it a <code>.tif</code>? Other" in found(page, "nowhere")
    use_layout(TEXAS, formats=Format)
    try:
        assert "a <code>.tif</code> or <code>.jp2</code> or <code>.img</code>?" in found(page, "nowhere")
    finally:
        use_layout(TEXAS)


def test_findings_are_listed_faults_first_with_what_happens_next(page: TestClient, database: dict[str, object]) -> None:
    key = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif"
    delete_upload(database, "scan_missing", key)
    delete_upload(database, "upload_unknown", "bw/lost.tif")

    text, scans = page.get("/findings").text, page.get("/findings?kind=scan_missing").text

    assert text.index("uploads the ledger does not know") < text.index("published frames without a scan")
    assert "nothing: worth knowing, and no fault" in text
    assert "catalog/index.html" in text
    assert key in scans
    assert "bw/lost.tif" not in scans
    assert "There is nothing of this kind." in page.get("/findings?kind=cog_missing").text


def test_says_so_when_nothing_was_found(page: TestClient) -> None:
    assert "All layers agree, and nothing waits for anybody." in page.get("/findings").text


def test_each_dag_has_its_page_beside_it(full_page: TestClient) -> None:
    from airflow import plugins_manager

    (view,) = [view for view in plugins_manager._get_ui_plugins()[0] if view["destination"] == "dag"]
    shown = {
        dag: full_page.get(view["href"].removeprefix("cogmill").replace("{DAG_ID}", dag)).text
        for dag in (
            f"collection__{LARGE_ID}",
            "maintenance",
            "compile_indexes",
            "watch_uploads",
            "backfill",
            "rollback",
            "adopt",
        )
    }

    assert "County0_USDA_1935_frames" in shown[f"collection__{LARGE_ID}"]
    assert "nightly comparison" in shown["maintenance"]
    assert "nightly comparison" in shown["compile_indexes"]
    assert "Every file that was ever seen" in shown["watch_uploads"]
    assert "No run has reported yet." in shown["backfill"]
    assert "No run has reported yet." in shown["rollback"]
    assert "No run has reported yet." in shown["adopt"]
