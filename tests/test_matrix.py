"""The test matrix: which Airflow is tested on which Python."""

from __future__ import annotations

from tools import matrix


def test_every_airflow_runs_once_and_the_oldest_and_newest_on_each_python() -> None:
    """Every Airflow is tested once, and the oldest and the newest on each Python that they support."""
    minors = matrix.airflows()
    assert minors == ["2.11", "3.0", "3.1", "3.2", "3.3"]
    cells = matrix.cells(minors, {"3.11": "a", "3.12": "b", "3.13": "c"})
    assert [(cell.airflow, cell.interpreter) for cell in cells] == [
        *((minor, "a") for minor in minors),
        ("2.11", "b"),
        ("3.3", "b"),
        ("3.3", "c"),
    ]
    assert [cell.airflow for cell in matrix.cells(minors, {"3.13": "c"})] == minors[1:]
    assert matrix.cells(minors, {}) == []
