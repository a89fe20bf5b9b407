"""Unassign the seats of disabled accounts: disabling an account is not known to free its seat."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import UnassignSeatsOperator

with DAG(
    dag_id="datadog_seats_reclaim",
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
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task
    def find_disabled_accounts(params: dict[str, str]) -> list[str | None]:
        """Return the UUIDs of disabled accounts that hold a seat."""
        rows = DatadogSeatsHook().audit_seats(params["product_code"], status=True)
        return [row["id"] for row in rows if row["status"] == "Disabled"]

    UnassignSeatsOperator(
        task_id="reclaim",
        product_code="{{ params.product_code }}",
        user_uuids=find_disabled_accounts(),
        max_unassign="20%",
    )
