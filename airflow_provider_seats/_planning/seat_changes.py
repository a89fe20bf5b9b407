"""What changed between two readings of a seat list."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._planning.stored import fitting

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from airflow_provider_seats._planning.seat_list import SeatList

# Emails by user UUID.
Seats: TypeAlias = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class SeatChanges:
    """What a seat list shows, compared with the seats that were last reported.

    :param now: the seats before with these changes. They contain people whose loss is not confirmed yet.
    :param gained: all fields of the seats that people gained, as many as fit into an event.
    :param lost: id and email of the people who lost theirs, as many as fit beside those.
    :param more: how many changes do not fit. A comparison of ``now`` with the same list returns the next ones.
    :param absent: the user UUIDs that the list does not contain.
    :param unconfirmed: how many people are absent for the first time, and so may still hold a seat.
    :param seats: how many seats there are now.
    :param is_new: whether ``now`` differs from the seats before, also if only in emails.
    """

    now: Seats
    gained: list[dict[str, str | None]]
    lost: list[dict[str, str | None]]
    more: int
    absent: frozenset[str]
    unconfirmed: int
    seats: int
    is_new: bool

    def event(self, product: str) -> dict[str, Any] | None:
        """Return the payload of the event that reports the changes; None if nobody gained or lost a seat."""
        if not (self.gained or self.lost):
            return None
        changes = {"product": product, "gained": self.gained, "lost": self.lost}
        return {**changes, "seats": self.seats, "more": self.more}


def compare_seats(before: Seats | None, seat_list: SeatList, absent: AbstractSet[str]) -> SeatChanges:
    """Compare a seat list with the seats before.

    A list of several pages can shift while it is read, so a loss counts only if two readings in a row show it.

    :param before: the seats before; None if they are unknown, so that nothing can have changed.
    :param absent: the user UUIDs that the reading before did not contain.
    """
    now = {row[0]: row[1] for row in seat_list.rows if row[0]}
    missing = frozenset(uuid for uuid in before or () if uuid not in now)
    unconfirmed = missing - absent if seat_list.pages > 1 else frozenset()
    new = [row for row in seat_list.rows if row[0] and before is not None and row[0] not in before]
    gone = [(uuid, email) for uuid, email in (before or {}).items() if uuid in missing and uuid not in unconfirmed]
    gained = (("gained", SeatUser(*row)._asdict()) for row in new)
    lost = (("lost", {"id": uuid, "email": email}) for uuid, email in gone)
    reported: dict[str, list[dict[str, str | None]]] = {"gained": [], "lost": []}
    for kind, person in fitting(chain(gained, lost)):
        reported[kind].append(person)
    for row in new[len(reported["gained"]) :]:
        del now[str(row[0])]
    now.update((uuid, before[uuid]) for uuid in unconfirmed if before)
    now.update(gone[len(reported["lost"]) :])
    return SeatChanges(
        now=now,
        gained=reported["gained"],
        lost=reported["lost"],
        more=len(new) + len(gone) - len(reported["gained"]) - len(reported["lost"]),
        absent=missing,
        unconfirmed=len(unconfirmed),
        seats=len(seat_list) + len(unconfirmed),
        is_new=before != now,
    )
