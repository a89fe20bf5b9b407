"""The dates of seats after a change."""

from __future__ import annotations

from airflow_provider_seats._planning.seat_list import SeatList, with_dates
from tests.helpers.planning import person, seat


def test_people_get_the_dates_of_the_list_after_the_change() -> None:
    """A person who is in the newest list gets the date of the seat there, and anyone else none."""
    ann, bob = seat("1", "ann@x"), seat("2", "bob@x")
    people = {"1": person("1", "ann@x"), "3": person("3")}
    dated = {**person("1", "ann@x"), "assigned_at": ann.assigned_at}
    assert with_dates(people, None, [ann, bob]) == [dated, person("3")]
    assert with_dates(people, SeatList([ann]), None) == [dated, person("3")]
    assert with_dates(people, None, None) == list(people.values())
