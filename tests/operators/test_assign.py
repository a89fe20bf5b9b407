"""AssignSeatsOperator against a FakeDatadog."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import UsersNotReadyError
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.operators import GHOST, add_people, assign, by_email, calls, failure, refused, sync


def test_assigning_uuids_costs_one_call_for_each_batch(datadog: FakeDatadog) -> None:
    """230 UUIDs are assigned in three calls and no other, and a UUID that is passed twice is sent once."""
    people = add_people(datadog, 230, seat=None)
    report = assign(user_uuids=[*people, people[0].upper()])
    assert calls(datadog) == ["POST seats/users"] * 3
    assert [person["id"] for person in report["assigned"]] == people
    assert (report["seats_before"], report["seats_after"]) == (None, None)
    assert datadog.holders(PRODUCT) == set(people)


def test_assigning_by_email_looks_up_each_account(datadog: FakeDatadog) -> None:
    """An email is looked up, the report has Datadog's email and UUID, and a second run succeeds without a change."""
    ann = datadog.add_user("ann@x.com")
    datadog.add_user("joann@x.com", "ann@x.com")
    for _ in range(2):
        report = assign(user_emails=["Ann@X.com"])
        assert report["assigned"] == [{"id": ann, "email": "ann@x.com"}]
        assert datadog.holders(PRODUCT) == {ann}
    assert calls(datadog)[:2] == ["GET users", "POST seats/users"]


def test_a_person_passed_by_uuid_and_email_is_sent_once(datadog: FakeDatadog) -> None:
    """UUIDs and emails can be passed together, and a person passed in both is sent once."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    report = assign(user_uuids=[ann, bob], user_emails=["ann@x.com"])
    assert by_email(report) == {"assigned": ["ann@x.com", bob]}
    assert datadog.calls("POST")[0].user_uuids == [ann, bob]


def test_missing_accounts_refuse_the_assignment_unless_they_are_skipped(
    datadog: FakeDatadog, ti: FakeTaskInstance
) -> None:
    """Emails without an enabled account refuse the assignment, and missing_users='skip' reports them instead."""
    ann, off = datadog.add_user("ann@x.com"), datadog.add_user("off@x.com", status="Disabled")
    people = ["ann@x.com", "Ghost@x.com", "off@x.com"]
    message, report = failure(assign, ti, user_emails=people)
    assert "Ghost@x.com, off@x.com (2 in all)" in message
    assert "nothing was changed." in message
    assert report == {"missing": ["Ghost@x.com", "off@x.com"], "not_done": ["ann@x.com"]}
    assert datadog.calls("POST") == []
    skipped = assign(user_emails=people, missing_users="skip")
    assert skipped["assigned"] == [{"id": ann, "email": "ann@x.com"}]
    assert skipped["missing"] == [{"id": None, "email": "Ghost@x.com"}, {"id": off, "email": "off@x.com"}]
    assert datadog.holders(PRODUCT) == {ann}


def test_an_email_of_several_enabled_accounts_is_an_error(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """An email of two enabled accounts is an error that names both, and a disabled second account does not count."""
    first, second = datadog.add_user("ann@x.com"), datadog.add_user("ann@x.com")
    message, report = failure(assign, ti, user_emails=["ann@x.com"])
    assert first in message
    assert f"{second} (Active)" in message
    assert report == {"not_done": ["ann@x.com"]}
    datadog.add_user("bob@x.com", status="Disabled")
    bob = datadog.add_user("bob@x.com")
    assert assign(user_emails=["bob@x.com"])["assigned"][0]["id"] == bob


@pytest.mark.parametrize("operator", [assign, sync])
def test_a_service_account_is_nobody_who_is_passed_by_email(datadog: FakeDatadog, operator: Any) -> None:
    """A service account may have a person's email. The account of the person counts, or nobody is found."""
    email = "ann@example.com"
    bot = datadog.add_user(email, service_account=True)
    message = refused(datadog, operator, user_emails=email)
    assert f"account for {email} (only a service account has this email; pass its UUID to give it a seat)" in message
    report = operator(user_emails=email, missing_users="skip")
    assert [(each["id"], each["email"]) for each in report["missing"]] == [(bot, email)]
    ann = datadog.add_user(email, status="Disabled")
    message = refused(datadog, operator, user_emails=email)
    assert f"There is no enabled Datadog account for {email} (1 in all)" in message
    datadog.set_status(ann, "Active")
    assert [each["id"] for each in operator(user_emails=email)["assigned"]] == [ann]
    assert [each["id"] for each in assign(user_uuids=bot)["assigned"]] == [bot]


def test_one_refused_person_does_not_stop_the_others(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """If Datadog refuses one of 91 people, the other 90 are assigned, and the error has Datadog's detail."""
    people = add_people(datadog, 90, seat=None)
    message, report = failure(assign, ti, user_uuids=[*people[:40], GHOST, *people[40:]])
    assert f"{GHOST} (422: Generic Error: user {GHOST} not found)" in message
    assert (len(report["assigned"]), report["refused"]) == (90, [GHOST])
    assert datadog.holders(PRODUCT) == set(people)


def test_the_error_names_a_refused_person_by_email(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """The message has the email and the UUID of a refused person who was passed by email."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("POST", SEATS, Fault(422, {"errors": [{"title": "Generic Error", "detail": "no licence"}]}))
    message, report = failure(assign, ti, user_emails=["ann@x.com"])
    assert f"ann@x.com ({ann}) (422: Generic Error: no licence)" in message
    assert report == {"refused": ["ann@x.com"]}


def test_the_error_counts_the_people_who_were_not_tried(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """After many equal refusals the rest is not tried, and the message and the report count those people."""
    people = add_people(datadog, 60, seat=None)
    strangers = [f"00000000-0000-4000-8000-0000000000{number}" for number in range(10, 70)]
    datadog.script("POST", SEATS, Fault(), *[Fault(422, {"errors": ["no licence"]})] * 100)
    message, report = failure(assign, ti, user_uuids=[*people, *strangers], batch_size=60)
    assert report["assigned"] == people
    assert 1 < len(report["not_done"]) == 60 - len(report["refused"])
    assert f"{len(report['not_done'])} more people were not tried." in message


@pytest.mark.parametrize("seated_users", ["omit", "include"])
def test_people_who_hold_a_seat_already_are_assigned(seated_users: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """People who hold a seat already are reported as assigned, whether or not Datadog confirms them."""
    with FakeDatadog(seated_users=seated_users) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com")
        report = assign(user_uuids=[ann, bob])
        assert [person["id"] for person in report["assigned"]] == [ann, bob]
        assert len(datadog.calls("GET")) == (seated_users == "omit")


@pytest.mark.parametrize("status", [201, 202])
def test_a_success_that_changed_nothing_fails_the_task(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float], status: int
) -> None:
    """A success that confirms nobody is read back for a minute, and people without a seat are then refused."""
    ann = datadog.add_user("ann@x.com")
    nothing = {"data": {"type": "seat-assignments", "attributes": {"assigned_ids": [], "product_code": PRODUCT}}}
    datadog.script("POST", SEATS, Fault(status, nothing))
    message, report = failure(assign, ti, user_uuids=[ann])
    assert f"{ann} (Datadog accepted the call, but the seat list shows no seat 60 s later)" in message
    assert report == {"refused": [ann]}
    assert 60 <= sum(no_waits) < 70


def test_max_seats_is_checked_before_the_first_write(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """With max_seats the seat list is read, only people without a seat count and are sent, and more is refused."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    bob, cy = datadog.add_user("bob@x.com"), datadog.add_user("cy@x.com")
    message, report = failure(assign, ti, user_uuids=[ann, bob, cy], max_seats="2")
    assert "max_seats" in message
    assert report == {"unchanged": ["ann@x.com"], "not_done": [bob, cy]}
    done = assign(user_uuids=[ann, bob], max_seats=2)
    assert by_email(done) == {"assigned": [bob], "unchanged": ["ann@x.com"]}
    assert (done["seats_after"], done["guards"]) == (2, {"missing_users": "fail", "max_seats": 2})
    assert [each.user_uuids for each in datadog.calls("POST")] == [[bob]]


@pytest.mark.parametrize("flag", [True, "True"])
def test_read_seats_first_sends_only_people_without_a_seat(datadog: FakeDatadog, flag: Any) -> None:
    """With read_seats_first the seat list is read, only the difference is sent, and the report can be undone."""
    ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com")
    report = assign(user_uuids=[ann, bob], read_seats_first=flag)
    assert calls(datadog) == ["GET seats/users", "POST seats/users", "GET seats/users"]
    assert datadog.calls("POST")[0].user_uuids == [bob]
    assert report["assigned"][0].get("assigned_at") == datadog._seats[PRODUCT][bob]["assigned_at"]
    assert by_email(report) == {"assigned": [bob], "unchanged": ["ann@x.com"]}
    assert (report["seats_before"], report["seats_after"]) == (1, 2)
    sync(undo=report)
    assert datadog.holders(PRODUCT) == {ann}


def test_a_report_without_read_seats_first_cannot_be_undone(datadog: FakeDatadog) -> None:
    """The report of an assign that did not read the seats is refused by undo, which names read_seats_first."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    assert "read_seats_first" in refused(datadog, undo=assign(user_uuids=[ann]))
    assert datadog.holders(PRODUCT) == {ann}


def test_a_preview_of_an_assign_equals_the_run(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """Preview and run agree on a disabled account that holds a seat and on an email that two accounts share."""
    datadog.add_user("off@x.com", status="Disabled", seat=PRODUCT)
    assert "off@x.com" in assign(user_emails=["off@x.com"], preview=True)["refusals"][0]
    assert "off@x.com" in failure(assign, ti, user_emails=["off@x.com"])[0]
    datadog.add_user("ann@x.com", status="Disabled", seat=PRODUCT)
    ann = datadog.add_user("ann@x.com")
    preview = assign(user_emails=["ann@x.com"], preview=True)
    done = assign(user_emails=["ann@x.com"])
    assert preview["assigned"] == done["assigned"] == [{"id": ann, "email": "ann@x.com"}]


def test_a_missing_permission_to_read_users_is_named(
    datadog: FakeDatadog, no_waits: list[float], ti: FakeTaskInstance
) -> None:
    """If the key may not read users, an assign by email fails, names user_access_read and assigns nobody."""
    datadog.add_user("ann@x.com")
    datadog.script("GET", USERS, *[Fault(403, {"errors": ["Forbidden"]})] * 2)
    assert "user_access_read" in failure(assign, ti, user_emails=["ann@x.com"])[0]
    assert datadog.holders(PRODUCT) == set()


def test_do_xcom_push_false_pushes_no_report(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """With do_xcom_push=False a failed task pushes no report either."""
    with pytest.raises(AirflowFailException):
        assign({"ti": ti}, user_uuids=[GHOST], do_xcom_push=False)
    assert ti.pushed == {}


def test_a_missing_account_is_left_to_the_retries(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """With missing_users="retry" nobody is assigned until every account exists, and the error is transient."""
    ann = datadog.add_user("ann@x.com")
    arguments: dict[str, Any] = {"user_emails": ["ann@x.com", "new@x.com"], "missing_users": "retry"}
    with pytest.raises(UsersNotReadyError) as caught:
        assign({"ti": ti}, **arguments)
    assert caught.value.emails == ("new@x.com",)
    assert by_email(ti.pushed["return_value"]) == {"missing": ["new@x.com"], "not_done": ["ann@x.com"]}
    new = datadog.add_user("new@x.com")
    assign(**arguments)
    assert datadog.holders(PRODUCT) == {ann, new}


def test_more_seats_than_warn_seats_is_a_warning(datadog: FakeDatadog) -> None:
    """An assignment that leads to more seats succeeds and warns; one within the number does not."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(3)]
    assert assign(user_uuids=people[:2], warn_seats=2)["warnings"] == []
    [warning] = assign(user_uuids=people, warn_seats=2)["warnings"]
    assert warning.startswith(f"There are 3 seats of {PRODUCT}, more than warn_seats=2.")
