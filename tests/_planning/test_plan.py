"""Plans: what may be assigned after an unassignment, and what a retry has to know."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.seat_change import Outcome
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.plan import EarlierAttempts, Plan, by_id, label
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.exceptions import UnavailableError
from tests.helpers.planning import P, assign, person, seat, sync

NOTHING = Outcome(P)


def test_a_person_is_labelled_by_email_and_uuid() -> None:
    """The label of a person contains the email if it is known."""
    assert [label(person("1", "1@x")), label(person("2"))] == ["1@x (1)", "2"]


_ids = st.sets(st.sampled_from("abcdefg"))


# --- assignments after failed unassignments ---

FIVE = SeatList([seat(each) for each in "12345"])


def test_everyone_is_assigned_if_all_were_unassigned() -> None:
    """After successful unassignments everyone planned is assigned."""
    plan = sync(People(tuple("345678")), FIVE)
    assert plan.assignable_after(Outcome(P, done=("1", "2"))) == ("6", "7", "8")


def test_only_as_many_are_assigned_as_keep_the_announced_number_of_seats() -> None:
    """After refused unassignments only so many people are assigned as the plan had announced seats."""
    grows = sync(People(tuple("345678")), FIVE)
    assert grows.assignable_after(Outcome(P, done=("1",), refused={"2": "no"})) == ("6", "7")
    assert grows.assignable_after(Outcome(P, refused={"1": "no", "2": "no"})) == ("6",)


def test_the_seats_may_stay_as_many_as_they_were() -> None:
    """If the plan announced fewer seats than before, assignments may fill up to the number before."""
    shrinks = sync(People(tuple("567")), FIVE)
    refused = dict.fromkeys("123", "no")
    assert shrinks.assignable_after(Outcome(P, done=("4",), refused=refused)) == ("6",)
    assert shrinks.assignable_after(Outcome(P, refused={**refused, "4": "no"})) == ()
    assert shrinks.assignable_after(Outcome(P, done=("4",), not_done=("1", "2", "3"))) == ("6",)


def test_max_seats_limits_assignments_after_failed_unassignments() -> None:
    """After refused unassignments nobody is assigned beyond max_seats."""
    plan = sync(People(tuple("345678")), FIVE)._replace(guards=Guards(max_seats=5))
    assert plan.assignable_after(Outcome(P, done=("1",), refused={"2": "no"})) == ("6",)


def test_the_seats_before_count_from_the_first_attempt() -> None:
    """A retry may fill up to the number of seats before the first attempt."""
    earlier = EarlierAttempts(7, {}, by_id([person("8"), person("9")]))
    plan = sync(People(tuple("3456")), FIVE)._replace(earlier=earlier)
    assert plan.assignable_after(Outcome(P, refused={"1": "no", "2": "no"})) == ("6",)


def test_nobody_is_assigned_after_an_error() -> None:
    """An error of the unassignments ends the work."""
    plan = sync(People(tuple("345678")), FIVE)
    assert (
        plan.assignable_after(Outcome(P, done=("1",), not_done=("2",), error=UnavailableError("DELETE", "503"))) == ()
    )


def test_everyone_is_assigned_if_the_list_was_not_read() -> None:
    """An assignment without the seat list has no count to keep."""
    assert assign(People(("1", "2"))).assignable_after(NOTHING) == ("1", "2")


@given(before=_ids, roster=_ids, unassigned=_ids)
def test_failed_unassignments_never_raise_the_number_of_seats(
    before: set[str], roster: set[str], unassigned: set[str]
) -> None:
    """However many unassignments fail, the seats never exceed the number before and the announced number."""
    plan = sync(People(tuple(sorted(roster))), SeatList([seat(each) for each in sorted(before)]))
    to_unassign = by_id(plan.unassign)
    refused = {uuid: "no" for uuid in to_unassign if uuid not in unassigned}
    done = tuple(uuid for uuid in to_unassign if uuid in unassigned)
    assigned = plan.assignable_after(Outcome(P, done=done, refused=refused))
    after = len(before) - len(done) + len(assigned)
    assert after <= max(len(before), len(roster))
    assert assigned == tuple(by_id(plan.assign))[: len(assigned)]
    assert refused or len(assigned) == len(plan.assign)


def test_nothing_is_remembered_if_the_list_was_not_read() -> None:
    """Without the seat list it is unknown who held a seat, so there is nothing to remember."""
    assert assign(People(("1",))).to_remember(None) is None


@pytest.mark.parametrize("earlier", [None, EarlierAttempts(4, {}, {})])
def test_seats_before_are_those_of_the_first_attempt(earlier: EarlierAttempts | None) -> None:
    """A retry counts the seats before the first attempt."""
    plan = sync(People(("1",)), SeatList([seat("1")]))._replace(earlier=earlier)
    assert plan.seats_before == (4 if earlier else 1)
    assert Plan(P).seats_before is None
