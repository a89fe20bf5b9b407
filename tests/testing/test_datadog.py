"""FakeDatadog: Datadog's official client works against it, and it answers as the real API does."""

from __future__ import annotations

import json

import requests

from airflow_provider_seats.testing import (
    API_KEY,
    USERS,
    VALIDATE,
    VALIDATE_KEYS,
    FakeDatadog,
)
from tests.testing.conftest import KEYS, ask


def test_keys_are_checked(datadog: FakeDatadog) -> None:
    """The API key alone validates itself and allows nothing else, and errors are plain strings."""
    assert ask(datadog, "GET", VALIDATE_KEYS) == (200, {"status": "ok"})
    assert ask(datadog, "GET", VALIDATE, {"DD-API-KEY": API_KEY}) == (200, {"valid": True})
    assert ask(datadog, "GET", VALIDATE_KEYS, {"DD-API-KEY": API_KEY}) == (403, {"errors": ["Forbidden"]})
    assert ask(datadog, "GET", USERS, {}) == (401, {"errors": ["API key required"]})
    assert ask(datadog, "GET", "/api/v2/else") == (404, {"errors": ["Not Found"]})
    assert ask(datadog, "GET", USERS, params={"page[size]": "101"})[0] == 400


def test_a_token_is_accepted_in_both_headers() -> None:
    """An access token works in the header of the application key and as a bearer."""
    with FakeDatadog(app_key="ddpat_1") as datadog:
        assert ask(datadog, "GET", USERS, {"DD-APPLICATION-KEY": "ddpat_1"})[0] == 200
        assert ask(datadog, "GET", USERS, {"Authorization": "Bearer ddpat_1"})[0] == 200
        assert ask(datadog, "GET", USERS, {"DD-APPLICATION-KEY": "ddpat_2"})[0] == 401
        assert "api_key" not in json.loads(datadog.airflow_connection())["extra"]


def test_rate_limits_are_stated_and_enforced() -> None:
    """Every answer has the five headers, and the call after the last allowed one is refused."""
    with FakeDatadog(rate_limit=(2, 3600)) as datadog:
        answers = [requests.get(datadog.url + VALIDATE_KEYS, headers=KEYS, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 0 < float(answers[0].headers["X-RateLimit-Reset"]) <= 3600
    assert answers[0].headers["X-RateLimit-Limit"] == "2"
