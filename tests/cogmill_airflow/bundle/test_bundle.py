from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from cogmill.domain.model import Collection, Product
from cogmill.ledger import Ledger
from cogmill_airflow.bundle.bundle import CollectionsBundle
from cogmill_airflow.bundle.shards import shard_of


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CollectionsBundle:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path))
    return CollectionsBundle(name="collections")


def add_collections(libpq: dict[str, object], *counties: str) -> None:
    with psycopg.connect(**libpq) as connection:
        ledger = Ledger(connection)
        ledger.uploads.add_collections([Collection(c, "USDA", "1951", Product.FRAMES) for c in counties])


def test_collection_gets_its_file_when_the_ledger_knows_it(
    bundle: CollectionsBundle, ledger_connection: dict[str, object]
) -> None:
    add_collections(ledger_connection, "Travis")

    bundle.initialize()

    stem = shard_of("travis_usda_1951_frames")
    assert sorted(path.name for path in bundle.path.iterdir()) == [f"{stem}.json", f"{stem}.py"]
    assert '"service_name": "Travis_USDA_1951_frames"' in (bundle.path / f"{stem}.json").read_text()


def test_changed_file_is_shown_twice_when_airflow_may_have_overlooked_it(
    bundle: CollectionsBundle, ledger_connection: dict[str, object]
) -> None:
    add_collections(ledger_connection, "Travis")
    bundle.initialize()
    (dag_file,) = bundle.path.glob("*.py")
    times = [dag_file.stat().st_mtime_ns]

    for _ in range(3):
        bundle.refresh()
        times.append(dag_file.stat().st_mtime_ns)

    assert times[0] < times[1] == times[2] == times[3]


def test_last_files_stay_when_the_ledger_is_away(
    bundle: CollectionsBundle, ledger_connection: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_collections(ledger_connection, "Travis")
    bundle.initialize()

    monkeypatch.setenv("AIRFLOW_CONN_COGMILL_POSTGIS", "postgres://nobody:canary@127.0.0.1:1/none")
    bundle.refresh()

    assert len(list(bundle.path.iterdir())) == 2


def test_worker_asks_the_ledger_only_when_it_does_not_know_the_dag(
    bundle: CollectionsBundle, ledger_connection: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_collections(ledger_connection, "Travis")
    bundle.initialize()
    add_collections(ledger_connection, "Hays")

    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "collection__travis_usda_1951_frames")
    bundle.initialize()
    known = len(list(bundle.path.glob("*.py")))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "collection__hays_usda_1951_frames")
    bundle.initialize()

    assert (known, len(list(bundle.path.glob("*.py")))) == (1, 2)


def test_files_are_whole_when_two_processes_refresh(
    bundle: CollectionsBundle, ledger_connection: dict[str, object]
) -> None:
    add_collections(ledger_connection, *(f"County{number}" for number in range(40)))
    program = (
        "from cogmill_airflow.bundle import CollectionsBundle\n"
        "bundle = CollectionsBundle(name='collections')\n"
        "bundle.initialize()\n"
        "for _ in range(10): bundle.refresh()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(2)]

    assert [process.wait(120) for process in processes] == [0, 0]

    listed = "".join(data.read_text() for data in bundle.path.glob("*.json"))
    assert listed.count('"id"') == 40


def test_old_files_go_when_a_new_process_finds_an_empty_ledger(
    bundle: CollectionsBundle, ledger_connection: dict[str, object]
) -> None:
    add_collections(ledger_connection, "Travis")
    bundle.initialize()
    with psycopg.connect(**ledger_connection) as connection:
        connection.execute("DELETE FROM cogmill.collection")

    CollectionsBundle(name="collections").refresh()

    assert list(bundle.path.glob("*.py")) == []


def test_nothing_is_written_when_the_ledger_says_the_same(
    bundle: CollectionsBundle, ledger_connection: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_collections(ledger_connection, "Travis")
    bundle.initialize()
    bundle.refresh()

    monkeypatch.setattr(
        "cogmill_airflow.bundle.bundle.write_shards", lambda *_: pytest.fail("the list has not changed")
    )
    bundle.refresh()


OLD_DAG_FILE = """\
from cogmill_airflow.collection_dag import collection_dag
from cogmill_airflow.shards import entries

for entry in entries(__file__):
    globals()[f"collection__{entry['id']}"] = collection_dag(entry)
"""
"""What a version with other module names wrote."""


def test_worker_replaces_files_of_an_older_version_when_it_starts_a_task(
    bundle: CollectionsBundle, ledger_connection: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_collections(ledger_connection, "Travis", "Hays")
    bundle.initialize()
    for dag_file in bundle.path.glob("*.py"):
        dag_file.write_text(OLD_DAG_FILE)

    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "collection__travis_usda_1951_frames")
    CollectionsBundle(name="collections").initialize()

    assert [dag_file.name for dag_file in bundle.path.glob("*.py") if dag_file.read_text() == OLD_DAG_FILE] == []


def test_dag_processor_replaces_files_of_an_older_version_when_the_list_is_the_same(
    bundle: CollectionsBundle, ledger_connection: dict[str, object]
) -> None:
    add_collections(ledger_connection, "Travis")
    bundle.initialize()
    (dag_file,) = bundle.path.glob("*.py")
    dag_file.write_text(OLD_DAG_FILE)

    CollectionsBundle(name="collections").initialize()

    assert "cogmill_airflow.dag_factories.collection" in dag_file.read_text()
