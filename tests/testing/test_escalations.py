"""FakeDatadog's routing rules and escalation policies: the official client's models read all of them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.testing import POLICIES, ROUTING_RULES, FakeDatadog
from tests.testing.conftest import GHOST, ask


def assert_parsed(model: Any) -> None:
    """Fail if the official client could not read a part of an answer."""
    from datadog_api_client.model_utils import ModelComposed, ModelNormal, UnparsedObject

    assert not isinstance(model, UnparsedObject), model
    if isinstance(model, list):
        for each in model:
            assert_parsed(each)
    elif isinstance(model, ModelComposed):
        assert_parsed(model.get_oneof_instance())
    elif isinstance(model, ModelNormal):
        assert not model._unparsed, model
        for each in model._data_store.values():
            assert_parsed(each)


def test_the_official_client_reads_routing_rules(datadog: FakeDatadog, official: Any) -> None:
    """The official client reads where a team's rules lead: to a policy, in two ways, and to another team."""
    from datadog_api_client.v2.api.on_call_api import OnCallApi

    sre, ops = datadog.add_team("sre"), datadog.add_team("ops")
    policies = [datadog.add_escalation_policy(name) for name in ("Days", "Nights")]
    datadog.add_routing_rule(sre, policies[0], query="tags.env:prod")
    datadog.add_routing_rule(sre, policies[1], in_action=True)
    datadog.add_routing_rule(sre, reroute_to=ops)
    answer = OnCallApi(official).get_on_call_team_routing_rules(sre, include="rules")
    assert_parsed(answer)
    assert (answer.data.id, answer.data.type.value) == (sre, "team_routing_rules")
    assert [each.id for each in answer.data.relationships.rules.data] == [each.id for each in answer.included]
    first, second, third = answer.included
    assert (first.attributes.query, first.attributes.actions) == ("tags.env:prod", [])
    assert first.relationships.policy.data.id == policies[0]
    assert [(each.type.value, each.policy_id) for each in second.attributes.actions] == [
        ("escalation_policy", policies[1])
    ]
    assert [(each.type.value, str(each.destination_team_id)) for each in third.attributes.actions] == [
        ("reroute_to_team", ops)
    ]
    bare = OnCallApi(official).get_on_call_team_routing_rules(sre)
    assert len(bare.data.relationships.rules.data) == 3
    assert "included" not in bare


def test_the_official_client_reads_an_escalation_policy(datadog: FakeDatadog, official: Any) -> None:
    """The official client follows a policy to its steps, and each step to users, schedules and teams."""
    from datadog_api_client.v2.api.on_call_api import OnCallApi

    ann, gone = datadog.add_user("ann@x.com"), datadog.add_user("gone@x.com", status="Disabled")
    sre = datadog.add_team("sre")
    nights = datadog.add_schedule("Nights", [ann])
    policy = datadog.add_escalation_policy("Payments", [[nights], ["ann@x.com", gone], [sre]], teams=[sre])
    answer = OnCallApi(official).get_on_call_escalation_policy(policy, include="teams,steps,steps.targets")
    assert_parsed(answer)
    assert (answer.data.attributes.name, answer.data.type.value) == ("Payments", "policies")
    assert [each.id for each in answer.data.relationships.teams.data] == [sre]
    included = {(each.type.value, each.id): each for each in answer.included}
    steps = [included["steps", each.id] for each in answer.data.relationships.steps.data]
    targets = [[(each.type.value, each.id) for each in step.relationships.targets.data] for step in steps]
    assert targets == [[("schedules", nights)], [("users", ann), ("users", gone)], [("teams", sre)]]
    assert included["users", gone].attributes.status.value == "deactivated"
    assert included["schedules", nights].attributes.name == "Nights"
    assert included["teams", sre].attributes.handle == "sre"
    assert "included" not in OnCallApi(official).get_on_call_escalation_policy(policy)


def test_the_official_client_gets_errors(datadog: FakeDatadog, official: Any) -> None:
    """A team without rules and an unknown policy are a 404, and a missing permission is a 403."""
    from datadog_api_client.exceptions import ForbiddenException, NotFoundException
    from datadog_api_client.v2.api.on_call_api import OnCallApi

    api = OnCallApi(official)
    with pytest.raises(NotFoundException):
        api.get_on_call_team_routing_rules(datadog.add_team("sre"))
    with pytest.raises(NotFoundException):
        api.get_on_call_escalation_policy(GHOST)
    datadog.permissions.remove("on_call_read")
    for call in (api.get_on_call_team_routing_rules, api.get_on_call_escalation_policy):
        with pytest.raises(ForbiddenException):
            call(GHOST)


def test_a_site_without_the_api_has_none_of_it() -> None:
    """Without the on-call API, every path of it is a 404."""
    with FakeDatadog(on_call_api=False) as datadog:
        team = datadog.add_team("sre")
        policy = datadog.add_escalation_policy("Payments")
        datadog.add_routing_rule(team, policy)
        for path in (ROUTING_RULES.replace("{id}", team), f"{POLICIES}/{policy}"):
            assert ask(datadog, "GET", path)[0] == 404


def test_a_rule_leads_to_something(datadog: FakeDatadog) -> None:
    """A rule of an unknown team is a mistake of the test that adds it."""
    with pytest.raises(KeyError):
        datadog.add_routing_rule(GHOST, GHOST)
