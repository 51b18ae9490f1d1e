"""Work on parts of a frame by several threads: numpy, GDAL and OpenCV let go of the interpreter while they work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def map_threaded(work: Callable[[T], object], pieces: Iterable[T], threads: int) -> None:
    """Do the same with every piece. The first error is raised, and what has not begun by then never does."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, pieces):
            pass
