"""What changed between two readings of a seat list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_seats._api.seats import SeatUser

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from airflow_provider_seats._planning.seat_list import SeatList

# Emails by user UUID.
Seats: TypeAlias = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class SeatChanges:
    """What a seat list shows, compared with the seats that were last reported.

    :param now: the seats now. They contain people whose loss is not confirmed yet.
    :param gained: all fields of the seats that people gained.
    :param lost: id and email of the people who lost theirs.
    :param absent: the user UUIDs that the list does not contain.
    :param unconfirmed: how many people are absent for the first time, and so may still hold a seat.
    :param seats: how many seats there are now.
    :param is_new: whether ``now`` differs from the seats before, also if only in emails.
    """

    now: Seats
    gained: list[dict[str, str | None]]
    lost: list[dict[str, str | None]]
    absent: frozenset[str]
    unconfirmed: int
    seats: int
    is_new: bool

    def event(self, product: str) -> dict[str, Any] | None:
        """Return the payload of the event that reports the changes; None if nobody gained or lost a seat."""
        if not (self.gained or self.lost):
            return None
        return {"product": product, "gained": self.gained, "lost": self.lost, "seats": self.seats}


def compare_seats(before: Seats | None, seat_list: SeatList, absent: AbstractSet[str]) -> SeatChanges:
    """Compare a seat list with the seats before.

    A list of several pages can shift while it is read, so a loss counts only if two readings in a row show it.

    :param before: the seats before; None if they are unknown, so that nothing can have changed.
    :param absent: the user UUIDs that the reading before did not contain.
    """
    now = {row[0]: row[1] for row in seat_list.rows if row[0]}
    missing = frozenset(uuid for uuid in before or () if uuid not in now)
    unconfirmed = missing - absent if seat_list.pages > 1 else frozenset()
    gained, lost = [], []
    if before is not None:
        gained = [SeatUser(*row)._asdict() for row in seat_list.rows if row[0] and row[0] not in before]
        lost = [{"id": uuid, "email": before[uuid]} for uuid in before if uuid in missing and uuid not in unconfirmed]
        now.update((uuid, before[uuid]) for uuid in before if uuid in unconfirmed)
    return SeatChanges(
        now=now,
        gained=gained,
        lost=lost,
        absent=missing,
        unconfirmed=len(unconfirmed),
        seats=len(seat_list) + len(unconfirmed),
        is_new=before != now,
    )
