"""The seats that a trigger last reported on, kept in memory and in Airflow's state store of assets (from 3.3 on)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from airflow_provider_seats import _state_parts
from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._planning.stored import pack, unpack
from airflow_provider_seats._waiting.turns import compute

if TYPE_CHECKING:
    from airflow_provider_seats._waiting.changes import Seats

T = TypeVar("T")
log = logging.getLogger(__name__)

# An event that was yielded reaches Airflow's database in this time: its triggerer takes over events each second.
_EVENT_DELIVERY: Final = 1.5
_STORE_TIMEOUT: Final = 1.0
# When to retry what Airflow's state store failed at.
_STORE_RETRIES: Final = (1.0, 5.0, 15.0)


class ReportedSeats:
    """The seats when changes were last reported.

    They outlive errors. From Airflow 3.3 on they also outlive the triggerer, in the asset's state store.

    :param store: Airflow's state store of the asset; None before 3.3.
    :param name: what is stored, for the log.
    """

    def __init__(self, store: Any, name: str) -> None:  # noqa: ANN401 (Airflow's, from 3.3 on)
        self.name = name
        self._store = store
        self._key = f"datadog_seats {name}"
        self._site: str | None = None
        self._seats: Seats | None = None
        # Where the stored state is.
        self._head: _state_parts.Head | None = None

    async def recall(self, site: str) -> Seats | None:
        """Return who held a seat, as emails by user UUID; None if that is unknown.

        :param site: the base URL of the connection. Seats of another site do not count.
        :raises Exception: Airflow's, if its store fails. Starting from nothing would lose what changed.
        """
        if self._seats is None:
            await self._restore()
        if self._seats is not None and self._site != site:
            log.warning(
                "%s: the connection now leads to %s instead of %s. The next reading is the new starting point, and no "
                "change is reported for it.",
                self.name,
                site,
                self._site,
            )
            self._seats = None
        self._site = site
        return self._seats

    async def keep(self, seats: Seats) -> None:
        self._seats = seats
        if self._store is None:
            return
        text = await compute(len(seats), partial(pack, seats))
        try:
            self._head = await self._call(_state_parts.write(self._key, self._head, {"site": self._site}, text))
        except Exception as error:  # noqa: BLE001 (changes are reported even if Airflow cannot store them)
            log.warning("%s: the seats could not be stored, so a restart would repeat a change: %s", self.name, error)

    @asynccontextmanager
    async def delivery(self, seats: Seats) -> AsyncIterator[None]:
        """Store who holds a seat once the event that is yielded in the ``with`` block has reached Airflow."""
        receiver = asyncio.current_task()
        try:
            yield
            if self._store is not None:
                await clock().async_sleep(_EVENT_DELIVERY)
            await self.keep(seats)
        except GeneratorExit:
            # If another task than the receiver closes the trigger, the receiver ended before it took the event.
            if asyncio.current_task() is receiver:
                await self.keep_if_answered(seats)
            raise
        except asyncio.CancelledError:
            await self.keep_if_answered(seats)
            raise

    async def keep_if_answered(self, seats: Seats) -> None:
        """Store who holds a seat when the trigger is stopped, unless the triggerer itself stops.

        So it reads first. If Airflow answers, only this trigger stops, and the seats are stored. If it does not, the
        triggerer stops, perhaps before it took over the last event, and the next one reports the change again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_STORE_TIMEOUT):
                await self._ask("aget", [self._key])
                await self.keep(seats)

    async def _restore(self) -> None:
        """Take over the stored state. Anything else in the store is ignored, and the next state replaces it."""
        try:
            stored = await self._call(_state_parts.read(self._key))
            if stored is not None:
                head, text = stored
                site, (seats, _) = str(head["site"]), await compute(len(text), partial(unpack, text))
                self._head, self._site, self._seats = head, site, seats
        except (KeyError, ValueError) as error:
            log.warning("%s: the stored seats cannot be read and are ignored: %s", self.name, error)

    async def _call(self, calls: _state_parts.Calls[T]) -> T:
        """Make these calls of the store, and return their result."""
        result = None
        try:
            while True:
                method, *arguments = calls.send(result)
                result = await self._ask(f"a{method}", arguments)
        except StopIteration as end:
            return cast("T", end.value)

    async def _ask(self, method: str, arguments: Sequence[Any]) -> Any:  # noqa: ANN401 (whatever is stored)
        """Call the store, and call it again if it fails."""
        for pause in (*_STORE_RETRIES, None):
            if self._store is None:
                return None
            try:
                return await getattr(self._store, method)(*arguments)
            except ValueError:
                # Airflow cannot tell which of several assets is meant.
                log.warning(
                    "%s: one trigger watches this for several assets, so Airflow stores nothing, and a restart misses "
                    "changes. Use another poll_interval for each asset's trigger.",
                    self.name,
                )
                self._store = None
            except Exception as error:
                if pause is None:
                    raise
                log.info("%s: Airflow's state store failed and is called again: %s", self.name, error)
                await clock().async_sleep(pause)
        return None
