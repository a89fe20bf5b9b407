"""A roster from a file, read by a task that is nothing but read_roster."""

from __future__ import annotations

from airflow_provider_seats.operators import SyncSeatsOperator
from airflow_provider_seats.rosters import read_roster

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG, Param

with DAG("from_file", schedule=None, catchup=False, params={"file": Param("", type="string")}):
    roster = task(read_roster)("{{ params.file }}", where={"Status": "{{ 'active' }}"})
    SyncSeatsOperator(task_id="sync", product_code="incident_response", user_emails=roster, mode="add_only")
