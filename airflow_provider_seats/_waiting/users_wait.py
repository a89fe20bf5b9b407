"""The wait of a deferred sensor, in the triggerer."""

from __future__ import annotations

import asyncio
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._waiting.followers import Follower
from airflow_provider_seats._waiting.turns import compute
from airflow_provider_seats.exceptions import TransientError

if TYPE_CHECKING:
    from airflow_provider_seats._waiting.accounts import AccountsCondition
    from airflow_provider_seats._waiting.condition import Condition, Met, Progress, SourceChange

log = logging.getLogger(__name__)

# How long the last poll may take, in seconds.
_LAST_POLL_TIMEOUT: Final = 60.0


class UsersWait:
    """Waits until people hold a seat, or no longer hold one, or have an account; or until what is read changes.

    There may be thousands of waits. So each keeps few objects alive: the garbage collector looks at all of them.
    """

    __slots__ = ("_condition", "_conn_id", "_error", "_failed", "_interval", "_summary", "_warning")

    def __init__(self, condition: Condition | AccountsCondition | SourceChange, conn_id: str, interval: float) -> None:
        self._condition = condition
        self._conn_id = conn_id
        self._interval = interval
        # What the last list says, and why the seats have been unknown since.
        self._summary: str | None = None
        self._error: TransientError | None = None
        # Whether the last poll failed. A poll that started before the wait does not count.
        self._failed = False
        self._warning: str | None = None

    async def result(self, timeout_at: float, execution_timeout_at: float | None) -> dict[str, Any]:
        """Return the payload of the event that ends the wait.

        :param timeout_at: when the sensor's ``timeout`` is over, in Unix time.
        :param execution_timeout_at: when the task's ``execution_timeout`` is over, in Unix time; None without one.
        :raises DatadogSeatsError: if no retry can fix it.
        """
        limit, at = "timeout", timeout_at
        if execution_timeout_at is not None and execution_timeout_at < at:
            limit, at = "execution_timeout", execution_timeout_at
        left = at - clock().now()
        met = await self._met_within(left) if left > 0 else None
        # A sensor in poke mode pokes once more after its last sleep. This wait does so unless its last poll failed.
        if met is None and limit == "timeout" and not self._failed:
            left = math.inf if execution_timeout_at is None else execution_timeout_at - clock().now()
            met = await self._met_within(min(left, _LAST_POLL_TIMEOUT), only_once=True)
        if met is None:
            return {"status": "timeout", "limit": limit, "summary": self._outcome()}
        return {"status": "success", **met, "summary": self._summary}

    async def _met_within(self, seconds: float, *, only_once: bool = False) -> Met | None:
        """Poll until the condition is met, and return the people who met it; None if there is no time left.

        :param only_once: return None, too, if a single poll does not meet the condition.
        """
        follower = Follower(
            self._conn_id,
            self._condition.source,
            0.0 if only_once else self._interval,
            self._condition.people.emails,
        )
        try:
            async with asyncio.timeout(seconds) as ending, follower:
                while True:
                    snapshot = await follower.next_snapshot()
                    if isinstance(snapshot, TransientError):
                        self._remember_error(snapshot, current=follower.is_current)
                        # What a reading that started earlier found is not the result of the one last poll.
                        again = only_once and not follower.is_current
                    else:
                        progress = await self._check(snapshot, follower.after)
                        if progress.met is not None:
                            return progress.met
                        again = progress.is_unproven
                    if again:
                        follower.require_new_reading()
                    elif only_once:
                        return None
        except TimeoutError:
            if not ending.expired():
                raise
            return None

    def _remember_error(self, error: TransientError, *, current: bool) -> None:
        """Remember an error. Log it unless it is the same as the last one."""
        if error is not self._error:
            log.warning("%s could not be read: %s", self._condition.source.subject, error)
        self._error, self._failed = error, current

    async def _check(self, reading: Any, after: int) -> Progress:  # noqa: ANN401 (what its source returns)
        """Return whether this reading ends the wait. Log the progress.

        :param after: the number of the last reading that does not count.
        """
        self._error, self._failed = None, False
        check = partial(self._condition.progress, reading, after)
        progress = await compute(len(self._condition.people) or len(reading), check)
        if progress.summary != self._summary:
            log.info("%s", progress.summary)
        self._summary = progress.summary
        if (warning := self._condition.warning(reading)) and warning != self._warning:
            log.warning("%s", warning)
        self._warning = warning
        return progress

    def _outcome(self) -> str:
        """Return what is known when the time is over."""
        if self._error is None:
            return self._summary or f"{self._condition.source.subject} could not be read in time."
        if self._summary is None:
            return f"{self._condition.source.subject} could not be read: {self._error}"
        return f"{self._summary}; not read since then: {self._error}"
