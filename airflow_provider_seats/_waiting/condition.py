"""What a sensor waits for. The worker and the triggerer check the same condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._arguments import parse_choice, parse_product_code
from airflow_provider_seats._planning.stored import fitting
from airflow_provider_seats._rosters.people import NOBODY, People, parse_people
from airflow_provider_seats._text import join_names, plural
from airflow_provider_seats._waiting.sources import SeatSource
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_seats._api.seat_list import SeatList
    from airflow_provider_seats._waiting.sources import Reading, Source
    from airflow_provider_seats.report import Person

SeatState = Literal["assigned", "unassigned"]
Require = Literal["all", "any"]


class Met(TypedDict):
    """What a sensor returns.

    :ivar count: how many seats or people met the condition.
    :ivar people: the first of them, as many as fit into 46 KiB. With a seat: its ``id``, ``email``, ``name`` and
        ``assigned_at``. Without one: ``id`` and ``email`` as passed.
    """

    count: int
    people: list[dict[str, str | None]]


class Progress(NamedTuple):
    """How many of the people are in the expected state.

    :param summary: the progress in a sentence, with some of the people who are still waited for.
    :param met: what the sensor returns; None as long as the wait goes on.
    :param is_unproven: whether the wait would end with this list if another reading shows the same.
    """

    summary: str
    met: Met | None = None
    is_unproven: bool = False


class Condition(NamedTuple):
    """All or any of some people hold a seat of a product, or hold none."""

    source: SeatSource
    people: People
    state: SeatState
    require: Require

    @classmethod
    def parse(cls, **arguments: object) -> Condition:
        """Parse the rendered arguments of a sensor."""
        source = SeatSource(parse_product_code(arguments["product_code"]))
        people = parse_people(user_uuids=arguments["user_uuids"], user_emails=arguments["user_emails"])
        if not people:
            raise InvalidInputError("user_uuids, user_emails", "there is nobody to wait for. Pass at least one person.")
        state, require = arguments["state"], arguments["require"]
        return cls(source, people, parse_choice("state", state, SeatState), parse_choice("require", require, Require))

    def progress(self, seats: SeatList, after: int = 0) -> Progress:
        """Return how many of the people are in the expected state.

        :param after: the number of a reading. Nobody's absence is proven by it, or by those before it.
        """
        met: dict[str, SeatUser | Person] = {}
        waiting: list[str] = []
        unproven: list[str] = []
        for person in self.people.as_persons():
            rows = seats.seats_of(person)
            name = str(person["email"] or person["id"])
            if bool(rows) != (self.state == "assigned"):
                waiting.append(name)
            elif rows:
                met.update((user.id or name, user) for user in rows)
            elif seats.proven_absent(person, after=after):
                met[name] = person
            else:
                unproven.append(name)
        if self._ends(met, waiting + unproven):
            return Progress(self._summary(waiting + unproven, done=True), as_met(map(_fields, met.values()), len(met)))
        if not unproven or not self._ends(unproven, waiting):
            return Progress(self._summary(waiting + unproven))
        is_hidden = seats.rows_without_uuid and not {*unproven}.isdisjoint(self.people.uuids)
        reason = "a seat without a user UUID may be theirs" if is_hidden else "a second reading has to confirm it"
        return Progress(f"{self._summary(waiting, done=True)} ({reason})", is_unproven=seats.pages > 1)

    def _ends(self, met: Collection[str], waiting: Collection[str]) -> bool:
        return bool(met) if self.require == "any" else not waiting

    def _summary(self, waiting: Collection[str], *, done: bool = False) -> str:
        total = len(self.people)
        hold = f"{'holds' if total == 1 else 'hold'} {'a seat' if self.state == 'assigned' else 'no seat'}"
        others = "" if done else f"; waiting for {join_names(waiting)}"
        return f"{self.source.product}: {total - len(waiting):,} of {plural(total, 'person', 'people')} {hold}{others}"

    def warning(self, seat_list: SeatList, *, is_first: bool = False) -> str | None:
        """Return a warning if someone may not have been recognised, so that the wait could end early.

        :param is_first: whether nothing was read before. An email that is not in the list may be misspelt.
        """
        if self.state != "unassigned":
            return None
        warnings = []
        if self.people.emails and (unnamed := seat_list.rows_without_email):
            warnings.append(
                f"{plural(unnamed, 'seat has', 'seats have')} no email, so someone passed by email may hold one of "
                "them unnoticed. Pass UUIDs to be sure."
            )
        if self.people.uuids and (unnamed := len(seat_list.rows_without_uuid)):
            warnings.append(
                f"{plural(unnamed, 'seat has', 'seats have')} no user UUID, so it is unknown whether someone passed by "
                "UUID holds one of them. The wait goes on. Pass emails instead."
            )
        if is_first and (absent := seat_list.unlisted(self.people.emails)):
            warnings.append(
                f"The first reading of the seat list does not contain {join_names(absent)}. The seats may be unassigned"
                " already, or the emails misspelt. For these people the wait ends at once."
            )
        return f"{self.source.product}: {' '.join(warnings)}" if warnings else None


def as_met(rows: Iterable[dict[str, str | None]], count: int) -> Met:
    return {"count": count, "people": list(fitting(rows))}


def _fields(met: SeatUser | Person) -> dict[str, str | None]:
    return met._asdict() if isinstance(met, SeatUser) else {"id": met["id"], "email": met["email"]}


class SourceChange(NamedTuple):
    """What is read differs from what a worker has read. A deferred sensor for very many people waits for it.

    The people do not fit into a trigger, so the worker checks the condition again.

    :param seen: the fingerprint of what the worker has read.
    :param summary: what the worker found in it.
    """

    source: Source
    seen: str
    summary: str
    people: People = NOBODY

    def progress(self, reading: Reading, _: int = 0) -> Progress:
        return Progress(self.summary, None if reading.fingerprint == self.seen else as_met((), 0))

    def warning(self, _: object) -> str | None:
        """Return nothing: the worker warns."""
        return None
