"""The operators and the sensor with a real scheduler: the example DAGs and other uses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_seats.testing import FakeDatadog
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, Server
from tests.system.scheduled.conftest import ANN, BOB, CY, LEAVERS

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("scheduled"),
    pytest.mark.skipif(not AIRFLOW_3, reason="needs the API of Airflow 3"),
]
Fakes = dict[str, FakeDatadog]
Begun = dict[str, dict[str, Any]]
with_people = pytest.mark.skipif(AIRFLOW < (3, 1), reason="needs the human approval of Airflow 3.1")


def test_the_example_dags_run_with_a_scheduler(server: Server, fakes: Fakes, begun: Begun) -> None:
    """The example DAGs change the seats, and push reports and results to XCom for the next tasks."""
    fake = fakes["datadog_default"]
    run = server.finish(begun["onboarding"])
    assert run["state"] == "success"
    assert [person["email"] for person in server.xcom(run, "assign_seats")["assigned"]] == [ANN, BOB]
    assert [holder["name"] for holder in server.xcom(run, "wait_for_seats")["people"]] == ["Ann", "Bob"]
    assert server.xcom(run, "say_who") == [ANN, BOB]
    assert fake.emails(PRODUCT) == [ANN, BOB]
    run = server.run("datadog_seats_offboarding", {"emails": [ANN, BOB], "max_unassign": "100%"})
    assert run["state"] == "success"
    assert server.xcom(run, "wait_until_gone")["people"] == [{"id": None, "email": ANN}, {"id": None, "email": BOB}]
    assert fake.emails(PRODUCT) == []


def test_mapped_tasks_and_lists_from_xcom_work(server: Server, fakes: Fakes, begun: Begun) -> None:
    """Operators and sensors can be mapped over people, and an operator accepts UUIDs from XCom."""
    fake = fakes["mapped"]
    run = server.finish(begun["mapped"])
    assert run["state"] == "success"
    assert [len(received.user_uuids) for received in fake.calls("POST")] == [1, 1, 1]
    assert [len(received.user_uuids) for received in fake.calls("DELETE")] == [3]
    assert fake.holders(PRODUCT) == set()


def test_a_teardown_undoes_the_assignments_of_its_setup(server: Server, fakes: Fakes, begun: Begun) -> None:
    """A teardown unassigns only the seats that its setup assigned, also if the work between them fails."""
    run = server.finish(begun["borrowed"])
    states = {name: task["state"] for name, task in server.tasks(run).items()}
    assert states == {"lend": "success", "work": "success", "break_down": "failed", "give_back": "success"}
    assert server.xcom(run, "work") == [ANN, BOB]
    assert fakes["borrowed"].emails("example_product") == [BOB]


def test_a_task_links_to_the_seats_page_of_its_organisation(server: Server, begun: Begun) -> None:
    """The link of a task leads to the seats page on the Datadog site of its connection."""
    run = server.finish(begun["linked"])
    links = server.ask("GET", f"{server.path(run)}/taskInstances/assign/links")["extra_links"]
    assert links == {"Datadog seats": "https://app.datadoghq.eu/billing/seats"}


def test_a_permanent_error_fails_without_a_retry_and_pushes_the_report(
    server: Server, fakes: Fakes, begun: Begun
) -> None:
    """A permanent error fails the first attempt, pushes the report, and logs how to continue."""
    run = server.finish(begun["refused"])
    task = server.tasks(run)["assign"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    report = server.xcom(run, "assign")
    assert report["missing"] == [{"id": None, "email": "ghost@example.com"}]
    assert [person["email"] for person in report["not_done"]] == [ANN]
    failed = [event for event in server.log_of(run, "assign") if event.get("level") == "error"][-1]
    assert "missing_users='skip'" in failed["error_detail"][0]["exc_value"]
    assert fakes["refused"].calls("POST") == []


def test_a_retry_succeeds_after_a_transient_error(server: Server, fakes: Fakes, begun: Begun) -> None:
    """After a transient error, the second attempt makes the remaining changes."""
    run = server.finish(begun["faulty"])
    task = server.tasks(run)["unassign"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert fakes["faulty"].holders(PRODUCT) == set()
    assert "slow down" in json.dumps(server.log_of(run, "unassign", 1))


@with_people
def test_a_user_can_approve_a_review_and_undo_it(server: Server, fakes: Fakes, begun: Begun) -> None:
    """A review changes nothing before the approval, and its report in XCom is the input of the undo DAG."""
    fake, run = fakes["datadog_default"], begun["approved"]
    server.answer(run, "approve", "Approve", before=lambda: fake.emails("approved") == [ANN, CY])
    assert server.finish(run)["state"] == "success"
    assert fake.emails("approved") == [ANN, BOB]
    report = server.xcom(run, "apply")
    assert server.xcom(run, "notify") == "1 assigned, 1 unassigned, 2 seats now."
    undone = server.run("datadog_seats_undo", {"report": report, "product_code": "approved"})
    assert undone["state"] == "success"
    assert fake.emails("approved") == [ANN, CY]


@with_people
def test_a_user_can_approve_what_is_reclaimed(server: Server, fakes: Fakes, begun: Begun) -> None:
    """The approval shows why each seat is taken back, and someone who needs it again in the meantime keeps it."""
    fake, run = fakes["datadog_default"], begun["reclaimed"]

    def get_seat_again() -> bool:
        body = server.ask("GET", f"{server.path(run)}/taskInstances/approve/-1/hitlDetails")["body"]
        assert "**2 lose their seat:**" in body
        assert "- off@example.com: the account is disabled\n" in body
        assert f"- {BOB}: has never logged in, and holds the seat since 2020-01-01\n" in body
        assert f"- {CY} keeps it: found in the on-call schedule Nights\n" in body
        assert fake.emails("reclaimed") == [BOB, CY, "off@example.com"]
        fake.give_seat("reclaimed", fake.user_uuid(BOB))
        return True

    server.answer(run, "approve", "Approve", before=get_seat_again)
    assert server.finish(run)["state"] == "success"
    assert fake.emails("reclaimed") == [BOB, CY]


@with_people
def test_a_rejected_review_changes_nothing(server: Server, fakes: Fakes, begun: Begun) -> None:
    """A rejected review skips the sync and changes no seats."""
    run = begun["rejected"]
    server.answer(run, "approve", "Reject", before=lambda: True)
    server.finish(run)
    assert server.tasks(run)["apply"]["state"] == "skipped"
    assert fakes["datadog_default"].emails("rejected") == []


def test_the_retry_of_a_sync_reports_the_changes_of_the_whole_run(server: Server, fakes: Fakes, begun: Begun) -> None:
    """On Airflow 3.3, the report of a retry covers all attempts, and on older versions it covers the retry."""
    whole = AIRFLOW >= (3, 3)
    people = [fakes["synced"].user_uuid(email) for email in LEAVERS]
    run = server.finish(begun["synced"])
    task = server.tasks(run)["sync"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    report = server.xcom(run, "sync")
    assert [person["id"] for person in report["unassigned"]] == (people if whole else people[1:])
    assert [person["email"] for person in report["assigned"]] == [ANN]
    counts = (report["seats_before"], report["seats_after"], report["since_attempt"])
    assert counts == ((4, 2, 1) if whole else (3, 2, 2))


def test_a_cleared_run_keeps_the_roster_of_its_first_start(server: Server, fakes: Fakes, begun: Begun) -> None:
    """Someone who was hired after a run started keeps the seat if the run is cleared, which moves its start to now."""
    fake = fakes["synced"]
    run = server.finish(begun["synced"])
    first = server.xcom(run, "sync")["guards"]["roster_read_at"]
    assert datetime.fromisoformat(first) >= datetime.fromisoformat(run["run_after"])
    fake.give_seat(PRODUCT, fake.user_uuid(CY))
    clear = {"dag_run_id": run["dag_run_id"], "task_ids": ["sync"], "only_failed": False, "dry_run": False}
    server.ask("POST", "/api/v2/dags/synced/clearTaskInstances", {**clear, "reset_dag_runs": True})
    again = server.finish(run)
    report = server.xcom(again, "sync")
    assert [(each["email"], each["reason"]) for each in report["protected"]] == [
        (CY, "the seat was assigned after the roster was read")
    ]
    due = datetime.fromisoformat(again["run_after"])
    assert datetime.fromisoformat(again["start_date"]) > due
    assert datetime.fromisoformat(report["guards"]["roster_read_at"]) == due
    assert fake.emails(PRODUCT) == [ANN, BOB, CY]


def test_an_old_run_takes_no_seat_that_was_given_since(server: Server, fakes: Fakes, begun: Begun) -> None:
    """A run that waited for two hours refuses to unassign a person who was given a seat an hour ago."""
    fake = fakes["faulty"]
    server.finish(begun["faulty"])
    two_hours, an_hour = (datetime.now(UTC) - timedelta(hours=hours) for hours in (2, 1))
    fake.give_seat(PRODUCT, fake.user_uuid(CY), assigned_at=an_hour.isoformat())
    run = server.finish(server.begin("faulty", {"emails": [CY]}, run_after=two_hours.isoformat()))
    assert run["state"] == "failed"
    [refusal] = server.xcom(run, "unassign")["refusals"]
    assert f"This run was due at {two_hours:%Y-%m-%d %H:%M} UTC, and these people were given a seat after" in refusal
    assert CY in fake.emails(PRODUCT)


def test_a_failed_test_reports_the_task_and_the_end_of_its_log(server: Server, begun: Begun) -> None:
    """The explanation of a failure shows the DAG, the task, its state and the end of its log in fewer than 40 lines."""
    run = server.finish(begun["refused"])
    lines = server.explain().splitlines()
    assert len(lines) < 40
    assert lines[0] == f"refused {run['dag_run_id']} assign: failed"
    assert any("missing_users='skip'" in line for line in lines)
