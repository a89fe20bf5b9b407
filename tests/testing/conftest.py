"""What the tests of FakeDatadog share: the official client, and plain requests."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_provider_seats.testing import API_KEY, APP_KEY, FakeDatadog

GHOST = "00000000-0000-0000-0000-000000000000"
KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}


@pytest.fixture
def official(datadog: FakeDatadog) -> Iterator[Any]:
    """Return Datadog's official client, set up as its documentation says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the client's own imports
        from datadog_api_client import ApiClient, Configuration

    configuration = Configuration(host=datadog.url, api_key={"apiKeyAuth": API_KEY, "appKeyAuth": APP_KEY})
    with ApiClient(configuration) as client:
        yield client


def ask(datadog: FakeDatadog, method: str, path: str, headers: dict[str, str] = KEYS, **more: Any) -> tuple[int, Any]:
    """Send a request. Return the status and the JSON of the answer."""
    answer = requests.request(method, datadog.url + path, headers=headers, timeout=5, **more)
    return answer.status_code, answer.json() if answer.content else None
