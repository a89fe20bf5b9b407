"""Turns on an event loop: a thousand triggers that start or wake at once take turns, so that others run in between."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from typing import Final, TypeVar

T = TypeVar("T")

# How many triggers run before the event loop gets a chance to run something else.
_AT_ONCE: Final = 20
# With more people or rows than this, a trigger does its work in a thread.
_MANY: Final = 200
# What triggers import when they run.
MODULES: Final = tuple(
    f"airflow_provider_seats.{name}"
    for name in ("_rosters.emails", "_waiting.accounts", "_waiting.users_wait", "_waiting.changes")
)
# The futures that wait, by their event loop.
_queues: Final[dict[asyncio.AbstractEventLoop, deque[asyncio.Future[None]]]] = {}


def wake_in_turns(futures: Iterable[asyncio.Future[None]]) -> None:
    """Set the result of each future, a few at a time and in order. Skip futures that are done by then.

    Before the first ones, a thread loads the modules that triggers need.
    """
    waiting = [future for future in futures if not future.done()]
    if not waiting:
        return
    loop = asyncio.get_running_loop()
    queue = _queues.get(loop)
    if queue is None:
        if all(name in sys.modules for name in MODULES):
            loop.call_soon(_wake_some, loop)
        else:
            loop.run_in_executor(None, _load).add_done_callback(lambda _: _wake_some(loop))
        queue = _queues[loop] = deque()
    queue.extend(waiting)


def next_turn() -> asyncio.Future[None]:
    """Return a future that is done when it is the caller's turn."""
    turn = asyncio.get_running_loop().create_future()
    wake_in_turns([turn])
    return turn


def _load() -> None:
    # A trigger that cannot import a module either raises why.
    with suppress(Exception):
        for name in MODULES:
            import_module(name)


def _wake_some(loop: asyncio.AbstractEventLoop) -> None:
    queue = _queues[loop]
    for _ in range(min(_AT_ONCE, len(queue))):
        future = queue.popleft()
        if not future.done():
            future.set_result(None)
    if queue:
        loop.call_soon(_wake_some, loop)
    else:
        del _queues[loop]


async def compute(size: int, function: Callable[[], T]) -> T:
    """Return the result of a function, which is called in a thread if it takes long.

    :param size: how many people or rows the function looks at.
    """
    return await asyncio.to_thread(function) if size > _MANY else function()
