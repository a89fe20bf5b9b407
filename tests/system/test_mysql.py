"""A large organisation on MySQL, which has the lowest limits of Airflow's databases: ``make test-mysql``.

It needs a MySQL server of its own, in which it creates and deletes databases. docs/how-to/scale.md has the last result.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from airflow_provider_seats._planning.stored import MAX_VALUE
from airflow_provider_seats._running.task_context import MAX_XCOM
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.helpers.airflow_home import AIRFLOW, AirflowHome, Server, wait_for

if AIRFLOW < (3, 3):
    pytest.skip("state stores came with Airflow 3.3", allow_module_level=True)

from tests.system.dags import large

URL = os.environ.get("MYSQL", "")
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("mysql"),
    pytest.mark.skipif(
        not URL, reason="needs a MySQL server: make test-mysql MYSQL=mysql+mysqldb://root@127.0.0.1:3306"
    ),
]
PRODUCTS = ("waited", "watched", "synced", "reviewed")


class OnMySQL(AirflowHome):
    """An Airflow whose metadata database is a MySQL."""

    def __enter__(self) -> Self:
        self.airflow("db", "migrate")
        return self


def query(statement: str) -> list[tuple[Any, ...]]:
    """Run a statement in MySQL, and return its rows."""
    from sqlalchemy import create_engine, text

    with create_engine(URL).connect() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
        connection.commit()
        return rows


@pytest.fixture(scope="module", params=[2_500, 20_000])
def count(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return how many people there are, and make the DAGs use this number, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "COUNT", request.param)
        yield request.param


@pytest.fixture(scope="module")
def uuids() -> dict[str, list[str]]:
    """Return a dictionary for the user UUIDs of the people of each product."""
    return {}


@pytest.fixture(scope="module")
def fakes(count: int, uuids: dict[str, list[str]]) -> Iterator[tuple[FakeDatadog, FakeDatadog]]:
    """Serve an organisation with all people, and one that answers the second write of seats with 429."""
    with FakeDatadog(products=PRODUCTS) as fake, FakeDatadog(products=PRODUCTS) as faulty:
        for product in ("waited", "watched", "reviewed"):
            uuids[product] = [fake.add_user(email) for email in large.emails(product)]
        for email in large.emails("synced"):
            faulty.add_user(email)
        faulty.script("POST", SEATS, Fault(), Fault(429, {"errors": ["slow down"]}, {"X-RateLimit-Reset": "900"}))
        yield fake, faulty


@pytest.fixture(scope="module")
def server(
    count: int, fakes: tuple[FakeDatadog, FakeDatadog], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Run all parts of Airflow on an empty database."""
    database = f"seats_{count}"
    query(f"DROP DATABASE IF EXISTS {database}")
    query(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
    dags = tmp_path_factory.mktemp("dags")
    (dags / "large.py").write_text((Path(large.__file__)).read_text())
    fake, faulty = fakes
    settings = {
        "LARGE": str(count),
        "AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection(),
        "AIRFLOW_CONN_FAULTY": faulty.airflow_connection(),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"{URL}/{database}",
        "AIRFLOW__API_AUTH__JWT_SECRET": "known to all parts, and of no use to anyone else" * 2,
    }
    try:
        with OnMySQL(dags, settings) as home, home.standalone() as server:
            server.wait_until_ready("waited", "synced", "reviewed", "changes")
            yield server
            # The scheduler has survived all of it.
            health = server.ask("GET", "/api/v2/monitor/health")
            assert [health[part]["status"] for part in ("scheduler", "triggerer")] == ["healthy", "healthy"]
    finally:
        query(f"DROP DATABASE {database}")


def largest(count: int, table: str, column: str) -> int:
    """Return the size in bytes of the largest value of a column."""
    [[size]] = query(f"SELECT MAX(LENGTH({column})) FROM seats_{count}.{table}")  # noqa: S608 (our own names)
    print(f"{count:,} people: at most {size} bytes in {table}.{column}")
    return int(size or 0)


def test_everyone_of_a_large_organisation_is_waited_for_synced_and_reported(
    server: Server, fakes: tuple[FakeDatadog, FakeDatadog], uuids: dict[str, list[str]], count: int
) -> None:
    """A deferred sensor, a sync with a retry, an approved preview and events of changes end as in a small one."""
    fake, faulty = fakes
    waited, synced, reviewed = (server.begin(dag_id) for dag_id in ("waited", "synced", "reviewed"))
    # The trigger of changes reads its starting point before anyone has a seat.
    wait_for(lambda: any(call.query["product_code"] == "watched" for call in fake.calls("GET")), 120, server.tail)
    for product in ("watched", "waited"):
        for uuid in uuids[product]:
            fake.give_seat(product, uuid)

    server.answer(reviewed, "approve", "Approve", before=lambda: fake.emails("reviewed") == [])
    assert server.finish(waited, 600)["state"] == "success"
    assert server.xcom(waited, "wait")["count"] == count

    assert server.finish(synced, 600)["state"] == "success"
    assert server.tasks(synced)["sync"]["try_number"] == 2
    report = server.xcom(synced, "sync")
    assert (report["counts"]["assigned"], report["since_attempt"]) == (count, 1)
    assert len(faulty.emails("synced")) == count

    assert server.finish(reviewed, 600)["state"] == "success"
    assert server.xcom(reviewed, "apply")["counts"]["assigned"] == count

    def events() -> list[list[int]]:
        values = query(f"SELECT value FROM seats_{count}.xcom WHERE dag_id = 'changes' AND `key` = 'return_value'")  # noqa: S608 (our own names)
        return [event for [value] in values for event in json.loads(value)]

    wait_for(lambda: sum(gained for gained, _ in events()) == count, 600, server.tail, pause=2)
    assert 0 in [more for _, more in events()]

    stored = {
        ("asset_event", "extra"): MAX_VALUE,
        ("asset_state_store", "value"): MAX_VALUE,
        ("hitl_detail", "body"): MAX_VALUE,
        ("task_instance", "next_kwargs"): MAX_VALUE,
        ("xcom", "value"): MAX_XCOM,
    }
    assert {where: size for where, most in stored.items() if (size := largest(count, *where)) > most} == {}
