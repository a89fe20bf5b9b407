"""Clients of connections."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_seats import _airflow
from airflow_provider_seats._airflow import AirflowFailException, AirflowNotFoundException
from airflow_provider_seats._connect import _parse_connection, client_of, fail_without_retry, read_connection
from airflow_provider_seats._secrets import Secret
from airflow_provider_seats.exceptions import (
    ConnectionNotFoundError,
    InvalidConnectionError,
    InvalidInputError,
    UnavailableError,
)

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

KEYS = {"conn_type": "datadog_seats", "password": "APP", "extra": {"api_key": "API", "site": "datadoghq.eu"}}


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


@pytest.mark.parametrize("text", ['{"conn_type": "datadog_seats",', json.dumps({**KEYS, "api_key": "API"})])
def test_a_variable_that_airflow_cannot_read_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Airflow skips a variable because of its contents, the error does not only say that there is no connection."""

    def missing(_: str) -> Any:
        raise AirflowNotFoundException("no")

    async def amissing(_: str) -> Any:
        raise AirflowNotFoundException("no")

    monkeypatch.setattr(_airflow, "read_connection", amissing)
    monkeypatch.setenv("AIRFLOW_CONN_EMEA", text)
    expected = r"'Emea', field conn_id: the variable AIRFLOW_CONN_EMEA is set, but Airflow cannot read it\. .* api_key"
    with pytest.raises(ConnectionNotFoundError, match=expected):
        client_of("Emea", missing)
    with pytest.raises(ConnectionNotFoundError, match=expected):
        asyncio.run(read_connection("Emea"))


def test_an_error_fails_at_once_unless_it_is_transient() -> None:
    """An error that no retry can fix is the cause of an AirflowFailException. A transient one is raised as it is."""
    error = InvalidInputError("people", "nobody")
    with pytest.raises(AirflowFailException) as caught, fail_without_retry("c"):
        raise error
    assert caught.value.__cause__ is error
    with pytest.raises(UnavailableError), fail_without_retry("c"):
        raise UnavailableError("GET /", "gone")


def test_a_connection_is_read_without_its_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """The triggerer reads a connection on its event loop."""
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps(KEYS))
    connection = asyncio.run(read_connection("datadog_default"))
    assert connection.base_url == "https://api.datadoghq.eu"
    assert (connection.app_key, connection.api_key) == (Secret("APP"), Secret("API"))


def test_a_missing_connection_says_what_the_triggerer_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says why a triggerer may lack a connection that a worker finds."""

    async def missing(_: str) -> Any:
        raise AirflowNotFoundException("no")

    monkeypatch.setattr(_airflow, "read_connection", missing)
    with pytest.raises(ConnectionNotFoundError, match=r"'gone'.* The triggerer did not find it\. .*deferrable=False"):
        asyncio.run(read_connection("gone"))


@pytest.mark.parametrize(("extra", "parsed"), [("api_key=API", {}), ('{"api_key": ', {}), ("[]", [])])
def test_an_extra_that_is_not_an_object_is_one_error(extra: str, parsed: Any) -> None:
    """An extra that is not a JSON object is one error, and not an error about each field that it lacks."""
    fields = {"conn_type": "datadog_seats", "host": None, "port": None, "schema": None, "password": "APP"}
    with pytest.raises(InvalidConnectionError, match=r"'c', field extra: it is not a JSON object") as raised:
        _parse_connection("c", SimpleNamespace(**fields, extra=extra), parsed)
    assert "API" not in str(raised.value)


@pytest.mark.parametrize("extra", [None, "", " ", "{}", " { } "])
def test_a_connection_may_have_no_extra(extra: str | None) -> None:
    """A token needs no extra."""
    fields = {"conn_type": "datadog_seats", "host": None, "port": None, "schema": None, "password": "ddpat_1"}
    assert _parse_connection("c", SimpleNamespace(**fields, extra=extra), {}).api_key is None
