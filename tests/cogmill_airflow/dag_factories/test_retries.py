from __future__ import annotations

import pytest
from airflow.sdk import RetryAction
from cogmill.domain.errors import ConfigurationError, ServiceUnavailableError, SourceChangedError, VerificationError
from cogmill_airflow.dag_factories.retries import DEFAULTS, FaultRetryPolicy


@pytest.mark.parametrize("fault", [ServiceUnavailableError("S3 said 503"), SourceChangedError("replaced")])
@pytest.mark.parametrize("try_number", [1, 4])
def test_patience_is_long_when_the_world_is_at_fault(fault: Exception, try_number: int) -> None:
    decision = FaultRetryPolicy().evaluate(fault, try_number, DEFAULTS["retries"])

    assert decision.action is RetryAction.DEFAULT


@pytest.mark.parametrize("fault", [VerificationError("empty picture"), KeyError("etag"), MemoryError()])
def test_second_try_is_the_last_when_we_are_at_fault(fault: Exception) -> None:
    policy = FaultRetryPolicy()

    first, second = (policy.evaluate(fault, number, DEFAULTS["retries"]) for number in (1, 2))

    assert (first.action, first.retry_delay.total_seconds()) == (RetryAction.RETRY, 60)
    assert second.action is RetryAction.FAIL


def test_no_try_follows_when_a_setting_is_wrong() -> None:
    assert FaultRetryPolicy().evaluate(ConfigurationError("COGMILL_AREA"), 1, 4).action is RetryAction.FAIL
