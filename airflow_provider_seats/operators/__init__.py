"""The operators: steps of a DAG that assign, unassign and audit seats."""

from airflow_provider_seats.operators._assign import AssignSeatsOperator
from airflow_provider_seats.operators._audit import AuditSeatsOperator
from airflow_provider_seats.operators._sync import SyncSeatsOperator
from airflow_provider_seats.operators._unassign import UnassignSeatsOperator

__all__ = ["AssignSeatsOperator", "AuditSeatsOperator", "SyncSeatsOperator", "UnassignSeatsOperator"]
