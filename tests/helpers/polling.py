"""A stand-in for the client of a shared poll, and followers for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats._api.flow import Pause, Response
from airflow_provider_seats._waiting.followers import Follower
from airflow_provider_seats._waiting.sources import SeatSource
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import UnavailableError

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._api.rate_limits import RateLimit

ONE: Final = DatadogConnection("https://one", "app", "api")
TWO: Final = DatadogConnection("https://two", "app", "api")
ROTATED: Final = DatadogConnection("https://one", "rotated", "api")
_CONNECTIONS: Final = {"one": ONE, "two": TWO, "rotated": ROTATED}
LIST: Final = "GET /list"


class Datadog:
    """Stands in for clients. It answers each reading with the seats of that moment, and records when it was called.

    :ivar faults: what happens to the next readings: an error, or the seconds that one takes.
    :ivar seconds: how long the other readings take.
    :ivar down: the product whose readings all fail.
    :ivar limit: the rate limit that is stated.
    """

    def __init__(self) -> None:
        self.readings: list[tuple[float, str, str]] = []
        self.seats: tuple[Any, ...] = ()
        self.pages = 1
        self.faults: list[Exception | float] = []
        self.seconds = 0.0
        self.open: list[str] = []
        self.clients = 0
        self.down: str | None = None
        self.limit: RateLimit | None = None

    def client(self, connection: DatadogConnection, *, share: float, announce: Callable[[Pause], None]) -> Any:
        """Make a client. It leaves half of a limit to others."""
        assert share == 0.5
        return _Client(self, connection.base_url, announce)

    def times(self) -> list[float]:
        """Return when each reading started."""
        return [when for when, *_ in self.readings]


class _Client:
    def __init__(self, datadog: Datadog, site: str, announce: Callable[[Pause], None]) -> None:
        self._datadog = datadog
        self._site = site
        self._announce = announce
        datadog.open.append(site)
        datadog.clients += 1

    def rate_limit(self, limit_key: str) -> RateLimit | None:
        assert limit_key == "GET /api/v2/seats/users"
        return self._datadog.limit

    async def arun(self, flow: Flow[Any]) -> Any:
        step: Any = next(flow)
        datadog = self._datadog
        product = dict(step.query)["product_code"]
        datadog.readings.append((asyncio.get_running_loop().time(), self._site, product))
        fault = datadog.faults.pop(0) if datadog.faults else datadog.seconds
        if datadog.down == product:
            fault = unavailable()
        if isinstance(fault, Exception):
            flow.close()
            self._announce(Pause(1, str(fault)))
            raise fault
        await asyncio.sleep(fault)
        rows = [{"id": user.id, "attributes": user._asdict()} for user in datadog.seats]
        pages = [{"data": rows, "meta": {"next_cursor": "2"}}] if datadog.pages > 1 else []
        pages += [
            {"data": [{"id": f"of page {page}"}], "meta": {"next_cursor": str(page)}}
            for page in range(3, datadog.pages + 1)
        ]
        pages.append({"data": [] if datadog.pages > 1 else rows})
        try:
            for page in pages:
                flow.send(Response(200, {}, json.dumps(page).encode()))
        except StopIteration as end:
            return end.value
        raise AssertionError("the flow did not end")

    def close(self) -> None:
        self._datadog.open.remove(self._site)


def unavailable(status: int = 503, retry_after: float | None = None) -> UnavailableError:
    """Return a transient error. Its message contains a number that differs for each status."""
    return UnavailableError(LIST, f"Datadog answered {status}: request 1{len(str(status))}", status, retry_after)


async def connection(conn_id: str) -> DatadogConnection:
    """Stand in for Airflow's connections."""
    return _CONNECTIONS[conn_id]


def clock() -> float:
    """Return the time of the loop."""
    return asyncio.get_running_loop().time()


async def watch(seen: list[Any], *, interval: float = 10, conn_id: str = "one", product: str = "p") -> None:
    """Follow without end, and add each snapshot with its time to a list."""
    async with Follower(conn_id, SeatSource(product), interval) as follower:
        while True:
            snapshot = await follower.next_snapshot()
            seen.append((clock(), snapshot))


async def after(seconds: float, then: Any) -> Any:
    """Run a coroutine after so many seconds."""
    await asyncio.sleep(seconds)
    return await then


async def passes(seconds: float, *watchers: Any) -> None:
    """Run watchers for so many seconds."""
    tasks = [asyncio.create_task(watcher) for watcher in watchers]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert result is None or isinstance(result, asyncio.CancelledError), repr(result)
