"""The poll that followers share: when it reads, what it returns to each follower, and when it ends."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.flow import Pause, Response
from airflow_provider_seats._api.rate_limits import RateLimit
from airflow_provider_seats._runtime import shared_poller
from airflow_provider_seats._runtime.shared_poller import Follower, Snapshot, follow
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import KeysRefusedError, RateLimitError, UnavailableError
from tests.helpers.examples import examples
from tests.helpers.looping import quickly
from tests.helpers.planning import seat

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow

ONE = DatadogConnection("https://one", "app", "api")
TWO = DatadogConnection("https://two", "app", "api")
LIST = "GET /list"


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

    def client(self, connection: DatadogConnection, announce: Callable[[Pause], None]) -> Any:
        """Make a client."""
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


@pytest.fixture
def datadog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Datadog]:
    """Return a stand-in, and check that nothing is left open."""
    stand_in = Datadog()
    monkeypatch.setattr(shared_poller, "Client", stand_in.client)
    yield stand_in
    assert stand_in.open == []
    assert shared_poller._organisations == {}
    assert shared_poller._reading == {}


def unavailable(status: int = 503, retry_after: float | None = None) -> UnavailableError:
    """Return a transient error. Its message contains a number that differs for each status."""
    return UnavailableError(LIST, f"Datadog answered {status}: request 1{len(str(status))}", status, retry_after)


def clock() -> float:
    """Return the time of the loop."""
    return asyncio.get_running_loop().time()


async def watch(
    seen: list[Any], *, interval: float = 10, connection: DatadogConnection = ONE, product: str = "p"
) -> None:
    """Follow without end, and add each snapshot with its time to a list."""
    with Follower(connection, product, interval) as follower:
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


# --- one poll for many followers ---


def test_a_thousand_followers_cost_as_many_readings_as_one(datadog: Datadog) -> None:
    """Followers share one poll at their shortest interval, from the first follower until the last one leaves."""
    seen: list[Any] = []

    async def main() -> None:
        others = [watch(seen, interval=60) for _ in range(999)]
        await passes(35, watch(seen, interval=10), *others)
        await asyncio.sleep(100)

    quickly(main())
    assert datadog.times() == [0, 10, 20, 30]
    assert len(seen) == 1000
    assert datadog.clients == 1


def test_the_poll_reads_at_the_shortest_interval_of_its_followers(datadog: Datadog) -> None:
    """The pace follows the followers as they come and go, but is at most one reading a second."""

    async def main() -> None:
        await passes(40, watch([], interval=10), after(15, passes(2.5, watch([], interval=0))))

    quickly(main())
    assert datadog.times() == [0, 10, 15, 16, 17, 27, 37]


def test_other_products_and_connections_are_polled_separately(datadog: Datadog) -> None:
    """Each product and each connection has its own poll, and the products of one connection share a client."""

    async def main() -> None:
        rotated = dataclasses.replace(ONE, app_key="rotated")
        await passes(5, watch([]), watch([], product="q"), watch([], connection=TWO), watch([], connection=rotated))

    quickly(main())
    assert sorted((site, product) for _, site, product in datadog.readings) == [
        ("https://one", "p"),
        ("https://one", "p"),
        ("https://one", "q"),
        ("https://two", "p"),
    ]
    assert datadog.clients == 3


def test_a_follower_that_leaves_does_not_disturb_the_others(datadog: Datadog) -> None:
    """A reading continues if the follower that started it leaves meanwhile."""
    datadog.faults = [3.0]
    seen: list[Any] = []

    async def main() -> None:
        first = asyncio.create_task(watch([]))
        second = asyncio.create_task(watch(seen))
        await asyncio.sleep(2)
        first.cancel()
        await asyncio.sleep(2)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)

    quickly(main())
    assert [when for when, _ in seen] == [3]
    assert len(datadog.readings) == 1


def test_a_follower_that_cannot_be_made_starts_no_poll(datadog: Datadog) -> None:
    """An invalid interval is an error before a poll starts, because a poll without followers would never pause."""

    async def main() -> None:
        with pytest.raises(TypeError):
            Follower(ONE, "p", None)  # type: ignore[arg-type]
        await asyncio.sleep(10)

    quickly(main())
    assert datadog.readings == []


def test_a_closed_loop_is_forgotten(datadog: Datadog) -> None:
    """The polls of a closed loop are removed with their connections, which hold keys, when the next poll starts."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(watch([]))
    loop.run_until_complete(asyncio.sleep(0))
    polling = asyncio.all_tasks(loop)
    loop.close()
    assert len(shared_poller._organisations) == 1
    quickly(passes(1, watch([], connection=TWO)))
    assert shared_poller._organisations == {}
    for each in {task, *polling}:
        each._log_destroy_pending = False  # type: ignore[attr-defined]
        each.get_coro().close()


# --- which readings count ---


def test_followers_are_not_woken_while_nothing_changes(datadog: Datadog) -> None:
    """A follower receives a snapshot only if the list differs from the one that it received before."""
    seen: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().call_later(25, setattr, datadog, "seats", (seat("1", "ann@x"),))
        await passes(65, watch(seen))

    quickly(main())
    assert [(when, len(snapshot.users)) for when, snapshot in seen] == [(0, 0), (30, 1)]
    assert len(datadog.readings) == 7


def test_another_number_of_pages_is_a_change(datadog: Datadog) -> None:
    """A follower receives the same rows again if they came on another number of pages."""
    seen: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().call_later(15, setattr, datadog, "pages", 2)
        await passes(35, watch(seen))

    quickly(main())
    assert [(when, snapshot.pages) for when, snapshot in seen] == [(0, 1), (20, 2)]


@pytest.mark.parametrize("joins", [0, 7])
def test_only_a_reading_that_started_after_the_follower_counts(datadog: Datadog, joins: float) -> None:
    """A new follower waits for the next reading, which does not come sooner because of it."""
    late: list[Any] = []

    async def join() -> None:
        with Follower(ONE, "p", 10) as first:
            await first.next_snapshot()
        await after(joins, watch(late))

    quickly(passes(11, watch([]), join()))
    assert [when for when, _ in late] == [10]
    assert datadog.times() == [0, 10]


def test_a_reading_in_progress_does_not_count_for_a_new_follower(datadog: Datadog) -> None:
    """A follower that joins during a reading waits for the one after it."""
    datadog.faults = [3.0]
    first: list[Any] = []
    late: list[Any] = []
    quickly(passes(20, watch(first), after(1, watch(late))))
    assert [when for when, _ in first] == [3]
    assert [when for when, _ in late] == [13]


def test_a_reading_in_progress_does_not_count_after_an_error_either(datadog: Datadog) -> None:
    """A follower that first receives an error still does not receive a reading that started before it."""
    datadog.faults = [unavailable(), 3.0]
    late: list[Any] = []
    quickly(passes(30, watch([]), after(11, watch(late))))
    assert [(when, isinstance(snapshot, UnavailableError)) for when, snapshot in late] == [(11, True), (23, False)]


def test_a_shorter_interval_brings_the_next_reading_forward(datadog: Datadog) -> None:
    """A follower whose interval has passed since the last reading starts one at once."""
    seen: list[Any] = []
    quickly(passes(8, watch([]), after(7, watch(seen, interval=5))))
    assert [when for when, _ in seen] == [7]
    assert datadog.times() == [0, 7]


def test_a_reading_that_takes_longer_than_the_interval_is_followed_by_a_rest(datadog: Datadog) -> None:
    """The poll pauses as long as the last reading took, so that it reads at most half of the time."""
    datadog.faults = [30.0, 5.0]
    quickly(passes(90, watch([])))
    assert datadog.times() == [0, 60, 75, 85]


# --- rate limits ---

LIMIT = RateLimit(120, 10)


def test_a_poll_uses_half_of_a_stated_limit(datadog: Datadog, caplog: pytest.LogCaptureFixture) -> None:
    """Its interval is stretched, also if readings take time, and both that and the end are logged once."""
    caplog.set_level("INFO")
    datadog.pages, datadog.seconds, datadog.limit = 30, 0.5, LIMIT

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(41, setattr, datadog, "pages", 1)
        loop.call_later(72, setattr, datadog, "limit", None)
        await passes(80, watch([], interval=1))

    quickly(main())
    # The pages of the first reading are not known before it has ended. The last ones need no stretching.
    assert datadog.times()[:10] == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]
    assert datadog.times()[10:12] == [46.5, 48]
    assert [line for line in caplog.messages if "polling" in line] == [
        (
            "p: polling every 5.0 s instead of every 1 s. A reading takes 30 requests, and waiting uses at most half "
            "of Datadog's rate limit of 120 requests in 10 s."
        ),
        "p: polling every 1 s again",
    ]


def test_a_longer_interval_is_not_stretched(datadog: Datadog, caplog: pytest.LogCaptureFixture) -> None:
    """A poll that uses less than half of the limit keeps its interval."""
    caplog.set_level("INFO")
    datadog.pages, datadog.limit = 30, LIMIT
    quickly(passes(35, watch([], interval=10)))
    assert datadog.times() == [0, 10, 20, 30]
    assert caplog.messages == []


def test_the_polls_of_a_connection_share_the_half(datadog: Datadog) -> None:
    """A poll with a long interval keeps it, and the others divide what is left of the half."""
    datadog.pages, datadog.limit = 30, LIMIT

    async def main() -> None:
        await passes(
            400, watch([], interval=1), watch([], product="q", interval=2), watch([], product="r", interval=50)
        )

    quickly(main())
    times = {product: [when for when, _, each in datadog.readings if each == product] for product in "pqr"}
    assert {after - before for before, after in itertools.pairwise(times["r"])} == {50}
    # A reading takes 5 s of the half. In 50 s, one for r leaves 45 s: 4.5 readings for each of the others.
    for product in "pq":
        assert {round(after - before, 3) for before, after in itertools.pairwise(times[product][2:])} == {11.111}


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_follower_can_require_a_new_reading(datadog: Datadog, seconds: float) -> None:
    """After ``require_new_reading`` a follower receives the next reading, even if the list is the same."""
    datadog.seconds = seconds
    seen: list[Any] = []
    other: list[Any] = []

    async def confirm() -> None:
        with Follower(ONE, "p", 10) as follower:
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
    assert len({id(snapshot) for _, snapshot in seen}) == 1
    assert len(other) == 1


# --- errors ---


def test_a_transient_error_is_reported_once(datadog: Datadog, caplog: pytest.LogCaptureFixture) -> None:
    """Followers receive a transient error once, then a different one, then the recovery; a new follower at once."""
    datadog.faults = [unavailable(), unavailable(), unavailable(), unavailable(502), unavailable(502)]
    seen: list[tuple[float, Snapshot]] = []
    late: list[tuple[float, Snapshot]] = []
    caplog.set_level("INFO")
    quickly(passes(75, watch(seen), after(5, watch(late))))
    assert [(when, getattr(snapshot, "status", None)) for when, snapshot in seen] == [(0, 503), (30, 502), (50, None)]
    assert [when for when, _ in late] == [5, 30, 50]
    assert len([line for line in caplog.messages if "Waiting" in line]) == 1


def test_an_error_is_logged_once_although_another_product_works(
    datadog: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    """Responses for one product do not make the errors of another count as new."""
    caplog.set_level("INFO")
    datadog.down = "q"

    async def main() -> None:
        keeper = asyncio.create_task(watch([]))
        await passes(100, watch([], product="q"))
        [organisation] = shared_poller._organisations.values()
        assert organisation._announced == {}
        keeper.cancel()

    quickly(main())
    assert len([line for line in caplog.messages if "Waiting" in line]) == 1


def test_the_wait_that_the_server_states_holds_for_everyone(datadog: Datadog) -> None:
    """A new follower with a shorter interval does not bring the next reading forward."""
    datadog.faults = [RateLimitError(LIST, "slow down", 300)]
    quickly(passes(310, watch([]), after(50, watch([], interval=1))))
    assert datadog.times()[:2] == [0, 300]


@pytest.mark.parametrize("error", [KeysRefusedError(LIST, 403, "no"), ValueError("unexpected")])
def test_a_lasting_error_ends_the_poll_for_all(datadog: Datadog, error: Exception) -> None:
    """Every follower raises the error itself, and a later follower starts a new poll."""
    ended: list[Any] = []

    async def main() -> None:
        async def one(interval: float) -> None:
            try:
                await watch([], interval=interval)
            except Exception as raised:
                ended.append(raised)
                raise

        datadog.faults = [0.0, error]
        tasks = [asyncio.create_task(one(10 + number)) for number in range(50)]
        await asyncio.gather(*tasks, return_exceptions=True)
        assert clock() == 10
        await passes(1, watch([]))

    quickly(main())
    assert ended == [error] * 50
    assert len(datadog.readings) == 3


def test_a_poll_that_is_cancelled_from_outside_ends_its_followers(datadog: Datadog) -> None:
    """Followers of a cancelled poll raise an error, and a later follower starts a new poll."""

    async def main() -> None:
        task = asyncio.create_task(watch([]))
        await asyncio.sleep(1)
        [organisation] = shared_poller._organisations.values()
        organisation.polls["p"].task.cancel()
        with pytest.raises(RuntimeError, match="cancelled"):
            await task
        await passes(1, watch([]))

    quickly(main())
    assert len(datadog.readings) == 2


def test_the_traceback_of_a_shared_error_does_not_grow(datadog: Datadog) -> None:
    """An error that many followers raise does not collect the frames of all their tasks."""
    error = KeysRefusedError(LIST, 403, "no")
    datadog.faults = [error]

    async def main() -> None:
        await asyncio.gather(*(watch([]) for _ in range(100)), return_exceptions=True)

    quickly(main())
    frames, traceback = 0, error.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    assert frames < 10


# --- follow: the connection ---


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
    async with aclosing(follow("datadog_default", "p", interval)) as snapshots:
        async for follower, _ in snapshots:
            seen.append((clock(), follower.site))


def test_many_followers_read_their_connection_once(datadog: Datadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers that start at the same moment share one reading of the connection, and a later one reads it again."""
    connections = Connections(ONE)
    monkeypatch.setattr(shared_poller, "read_connection", connections)

    async def main() -> None:
        await passes(5, *(followed([]) for _ in range(100)))
        await passes(5, followed([]))

    quickly(main())
    assert connections.read == ["datadog_default"] * 2


def test_a_follower_that_leaves_does_not_stop_the_reading_of_a_connection(
    datadog: Datadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one of several followers is cancelled while a connection is read, the others still receive it."""
    monkeypatch.setattr(shared_poller, "read_connection", Connections(ONE))
    seen: list[Any] = []

    async def main() -> None:
        first = asyncio.create_task(followed([]))
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_soon(first.cancel)
        await passes(5, followed(seen))

    quickly(main())
    assert seen == [(0.1, "https://one")]


def test_an_error_of_a_connection_that_nobody_waits_for_is_not_logged(
    datadog: Datadog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If all followers leave while a connection is read, asyncio does not complain about its error."""
    monkeypatch.setattr(shared_poller, "read_connection", Connections(ValueError("broken")))

    async def main() -> None:
        await passes(0.05, followed([]))
        await asyncio.sleep(1)

    quickly(main())
    assert caplog.messages == []


def test_rotated_keys_are_used(datadog: Datadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the keys are refused and the connection has others by then, the poll continues with them."""
    monkeypatch.setattr(shared_poller, "read_connection", Connections(ONE, TWO))
    datadog.faults = [0.0, KeysRefusedError(LIST, 403, "no")]
    seen: list[Any] = []
    quickly(passes(15, followed(seen)))
    assert [site for _, site in seen] == ["https://one", "https://two"]
    assert [site for _, site, _ in datadog.readings] == ["https://one", "https://one", "https://two"]


@pytest.mark.parametrize(
    ("renewed", "readings"),
    [(ONE, 2), (ValueError("the connection is gone"), 2), (TWO, 3)],
    ids=["same keys", "connection gone", "new keys refused too"],
)
def test_refused_keys_end_a_follower(
    datadog: Datadog, monkeypatch: pytest.MonkeyPatch, renewed: DatadogConnection | Exception, readings: int
) -> None:
    """The refusal is raised unless the connection has other keys that work."""
    another = dataclasses.replace(ONE, app_key="another")
    monkeypatch.setattr(shared_poller, "read_connection", Connections(ONE, renewed, another))
    datadog.faults = [0.0, *[KeysRefusedError(LIST, 403, "no") for _ in range(9)]]
    with pytest.raises(KeysRefusedError):
        quickly(followed([]))
    assert len(datadog.readings) == readings


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
    datadog = Datadog()
    datadog.seconds = seconds
    served = 0
    original = vars(shared_poller)["Client"]
    setattr(shared_poller, "Client", datadog.client)  # noqa: B010 (a property test has no fixtures of its own)

    async def main() -> None:
        async def visit(begins: float, lasts: float, interval: int) -> None:
            nonlocal served
            await asyncio.sleep(begins)
            with Follower(ONE, "p", interval) as follower:
                await follower.next_snapshot()
                served += 1
                started_at = max(start for start in datadog.times() if start + seconds <= clock() + 1e-6)
                assert started_at >= begins - 1e-6
                assert clock() - begins <= max(interval, 1, seconds) + 2 * seconds + 1e-6
                await asyncio.sleep(lasts)

        keeper = asyncio.create_task(watch([], interval=50))
        await asyncio.gather(*(visit(*each) for each in visits))
        keeper.cancel()

    try:
        quickly(main())
    finally:
        setattr(shared_poller, "Client", original)  # noqa: B010 (as above)
    assert served == len(visits)
    assert all(after - before >= 1 - 1e-6 for before, after in itertools.pairwise(datadog.times()))
    assert datadog.open == []
