"""Whatever comes in, from a template, a connection or the wire: either a value or one of our errors, which names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.flow import InvalidInputError, UnavailableError
from airflow_provider_seats._api.rate_limits import RateLimits
from airflow_provider_seats._api.seats import SeatUser, list_seat_users
from airflow_provider_seats._api.users import find_accounts
from airflow_provider_seats._planning.arguments import (
    Limit,
    read_choice,
    read_count,
    read_flag,
    read_limit,
    read_number,
    read_people,
    read_product,
    read_report,
    read_span,
)
from airflow_provider_seats._planning.condition import SeatState
from airflow_provider_seats._planning.planner import _too_young
from airflow_provider_seats.connection import DatadogConnection, InvalidConnectionError
from tests.helpers.examples import examples
from tests.helpers.playing import play, reply

WORDS = [
    "20%",
    "7d",
    "1e3",
    "٣",
    "-1",
    "0",
    "None",
    "[]",
    "{}",
    "[",
    "true",
    " ",
    "NaN",
    "inf",
    "9" * 400,
    "1_000",
    "²",
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(WORDS)
values = st.recursive(
    scalars | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)

READERS: dict[str, tuple[Callable[[str, Any], Any], Callable[[Any], bool]]] = {
    "max_seats": (read_number, lambda got: isinstance(got, int) and got >= 0),
    "batch_size": (read_count, lambda got: isinstance(got, int) and got > 0),
    "max_unassign": (read_limit, lambda got: isinstance(got, Limit) and 0 <= got.of(100) <= max(got.people or 0, 100)),
    "min_seat_age": (read_span, lambda got: isinstance(got, float) and got >= 0),
    "preview": (read_flag, lambda got: isinstance(got, bool)),
    "state": (lambda name, value: read_choice(name, value, SeatState), lambda got: got in {"assigned", "unassigned"}),
    "undo": (read_report, lambda got: isinstance(got["product"], str)),
    "protect": (lambda name, value: read_people(**{name: value}), lambda got: isinstance(got.emails, tuple)),
    "product_code": (lambda _, value: read_product(value), lambda got: bool(got.strip())),
}


@pytest.mark.parametrize("name", READERS)
@examples(150)
@given(value=values)
def test_any_argument_is_read_or_refused_by_its_name(name: str, value: object) -> None:
    """Also what a template made of it."""
    read, is_sound = READERS[name]
    for given_value in (value, str(value)):
        try:
            assert is_sound(read(name, given_value))
        except InvalidInputError as error:
            assert error.field == name
            assert str(error).startswith(f"{name}: ")
            assert len(str(error)) < 2_000


@examples(300)
@given(
    host=values | st.text(max_size=60),
    port=st.none() | st.integers(-5, 70_000) | st.text(max_size=5),
    schema=st.none() | st.text(max_size=8) | st.sampled_from(["http", "https"]),
    password=values,
    extra=values
    | st.fixed_dictionaries({}, optional=dict.fromkeys(("api_key", "app_key", "site", "timeout", "api_host"), values)),
    conn_type=st.sampled_from(["datadog_seats", "datadog", "http", None]),
)
def test_any_connection_is_parsed_or_refused_by_its_field(  # noqa: PLR0917 (the fields)
    host: Any, port: Any, schema: Any, password: Any, extra: Any, conn_type: str | None
) -> None:
    """What is parsed can be sent to: with TLS, or on this machine."""
    try:
        parsed = DatadogConnection.parse(
            conn_id="c", conn_type=conn_type, host=host, port=port, schema=schema, password=password, extra=extra
        )
    except InvalidConnectionError as error:
        assert f"field {error.field}: " in str(error)
    else:
        local = ("http://127.", "http://localhost", "http://[::1]", "http://[::ffff:127.")
        assert parsed.base_url.startswith(("https://", *local)) or ".localhost" in parsed.base_url
        assert 0 < parsed.timeout <= 3600


@examples(300)
@given(
    rows=st.lists(
        st.fixed_dictionaries({}, optional={"id": scalars, "attributes": values, "type": scalars}) | values, max_size=4
    ),
    meta=values,
)
def test_any_page_of_seats_is_read_or_is_no_answer(rows: list[Any], meta: Any) -> None:
    """Never a list that is shorter than it is, because a row could not be read."""
    try:
        content = json.dumps({"data": rows, "meta": meta})
    except (TypeError, ValueError):
        return
    played = play(list_seat_users("p"), *[reply(200, content.encode())] * 5, exhaust=False)
    if played.error is None:
        assert all(isinstance(user, SeatUser) for user in played.value)
        known = {row["id"].lower() for row in rows if isinstance(row, dict) and row.get("id")}
        assert {user.id for user in played.value} - {None} == known
    else:
        assert isinstance(played.error, UnavailableError)


@examples(300)
@given(document=values | st.fixed_dictionaries({"data": st.lists(values, max_size=3), "meta": values}))
def test_any_page_of_users_is_read_or_is_no_answer(document: Any) -> None:
    """An account that cannot be read is not one that is missing."""
    try:
        content = json.dumps(document)
    except (TypeError, ValueError):
        return
    played = play(find_accounts(["ann@x.com"]), *[reply(200, content.encode())] * 9, exhaust=False)
    assert played.error is None or isinstance(played.error, UnavailableError)


@examples(200)
@given(
    answers=st.lists(
        st.tuples(
            st.integers(100, 599),
            st.dictionaries(
                st.sampled_from([f"x-ratelimit-{name}" for name in ("limit", "period", "remaining", "reset", "name")]),
                st.sampled_from([*WORDS, "1", "60", "1800000060"]) | st.text(max_size=6),
            ),
        ),
        max_size=5,
    )
)
def test_any_headers_leave_limits_that_end(answers: list[tuple[int, dict[str, str]]]) -> None:
    """No garbage stops a client for longer than a day, or for ever."""
    limits, now = RateLimits(), 1_800_000_000.0
    for status, headers in answers:
        limits.learn("GET /x", status, headers, now)
        wait = limits.take("GET /x", now)
        assert 0 <= wait <= 86_400
        now += wait


@examples(300)
@given(
    text=st.text(max_size=30)
    | st.datetimes().map(lambda when: when.isoformat())
    | st.datetimes(timezones=st.timezones()).map(lambda when: when.isoformat())
    | st.sampled_from(
        ["2026-01-01", "2026-W01-1", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1767225600"]
    ),
    age=st.floats(0, 1e9),
)
def test_any_date_makes_a_seat_old_enough_or_keeps_it(text: str, age: float) -> None:
    """What is no date, or one that is to come, never costs anyone a seat."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    kept = _too_young(SeatUser("a", None, None, text), age, now)
    if kept is None:
        assert datetime.fromisoformat(text).replace(tzinfo=UTC) <= now + timedelta(days=1)
