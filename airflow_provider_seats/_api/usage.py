"""The usage flow: the seats of each day of a month, as Datadog counts them for the bill.

Datadog's usage summary: https://docs.datadoghq.com/api/latest/usage-metering/#get-usage-across-your-account, and the
names of its fields: https://docs.datadoghq.com/api/latest/usage-metering/#get-available-fields-for-usage-summary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from airflow_provider_seats._api.flow import Flow, Gather, Request, call, or_none, text
from airflow_provider_seats._api.pages import nested
from airflow_provider_seats.exceptions import RequestRefusedError, UsageNotAvailableError

PATH: Final = "/api/v1/usage/summary"
FIELDS_PATH: Final = "/api/v2/usage/summary/available_fields"
PERMISSION: Final = (
    "the permission usage_read, and that the keys are those of the parent organisation. Datadog refuses the usage to a "
    "child organisation"
)
# A field of a day that counts seats. The field of the month has the same name with "_sum".
_find_seats: Final = re.compile(r"(?:[a-z0-9_]+_)?seats?_hwm")


class MonthUsage(NamedTuple):
    """The usage of one month.

    :param days: the highest number of seats on each day (``2026-11-14``), by Datadog's name of the field. Days without
        a number are left out.
    :param sums: Datadog's number for the whole month, by the same name.
    :param last_updated: until when Datadog has counted, as Datadog writes it.
    """

    days: Mapping[str, Mapping[str, int]]
    sums: Mapping[str, int]
    last_updated: str | None


def read_usage(*months: str) -> Flow[list[MonthUsage]]:
    """Return the usage of months, such as ``2026-11``, in their order.

    The cost is one call for the names of the fields, and one for each month, side by side.

    :raises UsageNotAvailableError: if Datadog has no usage of this month or of this organisation.
    """
    fields = yield from _read_fields()
    usage: list[MonthUsage] = yield Gather([_read_month(month, fields) for month in months])
    return usage


def _read_month(month: str, fields: frozenset[str]) -> Flow[MonthUsage]:
    request = Request("GET", PATH, (("start_month", month), ("end_month", month)), permission=PERMISSION)
    try:
        return (yield from call(request, lambda document: _month_usage(document, month, fields)))
    except RequestRefusedError as refusal:
        raise UsageNotAvailableError(request.name, refusal.status, refusal.explanation, month) from refusal


def _read_fields() -> Flow[frozenset[str]]:
    """Return the names of the fields that count seats of a day; none if this site does not list its fields."""

    def read(document: dict[str, Any]) -> frozenset[str]:
        fields = nested(document, "data", "attributes", "date_fields")
        if not isinstance(fields, list):
            raise ValueError("its date_fields are not a list")  # noqa: TRY004 (a fault of the response, not of a type)
        return frozenset(_counting_seats(fields))

    try:
        return (yield from or_none(call(Request("GET", FIELDS_PATH, permission=PERMISSION), read))) or frozenset()
    except RequestRefusedError as refusal:
        raise UsageNotAvailableError(f"GET {FIELDS_PATH}", refusal.status, refusal.explanation) from refusal


def _month_usage(document: Mapping[str, Any], month: str, fields: frozenset[str]) -> MonthUsage:
    rows = document.get("usage")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("its usage is not a list of days")
    days: dict[str, dict[str, int]] = {name: {} for name in sorted(fields.union(_counting_seats(chain(*rows))))}
    for row in rows:
        day = _day(row)
        for name, counts in days.items():
            seats = _number(row, name)
            if seats is not None and day.startswith(month):
                counts[day] = max(seats, counts.get(day, 0))
    sums = {name: seats for name in days if (seats := _number(document, f"{name}_sum")) is not None}
    return MonthUsage(days, sums, text(document, "last_updated"))


def _counting_seats(names: Iterable[object]) -> list[str]:
    return [name for name in names if isinstance(name, str) and _find_seats.fullmatch(name)]


def _day(row: Mapping[str, Any]) -> str:
    """Return the day of a row. Datadog writes it as a date, or as a time in UTC."""
    try:
        date = datetime.fromisoformat(str(row.get("date")))
        return f"{(date if date.tzinfo is None else date.astimezone(UTC)):%Y-%m-%d}"
    except OverflowError:
        raise ValueError(f"its date {row['date']} cannot be") from None


def _number(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole:
        raise ValueError(f"its {name} is not a whole number")
    return int(value)
