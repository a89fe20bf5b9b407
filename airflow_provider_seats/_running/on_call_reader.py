"""Find people who are on call, with what one run has read before."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_seats._text import plural

if TYPE_CHECKING:
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._api.escalation_policies import Escalations, PolicySteps
    from airflow_provider_seats._api.on_call import Schedule
    from airflow_provider_seats._planning.on_call import OnCall

log = logging.getLogger(__name__)


class OnCallReader:
    """Finds people in on-call schedules and escalation policies. It reads the policies at most once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._escalations: Escalations | None = None
        self._control: Schedule | None = None
        self._control_was_read = False

    def find(self, people: Sequence[str], now: datetime, *, in_policies: bool) -> dict[str, OnCall]:
        """Return where people are found, by user UUID. Those who are found nowhere are in nothing.

        :param people: user UUIDs.
        :param now: the time.
        :param in_policies: whether to look in escalation policies, not only in schedules.
        """
        from airflow_provider_seats._api.on_call import find_schedules
        from airflow_provider_seats._planning.on_call import OnCall

        policies = self._read_policies() if in_policies else {}
        if not self._control_was_read:
            self._control = self._read_control(now)
            self._control_was_read = True
        schedules = self._client.run(find_schedules(people, now, self._control))
        found = {uuid: OnCall(schedules.get(uuid, ()), policies.get(uuid, ())) for uuid in people}
        log.info(
            "On call: found %s of %s in schedules%s.",
            sum(map(bool, found.values())),
            plural(len(people), "person", "people"),
            self._described(),
        )
        return found

    def _read_control(self, now: datetime) -> Schedule | None:
        """Return a schedule that a search for one of its members has to find."""
        from airflow_provider_seats._api.on_call import read_first_schedule, read_schedule

        if self._escalations is None:
            return self._client.run(read_first_schedule(now))
        known = self._escalations.schedules
        return self._client.run(read_schedule(known[0], now)) if known else None

    def _read_policies(self) -> Mapping[str, tuple[PolicySteps, ...]]:
        if self._escalations is None:
            from airflow_provider_seats._api.escalation_policies import read_escalations

            self._escalations = self._client.run(read_escalations())
        return self._escalations.people

    def _described(self) -> str:
        if self._escalations is None:
            return ""
        policies = plural(self._escalations.policies, "policy", "policies")
        return f" and escalation policies (read: {plural(self._escalations.teams, 'team')}, {policies})"
