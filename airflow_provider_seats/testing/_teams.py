"""The teams endpoints of FakeDatadog."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from airflow_provider_seats.testing._organization import Endpoint, Organization, Page, Team, error
from airflow_provider_seats.testing._server import Answer, Request

TEAMS: Final = "/api/v2/team"
_DEFAULT_SIZE: Final = 100


def _list(organization: Organization, request: Request, _: str) -> Answer:
    page = Page.parse(request, _DEFAULT_SIZE)
    if isinstance(page, Answer):
        return page
    needle = request.query.get("filter[keyword]", "").lower()
    found = [
        team
        for team in organization.teams.values()
        if any(needle in text.lower() for text in (team.name, team.handle, *_emails(organization, team)))
    ]
    return _page(request, page, len(found), [_team(each) for each in page.of(found)])


def _memberships(organization: Organization, request: Request, team_id: str) -> Answer:
    page = Page.parse(request, _DEFAULT_SIZE)
    if isinstance(page, Answer):
        return page
    team = organization.teams.get(team_id)
    if team is None:
        return error(HTTPStatus.NOT_FOUND, "Not Found")
    members = page.of(team.members)
    accounts = [organization.accounts[each] for each in members if each in organization.accounts]
    included = [
        {
            "type": "users",
            "id": account.id,
            "attributes": {
                "name": account.name,
                "handle": account.handle,
                "email": account.email,
                "disabled": account.status == "Disabled",
                "service_account": account.service_account,
            },
        }
        for account in accounts
    ]
    data = [_membership(team, each) for each in members]
    return _page(request, page, len(team.members), data, included=included)


def _page(request: Request, page: Page, total: int, data: list[Any], **more: Any) -> Answer:
    counts = page.counts(total)
    links = {
        name: f"{request.path}?{urlencode({'page[number]': counts[number], 'page[size]': page.size})}"
        for name, number in (("first", "first_number"), ("next", "next_number"), ("last", "last_number"))
    }
    return Answer(HTTPStatus.OK, {"data": data, **more, "meta": {"pagination": counts}, "links": links})


def _team(team: Team) -> dict[str, Any]:
    attributes = {
        "name": team.name,
        "handle": team.handle,
        "summary": None,
        "description": None,
        "created_at": team.created_at,
        "modified_at": team.created_at,
        "user_count": len(team.members),
        "link_count": 0,
        "is_managed": team.is_managed,
    }
    links = {"team_links": "links", "user_team_permissions": "permission-settings"}
    relationships = {name: {"links": {"related": f"{TEAMS}/{team.id}/{path}"}} for name, path in links.items()}
    return {"type": "team", "id": team.id, "attributes": attributes, "relationships": relationships}


def _membership(team: Team, user_uuid: str) -> dict[str, Any]:
    return {
        "type": "team_memberships",
        "id": f"TeamMembership-{team.id}-{user_uuid}",
        "attributes": {"role": None, "provisioned_by": None, "provisioned_by_id": None},
        "relationships": {"user": {"data": {"type": "users", "id": user_uuid}}},
    }


def _emails(organization: Organization, team: Team) -> list[str]:
    return [organization.accounts[each].email for each in team.members if each in organization.accounts]


_READ: Final = frozenset({"teams_read"})
TEAMS_API: Final = (
    Endpoint("GET", TEAMS, _list, _READ),
    Endpoint("GET", f"{TEAMS}/{{id}}/memberships", _memberships, _READ),
)
