"""Run flows by hand, with answers from a list, and record their requests and waits."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from airflow_provider_seats._api.flow import Flow, Gather, NoAnswer, Pause, Request, Response
from airflow_provider_seats.testing import FakeDatadog
from airflow_provider_seats.testing._server import Request as Received

T = TypeVar("T")
NOW = 1_800_000_000.0


@dataclass
class Played(Generic[T]):
    """The result or the error of a flow, its requests, and the seconds of its pauses."""

    result: T | None = None
    error: Exception | None = None
    requests: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    @property
    def value(self) -> T:
        """The result. If there is an error, it is raised instead."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result

    @property
    def calls(self) -> str:
        """The first letters of the requests' methods."""
        return "".join(request.method[0] for request in self.requests)


def play(flow: Flow[T], *answers: object, exhaust: bool = True) -> Played[T]:
    """Run a flow with these answers, one for each request.

    :param exhaust: whether it is a failure if the flow does not use all of them.
    """
    played: Played[T] = Played()
    queue = deque(answers)
    try:
        played.result = serve(flow, lambda _: queue.popleft(), played)
    except Exception as error:
        if isinstance(error, AssertionError | IndexError):
            raise
        played.error = error
    assert not (exhaust and queue), f"unused answers: {queue}"
    return played


def serve(flow: Flow[Any], answer_to: Callable[[Request], object], played: Played[Any]) -> Any:
    """Run a flow to its end without sockets, threads or waits. Return its result, and record its steps."""
    answer: Any = None
    while True:
        try:
            step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
        except StopIteration as end:
            return end.value
        if isinstance(step, Request):
            played.requests.append(step)
            answer = answer_to(step)
        elif isinstance(step, Pause):
            played.pauses.append(step.seconds)
            answer = None
        else:
            assert isinstance(step, Gather)
            try:
                answer = [serve(each, answer_to, played) for each in step.flows]
            except Exception as error:  # noqa: BLE001 (as the client does)
                answer = error


@contextmanager
def unserved() -> Iterator[FakeDatadog]:
    """Make a FakeDatadog without a thread and with a closed port, for :func:`answer_by`."""
    fake = FakeDatadog()
    fake._server.server_close()
    yield fake


def answer_by(datadog: FakeDatadog, step: Request) -> Response | NoAnswer:
    """Return the answer of a FakeDatadog to a request, with its faults, without a socket."""
    body = None if step.body is None else json.loads(json.dumps(step.body))
    keys = {"dd-api-key": datadog.api_key, "dd-application-key": datadog.app_key}
    answer, whole = datadog._server.respond(Received(step.method, step.path, dict(step.query), keys, body))
    if answer is None or not whole:
        return NoAnswer("ConnectionResetError: gone")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status, headers, answer.content, time.time())


def uuid(name: str) -> str:
    """Return the UUID that stands for a short name. Different names have different UUIDs."""
    return str(UUID(bytes=name.encode().rjust(16, b"\0")))


def reply(status: int = 200, body: object = None, **headers: str) -> Response:
    """Return a response. Header names have underscores for hyphens."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content, NOW)


def refused(status: int = 422, detail: str = "no such user") -> Response:
    """Return an error like those of the Seats API."""
    return reply(status, {"errors": [{"title": "Generic Error", "detail": detail}]})


def lost() -> NoAnswer:
    """Return a lost connection."""
    return NoAnswer("ConnectionResetError: gone")


def page(*uuids: str | None, next_cursor: str | None = None) -> Response:
    """Return a page of the seat list."""
    rows = [
        {"type": "seat-users", "id": uuid, "attributes": {"email": uuid and f"{uuid}@x.com", "name": None}}
        for uuid in uuids
    ]
    return reply(200, {"data": rows, "meta": {"next_cursor": next_cursor}})


def assigned(*uuids: str) -> Response:
    """Return the answer to an assignment."""
    data = {"type": "seat-assignments", "attributes": {"assigned_ids": list(uuids)}}
    return reply(201, {"data": data})


def users(*accounts: tuple[str, str, str], total: int | None = None, filtered: int | None = None) -> Response:
    """Return a page of users. Each has an id, an email and a status."""
    rows = [
        {"type": "users", "id": uuid, "attributes": {"email": email, "name": "N", "status": status}}
        for uuid, email, status in accounts
    ]
    counts = {"total_count": total, "total_filtered_count": len(rows) if filtered is None else filtered}
    return reply(200, {"data": rows, "meta": {"page": counts}})


def account(uuid: str, email: str | None, status: str = "Active") -> Response:
    """Return one user."""
    return reply(200, {"data": {"type": "users", "id": uuid, "attributes": {"email": email, "status": status}}})
