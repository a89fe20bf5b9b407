"""What earlier attempts of a task set out to change, in Airflow's task state store (from 3.3 on)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from airflow_provider_seats._planning.arguments import parse_time
from airflow_provider_seats._planning.plan import EarlierAttempts, Plan
from airflow_provider_seats._planning.stored import pack, unpack
from airflow_provider_seats._runtime import state_parts
from airflow_provider_seats.exceptions import DatadogSeatsError

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_seats._airflow import Context
    from airflow_provider_seats.report import Person

T = TypeVar("T")
log = logging.getLogger(__name__)

_KEY: Final = "datadog_seats"


class AttemptStore:
    """Remembers what the attempts of one task set out to change. If the store fails, the task goes on without it.

    Airflow keeps a task's state when the task is cleared. A clear raises ``max_tries`` and a retry does not, so the
    state belongs to this series of attempts only if both agree.

    :param context: the context that Airflow passes to a running task.
    :param product: state of another product does not count.
    """

    def __init__(self, context: Context, product: str) -> None:
        ti = context.get("ti")
        self._store: Any = context.get("task_state_store")
        self._product = product
        self._number: int = getattr(ti, "try_number", 1)
        self._max_tries: int = getattr(ti, "max_tries", self._number)
        retries = getattr(getattr(ti, "task", None), "retries", None)
        self._is_damaged = False
        self._head: state_parts.Head | None = None
        self._first = self._max_tries - retries + 1 if isinstance(retries, int) else 1

    def earlier(self) -> EarlierAttempts | None:
        """Return what earlier attempts set out to change; None if that was nothing, or is unknown."""
        try:
            stored = self._call(state_parts.read(_KEY))
            if stored is None:
                return None
            head, text = stored
            self._head = head
            if head["product"] != self._product or head["max_tries"] != self._max_tries:
                return None
            assigned: dict[str, Person] = {}
            unassigned: dict[str, Person] = {}
            for uuid, (email, was_assigned) in unpack(text)[0].items():
                (assigned if was_assigned else unassigned)[uuid] = {"id": uuid, "email": email}
            return EarlierAttempts(int(head["seats_before"]), assigned, unassigned, parse_time(head["started"]))
        except (KeyError, TypeError, ValueError):
            self._is_damaged = True
            log.warning("The state that an earlier attempt left cannot be read and is ignored.")
            return None

    def since(self, plan: Plan) -> int:
        """Return the first attempt that the report of a plan covers."""
        is_complete = plan.seat_list is not None or plan.earlier is not None
        remembers = self._store is not None and is_complete and not self._is_damaged
        return min(max(self._first, 1), self._number) if remembers else self._number

    def remember(self, plan: Plan, started: datetime | None) -> None:
        """Store what this attempt and earlier ones set out to change, before anything is changed.

        :param started: when the changes of this attempt start.
        """
        earlier = plan.to_remember(started)
        if earlier is not None:
            facts = {
                "product": self._product,
                "max_tries": self._max_tries,
                "seats_before": earlier.seats_before,
                "started": earlier.started.isoformat() if earlier.started else None,
            }
            people = {uuid: (person["email"], True) for uuid, person in earlier.assigned.items()}
            people |= {uuid: (person["email"], False) for uuid, person in earlier.unassigned.items()}
            self._head = self._call(state_parts.write(_KEY, self._head, facts, pack(people)))

    def forget_after(self, error: BaseException | None) -> None:
        """Forget everything if the series of attempts ends here: after success, a lasting error or the last attempt."""
        lasting = isinstance(error, DatadogSeatsError) and not error.transient
        if error is None or lasting or self._number > self._max_tries:
            self._call(state_parts.delete(_KEY, self._head))

    def _call(self, calls: state_parts.Calls[T]) -> T | None:
        """Make these calls of the store, and return their result; None if the store fails."""
        result = None
        try:
            while self._store is not None:
                method, *arguments = calls.send(result)
                try:
                    result = getattr(self._store, method)(*arguments)
                except Exception as error:  # noqa: BLE001 (people's seats must not depend on the memory of a report)
                    log.warning("Airflow's task state store failed, so the report covers this attempt only: %s", error)
                    self._store = None
        except StopIteration as end:
            return cast("T", end.value)
        return None
