"""Datadog's API with no I/O: the steps of a flow, the errors, and the one call with its retries.

A flow is a generator. It yields what it wants done (a :class:`Request`, a :class:`Pause`, or several flows
:class:`Together`) and is sent what came of it; what it returns is its result. Whoever serves it does the sending and
the waiting: see :mod:`airflow_provider_seats._api.client`.

Status codes and errors: https://docs.datadoghq.com/api/latest/.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from airflow_provider_seats._api.rate_limits import reset_after, told_wait
from airflow_provider_seats.connection import DatadogSeatsError

T = TypeVar("T")

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
EMPTY: Final[dict[str, Any]] = {}
ATTEMPTS: Final = 5
LONGEST_WAIT: Final = 120.0
_SHOWN_WORDS: Final = 500
_READ_WORDS: Final = 20_000


class Request(NamedTuple):
    """One HTTP exchange to make: a path below the base URL, query parameters, and a value to send as JSON.

    :param needs: the permissions that allow it, for the error when it is refused.
    :param so_far: what came of those before it, to tell a person if all of it takes long.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    needs: str = ""
    so_far: str = ""

    @property
    def name(self) -> str:
        """Method and path, which name a call in messages and rate limits."""
        return f"{self.method} {self.path}"

    @property
    def reads(self) -> bool:
        """Whether sending it twice is the same as sending it once."""
        return self.method == "GET"


class Pause(NamedTuple):
    """A wait of so many seconds, and why, for the log."""

    seconds: float
    reason: str


class Together(NamedTuple):
    """Flows to run side by side, a few at a time. Answered by the list of their results, in order.

    The first error stops the flows that have not begun, waits for those that run, and is then raised.
    """

    flows: Sequence[Flow[Any]]


class Response(NamedTuple):
    """What was answered.

    :param headers: by lower-case name.
    :param received: when it came, in Unix time.
    :param strike: strikes the keys out of words that are quoted in an error.
    """

    status: int
    headers: Mapping[str, str] = NOTHING
    content: bytes = b""
    received: float = 0.0
    strike: Callable[[str], str] = str


class NoAnswer(NamedTuple):
    """The connection failed or was lost, or the answer did not come in time or not whole.

    :param words: what happened, for a person; by default what the cause says.
    """

    cause: Exception
    words: str = ""


class Spent(NamedTuple):
    """Nothing was sent, since the rate limit of this call is spent for so many seconds."""

    seconds: float


Step: TypeAlias = Request | Pause | Together
Flow: TypeAlias = Generator[Step, Any, T]


class InvalidInputError(DatadogSeatsError):
    """An argument cannot be used; the message names it and its value.

    :ivar field: the name of the argument.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class KeysRefusedError(DatadogSeatsError):
    """Datadog refused the keys, or their owner may not do this (401, 403).

    :ivar status: the HTTP status.
    """

    of_connection = True

    def __init__(self, request: Request, status: int, words: str) -> None:
        needs = f", and that the owner of the application key has {request.needs}" if request.needs else ""
        super().__init__(
            f"Datadog answered {status} to {request.name}: {words}. Check the connection's application key (password), "
            f"API key (extra api_key) and site{needs}."
        )
        self.status = status


class RequestRefusedError(DatadogSeatsError):
    """Datadog refused what was asked for (a 4xx other than 401, 403, 408 and 429).

    :ivar status: the HTTP status.
    :ivar words: Datadog's own words.
    """

    def __init__(self, request: Request, status: int, words: str) -> None:
        super().__init__(
            f"Datadog answered {status} to {request.name}: {words}. Check the product code and the people given."
        )
        self.status = status
        self.words = words


class MisdirectedError(DatadogSeatsError):
    """The address answered with a redirect, so it is not that of the API. Redirects are never followed."""

    of_connection = True

    def __init__(self, request: Request, status: int, location: str) -> None:
        super().__init__(
            f"{request.name} was answered {status}, a redirect{f' to {location}' if location else ''}, and keys are "
            "not sent on. Check the connection's site or host."
        )
        self.status = status


class PassingError(DatadogSeatsError):
    """Something failed that may work later.

    :ivar retry_after: the seconds, from when the error was raised, that the server asked to wait; None if it did not.
    """

    passing = True

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        when = "later" if retry_after is None else f"in {math.ceil(retry_after)} s"
        super().__init__(f"{problem}. Try again {when}.")
        self.problem = problem
        self.retry_after = retry_after


class RateLimitedError(PassingError):
    """Datadog's rate limit is spent (429), for longer than a call waits or at every try."""

    def __init__(self, request: Request, words: str, retry_after: float | None = None) -> None:
        super().__init__(f"Datadog's rate limit for {request.name} is spent (429: {words})", retry_after)


class UnavailableError(PassingError):
    """There was no answer, or an answer that is a fault (408, 5xx) or cannot be read. A write may have been done.

    :ivar status: the HTTP status, None if there was no answer.
    """

    def __init__(
        self, request: Request, problem: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{request.name}: {problem}", retry_after)
        self.status = status


def read_answer(request: Request, response: Response) -> dict[str, Any]:
    """Turn an answer into the JSON object that it holds (``EMPTY`` if a write answered nothing), or into an error."""
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        if not response.content and not request.reads:
            return EMPTY
        try:
            document = json.loads(response.content)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            if document.get("errors"):
                raise unusable(request, status, f"it says success and tells of errors: {_words(response)}")
            return document
        raise unusable(request, status, f"it is not a JSON object: {_words(response)}")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise KeysRefusedError(request, status, _words(response))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimitedError(request, _words(response), reset_after(response.headers, response.received))
    if status < HTTPStatus.OK or status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = f"Datadog answered {status}: {_words(response)}"
        # Every answer tells the reset of its rate limit, which says nothing of how long a fault lasts.
        raise UnavailableError(request, problem, status, told_wait(response.headers, "retry-after", response.received))
    if status < HTTPStatus.BAD_REQUEST:
        raise MisdirectedError(request, status, response.strike(response.headers.get("location", ""))[:200])
    raise RequestRefusedError(request, status, _words(response))


def unusable(request: Request, status: int | None, problem: str) -> UnavailableError:
    """Make the error for an answer that says success and is not what the API documents."""
    told = "" if status is None else f" ({status})"
    return UnavailableError(request, f"Datadog's answer{told} cannot be used: {problem}", status)


def call(request: Request, read: Callable[[dict[str, Any]], T]) -> Flow[T]:
    """Make one call and read its answer, trying again where that is safe and may help.

    A read is tried again after every passing error. A write is tried again only when it cannot have been done (a rate
    limit); after any other passing error the caller has to look first. Refused keys are tried twice, since new ones
    take a moment to be known. There are at most ``ATTEMPTS`` tries and ``LONGEST_WAIT`` seconds of waiting.

    :param read: takes the answered JSON object; raises ``ValueError`` where it is not as documented.
    """
    waited = 0.0
    attempt = 0
    while True:
        answer = yield request
        attempt += not isinstance(answer, Spent)
        try:
            return _read(request, answer, read)
        except (PassingError, KeysRefusedError) as error:
            wait = wait_after(error, attempt)
            if not _worth_retrying(request, error, attempt) or waited + wait > LONGEST_WAIT:
                raise
            reason = error.problem if isinstance(error, PassingError) else str(error)
        yield Pause(wait, reason)
        waited += wait


def rows(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Give id and attributes of each resource of a JSON:API list; raise ``ValueError`` where it is none."""
    data = document.get("data")
    if not isinstance(data, list):
        raise ValueError("its data is not a list")  # noqa: TRY004 (a fault of the answer, not of a type here)
    for row in data:
        attributes = row.get("attributes") or {} if isinstance(row, dict) else None
        if not isinstance(attributes, dict):
            raise ValueError("its data holds a row that is no resource")  # noqa: TRY004 (as above)
        uuid = text(row, "id")
        yield uuid.lower() if uuid else None, attributes


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """Give a field that is text or null; raise ``ValueError`` if it is anything else."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"its {name} is {type(value).__name__}")
    return value and sendable(value)


def sendable(words: str) -> str:
    """Give text without half characters, which JSON can hold, and no file, database or socket takes."""
    return words.encode("utf-8", "replace").decode()


def gist(words: str) -> str:
    """Give words without the numbers and ids in them, which differ from call to call."""
    return re.sub(r"[0-9a-fA-F-]*[0-9][0-9a-fA-F-]*", "#", words)


def wait_after(error: DatadogSeatsError, attempt: int) -> float:
    """Give the seconds to wait after so many failed attempts: what the server asked for, else 1, 2, 4, 8, ..."""
    if isinstance(error, PassingError) and error.retry_after is not None:
        return error.retry_after
    return 2.0 ** (attempt - 1)


def _read(request: Request, answer: object, read: Callable[[dict[str, Any]], T]) -> T:
    if isinstance(answer, Spent):
        raise RateLimitedError(request, "nothing was sent", answer.seconds)
    if isinstance(answer, NoAnswer):
        words = answer.words or f"{type(answer.cause).__name__}: {answer.cause}"
        problem = f"no answer ({words[:_SHOWN_WORDS]}); if that lasts, see that the connection's site or host is right"
        raise UnavailableError(request, problem) from answer.cause
    if not isinstance(answer, Response):
        raise TypeError(f"A request was answered with {answer!r}")
    document = read_answer(request, answer)
    try:
        return read(document)
    except ValueError as error:
        raise unusable(request, answer.status, str(error)) from error


def _worth_retrying(request: Request, error: DatadogSeatsError, attempt: int) -> bool:
    if isinstance(error, KeysRefusedError):
        return attempt <= 1
    return attempt < ATTEMPTS and (request.reads or isinstance(error, RateLimitedError))


def _words(response: Response) -> str:
    """Give Datadog's own words out of an error body: JSON:API objects, plain strings, or the text of a page."""
    # Keys are struck out first, so that none is cut in two and not known any more.
    page = response.strike(response.content[: 2 * _READ_WORDS].decode("utf-8", "replace"))[:_READ_WORDS]
    try:
        document = json.loads(page)
    except (ValueError, RecursionError):
        document = None
    errors = document.get("errors") if isinstance(document, dict) else None
    if isinstance(errors, list):
        said = [_said(each) for each in errors]
    else:
        said = [re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", page)]
    words = response.strike(sendable(" ".join("; ".join(each for each in said if each).split())))
    return words[:_SHOWN_WORDS].rstrip(".") or "(no words)"


def _said(error: object) -> str:
    if isinstance(error, dict):
        return ": ".join(str(error[key]) for key in ("title", "detail") if error.get(key))
    return str(error)
