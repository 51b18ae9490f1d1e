"""The archive that every step works on: bucket, ledger and settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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
    """Queue of S3 notifications; None: the bucket is listed each time."""

    def with_settings(self, **changes: Any) -> Archive:
        """Return the same archive with other values of some settings."""
        return replace(self, settings=self.settings.model_copy(update=changes))
