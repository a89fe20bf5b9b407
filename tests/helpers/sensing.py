"""Run sensors as a worker and a triggerer do, and compare how they end."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from contextlib import aclosing
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pytest

from airflow_provider_seats._airflow import AirflowFailException, AirflowSensorTimeout
from airflow_provider_seats._api.clock import Clock
from tests.conftest import PRODUCT
from tests.helpers.airflow_names import TaskDeferred
from tests.helpers.looping import NOW, is_running, now, quickly

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import BaseSensorOperator

_SUMMARIES: Final = ("The seat list", "The accounts", "0 of ", "1 of ")


class WorkerClock(Clock):
    """The time of a worker, which moves on while Airflow's loop sleeps, and that of the quick loop while one runs."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.meanwhile: Callable[[], object] = lambda: None

    def now(self) -> float:
        """Return Unix time. Each call takes a moment, so that a timeout of 0 is over at once."""
        if is_running():
            return now()
        self.passed += 0.001
        return NOW + self.passed

    def sleep(self, seconds: float, interrupt: object) -> None:
        """Let the client's waits take no time."""

    def sleep_in_airflow(self, seconds: float) -> None:
        """Let time pass in Airflow's loop. What is to happen meanwhile happens in the first sleep."""
        self.meanwhile()
        self.meanwhile = lambda: None
        self.passed += seconds


def deferred(waiting_sensor: BaseSensorOperator) -> TaskDeferred:
    """Run a sensor in a worker until it defers. Return the deferral."""
    with pytest.raises(TaskDeferred) as raised:
        waiting_sensor.execute({})
    return raised.value


def event_of(deferral: TaskDeferred) -> Any:
    """Make the trigger of a deferral from what Airflow stores. Return the payload of its event."""
    path, arguments = deferral.trigger.serialize()
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))

    async def first() -> Any:
        async with aclosing(trigger.run()) as events:
            return (await anext(events)).payload

    return json.loads(json.dumps(quickly(first())))


def resume(waiting_sensor: BaseSensorOperator, event: Any) -> Any:
    """Resume a sensor as Airflow does."""
    return waiting_sensor.resume_execution("execute_complete", {"event": event}, {})


def ended(run: Callable[[], Any]) -> tuple[Any, ...]:
    """Return the result of a run: its value, or the class of its error with the part of the message that must agree."""
    try:
        return ("returned", run())
    except BaseException as error:  # noqa: BLE001 (every error is compared)
        message = str(error) if isinstance(error, AirflowFailException) else ""
        if isinstance(error, AirflowSensorTimeout):
            # The duration stands in front, in a form of its own.
            message = str(error)[max(map(str(error).find, (PRODUCT, "example_product", *_SUMMARIES))) :]
        return (type(error).__name__, message, type(error.__cause__).__name__ if message else "")


def many(count: int) -> list[str]:
    """Return emails that cannot be compressed much."""
    return [f"{sha256(str(number).encode()).hexdigest()[:12]}@x.com" for number in range(count)]
