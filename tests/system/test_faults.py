"""Killed workers and repeated triggers: the same archive in the end, and nothing partial on the way."""

from __future__ import annotations

import contextlib
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from cogmill.cog.fingerprint import build_fingerprint, cog_digest
from cogmill.cog.profiles import default_profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.model import Bands, Product

from demo.stack import Stack
from tests.system.airflow_api import AirflowApi
from tests.system.probes import BUILDER, PNG, running, wait_until
from tests.system.small_survey import GSD, frame_rows, frame_states, objects, put, wait_for_states, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1800)]

SIDE = 5000
"""Pixels along one side of a frame that takes two seconds of CPU time to build."""

FRAMES = 3

MIDDLE_CPU_S = 1.0
"""CPU seconds after which a builder has left its imports behind and is at work on a frame."""

PATIENCE_S = 600

TEN_RUNS_S = 1500
"""A run with nothing to do has eight tasks, and a busy machine takes a minute for them."""

PROFILE = default_profile(Bands.BW, Product.FRAMES)


@dataclass
class Onlooker:
    """Looks at bucket and map as the public does, and remembers what it saw."""

    stack: Stack
    county: str
    torn: list[str] = field(default_factory=list)
    """Keys of COGs whose bytes were not what they say they are."""
    pictures: set[bytes] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    @property
    def collection_id(self) -> str:
        return f"{self.county}_usda_1951_frames".lower()

    @property
    def folder(self) -> str:
        return f"bw/{self.county}/USDA_1951/frames/"

    def draw(self) -> bytes | None:
        """Return the map of the whole collection, or None while there is none."""
        (x0, y0), side = (-10_881_000, 3_515_000), FRAMES * SIDE * GSD * 1.3
        query = (
            "&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&STYLES=&SRS=EPSG:3857&FORMAT=image/png&TRANSPARENT=TRUE"
            f"&LAYERS={self.county}_USDA_1951_frames&BBOX={x0},{y0},{x0 + side},{y0 + side}&WIDTH=200&HEIGHT=200"
        )
        with contextlib.suppress(httpx.TransportError):
            content = httpx.get(self.stack.wms_url(self.collection_id) + query, timeout=60, trust_env=False).content
            return content if content.startswith(PNG) else None
        return None

    def look(self) -> None:
        """Look once."""
        client, bucket = self.stack.s3_client(), self.stack.settings.bucket
        for key in sorted(set(objects(self.stack, f"{self.folder}cog/")) - self.seen):
            found = client.get_object(Bucket=bucket, Key=key)
            if key.endswith(".tif") and hashlib.sha256(found["Body"].read()).hexdigest() != found["Metadata"]["sha256"]:
                self.torn.append(key)
            self.seen.add(key)
        picture = self.draw()
        self.pictures |= {picture} if picture else set()


def cpu_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return sum(process.cpu_times()[:2])
    return 0.0


def killed_in_the_middle(stack: Stack, victim: str) -> list[psutil.Process]:
    """Wait until a builder is at work, and kill its task, or the worker that runs the task, with all its children."""
    deadline = time.monotonic() + PATIENCE_S
    while not (busy := [one for one in running(stack, BUILDER) if cpu_s(one) > MIDDLE_CPU_S]):
        assert time.monotonic() < deadline, "no COG was being built"
        time.sleep(0.02)
    task = busy[0].parent()
    assert task is not None
    worker = task.parent()
    assert worker is not None
    dying = [task, *task.children(recursive=True)]
    dying = [worker, *dying] if victim == "worker" else dying
    for process in dying:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return dying


def undisturbed(folder: Path, key: str, body: bytes) -> tuple[str, str]:
    """Build a frame here and return the key and hash that its COG must have."""
    sha256 = hashlib.sha256(body).hexdigest()
    digest = cog_digest(sha256, build_fingerprint(PROFILE))
    provenance = {"SOURCE_SHA256": sha256}
    source = folder / "again.tif"
    source.write_bytes(body)
    with Engine(Limits()) as engine:
        cog = engine.build(
            source, folder / "cog.tif", bands=Bands.BW, profile=PROFILE, provenance=provenance, area=None
        )
    stem = key.rpartition("/")[2].removesuffix(".tif")
    return f"{key.rpartition('/georef/')[0]}/cog/{stem}.{digest}.tif", cog.sha256


@pytest.mark.parametrize(("victim", "county"), [("task", "Killed"), ("worker", "Orphaned")])
def test_next_try_finishes_with_the_same_bytes_when_killed_in_the_middle_of_a_cog(
    airflow_stack: Stack, tmp_path: Path, victim: str, county: str
) -> None:
    onlooker = Onlooker(airflow_stack, county)
    uploads = {
        f"{onlooker.folder}georef/03-22-51_1-{n}.tif": write_frame(tmp_path / f"{n}.tif", SIDE, n)
        for n in range(FRAMES)
    }
    for key, body in uploads.items():
        put(airflow_stack, key, body)

    dying = killed_in_the_middle(airflow_stack, victim)

    begun = time.monotonic()
    while frame_states(airflow_stack, onlooker.collection_id) != ["published"] * FRAMES:
        onlooker.look()
        assert time.monotonic() - begun < PATIENCE_S
        time.sleep(0.3)
    print(f"published {time.monotonic() - begun:.0f} s after the {victim} was killed")
    wait_until(lambda: onlooker.draw() is not None, 30)
    onlooker.look()
    onlooker.look()
    wait_until(lambda: not any(process.is_running() for process in dying), 60)
    assert onlooker.torn == []
    assert len(onlooker.pictures) == 1, "the map was drawn before it was whole"
    rows = frame_rows(airflow_stack, onlooker.collection_id)
    assert max(row["tries"] for row in rows) > 1
    assert [(row["cog_key"], row["cog_sha256"]) for row in rows] == [
        undisturbed(tmp_path, key, body) for key, body in uploads.items()
    ]
    assert len([key for key in onlooker.seen if key.endswith(".tif")]) == FRAMES
    runs = AirflowApi(airflow_stack).wait_for_rest(f"collection__{onlooker.collection_id}", PATIENCE_S)
    assert runs[-1]["state"] == "success"


def test_result_is_that_of_one_trigger_when_triggered_at_once_and_ten_times_in_a_row(
    airflow_stack: Stack, tmp_path: Path
) -> None:
    api, folder, collection_id = (
        AirflowApi(airflow_stack),
        "bw/Triggered/USDA_1951/frames/",
        "triggered_usda_1951_frames",
    )
    dag_id = f"collection__{collection_id}"
    for number in range(3):
        put(airflow_stack, f"{folder}georef/03-22-51_1-{number}.tif", write_frame(tmp_path / "a.tif", 300, number))
    wait_for_states(airflow_stack, collection_id, ["published"] * 3, PATIENCE_S)
    api.wait_for_rest(dag_id, PATIENCE_S)
    first = objects(airflow_stack, folder)

    put(airflow_stack, f"{folder}georef/03-22-51_1-0.tif", write_frame(tmp_path / "b.tif", 320, 0))
    with ThreadPoolExecutor(2) as both:
        list(both.map(api.trigger, [dag_id] * 2))

    wait_until(lambda: len(objects(airflow_stack, f"{folder}cog/03")) == 4, PATIENCE_S)
    wait_for_states(airflow_stack, collection_id, ["published"] * 3, PATIENCE_S)
    api.wait_for_rest(dag_id, PATIENCE_S)
    second, ledger = objects(airflow_stack, ""), frame_rows(airflow_stack, collection_id)
    cogs = [key for key in second if key.startswith(f"{folder}cog/03")]
    assert len(cogs) == 4, "the replaced frame has one new COG"
    assert {key: first[key] for key in cogs if key in first} == {key: second[key] for key in cogs if key in first}

    for _ in range(10):
        api.trigger(dag_id)

    runs = api.wait_for_rest(dag_id, TEN_RUNS_S)
    assert {run["state"] for run in runs} == {"success"}
    assert frame_rows(airflow_stack, collection_id) == ledger
    ours = (folder, f"mapfiles/{collection_id}")
    assert {key: fact for key, fact in objects(airflow_stack).items() if key.startswith(ours)} == {
        key: fact for key, fact in second.items() if key.startswith(ours)
    }
