"""One poll for all triggers on an event loop that wait for something in the same seat list, or for accounts.

Followers of the same source through equal connections share one poll. It starts with the first of them, ends with the
last, and reads at the shortest interval among them, but uses at most half of a rate limit that Datadog states.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_provider_seats._api.client import make_client
from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.rate_limits import WAIT_SHARE, shortest_interval
from airflow_provider_seats._text import plural, without_numbers
from airflow_provider_seats._waiting.turns import next_turn, wake_in_turns
from airflow_provider_seats.exceptions import TransientError

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Pause
    from airflow_provider_seats._waiting.followers import Follower
    from airflow_provider_seats._waiting.sources import Reading, Source
    from airflow_provider_seats.connection import DatadogConnection

log = logging.getLogger(__name__)

MIN_INTERVAL: Final = 1.0

# The result of a poll: what was read, or why that is unknown at the moment.
Snapshot: TypeAlias = "Reading | TransientError"


def poll_of(connection: DatadogConnection, source: Source) -> Poll:
    """Return the poll of a source on the running event loop. Start one if there is none."""
    # What is left on a closed loop holds keys. Other loops may run in other threads, so this iterates over a copy.
    for key in [key for key in list(_organisations) if key[0].is_closed()]:
        _organisations.pop(key, None)
    key = (asyncio.get_running_loop(), connection)
    organisation = _organisations.get(key)
    if organisation is None:
        organisation = _organisations[key] = _Organisation(*key)
    poll = organisation.polls.get(source)
    if poll is None:
        poll = organisation.polls[source] = Poll(organisation, source)
    return poll


class _Organisation:
    """What the polls through one connection share on an event loop: the client, with the rate limits that it knows."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: DatadogConnection) -> None:
        self.client = make_client(connection, share=WAIT_SHARE, announce=_announce)
        self.polls: dict[Source, Poll] = {}
        self._key = loop, connection

    def drop(self, poll: Poll) -> None:
        """Remove a poll, and close the client with the last one."""
        if self.polls.get(poll.source) is poll:
            del self.polls[poll.source]
            if not self.polls:
                _organisations.pop(self._key, None)
                self.client.close()

    def allowed_interval(self, limit_key: str) -> tuple[float, str]:
        """Return the shortest interval at which the polls together use their share of a rate limit, and the limit."""
        limit = self.client.rate_limit(limit_key)
        if limit is None:
            return 0.0, ""
        polls = [(poll.interval, poll.requests) for source, poll in self.polls.items() if source.limit_key == limit_key]
        interval = shortest_interval(polls, limit.seconds_per_request(WAIT_SHARE))
        return interval, f"Datadog's rate limit of {limit.requests:g} requests in {limit.seconds:g} s"


class Poll:
    """Reads one source again and again.

    :ivar snapshot: the result of the last reading, and None before the first. An error is the same object as long as
        it does not change.
    :ivar task: the task that reads.
    :ivar started: how many readings have started.
    :ivar ended: how many readings have ended.
    :ivar announced: the last wait that was logged since Datadog answered, without its numbers.
    :ivar error: the error that ended it, for all followers.
    """

    def __init__(self, organisation: _Organisation, source: Source) -> None:
        self.source = source
        self.snapshot: Snapshot | None = None
        self.error: Exception | None = None
        self.announced = ""
        self._organisation = organisation
        self._loop = asyncio.get_running_loop()
        self._followers: dict[Follower, None] = {}
        self._known: Reading | None = None
        self.started = self.ended = 0
        self._stretched = self._rest = 0.0
        self._began = self._finished = self._not_before = -math.inf
        self._pace_changed = asyncio.Event()
        # A context of its own: that of the first follower would put all log lines into its task's log.
        context = Context()
        context.run(_current.set, self)
        self.task = self._loop.create_task(self._run(), name=f"datadog-seats-{source.name}", context=context)

    @property
    def interval(self) -> float:
        return min((follower.interval for follower in self._followers), default=MIN_INTERVAL)

    @property
    def requests(self) -> int:
        return 1 if self._known is None else self._known.requests

    def join(self, follower: Follower) -> None:
        """Add a follower, which may need a shorter interval."""
        self._followers[follower] = None
        self._pace_changed.set()

    def leave(self, follower: Follower) -> None:
        """Remove a follower, and end with the last."""
        self._followers.pop(follower, None)
        self._pace_changed.set()
        if not self._followers:
            self.task.cancel()
            self._organisation.drop(self)

    async def _run(self) -> None:
        try:
            # All followers that start together come first, so that the first reading counts for them.
            await next_turn()
            while True:
                await self._until_due()
                await self._read()
                self._notify()
                # The followers go first: they may leave, or require a new reading.
                await next_turn()
        except Exception as error:  # noqa: BLE001 (each follower raises it)
            self._end(error)
        except asyncio.CancelledError:
            # If there are followers left, this did not happen because the last one left.
            self._end(RuntimeError("The poll was cancelled."))
            raise

    def _end(self, error: Exception) -> None:
        self.error = error
        self._organisation.drop(self)
        self._notify()

    async def _read(self) -> None:
        self.started += 1
        self._began = self._loop.time()
        followers = tuple(self._followers)
        emails = (email for follower in followers for email in follower.emails)
        try:
            self._known = await self._organisation.client.arun(self.source.read(self._known, self.started, emails))
        except TransientError as error:
            self._not_before = self._loop.time() + (error.retry_after or 0)
            if not _alike(self.snapshot, error):
                self.snapshot = error
        else:
            # A reading that takes longer than the interval is followed by a rest as long as itself.
            self._rest = self._loop.time() - self._began
            self.snapshot = self._known
            self.announced = ""
        self.ended, self._finished = self.started, self._loop.time()

    async def _until_due(self) -> None:
        """Wait for the end of the interval, which changes as followers come and go."""
        while True:
            self._pace_changed.clear()
            rested = self._finished + max(self.interval, self._rest)
            due = max(rested, self._began + self._stretch(), self._not_before)
            left = due - self._loop.time()
            if left <= 0 or await clock().until_set(self._pace_changed, left):
                return

    def _stretch(self) -> float:
        """Return the interval that the rate limit allows, from start to start. Log it if it matters, and once."""
        stretched, limit = self._organisation.allowed_interval(self.source.limit_key)
        if stretched <= self.interval:
            if self._stretched:
                log.info("%s: polling every %g s again", self.source.name, self.interval)
            self._stretched = 0.0
        elif not self._stretched / 2 < stretched < self._stretched * 2:
            self._stretched = stretched
            reason = f"A reading takes {plural(self.requests, 'request')}, and waiting uses at most half of {limit}."
            log.info(
                "%s: polling every %.1f s instead of every %g s. %s", self.source.name, stretched, self.interval, reason
            )
        return stretched

    def _notify(self) -> None:
        wakeups = (follower.pending_wakeup() for follower in self._followers)
        wake_in_turns(wakeup for wakeup in wakeups if wakeup is not None)


_current: Final[ContextVar[Poll]] = ContextVar("poll")
_organisations: Final[dict[tuple[asyncio.AbstractEventLoop, DatadogConnection], _Organisation]] = {}


def _announce(pause: Pause) -> None:
    """Log a wait once for each poll, not at each attempt."""
    poll, reason = _current.get(), without_numbers(pause.reason)
    if reason != poll.announced:
        log.info("Waiting %.1f s: %s", pause.seconds, pause.reason)
    poll.announced = reason


def _alike(snapshot: Snapshot | None, error: TransientError) -> bool:
    def key(error: TransientError) -> tuple[object, ...]:
        return type(error), getattr(error, "status", None), without_numbers(error.problem)

    return isinstance(snapshot, TransientError) and key(snapshot) == key(error)
