"""Names of Airflow that the tests need and the package does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.sdk.exceptions import TaskDeferred
else:
    try:
        from airflow.sdk import DAG
    except ImportError:  # Airflow 2.11
        from airflow.models import DAG
    try:
        from airflow.sdk.exceptions import TaskDeferred
    except ImportError:  # Airflow before 3.2
        from airflow.exceptions import TaskDeferred

__all__ = ["DAG", "TaskDeferred"]
