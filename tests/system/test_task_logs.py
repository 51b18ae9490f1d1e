"""The log of a task as Airflow keeps it: the lines of the program stand there, and each event once."""

from __future__ import annotations

import pytest

from demo.stack import Stack
from tests.system.airflow_api import AirflowApi
from tests.system.probes import wait_until
from tests.system.small_survey import put, wait_for_states, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

COLLECTION = "logs_usda_1951_frames"
DAG = f"collection__{COLLECTION}"
FOLDER = "bw/Logs/USDA_1951/frames/georef"


@pytest.fixture(scope="module")
def api(airflow_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AirflowApi:
    """The API after a run that published one frame and rejected another."""
    folder = tmp_path_factory.mktemp("frames")
    put(airflow_stack, f"{FOLDER}/03-22-51_4-1.tif", write_frame(folder / "1.tif", 256, 1))
    put(airflow_stack, f"{FOLDER}/03-22-51_4-2.tif", write_frame(folder / "2.tif", 256, 2, crs=None))
    wait_for_states(airflow_stack, COLLECTION, ["published", "rejected"], 600)
    api = AirflowApi(airflow_stack)
    wait_until(api.is_quiet, 300)
    return api


@pytest.mark.parametrize(
    ("task", "event"),
    [
        ("build_cogs", "frame_rejected key="),
        ("build_cogs", "cog_built key="),
        ("update_tile_index", "tile_index_updated collection="),
        ("export_index", "index_exported collection="),
        ("publish_mapfile", "mapfile_published collection="),
    ],
)
def test_event_stands_once_in_the_log_of_its_task(api: AirflowApi, task: str, event: str) -> None:
    counts = [api.log(DAG, task, run["dag_run_id"]).count(event) for run in api.runs(DAG)]

    assert max(counts) == 1, counts


def test_no_library_warns_in_any_log(api: AirflowApi) -> None:
    assert "GitWildMatchPattern" not in api.log("*")


def test_advice_for_a_rejected_upload_has_a_line_of_its_own(api: AirflowApi) -> None:
    log = api.log(DAG, "rejected_frames")

    assert log.count(f"rejected\\n{FOLDER}/03-22-51_4-2.tif\\n") == 1
    assert log.count("Export the raster again with its coordinate system") == 1
