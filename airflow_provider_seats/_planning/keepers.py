"""Who keeps a seat that would otherwise be unassigned, and who is not assigned one."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._api.identifiers import PersonSet, email_key
from airflow_provider_seats._arguments import end_of_date, parse_time
from airflow_provider_seats._planning.plan import Change, Keeper, Plan, by_id

if TYPE_CHECKING:
    from airflow_provider_seats._api.users import User
    from airflow_provider_seats._planning.jobs import Job
    from airflow_provider_seats._planning.world import World
    from airflow_provider_seats._rosters.people import People
    from airflow_provider_seats.report import Person, Report

# Datadog dates its responses in whole seconds, rounded down.
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)


def free_keepers(job: Job, world: World) -> list[Keeper]:
    """Return those who keep seats by what is known already, in the order of their reasons."""
    if world.seat_list is None:
        return []
    guards = job.guards
    keepers: list[Keeper] = [_no_uuid]
    if guards.protect:
        keepers.append(among(guards.protect.as_persons(), "named in protect"))
    if (approved := job.approved) is not None:
        keepers.append(among(approved["protected"], "protected in the approved preview"))
    if guards.min_seat_age is not None:
        keepers.append(_young(world.now, guards.min_seat_age))
    if approved is not None and (shown_at := parse_time(approved["started_at"])) is not None:
        keepers.append(_newer_than(shown_at + _SECOND, "the approved preview"))
    if job.roster_read_at is not None:
        keepers.append(_newer_than(job.roster_read_at.replace(microsecond=0), "the roster was read"))
    if job.undo is not None:
        keepers.append(_of_another_seat(job.undo))
    if job.operator == "sync" and "unassign" not in job.kinds:
        keepers.append(lambda _: f"mode={job.mode!r} unassigns nobody")
    if not guards.check_accounts and (world.roster_emails or guards.protect.emails):
        keepers.append(_no_email)
    return keepers


def among(people: Iterable[Person], reason: str) -> Keeper:
    """Return a function that keeps each of these people, and gives this reason."""
    them = PersonSet(people)
    return lambda change: reason if change.person in them else None


def found_on_call(world: World) -> Keeper:
    def keeper(change: Change) -> str | None:
        places = world.on_call.get(str(change.person["id"]))
        return f"found {places}" if places else None

    return keeper


def named_by_account(world: World, protect: People, wanted: Container[str]) -> Keeper:
    """Return a function that keeps a seat if only the account says that the person is in the roster or protected.

    An account that cannot be read may be anyone's.

    :param wanted: the user UUIDs of those whose accounts had to be read.
    """
    protected = {email_key(email) for email in protect.emails}

    def keeper(change: Change) -> str | None:
        uuid = str(change.person["id"])
        if uuid not in wanted:
            return None
        account = world.accounts.get(uuid)
        if account is None or account.email is None:
            return "the account cannot be read, so the person may be in the roster or protected"
        if account.names & protected:
            return f"the account's email {account.email}{_handle(account)} is named in protect"
        is_in_roster = account.names & world.roster_emails
        return f"the account's email {account.email}{_handle(account)} is in the roster" if is_in_roster else None

    return keeper


def without_account(world: World) -> Keeper:
    """Return a function that leaves out people who cannot get a seat back, because their account is gone."""

    def keeper(change: Change) -> str | None:
        account = world.accounts.get(str(change.person["id"]))
        if account is None:
            return "Datadog does not know the account"
        return "the account is disabled" if account.disabled else None

    return keeper


def assigned_after(change: Change, moment: datetime) -> datetime | None:
    """Return when a seat was assigned, if that is after a moment."""
    assigned_at = _assigned_at(change)
    return assigned_at if assigned_at and end_of_date(assigned_at) > moment else None


def accounts_to_read(job: Job, world: World, plan: Plan) -> dict[str, str | None]:
    """Return whose accounts have to be read before a plan is carried out, as emails by user UUID.

    The email in the seat list may not be that of the account. So if the roster or ``protect`` contains an email that no
    row has, each person about to lose a seat may be that person. A row without an email may be anyone's.
    """
    protect = job.guards.protect
    if not job.guards.check_accounts:
        return {}
    wanted: list[Person] = []
    if plan.unassign and (protect.emails or world.roster_emails):
        all_listed = not world.roster_unlisted and not world.seats.unlisted(protect.emails)
        wanted += (person for person in plan.unassign if not all_listed or person["email"] is None)
    if job.undo is not None:
        # An account that was disabled since gets no seat back.
        wanted += plan.assign
    return {uuid: person["email"] for uuid, person in by_id(wanted).items()}


def _no_uuid(change: Change) -> str | None:
    return "Datadog lists the seat without a user UUID" if change.person["id"] is None else None


def _no_email(change: Change) -> str | None:
    if change.person["email"] is not None:
        return None
    return "the seat list does not show the email, so the person may be in the roster or protected"


def _young(now: datetime, min_age: float) -> Keeper:
    def keeper(change: Change) -> str | None:
        assigned_at = _assigned_at(change)
        if assigned_at is None:
            return "it is unknown since when the seat is held"
        return "the seat is younger than min_seat_age" if (now - assigned_at).total_seconds() < min_age else None

    return keeper


def _newer_than(moment: datetime, what: str) -> Keeper:
    return lambda change: f"the seat was assigned after {what}" if assigned_after(change, moment) else None


def _of_another_seat(report: Report) -> Keeper:
    """Return a function that keeps a seat if it is not the one that a report to undo assigned."""
    assigned = by_id(report["assigned"])
    started, ended = parse_time(report.get("started_at")), parse_time(report.get("ended_at"))
    # The clock that dates responses is not the one that dates seats, and a list may date them in whole minutes.
    period = started and started - _MINUTE, ended and ended + _MINUTE

    def keeper(change: Change) -> str | None:
        assigned_at = _assigned_at(change)
        uuid = str(change.person["id"])
        if assigned_at is None or uuid not in assigned:
            return None
        reported = parse_time(assigned[uuid].get("assigned_at"))
        # The date that the report took from the seat list is equal to that in the list now if it is the same seat.
        first, last = (reported, reported) if reported else period
        if first is not None and assigned_at < first:
            return "the seat was held before the report's changes started"
        if last is not None and assigned_at > last:
            return "the seat was assigned again after the report's changes ended"
        return None

    return keeper


def _assigned_at(change: Change) -> datetime | None:
    return parse_time(change.seat.assigned_at) if change.seat else None


def _handle(account: User) -> str:
    differs = account.handle and email_key(account.handle) != email_key(account.email or "")
    return f" (handle {account.handle})" if differs else ""
