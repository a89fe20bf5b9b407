"""The escalation policy flow: people in the policies that the routing rules of teams lead to.

Datadog has no list of escalation policies. The routing rules of a team name those that its pages reach:
https://docs.datadoghq.com/api/latest/on-call/#get-on-call-team-routing-rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from airflow_provider_seats._api.flow import Flow, Gather, Request, call, or_none, resource, text
from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._api.on_call import PERMISSION
from airflow_provider_seats._api.pages import included, nested, references
from airflow_provider_seats._api.teams import list_teams

TEAMS_PATH: Final = "/api/v2/on-call/teams"
POLICIES_PATH: Final = "/api/v2/on-call/escalation-policies"


class PolicySteps(NamedTuple):
    """The steps of an escalation policy that name a person.

    :param steps: the numbers of the steps; the first one has the number 1.
    :param teams: the sorted handles of the teams whose routing rules lead to the policy, or their ids.
    """

    policy: str
    steps: tuple[int, ...]
    teams: tuple[str, ...]


class Escalations(NamedTuple):
    """What the routing rules of all teams lead to.

    :param people: the steps that name a person, by user UUID.
    :param schedules: the ids of the on-call schedules that a step names.
    :param teams: how many teams were read.
    :param policies: how many escalation policies were read.
    """

    people: Mapping[str, tuple[PolicySteps, ...]]
    schedules: tuple[str, ...]
    teams: int
    policies: int


class _Rules(NamedTuple):
    """Where the routing rules of a team lead: ids of escalation policies, and of other teams."""

    policies: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()


class _Policy(NamedTuple):
    """An escalation policy: for each step the user UUIDs, and the ids of schedules and teams of all steps."""

    name: str
    steps: tuple[frozenset[str], ...]
    schedules: tuple[str, ...]
    teams: tuple[str, ...]


def read_escalations() -> Flow[Escalations]:
    """Return who is named in the escalation policies that the routing rules of teams lead to.

    The cost is the list of teams (one call for each hundred), one call for each team, and one for each policy, side by
    side. Rules that reroute to another team, and steps that name one, are followed to the end. Each team and each
    policy is read once. A policy that no team routes to is not seen.
    """
    handles = yield from list_teams()
    policies: dict[str, _Policy | None] = {}
    routes: dict[str, set[str]] = {}
    read: set[str] = set()
    teams = list(handles)
    while teams:
        read.update(teams)
        rules = yield Gather([_get_rules(team, f"{n:,} of {len(teams):,}") for n, team in enumerate(teams)])
        for team, each in zip(teams, rules, strict=True):
            for policy in each.policies:
                routes.setdefault(policy, set()).add(handles.get(team, team))
        fresh = [policy for policy in routes if policy not in policies]
        found = yield Gather([_get_policy(policy, f"{n:,} of {len(fresh):,}") for n, policy in enumerate(fresh)])
        policies.update(zip(fresh, found, strict=True))
        leads_to = (team for each in (*rules, *filter(None, found)) for team in each.teams)
        teams = [team for team in dict.fromkeys(leads_to) if team not in read]
    known = {policy: each for policy, each in policies.items() if each is not None}
    return Escalations(
        people=_people(known, routes),
        schedules=tuple(sorted({schedule for policy in known.values() for schedule in policy.schedules})),
        teams=len(read),
        policies=len(known),
    )


def _people(policies: Mapping[str, _Policy], routes: Mapping[str, Iterable[str]]) -> dict[str, tuple[PolicySteps, ...]]:
    found: dict[str, list[PolicySteps]] = {}
    for policy_id, policy in policies.items():
        teams = tuple(sorted(routes[policy_id]))
        for user in frozenset().union(*policy.steps):
            steps = tuple(number for number, users in enumerate(policy.steps, 1) if user in users)
            found.setdefault(user, []).append(PolicySteps(policy.name, steps, teams))
    return {user: tuple(sorted(each, key=lambda steps: (steps.policy, steps.teams))) for user, each in found.items()}


def _get_rules(team_id: str, done: str) -> Flow[_Rules]:
    """Return where a team's routing rules lead. A team without any may be unknown to On-Call."""
    route, query = f"{TEAMS_PATH}/{{team_id}}/routing-rules", (("include", "rules"),)
    progress = f"the routing rules of {done} teams read so far"
    request = Request.get_one(route, team_id, query, PERMISSION, progress)
    return (yield from or_none(call(request, _read_rules))) or _Rules()


def _get_policy(policy_id: str, done: str) -> Flow[_Policy | None]:
    """Return an escalation policy; None if Datadog no longer has it, so that it pages nobody."""
    route, query = f"{POLICIES_PATH}/{{policy_id}}", (("include", "steps,steps.targets"),)
    request = Request.get_one(route, policy_id, query, PERMISSION, f"{done} escalation policies read so far")
    return or_none(call(request, _read_policy))


def _read_rules(document: dict[str, Any]) -> _Rules:
    data = document.get("data")
    resource(data)
    rules = included(document, "team_routing_rules")
    _require_included("rules", references(data, "rules") or (), rules)
    policies: list[str] = []
    teams: list[str] = []
    for rule in rules.values():
        actions = nested(rule, "attributes", "actions") or []
        if not isinstance(actions, list):
            raise ValueError("the actions of one of its rules are not a list")  # noqa: TRY004 (a fault of the response)
        # The policy of a rule is in its relationships, or in one of its actions.
        policies += _ids(
            "policy", *_values([rule], "relationships", "policy", "data", "id"), *_values(actions, "policy_id")
        )
        teams += _ids("team", *_values(actions, "destination_team_id"))
    return _Rules(tuple(policies), tuple(teams))


def _read_policy(document: dict[str, Any]) -> _Policy:
    data = document.get("data")
    policy_id, attributes = resource(data)
    rows = included(document, "steps")
    steps = references(data, "steps")
    if policy_id is None or steps is None:
        raise ValueError("it has no id or no steps")
    _require_included("steps", steps, rows)
    schedules = [
        *(each for step in steps for each in _targets(rows[step], "schedules")),
        *_values(included(document, "schedule_target").values(), "relationships", "schedule", "data", "id"),
    ]
    return _Policy(
        name=text(attributes, "name") or policy_id,
        steps=tuple(frozenset(map(_user, _targets(rows[step], "users"))) for step in steps),
        schedules=tuple(str(each).lower() for each in schedules),
        teams=tuple(team for step in steps for team in _targets(rows[step], "teams")),
    )


def _require_included(name: str, wanted: Iterable[str], rows: Mapping[str, object]) -> None:
    if missing := [each for each in wanted if each not in rows]:
        raise ValueError(f"it does not include {len(missing)} of its {name}")


def _targets(step: Mapping[str, Any], kind: str) -> list[str]:
    targets = references(step, "targets", kind)
    if targets is None:
        raise ValueError("one of its steps has no targets")
    return targets


def _user(target: str) -> str:
    uuid = canonical_uuid(target)
    if uuid is None:
        raise ValueError("one of its steps names a user without a UUID")
    return uuid


def _values(rows: Iterable[object], *names: str) -> list[object]:
    return [value for row in rows if (value := nested(row, *names)) is not None]


def _ids(what: str, *values: object) -> Iterator[str]:
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"one of its rules leads to a {what} without an id")
        yield value.lower()
