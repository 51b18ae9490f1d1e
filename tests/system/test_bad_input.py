"""Bad uploads by a real Airflow run: each one rejected by its reason or drawn rightly, and no good neighbour waits for it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from cogmill.domain.advice import advice
from cogmill.domain.errors import ADVICE, Reason

from demo.maps import Service
from demo.stack import Stack
from demo.survey.bad_uploads import GOOD, GSD, SIDE, SPECIMENS, make_bad_uploads
from demo.survey.landscape import Landscape
from demo.survey.manifest import Item, Manifest
from tests.system.airflow_api import AirflowApi, Box
from tests.system.probes import ledger_rows, wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

COUNTY = "Museum"
COLLECTION = "museum_usda_1951_frames"
DAG = f"collection__{COLLECTION}"
FOLDER = f"bw/{COUNTY}/USDA_1951/frames/georef/"

PATIENCE_S = 600

DRAWN = [specimen.name for specimen in SPECIMENS if not specimen.reason] + [f"good {number}" for number in range(GOOD)]
REJECTED = [specimen for specimen in SPECIMENS if specimen.reason]
BUILT_AND_REJECTED = [specimen for specimen in REJECTED if specimen.reason is not Reason.EMPTY]
"""An empty upload is rejected when it arrives, so no run of its collection meets it."""

HOSTILE = {
    "shell": FOLDER + "03-22-51_8-$(touch pwned).tif",
    "sql": FOLDER + "03-22-51_8-'; DROP TABLE cogmill.frame; --.tif",
    "template": FOLDER + "03-22-51_8-{{ conn.cogmill_s3.password }}.tif",
    "html": FOLDER + "03-22-51_8-<script>alert(1)<script>.tif",
    "mapfile": FOLDER + '03-22-51_8-" END LAYER.tif',
    "control": FOLDER + "03-22-51_8-a\r\x1b[2Kfailed=0.tif",
    "reversed": FOLDER + "03-22-51_8-\u202efit.tif",
    "option": FOLDER + "-rf_8-1.tif",
    "path": FOLDER + "03-22-51_8-..\\..\\1.tif",
    "no name": FOLDER + ".tif",
    "no roll": FOLDER + "03-22-51.tif",
    "other format": FOLDER + "03-22-51_8-1.jpg",
    "too long": FOLDER + f"03-22-51_8-{'9' * 200}.tif",
    "unknown product": f"bw/{COUNTY}/USDA_1951/holidays/georef/03-22-51_8-1.tif",
    "unknown bands": f"uv/{COUNTY}/USDA_1951/frames/georef/03-22-51_8-1.tif",
    "hostile county": "bw/Museum'; --/USDA_1951/frames/georef/03-22-51_8-1.tif",
}
"""What a key must not be, and the bucket accepts all the same."""


@dataclass(frozen=True)
class BadUploads:
    """The bad uploads after their run."""

    stack: Stack
    survey: Manifest
    landscape: Landscape
    api: AirflowApi
    rejected_frames: dict[str, Box]
    """Boxes of rejected frames in the runs of the collection, by their names."""
    rejected_uploads: dict[str, Box]
    """Boxes of rejected uploads in the runs of the watch, by their names."""

    @property
    def service(self) -> Service:
        """The collection's service with all frames it must show."""
        return Service(self.stack, COLLECTION, self.survey.collections[COLLECTION])

    def item(self, name: str) -> Item:
        """Return the entry of a specimen."""
        return next(item for item in self.survey.items if item.key.endswith(f"_9-{name}.tif"))


@pytest.fixture(scope="module")
def dropped(airflow_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> BadUploads:
    """Drop everything together in a mixed order, and wait until the ledger has decided and Airflow rests."""
    survey = make_bad_uploads(tmp_path_factory.mktemp("bad-uploads"), f"{COUNTY}/USDA_1951", say=lambda _: None)
    client, bucket = airflow_stack.s3_client(), airflow_stack.settings.bucket
    uploads = [(item.key, survey.path(item).read_bytes()) for item in survey.items]
    uploads += [(key, b"II*\0") for key in HOSTILE.values()]
    random.Random(1951).shuffle(uploads)  # noqa: S311 - a mixed order, the same each time
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda upload: client.put_object(Bucket=bucket, Key=upload[0], Body=upload[1]), uploads))
    query = (
        "SELECT count(*) FROM cogmill.frame WHERE source_key LIKE '%/Museum%' AND state IN ('published', 'rejected')"
    )
    wait_until(lambda: ledger_rows(airflow_stack, query) == [(len(uploads),)], PATIENCE_S)
    api = AirflowApi(airflow_stack)
    wait_until(api.is_quiet, PATIENCE_S)
    boxes = [
        {box.label: box for box in api.boxes(dag) if box.task == task}
        for dag, task in ((DAG, "rejected_frames"), ("watch_uploads", "rejected_uploads"))
    ]
    return BadUploads(airflow_stack, survey, survey.landscape, api, *boxes)


@pytest.mark.parametrize("name", DRAWN)
def test_frame_is_drawn_rightly_beside_bad_ones(dropped: BadUploads, name: str) -> None:
    item = dropped.item(name)
    xs, ys = zip(*item.outline, strict=True)
    side = round(1.1 * SIDE)
    west, north = (min(xs) + max(xs) - side * GSD) / 2, (min(ys) + max(ys) + side * GSD) / 2
    window = ((west, north - side * GSD, west + side * GSD, north), side, side)

    verdict = dropped.service.verdict(dropped.landscape, window)

    assert verdict.is_right, str(verdict)


def test_nothing_else_is_drawn_when_bad_frames_were_rejected(dropped: BadUploads) -> None:
    verdict = dropped.service.verdict(dropped.landscape, dropped.service.overview())

    assert (verdict.spilled, verdict.holes) == (0, 0), str(verdict)


def test_run_is_green_and_publishes_when_bad_and_good_came_together(dropped: BadUploads) -> None:
    runs = dropped.api.runs(DAG)
    first = runs[0]["dag_run_id"]
    boxes = dropped.api.boxes(DAG, first)

    assert {run["state"] for run in runs} == {"success"}
    assert "skipped" in {box.state for box in boxes if box.task == "rejected_frames"}
    assert "frames published by this run" in dropped.api.log(DAG, "report", first)
    assert "0 frames published by this run" not in dropped.api.log(DAG, "report", first)


@pytest.mark.parametrize("specimen", REJECTED, ids=lambda specimen: specimen.name)
def test_reason_is_in_the_ledger_when_a_frame_is_rejected(dropped: BadUploads, specimen) -> None:
    key = dropped.item(specimen.name).key

    rows = ledger_rows(dropped.stack, "SELECT source_key, reason, detail <> '', cog_key FROM cogmill.frame")

    assert [row[1:] for row in rows if row[0] == key] == [(specimen.reason, True, None)]


@pytest.mark.parametrize("specimen", BUILT_AND_REJECTED, ids=lambda specimen: specimen.name)
@pytest.mark.parametrize("task", ["build_cogs", "report"])
def test_reason_and_advice_are_in_the_log_when_a_frame_is_rejected(dropped: BadUploads, specimen, task: str) -> None:
    key, log = dropped.item(specimen.name).key, dropped.api.log(DAG, task)
    lines = [line for line in log.replace("\\n", "\n").splitlines() if key in line]

    assert any(specimen.reason in line and ADVICE[specimen.reason] in line for line in lines), lines


@pytest.mark.parametrize("specimen", BUILT_AND_REJECTED, ids=lambda specimen: specimen.name)
def test_pink_box_names_frame_and_reason_when_a_frame_is_rejected(dropped: BadUploads, specimen) -> None:
    box = dropped.rejected_frames[f"{specimen.file}: {specimen.reason}"]

    assert box.state == "skipped"


def test_empty_upload_is_shown_and_logged_by_the_watch(dropped: BadUploads) -> None:
    (empty,) = (specimen for specimen in REJECTED if specimen.reason is Reason.EMPTY)

    assert dropped.rejected_uploads[f"{empty.file}: empty"].state == "skipped"
    assert ADVICE[Reason.EMPTY] in dropped.api.log("watch_uploads", "ingest_uploads")


@pytest.mark.parametrize("key", HOSTILE.values(), ids=HOSTILE.keys())
def test_upload_is_rejected_on_arrival_when_its_name_is_hostile(dropped: BadUploads, key: str) -> None:
    name = key.rpartition("/")[2]
    reason = Reason.BAD_NAME if key.startswith(FOLDER) else Reason.WRONG_FOLDER
    states = {
        box.state
        for label, box in dropped.rejected_uploads.items()
        if label.startswith(name[:20]) and label.endswith(reason)
    }
    rows = ledger_rows(dropped.stack, "SELECT source_key, reason, collection_id FROM cogmill.frame")

    assert (key, reason, None) in rows
    assert states == {"skipped"}
    assert advice(reason, key) in dropped.api.log("watch_uploads", "ingest_uploads")


def test_nothing_runs_nor_appears_when_names_are_hostile(dropped: BadUploads) -> None:
    client, bucket = dropped.stack.s3_client(), dropped.stack.settings.bucket
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]

    assert [key for key in keys if "_8-" in key and "/georef/" not in key] == []
    assert not (dropped.stack.paths.airflow / "pwned").exists()
    assert dropped.stack.settings.s3_secret_key.get_secret_value() not in dropped.api.log("watch_uploads")


def test_upload_is_published_when_its_folder_is_spelled_otherwise(dropped: BadUploads) -> None:
    key = f"bw/{COUNTY.upper()}/USDA_1951/frames/georef/03-22-51_7-1.tif"
    good = dropped.survey.path(dropped.item("good 1")).read_bytes()

    dropped.stack.s3_client().put_object(Bucket=dropped.stack.settings.bucket, Key=key, Body=good)

    query = (
        f"SELECT source_key FROM cogmill.frame WHERE state = 'published' AND collection_id LIKE '{COUNTY.lower()}_%'"  # noqa: S608
    )
    wait_until(lambda: (key,) in ledger_rows(dropped.stack, query), 120)
