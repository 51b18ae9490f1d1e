"""Talking to the supervisor: start it, start and stop programs, and make sure that nothing outlives it."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import time
import xmlrpc.client
from typing import TYPE_CHECKING, Any

import psutil
from cogmill.domain.errors import ServiceUnavailableError
from supervisor.xmlrpc import SupervisorTransport

from demo.stack import processes
from demo.stack.programs import BASE_ENVIRONMENT
from demo.stack.settings import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from demo.stack.paths import StackPaths

START_S = 60.0
"""Time the supervisor itself may take to answer."""

STOP_S = 40.0
"""Longer than the longest `stopwaitsecs`, after which the supervisor kills."""


NOW = False
"""The supervisor's argument `wait`: come back at once."""

ALIVE = frozenset({"STARTING", "RUNNING", "BACKOFF", "STOPPING"})
"""States in which a program still has, or will have, a process."""


class Supervisor:
    """Client of the supervisor of one stack."""

    def __init__(self, paths: StackPaths) -> None:
        self.paths = paths

    @property
    def _rpc(self) -> Any:
        """A fresh connection: the transport does not recover from one that failed."""
        transport = SupervisorTransport(None, None, f"unix://{self.paths.supervisor_socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def pid(self) -> int | None:
        """Return its process id, or None when it does not answer."""
        try:
            return int(self._rpc.getPID())
        except (OSError, http.client.HTTPException):
            return None

    def launch(self, *, bound: bool = False) -> None:
        """Start the supervisor, apart from the caller's terminal.

        Args:
            bound: End with the caller, however that ends.

        Raises:
            ServiceUnavailableError: It does not answer in time.
        """
        log = self.paths.log / "supervisord-start.log"
        with log.open("wb") as output:
            command = [
                sys.executable,
                "-m",
                "demo.stack.daemon",
                str(self.paths.supervisor_conf),
                *(["bound"] if bound else []),
            ]
            process = subprocess.Popen(
                command,
                cwd=self.paths.run,
                env=BASE_ENVIRONMENT | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/include"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while self.pid() is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"the supervisor does not start:\n{log.read_text(encoding='utf-8')[-2000:]}"
                )
            time.sleep(0.05)

    def states(self) -> dict[str, str]:
        """Return the state of each program. Empty when nothing runs."""
        try:
            return {info["name"]: info["statename"] for info in self._rpc.getAllProcessInfo()}
        except (OSError, http.client.HTTPException):
            return {}

    def start(self, names: Iterable[str]) -> None:
        """Start programs without waiting for them."""
        for name in names:
            self._rpc.startProcessGroup(name, NOW)

    def stop(self, names: Iterable[str]) -> None:
        """Stop programs side by side and wait until they are gone or killed."""
        wanted = [name for name, state in self.states().items() if name in set(names) and state in ALIVE]
        for name in wanted:
            with contextlib.suppress(xmlrpc.client.Fault):  # it ended by itself in between
                self._rpc.stopProcessGroup(name, NOW)
        deadline = time.monotonic() + STOP_S
        while any(self.states().get(name) in ALIVE for name in wanted) and time.monotonic() < deadline:
            time.sleep(0.1)

    def shutdown(self) -> None:
        """End the supervisor and every process that ever descended from it."""
        pid = self.pid()
        if pid is None:
            return
        supervisor, *rest = processes.family(pid)
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._rpc.shutdown()
        processes.end([supervisor], STOP_S)
        processes.end(rest, 0)

    def end_orphans(self) -> None:
        """Kill what the supervisor adopted: tasks of Airflow lead process groups of their own and outlive its programs."""
        pid = self.pid()
        if pid is None:
            return
        programs = {info["pid"] for info in self._rpc.getAllProcessInfo()}
        adopted = [child for child in psutil.Process(pid).children() if child.pid not in programs]
        processes.end([member for one in adopted for member in processes.family(one.pid)], 0)
