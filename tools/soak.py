"""Let a triggerer's sensors and change triggers poll tens of thousands of times, with faults, and measure what is left.

``python -m tools.soak 30000`` makes thirty thousand polls. Time passes at once: only the requests take time.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
import tracemalloc
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, NamedTuple

from tools import airflow_home

PRODUCT: Final = "incident_response"
_FAULTS: Final = 10
_CHANGES: Final = 7


class Leftovers(NamedTuple):
    """What many polls leave behind.

    :param polls: the polls, without those that failed.
    :param events: the events of the change triggers.
    :param growth: the memory at the end, as a multiple of that after a tenth of the polls.
    :param threads: how many threads are left over.
    :param files: how many sockets and other files are left over.
    """

    polls: int
    events: int
    growth: float
    threads: int
    files: int


def soak(polls: int, sensors: int = 200) -> Leftovers:
    """Poll with sensors and two change triggers, and return what is left over."""
    from airflow_provider_seats._connect import read_connection
    from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
    from tests.helpers.clocks import installed
    from tests.helpers.looping import LoopClock, quickly

    sizes: list[int] = []
    events: Counter[str] = Counter()
    seen = 0
    logging.disable(logging.CRITICAL)
    with FakeDatadog() as datadog, installed(LoopClock()):
        os.environ["AIRFLOW_CONN_DATADOG_DEFAULT"] = datadog.airflow_connection()
        for number in range(50):
            datadog.add_user(f"seated{number}@example.com", seat=PRODUCT)
        moving = datadog.add_user("moving@example.com")

        async def main() -> None:
            nonlocal seen
            tasks = [asyncio.create_task(_first(_sensor(number))) for number in range(sensors)]
            tasks += [asyncio.create_task(_every(_changes(interval), events)) for interval in (1, 2)]
            while seen < polls:
                await asyncio.sleep(1)
                seen += sum(each.status == 200 for each in datadog.received)
                datadog.received.clear()
                number = int(asyncio.get_running_loop().time())
                if number % _FAULTS == 0:
                    fault = (Fault(503), Fault(429), Fault(lost="before"), Fault(200, "no list"))[number // _FAULTS % 4]
                    datadog.script("GET", SEATS, fault)
                if number % _CHANGES == 0:
                    change = datadog.take_seat if moving in datadog.holders(PRODUCT) else datadog.give_seat
                    change(PRODUCT, moving)
                if (seen >= polls // 10 and not sizes) or seen >= polls:
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
            assert not any(task.done() for task in tasks), "a trigger ended"
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        # Airflow starts a thread of its own when a connection is first looked up.
        quickly(read_connection("datadog_default"))
        threads, files = threading.active_count(), _open_files()
        tracemalloc.start()
        quickly(main())
        tracemalloc.stop()
        # The server ends a connection's thread when the client has closed the connection.
        for _ in range(100):
            if threading.active_count() <= threads:
                break
            threading.Event().wait(0.05)
        left = Leftovers(
            seen,
            events.total(),
            sizes[-1] / sizes[0],
            max(threading.active_count() - threads, 0),
            max(_open_files() - files, 0),
        )
    logging.disable(logging.NOTSET)
    return left


def _sensor(number: int) -> Any:
    from airflow_provider_seats._planning.stored import pack
    from airflow_provider_seats.triggers import SeatUsersTrigger
    from tests.helpers.looping import NOW

    email = f"hire{number}@example.com"
    return SeatUsersTrigger(product_code=PRODUCT, people=pack({}, [[], [email]]), poll_interval=1, timeout_at=NOW + 1e9)


def _changes(interval: float) -> Any:
    from airflow_provider_seats.triggers import SeatChangesTrigger

    return SeatChangesTrigger(product_code=PRODUCT, poll_interval=interval)


async def _first(trigger: Any) -> None:
    async with aclosing(trigger.run()) as events:
        await anext(events)


async def _every(trigger: Any, events: Counter[str]) -> None:
    async with aclosing(trigger.run()) as received:
        async for event in received:
            events[event.payload["product"]] += 1


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def main() -> None:
    """Soak for as many polls as the command line says, and print what is left."""
    with airflow_home(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        left = soak(int(sys.argv[1]))
    print(
        f"{left.polls} polls, {left.events} events: memory {left.growth:.3f} times that after a tenth of them, "
        f"{left.threads} threads and {left.files} files left over"
    )


if __name__ == "__main__":
    main()
