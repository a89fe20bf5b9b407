"""Plans: refusals, undos, and the end state that follows from mode and guards."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, strategies as st

from airflow_provider_seats._api.seat_change import Outcome
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.limit import DEFAULT_MAX_UNASSIGN, Limit
from airflow_provider_seats._planning.plan import EarlierAttempts, Plan
from airflow_provider_seats._planning.reporting import report_changes, report_not_started, report_preview
from airflow_provider_seats._rosters.people import NOBODY, People
from airflow_provider_seats.exceptions import PlanRefusedError, UsersMissingError
from tests.helpers.examples import examples
from tests.helpers.planning import (
    NOW,
    P,
    assign,
    kinds,
    person,
    seat,
    sync,
    unassign,
    undo,
    user,
)

if TYPE_CHECKING:
    from airflow_provider_seats._planning.jobs import Mode
    from airflow_provider_seats.report import Report

NOTHING = Outcome(P)


def refusal(plan: Plan) -> str:
    """Return the message of a refusal, which no retry would change."""
    assert isinstance(plan.error, PlanRefusedError)
    assert not plan.error.transient
    assert "nothing was changed" in str(plan.error)
    return str(plan.error)


def test_unknown_and_disabled_accounts_are_missing() -> None:
    """Missing people refuse the plan unless missing_users is skip, and the error names them as passed."""
    people = People((), ("Gone@x", "off@x", "ann@x"))
    accounts = [user("5", "off@x", "Disabled"), user("1", "ann@x")]
    plan = assign(people, accounts, guards=Guards(missing_users="fail"))
    assert plan.missing == (person(None, "Gone@x"), person("5", "off@x"))
    assert isinstance(plan.error, UsersMissingError)
    assert plan.error.emails == ("Gone@x", "off@x")
    assert "There is no enabled Datadog account for Gone@x, off@x (2 in all)" in refusal(plan)
    assert "missing_users='skip'" in refusal(plan)
    assert assign(people, accounts, guards=Guards(missing_users="skip")).error is None


@pytest.mark.parametrize(("most", "refused"), [(3, False), (2, True), (0, True)])
def test_more_seats_than_max_seats_are_refused(most: int, *, refused: bool) -> None:
    """The limit counts the seats afterwards, and people who hold one already only once."""
    plan = assign(People(("1", "2", "3")), (), SeatList([seat("1"), seat("2")]), Guards(max_seats=most))
    assert (plan.error is not None) == refused
    if refused:
        message = f"There would be 3 seats (0 unassigned, 1 assigned), and the limit is {most}."
        assert message in refusal(plan)
        assert "raise max_seats" in refusal(plan)


def test_a_refusal_uses_the_singular_for_one_seat() -> None:
    """A refusal because of max_seats counts a single seat in the singular."""
    assert "There would be 1 seat (" in refusal(assign(People(("1",)), (), SeatList(), Guards(max_seats=0)))


def test_a_seat_without_a_uuid_cannot_be_unassigned_by_email() -> None:
    """A requested seat without a UUID refuses the plan, because keeping it is no success."""
    plan = unassign(People((), ("ann@x",)), SeatList([seat(None, "ann@x")]))
    assert "Datadog lists the seats of ann@x without a user UUID. Pass the UUIDs" in refusal(plan)
    assert kinds(report_not_started(plan, preview=False)) == {"protected": ["ann@x"]}


def test_an_unassignment_keeps_protected_people_and_its_limit() -> None:
    """An unassignment has no limit by default, keeps protected people, and is refused past max_unassign."""
    seats = SeatList([seat(each, f"{each}@x") for each in "abcdefgh"])
    everyone = People(tuple("abcdefgh"))
    assert unassign(everyone, seats).error is None
    kept = unassign(everyone, seats, Guards(protect=People(("a",), ("B@X",))))
    assert [each["id"] for each in kept.protected] == ["a", "b"]
    assert len(kept.unassign) == 6
    limited = unassign(everyone, seats, Guards(max_unassign=Limit(people=7)))
    assert re.search(r"8 of 8 seats.*limit is 7.*max_unassign", refusal(limited))


def test_an_unknown_email_refuses_an_unassignment_with_missing_users_fail() -> None:
    """With missing_users="fail" an email without an account refuses the plan, and one without a seat does not."""
    seats = SeatList([seat("1", "ann@x")])
    people = People(("9",), ("ann@x", "Bob@x", "Misspelt@x"))
    plan = unassign(people, seats, Guards(missing_users="fail"), users=[user("2", "bob@x", "Disabled")])
    assert isinstance(plan.error, UsersMissingError)
    assert plan.error.emails == ("Misspelt@x",)
    assert "There is no Datadog account for Misspelt@x (1 in all). Correct the emails" in refusal(plan)
    assert kinds(report_preview(plan)) == {"unassigned": ["1"], "unchanged": ["Bob@x", "9"], "missing": ["Misspelt@x"]}
    skipped = unassign(people, seats)
    assert (skipped.error, skipped.missing) == (None, ())
    assert kinds(report_preview(skipped)) == {"unassigned": ["1"], "unchanged": ["Bob@x", "Misspelt@x", "9"]}


# --- refusals of a sync ---


def test_sixty_of_a_hundred_people_are_refused_by_default() -> None:
    """The refusal contains the counts, the limit, the people, and the argument that would allow it."""
    seats = SeatList([seat(str(number), f"{number}@x") for number in range(100)])
    roster = People((), tuple(f"{number}@x" for number in range(40)))
    message = refusal(sync(roster, seats, guards=Guards(max_unassign=DEFAULT_MAX_UNASSIGN)))
    assert re.search(
        r"60 of 100 seats would be unassigned, and the limit is 20 \(max_unassign=5 or 20%, at most 50% and 100, the "
        r"default\): "
        r"40@x, .*and 50 more. If this is intended, raise max_unassign for this run to a percentage above 50%",
        message,
    )
    assert sync(roster, seats, guards=Guards(max_unassign=Limit(percent=60))).error is None


@pytest.mark.parametrize(
    ("held", "gone", "limit", "refused"),
    [
        (10, 5, DEFAULT_MAX_UNASSIGN, False),
        (10, 6, DEFAULT_MAX_UNASSIGN, True),
        (8, 4, DEFAULT_MAX_UNASSIGN, False),
        (8, 5, DEFAULT_MAX_UNASSIGN, True),
        (2, 1, DEFAULT_MAX_UNASSIGN, False),
        (100, 20, DEFAULT_MAX_UNASSIGN, False),
        (100, 21, DEFAULT_MAX_UNASSIGN, True),
        (1_000, 100, DEFAULT_MAX_UNASSIGN, False),
        (1_000, 101, DEFAULT_MAX_UNASSIGN, True),
        (9, 1, Limit(percent=20), False),
        (9, 2, Limit(percent=20), True),
        (4, 1, Limit(percent=20), True),
        (100, 29, Limit(percent=29), False),
        (5, 0, Limit(people=0), False),
        (5, 1, Limit(people=0), True),
    ],
)
def test_a_sync_past_its_limit_is_refused(held: int, gone: int, limit: Limit, *, refused: bool) -> None:
    """A limit allows exactly its number of people, and 0 allows nobody."""
    seats = SeatList([seat(str(number)) for number in range(held)])
    roster = People(tuple(str(number) for number in range(gone, held)))
    assert (sync(roster, seats, guards=Guards(max_unassign=limit)).error is not None) == refused


def test_a_limit_counts_what_earlier_attempts_unassigned() -> None:
    """A retry has no new allowance, and its refusal says that this attempt changed nothing."""
    rows = [seat(str(number)) for number in range(10)]
    guards = Guards(max_unassign=Limit(people=3))
    first = sync(People(tuple("3456789")), SeatList(rows), guards=guards)
    assert first.error is None
    again: dict[str, Any] = {"guards": guards, "earlier": first.to_remember(None)}
    retry = sync(People(tuple("3456789")), SeatList(rows[2:]), **again)
    assert (retry.error, len(retry.unassign)) == (None, 1)
    more = refusal(sync(People(tuple("456789")), SeatList(rows[2:]), **again))
    assert "4 of 10 seats" in more
    assert more.startswith("p: nothing was changed by this attempt. ")


def test_every_refusal_after_an_earlier_attempt_is_about_this_attempt() -> None:
    """After an earlier attempt, refusals of missing people and of an approval do not claim that nothing was changed."""
    earlier = EarlierAttempts(2, {}, {})
    missing = assign(People((), ("gone@x",)), guards=Guards(missing_users="fail"))
    assert "nothing was changed. " in refusal(missing)
    seats = SeatList([seat("1"), seat("2")])
    roster = People(("1",), ("gone@x",))
    again = sync(roster, seats, guards=Guards(missing_users="fail"), earlier=earlier)
    assert "nothing was changed by this attempt. " in refusal(again)
    preview = report_preview(sync(People(("1", "2")), seats))
    approved = sync(People(("1",)), seats, earlier=earlier, approved=preview)
    assert "nothing was changed by this attempt. " in refusal(approved)


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
def test_an_empty_roster_is_refused(mode: Mode) -> None:
    """An empty roster unassigns nobody unless allow_empty is set, and the refusal says how many it would unassign."""
    seats = SeatList([seat("1"), seat("2")])
    assert re.search(r"roster is empty.* 2 of 2 seats.*allow_empty=True", refusal(sync(NOBODY, seats, mode)))
    assert sync(NOBODY, seats, mode, guards=Guards(allow_empty=True)).error is None
    assert sync(NOBODY, SeatList(), mode).error is not None
    assert sync(NOBODY, seats, "add_only").error is None


@pytest.mark.parametrize("empty", ["user_uuids", "user_emails"])
@pytest.mark.parametrize("mode", ["exact", "remove_only"])
def test_a_roster_with_an_empty_half_is_refused(mode: Mode, empty: str) -> None:
    """If one of two people arguments is empty, a sync that unassigns is refused and names it."""
    roster = People(("1",), empty=(empty,))
    seats = SeatList([seat("1"), seat("2")])
    message = refusal(sync(roster, seats, mode))
    assert f"{empty} is empty, which would unassign 1 of 2 seats. Leave it out if it is not needed." in message
    assert "allow_empty=True" in message
    assert sync(roster, seats, mode, guards=Guards(allow_empty=True)).error is None
    assert sync(roster, seats, "add_only").error is None


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
def test_a_roster_that_matches_nobody_is_refused(mode: Mode) -> None:
    """If nobody in the roster holds a seat, a sync that would unassign people is refused as for an empty roster."""
    seats = SeatList([seat("1", "1@x"), seat("2", "2@x")])
    roster = People(("9",), ("8@x",))
    message = refusal(sync(roster, seats, mode, [user("8", "8@x")]))
    assert "Nobody in the roster holds a seat, and 2 of 2 seats would be unassigned." in message
    assert "allow_empty=True" in message
    assert sync(roster, seats, mode, [user("8", "8@x")], Guards(allow_empty=True)).error is None
    assert sync(roster, seats, "add_only", [user("8", "8@x")]).error is None


def test_a_first_roster_of_an_unused_product_is_not_refused() -> None:
    """A roster in which nobody holds a seat is carried out if nobody would be unassigned."""
    assert sync(People(("9",)), SeatList()).error is None
    protected = sync(People(("9",)), SeatList([seat("1")]), guards=Guards(protect=People(("1",))))
    assert (protected.error, kinds(report_preview(protected))) == (None, {"assigned": ["9"], "protected": ["1"]})


def test_a_refusal_has_all_reasons_at_once() -> None:
    """A plan that several guards refuse is refused with all of their reasons."""
    seats = SeatList([seat(each) for each in "abcdefgh"])
    guards = Guards(missing_users="fail", max_unassign=Limit(people=1), max_seats=0)
    plan = sync(People(("9",), ("ghost@x",)), seats, guards=guards)
    message = refusal(plan)
    for part in ("ghost@x", "8 of 8 seats", "max_seats", "missing_users", "Nobody in the roster"):
        assert part in message
    assert plan.error is not None
    assert len(plan.error.reasons) == 4
    assert list(plan.error.reasons) == report_preview(plan)["refusals"]


def test_a_refused_plan_is_shown_completely_in_a_preview() -> None:
    """The preview of a plan that a guard refuses shows everyone that it would change."""
    seats = SeatList([seat(each) for each in "abcdefgh"])
    plan = sync(People(("a", "9")), seats, guards=Guards(max_unassign=Limit(people=1)))
    assert plan.error is not None
    assert kinds(report_preview(plan)) == {"assigned": ["9"], "unassigned": list("bcdefgh"), "unchanged": ["a"]}


def test_the_guards_that_applied_are_in_the_report() -> None:
    """The report has the guards as passed, the mode of a sync, and how many people the limit is."""
    protect = People(("1",), ("A@x",))
    guards = Guards(missing_users="skip", allow_empty=False, max_unassign=Limit(percent=20), protect=protect)
    plan = sync(People(("1",)), SeatList([seat("1")]), guards=guards)
    assert report_preview(plan)["guards"] == {
        "mode": "exact",
        "missing_users": "skip",
        "allow_empty": False,
        "max_unassign": "20%",
        "max_unassign_people": 0,
        "protect": ["1", "A@x"],
        "protect_unmatched": ["A@x"],
    }
    assert report_preview(unassign(People(("1",))))["guards"] == {}


@pytest.mark.parametrize(("count", "warned"), [(100, True), (101, False), (500, True), (99, False)])
def test_a_roster_of_a_round_number_is_a_warning(count: int, warned: bool) -> None:
    """A source that stops after 100 people is noticed by the number of people, in log, report and summary."""
    warnings: list[str] = []
    people = tuple(str(number) for number in range(count))
    sync(People(people), SeatList(map(seat, people)), warn=warnings.append)
    assert bool(warnings) is warned
    assert all(text.startswith(f"The roster has exactly {count} people") for text in warnings)


# --- undo ---

STARTED = NOW - timedelta(hours=2)
ENDED = NOW - timedelta(hours=1)


def report_of(**changes: Any) -> Report:
    """Return the report of a task that unassigned 1 and assigned 3, two hours ago to one hour ago."""
    report = report_preview(sync(People(("2", "3")), SeatList([seat("1", "1@x"), seat("2")])))
    period = {"started_at": STARTED.isoformat(), "ended_at": ENDED.isoformat()}
    changed: Any = {**report, "preview": False, **period, **changes}
    return changed  # type: ignore[no-any-return]


def test_an_undo_restores_what_was_changed_and_is_not_yet_restored() -> None:
    """An undo unassigns who was assigned and assigns who was unassigned, and a second undo changes nobody."""
    plan = undo(report_of(), SeatList([seat("2"), seat("3", days=1 / 16)]))
    assert kinds(report_preview(plan)) == {"assigned": ["1"], "unassigned": ["3"]}
    assert kinds(report_preview(undo(report_of(), SeatList([seat("1"), seat("2")])))) == {"unchanged": ["1", "3"]}


def test_an_undo_changes_nobody_that_the_report_did_not_change() -> None:
    """An undo leaves alone the seats of people who are not among the changed people of the report."""
    plan = undo(report_of(), SeatList([seat("2"), seat("8"), seat("9"), seat("1")]))
    assert (plan.assign, plan.unassign) == ((), ())


def test_an_undo_keeps_protected_people() -> None:
    """An undo does not unassign a protected person."""
    plan = undo(report_of(), SeatList([seat("1"), seat("3", "3@x")]), guards=Guards(protect=People((), ("3@X",))))
    assert kinds(report_preview(plan)) == {"unchanged": ["1"], "protected": ["3"]}


def test_an_undo_respects_max_seats_and_max_unassign() -> None:
    """The counting guards refuse an undo as well."""
    seats = SeatList([seat("2"), seat("3", days=1 / 16)])
    assert "raise max_unassign" in refusal(undo(report_of(), seats, guards=Guards(max_unassign=Limit(people=0))))
    assert "raise max_seats" in refusal(undo(report_of(), seats, guards=Guards(max_seats=1)))


@pytest.mark.parametrize(
    ("ago", "reason"),
    [
        (timedelta(days=9), "the seat was held before the report's changes started"),
        (timedelta(hours=2, minutes=1, seconds=1), "the seat was held before the report's changes started"),
        (timedelta(hours=2, minutes=1), None),
        (timedelta(hours=2), None),
        (timedelta(hours=1), None),
        (timedelta(minutes=59), None),
        (timedelta(minutes=58, seconds=59), "the seat was assigned again after the report's changes ended"),
        (timedelta(0), "the seat was assigned again after the report's changes ended"),
    ],
)
def test_an_undo_leaves_seats_alone_that_the_report_did_not_assign(ago: timedelta, reason: str | None) -> None:
    """A seat held before the report's changes, or assigned again after them, is kept with the reason."""
    row = seat("3", "3@x")._replace(assigned_at=(NOW - ago).isoformat())
    plan = undo(report_of(), SeatList([seat("1"), row]))
    assert [each.get("reason") for each in plan.protected] == ([reason] if reason else [])
    assert [each["id"] for each in plan.unassign] == ([] if reason else ["3"])


@pytest.mark.parametrize("assigned_at", ["2026-11-21T10:30:00", "2026-11-21T11:30:00+01:00", "2026-11-21T10:30:00.5Z"])
def test_an_undo_compares_times_in_every_form(assigned_at: str) -> None:
    """Times with and without a time zone are compared in UTC."""
    row = seat("3")._replace(assigned_at=assigned_at)
    assert [each["id"] for each in undo(report_of(), SeatList([seat("1"), row])).unassign] == ["3"]


def test_a_report_without_a_period_is_undone_completely() -> None:
    """A report of an older version, which has no period, is undone for everyone that it changed."""
    report = report_of(started_at=None, ended_at=None)
    assert [each["id"] for each in undo(report, SeatList([seat("3", days=900)])).unassign] == ["3"]


@pytest.mark.parametrize("accounts", [[], [user("1", "1@x", "Disabled")]])
def test_an_undo_does_not_assign_to_an_account_that_was_disabled_since(accounts: list[Any]) -> None:
    """A person whose account was disabled or deleted since is missing, and the undo goes on without them."""
    plan = undo(report_of(), SeatList([seat("3", days=1 / 16)]), accounts=accounts)
    assert (plan.error, kinds(report_preview(plan))) == (None, {"unassigned": ["3"], "missing": ["1"]})
    enabled = undo(report_of(), SeatList([seat("3", days=1 / 16)]), accounts=[user("1", "1@x")])
    assert kinds(report_preview(enabled)) == {"assigned": ["1"], "unassigned": ["3"]}


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (People(("1",)), {"assigned": ["1"]}),
        (People((), ("1@X",)), {"assigned": ["1"]}),
        (People(("3",)), {"unassigned": ["3"]}),
        (People(("3",), ("1@x",)), {"assigned": ["1"], "unassigned": ["3"]}),
        (None, {"assigned": ["1"], "unassigned": ["3"]}),
    ],
)
def test_an_undo_can_be_limited_to_people(only: People | None, expected: dict[str, list[str]]) -> None:
    """An undo that is limited to people changes only them, by UUID or email."""
    seats = SeatList([seat("2"), seat("3", days=1 / 16)])
    assert kinds(report_preview(undo(report_of(), seats, only=only))) == expected


# --- over all states ---

_id = st.sampled_from("abcdefghijkl")
_ids = st.sets(_id)
_row = st.tuples(_id, st.booleans(), st.sampled_from([None, 1.0, 50.0]))
_values: dict[str, st.SearchStrategy[Any]] = {
    "missing_users": st.sampled_from(["fail", "skip"]),
    "allow_empty": st.booleans(),
    "max_unassign": st.sampled_from([None, Limit(people=2), Limit(percent=50), DEFAULT_MAX_UNASSIGN]),
    "max_seats": st.none() | st.integers(0, 12),
    "min_seat_age": st.sampled_from([None, 10 * 86_400.0]),
    "protect": st.builds(People, _ids.map(tuple), _ids.map(lambda ids: tuple(f"{each}@x" for each in ids))),
}
_guards = st.fixed_dictionaries(_values).map(lambda values: Guards(**values))


@examples(150)
@given(
    rows=st.lists(_row, unique_by=lambda row: row[0]),
    uuids=_ids,
    emails=_ids,
    known=_ids,
    mode=st.sampled_from(["exact", "add_only", "remove_only"]),
    guards=_guards,
)
def test_the_end_state_follows_from_mode_and_guards(  # noqa: PLR0917 (the state of the world)
    rows: list[tuple[str, bool, float | None]],
    uuids: set[str],
    emails: set[str],
    known: set[str],
    mode: Mode,
    guards: Guards,
) -> None:
    """The plan is what the rules alone say, and undoing it restores everyone who held a seat."""
    table = [seat(each, f"{each}@x" if shown else None, days) for each, shown, days in rows]
    seats = SeatList(table)
    before = {each for each, _, _ in rows}
    roster = People(tuple(sorted(uuids)), tuple(f"{each}@x" for each in sorted(emails)))
    accounts = {each: user(each, f"{each}@x") for each in known}
    of_assignments = {"missing_users": guards.missing_users, "max_seats": guards.max_seats}
    applied = guards if mode != "add_only" else Guards(**of_assignments)
    plan = sync(roster, seats, mode, accounts.values(), applied, accounts=accounts.values())

    shown = {each for each, shown, _ in rows if shown}
    looked_up = emails & known if mode != "remove_only" else set()
    # The people in the roster, by what is known before accounts are read.
    matched = uuids | (emails & shown) | looked_up
    young = {each for each, _, days in rows if guards.min_seat_age is not None and (days is None or days < 10)}
    protected = set(guards.protect.uuids) | {email[0] for email in guards.protect.emails if email[0] in shown} | young
    candidates = before - matched - protected if mode != "add_only" else set()
    to_assign = ((uuids | looked_up | (emails & shown)) - before) if mode != "remove_only" else set()
    missing = emails - shown - known if mode != "remove_only" else set()

    def refuses(unassign_: set[str], *, nobody_seated: bool, counts: bool = True) -> bool:
        after = len(before) - len(unassign_) + len(to_assign)
        nobody = not (uuids or emails) or bool(unassign_ and nobody_seated)
        return (
            (nobody and mode != "add_only" and not guards.allow_empty)
            or (counts and guards.max_unassign is not None and len(unassign_) > guards.max_unassign.of(len(before)))
            or (guards.max_seats is not None and after > guards.max_seats and bool(to_assign))
            or bool(missing and guards.missing_users == "fail")
        )

    by_email = emails | {email[0] for email in guards.protect.emails}
    unlisted = bool(by_email - shown)
    # An account that was read and cannot be found, or is in the roster or protected, keeps the seat.
    unidentified = {
        each
        for each in candidates
        if by_email and (unlisted or each not in shown) and (each not in known or each in by_email)
    }
    # Reading accounts may lift only the limit of people.
    is_read = not refuses(candidates, nobody_seated=False, counts=False)
    to_unassign = candidates - unidentified if is_read else candidates
    recognized = unidentified & known & emails if is_read else set()
    nobody_seated = is_read and not (before & matched or recognized)
    unknown_emails = {email[0] for email in guards.protect.emails} - shown - known
    strangers = unknown_emails | (set(guards.protect.uuids) - before - known)
    has_stranger = bool(is_read and candidates and strangers)
    assert (plan.error is not None) == (has_stranger or refuses(to_unassign, nobody_seated=nobody_seated))
    preview = report_preview(plan)
    assert {each["id"] for each in preview["unassigned"]} == to_unassign
    assert {each["id"] for each in preview["assigned"]} == to_assign
    assert preview["seats_after"] == len(before) - len(to_unassign) + len(to_assign)

    assume(plan.error is None)
    done = report_changes(plan, Outcome(P, done=tuple(to_unassign)), Outcome(P, done=tuple(to_assign)))
    assert {**done, "preview": True, "started_at": preview["started_at"]} == preview
    by_uuid = {str(row.id): row for row in table}
    after = (before - to_unassign) | to_assign
    back = kinds(report_preview(undo(done, SeatList([by_uuid.get(each, seat(each)) for each in sorted(after)]))))
    assert (after - set(back.get("unassigned", []))) | set(back.get("assigned", [])) == before


def test_a_young_seat_is_not_unassigned() -> None:
    """An unassignment with min_seat_age keeps younger seats, and reports the reason."""
    seats = SeatList([seat("1", days=1), seat("2", days=30)])
    plan = unassign(People(("1", "2", "3")), seats, Guards(min_seat_age=7 * 86_400.0))
    assert kinds(report_preview(plan)) == {"unassigned": ["2"], "unchanged": ["3"], "protected": ["1"]}
    assert plan.protected[0]["reason"] == "the seat is younger than min_seat_age"
