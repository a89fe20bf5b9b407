"""Many hires on a cluster with Celery, Redis and PostgreSQL: the number of requests, and the death of a node."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.airflow_home import Server, wait_for
from tests.helpers.cluster import AT_HAND, Cluster, Watched, postgres, redis

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(not find_spec("celery"), reason="only the environment of the newest Airflow has Celery"),
    pytest.mark.skipif(not AT_HAND, reason="redis-server and postgresql are not installed"),
]

MANY, MAPPED, FEW = 500, 32, 12
HIRES = [f"hire{number:03}@example.com" for number in range(MANY)]
OTHERS = [f"keeper{number:02}@example.com" for number in range(20)]
PRODUCTS = ("many", "pool", "two", "one")


@pytest.fixture(scope="module")
def fake() -> Iterator[Watched]:
    """Serve an organisation with hires without a seat, and with others who hold a seat of each product."""
    with Watched(products=PRODUCTS) as fake:
        for email in HIRES:
            fake.add_user(email)
        for email in OTHERS:
            keeper = fake.add_user(email)
            for product in PRODUCTS:
                fake.give_seat(product, keeper)
        yield fake


@pytest.fixture(scope="module")
def cluster(fake: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Create the home of a cluster, with a new database and a new broker."""
    dags = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "dags" / "many.py", dags)
    connection = json.loads(fake.airflow_connection())
    connection["extra"]["timeout"] = 120  # longer than the delay of writes
    settings = {
        "AIRFLOW_CONN_DATADOG_DEFAULT": json.dumps(connection),
        "MANY": str(MANY),
        "MAPPED": str(MAPPED),
        "FEW": str(FEW),
    }
    with (
        postgres() as database,
        redis() as broker,
        Cluster(dags, settings, database=database, broker=broker) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Server]:
    """Run the cluster."""
    with cluster.nodes("many", "many_in_a_pool", "many_but_two_at_a_time", "many_in_one_task") as server:
        server.ask("POST", "/api/v2/pools", {"name": "datadog", "slots": 2, "include_deferred": False})
        yield server


@pytest.fixture(autouse=True)
def nothing_noted_yet(fake: Watched) -> None:
    """Reset the recorded requests before each test."""
    fake.clear()


def test_one_task_for_all_hires_needs_few_requests(server: Server, fake: Watched) -> None:
    """One task assigns 500 seats with at most 12 requests, because it reads pages of users and sends batches."""
    assert server.run("many_in_one_task")["state"] == "success"
    assert fake.emails("one") == sorted(HIRES + OTHERS)
    assert len(fake.times) <= 12


@pytest.mark.parametrize(("dag_id", "product"), [("many_in_a_pool", "pool"), ("many_but_two_at_a_time", "two")])
def test_slots_limit_concurrent_requests(server: Server, fake: Watched, dag_id: str, product: str) -> None:
    """A pool, or a limit of active tasks, limits the concurrent requests of mapped tasks to the number of slots."""
    run = server.begin(dag_id)
    assert server.finish(run, 180)["state"] == "success"
    assert fake.emails(product) == sorted(HIRES[:FEW] + OTHERS)
    assert fake.most <= 2
    # Each person needs two requests. On a busy machine, Airflow may lose a task, and its retry sends them again.
    assert 2 * FEW <= len(fake.times) <= 3 * FEW


def test_all_hires_get_a_seat_although_a_node_dies(cluster: Cluster, server: Server, fake: Watched) -> None:
    """Retries assign all seats after a worker dies during four requests, although Datadog has applied two of them."""
    fake.hold_writes(after=16)
    run = server.begin("many")
    wait_for(lambda: fake.held >= 8, 180, server.tail)
    cluster.kill("worker2")
    fake.let_go()
    assert server.finish(run, 300)["state"] == "success"
    assert fake.emails("many") == sorted(HIRES[:MAPPED] + OTHERS)
    assert any(task["try_number"] > 1 for task in server.tasks(run).values())
