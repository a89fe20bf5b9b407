"""Every fault of a hostile network, in every operation, wherever it is served: nothing is lost, invented or endless."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import (
    ATTEMPTS,
    LONGEST_WAIT,
    Flow,
    KeysRefusedError,
    MisdirectedError,
    RateLimitedError,
    RequestRefusedError,
    UnavailableError,
)
from airflow_provider_seats._api.seats import Outcome, SeatsUnknownError, assign_seats, list_seat_users, unassign_seats
from airflow_provider_seats._api.users import find_users
from airflow_provider_seats.connection import DatadogConnection, DatadogSeatsError
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.report import KINDS
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.clocks import SharedClock
from tests.helpers.looping import quickly
from tests.helpers.playing import Played, answer_by, serve, unserved

TIMEOUT = 0.25
PASSES, REFUSES, MISLEADS, REJECTS, HARMLESS = "passes", "refuses keys", "misleads", "rejects", "is harmless"
HTML = "<html><head><title>Bad Gateway</title></head><body>Bad gateway at the edge</body></html>"
WORDS = {"errors": [{"title": "Generic Error", "detail": "the very words"}]}


class Case(NamedTuple):
    """A fault, and what kind of fault it is."""

    kind: str
    fault: Fault


CASES = {
    "429 in seconds": Case(PASSES, Fault(429, headers={"X-RateLimit-Reset": "2"})),
    "429 in Unix time": Case(PASSES, Fault(429, headers={"X-RateLimit-Reset": str(int(time.time()) + 3)})),
    "429 negative": Case(PASSES, Fault(429, headers={"X-RateLimit-Reset": "-7"})),
    "429 garbage": Case(PASSES, Fault(429, headers={"X-RateLimit-Reset": "soon", "Retry-After": "later"})),
    "429 absent": Case(PASSES, Fault(429, WORDS)),
    "429 as HTML": Case(PASSES, Fault(429, HTML)),
    **{str(status): Case(PASSES, Fault(status)) for status in (408, 500, 503, 504, 520, 599)},
    "502 as HTML": Case(PASSES, Fault(502, HTML)),
    "503 that says when": Case(PASSES, Fault(503, headers={"Retry-After": "3"})),
    "lost before": Case(PASSES, Fault(lost="before")),
    "lost during": Case(PASSES, Fault(lost="during")),
    "lost after": Case(PASSES, Fault(lost="after")),
    "no answer in time": Case(PASSES, Fault(delay=TIMEOUT * 2)),
    "applied but 502": Case(PASSES, Fault(502, HTML, applied=True)),
    "applied but 408": Case(PASSES, Fault(408, applied=True)),
    "truncated": Case(PASSES, Fault(200, '{"data": [{"id": ', applied=True)),
    "not JSON": Case(PASSES, Fault(200, "welcome", applied=True)),
    "HTML and fine": Case(PASSES, Fault(200, HTML, applied=True)),
    "null": Case(PASSES, Fault(200, "null", applied=True)),
    "a list": Case(PASSES, Fault(200, [], applied=True)),
    "nothing in it": Case(PASSES, Fault(200, {}, applied=True)),
    "success that tells of errors": Case(PASSES, Fault(200, {"errors": ["not done"], "data": []})),
    "data of another kind": Case(PASSES, Fault(200, {"data": 7, "meta": []}, applied=True)),
    "rows of another kind": Case(PASSES, Fault(200, {"data": [None, 3]}, applied=True)),
    "fields of another kind": Case(PASSES, Fault(200, {"data": [{"id": 3, "attributes": []}]}, applied=True)),
    "cut in a character": Case(PASSES, Fault(200, b'{"data": "\xf0\x9f"}', applied=True)),
    "a number without end": Case(PASSES, Fault(200, '{"data": ' + "9" * 5000 + "}", applied=True)),
    "deeper than Python": Case(PASSES, Fault(200, "[" * 100_000, applied=True)),
    "401": Case(REFUSES, Fault(401, {"errors": ["the very words"]})),
    "403": Case(REFUSES, Fault(403, {"errors": ["the very words"]})),
    **{
        str(status): Case(MISLEADS, Fault(status, "", {"Location": "{other}/api/v2/seats/users"}))
        for status in (301, 302, 303, 307, 308)
    },
    "304": Case(MISLEADS, Fault(304, "")),
    **{str(status): Case(REJECTS, Fault(status, WORDS)) for status in (400, 404, 405, 409, 410, 418, 422, 451)},
}
# One fault of each kind that differs on its way through sockets; by hand, all of them are played.
ON_THE_WIRE = (
    "429 in seconds",
    "429 in Unix time",
    "429 negative",
    "429 garbage",
    "429 absent",
    "429 as HTML",
    "500",
    "502 as HTML",
    "503 that says when",
    "lost before",
    "lost during",
    "lost after",
    "no answer in time",
    "applied but 502",
    "truncated",
    "null",
    "cut in a character",
    "401",
    "403",
    "302",
    "304",
    "404",
    "422",
)
# Met again and again, these differ no more.
LASTING_ON_THE_WIRE = (
    "429 in seconds",
    "500",
    "lost before",
    "lost during",
    "lost after",
    "truncated",
    "403",
    "302",
    "304",
    "422",
)
IN_A_REPORT_ON_THE_WIRE = (
    "429 in seconds",
    "lost during",
    "lost after",
    "applied but 502",
    "truncated",
    "403",
    "302",
    "422",
)
PLAYED, SERVED = "played", ("worker", "event loop")
ERRORS: dict[str, tuple[type[DatadogSeatsError], ...]] = {
    PASSES: (UnavailableError, RateLimitedError),
    REFUSES: (KeysRefusedError,),
    MISLEADS: (MisdirectedError,),
    REJECTS: (RequestRefusedError,),
}


class World(NamedTuple):
    """A way to serve flows on a FakeDatadog, and how long they waited."""

    name: str
    serve: Callable[[Flow[Any]], Any]
    waited: list[float]


@pytest.fixture
def by_hand() -> bool:
    """Whether the faults of a test that takes no world are played by hand; such a test says so by its parameters."""
    return False


@pytest.fixture
def datadog(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, by_hand: bool) -> Iterator[FakeDatadog]:
    """Serve a FakeDatadog on the default connection; where faults are played by hand, it opens no port."""
    world = request.node.callspec.params.get("world") if hasattr(request.node, "callspec") else None
    with unserved() if by_hand or world == PLAYED else FakeDatadog() as fake:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", fake.airflow_connection())
        yield fake


def is_served(datadog: FakeDatadog) -> bool:
    """Whether it answers over sockets, and not by hand."""
    return datadog._server._thread.is_alive()


@pytest.fixture
def other(datadog: FakeDatadog) -> Iterator[FakeDatadog]:
    """Serve a second host, which must hear nothing."""
    with FakeDatadog() if is_served(datadog) else unserved() as other:
        yield other
        assert other.received == []


@pytest.fixture(params=[PLAYED, *SERVED])
def world(request: pytest.FixtureRequest, datadog: FakeDatadog) -> World:
    """Serve flows with no I/O at all, over sockets in a worker, and over sockets on an event loop."""
    waited: list[float] = []
    clock = [time.time()]

    def passes(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += seconds

    async def pauses(seconds: float) -> None:
        passes(seconds)
        await asyncio.sleep(0)

    client = Client(
        DatadogConnection(datadog.url, datadog.app_key, datadog.api_key, TIMEOUT),
        sleep=lambda _, seconds: passes(seconds),
        async_sleep=pauses,
        clock=lambda: clock[0],
    )
    serves: dict[str, Callable[[Flow[Any]], Any]] = {
        "worker": client.run,
        "event loop": lambda flow: quickly(client.arun(flow)),
        PLAYED: lambda flow: serve(flow, lambda step: answer_by(datadog, step), Played(pauses=waited)),
    }
    return World(request.param, serves[request.param], waited)


def everywhere(*on_the_wire: str) -> list[Any]:
    """Give every fault to play by hand, and these to serve over sockets, too."""
    served = [(world, name) for world in SERVED for name in on_the_wire]
    return [
        pytest.param(world, name, id=f"{world}-{name}")
        for world, name in [*((PLAYED, name) for name in CASES), *served]
    ]


class Operation(NamedTuple):
    """What is done, by what call, and whether its end is as it should be."""

    method: str
    path: str
    flow: Callable[[list[str]], Flow[Any]]


OPERATIONS = {
    "list": Operation("GET", SEATS, lambda _: list_seat_users(PRODUCT)),
    "assign": Operation("POST", SEATS, lambda people: assign_seats(PRODUCT, people, 2)),
    "unassign": Operation("DELETE", SEATS, lambda people: unassign_seats(PRODUCT, people, 2)),
    "find users": Operation("GET", USERS, lambda _: find_users(["person1@x.com", "nobody@x.com"])),
}


def begin(datadog: FakeDatadog, operation: str) -> list[str]:
    """Set the stage: five people; those to assign hold no seat but one, and those to unassign all but one."""
    people = [datadog.add_user(f"person{number}@x.com", f"P{number}") for number in range(5)]
    seated = {"list": people, "assign": people[:1], "unassign": people[1:], "find users": []}[operation]
    for person in seated:
        datadog.give_seat(PRODUCT, person)
    return people


def is_exact(datadog: FakeDatadog, operation: str, people: list[str], result: Any) -> None:
    """See that the end is as it should be, and that the result says so."""
    if operation == "list":
        assert [user.id for user in result] == people
    elif operation == "find users":
        assert {email: user.id for email, user in result.items()} == {"person1@x.com": people[1]}
    else:
        assert (result.error, dict(result.refused), result.unknown, result.not_done) == (None, {}, (), ())
        assert set(result.done) == set(people)
        assert datadog.holders(PRODUCT) == (set(people) if operation == "assign" else set())


def script(datadog: FakeDatadog, other: FakeDatadog, operation: str, fault: Fault, times: int) -> None:
    """Let the calls of an operation meet a fault so many times."""
    method, path, _ = OPERATIONS[operation]
    if fault.delay and not is_served(datadog):
        # By hand, nobody waits for an answer that comes too late: it is lost.
        fault = Fault(lost="after")
    headers = {name: value.format(other=other.url) for name, value in fault.headers.items()}
    datadog.script(method, path, *[Fault(**{**vars(fault), "headers": headers})] * times)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("world", "name"), everywhere(*ON_THE_WIRE), indirect=["world"])
def test_a_fault_that_passes_leaves_the_exact_end(
    datadog: FakeDatadog, other: FakeDatadog, world: World, operation: str, name: str
) -> None:
    """Met once, it costs a moment; one that does not pass ends in an error of ours, and changed nobody untold."""
    case = CASES[name]
    people = begin(datadog, operation)
    before = datadog.holders(PRODUCT)
    script(datadog, other, operation, case.fault, 1)
    result, error = run(world, OPERATIONS[operation].flow(people))
    if case.kind in {PASSES, REFUSES} or (case.kind == REJECTS and operation in {"assign", "unassign"}):
        assert error is None
        is_exact(datadog, operation, people, result)
    else:
        assert isinstance(error, ERRORS[case.kind])
        tells_the_truth(datadog, operation, people, before, result)
    assert sum(world.waited) <= LONGEST_WAIT


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("world", "name"), everywhere(*LASTING_ON_THE_WIRE), indirect=["world"])
def test_a_fault_that_lasts_ends_in_one_of_our_errors(
    datadog: FakeDatadog, other: FakeDatadog, world: World, operation: str, name: str
) -> None:
    """With Datadog's words, the cause attached, in a bounded time; and the outcome still tells exactly who changed."""
    case = CASES[name]
    people = begin(datadog, operation)
    before = datadog.holders(PRODUCT)
    script(datadog, other, operation, case.fault, 200)
    result, error = run(world, OPERATIONS[operation].flow(people))
    method, path, _ = OPERATIONS[operation]
    if operation in {"assign", "unassign"}:
        tells_the_truth(datadog, operation, people, before, result)
        if case.kind == REJECTS:
            assert set(result.refused) == {each for each in people if (each in before) == (operation == "unassign")}
            assert all("the very words" in words for words in result.refused.values())
            return
        if case.kind == PASSES and (case.fault.applied or case.fault.delay or case.fault.lost in {"during", "after"}):
            is_exact(datadog, operation, people, result)
            return
    assert isinstance(error, ERRORS[case.kind])
    assert error.passing == (case.kind == PASSES)
    calls = len(datadog.calls(method, path))
    assert calls <= {PASSES: ATTEMPTS, REFUSES: 2, MISLEADS: 1, REJECTS: 1}[case.kind] * 3
    if case.kind == REFUSES:
        assert calls == 2
    if isinstance(case.fault.body, dict) and case.kind in {REFUSES, REJECTS}:
        assert "the very words" in str(error)
    if isinstance(error, UnavailableError) and error.status is None and case.fault.lost is not None:
        assert error.__cause__ is not None
    for key in (datadog.api_key, datadog.app_key):
        assert key not in f"{error!r} {error.__cause__!r}"
    assert sum(world.waited) <= LONGEST_WAIT * 1.1


WRITING = ("applied but 502", "500", "lost before", "lost after", "422", "409", "null")
READING = ("500", "lost during", "403", "302", "422", "null")


@pytest.mark.parametrize("operation", ["assign", "unassign"])
@pytest.mark.parametrize(
    ("world", "writing", "reading"),
    [
        *((PLAYED, writing, reading) for writing in WRITING for reading in READING),
        *((world, *pair) for world in SERVED for pair in zip(WRITING, (*READING, READING[0]), strict=True)),
    ],
    indirect=["world"],
)
def test_what_cannot_be_looked_up_is_called_unknown(  # noqa: PLR0917 (fixtures)
    datadog: FakeDatadog, other: FakeDatadog, world: World, operation: str, writing: str, reading: str
) -> None:
    """Where the list that would tell cannot be read either, nobody is said to have changed who may not have."""
    people = begin(datadog, operation)
    before = datadog.holders(PRODUCT)
    script(datadog, other, operation, CASES[writing].fault, 1)
    script(datadog, other, "list", CASES[reading].fault, 200)
    result, error = run(world, OPERATIONS[operation].flow(people))
    assert error is not None
    tells_the_truth(datadog, operation, people, before, result)
    assert result.unknown or result.refused


@pytest.mark.parametrize("times", [1, 200])
@pytest.mark.parametrize("kind", ["assign", "assign and look", "unassign", "unassign by email", "sync"])
@pytest.mark.parametrize(
    ("by_hand", "name"), [*((True, name) for name in CASES), *((False, name) for name in IN_A_REPORT_ON_THE_WIRE)]
)
def test_a_report_says_exactly_who_changed(  # noqa: PLR0917 (fixtures)
    datadog: FakeDatadog,
    other: FakeDatadog,
    no_waits: list[float],
    ti: FakeTaskInstance,
    monkeypatch: pytest.MonkeyPatch,
    by_hand: bool,
    kind: str,
    name: str,
    times: int,
) -> None:
    """Also after a lost answer, and also when the task then fails: in XCom, everyone once, and each as it is."""
    if by_hand:
        monkeypatch.setattr(Client, "_exchange", lambda _, request: answer_by(datadog, request))
    people = [datadog.add_user(f"person{number}@x.com") for number in range(5)]
    holders = {"assign": people[:1], "assign and look": people[:1], "sync": people[:3]}.get(kind, people[1:])
    for person in holders:
        datadog.give_seat(PRODUCT, person)
    arguments: dict[str, Any] = {"task_id": "task", "product_code": PRODUCT, "batch_size": 2}
    operator: Any
    if kind == "sync":
        operator = SyncSeatsOperator(**arguments, user_uuids=people[2:], max_unassign=5)
    elif kind.startswith("assign"):
        operator = AssignSeatsOperator(**arguments, user_uuids=people, max_seats=9 if "look" in kind else None)
    else:
        emails = [f"person{number}@x.com" for number in range(5)]
        given: dict[str, Any] = {"user_emails": emails} if "email" in kind else {"user_uuids": people}
        operator = UnassignSeatsOperator(**arguments, **given)
    before = datadog.holders(PRODUCT)
    for operation in ("assign", "unassign"):
        script(datadog, other, operation, CASES[name].fault, times)
    try:
        report = operator.execute({"ti": ti})
    except (AirflowFailException, DatadogSeatsError):
        report = ti.pushed["return_value"]
    after = datadog.holders(PRODUCT)
    told = {
        list_name: {person["id"] or datadog.user_uuid(person["email"]) for person in report[list_name]}
        for list_name in KINDS
    }
    assert sorted(each for those in told.values() for each in those) == sorted(set(people))
    assert told["assigned"] <= after
    assert not told["unassigned"] & after
    assert all(
        (each in before) == (each in after) for each in (*told["unchanged"], *told["refused"], *told["not_done"])
    )
    if report["seats_before"] is not None:
        assert told["assigned"] == after - before
        assert told["unassigned"] == before - after
    assert not told["unknown"]


def run(world: World, flow: Flow[Any]) -> tuple[Any, DatadogSeatsError | None]:
    """Serve a flow, and give its result and its error; nothing but one of our errors may be raised."""
    try:
        result = world.serve(flow)
    except DatadogSeatsError as error:
        return None, error
    return result, result.error if isinstance(result, Outcome) else None


def tells_the_truth(
    datadog: FakeDatadog, operation: str, people: list[str], before: set[str], result: Outcome | None
) -> None:
    """See that everyone asked for stands in one list of the outcome, and is as it says."""
    if operation not in {"assign", "unassign"}:
        assert datadog.holders(PRODUCT) == before
        return
    assert result is not None
    told = [*result.done, *result.refused, *result.unknown, *result.not_done]
    assert sorted(told) == sorted(people)
    holders = datadog.holders(PRODUCT)
    assert all((each in holders) == (operation == "assign") for each in result.done)
    assert all((each in holders) == (each in before) for each in (*result.refused, *result.not_done))


@pytest.mark.parametrize("world", SERVED, indirect=True)
def test_nobody_listening_is_told_as_such(world: World, datadog: FakeDatadog) -> None:
    """A refused connection is a passing error, whose last cause is attached, and nothing was changed."""
    people = begin(datadog, "assign")
    datadog._server.end()
    for operation, (_, _, flow) in OPERATIONS.items():
        result, error = run(world, flow(people))
        assert isinstance(error, UnavailableError | SeatsUnknownError)
        assert error.passing
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        assert isinstance(cause, OSError), operation
        assert result is None or set(result.unknown) | set(result.not_done) == set(people)


@pytest.mark.parametrize("operation", ["assign", "unassign"])
@pytest.mark.parametrize("body", [{"status": "log in first"}, {}, {"data": {}}])
def test_a_success_of_something_else_is_not_taken_for_the_change(
    datadog: FakeDatadog, world: World, operation: str, body: object
) -> None:
    """What no answer vouches for is looked up, and told as it is."""
    people = begin(datadog, operation)
    before = datadog.holders(PRODUCT)
    datadog.script(OPERATIONS[operation].method, SEATS, Fault(200, body))
    result, _ = run(world, OPERATIONS[operation].flow(people))
    tells_the_truth(datadog, operation, people, before, result)
    assert all("accepted" in words for words in result.refused.values())


@pytest.mark.parametrize("rows", [[], ["a"], ["a", "b"]])
def test_a_cursor_that_comes_again_is_no_end(datadog: FakeDatadog, world: World, rows: list[str]) -> None:
    """Nor an endless walk: a list that leads nowhere is an error, and never shorter than it is."""
    page = {"data": [{"id": row, "attributes": {}} for row in rows], "meta": {"next_cursor": "again"}}
    datadog.script("GET", SEATS, *[Fault(200, page)] * 50)
    _, error = run(world, list_seat_users(PRODUCT))
    assert isinstance(error, UnavailableError)
    assert len(datadog.calls()) <= 5


def test_unknown_fields_and_nulls_are_taken_as_they_come(datadog: FakeDatadog, world: World) -> None:
    """What Datadog adds one day does no harm, and what it leaves out is None."""
    row = {"type": "new", "id": "A", "attributes": {"email": None, "new": [1], "name": None}, "links": {}}
    bare = {"id": None, "attributes": None}
    page = {"data": [row, bare], "meta": {"next_cursor": None, "new": 1}, "included": [], "links": None}
    datadog.script("GET", SEATS, Fault(200, page, {"Content-Type": "text/plain"}))
    users, error = run(world, list_seat_users(PRODUCT))
    assert error is None
    assert [tuple(user) for user in users] == [("a", None, None, None), (None, None, None, None)]


@pytest.mark.parametrize("since", [0, 1970])
def test_a_limit_that_outlasts_the_bound_carries_the_seconds(datadog: FakeDatadog, world: World, since: int) -> None:
    """So that a retry can come when it is over; nothing is waited for that would not help."""
    reset = 900 + (time.time() if since else 0)
    datadog.script("GET", SEATS, *[Fault(429, headers={"X-RateLimit-Reset": f"{reset:.0f}"})] * 9)
    _, error = run(world, list_seat_users(PRODUCT))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == pytest.approx(900, abs=30)
    assert "in 9" in str(error) or "in 8" in str(error)
    assert world.waited == []
    assert len(datadog.calls()) == 1


def test_a_polite_client_meets_no_429_of_its_own_making(datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spent limit is waited out, also side by side with others."""
    datadog.rate_limit = (5, 1.0)
    for number in range(30):
        datadog.add_user(f"user{number}@x.com", seat=PRODUCT)
    client = SharedClock().client(datadog, monkeypatch)
    client.run(find_users([f"user{number}@x.com" for number in range(4)]))
    for _ in range(7):
        client.run(list_seat_users(PRODUCT))
    assert {each.status for each in datadog.calls()} == {HTTPStatus.OK}
