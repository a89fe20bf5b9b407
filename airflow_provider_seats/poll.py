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
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from airflow_provider_seats.client import Client
from airflow_provider_seats.holders import Holders
from airflow_provider_seats.protocol import PassingError, Pause, gist
from airflow_provider_seats.seats import list_seat_users

if TYPE_CHECKING:
    from airflow_provider_seats.connection import DatadogConnection

log = logging.getLogger(__name__)

SHORTEST_INTERVAL: Final = 1.0


class Sight(NamedTuple):
    """What a poll knows: who holds a seat, or why that is not known at the moment."""

    holders: Holders | None
    trouble: PassingError | None = None


class Follower:
    """One who waits. To be used in a ``with`` statement, on the event loop."""

    __slots__ = ("_poll", "_seen", "_waiting", "interval")

    def __init__(self, poll: _Poll, interval: float) -> None:
        self.interval = max(interval, SHORTEST_INTERVAL)
        self._poll = poll
        self._seen: Sight | None = None
        self._waiting: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._poll.join(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.leave(self)

    async def news(self) -> Sight:
        """Give what the poll knows as soon as that is another than was given before.

        :raises DatadogSeatsError: what ended the poll.
        """
        while not self.is_behind():
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if self._poll.error is not None:
            # One error is raised in many tasks, each of which would lengthen its traceback.
            raise self._poll.error.with_traceback(None)
        self._seen = self._poll.sight
        return self._seen

    def is_behind(self) -> bool:
        """Whether there is news: to a newcomer, what is not older than its interval."""
        poll = self._poll
        if poll.error is not None:
            return True
        if self._seen is None and poll.sight.trouble is None:
            return poll.age() <= self.interval
        return poll.sight is not self._seen

    def wake(self) -> bool:
        """Let whoever waits for news look; whether someone does."""
        if self._waiting is None or self._waiting.done() or not self.is_behind():
            return False
        self._waiting.set_result(None)
        return True


def follow(
    connection: DatadogConnection, product: str, interval: float, *, make_client: Callable[..., Client] = Client
) -> Follower:
    """Follow who holds the seats of a product, on the running event loop.

    :param interval: the longest time between two looks, in seconds; at least 1.
    """
    key = (asyncio.get_running_loop(), connection)
    line = _lines.get(key)
    if line is None:
        line = _lines[key] = _Line(connection, make_client, lambda: _lines.pop(key))
    poll = line.polls.get(product)
    if poll is None:
        poll = line.polls[product] = _Poll(line, product)
    return Follower(poll, interval)


class _Line:
    """What the polls of one organisation share on an event loop: the client, with what it knows of rate limits."""

    def __init__(
        self, connection: DatadogConnection, make_client: Callable[..., Client], forget: Callable[[], Any]
    ) -> None:
        self.client = make_client(connection, announce=self._announce)
        self.polls: dict[str, _Poll] = {}
        self._forget = forget
        self._told: str | None = None

    def drop(self, poll: _Poll) -> None:
        """Let a poll go, and with the last one also the client."""
        if self.polls.get(poll.product) is poll:
            del self.polls[poll.product]
            if not self.polls:
                self._forget()
                self.client.close()

    def well(self) -> None:
        """Take note that Datadog answers, so that the next fault is news."""
        self._told = None

    def _announce(self, pause: Pause) -> None:
        """Tell of a wait once, and not at each attempt of each poll."""
        reason = gist(pause.reason)
        if reason != self._told:
            log.info("Waiting %.1f s: %s", pause.seconds, pause.reason)
        self._told = reason


class _Poll:
    """Reads one seat list again and again.

    :ivar sight: what it knows; the same object as long as nothing changes.
    :ivar error: what ended it, for all who follow.
    """

    def __init__(self, line: _Line, product: str) -> None:
        self.product = product
        self.sight = Sight(None)
        self.error: Exception | None = None
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._followers: dict[Follower, None] = {}
        self._looked = self._answered = -math.inf
        self._not_before = -math.inf
        self._others = asyncio.Event()
        # With a context of its own: that of the first follower would put all log lines into its task's log.
        context = contextvars.Context()
        self._task = self._loop.create_task(self._run(), name=f"datadog-seats-{product}", context=context)

    def join(self, follower: Follower) -> None:
        """Take in one who waits, perhaps for a shorter interval."""
        self._followers[follower] = None
        self._others.set()

    def leave(self, follower: Follower) -> None:
        """Let one go, and end with the last."""
        self._followers.pop(follower, None)
        self._others.set()
        if not self._followers:
            self._task.cancel()
            self._line.drop(self)

    def age(self) -> float:
        """Give the seconds since the list was last read."""
        return self._loop.time() - self._answered

    async def _run(self) -> None:
        try:
            while True:
                await self._until_due()
                await self._look()
                await self._tell()
        except Exception as error:  # noqa: BLE001 (each follower raises it)
            self.error = error
            self._line.drop(self)
            await self._tell()

    async def _look(self) -> None:
        try:
            users = await self._line.client.arun(list_seat_users(self.product))
        except PassingError as error:
            self._looked = self._loop.time()
            self._not_before = self._looked + (error.retry_after or 0)
            if not _alike(self.sight.trouble, error):
                self.sight = Sight(self.sight.holders, error)
            return
        self._looked = self._answered = self._loop.time()
        self._line.well()
        known = self.sight.holders
        if known is None or known.users != users:
            self.sight = Sight(Holders(users))
        elif self.sight.trouble is not None:
            self.sight = Sight(known)

    async def _until_due(self) -> None:
        """Wait for the end of the shortest interval, which changes as others come and go."""
        while True:
            self._others.clear()
            shortest = min((follower.interval for follower in self._followers), default=0.0)
            left = max(self._looked + shortest, self._not_before) - self._loop.time()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._others.wait()

    async def _tell(self) -> None:
        """Wake all who wait for what is new, one by one, so that thousands do not hold up the event loop."""
        for follower in list(self._followers):
            if follower.wake():
                await asyncio.sleep(0)


_lines: dict[tuple[asyncio.AbstractEventLoop, DatadogConnection], _Line] = {}


def _alike(one: PassingError | None, other: PassingError) -> bool:
    def looks(error: PassingError) -> tuple[object, ...]:
        return type(error), getattr(error, "status", None), gist(error.problem)

    return one is not None and looks(one) == looks(other)
