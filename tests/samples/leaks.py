"""A function with a secret in its frames, in each way that a search has to find."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace


class Slotted:
    """An object without a ``__dict__``, and without its value in its representation."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def fail() -> None:
    """Raise an error."""
    raise ValueError("leak")


def hold(value: object) -> None:
    """Raise an error from a frame that holds a value."""
    try:
        fail()
    finally:
        _ = value


def generate(secret: str) -> Iterator[str]:
    """Hold a secret in a generator that has not ended."""
    yield secret
    yield secret


def leak(how: str, secret: str) -> None:
    """Raise an error that leads to a secret."""
    generator = generate(secret)
    next(generator)
    values = {
        "variable": secret,
        "attribute": Slotted(SimpleNamespace(a=Slotted(secret))),
        "slot": Slotted(secret),
        "container": [{"a": (Slotted(secret),)}],
        "generator": generator,
    }
    if how in values:
        hold(values[how])
    try:
        hold(secret)
    except ValueError as error:
        raise ValueError("leak") from (error if how == "cause" else None)
