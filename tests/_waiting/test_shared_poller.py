"""The poll that followers share: when it reads, what it returns to each follower, and when it ends."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_seats._api.rate_limits import RateLimit
from airflow_provider_seats._waiting import shared_poller
from airflow_provider_seats._waiting.followers import Follower
from airflow_provider_seats._waiting.sources import SeatSource
from airflow_provider_seats.exceptions import KeysRefusedError, RateLimitError
from tests.helpers.looping import quickly
from tests.helpers.polling import LIST, Datadog, after, clock, passes, unavailable, watch

if TYPE_CHECKING:
    from airflow_provider_seats._waiting.shared_poller import Snapshot

# --- one poll for many followers ---


def test_a_thousand_followers_cost_as_many_readings_as_one(polled: Datadog) -> None:
    """Followers share one poll at their shortest interval, from the first follower until the last one leaves."""
    seen: list[Any] = []

    async def main() -> None:
        others = [watch(seen, interval=60) for _ in range(999)]
        await passes(35, watch(seen, interval=10), *others)
        await asyncio.sleep(100)

    quickly(main())
    assert polled.times() == [0, 10, 20, 30]
    assert len(seen) == 1000
    assert polled.clients == 1


def test_the_poll_reads_at_the_shortest_interval_of_its_followers(polled: Datadog) -> None:
    """The pace follows the followers as they come and go, but is at most one reading a second."""

    async def main() -> None:
        await passes(40, watch([], interval=10), after(15, passes(2.5, watch([], interval=0))))

    quickly(main())
    assert polled.times() == [0, 10, 15, 16, 17, 27, 37]


def test_other_products_and_connections_are_polled_separately(polled: Datadog) -> None:
    """Each product and each connection has its own poll, and the products of one connection share a client."""

    async def main() -> None:
        await passes(5, watch([]), watch([], product="q"), watch([], conn_id="two"), watch([], conn_id="rotated"))

    quickly(main())
    assert sorted((site, product) for _, site, product in polled.readings) == [
        ("https://one", "p"),
        ("https://one", "p"),
        ("https://one", "q"),
        ("https://two", "p"),
    ]
    assert polled.clients == 3


def test_a_follower_that_leaves_does_not_disturb_the_others(polled: Datadog) -> None:
    """A reading continues if the follower that started it leaves meanwhile."""
    polled.faults = [3.0]
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
    assert len(polled.readings) == 1


def test_a_follower_that_cannot_be_made_starts_no_poll(polled: Datadog) -> None:
    """An invalid interval is an error before a poll starts, because a poll without followers would never pause."""

    async def main() -> None:
        with pytest.raises(TypeError):
            Follower("one", SeatSource("p"), None)  # type: ignore[arg-type]
        await asyncio.sleep(10)

    quickly(main())
    assert polled.readings == []


def test_a_closed_loop_is_forgotten(polled: Datadog) -> None:
    """The polls of a closed loop are removed with their connections, which hold keys, when the next poll starts."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(watch([]))
    while not shared_poller._organisations:
        loop.run_until_complete(asyncio.sleep(0))
    polling = asyncio.all_tasks(loop)
    loop.close()
    assert len(shared_poller._organisations) == 1
    quickly(passes(1, watch([], conn_id="two")))
    assert shared_poller._organisations == {}
    for each in {task, *polling}:
        each._log_destroy_pending = False  # type: ignore[attr-defined]
        each.get_coro().close()


# --- rate limits ---

LIMIT = RateLimit(120, 10)


def test_a_poll_uses_half_of_a_stated_limit(polled: Datadog, caplog: pytest.LogCaptureFixture) -> None:
    """Its interval is stretched, also if readings take time, and both that and the end are logged once."""
    caplog.set_level("INFO")
    polled.pages, polled.seconds, polled.limit = 30, 0.5, LIMIT

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(41, setattr, polled, "pages", 1)
        loop.call_later(72, setattr, polled, "limit", None)
        await passes(80, watch([], interval=1))

    quickly(main())
    # The pages of the first reading are not known before it has ended. The last ones need no stretching.
    assert polled.times()[:10] == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]
    assert polled.times()[10:12] == [46.5, 48]
    assert [line for line in caplog.messages if "polling" in line] == [
        (
            "p: polling every 5.0 s instead of every 1 s. A reading takes 30 requests, and waiting uses at most half "
            "of Datadog's rate limit of 120 requests in 10 s."
        ),
        "p: polling every 1 s again",
    ]


def test_a_longer_interval_is_not_stretched(polled: Datadog, caplog: pytest.LogCaptureFixture) -> None:
    """A poll that uses less than half of the limit keeps its interval."""
    caplog.set_level("INFO")
    polled.pages, polled.limit = 30, LIMIT
    quickly(passes(35, watch([], interval=10)))
    assert polled.times() == [0, 10, 20, 30]
    assert caplog.messages == []


def test_the_polls_of_a_connection_share_the_half(polled: Datadog) -> None:
    """A poll with a long interval keeps it, and the others divide what is left of the half."""
    polled.pages, polled.limit = 30, LIMIT

    async def main() -> None:
        await passes(
            400, watch([], interval=1), watch([], product="q", interval=2), watch([], product="r", interval=50)
        )

    quickly(main())
    times = {product: [when for when, _, each in polled.readings if each == product] for product in "pqr"}
    assert {after - before for before, after in itertools.pairwise(times["r"])} == {50}
    # A reading takes 5 s of the half. In 50 s, one for r leaves 45 s: 4.5 readings for each of the others.
    for product in "pq":
        assert {round(after - before, 3) for before, after in itertools.pairwise(times[product][2:])} == {11.111}


# --- errors ---


def test_a_transient_error_is_reported_once(polled: Datadog, caplog: pytest.LogCaptureFixture) -> None:
    """Followers receive a transient error once, then a different one, then the recovery; a new follower at once."""
    polled.faults = [unavailable(), unavailable(), unavailable(), unavailable(502), unavailable(502)]
    seen: list[tuple[float, Snapshot]] = []
    late: list[tuple[float, Snapshot]] = []
    caplog.set_level("INFO")
    quickly(passes(75, watch(seen), after(5, watch(late))))
    assert [(when, getattr(snapshot, "status", None)) for when, snapshot in seen] == [(0, 503), (30, 502), (50, None)]
    assert [when for when, _ in late] == [5, 30, 50]
    assert len([line for line in caplog.messages if "Waiting" in line]) == 1


def test_an_error_is_logged_once_although_another_product_works(
    polled: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    """Responses for one product do not make the errors of another count as new."""
    caplog.set_level("INFO")
    polled.down = "q"

    async def main() -> None:
        keeper = asyncio.create_task(watch([]))
        await passes(100, watch([], product="q"))
        keeper.cancel()

    quickly(main())
    assert len([line for line in caplog.messages if "Waiting" in line]) == 1


def test_the_wait_that_the_server_states_holds_for_everyone(polled: Datadog) -> None:
    """A new follower with a shorter interval does not bring the next reading forward."""
    polled.faults = [RateLimitError(LIST, "slow down", 300)]
    quickly(passes(310, watch([]), after(50, watch([], interval=1))))
    assert polled.times()[:2] == [0, 300]


@pytest.mark.parametrize("error", [KeysRefusedError(LIST, 403, "no"), ValueError("unexpected")])
def test_a_lasting_error_ends_the_poll_for_all(polled: Datadog, error: Exception) -> None:
    """Every follower raises the error itself, and a later follower starts a new poll."""
    ended: list[Any] = []

    async def main() -> None:
        async def one(interval: float) -> None:
            try:
                await watch([], interval=interval)
            except Exception as raised:
                ended.append(raised)
                raise

        polled.faults = [0.0, error]
        tasks = [asyncio.create_task(one(10 + number)) for number in range(50)]
        await asyncio.gather(*tasks, return_exceptions=True)
        assert clock() == 10
        await passes(1, watch([]))

    quickly(main())
    assert ended == [error] * 50
    assert len(polled.readings) == 3


def test_a_poll_that_is_cancelled_from_outside_ends_its_followers(polled: Datadog) -> None:
    """Followers of a cancelled poll raise an error, and a later follower starts a new poll."""

    async def main() -> None:
        task = asyncio.create_task(watch([]))
        await asyncio.sleep(1)
        [organisation] = shared_poller._organisations.values()
        organisation.polls[SeatSource("p")].task.cancel()
        with pytest.raises(RuntimeError, match="cancelled"):
            await task
        await passes(1, watch([]))

    quickly(main())
    assert len(polled.readings) == 2


def test_the_traceback_of_a_shared_error_does_not_grow(polled: Datadog) -> None:
    """An error that many followers raise does not collect the frames of all their tasks."""
    error = KeysRefusedError(LIST, 403, "no")
    polled.faults = [error]

    async def main() -> None:
        await asyncio.gather(*(watch([]) for _ in range(100)), return_exceptions=True)

    quickly(main())
    frames, traceback = 0, error.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    assert frames < 10
