"""A long text in Airflow's state stores (from 3.3 on), in as many values as it needs.

The functions yield the calls of a store and are sent their results, so that a task can block and a trigger can await.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from airflow_provider_seats._planning.stored import MAX_VALUE

T = TypeVar("T")
# The first value: the facts, the first part of the text, and how many parts follow.
Head: TypeAlias = Mapping[str, Any]
# The name of a method of the store, and its arguments.
Call: TypeAlias = tuple[Any, ...]
Calls: TypeAlias = Generator[Call, Any, T]

_PART: Final = MAX_VALUE - 1024


def read(key: str) -> Calls[tuple[Head, str] | None]:
    """Return the head and the text that are stored below a key; None if there is nothing.

    :raises ValueError: if something else is stored there, or a part is missing.
    """
    head = yield "get", key
    if head is None:
        return None
    if not isinstance(head, Mapping) or not isinstance(head.get("text"), str):
        raise ValueError("it is of another form")  # noqa: TRY004 (the state is wrong, not the call)
    text = head["text"]
    for part in _parts(key, head):
        text += str((yield "get", part))
    if zlib.crc32(text.encode()) != head.get("crc"):
        raise ValueError("it is incomplete")
    return head, text


def write(key: str, before: Head | None, facts: Mapping[str, Any], text: str) -> Calls[Head]:
    """Store facts and a text, and return their head. The head names the parts, and is stored after them.

    The parts do not replace those that the head before names, so a complete state is there at any time.

    :param before: the head of what is stored now; None if that is nothing.
    """
    first, *parts = [text[start : start + _PART] for start in range(0, max(len(text), 1), _PART)]
    series = 1 if before is not None and before.get("series") == 0 else 0
    head = {**facts, "text": first, "crc": zlib.crc32(text.encode()), "parts": len(parts), "series": series}
    for name, part in zip(_parts(key, head), parts, strict=True):
        yield "set", name, part
    yield "set", key, head
    for name in _parts(key, before):
        yield "delete", name
    return head


def delete(key: str, head: Head | None) -> Calls[None]:
    for name in (key, *_parts(key, head)):
        yield "delete", name


def _parts(key: str, head: Head | None) -> Iterator[str]:
    """Yield the keys of the parts that follow the first one."""
    match head:
        case {"parts": int(count), "series": int(series)}:
            for number in range(count):
                yield f"{key} {series}.{number + 1}"
