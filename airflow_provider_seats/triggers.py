"""The triggers: wait for people's seats, or tell of every change of seats. They only read.

All triggers of one triggerer that watch the same product through equal connections share one poll of its seat list; see
:mod:`airflow_provider_seats._runtime.shared_poller`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_seats._api.flow import KeysRefusedError, PassingError, sendable
from airflow_provider_seats._planning.arguments import read_product, read_span
from airflow_provider_seats._runtime.snapshot_store import Memory
from airflow_provider_seats.connection import DEFAULT_CONN_ID, DatadogConnection, DatadogSeatsError

if TYPE_CHECKING:
    from airflow_provider_seats._planning.condition import Require, SeatState
    from airflow_provider_seats._runtime.shared_poller import Sight

T = TypeVar("T")
log = logging.getLogger(__name__)

_LAST_LOOK: Final = 60.0
# How long a watcher of changes waits after an error that no retry would mend: someone may mend the connection.
_AFTER_AN_ERROR: Final = 60.0


class SeatUsersTrigger(BaseTrigger):
    """Wait until people hold a seat of a Datadog product, or no longer hold one, for a deferred ``SeatUsersSensor``.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    Yields one event, with a ``status``: ``success`` with ``met``, those who met the condition; ``timeout`` with the
    ``limit`` that was reached first, ``timeout`` or ``execution_timeout``; or ``error`` with the ``error``'s name and
    its ``message``, if no retry would mend it. The former two have a sentence ``told`` on how far the people are. A
    passing error is told once in the log and waited out. When the ``timeout`` is over, it looks once more, also if that
    was before it began. All arguments are stored in Airflow's database as they are; none is secret.

    :param product_code: Datadog's code of the product.
    :param user_uuids: Datadog user UUIDs.
    :param user_emails: email addresses.
    :param state: ``assigned`` or ``unassigned``.
    :param require: ``all`` or ``any``.
    :param datadog_conn_id: the connection's id.
    :param poll_interval: the longest time between two looks, in seconds; less than 1 counts as 1.
    :param timeout_at: when the sensor's ``timeout`` is over, in Unix time.
    :param execution_timeout_at: when the task's ``execution_timeout`` is over, in Unix time; None without one.
    :param looked_at: when the worker looked, in Unix time: what was seen before does not count.
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
        looked_at: float = 0.0,
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
        self.looked_at = looked_at
        self._told: str | None = None
        self._trouble: str | None = None

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
            "looked_at": self.looked_at,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the event that ends the wait. By then nothing is open any more."""
        payload = await self._wait()
        # A triggerer ends over an event with half a character in it, which an argument may hold.
        yield TriggerEvent(json.loads(sendable(json.dumps(payload, ensure_ascii=False))))

    async def _wait(self) -> dict[str, Any]:
        limit, at = "timeout", self.timeout_at
        if self.execution_timeout_at is not None and self.execution_timeout_at < at:
            limit, at = "execution_timeout", self.execution_timeout_at
        left = at - time.time()
        met = None
        try:
            if left > 0:
                met = await _within(left, self._met())
            # As a poke that sleeps over its timeout looks before it gives up; but not where nothing can be seen.
            if met is None and limit == "timeout" and (left <= 0 or (self._told and not self._trouble)):
                met = await _within(_LAST_LOOK, self._met(last_look=True))
        except DatadogSeatsError as error:
            return {"status": "error", "error": type(error).__name__, "message": error.told_of(self.datadog_conn_id)}
        if met is None:
            return {"status": "timeout", "limit": limit, "told": "; ".join(filter(None, (self._told, self._trouble)))}
        return {"status": "success", "met": met, "told": self._told}

    async def _met(self, *, last_look: bool = False) -> list[dict[str, str | None]] | None:
        """Watch until the condition is met, and give those who met it; None if it is not met at a last look, now."""
        from airflow_provider_seats._planning.condition import Condition  # noqa: PLC0415 (not loaded when a DAG is parsed)

        condition = Condition.read(
            product_code=self.product_code,
            user_uuids=self.user_uuids,
            user_emails=self.user_emails,
            state=self.state,
            require=self.require,
        )
        doubt = None
        # What was before the worker's own look is not to end the wait.
        interval, oldest = read_span("poll_interval", self.poll_interval), time.time() - self.looked_at
        if last_look:
            interval = oldest = 0.0
        async with aclosing(_sights(self.datadog_conn_id, condition.product, interval, oldest)) as sights:
            async for sight in sights:
                if isinstance(sight, PassingError):
                    self._trouble = f"{'not known since then' if self._told else 'Not known'}: {sight}"
                    self.log.warning("Not known yet: %s", sight)
                else:
                    self._trouble = None
                    progress = condition.progress(sight)
                    if progress.told != self._told:
                        self.log.info("%s", progress.told)
                    self._told = progress.told
                    if (told := condition.doubt(sight)) and told != doubt:
                        self.log.warning("%s", told)
                    doubt = told
                    if progress.done:
                        return progress.met
                if last_look:
                    return None
        raise RuntimeError("The poll ended without an error.")


class SeatChangesTrigger(BaseEventTrigger):
    """Tell of the changes of a product's seats from look to look: for an ``AssetWatcher``, from Airflow 3.0 on.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    .. code-block:: python

        trigger = SeatChangesTrigger(product_code="on_call")
        seats = Asset("on_call_seats", watchers=[AssetWatcher(name="seat_changes", trigger=trigger)])

    The ``payload`` of each event is ``{"product", "gained", "lost", "seats"}``: those who gained a seat (``id``,
    ``email``, ``name`` and ``assigned_at``), those who lost theirs (``id`` and ``email``), and how many seats there are
    now. The very first look finds who holds a seat, and tells nobody.

    From Airflow 3.3 on, what was last told is kept in the asset's state store, so that a restart of the triggerer
    loses no change; it repeats one only if it comes within 1.5 seconds after that was told. Before, changes are not
    told that come while no triggerer runs. For that, a trigger must be watched for one asset only; Airflow takes
    triggers with equal arguments for one, so give them another ``poll_interval`` each.

    It does not end with an error: that is told in the triggerer's log, and looked after again each minute.

    :param product_code: Datadog's code of the product.
    :param datadog_conn_id: the connection's id.
    :param poll_interval: the longest time between two looks: seconds, a ``timedelta``, or text such as ``"5m"``; less
        than a second counts as one.
    """

    def __init__(
        self,
        *,
        product_code: str,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float | str | timedelta = 60.0,
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
            "poll_interval": read_span("poll_interval", self.poll_interval),
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each change. It does not end: Airflow would begin a watcher that ends again at once."""
        memory = Memory(self.asset_state_store, f"{self.product_code} through {self.datadog_conn_id}")
        while True:
            try:
                async with aclosing(self._changes(memory)) as changes:
                    async for change in changes:
                        yield TriggerEvent(change)
            except DatadogSeatsError as error:
                if self._problem != str(error):
                    log.error("Changes of %s are not told until this is mended: %s", memory.name, error)  # noqa: TRY400 (the words say it)
                self._problem = str(error)
            except Exception as error:
                if self._problem != repr(error):
                    log.exception("Changes of %s are not told at present, for something unexpected", memory.name)
                self._problem = repr(error)
            await asyncio.sleep(_AFTER_AN_ERROR)

    async def _changes(self, memory: Memory) -> AsyncGenerator[dict[str, Any], None]:
        product = read_product(self.product_code)
        interval = read_span("poll_interval", self.poll_interval)
        before = await memory.recall()
        # A look from before this trigger began may be older than what is remembered.
        async with aclosing(_sights(self.datadog_conn_id, product, interval, oldest=0.0)) as sights:
            async for sight in sights:
                self._problem = None
                if isinstance(sight, PassingError):
                    log.warning("Changes of %s are not known yet: %s", memory.name, sight)
                    continue
                now = {user.id: user.email for user in sight.users if user.id}
                if before is not None and before.keys() != now.keys():
                    gained = [user._asdict() for user in sight.users if user.id and user.id not in before]
                    lost = [{"id": uuid, "email": before[uuid]} for uuid in before if uuid not in now]
                    log.info("%s: %d gained a seat, %d lost theirs", memory.name, len(gained), len(lost))
                    told_to = asyncio.current_task()
                    try:
                        yield {"product": product, "gained": gained, "lost": lost, "seats": len(sight.users)}
                        await memory.wait()
                        await memory.keep(now)
                    except GeneratorExit:
                        # What is closed by another than whom it told was let go before that one had taken it.
                        if asyncio.current_task() is told_to:
                            await memory.keep_if_answered(now)
                        raise
                    except asyncio.CancelledError:
                        await memory.keep_if_answered(now)
                        raise
                elif before != now:
                    await memory.keep(now)
                before = now


async def _sights(conn_id: str, product: str, interval: float, oldest: float) -> AsyncGenerator[Sight, None]:
    """Follow a product's seats. When the keys are refused, look whether the connection has others by now."""
    from airflow_provider_seats._runtime.shared_poller import Follower  # noqa: PLC0415 (not loaded when a DAG is parsed)

    connection = await _connection(conn_id)
    served = True
    while True:
        try:
            with Follower(connection, product, interval, oldest=oldest) as follower:
                while True:
                    yield await follower.news()
                    served = True
        except KeysRefusedError as refused:
            try:
                renewed = await _connection(conn_id)
            except Exception:  # noqa: BLE001 (that the keys were refused is what matters)
                raise refused from None
            if renewed == connection or not served:
                raise
            connection, served = renewed, False


async def _connection(conn_id: str) -> DatadogConnection:
    """Read a connection, once for all that ask for it in the same moment: a triggerer may begin a thousand at once."""
    from airflow_provider_seats.hooks import read_connection  # noqa: PLC0415 (not loaded when a DAG is parsed)

    def done(task: asyncio.Task[DatadogConnection]) -> None:
        del _reading[key]
        if not task.cancelled():
            # Should nobody wait for it any more, its error is nobody's.
            task.exception()

    key = (asyncio.get_running_loop(), conn_id)
    if key not in _reading:
        _reading[key] = asyncio.create_task(read_connection(conn_id))
        _reading[key].add_done_callback(done)
    return await asyncio.shield(_reading[key])


async def _within(seconds: float, waiting: Awaitable[T]) -> T | None:
    """Wait for so long at most; None if that is not enough."""
    try:
        async with asyncio.timeout(seconds) as ending:
            return await waiting
    except TimeoutError:
        if not ending.expired():
            raise
        return None


_reading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[DatadogConnection]] = {}


def _path(trigger: BaseTrigger) -> str:
    return f"{type(trigger).__module__}.{type(trigger).__qualname__}"
