"""Several engines, each with its share of memory, and the threads that use them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self, TypeVar

from cogmill.cog.leftovers import remove_stale_folders
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits

T = TypeVar("T")


def as_completed(
    futures: Iterable[Future[T]], every_s: float, meanwhile: Callable[[Iterable[Future[T]]], None]
) -> Iterator[Future[T]]:
    """Yield what is done as soon as it is, and tell every so many seconds, in the caller's thread, what is not."""
    pending, told = set(futures), time.monotonic()
    while pending:
        done, pending = wait(pending, timeout=every_s, return_when=FIRST_COMPLETED)
        yield from done
        if time.monotonic() - told >= every_s:
            meanwhile(pending)
            told = time.monotonic()


class EnginePool:
    """So many warm workers. Use as a context manager; at its end what has not begun is given up."""

    def __init__(self, engines: int, memory_bytes: int, threads: int) -> None:
        """Prepare; workers start with their first frame.

        Args:
            engines: Frames that are built at the same time.
            memory_bytes: Memory of each of them.
            threads: GDAL threads of each of them.
        """
        self._count = engines
        self._limits = dataclasses.replace(Limits(), memory_bytes=memory_bytes)
        self._threads = threads
        self._idle: SimpleQueue[Engine] = SimpleQueue()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        remove_stale_folders()  # of this host, which maintenance may never run on
        self._scratch = Path(self._stack.enter_context(TemporaryDirectory(prefix="cogmill-")))
        for _ in range(self._count):
            self._idle.put(self._stack.enter_context(Engine(self._limits, self._threads, self._scratch)))
        self._pool = self._stack.enter_context(ThreadPoolExecutor(self._count))
        self._stack.callback(self._pool.shutdown, cancel_futures=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def submit(self, build: Callable[[Engine, Path], T]) -> Future[T]:
        """Call a function with an engine of its own and the folder for temporary files, as soon as an engine is idle."""
        return self._pool.submit(self._run, build)

    def _run(self, build: Callable[[Engine, Path], T]) -> T:
        engine = self._idle.get()
        try:
            return build(engine, self._scratch)
        finally:
            self._idle.put(engine)
