"""Assign a seat to each person in the result of a query, and unassign everyone else.

The query returns one column of email addresses or user UUIDs, without NULL. A check runs first: it is a query whose
cells must all be true.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.sql.operators.sql import SQLCheckOperator, SQLExecuteQueryOperator

from airflow_provider_seats.operators import SyncSeatsOperator

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2.11
    from airflow.models import DAG, Param

with DAG(
    dag_id="datadog_seats_from_sql",
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
        "conn_id": Param(
            "warehouse", type="string", title="Connection", description="The Airflow connection of the database."
        ),
        "check": Param(
            "SELECT COUNT(*) > 0, COUNT(email) = COUNT(*) FROM active_staff",
            type="string",
            title="Check",
            description="A query with one row. If a cell is false, 0 or NULL, nothing is changed.",
        ),
        "query": Param(
            "SELECT email FROM active_staff ORDER BY email",
            type="string",
            title="Query",
            description="A query for one column: email addresses or user UUIDs.",
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
    check = SQLCheckOperator(task_id="check", conn_id="{{ params.conn_id }}", sql="{{ params.check }}")

    query = SQLExecuteQueryOperator(task_id="query", conn_id="{{ params.conn_id }}", sql="{{ params.query }}")

    sync = SyncSeatsOperator(
        task_id="sync_seats",
        product_code="{{ params.product_code }}",
        user_emails=query.output,
        max_unassign="{{ params.max_unassign }}",
        missing_users="skip",
        on_call="keep",
    )

    check >> query >> sync
