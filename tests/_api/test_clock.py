"""The clock: the one place for the time and for waits."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from airflow_provider_seats._api.clock import Clock, clock, install
from airflow_provider_seats.testing._waits import SkippingClock
from tests.helpers.clocks import FakeClock

if TYPE_CHECKING:
    import pytest


def test_the_time_is_unix_time() -> None:
    """The clock returns Unix time in seconds."""
    before = time.time()
    assert before <= Clock().now() <= time.time()


def test_a_wait_lasts_as_long_as_requested() -> None:
    """A wait in a worker ends after the requested seconds and not before."""
    # Only a lower bound is checked, which does not depend on the machine's speed.
    started = time.monotonic()
    Clock().sleep(0.05, threading.Event())
    assert time.monotonic() - started >= 0.04


def test_a_wait_on_an_event_loop_lasts_as_long_as_requested() -> None:
    """A wait on an event loop ends after the requested seconds and lets the loop run meanwhile."""

    async def wait() -> list[str]:
        ended: list[str] = []

        async def sleep(name: str, seconds: float) -> None:
            await Clock().async_sleep(seconds)
            ended.append(name)

        await asyncio.gather(sleep("long", 0.1), sleep("short", 0.01))
        return ended

    assert asyncio.run(wait()) == ["short", "long"]


def test_an_event_ends_a_wait_in_a_worker() -> None:
    """A wait of an hour ends at once if the event is set."""
    interrupt = threading.Event()
    interrupt.set()
    Clock().sleep(3600, interrupt)


def test_a_test_replaces_the_clock_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that a test installs is the one that everything asks."""
    assert type(clock()) is Clock
    fake = FakeClock()
    install(fake)
    assert clock() is fake


def test_an_event_ends_a_wait_on_an_event_loop() -> None:
    """A wait until an event is set ends with it, or after its time, and was not skipped."""

    async def main() -> list[bool]:
        event = asyncio.Event()
        skipped = [await Clock().until_set(event, 0.01)]
        asyncio.get_running_loop().call_soon(event.set)
        return [*skipped, await Clock().until_set(event, 3600)]

    assert asyncio.run(main()) == [False, False]


def test_a_skipping_clock_moves_forward_instead_of_waiting() -> None:
    """Each wait takes no time, and the clock is later by it."""
    clock = SkippingClock()
    before = clock.now()
    clock.sleep(100, threading.Event())

    async def main() -> bool:
        await clock.async_sleep(1_000)
        return await clock.until_set(asyncio.Event(), 10_000)

    assert asyncio.run(main())
    assert 11_100 <= clock.now() - before < 11_200
