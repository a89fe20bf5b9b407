"""Clocks on which time passes at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from airflow_provider_seats._api import clock as clock_module
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.clock import Clock
from airflow_provider_seats.connection import DatadogConnection

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import NoAnswer, RateLimitHit, Request, Response
    from airflow_provider_seats.testing import FakeDatadog

# The seconds after which a test that hangs fails. Nothing waits for them to pass.
_TIMEOUT = 20.0


class FakeClock(Clock):
    """A clock whose waits take no time. It records them.

    :param now: returns Unix time; by default a fixed time that waits move forward.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self.time = 1_800_000_000.0
        self.waited: list[float] = []
        self._now = now

    def now(self) -> float:
        """Return Unix time."""
        return self.time if self._now is None else self._now()

    def sleep(self, seconds: float, interrupt: threading.Event) -> None:
        """Record a wait."""
        self.waited.append(seconds)
        self.time += seconds

    async def async_sleep(self, seconds: float) -> None:
        """Record a wait."""
        self.waited.append(seconds)
        self.time += seconds


@contextmanager
def installed(clock: Clock) -> Iterator[None]:
    """Make everything in the package use a clock in a ``with`` block."""
    before = clock_module.install(clock)
    try:
        yield
    finally:
        clock_module.install(before)


class SharedClock(Clock):
    """The time of a client and of FakeDatadog. It jumps to the end of a wait when no request is being sent.

    A request is sent and answered at the same time. Otherwise the server could count it in another period than the
    client.
    """

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self._sending = 0
        self._changed = threading.Condition()

    def now(self) -> float:
        """Return Unix time."""
        return self.time

    def sleep(self, seconds: float, interrupt: threading.Event) -> None:
        """Let time pass at once."""
        end = self.time + seconds
        with self._changed:
            assert self._changed.wait_for(lambda: not self._sending, _TIMEOUT)
            self.time = max(self.time, end)

    @contextmanager
    def client(self, datadog: FakeDatadog) -> Iterator[Client]:
        """Yield a client of a FakeDatadog. Both use this clock."""
        with installed(self):
            yield _CountingClient(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key), self.sending)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Let no time pass in a ``with`` block."""
        with self._changed:
            self._sending += 1
        try:
            yield
        finally:
            with self._changed:
                self._sending -= 1
                self._changed.notify_all()


class _CountingClient(Client):
    def __init__(self, connection: DatadogConnection, sending: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(connection)
        self._sending = sending

    def _exchange(self, request: Request) -> Response | NoAnswer | RateLimitHit:
        with self._sending():
            return super()._exchange(request)
