"""What a task remembers of its earlier attempts, alone and in runs against a FakeDatadog."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._planning.plan import Origin, Plan
from airflow_provider_seats._running.attempt_store import AttemptStore
from airflow_provider_seats.exceptions import PlanRefusedError, RateLimitError, UnavailableError
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.clients import dating, intercepting
from tests.helpers.operators import (
    RATE_LIMITED,
    Store,
    add_people,
    assign,
    attempt,
    by_email,
    emails,
    interrupt,
    refused,
    sync,
    unassign,
)
from tests.helpers.planning import changes, kinds, person, seat

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Request

ANN, BOB = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
PLAN = Plan(PRODUCT, changes([person(ANN, "ann@x.com")], [person(BOB, "bob@x.com")]), seat_list=SeatList([seat(BOB)]))


ORIGIN = Origin("datadog_default", "https://api.datadoghq.com")


def store_of(context: Any, product: str = PRODUCT, origin: Origin = ORIGIN) -> AttemptStore:
    """Return the attempt store of a context."""
    return AttemptStore(context, product, origin)


def remembered(max_tries: int = 3) -> Store:
    """Return a store in which an attempt remembered a plan."""
    store = Store()
    store_of(attempt(store, 1, max_tries)).remember(PLAN, None)
    return store


# --- the store alone ---


def test_a_later_attempt_of_the_series_reads_what_was_remembered() -> None:
    """A retry reads how many seats there were, and who was to be assigned and unassigned."""
    earlier = store_of(attempt(remembered(), 2)).earlier()
    assert earlier is not None
    assert earlier.seats_before == 1
    assert earlier.assigned == {ANN: person(ANN, "ann@x.com")}
    assert earlier.unassigned == {BOB: person(BOB, "bob@x.com")}


def test_the_state_of_another_series_product_connection_or_site_does_not_count() -> None:
    """State from before a clear, which raises max_tries, or of another product, connection or site is ignored."""
    assert store_of(attempt(remembered(), 2)).earlier() is not None
    assert store_of(attempt(remembered(), 5, 7)).earlier() is None
    assert store_of(attempt(remembered(), 2), "example_product").earlier() is None
    assert store_of(attempt(remembered(), 2), origin=ORIGIN._replace(site="https://api.datadoghq.eu")).earlier() is None
    # Two organisations may be on one site.
    assert store_of(attempt(remembered(), 2), origin=ORIGIN._replace(conn_id="other_team")).earlier() is None


def test_a_clear_with_fewer_retries_starts_a_new_series() -> None:
    """If a task is cleared after its retries were lowered, max_tries may be the same. The retries are not."""
    store = remembered()
    cleared = attempt(store, 2, 3)
    cleared["ti"].task.retries = 2
    later = store_of(cleared)
    assert later.earlier() is None
    assert later.since(PLAN) == 2


def test_only_the_state_of_the_attempt_before_counts() -> None:
    """If an attempt in between stored nothing, it is unknown what it changed. Only limits count what is known."""
    later = store_of(attempt(remembered(), 3))
    earlier = later.earlier()
    assert earlier is not None
    assert (earlier.is_complete, list(earlier.unassigned)) == (False, [BOB])
    assert PLAN._replace(earlier=earlier).covered is None
    assert later.since(PLAN) == 3
    # The next attempt knows no more.
    later.remember(PLAN._replace(earlier=earlier), None)
    last = store_of(attempt(_copy(later), 4, 3))
    earlier = last.earlier()
    assert earlier is not None
    assert (earlier.is_complete, last.since(PLAN)) == (False, 4)
    # The store of a later attempt is of another run.
    assert store_of(attempt(_copy(later), 2)).earlier() is None


def _copy(store: AttemptStore) -> Store:
    return Store(store._store)


@pytest.mark.parametrize("ends", [True, False])
def test_an_attempt_that_changed_nothing_hands_the_state_on(*, ends: bool) -> None:
    """An attempt that fails before its changes leaves the state as it was. A killed one may have changed more."""
    store = remembered()
    second = store_of(attempt(store, 2))
    assert second.earlier() is not None
    if ends:
        second.forget_after(UnavailableError("GET", "down"))
    third = store_of(attempt(store, 3))
    earlier = third.earlier()
    assert earlier is not None
    assert earlier.is_complete == ends
    assert third.since(PLAN) == (1 if ends else 3)


def test_changes_that_could_not_be_stored_make_the_state_unknown() -> None:
    """If the store fails before the changes, the next attempt does not claim to know them."""
    store = remembered()
    second = store_of(attempt(store, 2))
    second.earlier()
    second._store = None
    second.remember(PLAN, None)
    second.forget_after(UnavailableError("GET", "down"))
    third = store_of(attempt(store, 3))
    earlier = third.earlier()
    assert earlier is not None
    assert not earlier.is_complete
    assert third.since(PLAN) == 3


@pytest.mark.parametrize("state", [5, "x", [], {}, {"product": PRODUCT}, {"product": PRODUCT, "max_tries": 3}])
def test_damaged_state_is_ignored(state: Any) -> None:
    """State that this package did not write is ignored."""
    assert store_of(attempt(Store(datadog_seats=state), 2)).earlier() is None


@given(
    st.fixed_dictionaries(
        {"product": st.just(PRODUCT), "max_tries": st.just(3)},
        optional={
            key: st.recursive(
                st.none() | st.integers() | st.text(max_size=3) | st.floats(),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(["id", "email", "x"]), inner, max_size=2)
                ),
                max_leaves=4,
            )
            for key in ("seats_before", "assigned", "unassigned")
        },
    )
)
def test_foreign_state_never_raises(state: dict[str, Any]) -> None:
    """Whatever JSON the store contains, reading it returns a state or None."""
    store_of(attempt(Store(datadog_seats=state), 2)).earlier()


def test_a_report_covers_the_attempts_that_are_known() -> None:
    """since_attempt is the first attempt from which on everything is known, and this attempt without a seat list."""
    store = remembered()
    second = store_of(attempt(store, 2))
    assert second.since(PLAN) == 2
    second.earlier()
    assert (second.since(PLAN), second.since(Plan(PRODUCT))) == (1, 2)
    assert store_of(attempt(Store(), 2)).since(PLAN) == 2
    assert store_of({"ti": FakeTaskInstance(2)}).since(PLAN) == 2


def test_a_task_without_known_retries_has_a_series_too() -> None:
    """A task instance that does not show its task's retries is compared by everything else."""
    store = Store()
    first, second = (SimpleNamespace(try_number=number, max_tries=3) for number in (1, 2))
    store_of({"ti": first, "task_state_store": store}).remember(PLAN, None)
    later = store_of({"ti": second, "task_state_store": store})
    assert later.earlier() is not None
    assert later.since(PLAN) == 1


def test_a_plan_that_does_not_know_the_seats_is_not_remembered() -> None:
    """Without the seat list nothing is stored, because it is unknown who held a seat before."""
    store = Store()
    store_of(attempt(store)).remember(Plan(PRODUCT, changes([person(ANN)])), None)
    assert store == {}


@pytest.mark.parametrize(
    ("error", "number", "forgotten"),
    [
        (None, 1, True),
        (PlanRefusedError(PRODUCT, {}), 1, True),
        (UnavailableError("GET", "down"), 1, False),
        (UnavailableError("GET", "down"), 3, False),
        (UnavailableError("GET", "down"), 4, True),
        (TimeoutError(), 3, False),
        (TimeoutError(), 4, True),
        (KeyboardInterrupt(), 4, True),
    ],
    ids=repr,
)
def test_the_state_ends_with_the_series(error: BaseException | None, number: int, forgotten: bool) -> None:
    """A success, an error that no retry can fix and any end of the last attempt delete the state."""
    store = remembered()
    store_of(attempt(store, number)).forget_after(error)
    assert (store == {}) == forgotten


# --- retries ---


def test_a_retry_reports_what_the_whole_run_changed(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """The report of a retry covers all attempts of the series, it can be undone, and the state is deleted."""
    people = add_people(datadog, 4)
    store = Store()
    arguments: dict[str, Any] = {"user_emails": emails(0), "batch_size": 1, "max_unassign": "75%"}
    interrupt(datadog, attempt(store), **arguments)
    assert datadog.holders(PRODUCT) == {people[0], *people[2:]}
    assert store
    report = sync(attempt(store, 2), **arguments)
    assert kinds(report) == {"unassigned": people[1:]}
    assert (report["seats_before"], report["seats_after"], report["since_attempt"]) == (4, 1, 1)
    assert store == {}
    sync(undo=report)
    assert datadog.holders(PRODUCT) == set(people)


def test_an_undo_reverses_the_assignments_of_all_attempts(datadog: FakeDatadog) -> None:
    """An undo of a retry's report unassigns also the people that an earlier attempt assigned an hour before."""
    people = add_people(datadog, 2, seat=None)
    store = Store()
    arguments: dict[str, Any] = {"user_uuids": people, "batch_size": 1, "read_seats_first": True}
    datadog.script("POST", SEATS, Fault(), RATE_LIMITED)
    with pytest.raises(RateLimitError):
        assign(attempt(store), **arguments)
    with dating(time.time() + 3600):
        report = assign(attempt(store, 2), **arguments)
        assert kinds(report) == {"assigned": people}
        assert kinds(sync(undo=report)) == {"unassigned": people}
    assert datadog.holders(PRODUCT) == set()


def test_a_retry_with_nothing_left_reports_when_the_run_changed_seats(datadog: FakeDatadog) -> None:
    """If the first attempt changed everything before it failed, the report of the second covers its time."""
    [ann] = add_people(datadog, 1, seat=None)
    store = Store()
    arguments: dict[str, Any] = {"user_uuids": [ann], "read_seats_first": True}
    datadog.script("POST", SEATS, RATE_LIMITED)
    with pytest.raises(RateLimitError):
        assign(attempt(store), **arguments)
    datadog.give_seat(PRODUCT, ann)
    report = assign(attempt(store, 2), **arguments)
    assert kinds(report) == {"assigned": [ann]}
    assert report["started_at"] is not None
    assert report["ended_at"] is not None


def test_a_refusal_of_a_retry_does_not_deny_earlier_changes(datadog: FakeDatadog) -> None:
    """If a guard refuses a retry, the message says that nothing was changed by this attempt."""
    people = add_people(datadog, 5)
    store = Store()
    arguments: dict[str, Any] = {"user_uuids": people[:1], "batch_size": 2, "max_unassign": "80%"}
    interrupt(datadog, attempt(store), **arguments)
    datadog.add_user("joined@x.com", seat=PRODUCT)
    with pytest.raises(AirflowFailException, match=r"nothing was changed by this attempt\. 5 of 5 seats"):
        sync(attempt(store, 2), **arguments)


def test_a_refusal_of_a_first_attempt_says_that_nothing_was_changed(datadog: FakeDatadog) -> None:
    """If a guard refuses the first attempt, the message does not mention attempts."""
    add_people(datadog, 3)
    assert f"{PRODUCT}: nothing was changed. " in refused(datadog, user_emails=emails(0), max_unassign=1)


def test_a_retry_gets_no_new_allowance(datadog: FakeDatadog) -> None:
    """max_unassign counts the people that all attempts of the series unassign."""
    people = add_people(datadog, 6)
    store = Store()
    interrupt(datadog, attempt(store), user_uuids=people[:4], batch_size=1, max_unassign=2)
    context = attempt(store, 2)
    with pytest.raises(AirflowFailException, match="3 of 6 seats would be unassigned, and the limit is 2"):
        sync(context, user_uuids=people[:3], batch_size=1, max_unassign=2)
    assert len(datadog.holders(PRODUCT)) == 5


def test_an_attempt_whose_worker_died_gives_no_new_allowance(datadog: FakeDatadog) -> None:
    """If it is unknown what an attempt changed, people that earlier ones unassigned count for limits."""
    people = add_people(datadog, 6)
    datadog.add_user("new@x.com")
    store = Store()
    datadog.script("POST", SEATS, RATE_LIMITED)
    arguments: dict[str, Any] = {"max_unassign": 1}
    with pytest.raises(RateLimitError):
        sync(attempt(store), user_emails=[*emails(*range(5)), "new@x.com"], **arguments)
    # The worker of the second attempt dies before it begins.
    context = attempt(store, 3)
    with pytest.raises(AirflowFailException, match="2 of 5 seats would be unassigned, and the limit is 1"):
        sync(context, user_emails=[*emails(*range(4)), "new@x.com"], **arguments)
    report = context["ti"].pushed["return_value"]
    assert (report["unassigned"], report["since_attempt"], report["seats_before"]) == ([], 3, 5)
    assert datadog.holders(PRODUCT) == {*people[:5]}


def test_seats_after_counts_the_seats_that_there_are(datadog: FakeDatadog) -> None:
    """seats_after of a retry is right also if someone claimed a seat between two attempts."""
    people = add_people(datadog, 3)
    store = Store()
    joined = datadog.add_user("joined@x.com")
    arguments: dict[str, Any] = {
        "user_uuids": people[:1],
        "batch_size": 1,
        "protect": ["joined@x.com"],
        "max_unassign": "70%",
    }
    interrupt(datadog, attempt(store), **arguments)
    datadog.give_seat(PRODUCT, joined)
    report = sync(attempt(store, 2), **arguments)
    assert (report["seats_before"], report["seats_after"]) == (3, len(datadog.holders(PRODUCT)))


def test_a_retry_reports_nobody_twice(datadog: FakeDatadog) -> None:
    """A person that the first attempt unassigned by email is not unchanged in the report of the second."""
    add_people(datadog, 2)
    store = Store()
    arguments: dict[str, Any] = {"user_emails": emails(0, 1), "batch_size": 1}
    interrupt(datadog, attempt(store), unassign, **arguments)
    report = by_email(unassign(attempt(store, 2), **arguments))
    assert {kind: sorted(people) for kind, people in report.items()} == {"unassigned": emails(0, 1)}


def test_a_retry_without_a_store_covers_this_attempt_only(datadog: FakeDatadog) -> None:
    """Before Airflow 3.3, since_attempt is the number of the attempt."""
    add_people(datadog, 2)
    assert sync({"ti": FakeTaskInstance(2)}, user_emails=emails(0))["since_attempt"] == 2


# --- the end of a series ---


@pytest.mark.parametrize("number", [1, 4])
def test_a_cleared_task_starts_from_nothing(datadog: FakeDatadog, number: int) -> None:
    """After a kill and a clear, the limit counts today's seats, and the report covers only what is done now."""
    people = add_people(datadog, 40)
    store = Store()
    arguments: dict[str, Any] = {"user_uuids": people[:10], "batch_size": 5, "max_unassign": "75%"}
    interrupt(datadog, attempt(store), **arguments)
    saved = dict(store)
    assert len(datadog.holders(PRODUCT)) == 35
    # People who were unassigned got their seats back, and the state is still there, as after SIGKILL.
    for person_ in people:
        datadog.give_seat(PRODUCT, person_)
    store.update(saved)
    cleared = attempt(store, number + 1, number + 3)
    with pytest.raises(AirflowFailException, match=r"nothing was changed\. 30 of 40 seats would be unassigned"):
        sync(cleared, **{**arguments, "max_unassign": 8})
    assert len(datadog.holders(PRODUCT)) == 40
    store.update(saved)
    report = sync(cleared, **{**arguments, "user_uuids": people[:35]})
    assert kinds(report) == {"unassigned": people[35:]}
    assert (report["seats_before"], report["seats_after"], report["since_attempt"]) == (40, 35, number + 1)


def test_a_lasting_error_ends_the_state(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """A task that failed with an error that no retry can fix starts from nothing when it is cleared."""
    add_people(datadog, 4)
    store = Store()
    datadog.script("DELETE", SEATS, Fault(), Fault(403), Fault(403))
    with pytest.raises(AirflowFailException):
        sync(attempt(store), user_emails=emails(0), batch_size=1, max_unassign="75%")
    assert store == {}


def test_the_last_attempt_ends_the_state(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """A transient error at the last attempt ends the state, and one before it does not."""
    add_people(datadog, 4)
    store = Store()
    arguments: dict[str, Any] = {"user_emails": emails(0), "max_unassign": "75%"}
    for number in (3, 4):
        datadog.script("DELETE", SEATS, RATE_LIMITED)
        with pytest.raises(RateLimitError):
            sync(attempt(store, number), **arguments)
        assert bool(store) == (number == 3)


@pytest.mark.parametrize("error", [TimeoutError("time-out of the task"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
@pytest.mark.parametrize("number", [1, 4])
def test_a_timeout_or_a_signal_at_the_last_attempt_ends_the_state(
    datadog: FakeDatadog, error: BaseException, number: int
) -> None:
    """A time-out or a signal keeps the state for a retry, and ends it at the last attempt."""
    people = add_people(datadog, 2)
    store = Store()

    def interrupt(request: Request) -> None:
        if request.method == "DELETE":
            raise error

    context = attempt(store, number)
    with intercepting(interrupt), pytest.raises(type(error)):
        sync(context, user_uuids=people[:1])
    assert bool(store) == (number == 1)
    assert by_email(context["ti"].pushed["return_value"])["unknown"] == emails(1)


# --- state that cannot be used ---


@pytest.mark.parametrize(
    "state",
    [
        "text",
        {"product": PRODUCT, "max_tries": 3, "seats_before": "many", "assigned": [], "unassigned": []},
        {"product": PRODUCT, "max_tries": 3, "seats_before": 9, "assigned": [{"id": 7}], "unassigned": 5},
        {"product": PRODUCT, "max_tries": 3},
    ],
)
def test_a_retry_with_damaged_state_covers_this_attempt_only(datadog: FakeDatadog, state: Any) -> None:
    """If the state of an earlier attempt is damaged, the task goes on, and since_attempt is this attempt."""
    people = add_people(datadog, 2)
    report = sync(attempt(Store(datadog_seats=state), 2), user_emails=emails(0))
    assert (kinds(report)["unassigned"], report["seats_before"]) == (people[1:], 2)
    assert report["since_attempt"] == 2


@pytest.mark.parametrize("method", ["get", "set", "delete"])
def test_a_failing_store_does_not_fail_the_task(datadog: FakeDatadog, method: str) -> None:
    """If the task state store fails, the seats are changed anyway."""

    class Broken(Store):
        pass

    def fail(*_: object) -> None:
        raise RuntimeError("no database")

    setattr(Broken, method, fail)
    people = add_people(datadog, 2)
    report = sync(attempt(Broken(), 2), user_emails=emails(0))
    assert kinds(report)["unassigned"] == people[1:]
    if method == "get":
        assert report["since_attempt"] == 2
