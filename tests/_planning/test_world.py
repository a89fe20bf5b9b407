"""What was read before a plan is made."""

from __future__ import annotations

import pytest

from airflow_provider_seats._planning.planner import match_roster
from airflow_provider_seats._planning.seat_list import SeatList
from airflow_provider_seats._rosters.people import People
from tests.helpers.planning import seat, user, world


def test_a_plan_that_needs_the_seat_list_cannot_be_made_without_it() -> None:
    """A world in which the seat list was not read does not stand for an empty list."""
    with pytest.raises(TypeError, match="needs the seat list"):
        _ = world().seats


def test_a_match_contains_everyone_in_the_roster_and_in_the_seat_list_once() -> None:
    """A roster is compared by UUID, by the email in the list, and by the account of an email that is not listed."""
    ann, bob, cy, blank = seat("1", "ann@x"), seat("2", "bob@x"), seat("3", "cy@old"), seat("4")
    roster = People(("2", "9"), ("ANN@x", "cy@x", "di@x", "ghost@x"))
    users = [user("3", "cy@x"), user("5", "di@x")]
    match = match_roster(roster, "exact", world(SeatList([ann, bob, cy, blank]), users=users))
    assert match.unlisted == ("cy@x", "di@x", "ghost@x")
    assert [person["id"] for person in match.seated] == ["1", "3", "2"]
    assert [person["id"] for person in match.assign] == ["5", "9"]
    assert [person["email"] for person in match.missing] == ["ghost@x"]
    assert match.others == (blank,)
