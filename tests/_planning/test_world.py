"""What was read before a plan is made."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning.world import World
from airflow_provider_seats._rosters.people import NOBODY, People
from tests.helpers.planning import NOW, seat, user

BOSS, EIGHT = user("1", "boss@x"), user("8", "b@x")


@pytest.mark.parametrize(
    ("read", "unmatched"),
    [
        ({}, People(("8",), ("Boss@x", "Typo@x"))),
        ({"accounts": {"1": BOSS}}, People(("8",), ("Typo@x",))),
        ({"found": [BOSS]}, People(("8",), ("Typo@x",))),
        ({"found": [EIGHT]}, People((), ("Boss@x", "Typo@x"))),
    ],
)
def test_a_protected_entry_that_matches_nobody_is_found(read: dict[str, Any], unmatched: People) -> None:
    """The entries of protect that match no row and no account that was read are returned as they were passed."""
    people = People(("1", "8"), ("BOB@x", "Boss@x", "Typo@x"))
    seats = SeatList([seat("1", "ann@x"), seat("2", "bob@x")])
    assert World(NOW, seats, **read).unmatched(people) == unmatched
    assert World(NOW, seats, **read).unmatched(NOBODY) == NOBODY


def test_a_plan_without_the_list_matches_nobody() -> None:
    """Without the seat list nothing is known about the entries of protect, and a plan that needs the list fails."""
    assert World(NOW).unmatched(People(("1",))) == NOBODY
    with pytest.raises(TypeError, match="needs the seat list"):
        _ = World(NOW).seats
