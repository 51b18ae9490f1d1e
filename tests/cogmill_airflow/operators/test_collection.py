"""The operators of a collection's DAG against a real ledger and a real S3 server."""

from __future__ import annotations

import datetime as dt
import socket
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from cogmill.pipeline.ingest import ingest_uploads
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.operators import collection, reports

COLLECTION = "travis_usda_1951_frames"
GEOREF = "bw/Travis/USDA_1951/frames/georef/"


class TaskInstance:
    """What Airflow hands to a task, as far as it is used here. It names the states of mapped tasks `<task>_<index>`."""

    dag_id = f"collection__{COLLECTION}"
    run_id = "uploads__1"
    map_index = 0

    def __init__(self, **states: str) -> None:
        self.states = states

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert dag_id == self.dag_id
        return dict.fromkeys(run_ids, self.states)


def context(**states: str) -> Any:
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    return {"ti": TaskInstance(**states), "dag_run": SimpleNamespace(start_date=start)}


def run(operator: type[collection.CollectionOperator], given: Any, **kwargs: Any) -> Any:
    return operator(task_id="task", collection_id=COLLECTION, **kwargs).execute(given)


@pytest.fixture
def batches(connected: Any) -> list[dict[str, Any]]:
    """The plan for two uploads that are no rasters."""
    connected.upload(f"{GEOREF}03-22-51_4-173.tif", b"a text")
    connected.upload(f"{GEOREF}03-22-51_4-174.tif", b"another text")
    with archive_from_connections() as archive:
        ingest_uploads(archive)
    return run(collection.PlanFramesOperator, context())


def test_rejected_frames_are_listed_by_their_run_when_built(batches: list[dict[str, Any]]) -> None:
    (batch,) = batches

    result = run(collection.BuildCogsOperator, context(), batch=batch)
    entries = run(reports.ListRejectedFramesOperator, context())

    assert (result["built"], result["rejected"], result["failed"]) == (0, 2, 0)
    assert [entry["label"] for entry in entries] == [
        "03-22-51_4-173.tif: not_a_geotiff",
        "03-22-51_4-174.tif: not_a_geotiff",
    ]


def test_a_batch_is_labeled_with_its_first_and_its_last_frame(batches: list[dict[str, Any]]) -> None:
    assert [batch["label"] for batch in batches] == ["2 frames: 03-22-51_4-173 … 03-22-51_4-174"]


def test_each_event_is_logged_once_when_a_task_ends(
    batches: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    # a task's log holds the lines of the program's loggers and those of the operator's own
    caplog.set_level("INFO", logger="cogmill")

    run(collection.BuildCogsOperator, context(), batch=batches[0])
    run(collection.UpdateTileIndexOperator, context())
    run(collection.ExportIndexOperator, context())
    run(collection.PublishMapfileOperator, context())

    lines = [*(record.getMessage() for record in caplog.records), *capsys.readouterr().out.splitlines()]
    for name in ("03-22-51_4-173.tif", "03-22-51_4-174.tif"):
        assert len([line for line in lines if name in line]) == 1
    for event in ("batch_done", "tile_index_updated", "index_exported", "mapfile_published"):
        assert len([line for line in lines if event in line]) <= 1
    assert [line for line in lines if "batch_done" in line and "rejected=2 failed=0" in line]
    assert [line for line in lines if "batch_progress 2 of 2 frames" in line]


def test_plan_says_so_when_nothing_is_to_be_built(batches: list[dict[str, Any]]) -> None:
    run(collection.BuildCogsOperator, context(), batch=batches[0])

    (empty,) = run(collection.PlanFramesOperator, context())

    assert empty == {"label": "nothing to build", "frame_ids": []}
    assert run(collection.BuildCogsOperator, context(), batch=empty)["built"] == 0


def test_run_without_a_good_frame_publishes_nothing_when_finished(batches: list[dict[str, Any]]) -> None:
    run(collection.BuildCogsOperator, context(), batch=batches[0])

    assert run(collection.UpdateTileIndexOperator, context()) == {"written": 0, "removed": 0}
    assert run(collection.ExportIndexOperator, context()) == []
    published = run(collection.PublishMapfileOperator, context())
    assert published == {"changed": False, "frames": 0}
    assert run(reports.ReportOperator, context(), published=published)["rejected"] == 2


def test_report_is_red_and_names_the_frame_when_we_failed(batches: list[dict[str, Any]]) -> None:
    with archive_from_connections() as archive:
        first, *_ = archive.ledger.frames.claim(batches[0]["frame_ids"], "owner", 60)
        archive.ledger.frames.mark_failed(first, "owner", "VerificationError: empty picture")

    with pytest.raises(AirflowFailException, match=r"03-22-51_4-173\.tif: VerificationError: empty picture"):
        run(reports.ReportOperator, context())


def fail(frame_id: int) -> None:
    with archive_from_connections() as archive:
        (job,) = archive.ledger.frames.claim([frame_id], "owner", 60)
        archive.ledger.frames.mark_failed(job, "owner", "ObjectRefusedError: S3 keeps it")


def test_report_is_red_but_no_news_when_frames_fail_again_that_had_failed_before(batches: list[dict[str, Any]]) -> None:
    first, second = batches[0]["frame_ids"]
    fail(first)
    with archive_from_connections() as archive:
        archive.ledger._connection.execute(
            "UPDATE cogmill.frame SET failing_since = '2020-01-01', next_try_at = now() WHERE state = 'failed'"
        )
    fail(first)

    with pytest.raises(reports.StillFailingError, match=r"2 times, next try 20\d\d-"):
        run(reports.ReportOperator, context(build_cogs_0="failed"))
    with pytest.raises(AirflowFailException) as other:
        run(reports.ReportOperator, context(build_cogs_0="failed", publish_mapfile="failed"))
    assert not isinstance(other.value, reports.StillFailingError)

    fail(second)
    with pytest.raises(AirflowFailException) as news:
        run(reports.ReportOperator, context(build_cogs_0="failed"))
    assert not isinstance(news.value, reports.StillFailingError)


def test_a_batch_that_failed_for_another_reason_is_news(batches: list[dict[str, Any]]) -> None:
    fail(batches[0]["frame_ids"][0])
    with archive_from_connections() as archive:
        archive.ledger._connection.execute(
            "UPDATE cogmill.frame SET failing_since = '2020-01-01', changed_at = '2020-01-01' WHERE state = 'failed'"
        )

    with pytest.raises(AirflowFailException) as news:
        run(reports.ReportOperator, context(build_cogs_0="failed"))

    assert not isinstance(news.value, reports.StillFailingError)


def test_a_batch_with_failed_frames_is_red_and_not_retried(
    batches: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogmill.aws.s3 import S3Store
    from cogmill.domain.errors import ObjectRefusedError

    def refuse(*_: object) -> str:
        raise ObjectRefusedError("S3 keeps it")

    monkeypatch.setattr(S3Store, "download", refuse)

    # Airflow does not retry an AirflowFailException, whatever the task's retries and retry policy say
    with pytest.raises(AirflowFailException, match="S3 keeps it"):
        run(collection.BuildCogsOperator, context(), batch=batches[0])


def test_report_is_red_and_names_the_task_when_one_failed(batches: list[dict[str, Any]]) -> None:
    with pytest.raises(AirflowFailException, match="task publish_mapfile failed"):
        run(reports.ReportOperator, context(plan_frames="success", publish_mapfile="failed"))


def test_service_is_an_asset_event_when_it_changed(connected: Any) -> None:
    from airflow.sdk.execution_time.context import OutletEventAccessors
    from cogmill.pipeline.archive import ServiceChange
    from cogmill_airflow.observability import assets

    events = OutletEventAccessors()
    url = "http://127.0.0.1/wms/?map=x&"
    with archive_from_connections() as archive:
        archive.changes.append(ServiceChange(COLLECTION, "published", 6, 1, url))
        archive.changes.append(ServiceChange(COLLECTION, "published", 7, 2, url))
        assets.emit_service_changes({"outlet_events": events}, archive)

    (event,) = events[assets.services()].asset_alias_events
    assert (event.dest_asset_key.name, event.dest_asset_key.uri) == (COLLECTION, f"cogmill://{COLLECTION}/")
    assert {name: event.extra[name] for name in ("collection", "change", "revision", "frames")} == {
        "collection": COLLECTION,
        "change": "published",
        "revision": 7,
        "frames": 3,
    }
    assert event.extra["mapfile"].endswith(f"/mapfiles/{COLLECTION}.map")


def test_metrics_reach_a_statsd_server_when_airflow_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk._shared.observability.metrics import stats
    from airflow.sdk.observability.metrics import stats_utils
    from cogmill.ledger.queries import Queue
    from cogmill.pipeline.batches import BatchResult
    from cogmill.pipeline.update_overviews import OverviewChange
    from cogmill_airflow.observability import metrics

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        for name, value in {"ON": "True", "HOST": "127.0.0.1", "PORT": str(ear.getsockname()[1])}.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", value)
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
        result = BatchResult(
            built=2, unchanged=1, failed=["x"], bytes_read=52_000_000, bytes_written=20_000_000, much_cut=1
        )

        metrics.batch_done(COLLECTION, replace(result, rejected=[None]), 2.5)  # type: ignore[list-item]
        metrics.published(COLLECTION, 2, lambda: [31.5])
        metrics.queue(lambda: Queue(frames=7, age_s=90))
        metrics.overviews_updated(COLLECTION, OverviewChange([16], built=3, bytes_written=400))

        heard = dict(ear.recv(4096).decode().split(":") for _ in metrics.METRICS)
    assert set(heard) == {f"airflow.{name}" for name in metrics.METRICS}
    assert heard["airflow.cogmill.frames_per_second"] == "2.0|g"
    assert heard["airflow.cogmill.bytes.read"] == "52000000|c"
    assert heard["airflow.cogmill.upload_to_map"] == "31500.000000|ms"
    assert heard["airflow.cogmill.queue.age"] == "90|g"


def test_ledger_is_not_asked_for_figures_when_airflow_sends_none() -> None:
    from cogmill_airflow.observability import metrics

    def asked() -> Any:
        pytest.fail("nobody hears the answer")

    metrics.queue(asked)
    metrics.published(COLLECTION, 2, asked)


def test_report_is_green_when_a_rollback_left_frames_to_a_person(batches: list[dict[str, Any]]) -> None:
    with archive_from_connections() as archive:
        first, *_ = archive.ledger.frames.claim(batches[0]["frame_ids"], "owner", 60)
        archive.ledger.frames.mark_failed(first, "owner", "taken back by a rollback")
        archive.ledger._connection.execute("UPDATE cogmill.frame SET hold = 'rolled_back' WHERE state = 'failed'")

    assert run(reports.ReportOperator, context())["rejected"] == 0
