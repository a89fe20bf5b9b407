"""The triggers: wait for people's seats, or tell of every change of seats. They only read.

All triggers of one triggerer that watch the same product through equal connections share one poll of its seat list; see
:mod:`airflow_provider_seats.poll`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_seats.arguments import read_age, read_product
from airflow_provider_seats.connection import DEFAULT_CONN_ID, DatadogConnection, DatadogSeatsError
from airflow_provider_seats.protocol import KeysRefusedError

if TYPE_CHECKING:
    from airflow_provider_seats.condition import Require, SeatState
    from airflow_provider_seats.poll import Sight

T = TypeVar("T")
log = logging.getLogger(__name__)

# The time in which an event that was yielded reaches Airflow's database: its triggerer takes events over each second.
_TAKEN_OVER: Final = 1.5
_ANSWERS_WITHIN: Final = 1.0
# How long a watcher of changes waits after an error that no retry would mend: someone may mend the connection.
_AFTER_AN_ERROR: Final = 60.0


class SeatUsersTrigger(BaseTrigger):
    """Wait until people hold a seat of a Datadog product, or no longer hold one, for a deferred ``SeatUsersSensor``.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    Yields one event, with a ``status``: ``success`` with ``met``, those who met the condition; ``timeout`` with the
    ``limit`` that was reached first, ``timeout`` or ``execution_timeout``; or ``error`` with the ``error``'s name and
    its ``message``, if no retry would mend it. A passing error is told once in the log and waited out. All arguments
    are stored in Airflow's database as they are, and none is secret.

    :param product_code: Datadog's code of the product.
    :param user_uuids: Datadog user UUIDs.
    :param user_emails: email addresses.
    :param state: ``assigned`` or ``unassigned``.
    :param require: ``all`` or ``any``.
    :param datadog_conn_id: the connection's id.
    :param poll_interval: the longest time between two looks, in seconds; at least 1.
    :param timeout_at: when the sensor's ``timeout`` is over, in Unix time.
    :param execution_timeout_at: when the task's ``execution_timeout`` is over, in Unix time; None without one.
    """

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: Sequence[str] | None = None,
        user_emails: Sequence[str] | None = None,
        state: SeatState = "assigned",
        require: Require = "all",
        datadog_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
        timeout_at: float,
        execution_timeout_at: float | None = None,
    ) -> None:
        super().__init__()
        self.product_code = product_code
        self.user_uuids = user_uuids
        self.user_emails = user_emails
        self.state = state
        self.require = require
        self.datadog_conn_id = datadog_conn_id
        self.poll_interval = poll_interval
        self.timeout_at = timeout_at
        self.execution_timeout_at = execution_timeout_at
        self._told: str | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give class path and arguments, as JSON can hold them."""
        return _path(self), {
            "product_code": self.product_code,
            "user_uuids": self.user_uuids,
            "user_emails": self.user_emails,
            "state": self.state,
            "require": self.require,
            "datadog_conn_id": self.datadog_conn_id,
            "poll_interval": self.poll_interval,
            "timeout_at": self.timeout_at,
            "execution_timeout_at": self.execution_timeout_at,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the event that ends the wait. By then nothing is open any more."""
        yield TriggerEvent(await self._wait())

    async def _wait(self) -> dict[str, Any]:
        limit, at = "timeout", self.timeout_at
        if self.execution_timeout_at is not None and self.execution_timeout_at < at:
            limit, at = "execution_timeout", self.execution_timeout_at
        try:
            async with asyncio.timeout(max(at - time.time(), 0)) as ending:
                met = await self._met()
        except TimeoutError:
            if not ending.expired():
                raise
            return {"status": "timeout", "limit": limit, "told": self._told}
        except DatadogSeatsError as error:
            if error.passing:
                raise
            return {"status": "error", "error": type(error).__name__, "message": str(error)}
        return {"status": "success", "met": met, "told": self._told}

    async def _met(self) -> list[dict[str, str | None]]:
        """Watch until the condition is met, and give those who met it."""
        from airflow_provider_seats.condition import Condition  # noqa: PLC0415 (not loaded when a DAG is parsed)

        condition = Condition.read(
            product_code=self.product_code,
            user_uuids=self.user_uuids,
            user_emails=self.user_emails,
            state=self.state,
            require=self.require,
        )
        doubt = None
        async with aclosing(_sights(self.datadog_conn_id, condition.product, self.poll_interval)) as sights:
            async for sight in sights:
                if sight.holders is None or sight.trouble is not None:
                    self.log.warning("Not known yet: %s", sight.trouble)
                    continue
                progress = condition.progress(sight.holders)
                if (told := condition.doubt(sight.holders)) and told != doubt:
                    self.log.warning("%s", told)
                doubt = told
                if progress.told != self._told:
                    self.log.info("%s", progress.told)
                self._told = progress.told
                if progress.done:
                    return progress.met
        raise RuntimeError("The poll ended without an error.")


class SeatChangesTrigger(BaseEventTrigger):
    """Tell of every change of a product's seats: for an ``AssetWatcher``, from Airflow 3.0 on.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    .. code-block:: python

        trigger = SeatChangesTrigger(product_code="on_call")
        seats = Asset("on_call_seats", watchers=[AssetWatcher(name="seat_changes", trigger=trigger)])

    The ``payload`` of each event is ``{"product", "gained", "lost", "seats"}``: those who gained a seat (``id``,
    ``email``, ``name`` and ``assigned_at``), those who lost theirs (``id`` and ``email``), and how many seats there are
    now. The first look finds who holds a seat, and tells nobody.

    From Airflow 3.3 on, what was last told is kept in the asset's state store, so that a restart of the triggerer
    loses no change; it repeats one only if it comes within 1.5 seconds after that was told. Before, changes are not
    told that come while no triggerer runs. Give each asset a trigger of its own: one that is watched for several assets
    keeps nothing.

    An error that no retry would mend is told in the triggerer's log, and looked after again every minute at most.

    :param product_code: Datadog's code of the product.
    :param datadog_conn_id: the connection's id.
    :param poll_interval: the longest time between two looks, in seconds; at least 1.
    """

    def __init__(
        self, *, product_code: str, datadog_conn_id: str = DEFAULT_CONN_ID, poll_interval: float = 60.0
    ) -> None:
        super().__init__()
        self.product_code = product_code
        self.datadog_conn_id = datadog_conn_id
        self.poll_interval = poll_interval
        # Airflow sets it where it keeps a state for assets.
        self.asset_state_store: Any = None
        self._problem: str | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give class path and arguments, as JSON can hold them.

        :raises InvalidInputError: if one cannot be used, so that the DAG is not taken in; Airflow's triggerer would end
            over an error of ``__init__``.
        """
        return _path(self), {
            "product_code": read_product(self.product_code),
            "datadog_conn_id": self.datadog_conn_id,
            "poll_interval": read_age("poll_interval", self.poll_interval),
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each change. It does not end: Airflow would begin a watcher that ends again at once."""
        while True:
            try:
                async with aclosing(self._changes()) as changes:
                    async for change in changes:
                        yield TriggerEvent(change)
            except Exception as error:  # noqa: BLE001 (as above)
                if self._problem != str(error):
                    self.log.error("No changes of seats are told until this is mended: %s", error)  # noqa: TRY400 (no traceback)
                self._problem = str(error)
                await asyncio.sleep(_AFTER_AN_ERROR)

    async def _changes(self) -> AsyncGenerator[dict[str, Any], None]:
        _, arguments = self.serialize()
        product = arguments["product_code"]
        memory = _Memory(self.asset_state_store, f"{self.datadog_conn_id} {product}")
        before = await memory.recall()
        async with aclosing(_sights(self.datadog_conn_id, product, arguments["poll_interval"])) as sights:
            async for holders, trouble in sights:
                self._problem = None
                if holders is None or trouble is not None:
                    self.log.warning("Not known yet: %s", trouble)
                    continue
                now = {user.id: user.email for user in holders.users if user.id}
                if before is not None and before.keys() != now.keys():
                    gained = [user._asdict() for user in holders.users if user.id and user.id not in before]
                    lost = [{"id": uuid, "email": before[uuid]} for uuid in before if uuid not in now]
                    self.log.info("%s: %d gained a seat, %d lost theirs", product, len(gained), len(lost))
                    try:
                        yield {"product": product, "gained": gained, "lost": lost, "seats": len(holders.users)}
                        await memory.wait()
                    except (GeneratorExit, asyncio.CancelledError):
                        await memory.keep_if_answered(now)
                        raise
                if before != now:
                    await memory.keep(now)
                before = now


class _Memory:
    """Who held a seat when changes were last told, where Airflow keeps it: in the asset's state store, from 3.3 on.

    A store that fails is done without.
    """

    def __init__(self, store: Any, key: str) -> None:  # noqa: ANN401 (Airflow's, from 3.3 on)
        self._store = store
        self._key = f"datadog_seats {key}"

    async def recall(self) -> dict[str, str | None] | None:
        """Give UUIDs and emails of those who held a seat; None if that is not known."""
        seats = await self._ask(lambda store: store.aget(self._key))
        return dict(seats) if isinstance(seats, Mapping) else None

    async def keep(self, seats: Mapping[str, str | None]) -> None:
        """Keep who holds a seat."""
        await self._ask(lambda store: store.aset(self._key, dict(seats)))

    async def wait(self) -> None:
        """Wait until what was told is safe, and may be called told."""
        if self._store is not None:
            await asyncio.sleep(_TAKEN_OVER)

    async def keep_if_answered(self, seats: Mapping[str, str | None]) -> None:
        """Keep who holds a seat while being stopped, unless the triggerer itself stops.

        It hears no answers by then, and may end before it takes over what was told; so that is told again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await self.recall()
                await self.keep(seats)

    async def _ask(self, do: Callable[[Any], Awaitable[T]]) -> T | None:
        if self._store is None:
            return None
        try:
            return await do(self._store)
        except Exception as error:  # noqa: BLE001 (changes are to be told also without a memory)
            log.warning("Airflow's asset state store cannot be used, so that a restart may miss changes: %s", error)
            self._store = None
            return None


async def _sights(conn_id: str, product: str, interval: float) -> AsyncGenerator[Sight, None]:
    """Follow a product's seats. When the keys are refused, look whether the connection has others by now."""
    from airflow_provider_seats.poll import follow  # noqa: PLC0415 (not loaded when a DAG is parsed)

    connection = await _connection(conn_id)
    while True:
        try:
            with follow(connection, product, interval) as follower:
                while True:
                    yield await follower.news()
        except KeysRefusedError:
            renewed = await _connection(conn_id)
            if renewed == connection:
                raise
            connection = renewed


async def _connection(conn_id: str) -> DatadogConnection:
    """Read a connection, once for all that ask for it in the same moment: a triggerer may begin a thousand at once."""
    from airflow_provider_seats.hooks import read_connection  # noqa: PLC0415 (not loaded when a DAG is parsed)

    key = (asyncio.get_running_loop(), conn_id)
    if key not in _reading:
        _reading[key] = asyncio.create_task(read_connection(conn_id))
        _reading[key].add_done_callback(lambda _: _reading.pop(key))
    return await asyncio.shield(_reading[key])


_reading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[DatadogConnection]] = {}


def _path(trigger: BaseTrigger) -> str:
    return f"{type(trigger).__module__}.{type(trigger).__qualname__}"
