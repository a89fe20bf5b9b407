"""The dates of seats after a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_seats._api.seat_list import SeatList as SeatList  # noqa: PLC0414, TC001 (the planner uses it)

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats.report import Person


def with_dates(
    people: Mapping[str, Person], seat_list: SeatList | None, users_after: Iterable[SeatUser] | None
) -> list[Person]:
    """Return people who were assigned, with the dates of their seats in the newest seat list.

    An undo compares these dates with those that the list shows then, so that only dates of one clock are compared.

    :param people: the people by user UUID.
    :param users_after: the seat list after the changes; None if it was not read again.
    """
    if users_after is None:
        users_after = [user for uuid in people if seat_list for user in seat_list.by_uuid(uuid)]
    dates = {user.id: user.assigned_at for user in users_after if user.id in people}
    return [
        {**person, "assigned_at": assigned_at} if (assigned_at := dates.get(uuid)) else person
        for uuid, person in people.items()
    ]
