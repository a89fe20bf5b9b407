"""What was read before a plan is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._api.users import User
    from airflow_provider_seats._planning.on_call import OnCall
    from airflow_provider_seats._planning.plan import EarlierAttempts
    from airflow_provider_seats._planning.seat_list import SeatList
    from airflow_provider_seats._rosters.people import People
    from airflow_provider_seats.report import Person

# Accounts by user UUID. One that Datadog does not know is not in it.
Accounts: TypeAlias = Mapping[str, "User"]


@dataclass(frozen=True, slots=True)
class RosterMatch:
    """A roster compared with the seat list. They are compared once, because each may contain 100,000 people.

    :param roster: the roster.
    :param emails: its emails, each an :func:`email_key`.
    :param unlisted: the emails that no seat has.
    :param assign: the people to assign.
    :param seated: the people who hold a seat.
    :param missing: the people without an enabled account.
    :param others: the seats of people who are not in the roster.
    """

    roster: People
    emails: frozenset[str]
    unlisted: tuple[str, ...]
    assign: tuple[Person, ...]
    seated: tuple[Person, ...]
    missing: tuple[Person, ...]
    others: tuple[SeatUser, ...]


@dataclass(frozen=True, slots=True)
class World:
    """What was read before a plan is made.

    :param now: the time.
    :param seat_list: the seat list; None if it was not read.
    :param users: the accounts of emails that were looked up to assign them, by :func:`email_key`.
    :param accounts: the accounts of people about to lose a seat, or to get one back; None if they were not read.
    :param earlier: what earlier attempts of the task set out to change.
    :param on_call: where people about to lose a seat are found on call, by user UUID.
    :param same_emails: all accounts of emails that were looked up to unassign them, by :func:`email_key`.
    :param match: the roster of a sync, compared with the seat list; None for anything else.
    :param nobodys: the entries of ``protect`` that are nobody's account.
    :param checked: whether accounts and who is on call were read, as far as they are needed.
    """

    now: datetime
    seat_list: SeatList | None = None
    users: Mapping[str, User] = field(default_factory=dict)
    accounts: Accounts | None = None
    earlier: EarlierAttempts | None = None
    on_call: Mapping[str, OnCall] = field(default_factory=dict)
    same_emails: Mapping[str, Sequence[User]] = field(default_factory=dict)
    match: RosterMatch | None = None
    nobodys: tuple[str, ...] = ()
    checked: bool = True

    @property
    def seats(self) -> SeatList:
        """The seat list, for a plan that needs it."""
        if self.seat_list is None:
            raise TypeError("This plan needs the seat list.")
        return self.seat_list
