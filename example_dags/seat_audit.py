"""Once a month, write who holds a seat of each product, and print a summary. It changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_seats.operators import AuditSeatsOperator

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG, Param

with DAG(
    dag_id="datadog_seats_audit",
    schedule="@monthly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "products": Param(
            ["incident_response"],
            type="array",
            items={"type": "string"},
            title="Products",
            description="Datadog's codes of the products, one a line.",
        ),
        "folder": Param(
            "file:///tmp/seat-audits",
            type="string",
            title="Folder",
            description="Where the CSV files are written, such as s3://audit/seats.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task
    def get_products(params: dict[str, Any]) -> list[str]:
        """Return the products, so that each becomes a task of its own."""
        return list(params["products"])

    audit = AuditSeatsOperator.partial(
        task_id="audit",
        status=True,
        # An audit shows the seats of now, also in a cleared run, so the operator fills in the day of reading.
        csv_path="{{ params.folder }}/{today}/{{ task.product_code }}.csv",
    ).expand(product_code=get_products())

    @task
    def notify(summaries: list[str]) -> str:
        """Print the summaries. Send them to a chat or to the person who pays the bill instead."""
        message = "\n\n".join(summaries)
        print(message)
        return message

    notify(audit.output["summary"])
