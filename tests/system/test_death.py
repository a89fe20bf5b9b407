"""Workers that are killed in the middle of their work, and what a real scheduler makes of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, AirflowHome, Server

if TYPE_CHECKING:
    from airflow_provider_seats.testing._server import Answer, Request

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW_3, reason="the scheduler is driven through the API of Airflow 3"),
]

BATCHES = 10
KINDS = ("assign", "unassign", "sync")
MOMENTS = [(batch, applied) for batch in range(1, BATCHES + 1) for applied in (False, True)]


class DeadlyDatadog(FakeDatadog):
    """Kills whoever sends it a certain write, once: before it is done, or after it is done and not yet answered."""

    def __init__(self, pids: Path, moments: dict[str, tuple[int, bool]]) -> None:
        super().__init__(products=(*moments, "spare"))
        self.moments = dict(moments)
        self.pids = pids
        self.killed: list[str] = []
        self.taken: defaultdict[str, set[str]] = defaultdict(set)
        self._writes: Counter[str] = Counter()

    def _answer(self, request: Request) -> Answer:
        if request.method == "GET":
            return super()._answer(request)
        product = request.body["data"]["attributes"]["product_code"]
        if request.method == "DELETE":
            self.taken[product].update(request.body["data"]["attributes"]["user_uuids"])
        self._writes[product] += 1
        batch, applied = self.moments.get(product, (0, False))
        if self._writes[product] != batch:
            return super()._answer(request)
        del self.moments[product]
        if applied:
            super()._answer(request)
        self._kill(product)
        raise ConnectionAbortedError

    def _kill(self, product: str) -> None:
        """Kill the task's process; for every fifth also the worker that watches over it, so that nobody reports it."""
        pid = int((self.pids / product).read_text())
        victims = [psutil.Process(pid)]
        if len(self.killed) % 5 == 0:
            victims += victims[0].parents()[:1]
        self.killed.append(product)
        for victim in victims:
            with suppress(psutil.Error):
                os.kill(victim.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DeadlyDatadog, dict[str, Any], Path]]:
    """Serve an organisation with a product for each moment at which a worker may die."""
    pids = tmp_path_factory.mktemp("pids")
    moments = {
        f"{kind}_{batch}_{'after' if done else 'before'}": (batch, done) for kind in KINDS for batch, done in MOMENTS
    }
    with DeadlyDatadog(pids, moments) as datadog:
        people = [datadog.add_user(f"person{number}@example.com") for number in range(23)]
        keepers = people[:3]
        groups = {
            "assign": {"joiners": people[3:13]},
            "unassign": {"leavers": people[3:13]},
            "sync": {"roster": [*keepers, *people[8:13]], "leavers": people[3:8], "joiners": people[8:13]},
        }
        for product in moments:
            group = groups[product.partition("_")[0]]
            for person in (*keepers, *group.get("leavers", [])):
                datadog.give_seat(product, person)
        products = {kind: [product for product in moments if product.startswith(f"{kind}_")] for kind in KINDS}
        yield datadog, {kind: {**groups[kind], "keepers": keepers, "products": products[kind]} for kind in KINDS}, pids


@pytest.fixture(scope="module")
def server(
    stage: tuple[DeadlyDatadog, dict[str, Any], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Run a whole Airflow that notices soon when a worker is gone."""
    datadog, people, pids = stage
    dags = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "dags" / "killed.py", dags)
    settings = {
        "AIRFLOW_CONN_DATADOG_DEFAULT": datadog.airflow_connection(),
        "PIDS": str(pids),
        "STAGE": json.dumps(people),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "8",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    }
    with AirflowHome(dags, settings) as home, home.standalone() as server:
        server.wait_until_ready("killed", "comes_back")
        yield server


@pytest.mark.skipif(AIRFLOW == (3, 0), reason="Airflow 3.0 does not try a task again whose process was killed")
def test_a_worker_that_dies_at_any_moment_leaves_work_that_its_retry_completes(
    server: Server, stage: tuple[DeadlyDatadog, dict[str, Any], Path]
) -> None:
    """The end is exact, nobody lost a seat whom nobody meant, and a sync's report tells of the whole run."""
    datadog, people, _ = stage
    run = server.begin("killed")
    assert server.finish(run, 500)["state"] == "success"
    assert sorted(datadog.killed) == sorted(product for kind in KINDS for product in people[kind]["products"])
    for kind in KINDS:
        group = people[kind]
        expected = {*group["keepers"], *group.get("joiners", [])}
        for index, product in enumerate(group["products"]):
            assert datadog.holders(product) == expected, product
            assert datadog.taken[product] == set(group.get("leavers", [])), product
            if kind == "sync" and AIRFLOW >= (3, 3):
                report = server.xcom(run, "sync", index=index)
                assert {person["id"] for person in report["unassigned"]} == set(group["leavers"]), product
                assert {person["id"] for person in report["assigned"]} == set(group["joiners"]), product
                assert (report["seats_before"], report["seats_after"]) == (8, 8)


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="this Airflow has no retry policies yet")
def test_a_task_comes_back_when_datadog_allows_it(
    server: Server, stage: tuple[DeadlyDatadog, dict[str, Any], Path]
) -> None:
    """In seconds, although its own ``retry_delay`` is an hour."""
    datadog, _, _ = stage
    person = datadog.user_uuid("person0@example.com")
    datadog.give_seat("spare", person)
    datadog.script("GET", SEATS, *[Fault(503, headers={"Retry-After": "2"})] * 5)
    run = server.run("comes_back")
    task = server.tasks(run)["unassign"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert datadog.holders("spare") == set()
    assert "Datadog allows the next call in 2 s" in json.dumps(server.log_of(run, "unassign", 1))
