"""The run of the sensor in a worker. Loaded when a task runs, not when a DAG file is parsed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

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
    from airflow_provider_seats._airflow import BaseTrigger, TaskLog
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._waiting.accounts import AccountsCondition
    from airflow_provider_seats._waiting.condition import Condition, Met, Progress
    from airflow_provider_seats.sensors import _WaitingSensor

# The trigger ends the wait itself. If no triggerer runs by then, Airflow ends it so many seconds later.
_BACKSTOP: Final = 300.0
# Ten years: Airflow cannot store much more.
_MAX_SECONDS: Final = 315_360_000.0


class SensorRun:
    """One run of the sensor: its pokes, how it defers, and how it resumes.

    :param sensor: has the settings of Airflow's sensors, and how to reach Datadog.
    :param parse: parses the condition from the rendered arguments. It is called once, because people may be an
        iterator, which can be read only once.
    :param trigger: makes the trigger of a deferral.
    :ivar summary: how many of the people are in the expected state, after the last poke.
    """

    def __init__(
        self,
        sensor: _WaitingSensor,
        parse: Callable[[], Condition | AccountsCondition],
        trigger: Callable[..., BaseTrigger],
    ) -> None:
        self._sensor = sensor
        self._parse = parse
        self._trigger = trigger
        self._log: TaskLog = sensor.log
        self._began = clock().now()
        self._reading: Any = None
        self.summary: str | None = None

    def poke(self) -> PokeReturnValue:
        """Read what is needed once, and return whether the condition is met. A transient error means "not yet"."""
        with fail_without_retry(self._sensor.datadog_conn_id):
            parse_bool("deferrable", self._sensor.deferrable)
            condition = self._condition
            try:
                reading, progress = self._read(condition)
            except TransientError as error:
                self.summary = f"{condition.source.subject} could not be read: {error}"
                self._log.warning("%s", self.summary)
                return PokeReturnValue(is_done=False)
        self.summary = progress.summary
        self._log.info("%s", progress.summary)
        if (warning := condition.warning(reading, is_first=self._reading is None)) is not None:
            self._log.warning("%s", warning)
        self._reading = reading
        return PokeReturnValue(is_done=progress.met is not None, xcom_value=progress.met)

    def defer(self) -> None:
        """Defer; or return if the sensor is to poke again. After the timeout, Airflow's own loop raises the error."""
        sensor, now = self._sensor, clock().now()
        timeout_at = self._began + sensor.timeout
        if not parse_bool("deferrable", sensor.deferrable) or timeout_at <= now:
            return
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
        waits_for: dict[str, str | None] = {"people": self._fitting_people}
        if self._fitting_people is None:
            self._log.info(
                "%s people do not fit into a trigger. A worker checks them whenever something changes.",
                f"{len(self._condition.people):,}",
            )
            seen = "" if self._reading is None else self._reading.fingerprint
            waits_for = {"seen": seen, "summary": self.summary}
        trigger = self._trigger(
            **waits_for,
            datadog_conn_id=sensor.datadog_conn_id,
            poll_interval=sensor.poke_interval,
            timeout_at=timeout_at,
            execution_timeout_at=execution_timeout_at,
        )
        sensor.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=seconds))

    def resume(self, event: object) -> Met:
        """Return the people who met the condition, defer again, or raise what ended the wait, as a poke would."""
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

    def _read(self, condition: Condition | AccountsCondition) -> tuple[Any, Progress]:
        """Read what is needed. Read a seat list again if someone's absence counts and one reading does not prove it."""
        source = condition.source if self._fitting_people is not None else condition.source.whole
        reading: Any = self._client.run(source.read(None, 1, condition.people.emails))
        progress = condition.progress(reading)
        if progress.is_unproven:
            first, reading = reading, self._client.run(source.read(reading, 2, condition.people.emails))
            reading = reading.with_rows_of(first)
            progress = condition.progress(reading)
        return reading, progress

    def _outcome(self, event: Any) -> Met:  # noqa: ANN401 (what the trigger sent)
        match event:
            case {
                "status": "success",
                "summary": summary,
                "count": int(count),
                "people": [{"id": _, "email": _}, *_] as people,
            }:
                self._log.info("%s", summary)
                return {"count": count, "people": people}
            case {"status": "changed", "timeout_at": int() | float() as timeout_at}:
                # The limits count from the first poke.
                self._began = timeout_at - self._sensor.timeout
                met: Met | None = self.poke().xcom_value
                if met is not None:
                    return met
                self.defer()
                self._raise_timeout(self.summary)
            case {"status": "timeout", "limit": "timeout", "summary": summary}:
                self._raise_timeout(summary)
            case {"status": "timeout", "limit": "execution_timeout", "summary": summary}:
                ended = f"The execution_timeout of {self._sensor.execution_timeout} is over."
                raise AirflowTaskTimeout(self.explain(ended, summary, "execution_timeout"))
            case {"status": "timeout", "limit": "triggerer"}:
                raise AirflowSensorTimeout(
                    "Sensor has timed out, and no triggerer ended its wait. Check that a triggerer runs, and clear the "
                    "task."
                )
            case {"status": "error", "error": str(name), "message": str(message)}:
                raise AirflowFailException(message) from restore_error(name, message)
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
