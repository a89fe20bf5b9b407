"""FakeDatadog's on-call schedules: the official client reads them, and the documented searches find them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.testing import SCHEDULES, FakeDatadog
from tests.testing.conftest import GHOST, ask


@pytest.fixture
def people(datadog: FakeDatadog) -> list[str]:
    """Return the UUIDs of three people."""
    return [datadog.add_user(f"{name}@x.com") for name in ("ann", "bob", "cy")]


def names(datadog: FakeDatadog, query: str) -> list[str]:
    """Return the names of the schedules that a search finds."""
    status, body = ask(datadog, "GET", SCHEDULES, params={"filter[query]": query})
    assert status == 200
    return [row["attributes"]["name"] for row in body["data"]]


def test_the_official_client_lists_schedules(datadog: FakeDatadog, official: Any, people: list[str]) -> None:
    """The official client searches schedules by user, and reads their attributes, teams and pages."""
    from datadog_api_client.v2.api.on_call_api import OnCallApi

    ann, bob, cy = people
    team = datadog.add_team("sre", people)
    nights = datadog.add_schedule("Nights", [ann, "Bob@x.com"], teams=[team], time_zone="Europe/Paris")
    datadog.add_schedule("Days", [cy])
    api = OnCallApi(official)
    found = api.list_on_call_schedules(
        filter_query=f"user.id:({ann} OR {bob})", include="teams", page_size=100, page_number=0
    )
    assert [(each.id, each.attributes.name, each.attributes.time_zone) for each in found.data] == [
        (nights, "Nights", "Europe/Paris")
    ]
    assert [each.id for each in found.data[0].relationships.teams.data] == [team]
    assert [(each.id, each.attributes.handle) for each in found.included] == [(team, "sre")]
    assert (found.meta.page.total, found.meta.page.number, found.meta.page.size) == (1, 0, 100)
    assert [each.attributes.name for each in api.list_on_call_schedules_with_pagination(page_size=1)] == [
        "Nights",
        "Days",
    ]


def test_the_official_client_reads_the_members_of_a_schedule(
    datadog: FakeDatadog, official: Any, people: list[str]
) -> None:
    """The official client follows a schedule to its layers, their members and the users behind them."""
    from datadog_api_client.v2.api.on_call_api import OnCallApi

    gone = datadog.add_user("gone@x.com", status="Disabled")
    team = datadog.add_team("sre")
    schedule = datadog.add_schedule("Nights", [*people[:2], gone], teams=[team])
    api = OnCallApi(official)
    answer = api.get_on_call_schedule(schedule, include="teams,layers,layers.members,layers.members.user")
    [layer_reference] = answer.data.relationships.layers.data
    included = {(each.type.value, each.id): each for each in answer.included}
    layer = included["layers", layer_reference.id]
    members = [included["members", each.id] for each in layer.relationships.members.data]
    users = [included["users", each.relationships.user.data.id] for each in members]
    assert [each.id for each in users] == [*people[:2], gone]
    assert [(each.attributes.email, each.attributes.status.value) for each in users] == [
        ("ann@x.com", "active"),
        ("bob@x.com", "active"),
        ("gone@x.com", "deactivated"),
    ]
    assert (layer.attributes.name, layer.attributes.interval.days) == ("Layer 1", 7)
    assert included["teams", team].attributes.handle == "sre"
    # Nothing is included unless it is asked for.
    assert "included" not in api.get_on_call_schedule(schedule)


def test_the_official_client_gets_errors(datadog: FakeDatadog, official: Any) -> None:
    """An unknown schedule is a 404, and a missing permission is a 403 with Datadog's explanation."""
    from datadog_api_client.exceptions import ForbiddenException, NotFoundException
    from datadog_api_client.v2.api.on_call_api import OnCallApi

    api = OnCallApi(official)
    with pytest.raises(NotFoundException) as missing:
        api.get_on_call_schedule(GHOST)
    assert (missing.value.status, missing.value.body) == (404, {"errors": ["Not Found"]})
    datadog.permissions.remove("on_call_read")
    with pytest.raises(ForbiddenException) as refused:
        api.list_on_call_schedules()
    assert refused.value.status == 403
    assert refused.value.body == {"errors": ["Forbidden", "Failed permission authorization checks"]}


def test_a_site_may_have_no_on_call_api() -> None:
    """Without the on-call API its endpoints answer 404, whatever the permissions."""
    with FakeDatadog(on_call_api=False, permissions=[]) as datadog:
        for path in (SCHEDULES, f"{SCHEDULES}/{GHOST}"):
            assert ask(datadog, "GET", path) == (404, {"errors": ["Not Found"]})


def test_the_documented_searches_find_schedules(datadog: FakeDatadog, people: list[str]) -> None:
    """Schedules are found by user, by team and by name in any case, and all conditions must hold."""
    ann, bob, cy = people
    sre, payments = datadog.add_team("sre"), datadog.add_team("payments")
    datadog.add_schedule("SRE nights", [ann, bob], teams=[sre])
    datadog.add_schedule("Payments nights", [bob], teams=[payments, sre])
    datadog.add_schedule("Empty")
    assert names(datadog, "") == ["SRE nights", "Payments nights", "Empty"]
    assert names(datadog, f"user.id:{ann.upper()}") == ["SRE nights"]
    assert names(datadog, f"user.id:{cy}") == []
    assert names(datadog, f"user.id:({ann} OR {cy})") == ["SRE nights"]
    assert names(datadog, f"user.id:({ann} OR {bob} OR {cy})") == ["SRE nights", "Payments nights"]
    assert names(datadog, f"team.id:{payments}") == ["Payments nights"]
    assert names(datadog, "NIGHTS") == ["SRE nights", "Payments nights"]
    assert names(datadog, "pay*nights") == ["Payments nights"]
    assert names(datadog, "nights*") == []
    assert names(datadog, f"team.id:{sre} user.id:{bob} payments") == ["Payments nights"]


@pytest.mark.parametrize("query", [f"user.id:({GHOST} OR", "user.id:", "owner.id:7", "(nights)"])
def test_a_search_that_is_not_documented_is_refused(datadog: FakeDatadog, query: str) -> None:
    """A search with an open bracket or another field is refused, so that a test notices it."""
    assert ask(datadog, "GET", SCHEDULES, params={"filter[query]": query}) == (400, {"errors": ["Invalid query"]})


def test_a_schedule_can_be_replaced(datadog: FakeDatadog, people: list[str]) -> None:
    """A schedule with the id of another takes its place, for example with other members."""
    schedule = datadog.add_schedule("Nights", people[:1])
    assert datadog.add_schedule("Nights", people[1:], schedule_id=schedule) == schedule
    assert names(datadog, f"user.id:{people[0]}") == []
    assert names(datadog, f"user.id:{people[1]}") == ["Nights"]


def test_pages_are_checked(datadog: FakeDatadog) -> None:
    """A page is at most 100 schedules, and an unknown team or email is an error of the test that passes it."""
    assert ask(datadog, "GET", SCHEDULES, params={"page[size]": 101}) == (400, {"errors": ["Invalid page parameter"]})
    with pytest.raises(LookupError):
        datadog.add_schedule("Nights", teams=[GHOST])
    with pytest.raises(LookupError):
        datadog.add_schedule("Nights", ["nobody@x.com"])
