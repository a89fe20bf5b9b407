"""Wait until new colleagues have a Datadog account, assign their seats, and print who holds one.

Single sign-on or SCIM creates the accounts, perhaps days after the hire. The operator confirms the seats itself. The
last sensor follows because its result has the name of each person and the date of the seat.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_seats.operators import AssignSeatsOperator
from airflow_provider_seats.sensors import SeatUsersSensor, UserAccountsSensor

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG, Param

with DAG(
    dag_id="datadog_seats_onboarding",
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
            description="The people who get a seat, one email a line.",
        ),
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
    account = UserAccountsSensor(
        task_id="wait_for_accounts",
        user_emails="{{ params.emails }}",
        deferrable=True,
        poke_interval=300,
        timeout=timedelta(days=14),
    )

    assign = AssignSeatsOperator(
        task_id="assign_seats",
        product_code="{{ params.product_code }}",
        user_emails="{{ params.emails }}",
    )

    wait = SeatUsersSensor(
        task_id="wait_for_seats",
        product_code="{{ params.product_code }}",
        user_emails="{{ params.emails }}",
        deferrable=True,
        poke_interval=60,
        timeout=60 * 60,
    )

    @task
    def say_who(found: dict[str, Any]) -> list[str]:
        """Print who holds a seat, and since when. Send it to a chat or to the hiring team instead."""
        for holder in found["people"]:
            print(f"{holder['name']} <{holder['email']}> holds a seat since {holder['assigned_at']}")
        return [holder["email"] for holder in found["people"]]

    account >> assign >> wait
    say_who(wait.output)
