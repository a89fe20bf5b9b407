"""What the operators do to Datadog, compared with what the documentation says, and with what must always hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, strategies as st

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import RateLimitError
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.examples import examples
from tests.helpers.in_memory import in_memory
from tests.helpers.operators import OLD, RATE_LIMITED, Store, assign, attempt, sync, unassign, writes
from tests.helpers.oracle import UNCLEAR, Expected, expect_assign, expect_sync, expect_unassign
from tests.helpers.small_worlds import Case, Person, cases

if TYPE_CHECKING:
    from airflow_provider_seats.report import Report

ASSIGN = ("missing_users", "max_seats")
UNASSIGN = ("max_unassign", "min_seat_age", "protect", "check_accounts", "on_call", "check_escalation_policies")
# Answers to changes: done, refused (so that the people are sent in halves), lost before or after they were done, and a
# rate limit that ends the attempt.
FAULTS = st.sampled_from([Fault(), Fault(), Fault(422), Fault(lost="before"), Fault(lost="after"), RATE_LIMITED])


def run(kind: Any, context: dict[str, Any] | None = None, **arguments: Any) -> tuple[Report, Exception | None]:
    """Run an operator. Return its report, and the error if the task or the attempt fails."""
    context = context or {"ti": FakeTaskInstance()}
    try:
        return kind(context, log=[], **arguments), None
    except (AirflowFailException, RateLimitError) as error:
        return context["ti"].pushed["return_value"], error


def people(report: Report, kind: str) -> set[str]:
    """Return the people of one kind, as UUIDs or else emails."""
    groups: dict[str, Any] = {**report}
    return {str(each["id"] or each["email"]) for each in groups[kind]}


def changes(report: Report) -> tuple[set[str], set[str]]:
    """Return who was assigned and who was unassigned."""
    return people(report, "assigned"), people(report, "unassigned")


def ordinary(case: Case) -> Case:
    """Return the case with people that Datadog knows and lists with their UUIDs."""
    people = (replace(each, listed=True, status="Active", namesake=each.number) for each in case.people)
    return replace(case, people=tuple(people))


def has_unlisted(datadog: FakeDatadog) -> bool:
    """Return whether a row of the seat list has no user UUID."""
    return any(row.id is None for row in DatadogSeatsHook().list_seat_users(PRODUCT))


def compare(datadog: FakeDatadog, expected: Expected, kind: Any, **arguments: Any) -> None:
    """Run an operator, and compare what it did with what is expected."""
    before, hidden = datadog.holders(PRODUCT), has_unlisted(datadog)
    report, error = run(kind, **arguments)
    after = datadog.holders(PRODUCT)
    # A seat without a UUID may be anyone's. So people passed by UUID are unassigned, also if no seat has their UUID.
    unproven = set(arguments.get("user_uuids") or ()) - before if kind is unassign and hidden else set()
    if set(expected.refusals) != {UNCLEAR} and not unproven:
        assert (error is not None) == bool(expected.refusals), (expected, error)
    if error is not None:
        assert not writes(datadog)
        assert changes(report) == (set(), set())
        return
    assert before - after == people(report, "unassigned") - unproven == expected.unassigned
    assert after - before == people(report, "assigned") == expected.assigned
    assert {each["email"] for each in report["missing"]} == expected.missing
    assert people(report, "protected") - unproven == expected.protected


@examples(250)
@given(cases())
def test_a_sync_does_what_the_documentation_says(case: Case) -> None:
    """Who is assigned, unassigned, kept and reported as missing, and when it refuses."""
    with in_memory() as datadog:
        case.build(datadog)
        compare(datadog, expect_sync(case), sync, **case.arguments())


@examples(100)
@given(cases())
def test_an_assignment_does_what_the_documentation_says(case: Case) -> None:
    """Who is assigned and reported as missing, and when it refuses."""
    case = replace(case, people=tuple(replace(each, listed=True) for each in case.people))
    with in_memory() as datadog:
        case.build(datadog)
        compare(datadog, expect_assign(case), assign, read_seats_first=True, **case.arguments(*ASSIGN))


@examples(100)
@given(cases())
def test_an_unassignment_does_what_the_documentation_says(case: Case) -> None:
    """Who is unassigned and kept, and when it refuses."""
    with in_memory() as datadog:
        case.build(datadog)
        arguments = case.arguments("missing_users", *UNASSIGN)
        compare(datadog, expect_unassign(case), unassign, read_seats_first=True, **arguments)


# --- what holds without an oracle ---


@examples(100)
@given(cases(), st.lists(FAULTS, max_size=4) | st.just([Fault(422)] * 8), st.lists(FAULTS, max_size=3))
def test_a_report_lists_what_was_changed_and_the_seats_stay_within_the_limit(
    case: Case, unassigning: list[Fault], assigning: list[Fault]
) -> None:
    """Whatever Datadog answers: the report is the difference, and no moment between has more seats than are allowed."""
    case = replace(ordinary(case), mode="exact", allow_empty=True, max_unassign="100%", missing_users="skip")
    numbers: list[int] = []
    with in_memory(lambda datadog: numbers.append(len(datadog.holders(PRODUCT)))) as datadog:
        case.build(datadog)
        before = datadog.holders(PRODUCT)
        preview, _ = run(sync, preview=True, **case.arguments())
        datadog.script("DELETE", SEATS, *unassigning)
        datadog.script("POST", SEATS, *assigning)
        report, _ = run(sync, **case.arguments())
        after = datadog.holders(PRODUCT)
    assert changes(report) == (after - before, before - after)
    assert report["seats_before"] in {None, len(before)}
    assert report["seats_after"] in {None, len(after)}
    planned = len(before) - len(preview["unassigned"]) + len(preview["assigned"])
    assert max(numbers, default=0) <= max(len(before), min(planned, 99 if case.max_seats is None else case.max_seats))


@examples(50)
@given(
    slack=st.sampled_from([0, 0, 0, 1, -1]),
    leavers=st.integers(1, 3),
    attempts=st.lists(st.tuples(st.lists(FAULTS, max_size=3), st.integers(0, 2)), min_size=2, max_size=4),
    names=st.lists(st.sampled_from(["email", "handle", "id"]), max_size=1),
)
def test_attempts_together_stay_within_the_guards(
    slack: int, leavers: int, attempts: list[tuple[list[Fault], int]], names: list[str]
) -> None:
    """Over all attempts of a task no more people lose a seat than max_unassign, and nobody in protect does.

    :param slack: how many more people than the leavers may lose a seat.
    :param attempts: how Datadog answers to an unassignment, and how many other people claim a seat afterwards.
    :param names: the name by which the first leaver is protected.
    """
    people = [Person(number, number, old=True, shows="handle") for number in range(leavers)]
    protected = [getattr(person, name) for person, name in zip(people, names, strict=False)]
    stay = [Person(number, number) for number in range(10, 18)]
    limit = max(0, leavers - len(protected) + slack)
    store, lost = Store(), set[str]()
    with in_memory() as datadog:
        Case((*stay, *people), None, None).build(datadog)
        datadog.add_user("hire@x.com")
        for number, (faults, claims) in enumerate(attempts, start=1):
            before = datadog.holders(PRODUCT)
            datadog._server._faults.clear()
            datadog.script("DELETE", SEATS, *faults)
            # The person to assign keeps the task from coming to its end.
            datadog.script("POST", SEATS, RATE_LIMITED)
            roster = [*(person.email for person in stay), "hire@x.com"]
            guards = {"max_unassign": limit, "protect": protected or "nobody"}
            _, error = run(sync, attempt(store, number), user_emails=roster, **guards)
            lost = (lost | before) - datadog.holders(PRODUCT)
            assert len(lost) <= limit
            assert not lost & {person.id for person in people[: len(protected)]}
            if not isinstance(error, RateLimitError):
                break
            for claim in range(claims):
                user = datadog.add_user(f"claim{number}-{claim}@x.com")
                datadog.give_seat(PRODUCT, user, assigned_at=OLD)


@examples(50)
@given(cases())
def test_a_preview_changes_nothing_and_an_approved_one_is_applied_exactly(case: Case) -> None:
    """A preview shows refusals if the run is refused. If there are none, applying it changes exactly what it shows."""
    with in_memory() as datadog:
        case.build(datadog)
        before = datadog.holders(PRODUCT)
        preview, problem = run(sync, preview=True, **case.arguments())
        assert datadog.holders(PRODUCT) == before
        assert not writes(datadog)
        if problem is not None:
            return
        # If an approved person is known to hold a seat only by the account, the roster counts as one that nobody holds.
        report, error = run(sync, **{**case.arguments(), "approved": preview, "allow_empty": True})
        after = datadog.holders(PRODUCT)
        assert (error is not None) == bool(preview["refusals"])
        if error is not None:
            assert after == before
            return
        assert changes(report) == changes(preview) == (after - before, before - after)
        assert report["digest"] == preview["digest"]


@examples(50)
@given(cases())
def test_a_preview_shows_refusals_if_and_only_if_the_run_is_refused(case: Case) -> None:
    """Without an approval, too. If nothing refuses, the run changes what the preview shows."""
    with in_memory() as datadog:
        case.build(datadog)
        preview, problem = run(sync, preview=True, **case.arguments())
        report, error = run(sync, **case.arguments())
    # A preview reads more after a guard has refused, so it may count fewer people, and find more reasons.
    assert bool(report["refusals"]) == bool(preview["refusals"])
    assert str(error) == str(problem) or report["refusals"]
    assert changes(report) == changes(preview) or error is not None


@examples(50)
@given(cases(), st.integers(0, 7))
def test_an_undo_restores_the_seats_and_leaves_everyone_else_alone(case: Case, bystander: int) -> None:
    """Assign, unassign and sync can all be undone. A seat that somebody else got meanwhile stays."""
    case = ordinary(case)
    for kind, names in ((sync, ()), (assign, ASSIGN), (unassign, UNASSIGN)):
        with in_memory() as datadog:
            case.build(datadog)
            before = datadog.holders(PRODUCT)
            arguments = case.arguments(*names) | ({} if kind is sync else {"read_seats_first": True})
            report, error = run(kind, **arguments)
            other = datadog.add_user(f"other{bystander}@x.com", seat=PRODUCT)
            _, problem = run(sync, undo=report)
            assert datadog.holders(PRODUCT) == before | {other}
            # An assignment of nobody reads nothing, so its report cannot be undone.
            assert problem is None or error is not None or report["seats_before"] is None


@examples(50)
@given(cases())
def test_a_second_run_changes_nothing(case: Case) -> None:
    """What a sync did needs not be done again."""
    # The first run makes an email known by which the second one can tell who an unknown account is not.
    assume(all(each.status != "deleted" and each.listed for each in case.people))
    with in_memory() as datadog:
        case.build(datadog)
        run(sync, **case.arguments())
        before = datadog.holders(PRODUCT)
        report, _ = run(sync, **case.arguments())
        assert datadog.holders(PRODUCT) == before
        assert changes(report) == (set(), set())


@examples(50)
@given(cases(), st.lists(st.integers(0, 7), max_size=4))
def test_a_digest_is_that_of_the_changes(case: Case, others: list[int]) -> None:
    """Two plans have the same digest if and only if they change the same people in the same way."""
    case = replace(ordinary(case), missing_users="skip")
    emails = [case.people[number % len(case.people)].email.upper() for number in others]
    with in_memory() as datadog:
        case.build(datadog)
        one, _ = run(sync, preview=True, **case.arguments())
        same, _ = run(sync, preview=True, **{**case.arguments(), "mode": case.mode})
        other, _ = run(sync, preview=True, **{**case.arguments(), "user_emails": emails})
    assert one["digest"] == same["digest"]
    assert (one["digest"] == other["digest"]) == (changes(one) == changes(other))
