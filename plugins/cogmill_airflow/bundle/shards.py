"""The files of the bundle: collections as data in a fixed number of shards, with one static DAG file beside each.

With one file per collection, parsing 3,000 of them takes as many processes; with one file for all, each new collection means
parsing all again. With 32 shards about 94 of 3,000 are parsed again when one is added. Files are rewritten only when they change.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cogmill_airflow.names import DAG_PREFIX, dag_id

SHARDS = 32
"""Number of data files. A collection never changes its shard, so changing this number moves DAGs between files."""

FORMAT = 3
"""Raised with every change of what an entry or the DAG file holds, so that hosts with files of an older version fetch the list again."""

Entry = Mapping[str, Any]
"""A collection as data: `id` and what its DAG shows."""

DAG_FILE = '''\
"""The Airflow DAGs of the collections in {data}; both files are written by Cogmill's DAG bundle.

Contents: {digest}
"""

from __future__ import annotations

from cogmill_airflow.dag_factories.collection import collection_dag
from cogmill_airflow.bundle.shards import entries

for entry in entries(__file__):
    globals()[f"collection__{{entry['id']}}"] = collection_dag(entry)
'''
"""The digest makes the file, whose time Airflow watches, change with its data."""


def shard_of(collection_id: str) -> str:
    """Return the stem of the shard's files, the same on every host and in every version."""
    number = int.from_bytes(hashlib.sha256(collection_id.encode()).digest()[:4]) % SHARDS
    return f"collections_{number:02d}"


def entries(dag_file: str) -> Iterator[Entry]:
    """Return the collections of a shard; on a worker only the one whose task it starts.

    Args:
        dag_file: Path of the shard's DAG file.
    """
    from airflow.sdk import get_parsing_context

    wanted = get_parsing_context().dag_id
    listed = json.loads(Path(dag_file).with_suffix(".json").read_text(encoding="utf-8"))
    return (entry for entry in listed if wanted in {None, dag_id(entry["id"])})


def holds_dag(folder: Path, dag: str) -> bool:
    """Tell whether the folder holds an entry for this DAG in a complete pair of files of this version.

    A pair that a crash left unfinished, or that another version of the program wrote, does not count.

    Args:
        folder: Where the shards are.
        dag: Id of the collection's DAG.
    """
    collection_id = dag.removeprefix(DAG_PREFIX)
    dag_file = (folder / shard_of(collection_id)).with_suffix(".py")
    data = dag_file.with_suffix(".json")
    try:
        text = data.read_text(encoding="utf-8")
        complete = dag_file.read_text(encoding="utf-8") == _dag_file(data.name, text)
        listed = json.loads(text)
    except (FileNotFoundError, ValueError):
        return False
    return complete and any(entry["id"] == collection_id for entry in listed)


def write_shards(folder: Path, collections: Sequence[Entry]) -> set[Path]:
    """Write the files of these collections; return the DAG files that changed.

    Each file is replaced atomically, the data before the DAG file that reads them, so that a reader always finds a complete pair.
    A shard without collections has no files.

    Args:
        folder: Where the shards are; the caller holds the bundle's lock.
        collections: All of them.
    """
    shards: dict[str, list[Entry]] = {f"collections_{number:02d}": [] for number in range(SHARDS)}
    for entry in sorted(collections, key=lambda e: e["id"]):
        shards[shard_of(entry["id"])].append(entry)
    changed = set()
    for stem, listed in shards.items():
        dag_file, data = (folder / stem).with_suffix(".py"), (folder / stem).with_suffix(".json")
        if not listed:
            dag_file.unlink(missing_ok=True)
            data.unlink(missing_ok=True)
            continue
        text = "[\n" + ",\n".join(json.dumps(entry, sort_keys=True) for entry in listed) + "\n]\n"
        _replace(data, text)
        if _replace(dag_file, _dag_file(data.name, text)):
            changed.add(dag_file)
    return changed


def _dag_file(data: str, text: str) -> str:
    """Return the DAG file of a shard with this text."""
    return DAG_FILE.format(data=data, digest=hashlib.sha256(f"{FORMAT}{text}".encode()).hexdigest()[:16])


def _replace(path: Path, text: str) -> bool:
    """Replace a file atomically if its content differs, else leave it and its time alone; return whether it changed."""
    content = text.encode()
    if path.exists() and path.read_bytes() == content:
        return False
    handle, draft = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".draft", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return True
