"""SyncSeatsOperator with undo, against a FakeDatadog."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_seats._planning.plan import HELD_BEFORE
from airflow_provider_seats.exceptions import RateLimitError
from airflow_provider_seats.operators import SyncSeatsOperator
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.operators import (
    OLD,
    RATE_LIMITED,
    READ,
    Store,
    account_reads,
    add_people,
    assign,
    attempt,
    by_email,
    calls,
    emails,
    execute,
    reasons,
    refused,
    shifting,
    sync,
    unassign,
)
from tests.helpers.planning import kinds

LATER = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def pasted(log: list[str]) -> str:
    """Return the report that a log contains for an undo."""
    return next(line.partition("\n")[2] for line in log if "The complete report" in line)


# --- what an undo does ---


def test_an_undo_restores_the_seats(datadog: FakeDatadog) -> None:
    """An undo restores the seats from the report alone, a second one changes nothing, and an undo can be undone."""
    people = add_people(datadog, 6)
    datadog.add_user("new@x.com")
    report = sync(user_emails=[*emails(0, 1, 2), "new@x.com"])
    undone = sync(undo=json.dumps(report))
    assert datadog.holders(PRODUCT) == set(people)
    assert sorted(kinds(undone)["assigned"]) == sorted(people[3:])
    assert list(kinds(sync(undo=report))) == ["unchanged"]
    sync(undo=undone)
    assert len(datadog.holders(PRODUCT)) == 4


@pytest.mark.parametrize("form", [dict, json.dumps, str])
def test_a_report_to_undo_is_accepted_in_every_form(datadog: FakeDatadog, form: Any) -> None:
    """The report to undo can be the value of an XCom, JSON, or what Python shows of the value."""
    people = add_people(datadog, 2)
    sync(undo=form(unassign(user_emails=emails(0))))
    assert datadog.holders(PRODUCT) == set(people)


def test_an_undo_has_no_default_limit(datadog: FakeDatadog) -> None:
    """An undo of an assignment unassigns everyone in it, unless max_unassign is passed."""
    people = add_people(datadog, 30, seat=None)
    report = sync(user_uuids=people, max_assign=30)
    assert "max_unassign" in refused(datadog, undo=report, max_unassign=29)
    undone = sync(undo=report)
    assert len(undone["unassigned"]) == 30
    assert undone["guards"] == {"missing_users": "fail"}


def test_an_undo_leaves_seats_alone_that_were_held_before(datadog: FakeDatadog) -> None:
    """A person who held a seat before the assignment keeps it when the assignment is undone."""
    people = add_people(datadog, 1)
    bob = datadog.add_user("bob@x.com")
    sync(undo=assign(user_uuids=[*people, bob], max_seats=9))
    assert datadog.holders(PRODUCT) == set(people)


def test_an_undo_leaves_a_seat_alone_that_was_assigned_before_the_changes(datadog: FakeDatadog) -> None:
    """A seat whose assigned_at is before the report's changes is kept, with the reason."""
    ann = datadog.add_user("ann@x.com")
    report = assign(user_uuids=[ann], read_seats_first=True)
    datadog.give_seat(PRODUCT, ann, assigned_at=OLD)
    undone = sync(undo=report)
    assert reasons(undone) == {ann: "the seat was held before the report's changes started"}
    assert datadog.holders(PRODUCT) == {ann}


def test_an_undo_leaves_a_seat_alone_that_was_assigned_again(datadog: FakeDatadog) -> None:
    """A seat that was assigned again after the report's changes is kept, with the reason."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    report = assign(user_uuids=[ann, bob], read_seats_first=True)
    datadog.give_seat(PRODUCT, ann, assigned_at=LATER)
    undone = sync(undo=report)
    assert reasons(undone) == {ann: "the seat was assigned again after the report's changes ended"}
    assert kinds(undone)["unassigned"] == [bob]
    assert datadog.holders(PRODUCT) == {ann}


@pytest.mark.parametrize("kind", [assign, sync])
def test_a_seat_that_a_shifting_list_did_not_show_is_not_reported_as_assigned(datadog: FakeDatadog, kind: Any) -> None:
    """The list shifted and missed a person. The date shows that the seat was held before. An undo leaves it alone."""
    people = add_people(datadog, 6)
    new = datadog.add_user("new@x.com")
    datadog.give_seat(PRODUCT, people[0], assigned_at=OLD)
    shifting(datadog, people[0])
    report = kind(user_uuids=[*people, new], **({"read_seats_first": True} if kind is assign else {}))
    assert kinds(report)["assigned"] == [new]
    assert (report["seats_before"], report["seats_after"]) == (6, 7)
    assert {"id": people[0], "email": None, "reason": HELD_BEFORE} in report["unchanged"]
    sync(undo=report)
    assert datadog.holders(PRODUCT) == set(people)


def test_a_seat_without_a_date_is_undone(datadog: FakeDatadog) -> None:
    """A seat whose assigned_at is unknown is unassigned, because the report says that it was assigned."""
    ann = datadog.add_user("ann@x.com")
    report = assign(user_uuids=[ann], read_seats_first=True)
    datadog.give_seat(PRODUCT, ann, assigned_at=None)
    sync(undo=report)
    assert datadog.holders(PRODUCT) == set()


def test_an_undo_assigns_nothing_to_an_account_that_was_disabled_since(datadog: FakeDatadog) -> None:
    """An account that was disabled or deleted since refuses the undo, or gets no seat back and is missing."""
    people = add_people(datadog, 6)
    report = sync(user_emails=emails(0, 1, 2))
    datadog._accounts[people[3]].status = "Disabled"
    del datadog._accounts[people[4]]
    reasons = "u3@x.com (the account is disabled), u4@x.com (Datadog does not know the account) (2 in all)."
    assert f"There is no enabled Datadog account for {reasons}" in refused(datadog, undo=report)
    undone = sync(undo=report, missing_users="skip")
    assert by_email(undone) == {"assigned": emails(5), "missing": emails(3, 4)}
    assert datadog.holders(PRODUCT) == {*people[:3], people[5]}


def test_an_undo_can_skip_the_check_of_accounts(datadog: FakeDatadog) -> None:
    """With check_accounts=False an undo reads no account, and the guards record it."""
    people = add_people(datadog, 2)
    report = unassign(user_emails=emails(0))
    datadog.received.clear()
    undone = sync(undo=report, check_accounts=False)
    assert account_reads(datadog) == []
    assert undone["guards"] == {"missing_users": "fail", "check_accounts": False}
    assert datadog.holders(PRODUCT) == set(people)


def test_an_undo_of_assignments_reads_no_account(datadog: FakeDatadog) -> None:
    """An undo that only unassigns reads the seat list and nothing else."""
    people = add_people(datadog, 2, seat=None)
    report = sync(user_uuids=people)
    datadog.received.clear()
    sync(undo=report)
    assert calls(datadog) == [READ, "DELETE seats/users", READ]


def test_an_undo_without_the_permission_to_read_accounts_changes_nothing(
    datadog: FakeDatadog, no_waits: list[float]
) -> None:
    """If the key may not read users, an undo that assigns fails, names user_access_read and changes nothing."""
    people = add_people(datadog, 2)
    report = unassign(user_emails=emails(0))
    datadog.script("GET", f"{USERS}/{people[0]}", *[Fault(403)] * 2)
    assert "user_access_read" in refused(datadog, undo=report)


def test_an_undo_keeps_protected_people(datadog: FakeDatadog) -> None:
    """A person in protect keeps the seat also in an undo, by the email of the list or of the account."""
    people = add_people(datadog, 2, seat=None)
    report = sync(user_uuids=people)
    datadog._seats[PRODUCT][people[1]]["email"] = "old@x.com"
    undone = sync(undo=report, protect=emails(0, 1))
    assert reasons(undone) == {
        people[0]: "named in protect",
        people[1]: "the account's email u1@x.com is named in protect",
    }
    assert datadog.holders(PRODUCT) == set(people)


def test_an_undo_compares_the_dates_of_the_seat_list(datadog: FakeDatadog) -> None:
    """An undo finds the seats of the report by their dates, whatever the clock is that dates them."""
    ann = datadog.add_user("ann@x.com")
    report = assign(user_uuids=[ann], read_seats_first=True)
    for shown in ("2031-01-01T00:00Z", OLD):
        person: Any = {**report["assigned"][0], "assigned_at": shown}
        datadog.give_seat(PRODUCT, ann, assigned_at=shown)
        assert kinds(sync(undo={**report, "assigned": [person]}))["unassigned"] == [ann]
        datadog.give_seat(PRODUCT, ann, assigned_at="2026-01-01T00:00:01Z")
        assert kinds(sync(undo={**report, "assigned": [person]})) == {"protected": [ann]}
        datadog.take_seat(PRODUCT, ann)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("add_only", {"assigned": ["u2@x.com"], "protected": ["new@x.com"]}),
        ("remove_only", {"unassigned": ["new@x.com"], "unchanged": ["u2@x.com"]}),
    ],
)
def test_the_mode_limits_an_undo(datadog: FakeDatadog, mode: str, expected: dict[str, list[str]]) -> None:
    """With add_only an undo unassigns nobody, and with remove_only it assigns nobody, and the report says so."""
    add_people(datadog, 3)
    datadog.add_user("new@x.com")
    report = sync(user_emails=[*emails(0, 1), "new@x.com"])
    undone = sync(undo=report, mode=mode)
    assert by_email(undone) == expected
    assert undone["guards"]["mode"] == mode
    left = [*undone["protected"], *undone["unchanged"]]
    assert [each.get("reason", "")[:11] for each in left] == [f"mode='{mode}'"[:11]]


def test_an_undo_that_may_be_a_repeated_one_is_a_warning(datadog: FakeDatadog) -> None:
    """An undo that assigns warns if the report is old, or if some of its people are as before already."""
    people = add_people(datadog, 4)
    report = sync(user_emails=emails(0, 1))
    assert sync(undo=report)["warnings"] == []
    assert sync(undo=report)["warnings"] == []
    datadog.take_seat(PRODUCT, people[2])
    [warning] = sync(undo=report, preview=True)["warnings"]
    assert "may have been undone before: 1 person in it are as before" in warning
    assert f"u2@x.com ({people[2]})" in warning
    datadog.take_seat(PRODUCT, people[3])
    old: Any = {**report, "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:09Z"}
    [warning] = sync(undo=old, preview=True)["warnings"]
    assert warning.startswith("The report to undo is from 2026-01-01, and may have been undone before: ")


def test_a_retry_of_an_undo_is_no_repeated_one(datadog: FakeDatadog) -> None:
    """People that an earlier attempt of the same undo has changed back are no reason to warn."""
    people = add_people(datadog, 6)
    report, store = sync(user_emails=emails(0, 1, 2)), Store()
    datadog.script("POST", SEATS, Fault(), RATE_LIMITED)
    with pytest.raises(RateLimitError):
        execute(SyncSeatsOperator, attempt(store), undo=report, batch_size=1)
    undone = execute(SyncSeatsOperator, attempt(store, 2), undo=report)
    assert (by_email(undone), undone["warnings"]) == ({"assigned": emails(3, 4, 5)}, [])
    assert datadog.holders(PRODUCT) == set(people)


def test_an_old_undo_of_seats_without_a_date_is_a_warning(datadog: FakeDatadog) -> None:
    """If the seat list does not date the seats, an old report may be of other seats of the same people."""
    ann = datadog.add_user("ann@x.com")
    report: Any = {**assign(user_uuids=[ann], read_seats_first=True), "ended_at": "2026-01-01T00:00:09Z"}
    datadog.give_seat(PRODUCT, ann, assigned_at=None)
    undone = sync(undo=report)
    assert by_email(undone) == {"unassigned": ["ann@x.com"]}
    [warning] = undone["warnings"]
    assert warning.startswith("The seat list does not show since when these people hold a seat")
    assert warning.endswith(f": ann@x.com ({ann}).")


# --- limited to people ---


def test_an_undo_can_be_limited_to_people(datadog: FakeDatadog) -> None:
    """With user_emails or user_uuids an undo changes only these people of the report."""
    people = add_people(datadog, 10)
    new = datadog.add_user("new@x.com")
    report = sync(user_emails=[*emails(*range(5)), "new@x.com"])
    undone = sync(undo=report, user_emails=["U5@x.com"], user_uuids=[people[6].upper()])
    assert sorted(kinds(undone)["assigned"]) == sorted(people[5:7])
    assert datadog.holders(PRODUCT) == {*people[:7], new}
    sync(undo=report, user_uuids=[new])
    assert datadog.holders(PRODUCT) == set(people[:7])


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"user_emails": ["ghost@x.com", *emails(0, 1)]}, "ghost@x.com, u0@x.com"),
        ({"user_uuids": ["00000000-0000-4000-8000-000000000001"]}, "00000000-0000-4000-8000-000000000001"),
    ],
)
def test_an_undo_limited_to_others_is_refused(datadog: FakeDatadog, arguments: dict[str, Any], names: str) -> None:
    """An undo that is limited to people that the report did not change is refused and names them."""
    add_people(datadog, 2)
    report = unassign(user_emails=emails(1))
    assert f"the report did not change {names}." in refused(datadog, undo=report, **arguments)


# --- which reports can be undone ---


def test_a_report_that_does_not_know_the_state_before_is_refused(datadog: FakeDatadog) -> None:
    """A report without seats_before, with unknown people, of a preview or of another product cannot be undone."""
    people = add_people(datadog, 2, seat=None)
    blind = assign(user_uuids=people)
    assert "seats_before is null" in refused(datadog, undo=blind)
    whole = sync(user_uuids=people)
    unsure = {**whole, "unknown": [{"id": people[0], "email": None}]}
    assert "people are unknown" in refused(datadog, undo=unsure)
    assert "preview" in refused(datadog, undo=sync(user_uuids=people, preview=True))
    assert "'example_product'" in refused(datadog, undo=whole, product_code="example_product")


def test_a_damaged_report_is_refused(datadog: FakeDatadog) -> None:
    """A report in which a key is missing or a person has no UUID is refused and the message says what is wrong."""
    people = add_people(datadog, 2, seat=None)
    whole = dict(sync(user_uuids=people))
    broken = {**whole, "assigned": [{"id": "x", "email": None}]}
    assert "not a person of a report" in refused(datadog, undo=broken)
    assert "'since_attempt'" in refused(datadog, undo={key: whole[key] for key in whole if key != "since_attempt"})
    upper = {**whole, "assigned": [{"id": people[0].upper()}]}
    assert kinds(sync(undo=upper))["unassigned"] == [people[0]]


def test_an_undo_through_another_connection_or_site_is_a_warning(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An undo warns if the report was made through another connection, or the connection's site is another."""
    people = add_people(datadog, 2)
    report = unassign(user_emails=emails(0))
    assert (report["conn_id"], report["site"]) == ("datadog_default", datadog.url)
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", datadog.airflow_connection())
    expected = "warning: The report was made through the connection 'datadog_default' to "
    for other, arguments in (
        (report, {"datadog_conn_id": "other"}),
        ({**report, "site": "https://api.datadoghq.eu"}, {}),
    ):
        log: list[str] = []
        sync(undo=other, preview=True, log=log, **arguments)
        assert any(line.startswith(expected) for line in log)
    log = []
    sync(undo=report, log=log)
    assert not any("was made through" in line for line in log)
    assert datadog.holders(PRODUCT) == set(people)


def test_a_report_of_a_later_attempt_is_a_warning(datadog: FakeDatadog) -> None:
    """An undo of a report that does not cover the first attempts warns that their changes are not undone."""
    add_people(datadog, 2)
    report: Any = unassign(user_emails=emails(0))
    log: list[str] = []
    sync(undo={**report, "since_attempt": 3}, log=log)
    assert any("The report covers the attempts from 3 on." in line for line in log)


# --- the report in the log ---


@pytest.mark.parametrize("count", [1, 25, 3000])
def test_the_report_in_the_log_can_be_undone(datadog: FakeDatadog, count: int) -> None:
    """The log contains every changed person, also thousands, as JSON that undo accepts as it is."""
    stays = datadog.add_user("stays@x.com", seat=PRODUCT)
    people = add_people(datadog, count)
    new = datadog.add_user("new@x.com")
    log: list[str] = []
    roster = {"user_uuids": [stays, new]}
    sync(**roster, max_unassign="100%", log=log)
    assert datadog.holders(PRODUCT) == {stays, new}
    text = pasted(log)
    lines = text.splitlines()
    assert all(sum(person in line for line in lines) == 1 for person in (people[0], people[-1], new))
    undone = sync(undo=text)
    assert datadog.holders(PRODUCT) == {stays, *people}
    assert (undone["counts"]["assigned"], undone["counts"]["unassigned"]) == (count, 1)
    assert undone["complete"] is (count < 1_000)


def test_a_report_that_is_not_complete_cannot_be_undone(datadog: FakeDatadog) -> None:
    """A report that was too large for XCom does not list everyone, so undoing it would forget people."""
    add_people(datadog, 3_000)
    report = sync(user_emails=[], allow_empty=True, max_unassign="100%")
    assert (report["complete"], report["counts"]["unassigned"]) == (False, 3_000)
    assert "Pass the complete report, which is in the log of its task." in refused(datadog, undo=report)


def test_the_log_contains_no_report_if_nothing_was_changed(datadog: FakeDatadog) -> None:
    """A preview and a run without changes log no report to undo."""
    add_people(datadog, 2)
    log: list[str] = []
    sync(user_emails=emails(0), preview=True, log=log)
    sync(user_emails=emails(0, 1), log=log)
    assert not any("The complete report" in line for line in log)


def test_the_report_of_nobody_can_be_undone(datadog: FakeDatadog) -> None:
    """A loan to nobody ends without an error, although its report does not count the seats."""
    add_people(datadog, 2)
    report = assign(user_emails=[], read_seats_first=True)
    assert report["seats_before"] is None
    assert by_email(sync(undo=report)) == {}
