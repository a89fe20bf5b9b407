"""The routing rules and escalation policies of FakeDatadog."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from airflow_provider_seats.testing._on_call import (
    includes,
    references,
    schedule_resource,
    team_resource,
    user_resources,
)
from airflow_provider_seats.testing._organization import (
    JSON_API,
    Endpoint,
    EscalationPolicy,
    Organization,
    RoutingRule,
    error,
)
from airflow_provider_seats.testing._server import Answer, Request

ROUTING_RULES: Final = "/api/v2/on-call/teams/{id}/routing-rules"
POLICIES: Final = "/api/v2/on-call/escalation-policies"
_ESCALATE_AFTER: Final = 300


def _rules(organization: Organization, request: Request, team_id: str) -> Answer:
    # Datadog does not document how it answers for a team without rules.
    rules = organization.rules.get(team_id)
    if team_id not in organization.teams or rules is None:
        return error(HTTPStatus.NOT_FOUND, "Not Found")
    relationships = {"rules": references("team_routing_rules", [each.id for each in rules])}
    data = {"type": "team_routing_rules", "id": team_id, "relationships": relationships}
    included = list(map(_rule, rules)) if "rules" in includes(request) else []
    return _answer(data, included)


def _policy(organization: Organization, request: Request, policy_id: str) -> Answer:
    policy = organization.policies.get(policy_id)
    if policy is None:
        return error(HTTPStatus.NOT_FOUND, "Not Found")
    data = {
        "type": "policies",
        "id": policy.id,
        "attributes": {"name": policy.name, "resolve_page_on_policy_end": False, "retries": 0},
        "relationships": {
            "steps": references("steps", policy.steps),
            "teams": references("teams", policy.teams),
        },
    }
    wanted = includes(request)
    included = [team_resource(organization, each) for each in policy.teams] if "teams" in wanted else []
    if wanted & {"steps", "steps.targets"}:
        included += [_step(step_id, targets) for step_id, targets in policy.steps.items()]
    if "steps.targets" in wanted:
        included += _targets(organization, policy)
    return _answer(data, included)


def _answer(data: dict[str, Any], included: list[dict[str, Any]]) -> Answer:
    return Answer(HTTPStatus.OK, {"data": data, **({"included": included} if included else {})}, JSON_API)


def _rule(rule: RoutingRule) -> dict[str, Any]:
    actions: list[dict[str, Any]] = []
    relationships: dict[str, Any] = {}
    if rule.policy_id is not None and rule.in_action:
        actions.append({"type": "escalation_policy", "policy_id": rule.policy_id, "urgency": "high"})
    elif rule.policy_id is not None:
        relationships["policy"] = {"data": {"type": "policies", "id": rule.policy_id}}
    if rule.reroute_to is not None:
        actions.append({"type": "reroute_to_team", "destination_team_id": rule.reroute_to})
    return {
        "type": "team_routing_rules",
        "id": rule.id,
        "attributes": {"actions": actions, "query": rule.query, "urgency": "high"},
        "relationships": relationships,
    }


def _step(step_id: str, targets: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "type": "steps",
        "id": step_id,
        "attributes": {"assignment": "default", "escalate_after_seconds": _ESCALATE_AFTER},
        "relationships": {"targets": {"data": [{"type": kind, "id": each} for kind, each in targets]}},
    }


def _targets(organization: Organization, policy: EscalationPolicy) -> list[dict[str, Any]]:
    targets = dict.fromkeys(target for step in policy.steps.values() for target in step)
    found = user_resources(organization, [each for kind, each in targets if kind == "users"])
    for kind, each in targets:
        if kind == "schedules":
            schedule = organization.schedules[each]
            found.append(schedule_resource(schedule, {"teams": references("teams", schedule.teams)}))
        elif kind == "teams":
            found.append(team_resource(organization, each))
    return found


_READ: Final = frozenset({"on_call_read"})
ESCALATIONS_API: Final = (
    Endpoint("GET", ROUTING_RULES, _rules, _READ),
    Endpoint("GET", f"{POLICIES}/{{id}}", _policy, _READ),
)
