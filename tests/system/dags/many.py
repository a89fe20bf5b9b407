"""Many hires: a task for each person, with several limits, and one task for all people."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow_provider_seats.operators import AssignSeatsOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models import DAG

MANY, FEW = int(os.environ.get("MANY", "500")), int(os.environ.get("FEW", "40"))
MAPPED = int(os.environ.get("MAPPED", str(MANY)))
people = [f"hire{number:03}@example.com" for number in range(MANY)]
again = {"retries": 2, "retry_delay": timedelta(0)}

with DAG("many", schedule=None, default_args=again):
    AssignSeatsOperator.partial(task_id="assign", product_code="many").expand(
        user_emails=[[each] for each in people[:MAPPED]]
    )

with DAG("many_in_a_pool", schedule=None, default_args=again):
    AssignSeatsOperator.partial(task_id="assign", product_code="pool", pool="datadog").expand(
        user_emails=[[each] for each in people[:FEW]]
    )

with DAG("many_but_two_at_a_time", schedule=None, default_args=again):
    AssignSeatsOperator.partial(task_id="assign", product_code="two", max_active_tis_per_dag=2).expand(
        user_emails=[[each] for each in people[:FEW]]
    )

with DAG("many_in_one_task", schedule=None, default_args=again):
    AssignSeatsOperator(task_id="assign", product_code="one", user_emails=people)
