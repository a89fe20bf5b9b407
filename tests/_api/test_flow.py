"""One call: what a response means, what is retried, and for how long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.flow import (
    EMPTY,
    MAX_ATTEMPTS,
    MAX_WAIT,
    Flow,
    NoAnswer,
    RateLimitHit,
    Request,
    Response,
    call,
    read_response,
    resources,
)
from airflow_provider_seats.exceptions import (
    CertificateError,
    DatadogSeatsError,
    KeysRefusedError,
    RateLimitError,
    RedirectError,
    RequestRefusedError,
    UnavailableError,
)
from tests.helpers.playing import lost, play, reply

GET = Request("GET", "/api/v2/things", permission="the permission things_read")
POST = Request("POST", "/api/v2/things", body={})


def send(request: Request = GET) -> Flow[dict[str, Any]]:
    """Return a call whose result is the JSON object of the response."""
    return call(request, lambda document: document)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, RedirectError),
        (400, RequestRefusedError),
        (401, KeysRefusedError),
        (403, KeysRefusedError),
        (404, RequestRefusedError),
        (408, UnavailableError),
        (409, RequestRefusedError),
        (422, RequestRefusedError),
        (429, RateLimitError),
        (500, UnavailableError),
        (503, UnavailableError),
        (199, UnavailableError),
    ],
)
def test_each_status_raises_its_own_error_class(status: int, kind: type[DatadogSeatsError]) -> None:
    """Each status raises its class of error with the server's explanation, and only faults and 429 are transient."""
    with pytest.raises(kind, match=rf"(?s){status}.*Forbidden things" if status != 302 else "302") as caught:
        read_response(GET, reply(status, {"errors": ["Forbidden things"]}))
    assert caught.value.transient == (kind in {UnavailableError, RateLimitError})


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"errors": ["API key required"]}, "API key required"),
        ({"errors": [{"title": "Generic Error", "detail": "x is required"}]}, "Generic Error: x is required"),
        ({"errors": [{"detail": "one"}, "two", {"title": None, "detail": "three"}]}, "one; two; three"),
        (b"<html><head><title>T</title></head><body><h1>502</h1>Bad\n Gateway</body></html>", "502 Bad Gateway"),
        ({"errors": "odd"}, '{"errors": "odd"}'),
        ([1], "[1]"),
        (b"\xff\xfe", "\ufffd"),
        (b"", "(no explanation)"),
    ],
)
def test_an_error_contains_the_explanation_of_the_server(body: object, detail: str) -> None:
    """An error quotes both shapes of Datadog's errors, and the visible text of an HTML page."""
    with pytest.raises(RequestRefusedError) as caught:
        read_response(GET, reply(422, body))
    assert detail in caught.value.explanation


def test_a_refused_key_names_the_missing_permission() -> None:
    """The error of a 403 names the permission that the call needs."""
    with pytest.raises(KeysRefusedError, match="things_read"):
        read_response(GET, reply(403, {"errors": ["Forbidden"]}))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"3", b"<html>", b'{"data":', b"\xff", b"[" * 100_000])
def test_a_success_without_a_json_object_is_a_fault(content: bytes) -> None:
    """A login page or half a response is an error and never an empty result."""
    with pytest.raises(UnavailableError, match="200"):
        read_response(GET, Response(200, {}, content))


def test_a_write_may_have_an_empty_response() -> None:
    """A write that is answered with 204 and no content has succeeded."""
    assert read_response(Request("DELETE", "/x"), Response(204)) is EMPTY


@given(st.integers(100, 599), st.binary(max_size=200), st.booleans())
def test_any_response_is_an_object_or_an_error_of_this_package(status: int, content: bytes, reads: bool) -> None:
    """No response raises a foreign exception, and every message is short and on one line."""
    try:
        document = read_response(GET if reads else POST, Response(status, {}, content))
    except DatadogSeatsError as error:
        assert len(str(error)) < 1000
        assert "\n" not in str(error)
    else:
        assert isinstance(document, dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=20,
    )
)
def test_any_error_body_is_read(errors: object) -> None:
    """An error body of any shape becomes the text of an error."""
    with pytest.raises(RequestRefusedError):
        read_response(GET, reply(400, {"errors": errors}))


@pytest.mark.parametrize("fault", [reply(500), reply(503), reply(408), reply(429), lost(), reply(200, b"<html>")])
def test_a_read_is_retried_after_a_transient_error(fault: object) -> None:
    """A read is retried after every transient error, and each wait is twice as long as the one before."""
    played = play(send(), fault, fault, reply(200, {"ok": 1}))
    assert played.value == {"ok": 1}
    assert played.pauses == [1, 2]


def test_a_read_fails_after_the_last_attempt() -> None:
    """After the last attempt, a read raises a transient error that names the cause."""
    played = play(send(), *[lost()] * MAX_ATTEMPTS)
    assert isinstance(played.error, UnavailableError)
    assert "ConnectionResetError: gone" in str(played.error)
    assert played.pauses == [1, 2, 4, 8]


def test_a_write_that_may_have_been_carried_out_is_not_retried() -> None:
    """A write is not sent again after an error that leaves open whether it was carried out."""
    for fault in (reply(500), reply(408), lost(), reply(201, b"<html>")):
        assert isinstance(play(send(POST), fault).error, UnavailableError)


def test_a_write_is_retried_after_a_rate_limit() -> None:
    """A write is sent again after a 429, when the server's limit is reset."""
    played = play(send(POST), reply(429, x_ratelimit_reset="7"), reply(201, {"ok": 1}))
    assert played.value == {"ok": 1}
    assert played.pauses == [7]


def test_a_fault_does_not_wait_for_the_reset_of_a_rate_limit() -> None:
    """After a 503, a call waits for Retry-After but not for the reset of the rate limit."""
    played = play(send(), reply(503, x_ratelimit_reset="60"), reply(503, retry_after="4"), reply(200, {}))
    assert played.pauses == [1, 4]


def test_a_rate_limit_that_is_too_long_is_an_error_with_the_seconds() -> None:
    """A rate limit that lasts longer than a call waits raises an error with the seconds, without a wait."""
    played = play(send(), reply(429, {"errors": ["Too many"]}, x_ratelimit_reset="3000"))
    assert isinstance(played.error, RateLimitError)
    assert played.error.retry_after == 3000
    assert "3000 s" in str(played.error)
    assert "Too many" in str(played.error)
    assert played.pauses == []


def test_the_waits_of_a_call_are_bounded_in_sum() -> None:
    """The waits of one call add up to no more than the maximum, although each of them is shorter."""
    played = play(send(), *[reply(429, x_ratelimit_reset="50")] * 3)
    assert sum(played.pauses) <= MAX_WAIT
    assert isinstance(played.error, RateLimitError)


def test_a_call_waits_for_the_local_rate_limit() -> None:
    """A call that the local rate limit holds back waits and is sent, and the wait does not count as an attempt."""
    played = play(send(POST), *[RateLimitHit(3)] * 8, reply(201, {}))
    assert played.error is None
    assert played.pauses == [3] * 8
    held = play(send(), RateLimitHit(500)).error
    assert isinstance(held, RateLimitError)
    assert held.retry_after == 500


@pytest.mark.parametrize("request_", [GET, POST])
def test_refused_keys_are_tried_twice(request_: Request) -> None:
    """Refused keys are tried a second time, because Datadog takes a moment to know new ones, and not a third time."""
    assert isinstance(play(send(request_), reply(403), reply(403)).error, KeysRefusedError)
    assert play(send(request_), reply(401), reply(200, {"ok": 1})).value == {"ok": 1}


@pytest.mark.parametrize(
    "answer", [reply(400), reply(404), reply(422), reply(302, location="https://elsewhere.example")]
)
def test_a_lasting_error_is_not_retried(answer: Response) -> None:
    """A call is not retried after a refusal or a redirect."""
    played = play(send(), answer)
    assert isinstance(played.error, DatadogSeatsError)
    assert not played.error.transient
    assert played.pauses == []


def test_a_response_that_is_not_as_documented_is_a_fault() -> None:
    """A ValueError of the reader becomes a fault that is retried and whose message names the problem."""

    def read(document: dict[str, Any]) -> int:
        raise ValueError(f"its data is missing in {json.dumps(document)}")

    played = play(call(GET, read), *[reply(200, {})] * MAX_ATTEMPTS)
    assert isinstance(played.error, UnavailableError)
    assert "its data is missing" in str(played.error)


def test_a_client_that_sends_a_wrong_answer_is_an_error() -> None:
    """A client that answers a request with something unknown raises a TypeError."""
    assert isinstance(play(send(), "an answer").error, TypeError)


def test_202_confirms_nothing() -> None:
    """The body of a 202 is ignored, because the change is yet to be made."""
    for body in (None, {"data": {"attributes": {"assigned_ids": ["a"]}}}, b"<html>"):
        document = read_response(POST, reply(202, body))
        assert document == {}
        assert document is not EMPTY


def test_a_202_to_a_read_is_not_an_empty_list() -> None:
    """A read that is answered with 202 raises an error and returns no empty list."""

    def read(document: dict[str, Any]) -> list[object]:
        return list(resources(document))

    played = play(call(GET, read), *[reply(202, {"data": []})] * MAX_ATTEMPTS)
    assert isinstance(played.error, UnavailableError)


@pytest.mark.parametrize("request_", [GET, POST])
def test_a_rejected_certificate_is_a_lasting_error(request_: Request) -> None:
    """A rejected certificate is an error that names REQUESTS_CA_BUNDLE and is not retried."""
    played = play(send(request_), NoAnswer("self-signed certificate", certificate_rejected=True))
    error = played.error
    assert isinstance(error, CertificateError)
    assert not error.transient
    assert "self-signed certificate" in str(error)
    assert "REQUESTS_CA_BUNDLE" in str(error)
    assert "'dd'" in error.message_for("dd")
    assert played.pauses == []


def test_the_name_of_a_rate_limit_is_the_route() -> None:
    """Requests whose paths differ only in an id share a rate limit, and messages show the whole path."""
    one, other = (Request("GET", f"/users/{name}", route="/users/{id}") for name in "ab")
    assert one.limit_key == other.limit_key == "GET /users/{id}"
    assert (one.name, GET.limit_key) == ("GET /users/a", "GET /api/v2/things")
