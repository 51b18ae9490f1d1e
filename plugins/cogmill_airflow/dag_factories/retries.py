"""Default arguments and retry policy of all tasks: services that do not answer are retried often, other errors once, wrong settings never."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Context, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowRuntimeError
from cogmill.config.settings import load_settings

OTHER_TRIES = 2
"""Tries after an error of Cogmill's own: a full disk or a killed process may be over by the second one."""

OTHER_DELAY = timedelta(seconds=60)
"""Pause before that second try."""

BATCH_TIMEOUT = timedelta(hours=6)
"""Far longer than a batch of frames takes; ends a task that hangs."""

SCHEDULED_RUN_TIMEOUT = timedelta(hours=36)
"""A run of a DAG that is scheduled ends by then, whatever hangs: the next one waits for it. Longer than all tries of its tasks."""


class FaultRetryPolicy(RetryPolicy):
    """Retry a service that does not answer, Airflow's API included, as often as the task allows; retry other errors once."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Return whether and when to try again; the first try has the number 1."""
        from cogmill.domain.errors import ConfigurationError, ServiceUnavailableError, SourceChangedError

        name = type(exception).__name__
        if isinstance(exception, (ServiceUnavailableError, SourceChangedError, AirflowRuntimeError)):
            return RetryDecision.default()
        if isinstance(exception, ConfigurationError):
            return RetryDecision.fail(reason=f"{name}: not retried, because the setting must be corrected first")
        if try_number < OTHER_TRIES:
            return RetryDecision.retry(delay=OTHER_DELAY, reason=f"{name}: tried once more")
        return RetryDecision.fail(reason=f"{name}: failed {try_number} times")

    def serialize(self) -> dict[str, Any]:
        """Return the class path; the policy has no parameters."""
        return {"__type": f"{type(self).__module__}.{type(self).__qualname__}"}


DEFAULTS: dict[str, Any] = {
    "owner": "cogmill",
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": FaultRetryPolicy(),
    "execution_timeout": timedelta(minutes=30),
}
"""What no setting changes in every DAG: retries after 30 s, 1, 2 and 4 minutes with jitter, unless the policy decides otherwise."""


def task_defaults(own: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the default arguments of a DAG, with owner, retries and queue as the settings say.

    :param own: What a collection's file says otherwise, and its `priority`.
    :param changes: What a DAG needs otherwise.
    """
    settings, own = load_settings(), own or {}
    chosen = {
        "owner": own.get("owner", settings.owner),
        "retries": own.get("retries", settings.retries),
        "queue": own.get("queue", settings.queue),
        "priority_weight": own.get("priority"),
    }
    return {**DEFAULTS, **{name: value for name, value in chosen.items() if value not in ("", None)}, **changes}


def build_arguments(own: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return where tasks that build COGs or overviews run: arguments of their operators, as far as anything is said.

    :param own: What a collection's file says otherwise.
    """
    settings, own = load_settings(), own or {}
    chosen = {
        "queue": own.get("build_queue", settings.build_queue),
        "executor_config": own.get("build_executor_config", settings.build_executor_config),
    }
    return {name: value for name, value in chosen.items() if value}
