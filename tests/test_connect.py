"""Clients of connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats._connect import client_of, fail_without_retry, read_connection
from airflow_provider_seats.exceptions import ConnectionNotFoundError, InvalidInputError, UnavailableError

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog


def test_worker_and_triggerer_read_the_same_connection(datadog: FakeDatadog) -> None:
    """A client has the connection that the triggerer reads, too."""
    client = client_of("datadog_default")
    assert client.connection == asyncio.run(read_connection("datadog_default"))
    assert client.connection.base_url == datadog.url


def test_a_missing_connection_is_named() -> None:
    """Both say which connection is missing, and the triggerer what it may lack."""
    with pytest.raises(ConnectionNotFoundError, match="'nowhere'"):
        client_of("nowhere")
    with pytest.raises(ConnectionNotFoundError, match=r"'nowhere'.*triggerer did not find it"):
        asyncio.run(read_connection("nowhere"))


def test_an_error_fails_at_once_unless_it_is_transient() -> None:
    """An error that no retry can fix is the cause of an AirflowFailException. A transient one is raised as it is."""
    error = InvalidInputError("people", "nobody")
    with pytest.raises(AirflowFailException) as caught, fail_without_retry("c"):
        raise error
    assert caught.value.__cause__ is error
    with pytest.raises(UnavailableError), fail_without_retry("c"):
        raise UnavailableError("GET /", "gone")
