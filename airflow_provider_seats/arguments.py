"""The arguments of operators and sensors, read when they are rendered: they may have been templates.

A template leaves text of whatever it was given, so every kind of argument is also read from text.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, get_args

from airflow_provider_seats.protocol import InvalidInputError

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EMAIL: Final = re.compile(r"[^\s@,;<>\"']+@[^\s@,;<>\"']+")
_SHOWN: Final = 200


class People(NamedTuple):
    """Who is meant: UUIDs in lower case, and emails as they were given, each once."""

    uuids: tuple[str, ...]
    emails: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.uuids or self.emails)


def read_people(**given: object) -> People:
    """Read who is meant from arguments that hold UUIDs, emails or both, each a list or a text that holds one.

    :param given: the arguments by name; None is one that was not given.
    :raises InvalidInputError: if all are None, or an entry is neither a UUID nor an email.
    """
    if all(value is None for value in given.values()):
        raise InvalidInputError(" or ".join(given), "give at least one of them, a list of people.")
    uuids: dict[str, str] = {}
    emails: dict[str, str] = {}
    for name, value in given.items():
        for entry in () if value is None else _entries(name, value):
            text = entry.strip() if isinstance(entry, str) else ""
            if _UUID.fullmatch(text):
                uuids.setdefault(text.lower(), text.lower())
            elif _EMAIL.fullmatch(text):
                emails.setdefault(text.casefold(), text)
            else:
                raise InvalidInputError(
                    name, f"{entry!r} is neither a user UUID nor an email; correct or remove it. Nothing was changed."
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


def _entries(name: str, value: object) -> list[object]:
    """Read a list: one, or a text that holds one as JSON, as Python shows it, or with commas, semicolons or lines."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            raise InvalidInputError(
                name, "the text is empty; see what its template rendered to, or give [] for nobody."
            )
        if not text.startswith(("[", "(", "{")):
            return [part for part in re.split(r"[,;\s]+", text) if part]
        for parse in (json.loads, ast.literal_eval):
            try:
                value = parse(text)
                break
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidInputError(name, f"{_shortened(value)} is no list of people; give a list of emails or UUIDs.")
    return list(value)


def _shortened(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
