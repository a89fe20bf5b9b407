"""FakeDatadog's teams: the official client reads them, and they are searched and paged as Datadog documents."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.testing import TEAMS, FakeDatadog
from tests.testing.conftest import GHOST, ask


def test_the_official_client_reads_teams(datadog: FakeDatadog, official: Any) -> None:
    """The official client finds teams by keyword, and reads their attributes."""
    from datadog_api_client.v2.api.teams_api import TeamsApi

    ann = datadog.add_user("ann@x.com")
    sre = datadog.add_team("sre", [ann], is_managed=True)
    datadog.add_team("sre-eu", name="SRE Europe")
    datadog.add_team("payments", ["Ann@x.com"])
    api = TeamsApi(official)
    found = api.list_teams(filter_keyword="SRE", page_size=100, page_number=0)
    attributes = [each.attributes for each in found.data]
    assert found.data[0].id == sre
    assert [(each.handle, each.name, each.user_count, each.is_managed) for each in attributes] == [
        ("sre", "Sre", 1, True),
        ("sre-eu", "SRE Europe", 0, False),
    ]
    # The keyword also finds teams by the emails of their members.
    assert [each.attributes.handle for each in api.list_teams(filter_keyword="ann@x").data] == ["sre", "payments"]
    assert [each.attributes.handle for each in api.list_teams_with_pagination(page_size=1)] == [
        "sre",
        "sre-eu",
        "payments",
    ]
    assert api.list_teams().meta.pagination.total == 3


def test_the_official_client_reads_memberships(datadog: FakeDatadog, official: Any) -> None:
    """The official client reads the members of a team page by page."""
    from datadog_api_client.v2.api.teams_api import TeamsApi

    people = [datadog.add_user(f"u{number}@x.com") for number in range(5)]
    team = datadog.add_team("sre", people)
    api = TeamsApi(official)
    rows = list(api.get_team_memberships_with_pagination(team, page_size=2))
    assert [each.relationships.user.data.id for each in rows] == people
    assert rows[0].type.value == "team_memberships"
    assert api.get_team_memberships(team).meta.pagination.total == 5
    assert [each.attributes.email for each in api.get_team_memberships(team).included][:1] == ["u0@x.com"]


def test_the_official_client_gets_errors(datadog: FakeDatadog, official: Any) -> None:
    """An unknown team is a 404, and a missing permission is a 403 with Datadog's explanation."""
    from datadog_api_client.exceptions import ForbiddenException, NotFoundException
    from datadog_api_client.v2.api.teams_api import TeamsApi

    api = TeamsApi(official)
    with pytest.raises(NotFoundException) as missing:
        api.get_team_memberships(GHOST)
    assert (missing.value.status, missing.value.body) == (404, {"errors": ["Not Found"]})
    datadog.permissions.remove("teams_read")
    with pytest.raises(ForbiddenException) as refused:
        api.list_teams()
    assert refused.value.status == 403
    assert refused.value.body == {"errors": ["Forbidden", "Failed permission authorization checks"]}


def test_pages_state_their_numbers(datadog: FakeDatadog) -> None:
    """A page states numbers and links as recordings show them: also the last page names a next one."""
    for number in range(3):
        datadog.add_team(f"team-{number}")
    _, page = ask(datadog, "GET", TEAMS, params={"page[size]": 2, "page[number]": 1})
    assert len(page["data"]) == 1
    assert page["meta"] == {
        "pagination": {
            "type": "number_size",
            "number": 1,
            "size": 2,
            "total": 3,
            "first_number": 0,
            "prev_number": 0,
            "next_number": 2,
            "last_number": 1,
        }
    }
    assert page["links"]["next"].endswith("/api/v2/team?page%5Bnumber%5D=2&page%5Bsize%5D=2")
    assert ask(datadog, "GET", TEAMS, params={"page[size]": 101})[0] == 400
    assert ask(datadog, "GET", f"{TEAMS}/{GHOST}/memberships", params={"page[size]": 0})[0] == 400


def test_a_team_can_be_replaced(datadog: FakeDatadog) -> None:
    """A team with the id of another takes its place, and may have members that no account belongs to."""
    team = datadog.add_team("sre")
    assert datadog.add_team("sre", [GHOST], team_id=team.upper()) == team
    _, page = ask(datadog, "GET", f"{TEAMS}/{team}/memberships")
    assert [row["relationships"]["user"]["data"] for row in page["data"]] == [{"type": "users", "id": GHOST}]
    assert page["included"] == []
