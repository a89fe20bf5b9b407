"""Plans and reports: what is told of a preview, of what was done, and of what earlier attempts did."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.seats import Outcome
from airflow_provider_seats._planning.arguments import People
from airflow_provider_seats._planning.plan import Earlier, Plan, by_id
from airflow_provider_seats._planning.seat_list import Holders
from airflow_provider_seats.report import KINDS, Report, some, table
from tests.helpers.planning import P, assign, seat, sync, those, told, unassign, user, who

NOTHING = Outcome(P)


def test_a_report_has_the_same_keys_whatever_came_of_it() -> None:
    """Preview, done, failed, broken off, and not begun; all of it is JSON."""
    holders = Holders([seat(str(number), f"{number}@x") for number in range(1, 6)])
    plan = unassign(People(("1", "2", "3", "4", "5"), ()), holders)
    done = plan.report(Outcome(P, done=("1", "2"), refused={"3": "no"}, not_done=("4", "5")), NOTHING)
    assert done == Report(
        product=P,
        preview=False,
        assigned=[],
        unassigned=[who("1", "1@x"), who("2", "2@x")],
        unchanged=[],
        missing=[],
        refused=[who("3", "3@x")],
        protected=[],
        unknown=[],
        not_done=[who("4", "4@x"), who("5", "5@x")],
        seats_before=5,
        seats_after=3,
        guards={},
        since_attempt=1,
    )
    others = plan.preview(), plan.not_started(preview=False), plan.interrupted(), Plan(P).not_started(preview=False)
    assert {tuple(each) for each in (done, *others)} == {tuple(done)}
    assert (plan.preview()["seats_after"], plan.not_started(preview=True)["seats_after"]) == (0, 5)
    assert json.loads(json.dumps(done)) == done


def test_seats_afterwards_are_not_told_where_someone_is_unknown() -> None:
    """A number that may be wrong is none."""
    plan = unassign(People(("1",), ()), Holders([seat("1")]))
    report = plan.report(Outcome(P, unknown=("1",)), NOTHING)
    assert (report["seats_before"], report["seats_after"]) == (1, None)
    assert told(plan.interrupted()) == {"unknown": ["1"]}


def test_a_sync_tells_what_was_to_become_of_those_not_done() -> None:
    """Whether someone was to gain or to lose a seat is seen in no other way."""
    plan = sync(People(("2",), ()), Holders([seat("1")]))
    reasons = [person.get("reason") for person in plan.not_started(preview=False)["not_done"]]
    assert reasons == ["was to lose the seat", "was to get a seat"]


def test_the_table_counts_and_then_names_people_but_not_all_of_many() -> None:
    """A person reads who was given and taken; a thousand rows stay in the XCom."""
    plan = unassign(People((), ("1@x", "none@example.com")), Holders([seat("1", "1@x")]))
    assert table(plan.preview()) == [
        "p (preview, nothing is changed): 1 unassigned, 1 unchanged; seats before 1, after 0",
        "  unassigned  1@x               1",
        "  unchanged   none@example.com  -",
    ]
    many = table(unassign(People(tuple(map(str, range(30))), ())).not_started(preview=False))
    assert many[0] == "p: 30 not done"
    assert many[-1] == "  not done  and 10 more, all in the XCom return_value"
    assert len(many) == 22
    assert table(unassign(People((), ())).preview())[0].endswith(": nobody to change")


def test_the_table_does_not_claim_a_change_where_it_was_not_asked_who_held_a_seat() -> None:
    """Nobody is to read that a seat was bought when it was only confirmed."""
    plan = assign(People(("1",), ()), {})
    assert table(plan.report(NOTHING, Outcome(P, done=("1",))))[0] == "p: 1 hold a seat now"
    plan = unassign(People(("1",), ()))
    assert table(plan.report(Outcome(P, done=("1",)), NOTHING))[0] == "p: 1 hold no seat now"


def test_people_are_named_in_a_sentence_up_to_a_number() -> None:
    """A message stays readable."""
    assert some("abc", 3) == "a, b, c"
    assert some("abcde", 3) == "a, b, c and 2 more"


_ids = st.sets(st.sampled_from("abcdefg"))


@given(asked=_ids, by_email=_ids, held=_ids, known=_ids, disabled=_ids)
def test_everyone_given_stands_in_a_report(
    asked: set[str], by_email: set[str], held: set[str], known: set[str], disabled: set[str]
) -> None:
    """Whatever is known of them; nobody with a UUID stands in it twice, and the numbers fit."""
    people = People(tuple(sorted(asked)), tuple(f"{each}@x" for each in sorted(by_email)))
    holders = Holders([seat(each, f"{each}@x") for each in sorted(held)])
    found = {
        f"{each}@x": user(each, f"{each}@x", "Disabled" if each in disabled else "Active")
        for each in known | disabled | held
    }
    give = assign(people, found, holders).preview()
    take = unassign(people, holders).preview()
    for report in (give, take):
        persons = [person for kind in KINDS for person in those(report, kind)]
        assert {person["id"] or str(person["email"])[0] for person in persons} == asked | by_email
        uuids = [person["id"] for person in persons if person["id"]]
        assert len(uuids) == len(set(uuids))
        assert report["seats_before"] == len(held)
        assert report["seats_after"] == len(held) + len(report["assigned"]) - len(report["unassigned"])
    enabled = by_email & (known | held) - disabled
    assert {person["id"] for person in give["assigned"]} == (asked | enabled) - held
    assert {person["id"] for person in take["unassigned"]} == (asked | by_email) & held


# --- attempts ---


def test_a_retry_tells_what_the_whole_run_changed() -> None:
    """The first attempt took 1 and died before 2; the second finds 1 gone."""
    everyone = [seat("1", "1@x"), seat("2", "2@x"), seat("3", "3@x")]
    roster = People((), ("3@x", "4@x"))
    found = {"4@x": user("4", "4@x")}
    first = sync(roster, Holders(everyone), users=found)
    memory = first.to_remember()
    assert memory is not None
    second = sync(roster, Holders(everyone[1:]), users=found)._replace(earlier=memory)
    assert told(second.preview()) == {"assigned": ["4"], "unassigned": ["1", "2"], "unchanged": ["3"]}
    done = second.report(Outcome(P, done=("2",)), Outcome(P, done=("4",)))
    assert told(done) == told(second.preview())
    assert (done["seats_before"], done["seats_after"]) == (3, 2)
    assert second.to_remember() == memory


def test_someone_whom_a_retry_changes_back_is_unchanged() -> None:
    """The roster was corrected in between; before the run and after it, they hold their seat."""
    memory = Earlier(2, {}, by_id([who("1", "1@x")]))
    plan = sync(People(("1", "2"), ()), Holders([seat("2")]))._replace(earlier=memory)
    report = plan.report(NOTHING, Outcome(P, done=("1",)))
    assert told(report) == {"unchanged": ["2", "1"]}
    assert (report["seats_before"], report["seats_after"]) == (2, 2)
    given = Earlier(1, by_id([who("1")]), {})
    back = sync(People(("2",), ()), Holders([seat("1"), seat("2")]))._replace(earlier=given)
    assert told(back.report(Outcome(P, done=("1",)), NOTHING)) == {"unchanged": ["2", "1"]}


def test_there_is_nothing_to_remember_where_the_list_was_not_read() -> None:
    """Who held a seat before is not known then."""
    assert assign(People(("1",), ()), {}).to_remember() is None


@given(before=_ids, roster=_ids, later=_ids, died_after=st.integers(0, 14))
def test_two_attempts_tell_what_one_would_have(
    before: set[str], roster: set[str], later: set[str], died_after: int
) -> None:
    """Wherever the first one died, and even if the roster changes in between: before and after, and nothing else."""
    first = sync(People(tuple(sorted(roster)), ()), Holders([seat(each) for each in sorted(before)]))
    state = set(before)
    steps = [("take", each) for each in by_id(first.take)] + [("give", each) for each in by_id(first.give)]
    for verb, each in steps[:died_after]:
        (state.discard if verb == "take" else state.add)(each)
    second = sync(People(tuple(sorted(later)), ()), Holders([seat(each) for each in sorted(state)]))
    second = second._replace(earlier=first.to_remember())
    report = second.report(Outcome(P, done=tuple(by_id(second.take))), Outcome(P, done=tuple(by_id(second.give))))
    assert {person["id"] for person in report["assigned"]} == later - before
    assert {person["id"] for person in report["unassigned"]} == before - later
    assert (report["seats_before"], report["seats_after"]) == (len(before), len(later))
