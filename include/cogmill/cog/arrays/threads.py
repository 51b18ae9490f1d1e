"""Work on parts of a frame by several threads: numpy, GDAL and OpenCV let go of the interpreter while they work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def map_threaded(work: Callable[[T], object], pieces: Iterable[T], threads: int) -> None:
    """Call a function with every piece of a frame, several at a time.

    The first error is raised; pieces that have not begun by then never do. What `work` returns is dropped: it changes
    arrays in place, each call its own part.
    """
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, pieces):
            pass
