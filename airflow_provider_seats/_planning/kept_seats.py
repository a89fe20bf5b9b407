"""Who keeps a seat that would otherwise be unassigned, and which accounts have to be read to know it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._arguments import parse_time
from airflow_provider_seats._planning.plan import among, by_id
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.report import Person

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._api.users import User
    from airflow_provider_seats._planning.guards import Guards
    from airflow_provider_seats._planning.plan import Plan
    from airflow_provider_seats._planning.world import World
    from airflow_provider_seats.report import Report

# Datadog dates its responses in whole seconds, rounded down.
_SECOND: Final = timedelta(seconds=1)
_TOLERANCE: Final = timedelta(minutes=1)


class KeptSeats:
    """Decides who keeps a seat that would otherwise be unassigned.

    :param report: the report to undo.
    :param approved: the report of an approved preview.
    """

    def __init__(
        self,
        world: World,
        guards: Guards,
        report: Report | None = None,
        approved: Report | None = None,
    ) -> None:
        self._world = world
        self._guards = guards
        self._protected_uuids = set(guards.protect.uuids)
        self._protected_emails = {email_key(email) for email in guards.protect.emails}
        self._roster_emails = world.match.emails if world.match else frozenset()
        self._was_protected = among(approved["protected"] if approved else ())
        self._shown_at = parse_time(approved["started_at"]) if approved else None
        self._assigned = by_id(report["assigned"] if report else ())
        self._period = _period(report)
        self._all_listed = _all_listed(world, guards)

    def reason(self, user: SeatUser) -> str | None:
        """Return why someone keeps the seat; None if it may be unassigned."""
        if user.id is None:
            return "Datadog lists the seat without a user UUID"
        if user.id in self._protected_uuids or has_email(user, self._protected_emails):
            return "protected"
        if self._was_protected(Person(id=user.id, email=user.email)):
            return "protected in the approved preview"
        # In the order in which they are read: accounts are read only of people who are not found on call.
        return (
            self._too_young(user)
            or self._newer_than_shown(user)
            or self._not_of_report(user)
            or self._on_call(user.id)
            or self._kept_by_account(user)
        )

    def _kept_by_account(self, user: SeatUser) -> str | None:
        """Return why the account's email, or an account that cannot be read, keeps the seat."""
        names_emails = self._roster_emails or self._protected_emails
        if not names_emails or (self._all_listed and user.email is not None):
            return None
        if self._world.accounts is None:
            # The accounts are read after this, unless check_accounts=False.
            unsure = user.email is None and not self._guards.check_accounts
            reason = "the seat list does not show the email, so the person may be in the roster or protected"
            return reason if unsure else None
        account = self._world.accounts.get(str(user.id))
        if account is None or account.email is None:
            return "the account cannot be read, so the person may be in the roster or protected"
        if account.names & self._protected_emails:
            return f"protected: the account's email is {account.email}{_handle(account)}"
        is_in_roster = account.names & self._roster_emails
        return f"the account's email {account.email}{_handle(account)} is in the roster" if is_in_roster else None

    def _too_young(self, user: SeatUser) -> str | None:
        if self._guards.min_seat_age is None:
            return None
        assigned_at = parse_time(user.assigned_at)
        if assigned_at is None:
            return "it is unknown since when the seat is held"
        age = (self._world.now - assigned_at).total_seconds()
        return "the seat is younger than min_seat_age" if age < self._guards.min_seat_age else None

    def _on_call(self, uuid: str) -> str | None:
        found = self._world.on_call.get(uuid) if self._guards.on_call == "keep" else None
        return f"found {found}" if found else None

    def _newer_than_shown(self, user: SeatUser) -> str | None:
        assigned_at = parse_time(user.assigned_at)
        if self._shown_at is None or assigned_at is None or assigned_at < self._shown_at + _SECOND:
            return None
        return "the seat was assigned after the approved preview"

    def _not_of_report(self, user: SeatUser) -> str | None:
        """Return why a seat is not the one that a report to undo assigned."""
        assigned_at = parse_time(user.assigned_at)
        if assigned_at is None or user.id not in self._assigned:
            return None
        reported = parse_time(self._assigned[user.id].get("assigned_at"))
        # The date that the report took from the seat list is equal to that in the list now if it is the same seat.
        started, ended = (reported, reported) if reported else self._period
        if started is not None and assigned_at < started:
            return "the seat was held before the report's changes started"
        if ended is not None and assigned_at > ended:
            return "the seat was assigned again after the report's changes ended"
        return None


def accounts_to_read(plan: Plan, guards: Guards, world: World) -> dict[str, str | None]:
    """Return the people about to lose a seat whose accounts have to be read first, as emails by user UUID.

    The email in the seat list may not be that of the account. So if the roster or ``protect`` contains an email that no
    row has, each person about to lose a seat may be that person. A row without an email may be anyone's.
    """
    if world.seat_list is None or not guards.check_accounts or not plan.unassign:
        return {}
    if not guards.protect.emails and not (world.match and world.match.emails):
        return {}
    people = by_id(plan.unassign).items()
    all_listed = _all_listed(world, guards)
    return {uuid: person["email"] for uuid, person in people if not all_listed or person["email"] is None}


def _all_listed(world: World, guards: Guards) -> bool:
    """Return whether each email of the roster and of ``protect`` is in the seat list."""
    return not (world.match and world.match.unlisted) and not world.seats.unlisted(guards.protect.emails)


def unmatched_protection(guards: Guards, world: World) -> People:
    """Return the entries of ``protect`` that are not in the seat list, and of no account that was read."""
    users = (*(world.accounts or {}).values(), *world.users.values(), *chain(*world.same_emails.values()))
    found = {name for user in users for name in user.names}
    uuids = {user.id for user in users}
    return People(
        tuple(uuid for uuid in guards.protect.uuids if uuid not in uuids and not world.seats.by_uuid(uuid)),
        tuple(email for email in world.seats.unlisted(guards.protect.emails) if email_key(email) not in found),
    )


def _handle(account: User) -> str:
    differs = account.handle and email_key(account.handle) != email_key(account.email or "")
    return f" (handle {account.handle})" if differs else ""


def has_email(user: SeatUser, emails: Collection[str]) -> bool:
    """Return whether the row has one of these emails, each an :func:`email_key`."""
    return user.email is not None and email_key(user.email) in emails


def _period(report: Report | None) -> tuple[datetime | None, datetime | None]:
    if report is None:
        return None, None
    started, ended = parse_time(report.get("started_at")), parse_time(report.get("ended_at"))
    # The clock that dates responses is not the one that dates seats, and a list may date them in whole minutes.
    return started and started - _TOLERANCE, ended and ended + _TOLERANCE
