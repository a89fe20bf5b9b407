"""Gives every test an Airflow home of its own run, and a FakeDatadog with a connection to it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

# Airflow reads its home when it is first imported, so this comes before everything else.
_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"

import pytest  # noqa: E402 (as above)

from airflow_provider_seats._api.client import Client  # noqa: E402 (as above)
from airflow_provider_seats.testing import FakeDatadog  # noqa: E402 (as above)

PRODUCT = "incident_response"


@pytest.fixture
def datadog(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDatadog]:
    """Serve a FakeDatadog, and make it the default connection."""
    with FakeDatadog() as fake:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", fake.airflow_connection())
        yield fake


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let clients wait in no time, and give the seconds that they would have waited."""
    waited: list[float] = []
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "sleep", lambda _, seconds: waited.append(seconds))  # type: ignore[arg-type]
    return waited


class FakeTaskInstance:
    """Keeps what is pushed to XCom."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}
        self.try_number = 1
        self.max_tries = 3

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.pushed[key] = value


@pytest.fixture
def ti() -> FakeTaskInstance:
    """Give a task instance that keeps what is pushed to XCom."""
    return FakeTaskInstance()
