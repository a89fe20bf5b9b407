"""Followers: the triggers' side of a shared poll."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_seats._runtime.shared_poller import MIN_INTERVAL, poll_of
from airflow_provider_seats._runtime.turns import take_turn
from airflow_provider_seats.exceptions import KeysRefusedError, TransientError
from airflow_provider_seats.hooks import read_connection

if TYPE_CHECKING:
    from airflow_provider_seats._runtime.shared_poller import Poll, Snapshot
    from airflow_provider_seats.connection import DatadogConnection

_reading: Final[dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[DatadogConnection]]] = {}


class Follower:
    """Waits for snapshots of a product's seats. To be used in an ``async with`` statement.

    A list from a reading that started before the follower does not count: it may be older than what the caller knows.
    An error from such a reading is returned, because it explains the wait.

    :param conn_id: the connection's id.
    :param interval: the time between two polls, in seconds; less than 1 counts as 1. A rate limit or a long reading
        makes it longer.
    :ivar is_current: whether the last snapshot comes from a reading that counts.
    """

    __slots__ = (
        "_after",
        "_conn_id",
        "_connection",
        "_keys_worked",
        "_needs_new",
        "_poll",
        "_product",
        "_seen",
        "_waiting",
        "interval",
        "is_current",
    )
    _connection: DatadogConnection
    _poll: Poll
    _after: int

    def __init__(self, conn_id: str, product: str, interval: float) -> None:
        self.interval = max(interval, MIN_INTERVAL)
        self.is_current = False
        self._conn_id = conn_id
        self._product = product
        self._seen: Snapshot | None = None
        self._needs_new = False
        self._waiting: asyncio.Future[None] | None = None
        # Whether the keys have worked. New keys that are refused at once are an error.
        self._keys_worked = True

    async def __aenter__(self) -> Self:
        self._join(await _connection(self._conn_id))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._poll.leave(self)

    @property
    def site(self) -> str:
        """The base URL of the connection."""
        return self._connection.base_url

    async def next_snapshot(self) -> Snapshot:
        """Return the poll's snapshot as soon as it differs from the one returned before.

        If the keys are refused, and the connection has new ones, it joins another poll with them.

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
            if self._poll.error is not None or self._poll.snapshot is None:
                # One error is raised in many tasks, and each would lengthen its traceback.
                raise (self._poll.error or RuntimeError("nothing was read")).with_traceback(None)
            self._seen = self._poll.snapshot
            self._needs_new = False
            self._keys_worked = True
            self.is_current = self._poll.ended > self._after
            return self._seen

    def _join(self, connection: DatadogConnection) -> None:
        self._connection = connection
        self._poll = poll_of(connection, self._product)
        self._after = self._poll.started
        self._seen = None
        self._needs_new = False
        self._poll.join(self)

    async def _join_with_new_keys(self, refused: KeysRefusedError) -> None:
        try:
            renewed = await _connection(self._conn_id)
        except Exception:  # noqa: BLE001 (what matters is that the keys were refused)
            raise refused.with_traceback(None) from None
        if renewed == self._connection or not self._keys_worked:
            raise refused.with_traceback(None)
        self._poll.leave(self)
        self._keys_worked = False
        self._join(renewed)

    def require_new_reading(self) -> None:
        """Make ``next_snapshot`` return the result of the next reading, even if it is the same."""
        self._seen = None
        self._needs_new = True
        self._after = self._poll.started

    def wake(self) -> bool:
        """Wake the follower if it waits and there is something new. Return whether it was woken."""
        if self._waiting is None or self._waiting.done() or not self._is_behind():
            return False
        self._waiting.set_result(None)
        return True

    def _is_behind(self) -> bool:
        poll = self._poll
        if poll.error is not None:
            return True
        counts = poll.ended > self._after or (isinstance(poll.snapshot, TransientError) and not self._needs_new)
        return counts and poll.snapshot is not self._seen


async def _connection(conn_id: str) -> DatadogConnection:
    """Read a connection once for all triggers that need it at the same moment: a thousand may start at once."""

    def done(task: asyncio.Task[DatadogConnection]) -> None:
        del _reading[key]
        if not task.cancelled():
            # If nobody waits for it any more, asyncio would log its error.
            task.exception()

    async def read() -> DatadogConnection:
        connection = await read_connection(conn_id)
        # By then, all that start together wait for this.
        await take_turn()
        return connection

    key = (asyncio.get_running_loop(), conn_id)
    if key not in _reading:
        _reading[key] = asyncio.create_task(read())
        _reading[key].add_done_callback(done)
    connection = await asyncio.shield(_reading[key])
    await take_turn()
    return connection
