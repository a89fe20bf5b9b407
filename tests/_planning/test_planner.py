"""The plans and the rules that refuse them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_seats._api.seats import Outcome
from airflow_provider_seats._planning.arguments import Limit, People
from airflow_provider_seats._planning.planner import (
    DEFAULT_MAX_UNASSIGN,
    Guards,
    Mode,
    PlanRefusedError,
    UsersMissingError,
    approved,
    emails_to_identify,
    owners,
    plan_sync,
    plan_undo,
)
from airflow_provider_seats._planning.seat_list import Holders
from tests.helpers.examples import examples
from tests.helpers.planning import NONE, NOW, P, assign, seat, sync, told, unassign, user, who

if TYPE_CHECKING:
    from airflow_provider_seats.report import Report

NOTHING = Outcome(P)


def refusal(plan: Any) -> str:
    """Give the words of a refusal that no retry would mend and that says that nothing was changed."""
    assert isinstance(plan.refusal, PlanRefusedError)
    assert not plan.refusal.passing
    assert "nothing was changed" in str(plan.refusal)
    return str(plan.refusal)


# --- assign ---


def test_without_a_seat_list_everyone_given_is_to_change() -> None:
    """UUIDs need no look-up; emails become the UUIDs of their accounts, and nobody comes twice."""
    plan = assign(People(("1", "2"), ("Ann@x",)), {"ann@x": user("1", "ann@x")})
    assert plan.give == (who("1", "ann@x"), who("2"))
    assert (plan.refusal, plan.seats_before) == (None, None)


def test_with_a_seat_list_its_holders_are_unchanged() -> None:
    """By UUID, and by the UUID of an email's account, whatever email the row shows."""
    holders = Holders([seat("1", "ann@x"), seat("2"), seat("3", "old@x")])
    found = {"ann@x": user("1", "ann@x"), "cy@x": user("3", "cy@x"), "new@x": user("8", "new@x")}
    plan = assign(People(("2", "9"), ("ANN@x", "cy@x", "new@x")), found, holders)
    assert plan.unchanged == (who("1", "ann@x"), who("3", "old@x"), who("2"))
    assert plan.give == (who("8", "new@x"), who("9"))


def test_unknown_and_disabled_accounts_are_missing() -> None:
    """They refuse the plan, unless that was not wanted; the error names them as they were given."""
    people = People((), ("Gone@x", "off@x", "ann@x"))
    found = {"off@x": user("5", "off@x", "Disabled"), "ann@x": user("1", "ann@x")}
    plan = assign(people, found, guards=Guards(missing_users="fail"))
    assert plan.missing == (who(None, "Gone@x"), who("5", "off@x"))
    assert isinstance(plan.refusal, UsersMissingError)
    assert plan.refusal.emails == ("Gone@x", "off@x")
    assert "missing_users='skip'" in refusal(plan)
    assert assign(people, found, guards=Guards(missing_users="skip")).refusal is None


def test_someone_given_by_uuid_too_is_not_missing() -> None:
    """The UUID says who is meant, whatever the account."""
    plan = assign(People(("5",), ("off@x",)), {"off@x": user("5", "off@x", "Disabled")}, None, Guards("fail"))
    assert (plan.missing, plan.refusal, plan.give) == ((), None, (who("5"),))


def test_a_disabled_account_is_missing_with_or_without_a_seat_list() -> None:
    """So that a preview says what the run will."""
    found = {"off@x": user("5", "off@x", "Disabled")}
    for holders in (None, Holders([seat("5", "off@x")])):
        assert assign(People((), ("off@x",)), found, holders).missing == (who("5", "off@x"),)


@pytest.mark.parametrize(("most", "refused"), [(3, False), (2, True), (0, True)])
def test_more_seats_than_max_seats_are_refused(most: int, *, refused: bool) -> None:
    """Those who hold one already are not counted twice."""
    plan = assign(People(("1", "2", "3"), ()), {}, Holders([seat("1"), seat("2")]), Guards(max_seats=most))
    assert (plan.refusal is not None) == refused
    if refused:
        assert re.search(rf"3 seats .*{most}.*max_seats", refusal(plan))


# --- unassign ---


def test_uuids_alone_are_taken_without_a_list() -> None:
    """Who holds a seat is not asked."""
    plan = unassign(People(("1", "2"), ()))
    assert (plan.take, plan.seats_before) == ((who("1"), who("2")), None)


def test_only_holders_are_to_change_and_the_others_are_told() -> None:
    """Someone without a seat is unchanged, and someone given twice is taken once."""
    holders = Holders([seat("1", "ann@x"), seat("2", "bob@x"), seat("3")])
    plan = unassign(People(("1", "3", "9"), ("Ann@X", "nobody@x")), holders)
    assert plan.take == (who("1", "ann@x"), who("3"))
    assert plan.unchanged == (who(None, "nobody@x"), who("9"))


def test_all_the_seats_of_an_email_are_taken() -> None:
    """Accounts may share an email, and none of them is to keep a seat."""
    plan = unassign(People((), ("ann@x",)), Holders([seat("1", "ann@x"), seat("2", "ANN@x")]))
    assert [person["id"] for person in plan.take] == ["1", "2"]


def test_a_seat_without_a_uuid_cannot_be_taken_by_email() -> None:
    """It is said before anything is changed, and keeping it is no success."""
    plan = unassign(People((), ("ann@x",)), Holders([seat(None, "ann@x")]))
    assert "ann@x" in refusal(plan)
    assert told(plan.not_started(preview=False)) == {"protected": ["ann@x"]}


def test_unassigning_keeps_the_protected_and_to_its_limit() -> None:
    """There is no limit unless one is given, since the list is explicit."""
    holders = Holders([seat(each, f"{each}@x") for each in "abcdefgh"])
    everyone = People(tuple("abcdefgh"), ())
    assert unassign(everyone, holders).refusal is None
    kept = unassign(everyone, holders, Guards(protect=People(("a",), ("B@X",))))
    assert [person["id"] for person in kept.protected] == ["a", "b"]
    assert len(kept.take) == 6
    limited = unassign(everyone, holders, Guards(max_unassign=Limit(people=7)))
    assert re.search(r"8 of 8 seats.*limit is 7.*max_unassign", refusal(limited))


# --- sync ---


def test_a_sync_gives_takes_and_leaves() -> None:
    """Matched by UUID or email in any case, in each of the three modes."""
    holders = Holders([seat("1", "ann@x"), seat("2", "bob@x"), seat("3", "cy@x")])
    roster = People(("2", "9"), ("ANN@x", "di@x"))
    found = {"di@x": user("4", "di@x")}
    exact = sync(roster, holders, "exact", found)
    assert told(exact.preview()) == {"assigned": ["4", "9"], "unassigned": ["3"], "unchanged": ["1", "2"]}
    added = sync(roster, holders, "add_only", found)
    assert told(added.preview()) == {"assigned": ["4", "9"], "unchanged": ["1", "2"]}
    removed = sync(roster, holders, "remove_only")
    assert told(removed.preview()) == {"unassigned": ["3"], "unchanged": ["1", "2", "9", "di@x"]}
    assert removed.guards["mode"] == "remove_only"


def test_a_holder_is_matched_by_email_even_if_the_account_is_disabled() -> None:
    """They have what the roster wants, and nothing is written."""
    plan = sync(People((), ("off@x",)), Holders([seat("5", "off@x")]), guards=Guards(missing_users="fail"))
    assert (told(plan.preview()), plan.refusal) == ({"unchanged": ["5"]}, None)


def test_rows_without_an_email_are_known_by_whoever_they_may_be() -> None:
    """A roster or a protection by email must not miss someone because Datadog does not show the email."""
    rows = [seat("1", None), seat("2", "bob@x"), seat(None, None)]
    roster = People(("7",), ("ann@x", "bob@x"))
    guards = Guards(protect=People((), ("boss@x", "bob@x")))
    assert emails_to_identify(roster, rows, guards) == ("boss@x", "bob@x", "ann@x")
    assert emails_to_identify(People((), ("ann@x",)), rows, guards) == ("boss@x", "bob@x")
    assert emails_to_identify(People(("1",), ("ann@x",)), rows, guards) == ()
    assert emails_to_identify(roster, rows[1:], guards) == ()
    ann = owners([user("1", "Ann@x"), user("9", "ann@x", "Disabled")])
    assert told(sync(roster, Holders(rows), "remove_only", owned=ann).preview())["unchanged"] == ["2", "7", "ann@x"]
    boss = sync(People(("7",), ()), Holders(rows), guards=guards, owned=owners([user("1", "boss@x", "Disabled")]))
    assert (boss.take, [person["id"] for person in boss.protected]) == ((), ["1", "2", None])


def test_every_account_of_a_protected_email_is_kept() -> None:
    """Also a disabled one, and one whose seat shows no email beside another that does."""
    rows = Holders([seat("1", "u1@x"), seat("20", None)])
    both = owners([user("1", "u1@x"), user("20", "u1@x", "Disabled")])
    guards = Guards(protect=People((), ("U1@x",)))
    assert sync(People(("9",), ()), rows, "remove_only", guards=guards, owned=both).take == ()
    assert unassign(People(("20",), ()), rows, guards, owned=both).take == ()


@pytest.mark.parametrize(
    ("row", "guards", "roster", "reason"),
    [
        (seat(None, "x@x"), NONE, People(("9",), ()), "without a user UUID"),
        (seat("1", "Ann@x"), Guards(protect=People((), ("aNN@X",))), People(("9",), ()), "protected"),
        (seat("1"), Guards(protect=People(("1",), ())), People(("9",), ()), "protected"),
        (seat("1", "a@x", days=6), Guards(min_seat_age=7 * 86_400), People(("9",), ()), "younger"),
        (seat("1", "a@x", days=None), Guards(min_seat_age=0.0), People(("9",), ()), "not known"),
        (seat("1", "a@x")._replace(assigned_at="soon"), Guards(min_seat_age=1.0), People(("9",), ()), "not known"),
        (seat("1", None), NONE, People((), ("b@x",)), "emails only"),
    ],
)
def test_some_seats_are_never_taken_and_the_report_says_why(
    row: Any, guards: Guards, roster: People, reason: str
) -> None:
    """Nobody loses a seat that a rule keeps."""
    plan = sync(roster, Holders([row]), "remove_only", guards=guards)
    assert plan.take == ()
    assert [person["id"] for person in plan.protected] == [row.id]
    assert reason in plan.protected[0]["reason"]


def test_a_seat_that_is_old_enough_is_taken_also_without_a_time_zone() -> None:
    """Datadog's times are in UTC."""
    row = seat("1", "a@x")._replace(assigned_at="2026-11-20T11:59:59")
    plan = sync(People(("9",), ()), Holders([row]), "remove_only", guards=Guards(min_seat_age=86_400.0))
    assert [person["id"] for person in plan.take] == ["1"]


# --- refusals of a sync ---


def test_sixty_of_a_hundred_gone_from_the_roster_are_refused_by_default() -> None:
    """The message has the counts, the limit, who, and what would allow it."""
    holders = Holders([seat(str(number), f"{number}@x") for number in range(100)])
    roster = People((), tuple(f"{number}@x" for number in range(40)))
    words = refusal(sync(roster, holders, guards=Guards(max_unassign=DEFAULT_MAX_UNASSIGN)))
    assert re.search(
        r"60 of 100 seats would be taken, and the limit is 20 .*5 or 20%.*40@x.*and 50 more.*max_unassign", words
    )
    assert sync(roster, holders, guards=Guards(max_unassign=Limit(percent=60))).refusal is None


@pytest.mark.parametrize(
    ("holders", "gone", "limit", "refused"),
    [
        (10, 5, DEFAULT_MAX_UNASSIGN, False),
        (10, 6, DEFAULT_MAX_UNASSIGN, True),
        (100, 20, DEFAULT_MAX_UNASSIGN, False),
        (100, 21, DEFAULT_MAX_UNASSIGN, True),
        (9, 1, Limit(percent=20), False),
        (9, 2, Limit(percent=20), True),
        (4, 1, Limit(percent=20), True),
        (100, 29, Limit(percent=29), False),
        (5, 0, Limit(people=0), False),
        (5, 1, Limit(people=0), True),
    ],
)
def test_a_limit_is_a_number_or_a_share_rounded_down(holders: int, gone: int, limit: Limit, *, refused: bool) -> None:
    """By default the larger of five people and a fifth; 0 forbids."""
    rows = Holders([seat(str(number)) for number in range(holders)])
    roster = People(tuple(str(number) for number in range(gone, holders)), ())
    assert (sync(roster, rows, guards=Guards(max_unassign=limit)).refusal is not None) == refused


def test_a_limit_counts_what_earlier_attempts_took() -> None:
    """A retry gets no new allowance."""
    rows = [seat(str(number)) for number in range(10)]
    guards = Guards(max_unassign=Limit(people=3))
    first = sync(People(tuple("3456789"), ()), Holders(rows), guards=guards)
    assert first.refusal is None
    again: dict[str, Any] = {"users": {}, "guards": guards, "now": NOW, "earlier": first.to_remember()}
    retry = plan_sync(P, People(tuple("3456789"), ()), "exact", holders=Holders(rows[2:]), **again)
    assert (retry.refusal, len(retry.take)) == (None, 1)
    more = plan_sync(P, People(tuple("456789"), ()), "exact", holders=Holders(rows[2:]), **again)
    assert "4 of 10" in refusal(more)


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
def test_an_empty_roster_takes_nothing_unless_that_is_meant(mode: Mode) -> None:
    """An HR export sometimes comes back empty."""
    nobody = People((), ())
    holders = Holders([seat("1"), seat("2")])
    assert re.search(r"empty.*2 of 2 seats.*allow_empty=True", refusal(sync(nobody, holders, mode)))
    assert sync(nobody, holders, mode, guards=Guards(allow_empty=True)).refusal is None
    assert sync(nobody, Holders([]), mode).refusal is not None
    assert sync(nobody, holders, "add_only").refusal is None


def test_all_the_reasons_to_refuse_are_told_at_once() -> None:
    """Nobody wants to learn of them one run at a time."""
    holders = Holders([seat(each) for each in "abcdefgh"])
    guards = Guards("fail", max_unassign=Limit(people=1), max_seats=0)
    words = refusal(sync(People(("9",), ("ghost@x",)), holders, guards=guards))
    for part in ("ghost@x", "8 of 8 seats", "max_seats", "missing_users"):
        assert part in words


def test_the_guards_that_applied_are_in_the_report() -> None:
    """As given, and what they came to."""
    guards = Guards("skip", allow_empty=False, max_unassign=Limit(percent=20), protect=People(("1",), ("A@x",)))
    plan = sync(People(("1",), ()), Holders([seat("1")] * 1), guards=guards)
    assert plan.preview()["guards"] == {
        "mode": "exact",
        "missing_users": "skip",
        "allow_empty": False,
        "max_unassign": "20%",
        "max_unassign_people": 0,
        "protect": ["1", "A@x"],
    }


# --- approval ---


def test_an_approved_preview_allows_what_it_listed_and_no_more() -> None:
    """Someone new to gain or lose a seat is a refusal; what was done in the meantime is fine."""
    rows = [seat("1", "1@x"), seat("2", "2@x"), seat("3", "3@x")]
    preview = sync(People(("3", "4", "5"), ()), Holders(rows)).preview()
    same = approved(sync(People(("3", "4", "5"), ()), Holders(rows)), preview)
    assert same.refusal is None
    less = approved(sync(People(("3", "4", "5"), ()), Holders([*rows[1:], seat("4")])), preview)
    assert (less.refusal, [person["id"] for person in less.give]) == (None, ["5"])
    claimed = approved(sync(People(("3", "4", "5"), ()), Holders([*rows, seat("9", "9@x")])), preview)
    assert re.search(r"0 more .*1 more to lose one: 9@x \(9\)", refusal(claimed))
    joined = approved(sync(People(("3", "4", "5", "6"), ()), Holders(rows)), preview)
    assert re.search(r"1 more people are to get a seat.*: 6", refusal(joined))


# --- undo ---


def undo(report: Report, holders: Holders, guards: Guards = NONE) -> Any:
    """Plan an undo."""
    return plan_undo(P, report, guards=guards, now=NOW, holders=holders)


def test_an_undo_puts_back_what_was_changed_and_is_not_yet_as_before() -> None:
    """Who got a seat loses it, and who lost one gets it; a second undo finds nothing to do."""
    report = sync(People(("2", "3"), ()), Holders([seat("1"), seat("2")])).preview()
    plan = undo(report, Holders([seat("2"), seat("3")]))
    assert told(plan.preview()) == {"assigned": ["1"], "unassigned": ["3"]}
    assert told(undo(report, Holders([seat("1"), seat("2")])).preview()) == {"unchanged": ["1", "3"]}


def test_an_undo_keeps_the_protected() -> None:
    """Guards hold for it, too."""
    report = sync(People(("3",), ()), Holders([])).preview()
    plan = undo(report, Holders([seat("3")]), Guards(protect=People(("3",), ())))
    assert told(plan.preview()) == {"protected": ["3"]}


# --- over all states ---

_id = st.sampled_from("abcdefghijkl")
_ids = st.sets(_id)
_row = st.tuples(_id, st.booleans(), st.sampled_from([None, 1.0, 50.0]))
_guards = st.builds(
    Guards,
    missing_users=st.sampled_from(["fail", "skip"]),
    allow_empty=st.booleans(),
    max_unassign=st.sampled_from([None, Limit(people=2), Limit(percent=50), DEFAULT_MAX_UNASSIGN]),
    max_seats=st.none() | st.integers(0, 12),
    min_seat_age=st.sampled_from([None, 10 * 86_400.0]),
    protect=st.builds(People, _ids.map(tuple), st.just(())),
)


@examples(500)
@given(
    rows=st.lists(_row, unique_by=lambda row: row[0]),
    uuids=_ids,
    emails=_ids,
    known=_ids,
    mode=st.sampled_from(["exact", "add_only", "remove_only"]),
    guards=_guards,
)
def test_the_end_state_is_always_what_mode_and_rules_say(  # noqa: PLR0917 (the state of the world)
    rows: list[tuple[str, bool, float | None]],
    uuids: set[str],
    emails: set[str],
    known: set[str],
    mode: Mode,
    guards: Guards,
) -> None:
    """Worked out here from the rules alone; and undoing it restores the set of holders exactly."""
    table = [seat(each, f"{each}@x" if named else None, days) for each, named, days in rows]
    holders = Holders(table)
    before = {each for each, _, _ in rows}
    roster = People(tuple(sorted(uuids)), tuple(f"{each}@x" for each in sorted(emails)))
    missing_here = holders.absent(roster.emails) if mode != "remove_only" else ()
    found = {email: user(email[0], email) for email in missing_here if email[0] in known}
    identified = emails_to_identify(roster, table, guards) if mode != "add_only" else ()
    owned = owners(user(email[0], email) for email in identified if email[0] in known)
    plan = sync(roster, holders, mode, found, guards, owned=owned)
    asked = {*missing_here, *identified}

    by_email_only = bool(emails) and not uuids
    shown = {each for each, named, _ in rows if named}
    matched = {each for each in emails if each in shown or (f"{each}@x" in asked and each in known)}
    young = {each for each, _, days in rows if guards.min_seat_age is not None and (days is None or days < 10)}
    kept = set(guards.protect.uuids) | young | (before - shown if by_email_only else set())
    takes = before - uuids - matched - kept if mode != "add_only" else set()
    gives = (uuids | matched) - before if mode != "remove_only" else set()
    missing = emails - matched if mode != "remove_only" else set()
    after = (before - takes) | gives
    refused = (
        (not uuids and not emails and mode != "add_only" and not guards.allow_empty)
        or (guards.max_unassign is not None and len(takes) > guards.max_unassign.of(len(before)))
        or (guards.max_seats is not None and len(after) > guards.max_seats)
        or bool(missing and guards.missing_users == "fail")
    )
    assert (plan.refusal is not None) == refused
    preview = plan.preview()
    assert {person["id"] for person in preview["unassigned"]} == takes
    assert {person["id"] for person in preview["assigned"]} == gives
    assert preview["seats_after"] == len(after)

    assume(not refused)
    done = plan.report(Outcome(P, done=tuple(takes)), Outcome(P, done=tuple(gives)))
    assert {**done, "preview": True} == preview
    rest = dict(zip(sorted(before), sorted(table, key=lambda row: str(row.id)), strict=True))
    back = undo(done, Holders([rest.get(each, seat(each)) for each in sorted(after)]))
    restored = (after - set(told(back.preview()).get("unassigned", []))) | set(told(back.preview()).get("assigned", []))
    assert restored == before
