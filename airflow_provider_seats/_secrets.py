"""Keep keys out of the variables of frames, which error trackers, debuggers and consoles show with a traceback.

Two things are enough. A key is a variable of a function, so no attribute and no representation leads to it. And what
handles a key is called inside ``with sealed``, so an error carries no frame that had a key in a variable.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

# Where Airflow logs a connection that it cannot parse.
_CONNECTION_LOGS: Final = (
    "airflow.sdk.definitions.connection",
    "airflow.models.connection",
    "airflow.models.connection.Connection",
)


class Secret:
    """A text that only a call reveals."""

    __slots__ = ("reveal",)

    def __init__(self, text: str) -> None:
        self.reveal: Callable[[], str] = lambda: text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce__(self) -> str:
        raise TypeError("Keys cannot be pickled. Pass the id of the connection instead.")


class _Sealed:
    """Removes from an error what was called inside the ``with`` statement: its frames, and the errors behind it.

    The frame of the statement itself stays, so it must not have a key in a variable.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is not None and traceback is not None:
            traceback.tb_next = None
            error.__cause__ = error.__context__ = None


sealed: Final = _Sealed()


class _WithoutFrames(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], ValueError):
            record.exc_info = None
        return True


@contextmanager
def airflow_reads_a_connection() -> Iterator[None]:
    """Make Airflow log a connection that it cannot parse without the frames of the error.

    Their variables contain the keys, and error trackers take them from the log.
    """
    without_frames = _WithoutFrames()
    logs = [logging.getLogger(name) for name in _CONNECTION_LOGS]
    for log in logs:
        log.addFilter(without_frames)
    try:
        yield
    finally:
        for log in logs:
            log.removeFilter(without_frames)
