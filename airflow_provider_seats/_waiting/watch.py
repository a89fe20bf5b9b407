"""Watch a product's seats, and return what changes from poll to poll."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._arguments import parse_duration, parse_product_code
from airflow_provider_seats._waiting.changes import compare_seats, newest_date
from airflow_provider_seats._waiting.followers import Follower
from airflow_provider_seats._waiting.sources import SeatSource
from airflow_provider_seats._waiting.turns import compute

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_seats._waiting.snapshot_store import SnapshotStore

log = logging.getLogger(__name__)


async def watch(
    store: SnapshotStore, conn_id: str, product_code: object, poll_interval: object
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """Yield the payload of an event for each change of seats, and None after each poll, without end.

    :param store: has the seats that were reported before.
    :raises DatadogSeatsError: if no retry can fix it.
    """
    product = parse_product_code(product_code)
    interval = parse_duration("poll_interval", poll_interval)
    started: datetime | None = None
    async with Follower(conn_id, SeatSource(product), interval) as follower:
        while True:
            snapshot = await follower.next_snapshot()
            before = await store.recall(follower.site)
            yield None
            if not isinstance(snapshot, SeatList):
                log.warning("%s: changes are not known yet: %s", store.name, snapshot)
                continue
            is_first = before is None
            more = 1
            while more:
                compare = partial(compare_seats, before, snapshot, follower.after, started)
                changes = await compute(len(snapshot), compare)
                before, more = changes.now, changes.more
                if (event := changes.event(product)) is not None:
                    gained, lost = len(changes.gained), len(changes.lost)
                    log.info("%s: %d gained a seat, %d lost theirs", store.name, gained, lost)
                    async with store.delivery(before):
                        yield event
                elif changes.is_new:
                    await store.keep(before)
            # A list of several pages can shift while it is read. What the first reading missed is no change.
            started = None
            if is_first and snapshot.pages > 1:
                started = await compute(len(snapshot), partial(newest_date, snapshot))
            if changes.unconfirmed and snapshot.pages > 1:
                follower.require_new_reading()
