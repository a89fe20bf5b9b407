"""People compared with seats: who is to be assigned, and who is to be unassigned."""

from __future__ import annotations

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.jobs import Job, Mode
from airflow_provider_seats._planning.plan import with_reason
from airflow_provider_seats._planning.reporting import report_preview
from airflow_provider_seats._rosters.people import People
from tests.helpers.planning import (
    P,
    Readings,
    assign,
    kinds,
    person,
    planned,
    seat,
    sync,
    unassign,
    user,
)

# --- assign ---


def test_without_a_seat_list_everyone_passed_is_assigned() -> None:
    """An assignment without the seat list contains each account once, whether passed by UUID or by email."""
    plan = assign(People(("1", "2"), ("Ann@x",)), [user("1", "ann@x")])
    assert plan.assign == (person("1", "ann@x"), person("2"))
    assert (plan.error, plan.seats_before) == (None, None)


def test_with_a_seat_list_people_who_hold_a_seat_are_unchanged() -> None:
    """A person who holds a seat is unchanged, found by UUID or by account, whatever email the row shows."""
    seats = SeatList([seat("1", "ann@x"), seat("2"), seat("3", "old@x")])
    accounts = [user("1", "ann@x"), user("3", "cy@x"), user("8", "new@x")]
    plan = assign(People(("2", "9"), ("ANN@x", "cy@x", "new@x")), accounts, seats)
    unchanged = [(each["id"], each["email"]) for each in plan.unchanged]
    assert unchanged == [("1", "ann@x"), ("3", "old@x"), ("2", None)]
    assert {each.get("reason") for each in plan.unchanged} == {
        "held a seat before; the undo of another report may unassign it"
    }
    assert plan.assign == (person("8", "new@x"), person("9"))


def test_a_person_passed_by_uuid_too_is_not_missing() -> None:
    """A person passed by UUID and by the email of a disabled account is assigned."""
    plan = assign(People(("5",), ("off@x",)), [user("5", "off@x", "Disabled")], None, Guards(missing_users="fail"))
    assert (plan.missing, plan.error, plan.assign) == ((), None, (person("5"),))


def test_a_disabled_account_is_missing_with_or_without_a_seat_list() -> None:
    """A preview, which reads the seat list, and a run without it treat a disabled account alike."""
    accounts = [user("5", "off@x", "Disabled")]
    for seats in (None, SeatList([seat("5", "off@x")])):
        assert assign(People((), ("off@x",)), accounts, seats).missing == (person("5", "off@x"),)


# --- unassign ---


def test_uuids_alone_are_unassigned_without_a_seat_list() -> None:
    """An unassignment by UUID without guards needs no seat list."""
    plan = unassign(People(("1", "2")))
    assert (plan.unassign, plan.seats_before) == ((person("1"), person("2")), None)


def test_only_people_with_a_seat_are_unassigned() -> None:
    """A person without a seat is unchanged, and a person passed twice is unassigned once."""
    seats = SeatList([seat("1", "ann@x"), seat("2", "bob@x"), seat("3")])
    plan = unassign(People(("1", "3", "9"), ("Ann@X", "nobody@x")), seats)
    assert plan.unassign == (person("1", "ann@x"), person("3"))
    nobody = with_reason(person(None, "nobody@x"), "no seat has this email; check its spelling if one should")
    assert plan.unchanged == (nobody, person("9"))


def test_all_seats_of_an_email_are_unassigned() -> None:
    """If accounts share an email, all of their seats are unassigned."""
    plan = unassign(People((), ("ann@x",)), SeatList([seat("1", "ann@x"), seat("2", "ANN@x")]))
    assert [each["id"] for each in plan.unassign] == ["1", "2"]


# --- sync ---


def test_a_sync_assigns_and_unassigns() -> None:
    """A sync matches people by UUID or email in each of its three modes."""
    seats = SeatList([seat("1", "ann@x"), seat("2", "bob@x"), seat("3", "cy@x")])
    roster = People(("2", "9"), ("ANN@x", "di@x"))
    accounts = [user("4", "di@x")]
    exact = sync(roster, seats, "exact", accounts)
    assert kinds(report_preview(exact)) == {"assigned": ["4", "9"], "unassigned": ["3"], "unchanged": ["1", "2"]}
    added = sync(roster, seats, "add_only", accounts)
    assert kinds(report_preview(added)) == {"assigned": ["4", "9"], "unchanged": ["1", "2"]}
    removed = sync(roster, seats, "remove_only")
    assert kinds(report_preview(removed)) == {"unassigned": ["3"], "unchanged": ["1", "2", "9", "di@x"]}
    assert removed.facts["mode"] == "remove_only"


def test_only_unlisted_emails_of_a_roster_are_looked_up() -> None:
    """A sync looks up the emails that no row has, and none if it assigns nobody."""
    roster, seats = People(("9",), ("ANN@x", "di@x")), SeatList([seat("1", "ann@x")])
    expected: list[tuple[Mode, list[str]]] = [("exact", ["di@x"]), ("add_only", ["di@x"]), ("remove_only", [])]
    for mode, looked_up in expected:
        readings = Readings(seats)
        planned(Job("sync", P, roster, Guards(), mode=mode), readings)
        assert readings.looked_up == looked_up


def test_a_listed_email_is_enough_even_if_the_account_is_disabled() -> None:
    """A person in the roster who holds a seat is unchanged, although the account is disabled."""
    plan = sync(People((), ("off@x",)), SeatList([seat("5", "off@x")]), guards=Guards(missing_users="fail"))
    assert (kinds(report_preview(plan)), plan.error) == ({"unchanged": ["5"]}, None)


def test_a_renamed_person_keeps_the_seat() -> None:
    """A person that the roster names by the account's email is unchanged, although the row shows another one."""
    seats = SeatList([seat("3", "old@x"), seat("4", "bob@x")])
    plan = sync(People((), ("new@x", "bob@x")), seats, users=[user("3", "new@x")])
    assert kinds(report_preview(plan)) == {"unchanged": ["3", "4"]}
