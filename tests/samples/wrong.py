"""Mistakes in a DAG. An editor shows each of them in its line."""

from __future__ import annotations

from airflow_provider_seats import operators
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.report import Report
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import Fault

PRODUCT = "incident_response"
AssignSeatsOperator(task_id="a", product_code=PRODUCT, user_emails=[], missing_users="ignore")  # wrong
SyncSeatsOperator(task_id="b", product_code=PRODUCT, user_emails=[], mode="add")  # wrong
SeatUsersSensor(task_id="c", product_code=PRODUCT, user_emails=[], state="gone")  # wrong
SeatUsersSensor(task_id="d", product_code=PRODUCT, user_emails=[], require="one")  # wrong
AssignSeatsOperator(task_id="e", product_code=PRODUCT, user_emails=[1, 2])  # wrong
UnassignSeatsOperator(task_id="f", product_code=PRODUCT, user_emails=[], preview=None)  # wrong
UnassignSeatsOperator(task_id="f1", product_code=PRODUCT, user_emails=[], missing_users="retry")  # wrong
UnassignSeatsOperator(task_id="f2", product_code=PRODUCT, user_emails=[], on_call="warn")  # wrong
UnassignSeatsOperator(task_id="g", user_emails=[])  # wrong
UnassignSeatsOperator(task_id="h", product_code=7, user_emails=[])  # wrong
SyncSeatsOperator(task_id="i", product_code=PRODUCT, user_emails=[], min_seat_age=7)  # wrong
SyncSeatsOperator(task_id="j", product_code=PRODUCT, user_emails=[], max_unassign=None)  # wrong
operators.SyncSeatOperator(task_id="k", product_code=PRODUCT)  # wrong
DatadogSeatsHook().list_seat_users(product=PRODUCT)  # wrong
DatadogSeatsHook().list_role_members(["SRE"])  # wrong
DatadogSeatsHook().list_active_users("Active")  # wrong
Fault(lost="sometimes")  # wrong


def read(report: Report) -> int:
    """Misspell a key."""
    return len(report["asigned"])  # wrong
