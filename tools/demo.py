"""The demo: onboarding and offboarding DAGs in a real Airflow, against a Datadog that lives as long as the demo.

Run it with ``make demo``. It needs no Datadog account, no network, and leaves nothing running.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from airflow_provider_seats.testing import FakeDatadog
from tests.helpers.airflow_home import EXAMPLE_DAGS, AirflowHome

PRODUCT = "incident_response"
HIRES = ["ann@example.com", "bob@example.com"]
LEAVERS = ["bob@example.com", "cy@example.com"]
ROSTER = ["ann@example.com", "bob@example.com"]
# Of all that Airflow says, what a person wants to follow: which task runs, and what our own code and the tasks say.
STARTING = re.compile(r"\[DAG TEST\] starting task_id=(?P<task>\S+)")
SAYING = re.compile(r"\] (?P<words>.*?) +\[airflow\.task\.operators\.airflow_provider_seats|\A(?P<plain>\w+ <.*)")
BROKEN = 3000


def main() -> None:
    """Show the seats before, in between, and after."""
    started = time.monotonic()
    with FakeDatadog() as datadog:
        for email in ("ann@example.com", "bob@example.com"):
            datadog.add_user(email)
        for email in ("cy@example.com", "di@example.com"):
            datadog.give_seat(PRODUCT, datadog.add_user(email), assigned_at="2026-01-01T00:00:00Z")
        say(f"A FakeDatadog serves at {datadog.url}; cy and di hold a seat of {PRODUCT}.")
        say("Preparing a throw-away Airflow home on SQLite ...")
        # Nobody is there to approve the preview of the review.
        settings = {"AIRFLOW_CONN_DATADOG_DEFAULT": datadog.airflow_connection(), "SEAT_REVIEW_ASK": "no"}
        with AirflowHome(EXAMPLE_DAGS, settings) as home:
            before = datadog.emails(PRODUCT)
            say(f"Onboarding {' and '.join(HIRES)}, by the DAG datadog_seats_onboarding:")
            run(home, "datadog_seats_onboarding", {"emails": HIRES})
            between = datadog.emails(PRODUCT)
            say(f"Offboarding {' and '.join(LEAVERS)}, by the DAG datadog_seats_offboarding:")
            run(home, "datadog_seats_offboarding", {"emails": LEAVERS})
            after = datadog.emails(PRODUCT)
            say(f"A roster of {' and '.join(ROSTER)}: a preview, and its application, by datadog_seats_review:")
            run(home, "datadog_seats_review", {"emails": ROSTER})
            synced = datadog.emails(PRODUCT)
        show({"before": before, "onboarded": between, "offboarded": after, "synced": synced})
        requests = datadog.calls()
        print(f"\n{len(requests)} requests to Datadog, {time.monotonic() - started:.0f} seconds, nothing left running.")
    if (after, synced) != (["ann@example.com", "di@example.com"], ROSTER):
        sys.exit("The seats are not as they should be.")


def run(home: AirflowHome, dag_id: str, conf: Mapping[str, Any]) -> None:
    """Run a DAG, and show what its tasks say as they say it."""
    try:
        for line in home.follow("dags", "test", dag_id, "-c", json.dumps(conf)):
            if begun := STARTING.search(line):
                print(f"   {begun['task']}", flush=True)
            elif said := SAYING.search(line):
                print(f"       {said['words'] or said['plain']}", flush=True)
    except RuntimeError as error:
        sys.exit(str(error)[-BROKEN:])


def show(seats: dict[str, list[str]]) -> None:
    """Print who holds a seat at each time, as a table."""
    people = sorted({email for emails in seats.values() for email in emails})
    wide = max(map(len, people))
    print(f"\n{'seats of ' + PRODUCT:<{wide + 10}}" + "".join(f"{when:^14}" for when in seats).rstrip())
    for email in people:
        print(
            f"{email:<{wide + 10}}"
            + "".join(f"{'x' if email in emails else '.':^14}" for emails in seats.values()).rstrip()
        )


def say(words: str) -> None:
    """Tell how far the demo is."""
    print(f"\n-- {words}", flush=True)


if __name__ == "__main__":
    main()
