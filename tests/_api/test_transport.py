"""The transport: bounds on the time and the size of a response."""

from __future__ import annotations

import gzip
import re
import ssl
import time
from http.client import HTTPConnection
from unittest.mock import Mock

import pytest
import requests

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import NoAnswer, Request
from airflow_provider_seats._api.seats import list_seat_users
from airflow_provider_seats._api.transport import MAX_CONTENT, BoundedAdapter, _BoundedSession
from airflow_provider_seats._api.users import check_keys
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import UnavailableError
from airflow_provider_seats.testing import API_KEY, APP_KEY, SEATS, VALIDATE_KEYS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.drip import Drip


def client_of(url: str, timeout: float = 5) -> Client:
    """Return a client with the keys of a FakeDatadog."""
    return Client(DatadogConnection(base_url=url, app_key=APP_KEY, api_key=API_KEY, timeout=timeout))


@pytest.mark.parametrize("path", ["", "/p", "/a b", "/%7Ex", "/x/../y", "/\u00fc", "/p|q"])
@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "https://proxy.example.com"])
def test_every_address_has_bounds(host: str, path: str) -> None:
    """Every address is sent through the bounded adapter, also one that requests rewrites."""
    prepared = requests.Request("GET", f"{host}{path}/api").prepare()
    assert isinstance(_BoundedSession(f"{host}{path}", {}, 1).get_adapter(str(prepared.url)), BoundedAdapter)


def test_a_proxy_has_the_same_bounds() -> None:
    """Connections through a proxy come from the bounded pools, too."""
    adapter = BoundedAdapter()
    bounded = adapter.poolmanager.pool_classes_by_scheme
    assert adapter.proxy_manager_for("http://127.0.0.1:1").pool_classes_by_scheme == bounded
    assert set(bounded) == {"http", "https"}
    assert bounded != requests.adapters.HTTPAdapter().poolmanager.pool_classes_by_scheme


def test_a_response_that_takes_too_long_is_no_answer(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """A server that sends nothing is given up after the connection's timeout, and the call is retried."""
    datadog.script("GET", VALIDATE_KEYS, Fault(delay=20))
    # The timeout is that of a socket, which knows real time only. Without it, the response takes 20 s.
    started = time.monotonic()
    client_of(datadog.url, timeout=0.2).run(check_keys())
    assert time.monotonic() - started < 10


def test_the_debug_level_of_the_process_prints_no_key(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """People set the debug level of http.client to see requests, which prints their headers."""
    monkeypatch.setattr(HTTPConnection, "debuglevel", 1)
    client_of(datadog.url).run(check_keys())
    assert (API_KEY in (printed := capfd.readouterr().out), APP_KEY in printed) == (False, False)
    # The level is that of the process for others.
    requests.get(datadog.url, headers={"x-key": API_KEY}, timeout=5)
    assert API_KEY in capfd.readouterr().out


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("handled", [KeyError("theirs"), ssl.SSLCertVerificationError("theirs")])
def test_an_error_that_the_caller_handles_is_not_the_reason(handled: Exception, datadog: FakeDatadog) -> None:
    """A call from an ``except`` clause, or from a callback about a failure, tells its own error."""
    datadog.script("GET", VALIDATE_KEYS, *[Fault(lost="before")] * 5)
    try:
        Mock(side_effect=handled)()
    except (KeyError, OSError):
        with pytest.raises(UnavailableError, match="RemoteDisconnected") as caught:
            client_of(datadog.url).run(check_keys())
    assert "theirs" not in str(caught.value)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_the_timeout_covers_the_whole_response(beginning: bytes, piece: bytes) -> None:
    """A server that sends a byte now and then is given up after the connection's timeout."""
    drip = Drip(beginning, piece)
    drip.start()
    # The timeout is that of a socket, which knows real time only. Without a bound, the response takes 10 s.
    started = time.monotonic()
    answer = client_of(drip.url, timeout=0.3)._exchange(Request("GET", "/"))
    assert isinstance(answer, NoAnswer)
    assert 0.2 < time.monotonic() - started < 5
    drip.join()


def test_a_compressed_response_is_read(datadog: FakeDatadog) -> None:
    """A response that a proxy has compressed is unpacked."""
    page = gzip.compress(b'{"data": [{"attributes": {"email": "a@x"}}]}')
    datadog.script("GET", SEATS, Fault(200, page, {"Content-Encoding": "gzip"}))
    assert [user.email for user in client_of(datadog.url).run(list_seat_users(PRODUCT))] == ["a@x"]


def test_a_compressed_response_is_bounded_by_its_unpacked_size(datadog: FakeDatadog) -> None:
    """A small response that grows past the bound when it is unpacked is no answer."""
    bomb = gzip.compress(b" " * (MAX_CONTENT + 16 * 1024 * 1024), 1)
    datadog.script("GET", SEATS, Fault(200, bomb, {"Content-Encoding": "gzip"}))
    answer = client_of(datadog.url)._exchange(Request("GET", SEATS))
    assert isinstance(answer, NoAnswer)
    assert re.search(r"larger than|takes too long", answer.message)


@pytest.mark.parametrize(("size", "refused"), [(100_000, False), (100_001, True), (200_000, True)])
def test_the_size_of_a_response_is_bounded(
    monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog, size: int, refused: bool
) -> None:
    """A response that is larger than the bound is no answer, and one of exactly its size is read."""
    monkeypatch.setattr("airflow_provider_seats._api.transport.MAX_CONTENT", 100_000)
    datadog.script("GET", SEATS, Fault(200, "x" * size))
    answer = client_of(datadog.url)._exchange(Request("GET", SEATS))
    assert isinstance(answer, NoAnswer) == refused
    if isinstance(answer, NoAnswer):
        assert "larger than 100000 bytes" in answer.message
