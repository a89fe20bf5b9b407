"""Who holds a seat: a seat list that was read, to look people up in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._planning.arguments import People
    from airflow_provider_seats.report import Person


class Holders:
    """A seat list that was read whole.

    :param users: its rows.
    """

    def __init__(self, users: Iterable[SeatUser]) -> None:
        self.users = tuple(users)
        self._by_uuid = {user.id: user for user in self.users if user.id}
        self._by_email: dict[str, list[SeatUser]] = {}
        for user in self.users:
            if user.email is not None:
                self._by_email.setdefault(user.email.casefold(), []).append(user)

    def by_uuid(self, uuid: str) -> list[SeatUser]:
        """Give the seat of a user UUID, if there is one."""
        return [self._by_uuid[uuid]] if uuid in self._by_uuid else []

    def by_email(self, email: str) -> list[SeatUser]:
        """Give the seats of all accounts with this email, which may be several."""
        return self._by_email.get(email.casefold(), [])

    def match(self, people: People) -> Iterator[tuple[Person, list[SeatUser]]]:
        """Give everyone as they were given, with the rows of their seats."""
        for person in people.as_given():
            rows = self.by_uuid(person["id"]) if person["id"] else self.by_email(str(person["email"]))
            yield person, rows

    def rows_without_email(self) -> int:
        """Count the rows whose email is not known, so that nobody can be recognised there by email."""
        return sum(user.email is None for user in self.users)

    def absent(self, emails: Iterable[str]) -> tuple[str, ...]:
        """Give the emails that nobody in the list has."""
        return tuple(email for email in emails if not self.by_email(email))
