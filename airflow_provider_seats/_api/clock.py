"""The wall clock, and the waits of flows and runs. Tests replace it here. The poller uses the event loop's clock."""

from __future__ import annotations

import asyncio
import threading
import time


class Clock:
    """The time, and waiting for it to pass."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()

    def sleep(self, seconds: float, interrupt: threading.Event) -> None:
        """Wait in a worker, until the event is set at the latest."""
        interrupt.wait(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """Wait on an event loop."""
        await asyncio.sleep(seconds)


_clock = Clock()


def clock() -> Clock:
    """Return the clock."""
    return _clock
