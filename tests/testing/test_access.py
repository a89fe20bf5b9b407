"""Which requests FakeDatadog accepts, beside what the tests of the organisation show."""

from __future__ import annotations

import pytest

from airflow_provider_seats.testing import API_KEY, APP_KEY, USERS, VALIDATE
from airflow_provider_seats.testing._access import RateLimitWindow, Rights, unauthorized
from airflow_provider_seats.testing._organization import Endpoint
from airflow_provider_seats.testing._server import Answer, Request

LIST = Endpoint("GET", USERS, lambda *_: Answer(200), frozenset({"a", "b"}), also=frozenset({"c"}))
LONE = Endpoint("GET", USERS, lambda *_: Answer(200), frozenset({"a"}))


def request(path: str = USERS, **headers: str) -> Request:
    """Return a request. Header names have underscores for hyphens."""
    return Request("GET", path, {}, {name.replace("_", "-"): value for name, value in headers.items()}, None)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(), 401),
        (request(dd_api_key=API_KEY), 403),
        (request(dd_api_key="other", dd_application_key=APP_KEY), 403),
        (request(dd_api_key=API_KEY, dd_application_key=APP_KEY), None),
        (request(VALIDATE, dd_api_key=API_KEY), None),
    ],
)
def test_both_keys_are_needed(asked: Request, status: int | None) -> None:
    """A request needs both keys, apart from the check of the API key."""
    answer = unauthorized(asked, API_KEY, APP_KEY)
    assert (answer and answer.status) == status


@pytest.mark.parametrize(
    ("endpoint", "permissions", "scopes", "older", "allowed"),
    [
        (LIST, "ac", None, False, True),
        (LIST, "bc", None, False, True),
        (LIST, "ab", None, False, False),
        (LIST, "c", None, False, False),
        (LIST, "a", None, True, True),
        (LIST, "abc", "c", False, True),
        (LIST, "abc", "a", False, False),
        (LIST, "abc", "a", True, True),
        (LONE, "a", "a", False, True),
        (LONE, "a", "", True, False),
    ],
)
def test_permissions_and_scopes_are_needed(
    endpoint: Endpoint, permissions: str, scopes: str | None, older: bool, allowed: bool
) -> None:
    """An endpoint needs one of its permissions and what it needs besides, and keys with scopes need the scope."""
    assert Rights(permissions, scopes, older=older).allow(endpoint) == allowed


def test_calls_are_counted_by_method_and_path() -> None:
    """Each method and path has a limit of its own, and without a limit nothing is stated."""
    window = RateLimitWindow()
    assert window.count(request(), None) == ({}, False)
    assert [window.count(request(), (1, 3600))[1] for _ in range(2)] == [False, True]
    headers, spent = window.count(request(VALIDATE), (1, 3600))
    assert (headers["X-RateLimit-Remaining"], spent) == ("0", False)
