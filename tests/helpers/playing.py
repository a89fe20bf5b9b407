"""Plays flows by hand: answers are given in order, and what the flow asked for is kept."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from airflow_provider_seats._api.flow import Flow, NoAnswer, Pause, Request, Response, Together
from airflow_provider_seats.testing import FakeDatadog
from airflow_provider_seats.testing._server import Request as Received

T = TypeVar("T")
NOW = 1_800_000_000.0


@dataclass
class Played(Generic[T]):
    """What came of a flow: its result or its error, the requests that it made and the waits that it asked for."""

    result: T | None = None
    error: Exception | None = None
    requests: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    @property
    def value(self) -> T:
        """The result; raises the error instead if there is one."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result

    @property
    def calls(self) -> str:
        """The methods of the requests, by their first letters."""
        return "".join(request.method[0] for request in self.requests)


def play(flow: Flow[T], *answers: object, exhaust: bool = True) -> Played[T]:
    """Serve a flow with these answers, one for each request; all of them must be used, unless told otherwise."""
    played: Played[T] = Played()
    queue = deque(answers)
    try:
        played.result = serve(flow, lambda _: queue.popleft(), played)
    except Exception as error:
        if isinstance(error, AssertionError | IndexError):
            raise
        played.error = error
    assert not (exhaust and queue), f"not asked for: {queue}"
    return played


def serve(flow: Flow[Any], answer_to: Callable[[Request], object], played: Played[Any]) -> Any:
    """Serve a flow to its end, with no socket, thread or wait; keep what it asked for."""
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
            assert isinstance(step, Together)
            try:
                answer = [serve(each, answer_to, played) for each in step.flows]
            except Exception as error:  # noqa: BLE001 (as the client does)
                answer = error


@contextmanager
def unserved() -> Iterator[FakeDatadog]:
    """Make a FakeDatadog that is asked by hand: it has no thread, and its port is closed."""
    fake = FakeDatadog()
    fake._server.server_close()
    yield fake


def answer_by(datadog: FakeDatadog, step: Request) -> Response | NoAnswer:
    """Return what a FakeDatadog answers to a request, with its faults, and with no socket between them."""
    body = None if step.body is None else json.loads(json.dumps(step.body))
    keys = {"dd-api-key": datadog.api_key, "dd-application-key": datadog.app_key}
    answer, whole = datadog._server.respond(Received(step.method, step.path, dict(step.query), keys, body))
    if answer is None or not whole:
        return NoAnswer(ConnectionResetError("gone"))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status, headers, answer.content, time.time())


def reply(status: int = 200, body: object = None, **headers: str) -> Response:
    """Make an answer; header names are given with underscores."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content, NOW)


def refused(status: int = 422, words: str = "no such user") -> Response:
    """Make the kind of error that the Seats API answers."""
    return reply(status, {"errors": [{"title": "Generic Error", "detail": words}]})


def lost() -> NoAnswer:
    """Make a lost connection."""
    return NoAnswer(ConnectionResetError("gone"))


def page(*uuids: str | None, next_cursor: str | None = None) -> Response:
    """Make a page of the seat list."""
    rows = [
        {"type": "seat-users", "id": uuid, "attributes": {"email": uuid and f"{uuid}@x.com", "name": None}}
        for uuid in uuids
    ]
    return reply(200, {"data": rows, "meta": {"next_cursor": next_cursor}})


def assigned(*uuids: str) -> Response:
    """Make the answer to an assignment."""
    data = {"type": "seat-assignments", "attributes": {"assigned_ids": list(uuids)}}
    return reply(201, {"data": data})


def users(*accounts: tuple[str, str, str], total: int | None = None, filtered: int | None = None) -> Response:
    """Make a page of users, each of id, email and status."""
    rows = [
        {"type": "users", "id": uuid, "attributes": {"email": email, "name": "N", "status": status}}
        for uuid, email, status in accounts
    ]
    counts = {"total_count": total, "total_filtered_count": len(rows) if filtered is None else filtered}
    return reply(200, {"data": rows, "meta": {"page": counts}})
