"""A temporary Airflow on several nodes: PostgreSQL, Redis, and Celery workers that a test can kill."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from airflow_provider_seats.testing import FakeDatadog
from tests.helpers.airflow_home import AirflowHome, Part, Server, free_port, session, wait_for

_POSTGRES: Final = next((path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")), None)
_REDIS: Final = shutil.which("redis-server")
AT_HAND: Final = _POSTGRES is not None and _REDIS is not None
# Each worker imports these once. Otherwise each task would import them.
_LOADED: Final = (
    "airflow_provider_seats.operators",
    "airflow_provider_seats._api.transport",
    "airflow_provider_seats._running.operator_run",
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.models.serialized_dag",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
)
_SETTINGS: Final = {
    "CORE__EXECUTOR": "CeleryExecutor",
    # Few enough tasks are queued that none reaches TASK_QUEUED_TIMEOUT below.
    "CORE__PARALLELISM": "24",
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "24",
    "CORE__HOSTNAME_CALLABLE": "node.name",
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "API__WORKERS": "1",
    "API_AUTH__JWT_SECRET": "known to all nodes, and of no use to anyone else" * 2,
    "CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": _LOADED}),
    "CELERY__SYNC_PARALLELISM": "1",
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "3600",
    "LOGGING__LOGGING_LEVEL": "WARNING",
    "SCHEDULER__MAX_TIS_PER_QUERY": "0",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    # How soon the scheduler notices a dead node: first for its running tasks, then for its queued tasks.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "20",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "2",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}


@contextmanager
def postgres() -> Iterator[int]:
    """Run an empty PostgreSQL with a database ``airflow``, and yield its port."""
    assert _POSTGRES is not None
    # PostgreSQL refuses to run as root, and other accounts cannot read pytest's temporary folder.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    run: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    process: subprocess.Popen[bytes] | None = None
    try:
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            run |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        port = str(free_port())
        made = ["-D", str(folder / "data"), "-U", "airflow", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([_POSTGRES / "initdb", *made], check=True, **run)
        hasty = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "max_connections=200"]
        served = ["-D", str(folder / "data"), "-p", port, "-h", "127.0.0.1", "-k", str(folder), *hasty]
        process = subprocess.Popen([_POSTGRES / "postgres", *served], start_new_session=True, **run)
        create = [str(_POSTGRES / "createdb"), "-h", "127.0.0.1", "-p", port, "-U", "airflow", "airflow"]
        wait_for(lambda: subprocess.run(create, check=False, **run).returncode == 0, 60)
        yield int(port)
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[int]:
    """Run an empty Redis, and yield its port."""
    assert _REDIS is not None
    port = free_port()
    command = [_REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: "PONG" in redis_says(port, "ping"), 10)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def redis_says(port: int, *words: str) -> str:
    """Run a Redis command, and return its output."""
    assert _REDIS is not None
    command = [str(Path(_REDIS).with_name("redis-cli")), "-p", str(port), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


class Cluster(AirflowHome):
    """An Airflow on CeleryExecutor with several nodes.

    :param dags: the folder of DAG files.
    :param settings: further environment variables.
    :param database: the port of a PostgreSQL.
    :param broker: the port of a Redis.
    """

    def __init__(self, dags: Path, settings: Mapping[str, str], *, database: int, broker: int) -> None:
        self._broker = broker
        at = f"postgresql+psycopg2://airflow@127.0.0.1:{database}/airflow"
        super().__init__(
            dags,
            {
                **{f"AIRFLOW__{name}": value for name, value in _SETTINGS.items()},
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": at,
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{at}",
                "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{broker}/0",
                **settings,
            },
        )
        (self.path / "config" / "node.py").write_text('import os\nname = lambda: os.environ.get("NODE", "main")\n')
        self._nodes: dict[str, Part] = {}

    def __enter__(self) -> Self:
        self.airflow("db", "migrate")
        return self

    @contextmanager
    def nodes(self, *dag_ids: str) -> Iterator[Server]:
        """Run the scheduler, DAG processor, API server and two workers with four slots each until the block ends."""
        try:
            for name in ("api-server", "dag-processor", "scheduler"):
                self._nodes[name] = self.part(name)
            for name in ("worker1", "worker2"):
                alone = ["--skip-serve-logs", "--without-mingle", "--without-gossip"]
                pid = ["--pid", str(self.path / f"{name}.pid")]
                worker = ["celery", "worker", "--celery-hostname", name, "--concurrency", "4", *alone, *pid]
                self._nodes[name] = self.part(name, *worker, more={"NODE": name})
            server = Server(f"http://127.0.0.1:{self.port}", self)

            def ready() -> bool:
                known = {dag["dag_id"] for dag in server.ask("GET", "/api/v2/dags?limit=100")["dags"]}
                healthy = server.ask("GET", "/api/v2/monitor/health")["scheduler"]["status"] == "healthy"
                listening = redis_says(self._broker, "client", "list").count("cmd=brpop")
                return healthy and set(dag_ids) <= known and listening >= 2  # both workers

            wait_for(ready, 180, self._logs)
            with server.explained():
                yield server
        finally:
            for node in self._nodes.values():
                node.ask_to_end()
            for node in self._nodes.values():
                node.end()

    def kill(self, name: str) -> None:
        """Kill all processes of a node at once, so that none can report the end of another."""
        node = self._nodes.pop(name)
        known: list[int] = []
        while (now := session(node.pid)) != known:
            for pid in now:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            known = now
        for pid in known:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not session(node.pid), 10)

    def _logs(self) -> str:
        return "\n".join(f"== {name}\n{(self.path / f'{name}.log').read_text()[-2000:]}" for name in self._nodes)


class Watched(FakeDatadog):
    """A FakeDatadog that records the time and the concurrency of requests, and that can delay writes.

    :ivar times: the time of each request, in seconds.
    :ivar most: the highest number of concurrent requests.
    :ivar held: the number of delayed writes.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._respond = self._server.answer
        # This replaces the model's own method, and holds no lock, so that several requests can wait here.
        self._server.answer = self._watch
        self._open = threading.Event()
        self._count = threading.Lock()
        self._now = 0
        self._before_hold: int | None = None
        self.clear()

    def clear(self) -> None:
        """Reset the records, and release delayed writes."""
        self.times: list[float] = []
        self.most = 0
        self.held = 0
        self._open.set()

    def hold_writes(self, after: int) -> None:
        """Delay the responses of all writes after the first ones. Every other delayed write is already applied."""
        self._before_hold = after

    def let_go(self) -> None:
        """Respond to the delayed writes."""
        self._open.set()

    def rate(self) -> tuple[float, int]:
        """Return the mean number of requests per second, and the highest number within one second."""
        times = sorted(self.times)
        peak = max(bisect_left(times, begin + 1) - number for number, begin in enumerate(times))
        return len(times) / max(1.0, times[-1] - times[0]), peak

    def _watch(self, request: Any) -> Any:
        with self._count:
            self.times.append(time.monotonic())
            self._now += 1
            self.most = max(self.most, self._now)
            waits = self._waits(request.method)
        try:
            done = self._respond(request) if waits and self.held % 2 else None
            if waits:
                self._open.wait(110)
            return done or self._respond(request)
        finally:
            with self._count:
                self._now -= 1

    def _waits(self, method: str) -> bool:
        if method == "GET":
            return False
        if self._before_hold is not None:
            self._before_hold -= 1
            if self._before_hold < 0:
                self._before_hold = None
                self._open.clear()
        if self._open.is_set():
            return False
        self.held += 1
        return True
