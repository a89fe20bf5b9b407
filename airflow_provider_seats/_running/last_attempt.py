"""What an error says if Airflow will not retry the task."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_seats.exceptions import TransientError, UsersNotReadyError


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
