"""What every step works with: the bucket, the ledger and the settings."""

from __future__ import annotations

from dataclasses import dataclass

from include.cogmill.ledger import Ledger
from include.cogmill.settings import Settings
from include.cogmill.sqs import EventQueue
from include.cogmill.store import S3Store


@dataclass(frozen=True, slots=True)
class Mill:
    """Ready clients and settings, opened by the caller."""

    store: S3Store
    ledger: Ledger
    settings: Settings
    queue: EventQueue | None = None
    """Where uploads are announced; None: the bucket is listed each time."""

    @property
    def vsi_root(self) -> str:
        """What GDAL puts before a key: `/vsis3/<bucket>/`."""
        return f"/vsis3/{self.store.bucket}/"
