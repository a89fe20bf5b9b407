"""An HTTP adapter that bounds a whole answer, in time and in size.

The time-outs of requests bound each read from the socket, so that a server that sends a byte now and then is waited for
without end. Imported by the client when something is sent: it loads requests.
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

_LARGEST_ANSWER: Final = 64 * 1024 * 1024
_BUFFER: Final = 64 * 1024


class _BoundedReader(io.RawIOBase):
    def __init__(self, raw: Any, sock: socket.socket) -> None:  # noqa: ANN401 (the socket's own file)
        self._raw = raw
        self._sock = sock
        # What is set on the socket by now is the time-out for reading.
        self._timeout = sock.gettimeout()
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout
        self._left = _LARGEST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (of the base class)
        if self._deadline is not None:
            seconds = self._deadline - time.monotonic()
            if seconds <= 0:
                raise TimeoutError("the answer takes too long")
            self._sock.settimeout(seconds)
        try:
            count: int | None = self._raw.readinto(buffer)
        finally:
            if self._deadline is not None:
                self._sock.settimeout(self._timeout)
        self._left -= count or 0
        if self._left < 0:
            raise OSError(f"the answer is larger than {_LARGEST_ANSWER} bytes")
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


class BoundedAdapter(HTTPAdapter):
    """An adapter for ``requests`` whose read time-out is that of the whole answer."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401 (of the base class)
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        _bound(manager)
        return manager


def _bound(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
