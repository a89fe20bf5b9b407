"""DAGs for a large organisation: each lets Airflow store as much as the package ever gives it."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from hashlib import sha256
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_seats.operators import SyncSeatsOperator
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.triggers import SeatChangesTrigger

COUNT = int(os.environ.get("LARGE", "100"))


def emails(prefix: str) -> list[str]:
    """Return the emails of many people."""
    return [f"{prefix}.{sha256(str(number).encode()).hexdigest()[:10]}@example.com" for number in range(COUNT)]


# A template, because a roster of this size in XCom or in a run's conf cannot be read on MySQL.
macros = {"roster": lambda prefix: json.dumps(emails(prefix))}
again = {"retries": 2, "retry_delay": timedelta(seconds=1)}
changed = Asset("changed", watchers=[AssetWatcher(name="changes", trigger=SeatChangesTrigger(product_code="watched"))])

with DAG("waited", schedule=None, user_defined_macros=macros, default_args=again):
    SeatUsersSensor(
        task_id="wait",
        product_code="waited",
        user_emails="{{ roster('waited') }}",
        deferrable=True,
        poke_interval=5,
        timeout=600,
    )

with DAG("synced", schedule=None, user_defined_macros=macros, default_args=again):
    SyncSeatsOperator(
        task_id="sync", product_code="synced", user_emails="{{ roster('synced') }}", datadog_conn_id="faulty"
    )

with DAG("reviewed", schedule=None, user_defined_macros=macros, default_args=again):
    sync: dict[str, Any] = {"product_code": "reviewed", "user_emails": "{{ roster('reviewed') }}"}
    preview = SyncSeatsOperator(task_id="preview", preview=True, **sync)
    approve = ApprovalOperator(
        task_id="approve", subject="Change the seats?", body="{{ ti.xcom_pull('preview', key='summary') }}"
    )
    preview >> approve >> SyncSeatsOperator(task_id="apply", approved=preview.output, **sync)

with DAG("changes", schedule=[changed]):

    @task
    def count(triggering_asset_events: dict[Asset, list[Any]]) -> list[list[int]]:
        """Return for each event how many people gained a seat, and how many more follow."""
        payloads = [event.extra["payload"] for event in triggering_asset_events[changed]]
        return [[len(payload["gained"]), payload["more"]] for payload in payloads]

    count()
