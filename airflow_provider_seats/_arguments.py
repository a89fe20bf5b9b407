"""Parsing rendered arguments of operators and sensors.

A template turns every value into text, so each kind of argument is also parsed from text.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast, get_args

from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._text import shorten, strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.report import KINDS, Person, Report

T = TypeVar("T")

_CHANGED: Final = ("assigned", "unassigned")
_WHERE_REPORTS_ARE: Final = "Pass the task's return_value in XCom. For undo, the task's log has the report, too."
_MAX_SECONDS: Final = 1e12
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# Datadog was founded in 2010. No year in this range is too large or small for another time zone.
_POSSIBLE_YEARS: Final = range(2010, 2200)
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_optional(name: str, value: object, parse: Callable[[str, Any], T]) -> T | None:
    """Parse an argument that need not be passed; None if it was not.

    :raises InvalidInputError: if it was passed and is None or an empty text: a guard must not vanish unnoticed.
    """
    if value is NOT_PASSED:
        return None
    if value is None or (isinstance(value, str) and not value.strip()):
        raise InvalidInputError(
            name,
            f"{shorten(value)}: the template or task that it comes from returned nothing. Check it, or leave the "
            "argument out.",
        )
    return parse(name, value)


def parse_path(name: str, value: object) -> str:
    """Parse a path or URL, also from a path of pathlib and from Airflow's ``ObjectStoragePath``."""
    is_path = isinstance(value, os.PathLike) or hasattr(value, "storage_options")
    text = parse_text(name, str(value) if is_path else value, "Pass a path or URL, such as 's3://hr/roster.csv'")
    # The paths of Airflow 2.11 show a link to the web with two schemes.
    return re.sub(r"^https?://(?=https?://)", "", text)


def parse_conn_id(name: str, value: object) -> str:
    return parse_text(name, value, "Pass the id of a connection")


def parse_text(name: str, value: object, advice: str) -> str:
    text = strip_hidden(value) if isinstance(value, str) else ""
    if not text or text == "None":
        raise InvalidInputError(
            name, f"it is empty ({shorten(value)}). {advice}. If it comes from a template or a task, check that."
        )
    return text


def parse_product_code(value: object) -> str:
    """Parse a product code. Any text without spaces is one."""
    code = value.strip() if isinstance(value, str) else ""
    if not code or code == "None" or len(code.split()) > 1:
        raise InvalidInputError(
            "product_code", f"{shorten(value)} is not a product code. Pass one such as 'incident_response'."
        )
    return code


def parse_names(name: str, values: Sequence[object], what: str) -> tuple[str, ...]:
    """Parse names of groups, each without surrounding spaces.

    :param what: what each value is, for the error, such as "the handle of a team".
    """
    if not values:
        raise InvalidInputError(name, f"there is none. Pass {what}, or several.")
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise InvalidInputError(
                name, f"{shorten(value)} is not {what}. Pass each of them as an argument of its own, as text."
            )
    return tuple(str(value).strip() for value in values)


def parse_choice(name: str, value: object, kind: object) -> Any:  # noqa: ANN401 (one of the values of kind)
    """Parse one of the values of a ``Literal``."""
    choices = get_args(kind)
    if value not in choices:
        raise InvalidInputError(name, f"{shorten(value)} is not one of {', '.join(map(repr, choices))}.")
    return value


def parse_bool(name: str, value: object) -> bool:
    flag = _BOOLEANS.get(str(value).strip().lower())
    if flag is None:
        raise InvalidInputError(name, f"{shorten(value)} is neither true nor false.")
    return flag


def parse_non_negative_int(name: str, value: object) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InvalidInputError(name, f"{shorten(value)} is not a whole number of 0 or more.")
    return int(text)


def parse_duration(name: str, value: object) -> float:
    """Parse a duration into seconds: a ``timedelta``, seconds, or text such as ``"7d"``, ``"36h"`` or ``"90m"``."""
    seconds = -1.0
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) < _MAX_SECONDS else -1.0
    elif match := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([smhdw]?)", str(value).strip()):
        seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds < 0:
        raise InvalidInputError(
            name, f"{shorten(value)} is not a duration. Pass a timedelta, or text such as '7d' or '36h'."
        )
    return seconds


def parse_age(name: str, value: object) -> float:
    """Parse an age into seconds. A number without a unit is an error, because most people mean days."""
    if match := re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", str(value).strip()):
        raise InvalidInputError(
            name,
            f"{shorten(value)} has no unit. Pass '{match[0]}d' for days, another unit as in '36h', or a timedelta.",
        )
    return parse_duration(name, value)


def parse_report(name: str, value: object) -> Report:
    """Parse the report of an operator: as XCom returns it, as JSON, or as Python shows it."""
    if isinstance(value, str):
        value = parse_literal(value)
    if not isinstance(value, Mapping):
        raise InvalidInputError(
            name,
            f"{shorten(value)} is not a report of an operator of this package. {_WHERE_REPORTS_ARE}",
        )
    # The task's log shows a report without the people that an undo does not need.
    others: dict[str, list[Any]] = {kind: [] for kind in KINDS if kind not in _CHANGED}
    report: dict[str, Any] = {**others, "complete": True, "digest": "", **value}
    types: dict[str, Any] = {"product": str, "preview": bool, "seats_before": int | None, "since_attempt": int}
    for key, kind in {**types, "complete": bool, "digest": str, **dict.fromkeys(KINDS, list)}.items():
        if key not in report or not isinstance(report[key], kind):
            raise InvalidInputError(
                name,
                f"this is not a report of an operator of this package: {key!r} is missing or of another type. "
                f"{_WHERE_REPORTS_ARE}",
            )
    for key in ("started_at", "ended_at"):
        if report.get(key) is not None and parse_time(report[key]) is None:
            raise InvalidInputError(name, f"its {key!r} is {shorten(report[key])}, which is not a time in ISO 8601.")
    for key in KINDS:
        report[key] = [_parse_person(name, person, needs_uuid=key in _CHANGED) for person in report[key]]
    return cast("Report", report)


def parse_literal(text: str) -> object:
    """Parse JSON, or what Python shows of a value; return the text itself if it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value: object = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value
    return text


def parse_moment(name: str, value: object) -> datetime:
    """Parse a time: a ``datetime``, or text in ISO 8601. Without a time zone it is in UTC."""
    moment = parse_time(value.isoformat() if isinstance(value, datetime) else value)
    if moment is None:
        raise InvalidInputError(
            name,
            f"{shorten(value)} is not a time. Pass a datetime, or text in ISO 8601 such as '2026-11-29T06:00:00Z'.",
        )
    return moment


def parse_time(text: object) -> datetime | None:
    """Return a time from ISO 8601, in UTC if it has no time zone; None if it is not a time, or one that cannot be.

    Programs write the year 1 or 1970 for a time that they do not know.
    """
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        return None
    if moment.year not in _POSSIBLE_YEARS:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def end_of_date(date: datetime) -> datetime:
    """Return the end of the minute or second that a date names: a list may date seats in whole ones."""
    if date.microsecond:
        return date
    return date + timedelta(seconds=1 if date.second else 60)


def _parse_person(name: str, person: object, *, needs_uuid: bool) -> Person:
    fields = person if isinstance(person, Mapping) else {}
    uuid, email = canonical_uuid(fields.get("id")), fields.get("email")
    is_known = uuid is not None or (not needs_uuid and fields.get("id", "") is None)
    if not is_known or not isinstance(email, str | None):
        raise InvalidInputError(name, f"it contains {shorten(person)}, which is not a person of a report.")
    assigned_at = fields.get("assigned_at")
    if assigned_at is None:
        return Person(id=uuid, email=email)
    return Person(id=uuid, email=email, assigned_at=str(assigned_at))
