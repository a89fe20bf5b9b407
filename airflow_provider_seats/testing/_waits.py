"""The switch that makes waits pass at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_seats._api import clock


class SkippingClock(clock.Clock):
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


@contextmanager
def skip_waits() -> Iterator[None]:
    """Make the waits of this package pass at once, while the ``with`` block or the decorated function runs.

    These are the waits before a call is tried again, for a rate limit, for a seat list that lags behind a change, and
    between two polls of a trigger. The package's clock moves forward instead. Time-outs and the ``poke_interval`` of a
    sensor that pokes are Airflow's, and stay as they are.

    .. code-block:: python

        with FakeDatadog() as datadog, skip_waits():
            datadog.script("GET", SEATS, Fault(503), Fault(503))
            ...  # call an operator: the second and third attempts follow at once

    .. versionadded:: 0.2.0
    """
    before = clock.install(SkippingClock())
    try:
        yield
    finally:
        clock.install(before)
