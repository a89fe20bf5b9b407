"""What earlier attempts of a task set out to change, in Airflow's task state store (from 3.3 on)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from airflow_provider_seats import _state_parts
from airflow_provider_seats._arguments import parse_time
from airflow_provider_seats._planning.plan import EarlierAttempts, Plan
from airflow_provider_seats._planning.stored import pack, unpack
from airflow_provider_seats.exceptions import DatadogSeatsError

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_seats._airflow import Context
    from airflow_provider_seats._planning.plan import Origin
    from airflow_provider_seats.report import Person

T = TypeVar("T")
log = logging.getLogger(__name__)

_KEY: Final = "datadog_seats"


class AttemptStore:
    """Remembers what the attempts of one task set out to change. If the store fails, the task goes on without it.

    Airflow keeps a task's state when the task is cleared. So state is used only if it is of the same product,
    connection, site and series of attempts: a clear raises ``max_tries``, unless the task has fewer ``retries`` now.
    And a report uses it only if it is complete; for limits, what is known counts anyway. Each attempt first stores that
    it may change more than is stored, and takes that back when it has stored what it changes, or ends without a change.

    :param product: state of another product does not count.
    :param origin: the connection and its site. State of another one does not count.
    """

    def __init__(self, context: Context, product: str, origin: Origin) -> None:
        ti = context.get("ti")
        self._store: Any = context.get("task_state_store")
        self._number: int = getattr(ti, "try_number", 1)
        self._max_tries: int = getattr(ti, "max_tries", self._number)
        retries = getattr(getattr(ti, "task", None), "retries", None)
        self._series = {
            "product": product,
            "conn_id": origin.conn_id,
            "site": origin.site,
            "max_tries": self._max_tries,
            "retries": retries,
        }
        self._since = self._number
        self._earlier: EarlierAttempts | None = None
        self._is_changing = False
        self._head: _state_parts.Head | None = None

    def earlier(self) -> EarlierAttempts | None:
        """Return what earlier attempts set out to change; None if that was nothing, or is unknown."""
        self._earlier = self._read()
        self._write(self._earlier, is_complete=False)
        return self._earlier

    def since(self, plan: Plan) -> int:
        """Return the first attempt that the report of a plan covers."""
        is_complete = plan.seat_list is not None or plan.covered is not None
        return self._since if is_complete else self._number

    def remember(self, plan: Plan, started: datetime | None) -> None:
        """Store what this attempt and earlier ones set out to change, before anything is changed."""
        self._is_changing = True
        earlier = plan.to_remember(started)
        if earlier is not None:
            self._write(earlier, is_complete=True)

    def _read(self) -> EarlierAttempts | None:
        try:
            stored = self._call(_state_parts.read(_KEY))
            if stored is None:
                return None
            self._head, text = stored
            state = {name: self._head[name] for name in self._series}
            if state != self._series or self._head["attempt"] >= self._number:
                return None
            # An attempt whose worker died before it began has stored nothing.
            is_complete = self._head["attempt"] == self._number - 1 and self._head["is_complete"] is True
            if not is_complete:
                log.info("It is unknown what earlier attempts changed, so the report covers this attempt only.")
            people, seats_before = unpack(text)
            earlier = None
            if seats_before is not None:
                assigned: dict[str, Person] = {}
                unassigned: dict[str, Person] = {}
                for uuid, (email, was_assigned) in people.items():
                    (assigned if was_assigned else unassigned)[uuid] = {"id": uuid, "email": email}
                started = parse_time(self._head["started"])
                earlier = EarlierAttempts(int(seats_before), assigned, unassigned, started, is_complete)
            if is_complete:
                self._since = int(self._head["since"])
        except (KeyError, TypeError, ValueError):
            log.warning("The state that an earlier attempt left cannot be read and is ignored.")
            return None
        return earlier

    def _write(self, earlier: EarlierAttempts | None, *, is_complete: bool) -> None:
        """Store the number of this attempt, and what the attempts until now set out to change.

        :param is_complete: whether no attempt has changed more than that.
        """
        if self._number > self._max_tries:
            # There is no later attempt.
            return
        is_complete = is_complete and (self._earlier is None or self._earlier.is_complete)
        facts = {**self._series, "attempt": self._number, "since": self._since, "is_complete": is_complete}
        people: dict[str, tuple[str | None, bool]] = {}
        if earlier is not None:
            facts["started"] = earlier.started.isoformat() if earlier.started else None
            people = {uuid: (person["email"], True) for uuid, person in earlier.assigned.items()}
            people |= {uuid: (person["email"], False) for uuid, person in earlier.unassigned.items()}
        text = pack(people, None if earlier is None else earlier.seats_before)
        self._head = self._call(_state_parts.write(_KEY, self._head, facts, text))

    def forget_after(self, error: BaseException | None) -> None:
        """Forget everything if the series of attempts ends here: after success, a lasting error or the last attempt."""
        lasting = isinstance(error, DatadogSeatsError) and not error.transient
        if error is None or lasting or self._number > self._max_tries:
            self._call(_state_parts.delete(_KEY, self._head))
        elif self._head is not None and not self._is_changing:
            self._write(self._earlier, is_complete=True)

    def _call(self, calls: _state_parts.Calls[T]) -> T | None:
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
