"""The cold start of a task: what an assignment costs from its imports to its end, if Airflow is loaded.

``python -m tools.cold [FOLDER]`` measures this build, and beside it the build in a folder, such as an older clone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tools import airflow_home

ROOT: Final = Path(__file__).parents[1]
PAIRS: Final = 21

# What a task process of Airflow has loaded before it loads an operator. As Airflow does, it forks for each task.
_FORKS: Final = """
import gc, json, logging, os, sys, time
import airflow.exceptions, airflow.sdk.exceptions, airflow.sdk.execution_time.task_runner
from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink, Context
from airflow.sdk.bases.sensor import BaseSensorOperator
from airflow.sdk.definitions.connection import Connection
logging.disable(logging.WARNING)

class Other(BaseOperator):
    def execute(self, context):
        BaseHook.get_connection("datadog_default")

# What Airflow loads when a task asks for its first connection, outside of a real task.
Other(task_id="other").execute({})
gc.freeze()

def run(number, root, job):
    receive, send = os.pipe()
    if not os.fork():
        sys.path.insert(0, root)
        # Airflow has read the metadata of the installed build.
        for name in [name for name in sys.modules if name.startswith("airflow_provider_seats")]:
            del sys.modules[name]
        code = compile(job, "job", "exec")
        begin = time.process_time()
        exec(code, {"number": number})
        os.write(send, json.dumps(time.process_time() - begin).encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as answer:
        seconds = json.load(answer)
    os.wait()
    return seconds * 1000

jobs, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
print(json.dumps([[run(n * len(jobs) + i, *job) for i, job in enumerate(jobs)] for n in range(rounds)]))
"""
_ASSIGN: Final = """
from airflow_provider_seats.operators import AssignSeatsOperator
person = f"11111111-1111-1111-1111-{number:012}"
AssignSeatsOperator(task_id="assign", product_code="incident_response", user_uuids=[person]).execute({})
"""
_SENSOR: Final = """
from airflow_provider_seats.sensors import SeatUsersSensor
person = "11111111-1111-1111-1111-111111111111"
sensor = SeatUsersSensor(task_id="wait", product_code="incident_response", user_uuids=[person], deferrable=True)
try:
    sensor.execute({})
except BaseException as deferred:
    assert type(deferred).__name__ == "TaskDeferred", repr(deferred)
"""
_REQUESTS: Final = "import requests\n"


class Cold(NamedTuple):
    """Medians of processor time in milliseconds.

    :param assign: one assignment by UUID, from the import of the operators to the end of ``execute``.
    :param sensor: a deferred sensor up to its deferral, likewise.
    :param requests: ``import requests``, in the same state.
    """

    assign: float
    sensor: float
    requests: float


def measure(roots: Sequence[Path], pairs: int = PAIRS) -> list[Cold]:
    """Measure builds in turn, each in processes of its own.

    :param roots: the folders of the builds.
    """
    from airflow_provider_seats.testing import FakeDatadog

    kinds = (_ASSIGN, _SENSOR, _REQUESTS)
    jobs = json.dumps([(str(root), kind) for root in roots for kind in kinds])
    with FakeDatadog() as datadog:
        # An assignment is confirmed by one response only if the person holds no seat yet.
        for number in range((pairs + 1) * len(roots) * len(kinds)):
            datadog.add_user(f"u{number}@example.com", user_uuid=f"11111111-1111-1111-1111-{number:012}")
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"AIRFLOW_CONN_DATADOG_DEFAULT": datadog.airflow_connection(), "no_proxy": "127.0.0.1"}
        command = [sys.executable, "-W", "ignore", "-c", _FORKS, jobs, str(pairs + 1)]
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd="/")
    # The first round writes the byte code.
    rounds = json.loads(run.stdout.splitlines()[-1])[1:]
    medians = list(map(statistics.median, zip(*rounds, strict=True)))
    return [Cold(*medians[start : start + len(kinds)]) for start in range(0, len(medians), len(kinds))]


def main() -> None:
    """Print the figures of this build, and of the one in the folder that is passed."""
    roots = [ROOT, *map(Path, sys.argv[1:])]
    with airflow_home():
        figures = measure(roots)
    for root, cold in zip(roots, figures, strict=True):
        print(
            f"{root}: assign {cold.assign:.1f} ms, sensor {cold.sensor:.1f} ms, import requests {cold.requests:.1f} ms"
        )
    if len(figures) > 1:
        new, old = figures[:2]
        print(f"assign: {new.assign / old.assign:.2f} times; sensor: {new.sensor / old.sensor:.2f} times")


if __name__ == "__main__":
    main()
