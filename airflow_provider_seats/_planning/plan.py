"""A plan: a list of changes that is narrowed, and what is known about everyone else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from airflow_provider_seats.exceptions import PlanRefusedError, UsersMissingError, UsersNotReadyError
from airflow_provider_seats.report import Person

if TYPE_CHECKING:
    from airflow_provider_seats._api.seat_change import Outcome
    from airflow_provider_seats._api.seat_list import SeatList
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._planning.checks import Refusal
    from airflow_provider_seats._planning.guards import Guards

Kind: TypeAlias = Literal["assign", "unassign"]
HELD_BEFORE: Final = "held a seat before; the undo of another report may unassign it"
BOTH: Final[frozenset[Kind]] = frozenset({"assign", "unassign"})


class Change(NamedTuple):
    """A seat to assign to one person, or to unassign.

    :param seat: the row of the seat to unassign; None if the list was not read.
    """

    kind: Kind
    person: Person
    seat: SeatUser | None = None

    def reverse(self) -> Change:
        return Change("unassign" if self.kind == "assign" else "assign", self.person)


# Returns why a change is not made; None if it may be made.
Keeper: TypeAlias = Callable[[Change], str | None]


class EarlierAttempts(NamedTuple):
    """What earlier attempts of the same task set out to change.

    :param seats_before: how many seats there were before the first of them.
    :param assigned: the people to assign who held no seat before, by user UUID.
    :param unassigned: the people to unassign who held a seat before, by user UUID.
    :param started: when their changes started, by Datadog's clock.
    :param is_complete: whether they set out to change nobody else. Otherwise they count only for limits.
    """

    seats_before: int
    assigned: Mapping[str, Person]
    unassigned: Mapping[str, Person]
    started: datetime | None = None
    is_complete: bool = True


_NO_EARLIER_ATTEMPTS: Final = EarlierAttempts(0, {}, {})
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Origin(NamedTuple):
    """Where a plan is carried out: the connection's id and base URL; None before the connection is read."""

    conn_id: str = ""
    site: str | None = None


class Plan(NamedTuple):
    """What is to be done for a product.

    :param changes: the changes to make, each of one person.
    :param unchanged: the people who already are as requested.
    :param missing: the people without an enabled account.
    :param missing_before: the people who have an account now, and were missing in the approved preview. They get no
        seat, and the report lists them as missing, too.
    :param protected: the people who keep their seat, each with the reason.
    :param seat_list: the seat list; None if it was not read.
    :param guards: the guards; None before the arguments are parsed.
    :param facts: what else the report records with the guards.
    :param refusals: why nothing may be changed. Without them the plan may be carried out.
    :param earlier: what earlier attempts set out to change, if Airflow remembers it.
    :param since_attempt: the first attempt of the task whose changes are known.
    :param lists_unchanged: whether the report lists ``unchanged`` people. It always counts them.
    :param read_at: when the seats were read.
    """

    product: str
    changes: tuple[Change, ...] = ()
    unchanged: tuple[Person, ...] = ()
    missing: tuple[Person, ...] = ()
    missing_before: tuple[Person, ...] = ()
    protected: tuple[Person, ...] = ()
    seat_list: SeatList | None = None
    guards: Guards | None = None
    facts: Mapping[str, Any] = _NOTHING
    refusals: tuple[Refusal, ...] = ()
    earlier: EarlierAttempts | None = None
    since_attempt: int = 1
    origin: Origin = Origin()
    warnings: tuple[str, ...] = ()
    lists_unchanged: bool = True
    read_at: datetime | None = None

    @property
    def assign(self) -> tuple[Person, ...]:
        return tuple(change.person for change in self.changes if change.kind == "assign")

    @property
    def unassign(self) -> tuple[Person, ...]:
        return tuple(change.person for change in self.changes if change.kind == "unassign")

    def narrow(
        self,
        kind: Kind,
        keepers: Sequence[Keeper],
        group: Literal["protected", "missing", "missing_before", "unchanged"] = "protected",
    ) -> Plan:
        """Leave out each change that a keeper has a reason against.

        :param group: where to list the people of these changes.
        """
        going: list[Change] = []
        kept: list[Person] = []
        for change in self.changes:
            of_kind = keepers if change.kind == kind else ()
            reason = next((reason for keeper in of_kind if (reason := keeper(change)) is not None), None)
            if reason is None:
                going.append(change)
            else:
                kept.append(with_reason(change.person, reason))
        if not kept:
            return self
        listed: Any = {group: (*getattr(self, group), *kept)}
        return self._replace(changes=tuple(going), **listed)

    @property
    def covered(self) -> EarlierAttempts | None:
        """The earlier attempts that the report covers, too: None if it is unknown what they set out to change."""
        return self.earlier if self.earlier is not None and self.earlier.is_complete else None

    @property
    def seats_before(self) -> int | None:
        """How many seats the product had before the first attempt; None if the seat list was not read."""
        if self.covered is not None:
            return self.covered.seats_before
        return None if self.seat_list is None else len(self.seat_list)

    @property
    def error(self) -> PlanRefusedError | None:
        """The error of a plan that is refused; None if it may be carried out."""
        if not self.refusals:
            return None
        refusals = {refusal.guard: refusal.text for refusal in self.refusals}
        is_retry = self.earlier is not None
        if "missing_users" not in refusals:
            return PlanRefusedError(self.product, refusals, earlier_attempts=is_retry)
        # A retry does not help against other reasons.
        waits = self.guards is not None and self.guards.missing_users == "retry" and len(refusals) == 1
        emails = [person["email"] or str(person["id"]) for person in self.missing]
        kind = UsersNotReadyError if waits else UsersMissingError
        return kind(self.product, emails, refusals, earlier_attempts=is_retry)

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
        if self.guards is not None and self.guards.max_seats is not None:
            allowed = min(allowed, self.guards.max_seats)
        held = len(self.seat_list) - len(unassigned.done)
        return people[: max(allowed - held, 0)]

    def in_all(self, kind: Kind) -> list[Person]:
        """Return the people who lose their seat, or get one, by this attempt and by earlier ones.

        Someone who is to get the seat back counts until the list shows it, because Datadog may refuse it.
        """
        loses = kind == "unassign"
        changing = by_id(self.unassign if loses else self.assign)
        return [
            each.person
            for uuid, each in self._affected_since(self.earlier).items()
            if each.held_at_first == loses and (uuid in changing or each.held_now != loses)
        ]

    def to_remember(self, started: datetime | None) -> EarlierAttempts | None:
        """Return what a later attempt has to know; None if it is unknown who held a seat before."""
        if self.seat_list is None or self.seats_before is None:
            return None
        affected = self._affected_since(self.earlier)
        return EarlierAttempts(
            self.seats_before,
            assigned={uuid: each.person for uuid, each in affected.items() if not each.held_at_first},
            unassigned={uuid: each.person for uuid, each in affected.items() if each.held_at_first},
            started=self.started(started),
        )

    def started(self, now: datetime | None) -> datetime | None:
        """Return when the first attempt's changes started, if this attempt's start now."""
        return self.covered.started if self.covered and self.covered.started else now

    def affected(self) -> dict[str, Affected]:
        """Return everyone that this attempt or one that the report covers set out to change, by user UUID."""
        return self._affected_since(self.covered)

    def _affected_since(self, earlier: EarlierAttempts | None) -> dict[str, Affected]:
        earlier = earlier or _NO_EARLIER_ATTEMPTS
        unassigning = by_id(self.unassign)
        affected = {}
        for uuid, person in {**earlier.unassigned, **earlier.assigned, **by_id(self.unassign, self.assign)}.items():
            # Everyone to unassign is assumed to hold a seat, also if the list was not read or cannot show it.
            now = uuid in unassigning or (self.seat_list is not None and bool(self.seat_list.by_uuid(uuid)))
            first = uuid in earlier.unassigned or (uuid not in earlier.assigned and now)
            affected[uuid] = Affected(person, held_at_first=first, held_now=now)
        return affected


class Affected(NamedTuple):
    """Someone that this attempt or an earlier one set out to change, and whether they held a seat."""

    person: Person
    held_at_first: bool
    held_now: bool


def label(person: Person) -> str:
    """Return the user UUID of a person together with the email, if that is known."""
    return f"{person['email']} ({person['id']})" if person["email"] else str(person["id"])


def by_id(*groups: Iterable[Person]) -> dict[str, Person]:
    """Return people by their user UUID. Those without one are left out."""
    return {person["id"]: person for people in groups for person in people if person["id"]}


def with_reason(person: Person, reason: str) -> Person:
    return Person(id=person["id"], email=person["email"], reason=reason)


def by_email(person: Person) -> Person:
    """Return a person who is known by email only: a disabled account may be replaced by a new one."""
    return Person(id=None, email=person["email"]) if person["email"] else person
