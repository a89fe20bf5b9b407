"""The size of what Airflow stores for this package: events, arguments of triggers, states, results.

Measured with Airflow 3.3 on MySQL 9.7: the arguments of a trigger and the text of an approval are columns of 65,535
bytes, Airflow warns about a longer state, and an event or a value in XCom above MySQL's ``sort_buffer_size`` (256 KiB)
cannot be read: an event like that stops the scheduler.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

# The most bytes of one value: an event, the arguments of a trigger, a state.
MAX_VALUE: Final = 48 * 1024
# What is left of MAX_VALUE for everything but people.
_ROOM_FOR_THE_REST: Final = 2 * 1024
MAX_PEOPLE_BYTES: Final = MAX_VALUE - _ROOM_FOR_THE_REST
_UUID_BYTES: Final = 16
_is_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def size(value: object) -> int:
    """Return how many bytes Airflow stores for a value."""
    return len(json.dumps(value))


def fitting(rows: Iterable[T], limit: int = MAX_PEOPLE_BYTES) -> Iterator[T]:
    """Yield the first row, and those after it that fit into ``limit`` bytes of JSON together with it."""
    left = limit
    for number, row in enumerate(rows):
        left -= size(row) + len(", ")
        if left < 0 and number:
            return
        yield row


def pack(people: Mapping[str, Any], rest: object = None) -> str:
    """Return a short text that holds what is known of people, by user UUID, and any other JSON value.

    A UUID takes 16 bytes, and everything else is compressed.
    """
    uuids = [uuid for uuid in people if _is_uuid(uuid)]
    others = [key for key in people if not _is_uuid(key)] if len(uuids) < len(people) else []
    values = [people[key] for key in (*uuids, *others)]
    ids = bytes.fromhex("".join(uuids).replace("-", ""))
    text = json.dumps([others, values, rest], separators=(",", ":"))
    return f"{_encode(ids)}.{_encode(zlib.compress(text.encode()))}"


def unpack(text: str) -> tuple[dict[str, Any], Any]:
    """Return what :func:`pack` was called with.

    :raises ValueError: if the text is not one that ``pack`` returned.
    """
    ids, _, compressed = text.partition(".")
    digits = base64.b64decode(ids, validate=True).hex()
    starts = range(0, len(digits), 2 * _UUID_BYTES)
    uuids = (
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-{digits[at + 12 : at + 16]}-{digits[at + 16 : at + 20]}"
        f"-{digits[at + 20 : at + 32]}"
        for at in starts
    )
    try:
        others, values, rest = json.loads(zlib.decompress(base64.b64decode(compressed, validate=True)))
        return dict(zip((*uuids, *others), values, strict=True)), rest
    except (TypeError, zlib.error) as error:
        raise ValueError("the stored text is damaged") from error


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
