"""People compared with seats: the changes that would make them match, before anyone is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_seats._api.identifiers import PersonSet, email_key
from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._api.users import accounts_by_email, unambiguous
from airflow_provider_seats._planning.plan import HELD_BEFORE, Change, Plan, with_reason
from airflow_provider_seats.report import Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._api.seat_list import SeatList
    from airflow_provider_seats._api.users import User
    from airflow_provider_seats._planning.jobs import Job
    from airflow_provider_seats._planning.world import World
    from airflow_provider_seats._rosters.people import People

_SERVICE_ACCOUNT = "only a service account has this email; pass its UUID to give it a seat"
_NO_SEAT = "no seat has this email; check its spelling if one should"


def assignments(plan: Plan, people: People, world: World) -> Plan:
    """Compare people who should hold a seat. If the seat list was read, those in it are left alone."""
    assign, seated, missing = _to_assign(people, world, unambiguous(people.emails, world.found))
    if world.seat_list is not None:
        seated = tuple(with_reason(person, HELD_BEFORE) for person in seated)
    return plan._replace(changes=assign, unchanged=seated, missing=missing)


def unassignments(plan: Plan, people: People, world: World, *, fails: bool) -> Plan:
    """Compare people who should hold no seat with the seat list. Those who are not in it are left alone.

    :param fails: whether people without an account are missing. Otherwise they are unchanged.
    """
    rows: dict[str, SeatUser] = {}
    unchanged: list[Person] = []
    missing: list[Person] = []
    # The list no longer shows who lost a seat by an earlier attempt of this task.
    before = plan.earlier.unassigned.values() if plan.earlier else ()
    changed_before = {email_key(person["email"]) for person in before if person["email"]}
    same_emails = accounts_by_email(world.found)
    for person in people.as_persons():
        seats = world.seats.seats_of(person)
        key = email_key(person["email"] or "")
        accounts = same_emails.get(key, ())
        # If accounts were looked up, a seat that is listed under another email is found, too.
        found = seats or [row for account in accounts for row in world.seats.by_uuid(account.id)]
        if not found and person["id"] and not world.seats.proven_absent(person):
            # A row without a UUID may be this person. To unassign someone without a seat changes nothing.
            found = [SeatUser(person["id"], person["email"], None, None)]
        rows.update((user.id or str(user.email), user) for user in found)
        if not found:
            is_known = bool(accounts) or person["email"] is None or key in changed_before
            if is_known:
                unchanged.append(person)
            elif fails:
                missing.append(person)
            else:
                unchanged.append(with_reason(person, _NO_SEAT))
    return plan._replace(
        changes=tuple(map(_unassign, rows.values())), unchanged=tuple(unchanged), missing=tuple(missing)
    )


def roster_changes(plan: Plan, job: Job, world: World) -> tuple[Plan, World]:
    unlisted = world.seats.unlisted(job.people.emails)
    users = unambiguous(unlisted, world.found)
    assign, seated, missing = _to_assign(job.people, world, users, listed_email_suffices=True)
    emails = frozenset(map(email_key, job.people.emails))
    others: list[Change] = []
    if "unassign" in job.kinds:
        uuids = {*job.people.uuids, *(user.id for user in users.values())}
        others = [_unassign(user) for user in world.seats.others(uuids, emails)]
    world = world._replace(
        roster_emails=emails,
        roster_unlisted=unlisted,
        someone_of_roster_holds_a_seat=bool(seated),
    )
    read_at = {"roster_read_at": job.roster_read_at.isoformat()} if job.roster_read_at else {}
    if "assign" not in job.kinds:
        seated, assign, missing = (*seated, *(change.person for change in assign), *missing), (), ()
    return (
        plan._replace(
            changes=(*others, *assign),
            unchanged=seated,
            missing=missing,
            facts={"mode": job.mode, **read_at},
            lists_unchanged=False,
        ),
        world,
    )


def reversed_changes(report: Report, only: People | None) -> list[Change]:
    """Return the changes of a report, reversed.

    :param only: the people that the undo is limited to; None for everyone.
    """
    made = [
        *(Change("unassign", person) for person in report["unassigned"]),
        *(Change("assign", person) for person in report["assigned"]),
    ]
    if only is not None:
        meant = PersonSet(only.as_persons())
        made = [change for change in made if change.person in meant]
    return list({(change.kind, change.person["id"]): change.reverse() for change in made}.values())


def still_to_make(plan: Plan, changes: Sequence[Change], seats: SeatList) -> Plan:
    """Compare changes with the seat list. People who already are as after the change are left alone."""
    unchanged: list[Person] = []
    going: list[Change] = []
    for change in changes:
        row = next(iter(seats.by_uuid(str(change.person["id"]))), None)
        if (row is not None) == (change.kind == "assign"):
            unchanged.append(change.person)
        else:
            going.append(Change(change.kind, change.person) if row is None else _unassign(row))
    return plan._replace(changes=tuple(going), unchanged=tuple(unchanged))


def _to_assign(
    people: People, world: World, users: Mapping[str, User], *, listed_email_suffices: bool = False
) -> tuple[tuple[Change, ...], tuple[Person, ...], tuple[Person, ...]]:
    """Return three groups: people to assign, people who hold a seat, and people without an enabled account.

    :param users: the accounts of emails, by :func:`email_key`.
    :param listed_email_suffices: whether a listed email is that person's seat, even if it has another account's UUID.
    """
    seat_list = world.seat_list
    assign: dict[str, Person] = {}
    seated: dict[str, Person] = {}
    missing: list[Person] = []

    def holds_seat(rows: Sequence[SeatUser]) -> bool:
        for user in rows:
            seated[user.id or str(user.email)] = _person(user)
        return bool(rows)

    for email in people.emails:
        user = users.get(email_key(email))
        if seat_list is not None and listed_email_suffices:
            rows = seat_list.seats_of(email) or (seat_list.by_uuid(user.id) if user else [])
            if holds_seat(rows):
                continue
        if user is None or user.disabled or user.service_account:
            person = Person(id=user.id if user else None, email=email)
            missing.append(with_reason(person, _SERVICE_ACCOUNT) if user and user.service_account else person)
        elif seat_list is None or not holds_seat(seat_list.by_uuid(user.id)):
            assign[user.id] = Person(id=user.id, email=user.email)
    for uuid in people.uuids:
        if seat_list is None or not holds_seat(seat_list.by_uuid(uuid)):
            assign.setdefault(uuid, Person(id=uuid, email=None))
    # Someone who was also passed by UUID is assigned, even if the account is disabled.
    missing = [person for person in missing if person["id"] not in people.uuids]
    return tuple(Change("assign", person) for person in assign.values()), tuple(seated.values()), tuple(missing)


def _unassign(user: SeatUser) -> Change:
    return Change("unassign", _person(user), user)


def _person(user: SeatUser) -> Person:
    return {"id": user.id, "email": user.email}  # faster than Person(), and there may be 100,000
