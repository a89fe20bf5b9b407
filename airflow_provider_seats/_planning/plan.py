"""What is to be changed, and what is told of it: a plan, from its preview to the report of what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_seats._api.flow import NOTHING
from airflow_provider_seats.report import Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import Outcome
    from airflow_provider_seats._planning.seat_list import Holders
    from airflow_provider_seats.connection import DatadogSeatsError


class Earlier(NamedTuple):
    """What earlier attempts of the same task set out to change.

    :param seats_before: how many seats there were before the first of them.
    :param given: who was to get a seat, and held none before, by user UUID.
    :param taken: who was to lose a seat, and held one before, by user UUID.
    """

    seats_before: int
    given: Mapping[str, Person]
    taken: Mapping[str, Person]


class _Touched(NamedTuple):
    """Someone whom this attempt or an earlier one set out to change, and whether they held a seat."""

    person: Person
    held_at_first: bool
    held_now: bool


class Plan(NamedTuple):
    """What is to be done for a product.

    :param give: who is to get a seat.
    :param take: who is to lose one.
    :param unchanged: who already is as asked.
    :param missing: who has no enabled account.
    :param protected: who is kept by a rule, each with the reason.
    :param holders: the seat list; None if it was not read.
    :param guards: the limits and rules that applied.
    :param refusal: why nothing may be changed, decided before the first write; None if the plan may go ahead.
    :param earlier: what earlier attempts set out to change, where Airflow remembers it.
    :param since_attempt: the first attempt of the task whose changes are known.
    """

    product: str
    give: tuple[Person, ...] = ()
    take: tuple[Person, ...] = ()
    unchanged: tuple[Person, ...] = ()
    missing: tuple[Person, ...] = ()
    protected: tuple[Person, ...] = ()
    holders: Holders | None = None
    guards: Mapping[str, Any] = NOTHING
    refusal: DatadogSeatsError | None = None
    earlier: Earlier | None = None
    since_attempt: int = 1

    @property
    def seats_before(self) -> int | None:
        """How many seats the product had before the first attempt; None if the seat list was not read."""
        if self.earlier is not None:
            return self.earlier.seats_before
        return None if self.holders is None else len(self.holders.users)

    def label(self, uuid: str) -> str:
        """Show a user UUID together with the email, where it is known."""
        person = by_id(self.take, self.give).get(uuid)
        return f"{person['email']} ({uuid})" if person and person["email"] else uuid

    def may_give_after(self, taken: Outcome) -> bool:
        """Whether seats may be given: not after an error, nor if those that could not be taken leave no room."""
        room = self.guards.get("max_seats")
        held = 0 if self.holders is None else len(self.holders.users) - len(taken.done)
        return taken.error is None and (room is None or held + len(self.give) <= room)

    def preview(self) -> Report:
        """Tell what would be done."""
        return self._report(given=by_id(self.give), taken=by_id(self.take), preview=True)

    def not_started(self, *, preview: bool) -> Report:
        """Tell that nothing was done."""
        return self._report(not_done=[*self.take, *self.give], preview=preview)

    def report(self, taken: Outcome, given: Outcome) -> Report:
        """Tell what was done."""
        people = by_id(self.take, self.give)
        return self._report(
            given=given.done,
            taken=taken.done,
            refused=[people[uuid] for uuid in (*taken.refused, *given.refused)],
            unknown=[people[uuid] for uuid in (*taken.unknown, *given.unknown)],
            not_done=[people[uuid] for uuid in (*taken.not_done, *given.not_done)],
        )

    def interrupted(self) -> Report:
        """Tell that the work was broken off, so that it is not known how far it came."""
        return self._report(unknown=[*self.take, *self.give])

    def to_remember(self) -> Earlier | None:
        """Give what a later attempt has to know; None if who held a seat before is not known."""
        if self.holders is None or self.seats_before is None:
            return None
        touched = self._touched()
        return Earlier(
            self.seats_before,
            given={uuid: each.person for uuid, each in touched.items() if not each.held_at_first},
            taken={uuid: each.person for uuid, each in touched.items() if each.held_at_first},
        )

    def _report(
        self,
        *,
        given: Iterable[str] = (),
        taken: Iterable[str] = (),
        refused: Iterable[Person] = (),
        unknown: Iterable[Person] = (),
        not_done: Iterable[Person] = (),
        preview: bool = False,
    ) -> Report:
        given, taken, unknown, not_done, refused = set(given), set(taken), list(unknown), list(not_done), list(refused)
        if self.take and self.give:
            unknown, not_done, refused = (self._with_direction(people) for people in (unknown, not_done, refused))
        in_doubt = by_id(unknown)
        assigned: dict[str, Person] = {}
        unassigned: dict[str, Person] = {}
        back: dict[str, Person] = {}
        for uuid, each in self._touched().items():
            holds = uuid in given or (uuid not in taken and each.held_now)
            if uuid not in in_doubt and holds != each.held_at_first:
                (assigned if holds else unassigned)[uuid] = each.person
            elif uuid in given or uuid in taken:
                back[uuid] = each.person
        changed = [*assigned.values(), *unassigned.values(), *back.values()]
        after = None
        if self.holders is not None and not unknown:
            after = len(self.holders.users) + len(given) - len(taken)
        return Report(
            product=self.product,
            preview=preview,
            assigned=list(assigned.values()),
            unassigned=list(unassigned.values()),
            unchanged=[*_without(changed, self.unchanged), *back.values()],
            missing=list(self.missing),
            refused=refused,
            protected=list(self.protected),
            unknown=unknown,
            not_done=not_done,
            seats_before=self.seats_before,
            seats_after=after,
            guards=dict(self.guards),
            since_attempt=self.since_attempt,
        )

    def _with_direction(self, people: list[Person]) -> list[Person]:
        taking = by_id(self.take)
        reasons = {True: "was to lose the seat", False: "was to get a seat"}
        return [Person(id=each["id"], email=each["email"], reason=reasons[each["id"] in taking]) for each in people]

    def _touched(self) -> dict[str, _Touched]:
        earlier = self.earlier or Earlier(0, {}, {})
        taking = by_id(self.take)
        touched = {}
        for uuid, person in {**earlier.taken, **earlier.given, **by_id(self.take, self.give)}.items():
            # If the list was not read, whoever is to lose a seat is taken to hold one.
            now = uuid in taking if self.holders is None else bool(self.holders.by_uuid(uuid))
            first = uuid in earlier.taken or (uuid not in earlier.given and now)
            touched[uuid] = _Touched(person, held_at_first=first, held_now=now)
        return touched


def _without(changed: Iterable[Person], people: Iterable[Person]) -> list[Person]:
    """Leave out people who were changed, known by their UUID or, of those given by email alone, by their email."""
    changed = list(changed)
    emails = {person["email"].casefold() for person in changed if person["email"]}
    uuids = {person["id"] for person in changed}
    return [
        person
        for person in people
        if (person["id"] not in uuids if person["id"] else (person["email"] or "").casefold() not in emails)
    ]


def by_id(*groups: Iterable[Person]) -> dict[str, Person]:
    """Give people by their user UUID; those without one are left out."""
    return {person["id"]: person for people in groups for person in people if person["id"]}
