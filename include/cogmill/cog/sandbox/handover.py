"""How an upload comes to the worker and its COG back: through the one folder that the worker may see."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cogmill.cog.sandbox.confinement import WORKER_ID


@dataclass(frozen=True, slots=True)
class Handover:
    """One frame in the worker's folder. Its paths are relative to that folder, which is the worker's working directory."""

    folder: Path
    """The worker's folder, absolute."""
    source: Path
    target: Path

    def take_back(self, target: Path) -> None:
        """Move the finished COG to where it is to stand."""
        shutil.move(self.folder / self.target, target)


def open_to_worker(path: Path) -> None:
    """Give a file or folder to the worker, where that is another user than this process."""
    if os.geteuid() == 0:
        os.chown(path, WORKER_ID, WORKER_ID)


@contextmanager
def handed_over(source: Path, target: Path, folder: Path, beside: Iterable[Path] = ()) -> Iterator[Handover]:
    """Put an upload into the worker's folder for one frame, by a link where the file system allows it, and other files beside it.

    Files that belong to root are given to the worker meanwhile, and back afterwards.

    Raises:
        OSError: A file cannot be read, or the folder cannot be written.
    """
    place = Path(tempfile.mkdtemp(dir=folder, prefix="frame-"))
    inside = {place / file.name: file.stat() for file in (source, *beside)}
    try:
        open_to_worker(place)
        for file in (source, *beside):
            _put(file, place / file.name)
        yield Handover(
            folder, (place / source.name).relative_to(folder), (place / f"{target.name}.cog").relative_to(folder)
        )
    finally:
        for file, owner in inside.items():
            if os.geteuid() == 0 and file.exists():
                os.chown(file, owner.st_uid, owner.st_gid)
        shutil.rmtree(place, ignore_errors=True)


def _put(file: Path, inside: Path) -> None:
    """Link a file to a place in the worker's folder, or copy it."""
    try:
        inside.hardlink_to(file.resolve())
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, inside)
    open_to_worker(inside)
