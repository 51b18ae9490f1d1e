"""A stack of one's own for tests and benchmarks: free ports, a temporary home folder, gone afterwards."""

from __future__ import annotations

import contextlib
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from demo.stack.control import Stack
from demo.stack.settings import LOOPBACK, StackSettings

PORTS = ("s3_port", "postgis_port", "airflow_port", "mapserver_port")

PASSWORDS = ("s3_secret_key", "owner_password", "writer_password", "reader_password")
"""Made up for each stack: a test that searches for them cannot find another's, nor a word of the documentation."""

PATIENCE_S = 120.0
"""Several stacks may be starting on the same few cores."""


@contextlib.contextmanager
def temporary_stack(*, airflow: bool = False, **chosen: object) -> Iterator[Stack]:
    """Start a stack beside any other, and remove it with all it wrote.

    Args:
        airflow: Whether Airflow belongs to it.
        chosen: Further settings by their field names.

    Yields:
        The running stack. It also ends when the calling process is killed; then its temporary paths stays.
    """
    with tempfile.TemporaryDirectory(prefix="cogmill-stack-") as folder:
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        passwords = {name: secrets.token_urlsafe(16) for name in PASSWORDS}
        values = {"home": Path(folder), "start_timeout_s": PATIENCE_S, **ports, **passwords, **chosen}
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
