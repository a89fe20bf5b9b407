"""The team flows: which teams there are, and who is a member of a team.

Datadog's Teams API: https://docs.datadoghq.com/api/latest/teams/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from airflow_provider_seats._api.flow import Flow, Gather, Request, resources, text
from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._api.pages import Page, included, nested, page_query, parse_total, read_pages
from airflow_provider_seats._text import join_names
from airflow_provider_seats.exceptions import InvalidInputError, RequestRefusedError, TeamsNotFoundError

PATH: Final = "/api/v2/team"
_PERMISSION: Final = "the permission teams_read"


class TeamMembers(NamedTuple):
    """The members of teams.

    :param people: the user UUIDs, each once.
    :param left_out: descriptions of members who are left out: disabled accounts and service accounts.
    """

    people: list[str]
    left_out: list[str]


def list_team_members(handles: Iterable[str]) -> Flow[TeamMembers]:
    """Return the members of teams, in the order of the handles and of Datadog.

    Disabled accounts and service accounts are left out. Someone whose account the list does not describe is a member.

    Datadog searches names, handles and emails for a keyword. Only a whole handle counts. Members of sub-teams are not
    included.

    The cost is a search and a list for each team, side by side. A list of several pages can shift while it is read, so
    that a member is on none of its pages. Such a list is read twice, and everybody in one of the readings counts.

    :raises TeamsNotFoundError: if a handle is not that of exactly one team.
    :raises InvalidInputError: if one of several teams has no members.
    """
    wanted = tuple(dict.fromkeys(handles))
    searches = yield Gather([_search(handle) for handle in wanted])
    found = dict(zip(wanted, searches, strict=True))
    ids = {handle: [team for team, each in found[handle].items() if each == handle] for handle in wanted}
    _require_one(ids, found)
    progress = [f"{number:,} of {len(wanted):,} teams read so far" for number in range(len(wanted))]
    lists = yield Gather([_members(ids[handle][0], each) for handle, each in zip(wanted, progress, strict=True)])
    members: dict[str, dict[str, str | None] | None] = dict(zip(wanted, lists, strict=True))
    # A team may be deleted between the search and the list.
    _require_one({handle: ids[handle] if members[handle] is not None else [] for handle in wanted}, found)
    rows = [(handle, user, why) for handle in wanted for user, why in (members[handle] or {}).items()]
    filled = {handle for handle, _, why in rows if why is None}
    if len(wanted) > 1 and len(filled) < len(wanted):
        empty = join_names(repr(handle) for handle in wanted if handle not in filled)
        raise InvalidInputError(
            "handles",
            f"no member of {empty} has an enabled account of a person. Leave out a team that is empty on purpose.",
        )
    return TeamMembers(
        list(dict.fromkeys(user for _, user, why in rows if why is None)),
        list(dict.fromkeys(why for _, _, why in rows if why is not None)),
    )


def list_teams() -> Flow[dict[str, str]]:
    """Return the handles of all teams, by id."""

    def request(number: int) -> Request:
        return Request(
            "GET", PATH, page_query(number), permission=_PERMISSION, progress=f"{number:,} pages of teams read so far"
        )

    teams, _ = yield from read_pages(request, _read_teams)
    return teams


def _require_one(ids: Mapping[str, list[str]], found: Mapping[str, Mapping[str, str]]) -> None:
    """Raise an error unless there is one team for each handle.

    :param ids: the ids of the teams with exactly this handle, by handle.
    :param found: the handles of all teams that the search found, by handle and id.
    """
    unknown = {handle: sorted({*found[handle].values()} - {handle}) for handle in ids if not ids[handle]}
    ambiguous = {handle: teams for handle, teams in ids.items() if len(teams) > 1}
    if unknown or ambiguous:
        raise TeamsNotFoundError(unknown, ambiguous)


def _search(handle: str) -> Flow[dict[str, str]]:
    """Return the handles of the teams that a search for a handle finds, by their ids."""

    def request(number: int) -> Request:
        return Request("GET", PATH, (("filter[keyword]", handle), *page_query(number)), permission=_PERMISSION)

    teams, _ = yield from read_pages(request, _read_teams)
    return teams


def _members(team_id: str, progress: str) -> Flow[dict[str, str | None] | None]:
    """Return a team's members by user UUID, each with why they are left out; None if there is no such team."""

    def request(number: int) -> Request:
        return Request(
            "GET",
            f"{PATH}/{quote(team_id, safe='')}/memberships",
            page_query(number),
            permission=_PERMISSION,
            progress=progress,
            route=f"{PATH}/{{team_id}}/memberships",
        )

    try:
        members, pages = yield from read_pages(request, _read_members)
        if pages > 1:
            again, _ = yield from read_pages(request, _read_members)
            members |= again
    except RequestRefusedError as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return dict(members.values())


def _read_teams(document: dict[str, Any]) -> Page[str]:
    teams: dict[str, str] = {}
    for team_id, attributes in resources(document):
        handle = text(attributes, "handle")
        if team_id is None or handle is None:
            raise ValueError("one of its teams has no id or no handle")
        teams[team_id] = handle
    return Page(teams, parse_total(document, "meta", "pagination", "total"))


def _read_members(document: dict[str, Any]) -> Page[tuple[str, str | None]]:
    members: dict[str, tuple[str, str | None]] = {}
    accounts = included(document, "users")
    for (membership_id, _), row in zip(resources(document), document["data"], strict=True):
        user = canonical_uuid(nested(row, "relationships", "user", "data", "id"))
        if membership_id is None or user is None:
            raise ValueError("one of its memberships has no id or no user")
        members[membership_id] = user, _why_left_out(user, nested(accounts.get(user), "attributes"))
    return Page(members, parse_total(document, "meta", "pagination", "total"))


def _why_left_out(user: str, account: object) -> str | None:
    if not isinstance(account, Mapping):
        return None
    name = f"{text(account, 'email')} ({user})" if text(account, "email") else user
    if account.get("disabled") is True:
        return f"{name}: the account is disabled"
    return f"{name}: it is a service account" if account.get("service_account") is True else None
