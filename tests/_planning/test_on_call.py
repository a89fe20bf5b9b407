"""Who is found on call and where, in how many calls, and how a search that does not work is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.escalation_policies import PolicySteps
from airflow_provider_seats._planning.on_call import find_on_call, places
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import UnavailableError
from airflow_provider_seats.testing import SCHEDULES, FakeDatadog, Fault
from tests.helpers.operators import add_people, calls

SEARCH = "GET on-call/schedules"
NOTHING = Fault(200, {"data": [], "meta": {"page": {"total": 0}}})
# After the beginning of every schedule that a test adds.
NOW = datetime.now(UTC) + timedelta(days=1)
PAYMENTS = PolicySteps("Payments", (2,), ("payments",))
STEP = "in step 2 of the escalation policy Payments, which team payments routes to"


@pytest.fixture
def client(datadog: FakeDatadog, no_waits: list[float]) -> Iterator[Client]:
    """Return a client."""
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    yield client
    client.close()


def found_places(client: Client, people: list[str], **more: Any) -> list[str]:
    """Return where people are found, as text."""
    found = client.run(find_on_call(people, NOW, **{"in_policies": True, **more}))
    assert list(found) == people
    return list(found.values())


def organisation(datadog: FakeDatadog, teams: int, policies: int, *targets: str) -> None:
    """Add teams that all route somewhere, and policies with these targets."""
    ids = [datadog.add_team(f"t{number}") for number in range(teams)]
    known = [datadog.add_escalation_policy(f"P{number}", [targets]) for number in range(policies)]
    for number, team in enumerate(ids):
        datadog.add_routing_rule(team, known[number % policies])


def test_twenty_leavers_cost_a_call_for_each_team_and_policy(datadog: FakeDatadog, client: Client) -> None:
    """Twenty leavers in an organisation of 30 teams and 25 policies take at most 1 + 1 + 30 + 25 calls."""
    people = add_people(datadog, 21)
    organisation(datadog, 30, 25, people[20])
    assert found_places(client, people[:20]) == [""] * 20
    assert len(datadog.calls()) == 1 + 1 + 30 + 25


def test_the_control_costs_one_more_call(datadog: FakeDatadog, client: Client) -> None:
    """If a policy names a schedule, it is read once, and each search looks for one of its members, too."""
    people = add_people(datadog, 21)
    nights = datadog.add_schedule("Nights", [people[20]])
    organisation(datadog, 30, 25, nights)
    assert found_places(client, people[:20]) == [""] * 20
    assert len(datadog.calls()) == 1 + 1 + 30 + 25 + 1
    assert len(datadog.calls("GET", f"{SCHEDULES}/{nights}")) == 1


def test_leavers_in_the_schedule_of_the_control_cost_nothing(datadog: FakeDatadog, client: Client) -> None:
    """The schedule of the control says which of twenty leavers are its members."""
    people = add_people(datadog, 21)
    organisation(datadog, 30, 25, datadog.add_schedule("Nights", people[18:]))
    assert found_places(client, people[:20]) == [""] * 18 + ["in the on-call schedule Nights"] * 2
    assert len(datadog.calls()) == 1 + 1 + 30 + 25 + 1


def test_leavers_in_another_schedule_cost_three_more_calls(datadog: FakeDatadog, client: Client) -> None:
    """Without its control the search finds a schedule, which is read, and one more search finds nobody else."""
    people = add_people(datadog, 21)
    organisation(datadog, 30, 25, datadog.add_schedule("Nights", people[20:]))
    datadog.add_schedule("Days", [people[0], people[7], people[20]])
    expected = [""] * 20
    expected[0] = expected[7] = "in the on-call schedule Days"
    assert found_places(client, people[:20]) == expected
    assert len(datadog.calls()) == 1 + 1 + 30 + 25 + 1 + 3


def test_without_policies_only_schedules_are_searched(
    datadog: FakeDatadog, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Without escalation policies no team is read, and the log does not claim that one was."""
    caplog.set_level("INFO")
    ann, bob = add_people(datadog, 2)
    datadog.permissions.remove("teams_read")
    datadog.add_routing_rule(datadog.add_team("sre"), datadog.add_escalation_policy("Payments", [[ann]]))
    datadog.add_schedule("Nights", [bob])
    assert found_places(client, [ann, bob], in_policies=False) == ["", "in the on-call schedule Nights"]
    assert {call.split("/schedules")[0] for call in calls(datadog)} == {"GET on-call"}
    assert "On call: found 1 of 2 people in schedules." in caplog.text


def test_the_log_says_what_was_read(datadog: FakeDatadog, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The log counts the people, the policies and the teams."""
    caplog.set_level("INFO")
    ann, bob = add_people(datadog, 2)
    organisation(datadog, 2, 1, ann)
    found_places(client, [ann, bob])
    line = "On call: found 1 of 2 people in schedules and escalation policies (read: 2 teams, 1 policy)."
    assert line in caplog.text


@pytest.mark.parametrize("in_policies", [True, False])
@pytest.mark.parametrize("leavers", [1, 2])
def test_a_search_that_finds_nobody_at_all_is_noticed(
    datadog: FakeDatadog, client: Client, in_policies: bool, leavers: int
) -> None:
    """If the search does not find a member of a schedule, either, nobody counts as absent because of it."""
    *people, member = add_people(datadog, leavers + 1)
    organisation(datadog, 1, 1, datadog.add_schedule("Nights", [member]))
    # Without policies, the first schedule of the list is read before.
    first = [] if in_policies else [Fault()]
    datadog.script("GET", SCHEDULES, *first, NOTHING)
    message = rf"does not find the schedule [-0-9a-f]*, although {member} is one of them and its member"
    with pytest.raises(UnavailableError, match=message):
        client.run(find_on_call(people, NOW, in_policies=in_policies))
    last = datadog.calls("GET", SCHEDULES)[-1].query["filter[query]"]
    assert last == f"user.id:({' OR '.join(people)} OR {member})"


def test_a_search_that_misses_one_of_the_people_is_noticed(datadog: FakeDatadog, client: Client) -> None:
    """If the member of the schedule is one of the people, the search has missed them."""
    ann, bob = add_people(datadog, 2)
    organisation(datadog, 1, 1, datadog.add_schedule("Nights", [ann]))
    datadog.script("GET", SCHEDULES, NOTHING)
    with pytest.raises(UnavailableError, match=f"a search for 2 people does not find .* although {ann} is one of them"):
        client.run(find_on_call([bob, ann], NOW, in_policies=True))


def test_a_schedule_without_a_current_member_controls_nothing(datadog: FakeDatadog, client: Client) -> None:
    """A disabled account, and a layer that begins later, need not be found, so there is no control."""
    ann, bob = add_people(datadog, 2)
    gone = datadog.add_user("gone@x.com", status="Disabled")
    nights = datadog.add_schedule("Nights", [gone])
    organisation(datadog, 1, 1, nights)
    assert found_places(client, [ann]) == [""]
    datadog.add_schedule("Nights", [bob], schedule_id=nights)
    assert client.run(find_on_call([ann], NOW - timedelta(days=1), in_policies=True)).keys() == {ann}
    assert [call.query.get("filter[query]") for call in datadog.calls("GET", SCHEDULES)] == [f"user.id:{ann}"] * 2


@pytest.mark.parametrize("status", [404, 403])
def test_a_schedule_that_is_gone_controls_nothing(datadog: FakeDatadog, client: Client, status: int) -> None:
    """A 404 for the schedule leaves the search without a control. Any other error is one."""
    ann, bob = add_people(datadog, 2)
    nights = datadog.add_schedule("Nights", [bob])
    organisation(datadog, 1, 1, nights)
    datadog.script("GET", f"{SCHEDULES}/{nights}", *[Fault(status)] * 2)
    if status == 404:
        assert found_places(client, [ann]) == [""]
    else:
        with pytest.raises(Exception, match="on_call_read"):
            client.run(find_on_call([ann], NOW, in_policies=True))


def test_an_organisation_without_schedules_has_no_control(datadog: FakeDatadog, client: Client) -> None:
    """Without a schedule there is nothing to search for."""
    [ann] = add_people(datadog, 1)
    assert found_places(client, [ann], in_policies=False) == [""]
    assert calls(datadog) == [SEARCH, SEARCH]


@pytest.mark.parametrize(
    ("schedules", "policies", "text"),
    [
        (("Primary",), (), "in the on-call schedule Primary"),
        (("A", "B"), (), "in the on-call schedules A, B"),
        (tuple("ABCDEFG"), (), "in the on-call schedules A, B, C, D, E and 2 more"),
        ((), (PAYMENTS,), STEP),
        (("Primary",), (PAYMENTS,), f"in the on-call schedule Primary; {STEP}"),
        (
            (),
            (PolicySteps("P", (1, 3), tuple("abcd")),),
            "in steps 1, 3 of the escalation policy P, which the teams a, b, c and 1 more route to",
        ),
        ((), (PAYMENTS,) * 4, f"{STEP}; {STEP}; {STEP} and 1 more escalation policy"),
        ((), (PAYMENTS,) * 5, f"{STEP}; {STEP}; {STEP} and 2 more escalation policies"),
        ((), (), ""),
    ],
)
def test_the_places_are_named(schedules: tuple[str, ...], policies: tuple[PolicySteps, ...], text: str) -> None:
    """The text names schedules, and steps and policies with the teams that route to them, but not too many."""
    assert places(schedules, policies) == text
