"""Turns on an event loop: a thousand triggers that start or wake at once take turns, so that others run in between."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Final, TypeVar

T = TypeVar("T")

# How many triggers run before the event loop gets a chance to run something else.
AT_ONCE: Final = 20
# With more people than this, a trigger checks its condition in a thread.
_MANY: Final = 200
_NEEDED: Final = tuple(
    f"airflow_provider_seats.{name}"
    for name in ("_planning.condition", "_planning.seat_changes", "_runtime.users_wait")
)

_gates: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()


async def take_turn() -> None:
    """Wait for a turn. The first turns also load in a thread what triggers need, which takes a moment."""
    loop = asyncio.get_running_loop()
    gate = _gates.get(loop)
    if gate is None:
        gate = _gates[loop] = asyncio.Semaphore(AT_ONCE)
    async with gate:
        if all(name in sys.modules for name in _NEEDED):
            await asyncio.sleep(0)
        else:
            await asyncio.to_thread(lambda: [import_module(name) for name in _NEEDED])


async def compute(size: int, function: Callable[[], T]) -> T:
    """Return the result of a function, which is called in a thread if it takes long.

    :param size: how many people or rows the function looks at.
    """
    return await asyncio.to_thread(function) if size > _MANY else function()
