"""The client: what goes over the wire, in a worker and on an event loop, and where nothing goes."""

from __future__ import annotations

import asyncio
import gzip
import logging
import queue
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests
import requests_mock as requests_mock_module

from airflow_provider_seats import __version__
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import (
    Flow,
    MisdirectedError,
    NoAnswer,
    Pause,
    RateLimitedError,
    Request,
    Together,
    UnavailableError,
    call,
)
from airflow_provider_seats._api.seats import assign_seats, list_seat_users
from airflow_provider_seats._api.transport import BoundedAdapter
from airflow_provider_seats._api.users import check_keys, find_users
from airflow_provider_seats.connection import DatadogConnection, DatadogSeatsError
from airflow_provider_seats.testing import API_KEY, APP_KEY, SEATS, USERS, VALIDATE_KEYS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.clocks import SharedClock

# The seconds after which a test that hangs fails; nothing waits for them to pass.
LONGEST = 20.0
Serve = Callable[[Client, Flow[Any]], Any]
both_worlds = pytest.mark.parametrize(
    "serve",
    [
        pytest.param(lambda client, flow: client.run(flow), id="worker"),
        pytest.param(lambda client, flow: asyncio.run(client.arun(flow)), id="event-loop"),
    ],
)


def connection(url: str, timeout: float = 5) -> DatadogConnection:
    """Make a connection with the keys of a FakeDatadog."""
    return DatadogConnection(base_url=url, app_key=APP_KEY, api_key=API_KEY, timeout=timeout)


class Waits:
    """Takes no time, and keeps how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, _: threading.Event, seconds: float) -> None:
        """Wait in a worker."""
        self.seconds.append(seconds)

    async def on_loop(self, seconds: float) -> None:
        """Wait on an event loop."""
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    """Give waits that take no time."""
    return Waits()


@pytest.fixture
def client(datadog: FakeDatadog, waits: Waits) -> Client:
    """Give a client of the FakeDatadog that does not really wait."""
    return Client(connection(datadog.url), sleep=waits, async_sleep=waits.on_loop)


@both_worlds
def test_a_flow_is_served_alike_in_both_worlds(serve: Serve, client: Client, datadog: FakeDatadog) -> None:
    """Requests, pages and batches give the same result."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(230)]
    assert serve(client, assign_seats(PRODUCT, people)).done == tuple(people)
    assert len(serve(client, list_seat_users(PRODUCT))) == 230
    assert [received.method for received in datadog.calls()] == ["POST"] * 3 + ["GET"] * 3


@both_worlds
def test_a_request_carries_both_keys_and_says_who_asks(serve: Serve, client: Client, datadog: FakeDatadog) -> None:
    """Keys go in headers, and the address and query are as the flow said."""
    datadog.add_user("a+b@x.com")
    assert serve(client, find_users(["a+b@x.com"]))
    sent = datadog.calls()[0]
    assert (sent.headers["dd-api-key"], sent.headers["dd-application-key"]) == (API_KEY, APP_KEY)
    assert sent.headers["user-agent"] == f"airflow-provider-seats/{__version__}"
    assert sent.query["filter"] == "a+b@x.com"


def test_a_token_goes_alone() -> None:
    """With an access token there is no API key to send."""
    with FakeDatadog(app_key="ddpat_1") as datadog:
        client = Client(DatadogConnection(base_url=datadog.url, app_key="ddpat_1", api_key=None))
        assert client.run(list_seat_users(PRODUCT)) == ()
        assert "dd-api-key" not in datadog.calls()[0].headers


@both_worlds
def test_waits_are_as_long_as_asked_with_a_little_spread(
    serve: Serve, client: Client, datadog: FakeDatadog, waits: Waits, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says what for."""
    datadog.script("GET", SEATS, Fault(503, {"errors": ["down"]}))
    with caplog.at_level(logging.INFO):
        assert serve(client, list_seat_users(PRODUCT)) == ()
    assert [round(seconds) for seconds in waits.seconds] == [1]
    assert waits.seconds[0] >= 1
    assert "down" in caplog.text


@both_worlds
@pytest.mark.parametrize("lost", ["before", "during", "after"])
def test_a_lost_connection_is_no_answer(serve: Serve, client: Client, datadog: FakeDatadog, lost: Any) -> None:
    """Whether it is lost before, during or after the answer, reading goes on and a write is settled by the list."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, Fault(lost=lost))
    datadog.script("POST", SEATS, Fault(lost=lost))
    assert serve(client, assign_seats(PRODUCT, [ann])).done == (ann,)
    assert datadog.holders(PRODUCT) == {ann}
    assert len(datadog.calls("POST")) == (2 if lost == "before" else 1)


@both_worlds
def test_nobody_listening_is_a_passing_error(serve: Serve, waits: Waits) -> None:
    """The cause is attached."""
    with FakeDatadog() as datadog:
        url = datadog.url
    with pytest.raises(UnavailableError) as caught:
        serve(Client(connection(url), sleep=waits, async_sleep=waits.on_loop), check_keys())
    assert caught.value.passing
    assert caught.value.__cause__ is not None


def test_an_answer_that_takes_too_long_is_no_answer(datadog: FakeDatadog, waits: Waits) -> None:
    """The read time-out of the connection applies."""
    datadog.script("GET", VALIDATE_KEYS, Fault(delay=20))
    # The time-out is the socket's, which knows real time only. Without it, the answer takes 20 s.
    started = time.monotonic()
    Client(connection(datadog.url, timeout=0.2), sleep=waits).run(check_keys())
    assert time.monotonic() - started < 10


@both_worlds
@pytest.mark.parametrize("location", ["{other}/api/v2/seats/users", "//[::1", "ftp://x", "", "/api/v2/users"])
def test_redirects_are_not_followed(serve: Serve, client: Client, datadog: FakeDatadog, location: str) -> None:
    """A second host hears nothing, whatever the address in the redirect looks like."""
    with FakeDatadog() as other:
        datadog.script("GET", SEATS, Fault(302, headers={"Location": location.format(other=other.url)}))
        with pytest.raises(MisdirectedError):
            serve(client, list_seat_users(PRODUCT))
        assert other.calls() == []
        assert len(datadog.calls()) == 1


@both_worlds
@pytest.mark.parametrize(
    "fault",
    [
        Fault(422, {"errors": [f"bad key {API_KEY} or {APP_KEY}"]}),
        Fault(400, '{"errors": ["' + "".join(f"\\u{ord(letter):04x}" for letter in API_KEY) + '"]}'),
        Fault(200, f'{{"headers": {APP_KEY}'),
        Fault(200, {"data": [], "meta": {"next_cursor": APP_KEY}}),
        Fault(403, f"<html>{API_KEY}</html>"),
    ],
)
def test_keys_that_an_answer_repeats_stay_out_of_the_error(
    serve: Serve, client: Client, datadog: FakeDatadog, fault: Fault
) -> None:
    """Whatever a server says, and however it writes it, errors hold no key."""
    datadog.script("GET", SEATS, *[fault] * 5)
    with pytest.raises(DatadogSeatsError) as caught:
        serve(client, list_seat_users(PRODUCT))
    assert API_KEY not in str(caught.value)
    assert APP_KEY not in str(caught.value)


@pytest.mark.parametrize("write", [quote, quote_plus, escape, str.upper, lambda key: quote(key, safe="").lower()])
def test_keys_are_struck_out_however_a_server_writes_them(write: Callable[[str], str]) -> None:
    """As a URL, a page or a header would; a token may hold what these change."""
    api_key, app_key = "api/key+31=&%<", 'app/key+27="&$>'
    with FakeDatadog(api_key=api_key, app_key=app_key) as datadog:
        client = Client(DatadogConnection(datadog.url, app_key, api_key))
        datadog.script("GET", SEATS, Fault(422, {"errors": [f"bad {write(api_key)} or {write(app_key)}!"]}))
        with pytest.raises(DatadogSeatsError, match=r"bad \*\*\* or \*\*\*!"):
            client.run(list_seat_users(PRODUCT))


def test_a_key_at_the_end_of_what_is_read_of_a_page_is_not_cut_in_two() -> None:
    """A half of it would not be known any more."""
    api_key = "k" * 41
    with FakeDatadog(api_key=api_key) as datadog:
        client = Client(DatadogConnection(datadog.url, datadog.app_key, api_key))
        page = "x" + " " * (20_000 - 1 - 40) + api_key
        datadog.script("GET", SEATS, Fault(400, page))
        with pytest.raises(DatadogSeatsError) as caught:
            client.run(list_seat_users(PRODUCT))
    assert "kkk" not in str(caught.value)


@pytest.mark.parametrize("path", ["", "/p", "/a b", "/%7Ex", "/x/../y", "/\u00fc", "/p|q"])
def test_every_address_is_served_with_bounds(path: str) -> None:
    """Also one that is written otherwise when it is sent."""
    client = Client(connection(f"http://127.0.0.1:1{path}"))
    prepared = requests.Request("GET", f"{client.connection.base_url}/api").prepare()
    assert isinstance(client._session.get_adapter(str(prepared.url)), BoundedAdapter)


def test_an_answer_that_swells_when_it_is_unpacked_is_no_answer(client: Client, datadog: FakeDatadog) -> None:
    """Nobody asked for a compressed one, and a task has only so much memory, and with older libraries time."""
    bomb = gzip.compress(b" " * (80 * 1024 * 1024), 1)
    datadog.script("GET", SEATS, Fault(200, bomb, {"Content-Encoding": "gzip"}))
    answer = client._exchange(Request("GET", SEATS))
    assert isinstance(answer, NoAnswer)
    assert re.search(r"larger than|takes too long", answer.words)


def test_a_compressed_answer_is_read(client: Client, datadog: FakeDatadog) -> None:
    """A proxy may compress what was not asked to be."""
    page = gzip.compress(b'{"data": [{"id": "a", "attributes": {}}]}')
    datadog.script("GET", SEATS, Fault(200, page, {"Content-Encoding": "gzip"}))
    assert [user.id for user in client.run(list_seat_users(PRODUCT))] == ["a"]


def test_what_the_libraries_did_not_foresee_is_no_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a negative chunk: a write is settled by reading, and not lost in a foreign error."""

    def fails(*_: object, **__: object) -> None:
        raise ValueError("read length must be non-negative or -1")

    monkeypatch.setattr(client._session, "send", fails)
    with pytest.raises(UnavailableError, match="read length"):
        client.run(list_seat_users(PRODUCT))


@both_worlds
def test_long_work_says_how_far_it_is(serve: Serve, datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """Every ten seconds at most, and not at all if it is done by then; here each call takes four."""
    caplog.set_level(logging.INFO, "airflow_provider_seats")
    people = [datadog.add_user(f"person{number}@x.com") for number in range(950)]
    clock = iter(range(0, 10_000, 2))
    slow = Client(connection(datadog.url), clock=lambda: next(clock))
    serve(slow, assign_seats(PRODUCT, people))
    assert [record.message for record in caplog.records] == [
        "Still at it: 200 of 950 people are settled",
        "Still at it: 500 of 950 people are settled",
        "Still at it: 800 of 950 people are settled",
    ]
    caplog.clear()
    serve(slow, assign_seats(PRODUCT, [*people[:150], "00000000-0000-0000-0000-000000000000"]))
    assert len(caplog.records) > 3
    assert all("of 151 people are settled" in record.message for record in caplog.records)
    caplog.clear()
    serve(slow, list_seat_users(PRODUCT))
    assert caplog.records[0].message == f"Still at it: 200 seats of {PRODUCT} are read"
    caplog.clear()
    serve(slow, find_users([f"person{number}@x.com" for number in range(950)]))
    assert "pages of users are read" in caplog.text
    caplog.clear()
    serve(Client(connection(datadog.url)), list_seat_users(PRODUCT))
    assert caplog.records == []


def test_a_spent_limit_is_waited_out_rather_than_answered_with_a_429(monkeypatch: pytest.MonkeyPatch) -> None:
    """A polite client sees no 429 of its own making."""
    with FakeDatadog(rate_limit=(2, 1)) as datadog:
        for number in range(450):
            datadog.add_user(f"{number}@x.com", seat=PRODUCT)
        client = SharedClock().client(datadog, monkeypatch)
        assert len(client.run(list_seat_users(PRODUCT))) == 450
        assert [received.status for received in datadog.calls()] == [200] * 5


def test_look_ups_side_by_side_keep_to_the_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads share what one of them was told."""
    with FakeDatadog(rate_limit=(5, 1)) as datadog:
        emails = [f"u{number}@x.com" for number in range(13)]
        for email in emails:
            datadog.add_user(email)
        for number in range(3000):
            datadog.add_user(f"other{number}@y.com")
        assert len(SharedClock().client(datadog, monkeypatch).run(find_users(emails))) == 13
        assert {received.status for received in datadog.calls()} == {200}
        assert len(datadog.calls("GET", USERS)) == 13


def test_a_limit_outlives_the_flow_that_was_told_of_it(client: Client, datadog: FakeDatadog) -> None:
    """The next flow does not begin with a call that would be refused."""
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "500"}
    datadog.script("GET", SEATS, Fault(200, {"data": []}, headers=spent))
    client.run(list_seat_users(PRODUCT))
    with pytest.raises(RateLimitedError) as caught:
        client.run(list_seat_users(PRODUCT))
    assert 498 < caught.value.retry_after <= 500  # type: ignore[operator]
    assert len(datadog.calls()) == 1


# --- side by side ---


def _waiting(begun: list[int], number: int, error: Exception | None = None) -> Flow[int]:
    begun.append(number)
    yield Pause(0, "turn")
    if error is not None:
        raise error
    return number


@both_worlds
def test_flows_side_by_side_give_their_results_in_order(serve: Serve, client: Client) -> None:
    """However many there are."""

    def flow() -> Flow[list[int]]:
        results: list[int] = yield Together([_waiting([], number) for number in range(50)])
        return results

    assert serve(client, flow()) == list(range(50))


@both_worlds
def test_the_first_error_stops_those_not_begun_and_reaches_the_flow(serve: Serve, client: Client) -> None:
    """A flow may handle it; those that ran have ended."""
    begun: list[int] = []

    def flow() -> Flow[str]:
        flows = [_waiting(begun, number, ValueError("third") if number == 2 else None) for number in range(500)]
        try:
            yield Together(flows)
        except ValueError as error:
            return f"handled {error}"
        return "not told"

    assert serve(client, flow()) == "handled third"
    assert 3 <= len(begun) < 500


@both_worlds
def test_flows_run_at_the_same_time(serve: Serve, datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight calls are under way before the first of them is answered."""
    everyone = threading.Barrier(8)
    respond = datadog._server.respond

    def meet(request: Any) -> Any:
        everyone.wait(LONGEST)
        return respond(request)

    monkeypatch.setattr(datadog._server, "respond", meet)

    def flow() -> Flow[None]:
        yield Together([call(Request("GET", USERS), lambda _: None) for _ in range(8)])

    serve(Client(connection(datadog.url, timeout=LONGEST)), flow())
    assert len(datadog.calls()) == 8


def test_the_loop_is_free_while_a_request_is_under_way(datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are in threads of the client's own, not in the loop's."""
    under_way, ticked = threading.Event(), threading.Event()
    respond = datadog._server.respond

    def linger(request: Any) -> Any:
        under_way.set()
        assert ticked.wait(LONGEST)
        return respond(request)

    monkeypatch.setattr(datadog._server, "respond", linger)
    threads: set[str] = set()

    async def both() -> None:
        task = asyncio.create_task(Client(connection(datadog.url, timeout=LONGEST)).arun(check_keys()))
        assert await asyncio.to_thread(under_way.wait, LONGEST)
        for _ in range(10):
            threads.update(thread.name for thread in threading.enumerate())
            await asyncio.sleep(0)
        assert not task.done()
        ticked.set()
        await task

    asyncio.run(both())
    assert any(name.startswith("datadog-seats") for name in threads)


def test_a_cancelled_flow_is_closed(client: Client) -> None:
    """What a flow holds is let go when its task is cancelled."""
    closed = threading.Event()

    def flow() -> Flow[None]:
        try:
            yield Pause(60, "long")
        finally:
            closed.set()

    async def cancel() -> None:
        waits = asyncio.Event()

        async def wait(_: float) -> None:
            waits.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(Client(client.connection, async_sleep=wait).arun(flow()))
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert closed.is_set()


@pytest.fixture
def mocked() -> Iterator[requests_mock_module.Mocker]:
    """Answer in the place of any host."""
    with requests_mock_module.Mocker() as mocker:
        yield mocker


def test_requests_mock_takes_the_place_of_datadog(mocked: requests_mock_module.Mocker) -> None:
    """Users who test with requests-mock can go on doing so."""
    mocked.get("https://api.datadoghq.eu/api/v2/validate_keys", json={"status": "ok"})
    Client(connection("https://api.datadoghq.eu")).run(check_keys())
    assert mocked.last_request is not None
    assert mocked.last_request.headers["DD-API-KEY"] == API_KEY


def test_environment_proxies_are_honoured_for_https_only(monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog) -> None:
    """Plain HTTP is for this machine, so that its keys must not go through a proxy on another."""
    with FakeDatadog() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        Client(connection(datadog.url)).run(check_keys())
        assert (len(datadog.calls()), proxy.calls()) == (1, [])
        client = Client(connection("https://api.datadoghq.invalid"), sleep=Waits())
        with pytest.raises(UnavailableError, match=r"api\.datadoghq\.invalid"):
            client.run(check_keys())
        assert client._environment["proxies"]["https"] == proxy.url


class Drip(threading.Thread):
    """Answers one connection byte by byte, after a beginning, until it is lost or a bound is reached."""

    def __init__(self, beginning: bytes, piece: bytes) -> None:
        super().__init__(daemon=True)
        self.beginning, self.piece = beginning, piece
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        """Serve, for ten seconds at most; what drips does so in real time, since sockets know no other."""
        with self.listener, suppress(OSError):
            self.listener.settimeout(5)
            connected, _ = self.listener.accept()
            with connected:
                connected.recv(65_536)
                connected.sendall(self.beginning)
                for _ in range(100 if self.piece else 0):
                    connected.sendall(self.piece)
                    time.sleep(0.1)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_the_time_out_is_that_of_the_whole_answer(beginning: bytes, piece: bytes) -> None:
    """A server that sends a byte now and then is not waited for without end."""
    drip = Drip(beginning, piece)
    drip.start()
    # The time-out is the socket's, which knows real time only. Without a bound on the whole, the answer takes 10 s.
    started = time.monotonic()
    answer = Client(connection(drip.url, timeout=0.3))._exchange(Request("GET", "/"))
    assert isinstance(answer, NoAnswer)
    assert 0.2 < time.monotonic() - started < 5
    drip.join()


def test_an_answer_without_end_is_no_answer(monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog) -> None:
    """The size of an answer is bounded."""
    monkeypatch.setattr("airflow_provider_seats._api.transport._LARGEST_ANSWER", 100_000)
    datadog.script("GET", SEATS, Fault(200, "x" * 200_000))
    answer = Client(connection(datadog.url))._exchange(Request("GET", SEATS))
    assert isinstance(answer, NoAnswer)
    assert "larger" in answer.words


def test_an_interrupted_task_does_not_wait_for_look_ups_side_by_side(datadog: FakeDatadog) -> None:
    """A time-out of the task comes through, however long the others still mean to wait; they are told to end."""
    here = threading.get_ident()
    all_wait = threading.Barrier(4, action=lambda: signal.pthread_kill(here, signal.SIGALRM))
    ends, released = queue.SimpleQueue[bool](), threading.Event()

    class TimeUpError(BaseException):
        pass

    def ring(*_: object) -> None:
        raise TimeUpError

    def flow() -> Flow[None]:
        yield Together([_pausing(3600) for _ in range(4)])

    def wait(abandoned: threading.Event, _: float) -> None:
        all_wait.wait(LONGEST)
        # Until the task has ended, nothing lets these four go.
        assert released.wait(LONGEST)
        ends.put(abandoned.is_set())

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(TimeUpError):
            Client(connection(datadog.url), sleep=wait).run(flow())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ends.empty()
    released.set()
    assert [ends.get(timeout=LONGEST) for _ in range(4)] == [True] * 4


def _pausing(seconds: float) -> Flow[None]:
    yield Pause(seconds, "long")


def test_a_key_that_an_answer_happens_to_hold_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are read as they came; only the words of errors have keys struck out."""
    with FakeDatadog(app_key="exam", api_key="data") as datadog:
        ann = datadog.add_user("ann@example.com", seat=PRODUCT)
        found = Client(DatadogConnection(datadog.url, "exam", "data")).run(list_seat_users(PRODUCT))
        assert [(user.id, user.email) for user in found] == [(ann, "ann@example.com")]


def test_keys_that_come_back_in_a_redirect_or_a_broken_answer_are_struck_out(datadog: FakeDatadog) -> None:
    """Neither the error nor what led to it repeats a key."""
    datadog.script("GET", SEATS, Fault(302, headers={"Location": f"https://x.example/?k={API_KEY}"}))
    with pytest.raises(MisdirectedError) as caught:
        Client(connection(datadog.url)).run(list_seat_users(PRODUCT))
    assert API_KEY not in str(caught.value)
    drip = Drip(f"{APP_KEY} is no status line\r\n\r\n".encode(), b"")
    drip.start()
    answer = Client(connection(drip.url))._exchange(Request("GET", "/"))
    assert isinstance(answer, NoAnswer)
    assert APP_KEY not in f"{answer.words} {answer.cause!r} {answer.cause.__context__!r}"
    drip.join()


def test_credentials_of_a_netrc_are_not_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, datadog: FakeDatadog, client: Client
) -> None:
    """Only the connection's own keys go out."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(netrc))
    client.run(check_keys())
    assert "authorization" not in datadog.calls()[0].headers
