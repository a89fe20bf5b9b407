"""What is read for a plan, in as few calls as the API allows, and what is known then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_seats._api import users
from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seat_list import SeatList, read_until_proven
from airflow_provider_seats._rosters.people import NOBODY, People

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._api.users import User


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class World(NamedTuple):
    """What is known when a plan is made. Each reading replaces it by one that has more.

    A roster is compared with the seat list once, because each may have 100,000 people.

    :param seat_list: the seat list; None if it was not read.
    :param found: all accounts of the emails that were looked up, and maybe others.
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

    def unmatched(self, protect: People) -> People:
        """Return the entries of ``protect`` that are not in the seat list, and of no account that was read."""
        if self.seat_list is None or not protect:
            return NOBODY
        known = {name for user in (*self.found, *self.accounts.values()) for name in (user.id, *user.names)}
        uuids = (uuid for uuid in protect.uuids if uuid not in known and not self.seat_list.by_uuid(uuid))
        emails = (email for email in self.seat_list.unlisted(protect.emails) if email_key(email) not in known)
        return People(tuple(uuids), tuple(emails))


class Reader:
    """The readings of one plan, as flows."""

    def __init__(self, product: str, *, read_all_users: bool) -> None:
        self._product = product
        self._read_all_users = read_all_users
        self._total_users: int | None = None

    def seats(self, relies_on_absence: Callable[[SeatList], bool] = lambda _: False) -> Flow[SeatList]:
        """Return the seat list, read twice if an absence counts and could be an accident."""
        return read_until_proven(self._product, relies_on_absence)

    def search_accounts(self, emails: Sequence[str]) -> Flow[list[User]]:
        """Return all accounts that have these emails, and maybe others."""
        if not emails:
            return []
        found, self._total_users = yield from users.search_accounts(emails, read_all=self._read_all_users)
        return found

    def get_accounts(self, people: Mapping[str, str | None]) -> Flow[dict[str, User]]:
        """Return accounts by user UUID, without those that Datadog does not know.

        :param people: emails by user UUID, as far as they are known.
        """
        if not people:
            return {}
        return (yield from users.get_accounts(people, self._total_users, read_all=self._read_all_users))

    def on_call(self, people: Sequence[str], now: datetime, *, in_policies: bool) -> Flow[dict[str, str]]:
        """Return where people are found on call, in words, by user UUID."""
        from airflow_provider_seats._planning.on_call import find_on_call  # noqa: PLC0415 (few plans need it)

        return find_on_call(people, now, in_policies=in_policies)
