"""The demo: example DAGs in a real Airflow, with a FakeDatadog.

Run it with ``make demo``. It needs no Datadog account and no network, and it stops everything that it starts.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from airflow_provider_seats.report import digest
from airflow_provider_seats.testing import FakeDatadog
from tests.helpers.airflow_home import EXAMPLE_DAGS, AirflowHome

PRODUCT = "incident_response"
HIRES = ["ann@example.com", "bob@example.com"]
LEAVERS = ["bob@example.com", "cy@example.com"]
ON_CALL = "di@example.com"
ROSTER = ["ann@example.com", "bob@example.com"]
# A spreadsheet writes a file like this one, with a byte order mark and semicolons.
EXPORT = "\ufeffName;Email;Status\r\nAnn;Ann@example.com;Active\r\nBob;bob@example.com;Active\r\n"
# The demo shows these lines of Airflow's output: the start of a task, and the output of this package and of the tasks.
STARTING = re.compile(r"\[DAG TEST\] starting task_id=(?P<task>\S+)")
SAYING = re.compile(r"\] (?P<words>.*?) +\[airflow\.task\.operators\.airflow_provider_seats|\A(?P<plain>\w+ <.*)")
FAILING = re.compile(r"\Aairflow\S*\.AirflowFailException: (?P<message>.*)")
BROKEN = 3000


def main() -> None:
    """Run the example DAGs, and print the seats after each of them."""
    started = time.monotonic()
    with FakeDatadog() as datadog:
        for email in ("ann@example.com", "bob@example.com"):
            datadog.add_user(email)
        for email in ("cy@example.com", ON_CALL):
            datadog.give_seat(PRODUCT, datadog.add_user(email), assigned_at="2026-01-01T00:00:00Z")
        schedule = datadog.add_schedule("Primary", [ON_CALL])
        say(f"A FakeDatadog serves at {datadog.url}; cy and di hold seats of {PRODUCT}, and di is on call.")
        say("Preparing a temporary Airflow home on SQLite ...")
        settings = {"AIRFLOW_CONN_DATADOG_DEFAULT": datadog.airflow_connection()}
        with AirflowHome(EXAMPLE_DAGS, settings) as home:
            before = datadog.emails(PRODUCT)
            say(f"Onboarding {' and '.join(HIRES)} with the DAG datadog_seats_onboarding:")
            run(home, "datadog_seats_onboarding", {"emails": HIRES})
            between = datadog.emails(PRODUCT)
            say(f"Offboarding {' and '.join(LEAVERS)} with the DAG datadog_seats_offboarding:")
            run(home, "datadog_seats_offboarding", {"emails": LEAVERS})
            after = datadog.emails(PRODUCT)
            say(f"Offboarding {ON_CALL}, who is in the on-call schedule Primary. The DAG must refuse it:")
            run(home, "datadog_seats_offboarding", {"emails": [ON_CALL]}, fails=True)
            refused = datadog.emails(PRODUCT)
            datadog.add_schedule("Primary", ["ann@example.com"], schedule_id=schedule)
            roster = home.path / "roster.csv"
            roster.write_text(EXPORT, newline="")
            say("Ann is on call now. Previewing and applying HR's file with the DAG datadog_seats_review:")
            print(f"   {roster.name}: {EXPORT!r}")
            # The demo cannot wait for a person, so it approves the changes that it expects.
            approved = digest(
                PRODUCT, datadog.url, [datadog.user_uuid("bob@example.com")], [datadog.user_uuid(ON_CALL)]
            )
            run(home, "datadog_seats_review", {"roster_csv": roster.as_uri(), "approved": approved})
            synced = datadog.emails(PRODUCT)
        show({"before": before, "onboarded": between, "offboarded": after, "refused": refused, "synced": synced})
        requests = datadog.calls()
        print(f"\n{len(requests)} requests in {time.monotonic() - started:.0f} seconds. Nothing is left running.")
    if (after, refused, synced) != (["ann@example.com", ON_CALL], ["ann@example.com", ON_CALL], ROSTER):
        sys.exit("The demo failed: unexpected people hold a seat.")


def run(home: AirflowHome, dag_id: str, conf: Mapping[str, Any], *, fails: bool = False) -> None:
    """Run a DAG, and print the output of its tasks at once."""
    try:
        for line in home.follow("airflow", "dags", "test", dag_id, "-c", json.dumps(conf)):
            if begun := STARTING.search(line):
                print(f"   {begun['task']}", flush=True)
            elif said := SAYING.search(line):
                print(f"       {said['words'] or said['plain']}", flush=True)
            elif failed := FAILING.search(line):
                print(f"       FAILED: {failed['message']}", flush=True)
    except RuntimeError as error:
        if not fails:
            sys.exit(str(error)[-BROKEN:])
    else:
        if fails:
            sys.exit("The demo failed: a run that must be refused succeeded.")


def show(seats: dict[str, list[str]]) -> None:
    """Print a table of the people who hold a seat after each DAG."""
    people = sorted({email for emails in seats.values() for email in emails})
    wide = max(map(len, people))
    print(f"\n{'seats of ' + PRODUCT:<{wide + 10}}" + "".join(f"{when:^14}" for when in seats).rstrip())
    for email in people:
        print(
            f"{email:<{wide + 10}}"
            + "".join(f"{'x' if email in emails else '.':^14}" for emails in seats.values()).rstrip()
        )


def say(message: str) -> None:
    """Print the progress of the demo."""
    print(f"\n-- {message}", flush=True)


if __name__ == "__main__":
    main()
