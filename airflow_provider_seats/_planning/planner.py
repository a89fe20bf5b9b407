"""Plan who is assigned and who is unassigned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._planning.kept_seats import KeptSeats, has_email
from airflow_provider_seats._planning.plan import Plan, by_id
from airflow_provider_seats._planning.verdict import verdict, with_reason
from airflow_provider_seats._planning.world import Accounts, RosterMatch, World
from airflow_provider_seats._text import join_names, plural
from airflow_provider_seats.report import Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._planning.guards import Guards
    from airflow_provider_seats._planning.seat_list import SeatList
    from airflow_provider_seats._rosters.people import People

Mode = Literal["exact", "add_only", "remove_only"]


def plan_assign(product: str, people: People, world: World, guards: Guards) -> Plan:
    """Plan an assignment. If the seat list was read, the people in it are left alone."""
    assign, unchanged, missing = _to_assign(people, world)
    if world.seat_list is not None:
        unchanged = tuple(with_reason(unchanged, "held a seat before; the undo of another report may unassign it"))
    plan = Plan(product, assign, (), unchanged, missing, (), world.seat_list, earlier=world.earlier)
    return verdict(plan, guards, world)


def plan_unassign(product: str, people: People, world: World, guards: Guards) -> Plan:
    """Plan an unassignment. If the seat list was read, the people who are not in it are left alone."""
    if world.seat_list is None:
        return verdict(Plan(product, unassign=people.as_persons()), guards, world)
    rows: dict[str, SeatUser] = {}
    unchanged: list[Person] = []
    missing: list[Person] = []
    # The list no longer shows who lost a seat by an earlier attempt of this task.
    before = world.earlier.unassigned.values() if world.earlier else ()
    changed_before = {email_key(person["email"]) for person in before if person["email"]}
    for person, seats in world.seat_list.match(people):
        key = email_key(person["email"] or "")
        accounts = world.same_emails.get(key, ())
        # If accounts were looked up, a seat that is listed under another email is found, too.
        found = seats or [row for account in accounts for row in world.seat_list.by_uuid(account.id)]
        if not found and person["id"] and not world.seat_list.proven_absent(person):
            # A row without a UUID may be this person. To unassign someone without a seat changes nothing.
            found = [SeatUser(person["id"], person["email"], None, None)]
        rows.update((user.id or str(user.email), user) for user in found)
        if not found:
            is_known = bool(accounts) or person["email"] is None or key in changed_before
            (unchanged if is_known or guards.missing_users != "fail" else missing).append(person)
    unassign, kept = _to_unassign(rows.values(), KeptSeats(world, guards))
    plan = Plan(product, (), unassign, tuple(unchanged), tuple(missing), kept, world.seat_list, earlier=world.earlier)
    without_uuid = [str(person["email"]) for person in kept if person["id"] is None]
    # They were passed, so keeping their seats is not a success.
    names = join_names(without_uuid)
    reason = f"Datadog lists the seats of {names} without a user UUID. Pass the UUIDs in user_uuids instead."
    return verdict(plan, guards, world, reasons=[reason] if without_uuid else [], for_unassign=True)


def match_roster(roster: People, mode: Mode, world: World) -> RosterMatch:
    """Compare a roster with the seat list."""
    assign, seated, missing = _to_assign(roster, world, listed_email_suffices=True)
    emails = frozenset(map(email_key, roster.emails))
    others: tuple[SeatUser, ...] = ()
    if mode != "add_only":
        uuids = {*roster.uuids, *(user.id for user in world.users.values())}
        others = tuple(user for user in world.seats.users if user.id not in uuids and not has_email(user, emails))
    return RosterMatch(roster, emails, world.seats.unlisted(roster.emails), assign, seated, missing, others)


def plan_sync(
    product: str,
    mode: Mode,
    world: World,
    guards: Guards,
    *,
    approved: Report | None = None,
    report_unchanged: bool = False,
) -> Plan:
    """Plan what makes the seats match the roster of ``world.match``.

    :param approved: the report of an approved preview.
    :param report_unchanged: whether the report lists the people who already match. There may be 100,000.
    """
    if world.match is None:
        raise TypeError("This plan needs a roster.")
    match = world.match
    assign, seated, missing = match.assign, match.seated, match.missing
    unassign, kept = _to_unassign(match.others, KeptSeats(world, guards, approved=approved))
    has_seats = bool(seated) or _is_any_in_roster(kept, match, world.accounts)
    if mode == "remove_only":
        seated, assign, missing = (*seated, *assign, *missing), (), ()
    plan = Plan(
        product,
        assign,
        unassign,
        seated,
        missing,
        kept,
        world.seats,
        earlier=world.earlier,
        report_unchanged=report_unchanged,
    )
    reasons = []
    if mode != "add_only" and not guards.allow_empty:
        # Until the accounts are read, someone with a seat may still turn out to be in the roster.
        reasons = _empty_roster(match.roster, plan, has_seats=has_seats or not world.checked)
    return verdict(plan, guards, world, {"mode": mode}, reasons, approved=approved)


def plan_undo(
    product: str,
    report: Report,
    only: People | None,
    world: World,
    guards: Guards,
    *,
    mode: Mode = "exact",
    approved: Report | None = None,
) -> Plan:
    """Plan what reverses the changes of a report, and nothing else.

    Seats that were held before the report's changes started, or assigned again after they ended, are left alone.

    :param only: the people that the undo is limited to; None for everyone.
    :param mode: whether the undo assigns, unassigns, or both.
    :param approved: the report of an approved preview.
    """
    seat_list = world.seats
    assign, unassign = to_undo(report, only)
    unchanged = [person for uuid, person in assign.items() if seat_list.by_uuid(uuid)]
    unchanged += [person for uuid, person in unassign.items() if not seat_list.by_uuid(uuid)]
    rows = [user for uuid in unassign for user in seat_list.by_uuid(uuid)]
    unassigning, kept = _to_unassign(rows, KeptSeats(world, guards, report, approved=approved))
    assigning = [person for uuid, person in assign.items() if not seat_list.by_uuid(uuid)]
    if mode == "remove_only":
        unchanged += with_reason(assigning, "mode='remove_only' assigns nobody")
        assigning = []
    if mode == "add_only":
        kept = (*kept, *with_reason(unassigning, "mode='add_only' unassigns nobody"))
        unassigning = ()
    missing = [person for person in assigning if _has_no_account(person, world.accounts)]
    assigning = [person for person in assigning if not _has_no_account(person, world.accounts)]
    plan = Plan(
        product,
        tuple(assigning),
        unassigning,
        tuple(unchanged),
        tuple(missing),
        kept,
        seat_list,
        earlier=world.earlier,
    )
    # Until the accounts are read, someone to assign may still turn out to be disabled.
    extra = {} if mode == "exact" else {"mode": mode}
    return verdict(plan, guards, world, extra, approved=approved, counts_seats=world.checked)


def emails_to_look_up(roster: People, seat_list: SeatList, mode: Mode) -> tuple[str, ...]:
    """Return the emails of a roster whose accounts are needed to assign them."""
    return () if mode == "remove_only" else seat_list.unlisted(roster.emails)


def _to_assign(
    people: People, world: World, *, listed_email_suffices: bool = False
) -> tuple[tuple[Person, ...], tuple[Person, ...], tuple[Person, ...]]:
    """Return three groups: people to assign, people who hold a seat, and people without an enabled account.

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
        user = world.users.get(email_key(email))
        if seat_list is not None and listed_email_suffices:
            rows = seat_list.by_email(email) or (seat_list.by_uuid(user.id) if user else [])
            if holds_seat(rows):
                continue
        if user is None or user.disabled:
            missing.append(Person(id=user.id if user else None, email=email))
        elif seat_list is None or not holds_seat(seat_list.by_uuid(user.id)):
            assign[user.id] = Person(id=user.id, email=user.email)
    for uuid in people.uuids:
        if seat_list is None or not holds_seat(seat_list.by_uuid(uuid)):
            assign.setdefault(uuid, Person(id=uuid, email=None))
    # Someone who was also passed by UUID is assigned, even if the account is disabled.
    missing = [person for person in missing if person["id"] not in people.uuids]
    return tuple(assign.values()), tuple(seated.values()), tuple(missing)


def _to_unassign(rows: Iterable[SeatUser], kept: KeptSeats) -> tuple[tuple[Person, ...], tuple[Person, ...]]:
    """Return the people to unassign, and the people who keep their seat, with the reason."""
    unassign: list[Person] = []
    keep: list[Person] = []
    for user in rows:
        reason = kept.reason(user)
        if reason is None:
            unassign.append(_person(user))
        else:
            keep.append(Person(id=user.id, email=user.email, reason=reason))
    return tuple(unassign), tuple(keep)


def _empty_roster(roster: People, plan: Plan, *, has_seats: bool) -> list[str]:
    """Return why a roster must not unassign anyone: it is empty, or half of it, or it matches nobody."""
    seats = f"{len(plan.unassign)} of {plural(len(plan.seat_list or ()), 'seat')}"
    if not roster:
        problem = f"The roster is empty, which would unassign {seats}."
    elif roster.empty:
        problem = (
            f"{' and '.join(roster.empty)} is empty, which would unassign {seats}. Leave it out if it is not needed."
        )
    elif plan.unassign and not has_seats:
        problem = (
            f"Nobody in the roster holds a seat, and {seats} would be unassigned. Check that the roster's column, the "
            "product and the organisation are right."
        )
    else:
        return []
    return [f"{problem} If this is intended, set allow_empty=True."]


def to_undo(report: Report, only: People | None) -> tuple[dict[str, Person], dict[str, Person]]:
    """Return the people that an undo assigns, and the people that it unassigns."""
    emails = {email_key(email) for email in only.emails} if only else set()
    uuids = set(only.uuids) if only else set()

    def chosen(person: Person) -> bool:
        if only is None or person["id"] in uuids:
            return True
        return person["email"] is not None and email_key(person["email"]) in emails

    return by_id(filter(chosen, report["unassigned"])), by_id(filter(chosen, report["assigned"]))


def _is_any_in_roster(people: Iterable[Person], match: RosterMatch, accounts: Accounts | None) -> bool:
    return any(
        account.names & match.emails for person in people if (account := (accounts or {}).get(str(person["id"])))
    )


def _has_no_account(person: Person, accounts: Accounts | None) -> bool:
    if accounts is None:
        return False
    account = accounts.get(str(person["id"]))
    return account is None or account.disabled


def _person(user: SeatUser) -> Person:
    return {"id": user.id, "email": user.email}  # faster than Person(), and there may be 100,000
