"""Time limits and retries of the clients of S3 and SQS, and a line in the log for each try that failed."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from botocore.config import Config

log = logging.getLogger(__name__)

CONNECT_S = 10.0
"""Seconds for a connection to come up."""

TRIES = 4
"""Tries of one request before it counts as failed: with pauses between them, a service that says 503 is over it by then."""


CONNECTIONS = 10
"""Connections that a client keeps, and so requests that it makes sense to send at the same time."""


def client_config(silence_s: float) -> Config:
    """Return the configuration of a client that gives up on a silent service, and retries what a service asks to retry.

    Args:
        silence_s: Seconds without a byte of the answer after which a try has failed.
    """
    return Config(
        connect_timeout=min(CONNECT_S, silence_s),
        read_timeout=silence_s,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
    )


def log_failed_tries(client: Any, service: str) -> None:
    """Name each try that failed in the log; botocore itself is quiet until the last one has.

    Args:
        client: A ready client.
        service: Its name among botocore's events: `s3` or `sqs`.
    """
    client.meta.events.register_first(f"needs-retry.{service}", _log_failed_try, unique_id="cogmill-failed-tries")


def _log_failed_try(
    operation: Any, attempts: int, response: Any = None, caught_exception: Exception | None = None, **_: Any
) -> None:
    status = response[0].status_code if response else 0
    if caught_exception is not None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fault = caught_exception or f"status {status}"
        log.warning("aws_try_failed operation=%s try=%d of=%d fault=%s", operation.name, attempts, TRIES, fault)
