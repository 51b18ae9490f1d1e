from __future__ import annotations

import ast
import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from cogmill_airflow.bundle.shards import FORMAT, SHARDS, entries, holds_dag, shard_of, write_shards

from tests.dags.conftest import entry


def many(count: int) -> list[dict[str, Any]]:
    return [entry(f"County{number}") for number in range(count)]


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_only_its_shard_is_rewritten_when_one_of_500_is_added(tmp_path: Path) -> None:
    write_shards(tmp_path, many(500))
    before = times(tmp_path)

    changed = write_shards(tmp_path, many(501))

    touched = {name for name, at in times(tmp_path).items() if before.get(name) != at}
    stem = shard_of("county500_usda_1951_frames")
    assert touched == {f"{stem}.json", f"{stem}.py"}
    assert changed == {tmp_path / f"{stem}.py"}
    assert len(before) == 2 * SHARDS


def test_no_file_is_touched_when_nothing_changed(tmp_path: Path) -> None:
    write_shards(tmp_path, many(500))
    before = times(tmp_path)

    changed = write_shards(tmp_path, many(500)[::-1])

    assert not changed
    assert times(tmp_path) == before


def test_shard_has_no_files_when_it_has_no_collection(tmp_path: Path) -> None:
    write_shards(tmp_path, many(1))
    assert len(list(tmp_path.iterdir())) == 2

    write_shards(tmp_path, [])

    assert not list(tmp_path.iterdir())


def test_worker_sees_only_its_own_dag_when_it_parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shards(tmp_path, many(500))
    dag_file = tmp_path / f"{shard_of('county7_usda_1951_frames')}.py"
    assert len(list(entries(str(dag_file)))) > 1

    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "collection__county7_usda_1951_frames")

    assert [entry["id"] for entry in entries(str(dag_file))] == ["county7_usda_1951_frames"]


def test_folder_knows_a_dag_when_its_collection_was_written(tmp_path: Path) -> None:
    write_shards(tmp_path, many(3))

    assert holds_dag(tmp_path, "collection__county2_usda_1951_frames")
    assert not holds_dag(tmp_path, "collection__county3_usda_1951_frames")


def test_folder_knows_nothing_when_a_crash_left_an_empty_file(tmp_path: Path) -> None:
    write_shards(tmp_path, many(1))
    (data,) = tmp_path.glob("*.json")
    data.write_bytes(b"")

    assert not holds_dag(tmp_path, "collection__county0_usda_1951_frames")


def test_shard_stays_the_same_when_the_host_or_the_version_changes() -> None:
    # a literal: DAGs would move between files, and vanish for a moment, if this ever changed
    assert shard_of("travis_usda_1951_frames") == "collections_14"


def _write_often(folder: Path, count: int) -> None:
    for extra in range(30):
        write_shards(folder, many(count + extra % 2))


def test_reader_finds_whole_files_when_two_processes_write(tmp_path: Path) -> None:
    write_shards(tmp_path, many(40))
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(tmp_path, 40)) for _ in range(2)]
    for writer in writers:
        writer.start()

    reads = 0
    while any(writer.is_alive() for writer in writers) or not reads:
        for data in tmp_path.glob("*.json"):
            json.loads(data.read_bytes())
            ast.parse(data.with_suffix(".py").read_text())
        reads += 1

    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert not list(tmp_path.glob("*.draft"))


def test_folder_knows_nothing_when_its_dag_file_is_missing_or_of_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dag_file,) = write_shards(tmp_path, many(1))
    dag = "collection__county0_usda_1951_frames"
    assert holds_dag(tmp_path, dag)

    monkeypatch.setattr("cogmill_airflow.bundle.shards.FORMAT", FORMAT + 1)
    assert not holds_dag(tmp_path, dag)
    monkeypatch.undo()
    dag_file.unlink()
    assert not holds_dag(tmp_path, dag)
