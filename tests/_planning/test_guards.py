"""Guards: which apply, what they need, and how a report records them."""

from __future__ import annotations

import pytest

from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.limit import (
    Limit,
)
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.exceptions import InvalidInputError


def test_only_guards_that_apply_are_recorded() -> None:
    """The record contains the guards that apply, a limit also as people, and nothing about the others."""
    assert Guards().record(10) == {}
    everything = Guards(
        missing_users="skip",
        allow_empty=False,
        max_unassign=Limit(percent=20),
        max_seats=0,
        min_seat_age=0.0,
        protect=People(("1",), ("A@x",)),
        check_accounts=False,
    )
    assert everything.record(9) == {
        "missing_users": "skip",
        "allow_empty": False,
        "max_unassign": "20%",
        "max_unassign_people": 1,
        "max_seats": 0,
        "min_seat_age": 0.0,
        "protect": ["1", "A@x"],
        "check_accounts": False,
    }


@pytest.mark.parametrize(
    ("guards", "needed"),
    [
        (Guards(), False),
        (Guards(missing_users="fail", check_accounts=False, check_escalation_policies=False), False),
        (Guards(min_seat_age=0.0), True),
        (Guards(warn_seats=0), True),
        (Guards(on_call="keep"), True),
        (Guards(max_unassign=Limit(people=0)), True),
        (Guards(max_seats=0), True),
        (Guards(max_assign=Limit(people=0)), True),
        (Guards(protect=People((), ("a@x",))), True),
    ],
)
def test_a_guard_that_counts_or_protects_needs_the_seat_list(guards: Guards, needed: bool) -> None:
    """The seat list is read for a limit of 0 and for protected people as well."""
    assert guards.need_seat_list is needed


def test_on_call_is_one_of_three_words() -> None:
    """``ignore`` stands for no guard, and another word is an error."""
    parsed = [Guards.parse({"on_call": word}).on_call for word in ("ignore", "keep", "refuse")]
    assert parsed == [None, "keep", "refuse"]
    with pytest.raises(InvalidInputError, match=r"^on_call: 'no' is not one of 'ignore', 'keep', 'refuse'"):
        Guards.parse({"on_call": "no"})


def test_schedules_alone_are_recorded() -> None:
    """The report says that escalation policies were left out, also if that had no effect."""
    assert Guards(on_call="keep").record(10) == {"on_call": "keep"}
    assert Guards(on_call="keep", check_escalation_policies=False).record(10) == {
        "on_call": "keep",
        "check_escalation_policies": False,
    }
