"""Clients that send nothing, or that a test has made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._api import client
from airflow_provider_seats._api.client import Client

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import NoAnswer, Request, Response


@contextmanager
def making_clients(make: Callable[..., Any]) -> Iterator[None]:
    """Make the clients of the whole package with a function in a ``with`` block."""
    before = client.install(make)
    try:
        yield
    finally:
        client.install(before)


@contextmanager
def answering(send: Callable[[Request], Response | NoAnswer]) -> Iterator[None]:
    """Answer all requests with a function instead of sending them in a ``with`` block."""
    with making_clients(partial(Client, send=send)):
        yield
