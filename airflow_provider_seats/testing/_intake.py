"""The intake of metrics and events of FakeDatadog. It needs the API key only."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats.testing._organization import Endpoint, Organization, error
from airflow_provider_seats.testing._server import Answer

if TYPE_CHECKING:
    from airflow_provider_seats.testing._server import Request

SERIES: Final = "/api/v1/series"
EVENTS: Final = "/api/v1/events"


def _submit(organization: Organization, request: Request, _: str) -> Answer:
    series = request.body.get("series") if isinstance(request.body, dict) else None
    if not isinstance(series, list) or not all(isinstance(each, dict) and each.get("metric") for each in series):
        return error(HTTPStatus.BAD_REQUEST, "Payload is not in the expected format")
    organization.metrics += series
    return Answer(HTTPStatus.ACCEPTED, {"status": "ok"})


def _post(organization: Organization, request: Request, _: str) -> Answer:
    event: dict[str, Any] = request.body if isinstance(request.body, dict) else {}
    if not event.get("title") or not event.get("text"):
        return error(HTTPStatus.BAD_REQUEST, "title and text are required")
    organization.events.append(event)
    return Answer(HTTPStatus.ACCEPTED, {"status": "ok", "event": {"id": len(organization.events), **event}})


INTAKE_API: Final = (Endpoint("POST", SERIES, _submit), Endpoint("POST", EVENTS, _post))
