"""The arguments of operators and sensors, read when they are rendered: they may have been templates.

A template leaves text of whatever it was given, so every kind of argument is also read from text.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple, cast, get_args

from airflow_provider_seats._api.flow import InvalidInputError
from airflow_provider_seats.report import KINDS, Person, Report, some

_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_EMAIL: Final = r"[^\s@,;<>\"']+@[^\s@,;<>\"']+"
_SHOWN: Final = 200
_SHOWN_BAD: Final = 5
_ENDLESS: Final = 1e12
_WHOLE: Final = 100
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class People(NamedTuple):
    """Who is meant: UUIDs in lower case, and emails as they were given, each once."""

    uuids: tuple[str, ...]
    emails: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.uuids or self.emails)

    def as_given(self) -> tuple[Person, ...]:
        """Give them as a report tells of people of whom nothing else is known."""
        emails = [Person(id=None, email=email) for email in self.emails]
        return (*emails, *(Person(id=uuid, email=None) for uuid in self.uuids))


class Limit(NamedTuple):
    """The most people who may lose a seat: so many, or so much of all seats, or the larger of both.

    :param people: a number of people.
    :param percent: a share of all seats, rounded down to whole people.
    """

    people: int | None = None
    percent: float | None = None

    def of(self, seats: int) -> int:
        """Give the number of people that this is of so many seats."""
        # In hundredths of a percent, since a binary fraction of 29 % may round down to one person less.
        share = 0 if self.percent is None else seats * round(self.percent * 100) // 10_000
        return max(self.people or 0, share)

    def __str__(self) -> str:
        told = [] if self.people is None else [str(self.people)]
        told += [] if self.percent is None else [f"{self.percent:g}%"]
        return " or ".join(told)

    def told_of(self, seats: int) -> str:
        """Say how many people this is of so many seats, and why it may be nobody."""
        people = self.of(seats)
        return f"{people} (max_unassign={self}{', rounded down' if self.percent and not people else ''})"


def argument(task: Any, name: str) -> Any:  # noqa: ANN401 (an argument of an operator or the sensor)
    """Give an argument; None only if it was not given, and not if its template or another task gave nothing.

    :param task: has the names of the arguments that were given in ``asked_for``.
    """
    value = getattr(task, name)
    if value is None and name in task.asked_for:
        raise InvalidInputError(name, "None: the template or task that it comes from gave nothing; see what it did.")
    return value


def read_people(**given: object) -> People:
    """Read who is meant from arguments that hold UUIDs, emails or both, each a list or a text that holds one.

    :param given: the arguments by name; None is one that was not given.
    :raises InvalidInputError: if all are None, or an entry is neither a UUID nor an email.
    """
    if all(value is None for value in given.values()):
        raise InvalidInputError(
            " or ".join(given),
            "nobody is given: None. Give a list of people, [] for nobody; if it comes from a template or another task, "
            "see what that gave.",
        )
    uuids: dict[str, str] = {}
    emails: dict[str, str] = {}
    for name, value in given.items():
        bad = []
        for entry in () if value is None else _entries(name, value):
            text = entry.strip() if isinstance(entry, str) else ""
            if re.fullmatch(_UUID, text, re.IGNORECASE):
                uuids.setdefault(text.lower(), text.lower())
            elif re.fullmatch(_EMAIL, text):
                emails.setdefault(text.casefold(), text)
            else:
                bad.append(_shortened(entry))
        if bad:
            raise InvalidInputError(
                name,
                f"{some(bad, _SHOWN_BAD)}: neither a user UUID nor an email. Correct or remove it; if it comes from a "
                "template or another task, see what that gave.",
            )
    return People(tuple(uuids), tuple(emails.values()))


def read_product(value: object) -> str:
    """Read a product code, which is opaque but never empty."""
    code = value.strip() if isinstance(value, str) else ""
    if not code or code == "None" or len(code.split()) > 1:
        raise InvalidInputError("product_code", f"{value!r} is no product code; give one such as 'incident_response'.")
    return code


def read_choice(name: str, value: object, kind: object) -> Any:  # noqa: ANN401 (one of the words of kind)
    """Read one of the words of a ``Literal``."""
    choices = get_args(kind)
    if value not in choices:
        raise InvalidInputError(name, f"{value!r} is none of {', '.join(map(repr, choices))}.")
    return value


def read_flag(name: str, value: object) -> bool:
    """Read a yes or no, also from the text that a template leaves of it."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    flag = words.get(str(value).strip().lower())
    if flag is None:
        raise InvalidInputError(name, f"{value!r} is neither true nor false.")
    return flag


def read_count(name: str, value: object) -> int:
    """Read a whole number above 0, also from text."""
    text = str(value).strip()
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise InvalidInputError(name, f"{value!r} is not a whole number above 0.")
    return int(text)


def read_limit(name: str, value: object) -> Limit:
    """Read a number of people (``25``, ``"25"``) or a share of all seats (``"20%"``); 0 is a limit, too."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return Limit(people=int(text))
    share = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%", text, re.ASCII)
    if share is None or float(share[1]) > _WHOLE:
        raise InvalidInputError(
            name, f"{value!r} is neither a number of people, such as 25, nor a share, such as '20%'."
        )
    return Limit(percent=float(share[1]))


def read_number(name: str, value: object) -> int:
    """Read a whole number that is not negative, also from text."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise InvalidInputError(name, f"{value!r} is not a whole number of 0 or more.")
    return int(text)


def read_span(name: str, value: object) -> float:
    """Read a time span in seconds: a ``timedelta``, seconds, or text such as ``"7d"``, ``"36h"`` or ``"90m"``."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) < _ENDLESS else -1.0
    else:
        span = re.fullmatch(
            r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([smhdw]?)", "" if isinstance(value, bool) else str(value).strip()
        )
        seconds = float(span[1]) * _SECONDS[span[2]] if span else -1
    if seconds < 0:
        raise InvalidInputError(
            name, f"{value!r} is no time span; give a timedelta, seconds, or text such as '7d' or '36h'."
        )
    return seconds


def read_report(name: str, value: object) -> Report:
    """Read the report of an operator: as it came from XCom, as JSON, or as Python shows it."""
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, Mapping):
        raise InvalidInputError(name, f"{_shortened(value)} is no report of an operator of this package.")
    report = {**value}
    kinds = (("product", str), ("preview", bool), ("seats_before", int | None), ("since_attempt", int))
    for key, kind in (*kinds, *((each, list) for each in KINDS)):
        if key not in report or not isinstance(report[key], kind):
            raise InvalidInputError(name, f"this is no report of an operator of this package: its {key!r} is not one.")
    for key in ("assigned", "unassigned"):
        report[key] = [_read_person(name, person) for person in report[key]]
    return cast("Report", report)


def _read_person(name: str, person: object) -> Person:
    uuid, email = (person.get("id"), person.get("email")) if isinstance(person, Mapping) else (None, None)
    if not isinstance(uuid, str) or not re.fullmatch(_UUID, uuid, re.IGNORECASE) or not isinstance(email, str | None):
        raise InvalidInputError(name, f"it holds {_shortened(person)}, which is no person with a UUID.")
    return Person(id=uuid.lower(), email=email)


def _entries(name: str, value: object) -> list[object]:
    """Read a list: one, or a text that holds one as JSON, as Python shows it, or with commas, semicolons or lines."""
    if isinstance(value, str):
        text = value.strip()
        if not text.strip(" ,;"):
            raise InvalidInputError(
                name, "nobody is in the text; see what its template rendered to, or give [] for nobody."
            )
        if not text.startswith(("[", "(", "{")):
            return [part for part in re.split(r"[,;\s]+", text) if part]
        value = _parsed(text)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidInputError(name, f"{_shortened(value)} is no list of people; give a list of emails or UUIDs.")
    return list(value)


def _parsed(text: str) -> object:
    """Read JSON, or what Python shows of a value; the text itself if it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value: object = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value
    return text


def _shortened(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
