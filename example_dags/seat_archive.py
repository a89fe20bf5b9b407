"""Keep who got and who lost a seat as CSV files, one for each run that changed somebody, and print the last week.

The first DAG makes the seats match a roster. Its task ``keep`` writes a file with a row for each change, also if the
sync failed after some of its changes. The second DAG reads the files of the last seven days. Load the folder into a
table, or let your data warehouse read it as one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_seats.operators import SyncSeatsOperator

try:
    from airflow.sdk import DAG, ObjectStoragePath, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.io.path import ObjectStoragePath  # type: ignore[import-not-found]
    from airflow.models import DAG, Param

COLUMNS = ("time", "product", "conn_id", "change", "email", "id", "dag_id", "run_id")
FOLDER = Param(
    "file:///tmp/seat-reports",
    type="string",
    title="Folder",
    description="Where the files are, such as s3://audit/seat-reports. The folder of a worker is not that of another.",
)


def rows_of(report: Mapping[str, Any], dag_id: str, run_id: str) -> list[dict[str, Any]]:
    """Return a row for each person whose seat the report says was changed."""
    run = {"time": report["ended_at"], "product": report["product"], "conn_id": report["conn_id"]}
    return [
        {**run, "change": change, "email": person["email"], "id": person["id"], "dag_id": dag_id, "run_id": run_id}
        for change in ("assigned", "unassigned")
        for person in report[change]
    ]


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def path_of(report: Mapping[str, Any], folder: str) -> ObjectStoragePath:
    """Return the file of a report, which is the same if it is written again: by day, product, time and changes."""
    day, time = report["ended_at"][:10], report["ended_at"][11:19].replace(":", "")
    path: ObjectStoragePath = ObjectStoragePath(folder) / day / f"{report['product']}-{time}-{report['digest'][:8]}.csv"
    return path


def read_week(folder: str, today: datetime) -> list[dict[str, str]]:
    """Return the rows of the last seven days and of today, the earliest first."""
    days = [ObjectStoragePath(folder) / f"{today - timedelta(days=back):%Y-%m-%d}" for back in range(8)]
    files = [path for day in days if day.is_dir() for path in day.iterdir() if path.name.endswith(".csv")]
    found = [row for path in files for row in csv.DictReader(io.StringIO(path.read_text()))]
    return sorted(found, key=lambda row: row["time"])


with DAG(
    dag_id="datadog_seats_archive",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "emails": Param(["ann@example.com"], type="array", items={"type": "string"}, title="Everyone with a seat"),
        "max_unassign": Param("10", type="string", title="Most people who may lose a seat"),
        "folder": FOLDER,
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):
    sync = SyncSeatsOperator(
        task_id="sync",
        product_code="incident_response",
        user_emails="{{ params.emails }}",
        max_unassign="{{ params.max_unassign }}",
    )

    @task
    def keep(params: dict[str, Any], **context: Any) -> str:
        """Write the changes of the report to a file. Return its path, or an empty text if nobody was changed."""
        report = context["ti"].xcom_pull(task_ids="sync")
        if not report or report["preview"] or not report["ended_at"]:
            return ""
        if not report["complete"]:
            raise ValueError("The report was too long for XCom. The log of the task sync has it.")
        rows = rows_of(report, context["dag"].dag_id, context["run_id"])
        if not rows:
            return ""
        path = path_of(report, params["folder"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_csv(rows))
        return str(path)

    # A teardown runs whatever became of the sync, and leaves it to the sync whether the run failed.
    sync >> keep().as_teardown(on_failure_fail_dagrun=True)

with DAG(
    dag_id="datadog_seats_last_week",
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={"folder": FOLDER},
):

    @task
    def print_changes(params: dict[str, Any]) -> dict[str, list[str]]:
        """Print who got and who lost a seat in the last seven days, and return their emails."""
        rows = read_week(params["folder"], datetime.now(UTC))
        for row in rows:
            print(f"{row['time'][:16]}  {row['product']}  {row['change']:10}  {row['email'] or row['id']}")
        return {
            change: [row["email"] or row["id"] for row in rows if row["change"] == change]
            for change in ("assigned", "unassigned")
        }

    print_changes()
