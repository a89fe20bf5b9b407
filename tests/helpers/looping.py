"""An event loop on which time passes only when nothing else is left to do, and then at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from airflow_provider_seats._api.clock import Clock

T = TypeVar("T")

NOW: Final = 1_800_000_000.0


class QuickLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer when it is idle. It really waits only for work in threads."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._threads = 0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> Any:
            if self._threads:
                return select(timeout if timeout == 0 else 0.05)
            if timeout is None:
                raise RuntimeError("Every task waits, and no timer is left.")
            self._now += timeout
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        """Return the time of the loop, which starts at 0."""
        return self._now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Run a function in a thread. Time stands still until it ends."""

        def done(_: object) -> None:
            self._threads -= 1

        self._threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(done)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """End the threads, if any were used. From Python 3.12 on, asyncio passes a timeout."""
        self._threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._threads -= 1


_running: list[QuickLoop] = []


def quickly(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a quick loop of its own."""
    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, QuickLoop)
        _running.append(loop)
        try:
            return runner.run(main)
        finally:
            _running.clear()


def is_running() -> bool:
    """Return whether a quick loop runs."""
    return bool(_running)


def now() -> float:
    """Return the Unix time of the quick loop, also in its threads. Return ``NOW`` if none runs."""
    return NOW + (_running[0].time() if _running else 0)


class LoopClock(Clock):
    """The time of the quick loop, for everything in the package."""

    def now(self) -> float:
        """Return Unix time."""
        return now()
