"""The size of what Airflow stores, and how values become small."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._planning.stored import fitting, pack, size, unpack

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)
KEYS = st.uuids().map(str) | st.uuids().map(lambda each: str(each).upper()) | st.text(max_size=40)


@given(st.dictionaries(KEYS, VALUES), VALUES)
def test_what_is_packed_can_be_unpacked(people: dict[str, Any], rest: Any) -> None:
    """Any people and any other value come back, whether their ids are UUIDs or not."""
    assert unpack(json.loads(json.dumps(pack(people, rest)))) == (people, rest)


def test_a_uuid_takes_little_more_than_its_bytes() -> None:
    """A thousand UUIDs take the 16 bytes that each has, written as text, and little more."""
    people = {str(uuid.uuid4()): None for _ in range(1_000)}
    assert len(pack(people)) < 16 * 1_000 * 4 / 3 + 100


@pytest.mark.parametrize(
    "text", ["", ".", "x", "AAAA.", "AAAA.eJw=", "é.é", pack({"u": 1})[:-4], f"AAAA{pack({'u': 1})}"]
)
def test_a_text_that_is_not_packed_is_an_error(text: str) -> None:
    """A damaged text is an error, and not a part of the people."""
    with pytest.raises(ValueError):  # noqa: PT011 (of any kind)
        unpack(text)


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=20), max_size=3)), st.integers(2, 300))
def test_rows_fit_into_a_limit(rows: list[dict[str, str]], limit: int) -> None:
    """The rows are the first ones, they fit into the limit unless there is one only, and one more would not fit."""
    found = list(fitting(rows, limit))
    assert found == rows[: len(found)]
    assert size(found) <= limit or len(found) == 1
    if len(found) < len(rows):
        assert size(rows[: len(found) + 1]) > limit - 2
