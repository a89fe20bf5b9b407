"""The states of an operator's run, each with the report of a run that ends in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_seats._api.seat_change import Outcome
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._planning.plan import Period, Plan
    from airflow_provider_seats.report import Report


@dataclass(frozen=True, slots=True)
class State(ABC):
    """How far a run got."""

    plan: Plan

    @abstractmethod
    def report(self) -> Report:
        """Return the report of a run that ends here."""


@dataclass(frozen=True, slots=True)
class Parsing(State):
    def report(self) -> Report:
        return self.plan.not_started(preview=False)


@dataclass(frozen=True, slots=True)
class Planning(State):
    earlier: Period
    preview: bool

    def report(self) -> Report:
        return self.plan.not_started(preview=self.preview, period=self.earlier)


@dataclass(frozen=True, slots=True)
class Previewed(State):
    def report(self) -> Report:
        return self.plan.preview()


@dataclass(frozen=True, slots=True)
class Changing(State):
    period: Period

    def report(self) -> Report:
        return self.plan.interrupted(self.period)


@dataclass(frozen=True, slots=True)
class Changed(State):
    period: Period
    unassigned: Outcome
    assigned: Outcome
    users_after: Sequence[SeatUser] | None = None

    def report(self) -> Report:
        return self.plan.report(self.unassigned, self.assigned, self.period, self.users_after)
