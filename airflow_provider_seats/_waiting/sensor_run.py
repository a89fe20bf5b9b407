"""The run of the sensor in a worker. Loaded when a task runs, not when a DAG file is parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, cast

from airflow_provider_seats._airflow import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    PokeReturnValue,
)
from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.rate_limits import WAIT_SHARE
from airflow_provider_seats._arguments import parse_bool
from airflow_provider_seats._connect import client_of, fail_without_retry
from airflow_provider_seats._planning.stored import MAX_PEOPLE_BYTES, pack
from airflow_provider_seats.exceptions import TransientError, UnknownEventError, restore_error

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import TaskLog
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._waiting.accounts import AccountsCondition
    from airflow_provider_seats._waiting.condition import Condition, Met
    from airflow_provider_seats.sensors import _WaitingSensor

# The trigger ends the wait itself. If no triggerer runs by then, Airflow ends it so many seconds later.
_BACKSTOP: Final = 300.0
# Ten years: Airflow cannot store much more.
_MAX_SECONDS: Final = 315_360_000.0


class Deferral(NamedTuple):
    """What the sensor needs to defer.

    :param seconds: the seconds after which Airflow ends the wait if the trigger does not.
    """

    arguments: dict[str, Any]
    seconds: float


class SensorRun:
    """One run of the sensor: its pokes, how it defers, and how it resumes.

    :param sensor: has the settings of Airflow's sensors, and how to reach Datadog.
    :param parse: parses the condition from the rendered arguments. It is called once, because people may be an
        iterator, which can be read only once.
    :ivar summary: how many of the people are in the expected state, after the last poke.
    """

    def __init__(self, sensor: _WaitingSensor, parse: Callable[[], Condition | AccountsCondition]) -> None:
        self._sensor = sensor
        self._parse = parse
        self._log: TaskLog = sensor.log
        self._began = clock().now()
        self._read_before = False
        self._reading: Any = None
        self.summary: str | None = None

    def poke(self) -> PokeReturnValue:
        """Read what is needed once, and return whether the condition is met. A transient error means "not yet"."""
        with fail_without_retry(self._sensor.datadog_conn_id):
            parse_bool("deferrable", self._sensor.deferrable)
            condition = self._condition
            try:
                reading: Any = self._client.run(condition.read(everyone=self._fitting_people is None))
            except TransientError as error:
                self.summary = f"{condition.source.subject} could not be read: {error}"
                self._log.warning("%s", self.summary)
                return PokeReturnValue(is_done=False)
        self._reading = reading
        progress = condition.progress(reading)
        self.summary = progress.summary
        self._log.info("%s", progress.summary)
        warnings = [condition.warning(reading), None if self._read_before else condition.first_warning(reading)]
        for warning in filter(None, warnings):
            self._log.warning("%s", warning)
        self._read_before = True
        return PokeReturnValue(is_done=progress.done, xcom_value=progress.result() if progress.done else None)

    def deferral(self) -> Deferral | None:
        """Return what is needed to defer; None if the sensor is to poke again.

        After the timeout, Airflow's own loop raises the error.
        """
        sensor, now = self._sensor, clock().now()
        timeout_at = self._began + sensor.timeout
        if not parse_bool("deferrable", sensor.deferrable) or timeout_at <= now:
            return None
        if sensor.exponential_backoff or sensor.max_wait:
            self._log.warning(
                "exponential_backoff and max_wait do not apply to a deferred sensor. It polls every %g s, together "
                "with all sensors that wait for the same.",
                sensor.poke_interval,
            )
        limit = sensor.execution_timeout
        execution_timeout_at = None if limit is None else self._began + limit.total_seconds()
        end = timeout_at if execution_timeout_at is None else min(timeout_at, execution_timeout_at)
        seconds = min(max(end - now, 0), _MAX_SECONDS) + _BACKSTOP
        arguments = {
            **self._condition.arguments,
            "datadog_conn_id": sensor.datadog_conn_id,
            "poll_interval": sensor.poke_interval,
            "timeout_at": timeout_at,
            "execution_timeout_at": execution_timeout_at,
        }
        if self._fitting_people is not None:
            return Deferral({**arguments, "people": self._fitting_people}, seconds)
        self._log.info(
            "%s people do not fit into a trigger. A worker checks them whenever something changes.",
            f"{len(self._condition.people):,}",
        )
        seen = "" if self._reading is None else self._reading.fingerprint
        return Deferral({**arguments, "seen": seen, "summary": self.summary}, seconds)

    def resume(self, event: object) -> Met | Deferral:
        """Return the people who met the condition, or how to wait on. Or raise what ended the wait, as a poke would."""
        try:
            return self._outcome(event)
        except Exception as error:
            # Airflow itself checks only its own exceptions here, before 3.1 only for soft_fail, and on 3.0 for neither.
            failed_softly = self._sensor.soft_fail and isinstance(error, AirflowSensorTimeout)
            if self._sensor.never_fail or failed_softly:
                raise AirflowSkipException(str(error)) from error
            raise

    @cached_property
    def _condition(self) -> Condition | AccountsCondition:
        return self._parse()

    @cached_property
    def _fitting_people(self) -> str | None:
        """The people as a trigger stores them; None if they do not fit."""
        people = self._condition.people
        packed = pack({}, [people.uuids, people.emails])
        return packed if len(packed) <= MAX_PEOPLE_BYTES else None

    @cached_property
    def _client(self) -> Client:
        # Kept from one poke to the next, with its connections and what it knows about rate limits.
        return client_of(self._sensor.datadog_conn_id, share=WAIT_SHARE)

    def _outcome(self, event: object) -> Met | Deferral:
        if not isinstance(event, Mapping):
            raise UnknownEventError(event)
        summary = event.get("summary") or "No triggerer could read anything in that time."
        match event.get("status"), event.get("limit"):
            case "success", _ if _is_met(event):
                self._log.info("%s", summary)
                return {"count": event["count"], "people": event["people"]}
            case "changed", _ if isinstance(event.get("timeout_at"), int | float):
                # The limits count from the first poke.
                self._began = event["timeout_at"] - self._sensor.timeout
                if (met := self.poke().xcom_value) is not None:
                    return cast("Met", met)
                return self.deferral() or self._raise_timeout(self.summary)
            case "timeout", "timeout":
                self._raise_timeout(summary)
            case "timeout", "execution_timeout":
                ended = f"The execution_timeout of {self._sensor.execution_timeout} is over."
                raise AirflowTaskTimeout(self.explain(ended, summary, "execution_timeout"))
            case "timeout", "triggerer":
                raise AirflowSensorTimeout(
                    "Sensor has timed out, and no triggerer ended its wait. Check that a triggerer runs, and clear the "
                    "task."
                )
            case "error", _ if event.get("message"):
                message = str(event["message"])
                raise AirflowFailException(message) from restore_error(str(event.get("error")), message)
        raise UnknownEventError(event)

    def _raise_timeout(self, summary: object) -> NoReturn:
        limit = timedelta(seconds=min(self._sensor.timeout, _MAX_SECONDS))
        ended = f"Sensor has timed out; its timeout of {limit} is over."
        raise AirflowSensorTimeout(self.explain(ended, summary, "timeout"))

    @staticmethod
    def explain(ended: object, summary: object, argument: str) -> str:
        """Return the message of a wait that ended in vain.

        :param argument: the argument that limited the wait.
        """
        return f"{ended} {str(summary).rstrip('.')}. To wait longer, raise {argument}."


def _is_met(event: Mapping[str, Any]) -> bool:
    rows = event.get("people")
    return (
        isinstance(event.get("count"), int)
        and isinstance(rows, list)
        and bool(rows)
        and all(isinstance(each, Mapping) and {"id", "email"} <= each.keys() for each in rows)
    )
