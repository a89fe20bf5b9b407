"""The sensor and the changes of seats in a real triggerer, which is stopped and begun again in the middle."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, EXAMPLE_DAGS, AirflowHome, Server, wait_for

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW_3, reason="the triggerer is driven through the API of Airflow 3"),
]

CHANGES = "datadog_seats_changes"
HIRES = [f"hire{number}@example.com" for number in range(60)]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeDatadog]:
    """Serve a FakeDatadog with people for all tests of this file."""
    with FakeDatadog(api_key="the-api-key-3141", app_key="the-app-key-2718") as fake:
        for email in ("ann@example.com", "expected@example.com", *HIRES):
            fake.add_user(email)
        yield fake


@pytest.fixture(scope="module")
def server(fake: FakeDatadog, other: FakeDatadog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a whole Airflow, with the example DAG of changes looking each second."""
    dags = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "dags" / "seats_in_use.py", dags)
    example = (EXAMPLE_DAGS / "seat_changes.py").read_text()
    assert "poll_interval=60" in example
    (dags / "seat_changes.py").write_text(example.replace("poll_interval=60", "poll_interval=1"))
    settings = {
        "AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection(),
        "AIRFLOW_CONN_OTHER": other.airflow_connection(),
        "AIRFLOW_VAR_DATADOG_SEATS_EXPECTED": json.dumps(["Expected@example.com"]),
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    }
    with AirflowHome(dags, settings) as home, home.standalone() as server:
        server.wait_until_ready("deferred", "limits", "keyed", CHANGES)
        # It takes Airflow half a minute to begin a watcher.
        server.ask("PATCH", f"/api/v2/dags/{CHANGES}", {"is_paused": False})
        yield server


def states(server: Server, run: dict[str, str]) -> Counter[str]:
    """Count the states of the waiting tasks of a run."""
    return Counter(task["state"] for name, task in server.tasks(run).items() if name.startswith("wait"))


def looks(fake: FakeDatadog, seconds: float) -> int:
    """Count the calls for the product of the deferred sensors that FakeDatadog receives in so many seconds."""

    def received() -> int:
        return sum(each.query["product_code"] == "on_call" for each in fake.calls())

    before = received()
    time.sleep(seconds)
    return received() - before


def test_sixty_deferred_sensors_cost_the_calls_of_one_and_outlive_their_triggerer(
    server: Server, fake: FakeDatadog
) -> None:
    """One look a second for all, before and after a restart; each gives its own person to the next task."""
    run = server.begin("deferred", {"emails": HIRES})
    wait_for(lambda: states(server, run) == {"deferred": len(HIRES)}, 240)
    assert looks(fake, 5) <= 7
    server.triggerer.stop()
    assert looks(fake, 2) == 0
    fake.give_seat("on_call", fake.user_uuid(HIRES[0]))
    server.triggerer.begin()
    wait_for(lambda: states(server, run)["success"] == 1, 60, lambda: f"{states(server, run)} {server.triggerer.log()}")
    assert looks(fake, 5) <= 7
    for email in HIRES:
        fake.give_seat("on_call", fake.user_uuid(email))
    assert server.finish(run, 240)["state"] == "success"
    assert looks(fake, 3) == 0
    for index in (0, 59):
        assert [holder["email"] for holder in server.xcom(run, "wait", index=index)] == [HIRES[index]]


def test_limits_end_a_deferred_wait_as_they_end_a_poke(server: Server) -> None:
    """The time-out is not tried again; what is to be skipped is skipped; the last line says what is missing."""
    run = server.run("limits")
    tasks = server.tasks(run)
    assert {name: task["state"] for name, task in tasks.items()} == {
        "timeout": "failed",
        "soft": "skipped",
        "never": "skipped",
        "execution": "failed",
    }
    assert tasks["timeout"]["try_number"] < 3
    for name, error in (("timeout", "AirflowSensorTimeout"), ("execution", "AirflowTaskTimeout")):
        log = server.log_of(run, name, tasks[name]["try_number"])
        failed = [event for event in log if event.get("level") == "error"][-1]
        assert failed["error_detail"][0]["exc_type"] == error
        assert "0 of 1 people hold a seat; waiting for ann@example.com" in failed["error_detail"][0]["exc_value"]


def test_a_refused_key_fails_a_deferred_task_at_once_in_datadogs_words(server: Server, other: FakeDatadog) -> None:
    """In the task's own log, and although there are retries."""
    run = server.begin("keyed")
    wait_for(lambda: states(server, run) == {"deferred": 1}, 120)
    # Airflow loses a task that comes back before it has noted that it left its slot.
    seen = len(other.calls())
    wait_for(lambda: len(other.calls()) >= seen + 8, 60)
    other.script("GET", SEATS, *[Fault(403, {"errors": ["No permission at all"]})] * 2)
    server.finish(run)
    task = server.tasks(run)["wait"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert "No permission at all" in json.dumps(server.log_of(run, "wait"))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_changes_of_seats_run_a_dag_each_once_also_over_a_restart(
    server: Server, fake: FakeDatadog, how: signal.Signals
) -> None:
    """What changed while none ran is told by the next, where Airflow keeps a state, and nothing is told twice."""
    kept = AIRFLOW >= (3, 3)
    fake.received.clear()
    wait_for(lambda: len(fake.calls()) > 3, 60)
    before = len(server.runs(CHANGES))

    def told() -> list[str]:
        runs = [server.finish(run) for run in server.runs(CHANGES)[before:]]
        return [line.partition(" ")[0] for run in runs for line in server.xcom(run, "tell")]

    claimed = [fake.add_user(f"claimed{number}-{how.name.lower()}@example.com") for number in range(3)]
    fake.give_seat(PRODUCT, claimed[0])
    fake.give_seat(PRODUCT, fake.user_uuid("expected@example.com"))
    wait_for(lambda: len(told()) == 1, 60)
    time.sleep(2)
    server.triggerer.stop(how)
    fake.give_seat(PRODUCT, claimed[1])
    before_it_looks = len(fake.calls())
    server.triggerer.begin()
    wait_for(lambda: len(fake.calls()) > before_it_looks + 2 and len(told()) == 1 + kept, 60)
    fake.give_seat(PRODUCT, claimed[2])
    wait_for(lambda: len(told()) == 2 + kept, 60)
    time.sleep(5)
    numbers = [0, 1, 2] if kept else [0, 2]
    assert told() == [f"claimed{number}-{how.name.lower()}@example.com" for number in numbers]
