"""The switch that makes waits pass at once."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault, skip_waits
from tests.conftest import PRODUCT
from tests.helpers.triggers import event_of, users_trigger


def test_waits_pass_at_once(datadog: FakeDatadog) -> None:
    """Three attempts after errors, and a rate limit of a minute, take no time. Afterwards the clock is as before."""
    before, started = clock(), time.monotonic()
    limit = Fault(429, headers={"X-RateLimit-Reset": "60"})
    datadog.script("GET", SEATS, Fault(503), Fault(503), limit)
    with skip_waits():
        assert DatadogSeatsHook().list_seat_users(PRODUCT) == []
        assert clock().now() - time.time() >= 60
    assert clock() is before
    assert time.monotonic() - started < 60
    assert len(datadog.calls()) == 4


@skip_waits()
def test_it_decorates_a_test(datadog: FakeDatadog) -> None:
    """A lost change is read back and tried again at once."""
    ann = datadog.add_user("ann@example.com")
    datadog.script("POST", SEATS, Fault(502))
    assert DatadogSeatsHook().assign_seats(PRODUCT, [ann]) == [ann]


def test_a_trigger_polls_again_at_once(datadog: FakeDatadog) -> None:
    """A trigger that polls each hour ends as soon as the seat is there."""
    ann = datadog.add_user("ann@example.com")
    trigger = users_trigger(user_emails=["ann@example.com"], poll_interval=3600, timeout_at=time.time() + 7200)

    async def main() -> object:
        asyncio.get_running_loop().call_later(0.2, datadog.give_seat, PRODUCT, ann)
        return await event_of(trigger)

    with skip_waits():
        payload = asyncio.run(main())
    assert isinstance(payload, dict)
    assert payload["status"] == "success"
    assert len(datadog.calls()) > 1


def test_an_error_ends_it() -> None:
    """The clock is as before if the block fails."""
    before = clock()
    with pytest.raises(ZeroDivisionError), skip_waits():
        1 / 0  # noqa: B018 (it fails)
    assert clock() is before
