"""The seats endpoints of FakeDatadog."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from airflow_provider_seats.testing._organization import JSON_API, Endpoint, Organization, parse_whole
from airflow_provider_seats.testing._server import Answer, Request

SEATS: Final = "/api/v2/seats/users"
_DEFAULT_LIMIT: Final = 100


def give_seat(organization: Organization, product: str, user_uuid: str, fields: dict[str, Any]) -> None:
    """Assign a seat. The fields replace those of the account in the seat list."""
    account = organization.accounts.get(user_uuid)
    organization.seats[product][user_uuid] = {
        "id": user_uuid,
        "email": account and account.email,
        "name": account and account.name,
        "assigned_at": datetime.now(UTC).isoformat(),
        **fields,
    }


def _list(organization: Organization, request: Request, _: str) -> Answer:
    product = request.query.get("product_code")
    if not product:
        return _error(HTTPStatus.BAD_REQUEST, "product_code query parameter is required")
    if product not in organization.seats:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, f"product_code {product} is not valid")
    limit = parse_whole(request.query.get("page[limit]", str(_DEFAULT_LIMIT)))
    cursor = request.query.get("page[cursor]", "")
    start = parse_whole(cursor.removeprefix("after-")) if cursor else 0
    if not limit or start is None:
        return _error(HTTPStatus.BAD_REQUEST, "page parameter is not valid")
    seats = list(organization.seats[product].values())
    if not seats:
        return Answer(HTTPStatus.OK, {"data": []}, JSON_API)
    end = start + limit
    data = [
        {"type": "seat-users", "id": row["id"], "attributes": {key: row[key] for key in row if key != "id"}}
        for row in seats[start:end]
    ]
    following = f"after-{end}" if end < len(seats) else None
    meta = {"cursor": cursor or None, "limit": limit, "next_cursor": following}
    return Answer(HTTPStatus.OK, {"data": data, "meta": meta}, JSON_API)


def _assign(organization: Organization, request: Request, _: str) -> Answer:
    asked = _asked(organization, request)
    if isinstance(asked, Answer):
        return asked
    product, users = asked
    unknown = [each for each in users if each not in organization.accounts]
    if unknown and organization.unknown_users == "refuse":
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, f"user {unknown[0]} not found")
    known = [each for each in users if each in organization.accounts]
    fresh = [each for each in known if each not in organization.seats[product]]
    for each in fresh:
        give_seat(organization, product, each, {})
    assigned = fresh if organization.seated_users == "omit" else known
    attributes = {"assigned_ids": assigned, "product_code": product}
    data = {"id": str(uuid.uuid4()), "type": "seat-assignments", "attributes": attributes}
    return Answer(HTTPStatus.CREATED, {"data": data}, JSON_API)


def _unassign(organization: Organization, request: Request, _: str) -> Answer:
    asked = _asked(organization, request)
    if isinstance(asked, Answer):
        return asked
    product, users = asked
    for each in users:
        organization.seats[product].pop(each, None)
    return Answer(HTTPStatus.NO_CONTENT)


def _asked(organization: Organization, request: Request) -> tuple[str, list[str]] | Answer:
    """Return product and users of an assignment or unassignment, or the answer that refuses it."""
    try:
        attributes = request.body["data"]["attributes"]
        product, users = attributes.get("product_code"), attributes.get("user_uuids")
    except (AttributeError, KeyError, TypeError):
        return _error(HTTPStatus.BAD_REQUEST, "the body is not a seat assignment")
    if not product:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "product_code is required")
    if not users:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "user_uuids is required and must not be empty")
    if product not in organization.seats:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, f"product_code {product} is not valid")
    return product, list(dict.fromkeys(users))


def _error(status: int, detail: str) -> Answer:
    """Return an error as the Seats API answers it: JSON:API objects."""
    return Answer(status, {"errors": [{"title": "Generic Error", "detail": detail}]}, JSON_API)


_READ: Final = frozenset({"billing_read", "incident_read", "on_call_read"})
_WRITE: Final = frozenset({"billing_edit", "incident_write", "on_call_write"})
SEATS_API: Final = (
    Endpoint("GET", SEATS, _list, _READ, also=frozenset({"user_access_read"})),
    Endpoint("POST", SEATS, _assign, _WRITE),
    Endpoint("DELETE", SEATS, _unassign, _WRITE),
)
