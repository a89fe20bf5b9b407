"""An HTTP adapter whose time-out covers a whole response, and reading a body of bounded size.

The time-outs of requests apply to each read from the socket, so a server that sends a byte now and then could hold a
task forever. The client imports this module when it sends something, because it loads requests.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket

    from requests import Response

MAX_CONTENT: Final = 64 * 1024 * 1024
_BUFFER: Final = 64 * 1024
_PIECE: Final = 256 * 1024


def read_content(response: Response) -> bytes:
    """Read a body to its end. The bound holds for what is unpacked, also if the server compressed it unasked.

    :raises OSError: if the body is larger than ``MAX_CONTENT``.
    """
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_CONTENT:
            raise OSError(f"the response is larger than {MAX_CONTENT} bytes")
    return b"".join(pieces)


class BoundedAdapter(HTTPAdapter):
    """An adapter for ``requests`` whose read time-out covers the whole response."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the connection pools."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401 (of the base class)
        """Create the connection pools through a proxy."""
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
        self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock), _BUFFER)


class _Connection(HTTPConnection):
    response_class = _BoundedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
