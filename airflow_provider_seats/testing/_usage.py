"""The usage summary of FakeDatadog."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats.testing._organization import Endpoint, Organization, error
from airflow_provider_seats.testing._server import Answer

if TYPE_CHECKING:
    from airflow_provider_seats.testing._server import Request

USAGE: Final = "/api/v1/usage/summary"
USAGE_FIELDS: Final = "/api/v2/usage/summary/available_fields"
# Fields of Datadog's own summary. Two of them count seats.
FIELDS: Final = (
    "incident_management_monthly_active_users_hwm",
    "incident_management_seats_hwm",
    "infra_host_top99p",
    "on_call_seat_hwm",
)
_MONTHS: Final = 15


def _summary(organization: Organization, request: Request, _: str) -> Answer:
    if refused := _refused(organization):
        return refused
    first = _month(request.query.get("start_month", ""))
    last = _month(request.query["end_month"]) if "end_month" in request.query else first
    if first is None or last is None:
        return error(HTTPStatus.BAD_REQUEST, "start_month and end_month must be in ISO-8601 format, precise to month")
    today = datetime.now(UTC)
    begin = int(first[:4]) * 12 + int(first[5:])
    if begin < today.year * 12 + today.month - _MONTHS:
        return error(HTTPStatus.BAD_REQUEST, f"start_month must be at most {_MONTHS} months ago")
    # Without this header, Datadog writes times to the hour, without a time zone.
    full = "datetime-format=rfc3339" in request.headers.get("accept", "")
    days = {day: organization.usage[day] for day in sorted(organization.usage) if first <= day[:7] <= last}
    names = dict.fromkeys(name for fields in days.values() for name in fields)
    sums = {f"{name}_sum": max(fields.get(name, 0) for fields in days.values()) for name in names}
    usage = [{"date": _time(day, 0, full=full), **fields, "orgs": []} for day, fields in days.items()]
    document: dict[str, Any] = {"usage": usage, **sums}
    if days:
        document["start_date"], document["end_date"] = usage[0]["date"], usage[-1]["date"]
        document["last_updated"] = _time(list(days)[-1], 23, full=full)
    return Answer(HTTPStatus.OK, document)


def _fields(organization: Organization, _: Request, __: str) -> Answer:
    if refused := _refused(organization):
        return refused
    names = sorted({*FIELDS, *(name for fields in organization.usage.values() for name in fields)})
    attributes = {
        "date_fields": sorted([*names, "date", "orgs"]),
        "date_org_fields": sorted([*names, "id", "name", "public_id"]),
        "response_fields": sorted([*(f"{name}_sum" for name in names), "end_date", "last_updated", "start_date"]),
    }
    data = {"type": "usage_summary_available_fields", "id": "usage_summary_available_fields", "attributes": attributes}
    return Answer(HTTPStatus.OK, {"data": data})


def _refused(organization: Organization) -> Answer | None:
    if organization.is_parent:
        return None
    return error(HTTPStatus.FORBIDDEN, "This endpoint is only accessible for parent-level organizations")


def _month(text: str) -> str | None:
    """Return the month of a time, such as ``2026-11``."""
    match = re.match(r"\d{4}-(?:0[1-9]|1[0-2])(?![0-9])", text)
    return match[0] if match else None


def _time(day: str, hour: int, *, full: bool) -> str:
    return f"{day}T{hour:02}:00:00+00:00" if full else f"{day}T{hour:02}"


_READ: Final = frozenset({"usage_read"})
USAGE_API: Final = (Endpoint("GET", USAGE, _summary, _READ), Endpoint("GET", USAGE_FIELDS, _fields, _READ))
