"""Which requests FakeDatadog accepts: keys, permissions, scopes and rate limits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats.connection import is_token
from airflow_provider_seats.testing._intake import EVENTS, SERIES
from airflow_provider_seats.testing._organization import Endpoint, Organization, error
from airflow_provider_seats.testing._server import Answer

if TYPE_CHECKING:
    from airflow_provider_seats.testing._server import Request

API_KEY: Final = "fake-api-key"
APP_KEY: Final = "fake-application-key"
VALIDATE: Final = "/api/v1/validate"
VALIDATE_KEYS: Final = "/api/v2/validate_keys"
# They need no application key.
_API_KEY_ONLY: Final = {VALIDATE, SERIES, EVENTS}
KEYS_API: Final = (
    Endpoint("GET", VALIDATE_KEYS, lambda *_: Answer(HTTPStatus.OK, {"status": "ok"})),
    Endpoint("GET", VALIDATE, lambda *_: Answer(HTTPStatus.OK, {"valid": True})),
)


def unauthorized(request: Request, api_key: str, app_key: str) -> Answer | None:
    """Return the answer to a request without valid keys; None if they are valid."""
    given_api_key, given_app_key = request.headers.get("dd-api-key"), request.headers.get("dd-application-key")
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    if is_token(app_key) and app_key in {given_app_key, bearer}:
        return None
    if given_api_key is None:
        return error(HTTPStatus.UNAUTHORIZED, "API key required")
    if given_api_key != api_key or (given_app_key != app_key and request.path not in _API_KEY_ONLY):
        return error(HTTPStatus.FORBIDDEN, "Forbidden")
    return None


@dataclass(frozen=True)
class Rights:
    """What the owner of the keys may do.

    :param scopes: what the keys are limited to; None for keys without scopes.
    :param older: whether only the permissions of Datadog's older pages are needed.
    """

    permissions: Collection[str]
    scopes: Collection[str] | None
    older: bool

    def allow(self, endpoint: Endpoint) -> bool:
        """Return whether a permission and a scope of an endpoint are given."""
        one_of = not endpoint.permissions or any(each in self.permissions for each in endpoint.permissions)
        also = self.older or all(each in self.permissions for each in endpoint.also)
        scoped = (
            self.scopes is None
            or (self.older and endpoint.also)
            or all(each in self.scopes for each in endpoint.scopes)
        )
        return bool(one_of and also and scoped)


def handle(endpoints: Iterable[Endpoint], organization: Organization, request: Request, rights: Rights) -> Answer:
    """Return the answer of the endpoint that a request is for."""
    for endpoint in endpoints:
        segment = endpoint.match(request)
        if segment is not None:
            if rights.allow(endpoint):
                return endpoint.handle(organization, request, segment)
            return error(HTTPStatus.FORBIDDEN, "Forbidden", "Failed permission authorization checks")
    return error(HTTPStatus.NOT_FOUND, "Not Found")


class RateLimitWindow:
    """Counts the calls of each method and path in the current period."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str, int], int] = {}

    def count(self, request: Request, rate_limit: tuple[int, float] | None) -> tuple[dict[str, str], bool]:
        """Count a call. Return the headers that state the limit, and whether it is used up."""
        if rate_limit is None:
            return {}, False
        allowed, period = rate_limit
        method, path = request.method, request.path
        now = clock().now()
        window = int(now / period)
        used = self._calls[method, path, window] = self._calls.get((method, path, window), 0) + 1
        headers = {
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Period": f"{period:g}",
            "X-RateLimit-Remaining": str(max(0, allowed - used)),
            "X-RateLimit-Reset": f"{(window + 1) * period - now:.3f}",
            "X-RateLimit-Name": f"{method.lower()}_{path.strip('/').replace('/', '_')}",
        }
        return headers, used > allowed
