"""The verdict on a plan: the guards that refuse it, and the people that an approved preview leaves alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import filterfalse
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats._planning.plan import Plan, among, by_id, label
from airflow_provider_seats._text import join_names, plural, shorten
from airflow_provider_seats.exceptions import PlanRefusedError, UsersMissingError, UsersNotReadyError
from airflow_provider_seats.report import Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._planning.guards import Guards
    from airflow_provider_seats._planning.world import World

_MAX_PEOPLE: Final = 10
_NEW_PREVIEW: Final = "Make a new preview and have it approved, or leave out approved."


def verdict(
    plan: Plan,
    guards: Guards,
    world: World,
    extra_guards: Mapping[str, Any] | None = None,
    reasons: Iterable[str] = (),
    *,
    for_unassign: bool = False,
    approved: Report | None = None,
    counts_seats: bool = True,
) -> Plan:
    """Record the guards in the plan, and the refusal if one of them refuses it.

    :param extra_guards: what else the report records with the guards.
    :param reasons: reasons for a refusal that were found before.
    :param for_unassign: whether missing people were to be unassigned.
    :param approved: the report of an approved preview.
    :param counts_seats: whether ``max_seats`` can be checked already.
    """
    missing = plan.missing
    plan = replace(plan, read_at=world.now)
    if approved is not None:
        plan = _leave_alone(plan, approved, guards)
    before = plan.seats_before or 0
    reasons = [
        *reasons,
        *_protects_nobody(world.nobodys),
        *too_many_unassigned(plan, guards),
        *(_too_many_seats(plan, guards.max_seats) if counts_seats else ()),
    ]
    if guards.on_call == "refuse":
        reasons += _on_call(plan, world)
    if approved is not None and world.checked:
        reasons += _not_approved(plan, approved, guards)
    plan = replace(plan, guards={**(extra_guards or {}), **guards.record(before)})
    if not missing or guards.missing_users in {"skip", None}:
        return _refused(plan, reasons) if reasons else plan
    emails = [person["email"] or str(person["id"]) for person in missing]
    is_retry = plan.earlier is not None
    if guards.missing_users == "retry" and not reasons:
        return replace(plan, refusal=UsersNotReadyError(plan.product, emails, earlier_attempts=is_retry))
    # A retry does not help against the other reasons.
    refusal = UsersMissingError(plan.product, emails, reasons, earlier_attempts=is_retry, unassign=for_unassign)
    return replace(plan, refusal=refusal)


def _leave_alone(plan: Plan, approved: Report, guards: Guards) -> Plan:
    """Leave alone the people who are missing in an approved preview, and who would now be assigned."""
    # With "retry" the preview is approved with the people who are still awaited.
    missing = approved["missing"] if guards.missing_users != "retry" else []
    # By email, because a disabled account may have been replaced by a new one.
    was_missing = list(filter(among(map(_by_email, missing)), plan.assign))
    return replace(
        plan,
        assign=tuple(filterfalse(among(was_missing), plan.assign)),
        missing=(*plan.missing, *with_reason(was_missing, "missing in the approved preview")),
    )


def _not_approved(plan: Plan, approved: Report, guards: Guards) -> list[str]:
    """Return why a plan goes beyond the approved preview."""
    if approved["refusals"] and not (guards.missing_users == "retry" and _only_awaits(approved)):
        problem = f"The approved preview says that applying it will be refused: {' '.join(approved['refusals'])}"
        return [f"{problem} An approval does not change that. {_NEW_PREVIEW}"]
    if not approved["complete"]:
        if approved["digest"] == plan.preview()["digest"]:
            return []
        problem = "The approved preview is too large to list everyone, so exactly its changes are approved, and these"
        return [f"{problem} are others. {_NEW_PREVIEW}"]
    awaited = map(_by_email, approved["missing"] if guards.missing_users == "retry" else [])
    assign = list(filterfalse(among([*approved["assigned"], *awaited]), plan.assign))
    unassign = list(filterfalse(among(approved["unassigned"]), plan.unassign))
    if not assign and not unassign:
        return []
    names = join_names(map(label, (*assign, *unassign)), _MAX_PEOPLE)
    people = f"{plural(len(assign), 'person', 'people')} to assign and {plural(len(unassign), 'person', 'people')}"
    return [f"{people} to unassign are not in the approved preview: {names}. {_NEW_PREVIEW}"]


def _only_awaits(approved: Report) -> bool:
    """Return whether a preview is refused for no other reason than people without an enabled account."""
    return bool(approved["missing"]) and len(approved["refusals"]) == 1


def _by_email(person: Person) -> Person:
    return Person(id=None, email=person["email"]) if person["email"] else person


def _protects_nobody(entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    names = join_names(map(shorten, entries), _MAX_PEOPLE)
    one = "is an entry" if len(entries) == 1 else "are entries"
    return [
        f"{names} {one} of protect and nobody's account in Datadog. Correct the spelling, or remove it from protect."
    ]


def too_many_unassigned(plan: Plan, guards: Guards) -> list[str]:
    """Return why a plan unassigns too many people."""
    before = plan.seats_before or 0
    # Counted over all attempts, so that a retry gets no new allowance.
    unassigned = plan.to_unassign_in_all()
    if guards.max_unassign is None or not plan.unassign or len(unassigned) <= guards.max_unassign.of(before):
        return []
    problem = f"{len(unassigned)} of {plural(before, 'seat')} would be unassigned"
    names = join_names((person["email"] or str(person["id"]) for person in unassigned), _MAX_PEOPLE)
    limit = guards.max_unassign.describe(before)
    advice = guards.max_unassign.advice(before, len(unassigned))
    return [f"{problem}, and the limit is {limit}: {names}. If this is intended, {advice}."]


def _too_many_seats(plan: Plan, max_seats: int | None) -> list[str]:
    after = len(plan.seat_list) - len(plan.unassign) + len(plan.assign) if plan.seat_list is not None else 0
    if max_seats is None or after <= max_seats or not plan.assign:
        return []
    changes = f"{len(plan.unassign)} unassigned, {len(plan.assign)} assigned"
    advice = "If this is intended, raise max_seats."
    return [f"There would be {plural(after, 'seat')} ({changes}), and the limit is {max_seats}. {advice}"]


def _on_call(plan: Plan, world: World) -> list[str]:
    found = [
        f"{label(person)} is found {places}"
        for uuid, person in by_id(plan.unassign).items()
        if (places := world.on_call.get(uuid))
    ]
    if not found:
        return []
    return [f"{join_names(found, _MAX_PEOPLE)}. Replace them there first, or keep their seats with on_call='keep'."]


def _refused(plan: Plan, reasons: Iterable[str]) -> Plan:
    return replace(plan, refusal=PlanRefusedError(plan.product, reasons, earlier_attempts=plan.earlier is not None))


def with_reason(people: Iterable[Person], reason: str) -> list[Person]:
    """Return people with the reason why they are in their group."""
    return [Person(id=person["id"], email=person["email"], reason=reason) for person in people]
