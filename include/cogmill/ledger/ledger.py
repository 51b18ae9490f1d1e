"""The ledger as one object, and the way to open it."""

from __future__ import annotations

from typing import Any

import psycopg

from cogmill.domain.errors import ServiceUnavailableError
from cogmill.ledger.backfills import Backfills
from cogmill.ledger.bucket import BucketBinding
from cogmill.ledger.collections import Collections
from cogmill.ledger.findings import Findings
from cogmill.ledger.frames import Frames
from cogmill.ledger.history import History
from cogmill.ledger.overview_cells import OverviewCells
from cogmill.ledger.page_queries import PageQueries
from cogmill.ledger.queries import Queries
from cogmill.ledger.uploads import Uploads


class Ledger:
    """Every method of the ledger, by subject, on one autocommit connection. Use it from one thread at a time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        connection.autocommit = True
        self._connection = connection
        self.binding = BucketBinding(connection)
        self.uploads = Uploads(connection)
        self.frames = Frames(connection)
        self.collections = Collections(connection)
        self.queries = Queries(connection)
        self.pages = PageQueries(connection)
        self.history = History(connection)
        self.backfills = Backfills(connection)
        self.findings = Findings(connection)
        self.overview_cells = OverviewCells(connection)

    @classmethod
    def connect(cls, **parameters: Any) -> Ledger:
        """Open a ledger by libpq parameters (`host`, `port`, `dbname`, `user`, `password`, `service` ...).

        Raises:
            ServiceUnavailableError: The server cannot be reached within ten seconds or refuses.
        """
        try:
            return cls(psycopg.connect(connect_timeout=10, application_name="cogmill", **parameters))
        except psycopg.OperationalError as err:
            raise ServiceUnavailableError(f"cannot open the ledger: {err}") from err

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def service_entry(self) -> dict[str, str]:
        """Return this connection as an entry of a libpq service file; holds the password."""
        info = self._connection.info
        entry = {"host": info.host, "port": str(info.port), "dbname": info.dbname, "user": info.user}
        return entry | ({"password": info.password} if info.password else {})
