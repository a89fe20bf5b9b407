"""Airflow 2 with a real scheduler and triggerer, driven and read by the command line alone."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW_3, EXAMPLE_DAGS, AirflowHome, Terminal, wait_for

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("oldest"),
    pytest.mark.skipif(AIRFLOW_3, reason="tests/system/scheduled does this through the API of Airflow 3"),
]

ANN, BOB = "ann@example.com", "bob@example.com"
API_KEY, APP_KEY = "the-api-key-3141", "the-app-key-2718"
HIRES = [f"hire{number}@example.com" for number in range(12)]
RUNS: dict[str, dict[str, Any]] = {
    "limits": {},
    "deferred": {"emails": HIRES},
    "datadog_seats_onboarding": {"emails": [ANN, BOB]},
}


@pytest.fixture(scope="module")
def fakes() -> Iterator[dict[str, FakeDatadog]]:
    """Serve an organisation for each of the connections, the default one of which stumbles once."""
    with (
        FakeDatadog(api_key=API_KEY, app_key=APP_KEY) as default,
        FakeDatadog(api_key=API_KEY, app_key=APP_KEY) as limits,
    ):
        for email in (ANN, BOB, *HIRES):
            default.add_user(email)
        limits.add_user(ANN)
        default.script("POST", SEATS, Fault(429, {"errors": ["slow down"]}, {"X-RateLimit-Reset": "900"}))
        yield {"datadog_default": default, "limits": limits}


@pytest.fixture(scope="module")
def terminal(fakes: dict[str, FakeDatadog], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Run scheduler and triggerer, with the example DAG of onboarding trying again after a second."""
    dags = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "dags" / "seats_in_use.py", dags)
    example = (EXAMPLE_DAGS / "onboarding.py").read_text()
    assert "timedelta(minutes=1)" in example
    (dags / "onboarding.py").write_text(example.replace("timedelta(minutes=1)", "timedelta(seconds=1)"))
    settings = {f"AIRFLOW_CONN_{name.upper()}": fake.airflow_connection() for name, fake in fakes.items()}
    with AirflowHome(dags, settings) as home, home.terminal() as terminal:
        yield terminal


@pytest.fixture(scope="module")
def begun(terminal: Terminal) -> dict[str, dict[str, Any]]:
    """Begin the runs of all tests, so that they run side by side; give them by DAG."""
    return {dag_id: terminal.begin(dag_id, conf) for dag_id, conf in RUNS.items()}


def states(tasks: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Give the state of each task."""
    return {name: task["state"] for name, task in tasks.items()}


def test_onboarding_is_mended_by_airflows_retry(
    terminal: Terminal, begun: dict[str, dict[str, Any]], fakes: dict[str, FakeDatadog]
) -> None:
    """The second attempt assigns the seats, the sensor sees them, and the next task tells who holds one."""
    run = begun["datadog_seats_onboarding"]
    assert states(terminal.finish(run)) == dict.fromkeys(("assign_seats", "wait_for_seats", "say_who"), "success")
    assert fakes["datadog_default"].emails(PRODUCT) == [ANN, BOB]
    assert "slow down" in terminal.log_of(run, "assign_seats", 1)
    assert "2 hold a seat now" in terminal.log_of(run, "assign_seats", 2)
    assert f"Ann <{ANN}> holds a seat since" in terminal.log_of(run, "say_who")


def test_twelve_mapped_deferred_sensors_share_one_poll(
    terminal: Terminal, begun: dict[str, dict[str, Any]], fakes: dict[str, FakeDatadog]
) -> None:
    """All of them wait in the triggerer and end well, for the calls of one."""
    run, fake = begun["deferred"], fakes["datadog_default"]

    def waiting() -> Counter[str]:
        return Counter(task["state"] for name, task in terminal.tasks(run).items() if name.startswith("wait"))

    def polls() -> int:
        return sum(each.query.get("product_code") == "on_call" for each in fake.calls("GET"))

    wait_for(lambda: waiting() == {"deferred": len(HIRES)}, 120, terminal.tail, pause=1)
    first = polls() + 1
    wait_for(lambda: polls() >= first, 60, terminal.tail, pause=0.02)
    began = time.monotonic()
    wait_for(lambda: polls() >= first + 4, 60, terminal.tail, pause=0.02)
    # Twelve polls a second would be four in a third of a second; a busy machine makes it longer, never shorter.
    assert time.monotonic() - began > 2.5
    for email in HIRES:
        fake.give_seat("on_call", fake.user_uuid(email))
    assert Counter(states(terminal.finish(run)).values()) == {"success": len(HIRES) + 1}


def test_a_time_out_fails_and_its_soft_fail_skips(terminal: Terminal, begun: dict[str, dict[str, Any]]) -> None:
    """The last line of the log says who is missing."""
    run = begun["limits"]
    found = states(terminal.finish(run))
    assert {name: found[name] for name in ("timeout", "soft", "never", "execution")} == {
        "timeout": "failed",
        "soft": "skipped",
        "never": "skipped",
        "execution": "failed",
    }
    assert "0 of 1 person holds a seat; waiting for ann@example.com" in terminal.log_of(run, "timeout")


def test_no_key_is_left_behind(terminal: Terminal, begun: dict[str, dict[str, Any]]) -> None:
    """Neither in a log nor in the metadata database."""
    for run in begun.values():
        terminal.finish(run)
    files = {path: path.read_bytes() for path in terminal.home.path.rglob("*") if path.is_file()}
    assert any(b"2 hold a seat now" in content for content in files.values())
    for key in (API_KEY, APP_KEY):
        assert not [path for path, content in files.items() if key.encode() in content]


def test_a_failing_test_says_which_task_went_wrong_and_how_its_log_ends(
    terminal: Terminal, begun: dict[str, dict[str, Any]]
) -> None:
    """In fewer than 40 lines: the DAG, the task, its state, and the end of its log."""
    terminal.seen.clear()
    terminal.finish(begun["limits"])
    lines = terminal.explain().splitlines()
    assert len(lines) < 40
    assert lines[0].startswith("limits by_hand_limits ")
    assert lines[0].endswith(": failed")
    assert any("0 of 1 person holds a seat; waiting for ann@example.com" in line for line in lines)
