"""A reading of a seat list: who holds a seat, and who certainly does not."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from copy import copy
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from airflow_provider_seats._api.identifiers import PersonSet, email_key, identity
from airflow_provider_seats._api.seats import SeatUser, read_rows

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._api.identifiers import AnyPerson, Identity
    from airflow_provider_seats._api.seats import Row


class SeatList:
    """A complete reading of the seats of a product, indexed by user UUID and email.

    Readings that follow each other are numbered, and each knows what the one before showed and it does not: a list of
    several pages can shift while it is read, so that someone who holds a seat is on none of them.

    :param pages: how many pages the list had.
    :ivar content: the same object in readings that follow each other, as long as nothing changes.
    """

    def __init__(self, rows: Iterable[Row] = (), pages: int = 1, number: int = 1) -> None:
        self.rows = tuple(rows)
        self.pages = pages
        self.number = number
        self.content = object()
        # The number of the reading before, and who it showed and this one does not.
        self._before = 0
        self._gone = PersonSet(())

    def __len__(self) -> int:
        return len(self.rows)

    def holds(self, person: AnyPerson) -> bool:
        return bool(self.seats_of(person))

    def proven_absent(self, person: AnyPerson, *, after: int = 0, listed_as: str | None = None) -> bool:
        """Return whether a person certainly held no seat.

        It takes two readings in a row that do not show the person, or one of a list with a single page. A row without a
        user UUID may be anyone who is known by UUID.

        :param after: the number of a reading. This one and those before it prove nothing, because the person may have
            got the seat since.
        :param listed_as: the email with which the list showed the seat, if it did. Rows with other emails are others.
        """
        wanted = identity(person)
        if self._rows_of(wanted) or (wanted.uuid and self._may_be_without_uuid(listed_as)):
            return False
        if self.pages == 1:
            return self.number > after
        return self._before > after and person not in self._gone

    def seats_of(self, person: AnyPerson) -> list[SeatUser]:
        """Return the seats of a person. There may be several of an email, because accounts can share it."""
        return list(map(_named, self._rows_of(identity(person))))

    def by_uuid(self, uuid: str) -> list[SeatUser]:
        row = self._uuids.get(uuid)
        return [] if row is None else [_named(row)]

    def others(self, uuids: Container[str], email_keys: Container[str]) -> Iterator[SeatUser]:
        """Yield the seats of everyone who has none of these user UUIDs and none of these emails."""
        for row in self.rows:
            if row[0] not in uuids and (row[1] is None or email_key(row[1]) not in email_keys):
                yield _named(row)

    def unlisted(self, emails: Iterable[str]) -> tuple[str, ...]:
        first, _ = self._emails
        return tuple(email for email in emails if email_key(email) not in first)

    @property
    def requests(self) -> int:
        return self.pages

    @cached_property
    def users(self) -> tuple[SeatUser, ...]:
        """The rows with the names of their fields."""
        return tuple(map(_named, self.rows))

    @cached_property
    def rows_without_uuid(self) -> tuple[SeatUser, ...]:
        """The rows without a user UUID. Nobody can be found there by UUID."""
        return tuple(_named(row) for row in self.rows if not row[0])

    @cached_property
    def rows_without_email(self) -> int:
        """How many rows have no email, so that nobody can be found there by email."""
        return sum(row[1] is None for row in self.rows)

    @cached_property
    def fingerprint(self) -> str:
        """A text that is the same for the same holders of seats, in any order."""
        rows = sorted(f"{row[0]} {row[1]}" for row in self.rows)
        return sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()

    def index(self) -> Self:
        """Index the list now, and not when someone is first looked up. Return the list itself."""
        _ = self._uuids, self._emails, self.rows_without_email, self.rows_without_uuid
        return self

    def keep(self, page: Iterable[Row]) -> Iterator[Row]:
        """Replace rows of the next reading by the equal rows of this one.

        Both then share the rows that did not change, which is nearly all of the memory that they need.
        """
        known = self._uuids
        for row in page:
            same = known.get(row[0]) if row[0] else None
            yield same if same == row else row

    def read_next(self, product: str, number: int) -> Flow[SeatList]:
        """Read the list again. Rows that did not change are those of this reading."""
        return self.followed_by(*(yield from read_rows(product, self.keep)), number)

    def followed_by(self, rows: tuple[Row, ...], pages: int, number: int) -> SeatList:
        if self.rows == rows and self.pages == pages:
            return copy(self).after(self, number, ())
        following = SeatList(rows, pages)
        return following.after(self, number, following.missing(self))

    def with_rows_of(self, before: SeatList) -> SeatList:
        """Return a reading with the rows of this one and the one before. Someone without a row is proven absent."""
        missed = (row for row in self.missing(before) if row[0] not in self._uuids)
        return SeatList((*self.rows, *missed), self.pages).after(before, before.number + 1, ())

    def after(self, before: SeatList, number: int, gone: Iterable[Row]) -> Self:
        """Note which reading this one follows, and the rows that only that one has. Return the reading itself."""
        self.number = number
        self._before = before.number
        self._gone = PersonSet(map(_named, gone))
        return self

    def missing(self, before: SeatList) -> Iterator[Row]:
        uuids, without_uuid = self._uuids, {*self.rows_without_uuid}
        for row in before.rows:
            if (uuids.get(row[0]) != row) if row[0] else (row not in without_uuid):
                yield row

    def _rows_of(self, wanted: Identity) -> list[Row]:
        if not wanted.uuid:
            return [row for email in wanted.emails for row in self._rows_of_email(email)]
        if (row := self._uuids.get(wanted.uuid)) is not None:
            return [row]
        without = self.rows_without_uuid if wanted.emails else ()
        return [row for row in without if row.email is not None and email_key(row.email) in wanted.emails]

    def _rows_of_email(self, key: str) -> list[Row]:
        first, several = self._emails
        found = first.get(key)
        return [] if found is None else several.get(key, [found])

    def _may_be_without_uuid(self, listed_as: str | None) -> bool:
        if listed_as is None:
            return bool(self.rows_without_uuid)
        key = email_key(listed_as)
        return any(row.email is None or email_key(row.email) == key for row in self.rows_without_uuid)

    @cached_property
    def _uuids(self) -> dict[str, Row]:
        return {row[0]: row for row in self.rows if row[0]}

    @cached_property
    def _emails(self) -> tuple[dict[str, Row], dict[str, list[Row]]]:
        """The first row of each email, and all rows of the emails that several rows have."""
        firsts: dict[str, Row] = {}
        several: dict[str, list[Row]] = {}
        for row in self.rows:
            if row[1] is not None:
                key = email_key(row[1])
                first = firsts.setdefault(key, row)
                if first is not row:
                    several.setdefault(key, [first]).append(row)
        return firsts, several


def read_seat_list(product: str, progress: Callable[[], str] | None = None) -> Flow[SeatList]:
    """Read the seat list once.

    :param progress: describes the progress; by default the number of rows read.
    """
    return SeatList(*(yield from read_rows(product, progress=progress)))


def read_until_proven(
    product: str, relies_on_absence: Callable[[SeatList], bool], progress: Callable[[], str] | None = None
) -> Flow[SeatList]:
    """Read the seat list, and read it again if an absence counts and the list may have shifted.

    The result of two readings has the rows of both.

    :param relies_on_absence: takes the list, and returns whether someone's absence would have a consequence.
    """
    first = yield from read_seat_list(product, progress)
    if first.pages == 1 or not relies_on_absence(first):
        return first
    second = yield from read_seat_list(product, progress)
    return second.with_rows_of(first)


def _named(row: Row) -> SeatUser:
    return SeatUser._make(row)
