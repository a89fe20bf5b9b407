"""AuditSeatsOperator against a FakeDatadog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import InvalidInputError, KeysRefusedError, RateLimitError
from airflow_provider_seats.operators import AuditSeatsOperator
from airflow_provider_seats.testing import SEATS, FakeDatadog
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
    path = (tmp_path / "2026-11/seats.csv").as_uri()
    result = audit({"ti": ti}, status="true", csv_path=path)
    assert (result["seats"], result["disabled"], result["service_accounts"], result["never_logged_in"]) == (3, 1, 1, 1)
    assert result["seats_by_month"]["2026-10"] == 1
    assert result["csv_path"] == path
    lines = (tmp_path / "2026-11/seats.csv").read_text().splitlines()
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
    names = {"product_code", "status", "csv_path", "csv_conn_id", "datadog_conn_id"}
    assert set(AuditSeatsOperator.template_fields) == names
    operator = AuditSeatsOperator(
        task_id="audit",
        product_code="{{ product }}",
        status="{{ True }}",
        csv_path="{{ folder }}/{{ task.product_code }}.csv",
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


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"product_code": "None"}, InvalidInputError),
        ({"status": ""}, InvalidInputError),
        ({"csv_path": "nosuchscheme://x/seats.csv"}, InvalidInputError),
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
    (tmp_path / "seats.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        audit({"ti": ti}, csv_path=(tmp_path / "seats.csv").as_uri())


def test_an_audit_survives_an_xcom_that_fails(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """If the summary cannot be pushed, the audit still succeeds."""

    class Broken(FakeTaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise OSError("no database")

    assert audit({"ti": Broken()})["seats"] == 0
