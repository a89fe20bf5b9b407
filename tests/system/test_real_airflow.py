"""The package inside a real Airflow: Airflow's commands, and DAGs with ``airflow dags test``."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_seats.report import digest
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT

if TYPE_CHECKING:
    from tests.helpers.airflow_home import AirflowHome

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("commands"),
    pytest.mark.usefixtures("nobody_holds_a_seat"),
]

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"


def test_airflow_lists_the_provider_and_its_hook(home: AirflowHome) -> None:
    """Airflow finds the provider and its hook through the entry point."""
    assert "airflow-provider-seats" in home.airflow("providers", "list")
    hooks = json.loads(home.airflow("providers", "hooks", "-o", "json").splitlines()[-1])
    assert [hook["class"] for hook in hooks if hook["connection_type"] == "datadog_seats"] == [
        "airflow_provider_seats.hooks.DatadogSeatsHook"
    ]


def test_airflow_stores_a_connection_of_this_type(home: AirflowHome) -> None:
    """The command line can add, show and delete a connection of this type."""
    extra = json.dumps({"api_key": "A", "site": "datadoghq.eu"})
    made = home.airflow(
        "connections", "add", "seats", "--conn-type", "datadog_seats", "--conn-password", "P", "--conn-extra", extra
    )
    assert "Successfully added" in made
    assert "datadog_seats" in home.airflow("connections", "get", "seats", "-o", "json")
    home.airflow("connections", "delete", "seats")


def test_the_example_dags_run_with_dags_test(home: AirflowHome, fake: FakeDatadog) -> None:
    """Onboarding assigns seats, and offboarding unassigns them, for the emails in the params of the run."""
    home.airflow("dags", "test", "datadog_seats_onboarding", "-c", json.dumps({"emails": [ANN, BOB.upper()]}))
    assert fake.emails(PRODUCT) == [ANN, BOB]
    home.airflow("dags", "test", "datadog_seats_offboarding", "-c", json.dumps({"emails": [ANN]}))
    assert fake.emails(PRODUCT) == [BOB]


def test_the_review_runs_with_dags_test(home: AirflowHome, fake: FakeDatadog, tmp_path: Path) -> None:
    """The review reads a roster from Excel, and applies the preview that the run's params approve by its digest."""
    for email in (ANN, CY):
        fake.give_seat(PRODUCT, fake.user_uuid(email), assigned_at="2020-01-01T00:00:00Z")
    roster = tmp_path / "roster.csv"
    roster.write_bytes(f"Name;Work Email\r\nAnn;{ANN}\r\nBob;{BOB.upper()}\r\n;\r\n".encode("utf-8-sig"))
    approved = digest(PRODUCT, fake.url, [fake.user_uuid(BOB)], [fake.user_uuid(CY)])
    conf = {"roster_csv": roster.as_uri(), "roster_column": "work email", "max_unassign": "1", "approved": approved}
    home.airflow("dags", "test", "datadog_seats_review", "-c", json.dumps(conf))
    assert fake.emails(PRODUCT) == [ANN, BOB]


def test_read_roster_is_a_task(home: AirflowHome, fake: FakeDatadog, tmp_path: Path) -> None:
    """task(read_roster) renders its arguments, and its result is the roster of an operator."""
    (tmp_path / "roster.csv").write_text(f"email,status\n{ANN},Active\n{BOB},Left\n")
    home.airflow("dags", "test", "from_file", "-c", json.dumps({"file": (tmp_path / "roster.csv").as_uri()}))
    assert fake.emails(PRODUCT) == [ANN]


def test_a_deferred_sensor_runs_with_dags_test(home: AirflowHome, fake: FakeDatadog) -> None:
    """After the sensor's poll in the worker gets a 429, the trigger polls again and finds the seat."""
    fake.give_seat("example_product", fake.user_uuid(ANN))
    fake.script("GET", SEATS, Fault(429, headers={"X-RateLimit-Reset": "900"}))
    home.airflow("dags", "test", "deferred", "-c", json.dumps({"emails": [ANN]}))
    assert [each.status for each in fake.calls()] == [429, 200]


@pytest.mark.parametrize(
    ("days", "kept"),
    [
        (None, ["active0", "active1", "active2", "dormant", "never", "new", "paged", "robot"]),
        (90, ["active0", "active1", "active2", "new", "paged", "robot"]),
    ],
)
def test_reclaim_takes_seats_of_disabled_and_inactive_accounts(
    home: AirflowHome, fake: FakeDatadog, days: int | None, kept: list[str]
) -> None:
    """The example takes seats of disabled accounts, and of people who have not logged in, after an approval."""
    recent, old = (datetime.now(UTC) - timedelta(hours=1)).isoformat(), "2020-01-01T00:00:00Z"
    paged, lost = "", []
    for name, fields, assigned_at in (
        *((f"active{number}", {"last_login_at": recent}, old) for number in range(3)),
        ("dormant", {"last_login_at": "2020-02-01T00:00:00Z"}, old),
        ("never", {}, old),
        ("new", {}, recent),
        ("robot", {"service_account": True}, old),
        ("off", {"status": "Disabled", "last_login_at": recent}, recent),
        ("paged", {}, old),
    ):
        paged = fake.add_user(f"{name}.{days}@example.com", **fields)  # type: ignore[arg-type]
        fake.give_seat(PRODUCT, paged, assigned_at=assigned_at)
        if name not in kept:
            lost.append(paged)
    fake.add_schedule("Nights", [paged])
    conf = json.dumps({"inactive_days": days, "max_unassign": "50%", "approved": digest(PRODUCT, fake.url, [], lost)})
    output = home.airflow("dags", "test", "datadog_seats_reclaim", "-c", conf)
    assert fake.emails(PRODUCT) == [f"{name}.{days}@example.com".lower() for name in kept], output


def test_reclaim_changes_nothing_if_there_is_nothing_to_reclaim(home: AirflowHome, fake: FakeDatadog) -> None:
    """Without a seat to take back, the tasks after the search are skipped and nobody is asked."""
    fake.give_seat(PRODUCT, fake.user_uuid(ANN))
    home.airflow("dags", "test", "datadog_seats_reclaim")
    assert fake.emails(PRODUCT) == [ANN]
    assert fake.calls("DELETE") == []


def test_a_team_is_the_roster(home: AirflowHome, fake: FakeDatadog) -> None:
    """The team example assigns a seat to each member of the teams, and unassigns others who are not on a schedule."""
    for email in (ANN, BOB, CY):
        fake.give_seat(PRODUCT, fake.user_uuid(email), assigned_at="2020-01-01T00:00:00Z")
    fake.add_schedule("Nights", [CY])
    fake.add_team("incident-responders", [ANN, fake.add_user("dee@example.com")])
    home.airflow("dags", "test", "datadog_seats_team", "-c", json.dumps({"max_seats": "3"}))
    assert fake.emails(PRODUCT) == [ANN, CY, "dee@example.com"]


def test_the_archive_keeps_changes_also_of_a_sync_that_failed(
    home: AirflowHome, fake: FakeDatadog, tmp_path: Path
) -> None:
    """The archive example writes what was changed before Datadog refused somebody, and the week shows it."""
    fake.script("POST", SEATS, Fault(400), Fault(), Fault(400))
    folder = {"folder": tmp_path.as_uri()}
    home.airflow("dags", "test", "datadog_seats_archive", "-c", json.dumps({"emails": [ANN, BOB], **folder}))
    [assigned] = fake.emails(PRODUCT)
    assert [path.suffix for path in tmp_path.glob("*/*")] == [".csv"]
    output = home.airflow("dags", "test", "datadog_seats_last_week", "-c", json.dumps(folder))
    assert re.search(rf"T\d\d:\d\d  {PRODUCT}  assigned    {assigned}", output)


def test_a_role_is_the_roster(home: AirflowHome, fake: FakeDatadog) -> None:
    """The role example assigns a seat to everyone who has a role, and unassigns others who are not on a schedule."""
    for email in (ANN, BOB, CY):
        fake.give_seat(PRODUCT, fake.user_uuid(email), assigned_at="2020-01-01T00:00:00Z")
    fake.add_schedule("Nights", [CY])
    fake.add_role("Incident Responder", [ANN, fake.add_user("eve@example.com")])
    leads = fake.add_role("Leads", [ANN, fake.add_user("robot@example.com", service_account=True)])
    conf = {"roles": ["Incident Responder", leads], "max_seats": "3"}
    output = home.airflow("dags", "test", "datadog_seats_role", "-c", json.dumps(conf))
    assert fake.emails(PRODUCT) == [ANN, CY, "eve@example.com"]
    assert "1 account is left out: robot@example.com" in output


def test_the_audit_writes_a_file_for_each_product(home: AirflowHome, fake: FakeDatadog, tmp_path: Path) -> None:
    """The audit example writes a CSV file for each product, in a folder of the day, and prints the summaries."""
    fake.give_seat(PRODUCT, fake.user_uuid(ANN))
    conf = json.dumps({"products": [PRODUCT, "example_product"], "folder": tmp_path.as_uri()})
    output = home.airflow("dags", "test", "datadog_seats_audit", "-c", conf)
    files = {path.relative_to(tmp_path).as_posix(): path.read_text().splitlines() for path in tmp_path.glob("*/*.csv")}
    assert {re.sub(r"\d{4}-\d\d-\d\d", "DAY", name): len(lines) - 1 for name, lines in files.items()} == {
        f"DAY/{PRODUCT}.csv": 1,
        "DAY/example_product.csv": 0,
    }
    assert f"{PRODUCT}: 1 seat" in output
    assert "example_product: 0 seats" in output


def test_seats_are_sent_to_dashboards(home: AirflowHome, fake: FakeDatadog) -> None:
    """The metrics example sends seats, peaks and changes through Airflow's own Datadog provider."""
    pytest.importorskip("airflow.providers.datadog", reason="Airflow's Datadog provider is not installed here")
    fields = json.loads(fake.airflow_connection())
    fields["extra"]["api_host"] = fake.url
    # The library behind that provider asks the metadata service of a cloud for its host name. A closed proxy stops it.
    closed = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
    connection = {"AIRFLOW_CONN_DATADOG_DEFAULT": json.dumps(fields), **closed}
    fake.add_usage(f"{datetime.now(UTC):%Y-%m}-01", on_call_seat_hwm=43)
    home.airflow(
        "dags", "test", "datadog_seats_metrics_of_a_sync", "-c", json.dumps({"emails": [ANN]}), more=connection
    )
    home.airflow("dags", "test", "datadog_seats_metrics", "-c", json.dumps({"usage": True}), more=connection)
    assert [(each["metric"], each["points"][0][1]) for each in fake.metrics] == [
        ("seats.changed", 1),
        ("seats.changed", 0),
        ("seats.held", 1),
        ("seats.peak", 43),
    ]
    assert [event["text"] for event in fake.events] == ["1 assigned, 0 unassigned; 1 seats now"]
