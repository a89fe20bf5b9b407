"""Read a connection, and make the client that uses it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats import _airflow
from airflow_provider_seats._airflow import AirflowFailException, AirflowNotFoundException, BaseHook
from airflow_provider_seats._api.client import make_client
from airflow_provider_seats._secrets import airflow_reads_a_connection, sealed
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import ConnectionNotFoundError, DatadogSeatsError, InvalidConnectionError

if TYPE_CHECKING:
    from airflow_provider_seats._api.client import Client

# Measured with Airflow 3.3.2: triggers find no connection of a team, neither in variables nor in the database.
_NONE: Final = "there is none. Create it, or correct datadog_conn_id."
_NONE_IN_THE_TRIGGERER: Final = (
    f"{_NONE} The triggerer did not find it. It needs the environment variables and the secrets backend of the workers."
    " If Airflow has teams ([core] multi_team), a triggerer finds no team's connection: pass deferrable=False."
)


def client_of(conn_id: str, get_connection: Callable[[str], Any] | None = None, *, share: float = 1.0) -> Client:
    """Return a client of a connection, in a worker.

    :param get_connection: returns Airflow's connection; by default, Airflow is asked.
    :param share: the part of a stated rate limit that its requests may use.
    :raises InvalidConnectionError: if there is no such connection, or for the first field of it that cannot be used.
    """
    with sealed, airflow_reads_a_connection():
        return make_client(_read_in_worker(conn_id, get_connection or BaseHook.get_connection), share=share)


def _read_in_worker(conn_id: str, get_connection: Callable[[str], Any]) -> DatadogConnection:
    try:
        connection = get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConnectionNotFoundError(conn_id, _unreadable(conn_id) or _NONE) from None
    extra = connection.extra_dejson
    if isinstance(extra, Mapping) and extra.get("app_key"):
        # Airflow masks fields by their names and does not know this one.
        _airflow.mask_secret(extra["app_key"])
    return _parse_connection(conn_id, connection, extra)


async def read_connection(conn_id: str) -> DatadogConnection:
    """Read a connection in the triggerer.

    :raises InvalidConnectionError: if there is no such connection, or for the first field of it that cannot be used.
    """
    with sealed, airflow_reads_a_connection():
        return await _read_connection(conn_id)


async def _read_connection(conn_id: str) -> DatadogConnection:
    try:
        connection, extra = await _airflow.read_connection(conn_id)
    except AirflowNotFoundException:
        raise ConnectionNotFoundError(conn_id, _unreadable(conn_id) or _NONE_IN_THE_TRIGGERER) from None
    # An app_key in the extra is not masked here, because Airflow's mask_secret may block the event loop for ever. The
    # client redacts the keys in everything that it logs or raises.
    return _parse_connection(conn_id, connection, extra)


def _unreadable(conn_id: str) -> str | None:
    """Return what to do if Airflow cannot read a variable; None without one. Airflow logs why only at level DEBUG."""
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    if name not in os.environ:
        return None
    return (
        f"the variable {name} is set, but Airflow cannot read it. Correct its JSON or URI: its fields are conn_type, "
        "host, port, password and extra, and api_key belongs into extra."
    )


@contextmanager
def fail_without_retry(conn_id: str) -> Iterator[None]:
    """Raise ``AirflowFailException`` for an error that no retry can fix. Transient errors go to Airflow's retries.

    :param conn_id: the connection's id, which the message names if the connection has to be corrected.
    """
    try:
        yield
    except DatadogSeatsError as error:
        if error.transient:
            raise
        raise AirflowFailException(error.message_for(conn_id)) from error


def _parse_connection(conn_id: str, connection: Any, extra: Any) -> DatadogConnection:  # noqa: ANN401 (of any Airflow)
    if (connection.extra or "").strip().strip("{} ") and not extra:
        raise InvalidConnectionError(conn_id, "extra", "it is not a JSON object. Enter one.")
    return DatadogConnection.parse(
        conn_id=conn_id,
        conn_type=connection.conn_type,
        host=connection.host,
        port=connection.port,
        schema=connection.schema,
        password=connection.password,
        extra=extra,
    )
