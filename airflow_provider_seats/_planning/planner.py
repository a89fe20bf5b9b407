"""Who is assigned and who is unassigned, and the guards that refuse it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._planning.kept_seats import Accounts, KeptSeats, World, has_email, on_call_schedules
from airflow_provider_seats._planning.plan import Plan, by_id
from airflow_provider_seats._text import join_names, plural
from airflow_provider_seats.exceptions import PlanRefusedError, UsersMissingError, UsersNotReadyError
from airflow_provider_seats.report import Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._planning.guards import Guards
    from airflow_provider_seats._planning.people import People
    from airflow_provider_seats._planning.seat_list import SeatList

Mode = Literal["exact", "add_only", "remove_only"]
_MAX_PEOPLE: Final = 10


def plan_assign(product: str, people: People, world: World, guards: Guards) -> Plan:
    """Plan an assignment. If the seat list was read, the people in it are left alone."""
    assign, unchanged, missing = _to_assign(people, world)
    plan = Plan(product, assign, (), unchanged, missing, (), world.seat_list, earlier=world.earlier)
    return _guarded(plan, guards, world)


def plan_unassign(product: str, people: People, world: World, guards: Guards) -> Plan:
    """Plan an unassignment. If the seat list was read, the people who are not in it are left alone."""
    if world.seat_list is None:
        return _guarded(Plan(product, unassign=people.as_persons()), guards, world)
    rows: dict[str, SeatUser] = {}
    unchanged: list[Person] = []
    missing: list[Person] = []
    for person, seats in world.seat_list.match(people):
        account = world.users.get(email_key(person["email"] or ""))
        # If accounts were looked up, a seat that is listed under another email is found, too.
        found = seats or (world.seat_list.by_uuid(account.id) if account else [])
        rows.update((user.id or str(user.email), user) for user in found)
        if not found:
            is_missing = guards.missing_users == "fail" and person["email"] is not None and account is None
            (missing if is_missing else unchanged).append(person)
    unassign, kept = _to_unassign(rows.values(), KeptSeats(world, guards))
    plan = Plan(product, (), unassign, tuple(unchanged), tuple(missing), kept, world.seat_list, earlier=world.earlier)
    without_uuid = [str(person["email"]) for person in kept if person["id"] is None]
    # They were passed, so keeping their seats is not a success.
    names = join_names(without_uuid)
    reason = f"Datadog lists the seats of {names} without a user UUID. Pass the UUIDs in user_uuids instead."
    return _guarded(plan, guards, world, reasons=[reason] if without_uuid else [], unassign=True)


def plan_sync(
    product: str, roster: People, mode: Mode, world: World, guards: Guards, *, report_unchanged: bool = False
) -> Plan:
    """Plan what makes the seats match a roster.

    :param report_unchanged: whether the report lists the people who already match. There may be 100,000.
    """
    seat_list = world.seats
    assign, seated, missing = _to_assign(roster, world, listed_email_suffices=True)
    unassign: tuple[Person, ...] = ()
    kept: tuple[Person, ...] = ()
    if mode != "add_only":
        uuids = {*roster.uuids, *(user.id for user in world.users.values())}
        emails = {email_key(email) for email in roster.emails}
        others = [user for user in seat_list.users if user.id not in uuids and not has_email(user, emails)]
        unassign, kept = _to_unassign(others, KeptSeats(world, guards, roster))
    has_seats = bool(seated)
    if mode == "remove_only":
        seated, assign, missing = (*seated, *assign, *missing), (), ()
    plan = Plan(
        product,
        assign,
        unassign,
        seated,
        missing,
        kept,
        seat_list,
        earlier=world.earlier,
        report_unchanged=report_unchanged,
    )
    reasons = [] if mode == "add_only" or guards.allow_empty else _empty_roster(roster, plan, has_seats=has_seats)
    return _guarded(plan, guards, world, {"mode": mode}, reasons)


def plan_undo(product: str, report: Report, only: People | None, world: World, guards: Guards) -> Plan:
    """Plan what reverses the changes of a report, and nothing else.

    Seats that were held before the report's changes started, or assigned again after they ended, are left alone.

    :param only: the people that the undo is limited to; None for everyone.
    """
    seat_list = world.seats
    assign, unassign = _of_report(report, only)
    unchanged = [person for uuid, person in assign.items() if seat_list.by_uuid(uuid)]
    unchanged += [person for uuid, person in unassign.items() if not seat_list.by_uuid(uuid)]
    rows = [user for uuid in unassign for user in seat_list.by_uuid(uuid)]
    unassigning, kept = _to_unassign(rows, KeptSeats(world, guards, report=report))
    assigning = [person for uuid, person in assign.items() if not seat_list.by_uuid(uuid)]
    missing = [person for person in assigning if _has_no_account(person, world.accounts)]
    assigning = [person for person in assigning if person not in missing]
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
    return _guarded(plan, guards, world)


def apply_approval(plan: Plan, preview: Report) -> Plan:
    """Refuse a plan that changes someone who is not in an approved preview.

    People who are protected or missing in the preview, and who would now be changed, are left alone.
    """
    if plan.refusal is not None:
        return plan
    protected, missing = by_id(preview["protected"]), preview["missing"]
    was_protected = [person for person in plan.unassign if person["id"] in protected]
    was_missing = [person for person in plan.assign if _is_among(person, missing)]
    plan = replace(
        plan,
        unassign=tuple(person for person in plan.unassign if person not in was_protected),
        assign=tuple(person for person in plan.assign if person not in was_missing),
        protected=(*plan.protected, *_with_reason(was_protected, "protected in the approved preview")),
        missing=(*plan.missing, *_with_reason(was_missing, "missing in the approved preview")),
    )
    new_to_assign = by_id(plan.assign).keys() - by_id(preview["assigned"]).keys()
    new_to_unassign = by_id(plan.unassign).keys() - by_id(preview["unassigned"]).keys()
    reasons = _too_many_seats(plan, plan.guards.get("max_seats"))
    if not (new_to_assign or new_to_unassign):
        return _refused(plan, reasons) if reasons else plan
    names = join_names(map(plan.label, sorted(new_to_assign | new_to_unassign)), _MAX_PEOPLE)
    reasons.append(
        f"{plural(len(new_to_assign), 'person', 'people')} to assign and "
        f"{plural(len(new_to_unassign), 'person', 'people')} to unassign are not in the approved preview: {names}. "
        "Make a new preview and have it approved, or leave out approved."
    )
    return _refused(plan, reasons)


def emails_to_look_up(roster: People, seat_list: SeatList, mode: Mode) -> tuple[str, ...]:
    """Return the emails of a roster whose accounts are needed to assign them."""
    return () if mode == "remove_only" else seat_list.unlisted(roster.emails)


def _to_assign(
    people: People, world: World, *, listed_email_suffices: bool = False
) -> tuple[tuple[Person, ...], tuple[Person, ...], tuple[Person, ...]]:
    """Return three groups: people to assign, people who hold a seat, and people without an enabled account.

    :param listed_email_suffices: whether an email in the seat list is enough to hold a seat, whatever the account.
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
    # A person who was passed by UUID as well is meant, whatever the account.
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


def _of_report(report: Report, only: People | None) -> tuple[dict[str, Person], dict[str, Person]]:
    """Return the people that an undo assigns, and the people that it unassigns."""

    def chosen(person: Person) -> bool:
        if only is None or person["id"] in only.uuids:
            return True
        emails = {email_key(email) for email in only.emails}
        return person["email"] is not None and email_key(person["email"]) in emails

    return by_id(filter(chosen, report["unassigned"])), by_id(filter(chosen, report["assigned"]))


def _guarded(
    plan: Plan,
    guards: Guards,
    world: World,
    more: Mapping[str, Any] | None = None,
    reasons: Iterable[str] = (),
    *,
    unassign: bool = False,
) -> Plan:
    """Record the guards in the plan, and refuse it if one of them does, or for reasons found before."""
    before = plan.seats_before or 0
    # Counted over all attempts, so that a retry gets no new allowance.
    unassigned = plan.to_unassign_in_all()
    reasons = list(reasons)
    if guards.max_unassign is not None and len(unassigned) > guards.max_unassign.of(before):
        names = join_names((person["email"] or str(person["id"]) for person in unassigned), _MAX_PEOPLE)
        reasons.append(
            f"{len(unassigned)} of {plural(before, 'seat')} would be unassigned, and the limit is "
            f"{guards.max_unassign.describe(before)}: {names}. If this is intended, raise max_unassign for this run."
        )
    reasons += _too_many_seats(plan, guards.max_seats)
    reasons += _on_schedule(plan, world) if guards.on_schedule == "refuse" else []
    plan = replace(plan, guards={**(more or {}), **guards.record(before)})
    if not plan.missing or guards.missing_users in {"skip", None}:
        return _refused(plan, reasons) if reasons else plan
    emails = [str(person["email"]) for person in plan.missing]
    is_retry = plan.earlier is not None
    if guards.missing_users == "retry" and not reasons:
        return replace(plan, refusal=UsersNotReadyError(plan.product, emails, earlier_attempts=is_retry))
    # A retry does not help against the other reasons.
    refusal = UsersMissingError(plan.product, emails, reasons, earlier_attempts=is_retry, unassign=unassign)
    return replace(plan, refusal=refusal)


def _too_many_seats(plan: Plan, max_seats: int | None) -> list[str]:
    after = len(plan.seat_list) - len(plan.unassign) + len(plan.assign) if plan.seat_list is not None else 0
    if max_seats is None or after <= max_seats:
        return []
    changes = f"{len(plan.unassign)} unassigned, {len(plan.assign)} assigned"
    advice = "If this is intended, raise max_seats."
    return [f"There would be {plural(after, 'seat')} ({changes}), and the limit is {max_seats}. {advice}"]


def _on_schedule(plan: Plan, world: World) -> list[str]:
    found = [
        f"{plan.label(uuid)} is found in {on_call_schedules(names)}"
        for uuid in by_id(plan.unassign)
        if (names := world.schedules.get(uuid))
    ]
    if not found:
        return []
    return [f"{join_names(found, _MAX_PEOPLE)}. Replace them there first, or keep their seats with on_schedule='keep'."]


def _refused(plan: Plan, reasons: Iterable[str]) -> Plan:
    return replace(plan, refusal=PlanRefusedError(plan.product, reasons, earlier_attempts=plan.earlier is not None))


def _has_no_account(person: Person, accounts: Accounts | None) -> bool:
    if accounts is None:
        return False
    account = accounts.get(str(person["id"]))
    return account is None or account.disabled


def _is_among(person: Person, people: Iterable[Person]) -> bool:
    email = email_key(person["email"] or "")
    return any(
        person["id"] == other["id"] if other["id"] else bool(email) and email == email_key(other["email"] or "")
        for other in people
    )


def _with_reason(people: Iterable[Person], reason: str) -> list[Person]:
    return [Person(id=person["id"], email=person["email"], reason=reason) for person in people]


def _person(user: SeatUser) -> Person:
    return {"id": user.id, "email": user.email}  # faster than Person(), and there may be 100,000
