"""Datadog's rate limits: what the answers' headers tell of them, and how long a call has to wait.

.. seealso:: https://docs.datadoghq.com/api/latest/rate-limits/
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

_OLDEST_UNIX_TIME: Final = 1e9
# No limit of Datadog's is known to be longer; what says so is garbage, and must not stop a client for years.
_LONGEST: Final = 86_400.0


class _Limit:
    def __init__(self, remaining: float, total: float, period: float, reset_at: float) -> None:
        self.remaining = remaining
        self.total = total
        self.period = period
        self.reset_at = reset_at


class RateLimits:
    """What the answers told about Datadog's rate limits, to be asked before each call. Not safe across threads.

    Limits are kept by the name that Datadog gives them (``X-RateLimit-Name``), or by the call if it gives none.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._limits: dict[str, _Limit] = {}

    def take(self, call: str, now: float) -> float:
        """Take one call off its limit.

        :param call: method and path.
        :returns: 0 if it may be sent; otherwise nothing is taken, and these are the seconds until it may.
        """
        limit = self._limits.get(self._names.get(call, ""))
        if limit is None:
            return 0.0
        if now >= limit.reset_at:
            limit.remaining = limit.total
            limit.reset_at = now + limit.period
        if limit.remaining < 1:
            return limit.reset_at - now
        limit.remaining -= 1
        return 0.0

    def learn(self, call: str, status: int, headers: Mapping[str, str], received: float) -> None:
        """Take note of what an answer's headers say."""
        remaining = _number(headers.get("x-ratelimit-remaining", ""))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            remaining = 0.0
        reset = reset_after(headers, received)
        if remaining is None or reset is None:
            return
        name = self._names[call] = headers.get("x-ratelimit-name") or call
        reset_at = received + reset
        known = self._limits.get(name)
        if known is not None and reset_at < known.reset_at + 1:
            # Within one period the count only falls: an answer that was overtaken must not raise it again.
            remaining = min(remaining, known.remaining)
        total = _number(headers.get("x-ratelimit-limit", ""))
        period = _number(headers.get("x-ratelimit-period", ""))
        self._limits[name] = _Limit(remaining, total if total and total >= 1 else math.inf, period or 0.0, reset_at)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def reset_after(headers: Mapping[str, str], received: float) -> float | None:
    """Give the seconds until a spent limit is reset; None if the answer does not say."""
    told = told_wait(headers, "x-ratelimit-reset", received)
    return told_wait(headers, "retry-after", received) if told is None else told


def told_wait(headers: Mapping[str, str], header: str, received: float) -> float | None:
    """Read a wait that is given as seconds, as Unix time or as an HTTP date; what is none of them is ignored.

    :param headers: of an answer, with lower-case names.
    :param received: when the answer came, in Unix time.
    """
    told = headers.get(header)
    if told is None:
        return None
    number = _number(told)
    if number is None:
        try:
            number = parsedate_to_datetime(told).timestamp()
        except (ValueError, OverflowError):
            return None
    if number >= _OLDEST_UNIX_TIME:
        number -= received
    # A whole number of seconds that is 0 means that less than one is left.
    return max(number, 1.0) if 0 <= number <= _LONGEST else None
