"""The seats that Datadog counts for the bill: months, peaks and words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.usage import MonthUsage
from airflow_provider_seats._planning.usage import (
    SeatUsage,
    audit_usage,
    describe_usage,
    month_before,
    parse_month,
    seat_usage,
)
from airflow_provider_seats.exceptions import InvalidInputError

KEY = "on_call_seat_hwm"


def month(name: str, days: dict[str, dict[str, int]], last_updated: str | None = None) -> SeatUsage:
    """Return the usage of a month."""
    return seat_usage(name, MonthUsage(days, {}, last_updated))


@pytest.mark.parametrize(
    "value",
    [
        "2026-11",
        " 2026-11 ",
        "2026-11-30",
        date(2026, 11, 14),
        datetime(2026, 11, 14, tzinfo=UTC),
        datetime(2026, 10, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_month_is_read_from_text_and_dates(value: object) -> None:
    """A month is text, a date in it, or a time in it by UTC."""
    assert parse_month("month", value) == "2026-11"


@pytest.mark.parametrize("value", ["", "2026", "2026-13", "2026-1", "2026-11-31", "November", 202611, None, True])
def test_anything_else_is_no_month(value: object) -> None:
    """What is no month is an error that shows it."""
    with pytest.raises(InvalidInputError, match=r"^month: .* is not a month"):
        parse_month("month", value)


@given(st.dates(min_value=date(2000, 2, 1), max_value=date(2100, 1, 1)))
def test_the_month_before_ends_the_day_before(day: date) -> None:
    """The month before is that of the day before the first."""
    assert month_before(f"{day:%Y-%m}") == f"{day.replace(day=1) - timedelta(days=1):%Y-%m}"


@given(st.dictionaries(st.integers(1, 30).map("2026-11-{:02}".format), st.integers(0, 50)))
def test_the_peak_is_the_highest_day(days: dict[str, int]) -> None:
    """The peak is the highest number, and its day the first with it. Without days there is none."""
    product = seat_usage("2026-11", MonthUsage({KEY: days}, {KEY: 7}, None))["products"][KEY]
    assert (product["days"], product["sum"]) == (dict(sorted(days.items())), 7)
    if not days:
        assert (product["peak"], product["peak_day"]) == (None, None)
    else:
        assert product["peak"] == max(days.values())
        assert product["peak_day"] == min(day for day, seats in days.items() if seats == max(days.values()))


def test_both_months_are_shown_by_name() -> None:
    """A name that only one month has is shown, and a key selects one name."""
    this = month("2026-11", {"a_seats_hwm": {"2026-11-02": 3}}, "2026-11-28T23")
    last = month("2026-10", {"b_seats_hwm": {"2026-10-09": 5}}, "2026-10-31T23")
    usage = audit_usage(this, last, None)
    assert usage == {
        "month": "2026-11",
        "last_month": "2026-10",
        "last_updated": "2026-11-28T23",
        "products": {
            "a_seats_hwm": {"peak": 3, "peak_day": "2026-11-02", "last_month_peak": None},
            "b_seats_hwm": {"peak": None, "peak_day": None, "last_month_peak": 5},
        },
    }
    assert list(audit_usage(this, last, "b_seats_hwm")["products"]) == ["b_seats_hwm"]
    *lines, last_line = describe_usage(usage)
    assert lines == [
        "bill, a_seats_hwm: peak of 2026-11 3 seats (on 2026-11-02), of 2026-10 no number",
        "bill, b_seats_hwm: peak of 2026-11 no number yet, of 2026-10 5 seats",
    ]
    assert last_line == (
        "the peak of a month is billed, so unassigning now lowers the bill from next month on (Datadog has counted "
        "until 2026-11-28T23)"
    )


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        ({KEY: {"2026-11-01": 1}}, "Pass one of on_call_seat_hwm."),
        ({}, "It has none. Leave usage_key out."),
    ],
)
def test_an_unknown_name_is_an_error(names: dict[str, dict[str, int]], advice: str) -> None:
    """A name that neither month has is an error that names those that there are."""
    with pytest.raises(InvalidInputError, match=r"^usage_key: 'x' is not a name") as raised:
        audit_usage(month("2026-11", names), month("2026-10", {}), "x")
    assert str(raised.value).endswith(advice)


def test_a_summary_stays_short() -> None:
    """Without numbers one line says so, and of many names ten are shown."""
    assert describe_usage(audit_usage(month("2026-11", {}), month("2026-10", {}), None)) == [
        "bill: Datadog has no numbers of seats"
    ]
    many = month("2026-11", {f"p{number:02}_seats_hwm": {"2026-11-01": number} for number in range(12)})
    lines = describe_usage(audit_usage(many, month("2026-10", {}), None))
    assert (len(lines), lines[-2]) == (12, "bill: and 2 more names")
