"""Retries after the death of a worker, with a real scheduler."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, Server
from tests.system.killed.deadly import KINDS

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog
    from tests.system.killed.conftest import Stage

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("killed"),
    pytest.mark.skipif(not AIRFLOW_3, reason="needs the API of Airflow 3"),
]


@pytest.mark.skipif(AIRFLOW == (3, 0), reason="Airflow 3.0 does not retry a task after its process was killed")
def test_a_retry_completes_the_work_of_a_worker_that_died_at_any_moment(
    server: Server, stage: Stage, begun: dict[str, dict[str, Any]]
) -> None:
    """After a worker dies, the retry makes the remaining changes only, and the report covers the whole run."""
    datadog, people, _ = stage
    run = begun["killed"]
    assert server.finish(run, 300)["state"] == "success"
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
                assert (report["seats_before"], report["seats_after"]) == (5, 5)


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="needs the retry policies of Airflow 3.3")
def test_a_task_retries_when_datadog_allows_it(
    server: Server, patient: FakeDatadog, begun: dict[str, dict[str, Any]]
) -> None:
    """A retry policy starts the retry when Datadog allows it, not after the ``retry_delay`` of an hour."""
    run = server.finish(begun["comes_back"])
    task = server.tasks(run)["unassign"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert patient.holders("example_product") == set()
    assert "Datadog allows the next call in 2 s" in json.dumps(server.log_of(run, "unassign", 1))
