"""The retry policy: when a task is retried."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException, AirflowOptionalProviderFeatureException
from airflow_provider_seats.exceptions import RateLimitError, TransientError, UnavailableError, UsersNotReadyError
from tests.helpers.airflow_home import AIRFLOW

LIST = "GET /list"
has_policies = pytest.mark.skipif(AIRFLOW < (3, 3), reason="this Airflow has no retry policies yet")


def decision_on(error: BaseException) -> Any:
    """Return what the policy decides about an error."""
    from airflow_provider_seats.retries import RetryAfter

    return RetryAfter.deserialize(RetryAfter().serialize()).evaluate(error, 1, 3)


@has_policies
@pytest.mark.parametrize(
    "error",
    [RateLimitError(LIST, "slow down", 899.2), UnavailableError(LIST, "down", 503, 899.2)],
)
def test_a_task_is_retried_when_datadog_allows_it(error: TransientError) -> None:
    """The delay is the time that Datadog stated, rounded up to whole seconds, and the reason is in the log."""
    decision = decision_on(error)
    assert (decision.action.value, decision.retry_delay) == ("retry", timedelta(seconds=900))
    assert "900 s" in decision.reason


@has_policies
@pytest.mark.parametrize(
    "error",
    [
        *(UnavailableError(LIST, "down", 503), UsersNotReadyError("p", ["new@x"], {"missing_users": "Nobody."})),
        *(ValueError("x"), AirflowFailException("no"), KeyboardInterrupt()),
    ],
)
def test_an_error_without_a_time_is_left_to_the_task(error: BaseException) -> None:
    """The task's own ``retry_delay`` applies to an error that states no time."""
    decision = decision_on(error)
    assert (decision.action.value, decision.retry_delay) == ("default", None)


@pytest.mark.skipif(AIRFLOW >= (3, 3), reason="this Airflow has retry policies")
def test_an_airflow_without_retry_policies_is_named_in_the_error() -> None:
    """The import fails with an error that names the Airflow version that is needed."""
    sys.modules.pop("airflow_provider_seats.retries", None)
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"3\.3 or later"):
        importlib.import_module("airflow_provider_seats.retries")
