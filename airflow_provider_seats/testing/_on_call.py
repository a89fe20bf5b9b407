"""The on-call schedules of FakeDatadog."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Final

from airflow_provider_seats.testing._organization import JSON_API, Endpoint, Organization, Page, Schedule, error
from airflow_provider_seats.testing._server import Answer, Request

SCHEDULES: Final = "/api/v2/on-call/schedules"
_DEFAULT_SIZE: Final = 10
_FILTER: Final = re.compile(r"\b(user|team)\.id:(?:\(([^()]*)\)|([^\s()]+))")


def _list(organization: Organization, request: Request, _: str) -> Answer:
    page = Page.parse(request, _DEFAULT_SIZE)
    if isinstance(page, Answer):
        return page
    query = request.query.get("filter[query]", "")
    name = " ".join(_FILTER.sub(" ", query).split())
    if re.search(r"[():]", name):
        return error(HTTPStatus.BAD_REQUEST, "Invalid query")
    filters = [(field, _values(many or one)) for field, many, one in _FILTER.findall(query)]
    found = [each for each in organization.schedules.values() if _matches(each, name.lower(), filters)]
    rows = page.of(found)
    data = [schedule_resource(each, {"teams": references("teams", each.teams)}) for each in rows]
    document = {"data": data, "meta": {"page": page.counts(len(found))}}
    if "teams" in includes(request):
        ids = dict.fromkeys(team for each in rows for team in each.teams)
        document["included"] = [team_resource(organization, each) for each in ids]
    return Answer(HTTPStatus.OK, document, JSON_API)


def _get(organization: Organization, request: Request, schedule_id: str) -> Answer:
    schedule = organization.schedules.get(schedule_id)
    if schedule is None:
        return error(HTTPStatus.NOT_FOUND, "Not Found")
    relationships = {
        "layers": references("layers", [schedule.layer_id]),
        "teams": references("teams", schedule.teams),
    }
    resources = {
        "teams": [team_resource(organization, each) for each in schedule.teams],
        "layers": [_layer(schedule)],
        "layers.members": [_member(*each) for each in schedule.members.items()],
        "layers.members.user": user_resources(organization, schedule.members.values()),
    }
    included = [resource for name in resources if name in includes(request) for resource in resources[name]]
    document = {"data": schedule_resource(schedule, relationships), **({"included": included} if included else {})}
    return Answer(HTTPStatus.OK, document, JSON_API)


def _values(text: str) -> set[str]:
    return {each.lower() for each in re.split(r"\s+OR\s+", text.strip())}


def _matches(schedule: Schedule, name: str, filters: list[tuple[str, set[str]]]) -> bool:
    """Return whether a schedule has the name, which may contain ``*``, and matches every filter."""
    ids = {"user": set(schedule.members.values()), "team": set(schedule.teams)}
    named = fnmatchcase(schedule.name.lower(), name if "*" in name else f"*{name}*")
    return named and all(ids[field] & values for field, values in filters)


def includes(request: Request) -> set[str]:
    """Return what a request wants to be included."""
    return set(request.query.get("include", "").split(","))


def references(kind: str, ids: Iterable[str]) -> dict[str, Any]:
    """Return a relationship to resources of one type."""
    return {"data": [{"type": kind, "id": each} for each in ids]}


def schedule_resource(schedule: Schedule, relationships: dict[str, Any]) -> dict[str, Any]:
    """Return a schedule."""
    attributes = {"name": schedule.name, "time_zone": schedule.time_zone}
    return {"type": "schedules", "id": schedule.id, "attributes": attributes, "relationships": relationships}


def _layer(schedule: Schedule) -> dict[str, Any]:
    attributes = {
        "name": "Layer 1",
        "effective_date": schedule.starts_at,
        "rotation_start": schedule.starts_at,
        "interval": {"days": 7},
        "time_zone": schedule.time_zone,
    }
    relationships = {"members": references("members", list(schedule.members))}
    return {"type": "layers", "id": schedule.layer_id, "attributes": attributes, "relationships": relationships}


def _member(member_id: str, user_uuid: str) -> dict[str, Any]:
    user = {"data": {"type": "users", "id": user_uuid}}
    return {"type": "members", "id": member_id, "relationships": {"user": user}}


def user_resources(organization: Organization, user_uuids: Iterable[str]) -> list[dict[str, Any]]:
    """Return users as the on-call API includes them, each once."""
    accounts = [organization.accounts.get(each) for each in dict.fromkeys(user_uuids)]
    return [
        {
            "type": "users",
            "id": account.id,
            "attributes": {
                "name": account.name,
                "email": account.email,
                "status": "deactivated" if account.status == "Disabled" else account.status.lower(),
            },
        }
        for account in accounts
        if account is not None
    ]


def team_resource(organization: Organization, team_id: str) -> dict[str, Any]:
    """Return a team as the on-call API includes it."""
    team = organization.teams[team_id]
    return {"type": "teams", "id": team.id, "attributes": {"name": team.name, "handle": team.handle}}


_READ: Final = frozenset({"on_call_read"})
SCHEDULES_API: Final = (Endpoint("GET", SCHEDULES, _list, _READ), Endpoint("GET", f"{SCHEDULES}/{{id}}", _get, _READ))
