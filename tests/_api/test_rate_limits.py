"""Rate limits: what the headers say, and how long a call has to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.rate_limits import RateLimits, reset_after
from tests.helpers.playing import NOW


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset": "7"}, 7),
        ({"x-ratelimit-reset": "7.5"}, 7.5),
        ({"x-ratelimit-reset": "0"}, 1),
        ({"x-ratelimit-reset": str(int(NOW) + 9)}, 9),
        ({"x-ratelimit-reset": str(int(NOW) - 9)}, None),
        ({"x-ratelimit-reset": "-4"}, None),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset": "inf"}, None),
        ({"x-ratelimit-reset": str(int(NOW) * 1000)}, None),
        ({"x-ratelimit-reset": ""}, None),
        ({"x-ratelimit-reset": "garbage", "retry-after": "3"}, 3),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:05 GMT"}, 5),
        ({}, None),
    ],
)
def test_a_reset_is_read_as_seconds_unix_time_or_date(headers: dict[str, str], seconds: float | None) -> None:
    """What is neither, or lies in the past, is as if it had not been said."""
    assert reset_after(headers, NOW) == seconds


@given(st.text() | st.floats().map(str) | st.integers().map(str), st.sampled_from(["x-ratelimit-reset", "retry-after"]))
def test_any_header_is_a_sensible_wait_or_none(text: str, name: str) -> None:
    """No header leads to a wait that is negative or without end."""
    wait = reset_after({name: text}, NOW)
    assert wait is None or 0 < wait < float("inf")


def told(remaining: int, reset: float, **more: str) -> dict[str, str]:
    """Make the headers of an answer."""
    return {"x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(reset), **more}


def test_a_spent_limit_holds_its_calls_until_the_reset() -> None:
    """A call that the server said it would refuse is not sent, and others are."""
    limits = RateLimits()
    limits.learn("GET /a", 200, told(0, 5), NOW)
    assert limits.take("GET /a", NOW + 1) == 4
    assert limits.take("GET /b", NOW + 1) == 0
    assert limits.take("GET /a", NOW + 5) == 0


def test_calls_that_share_a_name_share_a_limit() -> None:
    """Datadog names its limits, and several calls may be under one."""
    limits = RateLimits()
    named = {"x-ratelimit-name": "seats"}
    limits.learn("GET /a", 200, {**told(5, 5), **named}, NOW)
    limits.learn("POST /a", 200, {**told(0, 5), **named}, NOW)
    assert limits.take("GET /a", NOW) == 5


def test_calls_under_way_count_before_they_are_answered() -> None:
    """With two calls left, the third at the same time waits; an answer that was overtaken gives none back."""
    limits = RateLimits()
    limits.learn("GET /a", 200, told(2, 5), NOW)
    assert [limits.take("GET /a", NOW) for _ in range(3)] == [0, 0, 5]
    limits.learn("GET /a", 200, told(1, 5), NOW)
    assert limits.take("GET /a", NOW) == 5


def test_a_new_period_begins_with_what_the_server_allows() -> None:
    """After the reset, no more calls go out at once than the limit that was told."""
    limits = RateLimits()
    more = {"x-ratelimit-limit": "2", "x-ratelimit-period": "10"}
    limits.learn("GET /a", 200, {**told(0, 5), **more}, NOW)
    assert [limits.take("GET /a", NOW + 6) for _ in range(3)] == [0, 0, 10]


def test_a_429_spends_the_limit_even_if_it_does_not_say_so() -> None:
    """Everyone under the limit waits for the reset that one of them was told."""
    limits = RateLimits()
    limits.learn("GET /a", 429, {"retry-after": "3"}, NOW)
    assert limits.take("GET /a", NOW) == 3


def test_answers_without_limits_change_nothing() -> None:
    """A server that tells of no limit has none."""
    limits = RateLimits()
    limits.learn("GET /a", 200, {}, NOW)
    limits.learn("GET /a", 200, {"x-ratelimit-remaining": "0"}, NOW)
    assert limits.take("GET /a", NOW) == 0


def test_a_limit_of_less_than_one_call_is_no_limit() -> None:
    """It would let nothing through for ever."""
    limits = RateLimits()
    headers = {f"x-ratelimit-{name}": value for name, value in LESS_THAN_ONE.items()}
    limits.learn("GET /x", 429, headers, 1_800_000_000.0)
    assert limits.take("GET /x", 1_800_000_001.0) == 0


LESS_THAN_ONE = {"limit": "0.5", "period": "0.01", "reset": "0.001", "remaining": "0"}
