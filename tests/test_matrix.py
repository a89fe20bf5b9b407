"""The test matrix: which Airflow is tested on which Python, and which of them may fail."""

from __future__ import annotations

import re

import pytest

from tools import matrix
from tools.matrix import Cell

PINNED = ["2.11.0", "2.11.2", "3.0.0", "3.0.6", "3.1.0", "3.1.8", "3.2.0", "3.2.2", "3.3.0", "3.3.2", "3.3", "3.4"]


def test_the_pins_are_of_the_oldest_and_newest_patch_of_each_minor_version() -> None:
    """Each file pins its Airflow. A file of a patch names the day of its versions, and a minor version the newest."""
    versions = matrix.airflows()
    assert list(versions) == PINNED
    for name, version in versions.items():
        [first, *_] = (matrix.PINS / f"airflow-{name}.txt").read_text().splitlines()
        if name.count(".") == 2:
            assert version == name
            assert re.fullmatch(rf"# Airflow {name}, with the newest versions of 20\d\d-\d\d-\d\d", first)
        else:
            assert version.startswith(f"{name}.")
            assert first == f"# Airflow {name}, with the newest versions of all packages"


def test_every_airflow_runs_once_and_the_oldest_and_newest_release_on_each_python() -> None:
    """Every Airflow is tested once, and the oldest and the newest release on each Python that they support."""
    versions = matrix.airflows()
    cells = matrix.cells(versions, {"3.11": "a", "3.12": "b", "3.13": "c", "3.14": "d"})
    assert [(cell.airflow, cell.interpreter) for cell in cells] == [
        *((name, "a") for name in versions),
        ("2.11.0", "b"),
        ("3.3", "b"),
        ("3.3", "c"),
        ("3.3", "d"),
    ]
    assert [cell.airflow for cell in matrix.cells(versions, {"3.13": "c"})] == PINNED[4:]
    assert [cell.airflow for cell in matrix.cells(versions, {"3.14": "d"})] == PINNED[6:]
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
