"""The command ``python -m airflow_provider_seats.testing``."""

from __future__ import annotations

import argparse
import signal
import time
from contextlib import suppress
from typing import Final

from airflow_provider_seats.testing import FakeDatadog

_PORT: Final = 18126


def main(arguments: list[str] | None = None) -> None:
    """Serve a small organisation on this machine until you press Ctrl-C, and print each request."""
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
            print(f"  {user_uuid}  {email}, holds a seat of each")
        for email in options.emails or ["ann@example.com", "bob@example.com", "cy@example.com"]:
            print(f"  {datadog.add_user(email)}  {email}")
        print(f"To use it:\n  export AIRFLOW_CONN_DATADOG_DEFAULT='{datadog.airflow_connection()}'", flush=True)
        shown = 0
        while True:
            time.sleep(0.2)
            for each in datadog.calls()[shown:]:
                print(f"{each.status or 'lost'}  {each.method} {each.path} {dict(each.query) or ''}", flush=True)
                shown += 1


if __name__ == "__main__":
    # A shell starts background commands with SIGINT ignored, and a container is stopped by SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
