"""The reports of a plan, before, during and after its changes."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import assume, given, strategies as st

from airflow_provider_seats._api.seat_change import Outcome
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.plan import EarlierAttempts, Origin, Plan, by_id
from airflow_provider_seats._planning.reporting import (
    report_changes,
    report_interrupted,
    report_not_started,
    report_preview,
)
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.report import KINDS, Report
from tests.helpers.planning import NOW, P, assign, kinds, people_of, person, seat, sync, unassign, user

NOTHING = Outcome(P)


def test_every_report_has_the_same_keys() -> None:
    """The reports of a preview, a success, a failure, an interruption and a task that did not start are alike."""
    seats = SeatList([seat(str(number), f"{number}@x") for number in range(1, 6)])
    plan = unassign(People(("1", "2", "3", "4", "5")), seats)._replace(origin=Origin("dd", "https://api.datadoghq.eu"))
    outcome = Outcome(P, done=("1", "2"), refused={"3": "no"}, not_done=("4", "5"))
    done = report_changes(plan, outcome, NOTHING, (NOW, NOW + timedelta(seconds=9)))
    assert done == Report(
        product=P,
        preview=False,
        counts={**dict.fromkeys(KINDS, 0), "unassigned": 2, "refused": 1, "not_done": 2},
        assigned=[],
        unassigned=[person("1", "1@x"), person("2", "2@x")],
        unchanged=[],
        missing=[],
        refused=[person("3", "3@x")],
        protected=[],
        unknown=[],
        not_done=[person("4", "4@x"), person("5", "5@x")],
        seats_before=5,
        seats_after=3,
        guards={},
        refusals=[],
        warnings=[],
        since_attempt=1,
        started_at="2026-11-21T12:00:00+00:00",
        ended_at="2026-11-21T12:00:09+00:00",
        conn_id="dd",
        site="https://api.datadoghq.eu",
        digest=sha256(json.dumps([P, "https://api.datadoghq.eu", [], ["1", "2"]]).encode()).hexdigest(),
        complete=True,
    )
    others = (
        report_preview(plan),
        report_not_started(plan, preview=False),
        report_interrupted(plan),
        report_not_started(Plan(P), preview=False),
    )
    assert {tuple(each) for each in (done, *others)} == {tuple(done)}
    assert (report_preview(plan)["seats_after"], report_not_started(plan, preview=True)["seats_after"]) == (0, 5)
    assert json.loads(json.dumps(done)) == done


def test_only_a_report_of_changes_has_a_period() -> None:
    """A task that did not start has no period. An interrupted one, and a preview, have a start without an end."""
    plan = unassign(People(("1",)), SeatList([seat("1")]))
    assert (report_preview(plan)["started_at"], report_preview(plan)["ended_at"]) == (NOW.isoformat(), None)
    for report in (report_not_started(plan, preview=False), report_changes(plan, NOTHING, NOTHING)):
        assert (report["started_at"], report["ended_at"]) == (None, None)
    report = report_interrupted(plan, (NOW, None))
    assert (report["started_at"], report["ended_at"]) == (NOW.isoformat(), None)


def test_the_reasons_of_a_refusal_are_in_the_report() -> None:
    """The preview of a plan that a guard refuses shows the whole plan and every reason."""
    plan = sync(People(), SeatList([seat("1"), seat("2")]))
    assert plan.error is not None
    report = report_preview(plan)
    assert (kinds(report), report["refusals"]) == ({"unassigned": ["1", "2"]}, list(plan.error.reasons))
    assert kinds(report_not_started(plan, preview=False)) == {"not_done": ["1", "2"]}


def test_seats_after_is_unknown_if_somebody_is() -> None:
    """The report counts no seats afterwards if the state of a person is unknown."""
    plan = unassign(People(("1",)), SeatList([seat("1")]))
    report = report_changes(plan, Outcome(P, unknown=("1",)), NOTHING)
    assert (report["seats_before"], report["seats_after"]) == (1, None)
    assert kinds(report_interrupted(plan)) == {"unknown": ["1"]}


def test_a_sync_says_what_was_to_happen_to_people_who_were_not_changed() -> None:
    """A plan in both directions gives each person who was not changed a reason with the direction."""
    plan = sync(People(("2",)), SeatList([seat("1")]))
    reasons = [each.get("reason") for each in report_not_started(plan, preview=False)["not_done"]]
    assert reasons == ["was to be unassigned", "was to be assigned"]
    report = report_changes(plan, Outcome(P, unknown=("1",)), Outcome(P, refused={"2": "no"}))
    assert [each.get("reason") for each in (*report["unknown"], *report["refused"])] == reasons


def test_a_plan_in_one_direction_gives_no_reason() -> None:
    """A plan that only unassigns does not repeat the direction for each person."""
    plan = unassign(People(("1",)), SeatList([seat("1")]))
    assert report_not_started(plan, preview=False)["not_done"] == [person("1")]


_ids = st.sets(st.sampled_from("abcdefg"))


@given(by_uuid=_ids, by_email=_ids, held=_ids, known=_ids, disabled=_ids)
def test_everyone_passed_is_in_the_report(
    by_uuid: set[str], by_email: set[str], held: set[str], known: set[str], disabled: set[str]
) -> None:
    """Everyone passed is in the report, nobody with a UUID is in it twice, and the counts add up."""
    assume(by_uuid or by_email)
    people = People(tuple(sorted(by_uuid)), tuple(f"{each}@x" for each in sorted(by_email)))
    seats = SeatList([seat(each, f"{each}@x") for each in sorted(held)])
    accounts = [
        user(each, f"{each}@x", "Disabled" if each in disabled else "Active") for each in known | disabled | held
    ]
    assigning = report_preview(assign(people, accounts, seats))
    unassigning = report_preview(unassign(people, seats))
    for report in (assigning, unassigning):
        persons = [each for kind in KINDS for each in people_of(report, kind)]
        assert {each["id"] or str(each["email"])[0] for each in persons} == by_uuid | by_email
        uuids = [each["id"] for each in persons if each["id"]]
        assert len(uuids) == len(set(uuids))
        assert report["seats_before"] == len(held)
        assert report["seats_after"] == len(held) + len(report["assigned"]) - len(report["unassigned"])
    enabled = by_email & (known | held) - disabled
    assert {each["id"] for each in assigning["assigned"]} == (by_uuid | enabled) - held
    assert {each["id"] for each in unassigning["unassigned"]} == (by_uuid | by_email) & held


# --- earlier attempts ---


def test_the_report_of_a_retry_covers_the_whole_run() -> None:
    """A retry reports the changes of the attempt that died as well."""
    everyone = [seat("1", "1@x"), seat("2", "2@x"), seat("3", "3@x")]
    roster = People((), ("3@x", "4@x"))
    found = [user("4", "4@x")]
    earlier = sync(roster, SeatList(everyone), users=found).to_remember(None)
    assert earlier is not None
    second = sync(roster, SeatList(everyone[1:]), users=found, earlier=earlier)
    assert kinds(report_preview(second)) == {"assigned": ["4"], "unassigned": ["1", "2"], "unchanged": ["3"]}
    done = report_changes(second, Outcome(P, done=("2",)), Outcome(P, done=("4",)))
    assert kinds(done) == kinds(report_preview(second))
    assert (done["seats_before"], done["seats_after"]) == (3, 2)
    assert second.to_remember(None) == earlier


def test_a_person_that_a_retry_changes_back_is_unchanged() -> None:
    """A person who holds a seat before the run and after it, or neither, is unchanged."""
    earlier = EarlierAttempts(2, {}, by_id([person("1", "1@x")]))
    plan = sync(People(("1", "2")), SeatList([seat("2")]), earlier=earlier)
    report = report_changes(plan, NOTHING, Outcome(P, done=("1",)))
    assert kinds(report) == {"unchanged": ["2", "1"]}
    assert (report["seats_before"], report["seats_after"]) == (2, 2)
    earlier = EarlierAttempts(1, by_id([person("1")]), {})
    back = sync(People(("2",)), SeatList([seat("1"), seat("2")]), earlier=earlier)
    assert kinds(report_changes(back, Outcome(P, done=("1",)), NOTHING)) == {"unchanged": ["2", "1"]}


@given(before=_ids, roster=_ids, later=_ids, died_after=st.integers(0, 14))
def test_two_attempts_report_what_one_would_have(
    before: set[str], roster: set[str], later: set[str], died_after: int
) -> None:
    """A retry reports the difference between before and after, wherever the first attempt died."""
    first = sync(People(tuple(sorted(roster))), SeatList([seat(each) for each in sorted(before)]))
    state = set(before)
    steps = [(state.discard, each) for each in by_id(first.unassign)] + [
        (state.add, each) for each in by_id(first.assign)
    ]
    for change, each in steps[:died_after]:
        change(each)
    seats = SeatList([seat(each) for each in sorted(state)])
    second = sync(People(tuple(sorted(later))), seats, earlier=first.to_remember(None))
    report = report_changes(
        second, Outcome(P, done=tuple(by_id(second.unassign))), Outcome(P, done=tuple(by_id(second.assign)))
    )
    assert {each["id"] for each in report["assigned"]} == later - before
    assert {each["id"] for each in report["unassigned"]} == before - later
    assert (report["seats_before"], report["seats_after"]) == (len(before), len(later))


@pytest.mark.parametrize(("limit", "warned"), [(0, True), (1, True), (2, False), (None, False)])
def test_more_seats_than_warn_seats_is_a_warning(limit: int | None, warned: bool) -> None:
    """A report warns if the seats afterwards are more than ``warn_seats``, and the preview says that they would be."""
    plan = assign(People(("1",)), seat_list=SeatList([seat("2")]), guards=Guards(warn_seats=limit))
    advice = f"2 seats of p, more than warn_seats={limit}. Unassign those that nobody needs, or raise the limit."
    assert report_preview(plan)["warnings"] == ([f"There would be {advice}"] if warned else [])
    done = report_changes(plan, NOTHING, Outcome(P, done=("1",)))
    assert done["warnings"] == ([f"There are {advice}"] if warned else [])


def test_a_warning_about_one_seat_or_an_unknown_number() -> None:
    """The warning has the right number, and there is none if the seats afterwards are unknown."""
    plan = unassign(People(("1",)), SeatList([seat("1"), seat("2")]), Guards(warn_seats=0))
    assert report_changes(plan, Outcome(P, done=("1",)), NOTHING)["warnings"][0].startswith(
        "There is 1 seat of p, more than"
    )
    assert report_interrupted(plan)["warnings"] == []
