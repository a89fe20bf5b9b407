"""The default of arguments that need not be passed. It is a module of its own because DAG files load it."""

from __future__ import annotations

from enum import Enum
from typing import Final


class NotPassed(Enum):
    """The default of arguments that need not be passed. No template and no task can return it."""

    NOT_PASSED = "not passed"

    def __repr__(self) -> str:
        return "NOT_PASSED"

    __str__ = __repr__


NOT_PASSED: Final = NotPassed.NOT_PASSED
