"""A process that imports Airflow once, and forks a new process for each command of Airflow or pytest.

To import Airflow takes two to four seconds of processor time, which each command would otherwise need. This process
imports modules of Airflow. It imports only those modules of this package that Airflow imports with its entry point.

Each line on standard input is a command in JSON: its name and arguments (``argv``), the file for its output, and
environment variables.
This process prints the process id of the command. At its end, a command writes its exit code next to its output.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

# Modules that this Airflow does not have, or that need a newer one, are skipped.
MODULES = (
    "airflow.__main__",
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.cli.commands.dag_command",
    "airflow.cli.commands.task_command",
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.dag_processing.manager",
    "airflow.executors.local_executor",
    "airflow.jobs.local_task_job_runner",
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.triggerer_job_runner",
    "airflow.models.serialized_dag",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.python",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.task.standard_task_runner",
    "requests",
)


def main() -> None:
    """Fork a process for each line until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of Airflow must not mix with the process ids
    for module in MODULES:
        with suppress(Exception):
            importlib.import_module(module)
    ours = {name.partition(".")[2] for name in sys.modules if name.startswith("airflow_provider_seats.")}
    # Airflow calls the provider's entry point, which imports these.
    assert ours <= {"connection", "exceptions", "_connection_form", "_secrets", "_text"}, ours
    gc.collect()
    gc.freeze()
    # Ended children do not stay as zombies.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    begun: set[int] = set()
    for line in sys.stdin:
        command = json.loads(line)
        if command["argv"][0] == "pytest" or command["argv"][1:3] == ["dags", "test"]:
            warm_up()
        pid = os.fork()
        if pid == 0:
            run(**command)
        begun.add(pid)
        print(pid, file=answers, flush=True)
    # The parent process has ended, or was killed. End the commands that it started.
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) in begun:
                os.kill(process.pid, signal.SIGKILL)


@cache
def warm_up() -> None:
    """Send a request to the API that a test of a DAG has in its process, because the first one takes seconds.

    The path does not exist, so nothing else of Airflow is used.
    """

    async def request(app: Any) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://airflow") as client:
            await client.get("/nothing")

    # Airflow 2 has no such API.
    with suppress(ImportError):
        supervisor = importlib.import_module("airflow.sdk.execution_time.supervisor")
        httpx = importlib.import_module("httpx")
        asyncio.run(request(supervisor.in_process_api_server().app))


def run(argv: list[str], output: str, environment: dict[str, str]) -> None:
    """Run the command in this process, in a new session."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for new, old in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(new, old)
        os.set_inheritable(old, True)
    sys.argv = argv
    code: Any = 1
    try:
        if argv[0] == "airflow":
            importlib.import_module("airflow.__main__").main()
        else:
            runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 (printed as Python prints it)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.getsid(0) == os.getpid():
        unfinished = Path(f"{output}.unfinished")
        unfinished.write_text(str(code))
        unfinished.rename(f"{output}.code")
    sys.exit(code)


if __name__ == "__main__":
    main()
