"""The package at work inside a real Airflow: its commands, the example DAGs, and a scheduler."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, EXAMPLE_DAGS, AirflowHome, Server

pytestmark = pytest.mark.airflow

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeDatadog]:
    """Serve a FakeDatadog with three people for all tests of this file."""
    with FakeDatadog(api_key="the-api-key-3141", app_key="the-app-key-2718") as fake:
        for email in (ANN, BOB, CY):
            fake.add_user(email)
        yield fake


@pytest.fixture(scope="module")
def home(fake: FakeDatadog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """Make an Airflow home with the example DAGs and those of the tests."""
    dags = tmp_path_factory.mktemp("dags")
    for file in (*EXAMPLE_DAGS.glob("*.py"), *(Path(__file__).parent / "dags").glob("*.py")):
        shutil.copy(file, dags)
    in_europe = {"conn_type": "datadog_seats", "password": "K", "extra": {"api_key": "A", "site": "datadoghq.eu"}}
    connections = {
        "AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection(),
        "AIRFLOW_CONN_IN_EUROPE": json.dumps(in_europe),
    }
    with AirflowHome(dags, connections) as home:
        yield home


@pytest.fixture(autouse=True)
def nobody_holds_a_seat(fake: FakeDatadog) -> None:
    """Begin each test with no seat given and nothing received."""
    for product in (PRODUCT, "on_call"):
        for holder in fake.holders(product):
            fake.take_seat(product, holder)
    fake.received.clear()


def test_airflow_lists_the_provider_and_its_hook(home: AirflowHome) -> None:
    """Found by its entry point, without a complaint."""
    assert "airflow-provider-seats" in home.airflow("providers", "list")
    hooks = json.loads(home.airflow("providers", "hooks", "-o", "json").splitlines()[-1])
    assert [hook["class"] for hook in hooks if hook["connection_type"] == "datadog_seats"] == [
        "airflow_provider_seats.hooks.DatadogSeatsHook"
    ]


def test_airflow_keeps_a_connection_of_the_type(home: AirflowHome) -> None:
    """Made on the command line, read back, and removed."""
    extra = json.dumps({"api_key": "A", "site": "datadoghq.eu"})
    made = home.airflow(
        "connections", "add", "seats", "--conn-type", "datadog_seats", "--conn-password", "P", "--conn-extra", extra
    )
    assert "Successfully added" in made
    assert "datadog_seats" in home.airflow("connections", "get", "seats", "-o", "json")
    home.airflow("connections", "delete", "seats")


def test_the_example_dags_run_under_dags_test(home: AirflowHome, fake: FakeDatadog) -> None:
    """Onboarding gives seats and offboarding takes them, with emails from the run's params."""
    home.airflow("dags", "test", "datadog_seats_onboarding", "-c", json.dumps({"emails": [ANN, BOB.upper()]}))
    assert fake.emails(PRODUCT) == [ANN, BOB]
    home.airflow("dags", "test", "datadog_seats_offboarding", "-c", json.dumps({"emails": [ANN]}))
    assert fake.emails(PRODUCT) == [BOB]


def test_the_review_and_its_undo_run_under_dags_test(home: AirflowHome, fake: FakeDatadog, tmp_path: Path) -> None:
    """A roster from a CSV, a preview, and its application; the unattended form, without an approval."""
    fake.give_seat(PRODUCT, fake.user_uuid(CY), assigned_at="2020-01-01T00:00:00Z")
    roster = tmp_path / "roster.csv"
    roster.write_text(f"name,email\nAnn,{ANN}\nBob,{BOB.upper()}\n")
    conf = {"roster_csv": roster.as_uri(), "max_unassign": "1"}
    home.airflow("dags", "test", "datadog_seats_review", "-c", json.dumps(conf), more={"SEAT_REVIEW_ASK": "no"})
    assert fake.emails(PRODUCT) == [ANN, BOB]


def test_a_deferred_sensor_runs_under_dags_test(home: AirflowHome, fake: FakeDatadog) -> None:
    """What the worker's look cannot know, the trigger's finds out."""
    fake.give_seat("on_call", fake.user_uuid(ANN))
    fake.script("GET", SEATS, Fault(429, headers={"X-RateLimit-Reset": "900"}))
    home.airflow("dags", "test", "deferred", "-c", json.dumps({"emails": [ANN]}))
    assert [each.status for each in fake.calls()] == [429, 200]


def test_the_seats_of_disabled_accounts_are_reclaimed(home: AirflowHome, fake: FakeDatadog) -> None:
    """By the example DAG, within its limit of a fifth."""
    for number in range(4):
        fake.add_user(f"seated{number}@example.com", seat=PRODUCT)
    fake.add_user("off@example.com", status="Disabled", seat=PRODUCT)
    home.airflow("dags", "test", "datadog_seats_reclaim")
    assert fake.emails(PRODUCT) == [f"seated{number}@example.com" for number in range(4)]


# --- under a scheduler ---

with_people = pytest.mark.skipif(AIRFLOW < (3, 1), reason="this Airflow asks no people yet")
under_a_scheduler = pytest.mark.skipif(not AIRFLOW_3, reason="the scheduler is driven through the API of Airflow 3")


@pytest.fixture(scope="module")
def server(home: AirflowHome) -> Iterator[Server]:
    """Run scheduler, triggerer, DAG processor and API server."""
    with home.standalone() as server:
        server.wait_until_ready("datadog_seats_onboarding", "datadog_seats_offboarding", "mapped")
        yield server


@under_a_scheduler
def test_the_example_dags_run_under_a_scheduler(server: Server, fake: FakeDatadog) -> None:
    """Reports and results are in XCom for the tasks that follow."""
    run = server.run("datadog_seats_onboarding", {"emails": [ANN, BOB]})
    assert run["state"] == "success"
    assert [person["email"] for person in server.xcom(run, "assign_seats")["assigned"]] == [ANN, BOB]
    assert [holder["name"] for holder in server.xcom(run, "wait_for_seats")] == ["Ann", "Bob"]
    assert server.xcom(run, "say_who") == [ANN, BOB]
    assert fake.emails(PRODUCT) == [ANN, BOB]
    run = server.run("datadog_seats_offboarding", {"emails": [ANN, BOB]})
    assert run["state"] == "success"
    assert server.xcom(run, "wait_until_gone") == [{"id": None, "email": ANN}, {"id": None, "email": BOB}]
    assert fake.emails(PRODUCT) == []


@under_a_scheduler
def test_mapped_tasks_and_lists_from_xcom_work(server: Server, fake: FakeDatadog) -> None:
    """A task for each hire, a sensor for each, and the UUIDs of all of them handed on."""
    run = server.run("mapped", {"emails": [ANN, BOB, CY]})
    assert run["state"] == "success"
    assert [len(received.user_uuids) for received in fake.calls("POST")] == [1, 1, 1]
    assert [len(received.user_uuids) for received in fake.calls("DELETE")] == [3]
    assert fake.holders(PRODUCT) == set()


@under_a_scheduler
def test_a_seat_borrowed_by_a_setup_is_given_back_by_its_teardown(server: Server, fake: FakeDatadog) -> None:
    """Also when the work between them fails, and only that seat; the hook serves in a task of one's own."""
    fake.give_seat("on_call", fake.user_uuid(BOB))
    run = server.run("borrowed", {"emails": [ANN, BOB]})
    states = {name: task["state"] for name, task in server.tasks(run).items()}
    assert states == {"lend": "success", "work": "success", "break_down": "failed", "give_back": "success"}
    assert server.xcom(run, "work") == [ANN, BOB]
    assert fake.emails("on_call") == [BOB]


@under_a_scheduler
def test_a_task_links_to_the_seats_of_its_organisation(server: Server) -> None:
    """On the Datadog site of its connection."""
    run = server.run("linked")
    links = server.ask("GET", f"{server.path(run)}/taskInstances/assign/links")["extra_links"]
    assert links == {"Datadog seats": "https://app.datadoghq.eu/billing/seats"}


@under_a_scheduler
def test_what_no_retry_would_mend_fails_at_once_and_leaves_its_report(server: Server, fake: FakeDatadog) -> None:
    """One attempt, although there are retries; the log ends with what to do."""
    run = server.run("refused", {"emails": [ANN, "ghost@example.com"]})
    task = server.tasks(run)["assign"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    report = server.xcom(run, "assign")
    assert report["missing"] == [{"id": None, "email": "ghost@example.com"}]
    assert [person["email"] for person in report["not_done"]] == [ANN]
    failed = [event for event in server.log_of(run, "assign") if event.get("level") == "error"][-1]
    assert "missing_users='skip'" in failed["error_detail"][0]["exc_value"]
    assert fake.calls("POST") == []


@under_a_scheduler
def test_a_passing_fault_is_mended_by_airflows_retry(server: Server, fake: FakeDatadog) -> None:
    """The second attempt finds the rest to do."""
    fake.give_seat(PRODUCT, fake.user_uuid(ANN))
    fake.script("GET", SEATS, Fault(429, {"errors": ["slow down"]}, {"X-RateLimit-Reset": "900"}))
    run = server.run("faulty", {"emails": [ANN]})
    task = server.tasks(run)["unassign"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert fake.holders(PRODUCT) == set()
    assert "slow down" in json.dumps(server.log_of(run, "unassign", 1))


@with_people
@under_a_scheduler
def test_a_person_approves_a_review_and_undoes_it(server: Server, fake: FakeDatadog) -> None:
    """Nothing is changed before the answer; the report in XCom is what the undo is triggered with."""
    fake.give_seat(PRODUCT, fake.user_uuid(CY), assigned_at="2020-01-01T00:00:00Z")
    run = server.begin("datadog_seats_review", {"emails": [ANN, BOB]})
    server.answer(run, "approve", "Approve", before=lambda: fake.emails(PRODUCT) == [CY])
    assert server.finish(run)["state"] == "success"
    assert fake.emails(PRODUCT) == [ANN, BOB]
    report = server.xcom(run, "apply")
    assert server.xcom(run, "tell") == "2 got a seat, 1 lost theirs: 2 now."
    undone = server.run("datadog_seats_undo", {"report": report})
    assert undone["state"] == "success"
    assert fake.emails(PRODUCT) == [CY]


@with_people
@under_a_scheduler
def test_a_review_that_is_not_approved_changes_nothing(server: Server, fake: FakeDatadog) -> None:
    """Those who would have been changed are as they were."""
    run = server.begin("datadog_seats_review", {"emails": [ANN]})
    server.answer(run, "approve", "Reject", before=lambda: True)
    server.finish(run)
    assert server.tasks(run)["apply"]["state"] == "skipped"
    assert fake.emails(PRODUCT) == []


@under_a_scheduler
def test_the_retry_of_a_sync_tells_what_the_whole_run_changed(server: Server, fake: FakeDatadog) -> None:
    """Airflow's task state store, where there is one, remembers who held a seat before the first attempt."""
    whole = AIRFLOW >= (3, 3)
    people = [fake.add_user(f"leaver{number}@example.com", seat=PRODUCT) for number in range(3)]
    fake.script("DELETE", SEATS, Fault(), Fault(429, headers={"X-RateLimit-Reset": "900"}))
    run = server.run("synced", {"emails": [ANN]})
    task = server.tasks(run)["sync"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    report = server.xcom(run, "sync")
    assert [person["id"] for person in report["unassigned"]] == (people if whole else people[1:])
    assert [person["email"] for person in report["assigned"]] == [ANN]
    told = (report["seats_before"], report["seats_after"], report["since_attempt"])
    assert told == ((3, 1, 1) if whole else (2, 1, 2))


@under_a_scheduler
def test_no_key_is_left_behind(server: Server, home: AirflowHome, fake: FakeDatadog) -> None:
    """Neither in a task's log nor in the metadata database."""
    server.run("datadog_seats_onboarding", {"emails": [ANN]})
    files = [path for path in home.path.rglob("*") if path.is_file() and path.suffix in {".log", ".db", ".db-wal"}]
    assert any(b"incident_response: 1 assigned" in path.read_bytes() for path in files)
    for key in (fake.api_key, fake.app_key):
        assert not [path for path in files if key.encode() in path.read_bytes()]
