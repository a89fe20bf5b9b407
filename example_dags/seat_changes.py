"""Report people who claimed a seat by hand and are not on the list of expected people. For Airflow 3.

The Airflow variable `datadog_seats_expected` contains the expected people, as a JSON list of emails.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, Variable, task

from airflow_provider_seats.triggers import SeatChangesTrigger

seats = Asset(
    "datadog_incident_response_seats",
    watchers=[
        AssetWatcher(
            name="datadog_seat_changes",
            trigger=SeatChangesTrigger(product_code="incident_response", poll_interval=60),
        )
    ],
)

with DAG(
    dag_id="datadog_seats_changes",
    schedule=[seats],
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task
    def notify(triggering_asset_events: dict[Asset, list[Any]]) -> list[str]:
        """Print unexpected people who gained a seat. Send it to a chat or to the person who pays the bill instead."""
        listed = Variable.get("datadog_seats_expected", default=[], deserialize_json=True)
        expected = {email.lower() for email in listed}
        lines = []
        # One run may get several changes.
        for event in triggering_asset_events[seats]:
            change = event.extra["payload"]
            print(f"Seats of {change['product']}: {change['seats']}")
            lines += [
                f"{person['email'] or person['id']} holds a seat since {person['assigned_at']}"
                for person in change["gained"]
                if (person["email"] or "").lower() not in expected
            ]
        for line in lines:
            print(line)
        return lines

    notify()
