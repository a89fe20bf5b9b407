"""The users endpoints of FakeDatadog."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from airflow_provider_seats.testing._organization import Account, Endpoint, Organization, Page, error
from airflow_provider_seats.testing._server import Answer, Request

USERS: Final = "/api/v2/users"
_DEFAULT_SIZE: Final = 10


def user_resource(organization: Organization, account: Account) -> dict[str, Any]:
    """Return an account as the Users API shows it."""
    attributes = {
        "email": account.email,
        "handle": account.handle,
        "name": account.name,
        "title": account.title,
        "status": account.status,
        "disabled": account.status == "Disabled",
        "service_account": account.service_account,
        "verified": account.status != "Pending",
        "created_at": account.created_at,
        "modified_at": account.created_at,
        "last_login_time": account.last_login_at,
    }
    roles = [{"type": "roles", "id": role.id} for role in organization.roles.values() if account.id in role.members]
    return {
        "type": "users",
        "id": account.id,
        "attributes": attributes,
        "relationships": {"roles": {"data": roles}},
    }


def _list(organization: Organization, request: Request, _: str) -> Answer:
    page = Page.parse(request, _DEFAULT_SIZE)
    if isinstance(page, Answer):
        return page
    needle = request.query.get("filter", "")
    statuses = {each.strip().lower() for each in request.query.get("filter[status]", "").split(",") if each}
    found = [
        account
        for account in organization.accounts.values()
        if account.matches(needle) and (not statuses or account.status.lower() in statuses)
    ]
    counts = {"total_count": len(organization.accounts), "total_filtered_count": len(found)}
    data = [user_resource(organization, account) for account in page.of(found)]
    return Answer(HTTPStatus.OK, {"data": data, "meta": {"page": counts}})


def _get(organization: Organization, _: Request, user_uuid: str) -> Answer:
    account = organization.accounts.get(user_uuid)
    if account is None:
        return error(HTTPStatus.NOT_FOUND, "User not found")
    return Answer(HTTPStatus.OK, {"data": user_resource(organization, account)})


def _create(organization: Organization, request: Request, _: str) -> Answer:
    """Create an account. It is pending until its owner accepts the invitation."""
    try:
        data = request.body["data"]
        email, fields = data["attributes"]["email"], data["attributes"]
        roles = [each["id"].lower() for each in data.get("relationships", {}).get("roles", {}).get("data", [])]
    except (AttributeError, KeyError, TypeError):
        return error(HTTPStatus.BAD_REQUEST, "Invalid payload")
    if not all(isinstance(fields.get(each), str | None) for each in ("email", "name", "title")):
        return error(HTTPStatus.BAD_REQUEST, "Invalid payload")
    if data.get("type") != "users" or not re.fullmatch(r"[^@\s]+@[^@\s]+", email or ""):
        return error(HTTPStatus.BAD_REQUEST, "Invalid payload: email")
    if unknown := [each for each in roles if each not in organization.roles]:
        return error(HTTPStatus.BAD_REQUEST, f"Role {unknown[0]} not found")
    # Datadog disables accounts and never deletes them, so the address of a disabled one is taken, too.
    if any(account.handle == email.lower() for account in organization.accounts.values()):
        return error(HTTPStatus.CONFLICT, f"User {email.lower()} already exists")
    account = organization.add_account(email, fields.get("name"), title=fields.get("title"), status="Pending")
    for each in roles:
        organization.roles[each].members[account.id] = None
    return Answer(HTTPStatus.CREATED, {"data": user_resource(organization, account)})


_READ: Final = frozenset({"user_access_read"})
USERS_API: Final = (
    Endpoint("GET", USERS, _list, _READ),
    Endpoint("GET", f"{USERS}/{{id}}", _get, _READ),
    Endpoint("POST", USERS, _create, frozenset({"user_access_invite"})),
)
