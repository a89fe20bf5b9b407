"""Operators, sensors and triggers store their arguments as they were passed. DAG files load this module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


def arguments_of(init: Callable[..., None]) -> tuple[str, ...]:
    """Return the names of a class's own arguments, which are keyword-only. What it passes on to its base is none."""
    code = init.__code__
    return code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]


class OwnArguments:
    """Stores the arguments of ``__init__`` and nothing else. They are parsed when they are used.

    It stands after Airflow's class: mapped operators of Airflow 3.3.2 fail if it stands before.
    """

    # Not template_fields, because a subclass may have more.
    _own_arguments: ClassVar[tuple[str, ...]]

    def _store(self, arguments: Mapping[str, object]) -> None:
        for name in self._own_arguments:
            setattr(self, name, arguments[name])

    def _stored(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._own_arguments}
