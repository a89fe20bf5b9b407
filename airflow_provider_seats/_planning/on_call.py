"""Where people on call were found, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._text import join_names

if TYPE_CHECKING:
    from airflow_provider_seats._api.escalation_policies import PolicySteps

_MAX_SCHEDULES: Final = 5
_MAX_POLICIES: Final = 3
_MAX_TEAMS: Final = 3


@dataclass(frozen=True, slots=True)
class OnCall:
    """Where a person was found. Someone who was looked up and not found is in nothing.

    :param schedules: the sorted names of on-call schedules.
    :param policies: the steps of escalation policies.
    """

    schedules: tuple[str, ...] = ()
    policies: tuple[PolicySteps, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.schedules or self.policies)

    def __str__(self) -> str:
        places = [_schedules(self.schedules)] if self.schedules else []
        places += map(_policy, self.policies[:_MAX_POLICIES])
        more = len(self.policies) - _MAX_POLICIES
        return "; ".join(places) + (f" and {more} more escalation polic{'y' if more == 1 else 'ies'}" * (more > 0))


def _schedules(names: Sequence[str]) -> str:
    return f"in the on-call schedule{'' if len(names) == 1 else 's'} {join_names(names, _MAX_SCHEDULES)}"


def _policy(each: PolicySteps) -> str:
    steps = f"step{'' if len(each.steps) == 1 else 's'} {join_names(map(str, each.steps))}"
    teams = join_names(each.teams, _MAX_TEAMS)
    route = f"team {teams} routes" if len(each.teams) == 1 else f"the teams {teams} route"
    return f"in {steps} of the escalation policy {each.policy}, which {route} to"
