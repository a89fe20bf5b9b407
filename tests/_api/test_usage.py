"""The usage flow: the seats of each day, by Datadog's names, and an error for whatever cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats._api.flow import MAX_ATTEMPTS, Gather, Request, Response
from airflow_provider_seats._api.usage import MonthUsage, read_usage
from airflow_provider_seats.exceptions import KeysRefusedError, UnavailableError, UsageNotAvailableError
from tests.helpers.playing import play, reply

MONTH = "2026-11"


def fields(*names: object) -> Response:
    """Return the names of the fields of a day."""
    return reply(200, {"data": {"attributes": {"date_fields": list(names)}}})


def usage(*days: dict[str, Any], **more: Any) -> Response:
    """Return the usage of a month."""
    return reply(200, {"usage": list(days), **more})


def test_months_are_read_side_by_side() -> None:
    """The months are read side by side, after the names of the fields."""
    flow = read_usage(MONTH, "2026-10")
    assert isinstance(next(flow), Request)
    step = flow.send(fields())
    assert isinstance(step, Gather)
    assert len(step.flows) == 2
    for each in step.flows:
        each.close()
    flow.close()


def test_the_seats_of_each_day_are_returned_by_name() -> None:
    """Only fields that count seats are returned, with Datadog's number for the month and the time of the update."""
    days: list[dict[str, Any]] = [
        {"date": "2026-11-01T00", "on_call_seat_hwm": 40, "infra_host_top99p": 9, "x_users_hwm": 1},
        {"date": "2026-11-02T00:00:00+00:00", "on_call_seat_hwm": 43.0, "seats_hwm": 2},
        {"date": "2026-11-03", "on_call_seat_hwm": None},
    ]
    played = play(read_usage(MONTH), fields(), usage(*days, on_call_seat_hwm_sum=43, last_updated="2026-11-02T23"))
    assert played.value == [
        MonthUsage(
            {"on_call_seat_hwm": {"2026-11-01": 40, "2026-11-02": 43}, "seats_hwm": {"2026-11-02": 2}},
            {"on_call_seat_hwm": 43},
            "2026-11-02T23",
        )
    ]
    assert [(each.name, dict(each.query)) for each in played.requests] == [
        ("GET /api/v2/usage/summary/available_fields", {}),
        ("GET /api/v1/usage/summary", {"start_month": MONTH, "end_month": MONTH}),
    ]


def test_further_fields_are_found_in_the_list_of_fields() -> None:
    """A field that the list names and no day has is one without days."""
    played = play(read_usage(MONTH), fields("new_seats_hwm", "date", 3, "seat_cost", "seats_hwm_x"), usage())
    assert played.value == [MonthUsage({"new_seats_hwm": {}}, {}, None)]


def test_a_site_without_a_list_of_fields_has_those_of_its_days() -> None:
    """If the site does not list its fields, those that the days have are returned."""
    played = play(read_usage(MONTH), reply(404), usage({"date": "2026-11-01", "a_seat_hwm": 1}))
    assert played.value[0].days == {"a_seat_hwm": {"2026-11-01": 1}}


def test_only_days_of_the_month_count() -> None:
    """A day of another month is left out, and of two rows for a day the higher counts."""
    rows = (("2026-10-31", 9), ("2026-11-01", 3), ("2026-11-01", 2), ("2026-11-30T23:30:00-05:00", 8))
    days: list[dict[str, Any]] = [{"date": date, "seats_hwm": seats} for date, seats in rows]
    assert play(read_usage(MONTH), fields(), usage(*days)).value[0].days == {"seats_hwm": {"2026-11-01": 3}}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "its usage is not a list of days"),
        ({"usage": ["x"]}, "its usage is not a list of days"),
        ({"usage": [{"seats_hwm": 1}]}, "Invalid isoformat string"),
        ({"usage": [{"date": "2026-11-01", "seats_hwm": "1"}]}, "its seats_hwm is not a whole number"),
        ({"usage": [{"date": "2026-11-01", "seats_hwm": 1.5}]}, "its seats_hwm is not a whole number"),
        ({"usage": [{"date": "2026-11-01", "seats_hwm": True}]}, "its seats_hwm is not a whole number"),
        ({"usage": [{"date": "2026-11-01", "seats_hwm": 1}], "seats_hwm_sum": "x"}, "its seats_hwm_sum is not"),
        ({"usage": [], "last_updated": 3}, "its last_updated is int"),
        (
            {"usage": [{"date": "0001-01-01T00:00:00+14:00", "seats_hwm": 1}]},
            "its date 0001-01-01T00:00:00+14:00",
        ),
    ],
)
def test_a_summary_that_is_not_as_documented_is_an_error(document: dict[str, Any], problem: str) -> None:
    """Numbers that cannot be read are an error, and never no seats."""
    error = play(read_usage(MONTH), fields(), *[reply(200, document)] * MAX_ATTEMPTS).error
    assert isinstance(error, UnavailableError)
    assert problem in str(error)


def test_fields_that_are_not_as_documented_are_an_error() -> None:
    """A list of fields that cannot be read is an error."""
    error = play(read_usage(MONTH), *[reply(200, {"data": {}})] * MAX_ATTEMPTS).error
    assert "its date_fields are not a list" in str(error)


@pytest.mark.parametrize("answers", [[reply(403)] * 2, [fields(), *[reply(403)] * 2]])
def test_a_refusal_names_the_permission_and_the_parent(answers: list[Response]) -> None:
    """A 403 may mean a missing permission or a child organisation, so the error names both."""
    error = play(read_usage(MONTH), *answers).error
    assert isinstance(error, KeysRefusedError)
    assert (
        "has the permission usage_read, and that the keys are those of the parent organisation. Datadog refuses the "
        "usage to a child organisation."
    ) in str(error)


@pytest.mark.parametrize(
    ("answers", "month"), [([fields(), reply(400)], "the month 2026-11, and "), ([reply(400)], "Check that the")]
)
def test_another_refusal_says_what_datadog_has(answers: list[Response], month: str) -> None:
    """Another refusal names the month, the 15 months and the parent organisation."""
    error = play(read_usage(MONTH), *answers).error
    assert isinstance(error, UsageNotAvailableError)
    assert error.status == 400
    assert month in str(error)
    assert "Datadog has the usage of the last 15 months, and only for a parent organisation." in str(error)
