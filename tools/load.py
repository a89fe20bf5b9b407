"""Measure what many deferred sensors cost: calls, memory and the lag of the event loop.

``python -m tools.load 1000 5000`` measures a thousand sensors that wait for a product with five thousand seats.
``python -m tools.load accounts 1000 20000`` measures a thousand that wait for accounts in an organisation of twenty
thousand users. FakeDatadog serves from a process of its own. A seat is assigned or unassigned before each reading of
the seat list.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from tools import airflow_home

PRODUCT = "p0"
_PAUSE: Final = 0.005


class Cost(NamedTuple):
    """The cost of the sensors.

    :param calls: the calls that FakeDatadog received.
    :param seconds: how long the sensors waited.
    :param lag: the seconds by which the event loop was late: the 99th percentile, and the maximum. Without the time of
        full garbage collections, because their time depends on the heap of Airflow.
    :param collection: the seconds of the longest full garbage collection.
    :param work: the seconds of processor time that the event loop's thread spent between two chances to run something
        else: the 99th percentile, and the maximum. A busy machine adds to the lag, but hardly to this.
    :param memory: the bytes that each further sensor needs.
    :param poll: the most memory that the poll needed, as a multiple of the seat list itself.
    """

    calls: int
    seconds: float
    lag: tuple[float, float]
    collection: float
    work: tuple[float, float]
    memory: float
    poll: float


def measure(sensors: int, seats: int, readings: int = 5) -> Cost:
    """Return the cost of sensors that each wait for another person, until the seat list was read several times.

    The memory is the difference between all sensors and a quarter of them, because the first sensors load modules and
    lists that all share.
    """
    from airflow_provider_seats._api import PAGE_SIZE
    from tools.bench import API_KEY, APP_KEY, Stage, our_list, served

    with served(Stage(users=seats + 1, seats=seats, changes=True)) as server:
        connection = {
            "conn_type": "datadog_seats",
            "host": server.url,
            "password": APP_KEY,
            "extra": {"api_key": API_KEY},
        }
        os.environ["AIRFLOW_CONN_DATADOG_DEFAULT"] = json.dumps(connection)
        pages = max(1, -(-seats // PAGE_SIZE))

        def wait(sensors: int, readings: int) -> tuple[list[Tick], int, int]:
            server.calls()
            calls = 0

            def done() -> bool:
                nonlocal calls
                calls += server.calls()
                return calls >= pages * readings

            ticks, taken = asyncio.run(_wait(sensors, done))
            return ticks, taken, calls

        wait(10, 1)
        started = time.monotonic()
        ticks, _, calls = wait(sensors, readings)
        seconds = time.monotonic() - started
        lags, work = sorted(tick.lag for tick in ticks), sorted(tick.work for tick in ticks)
        percentile = int(len(ticks) * 0.99)
        tracemalloc.start()
        wait(10, 1)
        _, few, _ = wait(sensors // 4, 1)
        _, many, _ = wait(sensors, 1)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        listed = our_list(server.url, PRODUCT)
        size = tracemalloc.get_traced_memory()[0] - before
        del listed
        gc.collect()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        wait(1, 2)
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    memory = (many - few) / (sensors - sensors // 4)
    return Cost(
        calls=calls,
        seconds=seconds,
        lag=(lags[percentile], lags[-1]),
        collection=max(tick.collecting for tick in ticks),
        work=(work[percentile], work[-1]),
        memory=memory,
        poll=peak / size,
    )


class AccountsCost(NamedTuple):
    """The cost of sensors that wait for accounts. See :class:`Cost`.

    :param least: the calls of so many readings, if each is one look-up of all people.
    """

    calls: int
    least: int
    seconds: float
    lag: tuple[float, float]
    work: tuple[float, float]


def measure_accounts(sensors: int, users: int, readings: int = 3) -> AccountsCost:
    """Return the cost of sensors that each wait for the account of another person."""
    from airflow_provider_seats._api import PAGE_SIZE
    from airflow_provider_seats._planning.stored import pack
    from airflow_provider_seats.triggers import UserAccountsTrigger
    from tools.bench import API_KEY, APP_KEY, Stage, served

    with served(Stage(users=users)) as server:
        connection = {
            "conn_type": "datadog_seats",
            "host": server.url,
            "password": APP_KEY,
            "extra": {"api_key": API_KEY},
        }
        os.environ["AIRFLOW_CONN_DATADOG_DEFAULT"] = json.dumps(connection)

        def make(number: int) -> Any:
            people = pack({}, [[], [f"hire{number}@example.com"]])
            return UserAccountsTrigger(people=people, poll_interval=1, timeout_at=time.time() + 3600)

        def wait(sensors: int, readings: int) -> tuple[list[Tick], int, int]:
            least = readings * min(sensors, 1 + -(-users // PAGE_SIZE))
            calls = 0

            def done() -> bool:
                nonlocal calls
                calls += server.calls()
                return calls >= least

            ticks, _ = asyncio.run(_wait(sensors, done, make))
            return ticks, calls, least

        wait(10, 1)
        server.calls()
        started = time.monotonic()
        ticks, calls, least = wait(sensors, readings)
        seconds = time.monotonic() - started
    lags, work = sorted(tick.lag for tick in ticks), sorted(tick.work for tick in ticks)
    percentile = int(len(ticks) * 0.99)
    return AccountsCost(calls, least, seconds, (lags[percentile], lags[-1]), (work[percentile], work[-1]))


class Tick(NamedTuple):
    """How late the event loop came back, the part of it that was a full garbage collection, and the processor time.

    All in seconds. The processor time is what the thread of the event loop spent until then.
    """

    lag: float
    collecting: float
    work: float


class Ticker:
    """Measures how late an event loop is, again and again. To be used in a ``with`` statement."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float, float]] = []
        self._collections: list[tuple[float, float]] = []
        self._began = 0.0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._note)

    async def run(self) -> None:
        """Measure until this is cancelled."""
        while True:
            before, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_PAUSE)
            self._spans.append((before, time.perf_counter(), time.thread_time() - worked))

    def ticks(self) -> list[Tick]:
        """Return what was measured, to be called at the end: the time of a collection may be known late."""
        ticks = []
        for before, after, work in self._spans:
            spent = sum(max(min(after, end) - max(before, start), 0.0) for start, end in self._collections)
            ticks.append(Tick(max(after - before - _PAUSE - spent, 0.0), spent, work))
        return ticks

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] < 2:
            return
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._collections.append((self._began, time.perf_counter()))


def _of_seats(number: int) -> Any:
    from airflow_provider_seats._planning.stored import pack
    from airflow_provider_seats.triggers import SeatUsersTrigger

    people = pack({}, [[], [f"hire{number}@example.com"]])
    return SeatUsersTrigger(product_code=PRODUCT, people=people, poll_interval=1, timeout_at=time.time() + 3600)


async def _wait(
    sensors: int, done: Callable[[], bool], make: Callable[[int], Any] = _of_seats
) -> tuple[list[Tick], int]:
    """Start triggers as a restarted triggerer does. Return the ticks of the loop, and the bytes that they need."""
    gc.collect()
    with Ticker() as ticker:
        taken = await _wait_with(ticker, sensors, done, make)
    return ticker.ticks(), taken


async def _wait_with(ticker: Ticker, sensors: int, done: Callable[[], bool], make: Callable[[int], Any]) -> int:
    """Start triggers, wait for ``done``, and end them. Return the bytes that they needed."""

    async def first(trigger: Any) -> None:
        async with aclosing(trigger.run()) as events:
            await anext(events)

    clock = asyncio.create_task(ticker.run())
    before = tracemalloc.get_traced_memory()[0]
    triggers = [make(number) for number in range(sensors)]
    tasks = [asyncio.create_task(first(trigger)) for trigger in triggers]
    async with asyncio.timeout(300):
        while not done():  # noqa: ASYNC110 - FakeDatadog runs in another process
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)  # The sensors look at the last reading.
    clock.cancel()
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    assert not any(task.done() for task in tasks), "a sensor did not wait"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # The thread of the poll ends with the request that it is sending, and holds what it has read until then.
    async with asyncio.timeout(60):
        while any(thread.name.startswith("datadog-seats") for thread in threading.enumerate()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return taken


def main() -> None:
    """Measure with the numbers of the command line, and print the cost."""
    of_accounts = sys.argv[1] == "accounts"
    sensors, seats = (int(argument) for argument in sys.argv[1 + of_accounts :])
    with airflow_home(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        accounts = measure_accounts(sensors, seats) if of_accounts else None
        cost = measure(sensors, seats) if accounts is None else None
    if accounts is not None:
        print(
            f"{sensors} sensors of accounts, {seats} users, {accounts.calls} calls in {accounts.seconds:.1f} s (three "
            f"look-ups of all take {accounts.least}); "
            f"lag: {accounts.lag[0] * 1000:.1f} ms (99 %), {accounts.lag[1] * 1000:.0f} ms (maximum); "
            f"work: {accounts.work[0] * 1000:.1f} ms (99 %), {accounts.work[1] * 1000:.0f} ms (maximum)"
        )
    if cost is None:
        return
    print(
        f"{sensors} sensors, {seats} seats, {cost.calls} calls in {cost.seconds:.1f} s; "
        f"lag: {cost.lag[0] * 1000:.1f} ms (99 %), {cost.lag[1] * 1000:.0f} ms (maximum); "
        f"longest full garbage collection: {cost.collection * 1000:.0f} ms; "
        f"work: {cost.work[0] * 1000:.1f} ms (99 %), {cost.work[1] * 1000:.0f} ms (maximum); "
        f"{cost.memory / 1024:.1f} KiB for each sensor, {cost.poll:.2f} times the list for the poll"
    )


if __name__ == "__main__":
    main()
