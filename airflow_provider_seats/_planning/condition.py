"""What a sensor waits for: people who hold a seat, or none. Asked in a worker and in the triggerer alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from airflow_provider_seats._api.flow import InvalidInputError
from airflow_provider_seats._planning.arguments import People, read_choice, read_people, read_product
from airflow_provider_seats.report import some

if TYPE_CHECKING:
    from airflow_provider_seats._planning.seat_list import Holders

SeatState = Literal["assigned", "unassigned"]
Require = Literal["all", "any"]


class Progress(NamedTuple):
    """How far the people are.

    :param met: those who are as they should be: all fields of their seats, or id and email where they hold none.
    :param done: whether that is enough.
    :param told: the same in a sentence, with some of those who are still waited for.
    """

    met: list[dict[str, str | None]]
    done: bool
    told: str


class Condition(NamedTuple):
    """All or any of some people are to hold a seat of a product, or none."""

    product: str
    people: People
    state: SeatState
    require: Require

    @classmethod
    def read(
        cls, *, product_code: object, user_uuids: object, user_emails: object, state: object, require: object
    ) -> Condition:
        """Read the rendered arguments of a sensor.

        :raises InvalidInputError: naming the argument that cannot be used.
        """
        product = read_product(product_code)
        people = read_people(user_uuids=user_uuids, user_emails=user_emails)
        if not people:
            raise InvalidInputError("user_uuids, user_emails", "there is nobody to wait for; give at least one.")
        return cls(product, people, read_choice("state", state, SeatState), read_choice("require", require, Require))

    def progress(self, holders: Holders) -> Progress:
        """Tell how far the people are."""
        met: dict[str, dict[str, str | None]] = {}
        waiting: list[str] = []
        for person, seats in holders.match(self.people):
            name = str(person["email"] or person["id"])
            if bool(seats) != (self.state == "assigned"):
                waiting.append(name)
            elif seats:
                met.update((user.id or name, user._asdict()) for user in seats)
            else:
                met[name] = {"id": person["id"], "email": person["email"]}
        total = len(self.people.uuids) + len(self.people.emails)
        hold = "hold a seat" if self.state == "assigned" else "hold no seat"
        done = bool(met) if self.require == "any" else not waiting
        others = "" if done else f"; waiting for {some(waiting)}"
        return Progress(
            met=list(met.values()),
            done=done,
            told=f"{self.product}: {total - len(waiting)} of {total} people {hold}{others}",
        )

    def doubt(self, holders: Holders) -> str | None:
        """Tell of seats in which someone may not have been recognised, if that may make the condition look met."""
        nameless = holders.rows_without_email() if self.people.emails and self.state == "unassigned" else 0
        if not nameless:
            return None
        return (
            f"{self.product}: {nameless} seats have no email, so that someone given by email may hold one of them "
            "unrecognised. Give UUIDs to be sure."
        )
