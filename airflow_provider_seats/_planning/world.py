"""What was read before a plan is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._rosters.people import NOBODY, People

if TYPE_CHECKING:
    from airflow_provider_seats._api.seat_list import SeatList
    from airflow_provider_seats._api.users import User


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class World(NamedTuple):
    """What was read before a plan is made. A roster is compared with the seat list once: each may be of 100,000 people.

    :param seat_list: the seat list; None if it was not read.
    :param found: the accounts that were found by email.
    :param roster_read_at: when the roster was read; None if that is unknown.
    :param roster_emails: the emails of the roster, each an :func:`email_key`.
    :param roster_unlisted: the emails of the roster that no seat has.
    :param someone_of_roster_holds_a_seat: whether anyone in the roster is known to hold a seat.
    :param on_call: where people about to lose a seat are found on call, in words, by user UUID.
    :param accounts: the accounts of people about to lose a seat, or to get one back, by user UUID. One that Datadog
        does not know is not in it.
    :param nobodys: the entries of ``protect`` that are nobody's account; None if they were not looked up.
    """

    now: datetime
    seat_list: SeatList | None = None
    found: Sequence[User] = ()
    roster_read_at: datetime | None = None
    roster_emails: frozenset[str] = frozenset()
    roster_unlisted: tuple[str, ...] = ()
    someone_of_roster_holds_a_seat: bool = False
    on_call: Mapping[str, str] = _NOTHING
    accounts: Mapping[str, User] = _NOTHING
    nobodys: Sequence[str] | None = None

    @property
    def seats(self) -> SeatList:
        """The seat list, for a plan that needs it."""
        if self.seat_list is None:
            raise TypeError("This plan needs the seat list.")
        return self.seat_list

    def lists_all(self, protect: People) -> bool:
        """Return whether each email of the roster and of ``protect`` is in the seat list."""
        return not self.roster_unlisted and not self.seats.unlisted(protect.emails)

    def unmatched(self, protect: People) -> People:
        """Return the entries of ``protect`` that are not in the seat list, and of no account that was read."""
        if self.seat_list is None or not protect:
            return NOBODY
        known = {name for user in (*self.found, *self.accounts.values()) for name in (user.id, *user.names)}
        uuids = (uuid for uuid in protect.uuids if uuid not in known and not self.seat_list.by_uuid(uuid))
        emails = (email for email in self.seat_list.unlisted(protect.emails) if email_key(email) not in known)
        return People(tuple(uuids), tuple(emails))
