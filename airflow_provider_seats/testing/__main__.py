"""The command ``python -m airflow_provider_seats.testing``."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from airflow_provider_seats.testing import FakeDatadog
from airflow_provider_seats.testing._console import Console

_PORT: Final = 18126
_INTERVAL: Final = 0.2
_MOST_BYTES: Final = 65_536


def main(arguments: list[str] | None = None) -> None:
    """Serve a small organisation on this machine until you press Ctrl-C, and print each request.

    While it runs, lines on standard input change the organisation: ``help`` lists them.
    """
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_seats.testing", description=main.__doc__)
    parser.add_argument("--port", type=int, default=_PORT, help=f"the port on 127.0.0.1 (default: {_PORT})")
    parser.add_argument(
        "--seated", nargs="*", default=[], metavar="EMAIL", help="people who hold a seat of each product"
    )
    parser.add_argument("emails", nargs="*", metavar="EMAIL", help="people without a seat (default: ann, bob and cy)")
    options = parser.parse_args(arguments)
    try:
        datadog = FakeDatadog(port=options.port)
    except OSError as error:
        parser.exit(
            1, f"127.0.0.1:{options.port}: {error.strerror}. Choose another port, or --port 0 for a free one.\n"
        )
    with suppress(KeyboardInterrupt), datadog:
        print(
            f"FakeDatadog serves at {datadog.url} until you press Ctrl-C. Its products: {', '.join(datadog.products)}."
        )
        for email in options.seated:
            user_uuid = datadog.add_user(email)
            for product in datadog.products:
                datadog.give_seat(product, user_uuid)
        for email in options.emails or ["ann@example.com", "bob@example.com", "cy@example.com"]:
            datadog.add_user(email)
        console = Console(datadog)
        for line in console.people():
            print(f"  {line}")
        print("To change it, enter a command such as: add dee@example.com. Enter help for all commands.")
        print(f"To use it:\n  export AIRFLOW_CONN_DATADOG_DEFAULT='{datadog.airflow_connection()}'", flush=True)
        shown = 0
        for lines in _read_lines():
            for answer in filter(None, map(console.answer, lines)):
                print(answer, flush=True)
            for received in datadog.calls()[shown:]:
                print(console.describe(received), flush=True)
                shown += 1


def _read_lines() -> Iterator[list[str]]:
    """Yield the lines that standard input has, several times a second and without end."""
    # No thread reads them: one that waits for input would keep Python from ending.
    file: int | None = None
    with suppress(AttributeError, OSError, ValueError):
        file = sys.stdin.fileno()
    pending = b""
    while True:
        content: bytes | None = b""
        if file is None:
            time.sleep(_INTERVAL)
        else:
            # In the background of a terminal, reading from it is an error.
            with suppress(OSError):
                content = os.read(file, _MOST_BYTES) if select.select([file], [], [], _INTERVAL)[0] else None
            if content == b"":
                file, content = None, b"\n"
        *lines, pending = (pending + (content or b"")).split(b"\n")
        yield [line.decode(errors="replace") for line in lines]


if __name__ == "__main__":
    # A shell starts background commands with SIGINT ignored, and a container is stopped by SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Otherwise a terminal stops a process in its background that reads from it.
    if hasattr(signal, "SIGTTIN"):
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    main()
