"""An Airflow home for the whole run, and a FakeDatadog with a connection to it for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from types import SimpleNamespace
from typing import Any

# Airflow reads its home when it is first imported, so this comes first.
_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"

import pytest  # noqa: E402 (as above)
from hypothesis import settings  # noqa: E402 (as above)
from xdist.scheduler import LoadGroupScheduling  # noqa: E402 (as above)

from airflow_provider_seats._api import seats as seats_api  # noqa: E402 (as above)
from airflow_provider_seats._api.clock import clock  # noqa: E402 (as above)
from airflow_provider_seats.testing import FakeDatadog  # noqa: E402 (as above)
from tests.helpers import examples as _profiles  # noqa: E402, F401 (as above; it registers the profiles)
from tests.helpers.clocks import FakeClock, installed  # noqa: E402 (as above)
from tests.helpers.looping import LoopClock  # noqa: E402 (as above)

# Unless --hypothesis-profile says otherwise, which is read later.
settings.load_profile("full")

PRODUCT = "incident_response"
_SLOW_SECONDS = 5
_terminal: list[Any] = []
_FIRST = (
    "test_types.py",
    "system",
    "test_packaging.py",
    "test_oracle.py",
    "test_fuzz.py",
    "test_faults.py",
    "test_people.py",
    "test_provider.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start what takes long first, so that the other tests run beside it.

    Property tests do not count for the coverage: measuring it makes them three times slower, and other tests cover the
    same lines.
    """
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")

    def rank(item: pytest.Item) -> int:
        return next((number for number, name in enumerate(_FIRST) if name in item.path.parts), len(_FIRST))

    items.sort(key=rank)


class ByFile(LoadGroupScheduling):
    """Distributes the tests of a file together, and tests that start an Airflow by group or one by one.

    To distribute thousands of tests one by one would take longer than to run them.
    """

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return scope if scope != nodeid or nodeid.startswith("tests/system/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Return the scheduler of ``--dist loadgroup``."""
    return ByFile(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in a report, because pytest-xdist cannot transmit them."""
    report = yield
    report.sections = [(name, _escaped(text)) for name, text in report.sections]
    if report.failed and _escaped(failure := str(report.longrepr)) != failure:
        report.longrepr = _escaped(failure)
    return report


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Print the name of each slow test when it ends, to show progress."""
    if report.when == "call" and report.duration > _SLOW_SECONDS and _terminal:
        _terminal[0].ensure_newline()
        _terminal[0].write_line(f"{report.nodeid} {report.outcome} after {report.duration:.0f} s")


def pytest_configure(config: pytest.Config) -> None:
    """Make pytest-xdist keep the order of the tests, and remember the terminal."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
    # The worker processes have no terminal.
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        _terminal.append(terminal)


@pytest.fixture
def datadog(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDatadog]:
    """Start a FakeDatadog, and make it the default connection."""
    with FakeDatadog() as fake:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", fake.airflow_connection())
        yield fake


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    """End the use of a clock that a test has installed."""
    with installed(clock()):
        yield


@pytest.fixture
def no_waits() -> Iterator[list[float]]:
    """Let waits take no time, and return the seconds that they would have taken."""
    fake = FakeClock()
    with installed(fake):
        yield fake.waited


@pytest.fixture
def quick_time() -> Iterator[None]:
    """Make triggers and clients use the time of the quick loop."""
    with installed(LoopClock()):
        yield


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each page of the seat list hold two rows."""
    monkeypatch.setattr(seats_api, "PAGE_SIZE", 2)


@pytest.fixture
def wait_lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns what the waits of the triggers have logged."""
    caplog.set_level("INFO")
    return lambda: [each.getMessage() for each in caplog.records if each.name.endswith("._waiting.users_wait")]


class FakeTaskInstance:
    """A task instance that keeps what is pushed to XCom. Its task has three retries."""

    def __init__(self, try_number: int = 1, max_tries: int = 3) -> None:
        self.pushed: dict[str, Any] = {}
        self.try_number = try_number
        self.max_tries = max_tries
        self.task = SimpleNamespace(retries=3)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.pushed[key] = value


@pytest.fixture
def ti() -> FakeTaskInstance:
    """Return a task instance that keeps what is pushed to XCom."""
    return FakeTaskInstance()
