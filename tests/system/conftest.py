"""What the tests inside a real Airflow share: a second organisation, their order, and what a failing one says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from airflow_provider_seats.testing import FakeDatadog
from tests.helpers.airflow_home import RUNNING

# The longest first, so that pytest-xdist's workers end together.
GROUPS: Final = ("killed", "scheduled", "oldest", "cluster", "browser", "commands", "wheel")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the groups that share an Airflow begin first, the longest of them before the others."""
    for item in items:
        # pytest-xdist 3.8 writes the group where pytest 9.2 no longer looks for it.
        named = getattr(item, "_nodeid", item.nodeid)
        if named != item.nodeid:
            item._id = type(item._id).parse(named)

    def rank(item: pytest.Item) -> int:
        mark = item.get_closest_marker("xdist_group")
        return GROUPS.index(mark.args[0]) if mark and mark.args[0] in GROUPS else len(GROUPS)

    items.sort(key=rank)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test speak of its own runs only."""
    for driven in RUNNING:
        driven.seen.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Say of a failing test which task went wrong, and how its log ends."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed:
        for driven in RUNNING:
            try:
                explained = driven.explain()
            except Exception as error:  # noqa: BLE001 (the test's own failure is what matters)
                explained = f"{error!r}"
            report.sections.append(("its runs in Airflow", explained))
    return report  # type: ignore[return-value]


@pytest.fixture(scope="module")
def other() -> Iterator[FakeDatadog]:
    """Serve a second organisation, on a host of its own."""
    with FakeDatadog() as other:
        yield other
