"""Find people who are on call, and say where they were found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._api.escalation_policies import read_escalations
from airflow_provider_seats._api.on_call import find_schedules, read_first_schedule, read_schedule
from airflow_provider_seats._text import join_names, plural

if TYPE_CHECKING:
    from airflow_provider_seats._api.escalation_policies import PolicySteps
    from airflow_provider_seats._api.flow import Flow

log = logging.getLogger(__name__)
_MAX_SCHEDULES: Final = 5
_MAX_POLICIES: Final = 3
_MAX_TEAMS: Final = 3


def find_on_call(people: Sequence[str], now: datetime, *, in_policies: bool) -> Flow[dict[str, str]]:
    """Return where people are found, in words, by user UUID. The text of those who are found nowhere is empty.

    :param in_policies: whether to look in escalation policies, not only in schedules.
    """
    escalations = (yield from read_escalations()) if in_policies else None
    # A schedule that a search for one of its members has to find.
    if escalations is None:
        control = yield from read_first_schedule(now)
    else:
        control = (yield from read_schedule(escalations.schedules[0], now)) if escalations.schedules else None
    schedules = yield from find_schedules(people, now, control)
    policies = escalations.people if escalations else {}
    found = {uuid: places(schedules.get(uuid, ()), policies.get(uuid, ())) for uuid in people}
    read = ""
    if escalations is not None:
        count = plural(escalations.policies, "policy", "policies")
        read = f" and escalation policies (read: {plural(escalations.teams, 'team')}, {count})"
    in_all = plural(len(people), "person", "people")
    log.info("On call: found %s of %s in schedules%s.", sum(map(bool, found.values())), in_all, read)
    return found


def places(schedules: Sequence[str], policies: Sequence[PolicySteps]) -> str:
    """Return the names of on-call schedules, and the steps of escalation policies, in words."""
    found = []
    if schedules:
        found.append(
            f"in the on-call schedule{'' if len(schedules) == 1 else 's'} {join_names(schedules, _MAX_SCHEDULES)}"
        )
    found += map(_policy, policies[:_MAX_POLICIES])
    more = len(policies) - _MAX_POLICIES
    others = f" and {plural(more, 'more escalation policy', 'more escalation policies')}" if more > 0 else ""
    return "; ".join(found) + others


def _policy(each: PolicySteps) -> str:
    steps = f"step{'' if len(each.steps) == 1 else 's'} {join_names(map(str, each.steps))}"
    teams = join_names(each.teams, _MAX_TEAMS)
    route = f"team {teams} routes" if len(each.teams) == 1 else f"the teams {teams} route"
    return f"in {steps} of the escalation policy {each.policy}, which {route} to"
