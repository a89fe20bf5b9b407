"""The seats that a trigger last reported on, kept in memory and in Airflow's state store of assets (from 3.3 on)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_seats._api.clock import clock

if TYPE_CHECKING:
    from airflow_provider_seats._planning.seat_changes import Seats

T = TypeVar("T")
log = logging.getLogger(__name__)

# An event that was yielded reaches Airflow's database in this time: its triggerer takes over events each second.
_EVENT_DELIVERY: Final = 1.5
_STORE_TIMEOUT: Final = 1.0
# When to retry what Airflow's state store failed at.
_STORE_RETRIES: Final = (1.0, 5.0, 15.0)


class SnapshotStore:
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

    async def recall(self, site: str) -> Seats | None:
        """Return who held a seat, as emails by user UUID; None if that is unknown.

        :param site: the base URL of the connection. Seats of another site do not count.
        :raises Exception: Airflow's, if its store fails. Starting from nothing would lose what changed.
        """
        if self._seats is None:
            self._restore(await self._ask_once())
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
        """Store who holds a seat."""
        self._seats = seats
        state = {"site": self._site, "seats": seats}
        try:
            await self._ask(lambda store: store.aset(self._key, state))
        except Exception as error:  # noqa: BLE001 (changes are reported even if Airflow cannot store them)
            log.warning("%s: the seats could not be stored, so a restart would repeat a change: %s", self.name, error)

    async def wait_for_delivery(self) -> None:
        """Wait until an event that was yielded has reached Airflow's database."""
        if self._store is not None:
            await clock().async_sleep(_EVENT_DELIVERY)

    async def keep_if_answered(self, seats: Seats) -> None:
        """Store who holds a seat when the trigger is stopped, unless the triggerer itself stops.

        So it reads first. If Airflow answers, only this trigger stops, and the seats are stored. If it does not, the
        triggerer stops, perhaps before it took over the last event, and the next one reports the change again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_STORE_TIMEOUT):
                await self._ask(lambda store: store.aget(self._key))
                await self.keep(seats)

    def _restore(self, state: object) -> None:
        """Take over a stored state. Anything else in the store is ignored."""
        match state:
            case {"site": str(site), "seats": dict(seats)}:
                if all(isinstance(email, str | None) for email in seats.values()):
                    self._site, self._seats = site, seats

    async def _ask_once(self) -> object:
        try:
            return await self._ask(lambda store: store.aget(self._key))
        except ValueError:
            # Airflow cannot tell which of several assets is meant.
            log.warning(
                "%s: one trigger watches this for several assets, so Airflow stores nothing, and a restart misses "
                "changes. Use another poll_interval for each asset's trigger.",
                self.name,
            )
            self._store = None
            return None

    async def _ask(self, do: Callable[[Any], Awaitable[T]]) -> T | None:
        """Call the store, and retry if it fails."""
        if self._store is None:
            return None
        for pause in _STORE_RETRIES:
            try:
                return await do(self._store)
            except Exception as error:  # noqa: BLE001 (whatever Airflow raises)
                log.info("%s: Airflow's state store failed and is called again: %s", self.name, error)
            await clock().async_sleep(pause)
        return await do(self._store)
