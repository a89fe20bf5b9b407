"""Unassign the seats of people who leave, and wait until Datadog no longer lists them.

The operator reports what Datadog answered. The sensor makes sure that the seats are gone.

If someone is found in an on-call schedule or an escalation policy, nothing is changed: replace them there first, or
nobody is paged at night. The look-up needs the permissions on_call_read and teams_read.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_seats.operators import UnassignSeatsOperator
from airflow_provider_seats.sensors import SeatUsersSensor

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2.11
    from airflow.models import DAG, Param

with DAG(
    dag_id="datadog_seats_offboarding",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "emails": Param(
            ["ann@example.com"],
            type=["array", "string"],  # a webhook may send one address, or a list as text
            items={"type": "string", "format": "email"},
            title="Emails",
            description="The people who lose their seat, one email a line.",
        ),
        "product_code": Param(
            "incident_response",
            type="string",
            examples=["incident_response"],
            title="Product",
            description="Datadog's code of the product.",
        ),
        "max_unassign": Param(
            "10",
            type="string",
            title="Most people who may lose a seat",
            description="A number up to half of the seats, or a percentage of all seats such as 100%.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
) as dag:
    unassign = UnassignSeatsOperator(
        task_id="unassign_seats",
        product_code="{{ params.product_code }}",
        user_emails="{{ params.emails }}",
        on_call="refuse",
        max_unassign="{{ params.max_unassign }}",
    )

    wait = SeatUsersSensor(
        task_id="wait_until_gone",
        product_code="{{ params.product_code }}",
        user_emails="{{ params.emails }}",
        state="unassigned",
        mode="reschedule",
        poke_interval=60,
        timeout=60 * 60,
    )

    unassign >> wait
