"""What a sensor waits for. The worker and the triggerer check the same condition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict

from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._arguments import parse_choice, parse_product_code
from airflow_provider_seats._planning.seat_list import SeatList
from airflow_provider_seats._planning.stored import fitting
from airflow_provider_seats._rosters.people import People, parse_people
from airflow_provider_seats._text import join_names, plural
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set as AbstractSet

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


def name_as_passed(person: Mapping[str, object]) -> str:
    """Return the email or the UUID by which a person was passed."""
    return str(person["email"] or person["id"])


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the people are in the expected state.

    :param done: whether the wait ends.
    :param summary: the progress in a sentence, with some of the people who are still waited for.
    :param count: how many seats or people are in that state.
    :param met: the first of them, as many as Airflow can store: all fields of their seats, or id and email of people
        who hold none.
    :param absent: the people in that state who hold no seat, as they were passed.
    """

    done: bool
    summary: str
    count: int = 0
    met: list[dict[str, str | None]] = field(default_factory=list)
    absent: frozenset[str] = frozenset()

    def result(self) -> Met:
        """Return what the sensor returns."""
        return {"count": self.count, "people": self.met}


@dataclass(frozen=True, slots=True)
class Condition:
    """All or any of some people hold a seat of a product, or hold none."""

    product: str
    people: People
    state: SeatState
    require: Require

    @classmethod
    def parse(
        cls, *, product_code: object, user_uuids: object, user_emails: object, state: object, require: object
    ) -> Condition:
        """Parse the rendered arguments of a sensor.

        :raises InvalidInputError: for the first argument that cannot be used.
        """
        product = parse_product_code(product_code)
        people = parse_people(user_uuids=user_uuids, user_emails=user_emails)
        if not people:
            raise InvalidInputError("user_uuids, user_emails", "there is nobody to wait for. Pass at least one person.")
        return cls(product, people, parse_choice("state", state, SeatState), parse_choice("require", require, Require))

    def size(self, _: SeatList) -> int:
        """Return how many people a check looks at."""
        return len(self.people)

    def progress(self, seat_list: SeatList, absent_before: AbstractSet[str] | None = None) -> Progress:
        """Return how many of the people are in the expected state.

        :param absent_before: the only people whose absence counts, as they were passed; None for all.
        """
        met: dict[str, SeatUser | Person] = {}
        absent: list[str] = []
        waiting: list[str] = []
        for person, seats in seat_list.match(self.people):
            name = name_as_passed(person)
            is_unconfirmed = not seats and absent_before is not None and name not in absent_before
            if bool(seats) != (self.state == "assigned") or is_unconfirmed:
                waiting.append(name)
            elif seats:
                met.update((user.id or name, user) for user in seats)
            else:
                met[name] = person
                absent.append(name)
        total = len(self.people)
        hold = f"{'holds' if total == 1 else 'hold'} {'a seat' if self.state == 'assigned' else 'no seat'}"
        done = bool(met) if self.require == "any" else not waiting
        others = "" if done else f"; waiting for {join_names(waiting)}"
        people = plural(total, "person", "people")
        summary = f"{self.product}: {total - len(waiting):,} of {people} {hold}{others}"
        if not done:
            return Progress(done, summary)
        return Progress(done, summary, len(met), list(fitting(map(_fields, met.values()))), frozenset(absent))

    def relies_on_absence(self, users: Iterable[SeatUser]) -> bool:
        """Return whether the wait would end because people are not in this list."""
        return self.state == "unassigned" and self.progress(SeatList(users)).done

    def warning(self, seat_list: SeatList) -> str | None:
        """Return a warning if someone in the list may not have been recognised, so that the wait could end early."""
        unnamed = seat_list.rows_without_email() if self.people.emails and self.state == "unassigned" else 0
        if not unnamed:
            return None
        return (
            f"{self.product}: {plural(unnamed, 'seat has', 'seats have')} no email, so someone passed by email may hold"
            " one of them unnoticed. Pass UUIDs to be sure."
        )

    def first_warning(self, seat_list: SeatList) -> str | None:
        """Return a warning about emails that the first reading does not contain: already unassigned, or misspelt."""
        absent = seat_list.unlisted(self.people.emails) if self.state == "unassigned" else ()
        if not absent:
            return None
        return (
            f"{self.product}: the first reading of the seat list does not contain {join_names(absent)}. The seats may"
            " be unassigned already, or the emails misspelt. For these people the wait ends at once."
        )


def _fields(met: SeatUser | Person) -> dict[str, str | None]:
    return met._asdict() if isinstance(met, SeatUser) else {"id": met["id"], "email": met["email"]}


@dataclass(frozen=True, slots=True)
class ListChange:
    """A seat list differs from the one that a worker has read. A deferred sensor for very many people waits for it.

    The people do not fit into a trigger, so the worker checks the condition again.

    :param product: Datadog's code of the product.
    :param seen: the fingerprint of the list that the worker has read.
    :param summary: what the worker found in it.
    """

    product: str
    seen: str
    summary: str
    state: SeatState = "assigned"

    def size(self, seat_list: SeatList) -> int:
        """Return how many rows a check looks at."""
        return len(seat_list)

    def progress(self, seat_list: SeatList, _: AbstractSet[str] | None = None) -> Progress:
        """Return whether the list has changed."""
        return Progress(seat_list.fingerprint != self.seen, self.summary)

    def warning(self, _: SeatList) -> str | None:
        """Return nothing: the worker warns."""
        return None
