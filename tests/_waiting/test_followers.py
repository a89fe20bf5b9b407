"""Followers of a shared poll: which readings count for them, and how they read their connection."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._waiting.followers import Follower
from airflow_provider_seats._waiting.sources import SeatSource
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import KeysRefusedError, UnavailableError
from tests.helpers.clients import making_clients
from tests.helpers.connections import reading_connections
from tests.helpers.examples import examples
from tests.helpers.looping import quickly
from tests.helpers.planning import seat
from tests.helpers.polling import LIST, ONE, TWO, Datadog, after, clock, connection, passes, unavailable, watch

# --- which readings count ---


def test_followers_are_not_woken_while_nothing_changes(polled: Datadog) -> None:
    """A follower receives a snapshot only if the list differs from the one that it received before."""
    seen: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().call_later(25, setattr, polled, "seats", (seat("1", "ann@x"),))
        await passes(65, watch(seen))

    quickly(main())
    assert [(when, len(snapshot.users)) for when, snapshot in seen] == [(0, 0), (30, 1)]
    assert len(polled.readings) == 7


def test_another_number_of_pages_is_a_change(polled: Datadog) -> None:
    """A follower receives the same rows again if they came on another number of pages."""
    seen: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().call_later(15, setattr, polled, "pages", 2)
        await passes(35, watch(seen))

    quickly(main())
    assert [(when, snapshot.pages) for when, snapshot in seen] == [(0, 1), (20, 2)]


@pytest.mark.parametrize("joins", [0, 7])
def test_only_a_reading_that_started_after_the_follower_counts(polled: Datadog, joins: float) -> None:
    """A new follower waits for the next reading, which does not come sooner because of it."""
    late: list[Any] = []

    async def join() -> None:
        async with Follower("one", SeatSource("p"), 10) as first:
            await first.next_snapshot()
        await after(joins, watch(late))

    quickly(passes(11, watch([]), join()))
    assert [when for when, _ in late] == [10]
    assert polled.times() == [0, 10]


def test_a_reading_in_progress_does_not_count_for_a_new_follower(polled: Datadog) -> None:
    """A follower that joins during a reading waits for the one after it."""
    polled.faults = [3.0]
    first: list[Any] = []
    late: list[Any] = []
    quickly(passes(20, watch(first), after(1, watch(late))))
    assert [when for when, _ in first] == [3]
    assert [when for when, _ in late] == [13]


def test_a_reading_in_progress_does_not_count_after_an_error_either(polled: Datadog) -> None:
    """A follower that first receives an error still does not receive a reading that started before it."""
    polled.faults = [unavailable(), 3.0]
    late: list[Any] = []
    quickly(passes(30, watch([]), after(11, watch(late))))
    assert [(when, isinstance(snapshot, UnavailableError)) for when, snapshot in late] == [(11, True), (23, False)]


def test_a_shorter_interval_brings_the_next_reading_forward(polled: Datadog) -> None:
    """A follower whose interval has passed since the last reading starts one at once."""
    seen: list[Any] = []
    quickly(passes(8, watch([]), after(7, watch(seen, interval=5))))
    assert [when for when, _ in seen] == [7]
    assert polled.times() == [0, 7]


def test_a_reading_that_takes_longer_than_the_interval_is_followed_by_a_rest(polled: Datadog) -> None:
    """The poll pauses as long as the last reading took, so that it reads at most half of the time."""
    polled.faults = [30.0, 5.0]
    quickly(passes(90, watch([])))
    assert polled.times() == [0, 60, 75, 85]


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_follower_can_require_a_new_reading(polled: Datadog, seconds: float) -> None:
    """After ``require_new_reading`` a follower receives the next reading, even if the list is the same."""
    polled.seconds = seconds
    seen: list[Any] = []
    other: list[Any] = []

    async def confirm() -> None:
        async with Follower("one", SeatSource("p"), 10) as follower:
            for _ in range(3):
                snapshot = await follower.next_snapshot()
                seen.append((clock(), snapshot))
                follower.require_new_reading()

    async def main() -> None:
        confirming = asyncio.create_task(confirm())
        await passes(45, watch(other))
        await confirming

    quickly(main())
    assert [when for when, _ in seen] == [seconds, 10 + 2 * seconds, 20 + 3 * seconds]
    assert len({id(snapshot.content) for _, snapshot in seen}) == 1
    assert len(other) == 1


def test_an_error_of_an_earlier_reading_is_not_current(polled: Datadog) -> None:
    """A new follower receives the last error at once, and can require the result of a new reading instead."""
    polled.faults = [unavailable(), unavailable()]
    seen: list[Any] = []

    async def late() -> None:
        async with Follower("one", SeatSource("p"), 10) as follower:
            for _ in range(3):
                snapshot = await follower.next_snapshot()
                seen.append((clock(), getattr(snapshot, "status", None), follower.is_current))
                follower.require_new_reading()

    quickly(passes(25, watch([]), after(5, late())))
    assert seen == [(5, 503, False), (10, 503, True), (20, None, True)]


# --- the connection ---


class Connections:
    """Stands in for Airflow's connections. Each reading returns the next connection, and the last one for ever."""

    def __init__(self, *connections: DatadogConnection | Exception) -> None:
        self.connections = list(connections)
        self.read: list[str] = []

    async def __call__(self, conn_id: str) -> DatadogConnection:
        """Read a connection. That takes a moment, as it does in a triggerer."""
        self.read.append(conn_id)
        await asyncio.sleep(0.1)
        connection = self.connections.pop(0) if len(self.connections) > 1 else self.connections[0]
        if isinstance(connection, Exception):
            raise connection
        return connection


async def followed(seen: list[Any], interval: float = 10) -> None:
    """Follow through a connection's id, and add the site and time of each snapshot to a list."""
    async with Follower("datadog_default", SeatSource("p"), interval) as follower:
        while True:
            await follower.next_snapshot()
            seen.append((clock(), follower.site))


def test_many_followers_read_their_connection_once(polled: Datadog) -> None:
    """Followers that start at the same moment share one reading of the connection, and a later one reads it again."""
    connections = Connections(ONE)

    async def main() -> None:
        await passes(5, *(followed([]) for _ in range(100)))
        await passes(5, followed([]))

    with reading_connections(connections):
        quickly(main())
    assert connections.read == ["datadog_default"] * 2


def test_a_follower_that_leaves_does_not_stop_the_reading_of_a_connection(polled: Datadog) -> None:
    """If one of several followers is cancelled while a connection is read, the others still receive it."""
    seen: list[Any] = []

    async def main() -> None:
        first = asyncio.create_task(followed([]))
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_soon(first.cancel)
        await passes(5, followed(seen))

    with reading_connections(Connections(ONE)):
        quickly(main())
    assert seen == [(0.1, "https://one")]


def test_an_error_of_a_connection_that_nobody_waits_for_is_not_logged(
    polled: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    """If all followers leave while a connection is read, asyncio does not complain about its error."""

    async def main() -> None:
        await passes(0.05, followed([]))
        await asyncio.sleep(1)

    with reading_connections(Connections(ValueError("broken"))):
        quickly(main())
    assert caplog.messages == []


def test_rotated_keys_are_used(polled: Datadog) -> None:
    """If the keys are refused and the connection has others by then, the poll continues with them."""
    polled.faults = [0.0, KeysRefusedError(LIST, 403, "no")]
    seen: list[Any] = []
    with reading_connections(Connections(ONE, TWO)):
        quickly(passes(15, followed(seen)))
    assert [site for _, site in seen] == ["https://one", "https://two"]
    assert [site for _, site, _ in polled.readings] == ["https://one", "https://one", "https://two"]


@pytest.mark.parametrize(
    ("renewed", "readings"),
    [(ONE, 2), (ValueError("the connection is gone"), 2), (TWO, 3)],
    ids=["same keys", "connection gone", "new keys refused too"],
)
def test_refused_keys_end_a_follower(polled: Datadog, renewed: DatadogConnection | Exception, readings: int) -> None:
    """The refusal is raised unless the connection has other keys that work."""
    another = DatadogConnection("https://one", "another", "api")
    polled.faults = [0.0, *[KeysRefusedError(LIST, 403, "no") for _ in range(9)]]
    with reading_connections(Connections(ONE, renewed, another)), pytest.raises(KeysRefusedError):
        quickly(followed([]))
    assert len(polled.readings) == readings


# --- properties ---


@examples(60)
@given(
    st.lists(
        st.tuples(st.floats(0, 100, width=16), st.floats(0.125, 100, width=16), st.integers(0, 30)),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([0.0, 0.4, 3.0]),
)
def test_every_follower_is_served_in_time_by_a_reading_of_its_own_time(
    visits: list[tuple[float, float, int]], seconds: float
) -> None:
    """A follower waits for two readings at most, and between them for its interval or for as long as one of them."""
    polled = Datadog()
    polled.seconds = seconds
    served = 0

    async def main() -> None:
        async def visit(begins: float, lasts: float, interval: int) -> None:
            nonlocal served
            await asyncio.sleep(begins)
            async with Follower("one", SeatSource("p"), interval) as follower:
                await follower.next_snapshot()
                served += 1
                started_at = max(start for start in polled.times() if start + seconds <= clock() + 1e-6)
                assert started_at >= begins - 1e-6
                assert clock() - begins <= max(interval, 1, seconds) + 2 * seconds + 1e-6
                await asyncio.sleep(lasts)

        keeper = asyncio.create_task(watch([], interval=50))
        await asyncio.gather(*(visit(*each) for each in visits))
        keeper.cancel()

    with making_clients(polled.client), reading_connections(connection):
        quickly(main())
    assert served == len(visits)
    assert all(after - before >= 1 - 1e-6 for before, after in itertools.pairwise(polled.times()))
    assert polled.open == []
