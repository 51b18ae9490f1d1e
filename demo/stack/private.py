"""A stack of one's own for tests and benchmarks: free ports, a temporary home, gone afterwards."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from demo.stack.control import Stack
from demo.stack.settings import LOOPBACK, StackSettings


@contextlib.contextmanager
def private_stack(*, airflow: bool = False, **chosen: object) -> Iterator[Stack]:
    """Start a stack beside any other, and remove it with all it wrote.

    Args:
        airflow: Whether Airflow belongs to it.
        chosen: Further settings by their field names.

    Yields:
        The running stack. It also ends when the calling process is killed; then its temporary home stays.
    """
    names = ("s3_port", "postgis_port", "airflow_port", "mapserver_port")
    with tempfile.TemporaryDirectory(prefix="cogmill-stack-") as folder:
        values = {"home": Path(folder), **dict(zip(names, free_ports(len(names)), strict=True)), **chosen}
        stack = Stack(StackSettings(_env_file=None, **values), airflow=airflow, bound=True)  # type: ignore[arg-type]
        with stack:
            yield stack


def free_ports(count: int) -> list[int]:
    """Return different ports that are free now."""
    with contextlib.ExitStack() as sockets:
        found = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in found]
