"""Fixtures and hooks for the tests inside a real Airflow: their order, and an explanation of failures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from airflow_provider_seats.testing import FakeDatadog
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import EXAMPLE_DAGS, RUNNING, AirflowHome

# The longest group starts first, so that pytest-xdist's workers end together.
GROUPS: Final = ("killed", "scheduled", "oldest", "cluster", "browser", "commands", "wheel")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the groups that share an Airflow first, in the order of ``GROUPS``."""
    for item in items:
        # pytest-xdist 3.8 writes the group to an attribute that pytest 9.2 no longer reads.
        named = getattr(item, "_nodeid", item.nodeid)
        if named != item.nodeid:
            item._id = type(item._id).parse(named)

    def rank(item: pytest.Item) -> int:
        mark = item.get_closest_marker("xdist_group")
        return GROUPS.index(mark.args[0]) if mark and mark.args[0] in GROUPS else len(GROUPS)

    items.sort(key=rank)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget the DAG runs of earlier tests, so that the report of a test contains only its own."""
    for driven in RUNNING:
        driven.seen.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add the unsuccessful tasks, and the end of a log, to the report of a failed test."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed:
        for driven in RUNNING:
            try:
                explained = driven.explain()
            except Exception as error:  # noqa: BLE001 (the report must still show the test's own failure)
                explained = f"{error!r}"
            report.sections.append(("DAG runs", explained))
    return report  # type: ignore[return-value]


@pytest.fixture(scope="module")
def other() -> Iterator[FakeDatadog]:
    """Serve a second organisation on another host."""
    with FakeDatadog() as other:
        yield other


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeDatadog]:
    """Serve an organisation with the people in the documentation, for the tests that run single commands."""
    with FakeDatadog(api_key="the-api-key-3141", app_key="the-app-key-2718") as fake:
        for name in ("ann", "bob", "cy", "zed"):
            fake.add_user(f"{name}@example.com")
        yield fake


@pytest.fixture(scope="session")
def home(fake: FakeDatadog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """Create an Airflow home with the example DAGs and the DAGs of the tests, in which tests run single commands."""
    dags = tmp_path_factory.mktemp("dags")
    for file in (*EXAMPLE_DAGS.glob("*.py"), *(Path(__file__).parent / "dags").glob("*.py")):
        shutil.copy(file, dags)
    with AirflowHome(dags, {"AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection()}) as home:
        yield home


@pytest.fixture
def nobody_holds_a_seat(fake: FakeDatadog) -> None:
    """Unassign all seats, and forget the received requests and the faults that a test before has left."""
    with fake._server._lock:
        fake._server._faults.clear()
    for product in (PRODUCT, "example_product"):
        for holder in fake.holders(product):
            fake.take_seat(product, holder)
    fake.received.clear()
