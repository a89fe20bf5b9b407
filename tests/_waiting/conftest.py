"""Fixtures for the tests of the shared poll."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_seats._waiting import followers, shared_poller
from tests.helpers.polling import Datadog, connection


@pytest.fixture
def polled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Datadog]:
    """Return a stand-in, and check that nothing is left open."""
    stand_in = Datadog()
    monkeypatch.setattr(shared_poller, "Client", stand_in.client)
    monkeypatch.setattr(followers, "read_connection", connection)
    yield stand_in
    assert stand_in.open == []
    assert shared_poller._organisations == {}
    assert followers._lookups == {}
