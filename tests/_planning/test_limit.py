"""Limits of people: a number, or a percentage of the seats."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._planning.limit import (
    DEFAULT_MAX_UNASSIGN,
    Limit,
    parse_limit,
    parse_max_unassign,
    seats_to_warn_of,
)
from airflow_provider_seats.exceptions import InvalidInputError


@pytest.mark.parametrize(
    ("seats", "people"),
    [
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 2),
        (9, 4),
        (10, 5),
        (25, 5),
        (29, 5),
        (30, 6),
        (100, 20),
        (499, 99),
        (500, 100),
        (20_000, 100),
    ],
)
def test_the_default_limit_protects_small_and_large_products(seats: int, people: int) -> None:
    """By default, the larger of 5 people and 20 % may lose a seat, but at most half and 100, and always one."""
    assert DEFAULT_MAX_UNASSIGN.of(seats) == people


@given(st.integers(0, 1_000_000))
def test_the_default_limit_keeps_its_bounds(seats: int) -> None:
    """The default limit is never below one person, above half of the seats (from two on) or above 100 people."""
    people = DEFAULT_MAX_UNASSIGN.of(seats)
    assert 1 <= people <= max(1, min(seats // 2, 100))
    assert people == max(1, min(max(5, seats // 5), seats // 2, 100))


@pytest.mark.parametrize(
    ("limit", "seats", "people"),
    [
        (Limit(people=0), 100, 0),
        (Limit(people=7), 5, 7),
        (Limit(percent=20), 9, 1),
        (Limit(percent=20), 4, 0),
        (Limit(percent=0), 100, 0),
        (Limit(percent=100), 7, 7),
        (Limit(percent=29), 100, 29),
        (Limit(percent=0.5), 200, 1),
        (Limit(people=5, percent=20), 10, 5),
        (Limit(people=5, percent=20), 100, 20),
        (Limit(percent=20, max_people=3), 100, 3),
        (Limit(percent=20, max_people=30), 100, 20),
        (Limit(people=5, max_percent=50), 4, 2),
        (Limit(people=0, max_percent=50), 4, 0),
    ],
)
def test_a_limit_is_a_number_or_a_rounded_down_percentage(limit: Limit, seats: int, people: int) -> None:
    """A limit is the larger of its number and its percentage, which is rounded down to whole people, below its caps."""
    assert limit.of(seats) == people


@given(st.integers(0, 10_000), st.integers(0, 100_000))
def test_a_percentage_has_no_rounding_error(hundredths: int, seats: int) -> None:
    """A percentage with two decimals is computed exactly."""
    assert Limit(percent=hundredths / 100).of(seats) == hundredths * seats // 10_000


@pytest.mark.parametrize(
    ("limit", "text", "described"),
    [
        (Limit(people=7), "7", "7 (max_unassign=7)"),
        (Limit(percent=12.5), "12.5%", "1 (max_unassign=12.5%)"),
        (Limit(percent=5), "5%", "0 (max_unassign=5%, rounded down)"),
        (Limit(people=0), "0", "0 (max_unassign=0)"),
        (
            DEFAULT_MAX_UNASSIGN,
            "5 or 20%, at most 50% and 100",
            "5 (max_unassign=5 or 20%, at most 50% and 100, the default)",
        ),
    ],
)
def test_a_limit_describes_itself(limit: Limit, text: str, described: str) -> None:
    """A limit shows how it was set, what that is of the seats, and whether rounding made it none."""
    assert (str(limit), limit.describe("max_unassign", 12)) == (text, described)


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (25, Limit(people=25)),
        ("25", Limit(people=25)),
        (0, Limit(people=0)),
        ("0", Limit(people=0)),
        ("20%", Limit(percent=20)),
        (" 12.5 % ", Limit(percent=12.5)),
        ("0%", Limit(percent=0)),
        ("100%", Limit(percent=100)),
    ],
)
def test_a_limit_is_parsed_from_a_number_or_a_percentage(value: Any, limit: Limit) -> None:
    """A number, its text and a percentage are limits, and 0 is one too."""
    assert parse_limit("max_unassign", value) == limit


@pytest.mark.parametrize(
    "value", [None, "", "x", -1, "-1", 1.5, "101%", "%", "1e2%", "20.123%", True, False, "\u0662", "\u0662%", []]
)
def test_anything_else_is_no_limit(value: Any) -> None:
    """A value that is neither a whole number nor a percentage is an error that names the argument."""
    with pytest.raises(InvalidInputError, match=r"^max_unassign: .* neither a whole number.* nor a percentage"):
        parse_limit("max_unassign", value)


@pytest.mark.parametrize(
    ("value", "max_seats", "seats"), [(0, None, 0), ("90", None, 90), ("90%", 50, 45), ("90%", 0, 0), (120, 100, 120)]
)
def test_warn_seats_is_a_number_or_a_percentage_of_max_seats(value: object, max_seats: int | None, seats: int) -> None:
    """``warn_seats`` is a number of seats, or a percentage of ``max_seats`` that is rounded down."""
    assert seats_to_warn_of(parse_limit("warn_seats", value), max_seats) == seats


def test_a_percentage_without_max_seats_is_an_error() -> None:
    """A percentage of ``max_seats`` needs that argument, and the message says so."""
    with pytest.raises(
        InvalidInputError, match=r"^warn_seats: '90%' is a percentage of max_seats, which was not passed"
    ):
        seats_to_warn_of(Limit(percent=90), None)


@given(st.integers(1, 50), st.integers(1, 50))
def test_the_advice_names_a_percentage_only_if_no_number_is_enough(seats: int, count: int) -> None:
    """A number that allows the people is enough for one person of any product, and for half of the seats."""
    enough = parse_max_unassign("max_unassign", count).of(seats) >= count
    advice = parse_max_unassign("max_unassign", 0).advice("max_unassign", seats, count)
    assert ("percentage" in advice) is not enough
