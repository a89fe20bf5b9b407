"""Long texts in Airflow's state stores: complete at any time, and in small values."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats import _state_parts
from airflow_provider_seats._planning.stored import MAX_VALUE, size

KEY = "datadog_seats x"
LENGTHS = st.integers(0, 4) | st.integers(40_000, 200_000)


class Interrupted(Exception):  # noqa: N818 (it stands for the end of a process)
    """The process ended."""


def call(store: dict[str, Any], calls: _state_parts.Calls[Any], most: int = 10_000) -> Any:
    """Make the calls on a dictionary, and return their result."""
    result = None
    try:
        while True:
            method, key, *value = calls.send(result)
            most -= 1
            if most < 0:
                raise Interrupted
            match method:
                case "get":
                    result = store.get(key)
                case "set":
                    result = store.update({key: json.loads(json.dumps(value[0]))})
                case "delete":
                    result = store.pop(key, None)
    except StopIteration as end:
        return end.value


def text_of(length: int, seed: str) -> str:
    """Return a text of this length."""
    return (seed * (length // len(seed) + 1))[:length]


@given(st.lists(LENGTHS, min_size=1, max_size=4))
def test_the_last_text_is_read_and_nothing_else_is_left(lengths: list[int]) -> None:
    """What is read is what was written last, in values of at most 48 KiB, and older parts are deleted."""
    store: dict[str, Any] = {}
    head = None
    for number, length in enumerate(lengths):
        text = text_of(length, f"{number}abc")
        head = call(store, _state_parts.write(KEY, head, {"site": number}, text))
        found, read = call(store, _state_parts.read(KEY))
        assert (found["site"], read) == (number, text)
        assert found == head
        assert all(size(value) <= MAX_VALUE for value in store.values())
        assert len(store) == 1 + head["parts"]
    call(store, _state_parts.delete(KEY, head))
    assert store == {}


@given(LENGTHS, LENGTHS, st.integers(0, 9))
def test_a_write_that_is_interrupted_leaves_the_old_text_or_the_new_one(old: int, new: int, most: int) -> None:
    """The process may end after any call: what is read then is complete."""
    store: dict[str, Any] = {}
    texts = text_of(old, "old"), text_of(new, "new")
    head = call(store, _state_parts.write(KEY, None, {}, texts[0]))
    with suppress(Interrupted):
        call(store, _state_parts.write(KEY, head, {}, texts[1]), most)
    assert call(store, _state_parts.read(KEY))[1] in texts


@pytest.mark.parametrize("state", [5, "x", [], {}, {"text": 5}, {"text": "x"}, {"text": "x", "crc": 5}])
def test_something_else_is_an_error(state: Any) -> None:
    """A state of another form, or with a missing part, is an error. Nothing at all is none."""
    assert call({}, _state_parts.read(KEY)) is None
    with pytest.raises(ValueError, match="it is"):
        call({KEY: state}, _state_parts.read(KEY))


def test_a_missing_part_is_an_error() -> None:
    """A text is whole, or it is not returned."""
    store: dict[str, Any] = {}
    call(store, _state_parts.write(KEY, None, {}, text_of(200_000, "abc")))
    del store[f"{KEY} 0.2"]
    with pytest.raises(ValueError, match="incomplete"):
        call(store, _state_parts.read(KEY))
