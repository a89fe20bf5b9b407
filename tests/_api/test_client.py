"""The client: what it sends, in a worker and on an event loop, and what it does not."""

from __future__ import annotations

import asyncio
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest
import requests
import requests_mock as requests_mock_module

from airflow_provider_seats import __version__
from airflow_provider_seats._api.client import Client, make_client
from airflow_provider_seats._api.clock import Clock, install
from airflow_provider_seats._api.flow import Flow, Gather, NoAnswer, Pause, Request, Response, call
from airflow_provider_seats._api.seat_change import assign_seats
from airflow_provider_seats._api.seats import list_seat_users
from airflow_provider_seats._api.users import check_keys, find_users
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import (
    CertificateError,
    DatadogSeatsError,
    RateLimitError,
    RedirectError,
    UnavailableError,
)
from airflow_provider_seats.testing import API_KEY, APP_KEY, SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.clients import answering
from tests.helpers.clocks import FakeClock, SharedClock, installed
from tests.helpers.drip import Drip
from tests.helpers.tls import serve_with_tls

# The seconds after which a test that hangs fails. Nothing waits for them to pass.
TIMEOUT = 20.0
Run = Callable[[Client, Flow[Any]], Any]
both_ways = pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda client, flow: client.run(flow), id="worker"),
        pytest.param(lambda client, flow: asyncio.run(client.arun(flow)), id="event-loop"),
    ],
)


def connection(url: str, timeout: float = 5) -> DatadogConnection:
    """Return a connection with the keys of a FakeDatadog."""
    return DatadogConnection(base_url=url, app_key=APP_KEY, api_key=API_KEY, timeout=timeout)


@pytest.fixture
def client(datadog: FakeDatadog, no_waits: list[float]) -> Client:
    """Return a client of the FakeDatadog whose waits take no time."""
    return Client(connection(datadog.url))


@both_ways
def test_a_flow_has_the_same_result_in_a_worker_and_on_a_loop(run: Run, client: Client, datadog: FakeDatadog) -> None:
    """Requests, pages and batches have the same result in a worker and on an event loop."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(230)]
    assert run(client, assign_seats(PRODUCT, people)).done == tuple(people)
    assert len(run(client, list_seat_users(PRODUCT))) == 230
    assert [received.method for received in datadog.calls()] == ["POST"] * 3 + ["GET"] * 3


@both_ways
def test_a_request_has_both_keys_and_the_user_agent(run: Run, client: Client, datadog: FakeDatadog) -> None:
    """A request has both keys in its headers, the package as its user agent, and the query of the flow."""
    datadog.add_user("a+b@x.com")
    assert run(client, find_users(["a+b@x.com"]))
    sent = datadog.calls()[0]
    assert (sent.headers["dd-api-key"], sent.headers["dd-application-key"]) == (API_KEY, APP_KEY)
    assert sent.headers["user-agent"] == f"airflow-provider-seats/{__version__}"
    assert sent.query["filter"] == "a+b@x.com"


def test_a_token_is_sent_without_an_api_key() -> None:
    """A connection with an access token sends no API key."""
    with FakeDatadog(app_key="ddpat_1") as datadog:
        client = Client(DatadogConnection(base_url=datadog.url, app_key="ddpat_1", api_key=None))
        assert client.run(list_seat_users(PRODUCT)) == ()
        assert "dd-api-key" not in datadog.calls()[0].headers


@both_ways
def test_a_wait_is_a_little_longer_than_requested(
    run: Run, client: Client, datadog: FakeDatadog, no_waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A wait is up to a tenth longer than the flow requests, and its reason is logged first."""
    datadog.script("GET", SEATS, Fault(503, {"errors": ["down"]}))
    with caplog.at_level(logging.INFO):
        assert run(client, list_seat_users(PRODUCT)) == ()
    (seconds,) = no_waits
    assert 1 <= seconds <= 1.1
    assert "Waiting 1.0 s" in caplog.text
    assert "down" in caplog.text


@both_ways
@pytest.mark.parametrize("lost", ["before", "during", "after"])
def test_a_lost_connection_is_read_back(run: Run, client: Client, datadog: FakeDatadog, lost: Any) -> None:
    """If a connection is lost before, during or after the answer, a read is retried and a write is read back."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, Fault(lost=lost))
    datadog.script("POST", SEATS, Fault(lost=lost))
    assert run(client, assign_seats(PRODUCT, [ann])).done == (ann,)
    assert datadog.holders(PRODUCT) == {ann}
    assert len(datadog.calls("POST")) == (2 if lost == "before" else 1)


@both_ways
def test_an_unreachable_server_is_a_transient_error(run: Run, no_waits: list[float]) -> None:
    """A server that cannot be reached is a transient error that says why."""
    with FakeDatadog() as datadog:
        url = datadog.url
    with pytest.raises(UnavailableError) as caught:
        run(Client(connection(url)), check_keys())
    assert caught.value.transient
    assert "ConnectionRefusedError" in str(caught.value)


@both_ways
@pytest.mark.parametrize("location", ["{other}/api/v2/seats/users", "//[::1", "ftp://x", "", "/api/v2/users"])
def test_redirects_are_not_followed(run: Run, client: Client, datadog: FakeDatadog, location: str) -> None:
    """A redirect is an error and is not followed, whatever its address looks like."""
    with FakeDatadog() as other:
        datadog.script("GET", SEATS, Fault(302, headers={"Location": location.format(other=other.url)}))
        with pytest.raises(RedirectError):
            run(client, list_seat_users(PRODUCT))
        assert other.calls() == []
        assert len(datadog.calls()) == 1


@both_ways
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
def test_keys_that_a_response_repeats_are_not_in_the_error(
    run: Run, client: Client, datadog: FakeDatadog, fault: Fault
) -> None:
    """No error contains a key, in whatever form a response repeats it."""
    datadog.script("GET", SEATS, *[fault] * 5)
    with pytest.raises(DatadogSeatsError) as caught:
        run(client, list_seat_users(PRODUCT))
    assert API_KEY not in str(caught.value)
    assert APP_KEY not in str(caught.value)


@pytest.mark.parametrize("write", [quote, quote_plus, escape, str.upper, lambda key: quote(key, safe="").lower()])
def test_keys_are_redacted_in_every_encoding(write: Callable[[str], str]) -> None:
    """Keys are redacted as a URL, a page or a header writes them, also if they contain special characters."""
    api_key, app_key = "api/key+31=&%<", 'app/key+27="&$>'
    with FakeDatadog(api_key=api_key, app_key=app_key) as datadog:
        client = Client(DatadogConnection(datadog.url, app_key, api_key))
        datadog.script("GET", SEATS, Fault(422, {"errors": [f"bad {write(api_key)} or {write(app_key)}!"]}))
        with pytest.raises(DatadogSeatsError, match=r"bad \*\*\* or \*\*\*!"):
            client.run(list_seat_users(PRODUCT))


def test_a_key_where_an_error_page_is_cut_is_redacted() -> None:
    """A key at the place where a long page is cut leaves no part of it in the error."""
    api_key = "k" * 41
    with FakeDatadog(api_key=api_key) as datadog:
        client = Client(DatadogConnection(datadog.url, datadog.app_key, api_key))
        page = "x" + " " * (20_000 - 1 - 40) + api_key
        datadog.script("GET", SEATS, Fault(400, page))
        with pytest.raises(DatadogSeatsError) as caught:
            client.run(list_seat_users(PRODUCT))
    assert "kkk" not in str(caught.value)


def test_an_unexpected_error_of_the_libraries_is_no_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ValueError of the HTTP libraries, as for a negative chunk, becomes an error of this package."""

    def fails(*_: object, **__: object) -> None:
        raise ValueError("read length must be non-negative or -1")

    monkeypatch.setattr(requests.Session, "send", fails)
    with pytest.raises(UnavailableError, match="read length"):
        client.run(list_seat_users(PRODUCT))


@both_ways
def test_long_work_logs_its_progress(
    run: Run, datadog: FakeDatadog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that takes longer than ten seconds logs its progress every ten seconds at most."""
    caplog.set_level(logging.INFO, "airflow_provider_seats")
    people = [datadog.add_user(f"person{number}@x.com") for number in range(950)]
    clock = iter(range(0, 10_000, 2))
    # Each call takes four seconds, because the clock is asked twice for each.
    install(FakeClock(lambda: next(clock)))
    slow = Client(connection(datadog.url))
    run(slow, assign_seats(PRODUCT, people))
    assert [record.message for record in caplog.records] == [
        "In progress: 200 of 950 people assigned or refused so far",
        "In progress: 500 of 950 people assigned or refused so far",
        "In progress: 800 of 950 people assigned or refused so far",
    ]
    caplog.clear()
    run(slow, assign_seats(PRODUCT, [*people[:150], "00000000-0000-0000-0000-000000000000"]))
    assert len(caplog.records) > 3
    assert all("of 151 people assigned or refused so far" in record.message for record in caplog.records)
    caplog.clear()
    run(slow, list_seat_users(PRODUCT))
    assert caplog.records[0].message == f"In progress: 200 seats of {PRODUCT} read so far"
    caplog.clear()
    run(slow, find_users([f"person{number}@x.com" for number in range(950)]))
    assert "pages of users read so far" in caplog.text
    caplog.clear()
    install(FakeClock())
    run(Client(connection(datadog.url)), list_seat_users(PRODUCT))
    assert caplog.records == []


def test_a_known_rate_limit_is_not_exceeded() -> None:
    """A client waits for a rate limit that Datadog has stated, so that it receives no 429."""
    with FakeDatadog(rate_limit=(2, 1)) as datadog:
        for number in range(450):
            datadog.add_user(f"{number}@x.com", seat=PRODUCT)
        with SharedClock().client(datadog) as client:
            assert len(client.run(list_seat_users(PRODUCT))) == 450
        assert [received.status for received in datadog.calls()] == [200] * 5


def test_requests_side_by_side_share_a_rate_limit() -> None:
    """Requests in several threads wait for the same rate limit and receive no 429."""
    with FakeDatadog(rate_limit=(5, 1)) as datadog:
        emails = [f"u{number}@x.com" for number in range(13)]
        for email in emails:
            datadog.add_user(email)
        for number in range(3000):
            datadog.add_user(f"other{number}@y.com")
        with SharedClock().client(datadog) as client:
            assert len(client.run(find_users(emails))) == 13
        assert {received.status for received in datadog.calls()} == {200}
        assert len(datadog.calls("GET", USERS)) == 13


def test_a_rate_limit_is_remembered_for_the_next_flow(client: Client, datadog: FakeDatadog) -> None:
    """A flow does not send a call whose rate limit an earlier flow has used up."""
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "500"}
    datadog.script("GET", SEATS, Fault(200, {"data": []}, headers=limit))
    client.run(list_seat_users(PRODUCT))
    with pytest.raises(RateLimitError) as caught:
        client.run(list_seat_users(PRODUCT))
    assert 498 < caught.value.retry_after <= 500  # type: ignore[operator]
    assert len(datadog.calls()) == 1


@both_ways
def test_a_client_with_a_share_leaves_the_rest_of_a_limit_to_others(run: Run) -> None:
    """A client that may use half of a limit sends half of its calls, also side by side, and says who has the rest."""
    headers = {"x-ratelimit-limit": "6", "x-ratelimit-period": "900", "x-ratelimit-reset": "900"}
    sent: list[Request] = []

    def send(request: Request) -> Response:
        sent.append(request)
        left = {"x-ratelimit-remaining": str(6 - len(sent))}
        return Response(200, {**headers, **left}, b'{"data": []}', time.time())

    client = Client(connection("https://api.datadoghq.eu"), share=0.5, send=send)
    with pytest.raises(RateLimitError, match="nothing was sent, the rest of the limit is left to others"):
        run(client, find_users([f"{number}@x.com" for number in range(9)]))
    assert len(sent) == 3


# --- side by side ---


def _waiting(begun: list[int], number: int, error: Exception | None = None) -> Flow[int]:
    begun.append(number)
    yield Pause(0, "turn")
    if error is not None:
        raise error
    return number


@both_ways
def test_flows_side_by_side_return_their_results_in_order(run: Run, client: Client) -> None:
    """The results of flows that run side by side come in the order of the flows."""

    def flow() -> Flow[list[int]]:
        results: list[int] = yield Gather([_waiting([], number) for number in range(50)])
        return results

    assert run(client, flow()) == list(range(50))


@both_ways
def test_the_first_error_stops_the_flows_that_have_not_started(run: Run, client: Client) -> None:
    """The first error of flows side by side stops those that have not started, and the gathering flow can handle it."""
    begun: list[int] = []

    def flow() -> Flow[str]:
        flows = [_waiting(begun, number, ValueError("third") if number == 2 else None) for number in range(500)]
        try:
            yield Gather(flows)
        except ValueError as error:
            return f"handled {error}"
        return "not raised"

    assert run(client, flow()) == "handled third"
    assert 3 <= len(begun) < 500


def test_a_task_that_is_cancelled_while_an_error_stops_its_flows_is_cancelled() -> None:
    """On an event loop, a flow does not handle an error and go on if its task is cancelled while the others stop."""
    tasks: list[asyncio.Task[str]] = []

    class CancelsMeanwhile(Clock):
        async def async_sleep(self, seconds: float) -> None:
            if seconds:
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                tasks[0].cancel()

    def flow() -> Flow[str]:
        try:
            yield Gather([_pausing(3600), _waiting([], 1, ValueError("first"))])
        except ValueError:
            return "handled"
        return "not raised"

    async def end() -> str:
        tasks.append(asyncio.create_task(Client(connection("https://unused.invalid")).arun(flow())))
        async with asyncio.timeout(TIMEOUT):
            return await tasks[0]

    with installed(CancelsMeanwhile()), pytest.raises(asyncio.CancelledError):
        asyncio.run(end())


def test_a_handled_error_of_flows_side_by_side_leaves_no_cancellation(client: Client) -> None:
    """After an error of flows side by side, no cancellation is left that a time-out would take for one from outside."""

    def flow() -> Flow[None]:
        with suppress(ValueError):
            yield Gather([_waiting([], 1, ValueError("first"))])

    async def pending() -> int:
        await client.arun(flow())
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(pending()) == 0


@both_ways
def test_no_flows_side_by_side_have_no_results(run: Run, client: Client) -> None:
    """Flows side by side may be none."""

    def flow() -> Flow[list[int]]:
        results: list[int] = yield Gather([])
        return results

    assert run(client, flow()) == []


@both_ways
def test_flows_run_at_the_same_time(run: Run) -> None:
    """Eight calls are sent before the first of them is answered."""
    everyone = threading.Barrier(8)

    def meet(_: Request) -> Response:
        everyone.wait(TIMEOUT)
        return Response(200, content=b"{}")

    def flow() -> Flow[None]:
        yield Gather([call(Request("GET", USERS), lambda _: None) for _ in range(8)])

    run(Client(connection("https://api.datadoghq.eu"), send=meet), flow())


def test_a_request_does_not_block_the_loop() -> None:
    """The event loop runs on while a request waits for its answer in a thread of the client."""
    under_way, ticked = threading.Event(), threading.Event()

    def linger(_: Request) -> Response:
        under_way.set()
        assert ticked.wait(TIMEOUT)
        return Response(200, content=b'{"status": "ok"}')

    client = Client(connection("https://api.datadoghq.eu"), send=linger)
    threads: set[str] = set()

    async def both() -> None:
        task = asyncio.create_task(client.arun(check_keys()))
        assert await asyncio.to_thread(under_way.wait, TIMEOUT)
        for _ in range(10):
            threads.update(thread.name for thread in threading.enumerate())
            await asyncio.sleep(0)
        assert not task.done()
        ticked.set()
        await task

    asyncio.run(both())
    assert any(name.startswith("datadog-seats") for name in threads)


def test_a_cancelled_flow_is_closed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow releases what it holds when its task is cancelled."""
    closed = threading.Event()

    def flow() -> Flow[None]:
        try:
            yield Pause(60, "long")
        finally:
            closed.set()

    async def cancel() -> None:
        waiting = asyncio.Event()

        class Endless(Clock):
            async def async_sleep(self, seconds: float) -> None:
                waiting.set()
                await asyncio.Event().wait()

        install(Endless())
        task = asyncio.create_task(Client(client.connection).arun(flow()))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert closed.is_set()


@pytest.fixture
def mocked() -> Iterator[requests_mock_module.Mocker]:
    """Answer in place of every host."""
    with requests_mock_module.Mocker() as mocker:
        yield mocker


def test_requests_mock_can_replace_datadog(mocked: requests_mock_module.Mocker) -> None:
    """Users can test with requests-mock in place of Datadog."""
    mocked.get("https://api.datadoghq.eu/api/v2/validate_keys", json={"status": "ok"})
    Client(connection("https://api.datadoghq.eu")).run(check_keys())
    assert mocked.last_request is not None
    assert mocked.last_request.headers["DD-API-KEY"] == API_KEY


def test_proxies_of_the_environment_are_used_for_https_only(
    monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog, no_waits: list[float]
) -> None:
    """HTTPS goes through the proxy of the environment, and plain HTTP, which is for this machine, does not."""
    with FakeDatadog() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        Client(connection(datadog.url)).run(check_keys())
        assert (len(datadog.calls()), proxy.calls()) == (1, [])
        client = Client(connection("https://api.datadoghq.invalid"))
        with pytest.raises(UnavailableError, match=r"api\.datadoghq\.invalid.*Tunnel connection failed"):
            client.run(check_keys())


def test_an_interrupted_task_does_not_wait_for_other_threads(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeout of the task ends it at once, although flows in other threads wait, and interrupts their waits."""
    here = threading.get_ident()
    all_wait = threading.Barrier(4, action=lambda: signal.pthread_kill(here, signal.SIGALRM))
    ends, released = queue.SimpleQueue[bool](), threading.Event()

    class TimeUpError(BaseException):
        pass

    def ring(*_: object) -> None:
        raise TimeUpError

    def flow() -> Flow[None]:
        yield Gather([_pausing(3600) for _ in range(4)])

    class Waiting(Clock):
        def sleep(self, seconds: float, interrupt: threading.Event) -> None:
            all_wait.wait(TIMEOUT)
            # Until the task has ended, nothing releases these four.
            assert released.wait(TIMEOUT)
            ends.put(interrupt.is_set())

    install(Waiting())

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(TimeUpError):
            Client(connection(datadog.url)).run(flow())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ends.empty()
    released.set()
    assert [ends.get(timeout=TIMEOUT) for _ in range(4)] == [True] * 4


def _pausing(seconds: float) -> Flow[None]:
    yield Pause(seconds, "long")


def test_a_response_that_contains_a_key_is_read_unchanged() -> None:
    """A key that is an ordinary word is redacted in errors only, and rows that contain it are read unchanged."""
    with FakeDatadog(app_key="exam", api_key="data") as datadog:
        ann = datadog.add_user("ann@example.com", seat=PRODUCT)
        found = Client(DatadogConnection(datadog.url, "exam", "data")).run(list_seat_users(PRODUCT))
        assert [(user.id, user.email) for user in found] == [(ann, "ann@example.com")]


def test_keys_in_a_redirect_or_a_broken_response_are_redacted(datadog: FakeDatadog) -> None:
    """Neither an error nor its causes contain a key from a redirect or a malformed response."""
    datadog.script("GET", SEATS, Fault(302, headers={"Location": f"https://x.example/?k={API_KEY}"}))
    with pytest.raises(RedirectError) as caught:
        Client(connection(datadog.url)).run(list_seat_users(PRODUCT))
    assert API_KEY not in str(caught.value)
    drip = Drip(f"{APP_KEY} is no status line\r\n\r\n".encode())
    drip.start()
    answer = Client(connection(drip.url))._exchange(Request("GET", "/"))
    assert isinstance(answer, NoAnswer)
    assert APP_KEY not in answer.message
    drip.join()


def test_credentials_of_a_netrc_are_not_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, datadog: FakeDatadog, client: Client
) -> None:
    """Credentials of a netrc file are not sent, only the keys of the connection."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(netrc))
    client.run(check_keys())
    assert "authorization" not in datadog.calls()[0].headers


# --- the server's time ---


@pytest.mark.parametrize("damaged", [{}, {"Date": "no date"}, {"Date": "Fri, 99 Jan 2027 08:00:05 GMT"}])
def test_the_time_of_the_server_is_that_of_its_last_response(
    mocked: requests_mock_module.Mocker, damaged: dict[str, str]
) -> None:
    """The client remembers the Date header of the last response, and keeps it if a response has none."""
    client = Client(connection("https://api.datadoghq.eu"))
    assert client.server_time is None
    times: list[datetime | None] = []
    for headers in (
        {"Date": "Fri, 15 Jan 2027 08:00:05 GMT"},
        {"date": "Fri, 15 Jan 2027 10:00:09 +0200"},
        {"Date": "Fri, 15 Jan 2027 08:00:11 -0000"},
        damaged,
    ):
        mocked.get("https://api.datadoghq.eu/api/v2/validate_keys", json={"status": "ok"}, headers=headers)
        client.run(check_keys())
        times.append(client.server_time)
    assert times == [datetime(2027, 1, 15, 8, 0, second, tzinfo=UTC) for second in (5, 9, 11, 11)]


# --- certificates and proxies ---


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies and certificates of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_proxies")
@both_ways
def test_a_rejected_certificate_is_a_lasting_error(run: Run, tmp_path: Path, no_waits: list[float]) -> None:
    """A certificate that nobody has signed is an error that is not retried, and no request is sent."""
    with serve_with_tls(tmp_path) as (datadog, url, _):
        with pytest.raises(CertificateError) as caught:
            run(Client(connection(url)), list_seat_users(PRODUCT))
        assert datadog.calls() == []
    assert not caught.value.transient
    assert "REQUESTS_CA_BUNDLE" in str(caught.value)
    assert "certificate" in str(caught.value)
    assert no_waits == []


@pytest.mark.usefixtures("no_proxies")
def test_the_certificates_of_the_environment_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate in the file that REQUESTS_CA_BUNDLE names is accepted."""
    with serve_with_tls(tmp_path) as (datadog, url, certificate):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert Client(connection(url)).run(list_seat_users(PRODUCT)) == ()
        assert len(datadog.calls()) == 1


@pytest.mark.usefixtures("no_proxies")
def test_a_write_whose_certificate_was_rejected_changes_nothing(tmp_path: Path) -> None:
    """A rejected certificate ends an assignment before anything is sent, and nobody is unknown."""
    with serve_with_tls(tmp_path) as (datadog, url, _):
        ann = datadog.add_user("ann@x.com")
        result = Client(connection(url)).run(assign_seats(PRODUCT, [ann]))
        assert isinstance(result.error, CertificateError)
        assert (result.not_done, result.unknown) == ((ann,), ())
        assert datadog.holders(PRODUCT) == set()


@pytest.mark.usefixtures("no_proxies", "no_waits")
@pytest.mark.parametrize(
    "answer", ["", "HTTP/1.1 407 {0}:{1} is wrong\r\n\r\n", "HTTP/1.1 502 {0}\r\n\r\n{1}", "{0} {1}"]
)
@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("proxy-user", "s3cret-word"),
        ("proxy-user", "s3cret%2Fword%40x"),
        ("proxy-user%40x", "s3cret%20word"),
        ("proxy-user", "s3cret@word"),
        ("proxy-user", "s3cret/word"),
        ("proxy-user", "s3cret:word"),
        ("proxy-user", "s3cret#word"),
    ],
)
def test_the_user_and_password_of_a_proxy_are_not_repeated(
    user: str, password: str, answer: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No error, cause or log contains the user or the password of a proxy, although the proxy repeats them."""
    drip = Drip(answer.format(unquote(user), unquote(password)).encode())
    drip.start()
    assert_that_no_proxy_secret_shows(
        f"http://{user}:{password}@{drip.url.removeprefix('http://')}", monkeypatch, caplog
    )


@pytest.mark.usefixtures("no_proxies", "no_waits")
@pytest.mark.parametrize(
    "proxy",
    [
        "proxy-user:s3cret-word@127.0.0.1:1",
        "https://proxy-user:s3cret-word@127.0.0.1:1",
        "ftp://proxy-user:s3cret-word@127.0.0.1:1",
        "socks5://proxy-user:s3cret-word@127.0.0.1:1",
        "http://proxy-user:s3cret-word@127.0.0.1:port",
        "http://proxy-user:s3cret-word@127.0.0.1:99999",
        "http://proxy-user:s3cret-word@[::1",
        "http://proxy-user:s3cret-word@",
        "http:/proxy-user:s3cret-word@127.0.0.1:1",
    ],
)
def test_the_user_and_password_of_a_malformed_proxy_are_not_repeated(
    proxy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy URL that cannot be used is an error of this package, and no message or log repeats its password."""
    assert_that_no_proxy_secret_shows(proxy, monkeypatch, caplog)


def assert_that_no_proxy_secret_shows(
    proxy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Send a request through a proxy, and check every message and log line."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("https_proxy", proxy)
    client = Client(connection("https://api.datadoghq.invalid"))
    with pytest.raises(DatadogSeatsError) as caught:
        client.run(check_keys())
    client.close()
    error: BaseException | None = caught.value
    texts = [caplog.text]
    while error is not None:
        texts += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    for text in texts:
        assert "s3cret" not in text
        assert "proxy-user" not in text


def test_a_response_may_be_anything_that_http_allows(client: Client, datadog: FakeDatadog) -> None:
    """A response has its status, headers by lower-case name, content and time of arrival."""
    datadog.script("GET", SEATS, Fault(418, "x", {"X-Name": "n"}))
    answer = client._exchange(Request("GET", SEATS))
    assert isinstance(answer, Response)
    assert (answer.status, answer.headers["x-name"], answer.content) == (418, "n", b"x")
    assert answer.received == client._clock.now()


def test_a_closed_client_releases_its_connections(client: Client, datadog: FakeDatadog) -> None:
    """A client can be closed before and after it was used."""
    Client(connection(datadog.url)).close()
    asyncio.run(client.arun(check_keys()))
    client.close()
    with pytest.raises(RuntimeError):
        asyncio.run(client.arun(check_keys()))


def test_a_flow_runs_off_the_event_loop(datadog: FakeDatadog) -> None:
    """Responses are read in the client's own thread, because reading a long list would hold up the event loop."""
    threads = []

    def flow() -> Flow[str]:
        threads.append(threading.current_thread())
        yield from check_keys()
        threads.append(threading.current_thread())
        return "done"

    assert asyncio.run(Client(connection(datadog.url)).arun(flow())) == "done"
    assert len(set(threads)) == 1
    assert threads[0] is not threading.main_thread()


def test_a_cancelled_flow_sends_nothing_more(datadog: FakeDatadog) -> None:
    """If the caller is cancelled during a request, its response is not read, and the flow is closed."""
    under_way, cancelled, closed = threading.Event(), threading.Event(), threading.Event()

    def flow() -> Flow[None]:
        try:
            yield Request("GET", "/api/v1/validate")
            under_way.set()
            assert cancelled.wait(TIMEOUT)
            yield Request("GET", "/api/v1/validate")
        finally:
            closed.set()

    async def main() -> None:
        task = asyncio.create_task(Client(connection(datadog.url)).arun(flow()))
        assert await asyncio.to_thread(under_way.wait, TIMEOUT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        assert await asyncio.to_thread(closed.wait, TIMEOUT)

    asyncio.run(main())
    assert len(datadog.received) == 1


# --- seams for tests ---


def test_a_client_may_send_nothing() -> None:
    """A function can answer the requests of all clients, and the requests are as they would be sent."""
    sent: list[Request] = []

    def send(request: Request) -> Response:
        sent.append(request)
        return Response(200, {}, b'{"data": []}')

    with answering(send):
        assert make_client(connection("http://127.0.0.1:1")).run(list_seat_users(PRODUCT)) == ()
    assert [request.name for request in sent] == [f"GET {SEATS}"]
    assert type(make_client(connection("http://127.0.0.1:1"))) is Client
