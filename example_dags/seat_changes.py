"""Tell someone when a seat was claimed by hand: by someone who is not on the list of those who should. For Airflow 3.

Who is expected stands in the Airflow variable `datadog_seats_expected`, a JSON list of emails.
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
    doc_md=__doc__,
    tags=["datadog", "seats"],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task
    def tell(triggering_asset_events: dict[Asset, list[Any]]) -> list[str]:
        """Tell who gained a seat and is not expected to. Send it to a chat here, or to whoever pays the bill."""
        listed = Variable.get("datadog_seats_expected", default=[], deserialize_json=True)
        expected = {email.casefold() for email in listed}
        told = []
        # Changes that came before the scheduler looked are in one run.
        for event in triggering_asset_events[seats]:
            change = event.extra["payload"]
            print(f"{change['product']}: {change['seats']} seats")
            told += [
                f"{person['email'] or person['id']} holds a seat since {person['assigned_at']}"
                for person in change["gained"]
                if (person["email"] or "").casefold() not in expected
            ]
        for line in told:
            print(line)
        return told

    tell()
