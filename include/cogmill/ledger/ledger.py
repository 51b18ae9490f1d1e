"""The ledger as one object, and the way to open it."""

from __future__ import annotations

from typing import Any

import psycopg

from cogmill.domain.errors import Unavailable
from cogmill.ledger.backfills import Backfills
from cogmill.ledger.catalog import Catalog
from cogmill.ledger.collections import Collections
from cogmill.ledger.findings import Upkeep
from cogmill.ledger.frames import Frames
from cogmill.ledger.history import Revisions
from cogmill.ledger.queries import Browse
from cogmill.ledger.uploads import Arrivals


class Ledger:
    """All the ledger's questions and acts on one autocommit connection. Use it from one thread at a time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        connection.autocommit = True
        self._connection = connection
        self.arrivals = Arrivals(connection)
        self.frames = Frames(connection)
        self.collections = Collections(connection)
        self.catalog = Catalog(connection)
        self.browse = Browse(connection)
        self.revisions = Revisions(connection)
        self.backfills = Backfills(connection)
        self.upkeep = Upkeep(connection)

    @classmethod
    def connect(cls, **parameters: Any) -> Ledger:
        """Open a ledger by libpq parameters (`host`, `port`, `dbname`, `user`, `password`, `service` ...).

        Raises:
            Unavailable: The server cannot be reached within ten seconds or refuses.
        """
        try:
            return cls(psycopg.connect(connect_timeout=10, application_name="cogmill", **parameters))
        except psycopg.OperationalError as err:
            raise Unavailable(f"cannot open the ledger: {err}") from err

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def service_entry(self) -> dict[str, str]:
        """Return this connection as an entry of a libpq service file; holds the password."""
        info = self._connection.info
        entry = {"host": info.host, "port": str(info.port), "dbname": info.dbname, "user": info.user}
        return entry | ({"password": info.password} if info.password else {})
