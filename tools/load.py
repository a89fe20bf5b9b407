"""What many deferred sensors cost: calls, memory and the lag of the event loop.

``python -m tools.load 1000 5000`` measures a thousand of them that wait for a product with five thousand seats.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import threading
import time
import tracemalloc
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

PRODUCT = "incident_response"


class Cost(NamedTuple):
    """What was measured.

    :param calls: the calls that FakeDatadog received.
    :param lag: the seconds by which the event loop was late, for 99 % of all looks at it, and at worst.
    :param beside: the same of a thread that does nothing else: what the machine takes, however busy it is.
    :param memory: the bytes that a sensor takes more.
    """

    calls: int
    lag: tuple[float, float]
    beside: tuple[float, float]
    memory: float


def measure(sensors: int, seats: int, seconds: float = 5.0) -> Cost:
    """Let sensors wait, each for a person of its own who gets no seat.

    Memory is that which is left when a quarter of them is measured, too, since the first bring modules and lists.
    """
    from airflow_provider_seats.testing import FakeDatadog

    with FakeDatadog() as datadog:
        os.environ["AIRFLOW_CONN_DATADOG_DEFAULT"] = datadog.airflow_connection()
        for number in range(seats):
            datadog.add_user(f"seated{number}@example.com", seat=PRODUCT)
        asyncio.run(_wait(10, 0.5))
        datadog.received.clear()
        lags, beside, _ = asyncio.run(_wait(sensors, seconds))
        calls = len(datadog.calls())
        tracemalloc.start()
        _, _, few = asyncio.run(_wait(sensors // 4, 1.0))
        _, _, many = asyncio.run(_wait(sensors, 1.0))
        tracemalloc.stop()
    return Cost(calls, _worst(lags), _worst(beside), (many - few) / (sensors - sensors // 4))


def _worst(lags: list[float]) -> tuple[float, float]:
    lags.sort()
    return lags[int(len(lags) * 0.99)], lags[-1]


async def _wait(sensors: int, seconds: float) -> tuple[list[float], list[float], int]:
    """Begin so many as a restarted triggerer does; give the lags of the loop and of a thread, and the memory taken."""
    from airflow_provider_seats.triggers import SeatUsersTrigger

    async def first(trigger: Any) -> None:
        async with aclosing(trigger.run()) as events:
            await anext(events)

    lags: list[float] = []
    beside: list[float] = []
    stop = threading.Event()
    thread = threading.Thread(target=_look_beside, args=(beside, stop))
    thread.start()
    clock = asyncio.create_task(_look_at_the_clock(lags))
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
    stop.set()
    thread.join()
    assert not any(task.done() for task in tasks), "a sensor did not wait"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return lags, beside, taken


async def _look_at_the_clock(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - before - 0.005)


def _look_beside(lags: list[float], stop: threading.Event) -> None:
    before = time.perf_counter()
    while not stop.wait(0.005):
        lags.append(time.perf_counter() - before - 0.005)
        before = time.perf_counter()


def main() -> None:
    """Measure what the command line asks for."""
    sensors, seats = (int(argument) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="airflow-home-") as home:
        os.environ["AIRFLOW_HOME"] = home
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            cost = measure(sensors, seats)
    print(
        f"{sensors} sensors, {seats} seats, 5 s: {cost.calls} calls; lag 99 %: {cost.lag[0] * 1000:.1f} ms, "
        f"at worst {cost.lag[1] * 1000:.0f} ms; {cost.memory / 1024:.1f} KiB a sensor"
    )


if __name__ == "__main__":
    main()
