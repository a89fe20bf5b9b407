"""Rate limits: what the headers of a response say, and how long a call has to wait."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.rate_limits import RateLimit, RateLimits, parse_wait, reset_after, shortest_interval
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
        ({"x-ratelimit-reset": "86400"}, 86_400),
        ({"x-ratelimit-reset": "86401"}, None),
        ({"x-ratelimit-reset": str(int(NOW))}, 1),
        ({}, None),
    ],
)
def test_a_reset_is_read_as_seconds_unix_time_or_date(headers: dict[str, str], seconds: float | None) -> None:
    """A reset is read from seconds, Unix time or an HTTP date, and is ignored if it is in the past or too far off."""
    assert reset_after(headers, NOW) == seconds


@given(st.text() | st.floats().map(str) | st.integers().map(str), st.sampled_from(["x-ratelimit-reset", "retry-after"]))
def test_any_header_is_a_bounded_wait_or_none(text: str, name: str) -> None:
    """No header leads to a wait that is negative, zero or without end."""
    wait = reset_after({name: text}, NOW)
    assert wait is None or 1 <= wait <= 86_400


def limit(remaining: int, reset: float, **more: str) -> dict[str, str]:
    """Return the headers of a response that states a rate limit."""
    return {"x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(reset), **more}


def test_a_limit_that_is_used_up_holds_back_its_calls() -> None:
    """A call waits until the reset of its limit if no calls remain, and other calls do not."""
    limits = RateLimits()
    limits.learn("GET /a", 200, limit(0, 5), NOW)
    assert limits.take("GET /a", NOW + 1) == 4
    assert limits.take("GET /b", NOW + 1) == 0
    assert limits.take("GET /a", NOW + 5) == 0


def test_calls_that_share_a_name_share_a_limit() -> None:
    """Calls whose limits have the same name wait for the same reset."""
    limits = RateLimits()
    named = {"x-ratelimit-name": "seats"}
    limits.learn("GET /a", 200, {**limit(5, 5), **named}, NOW)
    limits.learn("POST /a", 200, {**limit(0, 5), **named}, NOW)
    assert limits.take("GET /a", NOW) == 5


def test_calls_that_are_not_answered_yet_count() -> None:
    """With two calls left, a third one at the same time waits, and a late response does not raise the count again."""
    limits = RateLimits()
    limits.learn("GET /a", 200, limit(2, 5), NOW)
    assert [limits.take("GET /a", NOW) for _ in range(3)] == [0, 0, 5]
    limits.learn("GET /a", 200, limit(1, 5), NOW)
    assert limits.take("GET /a", NOW) == 5


def test_a_new_period_starts_with_the_total() -> None:
    """After the reset, no more calls are sent in one period than the total that the server stated."""
    limits = RateLimits()
    more = {"x-ratelimit-limit": "2", "x-ratelimit-period": "10"}
    limits.learn("GET /a", 200, {**limit(0, 5), **more}, NOW)
    assert [limits.take("GET /a", NOW + 6) for _ in range(3)] == [0, 0, 10]


def test_a_429_uses_up_the_limit() -> None:
    """After a 429, every call of the limit waits, although the response does not say that none remain."""
    limits = RateLimits()
    limits.learn("GET /a", 429, {"retry-after": "3"}, NOW)
    assert limits.take("GET /a", NOW) == 3


def test_a_429_that_states_no_limit_keeps_the_limit_that_is_known() -> None:
    """After a 429 without headers of the limit, half of it is still left to others in the next period."""
    limits = RateLimits()
    stated = {"x-ratelimit-name": "seats", "x-ratelimit-limit": "10", "x-ratelimit-period": "60"}
    limits.learn("GET /a", 200, {**stated, "x-ratelimit-remaining": "9", "x-ratelimit-reset": "30"}, NOW)
    limits.learn("GET /a", 429, {"retry-after": "3"}, NOW)
    limit = limits.stated("GET /a")
    assert limit is not None
    assert (limit.requests, limit.seconds) == (10, 60)
    sent = [limits.take("GET /a", NOW + 100, share=0.5) for _ in range(6)]
    assert [seconds == 0 for seconds in sent] == [True] * 5 + [False]


def test_a_response_without_a_limit_changes_nothing() -> None:
    """A response that states no limit, or no reset, holds back no call."""
    limits = RateLimits()
    limits.learn("GET /a", 200, {}, NOW)
    limits.learn("GET /a", 200, {"x-ratelimit-remaining": "0"}, NOW)
    assert limits.take("GET /a", NOW) == 0


def test_a_total_below_one_call_is_ignored() -> None:
    """A total of less than one call is ignored, because it would hold back every call for ever."""
    limits = RateLimits()
    more = {"x-ratelimit-limit": "0.5", "x-ratelimit-period": "0.01"}
    limits.learn("GET /x", 429, limit(0, 0.001, **more), NOW)
    assert [limits.take("GET /x", NOW + 1) for _ in range(3)] == [0, 0, 0]


def test_a_total_of_one_is_one_call_in_each_period() -> None:
    """With a total of one, the second call of a period waits for its end."""
    limits = RateLimits()
    more = {"x-ratelimit-limit": "1", "x-ratelimit-period": "10"}
    limits.learn("GET /a", 200, limit(0, 5, **more), NOW)
    assert [limits.take("GET /a", NOW + 5) for _ in range(3)] == [0, 10, 10]
    assert [limits.take("GET /a", NOW + 15) for _ in range(2)] == [0, 10]


def test_a_call_is_sent_at_the_very_moment_of_the_reset() -> None:
    """A call waits until just before the reset and is sent at the reset itself."""
    limits = RateLimits()
    limits.learn("GET /a", 200, limit(0, 5), NOW)
    assert limits.take("GET /a", NOW + 4.5) == 0.5
    assert limits.take("GET /a", NOW + 5) == 0


def test_a_reset_that_is_due_now_is_a_wait_of_one_second() -> None:
    """A reset of 0 means less than one second, so the call waits for one."""
    limits = RateLimits()
    limits.learn("GET /a", 200, limit(0, 0), NOW)
    assert limits.take("GET /a", NOW) == 1
    assert parse_wait({"retry-after": "0"}, "retry-after", NOW) == 1


def test_one_remaining_call_is_sent() -> None:
    """The last remaining call of a period is sent, and the one after it waits."""
    limits = RateLimits()
    limits.learn("GET /a", 200, limit(1, 5), NOW)
    assert [limits.take("GET /a", NOW) for _ in range(2)] == [0, 5]


def test_a_later_period_raises_the_count_again() -> None:
    """A response of the next period sets the number of remaining calls to what it states."""
    limits = RateLimits()
    limits.learn("GET /a", 200, limit(0, 5), NOW)
    limits.learn("GET /a", 200, limit(3, 5), NOW + 0.9)
    assert limits.take("GET /a", NOW + 1) > 0
    limits.learn("GET /a", 200, limit(3, 5), NOW + 6)
    assert [limits.take("GET /a", NOW + 6) for _ in range(4)] == [0, 0, 0, 5]


@given(total=st.integers(1, 20), period=st.integers(1, 60), calls=st.integers(1, 100))
def test_no_period_has_more_calls_than_the_total(total: int, period: int, calls: int) -> None:
    """However many calls are made, each period has no more than the server's total."""
    limits = RateLimits()
    more = {"x-ratelimit-limit": str(total), "x-ratelimit-period": str(period)}
    limits.learn("GET /a", 200, limit(0, period, **more), NOW)
    now, sent = NOW, []
    for _ in range(calls):
        while wait := limits.take("GET /a", now):
            now += wait
        sent.append(now)
    assert sent[0] >= NOW + period
    assert max(map(sent.count, sent)) <= total
    assert sorted(set(sent)) == [NOW + period * number for number in range(1, len(set(sent)) + 1)]


def stated(remaining: int, total: int = 10, reset: float = 5) -> dict[str, str]:
    """Return the headers of a response that states a limit completely."""
    return limit(remaining, reset, **{"x-ratelimit-limit": str(total), "x-ratelimit-period": "60"})


def test_a_call_with_a_share_leaves_the_rest_to_others() -> None:
    """A call that may use half of a limit waits when only half of it remains, and other calls go on."""
    limits = RateLimits()
    limits.learn("GET /a", 200, stated(7), NOW)
    assert [limits.take("GET /a", NOW, 0.5) for _ in range(3)] == [0, 0, 5]
    assert [limits.take("GET /a", NOW) for _ in range(6)] == [0, 0, 0, 0, 0, 5]
    assert [limits.take("GET /a", NOW + 5, 0.5) for _ in range(6)] == [0, 0, 0, 0, 0, 60]


def test_a_share_counts_what_others_used() -> None:
    """If others used more than half of a limit, a call that may use half waits for the reset."""
    limits = RateLimits()
    limits.learn("GET /a", 200, stated(4), NOW)
    assert limits.take("GET /a", NOW, 0.5) == 5


@pytest.mark.parametrize(("total", "allowed"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_a_share_allows_at_least_one_call(total: int, allowed: int) -> None:
    """A share is rounded down, but a limit of one call is not a reason never to call."""
    limits = RateLimits()
    limits.learn("GET /a", 200, stated(total, total), NOW)
    assert [limits.take("GET /a", NOW, 0.5) for _ in range(allowed + 1)] == [0] * allowed + [5]


def test_a_share_of_an_unknown_limit_is_all_of_it() -> None:
    """If Datadog states only what remains, a share changes nothing."""
    limits = RateLimits()
    limits.learn("GET /a", 200, limit(2, 5), NOW)
    assert [limits.take("GET /a", NOW, 0.5) for _ in range(3)] == [0, 0, 5]


def test_a_limit_is_known_if_it_was_stated_completely() -> None:
    """A limit has requests and seconds, or is not known."""
    limits = RateLimits()
    limits.learn("GET /a", 200, stated(7), NOW)
    limits.learn("GET /b", 200, limit(2, 5), NOW)
    limits.learn("GET /c", 200, limit(2, 5, **{"x-ratelimit-limit": "9", "x-ratelimit-period": "0"}), NOW)
    found = [limits.stated(f"GET /{each}") for each in "abcd"]
    assert [each and (each.requests, each.seconds) for each in found] == [(10, 60), None, None, None]
    assert RateLimit(10, 60).seconds_per_request(0.5) == 12


@given(total=st.integers(1, 20), period=st.integers(1, 60), calls=st.integers(1, 60), share=st.floats(0.01, 1))
def test_no_period_has_more_calls_than_the_share(total: int, period: int, calls: int, share: float) -> None:
    """However many calls are made, each period has no more than their share, or one."""
    limits = RateLimits()
    more = {"x-ratelimit-limit": str(total), "x-ratelimit-period": str(period)}
    limits.learn("GET /a", 200, limit(0, period, **more), NOW)
    now, sent = NOW, []
    for _ in range(calls):
        while wait := limits.take("GET /a", now, share):
            now += wait
        sent.append(now)
    assert max(map(sent.count, sent)) <= max(1, total * share)


def test_polls_that_need_less_than_they_may_keep_their_intervals() -> None:
    """There is no shortest interval if all polls together send fewer requests than they may."""
    assert shortest_interval([(10, 30), (60, 1)], 0.1) == 0


@given(st.lists(st.tuples(st.floats(1, 1000), st.integers(1, 1000)), min_size=1, max_size=6), st.floats(0.001, 3600))
def test_polls_together_never_exceed_their_pace(polls: list[tuple[float, int]], seconds_per_request: float) -> None:
    """Polls with short intervals use exactly what the others leave, or no poll is slowed down."""
    shortest = shortest_interval(polls, seconds_per_request)
    used = sum(requests / max(interval, shortest) for interval, requests in polls) * seconds_per_request
    assert used <= 1.000001
    if any(interval < shortest for interval, _ in polls):
        assert used == pytest.approx(1)
