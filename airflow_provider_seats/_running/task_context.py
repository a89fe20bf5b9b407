"""What a run reads from Airflow's context, and what it pushes to XCom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats.exceptions import TransientError, UsersNotReadyError

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context, TaskLog

# Airflow's XCOM_RETURN_KEY. Importing it would load Airflow's database models.
RETURN_VALUE: Final = "return_value"
SUMMARY: Final = "summary"
HEADLINE: Final = "headline"
# The most bytes of a value. MySQL cannot read one above its sort_buffer_size (256 KiB).
MAX_XCOM: Final = 190 * 1024
# The second one until Airflow 3.0.
_BY_ASSETS: Final = frozenset({"asset_triggered", "dataset_triggered"})
# A run that begins later than that after it was due is an old one.
_LATE: Final = timedelta(hours=1)


def push_to_xcom(context: Context, log: TaskLog, key: str, value: object) -> None:
    """Push a value to XCom. If that fails, only log it: what the task does matters more."""
    if "ti" not in context:
        return
    try:
        context["ti"].xcom_push(key=key, value=value)
    except Exception as error:  # noqa: BLE001 (as above)
        log.warning("%s could not be pushed to XCom (%s).", key, error)


def end_retries(error: BaseException, context: Mapping[str, object]) -> None:
    """Make an error say that no retry is left, if this was the last attempt of the task."""
    ti = context.get("ti")
    try_number, max_tries = getattr(ti, "try_number", None), getattr(ti, "max_tries", None)
    if not isinstance(error, TransientError) or not isinstance(try_number, int) or not isinstance(max_tries, int):
        return
    # The first attempt has the number 1, and is no retry.
    if try_number <= max_tries:
        return
    # The message of the other errors promises no retry.
    text = error.problem if isinstance(error, UsersNotReadyError) else str(error)
    error.args = (f"{text} No retry of the task is left: clear it to run it again.",)


def run_started(context: Context) -> datetime | None:
    """Return when a run started at first, as far as Airflow knows; None without a run.

    A clear of a finished run moves its start to now. So a run that was cleared, or that makes up for an old one, is as
    old as it was due: that is ``run_after``, and before Airflow 3.0 the end of the data interval, or the logical date
    of a run that was triggered by hand.

    A run may wait for days before it starts, behind another one or because its DAG is paused. So a run that was handed
    something, which may be the roster, is as old as that: it has a conf, or an asset has triggered it.
    """
    run: Any = context.get("dag_run")
    started: datetime | None = getattr(run, "start_date", None)
    was_cleared = bool(getattr(run, "clear_number", 0))
    if started is not None and not was_cleared and getattr(run, "run_type", None) != "backfill":
        was_handed = getattr(run, "conf", None) or getattr(run, "run_type", None) in _BY_ASSETS
        triggered_at = _run_after(run) if hasattr(run, "run_after") else getattr(run, "queued_at", None)
        return min(started, triggered_at) if was_handed and triggered_at else started
    if hasattr(run, "run_after"):
        return _run_after(run)
    times = (getattr(run, name, None) for name in ("data_interval_end", "execution_date"))
    return max(filter(None, times), default=None)


def run_again(context: Context) -> tuple[datetime, datetime] | None:
    """Return when an old run was due, and when it began now; None if the run is none."""
    first, now = run_started(context), getattr(context.get("dag_run"), "start_date", None)
    return (first, now) if first and now and now - first > _LATE else None


def _run_after(run: object) -> datetime | None:
    """Return when a run was due.

    Airflow 3.0 and 3.1.0 date a run that a person triggers with a logical date by the end of the last data interval,
    which may be a week ago. The logical date is then that of the trigger, unless the person has changed it.
    """
    due: datetime | None = getattr(run, "run_after", None)
    logical_date: datetime | None = getattr(run, "logical_date", None)
    is_of_interval = getattr(run, "run_type", None) == "manual" and due == getattr(run, "data_interval_end", None)
    return max(due, logical_date) if due and logical_date and is_of_interval else due
