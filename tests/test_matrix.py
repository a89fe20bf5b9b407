"""The test matrix: which Airflow is tested on which Python, and which of them may fail."""

from __future__ import annotations

import pytest

from tools import matrix
from tools.matrix import Cell

RELEASED = ["2.11", "3.0", "3.1", "3.2", "3.3"]


def test_every_airflow_runs_once_and_the_oldest_and_newest_release_on_each_python() -> None:
    """Every Airflow is tested once, and the oldest and the newest release on each Python that they support."""
    versions = matrix.airflows()
    assert list(versions) == [*RELEASED, "3.4"]
    assert all(version.startswith(f"{minor}.") for minor, version in versions.items())
    cells = matrix.cells(versions, {"3.11": "a", "3.12": "b", "3.13": "c"})
    assert [(cell.airflow, cell.interpreter) for cell in cells] == [
        *((minor, "a") for minor in versions),
        ("2.11", "b"),
        ("3.3", "b"),
        ("3.3", "c"),
    ]
    assert [cell.airflow for cell in matrix.cells(versions, {"3.13": "c"})] == list(versions)[1:]
    assert matrix.cells(versions, {}) == []


@pytest.mark.parametrize("version", ["3.4.0a1", "3.4.0b2", "3.4.0rc1"])
def test_a_pre_release_is_known_by_its_pin(version: str) -> None:
    """A version with a pre-release suffix is a pre-release, and the newest release is another one."""
    pythons = {"3.11": "a", "3.12": "b"}
    cells = matrix.cells({"3.2": "3.2.2", "3.3": "3.3.2", "3.4": version}, pythons)
    assert [(cell.airflow, cell.pre_release) for cell in cells] == [
        ("3.2", ""),
        ("3.3", ""),
        ("3.4", version),
        ("3.2", ""),
        ("3.3", ""),
    ]
    cells = matrix.cells({"3.2": "3.2.2", "3.3": "3.3.2", "3.4": "3.4.0"}, pythons)
    assert [cell.airflow for cell in cells] == ["3.2", "3.3", "3.4", "3.2", "3.4"]
    assert not any(cell.pre_release for cell in cells)


def test_a_pre_release_may_fail_and_nothing_else() -> None:
    """A failed pre-release does not fail the matrix, and its row says so; every release has to pass."""
    released, pre_release = Cell("3.3", "3.11", "a"), Cell("3.4", "3.11", "a", "3.4.0b2")
    assert matrix.holds([(released, True), (pre_release, False)])
    assert not matrix.holds([(released, False), (pre_release, True)])
    assert not matrix.holds([(pre_release, True)])
    assert not matrix.holds([])
    assert matrix.row(released, "1 failed", passed=False) == "3.3      3.11    FAILED: 1 failed"
    assert matrix.row(pre_release, "1 failed", passed=False) == (
        "3.4      3.11    failed: 1 failed (3.4.0b2 is a pre-release, which may fail)"
    )
    assert matrix.row(pre_release, "9 passed", passed=True).startswith("3.4      3.11    passed: 9 passed (3.4.0b2")
