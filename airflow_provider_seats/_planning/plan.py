"""A plan, from its preview to the report of what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._planning.approval import digest
from airflow_provider_seats._planning.seat_list import with_dates
from airflow_provider_seats._text import join_names, plural
from airflow_provider_seats.report import KINDS, Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._api.seat_change import Outcome
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._planning.seat_list import SeatList
    from airflow_provider_seats.exceptions import PlanRefusedError


@dataclass(frozen=True, slots=True)
class EarlierAttempts:
    """What earlier attempts of the same task set out to change.

    :param seats_before: how many seats there were before the first of them.
    :param assigned: the people to assign who held no seat before, by user UUID.
    :param unassigned: the people to unassign who held a seat before, by user UUID.
    :param started: when their changes started, by Datadog's clock.
    """

    seats_before: int
    assigned: Mapping[str, Person]
    unassigned: Mapping[str, Person]
    started: datetime | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """When changes were made, by Datadog's clock: all of them after ``started`` and before ``ended``."""

    started: datetime | None = None
    ended: datetime | None = None


_NO_PERIOD: Final = Period()
_NO_EARLIER_ATTEMPTS: Final = EarlierAttempts(0, {}, {})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plan is carried out: the connection's id and base URL; None before the connection is read."""

    conn_id: str = ""
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a product.

    :param assign: the people to assign.
    :param unassign: the people to unassign.
    :param unchanged: the people who already are as requested.
    :param missing: the people without an enabled account.
    :param protected: the people who keep their seat because of a guard, each with the reason.
    :param seat_list: the seat list; None if it was not read.
    :param guards: the guards that applied.
    :param refusal: why nothing may be changed; None if the plan may be carried out.
    :param earlier: what earlier attempts set out to change, if Airflow remembers it.
    :param since_attempt: the first attempt of the task whose changes are known.
    :param warnings: what a person should look at.
    :param report_unchanged: whether the report lists ``unchanged`` people. It always counts them.
    :param read_at: when the seats were read.
    """

    product: str
    assign: tuple[Person, ...] = ()
    unassign: tuple[Person, ...] = ()
    unchanged: tuple[Person, ...] = ()
    missing: tuple[Person, ...] = ()
    protected: tuple[Person, ...] = ()
    seat_list: SeatList | None = None
    guards: Mapping[str, Any] = field(default_factory=dict)
    refusal: PlanRefusedError | None = None
    earlier: EarlierAttempts | None = None
    since_attempt: int = 1
    origin: Origin = Origin()
    warnings: tuple[str, ...] = ()
    report_unchanged: bool = True
    read_at: datetime | None = None

    @property
    def seats_before(self) -> int | None:
        """How many seats the product had before the first attempt; None if the seat list was not read."""
        if self.earlier is not None:
            return self.earlier.seats_before
        return None if self.seat_list is None else len(self.seat_list)

    def assignable_after(self, unassigned: Outcome) -> tuple[str, ...]:
        """Return the user UUIDs that may be assigned after the unassignments.

        After an error that is nobody. If some seats could not be unassigned, fewer people are assigned, so that there
        are no more seats than before, or than the plan announced.
        """
        people = tuple(by_id(self.assign))
        if unassigned.error is not None:
            return ()
        if self.seat_list is None:
            return people
        announced = len(self.seat_list) - len(self.unassign) + len(self.assign)
        allowed = max(announced, self.seats_before or 0)
        max_seats = self.guards.get("max_seats")
        if max_seats is not None:
            allowed = min(allowed, max_seats)
        held = len(self.seat_list) - len(unassigned.done)
        return people[: max(allowed - held, 0)]

    def preview(self) -> Report:
        """Report what would be done."""
        period = Period(self.read_at)
        return self._report(assigned=by_id(self.assign), unassigned=by_id(self.unassign), preview=True, period=period)

    def to_unassign_in_all(self) -> list[Person]:
        """Return the people who lose their seat by this attempt and by earlier ones.

        Someone who is to get the seat back counts until the list shows it, because Datadog may refuse it.
        """
        unassigning = by_id(self.unassign)
        return [
            each.person
            for uuid, each in self._affected().items()
            if each.held_at_first and (uuid in unassigning or not each.held_now)
        ]

    def not_started(self, *, preview: bool, period: Period = _NO_PERIOD) -> Report:
        """Report that this attempt changed nothing."""
        not_done = [*self.unassign, *self.assign]
        unknown: list[Person] = []
        if self.seat_list is None and self.earlier is not None:
            # Only the seat list says how far the earlier attempts got.
            unknown = [*self.earlier.unassigned.values(), *self.earlier.assigned.values()]
        return self._report(not_done=_without(unknown, not_done), unknown=unknown, preview=preview, period=period)

    def interrupted(self, period: Period = _NO_PERIOD) -> Report:
        """Report that the work was interrupted, so that it is unknown how far it got."""
        return self._report(unknown=[*self.unassign, *self.assign], period=period)

    def report(
        self,
        unassigned: Outcome,
        assigned: Outcome,
        period: Period = _NO_PERIOD,
        users_after: Sequence[SeatUser] | None = None,
    ) -> Report:
        """Report what was done.

        :param users_after: the seat list after the changes; None if it was not read again.
        """
        people = by_id(self.unassign, self.assign)
        return self._report(
            assigned=assigned.done,
            unassigned=unassigned.done,
            refused=[people[uuid] for uuid in (*unassigned.refused, *assigned.refused)],
            unknown=[people[uuid] for uuid in (*unassigned.unknown, *assigned.unknown)],
            not_done=[people[uuid] for uuid in (*unassigned.not_done, *assigned.not_done)],
            period=period,
            users_after=users_after,
        )

    def to_remember(self, started: datetime | None = None) -> EarlierAttempts | None:
        """Return what a later attempt has to know; None if it is unknown who held a seat before.

        :param started: when the changes of this attempt start.
        """
        if self.seat_list is None or self.seats_before is None:
            return None
        affected = self._affected()
        return EarlierAttempts(
            self.seats_before,
            assigned={uuid: each.person for uuid, each in affected.items() if not each.held_at_first},
            unassigned={uuid: each.person for uuid, each in affected.items() if each.held_at_first},
            started=self.started(started),
        )

    def started(self, now: datetime | None) -> datetime | None:
        """Return when the first attempt's changes started, if this attempt's start now."""
        return self.earlier.started if self.earlier and self.earlier.started else now

    def _report(
        self,
        *,
        assigned: Iterable[str] = (),
        unassigned: Iterable[str] = (),
        refused: Iterable[Person] = (),
        unknown: Iterable[Person] = (),
        not_done: Iterable[Person] = (),
        preview: bool = False,
        period: Period = _NO_PERIOD,
        users_after: Sequence[SeatUser] | None = None,
    ) -> Report:
        assigned, unassigned = set(assigned), set(unassigned)
        unknown, not_done, refused = list(unknown), list(not_done), list(refused)
        if self.unassign and self.assign:
            unknown, not_done, refused = (self._with_direction(people) for people in (unknown, not_done, refused))
        of_unknown = by_id(unknown)
        gained, lost, back = dict[str, Person](), dict[str, Person](), dict[str, Person]()
        for uuid, each in self._affected().items():
            holds = uuid in assigned or (uuid not in unassigned and each.held_now)
            if uuid not in of_unknown and holds != each.held_at_first:
                (gained if holds else lost)[uuid] = each.person
            elif uuid in assigned or uuid in unassigned:
                back[uuid] = each.person
        changed = [*gained.values(), *lost.values(), *back.values()]
        after = None if users_after is None else len(users_after)
        if after is None and self.seat_list is not None and not unknown:
            after = len(self.seat_list) + len(assigned) - len(unassigned)
        people: dict[str, list[Person]] = {
            "assigned": list(gained.values()) if preview else with_dates(gained, self.seat_list, users_after),
            "unassigned": list(lost.values()),
            "unchanged": [*_without(changed, self.unchanged), *back.values()],
            "missing": list(self.missing),
            "refused": refused,
            "protected": list(self.protected),
            "unknown": unknown,
            "not_done": not_done,
        }
        return Report(
            product=self.product,
            preview=preview,
            counts={kind: len(people[kind]) for kind in KINDS},
            assigned=people["assigned"],
            unassigned=people["unassigned"],
            unchanged=people["unchanged"] if self.report_unchanged else list(back.values()),
            missing=people["missing"],
            refused=refused,
            protected=people["protected"],
            unknown=unknown,
            not_done=not_done,
            seats_before=self.seats_before,
            seats_after=after,
            guards=dict(self.guards),
            refusals=list(self.refusal.reasons) if self.refusal else [],
            warnings=[*self.warnings, *self._many_seats(after, preview=preview)],
            since_attempt=self.since_attempt,
            started_at=_iso(period.started),
            ended_at=_iso(period.ended),
            conn_id=self.origin.conn_id,
            site=self.origin.site,
            digest=digest(self.product, gained, lost),
            complete=True,
        )

    def exceeded(self, users: Sequence[SeatUser]) -> str | None:
        """Return a warning if there are more seats than ``max_seats`` after the changes.

        :param users: the seat list after the changes.
        """
        limit = self.guards.get("max_seats")
        if limit is None or len(users) <= limit or self.seat_list is None:
            return None
        planned = by_id(self.assign)
        others = [
            label(Person(id=user.id, email=user.email))
            for user in users
            if user.id and user.id not in planned and not self.seat_list.by_uuid(user.id)
        ]
        if not others:
            return None
        there_are = f"There are {plural(len(users), 'seat')} of {self.product} now, and the limit is {limit}"
        return (
            f"{there_are} (max_seats). While this task ran, these people got a seat from elsewhere: "
            f"{join_names(others)}. If another task assigned them, give both a pool with one slot."
        )

    def _many_seats(self, seats: int | None, *, preview: bool) -> list[str]:
        limit = self.guards.get("warn_seats")
        if limit is None or seats is None or seats <= limit:
            return []
        there_are = "There would be" if preview else "There is" if seats == 1 else "There are"
        advice = "Unassign those that nobody needs, or raise the limit."
        return [f"{there_are} {plural(seats, 'seat')} of {self.product}, more than warn_seats={limit}. {advice}"]

    def _with_direction(self, people: list[Person]) -> list[Person]:
        unassigning = by_id(self.unassign)
        return [
            Person(
                id=each["id"],
                email=each["email"],
                reason="was to be unassigned" if each["id"] in unassigning else "was to be assigned",
            )
            for each in people
        ]

    def _affected(self) -> dict[str, _Affected]:
        """Return everyone that this attempt or an earlier one set out to change, by user UUID."""
        earlier = self.earlier or _NO_EARLIER_ATTEMPTS
        unassigning = by_id(self.unassign)
        affected = {}
        for uuid, person in {**earlier.unassigned, **earlier.assigned, **by_id(self.unassign, self.assign)}.items():
            # Everyone to unassign is assumed to hold a seat, also if the list was not read or cannot show it.
            now = uuid in unassigning or (self.seat_list is not None and bool(self.seat_list.by_uuid(uuid)))
            first = uuid in earlier.unassigned or (uuid not in earlier.assigned and now)
            affected[uuid] = _Affected(person, held_at_first=first, held_now=now)
        return affected


@dataclass(frozen=True, slots=True)
class _Affected:
    """Someone that this attempt or an earlier one set out to change, and whether they held a seat."""

    person: Person
    held_at_first: bool
    held_now: bool


def among(people: Iterable[Person]) -> Callable[[Person], bool]:
    """Return a function that says whether a person is among these. Those without a UUID are compared by email."""
    people = list(people)
    uuids = by_id(people).keys()
    emails = {email_key(person["email"]) for person in people if person["id"] is None and person["email"]}
    return lambda person: person["id"] in uuids or email_key(person["email"] or "") in emails


def label(person: Person) -> str:
    """Return the user UUID of a person together with the email, if that is known."""
    return f"{person['email']} ({person['id']})" if person["email"] else str(person["id"])


def by_id(*groups: Iterable[Person]) -> dict[str, Person]:
    """Return people by their user UUID. Those without one are left out."""
    return {person["id"]: person for people in groups for person in people if person["id"]}


def _without(changed: Iterable[Person], people: Iterable[Person]) -> list[Person]:
    """Leave out people who were changed. People without a UUID are compared by their email."""
    changed = list(changed)
    emails = {email_key(person["email"]) for person in changed if person["email"]}
    uuids = {person["id"] for person in changed}
    return [
        person
        for person in people
        if (person["id"] not in uuids if person["id"] else email_key(person["email"] or "") not in emails)
    ]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
