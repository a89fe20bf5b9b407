"""One poll of a seat list for everyone on an event loop who waits for something in it. Knows nothing of Airflow.

Whoever follows a product through equal connections shares one poll, which begins with the first of them and ends with
the last. It reads the list at the shortest interval that any of them asks for.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import PassingError, Pause, gist
from airflow_provider_seats._api.seats import list_seat_users
from airflow_provider_seats._planning.seat_list import Holders

if TYPE_CHECKING:
    from airflow_provider_seats.connection import DatadogConnection

log = logging.getLogger(__name__)

SHORTEST_INTERVAL: Final = 1.0

# What a poll sees: who holds a seat, or why that is not known at the moment.
Sight: TypeAlias = Holders | PassingError


class Follower:
    """One who waits for news of a product's seats. To be used in a ``with`` statement, on an event loop.

    :param interval: the longest time between two looks, in seconds; less than 1 counts as 1.
    :param oldest: the age in seconds of the oldest look that will do as the first news, if that is less than the
        interval: whoever has looked by other means is not to be told what was before.
    """

    __slots__ = ("_connection", "_oldest", "_poll", "_product", "_seen", "_since", "_waiting", "interval")
    _poll: _Poll
    _since: float

    def __init__(
        self, connection: DatadogConnection, product: str, interval: float, *, oldest: float = math.inf
    ) -> None:
        self.interval = max(interval, SHORTEST_INTERVAL)
        self._connection = connection
        self._product = product
        self._oldest = min(self.interval, max(oldest, 0.0))
        self._seen: Sight | None = None
        self._waiting: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._poll = _poll_of(self._connection, self._product)
        self._since = asyncio.get_running_loop().time() - self._oldest
        self._poll.join(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.leave(self)

    async def news(self) -> Sight:
        """Give what the poll sees as soon as that is another than was given before.

        :raises DatadogSeatsError: what ended the poll.
        """
        while not self._is_behind():
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if self._poll.error is not None or self._poll.sight is None:
            # One error is raised in many tasks, each of which would lengthen its traceback.
            raise (self._poll.error or RuntimeError("nothing was seen")).with_traceback(None)
        self._seen = self._poll.sight
        return self._seen

    def wake(self) -> bool:
        """Let whoever waits look for news; whether someone waits, and there is some."""
        if self._waiting is None or self._waiting.done() or not self._is_behind():
            return False
        self._waiting.set_result(None)
        return True

    def _is_behind(self) -> bool:
        poll = self._poll
        if poll.error is not None:
            return True
        stale = self._seen is None and isinstance(poll.sight, Holders) and poll.begun < self._since
        return poll.sight is not self._seen and not stale


def _poll_of(connection: DatadogConnection, product: str) -> _Poll:
    """Give the poll of a product on the running event loop; a new one if there is none."""
    # Other loops may run in other threads, so this goes over a copy.
    for each in list(_organisations):
        if each[0].is_closed():
            _organisations.pop(each, None)
    key = (asyncio.get_running_loop(), connection)
    organisation = _organisations.get(key)
    if organisation is None:
        organisation = _organisations[key] = _Organisation(connection, lambda: _organisations.pop(key, None))
    poll = organisation.polls.get(product)
    if poll is None:
        poll = organisation.polls[product] = _Poll(organisation, product)
    return poll


class _Organisation:
    """What the polls through one connection share on an event loop: the client, with what it knows of rate limits."""

    def __init__(self, connection: DatadogConnection, forget: Callable[[], Any]) -> None:
        self.client = Client(connection, announce=self._announce)
        self.polls: dict[str, _Poll] = {}
        self._forget = forget
        self._announced: dict[object, str] = {}

    def drop(self, poll: _Poll) -> None:
        """Let a poll go, and with the last one also the client."""
        if self.polls.get(poll.product) is poll:
            del self.polls[poll.product]
            self._announced.pop(poll.task, None)
            if not self.polls:
                self._forget()
                self.client.close()

    def answered(self) -> None:
        """Take note that Datadog answers the poll that runs, so that its next fault is news."""
        self._announced.pop(asyncio.current_task(), None)

    def _announce(self, pause: Pause) -> None:
        """Tell of a wait once for each poll, and not at each attempt."""
        task, reason = asyncio.current_task(), gist(pause.reason)
        if reason != self._announced.get(task):
            log.info("Waiting %.1f s: %s", pause.seconds, pause.reason)
        self._announced[task] = reason


class _Poll:
    """Reads one seat list again and again.

    :ivar sight: what it sees; the same object as long as nothing changes, and None before the first look.
    :ivar task: what reads.
    :ivar begun: when the look began that gave it, by the event loop's clock.
    :ivar error: what ended it, for all who follow.
    """

    def __init__(self, organisation: _Organisation, product: str) -> None:
        self.product = product
        self.sight: Sight | None = None
        self.error: Exception | None = None
        self._organisation = organisation
        self._loop = asyncio.get_running_loop()
        self._followers: dict[Follower, None] = {}
        self._known: Holders | None = None
        self.begun = self._looked = self._not_before = -math.inf
        self._pace_changed = asyncio.Event()
        # With a context of its own: that of the first follower would put all log lines into its task's log.
        context = contextvars.Context()
        self.task = self._loop.create_task(self._run(), name=f"datadog-seats-{product}", context=context)

    def join(self, follower: Follower) -> None:
        """Take in one who waits, perhaps for a shorter interval."""
        self._followers[follower] = None
        self._pace_changed.set()

    def leave(self, follower: Follower) -> None:
        """Let one go, and end with the last."""
        self._followers.pop(follower, None)
        self._pace_changed.set()
        if not self._followers:
            self.task.cancel()
            self._organisation.drop(self)

    async def _run(self) -> None:
        try:
            while True:
                await self._until_due()
                await self._look()
                await self._tell()
        except Exception as error:  # noqa: BLE001 (each follower raises it)
            self.error = error
            self._organisation.drop(self)
            await self._tell()
        except asyncio.CancelledError:
            # Not because the last one left, if there is one left.
            self.error = RuntimeError("The poll was cancelled.")
            self._organisation.drop(self)
            for follower in self._followers:
                follower.wake()
            raise

    async def _look(self) -> None:
        begun = self._loop.time()
        try:
            users = await self._organisation.client.arun(list_seat_users(self.product))
        except PassingError as error:
            self._looked = self._loop.time()
            self._not_before = self._looked + (error.retry_after or 0)
            if not _alike(self.sight, error):
                self.sight = error
            return
        self.begun, self._looked = begun, self._loop.time()
        self._organisation.answered()
        if self._known is None or self._known.users != users:
            self._known = Holders(users)
        self.sight = self._known

    async def _until_due(self) -> None:
        """Wait for the end of the shortest interval, which changes as others come and go."""
        while True:
            self._pace_changed.clear()
            shortest = min((follower.interval for follower in self._followers), default=0.0)
            left = max(self._looked + shortest, self._not_before) - self._loop.time()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._pace_changed.wait()

    async def _tell(self) -> None:
        """Wake all who wait for what is new, one by one, so that thousands do not hold up the event loop."""
        for follower in list(self._followers):
            if follower.wake():
                await asyncio.sleep(0)


_organisations: dict[tuple[asyncio.AbstractEventLoop, DatadogConnection], _Organisation] = {}


def _alike(sight: Sight | None, error: PassingError) -> bool:
    def looks(error: PassingError) -> tuple[object, ...]:
        return type(error), getattr(error, "status", None), gist(error.problem)

    return isinstance(sight, PassingError) and looks(sight) == looks(error)
