"""Time limits of the ledger's connections, so that a database that goes silent is noticed within a minute.

Three things can go silent. The database's host: TCP notices it by keepalives and unacknowledged data. Something between that
acknowledges what it never delivers, a relay or a pooler after a fail-over: TCP sees nothing wrong, and a second connection asks
how the first one is. This program's own host, in the middle of a transaction: the server ends such a session, and its locks with it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import psycopg

from cogmill.domain.errors import ServiceUnavailableError
from cogmill.ledger.queries import Queries

log = logging.getLogger(__name__)

CONNECT_S = 10
"""Seconds for a connection to come up."""

SILENCE_S = 20.0
"""Seconds without a byte from the server after which it is suspected to be gone."""

_KEEPALIVE = {"idle": 15, "interval": 5, "count": 3}
"""A peer that acknowledges nothing for 30 seconds is gone."""

_UNACKNOWLEDGED_MS = 30_000


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long the ledger waits for what; 0 means without limit."""

    silence_s: float = SILENCE_S
    """Without a byte from the server for so long, a second connection asks whether the statement is still being worked on."""
    statement_s: float = 900.0
    """Longest statement. The longest ones of a ledger of 1,000,000 frames take about a minute."""
    lock_s: float = 60.0
    """Longest wait for a lock, such as that of a collection's index."""
    idle_in_transaction_s: float = 60.0
    """The server ends a session that says nothing for so long inside of a transaction, and frees its locks."""

    def parameters(self, options: str = "", **others: Any) -> dict[str, Any]:
        """Return libpq parameters that carry these limits.

        Args:
            options: Options of the caller's own (`-c name=value`), which take precedence; by default those of `PGOPTIONS`.
            others: More libpq parameters, which take precedence as well.
        """
        ours = {
            "statement_timeout": round(self.statement_s * 1000),
            "lock_timeout": round(self.lock_s * 1000),
            "idle_in_transaction_session_timeout": round(self.idle_in_transaction_s * 1000),
            "tcp_user_timeout": _UNACKNOWLEDGED_MS,
            **{f"tcp_keepalives_{name}": value for name, value in _KEEPALIVE.items()},
        }
        given = " ".join(f"-c {name}={value}" for name, value in ours.items())
        options = options or os.environ.get("PGOPTIONS", "")
        return {
            "connect_timeout": CONNECT_S,
            "application_name": "cogmill",
            "keepalives": 1,
            **{f"keepalives_{name}": value for name, value in _KEEPALIVE.items()},
            "tcp_user_timeout": _UNACKNOWLEDGED_MS,
            "options": f"{given} {options}".strip(),
            **others,
        }


def watch(connection: psycopg.Connection[Any], silence_s: float) -> None:
    """Make a connection notice that its server has gone silent; without, it waits for as long as TCP sees nothing wrong.

    A statement that takes long and a server that is gone look alike from here. After each `silence_s` without a byte a second
    connection asks. Where that one gets no answer either, or hears twice that no statement is running, the connection is closed
    and `psycopg.OperationalError` raised.

    Args:
        connection: Any way of opening it will do; Airflow's hook takes no connection class.
        silence_s: Seconds; 0 watches nothing.
    """
    if silence_s > 0:
        _watch(connection, silence_s, _Doubt(connection).ask)


def _watch(connection: psycopg.Connection[Any], silence_s: float, when_silent: Callable[[int], None]) -> None:
    original = connection.wait

    def wait(gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        return original(_watched(gen, silence_s, when_silent), *args, **kwargs)

    connection.wait = wait  # type: ignore[method-assign]  # every wait of psycopg goes through this documented method


def _watched(
    gen: Generator[Any, Any, Any], silence_s: float, when_silent: Callable[[int], None]
) -> Generator[Any, Any, Any]:
    """Pass on what psycopg waits for and what became ready; call `when_silent` with 1, 2, ... where nothing becomes ready."""
    heard, times = time.monotonic(), 0
    try:
        wanted = next(gen)  # ends at once where there is nothing to wait for
        while True:
            ready = yield wanted
            if ready:
                heard, times = time.monotonic(), 0
            elif time.monotonic() - heard >= silence_s:
                times += 1
                when_silent(times)
                heard = time.monotonic()
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


class _Doubt:
    """What to think of a connection that waits for its server."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._lost = 0

    def ask(self, times: int) -> None:
        """Ask a second connection, and give the first one up where it is hopeless.

        Raises:
            psycopg.OperationalError: It is.
        """
        info = self._connection.info
        parameters: dict[str, Any] = {**info.get_parameters(), "password": info.password, "connect_timeout": CONNECT_S}
        try:
            with psycopg.connect(**parameters) as second:
                _watch(second, CONNECT_S, _no_answer)
                lost = Queries(second).has_lost(info.backend_pid)
        except (psycopg.Error, ServiceUnavailableError) as err:
            self._give_up(f"a second connection gets no answer either: {' '.join(str(err).split())}")
        self._lost = (self._lost if times > 1 else 0) + lost
        if self._lost > 1:  # an answer may have been on its way while the second connection asked for the first time
            self._give_up("its answer, or the question, was lost")
        log.info("database_slow host=%s lost=%s", info.host, lost)

    def _give_up(self, why: str) -> None:
        log.warning("database_silent host=%s why=%s", self._connection.info.host, why)
        self._connection.close()  # else a rollback would be sent into the same silence
        raise psycopg.OperationalError(f"the database has gone silent: {why}")


def _no_answer(_: int) -> None:
    raise psycopg.OperationalError(f"no answer within {CONNECT_S} s")
