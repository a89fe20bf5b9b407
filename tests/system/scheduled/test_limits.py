"""Failures of deferred sensors, with a real scheduler and triggerer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.helpers.airflow_home import AIRFLOW_3, Server

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("scheduled"),
    pytest.mark.skipif(not AIRFLOW_3, reason="needs the API of Airflow 3"),
]
Begun = dict[str, dict[str, Any]]


def test_limits_end_a_deferred_sensor_as_in_poke_mode(server: Server, begun: Begun) -> None:
    """A timeout fails without a retry, soft_fail and never_fail skip, and the error names the missing people."""
    run = server.finish(begun["limits"])
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
        assert "airflow_provider_seats._waiting.users_wait" in server.trigger_log_of(run, name)
        failed = [event for event in log if event.get("level") == "error"][-1]
        assert failed["error_detail"][0]["exc_type"] == error
        assert "0 of 1 person holds a seat; waiting for ann@example.com" in failed["error_detail"][0]["exc_value"]


def test_a_deferred_sensor_waits_for_an_account(server: Server, begun: Begun, fakes: dict[str, FakeDatadog]) -> None:
    """A sensor defers until the account is there, and then the seat is assigned. A disabled account is waited for."""
    run, fake = begun["hired"], fakes["hired"]
    server.wait_until_left(run, "account")
    assert fake.calls("POST") == []
    hire = fake.add_user("hire@example.com", "Hire")
    server.finish(run)
    states = {name: task["state"] for name, task in server.tasks(run).items()}
    assert states == {"account": "success", "assign": "success", "never": "failed"}
    people = [{"id": hire, "email": "hire@example.com", "name": "Hire"}]
    assert server.xcom(run, "account") == {"count": 1, "people": people}
    assert fake.emails("incident_response") == ["hire@example.com"]
    log = json.dumps(server.log_of(run, "never", server.tasks(run)["never"]["try_number"]))
    assert "0 of 1 person has an enabled account; waiting for no@example.com (the account is disabled)" in log


def test_a_rejected_key_fails_a_deferred_task_with_datadogs_message(
    server: Server, begun: Begun, fakes: dict[str, FakeDatadog]
) -> None:
    """A deferred task with a rejected key fails without a retry, and logs Datadog's message."""
    run = begun["keyed"]
    server.wait_until_left(run, "wait")
    fakes["other"].script("GET", SEATS, *[Fault(403, {"errors": ["No permission at all"]})] * 2)
    server.finish(run)
    task = server.tasks(run)["wait"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert "No permission at all" in json.dumps(server.log_of(run, "wait"))
