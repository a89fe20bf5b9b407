"""What FakeDatadog serves: each endpoint once, and every permission that one of them needs."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from airflow_provider_seats.testing import SCHEDULES, SEATS, FakeDatadog
from airflow_provider_seats.testing._endpoints import ENDPOINTS, ON_CALL_ENDPOINTS, PERMISSIONS


def test_no_two_endpoints_answer_the_same_request() -> None:
    """The order of the endpoints does not matter, because each method and path is there once."""
    served = [(endpoint.method, endpoint.path) for endpoint in (*ENDPOINTS, *ON_CALL_ENDPOINTS)]
    assert len(set(served)) == len(served)


def test_permissions_that_no_endpoint_needs_are_refused() -> None:
    """A test cannot misspell a permission: only those that an endpoint needs can be passed."""
    assert {"user_access_read", "teams_read", "on_call_read", "usage_read"} <= PERMISSIONS
    with pytest.raises(ValueError, match="team_read"):
        FakeDatadog(permissions=["team_read"])


@pytest.mark.parametrize("on_call_api", [True, False])
def test_a_site_without_the_on_call_api_serves_the_rest(on_call_api: bool) -> None:
    """Only the endpoints of the on-call API are missing there."""
    with FakeDatadog(on_call_api=on_call_api) as datadog:
        assert status(datadog, f"{SEATS}?product_code=incident_response") == 200
        assert status(datadog, SCHEDULES) == (200 if on_call_api else 404)


def status(datadog: FakeDatadog, path: str) -> int:
    """Return the status of the answer to a read."""
    connection = json.loads(datadog.airflow_connection())
    keys = {"DD-API-KEY": connection["extra"]["api_key"], "DD-APPLICATION-KEY": connection["password"]}
    try:
        with urlopen(Request(f"{datadog.url}{path}", headers=keys), timeout=10) as response:  # noqa: S310 (loopback)
            return int(response.status)
    except HTTPError as error:
        return error.code
