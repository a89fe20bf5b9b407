"""What changes in a product's seats from poll to poll."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from airflow_provider_seats._api.identifiers import PersonSet
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._arguments import parse_duration, parse_product_code, parse_time
from airflow_provider_seats._planning.stored import fitting
from airflow_provider_seats._waiting.followers import Follower
from airflow_provider_seats._waiting.sources import SeatSource
from airflow_provider_seats._waiting.turns import compute

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_seats._api.seats import Row
    from airflow_provider_seats._waiting.reported_seats import ReportedSeats

log = logging.getLogger(__name__)

# Emails by user UUID. A seat without one is stored by its email or name, with these words before it.
_WITHOUT_UUID: Final = "without UUID: "
Seats: TypeAlias = dict[str, str | None]


async def watch(
    store: ReportedSeats, conn_id: str, product_code: object, poll_interval: object
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """Yield the payload of an event for each change of seats, and None after each poll, without end.

    :param store: has the seats that were reported before.
    :raises DatadogSeatsError: if no retry can fix it.
    """
    product = parse_product_code(product_code)
    interval = parse_duration("poll_interval", poll_interval)
    before: Seats | None = None
    site: str | None = None
    newest: datetime | None = None
    async with Follower(conn_id, SeatSource(product), interval) as follower:
        while True:
            snapshot = await follower.next_snapshot()
            if site != follower.site:
                site = follower.site
                before = await store.recall(site)
            yield None
            if not isinstance(snapshot, SeatList):
                log.warning("%s: changes are not known yet: %s", store.name, snapshot)
                continue
            is_first = before is None
            more = 1
            while more:
                compare = partial(compare_seats, before, snapshot, follower.after, newest)
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
            newest = None
            if is_first and snapshot.pages > 1:
                newest = await compute(len(snapshot), partial(_newest_date, snapshot))
            if changes.unconfirmed and snapshot.pages > 1:
                follower.require_new_reading()


@dataclass(frozen=True, slots=True)
class SeatChanges:
    """What a seat list shows, compared with the seats that were last reported.

    :param now: the seats before with these changes. They contain people whose loss is not confirmed yet.
    :param gained: all fields of the seats that people gained, as many as fit into an event.
    :param lost: id and email of the people who lost theirs, as many as fit beside those.
    :param more: how many changes do not fit. A comparison of ``now`` with the same list returns the next ones.
    :param unconfirmed: how many people the list does not show and may still hold a seat.
    :param seats: how many seats there are now.
    :param is_new: whether ``now`` differs from the seats before, also if only in emails.
    """

    now: Seats
    gained: list[dict[str, str | None]]
    lost: list[dict[str, str | None]]
    more: int
    unconfirmed: int
    seats: int
    is_new: bool

    def event(self, product: str) -> dict[str, Any] | None:
        """Return the payload of the event that reports the changes; None if nobody gained or lost a seat."""
        if not (self.gained or self.lost):
            return None
        changes = {"product": product, "gained": self.gained, "lost": self.lost}
        return {**changes, "seats": self.seats, "more": self.more}


def compare_seats(before: Seats | None, seats: SeatList, after: int = 0, newest: datetime | None = None) -> SeatChanges:
    """Compare a seat list with the seats before. A loss counts only if the list proves it.

    :param before: the seats before; None if they are unknown, so that nothing can have changed.
    :param after: the number of the last reading that proves nothing.
    :param newest: the date of the newest seat in the first reading, if this is the second. A new row with an older date
        is a seat that the first one missed.
    """
    known = before or {}
    now = {key: row[1] for row in seats.rows if (key := _key(row))}
    new = [row for row in seats.rows if before is not None and (key := _key(row)) and key not in before]
    if new and (seats.rows_without_uuid or any(map(_is_without_uuid, known))):
        # A row may have got its UUID, or lost it.
        people = PersonSet(_person(*each) for each in known.items())
        new = [row for row in new if _person(_key(row), row[1]) not in people]
    if newest is not None:
        new = [row for row in new if (date := parse_time(row[3])) is None or date >= newest]
    missing = {key: email for key, email in known.items() if key not in now and not seats.holds(_person(key, email))}
    gone = [
        (key, email)
        for key, email in missing.items()
        if seats.proven_absent(_person(key, email), after=after, listed_as=email)
    ]
    unconfirmed = missing.keys() - dict(gone)
    gained = (("gained", SeatUser(*row)._asdict()) for row in new)
    lost = (("lost", _person(key, email)) for key, email in gone)
    reported: dict[str, list[dict[str, str | None]]] = {"gained": [], "lost": []}
    for kind, person in fitting(chain(gained, lost)):
        reported[kind].append(person)
    for row in new[len(reported["gained"]) :]:
        del now[_key(row)]
    now.update((key, known[key]) for key in unconfirmed)
    now.update(gone[len(reported["lost"]) :])
    return SeatChanges(
        now=now,
        gained=reported["gained"],
        lost=reported["lost"],
        more=len(new) + len(gone) - len(reported["gained"]) - len(reported["lost"]),
        unconfirmed=len(unconfirmed),
        seats=len(seats) + len(unconfirmed),
        is_new=before != now,
    )


def _newest_date(seats: SeatList) -> datetime | None:
    """Return the date of the newest seat; None if no seat has a date."""
    return max((date for row in seats.rows if (date := parse_time(row[3])) is not None), default=None)


def _key(row: Row) -> str:
    """Return what the seat is stored by; an empty text if nothing distinguishes it from others."""
    return row[0] or (f"{_WITHOUT_UUID}{name}" if (name := row[1] or row[2]) else "")


def _is_without_uuid(key: str) -> bool:
    return key.startswith(_WITHOUT_UUID)


def _person(key: str, email: str | None) -> dict[str, str | None]:
    return {"id": None if _is_without_uuid(key) else key, "email": email}
