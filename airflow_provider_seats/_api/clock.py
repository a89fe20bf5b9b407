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


_clock = Clock()


def clock() -> Clock:
    return _clock


def install(new: Clock) -> Clock:
    """Make everything use a clock from now on. Return the one before it."""
    global _clock
    before, _clock = _clock, new
    return before
