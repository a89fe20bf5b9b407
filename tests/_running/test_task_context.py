"""What a run reads from Airflow's context, and what it pushes to XCom."""

from __future__ import annotations

import logging
import pickle
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_seats._running.task_context import (
    RETURN_VALUE,
    SUMMARY,
    end_retries,
    push_to_xcom,
    run_again,
    run_started,
)
from airflow_provider_seats.exceptions import InvalidInputError, RateLimitError, TransientError, UsersNotReadyError
from airflow_provider_seats.operators import AssignSeatsOperator, AuditSeatsOperator
from airflow_provider_seats.testing import SEATS, FakeDatadog
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.operators import RATE_LIMITED, execute

log = logging.getLogger(__name__)
NO_RETRY = "No retry of the task is left"
DUE, STARTED = datetime(2026, 11, 23, 6, tzinfo=UTC), datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
LOGICAL = datetime(2026, 11, 22, 6, tzinfo=UTC)

# --- XCom ---


def test_a_value_is_pushed_under_its_key(ti: FakeTaskInstance) -> None:
    """The keys are those that Airflow's pages and other tasks read."""
    context: Any = {"ti": ti}
    push_to_xcom(context, log, RETURN_VALUE, {"product": "p"})
    push_to_xcom(context, log, SUMMARY, "one line")
    assert ti.pushed == {"return_value": {"product": "p"}, "summary": "one line"}


def test_a_value_that_cannot_be_pushed_is_only_logged(ti: FakeTaskInstance, caplog: pytest.LogCaptureFixture) -> None:
    """If XCom is away, the task still ends with its own result or error."""

    def fail(key: str, value: Any) -> None:
        raise OSError("no space left")

    ti.xcom_push = fail  # type: ignore[method-assign]
    context: Any = {"ti": ti}
    push_to_xcom(context, log, SUMMARY, "one line")
    assert caplog.messages == ["summary could not be pushed to XCom (no space left)."]


def test_nothing_is_pushed_outside_of_a_task() -> None:
    """An operator that a test executes with an empty context has no XCom."""
    push_to_xcom({}, log, SUMMARY, "one line")


# --- the last attempt ---


def errors() -> list[TransientError]:
    """Return errors that a retry may help against."""
    return [
        RateLimitError("GET /x", "slow down", 7),
        UsersNotReadyError("p", ["new@x.com"], {"missing_users": "Nobody."}),
    ]


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
    new: dict[str, Any] = {"user_emails": ["new@x.com"], "missing_users": "retry"}
    runs: list[tuple[type[Any], dict[str, Any]]] = [(AssignSeatsOperator, new), (AuditSeatsOperator, {})]
    for kind, arguments in runs:
        ti = FakeTaskInstance(1, max_tries)
        with pytest.raises(TransientError) as caught:
            execute(kind, {"ti": ti}, **{"product_code": PRODUCT, **arguments})
        texts = (str(caught.value), ti.pushed["summary"])
        assert [NO_RETRY in text for text in texts] == [max_tries == 0] * 2
        if kind is AssignSeatsOperator:
            assert ["Airflow retries" in text for text in texts] == [max_tries > 0] * 2


# --- when the run began ---


@pytest.mark.parametrize(
    ("run", "started"),
    [
        ({"start_date": STARTED, "run_after": DUE, "clear_number": 0, "run_type": "scheduled"}, STARTED),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 1, "run_type": "scheduled"}, DUE),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "backfill"}, DUE),
        ({"start_date": NOW, "data_interval_end": DUE, "execution_date": LOGICAL, "clear_number": 1}, DUE),
        # A run that was triggered by hand: its data interval ended before.
        ({"start_date": NOW, "data_interval_end": LOGICAL, "execution_date": DUE, "clear_number": 2}, DUE),
        ({"start_date": NOW, "data_interval_end": DUE, "clear_number": 0, "run_type": "backfill"}, DUE),
        # Runs that waited until their DAG was unpaused: their roster may be in the conf, or in the event of an asset.
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "manual", "conf": {"emails": []}}, DUE),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "asset_triggered", "conf": {}}, DUE),
        ({"start_date": NOW, "queued_at": DUE, "clear_number": 0, "run_type": "manual", "conf": {"emails": []}}, DUE),
        ({"start_date": NOW, "queued_at": None, "clear_number": 0, "run_type": "manual", "conf": {"emails": []}}, NOW),
        # A person triggered them with a logical date, and Airflow 3.0 dated them by the end of the last interval.
        (
            {
                "start_date": NOW.replace(hour=12),
                "run_after": DUE,
                "data_interval_end": DUE,
                "logical_date": NOW,
                "run_type": "manual",
                "conf": {"emails": []},
            },
            NOW,
        ),
        (
            {
                "start_date": NOW,
                "run_after": DUE,
                "data_interval_end": DUE,
                "logical_date": LOGICAL,
                "run_type": "manual",
                "conf": {"emails": []},
            },
            DUE,
        ),
        # They read their roster themselves.
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "manual", "conf": {}}, NOW),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "scheduled", "conf": None}, NOW),
        ({"start_date": None, "run_after": DUE, "clear_number": None}, DUE),
        ({}, None),
    ],
)
def test_a_run_is_as_old_as_it_was_at_first(run: dict[str, Any], started: datetime | None) -> None:
    """A run that was cleared, that is a backfill, or that was handed something is as old as it was due."""
    context: Any = {"dag_run": SimpleNamespace(**run)}
    assert run_started(context) == started


@pytest.mark.parametrize(
    ("run", "again"),
    [
        ({"start_date": NOW, "run_after": DUE, "clear_number": 1, "run_type": "scheduled"}, (DUE, NOW)),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "backfill"}, (DUE, NOW)),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "manual", "conf": {"a": 1}}, (DUE, NOW)),
        ({"start_date": STARTED, "run_after": DUE, "clear_number": 1, "run_type": "scheduled"}, None),
        # It reads the list of leavers itself.
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "scheduled", "conf": None}, None),
        ({"start_date": None, "run_after": DUE, "clear_number": None}, None),
        ({}, None),
    ],
)
def test_a_run_that_begins_an_hour_after_it_was_due_is_an_old_one(
    run: dict[str, Any], again: tuple[datetime, datetime] | None
) -> None:
    """A run that was cleared, that is a backfill, or that waited, is an old one an hour after it was due."""
    context: Any = {"dag_run": SimpleNamespace(**run)}
    assert run_again(context) == again


def test_without_a_run_the_time_is_unknown() -> None:
    """A context without a run has no time."""
    context: Any = {}
    assert run_started(context) is None
    assert run_again(context) is None
