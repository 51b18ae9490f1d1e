"""Build many cells at a time: threads fetch what each needs, and processes of their own compose and write it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from cogmill.domain.errors import ServiceUnavailableError
from cogmill.overviews.build import BuiltCell, build_cell
from cogmill.overviews.contents import Content, Member
from cogmill.overviews.fetch import CogPart, ReadRange, fetch_part
from cogmill.overviews.grid import Picture

FETCHES = 4
"""Cells whose members are fetched for each one that is built: most of the time of a fetch is waiting for S3."""

Keep = Callable[[Content, BuiltCell, Path], None]
"""Stores the COG of a cell; called by several threads."""


class CellProcesses:
    """Processes that compose cells: they start with the first cells and serve all levels of a run. Use as a context manager."""

    def __init__(self, most: int) -> None:
        """Prepare; nothing starts yet.

        Args:
            most: Cells composed at a time, at least 1.
        """
        self.most = most
        # processes, not threads: GDAL calls back into Python through two bindings, which may wait for each other for ever
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(most, spawn, _end_with_parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def build(self, picture: Picture, parts: Sequence[CogPart], target: Path) -> BuiltCell | None:
        """Do what `build_cell` does in one of the processes, and wait for it.

        Raises:
            BrokenProcessPool: A process was ended from outside; the others are ended too.
        """
        return self._pool.submit(build_cell, picture, parts, target).result()


def build_cells(
    contents: Sequence[Content], read: ReadRange, keep: Keep, processes: CellProcesses
) -> Iterator[tuple[Content, BuiltCell | None]]:
    """Build cells and keep each as soon as it is written; yield them in their order, with None for one without valid pixels.

    Args:
        contents: What each cell shows.
        read: Reads from the bucket; called by several threads.
        keep: Stores a COG; the file is removed afterwards.
        processes: Compose the cells.

    Raises:
        ServiceUnavailableError: A member cannot be read now, or a process was ended from outside.
        VerificationError: A COG is not what was to be written.
    """
    if not contents:
        return
    with (
        TemporaryDirectory(prefix="cogmill-overviews-") as folder,
        ThreadPoolExecutor(min(len(contents), processes.most) * FETCHES) as threads,
    ):

        def one(number: int) -> BuiltCell | None:
            content, place = contents[number], Path(folder) / str(number)
            place.mkdir()
            parts = fetch_parts(read, content.members, content.cell.picture, place)
            target = place / "cell.tif"
            built = processes.build(content.cell.picture, parts, target)
            if built is not None:
                keep(content, built, target)
            for path in place.iterdir():
                path.unlink()
            return built

        try:
            yield from zip(contents, threads.map(one, range(len(contents))), strict=True)
        except BrokenProcessPool as err:
            raise ServiceUnavailableError(
                "a process that built overviews was ended, perhaps for want of memory"
            ) from err
        finally:
            threads.shutdown(cancel_futures=True)


def fetch_parts(read: ReadRange, members: Sequence[Member], picture: Picture, folder: Path) -> list[CogPart]:
    """Fetch what a picture needs of its members into files of a folder; members that do not reach into it are left out.

    Raises:
        ServiceUnavailableError: A member cannot be read now.
    """
    found = (fetch_part(read, member, picture, folder / f"{n}.tif") for n, member in enumerate(members))
    return [part for part in found if part is not None]


def _end_with_parent() -> None:
    """End this process when its parent is gone, however that ended: a pool's process would wait for work for ever."""
    parent = multiprocessing.parent_process()

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()
