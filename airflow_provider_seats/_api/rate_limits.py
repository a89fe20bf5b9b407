"""Datadog's rate limits: what the response headers say, and how long a call has to wait.

.. seealso:: https://docs.datadoghq.com/api/latest/rate-limits/
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, NamedTuple

# The share of a stated limit that sensors and triggers may use while they wait.
WAIT_SHARE: Final = 0.5
_OLDEST_UNIX_TIME: Final = 1e9
# No limit of Datadog is known to be longer. A longer one is garbage and must not stop a client for years.
_MAX_WAIT: Final = 86_400.0


class RateLimit(NamedTuple):
    """So many requests in so many seconds, as Datadog stated it.

    :param requests: infinite if Datadog did not state it.
    :param seconds: 0 if Datadog did not state it.
    :param remaining: how many requests are left until ``reset_at``, in Unix time.
    """

    requests: float
    seconds: float
    remaining: float = 0.0
    reset_at: float = 0.0

    def seconds_per_request(self, share: float) -> float:
        """Return how far apart requests have to be in order to use a part of the limit at most."""
        return self.seconds / _allowance(self.requests, share)


class RateLimits:
    """The rate limits that Datadog stated, to be asked before each call. Not thread-safe.

    Limits are stored by their name (``X-RateLimit-Name``), or by the call if Datadog names none.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._limits: dict[str, RateLimit] = {}

    def stated(self, call: str) -> RateLimit | None:
        """Return the limit of a call; None if Datadog did not state requests and seconds."""
        limit = self._limits.get(self._names.get(call, ""))
        return limit if limit is not None and limit.seconds and not math.isinf(limit.requests) else None

    def take(self, call: str, now: float, share: float = 1.0) -> float:
        """Count one call against its limit.

        :param share: the part of the limit that this call may use. The call waits while only the rest of the limit
            remains, no matter which calls used it.
        :returns: 0 if the call may be sent; otherwise the seconds until it may, and it is not counted.
        """
        name = self._names.get(call, "")
        limit = self._limits.get(name)
        if limit is None:
            return 0.0
        if now >= limit.reset_at:
            limit = limit._replace(remaining=limit.requests, reset_at=now + limit.seconds)
        rest = 0.0 if math.isinf(limit.requests) else limit.requests - _allowance(limit.requests, share)
        wait = limit.reset_at - now if limit.remaining < 1 + rest else 0.0
        self._limits[name] = limit if wait else limit._replace(remaining=limit.remaining - 1)
        return wait

    def learn(self, call: str, status: int, headers: Mapping[str, str], received: float) -> None:
        remaining = _number(headers.get("x-ratelimit-remaining", ""))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            remaining = 0.0
        reset = reset_after(headers, received)
        if remaining is None or reset is None:
            return
        name = self._names[call] = headers.get("x-ratelimit-name") or self._names.get(call, call)
        reset_at = received + reset
        known = self._limits.get(name)
        if known is not None and reset_at < known.reset_at + 1:
            # Within one period the count only falls: a response that was overtaken must not raise it again.
            remaining = min(remaining, known.remaining)
        # A response that does not state them, such as a 429 of a proxy, does not change them.
        total = _number(headers.get("x-ratelimit-limit", "")) or (known.requests if known else math.inf)
        period = _number(headers.get("x-ratelimit-period", "")) or (known.seconds if known else 0.0)
        self._limits[name] = RateLimit(total if total >= 1 else math.inf, period, remaining, reset_at)


def shortest_interval(polls: Iterable[tuple[float, int]], seconds_per_request: float) -> float:
    """Return the shortest interval that polls may have, so that together they send one request in so many seconds.

    Polls with a longer interval keep it and leave more to the others.

    :param polls: the interval that each poll wants in seconds, and how many requests it sends each time.
    """
    by_interval = sorted(polls, reverse=True)
    requests = sum(each for _, each in by_interval)
    left = 1.0
    for interval, each in by_interval:
        if interval * left < requests * seconds_per_request:
            return requests * seconds_per_request / left
        requests -= each
        left -= each * seconds_per_request / interval
    return 0.0


def _allowance(total: float, share: float) -> float:
    """Return how many requests a part of a limit allows. One is always allowed."""
    return max(1.0, math.floor(total * share))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def reset_after(headers: Mapping[str, str], received: float) -> float | None:
    """Return the seconds until a limit is reset; None if the response does not say."""
    reset = parse_wait(headers, "x-ratelimit-reset", received)
    return parse_wait(headers, "retry-after", received) if reset is None else reset


def parse_wait(headers: Mapping[str, str], header: str, received: float) -> float | None:
    """Read a wait from seconds, Unix time or an HTTP date. Anything else is ignored.

    :param headers: of a response, with lower-case names.
    :param received: when the response arrived, in Unix time.
    """
    value = headers.get(header)
    if value is None:
        return None
    number = _number(value)
    if number is None:
        try:
            number = parsedate_to_datetime(value).timestamp()
        except (ValueError, OverflowError):
            return None
    if number >= _OLDEST_UNIX_TIME:
        number -= received
    # Seconds are rounded down: 0 means that less than one is left.
    return max(number, 1.0) if 0 <= number <= _MAX_WAIT else None
