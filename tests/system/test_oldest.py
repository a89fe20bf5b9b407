"""Airflow 2 with a real scheduler and triggerer, which the tests use through the command line."""

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
    pytest.mark.skipif(AIRFLOW_3, reason="tests/system/scheduled tests this with Airflow 3"),
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
    """Serve an organisation for each connection. The default one responds once with 429."""
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
    """Run the scheduler and triggerer, with a retry delay of one second in the onboarding example.

    It has more retries, too: on a busy machine Airflow 2 loses attempts before they start.
    """
    dags = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "dags" / "seats_in_use.py", dags)
    example = (EXAMPLE_DAGS / "onboarding.py").read_text()
    arguments = '"retries": 2, "retry_delay": timedelta(minutes=1)'
    assert arguments in example
    quick = '"retries": 5, "retry_delay": timedelta(seconds=1)'
    (dags / "onboarding.py").write_text(example.replace(arguments, quick))
    settings = {f"AIRFLOW_CONN_{name.upper()}": fake.airflow_connection() for name, fake in fakes.items()}
    with AirflowHome(dags, settings) as home, home.terminal() as terminal:
        yield terminal


@pytest.fixture(scope="module")
def begun(terminal: Terminal) -> dict[str, dict[str, Any]]:
    """Start the runs of all tests at the same time, and return them by DAG id."""
    return {dag_id: terminal.begin(dag_id, conf) for dag_id, conf in RUNS.items()}


def states(tasks: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the state of each task."""
    return {name: task["state"] for name, task in tasks.items()}


def test_onboarding_succeeds_after_a_retry(
    terminal: Terminal, begun: dict[str, dict[str, Any]], fakes: dict[str, FakeDatadog]
) -> None:
    """After a 429, the next attempt assigns the seats, the sensor finds them, and the next task logs them."""
    run = begun["datadog_seats_onboarding"]
    assert states(terminal.finish(run)) == dict.fromkeys(
        ("wait_for_accounts", "assign_seats", "wait_for_seats", "say_who"), "success"
    )
    assert fakes["datadog_default"].emails(PRODUCT) == [ANN, BOB]
    *_, refused, assigned = [log.read_text() for log in terminal.log_files(run, "assign_seats", "attempt=*.log")]
    assert "slow down" in refused
    assert "2 with a seat now" in assigned
    assert f"Ann <{ANN}> holds a seat since" in terminal.log_of(run, "say_who")


def test_twelve_mapped_deferred_sensors_share_one_poll(
    terminal: Terminal, begun: dict[str, dict[str, Any]], fakes: dict[str, FakeDatadog]
) -> None:
    """Twelve deferred sensors of the same product send the polls of one sensor, and all of them succeed."""
    run, fake = begun["deferred"], fakes["datadog_default"]

    def waiting() -> Counter[str]:
        return Counter(task["state"] for name, task in terminal.tasks(run).items() if name.startswith("wait"))

    def polls() -> int:
        return sum(each.query.get("product_code") == "example_product" for each in fake.calls("GET"))

    wait_for(lambda: waiting() == {"deferred": len(HIRES)}, 120, terminal.tail, pause=1)
    first = polls() + 1
    wait_for(lambda: polls() >= first, 60, terminal.tail, pause=0.02)
    began = time.monotonic()
    wait_for(lambda: polls() >= first + 4, 60, terminal.tail, pause=0.02)
    # With a poll for each sensor, four polls would take a third of a second. A busy machine only makes polls slower.
    assert time.monotonic() - began > 2.5
    for email in HIRES:
        fake.give_seat("example_product", fake.user_uuid(email))
    assert Counter(states(terminal.finish(run)).values()) == {"success": len(HIRES) + 1}


def test_timeouts_fail_a_sensor_or_skip_it(terminal: Terminal, begun: dict[str, dict[str, Any]]) -> None:
    """A timeout fails a deferred sensor, or skips it with soft_fail or never_fail, and logs the missing people."""
    run = begun["limits"]
    found = states(terminal.finish(run))
    assert {name: found[name] for name in ("timeout", "soft", "never", "execution")} == {
        "timeout": "failed",
        "soft": "skipped",
        "never": "skipped",
        "execution": "failed",
    }
    progress = "0 of 1 person holds a seat; waiting for ann@example.com"
    assert progress in terminal.log_of(run, "timeout")
    assert f"INFO - example_product: {progress}" in terminal.trigger_log_of(run, "timeout")


def test_no_file_contains_a_key(terminal: Terminal, begun: dict[str, dict[str, Any]]) -> None:
    """The logs and the metadata database contain no keys."""
    for run in begun.values():
        terminal.finish(run)
    files = {path: path.read_bytes() for path in terminal.home.path.rglob("*") if path.is_file()}
    assert any(b"2 with a seat now" in content for content in files.values())
    for key in (API_KEY, APP_KEY):
        assert not [path for path, content in files.items() if key.encode() in content]


def test_a_failed_test_reports_the_task_and_the_end_of_its_log(
    terminal: Terminal, begun: dict[str, dict[str, Any]]
) -> None:
    """The explanation of a failure shows the DAG, the task, its state and the end of its log in fewer than 40 lines."""
    terminal.seen.clear()
    terminal.finish(begun["limits"])
    lines = terminal.explain().splitlines()
    assert len(lines) < 40
    assert lines[0].startswith("limits by_hand_limits ")
    assert lines[0].endswith(": failed")
    assert any("0 of 1 person holds a seat; waiting for ann@example.com" in line for line in lines)
