"""A seat list that was read completely, indexed by user UUID and email."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seats import SeatUser

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import Row
    from airflow_provider_seats._rosters.people import People
    from airflow_provider_seats.report import Person


class SeatList:
    """The seats of a product.

    :param rows: the rows of the list.
    :param pages: how many pages the list had. A list of several pages can shift while it is read.
    """

    def __init__(self, rows: Iterable[Row] = (), pages: int = 1) -> None:
        self.rows = tuple(rows)
        self.pages = pages

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def users(self) -> tuple[SeatUser, ...]:
        """The rows with the names of their fields."""
        return tuple(map(_named, self.rows))

    def by_uuid(self, uuid: str) -> list[SeatUser]:
        """Return the seat of a user UUID, if there is one."""
        position = self._position(uuid)
        return [] if position is None else [_named(self.rows[position])]

    def by_email(self, email: str) -> list[SeatUser]:
        """Return the seats of all accounts with this email. There may be several."""
        key = email_key(email)
        index = self._emails
        found = []
        position = index.first[hash(key) & index.mask]
        while position >= 0:
            user = _named(self.rows[position])
            if user.email is not None and email_key(user.email) == key:
                found.append(user)
            position = index.following[position]
        return found

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

    @cached_property
    def fingerprint(self) -> str:
        """A text that is the same for two readings in which the same people hold seats, in any order."""
        rows = sorted(f"{row[0]} {row[1]}" for row in self.rows)
        return sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()

    def index(self) -> SeatList:
        """Index the list now, and not when someone is first looked up. Return the list itself."""
        _ = self._uuids, self._emails, self._without_email
        return self

    def keeper(self) -> Callable[[Iterable[Row]], Iterator[Row]]:
        """Return a function that replaces the rows of a later reading by the equal rows of this list.

        Two readings then share the rows that did not change, which is nearly all of the memory they need. The function
        expects the rows in the order of this list, so that it rarely has to look one up.
        """
        rows, position = self.rows, 0

        def keep(page: Iterable[Row]) -> Iterator[Row]:
            nonlocal position
            for row in page:
                if position >= len(rows) or rows[position][0] != row[0]:
                    found = self._position(row[0]) if row[0] else None
                    if found is None:
                        yield row
                        continue
                    position = found
                known = rows[position]
                position += 1
                yield known if known == row else row

        return keep

    def _position(self, uuid: str) -> int | None:
        """Return where the row of a user UUID is."""
        rows, index = self.rows, self._uuids
        position = index.first[hash(uuid) & index.mask]
        while position >= 0 and rows[position][0] != uuid:
            position = index.following[position]
        return position if position >= 0 else None

    @cached_property
    def _uuids(self) -> _Positions:
        return _Positions(len(self), (row[0] or None for row in reversed(self.rows)))

    @cached_property
    def _emails(self) -> _Positions:
        return _Positions(len(self), (row[1] if row[1] is None else email_key(row[1]) for row in reversed(self.rows)))

    @cached_property
    def _without_email(self) -> int:
        return sum(row[1] is None for row in self.rows)


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


def _named(row: Row) -> SeatUser:
    return row if isinstance(row, SeatUser) else SeatUser(*row)


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
