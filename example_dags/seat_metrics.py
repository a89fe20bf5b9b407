"""Show seats in Datadog's own dashboards, through Airflow's Datadog provider (apache-airflow-providers-datadog).

Each hour, a DAG sends the seats of now and the month's peak as metrics. A second DAG syncs seats, and sends the changes
as metrics and as an event. Both providers use the same connection: its extra needs api_key and api_host.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_seats.operators import AuditSeatsOperator, SyncSeatsOperator

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG, Param

CONN_ID = "datadog_default"
PRODUCT = Param(
    "incident_response",
    type="string",
    examples=["incident_response"],
    title="Product",
    description="Datadog's code of the product.",
)


def send_seats(audit: dict[str, Any]) -> None:
    """Send the seats of now, and the peak of the month by Datadog's names, as gauges."""
    from airflow.providers.datadog.hooks.datadog import DatadogHook  # noqa: PLC0415 (only where the task runs)

    hook = DatadogHook(CONN_ID)
    hook.send_metric("seats.held", audit["seats"], tags=[f"product:{audit['product']}"], type_="gauge")
    products = audit["usage"]["products"] if audit["usage"] else {}
    for name, peaks in products.items():
        if peaks["peak"] is not None:
            hook.send_metric("seats.peak", peaks["peak"], tags=[f"usage:{name}"], type_="gauge")


def send_changes(report: dict[str, Any]) -> None:
    """Send how many seats were assigned and unassigned as counts, and an event if there were any. It names nobody."""
    from airflow.providers.datadog.hooks.datadog import DatadogHook  # noqa: PLC0415 (only where the task runs)

    hook = DatadogHook(CONN_ID)
    tags = [f"product:{report['product']}"]
    counts = {kind: report["counts"][kind] for kind in ("assigned", "unassigned")}
    for kind, count in counts.items():
        hook.send_metric("seats.changed", count, tags=[*tags, f"change:{kind}"], type_="count")
    if any(counts.values()):
        hook.post_event(
            title=f"Seats of {report['product']} changed",
            text=", ".join(f"{count} {kind}" for kind, count in counts.items())
            + f"; {report['seats_after']} seats now",
            tags=tags,
            alert_type="warning" if report["warnings"] else "info",
        )


default_args = {"retries": 2, "retry_delay": timedelta(minutes=1)}

with DAG(
    dag_id="datadog_seats_metrics",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "product_code": PRODUCT,
        "usage": Param(
            default=False,
            type="boolean",
            title="Usage",
            description="Also send the month's peak. It needs usage_read, and keys of the parent organisation.",
        ),
    },
    default_args=default_args,
):
    audit = AuditSeatsOperator(task_id="audit", product_code="{{ params.product_code }}", usage="{{ params.usage }}")
    task(send_seats)(audit.output)

with DAG(
    dag_id="datadog_seats_metrics_of_a_sync",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "product_code": PRODUCT,
        "emails": Param(
            ["ann@example.com"],
            type="array",
            items={"type": "string", "format": "email"},
            title="Emails",
            description="Everyone who should hold a seat, one email a line.",
        ),
    },
    default_args=default_args,
):
    sync = SyncSeatsOperator(
        task_id="sync", product_code="{{ params.product_code }}", user_emails="{{ params.emails }}"
    )
    task(send_changes)(sync.output)
