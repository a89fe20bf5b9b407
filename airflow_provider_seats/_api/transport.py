"""One exchange over HTTP, bounded in size and time.

This is the only module that handles keys, and the password of a proxy. They are variables of the functions that
:func:`connect` returns, and their caller leaves the frames of these functions behind if an error comes out of them.

The time-outs of requests apply to each read from the socket, so a server that sends a byte now and then could hold a
task forever. The client imports this module when it sends something, because it loads requests.
"""

from __future__ import annotations

import io
import json
import re
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlencode

from requests import PreparedRequest, RequestException, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.exceptions import HTTPError

import airflow_provider_seats
from airflow_provider_seats._api.flow import NoAnswer, Request, Response
from airflow_provider_seats._text import redactor

if TYPE_CHECKING:
    import socket

    import requests

    from airflow_provider_seats.connection import DatadogConnection

MAX_CONTENT: Final = 64 * 1024 * 1024
_CONNECT_TIMEOUT: Final = 10.0
_BUFFER: Final = 64 * 1024
_PIECE: Final = 256 * 1024
_MIN_SECRET: Final = 4
_MIN_KEY: Final = 16
# What the libraries raise if there is no answer. A malformed one may be a TypeError or a ValueError.
_FAILURES: Final = (RequestException, HTTPError, HTTPException, OSError, TypeError, ValueError)


def connect(
    connection: DatadogConnection, threads: int, now: Callable[[], float]
) -> tuple[Callable[[Request], Response | NoAnswer], Callable[[], None]]:
    """Return two functions. One sends requests over connections that stay open, and the other closes these.

    To be called only inside ``with sealed``, and so is the first of them.

    :param threads: how many threads may send at the same time.
    :param now: returns the time of an answer.
    """
    keys = connection.key_headers()
    redact = redactor(keys.values())
    # What a server answers becomes the people, cursors and messages in the variables of frames.
    secrets = [key.encode() for key in keys.values() if len(key) >= _MIN_KEY]
    session = _BoundedSession(connection.base_url, keys, threads)
    timeout = (min(connection.timeout, _CONNECT_TIMEOUT), connection.timeout)

    def send(request: Request) -> Response | NoAnswer:
        url = f"{session.base_url}{request.path}?{urlencode(request.query, quote_via=quote)}".rstrip("?")
        handled = sys.exception()  # the hook may be called while the caller handles an error of its own
        try:
            answer = session.request(
                request.method,
                url,
                data=None if request.body is None else json.dumps(request.body).encode(),
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            )
            with answer:
                content = read_content(answer)
            for secret in secrets:
                if secret in content:
                    content = content.replace(secret, b"***")
        except _FAILURES as failure:
            first = _first_cause(failure, handled)
            text = session.without_proxies(re.sub(r"//[^/\s@]*@", "//***@", redact(str(first))))
            message = f"{connection.base_url}: {type(first).__name__}: {text}"
            return NoAnswer(message, certificate_rejected=isinstance(first, ssl.SSLCertVerificationError))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, content, now(), redact)

    def close() -> None:  # not the method itself, which has the session as an attribute
        session.close()

    return send, close


def read_content(response: requests.Response) -> bytes:
    """Read a body to its end. The bound holds for what is unpacked, also if the server compressed it unasked.

    :raises OSError: if the body is larger than ``MAX_CONTENT``.
    """
    if response.raw is None:  # in a test that patches requests
        return response.content or b""
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_CONTENT:
            raise OSError(f"the response is larger than {MAX_CONTENT} bytes")
    return b"".join(pieces)


class _BoundedSession(Session):
    """A session with one address and one set of headers. ``requests`` works both out anew for each request.

    What patches ``requests.Session.request``, ``requests.Session.send``, or an adapter finds this session, too.
    """

    def __init__(self, base_url: str, keys: Mapping[str, str], threads: int) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter(pool_maxsize=threads, max_retries=0))
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"airflow-provider-seats/{airflow_provider_seats.__version__}",
            **keys,
        }
        # To prepare each request takes ten times longer than to copy this one.
        self._base_request = PreparedRequest()
        self._base_request.prepare(method="GET", url=base_url, headers=headers)
        self.base_url = str(self._base_request.url).rstrip("/")
        self._environment: Mapping[str, Any]
        if base_url.startswith("http:"):
            # Plain HTTP is for this machine only, and a proxy may be on another.
            self._environment = {"proxies": {}, "stream": True, "verify": True, "cert": None}
        else:
            self._environment = super().merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)

    def prepare_request(self, request: requests.Request) -> PreparedRequest:
        """Return the request with the headers of this session, and without the credentials of a netrc file."""
        prepared = self._base_request.copy()
        prepared.method = request.method
        prepared.url = str(request.url)
        if request.data:
            prepared.body = request.data
            prepared.headers["Content-Length"] = str(len(request.data))
        return prepared

    def merge_environment_settings(self, *_: object, **__: object) -> Any:  # noqa: ANN401 (of the base class)
        """Return the proxies and certificates of the environment, worked out once."""
        return {**self._environment}

    def get_redirect_target(self, _: requests.Response) -> None:
        """Return None. Although it follows no redirect, requests computes the target, and may raise."""

    def without_proxies(self, text: str) -> str:
        """Remove the user and the password of a proxy from a text."""
        # An address that cannot be parsed may contain a password, too.
        addresses = [re.sub(r"^[^:@]*:/+", "", url or "") for url in self._environment["proxies"].values()]
        credentials = [address.rpartition("@")[0] for address in addresses]
        parts = [part for each in credentials for part in (*each.split(":", 1), *re.split(r"[:/?#@]", each))]
        # A shorter one would be found in ordinary words.
        return redactor(secret for part in parts if len(secret := unquote(part)) >= _MIN_SECRET)(text)


class BoundedAdapter(HTTPAdapter):
    """An adapter for ``requests`` whose read time-out covers the whole response."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401 (of the base class)
        manager = super().proxy_manager_for(proxy, **kwargs)
        _bound(manager)
        return manager


def _bound(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _BoundedReader(io.RawIOBase):
    def __init__(self, raw: Any, sock: socket.socket) -> None:  # noqa: ANN401 (the socket's own file)
        self._raw = raw
        self._sock = sock
        # By now the socket has the time-out for reading.
        self._timeout = sock.gettimeout()
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (of the base class)
        if self._deadline is None:
            count: int | None = self._raw.readinto(buffer)
            return count
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the response takes too long")
        self._sock.settimeout(seconds)
        try:
            count = self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(self._timeout)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if isinstance(self.fp, io.BufferedReader):  # a stand-in for sockets may have another file
            self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock), _BUFFER)

    def begin(self) -> None:
        super().begin()
        # urllib3 logs header lines that it cannot parse, which may repeat a key.
        self.msg.defects.clear()
        self.msg.set_payload("")


# A pool sets the class of the responses, and not that of the connections: tools that record or replay exchanges, such
# as vcrpy, replace the latter in the classes of urllib3.
class _Pool(HTTPConnectionPool):
    def _new_conn(self) -> Any:  # noqa: ANN401 (of the base class)
        return _with_bounds(super()._new_conn())


class _SecurePool(HTTPSConnectionPool):
    def _new_conn(self) -> Any:  # noqa: ANN401 (of the base class)
        return _with_bounds(super()._new_conn())


def is_recorded() -> bool:
    """Return whether a tool such as vcrpy has replaced the connections of urllib3.

    While vcrpy records a request, the real connections are back: a second thread would send past it.
    """
    return not HTTPSConnectionPool.ConnectionCls.__module__.startswith("urllib3.")


def _with_bounds(connection: Any) -> Any:  # noqa: ANN401 (also that of a stand-in)
    connection.response_class = _BoundedResponse
    # If the debug level of http.client is set for a whole process, it prints the headers of each request.
    connection.debuglevel = 0
    return connection


def _first_cause(error: BaseException, handled: BaseException | None) -> BaseException:
    """Return the error at the bottom. It says what happened; the libraries above it only say that it did.

    :param handled: the error that was being handled before, which is the context of the one at the bottom.
    """
    below = error.__cause__ or error.__context__
    while below is not None and below is not handled:
        error, below = below, below.__cause__ or below.__context__
    return error
