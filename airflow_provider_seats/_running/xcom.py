"""What a run pushes to XCom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context, TaskLog

# Airflow's XCOM_RETURN_KEY. Importing it would load Airflow's database models.
RETURN_VALUE: Final = "return_value"
SUMMARY: Final = "summary"
HEADLINE: Final = "headline"
# The most bytes of a value. MySQL cannot read one above its sort_buffer_size (256 KiB).
MAX_XCOM: Final = 190 * 1024


def push_to_xcom(context: Context, log: TaskLog, key: str, value: object) -> None:
    """Push a value to XCom. If that fails, only log it: what the task does matters more."""
    if "ti" not in context:
        return
    try:
        context["ti"].xcom_push(key=key, value=value)
    except Exception as error:  # noqa: BLE001 (as above)
        log.warning("%s could not be pushed to XCom (%s).", key, error)
