"""The changes between readings of a seat list. tests/test_triggers.py has what the trigger makes of them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning.stored import MAX_VALUE, size
from airflow_provider_seats._waiting.changes import Seats, compare_seats, watch
from airflow_provider_seats._waiting.reported_seats import ReportedSeats
from airflow_provider_seats.exceptions import InvalidInputError
from tests.helpers.examples import examples
from tests.helpers.looping import quickly
from tests.helpers.planning import seat
from tests.helpers.playing import uuid
from tests.helpers.polling import Datadog, after, unavailable

BEFORE: Seats = {"1": "ann@x", "2": "bob@x"}


def test_an_event_has_the_seats_that_people_gained_and_lost() -> None:
    """The payload has all fields of a seat that someone gained, and id and last known email of one that is lost."""
    cy = seat("3", "cy@x")
    changes = compare_seats(BEFORE, SeatList([seat("1", "ann@x"), cy]))
    lost = [{"id": "2", "email": "bob@x"}]
    assert changes.event("p") == {"product": "p", "gained": [cy._asdict()], "lost": lost, "seats": 2, "more": 0}
    assert changes.now == {"1": "ann@x", "3": "cy@x"}


def test_nothing_is_reported_if_the_seats_before_are_unknown() -> None:
    """The first list is the starting point."""
    changes = compare_seats(None, SeatList([seat("1", "ann@x")]))
    assert (changes.event("p"), changes.now, changes.is_new) == (None, {"1": "ann@x"}, True)


def test_another_email_is_new_and_no_event() -> None:
    """A person who only has another email gained and lost nothing, but the email has to be remembered."""
    changes = compare_seats(BEFORE, SeatList([seat("1", "ann@x"), seat("2", "rob@x")]))
    assert (changes.event("p"), changes.is_new) == (None, True)
    assert not compare_seats(BEFORE, SeatList([seat("2", "bob@x"), seat("1", "ann@x")])).is_new


def test_seats_without_a_uuid_are_reported() -> None:
    """A seat without a UUID is known by its email or its name. One that has neither is only counted."""
    nid = seat(None, "nid@x")
    changes = compare_seats(BEFORE, SeatList([seat(None), nid, seat("1", "ann@x"), seat("2", "bob@x")]))
    assert (changes.gained, changes.lost, changes.seats) == ([nid._asdict()], [], 4)
    after = compare_seats(changes.now, SeatList([seat("1", "ann@x"), seat("2", "bob@x")]))
    assert (after.gained, after.lost) == ([], [{"id": None, "email": "nid@x"}])
    named = nid._replace(email=None, name="Service 42")
    assert compare_seats(BEFORE, SeatList([named])).gained == [named._asdict()]


def test_a_seat_whose_row_loses_its_uuid_is_neither_lost_nor_gained() -> None:
    """A row that has a person's email and no UUID is that person's, and the same when the UUID comes back."""
    with_uuid, without = (
        SeatList([seat("1", "ann@x"), seat("2", "bob@x")]),
        SeatList([seat(None, "Ann@x"), seat("2", "bob@x")]),
    )
    changes = compare_seats(BEFORE, without)
    assert changes.event("p") is None
    again = compare_seats(changes.now, with_uuid)
    assert (again.event("p"), again.now) == (None, BEFORE)


def test_a_row_without_a_uuid_hides_no_loss_of_others() -> None:
    """A lost seat is reported beside a row that has another email, and not beside one without an email."""
    lost = [{"id": "2", "email": "bob@x"}]
    service = seat(None, "service@x")
    assert compare_seats(BEFORE, SeatList([seat("1", "ann@x"), service])).lost == lost
    unknown = compare_seats(BEFORE, SeatList([seat("1", "ann@x"), seat(None)]))
    assert (unknown.lost, unknown.unconfirmed) == ([], 1)


@examples(100)
@given(
    st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.integers(1, 2)), min_size=1, max_size=12),
)
def test_only_two_absences_in_a_row_are_a_loss(readings: list[tuple[set[str], int]]) -> None:
    """Someone counts as lost if the list has one page, or if two readings in a row do not contain them."""
    before: Seats = {}
    seats, previous = SeatList(number=0), set[str]()
    for number, (shown, pages) in enumerate(readings, 1):
        seats = seats.followed_by(tuple(map(seat, sorted(shown))), pages, number)
        changes = compare_seats(before, seats)
        missing = before.keys() - shown
        kept = {uuid for uuid in missing if uuid in previous} if pages > 1 else set()
        assert changes.now.keys() == shown | kept
        assert (changes.unconfirmed, changes.seats) == (len(kept), len(shown | kept))
        assert {each["id"] for each in changes.lost} == missing - kept
        assert {each["id"] for each in changes.gained} == shown - before.keys()
        before, previous = changes.now, shown


@examples(100)
@given(st.integers(0, 700), st.integers(0, 900), st.integers(0, 100))
def test_many_changes_are_reported_in_several_events(lost: int, gained: int, kept: int) -> None:
    """No event is larger than 48 KiB, none of the changes is lost or repeated, and the last event says so."""
    before: Seats = {f"old{number}": f"old{number}@example.com" for number in range(lost + kept)}
    rows = [seat(uuid, email) for uuid, email in list(before.items())[lost:]]
    rows += [seat(f"new{number}", f"new{number}@example.com") for number in range(gained)]
    seat_list, known, left = SeatList(rows), before, lost + gained
    found: dict[str, list[Any]] = {"gained": [], "lost": []}
    while left:
        changes = compare_seats(known, seat_list)
        event = changes.event("p")
        assert event is not None
        assert size(event) <= MAX_VALUE
        assert event["seats"] == kept + gained
        known, left = changes.now, left - len(event["gained"]) - len(event["lost"])
        assert event["more"] == left
        for kind, people in found.items():
            people.extend(person["id"] for person in event[kind])
    assert compare_seats(known, seat_list).event("p") is None
    assert found["gained"] == [f"new{number}" for number in range(gained)]
    assert found["lost"] == [f"old{number}" for number in range(lost)]


def test_a_person_with_a_very_long_name_is_reported() -> None:
    """A single person is reported even if nobody else fits beside them."""
    long = seat("1", "ann@x")._replace(name="x" * 100_000)
    changes = compare_seats({}, SeatList([long, seat("2", "bob@x")]))
    assert ([each["id"] for each in changes.gained], changes.more, changes.now) == (["1"], 1, {"1": "ann@x"})


# --- the watch ---

ANN = seat(uuid("a"), "ann@x")


def test_each_poll_and_each_change_is_returned(polled: Datadog) -> None:
    """A seat that appears after a fault is a change. Each poll returns None first."""
    polled.faults = [0, unavailable()]

    async def main() -> Any:
        async def give() -> None:
            polled.seats = (ANN,)

        later = asyncio.create_task(after(25, give()))
        store = ReportedSeats(None, "p")
        async with aclosing(watch(store, "one", "p", 10)) as changes:
            returned = [await anext(changes) for _ in range(5)]
        await later
        return returned

    *polls, change = quickly(main())
    assert [each["id"] for each in change["gained"]] == [ANN.id]
    assert polls == [None] * 4  # the list, the fault, the list again, and the list with the change


@pytest.mark.parametrize(("product", "interval"), [("", 10), ("p", "often")])
def test_arguments_are_checked(polled: Datadog, product: str, interval: object) -> None:
    """A product or an interval that cannot be used is an error before anything is read."""

    async def main() -> None:
        async with aclosing(watch(ReportedSeats(None, "p"), "one", product, interval)) as changes:
            await anext(changes)

    with pytest.raises(InvalidInputError):
        quickly(main())
    assert polled.readings == []
