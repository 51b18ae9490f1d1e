"""The connection of the ledger: named statements that are run on it, and time limits."""

from cogmill.ledger.connection.statements import SQL, Part, Row, as_json, available, named_queries, statement

__all__ = ["SQL", "Part", "Row", "as_json", "available", "named_queries", "statement"]
