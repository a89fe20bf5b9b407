"""A seat list that was read completely, indexed by user UUID and email."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
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

    def __len__(self) -> int:
        return len(self.users)

    def by_uuid(self, uuid: str) -> list[SeatUser]:
        """Return the seat of a user UUID, if there is one."""
        position = self._position(uuid)
        return [] if position is None else [self.users[position]]

    def by_email(self, email: str) -> list[SeatUser]:
        """Return the seats of all accounts with this email. There may be several."""
        key = email_key(email)
        index = self._emails
        rows = []
        position = index.first[hash(key) & index.mask]
        while position >= 0:
            user = self.users[position]
            if user.email is not None and email_key(user.email) == key:
                rows.append(user)
            position = index.following[position]
        return rows

    def match(self, people: People) -> Iterator[tuple[Person, list[SeatUser]]]:
        """Yield each person as passed, with the rows of their seats."""
        for person in people.as_persons():
            rows = self.by_uuid(person["id"]) if person["id"] else self.by_email(str(person["email"]))
            yield person, rows

    def rows_without_email(self) -> int:
        """Return how many rows have no email, so that nobody can be found there by email."""
        return self._without_email

    def unlisted(self, emails: Iterable[str]) -> tuple[str, ...]:
        """Return the emails that no row has."""
        return tuple(email for email in emails if not self.by_email(email))

    def index(self) -> SeatList:
        """Index the list now, and not when someone is first looked up. Return the list itself."""
        _ = self._uuids, self._emails, self._without_email
        return self

    def same_rows(self) -> Callable[[SeatUser], SeatUser]:
        """Return a function that replaces a row of a later reading by the equal row of this list.

        Two readings then share the rows that did not change, which is nearly all of the memory they need. The function
        takes the rows in the order of the list, so that it rarely has to look one up.
        """
        position = 0

        def same(row: SeatUser) -> SeatUser:
            nonlocal position
            known = self.users[position] if position < len(self.users) else None
            if known is None or known.id != row.id:
                found = self._position(row.id) if row.id else None
                if found is None:
                    return row
                position, known = found, self.users[found]
            position += 1
            return known if known == row else row

        return same

    def _position(self, uuid: str) -> int | None:
        """Return where the row of a user UUID is."""
        position = self._uuids.first[hash(uuid) & self._uuids.mask]
        while position >= 0 and self.users[position].id != uuid:
            position = self._uuids.following[position]
        return position if position >= 0 else None

    @cached_property
    def _uuids(self) -> _Positions:
        return _Positions(len(self), (user.id or None for user in reversed(self.users)))

    @cached_property
    def _emails(self) -> _Positions:
        return _Positions(
            len(self), (user.email if user.email is None else email_key(user.email) for user in reversed(self.users))
        )

    @cached_property
    def _without_email(self) -> int:
        return sum(user.email is None for user in self.users)


class _Positions:
    """The positions of rows by a key: a hash table of two arrays, which needs a fifth of the memory of a dict.

    It does not store the keys, so it may also lead to the row of another key.

    :param size: the number of rows.
    :param keys: the key of each row, from the last to the first. A row without a key is not found.
    :ivar first: the position of the first row for each hash; -1 if there is none.
    :ivar following: for each row, the position of the next one with the same hash; -1 if there is none.
    """

    __slots__ = ("first", "following", "mask")

    def __init__(self, size: int, keys: Iterable[str | None]) -> None:
        self.mask = mask = (1 << size.bit_length()) - 1
        self.first = first = array("i", [-1]) * (mask + 1)
        self.following = following = array("i", [-1]) * size
        for position, key in zip(range(size - 1, -1, -1), keys, strict=True):
            if key is not None:
                slot = hash(key) & mask
                following[position] = first[slot]
                first[slot] = position
