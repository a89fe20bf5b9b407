"""A process that has loaded Airflow, and forks a process of its own for each Airflow command.

To load Airflow costs two to four seconds of a processor, and each command and each part of Airflow would pay them.
Airflow's own modules are loaded here, and of this package what Airflow itself loads with its entry point.

Each line on standard input is a command, as JSON: its arguments, its output's file, and further environment variables.
The answer on standard output is the process id. At its end, the process writes its exit code beside its output.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

# Those that this Airflow does not have are left out.
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
    """Serve until standard input ends; a forked process leaves the loop and becomes the command."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Airflow's own words go elsewhere
    for module in MODULES:
        with suppress(ImportError):
            importlib.import_module(module)
    ours = {name.partition(".")[2] for name in sys.modules if name.startswith("airflow_provider_seats.")}
    # Airflow itself reads the provider's entry point, which imports these.
    assert ours <= {"connection", "exceptions", "_text"}, ours
    gc.collect()
    gc.freeze()
    # The system reaps the children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    begun: set[int] = set()
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if pid == 0:
            run(**command)
        begun.add(pid)
        print(pid, file=answers, flush=True)
    # Whoever asked has ended, perhaps killed: nothing of theirs is left running.
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) in begun:
                os.kill(process.pid, signal.SIGKILL)


def run(arguments: list[str], output: str, environment: dict[str, str]) -> None:
    """Be the command, in a session of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for new, old in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(new, old)
        os.set_inheritable(old, True)
    sys.argv = ["airflow", *arguments]
    code: Any = 1
    try:
        importlib.import_module("airflow.__main__").main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 (told as Python tells it)
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
