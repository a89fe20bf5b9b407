"""The reports of a plan: before, during and after its changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_provider_seats._api.identifiers import PersonSet
from airflow_provider_seats._arguments import end_of_date, parse_time
from airflow_provider_seats._planning.plan import HELD_BEFORE, Plan, by_id, label, with_reason
from airflow_provider_seats._text import join_names, plural
from airflow_provider_seats.report import Person, Report, digest, people_of

if TYPE_CHECKING:
    from airflow_provider_seats._api.seat_change import Outcome
    from airflow_provider_seats._api.seat_list import SeatList


# When changes were made, by Datadog's clock: all of them after the first time and before the second.
Period: TypeAlias = "tuple[datetime | None, datetime | None]"
_NO_PERIOD: Final[Period] = (None, None)
# The clock that dates responses is not the one that dates seats.
_CLOCKS: Final = timedelta(minutes=1)


def report_preview(plan: Plan) -> Report:
    assigned, unassigned = by_id(plan.assign), by_id(plan.unassign)
    return _report(plan, assigned, unassigned, preview=True, period=(plan.read_at, None))


def report_not_started(plan: Plan, period: Period = _NO_PERIOD, *, preview: bool = False) -> Report:
    """Report that this attempt changed nothing."""
    not_done = [*plan.unassign, *plan.assign]
    unknown: list[Person] = []
    if plan.seat_list is None and plan.covered is not None:
        # Only the seat list says how far the earlier attempts got.
        unknown = [*plan.covered.unassigned.values(), *plan.covered.assigned.values()]
    return _report(plan, not_done=_without(unknown, not_done), unknown=unknown, preview=preview, period=period)


def report_interrupted(plan: Plan, period: Period = _NO_PERIOD) -> Report:
    """Report that the work was interrupted, so that it is unknown how far it got."""
    return _report(plan, unknown=[*plan.unassign, *plan.assign], period=period)


def report_changes(
    plan: Plan,
    unassigned: Outcome,
    assigned: Outcome,
    period: Period = _NO_PERIOD,
    seats_after: SeatList | None = None,
) -> Report:
    """Report what was done.

    :param seats_after: the seat list after the changes; None if it was not read again.
    """
    people = by_id(plan.unassign, plan.assign)
    return _report(
        plan,
        assigned.done,
        unassigned.done,
        refused=[people[uuid] for uuid in (*unassigned.refused, *assigned.refused)],
        unknown=[people[uuid] for uuid in (*unassigned.unknown, *assigned.unknown)],
        not_done=[people[uuid] for uuid in (*unassigned.not_done, *assigned.not_done)],
        period=period,
        seats_after=seats_after,
    )


def exceeded(plan: Plan, seats: SeatList) -> str | None:
    """Return a warning if there are more seats than ``max_seats`` after the changes."""
    limit = plan.guards.max_seats if plan.guards else None
    if limit is None or len(seats) <= limit or plan.seat_list is None:
        return None
    planned = by_id(plan.assign)
    before = {user.email for user in plan.seat_list.rows_without_uuid}
    others = [
        label(Person(id=user.id, email=user.email)) if user.id else user.email or "someone without a user UUID"
        for user in seats.users
        if (user.id not in planned and not plan.seat_list.by_uuid(user.id) if user.id else user.email not in before)
    ]
    if not others:
        return None
    there_are = f"There are {plural(len(seats), 'seat')} of {plan.product} now, and the limit is {limit}"
    return (
        f"{there_are} (max_seats). While this task ran, these people got a seat from elsewhere: "
        f"{join_names(others)}. If another task assigned them, give both a pool with one slot."
    )


def _report(
    plan: Plan,
    assigned: Iterable[str] = (),
    unassigned: Iterable[str] = (),
    *,
    refused: Iterable[Person] = (),
    unknown: Iterable[Person] = (),
    not_done: Iterable[Person] = (),
    preview: bool = False,
    period: Period = _NO_PERIOD,
    seats_after: SeatList | None = None,
) -> Report:
    assigned, unassigned = set(assigned), set(unassigned)
    unknown, not_done, refused = (_with_direction(plan, people) for people in (unknown, not_done, refused))
    of_unknown = by_id(unknown)
    gained, lost, back = dict[str, Person](), dict[str, Person](), dict[str, Person]()
    # A list of several pages may have shifted while it was read before the changes, and shown some seats on none.
    hidden_before = 0
    for uuid, each in plan.affected().items():
        holds = uuid in assigned or (uuid not in unassigned and each.held_now)
        if uuid not in of_unknown and holds != each.held_at_first:
            if holds and _held_before(uuid, seats_after, period[0]):
                back[uuid] = with_reason(each.person, HELD_BEFORE)
                hidden_before += 1
                continue
            (gained if holds else lost)[uuid] = each.person
        elif uuid in assigned or uuid in unassigned:
            back[uuid] = each.person
    changed = [*gained.values(), *lost.values(), *back.values()]
    newest = plan.seat_list if seats_after is None else seats_after
    after = None if seats_after is None else len(seats_after)
    if after is None and plan.seat_list is not None and not unknown:
        after = len(plan.seat_list) + len(assigned) - len(unassigned)
    report = Report(
        product=plan.product,
        preview=preview,
        counts={},
        assigned=_with_dates(gained, None if preview else newest),
        unassigned=list(lost.values()),
        unchanged=[*_without(changed, plan.unchanged), *back.values()],
        missing=[*plan.missing, *plan.missing_before],
        refused=refused,
        protected=list(plan.protected),
        unknown=unknown,
        not_done=not_done,
        seats_before=None if plan.seats_before is None else plan.seats_before + hidden_before,
        seats_after=after,
        guards={**plan.facts, **(plan.guards.record(plan.seats_before or 0) if plan.guards else {})},
        refusals=[refusal.text for refusal in plan.refusals],
        warnings=[*plan.warnings, *_many_seats(plan, after, preview=preview)],
        since_attempt=plan.since_attempt,
        started_at=_iso(period[0]),
        ended_at=_iso(period[1]),
        conn_id=plan.origin.conn_id,
        site=plan.origin.site,
        digest=digest(plan.product, plan.origin.site, gained, lost),
        complete=True,
    )
    report["counts"] = {kind: len(people) for kind, people in people_of(report)}
    if not plan.lists_unchanged:
        report["unchanged"] = list(back.values())
    return report


def _held_before(uuid: str, newest: SeatList | None, started: datetime | None) -> bool:
    """Return whether the newest seat list dates a seat before the changes."""
    date = parse_time(_assigned_at(uuid, newest))
    return date is not None and started is not None and end_of_date(date) < started - _CLOCKS


def _with_dates(people: Mapping[str, Person], newest: SeatList | None) -> list[Person]:
    """Return people who were assigned, with the dates of their seats in the newest seat list.

    An undo compares these dates with those that the list shows then, so that only dates of one clock are compared.
    """
    return [
        {**person, "assigned_at": date} if (date := _assigned_at(uuid, newest)) else person
        for uuid, person in people.items()
    ]


def _assigned_at(uuid: str, seats: SeatList | None) -> str | None:
    rows = seats.by_uuid(uuid) if seats is not None else []
    return rows[0].assigned_at if rows else None


def _many_seats(plan: Plan, seats: int | None, *, preview: bool) -> list[str]:
    limit = plan.guards.warn_seats if plan.guards else None
    if limit is None or seats is None or seats <= limit:
        return []
    there_are = "There would be" if preview else "There is" if seats == 1 else "There are"
    advice = "Unassign those that nobody needs, or raise the limit."
    return [f"{there_are} {plural(seats, 'seat')} of {plan.product}, more than warn_seats={limit}. {advice}"]


def _with_direction(plan: Plan, people: Iterable[Person]) -> list[Person]:
    """Return people with what was to happen to them, if a plan has changes of both kinds."""
    if not (plan.unassign and plan.assign):
        return list(people)
    unassigning = by_id(plan.unassign)
    return [
        with_reason(each, f"was to be {'unassigned' if each['id'] in unassigning else 'assigned'}") for each in people
    ]


def _without(changed: Iterable[Person], people: Iterable[Person]) -> list[Person]:
    changed = list(changed)
    uuids, same = by_id(changed).keys(), PersonSet(changed)
    # Most people have a UUID, and there may be 100,000.
    return [person for person in people if (person["id"] not in uuids if person["id"] else person not in same)]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
