"""Who is tried again, and when: the world's faults often, our own bugs once, the frame's faults never."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Context, RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision
from airflow.sdk.exceptions import AirflowRuntimeError

BUG_TRIES = 2
"""A fault that is not the world's is tried once more, because a full disk or a killed child may be over by then."""

BUG_DELAY = timedelta(seconds=60)
"""Pause before that second try."""


class FaultRetryPolicy(RetryPolicy):
    """Long patience for what is away, Airflow's own API included; one more try for all else, none for wrong settings."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Sort the exception into its family; the first try has the number 1."""
        from cogmill.domain.errors import ConfigurationError, ServiceUnavailableError, SourceChangedError

        del max_tries, context
        fault = type(exception).__name__
        if isinstance(exception, (ServiceUnavailableError, SourceChangedError, AirflowRuntimeError)):
            return RetryDecision.default()
        if isinstance(exception, ConfigurationError):
            return RetryDecision.fail(reason=f"{fault}: no retry before the setting is mended")
        if try_number < BUG_TRIES:
            return RetryDecision.retry(delay=BUG_DELAY, reason=f"{fault}: our fault, tried once more")
        return RetryDecision.fail(reason=f"{fault}: our fault, tried {try_number} times")

    def serialize(self) -> dict[str, Any]:
        """Name the class; it has no parameters."""
        return {"__type": f"{type(self).__module__}.{type(self).__qualname__}"}


DEFAULTS: Mapping[str, Any] = {
    "owner": "cogmill",
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": FaultRetryPolicy(),
    "execution_timeout": timedelta(minutes=30),
}
"""Default arguments of every DAG: waits of 30 s, 1, 2 and 4 minutes and some jitter, unless the policy says otherwise."""
