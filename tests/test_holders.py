"""Who holds a seat, and the sensor's condition."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.arguments import People
from airflow_provider_seats.holders import Holders, Require, SeatState, watch
from tests.planning import seat


def test_people_are_found_by_uuid_and_by_email_in_any_case() -> None:
    """Several accounts may share an email; some rows have none."""
    holders = Holders([seat("1", "ann@x"), seat("2", "Ann@X"), seat("3"), seat(None, "nid@x")])
    assert [user.id for user in holders.by_email("ANN@x")] == ["1", "2"]
    assert [user.email for user in holders.by_uuid("3")] == [None]
    assert holders.by_uuid("9") == holders.by_email("9@x") == []
    assert holders.without(["ANN@x", "cy@x"]) == ("cy@x",)
    assert holders.without_email() == 1


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
    ann = seat("1", "ann@x")
    assert watch(People(("1",), ("ann@x",)), Holders([ann]), "assigned", "all").met == [ann._asdict()]
    gone = watch(People(("9",), ("Bob@x",)), Holders([ann]), "unassigned", "all").met
    assert gone == [{"id": None, "email": "Bob@x"}, {"id": "9", "email": None}]
