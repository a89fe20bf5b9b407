"""The sensor in the triggerer: it ends as it would have in a worker, and fails closed."""

from __future__ import annotations

import importlib
import json
import sys
import types
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    TaskDeferred,
)

from airflow_provider_seats import triggers
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._runtime import sensor_run as waiting
from airflow_provider_seats._runtime.sensor_run import UnknownEventError
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.looping import NOW, now, quickly

ANN = "11111111-1111-1111-1111-111111111111"
BOB = "22222222-2222-2222-2222-222222222222"
FORBIDDEN = Fault(403, {"errors": ["Forbidden"]})


class Clock:
    """A clock that sleeping moves on; something may happen in the first sleep."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.meanwhile: Callable[[], object] = lambda: None

    def time(self) -> float:
        """Give the Unix time. To look at it takes a moment, as everything does."""
        self.passed += 0.001
        return NOW + self.passed

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.meanwhile()
        self.meanwhile = lambda: None
        self.passed += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give Airflow's loop, the clients and the triggers clocks that need no time."""
    clock = Clock()
    in_worker = types.SimpleNamespace(time=clock.time, monotonic=clock.time, sleep=clock.sleep)
    for module in (sys.modules[BaseSensorOperator.__module__], sys.modules["airflow_provider_seats.sensors"], waiting):
        monkeypatch.setattr(module, "time", in_worker)
    monkeypatch.setattr(triggers, "time", types.SimpleNamespace(time=now))
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "clock", now)  # type: ignore[arg-type]
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "sleep", lambda _, seconds: None)  # type: ignore[arg-type]
    return clock


def sensor(**arguments: Any) -> SeatUsersSensor:
    """Make a sensor that waits for Ann."""
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


def deferred(waiting_sensor: SeatUsersSensor) -> TaskDeferred:
    """Run it in a worker until it defers."""
    with pytest.raises(TaskDeferred) as raised:
        waiting_sensor.execute({})
    return raised.value


def event_of(deferral: TaskDeferred) -> Any:
    """Revive its trigger of what Airflow stores, and give the payload that it yields."""
    path, arguments = deferral.trigger.serialize()
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))

    async def first() -> Any:
        async with aclosing(trigger.run()) as events:
            return (await anext(events)).payload

    return json.loads(json.dumps(quickly(first())))


def resume(waiting_sensor: SeatUsersSensor, event: Any) -> Any:
    """Take it up again as Airflow does."""
    return waiting_sensor.resume_execution("execute_complete", {"event": event}, {})


def ended(run: Callable[[], Any]) -> tuple[Any, ...]:
    """Give what came of it: the value, or the kind of the error and, if it is one of Datadog's, its words."""
    try:
        return ("returned", run())
    except BaseException as error:  # noqa: BLE001 (whatever it is)
        words = str(error) if isinstance(error, AirflowFailException) else ""
        if isinstance(error, AirflowSensorTimeout):
            # How long it took is told in other words.
            words = str(error)[max(str(error).find(word) for word in (PRODUCT, "on_call", "Not known")) :]
        return (type(error).__name__, words, type(error.__cause__).__name__ if words else "")


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
        {"product_code": "on_call"},
        lambda d: d.give_seat(PRODUCT, ANN),
        lambda d: d.give_seat("on_call", ANN),
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["", "soft_fail", "never_fail", "silent_fail"])
def test_it_ends_as_it_would_have_in_a_worker(
    datadog: FakeDatadog, clock: Clock, monkeypatch: pytest.MonkeyPatch, way: str, how: str
) -> None:
    """The same value or error, for every argument and every way in which a wait may go."""
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


def _without_times(outcome: tuple[Any, ...]) -> tuple[Any, ...]:
    if outcome[0] == "returned":
        return ("returned", [{**row, "assigned_at": None} for row in outcome[1]])
    return outcome


def test_what_is_stored_of_a_deferral_holds_no_key(datadog: FakeDatadog, clock: Clock) -> None:
    """Although the sensor has just used them."""
    waiting_sensor = sensor(deferrable=True)
    deferral = deferred(waiting_sensor)
    assert len(datadog.calls()) == 1
    stored = (
        f"{deferral.trigger.serialize()} {deferral.kwargs} {deferral!r} {deferral.trigger!r} {vars(waiting_sensor)}"
    )
    assert datadog.app_key not in stored
    assert datadog.api_key not in stored


def test_it_looks_once_before_it_defers(datadog: FakeDatadog, clock: Clock) -> None:
    """Where the condition is met, no triggerer is needed."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    assert sensor(deferrable=True).execute({})[0]["email"] == "ann@x.com"
    assert len(datadog.calls()) == 1


def test_the_deferral_carries_its_limits_and_a_later_backstop(datadog: FakeDatadog, clock: Clock) -> None:
    """Airflow ends it only if the trigger did not."""
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
def test_the_limit_that_comes_first_names_the_error(
    datadog: FakeDatadog, clock: Clock, limits: dict[str, Any], error: type[BaseException]
) -> None:
    """With those who are still waited for in its last line."""
    waiting_sensor = sensor(deferrable=True, **limits)
    with pytest.raises(error, match=r"0 of 1 people hold a seat; waiting for ann@x.com"):
        resume(waiting_sensor, event_of(deferred(waiting_sensor)))


def test_a_timeout_in_which_nothing_could_be_read_says_so(datadog: FakeDatadog, clock: Clock) -> None:
    """Rather than that nobody holds a seat."""
    waiting_sensor = sensor(deferrable=True)
    deferral = deferred(waiting_sensor)
    datadog.script("GET", SEATS, *[Fault(503)] * 100)
    with pytest.raises(AirflowSensorTimeout, match=r"Not known: .*503"):
        resume(waiting_sensor, event_of(deferral))
    with pytest.raises(AirflowSensorTimeout, match="No triggerer could read"):
        resume(waiting_sensor, {"status": "timeout", "limit": "timeout", "told": ""})


def test_a_timeout_after_trouble_says_that_it_is_not_known_since(datadog: FakeDatadog, clock: Clock) -> None:
    """Rather than only what was known before."""
    waiting_sensor = sensor(deferrable=True, poke_interval=10, timeout=60)
    deferral = deferred(waiting_sensor)
    datadog.script("GET", SEATS, Fault(), *[Fault(503)] * 100)
    with pytest.raises(AirflowSensorTimeout, match=r"0 of 1 people hold a seat.*; not known since then: .*503"):
        resume(waiting_sensor, event_of(deferral))


@pytest.mark.parametrize(
    "event",
    [
        *(None, {}, "", "success", [], 3, True),
        {"status": "success"},
        {"status": "success", "met": None},
        {"status": "success", "met": []},
        {"status": "success", "met": "ann"},
        {"status": "success", "met": ["ann"]},
        {"status": "success", "met": [{}]},
        {"status": "timeout"},
        {"status": "timeout", "limit": "patience"},
        {"status": "error"},
        {"status": ["success"], "met": [{}]},
        {"met": [{}]},
    ],
)
def test_an_event_that_it_does_not_know_is_an_error(event: Any) -> None:
    """Nobody is said to hold a seat, or none, on the word of something else; Airflow's retries are for it."""
    with pytest.raises(UnknownEventError, match="same version"):
        sensor(deferrable=True).execute_complete({}, event)
    with pytest.raises(UnknownEventError):
        resume(sensor(deferrable=True, soft_fail=True), event)
    with pytest.raises(AirflowSkipException):
        resume(sensor(deferrable=True, never_fail=True), event)


def test_a_wait_without_end_is_deferred_for_as_long_as_airflow_can_store(datadog: FakeDatadog, clock: Clock) -> None:
    """The trigger keeps the time-out that was given."""
    deferral = deferred(sensor(deferrable=True, timeout=1e12))
    assert deferral.timeout is not None
    assert deferral.timeout < timedelta(days=4000)
    assert deferral.trigger.serialize()[1]["timeout_at"] > 1e12


def test_what_does_not_apply_while_deferred_is_warned_of(datadog: FakeDatadog, clock: Clock) -> None:
    """Backing off would have to be everyone's."""
    waiting_sensor = sensor(deferrable=True, exponential_backoff=True)
    lines: list[str] = []
    waiting_sensor.log.warning = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    deferred(waiting_sensor)
    assert [line for line in lines if "exponential_backoff and max_wait do not apply" in line]


def test_a_poke_by_itself_never_defers(datadog: FakeDatadog) -> None:
    """It tells what it saw."""
    assert not sensor(deferrable=True).poke({})


def test_the_default_is_airflows(monkeypatch: pytest.MonkeyPatch) -> None:
    """``[operators] default_deferrable``, read when the module is."""
    assert sensor().deferrable is False
    module = sys.modules["airflow_provider_seats.sensors"]
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    again = importlib.util.module_from_spec(module.__spec__)  # type: ignore[arg-type]
    module.__spec__.loader.exec_module(again)  # type: ignore[union-attr]
    assert again.SeatUsersSensor(task_id="wait", product_code=PRODUCT).deferrable is True
