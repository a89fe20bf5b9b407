"""The guards: limits and rules that apply before the first change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from airflow_provider_seats._arguments import parse_choice
from airflow_provider_seats._rosters.people import NOBODY, People
from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

MissingUsers = Literal["fail", "skip", "retry"]
OnCallChoice = Literal["ignore", "keep", "refuse"]
_ALL: Final = 100
_HALF: Final = 50


@dataclass(frozen=True, slots=True)
class Limit:
    """The most people who may lose a seat: a number, a percentage of all seats, or the larger of both.

    :param people: a number of people.
    :param percent: a percentage of all seats, rounded down to whole people.
    :param max_people: a cap on the result. A cap always allows one person.
    :param max_percent: the same as a percentage of all seats.
    """

    people: int | None = None
    percent: float | None = None
    max_people: int | None = None
    max_percent: float | None = None

    def of(self, seats: int) -> int:
        """Return the limit as a number of people, for a product with this number of seats."""
        result = max(self.people or 0, _share(self.percent or 0, seats))
        if self.max_people is None and self.max_percent is None:
            return result
        caps = [result, self.max_people or result]
        if self.max_percent is not None:
            caps.append(_share(self.max_percent, seats))
        return min(result, max(1, min(caps)))

    def __str__(self) -> str:
        parts = [] if self.people is None else [str(self.people)]
        parts += [] if self.percent is None else [f"{self.percent:g}%"]
        caps = [] if self.max_percent is None else [f"{self.max_percent:g}%"]
        caps += [] if self.max_people is None else [str(self.max_people)]
        return " or ".join(parts) + (f", at most {' and '.join(caps)}" if caps else "")

    def advice(self, seats: int, count: int) -> str:
        """Return what allows so many people to lose a seat."""
        if self.max_percent is None or count <= max(1, _share(self.max_percent, seats)):
            return "raise max_unassign for this run"
        return f"raise max_unassign for this run to a percentage above {self.max_percent:g}%: a number allows no more"

    def describe(self, seats: int) -> str:
        """Return the limit for a message: the number of people, and the argument that it comes from."""
        people = self.of(seats)
        return f"{people} (max_unassign={self}{', rounded down' if self.percent and not people else ''})"


# Large enough for the usual week, small enough that a broken export does little harm.
DEFAULT_MAX_UNASSIGN: Final = Limit(people=5, percent=20, max_people=100, max_percent=_HALF)


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of one run. None stands for one that does not apply.

    :param missing_users: what to do about people without an enabled account: fail, retry, or skip them.
    :param allow_empty: whether an empty roster may unassign people.
    :param max_unassign: the most people who may lose a seat.
    :param max_seats: the most seats that the product may have afterwards.
    :param warn_seats: the most seats that the product may have afterwards without a warning.
    :param min_seat_age: how many seconds a seat must have been held to be unassigned.
    :param protect: the people whose seats are never unassigned.
    :param check_accounts: whether accounts are read if only an account can identify someone about to lose a seat.
    :param on_call: what to do about people who are found on call: keep their seats, or refuse the plan.
    :param check_escalation_policies: whether they are looked up in escalation policies, not only in schedules.
    """

    missing_users: MissingUsers | None = None
    allow_empty: bool | None = None
    max_unassign: Limit | None = None
    max_seats: int | None = None
    warn_seats: int | None = None
    min_seat_age: float | None = None
    protect: People = NOBODY
    check_accounts: bool = True
    on_call: OnCallChoice | None = None
    check_escalation_policies: bool = True

    @property
    def need_seat_list(self) -> bool:
        """Whether the seat list has to be read for them."""
        limits = (self.max_unassign, self.max_seats, self.warn_seats, self.min_seat_age, self.on_call)
        return bool(self.protect) or any(limit is not None for limit in limits)

    def record(self, seats: int) -> dict[str, Any]:
        """Return the guards that apply, for the report."""
        fields = {
            "missing_users": self.missing_users,
            "allow_empty": self.allow_empty,
            "max_unassign": None if self.max_unassign is None else str(self.max_unassign),
            "max_unassign_people": None if self.max_unassign is None else self.max_unassign.of(seats),
            "max_seats": self.max_seats,
            "warn_seats": self.warn_seats,
            "min_seat_age": self.min_seat_age,
            "protect": [*self.protect.uuids, *self.protect.emails] or None,
            "check_accounts": None if self.check_accounts else False,
            "on_call": self.on_call,
            "check_escalation_policies": None if self.check_escalation_policies or self.on_call is None else False,
        }
        return {name: value for name, value in fields.items() if value is not None}


def parse_limit(name: str, value: object) -> Limit:
    """Parse a number (``25``, ``"25"``) or a percentage (``"20%"``). 0 is a limit, too."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return Limit(people=int(text))
    percent = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%", text, re.ASCII)
    if percent is None or float(percent[1]) > _ALL:
        raise InvalidInputError(
            name,
            f"{shorten(value)} is neither a whole number, such as 25, nor a percentage, such as '20%'.",
        )
    return Limit(percent=float(percent[1]))


def parse_max_unassign(name: str, value: object) -> Limit:
    """Parse a limit of people who may lose a seat. A number is at most half of the seats, a percentage may be more."""
    limit = parse_limit(name, value)
    return limit if limit.people is None else Limit(people=limit.people, max_percent=_HALF)


def parse_warn_seats(name: str, value: object, max_seats: int | None) -> int:
    """Parse a number of seats, or a percentage of ``max_seats``."""
    limit = parse_limit(name, value)
    if limit.percent is not None and max_seats is None:
        raise InvalidInputError(
            name, f"{shorten(value)} is a percentage of max_seats, which was not passed. Pass max_seats or a number."
        )
    return limit.of(max_seats or 0)


def parse_on_call(value: object) -> OnCallChoice | None:
    """Parse what happens to people who are found on call; None if they are not looked up."""
    choice: OnCallChoice = parse_choice("on_call", value, OnCallChoice)
    return None if choice == "ignore" else choice


def _share(percent: float, seats: int) -> int:
    # In hundredths of a percent, because a binary fraction of 29 % may round down to one person less.
    return seats * round(percent * 100) // 10_000
