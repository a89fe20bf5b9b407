"""SyncSeatsOperator against a FakeDatadog: what it reads and writes, its guards, who keeps a seat, and approval."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import UnavailableError, UsersNotReadyError
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.operators import (
    GHOST,
    OLD,
    READ,
    account_reads,
    add_people,
    assign,
    by_email,
    calls,
    emails,
    failure,
    reasons,
    refused,
    sync,
    writes,
)
from tests.helpers.planning import kinds

if TYPE_CHECKING:
    from airflow_provider_seats.report import Person

LATER = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

# --- what is read and written ---


def test_only_the_difference_is_written_and_unassigned_first(datadog: FakeDatadog) -> None:
    """A sync reads the list, looks up only emails that are not in it, and unassigns before it assigns."""
    people = add_people(datadog, 5)
    new = datadog.add_user("new@x.com")
    report = sync(user_emails=["U0@X.com", "u1@x.com", "u2@x.com", "new@x.com"], check_accounts=False)
    assert calls(datadog) == [READ, "GET users", "DELETE seats/users", "POST seats/users", READ]
    assert datadog.calls("GET", USERS)[0].query["filter"] == "new@x.com"
    assert kinds(report) == {"assigned": [new], "unassigned": people[3:]}
    assert report["counts"]["unchanged"] == 3
    assert (report["seats_before"], report["seats_after"]) == (5, 4)
    assert datadog.holders(PRODUCT) == {*people[:3], new}


def test_a_second_sync_reads_the_list_and_writes_nothing(datadog: FakeDatadog) -> None:
    """A sync of seats that match the roster reads only the seat list."""
    add_people(datadog, 3)
    sync(user_emails=emails(0, 1))
    datadog.received.clear()
    report = sync(user_emails=emails(0, 1))
    assert (kinds(report), report["counts"]["unchanged"]) == ({}, 2)
    assert calls(datadog) == ["GET seats/users"]


def test_a_seat_without_an_email_is_matched_by_the_account_of_its_email(datadog: FakeDatadog) -> None:
    """The look-up of a roster's email also matches a seat that shows no email, with one call."""
    people = add_people(datadog, 2)
    nameless = datadog.add_user("nameless@x.com")
    datadog.give_seat(PRODUCT, nameless, email=None)
    for number in range(500):
        datadog.add_user(f"other{number}@y.com")
    report = sync(user_uuids=people, user_emails=["nameless@x.com"])
    assert (kinds(report), report["counts"]["unchanged"]) == ({}, 3)
    assert [each.query["filter"] for each in datadog.calls("GET", USERS)] == ["nameless@x.com"]
    assert account_reads(datadog) == []


def test_add_only_assigns_and_unassigns_nobody(datadog: FakeDatadog) -> None:
    """With mode='add_only' nobody loses a seat, and no account is read for that."""
    people = add_people(datadog, 3)
    new = datadog.add_user("new@x.com")
    report = sync(user_emails=["new@x.com"], mode="add_only")
    assert kinds(report) == {"assigned": [new]}
    assert report["guards"] == {
        "mode": "add_only",
        "missing_users": "fail",
        "max_roster_age": 86400.0,
        "max_assign": "20 or 50%",
        "max_assign_people": 20,
    }
    assert datadog.holders(PRODUCT) == {*people, new}
    assert account_reads(datadog) == []


def test_remove_only_unassigns_and_looks_up_no_email(datadog: FakeDatadog) -> None:
    """With mode='remove_only' nobody is assigned, and no email is looked up."""
    people = add_people(datadog, 3)
    new = datadog.add_user("new@x.com")
    roster = {"user_uuids": [people[0], new], "user_emails": ["ghost@x.com"]}
    report = sync(**roster, mode="remove_only", max_unassign="67%", check_accounts=False)
    assert kinds(report)["unassigned"] == people[1:]
    assert datadog.calls("GET", USERS) == []
    assert report["guards"] == {
        "mode": "remove_only",
        "allow_empty": False,
        "max_roster_age": 86400.0,
        "max_unassign": "67%",
        "max_unassign_people": 2,
        "check_accounts": False,
    }


# --- limits ---


@pytest.mark.parametrize(
    ("seats", "limit"), [(1, 1), (2, 1), (3, 1), (7, 3), (10, 5), (25, 5), (30, 6), (100, 20), (600, 100)]
)
def test_the_default_limit(datadog: FakeDatadog, seats: int, limit: int) -> None:
    """The default of max_unassign is the larger of 5 and 20 %, at most half and 100, and at least one."""
    people = add_people(datadog, seats)
    kept = people[: seats - limit - 1]
    if kept:
        message = refused(datadog, user_uuids=kept)
        assert f"{limit + 1} of {seats} seats would be unassigned, and the limit is {limit} (max_unassign=" in message
    report = sync(user_uuids=people[: seats - limit], allow_empty=True)
    assert len(report["unassigned"]) == report["guards"]["max_unassign_people"] == limit


def test_a_higher_limit_can_be_passed(datadog: FakeDatadog) -> None:
    """A sync of more than the default limit is refused with counts and advice, and max_unassign allows it."""
    add_people(datadog, 100)
    message = refused(datadog, user_emails=emails(*range(40)))
    assert "60 of 100 seats would be unassigned, and the limit is 20 (max_unassign=5 or 20%, at most 50% and" in message
    assert "nothing was changed" in message
    assert "raise max_unassign" in message
    report = sync(user_emails=emails(*range(40)), max_unassign="60%")
    assert len(report["unassigned"]) == 60
    assert report["guards"]["max_unassign_people"] == 60


def test_a_percentage_of_few_seats_is_rounded_down(datadog: FakeDatadog) -> None:
    """If a percentage comes out as nobody, the refusal says that it was rounded down."""
    add_people(datadog, 3)
    message = refused(datadog, user_emails=emails(0, 1), max_unassign="10%")
    assert "1 of 3 seats would be unassigned, and the limit is 0 (max_unassign=10%, rounded down)" in message
    assert "rounded" not in refused(datadog, user_emails=emails(0, 1), max_unassign=0)


def test_max_seats_counts_the_seats_afterwards(datadog: FakeDatadog) -> None:
    """Unassigned seats count for max_seats."""
    add_people(datadog, 2)
    datadog.add_user("new@x.com")
    roster = [*emails(0), "new@x.com"]
    assert "max_seats" in refused(datadog, user_emails=roster, max_seats=1)
    assert sync(user_emails=roster, max_seats=2)["seats_after"] == 2


def test_missing_accounts_refuse_the_sync_unless_they_are_skipped(datadog: FakeDatadog) -> None:
    """Only people to assign can be missing, and a disabled account that holds a seat is unchanged."""
    add_people(datadog, 1)
    off = datadog.add_user("off@x.com", status="Disabled", seat=PRODUCT)
    roster = [*emails(0), "off@x.com", "ghost@x.com"]
    assert "ghost@x.com (1 in all)" in refused(datadog, user_emails=roster)
    report = sync(user_emails=roster, missing_users="skip")
    assert kinds(report)["missing"] == ["ghost@x.com"]
    assert off in datadog.holders(PRODUCT)
    assert report["counts"]["unchanged"] == 2


# --- rosters that came out as nothing ---


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
@pytest.mark.parametrize("empty", [[], "[]"])
def test_an_empty_roster_is_refused(datadog: FakeDatadog, empty: Any, mode: str) -> None:
    """An empty roster unassigns nobody without allow_empty, and within the limit with it."""
    add_people(datadog, 3)
    assert "allow_empty=True" in refused(datadog, user_emails=empty, mode=mode, max_unassign="100%")
    assert "max_unassign" in refused(datadog, user_emails=empty, mode=mode, allow_empty=True)
    report = sync(user_emails=empty, mode=mode, allow_empty="True", max_unassign="100%")
    assert len(report["unassigned"]) == 3


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
@pytest.mark.parametrize("half", ["user_emails", "user_uuids"])
def test_an_empty_half_of_a_roster_is_refused(datadog: FakeDatadog, half: str, mode: str) -> None:
    """If emails and UUIDs are both passed and one of them is empty, the sync is refused without allow_empty."""
    people = add_people(datadog, 2)
    roster: dict[str, Any] = {"user_emails": emails(0), "user_uuids": people[:1], half: []}
    message = refused(datadog, **roster, mode=mode)
    assert f"{half} is empty, which would unassign 1 of 2 seats" in message
    assert by_email(sync(**roster, mode=mode, allow_empty=True))["unassigned"] == emails(1)


def test_an_empty_half_is_allowed_if_nobody_can_lose_a_seat(datadog: FakeDatadog) -> None:
    """With mode='add_only' an empty roster and an empty half change nothing and are no error."""
    people = add_people(datadog, 2)
    assert by_email(sync(user_emails=[], user_uuids=people[:1], mode="add_only")) == {}
    assert by_email(sync(user_emails=[], mode="add_only")) == {}


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
def test_a_roster_of_people_without_seats_is_refused(datadog: FakeDatadog, mode: str) -> None:
    """If nobody in the roster holds a seat while seats would be unassigned, it counts as an empty roster."""
    add_people(datadog, 3)
    add_people(datadog, 3, seat=None, prefix="n")
    roster = emails(0, 1, 2, prefix="n")
    message = refused(datadog, user_emails=roster, mode=mode, max_unassign="100%")
    assert "Nobody in the roster holds a seat, and 3 of 3 seats would be unassigned." in message
    report = sync(user_emails=roster, mode=mode, max_unassign="100%", allow_empty=True)
    assert by_email(report)["unassigned"] == emails(0, 1, 2)


def test_a_first_roster_is_assigned(datadog: FakeDatadog) -> None:
    """If the product has no seats, a roster of people without seats is assigned."""
    people = add_people(datadog, 2, seat=None)
    assert kinds(sync(user_emails=emails(0, 1))) == {"assigned": people}


# --- protected seats ---


def test_a_protected_person_keeps_the_seat(datadog: FakeDatadog) -> None:
    """A person in protect keeps the seat, whether passed by email or UUID and in any case."""
    people = add_people(datadog, 4)
    report = sync(user_emails=emails(0), protect=["U1@X.COM", people[2].upper()])
    assert kinds(report)["protected"] == [people[1], people[2]]
    assert datadog.holders(PRODUCT) == set(people[:3])


def test_young_seats_are_kept(datadog: FakeDatadog) -> None:
    """With min_seat_age young seats, seats of unknown age and seats without a UUID are kept, with the reason."""
    old, young, ageless, idless = (datadog.add_user(f"u{number}@x.com") for number in range(4))
    datadog.give_seat(PRODUCT, old, assigned_at=OLD)
    datadog.give_seat(PRODUCT, young)
    datadog.give_seat(PRODUCT, ageless, assigned_at=None)
    datadog.give_seat(PRODUCT, idless, id=None, email=None)
    stays = datadog.add_user("stays@x.com", seat=PRODUCT)
    report = sync(user_emails=["stays@x.com"], min_seat_age="7d")
    assert kinds(report)["unassigned"] == [old]
    assert reasons(report) == {
        young: "the seat is younger than min_seat_age",
        ageless: "it is unknown since when the seat is held",
        None: "Datadog lists the seat without a user UUID",
    }
    assert datadog.holders(PRODUCT) == {young, ageless, idless, stays}


def test_a_protection_that_matches_nobody_is_a_warning(datadog: FakeDatadog) -> None:
    """An entry of protect that matches nobody who holds a seat is logged and recorded in the report's guards."""
    people = add_people(datadog, 3)
    ghost = "00000000-0000-4000-8000-000000000000"
    log: list[str] = []
    report = sync(user_uuids=people, protect=["ghost@x.com", ghost, *emails(0)], log=log)
    assert (
        f"warning: protect: no seat and no account that was read matches {ghost}, ghost@x.com. Check the spelling."
        in log
    )
    assert report["guards"]["protect_unmatched"] == [ghost, "ghost@x.com"]
    assert report["guards"]["protect"] == [ghost, "ghost@x.com", "u0@x.com"]


# --- identity: the email of a seat may not be that of the account ---


def renamed(datadog: FakeDatadog, name: str = "ann", email: str | None = "old@x.com") -> str:
    """Add an account whose row in the seat list shows another email, and return its UUID."""
    uuid = datadog.add_user(f"{name}@x.com")
    datadog.give_seat(PRODUCT, uuid, email=email, assigned_at=OLD)
    return uuid


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
@pytest.mark.parametrize("email", ["old@x.com", None])
def test_a_person_whose_account_is_in_the_roster_keeps_the_seat(
    datadog: FakeDatadog, mode: str, email: str | None
) -> None:
    """A person keeps the seat if the roster has the account's email and the seat list shows another one or none."""
    people = add_people(datadog, 2)
    ann = renamed(datadog, email=email)
    report = sync(user_emails=[*emails(0), "Ann@x.com"], mode=mode, max_unassign="100%")
    assert kinds(report)["unassigned"] == people[1:]
    assert datadog.holders(PRODUCT) == {people[0], ann}
    if mode == "remove_only":
        assert reasons(report) == {ann: "the account's email ann@x.com is in the roster"}


@pytest.mark.parametrize("email", ["old@x.com", None])
def test_a_person_whose_account_is_protected_keeps_the_seat(datadog: FakeDatadog, email: str | None) -> None:
    """A person keeps the seat if protect has the account's email and the seat list shows another one or none."""
    people = add_people(datadog, 2)
    ann = renamed(datadog, email=email)
    log: list[str] = []
    report = sync(user_uuids=people, protect=["Ann@x.com"], log=log)
    assert reasons(report) == {ann: "the account's email ann@x.com is named in protect"}
    assert account_reads(datadog) == [ann]
    assert "protect_unmatched" not in report["guards"]
    assert not any("matches" in line for line in log)
    assert writes(datadog) == []


def test_no_account_is_read_if_the_list_has_every_email(datadog: FakeDatadog) -> None:
    """If every email of the roster and of protect is in the list, the only calls are the list and the change."""
    add_people(datadog, 5)
    sync(user_emails=emails(0, 1), protect=emails(2))
    assert calls(datadog) == [READ, "DELETE seats/users", READ]


def test_no_account_is_read_for_a_roster_of_uuids(datadog: FakeDatadog) -> None:
    """A roster of UUIDs needs no account, also if the list shows other emails or none."""
    people = add_people(datadog, 2)
    renamed(datadog, "ann", None)
    renamed(datadog, "bob", "old@x.com")
    report = sync(user_uuids=[*people, "00000000-0000-4000-8000-000000000001"], mode="remove_only", max_unassign="100%")
    assert len(report["unassigned"]) == 2
    assert calls(datadog) == [READ, "DELETE seats/users", READ]


def test_only_rows_without_an_email_are_read_if_the_list_has_every_other_email(datadog: FakeDatadog) -> None:
    """If the list has every email of the roster, only accounts of rows without an email are read."""
    people = add_people(datadog, 3)
    ann = renamed(datadog, email=None)
    report = sync(user_emails=emails(0, 1))
    assert account_reads(datadog) == [ann]
    assert kinds(report)["unassigned"] == [people[2], ann]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("stale", [False, True])
def test_at_most_one_call_is_made_for_each_person_about_to_lose_a_seat(
    datadog: FakeDatadog, count: int, stale: bool
) -> None:
    """The check of accounts costs one call per person about to lose a seat, and one more if all emails are old."""
    stays = datadog.add_user("stays@x.com", seat=PRODUCT)
    # So many accounts that the list of users is longer than the people.
    for number in range(1100):
        datadog.add_user(f"other{number}@y.com")
    leavers = [datadog.add_user(f"l{number}@x.com") for number in range(count)]
    for number, leaver in enumerate(leavers):
        datadog.give_seat(PRODUCT, leaver, email=f"{'old' if stale else 'l'}{number}@x.com")
    report = sync(user_emails=["stays@x.com", "ghost@x.com"], mode="remove_only", max_unassign="100%")
    assert kinds(report)["unassigned"] == leavers
    reads = [each for each in datadog.calls("GET") if each.path.startswith(USERS)]
    # With old emails the search that states how many accounts there are finds none of them.
    assert len(reads) <= count + (stale and count > 3)
    assert datadog.holders(PRODUCT) == {stays}


def test_the_list_of_users_is_read_if_that_is_fewer_calls(datadog: FakeDatadog) -> None:
    """If the list of users has fewer pages than people are about to lose a seat, it is read instead."""
    stays = datadog.add_user("stays@x.com", seat=PRODUCT)
    leavers = add_people(datadog, 50)
    ann = renamed(datadog)
    report = sync(user_emails=["stays@x.com", "ann@x.com"], mode="remove_only", max_unassign="100%")
    assert kinds(report)["unassigned"] == leavers
    assert account_reads(datadog) == []
    assert len(datadog.calls("GET", USERS)) == 2
    assert datadog.holders(PRODUCT) == {stays, ann}


def test_no_account_is_read_for_a_plan_that_is_refused_anyway(datadog: FakeDatadog) -> None:
    """A plan that is refused whatever the accounts are reads none. A limit of people may be kept because of them."""
    add_people(datadog, 10)
    refused(datadog, user_emails=[*emails(0), "ghost@x.com"], missing_users="fail", max_unassign="100%")
    assert account_reads(datadog) == []
    refused(datadog, user_emails=[*emails(0), "ghost@x.com"], missing_users="skip", max_unassign=3)
    assert datadog.calls("GET", USERS)


@pytest.mark.parametrize("email", ["gone@x.com", None])
def test_a_person_whose_account_cannot_be_read_keeps_the_seat(datadog: FakeDatadog, email: str | None) -> None:
    """If Datadog does not know the account of a seat and only its email could identify the person, the seat stays."""
    people = add_people(datadog, 2)
    gone = "00000000-0000-4000-8000-00000000dead"
    datadog.give_seat(PRODUCT, gone, email=email)
    report = sync(user_emails=[*emails(0), "ghost@x.com"], mode="remove_only", max_unassign="100%")
    assert reasons(report) == {gone: "the account cannot be read, so the person may be in the roster or protected"}
    assert datadog.holders(PRODUCT) == {people[0], gone}


def test_a_person_whose_account_has_no_email_keeps_the_seat(datadog: FakeDatadog) -> None:
    """If the account of a seat has no email and only that could identify the person, the seat stays."""
    people = add_people(datadog, 2)
    account = {"type": "users", "id": people[1], "attributes": {"email": None, "status": "Active"}}
    datadog.script("GET", f"{USERS}/{people[1]}", Fault(200, {"data": account}))
    report = sync(user_emails=[*emails(0), "ghost@x.com"], mode="remove_only")
    assert list(reasons(report)) == [people[1]]
    assert datadog.holders(PRODUCT) == set(people)


def test_a_missing_permission_to_read_accounts_changes_nothing(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """If the key may not read users, the sync fails, names user_access_read and changes nothing."""
    people = add_people(datadog, 3)
    for person in people:
        datadog.script("GET", f"{USERS}/{person}", *[Fault(403, {"errors": ["Forbidden"]})] * 2)
    message = refused(datadog, user_emails=[*emails(0), "ghost@x.com"], mode="remove_only", max_unassign="100%")
    assert "user_access_read" in message


@pytest.mark.parametrize("status", [500, 429])
def test_an_account_that_cannot_be_read_for_now_changes_nothing(
    datadog: FakeDatadog, no_waits: list[float], status: int
) -> None:
    """A transient error of reading an account leaves the task to Airflow's retries and changes nothing."""
    people = add_people(datadog, 2)
    datadog.script("GET", f"{USERS}/{people[1]}", *[Fault(status)] * 9)
    with pytest.raises(Exception, match=str(status)) as caught:
        sync(user_emails=[*emails(0), "ghost@x.com"], mode="remove_only")
    assert not isinstance(caught.value, AirflowFailException)
    assert datadog.holders(PRODUCT) == set(people)


@pytest.mark.parametrize("check", [False, "False"])
def test_a_sync_can_skip_the_check_of_accounts(datadog: FakeDatadog, check: Any) -> None:
    """With check_accounts=False no account is read, rows without an email are kept, and the guards record it."""
    people = add_people(datadog, 2)
    nameless = renamed(datadog, email=None)
    report = sync(user_emails=[*emails(0), "ghost@x.com"], mode="remove_only", check_accounts=check)
    assert calls(datadog) == [READ, "DELETE seats/users", READ]
    assert kinds(report)["unassigned"] == people[1:]
    assert reasons(report) == {
        nameless: "the seat list does not show the email, so the person may be in the roster or protected"
    }
    assert report["guards"]["check_accounts"] is False


def test_accounts_that_only_differ_beyond_lower_case_are_two_people(datadog: FakeDatadog) -> None:
    """Emails are compared in lower case and composed form, so strasse and straße are two people."""
    sharp, plain = datadog.add_user("straße@x.com", seat=PRODUCT), datadog.add_user("strasse@x.com", seat=PRODUCT)
    composed = datadog.add_user("jos\u00e9@x.com", seat=PRODUCT)
    report = sync(user_emails=["Strasse@x.com", "JOSE\u0301@x.com"], mode="remove_only")
    assert kinds(report)["unassigned"] == [sharp]
    assert datadog.holders(PRODUCT) == {plain, composed}


# --- a list that cannot be read ---


@pytest.mark.parametrize("fault", [Fault(403), Fault(200, {"data": None}), Fault(500)])
def test_a_list_that_cannot_be_read_completely_changes_nothing(
    datadog: FakeDatadog, no_waits: list[float], fault: Fault
) -> None:
    """If the second page of the seat list fails, the sync fails and unassigns nobody."""
    add_people(datadog, 150)
    datadog.script("GET", SEATS, Fault(), *[fault] * 5)
    with pytest.raises((AirflowFailException, UnavailableError)):
        sync(user_emails=emails(*range(150)), mode="remove_only")
    assert datadog.calls("DELETE") == []
    assert len(datadog.holders(PRODUCT)) == 150


# --- the reading after the changes ---


def test_a_change_without_effect_is_refused(datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float]) -> None:
    """Datadog may answer a change that has no effect like any other. The sync gives the list a minute, and fails."""
    people = add_people(datadog, 4)
    datadog.script("DELETE", SEATS, Fault(204, b""))
    message, report = failure(sync, ti, user_emails=emails(0, 1), max_unassign=2)
    assert "Datadog accepted the call, but the seat list still shows the seat 60 s later" in message
    assert "The list may lag behind" in message
    assert "remove the people" not in message
    assert report == {"refused": emails(2, 3)}
    assert ti.pushed["return_value"]["seats_after"] == len(people)
    assert 60 <= sum(no_waits) < 70


def seat_list(*people: str) -> dict[str, Any]:
    """Return a seat list of one page, as Datadog answers it, with these user UUIDs."""
    return {"data": [{"type": "seat-users", "id": uuid, "attributes": {"email": None}} for uuid in people]}


def test_a_list_that_lags_behind_a_change_is_read_again(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """If the list shows the changes some seconds later, the sync succeeds."""
    people = add_people(datadog, 2)
    before = seat_list(*people)
    datadog.script("GET", SEATS, Fault(), Fault(200, before), Fault(200, before))
    report = sync(user_emails=emails(0))
    assert (kinds(report)["unassigned"], report["seats_after"]) == ([people[1]], 1)
    assert len(no_waits) == 2


def test_a_reading_that_fails_after_the_changes_is_a_warning(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """The changes are made, so the task succeeds. The report says what Datadog answered, and warns."""
    add_people(datadog, 2)
    datadog.script("GET", SEATS, Fault(), *[Fault(500)] * 20)
    report = sync(user_emails=emails(0))
    assert report["counts"]["unassigned"] == report["seats_after"] == 1
    [warning] = report["warnings"]
    assert warning.startswith("The seats could not be read after the changes, so this is what Datadog answered: ")


@pytest.mark.parametrize("kind", [assign, sync])
def test_a_limit_that_others_exceeded_meanwhile_is_a_warning(datadog: FakeDatadog, kind: Any) -> None:
    """Two tasks at once may exceed max_seats together. The report names the people of the other task."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    datadog.script("GET", SEATS, Fault(), Fault(200, seat_list(ann, bob)))
    report = kind(user_uuids=[ann], max_seats=1)
    [warning] = report["warnings"]
    assert warning.startswith(f"There are 2 seats of {PRODUCT} now, and the limit is 1 (max_seats).")
    assert f"these people got a seat from elsewhere: {bob}. If another task" in warning
    assert report["seats_after"] == 2


def test_a_seat_without_a_uuid_that_exceeds_the_limit_is_a_warning(datadog: FakeDatadog) -> None:
    """Someone whose seat is listed without a user UUID got it from elsewhere, too."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    rows: Any = seat_list(ann, bob)
    rows["data"][1] = {"type": "seat-users", "id": None, "attributes": {"email": "bob@x.com"}}
    datadog.script("GET", SEATS, Fault(), Fault(200, rows))
    [warning] = sync(user_uuids=[ann], max_seats=1)["warnings"]
    assert "these people got a seat from elsewhere: bob@x.com. If" in warning


def test_a_change_without_effect_is_seen_also_if_another_change_fails(
    datadog: FakeDatadog, no_waits: list[float]
) -> None:
    """After an error, too, the report says what the seat list shows of the changes that were made."""
    people = add_people(datadog, 2)
    datadog.add_user("new@x.com")
    datadog.script("DELETE", SEATS, Fault(204))
    datadog.script("POST", SEATS, *[Fault(503)] * 5)
    ti = FakeTaskInstance()
    with pytest.raises(UnavailableError):
        sync({"ti": ti}, user_emails=[*emails(0), "new@x.com"])
    report = ti.pushed["return_value"]
    assert kinds(report)["refused"] == [people[1]]
    assert (report["unassigned"], report["seats_after"]) == ([], 2)


# --- preview and approval ---


def test_an_approved_run_equals_its_preview(datadog: FakeDatadog) -> None:
    """The report of an approved run lists the people of its preview."""
    people = add_people(datadog, 4)
    datadog.add_user("new@x.com")
    roster = [*emails(0, 1), "new@x.com"]
    preview = sync(user_emails=roster, preview=True)
    assert datadog.holders(PRODUCT) == set(people)
    done = sync(user_emails=roster, approved=preview)
    [assigned] = done["assigned"]
    dated = {"started_at": preview["started_at"], "ended_at": None, "assigned": [without_date(assigned)]}
    assert {**done, "preview": True, **dated} == preview
    assert (done["started_at"] is None, "assigned_at" in assigned) == (False, True)


def without_date(person: Person) -> Person:
    """Return a person of a report without the date of the seat."""
    return {"id": person["id"], "email": person["email"]}


def test_a_seat_assigned_after_the_preview_is_kept(datadog: FakeDatadog) -> None:
    """Someone who lost the seat and got it again after the preview keeps it."""
    people = add_people(datadog, 4)
    preview = sync(user_emails=emails(0, 1), preview=True)
    datadog.take_seat(PRODUCT, people[3])
    datadog.give_seat(PRODUCT, people[3], assigned_at=LATER)
    report = sync(user_emails=emails(0, 1), approved=preview)
    assert kinds(report)["unassigned"] == [people[2]]
    assert reasons(report) == {people[3]: "the seat was assigned after the approved preview"}


def test_a_misspelt_entry_of_protect_is_refused(datadog: FakeDatadog) -> None:
    """If someone would lose a seat, an entry of protect must be somebody's account, with a seat or without."""
    people = add_people(datadog, 3)
    other = datadog.add_user("noseat@x.com")
    roster = {"user_emails": emails(0, 1)}
    for protect in (["typo@x.com"], [GHOST], f"noseat@x.com,{GHOST}"):
        preview = sync(**roster, protect=protect, preview=True)
        message = refused(datadog, **roster, protect=protect)
        assert "entry of protect and nobody's account in Datadog. Correct the spelling" in message
        assert all(each in message for each in preview["refusals"])
    report = sync(**roster, protect=["noseat@x.com", other])
    assert (kinds(report)["unassigned"], report["warnings"]) == ([people[2]], [])


def test_a_number_allows_at_most_half_of_the_seats(datadog: FakeDatadog) -> None:
    """A number is capped at half of the seats, and only a percentage goes beyond it."""
    add_people(datadog, 12)
    message = refused(datadog, user_emails=emails(0, 1), max_unassign="10")
    assert "10 of 12 seats would be unassigned, and the limit is 6 (max_unassign=10, at most 50%)" in message
    assert "raise max_unassign for this run to a percentage above 50%" in message
    assert sync(user_emails=emails(0, 1), max_unassign="84%")["counts"]["unassigned"] == 10


@pytest.mark.parametrize("form", [dict, json.dumps, str])
def test_a_change_that_was_not_approved_is_refused(datadog: FakeDatadog, form: Any) -> None:
    """Changing someone who is not in the preview is refused, and a smaller plan than the preview is applied."""
    people = add_people(datadog, 3)
    preview = sync(user_emails=emails(0), preview=True, max_unassign="100%")
    claimed = datadog.add_user("claimed@x.com")
    datadog.give_seat(PRODUCT, claimed, assigned_at=OLD)
    message = refused(datadog, user_emails=emails(0), approved=form(preview), max_unassign="100%")
    assert "0 people to assign and 1 person to unassign are not in the approved preview: claimed@x.com (" in message
    assert claimed in message
    datadog.take_seat(PRODUCT, claimed)
    datadog.take_seat(PRODUCT, people[1])
    assert kinds(sync(user_emails=emails(0), approved=form(preview)))["unassigned"] == [people[2]]


def test_a_preview_that_is_not_complete_approves_exactly_its_changes(datadog: FakeDatadog) -> None:
    """A preview that is too large for XCom does not list everyone. Its digest says what was approved."""
    add_people(datadog, 3_000)
    preview = sync(user_emails=emails(0), preview=True, max_unassign="100%")
    assert (preview["complete"], preview["counts"]["unassigned"]) == (False, 2_999)
    claimed = datadog.add_user("claimed@x.com")
    datadog.give_seat(PRODUCT, claimed, assigned_at="2020-01-01T00:00:00Z")
    message = refused(datadog, user_emails=emails(0), approved=preview, max_unassign="100%")
    assert "too large to list everyone, so exactly its changes are approved" in message
    assert "Make a new preview" in message
    datadog.take_seat(PRODUCT, claimed)
    assert sync(user_emails=emails(0), approved=preview, max_unassign="100%")["counts"]["unassigned"] == 2_999


def test_an_approval_must_be_a_preview_of_this_product(datadog: FakeDatadog) -> None:
    """The report of a real run, or of another product, is no approval."""
    add_people(datadog, 2)
    done = sync(user_emails=emails(0, 1))
    assert "not the report of a preview" in refused(datadog, user_emails=emails(0), approved=done)
    other = sync(user_emails=[], mode="add_only", preview=True, product_code="example_product")
    assert "'example_product'" in refused(datadog, user_emails=emails(0), approved=other)


def test_a_person_who_was_protected_in_the_preview_is_left_alone(datadog: FakeDatadog) -> None:
    """A person who was protected in the preview and no longer is keeps the seat, and the rest is applied."""
    people = add_people(datadog, 4)
    preview = sync(user_emails=emails(0, 1), protect=emails(2), preview=True)
    report = sync(user_emails=emails(0, 1), approved=preview)
    assert kinds(report)["unassigned"] == people[3:]
    assert reasons(report) == {people[2]: "protected in the approved preview"}
    assert datadog.holders(PRODUCT) == set(people[:3])


def test_an_entry_of_protect_that_the_preview_found_needs_no_account_later(datadog: FakeDatadog) -> None:
    """An approved run reads nobody who was protected in the preview, so it does not miss an entry that is a handle."""
    people = add_people(datadog, 2)
    ann = datadog.add_user("ann@x.com", handle="old@x.com", seat=PRODUCT)
    arguments: dict[str, Any] = {"user_emails": emails(0), "protect": ["old@x.com"]}
    preview = sync(**arguments, preview=True)
    assert preview["refusals"] == []
    # Another entry is looked up.
    typo = {**arguments, "protect": ["old@x.com", "typo@x.com"]}
    assert "'typo@x.com' is an entry of protect" in refused(datadog, **typo, approved=preview)
    report = sync(**arguments, approved=preview)
    assert kinds(report)["unassigned"] == people[1:]
    assert reasons(report) == {ann: "protected in the approved preview"}


def test_a_person_who_was_missing_in_the_preview_is_left_alone(datadog: FakeDatadog) -> None:
    """A person who was missing in the preview and has an account now is not assigned, and the rest is applied."""
    people = add_people(datadog, 2)
    bob = datadog.add_user("bob@x.com")
    arguments: dict[str, Any] = {"user_emails": [*emails(0), "bob@x.com", "late@x.com"], "missing_users": "skip"}
    preview = sync(**arguments, preview=True)
    datadog.add_user("late@x.com")
    report = sync(**arguments, approved=preview)
    assert by_email(report) == {
        "assigned": ["bob@x.com"],
        "unassigned": emails(1),
        "missing": ["late@x.com"],
    }
    assert datadog.holders(PRODUCT) == {people[0], bob}


def test_an_approved_run_never_exceeds_max_seats(datadog: FakeDatadog) -> None:
    """If a person who was protected in the preview keeps the seat, max_seats counts that seat."""
    people = add_people(datadog, 2)
    new = datadog.add_user("new@x.com")
    arguments: dict[str, Any] = {"user_uuids": [people[0], new], "max_seats": 2}
    preview = sync(**arguments, protect=emails(1), preview=True)
    assert "max_seats" in preview["refusals"][0]
    assert "max_seats" in refused(datadog, **arguments, approved=preview)


def test_an_approved_plan_that_a_guard_refuses_is_refused(datadog: FakeDatadog) -> None:
    """An approval does not lift a guard."""
    add_people(datadog, 3)
    preview = sync(user_emails=emails(0), max_unassign=1, preview=True)
    assert preview["refusals"]
    assert "max_unassign" in refused(datadog, user_emails=emails(0), max_unassign=1, approved=preview)


# --- changes that fail ---


def test_nobody_is_assigned_after_unassigning_has_failed(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """If unassigning ends with an error, nobody is assigned, the report says what was planned, and a rerun does it."""
    people = add_people(datadog, 2)
    new = datadog.add_user("new@x.com")
    datadog.script("DELETE", SEATS, *[Fault(503)] * 5)
    ti = FakeTaskInstance()
    with pytest.raises(UnavailableError):
        sync({"ti": ti}, user_emails=[*emails(0), "new@x.com"])
    not_done = {person["id"]: person["reason"] for person in ti.pushed["return_value"]["not_done"]}
    assert not_done == {people[1]: "was to be unassigned", new: "was to be assigned"}
    assert datadog.calls("POST") == []
    sync(user_emails=[*emails(0), "new@x.com"])
    assert datadog.holders(PRODUCT) == {people[0], new}


@pytest.mark.parametrize(
    ("seats", "new", "max_seats", "assigned"),
    [
        (2, 1, None, 0),  # one was to go and one to come, so there would be more than before
        (2, 2, None, 1),  # three were announced
        (2, 2, 3, 1),
        (2, 3, 4, 2),
        (4, 1, None, 0),
    ],
)
def test_a_seat_that_cannot_be_unassigned_is_not_added_to_the_bill(  # noqa: PLR0917 (parameters)
    datadog: FakeDatadog, ti: FakeTaskInstance, seats: int, new: int, max_seats: int | None, assigned: int
) -> None:
    """After a refused unassignment only so many are assigned as keep the seats at the higher of before and planned."""
    people = add_people(datadog, seats)
    joiners = add_people(datadog, new, seat=None, prefix="n")
    datadog.script("DELETE", SEATS, Fault(422, {"errors": ["owner of the organisation"]}))
    more: dict[str, Any] = {} if max_seats is None else {"max_seats": max_seats}
    with pytest.raises(AirflowFailException, match="owner of the organisation"):
        sync({"ti": ti}, user_uuids=[*people[:-1], *joiners], **more)
    assert datadog.holders(PRODUCT) == {*people, *joiners[:assigned]}
    report = ti.pushed["return_value"]
    assert [person["id"] for person in report["not_done"]] == joiners[assigned:]
    assert report["seats_after"] == len(datadog.holders(PRODUCT)) <= max(seats, seats - 1 + new)


def test_seat_ages_are_counted_from_now(datadog: FakeDatadog) -> None:
    """A seat just older than min_seat_age is unassigned, and one just younger is kept."""
    add_people(datadog, 2)
    now = datetime.now(UTC)
    older, younger = datadog.add_user("older@x.com"), datadog.add_user("younger@x.com")
    datadog.give_seat(PRODUCT, older, assigned_at=(now - timedelta(hours=37)).isoformat())
    datadog.give_seat(PRODUCT, younger, assigned_at=(now - timedelta(hours=35)).isoformat())
    report = sync(user_emails=emails(0, 1), min_seat_age="36h")
    assert (kinds(report)["unassigned"], list(reasons(report))) == ([older], [younger])


# --- accounts that do not exist yet ---


def test_a_missing_account_is_retried(datadog: FakeDatadog, ti: FakeTaskInstance) -> None:
    """With missing_users="retry" nothing is changed until every account exists, and the report names those missing."""
    ann, bob = add_people(datadog, 2)
    arguments: dict[str, Any] = {"user_emails": [*emails(0), "new@x.com"], "missing_users": "retry"}
    with pytest.raises(UsersNotReadyError, match=r"There is no enabled Datadog account for new@x\.com"):
        sync({"ti": ti}, **arguments)
    assert by_email(ti.pushed["return_value"])["missing"] == ["new@x.com"]
    assert datadog.holders(PRODUCT) == {ann, bob}
    new = datadog.add_user("new@x.com")
    sync({"ti": ti}, **arguments)
    assert datadog.holders(PRODUCT) == {ann, new}


# --- warnings and sizes ---


def test_more_seats_than_warn_seats_is_a_warning_at_the_end_of_the_log(datadog: FakeDatadog) -> None:
    """The sync succeeds, and its last log line, its report and its summary warn."""
    people = add_people(datadog, 3)
    log: list[str] = []
    ti = FakeTaskInstance()
    report = sync({"ti": ti}, log=log, user_uuids=people, max_seats=4, warn_seats="50%")
    [warning] = report["warnings"]
    assert warning.startswith(f"There are 3 seats of {PRODUCT}, more than warn_seats=2.")
    assert log[-1] == f"warning: {warning}"
    assert ti.pushed["summary"].endswith(f"- Warning: {warning}")
    assert report["guards"]["warn_seats"] == 2


def test_a_report_does_not_grow_with_the_organisation(datadog: FakeDatadog) -> None:
    """A sync reports the people who already match as a number, in XCom and in the log."""
    people = add_people(datadog, 300)
    new = [datadog.add_user(f"new{number}@x.com") for number in range(3)]
    log: list[str] = []
    report = sync(log=log, user_uuids=[*people[3:], *new])
    assert (len(report["unassigned"]), len(report["assigned"]), report["unchanged"]) == (3, 3, [])
    assert report["counts"]["unchanged"] == 297
    assert len(json.dumps(report)) < 3_000
    assert sum(map(len, log)) < 4_000
