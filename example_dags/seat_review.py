"""Make the seats match the company's roster, with a preview that a person approves; and take back what was done.

The roster is a list of emails in the run's params, or a CSV file with a column `email`, such as HR exports. With
Airflow 3.1 or later a person looks at the preview and approves it; without an answer nothing is changed.
"""

from __future__ import annotations

import csv
import os
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowOptionalProviderFeatureException,
    ObjectStoragePath,
    Param,
    task,
)

from airflow_provider_seats.operators import SyncSeatsOperator

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except (ImportError, AirflowOptionalProviderFeatureException):  # Airflow before 3.1
    ASK = False
else:
    # A test, or a run that nobody watches, goes without the approval.
    ASK = os.environ.get("SEAT_REVIEW_ASK", "yes") == "yes"

PRODUCT = Param(
    "incident_response",
    type="string",
    examples=["incident_response", "on_call"],
    title="Product",
    description="Datadog's code of the product.",
)

with DAG(
    dag_id="datadog_seats_review",
    schedule=None,
    catchup=False,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "product_code": PRODUCT,
        "emails": Param(
            [],
            type="array",
            items={"type": "string", "format": "email"},
            title="Roster",
            description="Everyone who is to have a seat, one email a line; or leave it empty and name a file.",
        ),
        "roster_csv": Param(
            None,
            type=["null", "string"],
            title="Roster file",
            description="A CSV file with a column 'email', such as s3://hr/roster.csv or file:///srv/roster.csv.",
        ),
        "mode": Param(
            "exact",
            type="string",
            enum=["exact", "add_only", "remove_only"],
            title="Mode",
            description="Give the seats that are missing, take those of people not in the roster, or both.",
        ),
        "protect": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Protected",
            description="Emails or UUIDs of those who keep their seat in any case, one a line.",
        ),
        "max_unassign": Param(
            "10",
            type="string",
            title="Most people to lose a seat",
            description="A number, or a share of all seats such as 20%. Raise it for one run if more is meant.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task
    def read_roster(params: dict[str, Any]) -> list[str]:
        """Give everyone who is to have a seat."""
        if params["roster_csv"] is None:
            return list(params["emails"])
        lines = ObjectStoragePath(params["roster_csv"]).read_text().splitlines()
        return [row["email"] for row in csv.DictReader(lines)]

    roster = read_roster()
    guards = {
        "product_code": "{{ params.product_code }}",
        "user_emails": roster,
        "mode": "{{ params.mode }}",
        "protect": "{{ params.protect }}",
        "max_unassign": "{{ params.max_unassign }}",
        "min_seat_age": "1d",
    }
    preview = SyncSeatsOperator(task_id="preview", preview=True, **guards)
    apply = SyncSeatsOperator(task_id="apply", approved=preview.output, **guards)

    if ASK:
        approve = ApprovalOperator(
            task_id="approve",
            subject="Change the seats of {{ params.product_code }}?",
            body="""{% set plan = ti.xcom_pull(task_ids='preview') %}
**{{ plan.unassigned | length }} lose their seat:** {{ plan.unassigned | map(attribute='email') | join(', ') }}

**{{ plan.assigned | length }} get one:** {{ plan.assigned | map(attribute='email') | join(', ') }}

Seats: {{ plan.seats_before }} now, {{ plan.seats_after }} afterwards.""",
            response_timeout=timedelta(days=3),
        )
        preview >> approve >> apply

    @task
    def tell(report: dict[str, Any]) -> str:
        """Say what was done. Send it to a chat here; keep the report, since it can be undone."""
        given, taken = len(report["assigned"]), len(report["unassigned"])
        words = f"{given} got a seat, {taken} lost theirs: {report['seats_after']} now."
        print(words)
        return words

    tell(apply.output)


with DAG(
    dag_id="datadog_seats_undo",
    schedule=None,
    catchup=False,
    doc_md="Put back what a task of this package changed: trigger it with the `return_value` of that task's XCom.",
    tags=["datadog", "seats"],
    params={
        "product_code": PRODUCT,
        "report": Param({}, type="object", title="Report", description="The XCom return_value of the task to undo."),
    },
):
    SyncSeatsOperator(task_id="undo", product_code="{{ params.product_code }}", undo="{{ params.report }}")
