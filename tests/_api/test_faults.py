"""Every kind of network fault, in every operation: the result says exactly what was changed, and the work ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple
from unittest import mock

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats._api import seat_change
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.escalation_policies import PolicySteps, read_escalations
from airflow_provider_seats._api.flow import MAX_ATTEMPTS, MAX_WAIT, Flow
from airflow_provider_seats._api.groups import list_active_users
from airflow_provider_seats._api.on_call import find_schedules
from airflow_provider_seats._api.roles import list_role_members
from airflow_provider_seats._api.seat_change import Outcome, assign_seats, unassign_seats
from airflow_provider_seats._api.seats import list_seat_users
from airflow_provider_seats._api.teams import list_team_members
from airflow_provider_seats._api.users import find_users, get_accounts
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import (
    DatadogSeatsError,
    KeysRefusedError,
    OnCallNotAvailableError,
    RateLimitError,
    RedirectError,
    RequestRefusedError,
    SeatsUnknownError,
    UnavailableError,
)
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.report import KINDS
from airflow_provider_seats.testing import POLICIES, ROLES, SCHEDULES, SEATS, TEAMS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.clients import answering
from tests.helpers.clocks import FakeClock, SharedClock, installed
from tests.helpers.looping import quickly
from tests.helpers.playing import Played, answer_by, serve, unserved, uuid

# For responses that do not come in time. All others have the time that a busy machine needs.
TIMEOUT = 0.4
PATIENCE = 20.0
# The UUID of the first person, which is part of a path.
FIRST = "00000000-0000-4000-8000-000000000001"
TRANSIENT, KEYS_REFUSED, REDIRECT, REFUSED = "transient", "keys refused", "redirect", "refused"
HTML = "<html><head><title>Bad Gateway</title></head><body>Bad gateway at the edge</body></html>"
REFUSAL = {"errors": [{"title": "Generic Error", "detail": "the exact detail"}]}


class Case(NamedTuple):
    """A fault, and its kind."""

    kind: str
    fault: Fault


CASES = {
    "429 in seconds": Case(TRANSIENT, Fault(429, headers={"X-RateLimit-Reset": "2"})),
    "429 in Unix time": Case(TRANSIENT, Fault(429, headers={"X-RateLimit-Reset": str(int(time.time()) + 3)})),
    "429 with a negative time": Case(TRANSIENT, Fault(429, headers={"X-RateLimit-Reset": "-7"})),
    "429 with invalid headers": Case(
        TRANSIENT, Fault(429, headers={"X-RateLimit-Reset": "soon", "Retry-After": "later"})
    ),
    "429 without headers": Case(TRANSIENT, Fault(429, REFUSAL)),
    "429 as HTML": Case(TRANSIENT, Fault(429, HTML)),
    **{str(status): Case(TRANSIENT, Fault(status)) for status in (408, 500, 503, 504, 520, 599)},
    "502 as HTML": Case(TRANSIENT, Fault(502, HTML)),
    "503 with Retry-After": Case(TRANSIENT, Fault(503, headers={"Retry-After": "3"})),
    "lost before": Case(TRANSIENT, Fault(lost="before")),
    "lost during": Case(TRANSIENT, Fault(lost="during")),
    "lost after": Case(TRANSIENT, Fault(lost="after")),
    "no response in time": Case(TRANSIENT, Fault(delay=TIMEOUT * 3)),
    "applied but 502": Case(TRANSIENT, Fault(502, HTML, applied=True)),
    "applied but 408": Case(TRANSIENT, Fault(408, applied=True)),
    "truncated": Case(TRANSIENT, Fault(200, '{"data": [{"id": ', applied=True)),
    "not JSON": Case(TRANSIENT, Fault(200, "welcome", applied=True)),
    "HTML with status 200": Case(TRANSIENT, Fault(200, HTML, applied=True)),
    "null": Case(TRANSIENT, Fault(200, "null", applied=True)),
    "list": Case(TRANSIENT, Fault(200, [], applied=True)),
    "empty object": Case(TRANSIENT, Fault(200, {}, applied=True)),
    "success with errors": Case(TRANSIENT, Fault(200, {"errors": ["not done"], "data": []})),
    "data of another type": Case(TRANSIENT, Fault(200, {"data": 7, "meta": []}, applied=True)),
    "rows of another type": Case(TRANSIENT, Fault(200, {"data": [None, 3]}, applied=True)),
    "fields of another type": Case(TRANSIENT, Fault(200, {"data": [{"id": 3, "attributes": []}]}, applied=True)),
    "cut inside a character": Case(TRANSIENT, Fault(200, b'{"data": "\xf0\x9f"}', applied=True)),
    "number too long": Case(TRANSIENT, Fault(200, '{"data": ' + "9" * 5000 + "}", applied=True)),
    "nested too deeply": Case(TRANSIENT, Fault(200, "[" * 100_000, applied=True)),
    "401": Case(KEYS_REFUSED, Fault(401, {"errors": ["the exact detail"]})),
    "403": Case(KEYS_REFUSED, Fault(403, {"errors": ["the exact detail"]})),
    **{
        str(status): Case(REDIRECT, Fault(status, "", {"Location": "{other}/api/v2/seats/users"}))
        for status in (301, 302, 303, 307, 308)
    },
    "304": Case(REDIRECT, Fault(304, "")),
    **{str(status): Case(REFUSED, Fault(status, REFUSAL)) for status in (400, 404, 405, 409, 410, 418, 422, 451)},
}
# Faults that take different ways through sockets. All faults are played by hand.
ON_THE_WIRE = (
    "429 in seconds",
    "429 as HTML",
    "500",
    "502 as HTML",
    "lost before",
    "lost during",
    "lost after",
    "no response in time",
    "applied but 502",
    "truncated",
    "null",
    "cut inside a character",
    "403",
    "302",
    "304",
    "422",
)
# If they last, only these take different ways.
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
    TRANSIENT: (UnavailableError, RateLimitError),
    KEYS_REFUSED: (KeysRefusedError,),
    REDIRECT: (RedirectError,),
    REFUSED: (RequestRefusedError, OnCallNotAvailableError),
}


class World(NamedTuple):
    """A way to serve flows from a FakeDatadog, and the waits of the flows in seconds."""

    name: str
    serve: Callable[[Flow[Any]], Any]
    waited: list[float]


@contextmanager
def stage(world: str, fault: Fault | None = None) -> Iterator[tuple[FakeDatadog, FakeDatadog, World]]:
    """Yield a FakeDatadog on the default connection, a second host, which must receive nothing, and a world.

    If faults are played by hand, neither host opens a port.

    :param fault: the fault that will be served.
    """
    timeout = TIMEOUT if fault is not None and fault.delay else PATIENCE
    host: Callable[[], AbstractContextManager[FakeDatadog]] = unserved if world == PLAYED else FakeDatadog
    with pytest.MonkeyPatch.context() as monkeypatch, ExitStack() as stack, host() as datadog, host() as other:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        clock = FakeClock()
        clock.time = time.time()
        stack.enter_context(installed(clock))
        client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key, timeout))
        serves: dict[str, Callable[[Flow[Any]], Any]] = {
            "worker": client.run,
            "event loop": lambda flow: quickly(client.arun(flow)),
            PLAYED: lambda flow: serve(flow, lambda step: answer_by(datadog, step), Played(pauses=clock.waited)),
        }
        yield datadog, other, World(world, serves[world], clock.waited)
        assert other.received == []


@pytest.fixture(params=[PLAYED, *SERVED])
def staged(request: pytest.FixtureRequest) -> Iterator[tuple[FakeDatadog, FakeDatadog, World]]:
    """Serve flows with no I/O, over sockets in a worker, and over sockets on an event loop."""
    with stage(request.param) as staged:
        yield staged


@pytest.fixture
def datadog(staged: tuple[FakeDatadog, FakeDatadog, World]) -> FakeDatadog:
    """Return the FakeDatadog of the stage."""
    return staged[0]


@pytest.fixture
def world(staged: tuple[FakeDatadog, FakeDatadog, World]) -> World:
    """Return the world of the stage."""
    return staged[2]


def is_served(datadog: FakeDatadog) -> bool:
    """Return whether a FakeDatadog answers over sockets."""
    return datadog._server._wake is not None


@contextmanager
def case_of(*names: object) -> Iterator[None]:
    """Name the case in the error of an assertion. One test goes through many cases, because each test costs time."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"The case: {', '.join(map(str, names))}")
        raise


def everywhere(*on_the_wire: str) -> list[Any]:
    """Return every fault to play by hand, these to serve in a worker, and one of each kind on an event loop.

    Worker and event loop share everything that sends and receives.
    """
    served = [("worker", name) for name in on_the_wire]
    served += [("event loop", name) for name in on_the_wire if name in LASTING_ON_THE_WIRE]
    return [
        pytest.param(world, name, id=f"{world}-{name}")
        for world, name in [*((PLAYED, name) for name in CASES), *served]
    ]


class Operation(NamedTuple):
    """An operation, and the call that it makes."""

    method: str
    path: str
    flow: Callable[[list[str]], Flow[Any]]


WRITES = ("assign", "unassign")
OPERATIONS = {
    "list": Operation("GET", SEATS, lambda _: list_seat_users(PRODUCT)),
    "assign": Operation("POST", SEATS, lambda people: assign_seats(PRODUCT, people, 2)),
    "unassign": Operation("DELETE", SEATS, lambda people: unassign_seats(PRODUCT, people, 2)),
    "find users": Operation("GET", USERS, lambda _: find_users(["person1@x.com", "nobody@x.com"])),
    "get accounts": Operation("GET", f"{USERS}/{FIRST}", lambda people: get_accounts(dict.fromkeys(people[:2]))),
    "list team members": Operation("GET", TEAMS, lambda _: list_team_members(["sre"])),
    "list role members": Operation("GET", ROLES, lambda _: list_role_members(["SRE"])),
    "list active users": Operation("GET", USERS, lambda _: list_active_users()),
    "read escalations": Operation("GET", f"{POLICIES}/{FIRST}", lambda _: read_escalations()),
    "find schedules": Operation("GET", SCHEDULES, lambda people: find_schedules(people[:2], datetime.now(UTC))),
}

# Where a 404 is an answer: Datadog does not know the account, or no longer has the policy.
NOT_FOUND: dict[str, Callable[[list[str], Any], bool]] = {
    "get accounts": lambda people, result: list(result) == [people[1]],
    "read escalations": lambda _, result: result.policies == 0,
}


def prepare(datadog: FakeDatadog, operation: str) -> list[str]:
    """Add five people. One of those to assign holds a seat already, and one of those to unassign holds none."""
    people = [
        datadog.add_user(f"person{number}@x.com", f"P{number}", user_uuid=None if number else FIRST)
        for number in range(5)
    ]
    team = datadog.add_team("sre", people)
    datadog.add_role("SRE", people)
    datadog.add_routing_rule(team, datadog.add_escalation_policy("Payments", [people[:1]], policy_id=FIRST))
    datadog.add_schedule("Nights", people[:1])
    for person in {"list": people, "assign": people[:1], "unassign": people[1:]}.get(operation, []):
        datadog.give_seat(PRODUCT, person)
    return people


def assert_complete(datadog: FakeDatadog, operation: str, people: list[str], result: Any) -> None:
    """Check that an operation did everything, and that its result says so."""
    if operation == "list":
        assert [user.id for user in result] == people
    elif operation == "find users":
        assert {email: user.id for email, user in result.items()} == {"person1@x.com": people[1]}
    elif operation in {"list team members", "list role members", "list active users"}:
        assert (result.people, result.left_out) == (people, [])
    elif operation == "read escalations":
        assert result.people == {people[0]: (PolicySteps("Payments", (1,), ("sre",)),)}
    elif operation == "find schedules":
        assert result == {people[0]: ("Nights",)}
    elif operation == "get accounts":
        assert {uuid: user.email for uuid, user in result.items()} == {
            people[0]: "person0@x.com",
            people[1]: "person1@x.com",
        }
    else:
        assert (result.error, dict(result.refused), result.unknown, result.not_done) == (None, {}, (), ())
        assert set(result.done) == set(people)
        assert datadog.holders(PRODUCT) == (set(people) if operation == "assign" else set())


def script(datadog: FakeDatadog, other: FakeDatadog, operation: str, fault: Fault, times: int) -> None:
    """Answer the next calls of an operation with a fault, so many times."""
    method, path, _ = OPERATIONS[operation]
    if fault.delay and not is_served(datadog):
        # By hand nobody waits, so a response that comes too late counts as lost.
        fault = Fault(lost="after")
    headers = {name: value.format(other=other.url) for name, value in fault.headers.items()}
    datadog.script(method, path, *[Fault(**{**vars(fault), "headers": headers})] * times)


@pytest.mark.parametrize(("kind", "name"), everywhere(*ON_THE_WIRE))
def test_an_operation_survives_a_single_fault(kind: str, name: str) -> None:
    """A transient fault is retried until everything is done, and another one raises its error with an exact outcome."""
    for operation, (_, _, flow) in OPERATIONS.items():
        with case_of(operation), stage(kind, CASES[name].fault) as (datadog, other, world):
            case = CASES[name]
            people = prepare(datadog, operation)
            before = datadog.holders(PRODUCT)
            script(datadog, other, operation, case.fault, 1)
            result, error = run(world, flow(people))
            if case.kind in {TRANSIENT, KEYS_REFUSED} or (case.kind == REFUSED and operation in WRITES):
                assert error is None
                assert_complete(datadog, operation, people, result)
            elif operation in NOT_FOUND and name == "404":
                assert (NOT_FOUND[operation](people, result), error) == (True, None)
            else:
                assert isinstance(error, ERRORS[case.kind])
                assert_exact(datadog, operation, people, before, result)
            assert sum(world.waited) <= MAX_WAIT


@pytest.mark.parametrize(("kind", "name"), everywhere(*LASTING_ON_THE_WIRE))
def test_a_lasting_fault_raises_an_error_of_the_package(kind: str, name: str) -> None:
    """A lasting fault raises an error with Datadog's detail in bounded time, with an exact outcome."""
    for operation, (method, path, flow) in OPERATIONS.items():
        with case_of(operation), stage(kind, CASES[name].fault) as (datadog, other, world):
            case = CASES[name]
            people = prepare(datadog, operation)
            before = datadog.holders(PRODUCT)
            script(datadog, other, operation, case.fault, 200)
            result, error = run(world, flow(people))
            if operation in NOT_FOUND and name == "404":
                assert (NOT_FOUND[operation](people, result), error) == (True, None)
                continue
            if operation in WRITES:
                assert_exact(datadog, operation, people, before, result)
                if name == "405":
                    # The method is refused for everyone.
                    assert (result.refused, result.error.concerns_method) == ({}, True)
                    continue
                if case.kind == REFUSED:
                    assert set(result.refused) == {
                        each for each in people if (each in before) == (operation == "unassign")
                    }
                    assert all("the exact detail" in detail for detail in result.refused.values())
                    continue
                if case.kind == TRANSIENT and (
                    case.fault.applied or case.fault.delay or case.fault.lost in {"during", "after"}
                ):
                    assert_complete(datadog, operation, people, result)
                    continue
            assert isinstance(error, ERRORS[case.kind])
            assert error.transient == (case.kind == TRANSIENT)
            calls = len(datadog.calls(method, path))
            if case.kind == KEYS_REFUSED:
                # A 403 to a write may be about one person, so the batch and three people are sent, twice each. If it
                # is about the keys, the halves between them follow.
                assert calls <= 2 * 6 if operation in WRITES and name == "403" else calls == 2
            else:
                assert calls <= {TRANSIENT: MAX_ATTEMPTS, REDIRECT: 1, REFUSED: 1}[case.kind] * 3
            if isinstance(case.fault.body, dict) and case.kind in {KEYS_REFUSED, REFUSED}:
                assert "the exact detail" in str(error)
            for key in (datadog.api_key, datadog.app_key):
                assert key not in f"{error!r} {error.__cause__!r}"
            assert sum(world.waited) <= MAX_WAIT * 1.1


WRITING = ("applied but 502", "500", "lost before", "lost after", "422", "409", "null")
READING = ("500", "lost during", "403", "302", "422", "null")


@pytest.mark.parametrize(
    ("kind", "writing", "reading"),
    [
        *((PLAYED, writing, reading) for writing in WRITING for reading in READING),
        *((world, *pair) for world in SERVED for pair in zip(WRITING, (*READING, READING[0]), strict=True)),
    ],
)
def test_people_whose_state_cannot_be_read_are_unknown(kind: str, writing: str, reading: str) -> None:
    """If neither the change nor the seat list is answered, the outcome calls the people unknown."""
    for operation in WRITES:
        with case_of(operation), stage(kind) as (datadog, other, world):
            people = prepare(datadog, operation)
            before = datadog.holders(PRODUCT)
            script(datadog, other, operation, CASES[writing].fault, 1)
            script(datadog, other, "list", CASES[reading].fault, 200)
            result, error = run(world, OPERATIONS[operation].flow(people))
            assert error is not None
            assert_exact(datadog, operation, people, before, result)
            if writing in {"422", "409"} and reading == "422":
                # Datadog refuses the product itself, and nobody was sent alone.
                assert set(result.not_done) == set(people)
            else:
                assert result.unknown


@pytest.mark.parametrize(
    ("kind", "name"), [*((PLAYED, name) for name in CASES), *(("worker", name) for name in IN_A_REPORT_ON_THE_WIRE)]
)
def test_a_report_says_exactly_who_was_changed(kind: str, name: str) -> None:
    """After every fault, the report contains everyone once, in the group that matches the seats."""
    for job in ("assign", "assign and read first", "unassign", "unassign by email", "sync"):
        for times in (1, 200):
            with case_of(job, times), stage(kind) as (datadog, other, _), ExitStack() as stack:
                if kind == PLAYED:
                    stack.enter_context(answering(partial(answer_by, datadog)))
                check_report(datadog, other, job, name, times)


def check_report(datadog: FakeDatadog, other: FakeDatadog, job: str, name: str, times: int) -> None:
    """Check the report of an operator that meets a fault so many times."""
    ti = FakeTaskInstance()
    people = [datadog.add_user(f"person{number}@x.com") for number in range(5)]
    holders = {"assign": people[:1], "assign and read first": people[:1], "sync": people[:3]}.get(job, people[1:])
    for person in holders:
        datadog.give_seat(PRODUCT, person)
    arguments: dict[str, Any] = {"task_id": "task", "product_code": PRODUCT}
    operator: Any
    if job == "sync":
        operator = SyncSeatsOperator(**arguments, user_uuids=people[2:], max_unassign=5)
    elif job.startswith("assign"):
        operator = AssignSeatsOperator(**arguments, user_uuids=people, read_seats_first="read first" in job)
    else:
        emails = [f"person{number}@x.com" for number in range(5)]
        given: dict[str, Any] = {"user_emails": emails} if "email" in job else {"user_uuids": people}
        operator = UnassignSeatsOperator(**arguments, **given)
    before = datadog.holders(PRODUCT)
    for operation in ("assign", "unassign"):
        script(datadog, other, operation, CASES[name].fault, times)
    try:
        with mock.patch.object(seat_change, "BATCH_SIZE", 2):
            report = operator.execute({"ti": ti})
    except (AirflowFailException, DatadogSeatsError):
        report = ti.pushed["return_value"]
    after = datadog.holders(PRODUCT)
    groups = {
        list_name: {person["id"] or datadog.user_uuid(person["email"]) for person in report[list_name]}
        for list_name in KINDS
    }
    # A sync only counts the people who already match.
    matching = people[2:3] if job == "sync" else []
    assert sorted((*matching, *(each for group in groups.values() for each in group))) == sorted(people)
    assert groups["assigned"] <= after
    assert not groups["unassigned"] & after
    assert all(
        (each in before) == (each in after) for each in (*groups["unchanged"], *groups["refused"], *groups["not_done"])
    )
    if report["seats_before"] is not None:
        assert groups["assigned"] == after - before
        assert groups["unassigned"] == before - after
    assert not groups["unknown"]


def run(world: World, flow: Flow[Any]) -> tuple[Any, DatadogSeatsError | None]:
    """Serve a flow. Return its result and its error, which must be one of the package."""
    try:
        result = world.serve(flow)
    except DatadogSeatsError as error:
        return None, error
    return result, result.error if isinstance(result, Outcome) else None


def assert_exact(
    datadog: FakeDatadog, operation: str, people: list[str], before: set[str], result: Outcome | None
) -> None:
    """Check that everyone requested is in one group of the outcome, and that the seats match it."""
    if operation not in WRITES:
        assert datadog.holders(PRODUCT) == before
        return
    assert result is not None
    groups = [*result.done, *result.refused, *result.unknown, *result.not_done]
    assert sorted(groups) == sorted(people)
    holders = datadog.holders(PRODUCT)
    assert all((each in holders) == (operation == "assign") for each in result.done)
    assert all((each in holders) == (each in before) for each in (*result.refused, *result.not_done))


@pytest.mark.parametrize("staged", SERVED, indirect=True)
def test_a_refused_connection_is_a_transient_error(world: World, datadog: FakeDatadog) -> None:
    """A refused connection raises a transient error that says so, and changes nothing."""
    people = prepare(datadog, "assign")
    datadog._server.end()
    for operation, (_, _, flow) in OPERATIONS.items():
        result, error = run(world, flow(people))
        assert isinstance(error, UnavailableError | SeatsUnknownError)
        assert error.transient
        assert "ConnectionRefusedError" in str(error), operation
        assert result is None or set(result.unknown) | set(result.not_done) == set(people)


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("body", [{"status": "log in first"}, {}, {"data": {}}])
def test_a_success_that_confirms_nothing_is_read_back(
    datadog: FakeDatadog, world: World, operation: str, body: object
) -> None:
    """After a success that confirms nothing, the outcome states what the seat list shows."""
    people = prepare(datadog, operation)
    before = datadog.holders(PRODUCT)
    datadog.script(OPERATIONS[operation].method, SEATS, Fault(200, body))
    result, _ = run(world, OPERATIONS[operation].flow(people))
    assert_exact(datadog, operation, people, before, result)
    assert all("accepted" in detail for detail in result.refused.values())


@pytest.mark.parametrize("rows", [[], ["a"], ["a", "b"]])
def test_a_repeated_cursor_is_an_error(datadog: FakeDatadog, world: World, rows: list[str]) -> None:
    """A list whose cursor repeats raises an error after a few calls and is never returned in part."""
    page = {"data": [{"id": row, "attributes": {}} for row in rows], "meta": {"next_cursor": "again"}}
    datadog.script("GET", SEATS, *[Fault(200, page)] * 50)
    _, error = run(world, list_seat_users(PRODUCT))
    assert isinstance(error, UnavailableError)
    assert len(datadog.calls()) <= 5


def test_unknown_fields_and_nulls_are_accepted(datadog: FakeDatadog, world: World) -> None:
    """Unknown fields of a row are ignored, and missing ones are None."""
    row = {"type": "new", "id": uuid("a").upper(), "attributes": {"email": None, "new": [1], "name": None}, "links": {}}
    bare = {"id": None, "attributes": None}
    page = {"data": [row, bare], "meta": {"next_cursor": None, "new": 1}, "included": [], "links": None}
    datadog.script("GET", SEATS, Fault(200, page, {"Content-Type": "text/plain"}))
    users, error = run(world, list_seat_users(PRODUCT))
    assert error is None
    assert [tuple(user) for user in users] == [(uuid("a"), None, None, None), (None, None, None, None)]


@pytest.mark.parametrize("since", [0, 1970])
def test_a_rate_limit_longer_than_the_bound_raises_the_seconds_to_wait(
    datadog: FakeDatadog, world: World, since: int
) -> None:
    """A rate limit that lasts longer than a call may wait raises its seconds at once."""
    reset = 900 + (time.time() if since else 0)
    datadog.script("GET", SEATS, *[Fault(429, headers={"X-RateLimit-Reset": f"{reset:.0f}"})] * 9)
    _, error = run(world, list_seat_users(PRODUCT))
    assert isinstance(error, RateLimitError)
    assert error.retry_after == pytest.approx(900, abs=30)
    assert "in 9" in str(error) or "in 8" in str(error)
    assert world.waited == []
    assert len(datadog.calls()) == 1


@pytest.mark.parametrize("staged", ["worker"], indirect=True)
def test_a_client_never_exceeds_a_stated_rate_limit(datadog: FakeDatadog) -> None:
    """A client waits for a used-up rate limit to reset instead of provoking a 429, also for calls side by side."""
    datadog.rate_limit = (5, 1.0)
    for number in range(30):
        datadog.add_user(f"user{number}@x.com", seat=PRODUCT)
    with SharedClock().client(datadog) as client:
        client.run(find_users([f"user{number}@x.com" for number in range(4)]))
        for _ in range(7):
            client.run(list_seat_users(PRODUCT))
    assert {each.status for each in datadog.calls()} == {HTTPStatus.OK}
