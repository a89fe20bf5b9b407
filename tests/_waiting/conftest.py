"""Fixtures for the tests of the shared poll."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_seats._waiting import followers, shared_poller
from tests.helpers.clients import making_clients
from tests.helpers.polling import Datadog, connection


@pytest.fixture
def polled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Datadog]:
    """Return a stand-in, and check that nothing is left open."""
    stand_in = Datadog()
    monkeypatch.setattr(followers, "read_connection", connection)
    with making_clients(stand_in.client):
        yield stand_in
    assert stand_in.open == []
    assert shared_poller._organisations == {}
    assert followers._lookups == {}
