"""Runs that another system starts, by REST and with airflowctl, with a real API server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.airflow_home import AIRFLOW_3, Server
from tests.system.test_commands import RUNNING, commands
from tests.test_docs import blocks

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("scheduled"),
    pytest.mark.skipif(not AIRFLOW_3, reason="needs the API of Airflow 3"),
]

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"


@pytest.mark.parametrize(
    ("emails", "people"),
    [([ANN, BOB], 2), (ANN, 1), (f'["{ANN}", "{BOB}"]', 2), (f"{ANN}, {BOB}", 2), ([ANN.upper()], 1)],
    ids=["list", "address", "json", "commas", "upper case"],
)
def test_the_examples_accept_what_a_webhook_sends(server: Server, emails: Any, people: int) -> None:
    """Both examples accept a list, one address, addresses with commas, and a list as JSON text."""
    conf = {"emails": emails, "product_code": "outside", "max_unassign": "100%"}
    run = server.run("datadog_seats_onboarding", conf)
    assert (run["state"], server.xcom(run, "assign_seats", "headline")) == (
        "success",
        f"outside: {people} with a seat now",
    )
    run = server.run("datadog_seats_offboarding", conf)
    assert run["state"] == "success"
    assert server.xcom(run, "unassign_seats", "headline").startswith(f"outside: {people} unassigned; ")


def test_a_value_of_another_type_is_refused(server: Server) -> None:
    """Airflow refuses a run whose emails are neither text nor a list."""
    with pytest.raises(RuntimeError, match=r"400.*emails"):
        server.begin("datadog_seats_onboarding", {"emails": 5})


def test_the_commands_of_the_page_start_runs(server: Server) -> None:
    """The commands of the page get a token and start runs. The same event again is refused, and so is a conf."""
    if not (Path(sys.executable).parent / "airflowctl").exists():
        pytest.skip("airflowctl is installed with the newest Airflow only")
    server.ask("GET", "/api/v2/version")
    starts, results, ctl = [
        [each.replace("https://airflow.example.com", server.url) for each in commands(block)[0]]
        for block in shown("console")
    ]
    token, hire, _ = starts
    bash(server, *starts)
    hired = server.finish({"dag_id": "datadog_seats_onboarding", "dag_run_id": "hire-4711"})
    assert (hired["state"], hired["conf"]) == ("success", {"emails": [ANN]})
    left = server.finish({"dag_id": "datadog_seats_offboarding", "dag_run_id": "leaver-4712"})
    assert (left["state"], left["conf"]["emails"]) == ("success", CY)
    printed = bash(server, token, *results)
    assert '"state":"success"' in printed
    assert "incident_response: 1 with a seat now" in printed
    with pytest.raises(AssertionError, match="409"):
        bash(server, token, hire)
    bash(server, token, *ctl)
    [run] = server.runs("leavers_from_hr")
    assert server.finish(run)["state"] == "success"
    assert "incident_response" in server.xcom(run, "unassign_seats", "headline")
    with pytest.raises(AssertionError, match="invalid dict value"):
        bash(server, token, ctl[0], """airflowctl dags trigger leavers_from_hr --conf '{"a": "b"}'""")


def test_the_client_of_the_page_starts_a_run(server: Server) -> None:
    """The function of the page starts a run with airflowctl's client for Python."""
    pytest.importorskip("airflowctl")
    [text] = [block.text for block in shown("python") if "airflowctl" in block.text]
    names: dict[str, Any] = {}
    exec(compile(text, RUNNING, "exec"), names)  # noqa: S102 (our own page)
    server.ask("GET", "/api/v2/version")
    run_id = names["hire"](server.url, server._token, [ANN])
    run = server.finish({"dag_id": "datadog_seats_onboarding", "dag_run_id": run_id})
    assert (run["state"], run["conf"]) == ("success", {"emails": [ANN]})


def shown(language: str) -> list[Any]:
    """Return the blocks of the page in a language."""
    return [each.values[0] for each in blocks(language) if each.values[0].page == RUNNING]


def bash(server: Server, *lines: str) -> str:
    """Run commands in one shell, and return their output."""
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        env=server.home.environment,
        cwd=server.home.path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
