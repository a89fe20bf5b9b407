"""The path of an audit's file: it is named by the time of reading, because an audit shows the seats of that time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

# A placeholder, also as the URL of a path of pathlib has it.
_find_placeholder: Final = re.compile(r"(?:\{|%7B)([^{}%/]*)(?:\}|%7D)", re.IGNORECASE)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# A capital letter after a small one begins a word, as in NovSeats.
_END: Final = r"(?-i:(?![a-z])(?!(?<=[A-Z])[A-Z]))"
_NAME: Final = rf"(?P<name>{'|'.join(_MONTHS)})(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?{_END}"
# How templates write a day, a month or a week. What one form finds is not looked at by those after it.
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # 20261129, 2026-11-29, 2026/1/5, 2026-11, 202611
        r"(?<!\d)(?P<year>20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?!\d)",
        r"(?<!\d)(?P<year>20\d\d)(?P<sep>[-_./])(?P<month>\d\d?)(?P=sep)(?P<day>\d\d?)(?!\d)",
        r"(?<!\d)(?P<year>20\d\d)[-_./](?P<month>0[1-9]|1[0-2])(?!\d)",
        r"(?<!\d)(?P<year>20[1-3]\d)(?P<month>0[1-9]|1[0-2])(?!\d)",
        # year=2026/month=11/day=29
        r"\by(?:ear)?=(?P<year>20\d\d)\Wm(?:onth)?=(?P<month>\d\d?)(?:\Wd(?:ay)?=(?P<day>\d\d?))?(?!\d)",
        # 29.11.2026, 11-29-2026
        r"(?<!\d)(?P<day>\d\d?)(?P<sep>[-_./])(?P<month>\d\d?)(?P=sep)(?P<year>20\d\d)(?!\d)",
        # 29-Nov-2026, November 2026, 2026-Nov-29
        rf"(?:(?<!\d)(?P<day>\d\d?)[-_./ ]?)?(?<![a-z]){_NAME}[-_./ ]?(?P<year>20\d\d)(?!\d)",
        rf"(?<!\d)(?P<year>20\d\d)[-_./ ]?{_NAME}(?:[-_./ ]?(?P<day>\d\d?))?(?!\d)",
        # 2026-W48
        r"(?<!\d)(?P<year>20\d\d)-?W(?P<week>\d\d)(?!\d)",
    )
)
_DAY: Final = timedelta(days=1)


def name_by_reading(path: str, now: datetime) -> tuple[str, str | None]:
    """Return a path with its placeholders filled, and a warning if it is named after a day close to today.

    :param path: a path or URL. ``{today}`` becomes the day in UTC (``2026-11-29``), ``{now}`` the time in UTC
        (``2026-11-29T220500Z``).
    :param now: the time of reading.
    :raises InvalidInputError: if a placeholder is unknown, or the path is named after another time.
    """
    now = now.astimezone(UTC)
    filled = {"today": f"{now:%Y-%m-%d}", "now": f"{now:%Y-%m-%dT%H%M%SZ}"}

    def fill(found: re.Match[str]) -> str:
        if found[1].strip() not in filled:
            raise InvalidInputError(
                "csv_path",
                f"{shorten(path)} has the placeholder {shorten(found[0])}. The file can be named by the time of "
                "reading, with {today} or {now}.",
            )
        return filled[found[1].strip()]

    named = _find_placeholder.sub(fill, path)
    # A bucket or container may have any date in its name.
    dates = list(_dates(re.sub(r"^[a-z0-9+.-]+://[^/]*", "", named)))
    if not dates or any(_has(date, now) for date in dates):
        return named, None
    advice = (
        f"An audit shows the seats of now ({filled['today']} in UTC), also in a run for an earlier date. Name the file "
        "by the time of reading: write {today} instead of a template such as {{ ds }}."
    )
    problem = f"{shorten(named)} is named after {dates[-1][0]}. {advice}"
    if any(_has(date, now + day) for date in dates for day in (-_DAY, _DAY)):
        # A time zone, or a task that waited over midnight.
        return named, f"csv_path: {problem}"
    raise InvalidInputError("csv_path", problem)


def _dates(path: str) -> Iterator[re.Match[str]]:
    for form in _FORMS:
        yield from form.finditer(path)
        path = form.sub("", path)


def _has(date: re.Match[str], moment: datetime) -> bool:
    """Return whether a day, a month or a week in a path is that of a moment."""
    found = date.groupdict()
    if found.get("week"):
        return (int(found["year"]), int(found["week"])) == moment.isocalendar()[:2]
    month = _MONTHS.index(found["name"].lower()) + 1 if found.get("name") else int(found["month"])
    day = int(found["day"]) if found.get("day") else None
    if day is not None and date.start("day") < date.start("year") and (day, month) == (moment.month, moment.day):
        # 11-29-2026, with the month first.
        month, day = day, month
    return (int(found["year"]), month) == (moment.year, moment.month) and day in {None, moment.day}
