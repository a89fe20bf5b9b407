"""The plans: who is to change, who is not, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats.arguments import People
from airflow_provider_seats.plan import (
    Holders,
    Require,
    SeatState,
    UsersMissingError,
    plan_assign,
    plan_unassign,
    unplanned,
    watch,
)
from airflow_provider_seats.protocol import InvalidInputError
from airflow_provider_seats.report import KINDS, Person, Report, table
from airflow_provider_seats.seats import Outcome, SeatUser
from airflow_provider_seats.users import User

P = "p"


def seat(uuid: str | None, email: str | None = None) -> SeatUser:
    """Make a row of the seat list."""
    return SeatUser(uuid, email, None, "2026-01-01T00:00:00Z")


def user(uuid: str, email: str, status: str = "Active") -> User:
    """Make an account."""
    return User(uuid, email, None, status)


def who(uuid: str | None, email: str | None = None) -> Person:
    """Make a person of a report."""
    return Person(id=uuid, email=email)


# --- assign ---


def test_without_a_seat_list_everyone_given_is_to_change() -> None:
    """UUIDs need no look-up; emails become the UUIDs of their accounts, and nobody comes twice."""
    people = People(("1", "2"), ("Ann@x",))
    plan = plan_assign(P, people, {"ann@x": user("1", "ann@x")})
    assert plan.change == (who("1", "ann@x"), who("2"))
    assert plan.uuids == ["1", "2"]
    assert (plan.refusal, plan.seats_before) == (None, None)


def test_with_a_seat_list_its_holders_are_unchanged() -> None:
    """By UUID, by email in any case, and by the UUID of an account whose row shows another email."""
    holders = Holders([seat("1", "ann@x"), seat("2"), seat("3", "old@x"), seat(None, "nid@x")])
    people = People(("2", "9"), ("ANN@x", "cy@x", "nid@x", "new@x"))
    found = {"cy@x": user("3", "cy@x"), "new@x": user("8", "new@x")}
    plan = plan_assign(P, people, found, holders)
    assert plan.unchanged == (who("1", "ann@x"), who("3", "old@x"), who(None, "nid@x"), who("2"))
    assert plan.change == (who("8", "new@x"), who("9"))
    assert plan.seats_before == 4
    assert holders.without(["ANN@x", "cy@x"]) == ("cy@x",)


def test_unknown_and_disabled_accounts_are_missing() -> None:
    """They refuse the plan, unless that was not wanted; the error names them as they were given."""
    people = People((), ("Gone@x", "off@x", "ann@x"))
    found = {"off@x": user("5", "off@x", "Disabled"), "ann@x": user("1", "ann@x")}
    plan = plan_assign(P, people, found)
    assert plan.missing == (who(None, "Gone@x"), who("5", "off@x"))
    assert isinstance(plan.refusal, UsersMissingError)
    assert plan.refusal.emails == ("Gone@x", "off@x")
    assert not plan.refusal.passing
    for part in ("Gone@x", "off@x", "Nothing was changed", "missing_users"):
        assert part in str(plan.refusal)
    assert plan_assign(P, people, found, missing_users="skip").refusal is None


def test_a_disabled_account_that_holds_a_seat_is_unchanged() -> None:
    """Nothing has to be given, so nobody is missing."""
    plan = plan_assign(
        P, People((), ("off@x",)), {"off@x": user("5", "off@x", "Disabled")}, Holders([seat("5", "off@x")])
    )
    assert (plan.unchanged, plan.missing) == ((who("5", "off@x"),), ())


# --- unassign ---


def test_uuids_alone_are_taken_without_a_list() -> None:
    """Who holds a seat is not asked."""
    plan = plan_unassign(P, People(("1", "2"), ()))
    assert plan.uuids == ["1", "2"]
    assert plan.seats_before is None


def test_only_holders_are_to_change_and_the_others_are_told() -> None:
    """Someone without a seat is unchanged, and someone given twice is taken once."""
    holders = Holders([seat("1", "ann@x"), seat("2", "bob@x"), seat("3")])
    plan = plan_unassign(P, People(("1", "3", "9"), ("Ann@X", "nobody@x")), holders)
    assert plan.change == (who("1", "ann@x"), who("3"))
    assert plan.unchanged == (who(None, "nobody@x"), who("9"))


def test_all_the_seats_of_an_email_are_taken() -> None:
    """Accounts may share an email, and none of them is to keep a seat."""
    plan = plan_unassign(P, People((), ("ann@x",)), Holders([seat("1", "ann@x"), seat("2", "ANN@x")]))
    assert plan.uuids == ["1", "2"]


def test_a_seat_without_a_uuid_cannot_be_taken_by_email() -> None:
    """It is said before anything is changed, and not reported as unchanged."""
    with pytest.raises(InvalidInputError, match=r"ann@x.*Nothing was changed"):
        plan_unassign(P, People((), ("ann@x",)), Holders([seat(None, "ann@x")]))


# --- reports ---


def test_a_report_has_the_same_keys_whatever_came_of_it() -> None:
    """Preview, done, failed, and not begun."""
    plan = plan_unassign(
        P, People(("1", "2", "3", "4", "5"), ()), Holders([seat(str(n), f"{n}@x") for n in range(1, 6)])
    )
    outcome = Outcome(P, done=("1", "2"), refused={"3": "no"}, not_done=("4", "5"))
    done = plan.report(outcome)
    assert done == Report(
        product=P,
        preview=False,
        assigned=[],
        unassigned=[who("1", "1@x"), who("2", "2@x")],
        unchanged=[],
        missing=[],
        refused=[who("3", "3@x")],
        protected=[],
        unknown=[],
        not_done=[who("4", "4@x"), who("5", "5@x")],
        seats_before=5,
        seats_after=3,
    )
    others = plan.preview(), plan.not_started(preview=False), unplanned("assign", P, People(("1",), ("a@x",))).preview()
    assert {tuple(each) for each in (done, *others)} == {tuple(done)}
    assert (plan.preview()["seats_after"], plan.not_started(preview=True)["seats_after"]) == (0, 5)


def test_seats_afterwards_are_not_told_where_someone_is_unknown() -> None:
    """A number that may be wrong is none."""
    plan = plan_unassign(P, People(("1",), ()), Holders([seat("1")]))
    report = plan.report(Outcome(P, unknown=("1",)))
    assert (report["seats_before"], report["seats_after"]) == (1, None)


def test_the_table_counts_and_then_names_people_but_not_all_of_many() -> None:
    """A person reads who was given and taken; a thousand rows stay in the XCom."""
    plan = plan_unassign(P, People((), ("1@x", "none@example.com")), Holders([seat("1", "1@x")]))
    assert table(plan.preview()) == [
        "p (preview, nothing is changed): 1 unassigned, 1 unchanged; seats before 1, after 0",
        "  unassigned  1@x               1",
        "  unchanged   none@example.com  -",
    ]
    many = table(plan_unassign(P, People(tuple(map(str, range(30))), ())).not_started(preview=False))
    assert many[0] == "p: 30 not done"
    assert many[-1] == "  not done    and 10 more, all in the XCom return_value"
    assert len(many) == 22
    assert table(plan_unassign(P, People((), ())).preview())[0].endswith("nobody")


_ids = st.sets(st.sampled_from("abcdefg"))


@given(asked=_ids, by_email=_ids, held=_ids, known=_ids, disabled=_ids)
def test_everyone_given_stands_in_a_report_once(
    asked: set[str], by_email: set[str], held: set[str], known: set[str], disabled: set[str]
) -> None:
    """Whatever is known of them, and the numbers before and after fit."""
    people = People(tuple(sorted(asked)), tuple(f"{each}@x" for each in sorted(by_email)))
    holders = Holders([seat(each, f"{each}@x") for each in sorted(held)])
    found = {
        f"{each}@x": user(each, f"{each}@x", "Disabled" if each in disabled else "Active") for each in known | disabled
    }
    give = plan_assign(P, people, found, holders, "skip").preview()
    take = plan_unassign(P, people, holders).preview()
    for report in (give, take):
        names = [person["id"] or str(person["email"])[0] for kind in KINDS for person in _people(report, kind)]
        assert set(names) == asked | by_email
        if report is give:
            assert set(names) - {person["id"] for person in report["missing"]} <= asked | by_email
        assert report["seats_before"] == len(held)
        assert report["seats_after"] == len(held) + len(report["assigned"]) - len(report["unassigned"])
    assert {person["id"] for person in give["assigned"]} == (asked | (by_email & known - disabled)) - held
    assert {person["id"] for person in take["unassigned"]} == (asked | by_email) & held


def _people(report: Report, kind: str) -> list[Person]:
    people: list[Person] = dict(report)[kind]  # type: ignore[assignment]
    return people


# --- the sensor's condition ---


@pytest.mark.parametrize(
    ("state", "require", "done", "met"),
    [
        ("assigned", "all", False, ["ann@x", "2@x"]),
        ("assigned", "any", True, ["ann@x", "2@x"]),
        ("unassigned", "all", False, ["gone@x", None]),
        ("unassigned", "any", True, ["gone@x", None]),
    ],
)
def test_the_condition_is_met_by_all_or_any(state: SeatState, require: Require, done: bool, met: list[Any]) -> None:
    """Those who met it are given, and the others are named as they were given."""
    holders = Holders([seat("1", "ann@x"), seat("2", "2@x")])
    watched = watch(People(("2", "9"), ("Ann@x", "gone@x")), holders, state, require)
    assert watched.done is done
    assert [row["email"] for row in watched.met] == met
    assert watched.waiting == (["gone@x", "9"] if state == "assigned" else ["Ann@x", "2"])


def test_holders_are_given_with_all_their_fields_and_others_as_they_were_given() -> None:
    """The next task knows since when, or whose seat is gone."""
    holders = Holders([seat("1", "ann@x")])
    fields = {"id": "1", "email": "ann@x", "name": None, "assigned_at": "2026-01-01T00:00:00Z"}
    assert watch(People(("1",), ("ann@x",)), holders, "assigned", "all").met == [fields]
    gone = watch(People(("9",), ("Bob@x",)), holders, "unassigned", "all").met
    assert gone == [{"id": None, "email": "Bob@x"}, {"id": "9", "email": None}]
