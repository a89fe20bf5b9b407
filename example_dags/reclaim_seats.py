"""Unassign seats of disabled accounts, and of people who have not logged in to Datadog, after a person approves.

Disabling an account is not known to free its seat. Someone who has not logged in may still use the seat: pages arrive
by phone, and people work on incidents from a chat. So people who are found in an on-call schedule or an
escalation policy keep their seat, and a person approves the preview: on Airflow 3.1 or later in the web page; in any
version with the digest of a preview as the param `approved` of the next run. Without an approval nothing is changed.
"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum

from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import UnassignSeatsOperator

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

# A date before Datadog was founded stands for one that is not known.
FOUNDED = datetime(2010, 1, 1, tzinfo=UTC)

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
    """Asks a person, and keeps the seats that it shows: the tasks before it may be cleared while it waits."""

    def execute(self, context: Context) -> object:
        """Keep the seats of the preview. If the run was triggered with its digest, it is approved."""
        plan = context["ti"].xcom_pull(task_ids="preview")
        people = {person["id"] for person in plan["unassigned"]}
        found = context["ti"].xcom_pull(task_ids="find_seats")
        context["ti"].xcom_push(key="shown", value=[seat for seat in found if seat["id"] in people])
        print("The digest of the preview:", plan["digest"])
        return None if context["params"]["approved"] == plan["digest"] else super().execute(context)


def reason_to_reclaim(seat: dict[str, Any], inactive_since: datetime | None) -> str | None:
    """Return why a seat is to be unassigned; None if the person keeps it."""
    if seat["status"] == "Disabled":
        return "the account is disabled"
    if inactive_since is None or seat["status"] is None or seat["service_account"]:
        return None
    latest = str(seat["last_login_at"] or seat["assigned_at"])
    try:
        moment = pendulum.instance(datetime.fromisoformat(latest))
    except ValueError:
        return None
    if moment < FOUNDED or moment >= inactive_since:
        return None
    if seat["last_login_at"]:
        return f"has not logged in since {latest[:10]}"
    return f"has never logged in, and holds the seat since {latest[:10]}"


with DAG(
    dag_id="datadog_seats_reclaim",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["datadog", "seats"],
    params={
        "product_code": Param(
            "incident_response",
            type="string",
            examples=["incident_response"],
            title="Product",
            description="Datadog's code of the product.",
        ),
        "inactive_days": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Days without a login",
            description="Also unassign people who have not logged in for this many days.",
        ),
        "min_seat_age": Param(
            "0d",
            type="string",
            title="Age of a seat",
            description="How long a seat must have been held to be unassigned, such as 7d.",
        ),
        "max_unassign": Param(
            "20%",
            type="string",
            title="Most people who may lose a seat",
            description="A number up to half of the seats, or a percentage of all seats such as 20%.",
        ),
        "approved": Param(
            None,
            type=["null", "string"],
            title="Approved preview",
            description="The digest of a preview that you looked at, to apply its changes without being asked.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
):

    @task
    def find_seats(params: dict[str, Any], shown: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """Return the seats to unassign, with the reason. With seats that were shown, return only those of them.

        A seat that was assigned again since, or has another reason now, is not what was shown.
        """
        days = params["inactive_days"]
        inactive_since = None if days is None else datetime.now(UTC) - timedelta(days=days)
        found = []
        for seat in DatadogSeatsHook().audit_seats(params["product_code"], status=True):
            reason = reason_to_reclaim(seat, inactive_since)
            if seat["id"] is not None and reason is not None:
                found.append({key: seat[key] for key in ("id", "email", "assigned_at")} | {"reason": reason})
        if shown is not None:
            found = [seat for seat in found if seat in shown]
        if not found:
            raise AirflowSkipException("There is no seat to unassign.")
        return found

    guards = {
        "product_code": "{{ params.product_code }}",
        "min_seat_age": "{{ params.min_seat_age }}",
        "max_unassign": "{{ params.max_unassign }}",
        "on_call": "keep",
    }
    preview = UnassignSeatsOperator(
        task_id="preview",
        user_uuids="{{ ti.xcom_pull(task_ids='find_seats') | map(attribute='id') | list }}",
        preview=True,
        **guards,
    )
    reclaim = UnassignSeatsOperator(
        task_id="reclaim",
        user_uuids="{{ ti.xcom_pull(task_ids='find_again') | map(attribute='id') | list }}",
        **guards,
    )
    approve = PreviewApproval(
        task_id="approve",
        subject="Unassign seats of {{ params.product_code }}?",
        body="""{% set plan = ti.xcom_pull(task_ids='preview') -%}
{% set people = plan.unassigned | map(attribute='id') | list -%}
**{{ people | length }} lose their seat:**

{% for seat in ti.xcom_pull(task_ids='find_seats') if seat.id in people -%}
- {{ seat.email or seat.id }}: {{ seat.reason }}
{% endfor %}
{% for person in plan.protected -%}
- {{ person.email or person.id }} keeps it: {{ person.reason }}
{% endfor %}
{% for reason in plan.refusals -%}
**Applying this will be refused:** {{ reason }}
{% endfor %}
Seats: {{ plan.seats_before }} now, {{ plan.seats_after }} afterwards.""",
        **TIMEOUT,
    )
    # Someone who logs in while the preview waits for its approval keeps the seat.
    find_again = find_seats.override(task_id="find_again")(shown=approve.output["shown"])
    find_seats() >> preview >> approve >> find_again >> reclaim
