"""One poll for all: when it looks, whom it tells what, and when it ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.flow import (
    Flow,
    KeysRefusedError,
    Pause,
    RateLimitedError,
    Request,
    UnavailableError,
)
from airflow_provider_seats._runtime import shared_poller as poll
from airflow_provider_seats._runtime.shared_poller import Follower, Sight
from airflow_provider_seats.connection import DatadogConnection
from tests.helpers.examples import examples
from tests.helpers.looping import quickly
from tests.helpers.planning import seat

ONE = DatadogConnection("https://one", "app", "api")
TWO = DatadogConnection("https://two", "app", "api")
LIST = Request("GET", "/list")


class Datadog:
    """Stands in for clients: answers every look with what is true then, in no time, and notes when it was asked."""

    def __init__(self) -> None:
        self.looks: list[tuple[float, str, str]] = []
        self.seats: tuple[Any, ...] = ()
        self.faults: list[Exception | float] = []
        self.open: list[str] = []
        self.clients = 0
        self.down: str | None = None

    def client(self, connection: DatadogConnection, announce: Callable[[Pause], None]) -> Any:
        """Make a client."""
        return _Client(self, connection.base_url, announce)

    def times(self) -> list[float]:
        """Give when it was asked."""
        return [when for when, *_ in self.looks]


class _Client:
    def __init__(self, datadog: Datadog, where: str, announce: Callable[[Pause], None]) -> None:
        self._datadog = datadog
        self._where = where
        self._announce = announce
        datadog.open.append(where)
        datadog.clients += 1

    async def arun(self, flow: Flow[Any]) -> Any:
        step: Any = next(flow)
        flow.close()
        datadog = self._datadog
        datadog.looks.append((asyncio.get_running_loop().time(), self._where, dict(step.query)["product_code"]))
        fault = datadog.faults.pop(0) if datadog.faults else None
        if datadog.down == dict(step.query)["product_code"]:
            fault = UnavailableError(LIST, "Datadog answered 503", 503)
        if isinstance(fault, Exception):
            self._announce(Pause(1, str(fault)))
            raise fault
        await asyncio.sleep(fault or 0)
        return datadog.seats

    def close(self) -> None:
        self._datadog.open.remove(self._where)


@pytest.fixture
def datadog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Datadog]:
    """Give a stand-in, and see that nothing is left open."""
    stand_in = Datadog()
    monkeypatch.setattr(poll, "Client", stand_in.client)
    yield stand_in
    assert stand_in.open == []
    assert poll._organisations == {}


async def watch(
    seen: list[Any], *, interval: float = 10, connection: DatadogConnection = ONE, product: str = "p"
) -> None:
    """Follow for ever, and keep what is seen, and when."""
    with Follower(connection, product, interval) as follower:
        while True:
            sight = await follower.news()
            seen.append((asyncio.get_running_loop().time(), sight))


async def passes(seconds: float, *watchers: Any) -> None:
    """Let watchers watch for so many seconds."""
    tasks = [asyncio.create_task(watcher) for watcher in watchers]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_thousand_watchers_cost_the_looks_of_one(datadog: Datadog) -> None:
    """At the shortest interval among them, from the first until the last leaves."""
    seen: list[Any] = []

    async def main() -> None:
        others = [watch(seen, interval=60) for _ in range(999)]
        await passes(35, watch(seen, interval=10), *others)
        await asyncio.sleep(100)

    quickly(main())
    assert datadog.times() == [0, 10, 20, 30]
    assert len(seen) == 1000
    assert datadog.clients == 1


def test_whoever_comes_later_gets_the_latest_answer_if_it_is_fresh_enough(datadog: Datadog) -> None:
    """Else the next, which a shorter interval brings forward."""
    seen: list[Any] = []

    async def main() -> None:
        async def later() -> None:
            await asyncio.sleep(7)
            with Follower(ONE, "p", 8) as fresh:
                await fresh.news()
                seen.append(asyncio.get_running_loop().time())
            with Follower(ONE, "p", 5) as stale:
                await stale.news()
                seen.append(asyncio.get_running_loop().time())

        await passes(9, watch([], interval=10), later())

    quickly(main())
    assert seen == [7, 7]
    assert datadog.times() == [0, 7]


def test_whoever_has_looked_by_other_means_is_not_told_what_was_before(datadog: Datadog) -> None:
    """The next look comes at its time, and not sooner for it."""
    seen: list[Any] = []

    async def main() -> None:
        async def later() -> None:
            await asyncio.sleep(7)
            with Follower(ONE, "p", 10, oldest=1) as follower:
                await follower.news()
                seen.append(asyncio.get_running_loop().time())

        await passes(11, watch([], interval=10), later())

    quickly(main())
    assert seen == [10]
    assert datadog.times() == [0, 10]


def test_a_fault_of_one_product_is_told_once_beside_one_that_is_well(
    datadog: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    """The answers of the other say nothing of it."""
    caplog.set_level("INFO")
    datadog.down = "q"

    async def main() -> None:
        keeper = asyncio.create_task(watch([]))
        await passes(100, watch([], product="q"))
        [organisation] = poll._organisations.values()
        assert organisation._announced == {}
        keeper.cancel()

    quickly(main())
    assert len([record for record in caplog.records if "Waiting" in record.message]) == 1


def test_a_loop_that_was_closed_with_watchers_on_it_is_forgotten(datadog: Datadog) -> None:
    """With the keys that its connection holds."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(watch([]))
    loop.run_until_complete(asyncio.sleep(0))
    polling = asyncio.all_tasks(loop)
    loop.close()
    assert len(poll._organisations) == 1
    quickly(passes(1, watch([], connection=TWO)))
    assert poll._organisations == {}
    for each in {task, *polling}:
        each._log_destroy_pending = False  # type: ignore[attr-defined]
        each.get_coro().close()


def test_a_follower_that_cannot_be_made_leaves_no_poll(datadog: Datadog) -> None:
    """A poll that nobody follows would look without a pause."""

    async def main() -> None:
        with pytest.raises(TypeError):
            Follower(ONE, "p", None)  # type: ignore[arg-type]
        await asyncio.sleep(10)

    quickly(main())
    assert datadog.looks == []


def test_the_pace_is_that_of_those_who_are_there(datadog: Datadog) -> None:
    """Who comes hurries it, and who leaves lets it rest; no faster than once a second."""

    async def main() -> None:
        async def visitor() -> None:
            await asyncio.sleep(15)
            await passes(2.5, watch([], interval=0))

        await passes(40, watch([], interval=10), visitor())

    quickly(main())
    assert datadog.times() == [0, 10, 15, 16, 17, 27, 37]


def test_other_products_and_connections_are_polled_apart(datadog: Datadog) -> None:
    """They never serve one another, but products of one organisation share the client with its rate limits."""

    async def main() -> None:
        await passes(
            5,
            watch([]),
            watch([], product="q"),
            watch([], connection=TWO),
            watch([], connection=ONE._replace(app_key="rotated")),
        )

    quickly(main())
    assert sorted((where, product) for _, where, product in datadog.looks) == [
        ("https://one", "p"),
        ("https://one", "p"),
        ("https://one", "q"),
        ("https://two", "p"),
    ]
    assert datadog.clients == 3


def test_nobody_is_woken_while_nothing_changes(datadog: Datadog) -> None:
    """News is another list, and not another look."""
    seen: list[Any] = []

    async def main() -> None:
        async def change() -> None:
            await asyncio.sleep(25)
            datadog.seats = (seat("1", "ann@x"),)

        await passes(65, watch(seen), change())

    quickly(main())
    assert [when for when, _ in seen] == [0, 30]
    assert [len(sight.users) for _, sight in seen] == [0, 1]
    assert len(datadog.looks) == 7


def test_one_who_leaves_disturbs_nobody(datadog: Datadog) -> None:
    """Not even in the middle of a look."""
    datadog.faults = [3.0]
    seen: list[Any] = []

    async def main() -> None:
        first = asyncio.create_task(watch([]))
        await asyncio.sleep(1)
        second = asyncio.create_task(watch(seen))
        await asyncio.sleep(1)
        first.cancel()
        await asyncio.sleep(2)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)

    quickly(main())
    assert [when for when, _ in seen] == [3]
    assert len(datadog.looks) == 1


def fault(status: int = 503, retry_after: float | None = None) -> UnavailableError:
    """Make a passing fault."""
    return UnavailableError(LIST, f"Datadog answered {status}: request 1{len(str(status))}", status, retry_after)


def test_a_passing_fault_is_news_once(datadog: Datadog, caplog: pytest.LogCaptureFixture) -> None:
    """Another fault is news again, and so is that it is over; who comes meanwhile is told at once."""
    datadog.faults = [fault(), fault(), fault(), fault(502), fault(502)]
    seen: list[tuple[float, Sight]] = []
    late: list[tuple[float, Sight]] = []
    caplog.set_level("INFO")

    async def main() -> None:
        async def another() -> None:
            await asyncio.sleep(5)
            await watch(late)

        await passes(75, watch(seen), another())

    quickly(main())
    assert [(when, getattr(sight, "status", None)) for when, sight in seen] == [(0, 503), (30, 502), (50, None)]
    assert [when for when, _ in late] == [5, 30, 50]
    assert len([record for record in caplog.records if "Waiting" in record.message]) == 1


def test_what_the_server_asks_to_wait_holds_for_everyone(datadog: Datadog) -> None:
    """Nobody who comes or goes brings the next look forward."""
    datadog.faults = [RateLimitedError(LIST, "slow down", 300)]

    async def main() -> None:
        async def later() -> None:
            await asyncio.sleep(50)
            await watch([], interval=1)

        await passes(310, watch([]), later())

    quickly(main())
    assert datadog.times()[:2] == [0, 300]


@pytest.mark.parametrize("error", [KeysRefusedError(LIST, 403, "no"), ValueError("unexpected")])
def test_what_does_not_pass_ends_the_wait_of_all(datadog: Datadog, error: Exception) -> None:
    """With the error as it is; whoever comes afterwards begins anew."""
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
        assert asyncio.get_running_loop().time() == 10
        await passes(1, watch([]))

    quickly(main())
    assert ended == [error] * 50
    assert len(datadog.looks) == 3


def test_a_poll_that_is_cancelled_from_outside_leaves_nobody_waiting(datadog: Datadog) -> None:
    """Nor does whoever comes afterwards join it."""

    async def main() -> None:
        task = asyncio.create_task(watch([]))
        await asyncio.sleep(1)
        [organisation] = poll._organisations.values()
        organisation.polls["p"].task.cancel()
        with pytest.raises(RuntimeError, match="cancelled"):
            await task
        await passes(1, watch([]))

    quickly(main())
    assert len(datadog.looks) == 2


def test_an_error_that_many_raise_does_not_grow(datadog: Datadog) -> None:
    """Its traceback would hold the frames of a thousand tasks."""
    error = KeysRefusedError(LIST, 403, "no")
    datadog.faults = [error]

    async def main() -> None:
        await asyncio.gather(*(watch([]) for _ in range(100)), return_exceptions=True)

    quickly(main())
    frames, traceback = 0, error.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    assert frames < 10


@examples(60)
@given(
    st.lists(
        st.tuples(st.floats(0, 100, allow_nan=False), st.floats(0.1, 100, allow_nan=False), st.integers(0, 30)),
        min_size=1,
        max_size=8,
    )
)
def test_everyone_is_served_in_time_and_nobody_too_often(visits: list[tuple[float, float, int]]) -> None:
    """Looks are a second apart at least, and no answer is older than its reader's interval when it is given."""
    datadog = Datadog()
    waits: list[float] = []
    original = vars(poll)["Client"]
    setattr(poll, "Client", datadog.client)  # noqa: B010 (a property test has no fixtures of its own)

    async def main() -> None:
        async def visit(begins: float, lasts: float, interval: int) -> None:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(begins)
            with Follower(ONE, "p", interval) as follower:
                await follower.news()
                waits.append(loop.time() - begins)
                assert loop.time() - max(datadog.times()) <= max(interval, 1) + 1e-6
                await asyncio.sleep(lasts)

        keeper = asyncio.create_task(watch([], interval=50))
        await asyncio.gather(*(visit(*each) for each in visits))
        keeper.cancel()

    try:
        quickly(main())
    finally:
        setattr(poll, "Client", original)  # noqa: B010 (as above)
    assert max(waits) < 1e-6
    assert all(after - before >= 1 - 1e-6 for before, after in itertools.pairwise(datadog.times()))
    assert datadog.open == []
