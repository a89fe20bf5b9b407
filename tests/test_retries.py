"""The retry policy: when a task comes back."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowOptionalProviderFeatureException

from airflow_provider_seats._api.flow import PassingError, RateLimitedError, Request, UnavailableError
from tests.helpers.airflow_home import AIRFLOW

LIST = Request("GET", "/list")
has_policies = pytest.mark.skipif(AIRFLOW < (3, 3), reason="this Airflow has no retry policies yet")


def decision_on(error: BaseException) -> Any:
    """Ask the policy about an error."""
    from airflow_provider_seats.retries import RetryAfter

    return RetryAfter.deserialize(RetryAfter().serialize()).evaluate(error, 1, 3)


@has_policies
@pytest.mark.parametrize(
    "error",
    [RateLimitedError(LIST, "slow down", 899.2), UnavailableError(LIST, "down", 503, 899.2)],
)
def test_a_task_comes_back_when_datadog_said(error: PassingError) -> None:
    """Rounded up to whole seconds, with the reason for the log."""
    decision = decision_on(error)
    assert (decision.action.value, decision.retry_delay) == ("retry", timedelta(seconds=900))
    assert "900 s" in decision.reason


@has_policies
@pytest.mark.parametrize(
    "error", [UnavailableError(LIST, "down", 503), ValueError("x"), AirflowFailException("no"), KeyboardInterrupt()]
)
def test_what_says_nothing_of_when_is_left_to_the_task(error: BaseException) -> None:
    """Its own ``retry_delay`` applies."""
    decision = decision_on(error)
    assert (decision.action.value, decision.retry_delay) == ("default", None)


@pytest.mark.skipif(AIRFLOW >= (3, 3), reason="this Airflow has retry policies")
def test_an_airflow_without_retry_policies_is_told_what_it_needs() -> None:
    """Rather than the name of something that cannot be imported."""
    sys.modules.pop("airflow_provider_seats.retries", None)
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"3\.3 or later"):
        importlib.import_module("airflow_provider_seats.retries")
