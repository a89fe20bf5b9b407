"""The sensors: wait until people have, or no longer have, a seat; or until they have an account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_seats._airflow import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._own_arguments import OwnArguments, arguments_of
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.links import SeatsPageLink

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import BaseTrigger, Context
    from airflow_provider_seats._waiting.accounts import AccountsCondition
    from airflow_provider_seats._waiting.condition import Condition, Met, Require, SeatState
    from airflow_provider_seats._waiting.sensor_run import SensorRun
    from airflow_provider_seats.operators._base import PeopleArgument


class _WaitingSensor(BaseSensorOperator, OwnArguments):
    """What the sensors share: they poke, or defer after the first poke."""

    operator_extra_links = (SeatsPageLink(),)
    ui_color = "#e0eef5"
    datadog_conn_id: str
    deferrable: bool
    require: Require
    _run: SensorRun | None = None
    _executing: bool = False

    def execute(self, context: Context) -> Any:  # noqa: ANN401 (Airflow's interface)
        """Poke until the condition is met, or defer after the first poke."""
        run = self._run = self._begin()
        self._executing = True
        try:
            with self._failing_at_once():
                return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(run.explain(error, run.summary, "timeout")) from None
        finally:
            # Listeners copy and pickle tasks that have ended. A run has keys, which cannot be.
            self._run, self._executing = None, False

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 (Airflow's interface)
        """Read once, and return whether the condition is met. Within ``execute`` it may defer instead."""
        run = self._run = self._run or self._begin()
        found = run.poke()
        # It defers from here, within Airflow's own loop, which handles the first poke like any other.
        if self._executing and not found.is_done:
            run.defer()
        return found

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: ANN401
        """Go on after the wait in the triggerer."""
        if next_method != "execute_complete" and "timeout" in str((next_kwargs or {}).get("error")):
            # Airflow itself ended the wait. What it raises depends on its version, and says only "Trigger timeout".
            next_method, next_kwargs = "execute_complete", {"event": {"status": "timeout", "limit": "triggerer"}}
        with self._failing_at_once():
            return super().resume_execution(next_method, next_kwargs, context)

    def execute_complete(self, context: Context, event: Any = None) -> Met:  # noqa: ANN401, ARG002 (Airflow's interface)
        """Return the people who met the condition, wait on, or raise what ended the wait in the triggerer."""
        return self._begin().resume(event)

    @contextmanager
    def _failing_at_once(self) -> Iterator[None]:
        """Let an error that no wait can end fail the task, also with ``soft_fail``: that is for waits in vain."""
        try:
            yield
        except AirflowSkipException as skip:
            if self.soft_fail and isinstance(skip.__cause__, AirflowFailException):
                raise skip.__cause__ from skip.__cause__.__cause__
            raise

    def _begin(self) -> SensorRun:
        from airflow_provider_seats._waiting.sensor_run import SensorRun  # noqa: PLC0415 (not loaded in a DAG file)

        return SensorRun(self, self._condition, self._trigger)

    def _condition(self) -> Condition | AccountsCondition:
        raise NotImplementedError

    def _trigger(self, **arguments: Any) -> BaseTrigger:
        raise NotImplementedError


class SeatUsersSensor(_WaitingSensor):
    """Wait until people hold a seat of a Datadog product, or until they no longer hold one.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    Each poke reads the whole seat list. The list contains the emails, so no account is looked up. A transient error (a
    rate limit, a lost connection, a fault of Datadog) counts as "not yet". Any other error of Datadog, and an argument
    or a connection that cannot be used, fails the task at once, also with ``soft_fail``.

    The ``return_value`` has the ``count`` of those who met the condition, and their rows as ``people``: ``id``,
    ``email``, ``name`` and ``assigned_at`` of people with a seat, or ``id`` and ``email`` as passed of people without
    one. It holds as many rows as fit into 46 KiB of JSON, some 300. ``hook.list_seat_users`` returns all.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, in the same forms. For ``assigned``, any account with the email
        counts; for ``unassigned``, none may hold a seat. An email that was never in the seat list counts as
        ``unassigned`` at once. (templated)
    :param state: what to wait for, ``assigned`` or ``unassigned``. (templated)
    :param require: whether ``all`` of the people must be in that state, or ``any``. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    :param deferrable: poke once in a worker, and wait in the triggerer. The triggerer reads the seat list once for all
        sensors that wait for the same product through the same connection, at the shortest ``poke_interval`` among
        them, but at most once a second. ``mode``, ``exponential_backoff`` and ``max_wait`` do not apply then;
        everything else is as in the other modes. If the people do not fit into a trigger (some 1,600 UUIDs or 4,000
        emails), the triggerer waits until the seat list changes, and then a worker checks it. The default is Airflow's
        ``[operators] default_deferrable``.
    """

    product_code: str
    state: SeatState
    template_fields_renderers: ClassVar[dict[str, str]] = {"user_uuids": "json", "user_emails": "json"}

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = NOT_PASSED,
        user_emails: PeopleArgument = NOT_PASSED,
        state: SeatState = "assigned",
        require: Require = "all",
        datadog_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())

    _own_arguments = arguments_of(__init__)
    template_fields: Sequence[str] = tuple(name for name in _own_arguments if name != "deferrable")

    def _condition(self) -> Condition:
        from airflow_provider_seats._waiting.condition import Condition  # noqa: PLC0415 (as in _begin)

        return Condition.parse(**self._stored())

    def _trigger(self, **arguments: Any) -> BaseTrigger:
        from airflow_provider_seats.triggers import SeatUsersTrigger  # noqa: PLC0415 (as in _begin)

        return SeatUsersTrigger(product_code=self.product_code, state=self.state, require=self.require, **arguments)


class UserAccountsSensor(_WaitingSensor):
    """Wait until people have an enabled Datadog account, for example before seats are assigned to them.

    .. seealso:: https://docs.datadoghq.com/api/latest/users/#list-all-users

    Each poke looks the accounts up, with one call for each email, or with the list of all users where that is fewer
    calls. It needs the permission ``user_access_read``. An account that was invited (``Pending``) is enabled. One that
    is disabled is waited for, and the log names it. A service account is nobody's account. A transient error (a rate
    limit, a lost connection, a fault of Datadog) counts as "not yet". Any other error of Datadog, and an argument or a
    connection that cannot be used, fails the task at once.

    The ``return_value`` has the ``count`` of the accounts, and the first of them as ``people``: ``id``, ``email`` and
    ``name``, as many as fit into 46 KiB of JSON.

    .. versionadded:: 0.2.0

    :param user_emails: email addresses in any case: a list, or a text that holds one as JSON or with commas.
        (templated)
    :param require: whether ``all`` of the people must have an account, or ``any``. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    :param deferrable: poke once in a worker, and wait in the triggerer. The triggerer looks the accounts of all such
        sensors up together, at the shortest ``poke_interval`` among them, but at most once a second. ``mode``,
        ``exponential_backoff`` and ``max_wait`` do not apply then; everything else is as in the other modes. If the
        people do not fit into a trigger (some 4,000 emails), the triggerer waits until any account changes, and then a
        worker checks them. The default is Airflow's ``[operators] default_deferrable``.
    """

    template_fields_renderers: ClassVar[dict[str, str]] = {"user_emails": "json"}

    def __init__(
        self,
        *,
        user_emails: PeopleArgument,
        require: Require = "all",
        datadog_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())

    _own_arguments = arguments_of(__init__)
    template_fields: Sequence[str] = tuple(name for name in _own_arguments if name != "deferrable")

    def _condition(self) -> AccountsCondition:
        from airflow_provider_seats._waiting.accounts import AccountsCondition  # noqa: PLC0415 (as in _begin)

        return AccountsCondition.parse(**self._stored())

    def _trigger(self, **arguments: Any) -> BaseTrigger:
        from airflow_provider_seats.triggers import UserAccountsTrigger  # noqa: PLC0415 (as in _begin)

        return UserAccountsTrigger(require=self.require, **arguments)
