"""A roster from a file, read by a task that is nothing but read_roster."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_seats.operators import SyncSeatsOperator
from airflow_provider_seats.rosters import read_roster

with DAG("from_file", schedule=None, catchup=False, params={"file": Param("", type="string")}):
    roster = task(read_roster)("{{ params.file }}", where={"Status": "{{ 'active' }}"})
    SyncSeatsOperator(task_id="sync", product_code="incident_response", user_emails=roster, mode="add_only")
