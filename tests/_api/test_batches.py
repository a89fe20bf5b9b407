"""The batches in which people are sent, and their order."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.batches import (
    are_alike,
    are_the_keys,
    with_singles_first,
)
from airflow_provider_seats.exceptions import KeysRefusedError, RequestRefusedError

FORBIDDEN = KeysRefusedError("POST", 403, "Forbidden (request 5a7)")


@given(st.integers(1, 24))
def test_everyone_is_sent_once_and_three_people_come_first(count: int) -> None:
    """The first, the last and the middle person stand alone and come first, and nobody is lost or sent twice."""
    people = tuple(f"u{number}" for number in range(count))
    after = with_singles_first(people)
    assert sorted(uuid for batch in after for uuid in batch.people) == sorted(people)
    assert all(len(batch.people) == 1 for batch in after[:3])
    assert {people[0], people[-1]} <= {uuid for batch in after[:3] for uuid in batch.people}


@pytest.mark.parametrize(
    ("refusals", "everyone", "expected"),
    [
        ([FORBIDDEN], True, True),
        ([FORBIDDEN], False, False),
        ([FORBIDDEN] * 5, False, False),
        ([FORBIDDEN] * 6, False, True),
        ([FORBIDDEN] * 5 + [KeysRefusedError("POST", 403, "no user ann")], False, False),
        ([FORBIDDEN] * 6 + [RequestRefusedError("POST", 422, "no")], True, False),
    ],
)
def test_refusals_of_the_keys_are_told_from_refusals_of_people(
    refusals: list[KeysRefusedError | RequestRefusedError], *, everyone: bool, expected: bool
) -> None:
    """It is the keys if everyone is refused with 403, or a batch, three people of it and the halves between them."""
    assert are_the_keys(refusals, everyone=everyone) is expected


def test_refusals_are_alike_apart_from_numbers() -> None:
    """The status and the explanation are compared, without numbers that differ from call to call."""
    assert are_alike([FORBIDDEN, KeysRefusedError("POST", 403, "Forbidden (request 9c1)")])
    assert not are_alike([FORBIDDEN, RequestRefusedError("POST", 422, "Forbidden (request 5a7)")])
