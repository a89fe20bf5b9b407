"""The commands in the documentation, with a real Airflow."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PRODUCT
from tests.test_docs import Block, blocks, for_this_airflow, runs_a_dag

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog
    from tests.helpers.airflow_home import AirflowHome

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("commands"),
    pytest.mark.usefixtures("nobody_holds_a_seat"),
]

# A test cannot run these commands, because they install, test or measure. The values say what runs them.
ELSEWHERE = {
    "make demo": "the gate",
    "make quick": "a part of make test",
    "make test": "this suite",
    "make test AIRFLOW=2.11.0": "the gate",
    "make test-matrix": "runs this suite",
    "make test-mysql": "needs a MySQL server",
    "make test-secrets": "runs tests/system/test_secret_backends.py",
    "make docs": "tests/system/test_site.py",
    "make bench": "tests/system/test_load.py",
    ".ci/run": "runs this suite",
}
# tests/system/test_secret_backends.py and tests/test_packaging.py do what these commands do.
OTHER_PROGRAMS = ("vault ", "aws ", "gcloud ", "az ", "pip download ", "pip install ", "python -m build ")


@pytest.fixture(scope="module")
def typed_before() -> list[str]:
    """Return a list for the commands that have run, because several pages show the same command."""
    return []


def commands(block: Block) -> tuple[list[str], list[str]]:
    """Return the commands of a block, and the lines of output that it shows."""
    given: list[str] = []
    shown: list[str] = []
    for line in block.text.splitlines():
        unfinished = bool(given) and (given[-1].endswith("\\") or given[-1].count("'") % 2 == 1)
        if line.startswith("$ "):
            given.append(re.sub(r"\s+# .*", "", line.removeprefix("$ ")))
        elif unfinished:
            given[-1] += f"\n{line}"
        else:
            shown.append(line)
    return given, shown


# The commands of this page need a running Airflow: tests/system/scheduled/test_outside.py runs them.
RUNNING = "docs/how-to/trigger.md"


@pytest.mark.parametrize("block", [each for each in blocks("console") if each.values[0].page != RUNNING])
def test_documented_commands_work(home: AirflowHome, fake: FakeDatadog, typed_before: list[str], block: Block) -> None:
    """Each command in the documentation succeeds, and prints the output that the page shows."""
    given, shown = commands(block)
    connects = "print(DatadogSeatsHook().get_conn().connection.base_url)"
    given = [each for each in given if each not in (*ELSEWHERE, *typed_before) and not each.startswith(OTHER_PROGRAMS)]
    typed_before.extend(given)
    says = f"; python -c 'from airflow_provider_seats.hooks import DatadogSeatsHook; {connects}'"
    for command in given:
        if "airflow_provider_seats.testing" in command:
            first = serves(f"{command} --port 0", home)
            assert not shown or re.sub(r"\d+", "N", shown[0]) == re.sub(r"\d+", "N", first)
            continue
        exports, adds = command.startswith("export "), command.startswith("airflow connections add ")
        typed = re.sub("<[A-Za-z ]+ key>", "0" * 40, command)
        if typed.startswith("airflow "):
            printed = home.airflow(*shlex.split(typed.replace("\\\n", " "))[1:])
        else:
            printed = shell(typed + says if exports else typed, home)
        if command.startswith("airflow dags test datadog_seats_onboarding"):
            assert fake.emails(PRODUCT) == ["ann@example.com"]
        if exports:
            assert printed.splitlines()[-1] == "https://api.datadoghq.eu"
        if adds:
            home.airflow("connections", "export", "made.json")
            assert "datadoghq.eu" in (home.path / "made.json").read_text()
        if command == "airflow providers list":
            assert "airflow-provider-seats" in printed


@pytest.mark.parametrize("block", [each for each in blocks("python") if runs_a_dag(each.values[0])])
def test_the_documented_test_of_a_dag_passes(home: AirflowHome, block: Block) -> None:
    """The documented test of a whole DAG passes with a metadata database and the DAGs folder."""
    dags = home.environment["AIRFLOW__CORE__DAGS_FOLDER"]
    file = home.path / "test_shown.py"
    file.write_text(for_this_airflow(block.text))
    output = home.pytest("-q", "-o", f"pythonpath={dags}", "-p", "no:cacheprovider", str(file))
    assert "1 passed" in output


def shell(command: str, home: AirflowHome) -> str:
    """Run a command in a shell, and return its output."""
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command],
        env=home.environment,
        cwd=home.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def serves(command: str, home: AirflowHome) -> str:
    """Start a server, interrupt it with SIGINT, and return the first line of its output."""
    words = [sys.executable, *command.split()[1:]]
    with subprocess.Popen(
        words,
        cwd=home.path,
        env=home.environment,
        stdout=subprocess.PIPE,
        text=True,
        # Background jobs of a shell ignore SIGINT, and their children inherit this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (it is single-threaded here)
    ) as server:
        late = threading.Timer(60, server.kill)
        late.start()
        try:
            assert server.stdout is not None
            first = server.stdout.readline().strip()
            assert any("export AIRFLOW_CONN_DATADOG_DEFAULT=" in line for line in server.stdout)
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0
        finally:
            late.cancel()
            server.kill()
    return first
