"""Read a Datadog connection from Airflow."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_seats import _airflow
from airflow_provider_seats._airflow import AirflowNotFoundException
from airflow_provider_seats._secrets import airflow_reads_a_connection, sealed
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import ConnectionNotFoundError, InvalidConnectionError

# Measured with Airflow 3.3.2: triggers find no connection of a team, neither in variables nor in the database.
_IN_THE_TRIGGERER: Final = (
    " The triggerer did not find it. It needs the environment variables and the secrets backend of the workers. If "
    "Airflow has teams ([core] multi_team), a triggerer finds no team's connection: pass deferrable=False."
)


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
        raise ConnectionNotFoundError(conn_id, _IN_THE_TRIGGERER) from None
    # An app_key in the extra is not masked here, because Airflow's mask_secret may block the event loop for ever. The
    # client redacts the keys in everything that it logs or raises.
    return parse_connection(conn_id, connection, extra)


def parse_connection(conn_id: str, connection: Any, extra: Any) -> DatadogConnection:  # noqa: ANN401 (of any Airflow)
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
