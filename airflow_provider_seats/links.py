"""The extra link of a task, to the page in Datadog where an organisation manages its seats."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._airflow import BaseOperatorLink

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import TaskInstanceKey


class SeatsPageLink(BaseOperatorLink):
    """Link a task to the Seat Management page of its organisation, on its Datadog site.

    .. seealso:: https://docs.datadoghq.com/account_management/billing/incident_response/

    There is no link if the connection's host is not a Datadog site, such as a proxy, or if the connection cannot be
    read where Airflow asks for the link: in the worker on Airflow 3, in the webserver on Airflow 2.
    """

    name = "Datadog seats"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ANN401, ARG002 (Airflow's interface)
        """Return the address of the page; an empty text if there is none."""
        from airflow_provider_seats.hooks import DatadogSeatsHook  # noqa: PLC0415 (not loaded when a DAG is parsed)

        try:
            return DatadogSeatsHook(operator.datadog_conn_id).get_conn().connection.seats_page or ""
        except Exception as error:  # noqa: BLE001 (a secrets backend may raise anything, and a link must not fail a task)
            logging.getLogger(__name__).debug("No link to Datadog's seats: %s", type(error).__name__)
            return ""
