"""What earlier attempts of a task set out to change, where Airflow remembers it: its task state store, from 3.3 on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_seats._planning.plan import Earlier, Plan, by_id

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_seats.connection import DatadogSeatsError

T = TypeVar("T")
log = logging.getLogger(__name__)

_KEY: Final = "datadog_seats"


class Attempts:
    """The attempts of one task, as far as they are remembered. A store that fails is done without.

    :param context: what Airflow gives a task when it runs.
    :param product: what is remembered of another product does not count.
    """

    def __init__(self, context: Context, product: str) -> None:
        self._store: Any = context.get("task_state_store")
        self._product = product
        self._number = getattr(context.get("ti"), "try_number", 1)
        self._most = getattr(context.get("ti"), "max_tries", self._number) + 1

    def earlier(self) -> Earlier | None:
        """Give what earlier attempts set out to change; None if nothing, or not known."""
        state = self._ask(lambda store: store.get(_KEY))
        if not isinstance(state, Mapping) or state.get("product") != self._product:
            return None
        return Earlier(state["seats_before"], by_id(state["given"]), by_id(state["taken"]))

    def since(self, plan: Plan) -> int:
        """Give the first attempt whose changes the report of a plan tells."""
        return 1 if self._store is not None and plan.holders is not None else self._number

    def remember(self, plan: Plan) -> None:
        """Keep what this attempt and those before set out to change, before anything is changed."""
        earlier = plan.to_remember()
        if earlier is not None:
            state = {"product": self._product, "seats_before": earlier.seats_before}
            people = {"given": list(earlier.given.values()), "taken": list(earlier.taken.values())}
            self._ask(lambda store: store.set(_KEY, {**state, **people}))

    def ended_by(self, error: DatadogSeatsError) -> bool:
        """Whether Airflow does not try again after an error; whoever clears the task later begins anew."""
        return not error.passing or self._number >= self._most

    def forget(self) -> None:
        """Begin anew, since the task has come to its end."""
        self._ask(lambda store: store.delete(_KEY))

    def _ask(self, do: Callable[[Any], T]) -> T | None:
        try:
            return None if self._store is None else do(self._store)
        except Exception as error:  # noqa: BLE001 (people's seats must not hang on the memory of a report)
            log.warning(
                "Airflow's task state store cannot be used, so the report tells of this attempt only: %s", error
            )
            self._store = None
            return None
