"""The frame ledger in PostGIS: the only package that speaks SQL.

Receives a ready connection and never reads credentials. The statements themselves stand in `include/cogmill/ledger/sql/`.
"""

from cogmill.ledger.ledger import Ledger

__all__ = ["Ledger"]
