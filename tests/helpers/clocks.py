"""A clock that threads share, on which time passes only while none of them sends."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_seats import testing
from airflow_provider_seats._api.client import Client
from airflow_provider_seats.connection import DatadogConnection

if TYPE_CHECKING:
    import pytest

    from airflow_provider_seats._api.flow import Request
    from airflow_provider_seats.testing import FakeDatadog

# The seconds after which a test that hangs fails; nothing waits for them to pass.
_LONGEST = 20.0


class SharedClock:
    """The time of a client and of FakeDatadog, which jumps to the end of a wait once no request is under way.

    A request is sent and answered at one time: else it could be counted in another period than the client took it for.
    """

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self._sending = 0
        self._changed = threading.Condition()

    def time(self) -> float:
        """Return the Unix time."""
        return self.now

    def sleep(self, _: threading.Event, seconds: float) -> None:
        """Let time pass, in no time."""
        end = self.now + seconds
        with self._changed:
            assert self._changed.wait_for(lambda: not self._sending, _LONGEST)
            self.now = max(self.now, end)

    def client(self, datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> Client:
        """Return a client of a FakeDatadog, both of which go by this clock."""
        connection = DatadogConnection(datadog.url, datadog.app_key, datadog.api_key)
        client = Client(connection, clock=self.time, sleep=self.sleep)
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
        monkeypatch.setattr(testing, "time", SimpleNamespace(time=self.time))
        return client
