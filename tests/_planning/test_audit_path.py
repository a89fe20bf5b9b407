"""The path of an audit's file is named by the time of reading."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._planning.audit_path import name_by_reading
from airflow_provider_seats.exceptions import InvalidInputError

NOW = datetime(2026, 11, 29, 22, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://audit/{today}/seats.csv", "s3://audit/2026-11-29/seats.csv"),
        ("s3://audit/{ now }.csv", "s3://audit/2026-11-29T220500Z.csv"),
        ("file:///srv/%7Btoday%7D.csv", "file:///srv/2026-11-29.csv"),
        ("/srv/{today}/{today}.csv", "/srv/2026-11-29/2026-11-29.csv"),
        ("s3://audit/2020-01-01/{today}.csv", "s3://audit/2020-01-01/2026-11-29.csv"),
    ],
)
def test_placeholders_are_the_time_of_reading(path: str, expected: str) -> None:
    """A placeholder becomes the time in UTC, and then any other date may be in the path."""
    assert name_by_reading(path, NOW.astimezone(timezone(timedelta(hours=9)))) == (expected, None)


@pytest.mark.parametrize(
    "path",
    [
        "s3://audit/seats.csv",
        "s3://audit-2020-01-01/seats.csv",
        "abfs://2020-01-01@store/seats.csv",
        "/srv/2026-11-29.csv",
        "/srv/20261129/seats.csv",
        "/srv/2026/11/29/seats.csv",
        "/srv/2026-11/seats.csv",
        "/srv/2026/11/seats.csv",
        "/srv/year=2026/month=11/day=29/seats.csv",
        "/srv/29.11.2026.csv",
        "/srv/11-29-2026/seats.csv",
        "/srv/Nov-2026.csv",
        "/srv/2026-November-29.csv",
        "/srv/2026-W48/seats.csv",
        "/srv/202611.csv",
        "/srv/decimal2.csv",
        "/srv/marketing/2026/seats.csv",
        "/srv/MARKETING/2026/seats.csv",
        "/srv/204512/seats.csv",
        "/srv/1234567890/2026.csv",
        "/srv/product_20.csv",
    ],
)
def test_a_path_of_today_and_a_path_without_a_date_stay_as_they_are(path: str) -> None:
    """A path without a date, or with that of today or of this month, is used as it is."""
    assert name_by_reading(path, NOW) == (path, None)


@pytest.mark.parametrize(
    "path",
    [
        "s3://audit/2025-06-01/seats.csv",
        "/srv/20250601/seats.csv",
        "/srv/2025/06/01/seats.csv",
        "/srv/2026-10/seats.csv",
        "/srv/scheduled__2026-11-01T00:00:00+00:00.csv",
        "/srv/2026_11_27.csv",
        "/srv/2027-11-29.csv",
        "/srv/year=2026/month=01/day=31/seats.csv",
        "/srv/y=2026/m=1/seats.csv",
        "/srv/31.01.2026.csv",
        "/srv/01-31-2026/seats.csv",
        "/srv/2026/1/5/seats.csv",
        "/srv/Jan-2026.csv",
        "/srv/Sept 2026.csv",
        "/srv/January 2026/seats.csv",
        "/srv/31Jan2026.csv",
        "/srv/2026JanSeats.csv",
        "/srv/2026-Jan-31.csv",
        "/srv/2026-W05/seats.csv",
        "/srv/202601.csv",
    ],
)
def test_a_path_of_another_time_is_an_error(path: str) -> None:
    """A run for an earlier date does not put the seats of now under that date, and the error says what to write."""
    message = r"^csv_path: .* is named after .* write \{today\} instead of a"
    with pytest.raises(InvalidInputError, match=message) as caught:
        name_by_reading(path, NOW)
    assert "2026-11-29 in UTC" in str(caught.value)


FORMS = ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y_%m_%d", "year=%Y/month=%m/day=%d", "%d.%m.%Y", "%d-%b-%Y", "%Y%B%d"]


def test_a_day_and_a_month_are_not_mixed_up() -> None:
    """The fifth of June is not the sixth of May, unless it is unclear which of the two comes first."""
    now = datetime(2026, 6, 5, 12, tzinfo=UTC)
    with pytest.raises(InvalidInputError, match="2026-05-06"):
        name_by_reading("/srv/2026-05-06.csv", now)
    assert name_by_reading("/srv/06-05-2026.csv", now) == ("/srv/06-05-2026.csv", None)


@given(st.dates(date(2020, 1, 1), date(2039, 12, 31)), st.sampled_from(FORMS))
def test_a_day_close_to_today_is_a_warning_and_any_other_an_error(day: date, form: str) -> None:
    """The days before and after today are warnings, because of time zones and waits. All others are errors."""
    path = f"/srv/{day.strftime(form)}/seats.csv"
    distance = abs((day - NOW.date()).days)
    if distance > 1:
        with pytest.raises(InvalidInputError, match=re.escape(day.strftime(form))):
            name_by_reading(path, NOW)
    else:
        named, warning = name_by_reading(path, NOW)
        assert (named, warning is None) == (path, distance == 0)


@pytest.mark.parametrize("path", ["s3://a/{day}.csv", "s3://a/{}.csv", "s3://a/%7Bds%7D.csv", "s3://a/{ds_nodash}.csv"])
def test_an_unknown_placeholder_is_an_error(path: str) -> None:
    """A placeholder that does not exist becomes no part of a name."""
    with pytest.raises(InvalidInputError, match=r"has the placeholder .* with \{today\} or \{now\}"):
        name_by_reading(path, NOW)
