"""The ledger as one object, and the way to open it."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from cogmill.domain.errors import ServiceUnavailableError
from cogmill.ledger.backfills import Backfills
from cogmill.ledger.bucket import BucketBinding
from cogmill.ledger.collections import Collections
from cogmill.ledger.connection.silence import SILENCE_S, TimeLimits, watch
from cogmill.ledger.findings import Findings
from cogmill.ledger.frames import Frames
from cogmill.ledger.history import History
from cogmill.ledger.overview_cells import OverviewCells
from cogmill.ledger.page_lists import PageQueries
from cogmill.ledger.queries import PublicDocuments, Queries
from cogmill.ledger.uploads import LoneScans, Uploads

SECURITY = re.compile(r"ssl(?!certmode|negotiation|keylogfile)\w*|gssencmode|channel_binding|requirepeer")
"""Parameters of libpq that say how a server is verified, and who this client is. Those that came with libpq 16 and later are left out:
psycopg brings a newer libpq than MapServer's, which refuses a whole service file for one word that it does not know."""


class Ledger:
    """Every method of the ledger, by subject, on one autocommit connection. Use it from one thread at a time.

    Args:
        connection: Opened with `TimeLimits.parameters`.
        silence_s: Seconds without a byte after which the server is suspected to be gone; 0 waits for ever.
    """

    def __init__(self, connection: psycopg.Connection[Any], silence_s: float = SILENCE_S) -> None:
        connection.autocommit = True
        watch(connection, silence_s)
        self._connection = connection
        self.binding = BucketBinding(connection)
        self.uploads = Uploads(connection)
        self.lone_scans = LoneScans(connection)
        self.frames = Frames(connection)
        self.collections = Collections(connection)
        self.queries = Queries(connection)
        self.pages = PageQueries(connection)
        self.history = History(connection)
        self.backfills = Backfills(connection)
        self.findings = Findings(connection)
        self.overview_cells = OverviewCells(connection)
        self.public_documents = PublicDocuments(connection)

    @classmethod
    def connect(cls, limits: TimeLimits | None = None, **parameters: Any) -> Ledger:
        """Open a ledger by libpq parameters (`host`, `port`, `dbname`, `user`, `password`, `service` ...).

        Args:
            limits: How long to wait for what; by default as `TimeLimits` says.
            parameters: Of libpq; they take precedence over those of the limits.

        Raises:
            ServiceUnavailableError: The server cannot be reached within ten seconds or refuses.
        """
        limits = limits or TimeLimits()
        try:
            return cls(psycopg.connect(**limits.parameters(**parameters)), limits.silence_s)
        except psycopg.OperationalError as err:
            raise ServiceUnavailableError(f"cannot open the ledger: {err}") from err

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def service_entry(self) -> dict[str, str]:
        """Return this connection as an entry of a libpq service file; holds the password."""
        info = self._connection.info
        entry = {"host": info.host, "port": str(info.port), "dbname": info.dbname, "user": info.user}
        secure = {name: value for name, value in info.get_parameters().items() if SECURITY.fullmatch(name)}
        return entry | secure | ({"password": info.password} if info.password else {})
