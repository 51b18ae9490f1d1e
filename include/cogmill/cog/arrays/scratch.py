"""Allocate the large arrays of a frame: in memory, or for very large frames in files of the scratch folder."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

MIB = 1024**2

ZEROS = bytes(MIB)

RESIDENT_SHARE = 1.5
"""Resident memory at which mapped pages are given back to the kernel, in decoded frames: 2.5 are allowed, and what the
libraries take and what comes in between two looks must fit in between."""

RESIDENT_BYTES = 1024 * MIB
"""The same for the largest frames."""

WATCH_S = 0.01
"""Seconds between two looks at the resident memory: at 5 GB/s, 50 MB may come in between."""


class ScratchArrays:
    """Allocates the arrays of one frame. Use as a context manager, and let no array outlive it.

    In files, the arrays are shared mappings of unlinked temporary files: the same code works on them, but what is not
    being worked on need not stay in memory. A thread drops the mapped pages whenever too many are resident; their
    content is not lost, it is in the page cache or in the file.
    """

    def __init__(self, folder: Path | None, decoded_bytes: int = 0) -> None:
        """Prepare.

        Args:
            folder: For the files; None for arrays in memory.
            decoded_bytes: Size of the decoded frame; with files, a multiple of it is what may be resident.
        """
        self._folder = folder
        self._resident = min(RESIDENT_BYTES, int(RESIDENT_SHARE * decoded_bytes))
        self._maps: list[mmap.mmap] = []
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._keep_small, daemon=True)

    def __enter__(self) -> Self:
        if self._folder is not None:
            self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._folder is not None:
            self._watch.join()
        self._maps.clear()  # each mapping ends with its last array

    def zeros(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return an array of uint8, all 0, C-contiguous.

        Raises:
            OSError: The scratch folder's disk is full.
        """
        size = math.prod(shape)
        if self._folder is None or size < MIB:
            return np.zeros(shape, np.uint8)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)  # a disk that fills up later would end the process with SIGBUS
            # Pages that are written first are cached in large folios: a tenth of the page faults, and of their time.
            for start in range(0, size, MIB):
                file.write(memoryview(ZEROS)[: size - start])
            file.flush()
            mapped = mmap.mmap(file.fileno(), size)
        self._maps.append(mapped)
        return np.frombuffer(mapped, np.uint8).reshape(shape)

    def release(self) -> None:
        """Give mapped pages back to the kernel if too many are resident; for code that sweeps faster than the watch looks."""
        if self._maps and _resident() > self._resident:
            for mapped in list(self._maps):
                mapped.madvise(mmap.MADV_DONTNEED)

    def sweep(self, parts: Iterable[T]) -> Iterator[T]:
        """Yield parts of arrays that are looked at once, one after the other, and release pages behind each."""
        for part in parts:
            yield part
            self.release()

    def _keep_small(self) -> None:
        """Release pages until the block ends."""
        while not self._done.wait(WATCH_S):
            self.release()


def _resident() -> int:
    """Return the memory of this process in use now, bytes."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * mmap.PAGESIZE
