"""Assign a seat to everyone who has one of some Datadog roles, and unassign everyone else.

An identity provider may give the roles. Anyone who may give a role can spend a seat.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import SyncSeatsOperator

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG, Param

with DAG(
    dag_id="datadog_seats_role",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "product_code": Param(
            "incident_response",
            type="string",
            examples=["incident_response"],
            title="Product",
            description="Datadog's code of the product.",
        ),
        "roles": Param(
            ["Incident Responder"],
            type="array",
            items={"type": "string"},
            title="Roles",
            description="The names or ids of the roles, one a line. Only an id stays the same if a role is renamed.",
        ),
        "max_seats": Param(
            "50",
            type="string",
            title="Most seats",
            description="The sync refuses more seats, and warns above 90 % of this number.",
        ),
        "max_unassign": Param(
            "10",
            type="string",
            title="Most people who may lose a seat",
            description="A number up to half of the seats, or a percentage of all seats such as 100%.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task
    def read_members(params: dict[str, Any]) -> list[str]:
        """Return the UUIDs of everyone who has one of the roles. It needs the permission user_access_read."""
        return DatadogSeatsHook().list_role_members(*params["roles"])

    SyncSeatsOperator(
        task_id="sync_seats",
        product_code="{{ params.product_code }}",
        user_uuids=read_members(),
        max_seats="{{ params.max_seats }}",
        warn_seats="90%",
        max_unassign="{{ params.max_unassign }}",
        on_call="keep",
    )
