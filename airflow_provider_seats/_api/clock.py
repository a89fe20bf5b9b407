"""The wall clock, and all waits. Tests install another."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime


class Clock:
    """The time, and waiting for it to pass."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    def sleep(self, seconds: float, interrupt: threading.Event) -> None:
        """Wait in a worker, until the event is set at the latest."""
        interrupt.wait(seconds)

    async def async_sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until_set(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait on an event loop until an event is set, but at most so long. Return whether the wait was skipped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        return False


class SkippingClock(Clock):
    """A clock that skips every wait. Its time moves forward instead."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        """Return Unix time, with the waits that were skipped."""
        return super().now() + self._skipped

    def sleep(self, seconds: float, interrupt: threading.Event) -> None:  # noqa: ARG002 (nothing to interrupt)
        self._skipped += seconds

    async def async_sleep(self, seconds: float) -> None:
        """Skip a wait, and let others on the event loop go first."""
        self._skipped += seconds
        await asyncio.sleep(0)

    async def until_set(self, event: asyncio.Event, seconds: float) -> bool:  # noqa: ARG002 (it need not be set)
        """Skip a wait, and let others on the event loop go first."""
        await self.async_sleep(seconds)
        return True


_clock = Clock()


def clock() -> Clock:
    return _clock


def install(new: Clock) -> Clock:
    """Make everything use a clock from now on. Return the one before it."""
    global _clock
    before, _clock = _clock, new
    return before
