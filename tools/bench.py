"""This package beside Datadog's official client and a bare loop with requests, on the same FakeDatadog.

``make bench`` runs it, prints a table and writes it to ``docs/benchmark.md``. FakeDatadog serves from a process of its
own, so that the processor time is that of the client alone. Each figure is the best or the median of a few runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from tests.helpers.airflow_home import ROOT
from tools import airflow_home

API_KEY: Final = "bench-api-key"
APP_KEY: Final = "bench-app-key"
WHO: Final = ("airflow-provider-seats", "official client", "bare requests")
PAGE: Final = 100
KEYS: Final = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}

Job: TypeAlias = Callable[[str, str], object]


class Stage(NamedTuple):
    """An organisation: its users, how many of them hold a seat of each product, and the delay of each answer.

    :param changes: whether a seat is assigned or unassigned before each reading of the list.
    """

    users: int
    seats: int = 0
    products: int = 1
    delay: float = 0.0
    changes: bool = False


class Figure(NamedTuple):
    """The cost of a job."""

    processor: float
    clock: float
    calls: int


def uuid(number: int) -> str:
    """Return the UUID of a user."""
    return f"{number:08x}-0000-4000-8000-000000000000"


# --- the server, in a process of its own ---


def serve(stage: Stage) -> None:
    """Serve until the input ends. For each line, print the number of calls since the last one."""
    from airflow_provider_seats.testing import FakeDatadog

    products = tuple(f"p{number}" for number in range(stage.products))
    with FakeDatadog(products=products, api_key=API_KEY, app_key=APP_KEY) as datadog:
        for number in range(stage.users):
            datadog.add_user(f"user{number}@example.com", user_uuid=uuid(number))
            if number < stage.seats:
                for product in products:
                    datadog.give_seat(product, uuid(number))
        answer = datadog._server.answer

        pages: dict[object, Any] = {}

        def late(request: Any) -> Any:
            """Answer after a delay. A slow server lets the client's caches go cold, so pages are rendered once."""
            time.sleep(stage.delay)
            if stage.changes and "page[cursor]" not in request.query:
                pages.clear()
                change = datadog.take_seat if uuid(stage.seats) in datadog.holders("p0") else datadog.give_seat
                change("p0", uuid(stage.seats))
            if request.method != "GET":
                pages.clear()
                return answer(request)
            key = (request.path, *request.query.items())
            if key not in pages:
                page = answer(request)
                pages[key] = replace(page, document=page.content)
            return pages[key]

        datadog._server.answer = late
        print(datadog.url, flush=True)
        for _ in sys.stdin:
            print(len(datadog.received), flush=True)
            datadog.received.clear()


class Server:
    """A FakeDatadog in another process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = self._line()

    def calls(self) -> int:
        """Return the number of calls since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def served(stage: Stage) -> Iterator[Server]:
    """Serve an organisation while the block lasts."""
    command = [sys.executable, "-m", "tools.bench", "serve", json.dumps(stage)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Server(process)
        process.communicate()


# --- the contestants: each lists, changes and finds ---


def our_list(url: str, product: str) -> object:
    """List with a client of this package."""
    from airflow_provider_seats._api.seats import list_seat_users

    return _client(url).run(list_seat_users(product))


def our_assign(url: str, product: str) -> object:
    """Assign with a client of this package."""
    from airflow_provider_seats._api.seat_change import assign_seats

    return _client(url).run(assign_seats(product, [uuid(number) for number in range(5_000)]))


def our_sync(url: str, product: str, people: Sequence[str] = ()) -> object:
    """Sync with the operator. Return its report."""
    from airflow_provider_seats.operators import SyncSeatsOperator

    connection = {"conn_type": "datadog_seats", "host": url, "password": APP_KEY, "extra": {"api_key": API_KEY}}
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(connection)
    operator = SyncSeatsOperator(
        task_id="sync", product_code=product, user_uuids=people or roster(), max_unassign=1_000, datadog_conn_id="bench"
    )
    operator.log.disabled = True  # type: ignore[attr-defined]
    return operator.execute({})


def our_find(url: str, _: str) -> object:
    """Find users with a client of this package."""
    from airflow_provider_seats._api.users import find_users

    found = _client(url).run(find_users(wanted()))
    assert len(found) == 500
    return found


def _client(url: str) -> Any:
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats.connection import DatadogConnection

    return Client(DatadogConnection(url, APP_KEY, API_KEY))


def roster() -> list[str]:
    """Return a roster of 50,000 people: 48,800 of them hold one of the 49,000 seats."""
    return [uuid(number) for number in range(200, 50_200)]


def wanted() -> list[str]:
    """Return 500 emails."""
    return [f"user{number * 40}@example.com" for number in range(500)]


def official_list(url: str, product: str) -> list[Any]:
    """List with the official client, as its documentation shows."""
    from datadog_api_client.v2.api.seats_api import SeatsApi

    with _official(url) as client:
        api = SeatsApi(client)
        users: list[Any] = []
        more: dict[str, str] = {}
        while True:
            page = api.get_seats_users(product_code=product, page_limit=PAGE, **more)
            users += page.data
            cursor = page.meta.next_cursor
            if not cursor:
                return users
            more = {"page_cursor": cursor}


def official_assign(url: str, product: str) -> None:
    """Assign with the official client, in batches of a hundred."""
    _official_change(url, product, "assign", [uuid(number) for number in range(5_000)])


def official_sync(url: str, product: str) -> None:
    """List, compare and write with the official client."""
    held, listed = {str(user.id) for user in official_list(url, product)}, roster()
    _official_change(url, product, "unassign", sorted(held.difference(listed)))
    _official_change(url, product, "assign", [each for each in listed if each not in held])


def official_find(url: str, _: str) -> None:
    """Look up each email with the official client."""
    from datadog_api_client.v2.api.users_api import UsersApi

    with _official(url) as client:
        api = UsersApi(client)
        for email in wanted():
            assert api.list_users(filter=email, page_size=PAGE).data


def _official(url: str) -> Any:
    from datadog_api_client import ApiClient, Configuration

    return ApiClient(Configuration(host=url, api_key={"apiKeyAuth": API_KEY, "appKeyAuth": APP_KEY}))


def _official_change(url: str, product: str, kind: str, people: list[str]) -> None:
    from datadog_api_client.v2.api.seats_api import SeatsApi
    from datadog_api_client.v2.model import (
        assign_seats_user_request as assign,
        assign_seats_user_request_data as assign_data,
        assign_seats_user_request_data_attributes as assign_attributes,
        seat_assignments_data_type as kinds,
        unassign_seats_user_request as unassign,
        unassign_seats_user_request_data as unassign_data,
        unassign_seats_user_request_data_attributes as unassign_attributes,
    )

    seats = kinds.SeatAssignmentsDataType.SEAT_ASSIGNMENTS
    with _official(url) as client:
        api = SeatsApi(client)
        for batch in batches(people):
            given: dict[str, Any] = {"product_code": product, "user_uuids": batch}
            if kind == "assign":
                more = assign_attributes.AssignSeatsUserRequestDataAttributes(**given)
                added = assign_data.AssignSeatsUserRequestData(attributes=more, type=seats)
                api.assign_seats_user(body=assign.AssignSeatsUserRequest(data=added))
            else:
                less = unassign_attributes.UnassignSeatsUserRequestDataAttributes(**given)
                removed = unassign_data.UnassignSeatsUserRequestData(attributes=less, type=seats)
                api.unassign_seats_user(body=unassign.UnassignSeatsUserRequest(data=removed))


def bare_list(url: str, product: str) -> list[Any]:
    """List with a loop that checks nothing."""
    rows: list[Any] = []
    cursor = None
    with _session() as session:
        while True:
            query = {"product_code": product, "page[limit]": PAGE, **({"page[cursor]": cursor} if cursor else {})}
            page = session.get(f"{url}/api/v2/seats/users", params=query, timeout=30).json()
            rows += page["data"]
            cursor = page["meta"]["next_cursor"]
            if not cursor:
                return rows


def bare_assign(url: str, product: str) -> None:
    """Assign with a loop that checks nothing."""
    _bare_change(url, product, "POST", [uuid(number) for number in range(5_000)])


def bare_sync(url: str, product: str) -> None:
    """List, compare and write with loops that check nothing."""
    held, listed = {row["id"] for row in bare_list(url, product)}, roster()
    _bare_change(url, product, "DELETE", sorted(held.difference(listed)))
    _bare_change(url, product, "POST", [each for each in listed if each not in held])


def bare_find(url: str, _: str) -> None:
    """Look up each email with a loop that checks nothing."""
    with _session() as session:
        for email in wanted():
            query = {"filter": email, "page[size]": str(PAGE)}
            assert session.get(f"{url}/api/v2/users", params=query, timeout=30).json()["data"]


def _session() -> Any:
    import requests

    session = requests.Session()
    session.headers.update(KEYS)
    return session


def _bare_change(url: str, product: str, method: str, people: list[str]) -> None:
    with _session() as session:
        for batch in batches(people):
            attributes = {"product_code": product, "user_uuids": batch}
            body = {"data": {"type": "seat-assignments", "attributes": attributes}}
            session.request(method, f"{url}/api/v2/seats/users", json=body, timeout=30).raise_for_status()


def batches(people: list[str]) -> Iterator[list[str]]:
    """Split people into batches of a hundred."""
    for start in range(0, len(people), PAGE):
        yield people[start : start + PAGE]


# --- the measuring ---


def measure(stage: Stage, jobs: tuple[Job, ...], times: int) -> list[Figure]:
    """Let each contestant do its job several times, each time with another product. Return the best results."""
    with served(stage) as server:
        figures: list[list[Figure]] = [[] for _ in jobs]
        products = iter(range(1_000))
        # Once for nothing, so that what is loaded once is not counted.
        for job in jobs if stage.delay == 0 else ():
            job(server.url, f"p{next(products) % stage.products}")
        for _ in range(times):
            for number, job in enumerate(jobs):
                server.calls()
                product = f"p{next(products) % stage.products}"
                clock, processor = time.perf_counter(), time.process_time()
                job(server.url, product)
                processor, clock = time.process_time() - processor, time.perf_counter() - clock
                figures[number].append(Figure(processor, clock, server.calls()))
    return [min(each) for each in figures]


def ratio(stage: Stage, jobs: tuple[Job, Job]) -> float:
    """Return the processor time of the first job as a multiple of the second one's: the median of nine pairs."""
    ratios = []
    with served(stage) as server:
        products = iter(range(1_000))
        for _ in range(10):
            spent = []
            for job in jobs:
                product = f"p{next(products) % stage.products}"
                begun = time.process_time()
                job(server.url, product)
                spent.append(time.process_time() - begun)
            ratios.append(spent[0] / spent[1])
    # The first pair loads modules.
    return statistics.median(ratios[1:])


class Growth(NamedTuple):
    """The cost of listing one seat, for each length of the list.

    :param microseconds: the processor time: the median of nine rounds.
    :param memory: the memory, in bytes.
    :param ratio: the processor time for a seat of the longest list, as a multiple of that of the shortest: the median
        of nine rounds.
    """

    microseconds: list[float]
    memory: list[float]
    ratio: float


def grows(numbers: Sequence[int]) -> Growth:
    """Return how the cost of a seat grows with the number of seats. Each round reads as many seats from each list."""
    import tracemalloc

    rounds = []
    sizes = []
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(served(Stage(number, number))).url for number in numbers]
        for _ in range(10):
            spent = []
            for url, number in zip(urls, numbers, strict=True):
                begun = time.process_time()
                for _ in range(max(numbers) // number):
                    our_list(url, "p0")
                spent.append((time.process_time() - begun) / max(numbers) * 1e6)
            rounds.append(spent)
        for url, number in zip(urls, numbers, strict=True):
            tracemalloc.start()
            listed = our_list(url, "p0")
            taken, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            del listed
            sizes.append(taken / number)
    # The first round loads modules.
    del rounds[0]
    ratio = statistics.median(spent[-1] / spent[0] for spent in rounds)
    return Growth([statistics.median(each) for each in zip(*rounds, strict=True)], sizes, ratio)


def import_cost() -> float:
    """Return how many milliseconds of processor time our imports add to a DAG file: the median of nine."""
    from tests.test_provider import IMPORTS

    # With compiled bytecode, as an installed package has it.
    subprocess.run([sys.executable, "-m", "compileall", "-q", ROOT / "airflow_provider_seats"], check=True)
    added = []
    for _ in range(9):
        done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
        added.append(json.loads(done.stdout.splitlines()[-1])[0])
    return float(sorted(added)[4])


def xcom_size() -> int:
    """Return how many bytes of JSON the report of a sync of 20,000 people with 20 changes has."""
    with served(Stage(20_010, 20_000)) as server:
        return len(json.dumps(our_sync(server.url, "p0", [uuid(number) for number in range(10, 20_010)])))


def longest(seconds: float) -> str:
    """Describe the longest full garbage collection."""
    return f"{seconds * 1000:.0f} ms at most" if seconds else "none"


def report() -> str:
    """Measure everything, and return it as a page."""
    from importlib.metadata import version

    from tools.cold import ROOT as BUILD, measure as measure_cold
    from tools.load import measure as measure_load
    from tools.rosters import measure as measure_rosters
    from tools.soak import soak

    lists = (our_list, official_list, bare_list)
    assigns = (our_assign, official_assign, bare_assign)
    syncs = (our_sync, official_sync, bare_sync)
    finds = (our_find, official_find, bare_find)
    jobs: list[tuple[str, int, list[Figure]]] = [
        ("list 20,000 seats", 200, measure(Stage(20_000, 20_000), lists, 5)),
        ("list 100,000 seats", 1_000, measure(Stage(100_000, 100_000), lists, 2)),
        ("assign 5,000 by UUID", 50, measure(Stage(5_000, products=12), assigns, 3)),
        ("sync 49,000 seats with 50,000", 504, measure(Stage(50_200, 49_000, 6), syncs, 1)),
        ("find 500 emails in 20,000 users", 201, measure(Stage(20_000, delay=0.05), finds, 1)),
    ]
    ours, official, _ = jobs[0][2]
    found = jobs[4][2]
    sensors, many_seats = measure_load(1_000, 5_000), measure_load(1_000, 100_000, readings=3)
    left = soak(30_000)
    read = measure_rosters()
    rows = []
    for name, least, figures in jobs:
        for who, figure in zip(WHO, figures, strict=True):
            cost = f"{figure.processor:.2f} s | {figure.clock:.1f} s | {figure.calls:,}"
            rows.append(f"| {name if who == WHO[0] else ''} | {who} | {cost} | {least:,} |")
    numbers = (1_000, 10_000, 100_000)
    growth = grows(numbers)
    grown = [
        f"| {number:,} | {spent:.1f} µs | {taken:.0f} bytes |"
        for number, spent, taken in zip(numbers, growth.microseconds, growth.memory, strict=True)
    ]
    [cold] = measure_cold([BUILD])
    return PAGE_OF_FIGURES.format(
        cores=os.cpu_count(),
        machine=f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        versions=", ".join(f"{name} {version(name)}" for name in ("apache-airflow", "requests", "datadog-api-client")),
        jobs="\n".join(rows),
        to_bare=ratio(Stage(20_000, 20_000), (our_list, bare_list)),
        to_official=ours.processor / official.processor,
        faster=found[2].clock / found[0].clock,
        imports=import_cost(),
        assign=cold.assign,
        defer=cold.sensor,
        requests=cold.requests,
        csv_time=read.csv_time,
        csv_memory=read.csv_memory,
        xlsx_time=read.xlsx_time,
        xlsx_memory=read.xlsx_memory / 2**20,
        memory=sensors.memory / 1024,
        calls=sensors.calls,
        lag=sensors.lag[0] * 1000,
        worst=sensors.lag[1] * 1000,
        work=sensors.work[1] * 1000,
        sync_to_bare=ratio(Stage(50_200, 49_000, 20), (our_sync, bare_sync)),
        reading=ratio(Stage(50_200, 49_000, 20), (our_list, our_sync)) * 100,
        collection=longest(sensors.collection),
        many_collection=longest(many_seats.collection),
        many_worst=many_seats.lag[1] * 1000,
        many_work=many_seats.work[1] * 1000,
        poll=many_seats.poll,
        left=left,
        xcom=xcom_size() / 1000,
        growth="\n".join(grown),
        ratio=growth.ratio,
    )


PAGE_OF_FIGURES: Final = """# Benchmark

Written by `make bench`: this package beside Datadog's official client and a loop with requests that checks nothing, all
against the same FakeDatadog in another process. Processor time is that of the client.

Measured on {cores} cores, {machine}, {versions}.

| job | | processor | clock | requests | least that the API allows |
| --- | --- | --- | --- | --- | --- |
{jobs}

* Listing 20,000 seats takes {to_bare:.2f} times the processor time of the bare loop (the median of nine pairs), and
  {to_official:.2f} times that of the official client.
* A sync of 49,000 seats with 50,000 people takes {sync_to_bare:.2f} times the processor time of the bare loop (the
  median of nine pairs). It reads the list again after its changes, because only the list shows whether and when they
  took effect. That is 500 of its requests, and {reading:.0f} % of its processor time (the median of nine pairs).
* 500 look-ups at 50 ms each are {faster:.0f} times faster than one by one: side by side, and as the whole list of users
  where that is fewer requests.
* The report of a sync of 20,000 people with 20 changes takes {xcom:.1f} KB in XCom.
* `read_roster` takes {csv_time:.2f} times the processor time of a loop over `csv.DictReader` for a file of 100,000
  people with four columns and a `where` (the median of nine pairs), and {csv_memory:.1f} times the size of the file in
  memory at most. For the same table as an Excel workbook it takes {xlsx_time:.2f} times the processor time of a loop
  over the cells that openpyxl reads (the median of three pairs), and {xlsx_memory:.0f} MiB more memory at most.
* The imports of operators, sensor and triggers add {imports:.1f} ms to a DAG file.
* A task that assigns one seat by UUID takes {assign:.0f} ms of processor time from the import of the operators to its
  end, and a deferred sensor {defer:.0f} ms to its deferral, if Airflow is loaded. `import requests` is
  {requests:.0f} ms of each (medians of 21 rounds).
* A deferred sensor takes {memory:.1f} KiB. A thousand of them that wait for a product of 5,000 seats and poll each
  second make {calls} requests for five readings of the list. The event loop is late by {lag:.0f} ms or less in 99 of
  100 cases, and by {worst:.0f} ms at worst; its thread works for {work:.0f} ms at most before something else can run.
* With 100,000 seats, and one change before each reading, the event loop is late by {many_worst:.0f} ms at worst,
  and works for {many_work:.0f} ms at most. The poll takes {poll:.2f} times the memory of the seat list.
* These figures leave out Python's full garbage collections ({collection} with 5,000 seats, {many_collection} with
  100,000). Their time depends on the heap, and most of the heap is Airflow's.
* After {left.polls:,} polls with 200 sensors and two change triggers, where one in ten fails, the memory is
  {left.growth:.2f} times what it was after a tenth of them. {left.threads} threads and {left.files} sockets or files
  are left over.

| seats | processor time a seat | memory a seat |
| --- | --- | --- |
{growth}

A seat in the longest list takes {ratio:.2f} times the processor time of a seat in the shortest (the median of nine
rounds). These figures are medians, and those in the first table are the best of a few runs.

A sync by UUID lists, writes only what differs, and lists again. The official client and the bare loop list once and
write the same, without the report and the guards, and without checking whether a change took effect.
"""


def main() -> None:
    """Measure, print and write the page, or serve the organisation for that."""
    if sys.argv[1:2] == ["serve"]:
        serve(Stage(*json.loads(sys.argv[2])))
        return
    with airflow_home(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        page = report()
    print(page)
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "benchmark.md").write_text(page)


if __name__ == "__main__":
    main()
