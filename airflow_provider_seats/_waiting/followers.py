"""Followers: the triggers' side of a shared poll."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Self, cast

from airflow_provider_seats._connect import read_connection
from airflow_provider_seats._waiting.shared_poller import MIN_INTERVAL, poll_of
from airflow_provider_seats._waiting.turns import next_turn, wake_in_turns
from airflow_provider_seats.exceptions import KeysRefusedError, TransientError

if TYPE_CHECKING:
    from airflow_provider_seats._waiting.shared_poller import Poll, Snapshot
    from airflow_provider_seats._waiting.sources import Source
    from airflow_provider_seats.connection import DatadogConnection


class Follower:
    """Waits for snapshots of a source. To be used in an ``async with`` statement.

    A reading that started before the follower does not count: it may be older than what the caller knows.
    An error from such a reading is returned, because it explains the wait.

    :param conn_id: the connection's id. To enter the ``with`` statement raises what is wrong with the connection.
    :param interval: the time between two polls, in seconds; less than 1 counts as 1. A rate limit or a long reading
        makes it longer.
    :param emails: the people to read, if the source is accounts.
    :ivar is_current: whether the last snapshot comes from a reading that counts.
    :ivar after: the number of the last reading that started before the follower. It proves nobody's absence.
    """

    _connection: DatadogConnection
    _poll: Poll
    after: int
    # Only readings after this one count. It is ``after`` until a new reading is required.
    _read_after: int

    def __init__(self, conn_id: str, source: Source, interval: float, emails: Sequence[str] = ()) -> None:
        self.interval = max(interval, MIN_INTERVAL)
        self.is_current = False
        self._conn_id = conn_id
        self._source = source
        self.emails = emails
        self._seen: object = None
        self._needs_new = False
        self._waiting: asyncio.Future[None] | None = None
        # Whether to look for new keys if Datadog refuses these. If it refuses the new ones at once, it is an error.
        self._may_renew = True

    async def __aenter__(self) -> Self:
        self._join(await _lookup(self._conn_id).result())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._poll.leave(self)

    @property
    def site(self) -> str:
        return self._connection.base_url

    async def next_snapshot(self) -> Snapshot:
        """Return the poll's snapshot as soon as it differs from the one returned before.

        If Datadog refuses the keys, and the connection has new ones, the follower joins a poll with the new keys.

        :raises DatadogSeatsError: what ended the poll.
        """
        while True:
            while not self._is_behind():
                self._waiting = asyncio.get_running_loop().create_future()
                try:
                    await self._waiting
                finally:
                    self._waiting = None
            if isinstance(self._poll.error, KeysRefusedError):
                await self._join_with_new_keys(self._poll.error)
                continue
            if self._poll.error is not None:
                # One error is raised in many tasks, and each would lengthen its traceback.
                raise self._poll.error.with_traceback(None)
            snapshot = cast("Snapshot", self._poll.snapshot)
            self._seen = _content(snapshot)
            self._needs_new = False
            self._may_renew = True
            self.is_current = self._poll.ended > self._read_after
            return snapshot

    def _join(self, connection: DatadogConnection) -> None:
        self._connection = connection
        self._poll = poll_of(connection, self._source)
        self.after = self._read_after = self._poll.started
        self._seen = None
        self._needs_new = False
        self._poll.join(self)

    async def _join_with_new_keys(self, refused: KeysRefusedError) -> None:
        try:
            renewed = await _lookup(self._conn_id).result()
        except Exception:  # noqa: BLE001 (what matters is that the keys were refused)
            raise refused.with_traceback(None) from None
        if renewed == self._connection or not self._may_renew:
            raise refused.with_traceback(None)
        self._poll.leave(self)
        self._may_renew = False
        self._join(renewed)

    def require_new_reading(self) -> None:
        """Make ``next_snapshot`` return the result of the next reading, even if it is the same."""
        self._seen = None
        self._needs_new = True
        self._read_after = self._poll.started

    def pending_wakeup(self) -> asyncio.Future[None] | None:
        """Return the future that the follower waits for. Return None if it does not wait, or nothing is new."""
        return self._waiting if self._is_behind() else None

    def _is_behind(self) -> bool:
        poll = self._poll
        if poll.error is not None:
            return True
        counts = poll.ended > self._read_after or (isinstance(poll.snapshot, TransientError) and not self._needs_new)
        return counts and _content(poll.snapshot) is not self._seen


def _content(snapshot: Snapshot | None) -> object:
    return snapshot if snapshot is None or isinstance(snapshot, TransientError) else snapshot.content


class _ConnectionLookup:
    """A look-up of a connection, for all followers that wait for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, conn_id: str) -> None:
        self._key = loop, conn_id
        self._waiting: list[asyncio.Future[None]] = []
        self._task = loop.create_task(self._read(conn_id))
        self._task.add_done_callback(self._done)

    async def result(self) -> DatadogConnection:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting
        return self._task.result()

    async def _read(self, conn_id: str) -> DatadogConnection:
        connection = await _read_connection(conn_id)
        # After this turn, all followers that started together wait for this task.
        await next_turn()
        return connection

    def _done(self, task: asyncio.Task[DatadogConnection]) -> None:
        _lookups.pop(self._key, None)
        if not task.cancelled():
            # If nobody waits for it any more, asyncio would log its error.
            task.exception()
        wake_in_turns(self._waiting)


_read_connection: Callable[[str], Awaitable[DatadogConnection]] = read_connection


def install(read: Callable[[str], Awaitable[DatadogConnection]]) -> Callable[[str], Awaitable[DatadogConnection]]:
    """Make followers read connections with a function. Return the one before it."""
    global _read_connection
    before, _read_connection = _read_connection, read
    return before


_lookups: Final[dict[tuple[asyncio.AbstractEventLoop, str], _ConnectionLookup]] = {}


def _lookup(conn_id: str) -> _ConnectionLookup:
    """Return the look-up of a connection that is in progress, or start one. A thousand followers may share it."""
    key = (asyncio.get_running_loop(), conn_id)
    if key not in _lookups:
        _lookups[key] = _ConnectionLookup(*key)
    return _lookups[key]
