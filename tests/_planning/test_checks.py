"""The verdict on a plan: approval, schedules, and people without an account."""

from __future__ import annotations

from datetime import timedelta
from inspect import isfunction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning import checks
from airflow_provider_seats._planning.guards import GUARDS, Guards
from airflow_provider_seats._planning.limit import DEFAULT_MAX_ASSIGN, Limit
from airflow_provider_seats._planning.plan import EarlierAttempts, by_id
from airflow_provider_seats._planning.reporting import report_preview
from airflow_provider_seats._rosters.people import NOBODY, People
from airflow_provider_seats.exceptions import UsersMissingError, UsersNotReadyError
from tests.helpers.planning import NOW, assign, kinds, person, seat, sync, unassign, user

if TYPE_CHECKING:
    from airflow_provider_seats._planning.plan import Plan


def refusal(plan: Plan) -> str:
    """Return why a plan is refused."""
    assert plan.error is not None
    return str(plan.error)


# --- approval ---

ROWS = [seat("1", "1@x"), seat("2", "2@x"), seat("3", "3@x")]
ROSTER = People(("3", "4", "5"))


def test_an_approved_preview_allows_what_it_lists() -> None:
    """A plan that changes nobody beyond the approved preview is carried out, also if a part is done already."""
    preview = report_preview(sync(ROSTER, SeatList(ROWS)))
    assert sync(ROSTER, SeatList(ROWS), approved=preview).error is None
    less = sync(ROSTER, SeatList([*ROWS[1:], seat("4")]), approved=preview)
    assert (less.error, [each["id"] for each in less.assign]) == (None, ["5"])


def test_a_person_who_is_not_in_the_approved_preview_is_a_refusal() -> None:
    """A person to assign or unassign who is not in the approved preview refuses the whole plan."""
    preview = report_preview(sync(ROSTER, SeatList(ROWS)))
    claimed = sync(ROSTER, SeatList([*ROWS, seat("9", "9@x")]), approved=preview)
    assert "0 people to assign and 1 person to unassign are not in the approved preview: 9@x (9)." in refusal(claimed)
    joined = sync(People(("3", "4", "5", "6")), SeatList(ROWS), approved=preview)
    assert "1 person to assign and 0 people to unassign are not in the approved preview: 6." in refusal(joined)


def test_a_person_who_was_unchanged_in_the_approved_preview_is_a_refusal() -> None:
    """A plan that would unassign a person that the preview lists as unchanged is refused."""
    preview = report_preview(sync(ROSTER, SeatList(ROWS)))
    assert "not in the approved preview: 3@x (3)" in refusal(
        sync(People(("4", "5")), SeatList(ROWS), guards=Guards(allow_empty=True), approved=preview)
    )


def test_a_person_protected_in_the_approved_preview_is_left_alone() -> None:
    """A person whose seat has become old enough since the preview keeps it, and the others are changed."""
    rows = [seat("1", "1@x", days=6), *ROWS[1:]]
    guards = Guards(min_seat_age=7 * 86_400.0)
    preview = report_preview(sync(ROSTER, SeatList(rows), guards=guards))
    assert kinds(preview)["protected"] == ["1"]
    later = SeatList([rows[0]._replace(assigned_at="2026-11-01T00:00:00Z"), *rows[1:]])
    assert [each["id"] for each in sync(ROSTER, later, guards=guards).unassign] == ["1", "2"]
    # People who are left alone do not count for a limit.
    plan = sync(ROSTER, later, guards=Guards(**guards.in_force(), max_unassign=Limit(people=1)), approved=preview)
    assert plan.error is None
    assert kinds(report_preview(plan)) == {
        "assigned": ["4", "5"],
        "unassigned": ["2"],
        "unchanged": ["3"],
        "protected": ["1"],
    }
    assert plan.protected[0]["reason"] == "protected in the approved preview"


@pytest.mark.parametrize("was", [[], [user("7", "New@x", "Disabled")]])
def test_a_person_missing_in_the_approved_preview_is_left_alone(was: list[Any]) -> None:
    """A person who had no enabled account at the preview and has one now is not assigned, and the others are."""
    roster = People(("3", "4"), ("New@x",))
    guards = Guards(missing_users="skip")
    preview = report_preview(sync(roster, SeatList(ROWS), users=was, guards=guards))
    assert len(preview["missing"]) == 1
    plan = sync(roster, SeatList(ROWS), users=[user("7", "new@x")], guards=guards, approved=preview)
    assert plan.error is None
    assert kinds(report_preview(plan)) == {
        "assigned": ["4"],
        "unassigned": ["1", "2"],
        "unchanged": ["3"],
        "missing": ["7"],
    }
    assert plan.missing_before[0]["reason"] == "missing in the approved preview"


def test_a_refused_plan_stays_refused_with_an_approval() -> None:
    """An approval does not replace the other guards."""
    preview = report_preview(sync(NOBODY, SeatList(ROWS)))
    plan = sync(NOBODY, SeatList(ROWS), approved=preview)
    assert "roster is empty" in refusal(plan)


def test_an_approved_plan_that_leaves_people_alone_still_respects_max_seats() -> None:
    """A seat that is kept because of the approved preview counts for max_seats."""
    guards = Guards(min_seat_age=7 * 86_400.0, max_seats=2)
    young = seat("1", days=6)
    preview = report_preview(
        sync(People(("4",)), SeatList([young, seat("2")]), guards=Guards(**guards.in_force(), allow_empty=True))
    )
    assert (kinds(preview)["protected"], preview["refusals"]) == (["1"], [])
    old = young._replace(assigned_at="2026-11-01T00:00:00Z")
    later = SeatList([old, seat("3")])
    assert sync(People(("3", "4")), later, guards=guards).error is None
    assert "There would be 3 seats" in refusal(sync(People(("3", "4")), later, guards=guards, approved=preview))


def test_people_left_alone_do_not_count_for_max_seats() -> None:
    """A person who is missing in the approved preview and has an account now is not one seat too many."""
    roster = People(("3", "4"), ("new@x",))
    guards = Guards(missing_users="skip", max_seats=2)
    preview = report_preview(sync(roster, SeatList(ROWS), guards=guards))
    plan = sync(roster, SeatList(ROWS), users=[user("7", "new@x")], guards=guards, approved=preview)
    assert (plan.error, kinds(report_preview(plan))["missing"]) == (None, ["7"])


def test_a_preview_that_is_refused_is_not_applied() -> None:
    """An approval of a preview that says it will be refused changes nobody, also if no guard refuses it any more."""
    roster = People(("3", "4"), ("new@x",))
    guards = Guards(missing_users="fail")
    preview = report_preview(sync(roster, SeatList(ROWS), guards=guards))
    plan = sync(roster, SeatList(ROWS), users=[user("7", "new@x")], guards=guards, approved=preview)
    assert "The approved preview says that applying it will be refused: There is no enabled" in refusal(plan)
    assert isinstance(sync(roster, SeatList(ROWS), guards=guards, approved=preview).error, UsersMissingError)
    limited = Guards(missing_users="retry", max_unassign=Limit(people=1))
    preview = report_preview(sync(roster, SeatList(ROWS), guards=limited))
    assert len(preview["refusals"]) == 2
    gone = SeatList(ROWS[1:])
    assert sync(roster, gone, users=[user("7", "new@x")], guards=limited).error is None
    plan = sync(roster, gone, users=[user("7", "new@x")], guards=limited, approved=preview)
    assert "An approval does not change that." in refusal(plan)


@pytest.mark.parametrize("choice", ["skip", "retry"])
def test_a_new_account_of_a_missing_person_is_the_same_person(choice: Any) -> None:
    """Someone whose account was disabled in the preview, and who has a new one now, is compared by email."""
    roster = People(("3", "4"), ("new@x",))
    guards = Guards(missing_users=choice)
    preview = report_preview(sync(roster, SeatList(ROWS), users=[user("6", "new@x", "Disabled")], guards=guards))
    plan = sync(roster, SeatList(ROWS), users=[user("7", "New@x")], guards=guards, approved=preview)
    assert plan.error is None
    assert ("7" in kinds(report_preview(plan))["assigned"]) is (choice == "retry")


@pytest.mark.parametrize(("seconds", "keeps"), [(-3600, False), (0.9, False), (1, True), (3600, True)])
def test_a_seat_assigned_after_the_approved_preview_is_left_alone(seconds: float, keeps: bool) -> None:
    """Someone whose seat was assigned after the preview keeps it, whether the preview lists the person or not."""
    preview = report_preview(sync(ROSTER, SeatList(ROWS)))
    since = (NOW + timedelta(seconds=seconds)).isoformat()
    rows = [seat("1", "1@x")._replace(assigned_at=since), *ROWS[1:]]
    plan = sync(ROSTER, SeatList(rows), approved=preview)
    assert plan.error is None
    assert [each["id"] for each in plan.unassign] == (["2"] if keeps else ["1", "2"])
    assert [each.get("reason") for each in plan.protected] == [
        "the seat was assigned after the approved preview"
    ] * keeps
    joined = sync(ROSTER, SeatList([*ROWS, seat("9", "9@x")._replace(assigned_at=since)]), approved=preview)
    assert (joined.error is None) is keeps


PERSON = st.sampled_from("123456789")


@given(
    before=st.sets(PERSON),
    now=st.dictionaries(PERSON, st.integers(-9, 9)),
    shown=st.sets(PERSON),
    wanted=st.sets(PERSON),
)
def test_an_approval_covers_what_was_shown(
    before: set[str], now: dict[str, int], shown: set[str], wanted: set[str]
) -> None:
    """Whatever the roster and the seats became, an approved run changes only people who were shown, as was shown."""
    guards = Guards(allow_empty=True)
    preview = report_preview(sync(People(tuple(shown)), SeatList([seat(each) for each in before]), guards=guards))
    rows = [seat(each)._replace(assigned_at=(NOW + timedelta(hours=hours)).isoformat()) for each, hours in now.items()]
    plan = sync(People(tuple(wanted)), SeatList(rows), guards=guards, approved=preview)
    if plan.error is None:
        assert {each["id"] for each in plan.assign} <= {each["id"] for each in preview["assigned"]}
        assert {each["id"] for each in plan.unassign} <= {each["id"] for each in preview["unassigned"]}
        assert all(now[str(each["id"])] <= 0 for each in plan.unassign)
    else:
        beyond = by_id(plan.assign).keys() - by_id(preview["assigned"]).keys()
        assert beyond | (by_id(plan.unassign).keys() - by_id(preview["unassigned"]).keys())


def test_an_entry_of_protect_that_is_nobodys_account_is_a_refusal() -> None:
    """A misspelt entry of protect refuses the plan and is named."""
    plan = sync(ROSTER, SeatList(ROWS), guards=Guards(protect=People((), ("typo@x",))))
    assert "'typo@x' is an entry of protect and nobody's account in Datadog. Correct" in refusal(plan)


@pytest.mark.parametrize(
    ("hours", "limit", "text"),
    [
        (24, 86_400.0, None),
        (-0.2, 86_400.0, None),
        (
            25,
            86_400.0,
            "is of 2026-11-20 11:00 UTC, 25 hours ago, and the limit is 24 hours (max_roster_age). Trigger",
        ),
        (24 * 7, 2 * 86_400.0, "is of 2026-11-14 12:00 UTC, 7 days ago, and the limit is 48 hours (max_roster_age)."),
        # A time zone that was left out: no zone is closer to UTC than half an hour.
        (-0.5, 86_400.0, "is of 2026-11-21 12:30 UTC, which is in the future. Correct roster_read_at: a time without"),
        (-2, 86_400.0, "is of 2026-11-21 14:00 UTC, which is in the future. Correct roster_read_at: a time without"),
    ],
)
def test_an_old_roster_changes_nobody(hours: float, limit: float, text: str | None) -> None:
    """A roster that was read too long ago is refused, and so is one from the future."""
    read_at, guards = NOW - timedelta(hours=hours), Guards(max_roster_age=limit)
    plan = sync(People(("2",)), SeatList([seat("1"), seat("2")]), guards=guards, roster_read_at=read_at)
    assert (plan.error is None) is (text is None)
    assert text is None or text in refusal(plan)
    matching = sync(People(("2",)), SeatList([seat("2")]), guards=guards, roster_read_at=read_at)
    assert (matching.error, matching.changes) == (None, ())


@pytest.mark.parametrize(
    ("assigned_at", "refuses"),
    [
        ("2026-11-19T11:59:59Z", False),
        ("2026-11-19T12:00:00Z", True),  # of any second of that minute
        ("2026-11-20T12:00:01Z", True),
        # The run itself may have assigned the seat.
        ("2026-11-21T11:00:01Z", False),
        (None, False),
    ],
)
def test_an_old_run_takes_no_seat_that_was_given_since(assigned_at: str | None, refuses: bool) -> None:
    """A run that is cleared refuses to unassign anyone who was given a seat between its first start and its new one."""
    seats = SeatList([seat("1", "1@x")._replace(assigned_at=assigned_at), seat("2", "2@x")])
    again = (NOW - timedelta(days=2), NOW - timedelta(hours=1))
    plan = unassign(People(("1", "2")), seats, run_again=again)
    assert (plan.error is not None) is refuses
    if refuses:
        problem = "This run was due at 2026-11-19 12:00 UTC, and these people were given a seat after that: 1@x (1)."
        advice = "They may have been rehired. If they are to lose it, trigger a new run."
        assert f"{problem} {advice}" in refusal(plan)
    assert unassign(People(("1", "2")), seats).error is None


@pytest.mark.parametrize(("seconds", "kept"), [(-1, False), (0, True), (1, True), (3600, True)])
def test_a_seat_assigned_after_the_roster_was_read_is_kept(seconds: int, kept: bool) -> None:
    """Tuesday's hire keeps the seat if Monday's run is cleared. The same holds for an approved preview."""
    read_at = NOW - timedelta(hours=5, microseconds=-900_000)
    hire = seat("1")._replace(assigned_at=(NOW - timedelta(hours=5) + timedelta(seconds=seconds)).isoformat())
    seats = SeatList([hire, seat("2")])
    plan = sync(People(("2",)), seats, roster_read_at=read_at)
    assert [each.get("reason") for each in plan.protected] == ["the seat was assigned after the roster was read"] * kept
    assert len(plan.unassign) == (not kept)
    assert report_preview(plan)["guards"]["roster_read_at"] == read_at.isoformat()


@pytest.mark.parametrize(("minute", "kept"), [("09:58", False), ("09:59", True), ("10:00", True)])
def test_a_date_in_whole_minutes_may_be_of_any_second_of_the_minute(minute: str, kept: bool) -> None:
    """If the list dates seats in whole minutes, a hire of the minute in which the roster was read keeps the seat."""
    hire = seat("1")._replace(assigned_at=f"2026-11-21T{minute}:00Z")
    plan = sync(People(("2",)), SeatList([hire, seat("2")]), roster_read_at=NOW.replace(hour=9, minute=59, second=40))
    assert (len(plan.protected), len(plan.unassign)) == (kept, not kept)


def test_an_approval_is_of_one_site() -> None:
    """A preview of another organisation's site is refused, also if the same emails were missing there."""
    guards = Guards(missing_users="retry")
    roster = People(emails=("1@x.com", "2@x.com"))
    preview = sync(roster, SeatList([seat("1", "1@x.com")]), guards=guards, preview=True)
    elsewhere: Any = {**report_preview(preview), "site": "https://api.datadoghq.eu"}
    found = [user("2", "2@x.com")]
    plan = sync(roster, SeatList([seat("1", "1@x.com")]), users=found, guards=guards, approved=elsewhere)
    assert "The approved preview is of https://api.datadoghq.eu, and this run is of None. Make" in refusal(plan)


@pytest.mark.parametrize(
    ("seats", "new", "limit", "refused"),
    [
        (0, 20, DEFAULT_MAX_ASSIGN, False),
        (0, 21, DEFAULT_MAX_ASSIGN, True),
        (100, 50, DEFAULT_MAX_ASSIGN, False),
        (100, 51, DEFAULT_MAX_ASSIGN, True),
        (2, 3, Limit(people=3), False),
        (2, 3, Limit(people=2), True),
        (30, 3, Limit(percent=10), False),
        (29, 3, Limit(percent=10), True),
    ],
)
def test_more_people_than_max_assign_are_refused(seats: int, new: int, limit: Limit, refused: bool) -> None:
    """The limit counts the people who would be given a seat, and not those who hold one."""
    rows = [seat(f"s{number}") for number in range(seats)]
    people = People(tuple(f"s{number}" for number in range(seats)) + tuple(f"n{number}" for number in range(new)))
    guards = Guards(max_assign=limit)
    for plan in (sync(people, SeatList(rows), guards=guards), assign(people, (), SeatList(rows), guards)):
        assert (plan.error is not None) is refused
        if refused:
            assert f"{new} people would be given a seat, and the limit is {limit.of(seats)} (max_assign=" in refusal(
                plan
            )
            assert "raise max_assign for this run" in refusal(plan)
            assert plan.error is not None
            assert plan.error.guards == ("max_assign",)


def test_people_count_for_max_assign_until_they_lose_the_seat_again() -> None:
    """A retry gets no new allowance: people who got a seat from an earlier attempt count."""
    earlier = EarlierAttempts(1, assigned=by_id([person("2")]), unassigned={})
    rows, guards = [seat("1"), seat("2")], Guards(max_assign=Limit(people=1))
    assert "2 people would be given a seat" in refusal(
        sync(People(("1", "2", "3")), SeatList(rows), guards=guards, earlier=earlier)
    )
    assert sync(People(("1", "2")), SeatList(rows), guards=guards, earlier=earlier).error is None


@pytest.mark.parametrize(("limit", "allowed"), [(DEFAULT_MAX_ASSIGN, True), (Limit(people=20), False)])
def test_an_approved_preview_may_exceed_the_default_of_max_assign(limit: Limit, allowed: bool) -> None:
    """A person who approves a preview has seen how many seats it buys. A limit that was passed still holds."""
    people, guards = People(tuple(f"n{number}" for number in range(21))), Guards(max_assign=limit)
    warnings: list[str] = []
    preview = report_preview(sync(people, SeatList(), guards=guards, preview=True, warn=warnings.append))
    assert (preview["refusals"] == [], len(warnings)) == (allowed, int(allowed))
    assert sync(people, SeatList(), guards=guards).error is not None
    assert (sync(people, SeatList(), guards=guards, approved=preview).error is None) is allowed


def test_people_who_lost_a_seat_count_until_they_hold_one_again() -> None:
    """Someone who lost a seat in an earlier attempt counts for the limit, also if this attempt assigns it again."""
    earlier = EarlierAttempts(3, assigned={}, unassigned={"1": person("1")})
    guards = Guards(max_unassign=Limit(people=1))
    corrected = People(("1", "3"))
    assert "2 of 3 seats would be unassigned" in refusal(
        sync(corrected, SeatList(ROWS[1:]), guards=guards, earlier=earlier)
    )
    back = sync(corrected, SeatList(ROWS), guards=guards, earlier=earlier)
    assert (back.error, [each["id"] for each in back.unassign]) == (None, ["2"])
    only_back = sync(
        People(("1", "2", "3")), SeatList(ROWS[1:]), guards=Guards(max_unassign=Limit(people=0)), earlier=earlier
    )
    assert (only_back.error, [each["id"] for each in only_back.assign]) == (None, ["1"])


def test_seats_that_become_fewer_are_no_reason_to_refuse() -> None:
    """An organisation above max_seats can unassign some of its seats."""
    plan = sync(People(("3",)), SeatList([*ROWS, seat("9")]), "remove_only", guards=Guards(max_seats=0))
    assert (plan.error, len(plan.unassign)) == (None, 3)
    assert "There would be 2 seats" in refusal(sync(People(("3", "5")), SeatList(ROWS), guards=Guards(max_seats=1)))


def test_an_awaited_account_of_an_approved_preview_is_assigned() -> None:
    """With missing_users="retry" the preview is approved with the people who are still awaited."""
    roster = People(("3",), ("new@x",))
    guards = Guards(missing_users="retry")
    preview = report_preview(sync(roster, SeatList(ROWS), guards=guards))
    assert isinstance(sync(roster, SeatList(ROWS), guards=guards, approved=preview).error, UsersNotReadyError)
    plan = sync(roster, SeatList(ROWS), users=[user("7", "new@x")], guards=guards, approved=preview)
    assert (plan.error, kinds(report_preview(plan))["assigned"]) == (None, ["7"])


def test_only_a_preview_with_retry_is_approved_with_people_who_were_missing() -> None:
    """If the preview went on without the missing people, applying it does so, and its one refusal still refuses."""
    roster, retry = People(("3",), ("new@x",)), Guards(missing_users="retry")
    for limit, is_refused in ((Limit(people=0), True), (None, False)):
        preview = report_preview(sync(roster, SeatList(ROWS), guards=Guards(missing_users="skip", max_unassign=limit)))
        plan = sync(roster, SeatList(ROWS), users=[user("7", "new@x")], guards=retry, approved=preview)
        assert (plan.error is not None) is is_refused
        assert (plan.assign, [each["id"] for each in plan.unassign]) == ((), ["1", "2"])


def test_a_protected_row_that_gets_its_uuid_later_is_left_alone() -> None:
    """A row without a UUID, which the approved preview protects, is compared by its email."""
    preview = report_preview(sync(ROSTER, SeatList([seat(None, "1@x"), *ROWS[1:]])))
    assert kinds(preview)["protected"] == ["1@x"]
    plan = sync(ROSTER, SeatList(ROWS), approved=preview)
    assert (plan.error, kinds(report_preview(plan))["protected"]) == (None, ["1"])


# --- accounts that do not exist yet ---


def test_a_missing_account_is_left_to_the_retries_of_the_task() -> None:
    """With missing_users="retry" nobody is changed, and the error is transient and states no time to wait."""
    seats = SeatList([seat("1", "gone@x"), seat("2", "ann@x"), seat("3", "bob@x")])
    for plan in (
        assign(People((), ("new@x",)), guards=Guards(missing_users="retry")),
        sync(People((), ("new@x", "ann@x", "bob@x")), seats, guards=Guards(missing_users="retry")),
    ):
        error = plan.error
        assert isinstance(error, UsersNotReadyError)
        assert (error.emails, error.transient, error.retry_after) == (("new@x",), True, None)
        assert kinds(report_preview(plan))["missing"] == ["new@x"]
        assert (
            "There is no enabled Datadog account for new@x (1 in all). Invite them to Datadog, enable their accounts"
            in str(error)
        )
        assert str(error).endswith("Airflow retries as often as the task's retries allow.")


def test_another_refusal_beside_a_missing_account_is_not_retried() -> None:
    """If a guard refuses the plan as well, the task fails at once, and the error has all reasons."""
    seats = SeatList([seat("1", "gone@x"), seat("2", "ann@x")])
    guards = Guards(missing_users="retry", max_unassign=Limit(people=0))
    error = sync(People((), ("new@x", "ann@x")), seats, guards=guards).error
    assert (type(error), error and error.transient) == (UsersMissingError, False)
    assert "new@x" in str(error)
    assert "max_unassign=0" in str(error)


# --- people on call ---

BOTH = {"1": "in the on-call schedules Nights, Primary"}


def test_people_in_a_schedule_keep_their_seat() -> None:
    """With on_call="keep" the report names the schedules, and everyone else loses the seat."""
    seats = SeatList([seat("1", "ann@x"), seat("2", "bob@x"), seat("3", "cy@x")])
    guards = Guards(on_call="keep")
    for plan in (
        unassign(People(("2",), ("ann@x",)), seats, guards, on_call=BOTH),
        sync(People(("3",)), seats, guards=guards, on_call=BOTH),
    ):
        assert plan.error is None
        assert kinds(report_preview(plan)).items() >= {"unassigned": ["2"], "protected": ["1"]}.items()
        assert plan.protected[0]["reason"] == "found in the on-call schedules Nights, Primary"


def test_people_in_a_schedule_refuse_the_plan() -> None:
    """With on_call="refuse" nobody is changed, and the message names the person, the schedules and what to do."""
    seats = SeatList([seat("1", "ann@x"), seat("2", "bob@x"), seat("3", "cy@x")])
    guards = Guards(on_call="refuse")
    for plan in (
        unassign(People(("2",), ("ann@x",)), seats, guards, on_call=BOTH),
        sync(People(("3",)), seats, guards=guards, on_call=BOTH),
    ):
        assert sorted(kinds(report_preview(plan))["unassigned"]) == ["1", "2"]
        assert refusal(plan) == (
            "p: nothing was changed. ann@x (1) is found in the on-call schedules Nights, Primary. Replace them there "
            "first, or keep their seats with on_call='keep'."
        )


def test_schedules_of_people_who_keep_their_seat_refuse_nothing() -> None:
    """A schedule counts only for people who are about to lose a seat, and only if the guard is set."""
    seats = SeatList([seat("1", "ann@x"), seat("2", "bob@x")])
    guards = Guards(on_call="refuse", protect=People(("1",)))
    assert unassign(People(("1", "2")), seats, guards, on_call=BOTH).error is None
    assert kinds(report_preview(unassign(People(("1",)), seats, on_call=BOTH))) == {"unassigned": ["1"]}


def test_each_check_belongs_to_a_guard() -> None:
    """A check has the name of its guard: a misspelled one would never be asked."""
    own = {name for name, value in vars(checks).items() if isfunction(value) and value.__module__ == checks.__name__}
    public = {name for name in own if not name.startswith("_")}
    assert public - {"refusals"} == {*GUARDS} - {
        "warn_seats",
        "min_seat_age",
        "check_accounts",
        "check_escalation_policies",
    }
