"""A server that answers byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class Drip(threading.Thread):
    """Answers one connection: a beginning at once, and then the same piece every tenth of a second.

    It ends when the connection is lost, and after ten seconds at the latest.
    """

    def __init__(self, beginning: bytes, piece: bytes = b"") -> None:
        super().__init__(daemon=True)
        self.beginning, self.piece = beginning, piece
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        """Serve one connection."""
        with self.listener, suppress(OSError):
            self.listener.settimeout(5)
            connected, _ = self.listener.accept()
            with connected:
                connected.recv(65_536)
                connected.sendall(self.beginning)
                for _ in range(100 if self.piece else 0):
                    connected.sendall(self.piece)
                    # The client's time-out is that of a socket, which knows real time only.
                    time.sleep(0.1)
