"""The run of the sensor: it ends in the triggerer as it would in a worker."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from airflow_provider_seats._airflow import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow_provider_seats._api import seats as seats_api
from airflow_provider_seats._planning.stored import MAX_VALUE, size, unpack
from airflow_provider_seats.exceptions import UnknownEventError
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.airflow_names import TaskDeferred
from tests.helpers.looping import NOW
from tests.helpers.sensing import WorkerClock, deferred, ended, event_of, many, resume
from tests.helpers.triggers import FORBIDDEN, rows

ANN = "11111111-1111-1111-1111-111111111111"
BOB = "22222222-2222-2222-2222-222222222222"


def sensor(**arguments: Any) -> SeatUsersSensor:
    """Make a sensor that waits for Ann, unless other people are passed."""
    given = {"user_emails": ["ann@x.com"]} if "user_uuids" not in arguments else {}
    return SeatUsersSensor(
        **{
            "task_id": "wait",
            "product_code": PRODUCT,
            "poke_interval": 10,
            "timeout": 60,
            **given,
            **arguments,
        }
    )


WAYS: dict[str, tuple[dict[str, Any], Callable[[Any], object], Callable[[Any], object]]] = {
    "met at once": ({}, lambda d: d.give_seat(PRODUCT, ANN), lambda d: None),
    "met later": ({}, lambda d: None, lambda d: d.give_seat(PRODUCT, ANN)),
    "never met": ({}, lambda d: None, lambda d: None),
    "by uuid": ({"user_uuids": [ANN]}, lambda d: None, lambda d: d.give_seat(PRODUCT, ANN)),
    "by both, all": (
        {"user_uuids": f"{BOB}", "user_emails": "ANN@x.com"},
        lambda d: d.give_seat(PRODUCT, BOB),
        lambda d: d.give_seat(PRODUCT, ANN),
    ),
    "by both, not all": (
        {"user_uuids": [BOB], "user_emails": ["ann@x.com"]},
        lambda d: None,
        lambda d: d.give_seat(PRODUCT, ANN),
    ),
    "any": (
        {"user_emails": "ann@x.com, bob@x.com", "require": "any"},
        lambda d: None,
        lambda d: d.give_seat(PRODUCT, BOB),
    ),
    "unassigned": (
        {"state": "unassigned"},
        lambda d: d.give_seat(PRODUCT, ANN),
        lambda d: d.take_seat(PRODUCT, ANN),
    ),
    "still assigned": ({"state": "unassigned"}, lambda d: d.give_seat(PRODUCT, ANN), lambda d: None),
    "any unassigned": (
        {"state": "unassigned", "require": "any", "user_uuids": [ANN, BOB]},
        lambda d: [d.give_seat(PRODUCT, ANN), d.give_seat(PRODUCT, BOB)],
        lambda d: d.take_seat(PRODUCT, BOB),
    ),
    "another product": (
        {"product_code": "example_product"},
        lambda d: d.give_seat(PRODUCT, ANN),
        lambda d: d.give_seat("example_product", ANN),
    ),
    "another connection": (
        {"datadog_conn_id": "other"},
        lambda d: None,
        lambda d: d.give_seat(PRODUCT, ANN),
    ),
    "no time at all": ({"timeout": 0}, lambda d: None, lambda d: d.give_seat(PRODUCT, ANN)),
    "a fault at first": (
        {},
        lambda d: d.script("GET", SEATS, *[Fault(503)] * 5),
        lambda d: d.give_seat(PRODUCT, ANN),
    ),
    "faults later": (
        {},
        lambda d: None,
        lambda d: [d.give_seat(PRODUCT, ANN), d.script("GET", SEATS, *[Fault(500)] * 9)],
    ),
    "refused at first": ({}, lambda d: d.script("GET", SEATS, *[FORBIDDEN] * 2), lambda d: None),
    "refused later": ({}, lambda d: None, lambda d: d.script("GET", SEATS, *[FORBIDDEN] * 2)),
    "a product that is none": ({"product_code": "none"}, lambda d: None, lambda d: None),
    "nobody": ({"user_emails": []}, lambda d: None, lambda d: None),
    "a connection that is none": ({"datadog_conn_id": "gone"}, lambda d: None, lambda d: None),
}


# What no wait can end, so that soft_fail does not skip it.
LASTING = {"refused at first", "refused later", "a product that is none", "nobody", "a connection that is none"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["", "soft_fail", "never_fail", "silent_fail"])
def test_a_deferred_sensor_ends_like_one_in_a_worker(
    datadog: FakeDatadog, clock: WorkerClock, monkeypatch: pytest.MonkeyPatch, way: str, how: str
) -> None:
    """A deferred sensor returns the same value or raises the same error as one that pokes in a worker."""
    arguments, before, meanwhile = WAYS[way]
    if how:
        arguments = {**arguments, how: True}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", datadog.airflow_connection())

    def prepare() -> None:
        for user, email in ((ANN, "ann@x.com"), (BOB, "bob@x.com")):
            datadog.add_user(email, user_uuid=user)
            for product in datadog.products:
                datadog.take_seat(product, user)
        before(datadog)

    def in_worker() -> Any:
        clock.meanwhile = lambda: meanwhile(datadog)
        return sensor(**arguments).execute({})

    def in_triggerer() -> Any:
        waiting_sensor = sensor(deferrable=True, **arguments)
        try:
            return waiting_sensor.execute({})
        except TaskDeferred as deferral:
            meanwhile(datadog)
            return resume(waiting_sensor, event_of(deferral))

    prepare()
    one = ended(in_worker)
    clock.passed = 0.0
    prepare()
    other = ended(in_triggerer)
    if how == "never_fail" and one[0] == "AirflowSensorTimeout" and way != "no time at all":
        # Airflow's own modes differ here: it skips when a deferred sensor times out, and fails where a poke does.
        one = ("AirflowSkipException", "", "")
    assert _without_times(one) == _without_times(other)
    if how == "soft_fail" and way in LASTING:
        assert one[0] == "AirflowFailException"


@pytest.mark.parametrize("deferrable", [False, True])
def test_soft_fail_does_not_skip_a_missing_connection(clock: WorkerClock, deferrable: bool) -> None:
    """Without a connection nothing can be waited for: the task fails at once, and the error names the connection."""
    with pytest.raises(AirflowFailException, match="'gone'"):
        sensor(soft_fail=True, deferrable=deferrable, datadog_conn_id="gone").execute({})


def test_soft_fail_does_not_skip_a_connection_that_is_deleted_meanwhile(
    datadog: FakeDatadog, clock: WorkerClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the triggerer finds no connection any more, the task fails, and the error names it."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", datadog.airflow_connection())
    waiting_sensor = sensor(soft_fail=True, deferrable=True, datadog_conn_id="other")
    deferral = deferred(waiting_sensor)
    monkeypatch.delenv("AIRFLOW_CONN_OTHER")
    with pytest.raises(AirflowFailException, match="'other'"):
        resume(waiting_sensor, event_of(deferral))


def _without_times(outcome: tuple[Any, ...]) -> tuple[Any, ...]:
    if outcome[0] == "returned":
        return ("returned", [{**row, "assigned_at": None} for row in outcome[1]["people"]], outcome[1]["count"])
    return outcome


def test_a_deferral_contains_no_key(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """What Airflow stores of a deferral contains no key, although the sensor has just used both."""
    waiting_sensor = sensor(deferrable=True)
    deferral = deferred(waiting_sensor)
    assert len(datadog.calls()) == 1
    stored = (
        f"{deferral.trigger.serialize()} {deferral.kwargs} {deferral!r} {deferral.trigger!r} {vars(waiting_sensor)}"
    )
    assert datadog.app_key not in stored
    assert datadog.api_key not in stored


def test_the_sensor_pokes_once_before_it_defers(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """A condition that is met at the first poke needs no triggerer."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    assert sensor(deferrable=True).execute({})["people"][0]["email"] == "ann@x.com"
    assert len(datadog.calls()) == 1


def test_a_deferral_contains_its_limits(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """The trigger knows the sensor's limits, and Airflow ends the wait later if the trigger does not."""
    deferral = deferred(sensor(deferrable=True, timeout=60, execution_timeout=timedelta(seconds=30), poke_interval=5))
    arguments = deferral.trigger.serialize()[1]
    assert arguments["timeout_at"] == pytest.approx(NOW + 60, abs=0.1)
    assert arguments["execution_timeout_at"] == pytest.approx(NOW + 30, abs=0.1)
    assert arguments["poll_interval"] == 5
    assert deferral.method_name == "execute_complete"
    assert deferral.timeout is not None
    assert deferral.timeout.total_seconds() == pytest.approx(330, abs=0.1)


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"timeout": 60, "execution_timeout": timedelta(seconds=30)}, AirflowTaskTimeout),
        ({"timeout": 30, "execution_timeout": timedelta(seconds=60)}, AirflowSensorTimeout),
    ],
)
def test_the_first_limit_determines_the_error(
    datadog: FakeDatadog, clock: WorkerClock, limits: dict[str, Any], error: type[BaseException]
) -> None:
    """The error is that of the first limit, and names the people who are not in the expected state."""
    waiting_sensor = sensor(deferrable=True, **limits)
    with pytest.raises(error, match=r"0 of 1 person holds a seat; waiting for ann@x.com"):
        resume(waiting_sensor, event_of(deferred(waiting_sensor)))


@pytest.mark.parametrize(
    ("limits", "advice"),
    [
        ({"poke_interval": 50, "timeout": 30}, r"ann@x\.com\. To wait longer, raise timeout\."),
        ({"deferrable": True, "timeout": 30}, r"ann@x\.com\. To wait longer, raise timeout\."),
        (
            {"deferrable": True, "execution_timeout": timedelta(seconds=30)},
            r"ann@x\.com\. To wait longer, raise execution_timeout\.",
        ),
    ],
)
def test_a_wait_in_vain_says_which_limit_to_raise(
    datadog: FakeDatadog, clock: WorkerClock, limits: dict[str, Any], advice: str
) -> None:
    """The last line of the log names the argument that ended the wait."""
    waiting_sensor = sensor(**limits)
    if waiting_sensor.deferrable:
        end = partial(resume, waiting_sensor, event_of(deferred(waiting_sensor)))
    else:
        end = partial(waiting_sensor.execute, {})
    with pytest.raises((AirflowSensorTimeout, AirflowTaskTimeout), match=f"{advice}$"):
        end()


@pytest.mark.parametrize("ended", ["Trigger timeout", "Trigger/execution timeout"])
@pytest.mark.parametrize(
    ("settings", "outcome", "words"),
    [
        ({}, AirflowSensorTimeout, r"no triggerer ended its wait\. Check that a triggerer runs"),
        ({"soft_fail": True}, AirflowSkipException, None),  # since Airflow 3.1, its text is Airflow's
    ],
)
def test_a_wait_that_no_triggerer_ended_says_what_to_check(
    datadog: FakeDatadog, ended: str, settings: dict[str, Any], outcome: type[Exception], words: str | None
) -> None:
    """If no triggerer runs, each Airflow ends the wait with words of its own. The error says what they mean."""
    waiting_sensor = sensor(deferrable=True, **settings)
    with pytest.raises(outcome, match=words):
        waiting_sensor.resume_execution("__fail__", {"error": ended}, {})


def test_a_timeout_without_any_reading_says_so(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """If the seat list could never be read, the error says so and does not say that nobody holds a seat."""
    waiting_sensor = sensor(deferrable=True)
    deferral = deferred(waiting_sensor)
    datadog.script("GET", SEATS, *[Fault(503)] * 100)
    with pytest.raises(AirflowSensorTimeout, match=r"The seat list could not be read: .*503.* later\. To wait"):
        resume(waiting_sensor, event_of(deferral))


def test_a_timeout_after_errors_says_since_when_nothing_is_known(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """If the last polls failed, the error contains the last progress and the failure."""
    waiting_sensor = sensor(deferrable=True, poke_interval=10, timeout=60)
    deferral = deferred(waiting_sensor)
    datadog.script("GET", SEATS, Fault(), *[Fault(503)] * 100)
    with pytest.raises(AirflowSensorTimeout, match=r"0 of 1 person holds a seat.*; not read since then: .*503"):
        resume(waiting_sensor, event_of(deferral))


@pytest.mark.parametrize(
    "event",
    [
        *(None, {}, "", "success", [], 3, True),
        {"status": "success"},
        {"status": "success", "count": 1, "people": None},
        {"status": "success", "count": 1, "people": []},
        {"status": "success", "count": 1, "people": "ann"},
        {"status": "success", "count": 1, "people": ["ann"]},
        {"status": "success", "count": 1, "people": [{}]},
        {"status": "timeout"},
        {"status": "timeout", "limit": "patience"},
        {"status": "error"},
        {"status": ["success"], "count": 1, "people": [{}]},
        {"count": 1, "people": [{}]},
    ],
)
def test_an_unknown_event_is_an_error(event: Any) -> None:
    """An event that the trigger cannot have sent raises a transient error, so no seats are assumed."""
    with pytest.raises(UnknownEventError, match="same version"):
        sensor(deferrable=True).execute_complete({}, event)
    with pytest.raises(UnknownEventError):
        resume(sensor(deferrable=True, soft_fail=True), event)
    with pytest.raises(AirflowSkipException):
        resume(sensor(deferrable=True, never_fail=True), event)


def test_an_endless_wait_is_deferred_as_long_as_airflow_can_store(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """The deferral ends after ten years at most, and the trigger keeps the timeout that was passed."""
    deferral = deferred(sensor(deferrable=True, timeout=1e12))
    assert deferral.timeout is not None
    assert deferral.timeout < timedelta(days=4000)
    assert deferral.trigger.serialize()[1]["timeout_at"] > 1e12


def test_backing_off_causes_a_warning(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """The log warns that exponential_backoff does not apply to a deferred sensor, because sensors share a poll."""
    waiting_sensor = sensor(deferrable=True, exponential_backoff=True)
    lines: list[str] = []
    waiting_sensor.log.warning = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    deferred(waiting_sensor)
    assert [line for line in lines if "exponential_backoff and max_wait do not apply" in line]


def test_a_poke_outside_of_a_task_does_not_defer(datadog: FakeDatadog) -> None:
    """A direct call of ``poke`` returns its result, also if the sensor is deferrable."""
    assert not sensor(deferrable=True).poke({})


def test_the_default_of_deferrable_is_that_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """``[operators] default_deferrable`` is read when the module is imported."""
    assert sensor().deferrable is False
    module = sys.modules["airflow_provider_seats.sensors"]
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    again = importlib.util.module_from_spec(module.__spec__)  # type: ignore[arg-type]
    module.__spec__.loader.exec_module(again)  # type: ignore[union-attr]
    assert again.SeatUsersSensor(task_id="wait", product_code=PRODUCT).deferrable is True


@pytest.mark.parametrize(("others", "calls"), [(0, 1), (2, 1), (3, 4)])
@pytest.mark.usefixtures("small_pages")
def test_a_poke_confirms_an_absence_from_several_pages(datadog: FakeDatadog, others: int, calls: int) -> None:
    """A poke reads a list of several pages twice before a wait for `unassigned` ends, and a list of one page once."""
    for number in range(others):
        datadog.add_user(f"other{number}@x.com", seat=PRODUCT)
    assert sensor(state="unassigned", timeout=0).execute({})["people"] == [{"id": None, "email": "ann@x.com"}]
    assert len(datadog.calls("GET", SEATS)) == calls


@pytest.mark.usefixtures("small_pages")
def test_a_poke_needs_no_second_reading_if_the_wait_goes_on(datadog: FakeDatadog) -> None:
    """A list of several pages is read once while someone in it still holds a seat, and for `assigned`."""
    for name in ("bob", "cy", "ann"):
        datadog.add_user(f"{name}@x.com", seat=PRODUCT)
    assert not sensor(state="unassigned").poke({})
    assert sensor(state="assigned").poke({})
    assert not sensor(user_emails=["zoe@x.com"], state="assigned").poke({})
    assert len(datadog.calls("GET", SEATS)) == 6


@pytest.mark.parametrize("require", ["all", "any"])
@pytest.mark.usefixtures("small_pages")
def test_a_shifted_list_does_not_meet_a_poke(datadog: FakeDatadog, require: str) -> None:
    """A person who is missing from a shifted list still counts as having a seat if the second reading shows them."""
    bob, cy, ann = (datadog.add_user(f"{name}@x.com", seat=PRODUCT) for name in ("bob", "cy", "ann"))
    datadog.script("GET", SEATS, rows(bob, cy, next_cursor="after-2"), rows())
    assert not sensor(user_uuids=[ann], state="unassigned", require=require).poke({})
    assert len(datadog.calls("GET", SEATS)) == 4


@pytest.mark.usefixtures("small_pages", "clock")
def test_a_second_reading_that_fails_is_not_yet(datadog: FakeDatadog) -> None:
    """An absence that could not be confirmed does not end the wait."""
    for name in ("bob", "cy", "di"):
        datadog.add_user(f"{name}@x.com", seat=PRODUCT)
    datadog.script("GET", SEATS, Fault(), Fault(), *[Fault(503)] * 5)
    assert not sensor(state="unassigned").poke({})


@pytest.mark.parametrize(
    "people", [lambda: (each for each in ["ann@x.com"]), lambda: filter(None, ["ann@x.com", None])]
)
def test_people_that_can_be_iterated_once_reach_the_trigger(
    datadog: FakeDatadog, clock: WorkerClock, people: Callable[[], Any]
) -> None:
    """A generator of people is read once, by the first poke, and the deferral contains its people."""
    waiting_sensor = sensor(user_emails=people(), deferrable=True)
    deferral = deferred(waiting_sensor)
    assert unpack(deferral.trigger.serialize()[1]["people"])[1] == [[], ["ann@x.com"]]
    datadog.add_user("ann@x.com", seat=PRODUCT)
    assert resume(waiting_sensor, event_of(deferral))["people"][0]["email"] == "ann@x.com"


@pytest.mark.parametrize("outcome", ["met", "timeout", "deferred", "resumed"])
def test_a_sensor_that_has_ended_can_be_copied(datadog: FakeDatadog, clock: WorkerClock, outcome: str) -> None:
    """Listeners copy tasks that have ended. Nothing that has keys or connections stays in the task."""
    waiting_sensor = sensor(deferrable=outcome in {"deferred", "resumed"}, poke_interval=50, timeout=30)
    if outcome == "timeout":
        with pytest.raises(AirflowSensorTimeout):
            waiting_sensor.execute({})
    elif outcome != "met":
        deferral = deferred(waiting_sensor)
    datadog.add_user("ann@x.com", seat=PRODUCT)
    if outcome == "met":
        waiting_sensor.execute({})
    elif outcome == "resumed":
        resume(waiting_sensor, event_of(deferral))
    assert copy.deepcopy(waiting_sensor).task_id == waiting_sensor.task_id


def test_a_poke_leaves_half_of_a_stated_limit_to_others(
    datadog: FakeDatadog, clock: WorkerClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poke that would need more than half of the limit waits for its reset, and knows nothing until then."""
    monkeypatch.setattr(seats_api, "PAGE_SIZE", 2)
    datadog.rate_limit = (4, 3600)
    for number in range(6):
        datadog.add_user(f"{number}@x.com", seat=PRODUCT)
    waiting = sensor(mode="reschedule")
    assert not waiting.poke({}).is_done
    assert len(datadog.received) == 2
    assert waiting._run is not None
    assert "nothing was sent, the rest of the limit is left to others" in str(waiting._run.summary)


@pytest.mark.parametrize(("count", "fits"), [(1_000, True), (6_000, False)])
def test_a_deferral_stays_small(datadog: FakeDatadog, clock: WorkerClock, *, count: int, fits: bool) -> None:
    """The arguments of the trigger stay below 48 KiB. For more people than fit, it watches the list."""
    people = many(count)
    arguments = deferred(sensor(deferrable=True, user_emails=people)).trigger.serialize()[1]
    assert size(arguments) <= MAX_VALUE
    assert (arguments["people"] is not None, arguments["seen"] is None) == (fits, fits)
    if fits:
        assert unpack(arguments["people"])[1] == [[], people]


def test_people_who_do_not_fit_into_a_trigger_are_checked_when_the_list_changes(
    datadog: FakeDatadog, clock: WorkerClock
) -> None:
    """The triggerer waits until the list changes, a worker checks it and defers again, until the condition is met."""
    people = many(6_000)
    for email in people[2:]:
        datadog.add_user(email, seat=PRODUCT)
    waiting = sensor(deferrable=True, user_emails=people, timeout=6_000)
    lines: list[str] = []
    waiting.log.info = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    first = deferred(waiting)
    assert [line for line in lines if line.startswith("6,000 people do not fit into a trigger.")]
    datadog.add_user(people[1], seat=PRODUCT)
    event = event_of(first)
    assert (event["status"], size(event) < 1_000) == ("changed", True)
    clock.passed += 100
    with pytest.raises(TaskDeferred) as again:
        resume(waiting, event)
    second = again.value
    # The limits still count from the first poke.
    assert second.trigger.serialize()[1]["timeout_at"] == first.trigger.serialize()[1]["timeout_at"]
    assert second.trigger.serialize()[1]["seen"] != first.trigger.serialize()[1]["seen"]
    datadog.add_user(people[0], seat=PRODUCT)
    found = resume(waiting, event_of(second))
    assert found["count"] == 6_000
    assert 100 < len(found["people"]) < 6_000
    assert size(found) <= MAX_VALUE


def test_a_list_that_does_not_change_times_out_with_the_progress(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """The time-out says what the worker found, although the triggerer does not know the people."""
    people = many(6_000)
    waiting = sensor(deferrable=True, user_emails=people)
    event = event_of(deferred(waiting))
    with pytest.raises(AirflowSensorTimeout, match=r"timed out.* 0 of 6,000 people hold a seat"):
        resume(waiting, event)


def test_a_change_after_the_time_is_over_is_checked_once(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """A sensor that resumes late pokes once more, as one in a worker does, and then times out."""
    people = many(6_000)
    waiting = sensor(deferrable=True, user_emails=people)
    first = deferred(waiting)
    datadog.add_user(people[0], seat=PRODUCT)
    event = event_of(first)
    clock.passed += 1_000
    with pytest.raises(AirflowSensorTimeout, match=r"timed out.* 1 of 6,000 people hold a seat"):
        resume(waiting, event)
