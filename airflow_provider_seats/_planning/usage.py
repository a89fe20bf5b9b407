"""The seats that Datadog counts for the bill: of a month, and as an audit shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypedDict

from airflow_provider_seats._text import join_names, plural, shorten
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_seats._api.usage import MonthUsage

_MAX_PRODUCTS: Final = 10


class ProductUsage(TypedDict):
    """The seats that Datadog counts under one name in a month.

    ``peak`` is the highest number of seats on a day, and ``peak_day`` the first such day; None if no day has a number.
    ``days`` has the number of each day, such as ``{"2026-11-14": 43}``. ``sum`` is Datadog's own number for the month.
    """

    peak: int | None
    peak_day: str | None
    days: dict[str, int]
    sum: int | None


class SeatUsage(TypedDict):
    """The seats that Datadog counts for the bill of a month.

    ``products`` are by Datadog's name, such as ``on_call_seat_hwm``. ``last_updated`` is until when Datadog has
    counted, as Datadog writes it.

    .. versionadded:: 0.2.0
    """

    month: str
    last_updated: str | None
    products: dict[str, ProductUsage]


class Peaks(TypedDict):
    """The highest numbers of seats in this month and in the one before; None if no day has a number."""

    peak: int | None
    peak_day: str | None
    last_month_peak: int | None


class AuditUsage(TypedDict):
    """What an audit shows of the bill. ``products`` are by Datadog's name."""

    month: str
    last_month: str
    last_updated: str | None
    products: dict[str, Peaks]


def parse_month(name: str, value: object) -> str:
    """Parse a month: text such as ``2026-11`` or ``2026-11-14``, a date or a time."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    text = f"{value:%Y-%m-%d}" if isinstance(value, date) else value.strip() if isinstance(value, str) else ""
    try:
        return f"{date.fromisoformat(f'{text}-01' if re.fullmatch(r'[0-9]{4}-[0-9]{2}', text) else text):%Y-%m}"
    except ValueError:
        raise InvalidInputError(name, f"{shorten(value)} is not a month. Pass one such as '2026-11'.") from None


def month_before(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01') - timedelta(days=1):%Y-%m}"


def seat_usage(month: str, usage: MonthUsage) -> SeatUsage:
    products = {name: _product(days, usage.sums.get(name)) for name, days in usage.days.items()}
    return SeatUsage(month=month, last_updated=usage.last_updated, products=products)


def audit_usage(this: SeatUsage, last: SeatUsage, key: str | None) -> AuditUsage:
    """Return what an audit shows of two months.

    :param key: Datadog's name of the product, as the user maps it; None for all names.
    :raises InvalidInputError: if neither month has this name.
    """
    names = sorted({**last["products"], **this["products"]})
    if key is not None and key not in names:
        known = f"Pass one of {join_names(names)}." if names else "It has none. Leave usage_key out."
        raise InvalidInputError(
            "usage_key", f"{shorten(key)} is not a name under which Datadog's usage summary counts seats. {known}"
        )
    return AuditUsage(
        month=this["month"],
        last_month=last["month"],
        last_updated=this["last_updated"] or last["last_updated"],
        products={name: _peaks(this, last, name) for name in names if key in {None, name}},
    )


def describe_usage(usage: AuditUsage) -> list[str]:
    """Return the lines of a summary, as plain text."""
    products = usage["products"]
    until = f" (Datadog has counted until {usage['last_updated']})" if usage["last_updated"] else ""
    if not products:
        return [f"bill: Datadog has no numbers of seats{until}"]
    lines = []
    for name, peaks in list(products.items())[:_MAX_PRODUCTS]:
        this = "no number yet" if peaks["peak"] is None else plural(peaks["peak"], "seat")
        day = f" (on {peaks['peak_day']})" if peaks["peak_day"] else ""
        last = "no number" if peaks["last_month_peak"] is None else plural(peaks["last_month_peak"], "seat")
        lines.append(f"bill, {name}: peak of {usage['month']} {this}{day}, of {usage['last_month']} {last}")
    if len(products) > _MAX_PRODUCTS:
        lines.append(f"bill: and {len(products) - _MAX_PRODUCTS} more names")
    lines.append(f"the peak of a month is billed, so unassigning now lowers the bill from next month on{until}")
    return lines


def _product(days: Mapping[str, int], total: int | None) -> ProductUsage:
    peak = max(days.values(), default=None)
    day = next((day for day in sorted(days) if days[day] == peak), None)
    return ProductUsage(peak=peak, peak_day=day, days=dict(sorted(days.items())), sum=total)


def _peaks(this: SeatUsage, last: SeatUsage, name: str) -> Peaks:
    now, before = this["products"].get(name), last["products"].get(name)
    return Peaks(
        peak=now["peak"] if now else None,
        peak_day=now["peak_day"] if now else None,
        last_month_peak=before["peak"] if before else None,
    )
