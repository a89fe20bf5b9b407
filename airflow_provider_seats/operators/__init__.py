"""The operators: steps of a DAG that assign and unassign seats."""

from airflow_provider_seats.operators._assign import AssignSeatsOperator
from airflow_provider_seats.operators._sync import SyncSeatsOperator
from airflow_provider_seats.operators._unassign import UnassignSeatsOperator

__all__ = ["AssignSeatsOperator", "SyncSeatsOperator", "UnassignSeatsOperator"]
