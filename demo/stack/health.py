"""Is it up? One check per program, each against the real thing, and a named cause when the answer is no."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import httpx
import psycopg
from cogmill.domain.errors import ServiceUnavailableError

from demo.stack import database, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from demo.stack.paths import StackPaths
    from demo.stack.settings import StackSettings
    from demo.stack.supervision import Supervisor

ANSWER_S = 5.0
"""A healthy program answers a check within this time."""

LOG_LINES = 12
"""Last lines of a log shown as the cause."""

AIRFLOW_PATIENCE = 3
"""Airflow's programs start side by side and each needs several seconds of CPU, so they share a longer limit."""

AIRFLOW_PARTS = {"api-server": "metadatabase", "scheduler": "scheduler", "dag-processor": "dag_processor"} | {
    "triggerer": "triggerer"
}
"""Program -> its entry in Airflow's health report."""


class Health:
    """Checks of one stack; each returns what is wrong, or an empty text."""

    def __init__(self, paths: StackPaths, settings: StackSettings, supervisor: Supervisor) -> None:
        self.paths = paths
        self.settings = settings
        self.supervisor = supervisor

    def fault(self, program: str) -> str:
        """Return what is wrong with a program, or an empty text."""
        if program in AIRFLOW_PARTS:
            return self._airflow(AIRFLOW_PARTS[program])
        checks: dict[str, Callable[[], str]] = {
            "postgres": self._postgres,
            "moto": lambda: _http(f"{self.settings.s3_url}/moto-api/data.json"),
            "s3fs": self._mount,
            "mapfile-copy": self._copy,
            "mapserv": lambda: _http(f"{self.settings.front_url}/health"),
            "mapserv-costly": lambda: _listens(self.paths.costly_socket),
            "nginx": lambda: _http(f"{self.settings.front_url}/health"),
        }
        return checks[program]()

    def wait(self, programs: Iterable[str]) -> None:
        """Wait until all programs answer.

        Raises:
            ServiceUnavailableError: One ended, or gave no answer in time; with the cause and the end of its log.
        """
        begun = time.monotonic()
        for program in programs:
            limit = self.settings.start_timeout_s * (AIRFLOW_PATIENCE if program in AIRFLOW_PARTS else 1)
            while fault := self.fault(program):
                state = self.supervisor.states().get(program, "GONE")
                if state in {"FATAL", "EXITED", "GONE", "STOPPED"}:
                    raise ServiceUnavailableError(
                        f"{program} ended while starting ({state.lower()}).{self.cause(program)}"
                    )
                if time.monotonic() - begun > limit:
                    raise ServiceUnavailableError(
                        f"{program} is not ready within {limit:g} s: {fault}.{self.cause(program)}"
                    )
                time.sleep(0.1)

    def cause(self, program: str) -> str:
        """Return the end of a program's log, as it stands."""
        log = self.paths.log / f"{program}.log"
        if not log.exists():
            return ""
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        return "\n".join([f" The end of {log}:", *(f"  {line}" for line in lines)])

    def require_free_ports(self, *, airflow: bool) -> None:
        """Refuse to start on ports that somebody else holds.

        Raises:
            ServiceUnavailableError: Naming port, holder and the setting to change.
        """
        names = ["s3_port", "postgis_port", "mapserver_port", *(["airflow_port"] if airflow else [])]
        held = {name: processes.listener(getattr(self.settings, name)) for name in names}
        faults = [
            f"port {getattr(self.settings, name)} is in use by {holder}; stop it or set COGMILL_{name.upper()}"
            for name, holder in held.items()
            if holder
        ]
        if faults:
            raise ServiceUnavailableError("; ".join(faults))

    def _postgres(self) -> str:
        try:
            with database.connect(self.paths, self.settings) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as err:
            return str(err).strip()
        return ""

    def _mount(self) -> str:
        return processes.mount_fault(self.paths.mapfiles, ANSWER_S)

    def _copy(self) -> str:
        return "" if self.paths.mapfiles.is_symlink() else "no copy of the mapfiles yet"

    def _airflow(self, part: str) -> str:
        try:
            status = _get(f"{self.settings.airflow_url}/api/v2/monitor/health").json()[part]["status"]
        except (httpx.HTTPError, ValueError) as err:
            return str(err)
        return "" if status == "healthy" else f"Airflow calls its {part} {status}"


def _get(url: str) -> httpx.Response:
    """Ask without the proxies of the caller's environment."""
    with httpx.Client(trust_env=False, timeout=ANSWER_S) as client:
        return client.get(url).raise_for_status()


def _listens(path: Path) -> str:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    except OSError as err:
        return str(err)
    return ""


def _http(url: str) -> str:
    try:
        _get(url)
    except httpx.HTTPError as err:
        return str(err)
    return ""
