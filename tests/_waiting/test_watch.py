"""The watch of a product's seats. tests/test_triggers.py has its use by the trigger."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from airflow_provider_seats._waiting.snapshot_store import SnapshotStore
from airflow_provider_seats._waiting.watch import watch
from airflow_provider_seats.exceptions import InvalidInputError
from tests.helpers.looping import quickly
from tests.helpers.planning import seat
from tests.helpers.playing import uuid
from tests.helpers.polling import Datadog, after, unavailable

ANN = seat(uuid("a"), "ann@x")


def test_each_poll_and_each_change_is_returned(polled: Datadog) -> None:
    """A seat that appears after a fault is a change. Each poll returns None first."""
    polled.faults = [0, unavailable()]

    async def main() -> Any:
        async def give() -> None:
            polled.seats = (ANN,)

        later = asyncio.create_task(after(25, give()))
        store = SnapshotStore(None, "p")
        async with aclosing(watch(store, "one", "p", 10)) as changes:
            returned = [await anext(changes) for _ in range(5)]
        await later
        return returned

    *polls, change = quickly(main())
    assert [each["id"] for each in change["gained"]] == [ANN.id]
    assert polls == [None] * 4  # the list, the fault, the list again, and the list with the change


@pytest.mark.parametrize(("product", "interval"), [("", 10), ("p", "often")])
def test_arguments_are_checked(polled: Datadog, product: str, interval: object) -> None:
    """A product or an interval that cannot be used is an error before anything is read."""

    async def main() -> None:
        async with aclosing(watch(SnapshotStore(None, "p"), "one", product, interval)) as changes:
            await anext(changes)

    with pytest.raises(InvalidInputError):
        quickly(main())
    assert polled.readings == []
