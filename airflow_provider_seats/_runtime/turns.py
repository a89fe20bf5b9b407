"""Turns on an event loop: a thousand triggers that start or wake at once take turns, so that others run in between."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable
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


class _Turns:
    """The futures on an event loop that get a result in their turn, in the order in which they were added."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, futures: Iterable[asyncio.Future[None]]) -> None:
        self._waiting.extend(future for future in futures if not future.done())
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            if not all(name in sys.modules for name in _NEEDED):
                await asyncio.to_thread(lambda: [import_module(name) for name in _NEEDED])
            while self._waiting:
                for future in self._next():
                    future.set_result(None)
                await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 (each that waits raises it)
            while self._waiting:
                for future in self._next():
                    future.set_exception(error)
        finally:
            self._task = None

    def _next(self) -> list[asyncio.Future[None]]:
        futures = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        return [future for future in futures if not future.done()]  # a task that waits may be cancelled


_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = weakref.WeakKeyDictionary()


def wake_in_turns(futures: Iterable[asyncio.Future[None]]) -> None:
    """Set the result of futures, a few at a time. The first turns also load in a thread what triggers need."""
    _turns.setdefault(asyncio.get_running_loop(), _Turns()).add(futures)


def next_turn() -> asyncio.Future[None]:
    """Return a future to wait for: a turn."""
    turn = asyncio.get_running_loop().create_future()
    wake_in_turns([turn])
    return turn


async def compute(size: int, function: Callable[[], T]) -> T:
    """Return the result of a function, which is called in a thread if it takes long.

    :param size: how many people or rows the function looks at.
    """
    return await asyncio.to_thread(function) if size > _MANY else function()
