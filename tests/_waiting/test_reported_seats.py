"""The store of the seats that a trigger last reported on."""

from __future__ import annotations

import asyncio
import uuid
from hashlib import sha256
from typing import Any

import pytest

from airflow_provider_seats._api.clock import install
from airflow_provider_seats._planning.stored import MAX_VALUE, size
from airflow_provider_seats._waiting.reported_seats import ReportedSeats
from tests.helpers.asset_state import FakeStateStore
from tests.helpers.looping import LoopClock, quickly

NAME = "incident_response through datadog_default"
KEY = f"datadog_seats {NAME}"
SITE = "https://api.datadoghq.com"
OTHER_SITE = "https://api.datadoghq.eu"
SEATS: dict[str, str | None] = {"u1": "ann@x.com", "u2": None}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package use the time of the quick loop."""
    install(LoopClock())


def hash_of(number: int) -> int:
    """Return a large number that is the same in each run."""
    return int.from_bytes(sha256(str(number).encode()).digest()[:16])


def recall(store: FakeStateStore | None, site: str = SITE) -> Any:
    """Return what a new ReportedSeats recalls."""
    return quickly(ReportedSeats(store, NAME).recall(site))


async def keep(store: FakeStateStore, seats: dict[str, str | None] = SEATS, site: str = SITE) -> ReportedSeats:
    """Return a ReportedSeats that has stored seats."""
    reported = ReportedSeats(store, NAME)
    await reported.recall(site)
    await reported.keep(seats)
    return reported


def test_a_new_store_recalls_nothing() -> None:
    """Before anything was stored, it is unknown who held a seat."""
    assert recall(FakeStateStore()) is None


def test_stored_seats_are_recalled_after_a_restart() -> None:
    """Seats that one triggerer stored are recalled by the next, with their site."""
    store = FakeStateStore()
    quickly(keep(store))
    expected = FakeStateStore()
    expected.keep(KEY, SITE, SEATS)
    assert store.stored == expected.stored
    assert recall(store) == SEATS


def test_without_a_state_store_seats_are_kept_in_memory() -> None:
    """Before Airflow 3.3, seats outlive an error but not the triggerer."""

    async def main() -> Any:
        reported = ReportedSeats(None, NAME)
        assert await reported.recall(SITE) is None
        await reported.keep(SEATS)
        return await reported.recall(SITE)

    assert quickly(main()) == SEATS
    assert recall(None) is None


@pytest.mark.parametrize("restarted", [True, False])
def test_seats_of_another_site_do_not_count(caplog: pytest.LogCaptureFixture, restarted: bool) -> None:
    """If the connection points elsewhere, the trigger starts from nothing, and the log names both sites."""
    store = FakeStateStore()

    async def main() -> Any:
        reported = await keep(store)
        if restarted:
            reported = ReportedSeats(store, NAME)
        return await reported.recall(OTHER_SITE)

    assert quickly(main()) is None
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{NAME}: the connection now leads to {OTHER_SITE} instead of {SITE}.")


def test_the_first_reading_of_another_site_is_the_new_starting_point(caplog: pytest.LogCaptureFixture) -> None:
    """Once the seats of another site are stored, they are recalled without a warning."""
    store = FakeStateStore()
    quickly(keep(store))
    quickly(keep(store, {"u3": "cy@x.com"}, OTHER_SITE))
    caplog.clear()
    assert recall(store, OTHER_SITE) == {"u3": "cy@x.com"}
    assert caplog.records == []


@pytest.mark.parametrize(
    "state",
    [
        *(None, "", "seats", 5, True, [], ["u1"], {}),
        {"u1": "ann@x.com"},
        {"site": SITE},
        {"site": SITE, "seats": None},
        {"site": SITE, "seats": ["u1"]},
        {"site": SITE, "seats": "u1"},
        {"site": SITE, "seats": {"u1": 5}},
        {"site": SITE, "seats": {"u1": "ann@x.com", "u2": {"email": "bob@x.com"}}},
        {"site": None, "seats": {"u1": "ann@x.com"}},
        {"site": ["x"], "seats": {"u1": "ann@x.com"}},
        {"seats": {"u1": "ann@x.com"}},
    ],
)
def test_damaged_state_is_ignored(state: object) -> None:
    """State that this package did not store counts as none, and the next seats replace it."""
    store = FakeStateStore()
    store.stored[KEY] = state
    assert recall(store) is None
    quickly(keep(store))
    assert recall(store) == SEATS


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_call_that_fails_is_repeated(failures: int) -> None:
    """The state store is called up to four times, both to read and to write."""
    store = FakeStateStore()

    async def main() -> Any:
        reported = ReportedSeats(store, NAME)
        store.failures = failures
        await reported.recall(SITE)
        store.failures = failures
        await reported.keep(SEATS)
        return asyncio.get_running_loop().time()

    assert quickly(main()) == 2 * sum((1, 5, 15)[:failures])
    assert recall(store) == SEATS


def test_a_state_store_that_keeps_failing_is_an_error_when_it_is_read() -> None:
    """The trigger does not start from nothing if the state cannot be read, because that would lose changes."""
    store = FakeStateStore()
    quickly(keep(store))
    store.failures = 4
    with pytest.raises(ConnectionError):
        recall(store)
    assert recall(store) == SEATS


def test_seats_that_cannot_be_stored_are_kept_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    """A state store that cannot write does not stop the trigger, and the log says what a restart would do."""
    store = FakeStateStore()

    async def main() -> Any:
        reported = ReportedSeats(store, NAME)
        await reported.recall(SITE)
        store.error = ConnectionError("gone")
        await reported.keep(SEATS)
        return await reported.recall(SITE)

    assert quickly(main()) == SEATS
    assert f"{NAME}: the seats could not be stored, so a restart would repeat a change: gone" in caplog.messages


def test_a_trigger_of_several_assets_stores_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """If Airflow cannot tell which asset is meant, its store is not called again, and the log says what to do."""
    store = FakeStateStore()
    store.error = ValueError("Task has 2 concrete inlets and outlets")

    async def main() -> Any:
        reported = ReportedSeats(store, NAME)
        assert await reported.recall(SITE) is None
        calls = store.calls
        await reported.keep(SEATS)
        assert store.calls == calls
        return await reported.recall(SITE)

    assert quickly(main()) == SEATS
    assert [line for line in caplog.messages if "another poll_interval" in line]


@pytest.mark.parametrize(("store", "seconds"), [(FakeStateStore(), 1.5), (None, 0)])
def test_an_event_has_time_to_reach_the_database(store: FakeStateStore | None, seconds: float) -> None:
    """The store waits 1.5 seconds after an event, and not at all if nothing is stored."""

    async def main() -> float:
        async with ReportedSeats(store, NAME).delivery({}):
            pass
        return asyncio.get_running_loop().time()

    assert quickly(main()) == seconds


@pytest.mark.parametrize("silent", [True, False])
def test_a_stopped_trigger_stores_seats_only_if_airflow_answers(silent: bool) -> None:
    """A triggerer that stops gets no answers, so the seats are not stored, and the wait ends after one second."""
    store = FakeStateStore()

    async def main() -> float:
        reported = await keep(store, {})
        store.silent = silent
        await reported.keep_if_answered(SEATS)
        return asyncio.get_running_loop().time()

    assert quickly(main()) == (1 if silent else 0)
    store.silent = False
    assert recall(store) == ({} if silent else SEATS)


def test_the_seats_of_a_large_organisation_are_stored_in_small_values(caplog: pytest.LogCaptureFixture) -> None:
    """A hundred thousand seats take at most 4 MB, in values below 48 KiB, so Airflow warns about none of them."""
    numbers = [hash_of(number) for number in range(100_000)]
    seats: dict[str, str | None] = {
        str(uuid.UUID(int=number)): f"{number:x}"[:9] + "@example.com" for number in numbers
    }
    store = FakeStateStore()
    quickly(keep(store, seats))
    sizes = [size(value) for value in store.stored.values()]
    assert max(sizes) <= MAX_VALUE
    assert sum(sizes) <= 4_000_000
    assert recall(store) == seats
    assert caplog.messages == []


def test_a_part_that_is_missing_makes_the_seats_unknown(caplog: pytest.LogCaptureFixture) -> None:
    """Seats that are not complete are ignored, and the log says it. Half of them would look like losses."""
    seats: dict[str, str | None] = {str(uuid.UUID(int=hash_of(number))): None for number in range(10_000)}
    store = FakeStateStore()
    quickly(keep(store, seats))
    del store.stored[f"{KEY} 0.1"]
    assert recall(store) is None
    assert f"{NAME}: the stored seats cannot be read and are ignored: it is incomplete" in caplog.messages
