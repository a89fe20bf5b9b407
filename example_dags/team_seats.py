"""Assign a seat to each member of some Datadog teams, and unassign everyone else.

An identity provider may manage the teams. Anyone who may join a team can spend a seat.
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
    dag_id="datadog_seats_team",
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
        "teams": Param(
            ["incident-responders"],
            type="array",
            items={"type": "string"},
            title="Teams",
            description="The handles of the teams, one a line. Members of their sub-teams are not included.",
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
        """Return the UUIDs of everyone in the teams. It needs the permission teams_read."""
        return DatadogSeatsHook().list_team_members(*params["teams"])

    SyncSeatsOperator(
        task_id="sync_seats",
        product_code="{{ params.product_code }}",
        user_uuids=read_members(),
        max_seats="{{ params.max_seats }}",
        warn_seats="90%",
        max_unassign="{{ params.max_unassign }}",
        on_call="keep",
    )
