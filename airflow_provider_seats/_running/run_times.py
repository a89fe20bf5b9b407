"""When the run of a DAG began, also if it is an old one that runs again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context


def run_started(context: Context) -> datetime | None:
    """Return when a run started at first, as far as Airflow knows; None without a run.

    A clear of a finished run moves its start to now. So a run that was cleared, or that makes up for an old one, is as
    old as it was due: that is ``run_after``, and before Airflow 3.0 the end of the data interval, or the logical date
    of a run that was triggered by hand.
    """
    run: Any = context.get("dag_run")
    started: datetime | None = getattr(run, "start_date", None)
    was_cleared = bool(getattr(run, "clear_number", 0))
    if started is not None and not was_cleared and getattr(run, "run_type", None) != "backfill":
        return _aware(started)
    if hasattr(run, "run_after"):
        times = [run.run_after]
    else:
        times = [getattr(run, name, None) for name in ("data_interval_end", "execution_date")]
    return max((_aware(each) for each in times if each is not None), default=None)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
