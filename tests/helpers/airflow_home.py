"""A temporary Airflow home on SQLite, with its own DAGs and connections."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

import psutil

ROOT: Final = Path(__file__).parents[2]
EXAMPLE_DAGS: Final = ROOT / "example_dags"
AIRFLOW_RELEASE: Final = tuple(int(part) for part in re.findall(r"\d+", version("apache-airflow"))[:3])
AIRFLOW: Final = AIRFLOW_RELEASE[:2]
AIRFLOW_3: Final = AIRFLOW >= (3, 0)
# To create a SQLite database waits for the disk a hundred times. On a busy disk, each wait takes seconds.
# A connection waits 5 seconds for a lock by default, which is too short while Airflow starts on a busy machine. But
# Airflow's API server waits for locks on its event loop, which may have to release them. So its waits stay short.
_SQLITE: Final = """
import sys

from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def configure(connection, record):
    if "sqlite" in type(connection).__module__:
        timeout = 5_000 if "api-server" in sys.argv else 60_000
        for setting in (f"busy_timeout={timeout}", "journal_mode=WAL", "synchronous=OFF"):
            connection.cursor().execute(f"PRAGMA {setting}")
"""
# A template is complete before it is used: parts that start together do not each create a database.
_TEMPLATE: Final = Path(sys.prefix) / f"airflow-home-{version('apache-airflow')}"
_PARTS: Final = {
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    **(
        {"dag-processor": ("dag-processor",), "api-server": ("api-server", "--host", "127.0.0.1")}
        if AIRFLOW_3
        else {"webserver": ("webserver", "--workers", "1")}
    ),
}
_SETTINGS: Final = {
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__PARALLELISM": "4",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    # Files do not change while an Airflow runs, and parsing one again costs a second of processor time.
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    "DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
    "API__EXPOSE_STACKTRACE": "True",
    "API__ENABLE_XCOM_DESERIALIZE_SUPPORT": "True",  # Airflow 3.0 has no default
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "USAGE_DATA_COLLECTION__ENABLED": "False",
    # Airflow 2.11 runs one task at a time on SQLite by default.
    **({} if AIRFLOW_3 else {"CORE__EXECUTOR": "LocalExecutor", "SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "3600"}),
}
RUNNING: Final[list[Scheduled]] = []


class AirflowHome:
    """The folder of an Airflow, which is removed when the ``with`` block ends.

    :param dags: the folder of DAG files.
    :param settings: further environment variables.
    """

    def __init__(self, dags: Path, settings: Mapping[str, str] | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="airflow-home-"))
        (self.path / "config").mkdir()
        (self.path / "config" / "airflow_local_settings.py").write_text(_SQLITE)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        # Airflow starts twice as fast from compiled files.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        self.port = free_port()
        self.environment = {
            **inherited,
            # Airflow finds the commands of its parts in PATH.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(self.path),
            **{f"AIRFLOW__{name}": value for name, value in _SETTINGS.items()},
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(self.port),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{self.port}/execution/",
            "PYTHONWARNINGS": "ignore",
            "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
            **(settings or {}),
        }
        self._forks: subprocess.Popen[str] | None = None
        self._commands = 0

    def __enter__(self) -> Self:
        copy_template(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._forks is not None:
            assert self._forks.stdin is not None
            assert self._forks.stdout is not None
            self._forks.stdin.close()
            self._forks.stdout.close()
            self._forks.wait(30)
        shutil.rmtree(self.path, ignore_errors=True)

    def airflow(self, *arguments: str, timeout: float = 300, more: Mapping[str, str] | None = None) -> str:
        """Run an Airflow command to its end, and return its output.

        :param more: further environment variables.
        :raises RuntimeError: with the end of the output, if the command fails.
        """
        return "".join(self.follow("airflow", *arguments, timeout=timeout, more=more))

    def pytest(self, *arguments: str) -> str:
        """Run pytest to its end, and return its output.

        :raises RuntimeError: with the end of the output, if a test fails.
        """
        return "".join(self.follow("pytest", *arguments))

    def follow(self, *argv: str, timeout: float = 300, more: Mapping[str, str] | None = None) -> Iterator[str]:
        """Run a command of Airflow or pytest to its end, and yield each line of its output at once.

        :param more: further environment variables.
        :raises RuntimeError: with the end of the output, if the command fails.
        """
        self._commands += 1
        output = self.path / f"command-{self._commands}.log"
        output.touch()
        code = Path(f"{output}.code")
        deadline = time.monotonic() + timeout
        pid = self.fork(output, argv, more)
        try:
            with output.open() as written:
                ended, line = False, ""
                while not ended or line:
                    # Check for the end before reading, so that no line is missed.
                    ended = code.exists() or not psutil.pid_exists(pid)
                    while (line := line + written.readline()).endswith("\n") or (ended and line):
                        yield line
                        line = ""
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{' '.join(argv)}: still running after {timeout} s")
                    if not ended:
                        time.sleep(0.02)
        finally:
            end_session(pid)
        if not code.exists() or code.read_text() != "0":
            raise RuntimeError(f"{' '.join(argv)} failed:\n{output.read_text()[-8000:]}")

    def fork(self, output: Path, argv: Sequence[str], more: Mapping[str, str] | None = None) -> int:
        """Start a command of Airflow or pytest in its own process and session, and return the process id."""
        if self._forks is None:
            with (self.path / "forking.log").open("w") as errors:
                self._forks = subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("forking.py"))],
                    env=self.environment,
                    cwd=self.path,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    # It survives Ctrl-C, so that it can end the processes that it forked.
                    start_new_session=True,
                )
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        command = {"argv": argv, "output": str(output), "environment": dict(more or {})}
        print(json.dumps(command), file=self._forks.stdin, flush=True)
        answer = self._forks.stdout.readline()
        assert answer, (self.path / "forking.log").read_text()[-6000:]
        return int(answer)

    def part(self, name: str, *arguments: str, more: Mapping[str, str] | None = None) -> Part:
        """Start a part of Airflow, such as its scheduler."""
        log = self.path / f"{name}.log"
        return Part(self.fork(log, ("airflow", *(arguments or _PARTS[name])), more), log)

    @contextmanager
    def standalone(self) -> Iterator[Server]:
        """Run the scheduler, triggerer, DAG processor and API server until the block ends."""
        with self.running() as parts:
            server = Server(f"http://localhost:{self.port}", self)
            server.triggerers = Triggerers(self, parts)
            with server.explained():
                yield server

    @contextmanager
    def terminal(self) -> Iterator[Terminal]:
        """Run the scheduler and triggerer of Airflow 2 until the block ends."""
        with self.running("scheduler", "triggerer"), Terminal(self).explained() as terminal:
            yield terminal

    @contextmanager
    def running(self, *names: str) -> Iterator[dict[str, Part]]:
        """Run the named parts of Airflow, or all parts, until the block ends."""
        parts: dict[str, Part] = {}
        try:
            for name in names or _PARTS:
                parts[name] = self.part(name)
            yield parts
        finally:
            for part in parts.values():
                part.ask_to_end()
            for part in parts.values():
                part.end()


class DatabaseLockedError(RuntimeError):
    """SQLite was locked for too long. Airflow changed nothing, so the request may be sent again."""


def copy_template(home: Path) -> None:
    """Copy a migrated metadata database and a configuration. They are created once for each Airflow."""
    with _TEMPLATE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _TEMPLATE.exists():
            with tempfile.TemporaryDirectory(prefix="airflow-home-") as folder:
                made = AirflowHome(Path(folder))
                try:
                    made.airflow("db", "migrate")
                    if not AIRFLOW_3:
                        who = ["--username", "admin", "--password", "admin", "--role", "Admin"]
                        named = ["--firstname", "Ada", "--lastname", "Min", "--email", "admin@example.com"]
                        made.airflow("users", "create", *who, *named)
                    unfinished = _TEMPLATE.with_suffix(".unfinished")
                    shutil.rmtree(unfinished, ignore_errors=True)
                    unfinished.mkdir()
                    with closing(sqlite3.connect(made.path / "airflow.db")) as database:
                        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    shutil.copy(made.path / "airflow.db", unfinished)
                    written = (made.path / "airflow.cfg").read_text()
                    (unfinished / "airflow.cfg").write_text(written.replace(str(made.path), "{AIRFLOW_HOME}"))
                    unfinished.rename(_TEMPLATE)
                finally:
                    made.__exit__()
    shutil.copy(_TEMPLATE / "airflow.db", home)
    (home / "airflow.cfg").write_text((_TEMPLATE / "airflow.cfg").read_text().replace("{AIRFLOW_HOME}", str(home)))


class Part:
    """A process of Airflow and its child processes.

    :ivar log: the file of their output.
    """

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log

    def ask_to_end(self) -> None:
        """Send SIGTERM to the process."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def end(self) -> None:
        """End the process and its children."""
        end_session(self.pid)


class Triggerers:
    """The triggerers of a running Airflow, which a test can stop and start. There is one at first."""

    def __init__(self, home: AirflowHome, parts: dict[str, Part]) -> None:
        self._home = home
        self._parts = parts
        self._running = ["triggerer"]
        self._started = 1

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the oldest triggerer with a signal. SIGKILL ends all its processes."""
        leader = self._parts[self._running.pop(0)].pid
        pids = session(leader)
        assert leader in pids, "The triggerer is not running."
        for pid in pids if how == signal.SIGKILL else [leader]:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        wait_for(lambda: not session(leader), 60)

    def begin(self) -> None:
        """Start a new triggerer, also beside one that runs."""
        self._started += 1
        name = f"triggerer{self._started}"
        self._parts[name] = self._home.part(name, *_PARTS["triggerer"], "--capacity", "1000")
        self._running.append(name)

    def log(self) -> str:
        """Return the end of the newest triggerer's log."""
        return self._parts[self._running[-1]].log.read_text()[-6000:]


class Scheduled:
    """Base of the clients of a scheduler, which explain a failure: the task, its state and the end of its log."""

    home: AirflowHome

    def __init__(self) -> None:
        self.seen: list[Mapping[str, Any]] = []

    @contextmanager
    def explained(self) -> Iterator[Self]:
        """Add an explanation of the DAG runs to the report of a test that fails within the block."""
        RUNNING.append(self)
        try:
            yield self
        finally:
            RUNNING.remove(self)

    def tasks(self, run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id, with ``[index]`` for mapped tasks."""
        raise NotImplementedError

    def trigger_log_of(self, run: Mapping[str, Any], task_id: str) -> str:
        """Return what the triggerer wrote to the log of a deferred task."""
        return self.log_files(run, task_id, "attempt=*.log.trigger.*.log")[-1].read_text()

    def log_files(self, run: Mapping[str, Any], task_id: str, pattern: str) -> list[Path]:
        """Return the files of a task's log whose names match a pattern."""
        folder = self.home.path / "logs" / f"dag_id={run['dag_id']}" / f"run_id={run['dag_run_id']}"
        return sorted((folder / f"task_id={task_id}").glob(pattern))

    def see(self, run: Mapping[str, Any]) -> None:
        """Remember a run that the test uses."""
        if run not in self.seen:
            self.seen.append(run)

    def explain(self) -> str:
        """Return the unsuccessful tasks of the runs that the test used, and the end of a log, in under 40 lines."""
        rows = [(run, name, task["state"] or "none") for run in self.seen for name, task in self.tasks(run).items()]
        order = ["failed", "up_for_retry", "upstream_failed", "running", "deferred", "queued", "scheduled", "none"]
        wrong = [row for row in rows if row[2] in order]
        wrong.sort(key=lambda row: order.index(row[2]))
        lines = [f"{run['dag_id']} {run['dag_run_id']} {name}: {state}" for run, name, state in (wrong or rows)[:8]]
        for run, name, _ in (wrong or rows[-1:])[:1]:
            task_id, _, index = name.removesuffix("]").partition("[")
            folder = self.home.path / "logs" / f"dag_id={run['dag_id']}" / f"run_id={run['dag_run_id']}"
            folder = folder / f"task_id={task_id}" / (f"map_index={index}" if index else "")
            for log in sorted(folder.glob("attempt=*.log"), key=lambda path: path.stat().st_mtime)[-1:]:
                lines.append(f"-- end of {log.relative_to(self.home.path)}")
                lines += [line[:300] for line in _readable(log.read_text())[-20:]]
        return "\n".join(lines)


def _readable(log: str) -> list[str]:
    """Return the lines of a task's log, also if they are JSON, as in Airflow 3."""
    lines: list[str] = []
    for line in log.splitlines():
        try:
            event = json.loads(line)
            lines.append(f"{event['timestamp'][11:19]} {event['level']} {event['event']}")
            lines += [f"  {error['exc_type']}: {error['exc_value']}" for error in event.get("error_detail") or []]
        except (ValueError, KeyError, TypeError):
            lines.append(line)
    return [each for line in lines for each in line.splitlines()]


class Terminal(Scheduled):
    """Client of a running Airflow 2, which uses the command line."""

    def __init__(self, home: AirflowHome) -> None:
        super().__init__()
        self.home = home

    def begin(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Wait until Airflow knows the DAG, and start a run of it."""
        run_id = f"by_hand_{dag_id}"
        arguments = ["dags", "trigger", dag_id, "--run-id", run_id, "--conf", json.dumps(conf or {})]

        def begun() -> bool:
            self.home.airflow(*arguments)
            return True

        wait_for(begun, 120, self.tail, pause=1)
        run = {"dag_id": dag_id, "dag_run_id": run_id}
        self.see(run)
        return run

    def finish(self, run: Mapping[str, Any], seconds: float = 240) -> dict[str, dict[str, Any]]:
        """Wait until all tasks of a run have ended, and return them."""
        ended = {"success", "failed", "skipped", "upstream_failed", "removed"}
        found: dict[str, dict[str, Any]] = {}

        def done() -> bool:
            found.clear()
            found.update(self.tasks(run))
            return bool(found) and {task["state"] for task in found.values()} <= ended

        wait_for(done, seconds, self.tail, pause=1)
        return found

    def tasks(self, run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id, with ``[index]`` for mapped tasks."""
        self.see(run)
        printed = self.home.airflow("tasks", "states-for-dag-run", run["dag_id"], run["dag_run_id"], "-o", "json")
        rows: list[dict[str, Any]] = json.loads(printed[printed.index("[{") :])
        return {
            row["task_id"] if row.get("map_index", "") in {"", None} else f"{row['task_id']}[{row['map_index']}]": row
            for row in rows
        }

    def log_of(self, run: Mapping[str, Any], task_id: str) -> str:
        """Return the log of a task's last attempt."""
        return self.log_files(run, task_id, "attempt=*.log")[-1].read_text()

    def tail(self) -> str:
        """Return the end of the scheduler's log."""
        return (self.home.path / "scheduler.log").read_text()[-3000:]


class Server(Scheduled):
    """Client of a running Airflow 3, which uses the API."""

    triggerers: Triggerers

    def __init__(self, url: str, home: AirflowHome) -> None:
        super().__init__()
        self.url = url
        self.home = home
        self._token: str | None = None

    def wait_until_ready(self, *dag_ids: str) -> None:
        """Wait until all parts are healthy and Airflow knows the DAGs."""

        def ready() -> bool:
            health = self.ask("GET", "/api/v2/monitor/health")
            parts = ("scheduler", "triggerer", "dag_processor")
            known = {dag["dag_id"] for dag in self.ask("GET", "/api/v2/dags?limit=100")["dags"]}
            return all(health[part]["status"] == "healthy" for part in parts) and set(dag_ids) <= known

        wait_for(ready, 120, self.tail)

    def run(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run a DAG to its end, and return the run."""
        return self.finish(self.begin(dag_id, conf))

    def begin(self, dag_id: str, conf: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Start a run of a DAG.

        :param fields: what else the API takes, such as ``run_after``.
        """
        body = {"logical_date": None, "conf": dict(conf or {}), **fields}
        run: dict[str, Any] = self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        self.see({"dag_id": dag_id, "dag_run_id": run["dag_run_id"]})
        return run

    def finish(self, run: Mapping[str, Any], seconds: float = 240) -> dict[str, Any]:
        """Wait until a run has ended, and return it."""
        wait_for(lambda: self.ask("GET", self.path(run))["state"] in {"success", "failed"}, seconds, self.tail)
        ended: dict[str, Any] = self.ask("GET", self.path(run))
        return ended

    def answer(self, run: Mapping[str, Any], task_id: str, option: str, *, before: Callable[[], bool]) -> None:
        """Wait for a human approval task, check the ``before`` condition, and choose an option."""
        path = f"{self.path(run)}/taskInstances/{task_id}/-1/hitlDetails"
        # If Airflow loses a task of an example, the task retries after a minute.
        wait_for(lambda: bool(self.ask("GET", path)["options"]), 180, self.tail)
        self.wait_until_left(run, task_id)
        assert before()
        self.ask("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def wait_until_left(self, run: Mapping[str, Any], task_id: str) -> None:
        """Wait until the scheduler has recorded that a deferred task left its slot.

        Airflow fails a task that resumes earlier, as a lost task.
        """
        key = f"dag_id='{run['dag_id']}', task_id='{task_id}', run_id='{run['dag_run_id']}'"
        noted = re.compile(f"Received executor event with state success for task instance .*{re.escape(key)}")
        scheduler = self.home.path / "scheduler.log"
        wait_for(lambda: noted.search(scheduler.read_text()) is not None, 60, self.tail)

    def tasks(self, run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id, with ``[index]`` for mapped tasks."""
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
        """Return the runs of a DAG, the oldest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=run_after")["dag_runs"]
        return found

    def xcom(self, run: Mapping[str, Any], task_id: str, key: str = "return_value", *, index: int | None = None) -> Any:
        """Return the XCom value of a task, or of one index of a mapped task."""
        where = f"{self.path(run)}/taskInstances/{task_id}/xcomEntries/{key}?deserialize=true"
        answer = self.ask("GET", where if index is None else f"{where}&map_index={index}")
        return answer["value"]

    def log_of(self, run: Mapping[str, Any], task_id: str, attempt: int = 1) -> list[dict[str, Any]]:
        """Return the events of a task's log."""
        answer = self.ask("GET", f"{self.path(run)}/taskInstances/{task_id}/logs/{attempt}?full_content=true")
        events: list[dict[str, Any]] = answer["content"]
        return events

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to the API, and return the parsed response."""
        if self._token is None:
            self._token = json.loads(self._send("GET", "/auth/token", None))["access_token"]
        deadline = time.monotonic() + 120
        while True:
            try:
                return json.loads(self._send(method, path, body) or "null")
            except DatabaseLockedError:
                if time.monotonic() > deadline:
                    raise

    def raw(self, path: str) -> str:
        """Return the text of an API response."""
        self.ask("GET", "/api/v2/version")
        return self._send("GET", path, None)

    def _send(self, method: str, path: str, body: object) -> str:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 (our own http)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (as above)
                text: str = answer.read().decode()
                return text
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            problem = DatabaseLockedError if "database is locked" in text else RuntimeError
            raise problem(f"{method} {path}: {error.code} {text[:2000]}") from error

    def path(self, run: Mapping[str, Any]) -> str:
        """Return the path of a run in the API."""
        self.see({"dag_id": run["dag_id"], "dag_run_id": run["dag_run_id"]})
        return f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"

    def tail(self) -> str:
        """Return the ends of the logs of all parts."""
        logs = [self.home.path / f"{name}.log" for name in _PARTS]
        return "\n".join(f"== {log.stem}\n{log.read_text()[-1500:]}" for log in logs if log.exists())


def wait_for(
    condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = str, *, pause: float = 0.4
) -> None:
    """Wait until a condition is true. Connection errors and missing keys count as false.

    :param pause: the seconds between two checks.
    """
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
            last = None
        except (OSError, RuntimeError, KeyError) as error:
            last = error
        time.sleep(pause)
    raise TimeoutError(f"The condition is still false after {seconds} s ({last}).\n{explain()}")


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def end_session(leader: int) -> None:
    """End all processes of a session, because the children of an Airflow process may survive it."""
    # A temporary Airflow has nothing to save, so the wait is short.
    for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 10.0)):
        for pid in session(leader):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while session(leader):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return


def session(leader: int) -> list[int]:
    """Return the ids of the running processes of a session."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found
