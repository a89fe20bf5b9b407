"""The escalation policy flow: the people behind the routing rules of teams, in one call for each team and policy."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.escalation_policies import Escalations, PolicySteps, read_escalations
from airflow_provider_seats._api.flow import MAX_ATTEMPTS, Gather, Request, Response
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import KeysRefusedError, UnavailableError
from airflow_provider_seats.testing import TEAMS, FakeDatadog
from tests.helpers.looping import quickly
from tests.helpers.playing import Played, answer_by, play, reply, serve, unserved, uuid

ANN, BOB = uuid("ann"), uuid("bob")
PAYMENTS = "11111111-0000-0000-0000-000000000001"


def escalations(datadog: FakeDatadog, played: Played[Any] | None = None) -> Escalations:
    """Return what the flow reads from a FakeDatadog."""
    result: Escalations = serve(read_escalations(), lambda step: answer_by(datadog, step), played or Played())
    return result


def teams(*handles: str) -> Response:
    """Return the list of teams. The id of each is the UUID of its handle."""
    rows = [{"type": "team", "id": uuid(handle), "attributes": {"handle": handle}} for handle in handles]
    return reply(200, {"data": rows, "meta": {"pagination": {"total": len(rows)}}})


def rules(*rules: dict[str, Any]) -> Response:
    """Return the routing rules of a team."""
    rows = [{"type": "team_routing_rules", "id": f"r{number}", **rule} for number, rule in enumerate(rules)]
    relationships = {"rules": {"data": [{"type": "team_routing_rules", "id": row["id"]} for row in rows]}}
    data = {"type": "team_routing_rules", "id": "t", "relationships": relationships}
    return reply(200, {"data": data, "included": rows})


def to_policy(policy: str = PAYMENTS) -> dict[str, Any]:
    """Return a rule that leads to an escalation policy."""
    return {"relationships": {"policy": {"data": {"type": "policies", "id": policy}}}}


def policy(*steps: list[tuple[str, str]], name: str | None = "Payments") -> Response:
    """Return an escalation policy."""
    rows = [
        {
            "type": "steps",
            "id": f"s{number}",
            "relationships": {"targets": {"data": [{"type": kind, "id": each} for kind, each in targets]}},
        }
        for number, targets in enumerate(steps)
    ]
    references = {"data": [{"type": "steps", "id": row["id"]} for row in rows]}
    data = {"type": "policies", "id": PAYMENTS, "attributes": {"name": name}, "relationships": {"steps": references}}
    return reply(200, {"data": data, "included": rows})


def test_no_teams_are_one_call() -> None:
    """An organisation without teams costs the list of teams."""
    played = play(read_escalations(), teams())
    assert played.value == Escalations({}, (), 0, 0)
    [request] = played.requests
    assert (request.name, request.permission) == (f"GET {TEAMS}", "the permission teams_read")


def test_people_are_found_in_every_step() -> None:
    """Users of all steps are found, with the numbers of their steps and the team that routes to the policy."""
    steps = [[("schedules", "n1")], [("users", ANN.upper())], [("users", ANN), ("users", BOB), ("other", "?")]]
    played = play(read_escalations(), teams("sre"), rules(to_policy()), policy(*steps))
    assert played.value == Escalations(
        {ANN: (PolicySteps("Payments", (2, 3), ("sre",)),), BOB: (PolicySteps("Payments", (3,), ("sre",)),)},
        ("n1",),
        teams=1,
        policies=1,
    )
    assert [(each.path, dict(each.query), each.permission) for each in played.requests[1:]] == [
        (f"/api/v2/on-call/teams/{uuid('sre')}/routing-rules", {"include": "rules"}, "the permission on_call_read"),
        (
            f"/api/v2/on-call/escalation-policies/{PAYMENTS}",
            {"include": "steps,steps.targets"},
            "the permission on_call_read",
        ),
    ]


def test_calls_run_side_by_side() -> None:
    """The rules of all teams are read side by side, and then the policies."""
    flow = read_escalations()
    assert isinstance(next(flow), Request)
    routing = flow.send(teams("a", "b", "c"))
    assert isinstance(routing, Gather)
    assert len(routing.flows) == 3
    for each in routing.flows:
        each.close()
    flow.close()


def test_a_configured_schedule_is_a_schedule() -> None:
    """A step may name a schedule through its previous or next shift."""
    answer = policy([("schedule_target", "c1")])
    document = {
        "type": "schedule_target",
        "id": "c1",
        "attributes": {"position": "next"},
        "relationships": {"schedule": {"data": {"type": "schedules", "id": "N1"}}},
    }
    content = answer.content.replace(b'"included": [', b'"included": [' + reply(200, document).content + b", ")
    played = play(read_escalations(), teams("sre"), rules(to_policy()), reply(200, content))
    assert played.value.schedules == ("n1",)


def test_an_action_leads_to_a_policy_or_a_team(datadog: FakeDatadog) -> None:
    """A rule may name its policy in an action, and another team to which it reroutes."""
    ann = datadog.add_user("ann@x.com")
    first, second = datadog.add_team("first"), datadog.add_team("second")
    datadog.add_routing_rule(first, reroute_to=second)
    datadog.add_routing_rule(second, datadog.add_escalation_policy("Payments", [[ann]]), in_action=True)
    found = escalations(datadog)
    assert found.people == {ann: (PolicySteps("Payments", (1,), ("second",)),)}


def test_a_team_that_is_not_listed_is_followed() -> None:
    """A rule that reroutes to a team outside the list, or a step that names one, is followed, and its id is shown."""
    reroute = {"attributes": {"actions": [{"type": "reroute_to_team", "destination_team_id": uuid("b").upper()}]}}
    played = play(
        read_escalations(),
        teams("a"),
        rules(reroute),
        rules(to_policy()),
        policy([("users", ANN)], [("teams", uuid("c"))]),
        rules(),
    )
    assert played.value.people == {ANN: (PolicySteps("Payments", (1,), (uuid("b"),)),)}
    assert (played.value.teams, played.value.policies) == (3, 1)


def test_circles_end(datadog: FakeDatadog) -> None:
    """Teams that reroute to each other, and to themselves, are each read once."""
    a, b = datadog.add_team("a"), datadog.add_team("b")
    for team, other in ((a, b), (b, a), (a, a)):
        datadog.add_routing_rule(team, reroute_to=other)
    played: Played[Any] = Played()
    assert escalations(datadog, played).people == {}
    assert len(played.requests) == 1 + 2


def test_a_shared_policy_is_read_once_and_names_its_teams(datadog: FakeDatadog) -> None:
    """A policy to which several teams route is one call, and the teams are named."""
    ann = datadog.add_user("ann@x.com")
    shared = datadog.add_escalation_policy("Payments", [[ann]])
    for handle in ("b", "a", "c"):
        datadog.add_routing_rule(datadog.add_team(handle), shared)
    played: Played[Any] = Played()
    assert escalations(datadog, played).people[ann] == (PolicySteps("Payments", (1,), ("a", "b", "c")),)
    assert len(played.requests) == 1 + 3 + 1


def test_a_team_without_rules_and_a_deleted_policy_name_nobody() -> None:
    """A 404 for a team means that it has no rules, and a 404 for a policy that it is gone."""
    gone = reply(404, {"errors": ["Not Found"]})
    played = play(read_escalations(), teams("a", "b"), gone, rules(to_policy()), gone)
    assert played.value == Escalations({}, (), teams=2, policies=0)
    assert play(read_escalations(), teams("a"), reply(200, {"data": {"id": "a"}})).value.teams == 1


LONE_STEP = {"data": [{"type": "steps", "id": "s0"}]}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"data": []}, "its data contains something that is not a resource"),
        ({"data": {"id": PAYMENTS, "attributes": {"name": "P"}}}, "it has no id or no steps"),
        ({"data": {"relationships": {"steps": {"data": []}}}}, "it has no id or no steps"),
        ({"data": {"id": "p", "relationships": {"steps": LONE_STEP}}}, "it does not include 1 of its steps"),
        ({"data": {"id": "p", "relationships": {"steps": {"data": "s0"}}}}, "its steps are not a list"),
        ({"data": {"id": "p", "relationships": {"steps": {"data": [{}]}}}}, "one of its steps has no id"),
        (
            {"data": {"id": "p", "relationships": {"steps": LONE_STEP}}, "included": [{"type": "steps", "id": "s0"}]},
            "one of its steps has no targets",
        ),
        ({"data": {"id": "p", "relationships": {"steps": LONE_STEP}}, "included": {}}, "does not include 1 of"),
        ({"data": {"id": "p", "relationships": {"steps": LONE_STEP}}, "included": "x"}, "what it includes is not"),
    ],
)
def test_a_policy_that_is_not_as_documented_is_an_error(document: dict[str, Any], problem: str) -> None:
    """A policy whose steps cannot be read is an error, and never one without people."""
    answers = [teams("a"), rules(to_policy()), *[reply(200, document)] * MAX_ATTEMPTS]
    error = play(read_escalations(), *answers).error
    assert isinstance(error, UnavailableError)
    assert problem in str(error)


def test_a_target_without_a_uuid_is_an_error() -> None:
    """A step that names a user by anything but a UUID is an error."""
    answers = [teams("a"), rules(to_policy()), *[policy([("users", "ann@x.com")])] * MAX_ATTEMPTS]
    assert "one of its steps names a user without a UUID" in str(play(read_escalations(), *answers).error)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (reply(200, {"data": {"id": "t", "relationships": {"rules": LONE_STEP}}}), "does not include 1 of its rules"),
        (rules({"attributes": {"actions": {}}}), None),
        (rules({"attributes": {"actions": "x"}}), "the actions of one of its rules are not a list"),
        (rules({"attributes": {"actions": [{"policy_id": 3}]}}), "leads to a policy without an id"),
        (rules({"attributes": {"actions": [{"destination_team_id": " "}]}}), "leads to a team without an id"),
        (rules({"attributes": {"actions": [{"type": "send_slack_message", "channel": "C1"}]}}), None),
    ],
)
def test_rules_that_are_not_as_documented_are_an_error(answer: Response, problem: str | None) -> None:
    """Rules that cannot be read are an error. Rules that lead to nobody are none."""
    played = play(read_escalations(), teams("a"), *[answer] * (MAX_ATTEMPTS if problem else 1))
    if problem is None:
        assert played.value.people == {}
    else:
        assert problem in str(played.error)


@pytest.mark.parametrize(
    ("answers", "permission"),
    [
        ([reply(403)] * 2, "teams_read"),
        ([teams("a"), *[reply(403)] * 2], "on_call_read"),
        ([teams("a"), rules(to_policy()), *[reply(403)] * 2], "on_call_read"),
    ],
)
def test_a_refusal_names_the_permission(answers: list[Response], permission: str) -> None:
    """Each 403 names the permission that this call needs."""
    error = play(read_escalations(), *answers).error
    assert isinstance(error, KeysRefusedError)
    assert f"the permission {permission}" in str(error)


TEAM_IDS = [uuid(f"t{number}") for number in range(6)]
PEOPLE = [uuid(f"p{number}") for number in range(5)]


@given(
    policies=st.lists(st.lists(st.sets(st.sampled_from(PEOPLE), max_size=3), max_size=3), max_size=5),
    routes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.booleans()), max_size=10),
    reroutes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8),
)
def test_everybody_is_found_in_the_policies_that_teams_route_to(
    policies: list[list[set[str]]], routes: list[tuple[int, int, bool]], reroutes: list[tuple[int, int]]
) -> None:
    """Whatever the policies, rules and circles are, the result and the number of calls are those of a model."""
    with unserved() as datadog:
        for team in TEAM_IDS:
            datadog.add_team(team[-2:], team_id=team)
        ids = [datadog.add_escalation_policy(f"P{number}", steps) for number, steps in enumerate(policies)]
        used = {(TEAM_IDS[team], number) for team, number, _ in routes if number < len(ids)}
        for source, number, in_action in routes:
            if number < len(ids):
                datadog.add_routing_rule(TEAM_IDS[source], ids[number], in_action=in_action)
        for source, target in reroutes:
            datadog.add_routing_rule(TEAM_IDS[source], reroute_to=TEAM_IDS[target])
        played: Played[Any] = Played()
        found = escalations(datadog, played)
    expected = {
        person: tuple(
            PolicySteps(f"P{number}", steps, tuple(sorted(team[-2:] for team, each in used if each == number)))
            for number, policy in enumerate(policies)
            if any(each == number for _, each in used)
            and (steps := tuple(step for step, users in enumerate(policy, 1) if person in users))
        )
        for person in PEOPLE
    }
    assert found.people == {person: each for person, each in expected.items() if each}
    assert len(played.requests) == 1 + len(TEAM_IDS) + len({number for _, number in used})
    assert max(Counter(request.path for request in played.requests).values()) == 1


@pytest.mark.parametrize("way", ["worker", "event loop"])
def test_two_hundred_teams_over_sockets(datadog: FakeDatadog, way: str) -> None:
    """Two hundred teams that share policies and reroute in circles cost two pages, and one call for each."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(25)]
    policies = [datadog.add_escalation_policy(f"P{number}", [[person]]) for number, person in enumerate(people)]
    ids = [datadog.add_team(f"t{number}") for number in range(200)]
    for number, team in enumerate(ids):
        datadog.add_routing_rule(team, policies[number % 25], in_action=number % 2 == 0)
        datadog.add_routing_rule(team, reroute_to=ids[number - 1])
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    found = client.run(read_escalations()) if way == "worker" else quickly(client.arun(read_escalations()))
    client.close()
    assert found.people.keys() == set(people)
    assert [len(each.teams) for [each] in found.people.values()] == [8] * 25
    assert len(datadog.calls()) == 2 + 200 + 25
