"""One Airflow 3 for all tests that kill parts of it. It soon notices that a worker or a triggerer is gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.helpers.airflow_home import AIRFLOW, EXAMPLE_DAGS, AirflowHome, Server
from tests.system.killed.deadly import KINDS, MOMENTS, DeadlyDatadog

CHANGES: Final = "datadog_seats_changes"
HIRES: Final = [f"hire{number}@example.com" for number in range(8)]
CAPACITY: Final = 5
# The DAG's id and the conf of each run.
RUNS: Final[dict[str, dict[str, Any]]] = {"deferred": {"emails": HIRES}, "killed": {}}
if AIRFLOW >= (3, 3):  # older versions have no retry policies
    RUNS["comes_back"] = {}
Stage = tuple[DeadlyDatadog, dict[str, Any], Path]


@pytest.fixture(scope="package")
def fake() -> Iterator[FakeDatadog]:
    """Serve an organisation with the people that the sensors wait for."""
    with FakeDatadog() as fake:
        for email in ("expected@example.com", *HIRES):
            fake.add_user(email)
        yield fake


@pytest.fixture(scope="package")
def patient() -> Iterator[FakeDatadog]:
    """Serve an organisation that responds to the first attempt with 503 and a ``Retry-After`` header."""
    with FakeDatadog() as patient:
        patient.add_user("ann@example.com", seat="example_product")
        patient.script("GET", SEATS, *[Fault(503, headers={"Retry-After": "2"})] * 5)
        yield patient


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Serve an organisation with a product for each moment at which a worker dies."""
    pids = tmp_path_factory.mktemp("pids")
    moments = {
        f"{kind}_{batch}_{'after' if done else 'before'}": (batch, done) for kind in KINDS for batch, done in MOMENTS
    }
    with DeadlyDatadog(pids, moments) as datadog:
        people = [datadog.add_user(f"person{number}@example.com") for number in range(7)]
        keepers = people[:3]
        groups = {
            "assign": {"joiners": people[3:]},
            "unassign": {"leavers": people[3:]},
            "sync": {"roster": [*keepers, *people[5:]], "leavers": people[3:5], "joiners": people[5:]},
        }
        for product in moments:
            group = groups[product.partition("_")[0]]
            for person in (*keepers, *group.get("leavers", [])):
                datadog.give_seat(product, person)
        products = {kind: [product for product in moments if product.startswith(f"{kind}_")] for kind in KINDS}
        yield datadog, {kind: {**groups[kind], "keepers": keepers, "products": products[kind]} for kind in KINDS}, pids


@pytest.fixture(scope="package")
def server(
    fake: FakeDatadog, patient: FakeDatadog, stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Run all parts of Airflow, with a poll interval of one second in the example DAG of changes."""
    datadog, people, pids = stage
    dags = tmp_path_factory.mktemp("dags")
    for name in ("killed.py", "seats_in_use.py"):
        shutil.copy(Path(__file__).parents[1] / "dags" / name, dags)
    example = (EXAMPLE_DAGS / "seat_changes.py").read_text()
    assert "poll_interval=60" in example
    (dags / "seat_changes.py").write_text(example.replace("poll_interval=60", "poll_interval=1"))
    settings = {
        "AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection(),
        "AIRFLOW_CONN_DEADLY": datadog.airflow_connection(),
        "AIRFLOW_CONN_PATIENT": patient.airflow_connection(),
        "AIRFLOW_VAR_DATADOG_SEATS_EXPECTED": json.dumps(["Expected@example.com"]),
        "PIDS": str(pids),
        "STAGE": json.dumps(people),
        # On a busy machine, a worker may send its heartbeat late.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "8",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
        # The first triggerer leaves some of the sensors to the second one.
        "AIRFLOW__TRIGGERER__CAPACITY": str(CAPACITY),
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    }
    if AIRFLOW < (3, 3):
        # These versions start the trigger of an asset only when they parse the file again after the asset is active.
        settings["AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL"] = "5"
        settings["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "5"
    with AirflowHome(dags, settings) as home, home.standalone() as server:
        server.wait_until_ready(*RUNS, CHANGES)
        yield server


@pytest.fixture(scope="package")
def begun(server: Server) -> dict[str, dict[str, Any]]:
    """Start the runs of all tests at the same time, and return them by DAG id."""
    return {dag_id: server.begin(dag_id, conf) for dag_id, conf in RUNS.items()}
