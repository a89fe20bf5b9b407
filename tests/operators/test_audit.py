"""AuditSeatsOperator against a FakeDatadog."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import (
    InvalidInputError,
    KeysRefusedError,
    RateLimitError,
    StorageError,
    TooManySeatsError,
)
from airflow_provider_seats.operators import AuditSeatsOperator
from airflow_provider_seats.testing import PERMISSIONS, SEATS, FakeDatadog
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.operators import RATE_LIMITED, calls


def audit(context: Any = None, **arguments: Any) -> Any:
    """Run an AuditSeatsOperator, and return what it returns."""
    operator = AuditSeatsOperator(**{"task_id": "audit", "product_code": PRODUCT, **arguments})
    return operator.execute({} if context is None else context)


@pytest.fixture
def seats(datadog: FakeDatadog) -> None:
    """Add a person, a disabled account and a service account, all with seats."""
    datadog.add_user("ann@x.com", last_login_at="2026-11-01T00:00:00Z", seat=PRODUCT)
    datadog.add_user("off@x.com", status="Disabled", seat=PRODUCT)
    robot = datadog.add_user("robot@x.com", service_account=True)
    datadog.give_seat(PRODUCT, robot, assigned_at="2026-10-01T00:00:00Z")


@pytest.mark.usefixtures("seats")
def test_an_audit_counts_seats_and_writes_a_file(ti: FakeTaskInstance, datadog: FakeDatadog, tmp_path: Path) -> None:
    """An audit returns counts and where the file is, pushes a summary, and changes nothing."""
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    result = audit({"ti": ti}, status="true", csv_path=(tmp_path / "{today}/seats.csv").as_uri())
    assert (result["seats"], result["disabled"], result["service_accounts"], result["never_logged_in"]) == (3, 1, 1, 1)
    assert result["seats_by_month"]["2026-10"] == 1
    assert result["csv_path"] == (tmp_path / day / "seats.csv").as_uri()
    lines = (tmp_path / day / "seats.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == ["email", "ann@x.com", "off@x.com", "robot@x.com"]
    assert ti.pushed.keys() == {"summary", "headline"}
    assert ti.pushed["summary"].startswith(f"{PRODUCT}: 3 seats\n\n- 1 of a disabled account\n")
    assert {call.partition(" ")[0] for call in calls(datadog)} == {"GET"}


@pytest.mark.usefixtures("seats")
def test_an_audit_without_accounts_costs_one_call(datadog: FakeDatadog) -> None:
    """Without status, an audit reads the seat list and nothing else, and does not guess what it did not read."""
    result = audit()
    assert (result["seats"], result["disabled"], result["csv_path"]) == (3, None, None)
    assert calls(datadog) == ["GET seats/users"]


def test_every_argument_is_a_template(datadog: FakeDatadog, tmp_path: Path) -> None:
    """Every argument is rendered, and parsed from the text that a template renders."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    names = {"product_code", "status", "read_all_users", "csv_path", "csv_conn_id", "datadog_conn_id"}
    assert set(AuditSeatsOperator.template_fields) == names | {"usage", "usage_key", "max_seats", "warn_seats"}
    operator = AuditSeatsOperator(
        task_id="audit",
        product_code="{{ product }}",
        status="{{ True }}",
        csv_path="{{ folder }}/{{ task.product_code }}.csv",
        usage="{{ False }}",
        max_seats="{{ 5 }}",
        warn_seats="{{ 80 }}%",
        datadog_conn_id="datadog_{{ 'default' }}",
    )
    context: Any = {"product": PRODUCT, "folder": tmp_path.as_uri(), "task": operator}
    operator.render_template_fields(context)
    assert operator.execute(context)["disabled"] == 0
    assert (tmp_path / f"{PRODUCT}.csv").exists()


def test_the_summary_is_not_pushed_if_the_task_pushes_nothing(ti: FakeTaskInstance, datadog: FakeDatadog) -> None:
    """With do_xcom_push=False nothing is pushed, neither after a success nor after a failure."""
    audit({"ti": ti}, do_xcom_push=False)
    with pytest.raises(AirflowFailException):
        audit({"ti": ti}, do_xcom_push=False, status="?")
    assert ti.pushed == {}


@pytest.mark.usefixtures("datadog")
def test_a_file_that_is_named_after_yesterday_is_a_warning(
    ti: FakeTaskInstance, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An audit whose path has the day before is written, and result, summary and log say once what to write instead."""
    path = f"{tmp_path}/{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}.csv"
    result = audit({"ti": ti}, csv_path=path)
    [warning] = result["warnings"]
    assert "write {today} instead of a template" in warning
    assert "Warning: csv" in ti.pushed["summary"]
    assert "".join(capfd.readouterr()).count(warning) == 1
    assert Path(path).exists()


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"product_code": "None"}, InvalidInputError),
        ({"status": ""}, InvalidInputError),
        ({"csv_path": "nosuchscheme://x/seats.csv"}, InvalidInputError),
        ({"csv_path": None}, InvalidInputError),
        ({"csv_path": ""}, InvalidInputError),
        ({"csv_conn_id": None}, InvalidInputError),
        ({"csv_path": "file:///srv/seats.csv", "csv_conn_id": "typo"}, InvalidInputError),
        ({"csv_path": "file:///"}, InvalidInputError),
        ({"csv_path": "file:///srv/2025-06-01/seats.csv"}, InvalidInputError),
        ({"status": True}, KeysRefusedError),
    ],
)
def test_what_no_retry_can_fix_fails_at_once(
    ti: FakeTaskInstance, datadog: FakeDatadog, no_waits: list[float], arguments: Any, cause: type[Exception]
) -> None:
    """An error that no retry can fix fails the task at once, and the summary says what it is."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.permissions.remove("user_access_read")
    with pytest.raises(AirflowFailException) as caught:
        audit({"ti": ti}, **arguments)
    assert type(caught.value.__cause__) is cause
    assert ti.pushed["summary"].startswith(f"{arguments.get('product_code', PRODUCT)}: the audit failed: ")


def test_a_transient_error_is_left_to_the_retries(ti: FakeTaskInstance, datadog: FakeDatadog, tmp_path: Path) -> None:
    """A rate limit, and a storage that cannot be written, are left to the task's retries."""
    datadog.script("GET", SEATS, RATE_LIMITED)
    with pytest.raises(RateLimitError):
        audit({"ti": ti})
    assert "the audit failed: Datadog's rate limit" in ti.pushed["summary"]
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"^csv_path: 'file:///.*/file/seats.csv' cannot be written: "):
        audit({"ti": ti}, csv_path=f"{tmp_path.as_uri()}/file/seats.csv")


def test_an_audit_survives_an_xcom_that_fails(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """If the summary cannot be pushed, the audit still succeeds."""

    class Broken(FakeTaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise OSError("no database")

    assert audit({"ti": Broken()})["seats"] == 0


# --- the bill, and limits ---

ON_CALL = "on_call_seat_hwm"


@pytest.fixture
def months(datadog: FakeDatadog) -> tuple[str, str]:
    """Add the usage of two months with their peaks in the middle. Return this month and the last one."""
    this = datetime.now(UTC).replace(day=1)
    last = this - timedelta(days=1)
    for day, (before, now, incidents) in enumerate([(39, 40, 7), (41, 43, 7), (40, 41, 8)], 1):
        datadog.add_usage(f"{last:%Y-%m}-0{day}", on_call_seat_hwm=before)
        datadog.add_usage(f"{this:%Y-%m}-0{day}", on_call_seat_hwm=now, incident_management_seats_hwm=incidents)
    return f"{this:%Y-%m}", f"{last:%Y-%m}"


@pytest.mark.usefixtures("seats")
def test_an_audit_shows_what_is_billed(ti: FakeTaskInstance, datadog: FakeDatadog, months: tuple[str, str]) -> None:
    """With usage, an audit has the peaks of this month and of the last one, by Datadog's names, in three calls."""
    this, last = months
    result = audit({"ti": ti}, usage=True)
    assert result["usage"] == {
        "month": this,
        "last_month": last,
        "last_updated": f"{this}-03T23",
        "products": {
            "incident_management_seats_hwm": {"peak": 8, "peak_day": f"{this}-03", "last_month_peak": None},
            ON_CALL: {"peak": 43, "peak_day": f"{this}-02", "last_month_peak": 41},
        },
    }
    assert sorted(calls(datadog)[1:]) == [*["GET usage/summary"] * 2, "GET usage/summary/available_fields"]
    lines = ti.pushed["summary"].splitlines()
    assert f"- bill, {ON_CALL}: peak of {this} 43 seats (on {this}-02), of {last} 41 seats" in lines
    assert lines[-1] == (
        "- the peak of a month is billed, so unassigning now lowers the bill from next month on (Datadog has counted "
        f"until {this}-03T23)"
    )


@pytest.mark.usefixtures("seats")
def test_a_mapped_name_counts_for_the_limits(
    ti: FakeTaskInstance, datadog: FakeDatadog, months: tuple[str, str]
) -> None:
    """With usage_key only that name is shown, and the month's peak counts for max_seats and warn_seats."""
    this, _ = months
    result = audit({"ti": ti}, usage=True, usage_key=ON_CALL, max_seats=43, warn_seats=42)
    assert list(result["usage"]["products"]) == [ON_CALL]
    [warning] = result["warnings"]
    assert warning == (
        f"The peak of {PRODUCT} in {this} was 43 seats on {this}-02, more than warn_seats=42. This month is "
        "billed by it: unassigning lowers the bill from next month on. Raise the limit, if the peak was intended."
    )
    with pytest.raises(AirflowFailException, match=f"in {this} was 43 seats on {this}-02, more than max_seats=42"):
        audit({"ti": ti}, usage=True, usage_key=ON_CALL, max_seats=42)


@pytest.mark.usefixtures("months")
def test_a_name_that_datadog_does_not_have_is_an_error(datadog: FakeDatadog) -> None:
    """A misspelt usage_key fails the task, and the message names those that there are."""
    with pytest.raises(AirflowFailException, match=r"usage_key: 'on_call' is not a name .* Pass one of incident_man"):
        audit(usage=True, usage_key="on_call")


@pytest.mark.usefixtures("seats")
def test_too_many_seats_fail_the_task(ti: FakeTaskInstance, datadog: FakeDatadog, tmp_path: Path) -> None:
    """More seats than max_seats fail the task without a retry, after file, counts and summary are written."""
    with pytest.raises(AirflowFailException) as caught:
        audit({"ti": ti}, max_seats=2, csv_path=(tmp_path / "seats.csv").as_uri())
    assert isinstance(caught.value.__cause__, TooManySeatsError)
    assert caught.value.__cause__.max_seats == 2
    assert str(caught.value).startswith(f"There are 3 seats of {PRODUCT}, more than max_seats=2.")
    assert ti.pushed["return_value"]["seats"] == 3
    assert "The task failed: " in ti.pushed["summary"]
    assert (tmp_path / "seats.csv").exists()


@pytest.mark.usefixtures("seats")
def test_many_seats_are_a_warning(ti: FakeTaskInstance, datadog: FakeDatadog) -> None:
    """More seats than warn_seats are a warning in result and summary, and the task succeeds."""
    result = audit({"ti": ti}, warn_seats=2, max_seats=3)
    assert result["warnings"][0].startswith(f"There are 3 seats of {PRODUCT}, more than warn_seats=2.")
    assert f"Warning: {result['warnings'][0]}" in ti.pushed["summary"].replace("`", "")


@pytest.mark.parametrize("child", [True, False])
def test_a_refused_usage_names_the_permission_and_the_parent(
    ti: FakeTaskInstance, monkeypatch: pytest.MonkeyPatch, no_waits: list[float], child: bool
) -> None:
    """Without usage_read, or in a child organisation, the task fails and the error says what is needed."""
    permissions = PERMISSIONS if child else PERMISSIONS - {"usage_read"}
    with FakeDatadog(is_parent=not child, permissions=permissions) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        with pytest.raises(AirflowFailException, match="the permission usage_read, and that the keys are those of the"):
            audit({"ti": ti}, usage=True)
    assert "the audit failed" in ti.pushed["summary"]
