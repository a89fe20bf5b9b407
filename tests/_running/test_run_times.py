"""When a run began at first, also if it was cleared or makes up for an old one."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_seats._running.run_times import run_again, run_started

DUE, STARTED = datetime(2026, 11, 23, 6, tzinfo=UTC), datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
LOGICAL = datetime(2026, 11, 22, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run", "started"),
    [
        ({"start_date": STARTED, "run_after": DUE, "clear_number": 0, "run_type": "scheduled"}, STARTED),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 1, "run_type": "scheduled"}, DUE),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "backfill"}, DUE),
        ({"start_date": NOW, "data_interval_end": DUE, "execution_date": LOGICAL, "clear_number": 1}, DUE),
        # A run that was triggered by hand: its data interval ended before.
        ({"start_date": NOW, "data_interval_end": LOGICAL, "execution_date": DUE, "clear_number": 2}, DUE),
        ({"start_date": NOW, "data_interval_end": DUE, "clear_number": 0, "run_type": "backfill"}, DUE),
        # Runs that waited until their DAG was unpaused: their roster may be in the conf, or in the event of an asset.
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "manual", "conf": {"emails": []}}, DUE),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "asset_triggered", "conf": {}}, DUE),
        ({"start_date": NOW, "queued_at": DUE, "clear_number": 0, "run_type": "manual", "conf": {"emails": []}}, DUE),
        ({"start_date": NOW, "queued_at": None, "clear_number": 0, "run_type": "manual", "conf": {"emails": []}}, NOW),
        # A person triggered them with a logical date, and Airflow 3.0 dated them by the end of the last interval.
        (
            {
                "start_date": NOW.replace(hour=12),
                "run_after": DUE,
                "data_interval_end": DUE,
                "logical_date": NOW,
                "run_type": "manual",
                "conf": {"emails": []},
            },
            NOW,
        ),
        (
            {
                "start_date": NOW,
                "run_after": DUE,
                "data_interval_end": DUE,
                "logical_date": LOGICAL,
                "run_type": "manual",
                "conf": {"emails": []},
            },
            DUE,
        ),
        # They read their roster themselves.
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "manual", "conf": {}}, NOW),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "scheduled", "conf": None}, NOW),
        ({"start_date": None, "run_after": DUE, "clear_number": None}, DUE),
        ({}, None),
    ],
)
def test_a_run_is_as_old_as_it_was_at_first(run: dict[str, Any], started: datetime | None) -> None:
    """A run that was cleared, that is a backfill, or that was handed something is as old as it was due."""
    context: Any = {"dag_run": SimpleNamespace(**run)}
    assert run_started(context) == started


@pytest.mark.parametrize(
    ("run", "again"),
    [
        ({"start_date": NOW, "run_after": DUE, "clear_number": 1, "run_type": "scheduled"}, (DUE, NOW)),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "backfill"}, (DUE, NOW)),
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "manual", "conf": {"a": 1}}, (DUE, NOW)),
        ({"start_date": STARTED, "run_after": DUE, "clear_number": 1, "run_type": "scheduled"}, None),
        # It reads the list of leavers itself.
        ({"start_date": NOW, "run_after": DUE, "clear_number": 0, "run_type": "scheduled", "conf": None}, None),
        ({"start_date": None, "run_after": DUE, "clear_number": None}, None),
        ({}, None),
    ],
)
def test_a_run_that_begins_an_hour_after_it_was_due_is_an_old_one(
    run: dict[str, Any], again: tuple[datetime, datetime] | None
) -> None:
    """A run that was cleared, that is a backfill, or that waited, is an old one an hour after it was due."""
    context: Any = {"dag_run": SimpleNamespace(**run)}
    assert run_again(context) == again


def test_without_a_run_the_time_is_unknown() -> None:
    """A context without a run has no time."""
    context: Any = {}
    assert run_started(context) is None
    assert run_again(context) is None
