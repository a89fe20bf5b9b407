"""The operators, run against a FakeDatadog: calls, reports, refusals and errors."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_seats._api.flow import RateLimitedError, UnavailableError
from airflow_provider_seats._api.seats import SeatsUnknownError
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance

GHOST = "00000000-0000-0000-0000-000000000000"


def assign(**arguments: Any) -> AssignSeatsOperator:
    """Make the operator."""
    return AssignSeatsOperator(**{"task_id": "assign", "product_code": PRODUCT, **arguments})


def unassign(**arguments: Any) -> UnassignSeatsOperator:
    """Make the operator."""
    return UnassignSeatsOperator(**{"task_id": "unassign", "product_code": PRODUCT, **arguments})


def context(ti: FakeTaskInstance) -> Any:
    """Give what an operator is given when it runs, as far as it is asked for."""
    return {"ti": ti}


def calls(datadog: FakeDatadog) -> list[str]:
    """Give method and last part of the path of each call."""
    return [f"{each.method} {each.path.split('/', 3)[-1]}" for each in datadog.calls()]


def kinds(report: Any) -> dict[str, list[str]]:
    """Give the kinds of a report that hold someone, by email or else UUID."""
    return {
        kind: [person["email"] or person["id"] for person in people]
        for kind, people in report.items()
        if isinstance(people, list) and people
    }


def failure(operator: Any, ti: FakeTaskInstance) -> tuple[str, dict[str, list[str]]]:
    """Run an operator that fails without retry; give the message and the pushed report."""
    with pytest.raises(AirflowFailException) as caught:
        operator.execute(context(ti))
    assert caught.value.__cause__ is not None
    return str(caught.value), kinds(ti.pushed.get("return_value", {}))


# --- calls and reports ---


def test_assigning_uuids_is_a_call_a_batch_and_nothing_else(datadog: FakeDatadog) -> None:
    """230 UUIDs are three calls; duplicates are sent once."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(230)]
    report = assign(user_uuids=[*people, people[0].upper()]).execute({})
    assert calls(datadog) == ["POST seats/users"] * 3
    assert [person["id"] for person in report["assigned"]] == people
    assert (report["seats_before"], report["seats_after"]) == (None, None)
    assert datadog.holders(PRODUCT) == set(people)


def test_assigning_by_email_looks_each_email_up(datadog: FakeDatadog) -> None:
    """The report has Datadog's email and UUID; running it again changes nothing and fails nothing."""
    ann = datadog.add_user("ann@x.com")
    datadog.add_user("joann@x.com", "ann@x.com")
    for _ in range(2):
        report = assign(user_emails=["Ann@X.com"]).execute({})
        assert report["assigned"] == [{"id": ann, "email": "ann@x.com"}]
        assert datadog.holders(PRODUCT) == {ann}
    assert calls(datadog)[:2] == ["GET users", "POST seats/users"]


def test_people_may_be_something_that_can_be_read_but_once(datadog: FakeDatadog) -> None:
    """A generator is not an empty job."""
    ann = datadog.add_user("ann@x.com")
    assert kinds(assign(user_uuids=(each for each in [ann])).execute({})) == {"assigned": [ann]}
    assert kinds(unassign(user_emails=iter(["ann@x.com"])).execute({})) == {"unassigned": ["ann@x.com"]}


def test_uuids_and_emails_may_come_together(datadog: FakeDatadog) -> None:
    """Someone given both ways is sent once."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    report = assign(user_uuids=[ann, bob], user_emails=["ann@x.com"]).execute({})
    assert kinds(report) == {"assigned": ["ann@x.com", bob]}
    assert datadog.calls("POST")[0].user_uuids == [ann, bob]


def test_unassigning_by_email_never_asks_for_users(datadog: FakeDatadog) -> None:
    """The seat list carries the emails; who has no seat is unchanged."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    bob = datadog.add_user("bob@x.com", seat=PRODUCT)
    report = unassign(user_emails=["ANN@x.com", "nobody@x.com"], user_uuids=[GHOST]).execute({})
    assert calls(datadog) == ["GET seats/users", "DELETE seats/users"]
    assert report["unassigned"] == [{"id": ann, "email": "ann@x.com"}]
    assert report["unchanged"] == [{"id": None, "email": "nobody@x.com"}, {"id": GHOST, "email": None}]
    assert (report["seats_before"], report["seats_after"]) == (2, 1)
    assert datadog.holders(PRODUCT) == {bob}


def test_unassigning_those_who_hold_nothing_writes_nothing(datadog: FakeDatadog) -> None:
    """The same offboarding twice is one look the second time."""
    datadog.add_user("ann@x.com")
    assert kinds(unassign(user_emails=["ann@x.com"]).execute({})) == {"unchanged": ["ann@x.com"]}
    assert calls(datadog) == ["GET seats/users"]


def test_unassigning_uuids_is_a_call_a_batch(datadog: FakeDatadog) -> None:
    """The size of a batch may be told."""
    people = [datadog.add_user(f"u{number}@x.com", seat=PRODUCT) for number in range(5)]
    report = unassign(user_uuids=people, batch_size="2").execute({})
    assert calls(datadog) == ["DELETE seats/users"] * 3
    assert (len(report["unassigned"]), report["seats_before"]) == (5, None)
    assert datadog.holders(PRODUCT) == set()


def test_seats_without_an_email_are_warned_of(datadog: FakeDatadog) -> None:
    """Nobody can be recognised there, so an offboarding by email may have missed someone."""
    datadog.give_seat(PRODUCT, GHOST, email=None)
    operator = unassign(user_emails=["ann@x.com"])
    lines: list[str] = []
    operator.log.warning = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    assert kinds(operator.execute({})) == {"unchanged": ["ann@x.com"]}
    assert "1 seats have no email" in lines[-1]


@pytest.mark.parametrize("empty", [[], "[]", ()])
def test_an_empty_list_is_an_empty_job(datadog: FakeDatadog, empty: Any) -> None:
    """An empty report, and no call by UUID or email."""
    assert kinds(assign(user_emails=empty).execute({})) == {}
    assert kinds(unassign(user_uuids=empty).execute({})) == {}
    assert kinds(unassign(user_emails=empty).execute({})) == {}
    assert datadog.calls() == []


@pytest.mark.parametrize("preview", [True, "True", "true"])
def test_a_preview_tells_what_would_be_done_and_changes_nothing(datadog: FakeDatadog, preview: Any) -> None:
    """It has the same keys as the report of the real run."""
    ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com")
    told = assign(user_emails=["ann@x.com", "bob@x.com"], preview=preview).execute({})
    assert kinds(told) == {"assigned": ["bob@x.com"], "unchanged": ["ann@x.com"]}
    assert (told["preview"], told["seats_before"], told["seats_after"]) == (True, 1, 2)
    taken = unassign(user_uuids=[ann, bob], preview=preview).execute({})
    assert kinds(taken) == {"unassigned": ["ann@x.com"], "unchanged": [bob]}
    assert datadog.calls("POST") == datadog.calls("DELETE") == []
    assert datadog.holders(PRODUCT) == {ann}
    done = assign(user_emails=["ann@x.com", "bob@x.com"]).execute({})
    assert list(done) == list(told) == list(taken)


def test_a_report_is_plain_json(datadog: FakeDatadog) -> None:
    """It goes through XCom on every Airflow as it is."""
    datadog.add_user("ann@x.com")
    report = assign(user_emails=["ann@x.com"]).execute({})
    assert json.loads(json.dumps(report)) == report


def test_the_report_is_written_to_the_log(datadog: FakeDatadog) -> None:
    """As a short table."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    operator = unassign(user_emails=["ann@x.com"])
    lines: list[str] = []
    operator.log.info = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    operator.execute({})
    assert lines[-2:] == [f"{PRODUCT}: 1 unassigned; seats before 1, after 0", f"  unassigned  ann@x.com  {ann}"]


# --- refusals before anything is changed ---


def test_missing_people_change_nothing_unless_told_otherwise(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """Unknown and disabled accounts are named; skip goes on without them and reports them."""
    ann, off = datadog.add_user("ann@x.com"), datadog.add_user("off@x.com", status="Disabled")
    emails = ["ann@x.com", "Ghost@x.com", "off@x.com"]
    message, report = failure(assign(user_emails=emails), ti)
    assert "Ghost@x.com, off@x.com" in message
    assert "nothing was changed" in message
    assert report == {"missing": ["Ghost@x.com", "off@x.com"], "not_done": ["ann@x.com"]}
    assert datadog.calls("POST") == []
    skipped = assign(user_emails=emails, missing_users="skip").execute({})
    assert skipped["assigned"] == [{"id": ann, "email": "ann@x.com"}]
    assert skipped["missing"] == [{"id": None, "email": "Ghost@x.com"}, {"id": off, "email": "off@x.com"}]
    assert datadog.holders(PRODUCT) == {ann}


def test_an_email_of_several_accounts_is_an_error_that_shows_them(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """Unless all but one are disabled."""
    first, second = datadog.add_user("ann@x.com"), datadog.add_user("ann@x.com", service_account=True)
    message, report = failure(assign(user_emails=["ann@x.com"]), ti)
    assert first in message
    assert f"{second} (service account, Active)" in message
    assert report == {"not_done": ["ann@x.com"]}
    datadog.add_user("bob@x.com", status="Disabled")
    bob = datadog.add_user("bob@x.com")
    assert assign(user_emails=["bob@x.com"]).execute({})["assigned"][0]["id"] == bob


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "user_uuids or user_emails"),
        ({"user_emails": "None"}, "user_emails: 'None'"),
        ({"user_uuids": ["abc"]}, "user_uuids: 'abc'"),
        ({"user_emails": ["a@x.com"], "product_code": ""}, "product_code: ''"),
        ({"user_emails": ["a@x.com"], "preview": "perhaps"}, "preview: 'perhaps'"),
        ({"user_emails": ["a@x.com"], "batch_size": 0}, "batch_size: 0"),
        ({"user_emails": ["a@x.com"], "missing_users": "ignore"}, "missing_users: 'ignore'"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named_and_nothing_is_asked(
    datadog: FakeDatadog, ti: FakeTaskInstance, arguments: dict[str, Any], words: str
) -> None:
    """The task fails at once, with the field and its value in the message."""
    message, _ = failure(assign(**arguments), ti)
    assert words in message
    assert datadog.calls() == []


def test_nothing_happens_when_a_dag_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments are stored as they are, even wrong ones; no connection is looked up."""
    monkeypatch.delenv("AIRFLOW_CONN_DATADOG_DEFAULT", raising=False)
    operator = assign(
        user_emails="{{ params.emails }}", missing_users="{{ x }}", preview="{{ y }}", batch_size="{{ z }}"
    )
    given = operator.user_emails, operator.missing_users, operator.preview, operator.batch_size
    assert given == ("{{ params.emails }}", "{{ x }}", "{{ y }}", "{{ z }}")
    fields = {"product_code", "user_uuids", "user_emails", "preview", "batch_size", "datadog_conn_id"}
    assert set(AssignSeatsOperator.template_fields) == fields | {"missing_users", "max_seats"}
    assert set(UnassignSeatsOperator.template_fields) == fields | {"max_unassign", "protect"}
    fields |= {"mode", "missing_users", "allow_empty", "max_unassign", "max_seats", "min_seat_age", "protect"}
    assert set(SyncSeatsOperator.template_fields) == fields | {"approved", "undo"}


# --- what Datadog refuses ---


def test_one_bad_user_among_many_is_named_and_the_others_land(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """90 land, the error names the one with Datadog's words, and the report is pushed."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(90)]
    message, report = failure(assign(user_uuids=[*people[:40], GHOST, *people[40:]]), ti)
    assert f"{GHOST} (422: Generic Error: user {GHOST} not found)" in message
    assert (len(report["assigned"]), report["refused"]) == (90, [GHOST])
    assert datadog.holders(PRODUCT) == set(people)


def test_a_refused_person_is_named_by_email_too(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """Who reads the log knows emails."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("POST", SEATS, Fault(422, {"errors": [{"title": "Generic Error", "detail": "no licence"}]}))
    message, report = failure(assign(user_emails=["ann@x.com"]), ti)
    assert f"ann@x.com ({ann}) (422: Generic Error: no licence)" in message
    assert report == {"refused": ["ann@x.com"]}


@pytest.mark.parametrize("seated_users", ["omit", "include"])
def test_those_who_already_hold_a_seat_are_as_asked(seated_users: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether Datadog names them in assigned_ids or not."""
    with FakeDatadog(seated_users=seated_users) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com")
        report = assign(user_uuids=[ann, bob]).execute({})
        assert [person["id"] for person in report["assigned"]] == [ann, bob]
        assert len(datadog.calls("GET")) == (seated_users == "omit")


def test_a_201_that_changed_nothing_fails_the_task(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float]
) -> None:
    """Having sent a request is not success."""
    ann = datadog.add_user("ann@x.com")
    nothing = {"data": {"type": "seat-assignments", "attributes": {"assigned_ids": [], "product_code": PRODUCT}}}
    datadog.script("POST", SEATS, Fault(201, nothing))
    message, report = failure(assign(user_uuids=[ann]), ti)
    assert ann in message
    assert report == {"refused": [ann]}
    assert [round(seconds) for seconds in no_waits] == [2]


@pytest.mark.parametrize(("status", "words"), [(401, "API key required"), (403, "Forbidden"), (404, "Not Found")])
def test_what_no_retry_would_mend_fails_at_once_in_datadogs_words(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float], status: int, words: str
) -> None:
    """The status, the words and what to look at are in the message; nobody was changed, and the report says so."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.script("GET", SEATS, *[Fault(status, {"errors": [words]})] * 2)
    message, report = failure(unassign(user_emails=["ann@x.com"]), ti)
    assert str(status) in message
    assert words in message
    assert ("'datadog_default'" if status < 404 else "product code") in message
    assert report == {"not_done": ["ann@x.com"]}
    assert datadog.holders(PRODUCT) == {ann}


def test_a_connection_that_cannot_be_used_fails_at_once(ti: FakeTaskInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Field and connection are named."""
    monkeypatch.setenv("AIRFLOW_CONN_DD", json.dumps({"conn_type": "datadog_seats"}))
    message, _ = failure(assign(user_emails=["ann@x.com"], datadog_conn_id="dd"), ti)
    assert "'dd'" in message
    assert "password" in message


# --- what may pass ---


def test_a_passing_fault_is_left_to_airflows_retries(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float]
) -> None:
    """The error goes out as it is, and the report has been pushed."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("POST", SEATS, *[Fault(503, {"errors": ["down"]})] * 5)
    with pytest.raises(UnavailableError, match="down"):
        assign(user_uuids=[ann]).execute(context(ti))
    assert kinds(ti.pushed["return_value"]) == {"not_done": [ann]}


def test_a_spent_limit_carries_the_seconds_to_wait(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """A retry policy can come back then."""
    datadog.script("DELETE", SEATS, Fault(429, headers={"X-RateLimit-Reset": "1800"}))
    with pytest.raises(RateLimitedError) as caught:
        unassign(user_uuids=[GHOST]).execute(context(ti))
    assert caught.value.retry_after == 1800


def test_a_lost_answer_is_reported_as_it_is(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """The write had landed; the report says exactly who changed."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    bob = datadog.add_user("bob@x.com", seat=PRODUCT)
    datadog.script("DELETE", SEATS, Fault(502, "<html>Bad Gateway</html>", applied=True))
    report = unassign(user_emails=["ann@x.com"], user_uuids=[bob]).execute({})
    assert kinds(report) == {"unassigned": ["ann@x.com", "bob@x.com"]}
    assert len(datadog.calls("DELETE")) == 1


def test_people_in_doubt_are_unknown_where_the_list_cannot_be_read(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float]
) -> None:
    """The task fails, and the seats afterwards are not told."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.script("DELETE", SEATS, Fault(lost="after"))
    datadog.script("GET", SEATS, Fault(), *[Fault(500)] * 5)
    with pytest.raises(SeatsUnknownError, match="not known"):
        unassign(user_emails=["ann@x.com"]).execute(context(ti))
    report = ti.pushed["return_value"]
    assert report["unknown"] == [{"id": ann, "email": "ann@x.com"}]
    assert report["seats_after"] is None


def test_nothing_is_pushed_where_airflow_was_told_not_to(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """do_xcom_push=False holds for the report of a failure, too."""
    with pytest.raises(AirflowFailException):
        assign(user_uuids=[GHOST], do_xcom_push=False).execute(context(ti))
    assert ti.pushed == {}


def test_keys_are_in_no_error_and_no_log(datadog: FakeDatadog, ti: FakeTaskInstance, capfd: Any) -> None:
    """At the finest level of logging, and whatever fails; what is logged is seen to be looked at."""
    before = logging.root.level
    logging.root.setLevel(logging.DEBUG)
    try:
        message, _ = failure(assign(user_uuids=[GHOST]), ti)
    finally:
        logging.root.setLevel(before)
    printed = "".join(capfd.readouterr())
    assert f"{PRODUCT}: 1 refused" in printed
    for key in (datadog.api_key, datadog.app_key):
        assert key not in message
        assert key not in printed
        assert key not in json.dumps(ti.pushed)


# --- guards of the two verbs ---


def test_a_budget_is_checked_before_the_first_write(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """The seat list is read for it; those who hold a seat are not counted again, nor sent."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    bob, cy = datadog.add_user("bob@x.com"), datadog.add_user("cy@x.com")
    message, report = failure(assign(user_uuids=[ann, bob, cy], max_seats="2"), ti)
    assert "max_seats" in message
    assert report == {"unchanged": ["ann@x.com"], "not_done": [bob, cy]}
    done = assign(user_uuids=[ann, bob], max_seats=2).execute({})
    assert kinds(done) == {"assigned": [bob], "unchanged": ["ann@x.com"]}
    assert (done["seats_after"], done["guards"]["max_seats"]) == (2, 2)
    assert [each.user_uuids for each in datadog.calls("POST")] == [[bob]]


def test_an_offboarding_keeps_the_protected_and_its_limit(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """Nothing is taken above the limit, and the protected in no case."""
    people = [datadog.add_user(f"u{number}@x.com", seat=PRODUCT) for number in range(5)]
    message, _ = failure(unassign(user_uuids=people, max_unassign="20%", protect=["U0@X.com"]), ti)
    assert "4 of 5 seats would be taken, and the limit is 1" in message
    assert datadog.calls("DELETE") == []
    report = unassign(user_uuids=people, max_unassign=4, protect="U0@X.com").execute({})
    assert report["protected"] == [{"id": people[0], "email": "u0@x.com", "reason": "protected"}]
    assert datadog.holders(PRODUCT) == {people[0]}


def test_a_broken_off_task_tells_that_it_is_not_known_how_far_it_came(
    datadog: FakeDatadog, ti: FakeTaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out of the task is no error of ours, but its report is true as well."""

    class TimeUpError(BaseException):
        pass

    people = [datadog.add_user(f"u{number}@x.com") for number in range(3)]
    operator = assign(user_uuids=people, batch_size=1)
    client = DatadogSeatsHook().get_conn()
    exchange = client._exchange
    left = iter([exchange, exchange])

    def some(request: Any) -> Any:
        try:
            return next(left)(request)
        except StopIteration:
            raise TimeUpError from None

    monkeypatch.setattr(client, "_exchange", some)
    monkeypatch.setattr(DatadogSeatsHook, "get_conn", lambda _: client)
    with pytest.raises(TimeUpError):
        operator.execute(context(ti))
    assert kinds(ti.pushed["return_value"]) == {"unknown": people}


def test_a_preview_says_what_the_run_will(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """Also for a disabled account that holds a seat, and for an email of two accounts."""
    datadog.add_user("off@x.com", status="Disabled", seat=PRODUCT)
    for preview in (True, False):
        assert "off@x.com" in failure(assign(user_emails=["off@x.com"], preview=preview), ti)[0]
    datadog.add_user("ann@x.com", status="Disabled", seat=PRODUCT)
    ann = datadog.add_user("ann@x.com")
    told = assign(user_emails=["ann@x.com"], preview=True).execute({})
    done = assign(user_emails=["ann@x.com"]).execute({})
    assert told["assigned"] == done["assigned"] == [{"id": ann, "email": "ann@x.com"}]
