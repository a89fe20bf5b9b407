"""The wait of a deferred sensor, in the triggerer."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._runtime.followers import Follower
from airflow_provider_seats._runtime.turns import compute
from airflow_provider_seats.exceptions import TransientError

if TYPE_CHECKING:
    from airflow_provider_seats._planning.condition import Condition
    from airflow_provider_seats._planning.seat_list import SeatList

log = logging.getLogger(__name__)

_LAST_POLL_TIMEOUT: Final = 60.0
Met = list[dict[str, str | None]]


class UsersWait:
    """Waits until people hold a seat, or no longer hold one.

    There may be thousands of these, so a wait keeps few objects alive: Python's garbage collector looks at each.

    :param condition: what it waits for.
    :param conn_id: the connection's id.
    :param interval: the time between two polls, in seconds.
    """

    __slots__ = ("_absent", "_condition", "_conn_id", "_error", "_failed", "_interval", "_summary", "_warning")

    def __init__(self, condition: Condition, conn_id: str, interval: float) -> None:
        self._condition = condition
        self._conn_id = conn_id
        self._interval = interval
        # What the last list says, and why the seats are unknown since then.
        self._summary: str | None = None
        self._error: TransientError | None = None
        # Whether the last poll failed. A poll that started before the wait does not count.
        self._failed = False
        self._warning: str | None = None
        # Whether the last list met the condition by an absence, which a second reading has to confirm.
        self._absent = False

    async def result(self, timeout_at: float, execution_timeout_at: float | None) -> dict[str, Any]:
        """Return the payload of the event that ends the wait.

        :param timeout_at: when the sensor's ``timeout`` is over, in Unix time.
        :param execution_timeout_at: when the task's ``execution_timeout`` is over, in Unix time; None without one.
        """
        limit, at = "timeout", timeout_at
        if execution_timeout_at is not None and execution_timeout_at < at:
            limit, at = "execution_timeout", execution_timeout_at
        left = at - clock().now()
        met = await self._met_within(left) if left > 0 else None
        # A sensor in poke mode pokes once more after its last sleep. This does, too, unless the last poll failed.
        if met is None and limit == "timeout" and not self._failed:
            met = await self._met_within(_LAST_POLL_TIMEOUT, only_once=True)
        if met is None:
            return {"status": "timeout", "limit": limit, "summary": self._outcome()}
        return {"status": "success", "met": met, "summary": self._summary}

    async def _met_within(self, seconds: float, *, only_once: bool = False) -> Met | None:
        """Poll until the condition is met, and return the people who met it; None if there is no time left.

        :param only_once: return None, too, if a single poll does not meet the condition.
        """
        self._absent = False
        follower = Follower(self._conn_id, self._condition.product, 0.0 if only_once else self._interval)
        try:
            async with asyncio.timeout(seconds) as ending, follower:
                while True:
                    snapshot = await follower.next_snapshot()
                    if isinstance(snapshot, TransientError):
                        self._note(snapshot, current=follower.is_current)
                        again = only_once and not follower.is_current
                    elif (met := await self._look(snapshot)) is not None:
                        return met
                    else:
                        again = self._absent
                    if again:
                        follower.require_new_reading()
                    elif only_once:
                        return None
        except TimeoutError:
            if not ending.expired():
                raise
            return None

    def _note(self, error: TransientError, *, current: bool) -> None:
        """Keep an error, and log it unless it is the last one again."""
        if error is not self._error:
            log.warning("The seat list could not be read: %s", error)
        self._error, self._failed = error, current

    async def _look(self, seat_list: SeatList) -> Met | None:
        """Return the people who met the condition, if this list ends the wait. Log the progress."""
        self._error, self._failed = None, False
        progress = await compute(len(self._condition.people), partial(self._condition.progress, seat_list))
        if progress.summary != self._summary:
            log.info("%s", progress.summary)
        self._summary = progress.summary
        if (warning := self._condition.warning(seat_list)) and warning != self._warning:
            log.warning("%s", warning)
        self._warning = warning
        # An absence from a list of several pages has to be seen in two readings, one after the other.
        may_be_a_shift = self._condition.state == "unassigned" and seat_list.pages > 1
        ends = progress.done and (self._absent or not may_be_a_shift)
        self._absent = progress.done
        return progress.met if ends else None

    def _outcome(self) -> str:
        """Return what is known when the time is over."""
        if self._error is None:
            return self._summary or "The seat list was not read in time."
        if self._summary is None:
            return f"The seat list could not be read: {self._error}"
        return f"{self._summary}; not read since then: {self._error}"
