"""The HTTP server of FakeDatadog, with scripted faults. Standard library only."""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

JSON: Final = "application/json"


@dataclass(frozen=True)
class Fault:
    """How one request fails.

    :param status: the HTTP status; None answers normally.
    :param body: text, bytes, or a value to send as JSON; by default an error like those of the real API.
    :param headers: further headers.
    :param applied: whether the request is carried out although its answer says otherwise.
    :param lost: close the connection: ``before`` the request is carried out, ``after`` it and before the answer, or
        ``during`` the answer.
    :param delay: seconds to wait first.
    """

    status: int | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False
    lost: Literal["before", "during", "after"] | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class Received:
    """A request, and the status of its answer (None if the connection was closed)."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]
    status: int | None

    @property
    def user_uuids(self) -> list[str]:
        """The user UUIDs of an assignment or unassignment."""
        return list(self.body["data"]["attributes"]["user_uuids"])


@dataclass(frozen=True)
class Answer:
    """An answer: text, bytes, or a value as JSON."""

    status: int
    document: object = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if self.document is None:
            return b""
        if isinstance(self.document, bytes):
            return self.document
        return (self.document if isinstance(self.document, str) else json.dumps(self.document)).encode()


@dataclass(frozen=True)
class Request:
    """A request, with header names in lower case and the body parsed if it is JSON."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Server(ThreadingHTTPServer):
    """Serves on loopback, with one thread for each connection.

    :param port: the port; 0 takes a free one.
    :param answer: carries out a request and returns the answer.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Request], Answer]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.received: list[Received] = []
        self._faults: dict[tuple[str, str], deque[Fault]] = {}
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._wake: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start to serve."""
        self._wake, woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, args=(woken,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Close the port, and every connection that a client keeps open."""
        if self._wake is not None and self._thread is not None:
            self._wake.close()
            self._thread.join()
            self._wake = None
        self.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, woken: socket.socket) -> None:
        """Accept connections until the other end of a socket is closed. Unlike ``serve_forever`` this ends at once."""
        with woken, selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while all(key.fileobj is self for key, _ in selector.select()):
                self.handle_request()

    def script(self, method: str, path: str, faults: tuple[Fault, ...]) -> None:
        """Answer the next requests of this method and path with these faults."""
        with self._lock:
            self._faults.setdefault((method, path), deque()).extend(faults)

    def next_fault(self, request: Request) -> Fault:
        """Return the fault that is scripted for a request, or one that does nothing."""
        with self._lock:
            faults = self._faults.get((request.method, request.path))
            return faults.popleft() if faults else Fault()

    def respond(self, request: Request) -> tuple[Answer | None, bool]:
        """Return the answer, None to close the connection, and whether the answer is sent completely."""
        fault = self.next_fault(request)
        time.sleep(fault.delay)
        normal = fault.status is None and fault.lost != "before"
        answer = self.answer(request) if normal or fault.applied else None
        if fault.status is not None:
            answer = _faulty(fault)
        if fault.lost in {"before", "after"}:
            answer = None
        self.received.append(
            Received(
                request.method,
                request.path,
                request.query,
                request.body,
                request.headers,
                None if answer is None else answer.status,
            )
        )
        return answer, fault.lost != "during"

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (of the base class)
        """Add the connection to the open ones."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 (of the base class)
        """Remove the connection from the open ones."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (of the base class)
        """Log nothing about clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_GET

    def _serve(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = content
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, url.path, dict(parse_qsl(url.query)), headers, body)
        answer, whole = self.server.respond(request)
        if answer is None:
            self._lose()
        else:
            self._send(answer, whole=whole)

    def _send(self, answer: Answer, *, whole: bool) -> None:
        content = answer.content
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if content and "content-type" not in {name.lower() for name in answer.headers}:
            self.send_header("Content-Type", answer.content_type)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if whole else content[: len(content) // 2])
        self.wfile.flush()
        if not whole:
            self._lose()

    def _lose(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Log nothing. ``received`` contains every request."""


def _faulty(fault: Fault) -> Answer:
    status = fault.status or HTTPStatus.OK
    body = fault.body
    if body is None:
        # Proxies answer with statuses that no standard knows, such as 520.
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else f"Status {status}"
        body = {"errors": [phrase]}
    return Answer(status, body, "text/html" if isinstance(body, str | bytes) else JSON, fault.headers)
