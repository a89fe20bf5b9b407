"""The states of an operator's run: the report that each of them leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_seats._api.seat_change import Outcome
from airflow_provider_seats._planning.plan import EarlierAttempts, Period, Plan
from airflow_provider_seats._planning.seat_list import SeatList
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats._running.run_states import Changed, Changing, Parsing, Planning, Previewed, State
from tests.helpers.planning import NOW, P, kinds, person, seat, sync

PLAN = sync(People(("3",)), SeatList([seat("1"), seat("2")]))
PERIOD = Period(NOW, NOW + timedelta(seconds=5))
NOTHING = Outcome(P)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Parsing(Plan(P)), {}),
        (Planning(PLAN, Period(), preview=False), {"not_done": ["1", "2", "3"]}),
        (Previewed(PLAN), {"assigned": ["3"], "unassigned": ["1", "2"]}),
        (Changing(PLAN, PERIOD), {"unknown": ["1", "2", "3"]}),
        (
            Changed(PLAN, PERIOD, Outcome(P, done=("1",), refused={"2": "no"}), Outcome(P, done=("3",))),
            {"assigned": ["3"], "unassigned": ["1"], "refused": ["2"]},
        ),
    ],
)
def test_each_state_has_its_report(state: State, expected: dict[str, list[str]]) -> None:
    """People are not done before the changes, unknown while they are made, and known afterwards."""
    assert kinds(state.report()) == expected


def test_people_of_earlier_attempts_are_unknown_until_the_list_is_read() -> None:
    """A run that ends before it reads the seat list reports earlier changes as unknown, each person once."""
    earlier = EarlierAttempts(9, {"4": person("4", "4@x")}, {"1": person("1", "1@x")}, NOW)
    planned = Plan(P, unassign=(person(None, "1@x"), person("2")), earlier=earlier)
    report = Planning(planned, Period(NOW), preview=False).report()
    assert kinds(report) == {"unknown": ["1", "4"], "not_done": ["2"]}
    assert (report["seats_before"], report["seats_after"], report["started_at"]) == (9, None, NOW.isoformat())
    read = replace(planned, seat_list=SeatList([seat("2")]))
    assert kinds(Planning(read, Period(NOW), preview=False).report())["unassigned"] == ["1"]
