"""Connections that followers read in the triggerer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_seats._waiting import followers

if TYPE_CHECKING:
    from airflow_provider_seats.connection import DatadogConnection


@contextmanager
def reading_connections(read: Callable[[str], Awaitable[DatadogConnection]]) -> Iterator[None]:
    """Make all followers read their connection with a function in a ``with`` block."""
    before = followers.install(read)
    try:
        yield
    finally:
        followers.install(before)
