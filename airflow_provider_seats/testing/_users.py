"""The users endpoints of FakeDatadog."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from airflow_provider_seats.testing._organization import Account, Endpoint, Organization, Page, error
from airflow_provider_seats.testing._server import Answer, Request

USERS: Final = "/api/v2/users"
_DEFAULT_SIZE: Final = 10


def _as_json(account: Account) -> dict[str, Any]:
    attributes = {
        "email": account.email,
        "handle": account.handle,
        "name": account.name,
        "status": account.status,
        "disabled": account.status == "Disabled",
        "service_account": account.service_account,
        "verified": account.status != "Pending",
        "created_at": account.created_at,
        "last_login_time": account.last_login_at,
    }
    return {"type": "users", "id": account.id, "attributes": attributes}


def _list(organization: Organization, request: Request, _: str) -> Answer:
    page = Page.parse(request, _DEFAULT_SIZE)
    if isinstance(page, Answer):
        return page
    needle = request.query.get("filter", "").lower()
    statuses = {each.strip().lower() for each in request.query.get("filter[status]", "").split(",") if each}
    found = [
        account
        for account in organization.accounts.values()
        if (needle in account.email or needle in account.name.lower())
        and (not statuses or account.status.lower() in statuses)
    ]
    counts = {"total_count": len(organization.accounts), "total_filtered_count": len(found)}
    return Answer(HTTPStatus.OK, {"data": list(map(_as_json, page.of(found))), "meta": {"page": counts}})


def _get(organization: Organization, _: Request, user_uuid: str) -> Answer:
    account = organization.accounts.get(user_uuid)
    if account is None:
        return error(HTTPStatus.NOT_FOUND, "User not found")
    return Answer(HTTPStatus.OK, {"data": _as_json(account)})


_READ: Final = frozenset({"user_access_read"})
USERS_API: Final = (Endpoint("GET", USERS, _list, _READ), Endpoint("GET", f"{USERS}/{{id}}", _get, _READ))
