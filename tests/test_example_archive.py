"""The example that keeps reports: a file for each run that changed somebody, and the rows of the last week."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import blocks
from tests.test_examples import load

# The paths of Airflow 2.11 cause this warning.
pytestmark = pytest.mark.filterwarnings("ignore:in a future version of UPath:PendingDeprecationWarning")

ARCHIVE = load("seat_archive")
[SHOWN] = [each.values[0].text for each in blocks("json") if each.values[0].page == "docs/reference/report.md"]
CY = "6ef85243-35c2-4c80-a6c7-da164c84506c"
REPORT: dict[str, Any] = json.loads(SHOWN)


def keep(report: dict[str, Any], folder: Path) -> Path:
    """Write a report, as the task does."""
    path = Path(ARCHIVE.path_of(report, folder.as_uri()).path)
    path.parent.mkdir(exist_ok=True)
    path.write_text(ARCHIVE.as_csv(ARCHIVE.rows_of(report, "sync", "run 1")))
    return path


def test_a_file_has_a_row_for_each_change(tmp_path: Path) -> None:
    """Only people whose seat was changed are in the file, with the time, the product, the connection and the run."""
    path = keep(REPORT, tmp_path)
    assert path.relative_to(tmp_path).as_posix() == "2026-11-25/incident_response-090001-8b421de9.csv"
    assert path.read_text().splitlines() == [
        "time,product,conn_id,change,email,id,dag_id,run_id",
        f"2026-11-25T09:00:01+00:00,incident_response,datadog_default,unassigned,cy@example.com,{CY},sync,run 1",
    ]


@pytest.mark.parametrize(("day", "found"), [(25, 1), (26, 2), (30, 2)])
def test_the_week_is_read_in_the_order_of_the_changes(tmp_path: Path, day: int, found: int) -> None:
    """The changes of the last seven days are read, from the earliest on, and those before are not."""
    later = REPORT | {"ended_at": "2026-11-26T08:00:00+00:00", "digest": "1" * 64}
    for report in (later, REPORT, REPORT | {"ended_at": "2026-11-01T08:00:00+00:00"}):
        keep(report, tmp_path)
    if day == 25:
        Path(ARCHIVE.path_of(later, tmp_path.as_uri()).path).unlink()
    rows = ARCHIVE.read_week(tmp_path.as_uri(), datetime(2026, 11, day, tzinfo=UTC))
    assert [row["time"][:10] for row in rows] == ["2026-11-25", "2026-11-26"][:found]


def test_a_folder_that_is_not_there_yet_has_no_changes(tmp_path: Path) -> None:
    """Before the first file is written, the week is empty and not an error."""
    assert ARCHIVE.read_week((tmp_path / "none").as_uri(), datetime(2026, 11, 25, tzinfo=UTC)) == []
