"""Measure what many deferred sensors cost: calls, memory and the lag of the event loop.

``python -m tools.load 1000 5000`` measures a thousand sensors that wait for a product with five thousand seats.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
import tracemalloc
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

PRODUCT = "incident_response"


class Cost(NamedTuple):
    """The cost of the sensors.

    :param calls: the calls that FakeDatadog received.
    :param lag: the seconds by which the event loop was late: the 99th percentile, and the maximum.
    :param work: the seconds of processor time that the event loop's thread spent between two chances to run something
        else: the 99th percentile. A busy machine adds to the lag, but not to this.
    :param memory: the bytes that each further sensor needs.
    """

    calls: int
    lag: tuple[float, float]
    work: float
    memory: float


def measure(sensors: int, seats: int, seconds: float = 5.0) -> Cost:
    """Return the cost of sensors that each wait for another person, who is never assigned a seat.

    The memory is the difference between all sensors and a quarter of them, because the first sensors load modules and
    lists that all share.
    """
    from airflow_provider_seats.testing import FakeDatadog

    with FakeDatadog() as datadog:
        os.environ["AIRFLOW_CONN_DATADOG_DEFAULT"] = datadog.airflow_connection()
        for number in range(seats):
            datadog.add_user(f"seated{number}@example.com", seat=PRODUCT)
        asyncio.run(_wait(10, 0.2))
        datadog.received.clear()
        ticks, _ = asyncio.run(_wait(sensors, seconds))
        calls = len(datadog.calls())
        lags, work = sorted(tick.lag for tick in ticks), sorted(tick.work for tick in ticks)
        percentile = int(len(ticks) * 0.99)
        tracemalloc.start()
        _, few = asyncio.run(_wait(sensors // 4, 0.5))
        _, many = asyncio.run(_wait(sensors, 0.5))
        tracemalloc.stop()
    return Cost(calls, (lags[percentile], lags[-1]), work[percentile], (many - few) / (sensors - sensors // 4))


class Tick(NamedTuple):
    """How late the event loop came back, and the processor time that its thread spent until then, in seconds."""

    lag: float
    work: float


async def _wait(sensors: int, seconds: float) -> tuple[list[Tick], int]:
    """Start triggers as a restarted triggerer does. Return the ticks of the loop, and the bytes that they need."""
    from airflow_provider_seats.triggers import SeatUsersTrigger

    async def first(trigger: Any) -> None:
        async with aclosing(trigger.run()) as events:
            await anext(events)

    ticks: list[Tick] = []
    clock = asyncio.create_task(_tick(ticks))
    before = tracemalloc.get_traced_memory()[0]
    triggers = [
        SeatUsersTrigger(
            product_code=PRODUCT,
            user_emails=[f"hire{number}@example.com"],
            poll_interval=1,
            timeout_at=time.time() + 3600,
        )
        for number in range(sensors)
    ]
    tasks = [asyncio.create_task(first(trigger)) for trigger in triggers]
    await asyncio.sleep(seconds)
    taken = tracemalloc.get_traced_memory()[0] - before
    clock.cancel()
    assert not any(task.done() for task in tasks), "a sensor did not wait"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return ticks, taken


async def _tick(ticks: list[Tick]) -> None:
    while True:
        before, worked = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.005)
        ticks.append(Tick(time.perf_counter() - before - 0.005, time.thread_time() - worked))


def main() -> None:
    """Measure with the numbers of the command line, and print the cost."""
    sensors, seats = (int(argument) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="airflow-home-") as home:
        os.environ["AIRFLOW_HOME"] = home
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            cost = measure(sensors, seats)
    print(
        f"{sensors} sensors, {seats} seats, 5 s: {cost.calls} calls; lag: {cost.lag[0] * 1000:.1f} ms (99 %), "
        f"{cost.lag[1] * 1000:.0f} ms (maximum); {cost.memory / 1024:.1f} KiB for each sensor"
    )


if __name__ == "__main__":
    main()
