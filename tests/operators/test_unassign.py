"""UnassignSeatsOperator against a FakeDatadog."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import SeatsUnknownError
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.operators import (
    GHOST,
    OLD,
    account_reads,
    add_people,
    by_email,
    calls,
    emails,
    failure,
    reasons,
    refused,
    shifting,
    sync,
    unassign,
)


def test_unassigning_by_email_reads_no_users(datadog: FakeDatadog) -> None:
    """An unassign by email finds people in the seat list, and the report hints at a misspelt email."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    bob = datadog.add_user("bob@x.com", seat=PRODUCT)
    report = unassign(user_emails=["ANN@x.com", "nobody@x.com"], user_uuids=[GHOST])
    assert calls(datadog) == ["GET seats/users", "DELETE seats/users"]
    assert report["unassigned"] == [{"id": ann, "email": "ann@x.com"}]
    reason = "no seat has this email; check its spelling if one should"
    assert report["unchanged"] == [
        {"id": None, "email": "nobody@x.com", "reason": reason},
        {"id": GHOST, "email": None},
    ]
    assert (report["seats_before"], report["seats_after"]) == (2, 1)
    assert datadog.holders(PRODUCT) == {bob}


def test_all_accounts_of_an_email_lose_their_seat(datadog: FakeDatadog) -> None:
    """If two accounts share an email, an unassign by email unassigns both."""
    both = [datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("ann@x.com", status="Disabled", seat=PRODUCT)]
    assert [person["id"] for person in unassign(user_emails=["ann@x.com"])["unassigned"]] == both
    assert datadog.holders(PRODUCT) == set()


def test_unassigning_people_without_a_seat_writes_nothing(datadog: FakeDatadog) -> None:
    """An unassign by email of people without a seat reads the seat list once and writes nothing."""
    datadog.add_user("ann@x.com")
    assert by_email(unassign(user_emails=["ann@x.com"])) == {"unchanged": ["ann@x.com"]}
    assert calls(datadog) == ["GET seats/users"]


def test_an_old_run_takes_no_seat_that_was_given_since(datadog: FakeDatadog) -> None:
    """A run that is cleared reads the seats, also for people passed by UUID, and refuses those who were rehired."""
    bob, zed = datadog.add_user("bob@x.com"), datadog.add_user("zed@x.com")
    datadog.give_seat(PRODUCT, bob, assigned_at="2026-06-15T00:00:00Z")
    datadog.give_seat(PRODUCT, zed, assigned_at=OLD)
    due, now = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
    run = SimpleNamespace(start_date=now, run_after=due, data_interval_end=due, clear_number=1, run_type="scheduled")
    with pytest.raises(AirflowFailException, match=r"these people were given a seat after that: bob@x\.com"):
        unassign({"dag_run": run}, user_uuids=[bob, zed])
    assert datadog.holders(PRODUCT) == {bob, zed}
    assert by_email(unassign({"dag_run": run}, user_uuids=[zed])) == {"unassigned": ["zed@x.com"]}
    assert calls(datadog) == ["GET seats/users", "GET seats/users", "DELETE seats/users"]
    # A new run may.
    assert by_email(unassign({"dag_run": SimpleNamespace(start_date=now, run_type="manual")}, user_uuids=[bob])) == {
        "unassigned": [bob]
    }


def test_unassigning_uuids_costs_one_call_for_each_batch(datadog: FakeDatadog) -> None:
    """An unassign by UUID makes one call for each batch of 100 people and no other."""
    people = add_people(datadog, 5)
    report = unassign(user_uuids=people, batch_size=2)
    assert calls(datadog) == ["DELETE seats/users"] * 3
    assert (len(report["unassigned"]), report["seats_before"]) == (5, None)
    assert datadog.holders(PRODUCT) == set()


@pytest.mark.parametrize(("count", "warning"), [(1, "1 seat has no email"), (2, "2 seats have no email")])
def test_seats_without_an_email_are_logged_as_a_warning(datadog: FakeDatadog, count: int, warning: str) -> None:
    """An unassign by email warns about seats without an email, because their holders cannot be found."""
    for person in add_people(datadog, count):
        datadog.give_seat(PRODUCT, person, email=None)
    log: list[str] = []
    report = unassign(user_emails=["ann@x.com"], log=log)
    assert by_email(report) == {"unchanged": ["ann@x.com"]}
    assert any(line.startswith(f"warning: {warning}") for line in log)
    assert report["warnings"] == [f"{warning}, so someone passed by email may hold one of them unnoticed."]


def test_a_seat_without_a_uuid_is_an_error_that_asks_for_the_uuid(datadog: FakeDatadog) -> None:
    """If Datadog lists the seat of a passed email without a user UUID, the unassign is refused."""
    datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), id=None)
    message = refused(datadog, unassign, user_emails=["ann@x.com"])
    assert "seats of ann@x.com without a user UUID. Pass the UUIDs in user_uuids" in message


@pytest.mark.parametrize("flag", [True, "True"])
def test_read_seats_first_sends_only_people_with_a_seat(datadog: FakeDatadog, flag: Any) -> None:
    """With read_seats_first the seat list is read, only the difference is sent, and the report can be undone."""
    ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com")
    report = unassign(user_uuids=[ann, bob], read_seats_first=flag)
    assert calls(datadog) == ["GET seats/users", "DELETE seats/users"]
    assert datadog.calls("DELETE")[0].user_uuids == [ann]
    assert by_email(report) == {"unassigned": ["ann@x.com"], "unchanged": [bob]}
    assert (report["seats_before"], report["seats_after"]) == (1, 0)
    sync(undo=report)
    assert datadog.holders(PRODUCT) == {ann}


# --- missing_users ---


def test_an_unknown_email_can_refuse_the_unassign(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """With missing_users='fail' an email that Datadog does not know refuses the unassign, and the message names it."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.add_user("off@x.com", status="Disabled")
    arguments: dict[str, Any] = {"user_emails": ["ann@x.com", "off@x.com", "Misspelt@x.com"], "missing_users": "fail"}
    message, people = failure(unassign, ti, **arguments)
    assert "There is no Datadog account for Misspelt@x.com (1 in all). Correct the emails, or continue" in message
    assert people == {"not_done": ["ann@x.com"], "unchanged": ["off@x.com"], "missing": ["Misspelt@x.com"]}
    assert datadog.holders(PRODUCT) == {ann}
    report = unassign(**{**arguments, "user_emails": ["ann@x.com", "off@x.com"]})
    assert by_email(report) == {"unassigned": ["ann@x.com"], "unchanged": ["off@x.com"]}
    assert report["guards"] == {"missing_users": "fail"}


def test_only_emails_without_a_seat_are_looked_up(datadog: FakeDatadog) -> None:
    """With missing_users='fail' only the emails that hold no seat are looked up, and with 'skip' none."""
    add_people(datadog, 2)
    datadog.add_user("left@x.com")
    unassign(user_emails=[*emails(0), "left@x.com"], missing_users="fail")
    assert [each.query["filter"] for each in datadog.calls("GET", USERS)] == ["left@x.com"]
    unassign(user_emails=emails(1), missing_users="fail")
    assert by_email(unassign(user_emails=["ghost@x.com"], missing_users="skip")) == {"unchanged": ["ghost@x.com"]}
    assert len(datadog.calls("GET", USERS)) == 1


def test_a_leaver_whose_account_has_another_email_is_not_called_unchanged(datadog: FakeDatadog) -> None:
    """If a looked-up account holds a seat under another email, the report does not say that it holds none."""
    ann = datadog.add_user("ann.new@x.com")
    datadog.give_seat(PRODUCT, ann, email="ann.old@x.com")
    report = unassign(user_emails=["ann.new@x.com"], missing_users="fail")
    assert [person["id"] for person in report["unassigned"]] == [ann]
    assert datadog.holders(PRODUCT) == set()


# --- guards ---


def test_an_unassign_keeps_its_limit_and_protected_people(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """An unassign of more people than max_unassign is refused, and protected people keep their seat."""
    people = add_people(datadog, 5)
    message, _ = failure(unassign, ti, user_uuids=people, max_unassign="20%", protect=["U0@X.com"])
    assert "4 of 5 seats would be unassigned, and the limit is 1 (max_unassign=20%): " in message
    assert datadog.calls("DELETE") == []
    report = unassign(user_uuids=people, max_unassign="80%", protect="U0@X.com")
    assert report["protected"] == [{"id": people[0], "email": "u0@x.com", "reason": "named in protect"}]
    assert report["guards"] == {
        "missing_users": "skip",
        "max_unassign": "80%",
        "max_unassign_people": 4,
        "protect": ["U0@X.com"],
    }
    assert datadog.holders(PRODUCT) == {people[0]}


def test_an_account_with_a_protected_email_keeps_the_seat(datadog: FakeDatadog) -> None:
    """An unassign reads accounts if protect contains an email that no row has, and keeps the seat of that account."""
    boss, ann = datadog.add_user("boss.new@x.com"), datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.give_seat(PRODUCT, boss, email="boss.old@x.com")
    report = unassign(user_uuids=[boss, ann], protect=["Boss.New@x.com"])
    assert reasons(report) == {boss: "the account's email boss.new@x.com is named in protect"}
    assert sorted(account_reads(datadog)) == sorted([boss, ann])
    assert datadog.holders(PRODUCT) == {boss}
    assert "protect_unmatched" not in report["guards"]


def test_an_unassign_reads_no_account_if_every_protected_email_is_listed(datadog: FakeDatadog) -> None:
    """An unassign reads no account if the seat list contains every email of protect."""
    people = add_people(datadog, 3)
    unassign(user_uuids=people[1:], user_emails=["ghost@x.com"], protect=emails(0))
    assert calls(datadog) == ["GET seats/users", "DELETE seats/users"]


@pytest.mark.parametrize("check", [False, "False"])
def test_an_unassign_can_skip_the_check_of_accounts(datadog: FakeDatadog, check: Any) -> None:
    """With check_accounts=False an unassign reads no account, and the report's guards record it."""
    people = add_people(datadog, 1)
    log: list[str] = []
    report = unassign(user_uuids=people, protect=["boss@x.com"], check_accounts=check, log=log)
    assert calls(datadog) == ["GET seats/users", "DELETE seats/users"]
    assert report["guards"] == {
        "missing_users": "skip",
        "protect": ["boss@x.com"],
        "protect_unmatched": ["boss@x.com"],
        "check_accounts": False,
    }
    assert "warning: protect: no seat and no account that was read matches boss@x.com. Check the spelling." in log


def test_an_unassign_without_the_permission_to_check_accounts_changes_nothing(
    datadog: FakeDatadog, no_waits: list[float]
) -> None:
    """If accounts must be read and the key may not, the unassign fails, names the permission and changes nothing."""
    people = add_people(datadog, 1)
    datadog.script("GET", f"{USERS}/{people[0]}", *[Fault(403)] * 2)
    assert "user_access_read" in refused(datadog, unassign, user_uuids=people, protect=["boss@x.com"])


# --- absence in a list of several pages ---


def test_an_unassign_by_email_confirms_an_absence_by_a_second_reading(datadog: FakeDatadog) -> None:
    """If two pages shift so that a leaver is on neither, a second reading finds the seat, and it is unassigned."""
    people = add_people(datadog, 101)
    shifting(datadog, people[50])
    report = unassign(user_emails=emails(50))
    assert by_email(report) == {"unassigned": emails(50)}
    assert calls(datadog) == ["GET seats/users"] * 4 + ["DELETE seats/users"]
    assert datadog.holders(PRODUCT) == {*people[:50], *people[51:]}
    assert (report["seats_before"], report["seats_after"]) == (101, 100)


def test_a_list_of_several_pages_is_read_at_most_twice(datadog: FakeDatadog) -> None:
    """A leaver who is in no reading is unchanged after the second one, and one page is read once."""
    add_people(datadog, 101)
    assert by_email(unassign(user_emails=["ghost@x.com"])) == {"unchanged": ["ghost@x.com"]}
    assert calls(datadog) == ["GET seats/users"] * 4
    datadog.received.clear()
    unassign(user_emails=emails(0, 1))
    assert calls(datadog) == ["GET seats/users"] * 2 + ["DELETE seats/users"]
    datadog.received.clear()
    unassign(user_emails=["ghost@x.com"])
    assert calls(datadog) == ["GET seats/users"]


# --- faults ---


def test_a_lost_response_is_reported_correctly(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """If the response of a carried-out change is lost, the report lists the change, and it is not sent again."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    bob = datadog.add_user("bob@x.com", seat=PRODUCT)
    datadog.script("DELETE", SEATS, Fault(502, "<html>Bad Gateway</html>", applied=True))
    report = unassign(user_emails=["ann@x.com"], user_uuids=[bob])
    assert by_email(report) == {"unassigned": ["ann@x.com", "bob@x.com"]}
    assert len(datadog.calls("DELETE")) == 1


def test_people_are_unknown_if_the_seats_cannot_be_read_back(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float]
) -> None:
    """If neither the change nor the seat list is answered, the task fails and the report calls the people unknown."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.script("DELETE", SEATS, Fault(lost="after"))
    datadog.script("GET", SEATS, Fault(), *[Fault(500)] * 5)
    with pytest.raises(SeatsUnknownError, match="it is unknown whether the seats of 1 person were changed"):
        unassign({"ti": ti}, user_emails=["ann@x.com"])
    report = ti.pushed["return_value"]
    assert report["unknown"] == [{"id": ann, "email": "ann@x.com"}]
    assert report["seats_after"] is None


@pytest.mark.parametrize("status", [200, 202])
def test_an_unconfirmed_unassignment_is_read_back(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float], status: int
) -> None:
    """A success that changed nothing fails the task, and the message says that the list still shows the seat."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.script("DELETE", SEATS, Fault(status, {"status": "queued"}))
    message, people = failure(unassign, ti, user_emails=["ann@x.com"])
    assert (
        f"ann@x.com ({ann}) (Datadog accepted the call, but the seat list still shows the seat 60 s later)" in message
    )
    assert people == {"refused": ["ann@x.com"]}
