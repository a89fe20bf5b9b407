"""The triggers: wait for people's seats, or report every change of seats. They only read.

All triggers in one triggerer that watch the same product through equal connections share one poll of its seat list.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats._airflow import BaseEventTrigger, BaseTrigger, TriggerEvent
from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._own_arguments import OwnArguments, arguments_of
from airflow_provider_seats._text import encodable
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.exceptions import DatadogSeatsError, InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_seats._waiting.accounts import AccountsCondition
    from airflow_provider_seats._waiting.condition import Condition, Require, SeatState, SourceChange

log = logging.getLogger(__name__)

# How long a watcher of changes waits after an error that no retry can fix: a person may correct the connection.
_AFTER_AN_ERROR: Final = 60.0


class _WaitTrigger(BaseTrigger, OwnArguments):
    """What the triggers of deferred sensors share."""

    people: str | None
    seen: str | None
    summary: str | None
    require: Require
    datadog_conn_id: str
    poll_interval: float
    timeout_at: float
    execution_timeout_at: float | None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments as JSON can hold them."""
        return _path(self), self._stored()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the event that ends the wait, after the wait has left the shared poll."""
        from airflow_provider_seats._waiting.turns import compute, next_turn  # noqa: PLC0415 (not loaded in a DAG file)

        # The first turn loads the following modules in a thread.
        await next_turn()
        from airflow_provider_seats._arguments import parse_duration  # noqa: PLC0415 (as above)
        from airflow_provider_seats._waiting.users_wait import UsersWait  # noqa: PLC0415 (as above)

        try:
            condition = await compute(len(self.people or ""), self._condition)
            interval = parse_duration("poll_interval", self.poll_interval)
            wait = UsersWait(condition, self.datadog_conn_id, interval)
            payload = await wait.result(self.timeout_at, self.execution_timeout_at)
            if self.seen is not None and payload["status"] == "success":
                payload = {"status": "changed", "timeout_at": self.timeout_at, "summary": self.summary}
        except DatadogSeatsError as error:
            message = error.message_for(self.datadog_conn_id)
            payload = {"status": "error", "error": type(error).__name__, "message": message}
        # A triggerer crashes on an event with a lone surrogate, which an argument may contain.
        yield TriggerEvent(json.loads(encodable(json.dumps(payload, ensure_ascii=False))))

    def _condition(self) -> Condition | AccountsCondition | SourceChange:
        raise NotImplementedError

    def _people(self) -> dict[str, Any]:
        """Return the people as the arguments of a sensor.

        :raises InvalidInputError: if what Airflow stored cannot be read.
        """
        from airflow_provider_seats._planning.stored import unpack  # noqa: PLC0415 (as in run)

        try:
            _, (uuids, emails) = unpack(self.people or "")
        except (TypeError, ValueError) as error:
            raise InvalidInputError("people", f"they cannot be read: {error}. Clear the task.") from error
        return {"user_uuids": uuids, "user_emails": emails}


class SeatUsersTrigger(_WaitTrigger):
    """Wait until people hold a seat of a Datadog product, or no longer hold one, for a deferred ``SeatUsersSensor``.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    It yields one event with a ``status``:

    * ``success``, with the ``count`` of those who met the condition, and as many of these ``people`` as fit;
    * ``timeout``, with the ``limit`` that was reached first: ``timeout`` or ``execution_timeout``;
    * ``changed``, if the trigger was to wait for another list than the one ``seen``;
    * ``error``, with the name of the ``error`` and its ``message``, if no retry can fix it.

    All but the last have a ``summary``: how many of the people are in the expected state. A transient error is logged
    once, and the wait goes on. At ``timeout_at`` it polls once more, even if that time is over when it starts, unless
    its last poll failed or ``execution_timeout_at`` comes first. A poll that started before the trigger does not count.
    Airflow stores all arguments in its database unencrypted; none is secret.

    .. versionadded:: 0.2.0
        ``people``, ``seen`` and ``summary``

    :param product_code: Datadog's code of the product.
    :param people: UUIDs and emails as one compressed text.
    :param seen: the fingerprint of a seat list. With it, the trigger waits until the list changes, for anyone.
    :param summary: what is known of the people, for the event of a trigger that waits for a change.
    :param state: ``assigned`` or ``unassigned``.
    :param require: ``all`` or ``any``.
    :param datadog_conn_id: the connection's id.
    :param poll_interval: the time between two polls, in seconds; less than 1 counts as 1.
    :param timeout_at: when the sensor's ``timeout`` is over, in Unix time.
    :param execution_timeout_at: when the task's ``execution_timeout`` is over, in Unix time; None without one.
    """

    product_code: str
    state: SeatState

    def __init__(
        self,
        *,
        product_code: str,
        people: str | None = None,
        seen: str | None = None,
        summary: str | None = None,
        state: SeatState = "assigned",
        require: Require = "all",
        datadog_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
        timeout_at: float,
        execution_timeout_at: float | None = None,
    ) -> None:
        super().__init__()
        self._store(locals())

    _own_arguments = arguments_of(__init__)

    def _condition(self) -> Condition | SourceChange:
        from airflow_provider_seats._arguments import parse_product_code  # noqa: PLC0415 (as in run)
        from airflow_provider_seats._waiting.condition import Condition, SourceChange  # noqa: PLC0415 (as in run)
        from airflow_provider_seats._waiting.sources import SeatSource  # noqa: PLC0415 (as in run)

        if self.seen is not None:
            source = SeatSource(parse_product_code(self.product_code))
            return SourceChange(source, self.seen, str(self.summary))
        return Condition.parse(product_code=self.product_code, state=self.state, require=self.require, **self._people())


class UserAccountsTrigger(_WaitTrigger):
    """Wait until people have an enabled Datadog account, for a deferred ``UserAccountsSensor``.

    .. seealso:: https://docs.datadoghq.com/api/latest/users/#list-all-users

    Its events and times are those of :class:`SeatUsersTrigger`. All of them in one triggerer share one look-up.

    .. versionadded:: 0.2.0

    :param people: emails as one compressed text.
    :param seen: the fingerprint of all accounts. With it, the trigger waits until an account changes, for anyone.
    :param summary: what is known of the people, for the event of a trigger that waits for a change.
    :param require: ``all`` or ``any``.
    :param datadog_conn_id: the connection's id.
    :param poll_interval: the time between two polls, in seconds; less than 1 counts as 1.
    :param timeout_at: when the sensor's ``timeout`` is over, in Unix time.
    :param execution_timeout_at: when the task's ``execution_timeout`` is over, in Unix time; None without one.
    """

    def __init__(
        self,
        *,
        people: str | None = None,
        seen: str | None = None,
        summary: str | None = None,
        require: Require = "all",
        datadog_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
        timeout_at: float,
        execution_timeout_at: float | None = None,
    ) -> None:
        super().__init__()
        self._store(locals())

    _own_arguments = arguments_of(__init__)

    def _condition(self) -> AccountsCondition | SourceChange:
        from airflow_provider_seats._waiting.accounts import AccountsCondition  # noqa: PLC0415 (as in run)
        from airflow_provider_seats._waiting.condition import SourceChange  # noqa: PLC0415 (as in run)
        from airflow_provider_seats._waiting.sources import AccountSource  # noqa: PLC0415 (as in run)

        if self.seen is not None:
            return SourceChange(AccountSource(everyone=True), self.seen, str(self.summary))
        return AccountsCondition.parse(user_emails=self._people()["user_emails"], require=self.require)


class SeatChangesTrigger(BaseEventTrigger):
    """Report the changes of a product's seats from poll to poll, for an ``AssetWatcher`` (from Airflow 3.0 on).

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    .. code-block:: python

        trigger = SeatChangesTrigger(product_code="incident_response")
        seats = Asset("seats", watchers=[AssetWatcher(name="seat_changes", trigger=trigger)])

    The ``payload`` of each event is ``{"product", "gained", "lost", "seats", "more"}``: the people who gained a seat
    (``id``, ``email``, ``name`` and ``assigned_at``), the people who lost theirs (``id`` and ``email``), how many seats
    there are now, and how many changes follow in the next events, because an event holds at most 46 KiB of people. The
    first poll is the starting point and yields no event. If the list has several pages, a loss is reported only after a
    second poll confirmed it.

    From Airflow 3.3 on, the seats of the last event are kept in the asset's state store, so a restart of the triggerer
    loses no change. A restart within 1.5 seconds after an event may report its changes again. Before 3.3, changes while
    no triggerer runs are not reported. A trigger must watch for one asset only: Airflow merges triggers with equal
    arguments, so use another ``poll_interval`` for each.

    It does not end with an error. The error is in the triggerer's log, and the trigger tries again each minute.

    :param product_code: Datadog's code of the product.
    :param datadog_conn_id: the connection's id.
    :param poll_interval: the time between two polls: seconds, a ``timedelta``, or text such as ``"5m"``. Less
        than a second counts as one.
    """

    def __init__(
        self,
        *,
        product_code: str,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float | str | timedelta = 60.0,
    ) -> None:
        super().__init__()
        self.product_code = product_code
        self.datadog_conn_id = datadog_conn_id
        self.poll_interval = poll_interval
        # Airflow sets it if it keeps state for assets.
        self.asset_state_store: Any = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments as JSON can hold them.

        :raises InvalidInputError: for an argument that cannot be used, so that Airflow rejects the DAG. An error of
            ``__init__`` would crash Airflow's triggerer.
        """
        from airflow_provider_seats._arguments import parse_duration, parse_product_code  # noqa: PLC0415 (not loaded in most DAG files)

        return _path(self), {
            "product_code": parse_product_code(self.product_code),
            "datadog_conn_id": self.datadog_conn_id,
            "poll_interval": parse_duration("poll_interval", self.poll_interval),
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each change. It does not end: Airflow would restart a watcher that ends at once."""
        from airflow_provider_seats._waiting.reported_seats import ReportedSeats  # noqa: PLC0415 (not in a DAG file)
        from airflow_provider_seats._waiting.turns import next_turn  # noqa: PLC0415 (as above)

        # The first turn loads the following module in a thread.
        await next_turn()
        from airflow_provider_seats._waiting.changes import watch  # noqa: PLC0415 (as above)

        store = ReportedSeats(self.asset_state_store, f"{self.product_code} through {self.datadog_conn_id}")
        logged = ""
        while True:
            try:
                watching = watch(store, self.datadog_conn_id, self.product_code, self.poll_interval)
                async with aclosing(watching) as changes:
                    async for change in changes:
                        logged = ""
                        if change is not None:
                            yield TriggerEvent(change)
            except Exception as error:
                if logged != repr(error):
                    if isinstance(error, DatadogSeatsError):
                        log.error("%s: changes are not reported until this is corrected: %s", store.name, error)  # noqa: TRY400 (the message says it)
                    else:
                        log.exception(
                            "%s: changes are not reported at present, because of an unexpected error", store.name
                        )
                logged = repr(error)
            await clock().async_sleep(_AFTER_AN_ERROR)


def _path(trigger: BaseTrigger) -> str:
    return f"{type(trigger).__module__}.{type(trigger).__qualname__}"
