"""No key and no password of a proxy is in a variable of a frame, or in an object to which one leads."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dill  # type: ignore[import-untyped]
import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats._connect import read_connection
from airflow_provider_seats._planning.stored import pack
from airflow_provider_seats._secrets import Secret, airflow_reads_a_connection, sealed
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import DatadogSeatsError
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AssignSeatsOperator, AuditSeatsOperator, SyncSeatsOperator
from airflow_provider_seats.rosters import read_roster
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from airflow_provider_seats.triggers import SeatUsersTrigger
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.drip import Drip
from tests.helpers.frames import chain, places_of
from tests.helpers.tls import serve_with_tls

API_KEY, APP_KEY, PROXY_PASSWORD = "api0key1" * 4, "app2key3" * 5, "proxy4password"
SECRETS = {"API key": API_KEY, "application key": APP_KEY, "password of the proxy": PROXY_PASSWORD}
ANN = "11111111-1111-1111-1111-111111111111"
ECHO = f"you sent DD-API-KEY: {API_KEY} and {APP_KEY}"


def set_connection(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Set the default connection."""
    extra = {"api_key": API_KEY, "timeout": 5, **fields.pop("extra", {})}
    connection = {"conn_type": "datadog_seats", "password": APP_KEY, "extra": extra, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps(connection))


@pytest.fixture
def datadog(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDatadog]:
    """Start a FakeDatadog with long keys, and make it the default connection."""
    with FakeDatadog(api_key=API_KEY, app_key=APP_KEY) as fake:
        set_connection(monkeypatch, host=fake.url)
        yield fake


def list_users() -> object:
    """Call a method of the hook."""
    return DatadogSeatsHook().list_seat_users(PRODUCT)


def assign() -> object:
    """Run an operator that writes."""
    return AssignSeatsOperator(task_id="t", product_code=PRODUCT, user_uuids=[ANN]).execute(
        {"ti": FakeTaskInstance()}  # type: ignore[typeddict-item]
    )


def sync() -> object:
    """Run an operator that reads several lists side by side."""
    emails = [f"person{number}@example.com" for number in range(3)]
    return SyncSeatsOperator(task_id="t", product_code=PRODUCT, user_emails=emails).execute(
        {"ti": FakeTaskInstance()}  # type: ignore[typeddict-item]
    )


def audit() -> object:
    """Run the audit."""
    return AuditSeatsOperator(task_id="t", product_code=PRODUCT, status=True).execute(
        {"ti": FakeTaskInstance()}  # type: ignore[typeddict-item]
    )


def on_a_loop() -> object:
    """Run a flow on an event loop."""
    from airflow_provider_seats._api.users import find_users

    async def main() -> object:
        from airflow_provider_seats._api.client import Client

        return await Client(await read_connection("datadog_default")).arun(find_users(["a@x.com", "b@x.com"]))

    return asyncio.run(main())


def poke() -> object:
    """Poke with a sensor. A transient error is no error of a poke."""
    SeatUsersSensor(task_id="t", product_code=PRODUCT, user_uuids=[ANN]).poke({})
    return list_users()


CALLS = pytest.mark.parametrize("call", [list_users, assign, sync, audit, on_a_loop, poke])


def error_of(call: Callable[[], object]) -> BaseException:
    """Return the error of a call. Its message says what happened."""
    with pytest.raises((DatadogSeatsError, AirflowFailException)) as caught:
        call()
    return caught.value


@CALLS
@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(lost="before"),
        Fault(lost="during"),
        Fault(401, {"errors": [ECHO]}),
        Fault(403, {"errors": [{"title": "no", "detail": ECHO}]}),
        Fault(422, {"errors": [ECHO]}, {"X-Echo": API_KEY}),
        Fault(429, ECHO, {"X-RateLimit-Reset": "1000"}),
        Fault(500, ECHO),
        Fault(302, headers={"Location": f"https://x.example/?k={API_KEY}"}),
        Fault(200, f"<html>{ECHO}</html>"),
        Fault(200, {"data": [{"id": 7, "note": ECHO}]}),
        Fault(201, {"data": {"attributes": {"assigned_ids": 1}, "note": ECHO}}),
    ],
)
def test_no_frame_has_a_key_after_a_fault(call: Callable[[], object], fault: Fault, datadog: FakeDatadog) -> None:
    """After a fault, or an answer that repeats the keys, no frame leads to a key."""
    datadog.add_user("someone@example.com", seat=PRODUCT)
    for method, path in (("GET", SEATS), ("POST", SEATS), ("GET", "/api/v2/users")):
        datadog.script(method, path, *[fault] * 40)
    assert places_of(SECRETS, error_of(call)) == []


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("call", [list_users, assign, sync, audit])
def test_no_frame_has_a_key_that_came_back_as_data(call: Callable[[], object], datadog: FakeDatadog) -> None:
    """If an answer has a key where people and cursors belong, the key becomes no person and no cursor."""
    row = {"id": ANN, "type": "seat-users", "attributes": {"email": API_KEY, "name": ECHO}}
    rows = {"data": [row], "meta": {"cursor": APP_KEY, "next_cursor": APP_KEY}}
    users = {"data": [{"id": APP_KEY, "attributes": {"email": API_KEY}}], "meta": {"page": {"total_count": 3}}}
    datadog.script("GET", SEATS, *[Fault(200, rows)] * 40)
    datadog.script("GET", "/api/v2/users", *[Fault(200, users)] * 40)
    datadog.script("POST", SEATS, *[Fault(201, {"data": {"attributes": {"assigned_ids": [APP_KEY]}}})] * 40)
    assert places_of(SECRETS, error_of(call)) == []


@CALLS
@pytest.mark.usefixtures("no_waits")
def test_no_frame_has_a_key_after_a_refused_connection(
    call: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nobody listens, no frame leads to a key, and the error has none of the libraries behind it."""
    with FakeDatadog() as gone:
        set_connection(monkeypatch, host=gone.url)
    error = error_of(call)
    assert places_of(SECRETS, error) == []
    assert all(isinstance(each, DatadogSeatsError | AirflowFailException) for each in chain(error))


@CALLS
@pytest.mark.usefixtures("no_waits")
def test_no_frame_has_a_key_after_a_rejected_certificate(
    call: Callable[[], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the certificate is rejected, no frame leads to a key."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve_with_tls(tmp_path) as (_, url, _):
        set_connection(monkeypatch, host=url)
        assert places_of(SECRETS, error_of(call)) == []


@CALLS
@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("answer", [None, f"HTTP/1.1 407 {PROXY_PASSWORD} is wrong\r\n\r\n", PROXY_PASSWORD])
def test_no_frame_has_the_password_of_a_proxy(
    call: Callable[[], object], answer: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a proxy fails, no frame leads to its password."""
    port = 1
    if answer is not None:
        drip = Drip(answer.encode())
        drip.start()
        port = int(drip.url.rpartition(":")[2])
    monkeypatch.setenv("https_proxy", f"http://someone:{PROXY_PASSWORD}@127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "")
    set_connection(monkeypatch, host="https://api.datadoghq.invalid")
    assert places_of(SECRETS, error_of(call)) == []


def test_no_frame_has_the_password_of_a_proxy_after_a_roster_was_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A roster at a web address is read through the proxy, too."""
    monkeypatch.setenv("https_proxy", f"http://someone:{PROXY_PASSWORD}@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    error = error_of(lambda: read_roster("https://hr.invalid/roster.csv", column="email"))
    assert "Check the URL" in str(error)
    assert places_of(SECRETS, error) == []


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    "answer",
    [
        f"{APP_KEY} is no status line\r\n\r\n",
        f"HTTP/1.1 200 OK\r\n{API_KEY} is no header\r\n\r\n{ECHO}",
        f"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{ECHO}",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{APP_KEY}\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(ECHO)}\r\n\r\n{ECHO}",
        f"HTTP/1.1 {API_KEY}\r\n\r\n",
    ],
)
@pytest.mark.parametrize("call", [list_users, assign])
def test_no_frame_has_a_key_after_a_malformed_answer(
    call: Callable[[], object], answer: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If an answer that repeats a key is malformed or cut, no frame leads to a key, and no library logs it."""
    caplog.set_level("DEBUG")
    drip = Drip(answer.encode())
    drip.start()
    set_connection(monkeypatch, host=drip.url)
    error = error_of(call)
    drip.join()
    assert places_of(SECRETS, error) == []
    assert not [name for name, secret in SECRETS.items() if secret in f"{error} {caplog.text}"]


INVALID = [
    {"host": f"https://someone:{APP_KEY}@proxy.example.com"},
    {"host": "http://proxy.example.com"},
    {"host": f"https://[{APP_KEY}"},
    {"host": f"https://proxy.example.com/?key={API_KEY}"},
    {"password": f"{APP_KEY} {APP_KEY}"},
    {"password": ""},
    {"password": "****"},
    {"port": 99_999, "host": "proxy.example.com"},
    {"extra": {"api_key": [API_KEY]}},
    {"extra": {"api_key": f"{API_KEY}\u00fc"}},
    {"extra": {"site": API_KEY}},
    {"extra": {"timeout": "soon"}},
    {"extra": {"timeout": API_KEY}},
    {"conn_type": "datadog", "password": "", "extra": {"app_key": f"{APP_KEY} x"}},
    {"conn_type": "datadog", "extra": {"api_host": f"https://x:{APP_KEY}@example.com"}},
]


@pytest.mark.parametrize("fields", INVALID)
@pytest.mark.parametrize("call", [list_users, assign, on_a_loop])
def test_no_frame_has_a_key_after_an_invalid_connection(
    call: Callable[[], object], fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a field of the connection cannot be used, no frame leads to a key."""
    set_connection(monkeypatch, **fields)
    error = error_of(call)
    assert places_of(SECRETS, error) == []
    assert API_KEY not in str(error)
    assert APP_KEY not in str(error)


@pytest.mark.parametrize(
    "definition",
    [
        f"datadog-seats://:{APP_KEY}@h:port/https?api_key={API_KEY}",
        f"datadog_seats://:{APP_KEY}@/?api_key={API_KEY}&site=datadoghq.eu",
        f"https://a://b://{APP_KEY}",
        f'{{"conn_type": "datadog_seats", "password": "{APP_KEY}"',
        json.dumps({"conn_type": "datadog_seats", "password": APP_KEY, "extra": f"api_key={API_KEY}"}),
        json.dumps({"conn_type": "datadog_seats", "password": APP_KEY, "extra": f'["{API_KEY}"]'}),
        json.dumps({"conn_type": "datadog_seats", "password": APP_KEY, "port": API_KEY}),
        json.dumps({"conn_type": "datadog_seats", "password": APP_KEY, "pasword": API_KEY}),
    ],
)
@pytest.mark.parametrize("call", [list_users, assign, on_a_loop])
def test_no_frame_has_a_key_if_airflow_cannot_read_the_connection(
    call: Callable[[], object], definition: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If Airflow cannot read what a variable defines, no frame leads to a key, also of an error that Airflow logs."""
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", definition)
    # Before 3.1, Airflow looks into its database next, which these tests have not created.
    with pytest.raises(Exception) as caught:  # noqa: PT011 (also the error of a database)
        call()
    assert places_of(SECRETS, caught.value) == []
    for record in caplog.records:
        if record.exc_info and record.exc_info[1] and "JSON" in type(record.exc_info[1]).__name__:
            assert places_of(SECRETS, record.exc_info[1]) == []


def test_airflow_logs_other_errors_of_a_connection_as_before(caplog: pytest.LogCaptureFixture) -> None:
    """While a connection is read, only an error of parsing is logged without its frames."""
    log = logging.getLogger("airflow.models.connection")
    for kind, kept in ((json.JSONDecodeError("no", "{", 1), False), (OSError("vault"), True)):
        caplog.clear()
        with airflow_reads_a_connection():
            log.error("failed", exc_info=kind)
        assert [record.exc_info is not None for record in caplog.records] == [kept]
    log.error("failed", exc_info=ValueError("later"))
    assert caplog.records[-1].exc_info is not None


def test_no_frame_has_a_key_after_a_parsed_connection_failed() -> None:
    """An error of ``DatadogConnection.parse`` has no key in its own frames, if it is called as the hook does."""
    with pytest.raises(DatadogSeatsError) as caught, sealed:
        DatadogConnection.parse(conn_id="c", password=f"{APP_KEY} x", extra={"api_key": API_KEY})
    assert places_of(SECRETS, caught.value) == []


class Interruption(BaseException):
    """What Airflow raises from a signal, such as a time-out of the task."""


@contextmanager
def interrupted(seconds: float) -> Iterator[None]:
    """Raise an interruption from a signal after some time."""

    def handle(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("call", [list_users, assign])
def test_no_frame_has_a_key_after_an_interruption(call: Callable[[], object], datadog: FakeDatadog) -> None:
    """If a time-out of the task interrupts an exchange, no frame leads to a key."""
    for method in ("GET", "POST"):
        datadog.script(method, SEATS, Fault(delay=3))
    started = time.monotonic()
    # A signal needs real time. Without the interruption, the call takes three seconds.
    with pytest.raises(Interruption) as caught, interrupted(0.3):
        call()
    assert time.monotonic() - started < 2
    assert places_of(SECRETS, caught.value) == []


@pytest.mark.usefixtures("no_waits")
def test_no_frame_has_a_key_after_a_deferred_sensor(datadog: FakeDatadog) -> None:
    """Neither the event of a trigger nor the error that the sensor raises from it leads to a key."""
    datadog.script("GET", SEATS, *[Fault(401, {"errors": [ECHO]})] * 5)
    trigger = SeatUsersTrigger(
        product_code=PRODUCT, people=pack({}, [[ANN], []]), state="assigned", require="all",
        datadog_conn_id="datadog_default", poll_interval=1, timeout_at=time.time() + 60, execution_timeout_at=None,
    )  # fmt: skip

    async def fire() -> Any:
        return await anext(trigger.run())

    event = asyncio.run(fire()).payload
    assert event["error"] == "KeysRefusedError"
    assert not [secret for secret in SECRETS.values() if secret in json.dumps(event)]
    sensor = SeatUsersSensor(task_id="t", product_code=PRODUCT, user_uuids=[ANN])
    error = error_of(lambda: sensor.execute_complete({}, event))
    assert places_of(SECRETS, error) == []


def test_the_search_finds_a_secret_in_a_variable_an_attribute_and_a_container() -> None:
    """The search of these tests finds what it should."""
    from tests.samples.leaks import leak

    for how in ("variable", "attribute", "slot", "container", "cause", "context", "generator"):
        with pytest.raises(ValueError, match="leak") as caught:
            leak(how, API_KEY)
        assert places_of(SECRETS, caught.value), how


def test_a_secret_shows_only_when_it_is_revealed() -> None:
    """A secret has no representation and no attribute with its text, and equals a secret with the same text."""
    secret = Secret(API_KEY)
    assert secret.reveal() == API_KEY
    assert API_KEY not in f"{secret!r} {secret} {[secret]}"
    assert secret == Secret(API_KEY)
    assert secret not in {Secret(APP_KEY), API_KEY}
    assert hash(secret) == hash(Secret(API_KEY))


@pytest.mark.parametrize("dump", [pickle.dumps, dill.dumps])
def test_a_client_cannot_be_pickled(dump: Callable[[object], bytes], datadog: FakeDatadog) -> None:
    """Neither pickle nor dill, which Airflow's tasks in other environments use, stores a key."""
    hook = DatadogSeatsHook()
    assert hook.list_seat_users(PRODUCT) == []
    for value in (hook, hook.get_conn(), hook.get_conn().connection):
        with pytest.raises(TypeError, match=r"Keys cannot be pickled\. Pass the id of the connection instead\."):
            dump(value)
    assert dump(DatadogSeatsHook())
    connection = copy.deepcopy(hook.get_conn().connection)
    assert connection == DatadogConnection(datadog.url, APP_KEY, API_KEY, 5)


def test_an_error_leaves_sealed_frames_behind() -> None:
    """An error that leaves the statement has no frame and no error of what was called inside it."""

    def inner(key: str) -> None:
        try:
            key.encode().decode("utf-16")
            int(key)
        except ValueError as error:
            raise ValueError("known") from error

    with pytest.raises(ValueError, match="known") as caught, sealed:
        inner(API_KEY)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "inner" not in [entry.name for entry in caught.traceback]
