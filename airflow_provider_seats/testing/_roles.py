"""The roles endpoints of FakeDatadog."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from airflow_provider_seats.testing._organization import Endpoint, Organization, Page, Role, error
from airflow_provider_seats.testing._server import Answer, Request
from airflow_provider_seats.testing._users import user_resource

ROLES: Final = "/api/v2/roles"
_DEFAULT_SIZE: Final = 10
_SORT_KEYS: Final = {
    "name": lambda role: role.name,
    "modified_at": lambda role: role.created_at,
    "user_count": lambda role: len(role.members),
}


def _list(organization: Organization, request: Request, _: str) -> Answer:
    page = Page.parse(request, _DEFAULT_SIZE)
    if isinstance(page, Answer):
        return page
    sort = request.query.get("sort", "name")
    if sort.removeprefix("-") not in _SORT_KEYS:
        return error(HTTPStatus.BAD_REQUEST, "Invalid sort parameter")
    needle = request.query.get("filter", "").lower()
    ids = {each.strip().lower() for each in request.query.get("filter[id]", "").split(",") if each}
    found = [
        role
        for role in organization.roles.values()
        if needle in role.name.lower() and (not ids or role.id.lower() in ids)
    ]
    found.sort(key=_SORT_KEYS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    counts = {"total_count": len(organization.roles), "total_filtered_count": len(found)}
    return Answer(HTTPStatus.OK, {"data": list(map(_resource, page.of(found))), "meta": {"page": counts}})


def _users(organization: Organization, request: Request, role_id: str) -> Answer:
    page = Page.parse(request, _DEFAULT_SIZE)
    if isinstance(page, Answer):
        return page
    role = organization.roles.get(role_id)
    if role is None:
        return error(HTTPStatus.NOT_FOUND, "Not Found")
    needle = request.query.get("filter", "")
    members = [organization.accounts[each] for each in role.members if each in organization.accounts]
    found = [account for account in members if account.matches(needle)]
    # Unlike in the list of all users, the total is that of the role.
    counts = {"total_count": len(members), "total_filtered_count": len(found)}
    data = [user_resource(organization, account) for account in page.of(found)]
    return Answer(HTTPStatus.OK, {"data": data, "included": [_resource(role)], "meta": {"page": counts}})


def _resource(role: Role) -> dict[str, Any]:
    attributes = {
        "name": role.name,
        "created_at": role.created_at,
        "modified_at": role.created_at,
        "user_count": len(role.members),
    }
    return {
        "type": "roles",
        "id": role.id,
        "attributes": attributes,
        "relationships": {"permissions": {"data": []}},
    }


_READ: Final = frozenset({"user_access_read"})
ROLES_API: Final = (Endpoint("GET", ROLES, _list, _READ), Endpoint("GET", f"{ROLES}/{{id}}/users", _users, _READ))
