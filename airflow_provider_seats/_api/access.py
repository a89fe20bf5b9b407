"""The access flow: what the keys of a connection may read.

Datadog's permissions: https://docs.datadoghq.com/account_management/rbac/permissions/.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._api import on_call, seats, teams, usage, users
from airflow_provider_seats._api.flow import Flow, Gather, Request, call
from airflow_provider_seats.exceptions import (
    CertificateError,
    DatadogSeatsError,
    KeysRefusedError,
    RateLimitError,
    RedirectError,
    RequestRefusedError,
)

if TYPE_CHECKING:
    from airflow_provider_seats.connection import DatadogConnection

# The only product code in Datadog's own material. Its seats need not be used.
_TEST_PRODUCT: Final = "incident_response"
_UNKNOWN_PRODUCT: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
SEATS: Final = "seats"


# The permissions of each kind of reading, in a few words.
_NEEDS: Final = {
    SEATS: "user_access_read, and one of incident_read, on_call_read and billing_read",
    "users": "user_access_read",
    "teams": "teams_read",
    "on-call schedules": "on_call_read",
    "usage": "usage_read, in the parent organisation",
}


def check_access(connection: DatadogConnection, month: str) -> Flow[tuple[bool, str]]:
    """Check the keys or the token. Return whether they may read seats, and what else they may read, in sentences.

    The sentences contain no key and nothing that the server answered.
    """
    is_token = connection.api_key is None
    kind = "access token" if is_token else "application key and API key"
    try:
        if not is_token:
            yield from users.check_keys()
        access = yield from read_access(month)
    except DatadogSeatsError as error:
        return False, f"{connection.base_url} {advice(error, kind)}"
    refused = access[SEATS]
    # If a token may read nothing at all, the token itself is what is refused.
    if refused is None or (isinstance(refused, KeysRefusedError) and not (is_token and all(access.values()))):
        return refused is None, f"{connection.base_url} accepts the {kind}. {describe_access(access)}"
    return False, f"{connection.base_url} {advice(refused, kind)}"


def read_access(month: str) -> Flow[dict[str, DatadogSeatsError | None]]:
    """Try each kind of reading, side by side. Return the error of each; None for what may be read."""
    one = (("page[size]", "1"),)
    requests = (
        Request("GET", seats.PATH, (("product_code", _TEST_PRODUCT), ("page[limit]", "1"))),
        *(Request("GET", path, one) for path in (users.PATH, teams.PATH, on_call.PATH)),
        Request("GET", usage.PATH, (("start_month", month), ("end_month", month))),
    )
    errors = yield Gather([_try(name, request) for name, request in zip(_NEEDS, requests, strict=True)])
    return dict(zip(_NEEDS, errors, strict=True))


def describe_access(errors: Mapping[str, DatadogSeatsError | None]) -> str:
    """Return what may be read and what may not, in sentences that contain nothing that the server answered."""
    allowed = [name for name, error in errors.items() if error is None]
    refused = [f"{name} (needs {_NEEDS[name]})" for name in errors if isinstance(errors[name], KeysRefusedError)]
    absent = [name for name, error in errors.items() if isinstance(error, RequestRefusedError)]
    known = (KeysRefusedError, RequestRefusedError, type(None))
    unknown = [name for name, error in errors.items() if not isinstance(error, known)]
    sentences = [
        f"This connection may read {_listed(allowed)}." if allowed else "",
        f"It may not read {_listed(refused, 'or')}." if refused else "",
        f"This site or organisation has no {_listed(absent, 'or')}." if absent else "",
        f"Whether it may read {_listed(unknown, 'or')} could not be tested. Try again." if unknown else "",
    ]
    return " ".join(filter(None, sentences))


def advice(error: DatadogSeatsError, kind: str) -> str:
    """Return what went wrong and what to do, without anything that the server answered."""
    if isinstance(error, KeysRefusedError):
        return (
            f"refused the {kind} ({error.status}). Enter a valid {kind} of one organisation. Check that the site is "
            f"that organisation's, and that the owner may read seats ({_NEEDS[SEATS]})."
        )
    if isinstance(error, CertificateError):
        return "has a certificate that was rejected. For a proxy or a private CA, set REQUESTS_CA_BUNDLE."
    if isinstance(error, RedirectError | RequestRefusedError):
        return f"answered {error.status}, which Datadog's API would not. Correct the site or the host."
    if isinstance(error, RateLimitError):
        return "is at its rate limit (429). Try again in a minute."
    return "could not be reached, or did not answer properly. Check that the site or the host is right, and try again."


def _try(name: str, request: Request) -> Flow[DatadogSeatsError | None]:
    try:
        yield from call(request, lambda _: None)  # that there is a document says enough
    except RequestRefusedError as error:
        # Datadog says that it has no such product only to a caller that it has let in.
        return None if name == SEATS and error.status in _UNKNOWN_PRODUCT else error
    except DatadogSeatsError as error:
        return error
    return None


def _listed(names: list[str], last: str = "and") -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
