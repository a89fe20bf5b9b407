"""A stand-in for Airflow's state store of an asset."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Mapping
from typing import Any

from airflow_provider_seats._planning.stored import pack


class FakeStateStore:
    """The state of one asset, as Airflow stores it from 3.3 on. It can fail in several ways.

    :ivar seconds: how long each call takes.
    :ivar failures: how many of the next calls fail.
    :ivar error: what every call raises; None for no error.
    :ivar silent: whether calls never return.
    """

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}
        self.calls = 0
        self.seconds = 0.0
        self.failures = 0
        self.error: Exception | None = None
        self.silent = False

    def keep(self, key: str, site: str, seats: Mapping[str, str | None]) -> None:
        """Store seats as the package does."""
        text = pack(seats)
        head = {"site": site, "text": text, "crc": zlib.crc32(text.encode()), "parts": 0, "series": 0}
        self.stored[key] = head

    async def adelete(self, key: str) -> None:
        """Delete a stored value, if there is one."""
        await self._respond()
        self.stored.pop(key, None)

    async def aget(self, key: str) -> Any:
        """Return a stored value; None if there is none."""
        await self._respond()
        return self.stored.get(key)

    async def aset(self, key: str, value: Any) -> None:
        """Store a value as JSON."""
        await self._respond()
        self.stored[key] = json.loads(json.dumps(value))

    async def _respond(self) -> None:
        self.calls += 1
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        if self.failures:
            self.failures -= 1
            raise ConnectionError("a hiccup")
        if self.silent:
            await asyncio.Event().wait()
