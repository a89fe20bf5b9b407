"""Clients that send nothing, or that a test has made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_seats._api import client
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import NoAnswer, Request, Response
from airflow_provider_seats._api.transport import connect

if TYPE_CHECKING:
    from airflow_provider_seats.connection import DatadogConnection

_Send: TypeAlias = Callable[[Request], Response | NoAnswer]


@contextmanager
def making_clients(make: Callable[..., Any]) -> Iterator[None]:
    """Make the clients of the whole package with a function in a ``with`` block."""
    before = client.install(make)
    try:
        yield
    finally:
        client.install(before)


@contextmanager
def intercepting(intercept: Callable[[Request], object]) -> Iterator[None]:
    """Call a function before each request is sent in a ``with`` block. If it raises, nothing is sent."""

    def answer(request: Request, send: _Send) -> Response | NoAnswer:
        intercept(request)
        return send(request)

    with _sending(answer):
        yield


@contextmanager
def dating(moment: float) -> Iterator[None]:
    """Make Datadog date all responses with a time, in Unix time, in a ``with`` block."""

    def answer(request: Request, send: _Send) -> Response | NoAnswer:
        received = send(request)
        if not isinstance(received, Response):
            return received
        return received._replace(headers={**received.headers, "date": formatdate(moment, usegmt=True)})

    with _sending(answer):
        yield


@contextmanager
def _sending(answer: Callable[[Request, _Send], Response | NoAnswer]) -> Iterator[None]:
    def make(connection: DatadogConnection, **options: Any) -> Client:
        send, _ = connect(connection, 1, time.time)
        return Client(connection, send=lambda request: answer(request, send), **options)

    with making_clients(make):
        yield


@contextmanager
def answering(send: Callable[[Request], Response | NoAnswer]) -> Iterator[None]:
    """Answer all requests with a function instead of sending them in a ``with`` block."""
    with making_clients(partial(Client, send=send)):
        yield
