"""A seat list that was read completely, indexed by user UUID and email."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from airflow_provider_seats._api.identifiers import email_key

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._planning.people import People
    from airflow_provider_seats.report import Person


class SeatList:
    """The seats of a product.

    :param users: the rows of the list.
    :param pages: how many pages the list had. A list of several pages can shift while it is read.
    """

    def __init__(self, users: Iterable[SeatUser] = (), pages: int = 1) -> None:
        self.users = tuple(users)
        self.pages = pages
        self._by_uuid = {user.id: user for user in self.users if user.id}
        self._by_email: dict[str, list[SeatUser]] = {}
        for user in self.users:
            if user.email is not None:
                self._by_email.setdefault(email_key(user.email), []).append(user)

    def __len__(self) -> int:
        return len(self.users)

    def by_uuid(self, uuid: str) -> list[SeatUser]:
        """Return the seat of a user UUID, if there is one."""
        return [self._by_uuid[uuid]] if uuid in self._by_uuid else []

    def by_email(self, email: str) -> list[SeatUser]:
        """Return the seats of all accounts with this email. There may be several."""
        return self._by_email.get(email_key(email), [])

    def match(self, people: People) -> Iterator[tuple[Person, list[SeatUser]]]:
        """Yield each person as passed, with the rows of their seats."""
        for person in people.as_persons():
            rows = self.by_uuid(person["id"]) if person["id"] else self.by_email(str(person["email"]))
            yield person, rows

    def rows_without_email(self) -> int:
        """Return how many rows have no email, so that nobody can be found there by email."""
        return sum(user.email is None for user in self.users)

    def unlisted(self, emails: Iterable[str]) -> tuple[str, ...]:
        """Return the emails that no row has."""
        return tuple(email for email in emails if not self.by_email(email))
