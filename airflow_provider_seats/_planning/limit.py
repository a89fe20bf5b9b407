"""A limit of people: a number, or a percentage of the seats."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

_ALL: Final = 100
_HALF: Final = 50


class Limit(NamedTuple):
    """The most people who may be changed: a number, a percentage of all seats, or the larger of both.

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

    def advice(self, name: str, seats: int, count: int) -> str:
        if self.max_percent is None or count <= max(1, _share(self.max_percent, seats)):
            return f"raise {name} for this run"
        return f"raise {name} for this run to a percentage above {self.max_percent:g}%: a number allows no more"

    def describe(self, name: str, seats: int) -> str:
        """Return the limit for a message: the number of people, and the argument that it comes from."""
        people = self.of(seats)
        default = ", the default" if self in (DEFAULT_MAX_ASSIGN, DEFAULT_MAX_UNASSIGN) else ""
        return f"{people} ({name}={self}{default}{', rounded down' if self.percent and not people else ''})"


# A wrong file must not buy three hundred seats. People who approve a preview have seen how many it buys.
DEFAULT_MAX_ASSIGN: Final = Limit(people=20, percent=50)
# Large enough for the usual week, small enough that a broken export does little harm.
DEFAULT_MAX_UNASSIGN: Final = Limit(people=5, percent=20, max_people=100, max_percent=_HALF)


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
    return limit if limit.people is None else limit._replace(max_percent=_HALF)


def seats_to_warn_of(limit: Limit | None, max_seats: int | None) -> int | None:
    """Return ``warn_seats`` as a number of seats; None if it was not passed. A percentage is one of ``max_seats``."""
    if limit is None:
        return None
    if limit.percent is not None and max_seats is None:
        raise InvalidInputError(
            "warn_seats",
            f"{shorten(str(limit))} is a percentage of max_seats, which was not passed. Pass max_seats or a number.",
        )
    return limit.of(max_seats or 0)


def _share(percent: float, seats: int) -> int:
    # In hundredths of a percent, because a binary fraction of 29 % may round down to one person less.
    return seats * round(percent * 100) // 10_000
