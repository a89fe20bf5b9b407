"""Triggers as a triggerer makes and runs them."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

from airflow_provider_seats._planning.stored import pack
from airflow_provider_seats.testing import Fault
from airflow_provider_seats.triggers import SeatUsersTrigger
from tests.conftest import PRODUCT
from tests.helpers.looping import NOW

FORBIDDEN: Final = Fault(403, {"errors": ["Forbidden"]})


def rows(*uuids: str, next_cursor: str | None = None) -> Fault:
    """Return a page of the seat list that contains these people and nobody else."""
    data = [{"type": "seat-users", "id": uuid, "attributes": {"email": None}} for uuid in uuids]
    return Fault(200, {"data": data, "meta": {"next_cursor": next_cursor}})


def users_trigger(
    *, user_uuids: Sequence[str] = (), user_emails: Sequence[str] = (), **arguments: Any
) -> SeatUsersTrigger:
    """Make the trigger as a triggerer does, from what Airflow stored."""
    people = pack({}, [user_uuids, user_emails])
    trigger: SeatUsersTrigger = revived(
        SeatUsersTrigger(**{"product_code": PRODUCT, "people": people, "timeout_at": NOW + 3600, **arguments})
    )
    return trigger


def revived(trigger: Any) -> Any:
    """Make a trigger again from what it serializes to."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))


async def event_of(trigger: Any) -> Any:
    """Return the payload of the first event."""
    async with aclosing(trigger.run()) as events:
        return (await anext(events)).payload


async def end(*tasks: asyncio.Task[Any]) -> None:
    """End tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
