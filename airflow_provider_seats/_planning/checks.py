"""The checks of a plan: why it must not be carried out."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_provider_seats._api.identifiers import PersonSet
from airflow_provider_seats._planning.keepers import assigned_after
from airflow_provider_seats._planning.limit import DEFAULT_MAX_ASSIGN
from airflow_provider_seats._planning.plan import by_email, by_id, label
from airflow_provider_seats._planning.reporting import report_preview
from airflow_provider_seats._text import join_names, plural, shorten

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_seats._planning.jobs import Job
    from airflow_provider_seats._planning.limit import Limit
    from airflow_provider_seats._planning.plan import Kind, Plan
    from airflow_provider_seats._planning.world import World
    from airflow_provider_seats._rosters.people import People
    from airflow_provider_seats.report import Person, Report

_MAX_PEOPLE: Final = 10
_HOUR: Final = 3600
# How far clocks may differ. It is less than any time zone differs from UTC.
_CLOCKS: Final = 900
# From so many hours on, an age is shown in days.
_DAYS: Final = 72
_NEW_PREVIEW: Final = "Make a new preview and have it approved, or leave out approved."


class Refusal(NamedTuple):
    """Why a plan must not be carried out.

    :param guard: the argument that refuses it, or what else does.
    :param text: what was counted, the limit, and what would allow it.
    :param may_pass: whether it may no longer hold when accounts and who is on call are known.
    :param approvable: whether it does not hold for an approved preview.
    """

    guard: str
    text: str
    may_pass: bool = False
    approvable: bool = False


def refusals(plan: Plan, world: World, job: Job) -> tuple[Refusal, ...]:
    """Return why a plan is refused: at most one refusal for each guard, in the order of the class ``Guards``.

    What no argument turns off comes before them, and the approval after them. The check of a guard has its name.
    """
    checks = ((globals().get(name), value) for name, value in job.guards.in_force().items())
    found = [_without_uuid(plan, job), _run_again(plan, job)]
    found += [check(value, plan, world, job) for check, value in checks if check is not None]
    if job.approved is not None:
        found.append(_not_approved(job.approved, plan, job.awaited))
    return tuple(refusal for refusal in found if refusal is not None)


def missing_users(choice: str, plan: Plan, world: World, job: Job) -> Refusal | None:
    if not plan.missing or choice == "skip":
        return None
    emails = [
        f"{person['email'] or person['id']}{f' ({reason})' if (reason := person.get('reason')) else ''}"
        for person in plan.missing
    ]
    assigns = "assign" in job.kinds
    problem = f"There is no {'enabled ' * assigns}Datadog account for {join_names(emails)} ({len(emails)} in all)."
    advice = "Invite them to Datadog, enable their accounts or correct the emails" if assigns else "Correct the emails"
    return Refusal("missing_users", f"{problem} {advice}, or continue without them with missing_users='skip'.")


def allow_empty(allowed: bool, plan: Plan, world: World, job: Job) -> Refusal | None:  # noqa: FBT001 (as all checks)
    """Refuse that a roster unassigns anyone if it is empty, or half of it is, or it matches nobody."""
    if allowed:
        return None
    seats = f"{len(plan.unassign)} of {plural(len(plan.seat_list or ()), 'seat')}"
    empty = " and ".join(job.people.empty)
    if not job.people:
        problem = f"The roster is empty, which would unassign {seats}."
    elif empty:
        problem = f"{empty} is empty, which would unassign {seats}. Leave it out if it is not needed."
    elif plan.unassign and not (world.someone_of_roster_holds_a_seat or job.approved):
        # The preview was checked for this. An approved run reads no account of those who were protected in it.
        problem = (
            f"Nobody in the roster holds a seat, and {seats} would be unassigned. Check that the roster's column, the "
            "product and the organisation are right."
        )
    else:
        return None
    # Someone with a seat may still turn out to be in the roster.
    may_pass = bool(job.people) and not empty
    return Refusal("allow_empty", f"{problem} If this is intended, set allow_empty=True.", may_pass)


def max_roster_age(limit: float, plan: Plan, world: World, job: Job) -> Refusal | None:
    """Refuse to change people because of an old roster, as that of a run which is cleared days later."""
    read_at = job.roster_read_at
    if read_at is None or not plan.changes:
        return None
    age = (world.now - read_at).total_seconds()
    if -_CLOCKS <= age <= limit:
        return None
    problem = f"The roster is of {_utc(read_at)}"
    if age < 0:
        advice = "Correct roster_read_at: a time without a time zone is in UTC."
        return Refusal("max_roster_age", f"{problem}, which is in the future. {advice}")
    how_old = f"{problem}, {_duration(age)} ago, and the limit is {_duration(limit)} (max_roster_age)."
    advice = "Trigger a new run instead of clearing an old one. If the roster was read later, pass roster_read_at."
    return Refusal("max_roster_age", f"{how_old} {advice}")


def protect(people: People, plan: Plan, world: World, job: Job) -> Refusal | None:
    if not world.nobodys:
        return None
    names = join_names(map(shorten, world.nobodys), _MAX_PEOPLE)
    one = "is an entry" if len(world.nobodys) == 1 else "are entries"
    advice = "Correct the spelling, or remove it from protect."
    return Refusal("protect", f"{names} {one} of protect and nobody's account in Datadog. {advice}")


def max_unassign(limit: Limit, plan: Plan, world: World, job: Job) -> Refusal | None:
    return _too_many("unassign", limit, plan, may_pass=True)


def max_assign(limit: Limit, plan: Plan, world: World, job: Job) -> Refusal | None:
    """Refuse to assign too many people. The default limit does not hold for an approved preview."""
    by_default = limit == DEFAULT_MAX_ASSIGN
    if by_default and job.approved:
        return None
    refusal = _too_many("assign", limit, plan, may_pass=job.undo is not None)
    return refusal and refusal._replace(approvable=by_default)


def max_seats(limit: int, plan: Plan, world: World, job: Job) -> Refusal | None:
    """Refuse more seats than that, if there would be more by an assignment."""
    if plan.seat_list is None or not plan.assign:
        return None
    after = len(plan.seat_list) - len(plan.unassign) + len(plan.assign)
    if after <= limit:
        return None
    changes = f"{len(plan.unassign)} unassigned, {len(plan.assign)} assigned"
    text = f"There would be {plural(after, 'seat')} ({changes}), and the limit is {limit}. If this is intended, raise"
    # Accounts may say that someone can be given no seat.
    return Refusal("max_seats", f"{text} max_seats.", may_pass=job.undo is not None)


def on_call(choice: str, plan: Plan, world: World, job: Job) -> Refusal | None:
    found = [
        f"{label(person)} is found {places}"
        for uuid, person in by_id(plan.unassign).items()
        if (places := world.on_call.get(uuid))
    ]
    if choice != "refuse" or not found:
        return None
    advice = "Replace them there first, or keep their seats with on_call='keep'."
    return Refusal("on_call", f"{join_names(found, _MAX_PEOPLE)}. {advice}")


def _without_uuid(plan: Plan, job: Job) -> Refusal | None:
    """Refuse to unassign people who were passed and whose seats have no user UUID: keeping them is no success."""
    emails = [str(person["email"]) for person in plan.protected if person["id"] is None]
    if not emails or job.operator != "unassign":
        return None
    problem = f"Datadog lists the seats of {join_names(emails)} without a user UUID."
    return Refusal("user_emails", f"{problem} Pass the UUIDs in user_uuids instead.")


def _run_again(plan: Plan, job: Job) -> Refusal | None:
    """Refuse that an old run unassigns people who were given a seat after it was due, such as people rehired since."""
    if job.run_again is None:
        return None
    due, began = job.run_again
    people = [label(each.person) for each in plan.changes if (given := assigned_after(each, due)) and given <= began]
    if not people:
        return None
    names = join_names(people, _MAX_PEOPLE)
    problem = f"This run was due at {_utc(due)}, and these people were given a seat after that: {names}."
    return Refusal("run_again", f"{problem} They may have been rehired. If they are to lose it, trigger a new run.")


def _not_approved(approved: Report, plan: Plan, awaited: list[Person]) -> Refusal | None:
    """Refuse what goes beyond an approved preview.

    :param awaited: the people who are missing in the preview, if it was approved with them.
    """
    if approved["refusals"] and not (awaited and len(approved["refusals"]) == 1):
        problem = f"The approved preview says that applying it will be refused: {' '.join(approved['refusals'])}"
        return Refusal("approved", f"{problem} An approval does not change that. {_NEW_PREVIEW}")
    if approved.get("site") != plan.origin.site:
        problem = f"The approved preview is of {approved.get('site')}, and this run is of {plan.origin.site}."
        return Refusal("approved", f"{problem} {_NEW_PREVIEW}")
    if not approved["complete"]:
        if approved["digest"] == report_preview(plan)["digest"]:
            return None
        problem = "The approved preview is too large to list everyone, so exactly its changes are approved, and these"
        return Refusal("approved", f"{problem} are others. {_NEW_PREVIEW}", may_pass=True)
    shown = PersonSet([*approved["assigned"], *map(by_email, awaited)]), PersonSet(approved["unassigned"])
    assign = [person for person in plan.assign if person not in shown[0]]
    unassign = [person for person in plan.unassign if person not in shown[1]]
    if not assign and not unassign:
        return None
    names = join_names(map(label, (*assign, *unassign)), _MAX_PEOPLE)
    people = f"{plural(len(assign), 'person', 'people')} to assign and {plural(len(unassign), 'person', 'people')}"
    problem = f"{people} to unassign are not in the approved preview: {names}."
    return Refusal("approved", f"{problem} {_NEW_PREVIEW}", may_pass=True)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _duration(seconds: float) -> str:
    hours = seconds / _HOUR
    return plural(round(hours), "hour") if hours < _DAYS else plural(round(hours / 24), "day")


def _too_many(kind: Kind, limit: Limit, plan: Plan, *, may_pass: bool) -> Refusal | None:
    """Refuse to change too many people, counted over all attempts, so that a retry gets no new allowance."""
    seats, people = plan.seats_before or 0, plan.in_all(kind)
    if len(people) <= limit.of(seats) or not any(change.kind == kind for change in plan.changes):
        return None
    problem = f"{plural(len(people), 'person', 'people')} would be given a seat"
    if kind == "unassign":
        problem = f"{len(people)} of {plural(seats, 'seat')} would be unassigned"
    name = f"max_{kind}"
    names = join_names((person["email"] or str(person["id"]) for person in people), _MAX_PEOPLE)
    advice = limit.advice(name, seats, len(people))
    text = f"{problem}, and the limit is {limit.describe(name, seats)}: {names}. If this is intended, {advice}."
    return Refusal(name, text, may_pass)
