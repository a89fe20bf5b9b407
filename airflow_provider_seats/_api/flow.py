"""The steps of a flow, and the one call with its retries. No I/O.

A flow is a generator. It yields what it wants done (a :class:`Request`, a :class:`Pause`, or several flows to
:class:`Gather`), is sent the result, and returns its own result. A client runs it: see
:mod:`airflow_provider_seats._api.client`.

Status codes and errors: https://docs.datadoghq.com/api/latest/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote

from airflow_provider_seats._api.rate_limits import parse_wait, reset_after
from airflow_provider_seats._secrets import sealed
from airflow_provider_seats._text import encodable
from airflow_provider_seats.exceptions import (
    CertificateError,
    DatadogSeatsError,
    KeysRefusedError,
    RateLimitError,
    RedirectError,
    RequestRefusedError,
    TransientError,
    UnavailableError,
)

T = TypeVar("T")

# What stands for a response without a body, such as a 204. It is compared by identity: a body of {} confirms nothing.
EMPTY: Final[dict[str, Any]] = {}
MAX_ATTEMPTS: Final = 5
MAX_WAIT: Final = 120.0
_MAX_DETAIL: Final = 500
_MAX_PAGE_READ: Final = 20_000
_MAX_LOCATION: Final = 200


class Request(NamedTuple):
    """One HTTP exchange: a path below the base URL, query parameters, and a value to send as JSON.

    :param permission: the permissions that allow it, for the error if it is refused.
    :param progress: what is done so far, for the log if the whole operation takes long.
    :param route: the path with a placeholder for what varies; by default the path.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    permission: str = ""
    progress: str = ""
    route: str = ""

    @classmethod
    def get_one(
        cls, route: str, row_id: str, query: tuple[tuple[str, str], ...] = (), permission: str = "", progress: str = ""
    ) -> Request:
        """Return the request for something with an id, which stands for what is in braces in the route."""
        path = re.sub(r"\{\w+\}", quote(row_id, safe=""), route)
        return cls("GET", path, query, permission=permission, progress=progress, route=route)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def limit_key(self) -> str:
        """Method and route. Calls that share it share a rate limit."""
        return f"{self.method} {self.route or self.path}"

    @property
    def is_read(self) -> bool:
        """Whether sending it twice is the same as sending it once."""
        return self.method == "GET"


class Pause(NamedTuple):
    """A wait, in seconds, and the reason for the log."""

    seconds: float
    reason: str


class Gather(NamedTuple):
    """Flows to run side by side, a few at a time. Their results are sent back as a list, in order.

    The first error stops the others before their next step, and is raised.
    """

    flows: Sequence[Flow[Any]]


class Response(NamedTuple):
    """What the server answered.

    :param headers: by lower-case name.
    :param received: when it arrived, in Unix time.
    :param redact: removes the keys from text that an error quotes.
    """

    status: int
    headers: Mapping[str, str] = {}
    content: bytes = b""
    received: float = 0.0
    redact: Callable[[str], str] = str


class NoAnswer(NamedTuple):
    """The connection failed or was lost, or the response did not arrive in time or not completely.

    It has no exception of the libraries: their frames and attributes contain the keys.

    :param message: what happened, without a key.
    :param certificate_rejected: whether the server's certificate was rejected, so that nothing was sent.
    """

    message: str
    certificate_rejected: bool = False


class RateLimitHit(NamedTuple):
    """Nothing was sent, because the known rate limit of this call is used up for so many seconds.

    :param leaves_rest: whether only the client's share of the limit is used up.
    """

    seconds: float
    leaves_rest: bool = False


Step: TypeAlias = Request | Pause | Gather
Flow: TypeAlias = Generator[Step, Any, T]


def call(request: Request, read: Callable[[dict[str, Any]], T]) -> Flow[T]:
    """Send a request and read its response, with the retries that are safe.

    A read is retried after every transient error. A write is retried only if it cannot have been carried out (a rate
    limit); after any other transient error the caller has to look first. Refused keys are tried twice, because new keys
    take a moment to become known. There are at most ``MAX_ATTEMPTS`` attempts and ``MAX_WAIT`` seconds of waiting.

    :param read: takes the JSON object of the response; raises ``ValueError`` if it is not as documented.
    """
    waited = 0.0
    attempt = 0
    while True:
        answer = yield request
        attempt += not isinstance(answer, RateLimitHit)
        try:
            with sealed:
                return _read(request, answer, read)
        except (TransientError, KeysRefusedError) as error:
            wait = wait_after(error, attempt)
            if not _is_worth_retrying(request, error, attempt) or waited + wait > MAX_WAIT:
                raise
            reason = error.problem if isinstance(error, TransientError) else str(error)
        finally:
            answer = None  # it may repeat a key, and an error shows the variables of this frame
        yield Pause(wait, reason)
        waited += wait


def or_none(flow: Flow[T]) -> Flow[T | None]:
    """Run a flow. Return None if Datadog answers that there is no such thing (404)."""
    try:
        return (yield from flow)
    except RequestRefusedError as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def read_response(request: Request, response: Response) -> dict[str, Any]:
    """Return the JSON object of a response (``EMPTY`` if a write answered without a body), or raise an error."""
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _document(request, response)
    detail = _detail(response)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise KeysRefusedError(request.name, status, detail, request.permission)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimitError(request.name, f"429: {detail}", reset_after(response.headers, response.received))
    is_fault = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    if status < HTTPStatus.OK or status == HTTPStatus.REQUEST_TIMEOUT or is_fault:
        # Every response has the reset of its rate limit, which says nothing about how long a fault lasts.
        wait = parse_wait(response.headers, "retry-after", response.received)
        raise UnavailableError(request.name, f"Datadog answered {status}: {detail}", status, wait)
    if status < HTTPStatus.BAD_REQUEST:
        raise RedirectError(request.name, status, response.redact(response.headers.get("location", ""))[:_MAX_LOCATION])
    raise RequestRefusedError(request.name, status, detail)


def unusable(request: Request, status: int | None, problem: str) -> UnavailableError:
    """Return the error for a response that says success and is not what the API documents."""
    code = "" if status is None else f" ({status})"
    return UnavailableError(request.name, f"Datadog's response{code} cannot be used: {problem}", status)


def resources(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Yield id and attributes of each resource of a JSON:API list.

    :raises ValueError: if the document has no such list.
    """
    data = document.get("data")
    if not isinstance(data, list):
        raise ValueError("its data is not a list")  # noqa: TRY004 (a fault of the response, not of a type here)
    for row in data:
        yield resource(row)


def resource(row: object) -> tuple[str | None, Mapping[str, Any]]:
    """Return id and attributes of one JSON:API resource.

    :raises ValueError: if it is not a resource.
    """
    attributes = row.get("attributes") or {} if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(attributes, dict):
        raise ValueError("its data contains something that is not a resource")  # noqa: TRY004 (as above)
    uuid = text(row, "id")
    return uuid.lower() if uuid else None, attributes


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a field that is text or null. A blank text counts as null.

    :raises ValueError: if it is anything else.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"its {name} is {type(value).__name__}")  # noqa: TRY004 (a fault of the response)
    if not value or value.isspace():
        return None
    return value if value.isascii() else encodable(value)  # there may be 400,000 of them


def wait_after(error: DatadogSeatsError, attempt: int) -> float:
    """Return the seconds to wait after a failed attempt: what the server asked for, or else 1, 2, 4, 8, ..."""
    if isinstance(error, TransientError) and error.retry_after is not None:
        return error.retry_after
    return 2.0 ** (attempt - 1)


def _document(request: Request, response: Response) -> dict[str, Any]:
    if response.status == HTTPStatus.ACCEPTED:
        # The change is yet to be made, so the body confirms nothing.
        return {}
    if not response.content and not request.is_read:
        return EMPTY
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise unusable(request, response.status, f"it is not a JSON object: {_detail(response)}")
    if document.get("errors"):
        raise unusable(request, response.status, f"it says success and contains errors: {_detail(response)}")
    return document


def _read(request: Request, answer: object, read: Callable[[dict[str, Any]], T]) -> T:
    if isinstance(answer, RateLimitHit):
        kept = ", the rest of the limit is left to others" if answer.leaves_rest else ""
        raise RateLimitError(request.name, f"nothing was sent{kept}", answer.seconds)
    if isinstance(answer, NoAnswer):
        message = answer.message[:_MAX_DETAIL]
        if answer.certificate_rejected:
            raise CertificateError(request.name, message)
        advice = "if this lasts, check the connection's site or host"
        if not request.is_read:
            advice += f", and that no proxy or gateway drops {request.method}"
        raise UnavailableError(request.name, f"no response ({message}); {advice}")
    if not isinstance(answer, Response):
        raise TypeError(f"A request was answered with {answer!r}")
    document = read_response(request, answer)
    try:
        return read(document)
    except ValueError as error:
        raise unusable(request, answer.status, str(error)) from error


def _is_worth_retrying(request: Request, error: DatadogSeatsError, attempt: int) -> bool:
    if isinstance(error, KeysRefusedError):
        return attempt <= 1
    return attempt < MAX_ATTEMPTS and (request.is_read or isinstance(error, RateLimitError))


def _detail(response: Response) -> str:
    """Return Datadog's explanation from an error body: JSON:API objects, plain strings, or the text of a page."""
    # Keys are removed first, so that none is cut in two and no longer recognised.
    page = response.redact(response.content[: 2 * _MAX_PAGE_READ].decode("utf-8", "replace"))[:_MAX_PAGE_READ]
    try:
        document = json.loads(page)
    except (ValueError, RecursionError):
        document = None
    errors = document.get("errors") if isinstance(document, dict) else None
    if isinstance(errors, list):
        details = [_error_detail(each) for each in errors]
    else:
        details = [re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", page)]
    detail = response.redact(encodable(" ".join("; ".join(each for each in details if each).split())))
    shown = detail[:_MAX_DETAIL].rstrip(".") or "(no explanation)"
    # The API answers in JSON. At its rate limit, and in front of a fault, Datadog may answer with a page, too.
    is_page = document is None and HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if is_page and response.status != HTTPStatus.TOO_MANY_REQUESTS:
        shown += " (not in the form of Datadog's API, so a proxy or gateway may have answered)"
    return shown


def _error_detail(error: object) -> str:
    if isinstance(error, dict):
        return ": ".join(str(error[key]) for key in ("title", "detail") if error.get(key))
    return str(error)
