"""Make the seats match the company's roster after a person approved a preview. A second DAG undoes the changes.

The roster is a list of emails in the run's params, or a CSV file that the HR system exports. A person approves the
preview: on Airflow 3.1 or later in the web page; in any version with the digest of a preview as the param `approved` of
the next run. Without an approval nothing is changed.
"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_seats.operators import SyncSeatsOperator
from airflow_provider_seats.rosters import read_roster

try:
    from airflow.sdk import DAG, BaseOperator, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG, BaseOperator, Param

try:
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow before 3.2
    from airflow.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except Exception:  # noqa: BLE001 (whatever the reason is: without it, only the param "approved" approves)

    class ApprovalOperator(BaseOperator):
        """Stands in for Airflow's operator, which Airflow has since 3.1. It approves nothing."""

        template_fields = ("subject", "body")

        def __init__(self, *, subject: str, body: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.subject, self.body = subject, body

        def execute(self, context: Context) -> None:
            """Show the preview, and skip the tasks that change something."""
            print(f"{context['ti'].task_id}: {self.subject}\n\n{self.body}")
            raise AirflowSkipException("To approve it, trigger the DAG with the digest of the preview as approved.")


# The first providers of Airflow 3.1 have no response_timeout, and wait for the execution_timeout.
INITS = [vars(each)["__init__"] for each in ApprovalOperator.__mro__ if "__init__" in vars(each)]
PARAMETERS = {name for each in INITS for name in inspect.signature(each).parameters}
TIMEOUT = {"response_timeout" if "response_timeout" in PARAMETERS else "execution_timeout": timedelta(days=3)}


class PreviewApproval(ApprovalOperator):
    """Asks a person, and keeps the report that it shows: the task preview may be cleared while this one waits."""

    def execute(self, context: Context) -> object:
        """Keep the report of the preview. If the run was triggered with its digest, it is approved."""
        shown = context["ti"].xcom_pull(task_ids="preview")
        context["ti"].xcom_push(key="shown", value=shown)
        print("The digest of the preview:", shown["digest"])
        return None if context["params"]["approved"] == shown["digest"] else super().execute(context)


PRODUCT = Param(
    "incident_response",
    type="string",
    examples=["incident_response"],
    title="Product",
    description="Datadog's code of the product.",
)

with DAG(
    dag_id="datadog_seats_review",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "product_code": PRODUCT,
        "emails": Param(
            [],
            type="array",
            items={"type": "string", "format": "email"},
            title="Roster",
            description="Everyone who should have a seat, one email a line. Leave it empty to use a file.",
        ),
        "roster_csv": Param(
            None,
            type=["null", "string"],
            title="Roster file",
            description="A CSV file, such as s3://hr/roster.csv or file:///srv/roster.csv.",
        ),
        "roster_column": Param(
            "email",
            type="string",
            title="Roster column",
            description="The column of the file that holds email addresses or user UUIDs.",
        ),
        "mode": Param(
            "exact",
            type="string",
            enum=["exact", "add_only", "remove_only"],
            title="Mode",
            description="Assign missing seats, unassign people who are not in the roster, or both.",
        ),
        "protect": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Protected",
            description="Emails or UUIDs of people who always keep their seat, one a line.",
        ),
        "max_unassign": Param(
            "10",
            type="string",
            title="Most people who may lose a seat",
            description="A number up to half of the seats, or a percentage of all seats such as 20%.",
        ),
        "approved": Param(
            None,
            type=["null", "string"],
            title="Approved preview",
            description="The digest of a preview that you looked at, to apply exactly its changes without being asked.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task(multiple_outputs=True)
    def get_roster(params: dict[str, Any]) -> dict[str, Any]:
        """Return everyone who should have a seat, and when that was read."""
        read_at = datetime.now(UTC)
        if params["roster_csv"] is None:
            return {"emails": list(params["emails"]), "read_at": read_at}
        # To keep only some rows, pass where={"Status": "Active"}.
        return {"emails": read_roster(params["roster_csv"], column=params["roster_column"]), "read_at": read_at}

    roster = get_roster()
    # The roster may be corrected while the preview waits for its approval, so it is read again.
    roster_again = get_roster.override(task_id="get_roster_again")()
    guards = {
        "product_code": "{{ params.product_code }}",
        "mode": "{{ params.mode }}",
        "protect": "{{ params.protect or 'nobody' }}",
        "max_unassign": "{{ params.max_unassign }}",
        "min_seat_age": "1d",
    }
    preview = SyncSeatsOperator(task_id="preview", preview=True, user_emails=roster["emails"], **guards)
    approve = PreviewApproval(
        task_id="approve",
        subject="Change the seats of {{ params.product_code }}?",
        body="""{% set plan = ti.xcom_pull(task_ids='preview') %}
**{{ plan.unassigned | length }} lose their seat:** {{ plan.unassigned | map(attribute='email') | join(', ') }}

**{{ plan.assigned | length }} get one:** {{ plan.assigned | map(attribute='email') | join(', ') }}

{% for reason in plan.refusals %}**Applying this will be refused:** {{ reason }}

{% endfor -%}

Seats: {{ plan.seats_before }} now, {{ plan.seats_after }} afterwards.""",
        **TIMEOUT,
    )
    apply = SyncSeatsOperator(
        task_id="apply",
        approved=approve.output["shown"],
        user_emails=roster_again["emails"],
        # An approval may take days, and a roster is as old as its run unless it says when it was read.
        roster_read_at=roster_again["read_at"],
        **guards,
    )
    preview >> approve >> roster_again

    @task
    def notify(report: dict[str, Any]) -> str:
        """Print what was done. Send it to a chat instead, and keep the report: it can be undone."""
        assigned, unassigned = len(report["assigned"]), len(report["unassigned"])
        message = f"{assigned} assigned, {unassigned} unassigned, {report['seats_after']} seats now."
        print(message)
        return message

    notify(apply.output)


with DAG(
    dag_id="datadog_seats_undo",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md="Reverse the changes of a task of this package. Pass the `return_value` of that task's XCom as `report`.",
    tags=["datadog", "seats"],
    params={
        "product_code": PRODUCT,
        "report": Param(
            {},
            type="object",
            title="Report",
            description="The XCom return_value of the task to undo, or the report in its log.",
        ),
    },
):
    SyncSeatsOperator(task_id="undo", product_code="{{ params.product_code }}", undo="{{ params.report }}")
