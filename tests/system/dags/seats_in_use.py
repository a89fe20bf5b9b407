"""DAGs that use the operators and the sensor as users do."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_seats._api import seat_change
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.sensors import SeatUsersSensor, UserAccountsSensor

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models import DAG

PRODUCT = "incident_response"


def one_by_one(_: object) -> None:
    """Make a task send each person in a call of its own, so that an attempt can fail between two."""
    seat_change.BATCH_SIZE = 1


# Airflow sometimes loses a task that resumes right after it defers or reschedules. So the tasks have retries, and they
# wait longer than a busy machine needs to record that a task left its slot.
again = {"retries": 2, "retry_delay": timedelta(0)}

with DAG("mapped", schedule=None, params={"emails": []}, default_args={**again, "datadog_conn_id": "mapped"}):

    @task
    def hires(params: dict[str, list[str]]) -> list[list[str]]:
        """Return a list for each hire."""
        return [[email] for email in params["emails"]]

    mapped = AssignSeatsOperator.partial(task_id="assign", product_code=PRODUCT).expand(user_emails=hires())

    @task
    def gather(reports: list[dict[str, list[dict[str, str]]]]) -> list[str]:
        """Return the UUIDs in all reports."""
        return [person["id"] for report in reports for person in report["assigned"]]

    uuids = gather(mapped.output)
    watched = SeatUsersSensor.partial(
        task_id="wait", product_code=PRODUCT, mode="reschedule", poke_interval=5, timeout=120
    ).expand(user_emails=hires.override(task_id="hires_again")())
    UnassignSeatsOperator(task_id="unassign", product_code=PRODUCT, user_uuids=uuids) << watched

with DAG("borrowed", schedule=None, params={"emails": []}, default_args={"datadog_conn_id": "borrowed"}):
    who = {"product_code": "example_product", "user_emails": "{{ params.emails }}"}
    lend = AssignSeatsOperator(task_id="lend", read_seats_first=True, **who).as_setup()

    @task
    def work() -> list[str]:
        """Return the emails of the seat holders, with the hook."""
        return sorted(str(user.email) for user in DatadogSeatsHook("borrowed").list_seat_users("example_product"))

    @task
    def break_down() -> None:
        """Fail, so that only the teardown still runs."""
        raise ValueError("broken")

    give_back = SyncSeatsOperator(task_id="give_back", product_code="example_product", undo=lend.output)
    lend >> work() >> break_down() >> give_back.as_teardown(setups=lend)

with DAG(
    "refused",
    schedule=None,
    params={"emails": []},
    default_args={"retries": 3, "retry_delay": timedelta(0), "datadog_conn_id": "refused"},
):
    AssignSeatsOperator(task_id="assign", product_code=PRODUCT, user_emails="{{ params.emails }}")

with DAG(
    "faulty",
    schedule=None,
    params={"emails": []},
    default_args={"retries": 1, "retry_delay": timedelta(0), "datadog_conn_id": "faulty"},
):
    UnassignSeatsOperator(task_id="unassign", product_code=PRODUCT, user_emails="{{ params.emails }}")

with DAG("linked", schedule=None):
    # The list is empty, so that the task sends no request to Datadog.
    AssignSeatsOperator(task_id="assign", product_code=PRODUCT, user_emails=[], datadog_conn_id="in_europe")

with DAG(
    "synced",
    schedule=None,
    params={"emails": []},
    default_args={"retries": 1, "retry_delay": timedelta(0), "datadog_conn_id": "synced"},
):
    SyncSeatsOperator(
        task_id="sync",
        product_code=PRODUCT,
        user_emails="{{ params.emails }}",
        max_unassign="100%",
        pre_execute=one_by_one,
    )

with DAG("deferred", schedule=None, params={"emails": []}, default_args=again):

    @task
    def each(params: dict[str, list[str]]) -> list[list[str]]:
        """Return a list for each person."""
        return [[email] for email in params["emails"]]

    SeatUsersSensor.partial(
        task_id="wait", product_code="example_product", deferrable=True, poke_interval=1, timeout=600
    ).expand(user_emails=each())

with DAG("limits", schedule=None, default_args={**again, "datadog_conn_id": "limits"}):
    waits = {
        "product_code": "example_product",
        "user_emails": ["ann@example.com"],
        "deferrable": True,
        "poke_interval": 1,
    }
    SeatUsersSensor(task_id="timeout", timeout=10, **waits)
    SeatUsersSensor(task_id="soft", timeout=10, soft_fail=True, **waits)
    SeatUsersSensor(task_id="never", timeout=10, never_fail=True, **waits)
    SeatUsersSensor(task_id="execution", execution_timeout=timedelta(seconds=10), **waits)

with DAG("hired", schedule=None, default_args={**again, "datadog_conn_id": "hired"}):
    hire = {"user_emails": ["hire@example.com"]}
    account = UserAccountsSensor(task_id="account", deferrable=True, poke_interval=1, timeout=600, **hire)
    account >> AssignSeatsOperator(task_id="assign", product_code=PRODUCT, **hire)
    UserAccountsSensor(task_id="never", deferrable=True, poke_interval=1, timeout=10, user_emails=["no@example.com"])

with DAG("keyed", schedule=None, default_args=again):
    SeatUsersSensor(task_id="wait", datadog_conn_id="other", **waits)
