"""Tasks with four batches whose workers the tests kill, and a task that retries when Datadog allows it."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_seats._airflow import AirflowOptionalProviderFeatureException
from airflow_provider_seats._api import seat_change
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models import DAG


def tell_pid(context: Any) -> None:
    """Write the process id of the task to a file with the name of its product."""
    Path(os.environ["PIDS"], context["task"].product_code).write_text(str(os.getpid()))


try:
    from airflow_provider_seats.retries import RetryAfter

    policy: dict[str, Any] = {"retry_policy": RetryAfter()}
except AirflowOptionalProviderFeatureException:
    policy = {}

with DAG("comes_back", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(hours=1), **policy}):
    UnassignSeatsOperator(
        task_id="unassign", product_code="example_product", user_emails=["ann@example.com"], datadog_conn_id="patient"
    )

# Each person is a call, so that a worker can be killed between two.
seat_change.BATCH_SIZE = 1
stage: dict[str, Any] = json.loads(os.environ.get("STAGE", "{}"))
arguments = {
    "retries": 3,
    "retry_delay": timedelta(0),
    "pre_execute": tell_pid,
    "datadog_conn_id": "deadly",
}

with DAG("killed", schedule=None, max_active_tasks=4):
    for kind, operator, people in (
        ("assign", AssignSeatsOperator, "joiners"),
        ("unassign", UnassignSeatsOperator, "leavers"),
        ("sync", SyncSeatsOperator, "roster"),
    ):
        operator.partial(task_id=kind, user_uuids=stage.get(kind, {}).get(people, []), **arguments).expand(
            product_code=stage.get(kind, {}).get("products", [])
        )
