"""Round numbers of people: a warning exactly where sources stop."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._rosters.round_numbers import warn_if_cut
from tests.helpers.examples import examples


@pytest.mark.parametrize("count", [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000])
def test_a_limit_of_a_source_is_a_warning(count: int) -> None:
    """The sentence has the number, and says what to check."""
    assert warn_if_cut(count, "'s3://hr/roster.csv'") == (
        f"'s3://hr/roster.csv' has exactly {count:,} people, a number at which many sources stop. Check that it is "
        "complete: that all pages were read, and that no query or search has a limit."
    )


@pytest.mark.parametrize("count", [0, 1, 10, 50, 99, 101, 110, 150, 250, 300, 400, 999, 1_001, 1_500, 3_000, 12_000])
def test_another_number_is_none(count: int) -> None:
    """Small numbers, and numbers that only end with zeros, are no warning."""
    assert warn_if_cut(count) is None


@given(st.integers(100, 10**7))
@examples(100)
def test_few_numbers_are_round(count: int) -> None:
    """A number is round if it is 1, 2 or 5 times a power of ten."""
    powers = [10**power for power in range(2, 8)]
    assert (warn_if_cut(count) is not None) == any(count in {power, 2 * power, 5 * power} for power in powers)
