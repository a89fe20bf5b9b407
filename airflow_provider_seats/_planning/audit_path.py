"""The path of an audit's file: it is named by the time of reading, because an audit shows the seats of that time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

# A placeholder, also as the URL of a path of pathlib has it.
_find_placeholder: Final = re.compile(r"(?:\{|%7B)([^{}%/]*)(?:\}|%7D)", re.IGNORECASE)
# 2026-11-29, 20261129, 2026/11/29 and the like, or a month such as 2026-11 and 2026/11.
_find_date: Final = re.compile(
    r"(?<!\d)(?:(?P<year>20\d\d)(?P<sep>[-_./]?)(?P<month>0[1-9]|1[0-2])(?P=sep)(?P<day>0[1-9]|[12]\d|3[01])"
    r"|(?P<year2>20\d\d)[-_./](?P<month2>0[1-9]|1[0-2]))(?!\d)"
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
    dates = list(_find_date.finditer(re.sub(r"^[a-z0-9+.-]+://[^/]*", "", named)))
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


def _has(date: re.Match[str], moment: datetime) -> bool:
    """Return whether a date or a month in a path is that of a moment."""
    if date["year2"]:
        return f"{date['year2']}{date['month2']}" == f"{moment:%Y%m}"
    return f"{date['year']}{date['month']}{date['day']}" == f"{moment:%Y%m%d}"
