"""An event loop on which time passes only when nobody has anything else to do, and then at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

NOW: Final = 1_800_000_000.0


class QuickLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer when all is quiet, but waits in earnest for what runs in threads."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._threads = 0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> Any:
            if self._threads:
                return select(timeout if timeout == 0 else 0.05)
            if timeout is None:
                raise RuntimeError("Everyone waits, and nothing will come.")
            self._now += timeout
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        """Give the time of the loop, which begins at 0."""
        return self._now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Run in a thread, for whose end time stands still."""

        def done(_: object) -> None:
            self._threads -= 1

        self._threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(done)
        return future


_running: list[QuickLoop] = []


def quickly(main: Coroutine[Any, Any, T]) -> T:
    """Run on a loop of its own, whose time takes no time."""
    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, QuickLoop)
        _running.append(loop)
        try:
            return runner.run(main)
        finally:
            _running.clear()


def now() -> float:
    """Give the Unix time of the loop that runs, also in its threads; that of its beginning where none runs."""
    return NOW + (_running[0].time() if _running else 0)
