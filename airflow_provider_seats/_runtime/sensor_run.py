"""What the sensor does when it runs, in a worker. Loaded then, and not into every DAG file that is parsed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    PokeReturnValue,
)

from airflow_provider_seats._api.flow import PassingError
from airflow_provider_seats._api.seats import list_seat_users
from airflow_provider_seats._planning.arguments import argument, read_flag
from airflow_provider_seats._planning.condition import Condition
from airflow_provider_seats._planning.seat_list import Holders
from airflow_provider_seats.connection import DatadogSeatsError, restored
from airflow_provider_seats.hooks import failing_at_once
from airflow_provider_seats.triggers import SeatUsersTrigger

Met: TypeAlias = list[dict[str, str | None]]

# The trigger ends the wait itself. Should no triggerer run by then, Airflow ends it so many seconds later.
_BACKSTOP: Final = 300.0
# Ten years: Airflow cannot store much more.
_LONGEST: Final = 315_360_000.0
_SHOWN: Final = 200


class UnknownEventError(DatadogSeatsError):
    """What resumed the sensor is no event of its trigger, so nobody may be said to hold a seat, or none."""

    passing = True

    def __init__(self, event: object) -> None:
        super().__init__(
            f"The triggerer sent what this sensor does not know: {repr(event)[:_SHOWN]}. Nothing is known of the "
            "seats. See that triggerer and workers have the same version of airflow-provider-seats, and run this again."
        )


def poke(sensor: Any) -> PokeReturnValue:  # noqa: ANN401 (its arguments are read here, now that they are rendered)
    """Look once. If the condition is not met, a deferrable sensor that executes leaves the wait to the triggerer.

    It does so from here, out of Airflow's own loop, which then treats the first look as any other.
    """
    with failing_at_once(sensor.datadog_conn_id):
        deferrable = read_flag("deferrable", sensor.deferrable)
        names = ("product_code", "user_uuids", "user_emails", "state", "require")
        condition = Condition.read(**{name: argument(sensor, name) for name in names})
        looked_at = time.time()
        found = _look(sensor, condition)
    if deferrable and not found.is_done and sensor.began is not None:
        _defer(sensor, condition, looked_at)
    return found


def resume(sensor: Any, event: object) -> Met:  # noqa: ANN401 (as above)
    """Give those who met the condition, or raise what ended the wait, as a poke would have."""
    try:
        return _outcome(sensor, event)
    except Exception as error:
        # Airflow itself looks only at its own exceptions here, before 3.1 only at soft_fail, and on 3.0 at neither.
        if sensor.never_fail or (sensor.soft_fail and isinstance(error, AirflowSensorTimeout | AirflowFailException)):
            raise AirflowSkipException(str(error)) from error
        raise


def _look(sensor: Any, condition: Condition) -> PokeReturnValue:  # noqa: ANN401 (as above)
    """Read the seat list. A passing error means "not yet"."""
    try:
        holders = Holders(sensor.client.run(list_seat_users(condition.product)))
    except PassingError as error:
        sensor.told = f"Not known yet: {error}"
        sensor.log.warning("%s", sensor.told)
        return PokeReturnValue(is_done=False)
    progress = condition.progress(holders)
    sensor.told = progress.told
    sensor.log.info("%s", progress.told)
    if doubt := condition.doubt(holders):
        sensor.log.warning("%s", doubt)
    return PokeReturnValue(is_done=progress.done, xcom_value=progress.met)


def _defer(sensor: Any, condition: Condition, looked_at: float) -> None:  # noqa: ANN401 (as above)
    """Hand the wait over to the triggerer, unless the time is over: then Airflow's own loop says so."""
    now = time.time()
    timeout_at = sensor.began + sensor.timeout
    if timeout_at <= now:
        return
    if sensor.exponential_backoff or sensor.max_wait:
        sensor.log.warning(
            "exponential_backoff and max_wait do not apply to a deferred sensor: it looks every %g s, and shares each "
            "look with all others that wait for the same product.",
            sensor.poke_interval,
        )
    limit = sensor.execution_timeout
    execution_timeout_at = None if limit is None else sensor.began + limit.total_seconds()
    over = timeout_at if execution_timeout_at is None else min(timeout_at, execution_timeout_at)
    sensor.defer(
        trigger=SeatUsersTrigger(
            product_code=condition.product,
            user_uuids=list(condition.people.uuids),
            user_emails=list(condition.people.emails),
            state=condition.state,
            require=condition.require,
            datadog_conn_id=sensor.datadog_conn_id,
            poll_interval=sensor.poke_interval,
            timeout_at=timeout_at,
            execution_timeout_at=execution_timeout_at,
            looked_at=looked_at,
        ),
        method_name="execute_complete",
        timeout=timedelta(seconds=min(max(over - now, 0), _LONGEST) + _BACKSTOP),
    )


def _outcome(sensor: Any, event: object) -> Met:  # noqa: ANN401 (as above)
    if not isinstance(event, Mapping):
        raise UnknownEventError(event)
    told = event.get("told") or "No triggerer could read the seat list in that time."
    match event.get("status"), event.get("limit"):
        case "success", _ if _is_met(event.get("met")):
            sensor.log.info("%s", told)
            met: Met = event["met"]
            return met
        case "timeout", "timeout":
            limit = timedelta(seconds=min(sensor.timeout, _LONGEST))
            raise AirflowSensorTimeout(f"Sensor has timed out; its timeout of {limit} is over. {told}")
        case "timeout", "execution_timeout":
            raise AirflowTaskTimeout(f"The execution_timeout of {sensor.execution_timeout} is over. {told}")
        case "error", _ if event.get("message"):
            message = str(event["message"])
            raise AirflowFailException(message) from restored(str(event.get("error")), message)
    raise UnknownEventError(event)


def _is_met(met: object) -> bool:
    rows = met if isinstance(met, list) else []
    return bool(rows) and all(isinstance(each, Mapping) and {"id", "email"} <= each.keys() for each in rows)
