"""A throw-away Airflow home on SQLite, with DAGs and connections of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

import psutil

ROOT: Final = Path(__file__).parents[2]
EXAMPLE_DAGS: Final = ROOT / "example_dags"
AIRFLOW: Final = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
AIRFLOW_3: Final = AIRFLOW >= (3, 0)
# A new SQLite database is a hundred waits for the disk, each of which lasts for seconds where others fill that disk.
_HASTY: Final = """
from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def leave_writing_to_the_system(connection, record):
    if "sqlite" in type(connection).__module__:
        connection.cursor().execute("PRAGMA synchronous=OFF")
"""


class AirflowHome:
    """A folder that Airflow runs in, removed when the ``with`` block ends.

    :param dags: the folder of DAG files.
    :param settings: further environment variables.
    """

    def __init__(self, dags: Path, settings: Mapping[str, str] | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="airflow-home-"))
        (self.path / "config").mkdir()
        (self.path / "config" / "airflow_local_settings.py").write_text(_HASTY)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        # Compiled files make each start of Airflow twice as fast.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment = {
            **inherited,
            # Airflow starts its parts by name.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(self.path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "PYTHONWARNINGS": "ignore",
            "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
            **(settings or {}),
        }

    def __enter__(self) -> Self:
        self.airflow("db", "migrate")
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def command(self, *arguments: str) -> list[str]:
        """Give the command line of this environment's Airflow."""
        return [sys.executable, "-m", "airflow", *arguments]

    def airflow(self, *arguments: str, timeout: float = 300, more: Mapping[str, str] | None = None) -> str:
        """Run an Airflow command to its end; give what it printed, or raise it.

        :param more: further environment variables.
        """
        done = subprocess.run(
            self.command(*arguments),
            env={**self.environment, **(more or {})},
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"airflow {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-8000:]}")
        return done.stdout

    @contextmanager
    def standalone(self) -> Iterator[Server]:
        """Run scheduler, triggerer, DAG processor and API server until the block ends."""
        port = free_port()
        environment = {
            **self.environment,
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__API__EXPOSE_STACKTRACE": "True",
            "AIRFLOW__API__ENABLE_XCOM_DESERIALIZE_SUPPORT": "True",  # 3.0 gives none of its own
        }
        log = self.path / "standalone.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self.command("standalone"),
                env=environment,
                cwd=self.path,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            server = Server(f"http://localhost:{port}", log)
            server.triggerer = Triggerer(self, environment, process)
            try:
                yield server
            finally:
                server.triggerer.end()
                end_session(process)


class Triggerer:
    """The triggerer of a running Airflow, to be stopped and begun again."""

    def __init__(self, home: AirflowHome, environment: Mapping[str, str], standalone: subprocess.Popen[bytes]) -> None:
        self._home = home
        self._environment = environment
        self._standalone = standalone
        self._own: subprocess.Popen[bytes] | None = None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, as an orchestrator does, or at once."""
        pids = self._pids()
        assert pids, "no triggerer runs"
        for pid in pids if how == signal.SIGKILL else pids[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        wait_for(lambda: not self._pids(), 60)
        if self._own is not None:
            self._own.wait(10)

    def begin(self) -> None:
        """Begin another."""
        with (self._home.path / "triggerer.log").open("a") as output:
            self._own = subprocess.Popen(
                self._home.command("triggerer"),
                env=self._environment,
                cwd=self._home.path,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self) -> str:
        """Give the end of what was begun here wrote."""
        return (self._home.path / "triggerer.log").read_text()[-6000:]

    def end(self) -> None:
        """End what was begun here."""
        if self._own is not None:
            end_session(self._own)

    def _pids(self) -> list[int]:
        """Give its process, and then those that it began."""
        if self._own is not None:
            return session(self._own.pid)
        for pid in session(self._standalone.pid):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                if "triggerer" in " ".join(process.cmdline()) and pid != self._standalone.pid:
                    parent = process.parent()
                    if parent is None or "triggerer" not in " ".join(parent.cmdline()):
                        return [pid, *(child.pid for child in process.children(recursive=True))]
        return []


class Server:
    """A running Airflow 3, by its API."""

    triggerer: Triggerer

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log
        self._token: str | None = None

    def wait_until_ready(self, *dag_ids: str) -> None:
        """Wait until all parts are healthy and the DAGs are known."""

        def ready() -> bool:
            health = self.ask("GET", "/api/v2/monitor/health")
            parts = ("scheduler", "triggerer", "dag_processor")
            known = {dag["dag_id"] for dag in self.ask("GET", "/api/v2/dags?limit=100")["dags"]}
            return all(health[part]["status"] == "healthy" for part in parts) and set(dag_ids) <= known

        wait_for(ready, 120, self.tail)

    def run(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run a DAG to its end; give the run."""
        return self.finish(self.begin(dag_id, conf))

    def begin(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Begin a run of a DAG."""
        self.ask("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        body = {"logical_date": None, "conf": dict(conf or {})}
        run: dict[str, Any] = self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return run

    def finish(self, run: Mapping[str, Any], seconds: float = 240) -> dict[str, Any]:
        """Wait for the end of a run; give the run."""
        wait_for(lambda: self.ask("GET", self.path(run))["state"] in {"success", "failed"}, seconds, self.tail)
        ended: dict[str, Any] = self.ask("GET", self.path(run))
        if ended["state"] == "failed":
            # Shown where a test that meant it to succeed fails.
            print({name: (task["state"], task["try_number"]) for name, task in self.tasks(run).items()})
            print(self.tail())
        return ended

    def answer(self, run: Mapping[str, Any], task_id: str, option: str, *, before: Callable[[], bool]) -> None:
        """Answer a task that asks a person, once it asks, and only if something holds before."""
        path = f"{self.path(run)}/taskInstances/{task_id}/-1/hitlDetails"
        # A task of an example that Airflow lost is tried again a minute later.
        wait_for(lambda: bool(self.ask("GET", path)["options"]), 180, self.tail)
        # An answer within the same moment as the question trips Airflow's scheduler; no person is as quick.
        time.sleep(3)
        assert before()
        self.ask("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def tasks(self, run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Give the task instances of a run, by id, with ``[index]`` if mapped."""
        where = f"{self.path(run)}/taskInstances?order_by=id&limit=100"
        page = self.ask("GET", where)
        found = page["task_instances"]
        while len(found) < page["total_entries"]:
            found += self.ask("GET", f"{where}&offset={len(found)}")["task_instances"]
        return {
            each["task_id"] if each["map_index"] < 0 else f"{each['task_id']}[{each['map_index']}]": each
            for each in found
        }

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Give the runs of a DAG, the oldest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=run_after")["dag_runs"]
        return found

    def xcom(self, run: Mapping[str, Any], task_id: str, key: str = "return_value", *, index: int | None = None) -> Any:
        """Give what a task pushed, or one of a mapped task."""
        where = f"{self.path(run)}/taskInstances/{task_id}/xcomEntries/{key}?deserialize=true"
        answer = self.ask("GET", where if index is None else f"{where}&map_index={index}")
        return answer["value"]

    def log_of(self, run: Mapping[str, Any], task_id: str, attempt: int = 1) -> list[dict[str, Any]]:
        """Give the events of a task's log."""
        answer = self.ask("GET", f"{self.path(run)}/taskInstances/{task_id}/logs/{attempt}?full_content=true")
        events: list[dict[str, Any]] = answer["content"]
        return events

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call the API."""
        if self._token is None:
            self._token = json.loads(self._send("GET", "/auth/token", None))["access_token"]
        return json.loads(self._send(method, path, body) or "null")

    def raw(self, path: str) -> str:
        """Give an answer of the API as it came."""
        self.ask("GET", "/api/v2/version")
        return self._send("GET", path, None)

    def _send(self, method: str, path: str, body: object) -> str:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 (our own http)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (as above)
                text: str = answer.read().decode()
                return text
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()[:2000]}") from error

    def path(self, run: Mapping[str, Any]) -> str:
        """Give the path of a run in the API."""
        return f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"

    def tail(self) -> str:
        """Give the end of the log."""
        return self._log.read_text()[-6000:]


def wait_for(condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = str) -> None:
    """Wait until a condition holds; what it raises counts as not yet."""
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
            last = None
        except (OSError, RuntimeError, KeyError) as error:
            last = error
        time.sleep(0.3)
    raise TimeoutError(f"not within {seconds} s ({last})\n{explain()}")


def free_port() -> int:
    """Give a port that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a process and all of its session: Airflow's own children would outlive it."""
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        with suppress(ProcessLookupError):
            for pid in session(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            process.poll()
            if not [pid for pid in session(process.pid) if pid != process.pid or process.returncode is None]:
                return
            time.sleep(0.1)


def session(leader: int) -> list[int]:
    """Give the living processes of a session."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found
