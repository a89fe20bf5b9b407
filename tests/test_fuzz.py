"""Any value from a template, a connection or the wire is either used or an error of this package that names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.groups import list_active_users
from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._api.rate_limits import RateLimits
from airflow_provider_seats._api.roles import list_role_members
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._api.seats import SeatUser, list_seat_users
from airflow_provider_seats._api.teams import list_team_members
from airflow_provider_seats._api.users import get_accounts, search_accounts
from airflow_provider_seats._arguments import (
    parse_age,
    parse_bool,
    parse_choice,
    parse_non_negative_int,
    parse_optional,
    parse_product_code,
    parse_report,
)
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.jobs import Job
from airflow_provider_seats._planning.keepers import free_keepers
from airflow_provider_seats._planning.limit import Limit, parse_limit
from airflow_provider_seats._planning.plan import Change, Plan
from airflow_provider_seats._planning.world import World
from airflow_provider_seats._rosters.people import parse_people
from airflow_provider_seats._waiting.condition import SeatState
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import (
    GroupsNotFoundError,
    InvalidConnectionError,
    InvalidInputError,
    UnavailableError,
)
from tests.helpers.examples import examples
from tests.helpers.playing import play, reply

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Response

ANN, BOB = "11111111-1111-1111-1111-11111111111a", "11111111-1111-1111-1111-11111111111b"
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

PARSERS: dict[str, tuple[Callable[[str, Any], Any], Callable[[Any], bool]]] = {
    "max_seats": (parse_non_negative_int, lambda parsed: isinstance(parsed, int) and parsed >= 0),
    "max_unassign": (
        parse_limit,
        lambda parsed: isinstance(parsed, Limit) and 0 <= parsed.of(100) <= max(parsed.people or 0, 100),
    ),
    "min_seat_age": (parse_age, lambda parsed: isinstance(parsed, float) and parsed >= 0),
    "preview": (parse_bool, lambda parsed: isinstance(parsed, bool)),
    "state": (
        lambda name, value: parse_choice(name, value, SeatState),
        lambda parsed: parsed in {"assigned", "unassigned"},
    ),
    "undo": (parse_report, lambda parsed: isinstance(parsed["product"], str)),
    "protect": (lambda name, value: parse_people(**{name: value}), lambda parsed: isinstance(parsed.emails, tuple)),
    "product_code": (lambda _, value: parse_product_code(value), lambda parsed: bool(parsed.strip())),
}


@pytest.mark.parametrize("name", PARSERS)
@examples(150)
@given(value=values)
def test_any_argument_is_parsed_or_refused_by_name(name: str, value: object) -> None:
    """Any value of an argument, and the text that a template makes of it, is parsed or is an error that names it."""
    parse, is_sound = PARSERS[name]
    for each in (value, str(value)):
        try:
            assert is_sound(parse(name, each))
        except InvalidInputError as error:
            assert error.field == name
            assert str(error).startswith(f"{name}: ")
            assert len(str(error)) < 2_000


@pytest.mark.parametrize("name", ["max_seats", "max_unassign", "min_seat_age", "undo", "protect"])
@examples(150)
@given(value=values)
def test_no_value_leaves_a_guard_out(name: str, value: object) -> None:
    """A guard that was passed is parsed or is an error: no value makes it disappear."""
    for each in (value, str(value), str(NOT_PASSED)):
        try:
            assert parse_optional(name, each, PARSERS[name][0]) is not None
        except InvalidInputError as error:
            assert error.field == name


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
def test_any_connection_is_parsed_or_refused_by_field(  # noqa: PLR0917 (the fields)
    host: Any, port: Any, schema: Any, password: Any, extra: Any, conn_type: str | None
) -> None:
    """Any connection is parsed or is an error that names a field, and requests go over TLS or to this machine."""
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
        st.fixed_dictionaries({}, optional={"id": scalars | st.uuids().map(str), "attributes": values, "type": scalars})
        | values,
        max_size=4,
    ),
    meta=values,
)
def test_any_page_of_seats_is_read_completely_or_is_an_error(rows: list[Any], meta: Any) -> None:
    """Any page of the seat list is read with all of its rows or is an error, never a shorter list."""
    try:
        content = json.dumps({"data": rows, "meta": meta})
    except (TypeError, ValueError):
        return
    played = play(list_seat_users("p"), *[reply(200, content.encode())] * 5, exhaust=False)
    if played.error is None:
        assert all(isinstance(user, SeatUser) for user in played.value)
        ids = [(row.get("id") or "").lower() for row in rows]
        known = {each for each in ids if canonical_uuid(each) == each}
        assert {user.id for user in played.value} - {None} == known
        assert len(played.value) == len(known) + sum(each not in known for each in ids)
    else:
        assert isinstance(played.error, UnavailableError)


@examples(300)
@given(document=values | st.fixed_dictionaries({"data": st.lists(values, max_size=3), "meta": values}))
def test_any_page_of_users_is_read_or_is_an_error(document: Any) -> None:
    """Any page of users is read or is an error, so that an account that cannot be read does not count as missing."""
    try:
        content = json.dumps(document)
    except (TypeError, ValueError):
        return
    played = play(search_accounts(["ann@x.com"]), *[reply(200, content.encode())] * 9, exhaust=False)
    assert played.error is None or isinstance(played.error, UnavailableError)


def listed(*rows: dict[str, Any]) -> dict[str, Any]:
    """Return a list of resources as Datadog answers it, with the totals of every endpoint."""
    totals = {"total": len(rows), "total_count": len(rows), "total_filtered_count": len(rows)}
    return {"data": list(rows), "meta": {"page": totals, "pagination": totals}}


# What lists people, and the answers that come before the people.
ROLES = listed(*({"id": each, "attributes": {"name": name}} for each, name in ((ANN, "SRE"), (BOB, "Leads"))))
TEAMS = listed(*({"id": each, "attributes": {"handle": name}} for each, name in (("1", "sre"), ("2", "leads"))))
PEOPLE_FLOWS: dict[str, tuple[Callable[[], Any], dict[str, Any] | None]] = {
    "a role by name": (lambda: list_role_members(["SRE"]), ROLES),
    "a role by id": (lambda: list_role_members([ANN]), None),
    "roles": (lambda: list_role_members(["SRE", "Leads"]), ROLES),
    "a team": (lambda: list_team_members(["sre"]), TEAMS),
    "teams": (lambda: list_team_members(["sre", "leads"]), TEAMS),
    "active users": (list_active_users, None),
}
ids = st.sampled_from([ANN, ANN.upper(), ANN.replace("-", ""), BOB])
flags = st.sampled_from([True, False, None])
texts = st.none() | st.text(max_size=8)
accounts = st.fixed_dictionaries(
    {"id": ids},
    optional={
        "type": st.just("users"),
        "attributes": st.fixed_dictionaries(
            {"email": texts, "status": st.sampled_from(["Active", "Disabled", "Pending", "active", None])},
            optional={"disabled": flags, "service_account": flags, "name": texts, "handle": texts},
        ),
        "relationships": st.fixed_dictionaries(
            {"user": st.fixed_dictionaries({"data": st.fixed_dictionaries({"id": ids})})}
        ),
    },
)
odd_accounts = st.builds(
    lambda row, name, value: {**row, name: value},
    accounts,
    st.sampled_from(["id", "attributes", "relationships"]),
    values,
)
sound_pages = st.lists(accounts, max_size=4, unique_by=lambda row: canonical_uuid(row["id"])).map(
    lambda rows: {**listed(*rows), "included": rows}
)
totals = st.integers(-1, 500) | st.sampled_from([10**18, 1.0, "2", None, True])
odd_pages = st.builds(
    lambda page, name, value: {**page, name: value},
    sound_pages,
    st.sampled_from(["data", "meta", "included"]),
    values
    | st.lists(accounts | odd_accounts, max_size=4)
    | st.fixed_dictionaries(
        {"page": st.dictionaries(st.sampled_from(["total_filtered_count", "total_count"]), totals)}
    ),
)
pages = sound_pages | odd_pages | values


def answer(document: object) -> Response:
    """Return a response. What JSON has no form for becomes text."""
    return reply(200, json.dumps(document, default=repr).encode())


@pytest.mark.parametrize("name", PEOPLE_FLOWS)
@examples(100)
@given(groups=st.none() | pages, people=st.lists(pages, min_size=1, max_size=4))
def test_any_people_of_datadog_are_read_completely_or_are_an_error(name: str, groups: Any, people: list[Any]) -> None:
    """Any lists of roles, teams and users are read with all of their people or are an error of this package."""
    flow, usual = PEOPLE_FLOWS[name]
    before = [answer(usual or people[0])] if groups is None else [answer(groups)] * 5
    played = play(flow(), *before, *[answer(page) for page in people] * 100, exhaust=False)
    if played.error is not None:
        assert isinstance(played.error, UnavailableError | GroupsNotFoundError | InvalidInputError)
        assert len(str(played.error)) < 5_000
        return
    members = played.value
    assert all(canonical_uuid(person) == person for person in members.people)
    assert len(set(members.people)) == len(members.people)
    assert all(line.endswith((": the account is disabled", ": it is a service account")) for line in members.left_out)
    assert members.inactive >= 0


@examples(300)
@given(rows=st.lists(accounts | odd_accounts, max_size=5))
def test_no_user_of_a_role_is_dropped(rows: list[Any]) -> None:
    """Each user of a role is in the result or left out by name. A row that cannot be read is an error."""
    played = play(list_role_members([ANN]), *[answer({"data": rows})] * 5, exhaust=False)
    if played.error is None:
        wanted = {canonical_uuid(row["id"]) for row in rows}
        named = {uuid for uuid in wanted for line in played.value.left_out if str(uuid) in line}
        assert {*played.value.people, *named} == wanted
    else:
        assert isinstance(played.error, UnavailableError)


@examples(300)
@given(page=sound_pages)
def test_everybody_active_of_a_sound_page_is_returned(page: dict[str, Any]) -> None:
    """A page that is as documented is read, and everybody on it is returned, named or counted."""
    members = play(list_active_users(), answer(page)).value
    assert len(members.people) + len(members.left_out) + members.inactive == len(page["data"])


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
    """Any headers of a rate limit make a client wait for at most a day."""
    limits, now = RateLimits(), 1_800_000_000.0
    for status, headers in answers:
        limits.learn("GET /x", status, headers, now)
        wait = limits.take("GET /x", now)
        assert 0 <= wait <= 86_400
        now += wait


@examples(300)
@given(document=values | st.fixed_dictionaries({"data": values}))
def test_any_account_is_read_or_is_an_error(document: Any) -> None:
    """Any response to a request for one account is that account or an error, never another account."""
    uuid = "11111111-1111-1111-1111-11111111111a"
    try:
        content = json.dumps(document)
    except (TypeError, ValueError):
        return
    played = play(get_accounts({uuid: "ann@x.com"}), *[reply(200, content.encode())] * 9, exhaust=False)
    if played.error is None:
        assert set(played.value) <= {uuid}
    else:
        assert isinstance(played.error, UnavailableError)


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
    """A seat whose date is unreadable, cannot be, or is in the future is never old enough to be unassigned."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    row = SeatUser("a", None, None, text)
    job = Job(product="p", mode="exact", people=parse_people(user_uuids=[]), guards=Guards(min_seat_age=age))
    plan = Plan("p", (Change("unassign", {"id": "a", "email": None}, row),))
    if plan.narrow("unassign", free_keepers(job, World(now, SeatList([row])))).changes:
        assert datetime.fromisoformat(text).replace(tzinfo=UTC) <= now + timedelta(days=1)
        assert datetime.fromisoformat(text).year >= 2010
