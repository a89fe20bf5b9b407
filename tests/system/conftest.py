"""Fixtures and hooks for the tests inside a real Airflow: their order, and an explanation of failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from airflow_provider_seats.testing import FakeDatadog
from tests.helpers.airflow_home import RUNNING

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
