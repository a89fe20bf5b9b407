"""The report: its keys, its table, and the JSON that the log shows for an undo."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.seat_change import Outcome
from airflow_provider_seats._planning.arguments import parse_report
from airflow_provider_seats._planning.people import People
from airflow_provider_seats._planning.plan import Origin, Period, Plan
from airflow_provider_seats._planning.seat_list import SeatList
from airflow_provider_seats.report import KINDS, Person, Report, for_undo, table
from tests.helpers.planning import NOW, P, assign, person, seat, sync, unassign

NOTHING = Outcome(P)
U1, U2, U3 = (f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "123")


def test_the_kinds_are_keys_of_the_report() -> None:
    """Every kind of people is a key of the report that holds a list, and every list of people is a kind."""
    hints = get_type_hints(Report)
    assert [name for name, hint in hints.items() if hint == list[Person]] == list(KINDS)
    assert set(Plan(P).preview()) == set(hints)


def test_the_table_counts_and_names_people() -> None:
    """The table has a line with the counts and one for each person, in columns."""
    plan = unassign(People((), ("1@x", "none@example.com")), SeatList([seat("1", "1@x")]))
    assert table(plan.preview()) == [
        "p (preview, nothing is changed): 1 unassigned, 1 unchanged; seats before 1, after 0",
        "  unassigned  1@x               1",
        "  unchanged   none@example.com  -",
    ]


def test_the_table_shows_reasons() -> None:
    """The table shows the reason of each person who has one."""
    report = sync(People(("2",)), SeatList([seat("1", "1@x")])).not_started(preview=False)
    assert table(report)[1:] == [
        "  not done  1@x  1  (was to be unassigned)",
        "  not done  -    2  (was to be assigned)",
    ]


def test_the_table_names_20_people_of_a_kind() -> None:
    """The table counts the people beyond 20 of a kind instead of naming them."""
    many = table(unassign(People(tuple(map(str, range(30))))).not_started(preview=False))
    assert many[0] == "p: 30 not done"
    assert many[20].split() == ["not", "done", "-", "19"]
    assert many[21:] == ["  not done  and 10 more"]
    twenty = table(unassign(People(tuple(map(str, range(20))))).not_started(preview=False))
    assert len(twenty) == 21


def test_the_table_of_nothing_is_one_line() -> None:
    """The table of a report without people says that there is nobody to change."""
    assert table(unassign(People()).preview()) == ["p (preview, nothing is changed): nobody to change"]


def test_the_table_says_that_the_seats_afterwards_are_unknown() -> None:
    """The table shows no count of seats afterwards if the report has none."""
    assert table(unassign(People(("1",)), SeatList([seat("1")])).interrupted())[0] == (
        "p: 1 unknown; seats before 1, after unknown"
    )


def test_the_table_claims_no_change_if_the_list_was_not_read() -> None:
    """Without the seat list the table says who holds a seat now, not that a seat was assigned."""
    assert table(assign(People(("1",))).report(NOTHING, Outcome(P, done=("1",))))[0] == "p: 1 hold a seat now"
    assert table(unassign(People(("1",))).report(Outcome(P, done=("1",)), NOTHING))[0] == "p: 1 hold no seat now"


# --- the JSON for an undo ---


def test_the_log_shows_what_an_undo_needs() -> None:
    """The JSON has the facts of the report in its first line and one line for each changed person."""
    plan = replace(sync(People((U2,)), SeatList([seat(U1, "1@x")])), origin=Origin("dd", "https://api.datadoghq.com"))
    report = plan.report(Outcome(P, done=(U1,)), Outcome(P, done=(U2,)), Period(NOW, NOW))
    text = for_undo(report)
    assert text is not None
    lines = text.splitlines()
    assert lines[0].startswith('{"product": "p", "preview": false, "seats_before": 1, "seats_after": 1, ')
    assert lines[1:] == [
        ' "assigned": [',
        f'  {{"id": "{U2}", "email": null}}],',
        ' "unassigned": [',
        f'  {{"id": "{U1}", "email": "1@x"}}],',
        ' "unknown": []}',
    ]
    wanted: dict[str, Any] = {
        **{key: value for key, value in report.items() if key not in {*KINDS, "guards", "refusals"}},
        **{kind: dict(report)[kind] for kind in ("assigned", "unassigned", "unknown")},
    }
    assert json.loads(text) == wanted


@pytest.mark.parametrize("preview", [True, False])
def test_the_log_shows_nothing_if_nobody_was_changed(preview: bool) -> None:
    """A preview and a report without changes have no JSON for an undo."""
    plan = unassign(People((U1,)), SeatList([seat(U1)]))
    assert for_undo(plan.preview() if preview else plan.not_started(preview=False)) is None
    assert for_undo(plan.interrupted()) is None


def test_the_log_shows_everyone_of_thousands() -> None:
    """The JSON contains every changed person, each in a line of its own."""
    people = tuple(f"{number:032x}" for number in range(3_000))
    report = unassign(People(people), SeatList(map(seat, people))).report(Outcome(P, done=people), NOTHING)
    text = for_undo(report)
    assert text is not None
    assert len(json.loads(text)["unassigned"]) == 3_000
    assert len(text.splitlines()) > 3_000
    assert max(map(len, text.splitlines())) < 300


def test_the_log_of_a_report_that_cannot_be_undone_is_short() -> None:
    """If the seat list was not read, the log shows the JSON only if the table does not name everyone."""
    few: Any = {**Plan(P).not_started(preview=False), "assigned": [person(U3)] * 20}
    assert for_undo(few) is None
    many: Any = {**few, "assigned": [person(U3)] * 21}
    assert len(parse_report("undo", for_undo(many))["assigned"]) == 21


@given(
    st.dictionaries(st.uuids().map(str), st.none() | st.text(max_size=9).map("{}@x".format), min_size=1, max_size=4),
    st.sampled_from(["assigned", "unassigned", "unknown"]),
)
def test_the_json_can_be_passed_to_undo(people: dict[str, str | None], kind: str) -> None:
    """The JSON of any report is parsed back into the same people."""
    persons = [person(uuid, email) for uuid, email in people.items()]
    report: Any = {**Plan(P).not_started(preview=False), "seats_before": 1, "assigned": [person(U3)], kind: persons}
    if kind == "unknown":
        # The table shows everyone, and the report cannot be undone.
        assert for_undo(report) is None
        report["assigned"] = [person(U3)] * 21
    parsed = dict(parse_report("undo", for_undo(report)))
    for key in ("assigned", "unassigned", "unknown", "product", "since_attempt", "started_at", "ended_at"):
        assert parsed[key] == report[key]
