"""The one call: what an answer means, what is tried again, and how long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.flow import (
    ATTEMPTS,
    LONGEST_WAIT,
    Flow,
    KeysRefusedError,
    MisdirectedError,
    RateLimitedError,
    Request,
    RequestRefusedError,
    Response,
    Spent,
    UnavailableError,
    call,
    read_answer,
)
from airflow_provider_seats.connection import DatadogSeatsError
from tests.helpers.playing import lost, play, reply

GET = Request("GET", "/api/v2/things", needs="the permission things_read")
POST = Request("POST", "/api/v2/things", body={})


def ask(request: Request = GET) -> Flow[dict[str, Any]]:
    """Make a call whose answer is taken as it is."""
    return call(request, lambda document: document)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, MisdirectedError),
        (400, RequestRefusedError),
        (401, KeysRefusedError),
        (403, KeysRefusedError),
        (404, RequestRefusedError),
        (408, UnavailableError),
        (409, RequestRefusedError),
        (422, RequestRefusedError),
        (429, RateLimitedError),
        (500, UnavailableError),
        (503, UnavailableError),
        (199, UnavailableError),
    ],
)
def test_a_status_becomes_the_error_that_a_caller_can_act_on(status: int, kind: type[DatadogSeatsError]) -> None:
    """Each has one class, and those that may pass say so."""
    with pytest.raises(kind, match=rf"(?s){status}.*Forbidden things" if status != 302 else "302") as caught:
        read_answer(GET, reply(status, {"errors": ["Forbidden things"]}))
    assert caught.value.passing == (kind in {UnavailableError, RateLimitedError})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": ["API key required"]}, "API key required"),
        ({"errors": [{"title": "Generic Error", "detail": "x is required"}]}, "Generic Error: x is required"),
        ({"errors": [{"detail": "one"}, "two", {"title": None, "detail": "three"}]}, "one; two; three"),
        (b"<html><head><title>T</title></head><body><h1>502</h1>Bad\n Gateway</body></html>", "502 Bad Gateway"),
        ({"errors": "odd"}, '{"errors": "odd"}'),
        ([1], "[1]"),
        (b"\xff\xfe", "\ufffd"),
        (b"", "(no words)"),
    ],
)
def test_the_servers_own_words_are_found(body: object, words: str) -> None:
    """Both shapes of Datadog's errors are read, and of a page only what a person would read."""
    with pytest.raises(RequestRefusedError) as caught:
        read_answer(GET, reply(422, body))
    assert words in caught.value.words


def test_a_refused_key_tells_which_permission_is_needed() -> None:
    """Who reads it knows what to ask the administrator for."""
    with pytest.raises(KeysRefusedError, match="things_read"):
        read_answer(GET, reply(403, {"errors": ["Forbidden"]}))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"3", b"<html>", b'{"data":', b"\xff", b"[" * 100_000])
def test_a_success_that_is_no_json_object_is_a_fault(content: bytes) -> None:
    """A login page or half an answer is never taken for an empty result."""
    with pytest.raises(UnavailableError, match="200"):
        read_answer(GET, Response(200, {}, content))


def test_a_write_may_answer_nothing() -> None:
    """A 204 has no content, and is a success."""
    assert read_answer(Request("DELETE", "/x"), Response(204)) == {}


@given(st.integers(100, 599), st.binary(max_size=200), st.booleans())
def test_any_answer_is_an_object_or_one_of_our_errors(status: int, content: bytes, reads: bool) -> None:
    """Nothing that a server sends escapes as another exception, and messages stay short and on one line."""
    try:
        document = read_answer(GET if reads else POST, Response(status, {}, content))
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
    """Errors of any shape become words."""
    with pytest.raises(RequestRefusedError):
        read_answer(GET, reply(400, {"errors": errors}))


@pytest.mark.parametrize("fault", [reply(500), reply(503), reply(408), reply(429), lost(), reply(200, b"<html>")])
def test_a_read_is_tried_again_after_a_passing_fault(fault: object) -> None:
    """The waits double, and the answer is what comes at last."""
    played = play(ask(), fault, fault, reply(200, {"ok": 1}))
    assert played.value == {"ok": 1}
    assert played.pauses == [1, 2]


def test_a_read_ends_after_a_few_attempts_with_the_last_cause_attached() -> None:
    """The error is ours, is passing, and names the cause."""
    played = play(ask(), *[lost()] * ATTEMPTS)
    assert isinstance(played.error, UnavailableError)
    assert isinstance(played.error.__cause__, ConnectionResetError)
    assert "gone" in str(played.error)
    assert played.pauses == [1, 2, 4, 8]


def test_a_write_is_not_sent_again_where_it_may_have_been_done() -> None:
    """The caller has to look first."""
    for fault in (reply(500), reply(408), lost(), reply(201, b"<html>")):
        assert isinstance(play(ask(POST), fault).error, UnavailableError)


def test_a_write_is_sent_again_after_a_rate_limit() -> None:
    """A 429 is not ambiguous, and the server's reset is honoured."""
    played = play(ask(POST), reply(429, x_ratelimit_reset="7"), reply(201, {"ok": 1}))
    assert played.value == {"ok": 1}
    assert played.pauses == [7]


def test_a_fault_does_not_wait_for_the_reset_of_a_rate_limit() -> None:
    """Every answer tells when its limit is reset; only a spent limit is a reason to wait for that."""
    played = play(ask(), reply(503, x_ratelimit_reset="60"), reply(503, retry_after="4"), reply(200, {}))
    assert played.pauses == [1, 4]


def test_a_limit_that_outlasts_the_bound_ends_in_an_error_that_carries_it() -> None:
    """The task can come back then, instead of holding its slot."""
    played = play(ask(), reply(429, {"errors": ["Too many"]}, x_ratelimit_reset="3000"))
    assert isinstance(played.error, RateLimitedError)
    assert played.error.retry_after == 3000
    assert "3000 s" in str(played.error)
    assert "Too many" in str(played.error)
    assert played.pauses == []


def test_all_the_waits_of_a_call_are_bounded_together() -> None:
    """Several resets that are short each do not add up to more than the bound."""
    played = play(ask(), *[reply(429, x_ratelimit_reset="50")] * 3)
    assert sum(played.pauses) <= LONGEST_WAIT
    assert isinstance(played.error, RateLimitedError)


def test_a_call_that_was_held_back_waits_and_is_then_sent() -> None:
    """A spent limit is waited out, and does not count as an attempt."""
    played = play(ask(POST), *[Spent(3)] * 8, reply(201, {}))
    assert played.error is None
    assert played.pauses == [3] * 8
    held = play(ask(), Spent(500)).error
    assert isinstance(held, RateLimitedError)
    assert held.retry_after == 500


@pytest.mark.parametrize("request_", [GET, POST])
def test_refused_keys_are_tried_twice_at_most(request_: Request) -> None:
    """A fresh token takes a moment to be known; a wrong one is not tried for long."""
    assert isinstance(play(ask(request_), reply(403), reply(403)).error, KeysRefusedError)
    assert play(ask(request_), reply(401), reply(200, {"ok": 1})).value == {"ok": 1}


@pytest.mark.parametrize(
    "answer", [reply(400), reply(404), reply(422), reply(302, location="https://elsewhere.example")]
)
def test_a_lasting_error_is_not_tried_again(answer: Response) -> None:
    """What was refused once would be refused again."""
    played = play(ask(), answer)
    assert played.error is not None
    assert not getattr(played.error, "passing", True)
    assert played.pauses == []


def test_an_answer_that_is_not_as_documented_is_a_fault_and_read_again() -> None:
    """The reader's complaint becomes an error with the call's name."""

    def read(document: dict[str, Any]) -> int:
        raise ValueError(f"its data is missing in {json.dumps(document)}")

    played = play(call(GET, read), *[reply(200, {})] * ATTEMPTS)
    assert isinstance(played.error, UnavailableError)
    assert "its data is missing" in str(played.error)


def test_a_flow_that_is_served_wrongly_says_so() -> None:
    """Who writes a client of one's own finds the mistake."""
    assert isinstance(play(ask(), "an answer").error, TypeError)
