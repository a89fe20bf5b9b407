"""Turns on an event loop: a thousand triggers that start or wake at once take turns, so that others run in between."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any, Final, TypeVar

T = TypeVar("T")

# How many triggers run before the event loop gets a chance to run something else.
AT_ONCE: Final = 20
# With more people than this, a trigger checks its condition in a thread.
_MANY: Final = 200
_NEEDED: Final = tuple(
    f"airflow_provider_seats.{name}"
    for name in ("_planning.condition", "_planning.seat_changes", "_runtime.users_wait")
)
# The futures that wait, for each event loop on which there are any.
_queues: Final[dict[asyncio.AbstractEventLoop, deque[asyncio.Future[None]]]] = {}


def wake_in_turns(futures: Iterable[asyncio.Future[None]]) -> None:
    """Set the result of futures, a few at a time, the first one first. One that is done by then is left as it is.

    The first turns also load in a thread what triggers need, which takes a moment.
    """
    waiting = [future for future in futures if not future.done()]
    if not waiting:
        return
    loop = asyncio.get_running_loop()
    queue = _queues.get(loop)
    if queue is None:
        # Other loops may run in other threads, so this iterates over a copy.
        for closed in [each for each in list(_queues) if each.is_closed()]:
            _queues.pop(closed, None)
        queue = _queues[loop] = deque()
        if all(name in sys.modules for name in _NEEDED):
            loop.call_soon(_wake_some, loop)
        else:
            loop.run_in_executor(None, _load).add_done_callback(partial(_wake_some, loop))
    queue.extend(waiting)


def next_turn() -> asyncio.Future[None]:
    """Return a future to wait for: a turn."""
    turn = asyncio.get_running_loop().create_future()
    wake_in_turns([turn])
    return turn


def _wake_some(loop: asyncio.AbstractEventLoop, loading: asyncio.Future[Any] | None = None) -> None:
    queue = _queues[loop]
    error = loading.exception() if loading else None
    for _ in range(min(AT_ONCE, len(queue)) if error is None else len(queue)):
        future = queue.popleft()
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
    if queue:
        loop.call_soon(_wake_some, loop)
    else:
        del _queues[loop]


def _load() -> None:
    for name in _NEEDED:
        import_module(name)


async def compute(size: int, function: Callable[[], T]) -> T:
    """Return the result of a function, which is called in a thread if it takes long.

    :param size: how many people or rows the function looks at.
    """
    return await asyncio.to_thread(function) if size > _MANY else function()
