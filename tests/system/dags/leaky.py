"""Tasks that fail in ways that might leak a key, and tasks that print and return all that they can read."""

from __future__ import annotations

import pickle

from airflow_provider_seats.exceptions import DatadogSeatsError
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AssignSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.sensors import SeatUsersSensor

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG

PRODUCT = "incident_response"
ANN, LEAVER = "6ef85243-35c2-4c80-a6c7-da164c84506c", "0b1f1c0e-7a53-4f0e-9a1e-6a1f3f1f2d11"

with DAG("leaky", schedule=None, params={"emails": []}, default_args={"datadog_conn_id": "leaky"}):
    refused = AssignSeatsOperator(task_id="refused", product_code=PRODUCT, user_uuids=[ANN])
    misled = UnassignSeatsOperator(task_id="misled", product_code=PRODUCT, user_uuids=[LEAVER])
    rejected = AssignSeatsOperator(task_id="rejected", product_code=PRODUCT, user_emails="{{ params.emails }}")
    wait = SeatUsersSensor(
        task_id="wait",
        product_code="example_product",
        user_emails="{{ params.emails }}",
        deferrable=True,
        poke_interval=1,
    )

    @task(trigger_rule="all_done")
    def show() -> str:
        """Print and return what a person might print to find a bug."""
        hook = DatadogSeatsHook("leaky")
        client = hook.get_conn()
        shown = f"{hook!r} {client!r} {client.connection!r} {client.connection} {hook.test_connection()}"
        print(shown)
        print(vars(client))
        return shown

    @task(trigger_rule="all_done")
    def raises() -> str:
        """Return an error in all forms: its message, attributes, causes and pickle."""
        try:
            DatadogSeatsHook("leaky").list_seat_users("no_such_product")
        except DatadogSeatsError as error:
            return f"{error!r} {vars(error)} {error.__cause__!r} {error.__context__!r} {pickle.dumps(error)!r}"
        raise AssertionError

    [refused, misled, rejected] >> show() >> raises()
