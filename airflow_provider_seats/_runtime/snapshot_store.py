"""Who held a seat when changes of seats were last told. Of Airflow it knows only the face of its state store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

# The time in which an event that was yielded reaches Airflow's database: its triggerer takes events over each second.
_TAKEN_OVER: Final = 1.5
_ANSWERS_WITHIN: Final = 1.0
# When to try again what Airflow's store of states failed at.
_STORE_RETRIES: Final = (1.0, 5.0, 15.0)


class Memory:
    """Who held a seat when changes were last told.

    It outlives errors, and from Airflow 3.3 on also the triggerer: there it is kept in the asset's state store.

    :param name: what it is the memory of, for the log.
    """

    def __init__(self, store: Any, name: str) -> None:  # noqa: ANN401 (Airflow's, from 3.3 on)
        self.name = name
        self._store = store
        self._key = f"datadog_seats {name}"
        self._seats: dict[str, str | None] | None = None

    async def recall(self) -> dict[str, str | None] | None:
        """Give UUIDs and emails of those who held a seat; None if that is not known.

        :raises Exception: Airflow's, if its store fails; to begin anew would lose what changed.
        """
        if self._seats is None:
            try:
                seats = await self._ask(lambda store: store.aget(self._key))
            except ValueError:
                # Airflow cannot tell which of several assets is meant.
                log.warning(
                    "%s is watched for several assets by one trigger, so that Airflow keeps nothing of it, and a "
                    "restart misses changes. Give the trigger of each asset another poll_interval.",
                    self.name,
                )
                self._store = seats = None
            self._seats = dict(seats) if isinstance(seats, Mapping) else None
        return self._seats

    async def keep(self, seats: dict[str, str | None]) -> None:
        """Keep who holds a seat."""
        self._seats = seats
        try:
            await self._ask(lambda store: store.aset(self._key, seats))
        except Exception as error:  # noqa: BLE001 (changes are to be told also if Airflow cannot keep them)
            log.warning(
                "A restart now would tell the last change of %s again, since it is not kept: %s", self.name, error
            )

    async def wait(self) -> None:
        """Wait until what was told is safe, and may be called told."""
        if self._store is not None:
            await asyncio.sleep(_TAKEN_OVER)

    async def keep_if_answered(self, seats: dict[str, str | None]) -> None:
        """Keep who holds a seat while being stopped, unless the triggerer itself stops.

        A triggerer that stops gets no more answers, and may end before it takes over what was told; so that is told
        again by the next. To read first is how to find out.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await self._ask(lambda store: store.aget(self._key))
                await self.keep(seats)

    async def _ask(self, do: Callable[[Any], Awaitable[T]]) -> T | None:
        """Ask the store, and again if it fails."""
        if self._store is None:
            return None
        for pause in _STORE_RETRIES:
            try:
                return await do(self._store)
            except Exception as error:  # noqa: BLE001 (whatever Airflow raises)
                log.info("Airflow's state store failed for %s, and is asked again: %s", self.name, error)
            await asyncio.sleep(pause)
        return await do(self._store)
