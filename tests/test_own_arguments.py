"""Tests of classes that store their own arguments."""

from __future__ import annotations

from typing import Any

from airflow_provider_seats._own_arguments import OwnArguments, arguments_of


class Shelf(OwnArguments):
    """Stores two arguments, and passes others on."""

    def __init__(self, *, first: object, second: object = 2, **others: Any) -> None:
        local = others
        self._store(locals())
        self.others = local

    _own_arguments = arguments_of(__init__)


def test_arguments_are_stored_as_they_were_passed() -> None:
    """The own arguments are stored, the same objects, and no other variable of ``__init__`` is."""
    value = iter(())
    shelf = Shelf(first=value, third=3)
    assert Shelf._own_arguments == ("first", "second")
    assert vars(shelf) == {"first": value, "second": 2, "others": {"third": 3}}
    shelf.second = "rendered"  # type: ignore[attr-defined]
    assert shelf._stored() == {"first": value, "second": "rendered"}
