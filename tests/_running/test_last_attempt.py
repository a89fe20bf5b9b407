"""After the last attempt of a task, no message promises another one."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from airflow_provider_seats._running.last_attempt import end_retries
from airflow_provider_seats.exceptions import InvalidInputError, RateLimitError, TransientError, UsersNotReadyError
from airflow_provider_seats.operators import AssignSeatsOperator, AuditSeatsOperator
from airflow_provider_seats.testing import SEATS, FakeDatadog
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.operators import RATE_LIMITED, execute

NO_RETRY = "No retry of the task is left"


def errors() -> list[TransientError]:
    """Return errors that a retry may help against."""
    return [RateLimitError("GET /x", "slow down", 7), UsersNotReadyError("p", ["new@x.com"], earlier_attempts=True)]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("try_number", "max_tries", "is_last"), [(1, 0, True), (3, 2, True), (1, 2, False), (2, 2, False)]
)
def test_an_error_of_the_last_attempt_says_so(number: int, try_number: int, max_tries: int, is_last: bool) -> None:
    """Only after the last attempt, the message says that no retry is left, and promises none."""
    error = errors()[number]
    before, retry_after = str(error), error.retry_after
    end_retries(error, {"ti": FakeTaskInstance(try_number, max_tries)})
    assert (NO_RETRY in str(error)) is is_last
    assert (str(error) == before) is not is_last
    assert "Airflow retries" not in str(error) or not is_last
    assert error.retry_after == retry_after
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize("context", [{}, {"ti": None}, {"ti": object()}])
def test_without_the_attempt_nothing_is_said(context: dict[str, Any]) -> None:
    """If the context does not say which attempt this is, the message stays as it is."""
    for error in errors():
        before = str(error)
        end_retries(error, context)
        assert str(error) == before


def test_an_error_that_no_retry_can_fix_stays_as_it_is() -> None:
    """An error that fails the task at once says nothing about retries."""
    error = InvalidInputError("a", "b")
    end_retries(error, {"ti": FakeTaskInstance(1, 0)})
    assert str(error) == "a: b"


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("max_tries", [0, 2])
def test_the_summary_of_the_last_attempt_promises_nothing(datadog: FakeDatadog, max_tries: int) -> None:
    """Error, summary and headline of the last attempt agree, for an operator and for an audit."""
    datadog.script("GET", SEATS, *[RATE_LIMITED] * 9)
    runs: dict[type[Any], dict[str, Any]] = {
        AssignSeatsOperator: {"user_emails": ["new@x.com"], "missing_users": "retry"},
        AuditSeatsOperator: {},
    }
    for kind, arguments in runs.items():
        ti = FakeTaskInstance(1, max_tries)
        with pytest.raises(TransientError) as caught:
            execute(kind, {"ti": ti}, **{"product_code": PRODUCT, **arguments})
        texts = (str(caught.value), ti.pushed["summary"])
        assert [NO_RETRY in text for text in texts] == [max_tries == 0] * 2
        if kind is AssignSeatsOperator:
            assert ["Airflow retries" in text for text in texts] == [max_tries > 0] * 2
