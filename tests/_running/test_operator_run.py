"""The run of an operator: the state that it reaches, its report, XCom and the log."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import RateLimitError, UnavailableError
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.clients import intercepting
from tests.helpers.operators import (
    GHOST,
    RATE_LIMITED,
    Store,
    add_people,
    assign,
    by_email,
    emails,
    failure,
    sync,
    unassign,
)

KEYS = {
    *("product", "preview", "assigned", "unassigned", "unchanged", "missing", "refused", "protected", "unknown"),
    *("not_done", "seats_before", "seats_after", "guards", "refusals", "since_attempt", "started_at", "ended_at"),
    *("conn_id", "site", "counts", "warnings", "digest", "complete"),
}


class TimeUpError(BaseException):
    """An error that is not an Exception, as Airflow raises for a time-out or a signal."""


class BrokenXCom(FakeTaskInstance):
    """A task instance whose XCom backend fails."""

    def xcom_push(self, key: str, value: Any) -> None:
        """Fail."""
        raise ConnectionError("The XCom bucket is not there")


def interrupted_after(calls: int) -> AbstractContextManager[None]:
    """Make clients raise TimeUpError after so many calls in a ``with`` block."""
    left = iter(range(calls))

    def interrupt(_: object) -> None:
        if next(left, None) is None:
            raise TimeUpError

    return intercepting(interrupt)


# --- the report in each state ---


def test_a_report_has_the_same_keys_in_every_state(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """The report has the same keys after invalid arguments, a preview, a refusal, an interruption and a success."""
    add_people(datadog, 2)
    reports: list[Any] = []
    rosters: tuple[Any, ...] = (None, [])
    for roster in rosters:
        failure(sync, ti, user_emails=roster)
        reports.append(ti.pushed["return_value"])
    reports.append(sync(user_emails=emails(0), preview=True))
    with interrupted_after(1), pytest.raises(TimeUpError):
        sync({"ti": ti}, user_emails=emails(0))
    reports.append(ti.pushed["return_value"])
    reports.append(sync(user_emails=emails(0)))
    assert all(set(report) == KEYS for report in reports)
    assert all(json.loads(json.dumps(report)) == report for report in reports)


def test_a_run_with_invalid_arguments_reports_nobody(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """If the arguments cannot be parsed, the report names the product as passed, the connection and nobody."""
    assert failure(assign, ti, user_emails=["?"], product_code="some thing")[1] == {}
    report = ti.pushed["return_value"]
    assert (report["product"], report["seats_before"], report["preview"]) == ("some thing", None, False)
    failure(assign, ti, user_emails=["?"])
    assert (ti.pushed["return_value"]["conn_id"], ti.pushed["return_value"]["site"]) == ("datadog_default", None)


def test_a_run_that_fails_before_its_plan_reports_everyone_as_not_done(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float]
) -> None:
    """If the seat list cannot be read, the people passed to assign or unassign are not_done."""
    datadog.script("GET", SEATS, *[Fault(500)] * 20)
    for kind in (assign, unassign):
        with pytest.raises(UnavailableError):
            kind({"ti": ti}, user_emails=["ann@x.com"], user_uuids=[GHOST], preview=True)
        assert by_email(ti.pushed["return_value"]) == {"not_done": ["ann@x.com", GHOST]}
        assert ti.pushed["return_value"]["preview"] is True


@pytest.mark.parametrize("store", [None, Store()])
def test_a_run_that_fails_before_its_plan_reports_its_own_attempt(
    datadog: FakeDatadog, no_waits: list[float], store: Store | None
) -> None:
    """The report of a retry that cannot read the seat list names the connection, and covers this attempt only."""
    datadog.script("GET", SEATS, *[Fault(500)] * 10)
    ti = FakeTaskInstance(2)
    with pytest.raises(UnavailableError):
        sync({"ti": ti, "task_state_store": store}, user_emails=emails(0))
    report = ti.pushed["return_value"]
    assert (report["conn_id"], report["site"], report["since_attempt"]) == ("datadog_default", datadog.url, 2)


def test_a_refused_run_reports_its_refusals(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """If a guard refuses the plan, the report has the plan's people as not_done, the guards and the refusals."""
    add_people(datadog, 3)
    message, people = failure(sync, ti, user_emails=emails(0), max_unassign=1)
    report = ti.pushed["return_value"]
    assert people == {"not_done": emails(1, 2)}
    assert len(report["refusals"]) == 1
    assert report["refusals"][0] in message
    assert report["guards"]["max_unassign_people"] == 1
    assert (report["seats_before"], report["seats_after"]) == (3, 3)
    assert (report["started_at"], report["ended_at"]) == (None, None)


def test_an_interrupted_run_reports_the_people_as_unknown(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """If a time-out or a signal interrupts the changes, the pushed report calls everyone to change unknown."""
    people = add_people(datadog, 3, seat=None)
    with interrupted_after(2), pytest.raises(TimeUpError):
        assign({"ti": ti}, user_uuids=people, batch_size=1)
    assert by_email(ti.pushed["return_value"]) == {"unknown": people}


def test_an_interrupted_run_reports_who_was_to_be_changed_in_which_way(
    datadog: FakeDatadog, ti: FakeTaskInstance
) -> None:
    """The report of an interrupted sync says of each unknown person what was planned, and when the changes started."""
    people = add_people(datadog, 2)
    new = datadog.add_user("new@x.com")
    with interrupted_after(1), pytest.raises(TimeUpError):
        sync({"ti": ti}, user_uuids=[people[0], new])
    report = ti.pushed["return_value"]
    assert {person["id"]: person["reason"] for person in report["unknown"]} == {
        people[1]: "was to be unassigned",
        new: "was to be assigned",
    }
    assert report["started_at"] is not None
    assert report["ended_at"] is report["seats_after"] is None


# --- where and when ---


def test_a_report_records_when_its_changes_were_made(datadog: FakeDatadog) -> None:
    """started_at and ended_at are in UTC by Datadog's clock, and enclose assigned_at of the seats to the second."""
    people = add_people(datadog, 2, seat=None)
    report = assign(user_uuids=people, read_seats_first=True, batch_size=1)
    started, ended = (datetime.fromisoformat(str(report[key])) for key in ("started_at", "ended_at"))
    assert started.utcoffset() == timedelta()
    for seat in datadog._seats[PRODUCT].values():
        assigned = datetime.fromisoformat(seat["assigned_at"])
        assert started <= assigned <= ended + timedelta(seconds=1)
    unchanged = assign(user_uuids=people, read_seats_first=True)
    assert (unchanged["started_at"], unchanged["ended_at"]) == (None, None)


def test_a_report_names_the_connection_and_the_site(datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report contains the connection's id and base URL."""
    monkeypatch.setenv("AIRFLOW_CONN_DD", datadog.airflow_connection())
    report = sync(user_emails=[], mode="add_only", datadog_conn_id="dd")
    assert (report["conn_id"], report["site"]) == ("dd", datadog.url)


# --- XCom ---


def test_a_transient_error_is_left_to_airflow(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float]
) -> None:
    """A transient error is raised unchanged for Airflow's retries, after the report was pushed."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("POST", SEATS, *[Fault(503, {"errors": ["down"]})] * 5)
    with pytest.raises(UnavailableError, match="down"):
        assign({"ti": ti}, user_uuids=[ann])
    assert by_email(ti.pushed["return_value"]) == {"not_done": [ann]}


def test_a_rate_limit_error_has_the_seconds_to_wait(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """A rate limit that lasts too long raises its seconds, so that a retry can start then."""
    datadog.script("DELETE", SEATS, RATE_LIMITED)
    with pytest.raises(RateLimitError) as caught:
        unassign({"ti": ti}, user_uuids=add_people(datadog, 1))
    assert caught.value.retry_after == 900


def test_a_success_pushes_only_the_summary_itself(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """The report of a success is returned, and Airflow pushes it. The summary is pushed beside it."""
    add_people(datadog, 1)
    assert sync({"ti": ti}, user_emails=emails(0))["counts"]["unchanged"] == 1
    line = f"{PRODUCT}: 1 unchanged; seats before 1, after 1"
    assert ti.pushed == {"summary": line, "headline": line}


def test_a_failure_pushes_a_summary_that_says_why(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """The summary of a failed task ends with the message of its error."""
    add_people(datadog, 9)
    message = failure(sync, ti, user_emails=emails(0))[0]
    lines = ti.pushed["summary"].splitlines()
    assert lines[0] == f"{PRODUCT}: 1 unchanged, 8 not done; seats before 9, after 9"
    assert lines[-1] == f"- The task failed: {message}"


def test_a_task_that_pushes_no_xcom_pushes_no_summary(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """With ``do_xcom_push=False`` neither the report nor its summary is pushed."""
    add_people(datadog, 1)
    sync({"ti": ti}, user_emails=emails(0), do_xcom_push=False)
    with pytest.raises(AirflowFailException):
        sync({"ti": ti}, user_emails=[], do_xcom_push=False)
    assert ti.pushed == {}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"user_emails": []}, AirflowFailException), ({"user_emails": emails(0)}, RateLimitError)],
)
def test_the_error_of_the_task_wins_over_that_of_xcom(
    datadog: FakeDatadog, arguments: dict[str, Any], error: type[Exception]
) -> None:
    """If the XCom backend fails while a failed task pushes its report, the task's own error is raised."""
    add_people(datadog, 2)
    datadog.script("DELETE", SEATS, RATE_LIMITED)
    log: list[str] = []
    with pytest.raises(error) as caught:
        sync({"ti": BrokenXCom()}, **arguments, log=log)
    assert "bucket" not in str(caught.value)
    assert any(
        "warning: return_value could not be pushed to XCom (The XCom bucket is not there)." in line for line in log
    )


def test_a_run_outside_a_task_pushes_nothing(datadog: FakeDatadog) -> None:
    """A run that fails without a task instance in its context raises its error."""
    with pytest.raises(AirflowFailException, match="allow_empty"):
        sync(user_emails=[])


# --- the log ---


def test_the_report_is_logged_as_a_table(datadog: FakeDatadog) -> None:
    """The task's log ends with the counts and one line for each person."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    log: list[str] = []
    unassign(user_emails=["ann@x.com"], log=log)
    assert log[-2:] == [
        f"info: {PRODUCT}: 1 unassigned; seats before 1, after 0",
        f"info:   unassigned  ann@x.com  {ann}",
    ]


def test_a_failed_run_logs_its_report_too(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """The log of a task that failed in part contains the report that undo accepts."""
    people = add_people(datadog, 1, seat=None)
    log: list[str] = []
    failure(assign, ti, user_uuids=[*people, GHOST], read_seats_first=True, log=log)
    text = next(line.partition("\n")[2] for line in log if "The complete report" in line)
    sync(undo=text)
    assert datadog.holders(PRODUCT) == set()


def test_keys_are_in_no_error_and_no_log(datadog: FakeDatadog, ti: FakeTaskInstance, capfd: Any) -> None:
    """The keys are in no error, XCom or log line, also at the most detailed level of logging."""
    before = logging.root.level
    logging.root.setLevel(logging.DEBUG)
    try:
        message, _ = failure(assign, ti, user_uuids=[GHOST])
    finally:
        logging.root.setLevel(before)
    printed = "".join(capfd.readouterr())
    # Without this line, the log would not have been captured.
    assert f"{PRODUCT}: 1 refused" in printed
    for key in (datadog.api_key, datadog.app_key):
        assert key not in message
        assert key not in printed
        assert key not in json.dumps(ti.pushed)
