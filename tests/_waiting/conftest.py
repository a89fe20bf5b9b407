"""Fixtures for the tests of the shared poll."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest

from airflow_provider_seats._airflow import BaseSensorOperator
from airflow_provider_seats._api.clock import install
from airflow_provider_seats._waiting import followers, shared_poller
from tests.helpers.clients import making_clients
from tests.helpers.connections import reading_connections
from tests.helpers.polling import Datadog, connection
from tests.helpers.sensing import WorkerClock


@pytest.fixture
def polled() -> Iterator[Datadog]:
    """Return a stand-in, and check that nothing is left open."""
    stand_in = Datadog()
    with making_clients(stand_in.client), reading_connections(connection):
        yield stand_in
    assert stand_in.open == []
    assert shared_poller._organisations == {}
    assert followers._lookups == {}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> WorkerClock:
    """Make Airflow's loop and the package use a clock on which waits take no time."""
    clock = WorkerClock()
    install(clock)
    in_airflow = types.SimpleNamespace(time=clock.now, monotonic=clock.now, sleep=clock.sleep_in_airflow)
    monkeypatch.setattr(sys.modules[BaseSensorOperator.__module__], "time", in_airflow)
    return clock
