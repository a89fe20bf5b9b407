"""Arguments as users pass them and as templates render them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._arguments import (
    parse_age,
    parse_bool,
    parse_choice,
    parse_duration,
    parse_literal,
    parse_moment,
    parse_non_negative_int,
    parse_optional,
    parse_product_code,
    parse_report,
    parse_time,
)
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.guards import MissingUsers
from airflow_provider_seats._planning.reporting import report_preview
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.report import KINDS, for_undo
from tests.helpers.planning import NOW, person, seat, sync

U1 = "11111111-1111-1111-1111-11111111111a"
U2 = "22222222-2222-2222-2222-22222222222b"


@pytest.mark.parametrize("value", ["", " ", None, "None", "incident response", 3, ["incident_response"]])
def test_a_product_code_is_one_word(value: Any) -> None:
    """A product code is any text without spaces, and anything else is an error that names the argument."""
    with pytest.raises(InvalidInputError, match=r"^product_code: "):
        parse_product_code(value)
    assert parse_product_code(" example_product ") == "example_product"


def test_a_choice_must_be_one_of_those_allowed() -> None:
    """The error about a choice shows the value and the choices."""
    assert parse_choice("missing_users", "skip", MissingUsers) == "skip"
    with pytest.raises(InvalidInputError, match=r"^missing_users: 'Skip' is not one of 'fail', 'skip'"):
        parse_choice("missing_users", "Skip", MissingUsers)
    for value in (["skip"], None, "", NOT_PASSED):
        with pytest.raises(InvalidInputError, match=r"^missing_users: "):
            parse_choice("missing_users", value, MissingUsers)


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("True", True), ("1", True), ("yes", True), (False, False), (" false", False), ("no", False)],
)
def test_a_boolean_is_parsed_from_text(value: Any, flag: bool) -> None:
    """A boolean that a template rendered keeps its value, so the text False is not true."""
    assert parse_bool("preview", value) is flag


@pytest.mark.parametrize("value", ["", None, "maybe", 2, [], "None", NOT_PASSED])
def test_anything_else_is_no_boolean(value: Any) -> None:
    """A value that is neither true nor false is an error that names the argument."""
    with pytest.raises(InvalidInputError, match=r"^preview: .* is neither true nor false"):
        parse_bool("preview", value)


@pytest.mark.parametrize("value", [-1, "x", 1.5, True, False, "", None, "1_0", "\u0663", "9" * 10, NOT_PASSED])
def test_a_non_negative_int_may_be_0(value: Any) -> None:
    """A non-negative int is parsed from a number or its text, and anything else is an error."""
    with pytest.raises(InvalidInputError, match=r"^max_seats: .* is not a whole number of 0 or more"):
        parse_non_negative_int("max_seats", value)
    assert [parse_non_negative_int("max_seats", number) for number in (0, "0", 25, " 25 ")] == [0, 0, 25, 25]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (timedelta(days=7), 604_800),
        (0, 0),
        (90.5, 90.5),
        ("90", 90),
        ("90s", 90),
        ("90m", 5_400),
        ("36h", 129_600),
        ("7d", 604_800),
        (" 1.5 d ", 129_600),
        ("2w", 1_209_600),
    ],
)
def test_a_duration_is_parsed_into_seconds(value: Any, seconds: float) -> None:
    """A duration is a timedelta, a number of seconds, or a number with a unit."""
    assert parse_duration("min_seat_age", value) == seconds


@pytest.mark.parametrize(
    ("value", "offered"), [(7, "'7d'"), ("7", "'7d'"), (" 1.5 ", "'1.5d'"), (0, "'0d'"), (0.5, "'0.5d'")]
)
def test_an_age_needs_a_unit(value: Any, offered: str) -> None:
    """A number without a unit is an error that offers days. With a unit, an age is parsed like any duration."""
    with pytest.raises(InvalidInputError, match=rf"^min_seat_age: .* has no unit. Pass {offered} for days"):
        parse_age("min_seat_age", value)
    assert parse_age("min_seat_age", "7d") == parse_age("min_seat_age", timedelta(days=7)) == 604_800


@pytest.mark.parametrize(
    "value",
    [-1, timedelta(days=-1), "7x", "d", "", None, True, "1e3", "-7d", float("nan"), float("inf"), 1e13, NOT_PASSED],
)
def test_anything_else_is_no_duration(value: Any) -> None:
    """A negative, endless or unreadable duration is an error that names the argument."""
    with pytest.raises(InvalidInputError, match=r"^min_seat_age: .* is not a duration"):
        parse_duration("min_seat_age", value)
    with pytest.raises(InvalidInputError, match=r"^min_seat_age: "):
        parse_age("min_seat_age", value)


PARSERS: list[tuple[Callable[[str, Any], Any], Any]] = [
    (parse_non_negative_int, 0),
    (parse_age, "7d"),
    (parse_bool, "false"),
]


@pytest.mark.parametrize(("parse", "good"), PARSERS)
def test_only_not_passed_leaves_an_argument_out(parse: Callable[[str, Any], Any], good: Any) -> None:
    """NOT_PASSED leaves an argument out, and every other value must be valid."""
    assert parse_optional("guard", NOT_PASSED, parse) is None
    assert parse_optional("guard", good, parse) == parse("guard", good)
    for value in (None, "", "  ", "\n"):
        with pytest.raises(
            InvalidInputError, match=r"^guard: .* returned nothing. Check it, or leave the argument out"
        ):
            parse_optional("guard", value, parse)


@pytest.mark.parametrize("value", ["None", "NOT_PASSED", "NotPassed.NOT_PASSED", [], {}, "null"])
def test_no_rendered_value_leaves_a_guard_out(value: Any) -> None:
    """The text of NOT_PASSED and other stand-ins for nothing are errors, so no template can switch a guard off."""
    with pytest.raises(InvalidInputError, match=r"^max_seats: "):
        parse_optional("max_seats", value, parse_non_negative_int)


def test_not_passed_is_one_value() -> None:
    """NOT_PASSED stays the same object when Airflow pickles an operator, and its repr is readable."""
    assert pickle.loads(pickle.dumps(NOT_PASSED)) is NOT_PASSED  # noqa: S301 (it was pickled here)
    assert repr(NOT_PASSED) == str(NOT_PASSED) == "NOT_PASSED"
    with pytest.raises(TypeError):
        json.dumps(NOT_PASSED)


# --- reports ---


def _report() -> dict[str, Any]:
    seats = SeatList([seat(U1, "1@x")])
    return {**report_preview(sync(People((U2,)), seats)), "preview": False}


@pytest.mark.parametrize(
    "value",
    [
        *("2026-11-29T06:00:00Z", "2026-11-29T07:00:00+01:00", "2026-11-29 06:00:00"),
        *(datetime(2026, 11, 29, 6, tzinfo=UTC), datetime(2026, 11, 29, 6)),  # noqa: DTZ001 (as a query returns it)
    ],
)
def test_a_moment_is_a_datetime_or_its_text(value: Any) -> None:
    """A time is parsed from a datetime or from ISO 8601, in UTC if it has no time zone."""
    assert parse_moment("roster_read_at", value) == datetime(2026, 11, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize("value", ["now", 1764396000, "0001-01-01", True, datetime(1, 1, 1, tzinfo=UTC)])
def test_anything_else_is_no_moment(value: Any) -> None:
    """A text that is no time, a number, or a time that cannot be is an error that names the argument."""
    with pytest.raises(
        InvalidInputError, match=r"^roster_read_at: .* is not a time\. Pass a datetime, or text in ISO 8601"
    ):
        parse_moment("roster_read_at", value)


@pytest.mark.parametrize("form", [dict, json.dumps, repr, for_undo])
def test_a_report_is_parsed_from_every_form(form: Callable[[Any], Any]) -> None:
    """A report is parsed from XCom's value, JSON, its repr and the JSON that the log shows."""
    report = parse_report("undo", form(_report()))
    assert report["unassigned"] == [person(U1, "1@x")]
    assert report["assigned"] == [person(U2)]
    assert all(isinstance(dict(report)[kind], list) for kind in KINDS)


def test_the_uuids_in_a_report_may_have_any_form() -> None:
    """The UUIDs of a report that somebody edited are brought into the form of the seat list."""
    report = {**_report(), "assigned": [{"id": U2.upper(), "email": None, "reason": "x"}]}
    assert parse_report("undo", report)["assigned"] == [person(U2)]


@pytest.mark.parametrize("key", ["product", "preview", "seats_before", "since_attempt", "assigned", "unassigned"])
def test_a_report_without_a_key_is_an_error(key: str) -> None:
    """A report that lacks a key which an undo needs, or has another type there, is an error that names the key."""
    report = _report()
    del report[key]
    with pytest.raises(InvalidInputError, match=f"^undo: .*'{key}' is missing or of another type"):
        parse_report("undo", report)
    with pytest.raises(
        InvalidInputError, match=f"^undo: .*'{key}' is missing or of another type. Pass the task's return_value"
    ):
        parse_report("undo", {**report, key: {}})


@pytest.mark.parametrize("value", ["", "x", [], 7, "[]", "[" * 5_000])
def test_anything_else_is_no_report(value: Any) -> None:
    """A value that is not a mapping is an error that names the argument, and where a report is."""
    with pytest.raises(InvalidInputError, match=r"^approved: .* is not a report .* Pass the task's return_value"):
        parse_report("approved", value)


@pytest.mark.parametrize(
    "bad", [None, "ann@x.com", {}, {"id": None, "email": "a@x"}, {"id": "1", "email": None}, {"id": U1, "email": 7}]
)
def test_a_person_in_a_report_must_have_a_uuid(bad: Any) -> None:
    """A changed person without a valid UUID or with an email that is no text is an error that shows the person."""
    with pytest.raises(InvalidInputError, match=r"^undo: it contains .* not a person of a report"):
        parse_report("undo", {**_report(), "assigned": [bad]})


@pytest.mark.parametrize(
    ("text", "value"),
    [('["a"]', ["a"]), ("('a',)", ("a",)), ("None", None), ("null", None), ("true", True), ("a@x", "a@x"), ("[", "[")],
)
def test_a_literal_is_json_or_python(text: str, value: object) -> None:
    """A text is parsed as JSON, else as a Python literal, else it stays a text."""
    assert parse_literal(text) == value


@pytest.mark.parametrize("text", [None, "", "soon", 7, ["2026-01-01"], "2026-13-01"])
def test_an_unreadable_time_is_none(text: object) -> None:
    """A value that is not a time of ISO 8601 is none."""
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1601-01-01T00:00:00Z",
        "1899-12-30",
        "1970-01-01T00:00:00+00:00",
        "2009-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_time_that_cannot_be_is_none(text: str) -> None:
    """What programs write for a time that they do not know is no time, and none that overflows in another zone."""
    assert parse_time(text) is None


@pytest.mark.parametrize("text", ["2010-01-01T00:00:00+14:00", "2199-12-31T23:59:59-14:00"])
def test_each_possible_time_has_one_in_utc(text: str) -> None:
    """A time at either end of the possible ones can be expressed in UTC."""
    moment = parse_time(text)
    assert moment is not None
    assert moment.astimezone(UTC) == moment


def test_a_time_without_a_zone_is_in_utc() -> None:
    """A time is returned with its zone, or in UTC."""
    assert parse_time("2026-11-21T12:00:00") == parse_time("2026-11-21T13:00:00+01:00") == NOW
