"""What every step works with: the bucket, the ledger and the settings."""

from __future__ import annotations

from dataclasses import dataclass

from cogmill.aws.s3 import S3Store
from cogmill.aws.sqs import EventQueue
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Archive:
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
