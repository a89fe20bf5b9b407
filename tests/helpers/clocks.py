"""Clocks on which time passes at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.clock import Clock
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.testing import _access

if TYPE_CHECKING:
    import pytest

    from airflow_provider_seats._api.flow import Request
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


def install(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make everything in the package use a clock."""
    monkeypatch.setattr("airflow_provider_seats._api.clock._clock", clock)


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

    def client(self, datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> Client:
        """Return a client of a FakeDatadog. Both use this clock."""
        install(self, monkeypatch)
        client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
        exchange = client._exchange

        def count(request: Request) -> Any:
            with self._changed:
                self._sending += 1
            try:
                return exchange(request)
            finally:
                with self._changed:
                    self._sending -= 1
                    self._changed.notify_all()

        monkeypatch.setattr(client, "_exchange", count)
        monkeypatch.setattr(_access, "time", SimpleNamespace(time=self.now))
        return client
