"""The team flows: which teams there are, and who is a member of a team.

Datadog's Teams API: https://docs.datadoghq.com/api/latest/teams/.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from airflow_provider_seats._api.flow import Flow, resources
from airflow_provider_seats._api.groups import Groups, Members, list_members
from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._api.pages import Page, included, nested, parse_total, read_pages
from airflow_provider_seats._api.users import User, parse_user

PATH: Final = "/api/v2/team"


def list_team_members(handles: Iterable[str]) -> Flow[Members]:
    """Return the members of teams: see :func:`list_members`. Members of sub-teams are not included.

    Datadog searches names, handles and emails for a keyword. Only a whole handle counts.
    """
    return list_members(_TEAMS, handles)


def list_teams() -> Flow[dict[str, str]]:
    """Return the handles of all teams, by id."""
    teams, _ = yield from read_pages(lambda number: _TEAMS.request("", number), _TEAMS.read)
    return teams


def _read_members(document: dict[str, Any]) -> Page[User]:
    members: dict[str, User] = {}
    accounts = included(document, "users")
    for number, (membership_id, _) in enumerate(resources(document)):
        row = document["data"][number]
        uuid = canonical_uuid(nested(row, "relationships", "user", "data", "id"))
        if membership_id is None or uuid is None:
            raise ValueError("one of its memberships has no id or no user")
        account = parse_user(uuid, nested(accounts.get(uuid), "attributes") or {})
        members[membership_id] = account or User(uuid, None, None, None)
    return Page(members, parse_total(document, "meta", "pagination", "total"))


_TEAMS: Final = Groups(
    argument="handles",
    name="handle",
    has="team has the handle",
    advice="Pass each handle exactly as the team's page in Datadog shows it, without @. The name of a team is not its "
    "handle.",
    path=PATH,
    search="filter[keyword]",
    members=f"{PATH}/{{team_id}}/memberships",
    permission="the permission teams_read",
    total=("pagination", "total"),
    read_members=_read_members,
)
