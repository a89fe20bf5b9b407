"""How long a sync takes and how many requests it sends: the table of ``docs/how-to/how-long.md``.

``python -m tools.how_long`` measures it with FakeDatadog in a process of its own, which answers each request after 50
and after 200 ms. The organisation has a fifth more users than the roster has people. The roster names emails.
"""

from __future__ import annotations

import json
import os
import time
from typing import Final

from tools import airflow_home
from tools.bench import API_KEY, APP_KEY, Server, Stage, served

SIZES: Final = (300, 3_000, 30_000)
DELAYS: Final = (0.05, 0.2)
NIGHTS: Final = ("the first night: nobody holds a seat", "a night without a change", "a night with ten hires")


def sync(server: Server, people: int) -> tuple[int, float]:
    """Make the seats match a roster of so many people. Return the number of requests, and the seconds."""
    from airflow_provider_seats.operators import SyncSeatsOperator

    connection = {"conn_type": "datadog_seats", "host": server.url, "password": APP_KEY, "extra": {"api_key": API_KEY}}
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(connection)
    emails = [f"user{number}@example.com" for number in range(people)]
    operator = SyncSeatsOperator(
        task_id="sync", product_code="p0", user_emails=emails, max_assign=people, datadog_conn_id="bench"
    )
    server.calls()
    begin = time.perf_counter()
    report = operator.execute({})
    seconds = time.perf_counter() - begin
    assert report["seats_after"] == people
    return server.calls(), seconds


def measure(size: int, delay: float) -> list[tuple[int, float]]:
    """Return the requests and the seconds of each kind of night."""
    with served(Stage(users=size * 6 // 5, delay=delay)) as server:
        # Ten hires later, the roster is longer by ten.
        return [sync(server, people) for people in (size, size, size + 10)]


def table() -> str:
    """Return the measurements as a table in Markdown."""
    columns = " | ".join(f"at {delay * 1000:.0f} ms" for delay in DELAYS)
    lines = [f"| people | night | requests | {columns} |", "| --- " * (3 + len(DELAYS)) + "|"]
    for size in SIZES:
        nights = zip(NIGHTS, *(measure(size, delay) for delay in DELAYS), strict=True)
        for night, *figures in nights:
            requests = {count for count, _ in figures}
            assert len(requests) == 1, "the number of requests depends on the delay"
            times = " | ".join(f"{seconds:.1f} s" for _, seconds in figures)
            lines.append(f"| {size:,} | {night} | {requests.pop():,} | {times} |")
    return "\n".join(lines)


if __name__ == "__main__":
    with airflow_home():
        print(table())
