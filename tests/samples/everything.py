"""A DAG that uses all that this package has, for what type checkers and editors say of it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_seats.exceptions import (
    DatadogSeatsError,
    InvalidConnectionError,
    KeysRefusedError,
    RateLimitError,
)
from airflow_provider_seats.hooks import AuditRow, DatadogSeatsHook, SeatUsage, SeatUser, User
from airflow_provider_seats.operators import (
    AssignSeatsOperator,
    AuditSeatsOperator,
    SyncSeatsOperator,
    UnassignSeatsOperator,
)
from airflow_provider_seats.report import Person, Report
from airflow_provider_seats.retries import RetryAfter
from airflow_provider_seats.rosters import read_roster
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from airflow_provider_seats.triggers import SeatChangesTrigger

trigger = SeatChangesTrigger(product_code="incident_response", datadog_conn_id="datadog_default", poll_interval=60)
seats = Asset("seats", watchers=[AssetWatcher(name="changes", trigger=trigger)])

with DAG("everything", schedule=[seats], default_args={"retries": 2, "retry_policy": RetryAfter()}):
    leads = task(DatadogSeatsHook("datadog_default").list_role_members)("Leads", "{{ params.role }}")

    @task
    def roster() -> list[str]:
        """Give a list, which other tasks take as their argument."""
        return ["ann@example.com"]

    @task
    def limit() -> int:
        """Give a guard, which may come from another task, too."""
        return 10

    @task
    def hook() -> list[str]:
        """Use each verb of the hook."""
        verbs = DatadogSeatsHook("datadog_default")
        page: str | None = verbs.get_conn().connection.seats_page
        holders: list[SeatUser] = verbs.list_seat_users("incident_response")
        found: dict[str, User] = verbs.find_users(["ann@example.com"])
        given: list[str] = verbs.assign_seats("incident_response", [user.id for user in found.values()])
        taken: list[str] = verbs.unassign_seats("incident_response", given)
        rows: list[AuditRow] = verbs.audit_seats("incident_response", status=True, csv_path="file:///tmp/seats.csv")
        seen: list[str] = [row["email"] or "" for row in rows if row.get("last_login_at")]
        works, words = verbs.test_connection()
        usage: SeatUsage = verbs.get_seat_usage("2026-11")
        peaks: list[int] = [each["peak"] or 0 for each in usage["products"].values()]
        known: dict[str, User] = verbs.get_users(given)
        people: list[str] = [
            *known,
            *verbs.list_team_members("sre"),
            *verbs.list_role_members("A"),
            *verbs.list_active_users(),
        ]
        try:
            again = verbs.list_seat_users("incident_response")
        except RateLimitError as error:
            raise DatadogSeatsError(f"again in {error.retry_after or 0:.0f} s") from error
        except (KeysRefusedError, InvalidConnectionError) as error:
            raise DatadogSeatsError(f"{error.transient} {works} {words} {seen} {page} {peaks} {people}") from error
        return [*taken, *(user.email or "" for user in again if user.assigned_at), *(each.id or "" for each in holders)]

    @task
    def read(report: Report) -> list[str]:
        """Read a report."""
        first: Person | None = report["assigned"][0] if report["assigned"] else None
        names = [person["email"] or person["id"] or "" for person in report["assigned"]]
        return names if first is None or report["seats_before"] is None else sorted(names)

    @task
    def rehearse() -> int:
        """Try it on a FakeDatadog."""
        with FakeDatadog(api_key="A", app_key="B", rate_limit=(100, 1)) as datadog:
            uuid: str = datadog.add_user("ann@example.com", "Ann", seat="incident_response")
            datadog.script("POST", SEATS, Fault(502, applied=True), Fault(lost="after"))
            datadog.take_seat("incident_response", uuid)
            holders: set[str] = datadog.holders("incident_response")
            return len(datadog.calls("POST")) + len(holders)

    assign = AssignSeatsOperator(
        task_id="assign",
        product_code="incident_response",
        user_uuids=["00000000-0000-0000-0000-000000000001"],
        user_emails=roster(),
        missing_users="skip",
        max_seats=100,
        warn_seats="90%",
        preview="{{ params.preview }}",
        datadog_conn_id="datadog_default",
        pool="datadog",
    )
    unassign = UnassignSeatsOperator(
        task_id="unassign",
        product_code="{{ params.product }}",
        user_emails="{{ params.emails }}",
        max_unassign="20%",
        min_seat_age="1d",
        on_call="refuse",
        protect=("boss@example.com",),
        execution_timeout=timedelta(minutes=5),
    )
    preview = SyncSeatsOperator(
        task_id="preview", product_code="incident_response", user_emails=assign.output, preview=True
    )
    sync = SyncSeatsOperator(
        task_id="sync",
        product_code="incident_response",
        user_emails=task(read_roster)("s3://hr/staff.csv", where={"Status": ["Active", "On leave"]}, conn_id="aws"),
        mode="remove_only",
        missing_users="retry",
        allow_empty=False,
        warn_seats=90,
        on_call="keep",
        check_escalation_policies=False,
        max_unassign=limit(),
        max_seats="100",
        min_seat_age=timedelta(days=1),
        protect="boss@example.com",
        approved=preview.output,
    )
    undo = SyncSeatsOperator(task_id="undo", product_code="incident_response", undo="{{ params.report }}")
    wait = SeatUsersSensor(
        task_id="wait",
        product_code="incident_response",
        user_emails=["ann@example.com"],
        state="unassigned",
        require="any",
        deferrable=True,
        poke_interval=60,
        timeout=3600,
        soft_fail=True,
    )
    mapped = AssignSeatsOperator.partial(task_id="mapped", product_code="incident_response").expand(
        user_emails=[["ann@example.com"]]
    )
    audit = AuditSeatsOperator(
        task_id="audit",
        product_code="incident_response",
        status=True,
        csv_path="s3://audit/{{ ds }}/seats.csv",
        csv_conn_id="aws_default",
        usage=True,
        usage_key="on_call_seat_hwm",
        max_seats=100,
        warn_seats="90%",
        datadog_conn_id="datadog_default",
        retries=3,
    )
    audits = AuditSeatsOperator.partial(task_id="audits", csv_path="s3://audit/{{ task.product_code }}.csv").expand(
        product_code=roster()
    )
    audit >> audits
    assign >> [unassign, preview] >> sync >> undo >> wait >> mapped
    hook() >> rehearse()
    read(sync.output)  # type: ignore[arg-type] # Airflow hands over what the output stands for
