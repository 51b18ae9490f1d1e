"""A scan that nobody has georeferenced is dropped into the bucket; Airflow draws its picture and enters it, by itself."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from cogmill.domain import public_keys
from PIL import Image

from demo.stack import Stack
from tests.system.airflow_api import AirflowApi
from tests.system.probes import ledger_rows, wait_until
from tests.system.small_survey import put, write_frame
from tests.system.strangers import fetch

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1200)]

COLLECTION = "lone_usda_1951_frames"
SCANNED = "bw/Lone/USDA_1951/frames/scanned/"
PATIENCE_S = 500


def test_scan_gets_a_picture_and_an_entry(airflow_stack: Stack, tmp_path: Path) -> None:
    base = airflow_stack.environment()["COGMILL_PUBLIC_URL"]
    scan, api = write_frame(tmp_path / "scan.tif", 600), AirflowApi(airflow_stack)
    put(airflow_stack, f"{SCANNED}03-22-51_4-7.tif", scan)
    put(airflow_stack, f"{SCANNED}broken.tif", b"no picture at all")
    known = "SELECT count(*) FROM cogmill.scan WHERE key LIKE %s"
    wait_until(lambda: ledger_rows(airflow_stack, known, f"{SCANNED}%") == [(2,)], PATIENCE_S)

    run_id = api.trigger("maintenance", dry_run=False)
    api.end_of("maintenance", run_id, PATIENCE_S)

    (drawn,) = [box.state for box in api.boxes("maintenance", run_id) if box.task == "draw_scans"]
    assert drawn == "success"
    status, _, body = fetch(f"{base}/{public_keys.scans_list(COLLECTION)}")
    assert status == 200
    broken, shown = sorted(json.loads(body)["scans"], key=lambda one: one["name"], reverse=True)
    assert (shown["name"], shown["roll"], shown["frame"], shown["from"]) == ("03-22-51_4-7", "4", "7", "1951-03-22")
    assert fetch(shown["scan"])[2] == scan
    status, kind, picture = fetch(shown["picture"])
    assert (status, kind) == (200, "image/webp")
    assert len(np.unique(np.asarray(Image.open(io.BytesIO(picture)).convert("L")))) > 20, "it shows the scan"
    assert (broken["picture"], broken["no_picture"]) == (None, "it cannot be drawn (not_a_geotiff)")
