"""FakeDatadog's usage summary: the official client's models read it, and it is a parent organisation's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_seats.testing import USAGE, USAGE_FIELDS, FakeDatadog
from tests.testing.conftest import KEYS, ask
from tests.testing.test_escalations import assert_parsed

MONTH = f"{datetime.now(UTC):%Y-%m}"


def test_the_official_client_reads_the_usage_of_a_month(datadog: FakeDatadog, official: Any) -> None:
    """The official client reads the seats of each day, also of a field that it does not know, and of the month."""
    from datadog_api_client.v1.api.usage_metering_api import UsageMeteringApi

    for day, seats in enumerate((40, 43, 41), 1):
        datadog.add_usage(f"{MONTH}-0{day}", on_call_seat_hwm=seats, some_new_seats_hwm=seats - 30)
    datadog.add_usage("2020-01-01", on_call_seat_hwm=99)
    answer = UsageMeteringApi(official).get_usage_summary(datetime.now(UTC))
    assert_parsed(answer)
    assert [each.on_call_seat_hwm for each in answer.usage] == [40, 43, 41]
    assert [each.date for each in answer.usage] == [
        datetime.fromisoformat(f"{MONTH}-0{day}T00:00:00+00:00") for day in (1, 2, 3)
    ]
    assert (answer.on_call_seat_hwm_sum, answer["some_new_seats_hwm_sum"]) == (43, 13)
    assert answer.last_updated == datetime.fromisoformat(f"{MONTH}-03T23:00:00+00:00")


def test_the_official_client_reads_the_names_of_the_fields(datadog: FakeDatadog, official: Any) -> None:
    """The list of fields has those of Datadog and those that a test has added."""
    from datadog_api_client.v2.api.usage_metering_api import UsageMeteringApi

    datadog.add_usage(f"{MONTH}-01", some_new_seats_hwm=3)
    answer = UsageMeteringApi(official).get_usage_summary_available_fields()
    assert_parsed(answer)
    attributes = answer.data.attributes
    assert {"on_call_seat_hwm", "incident_management_seats_hwm", "some_new_seats_hwm"} < {*attributes.date_fields}
    assert {"on_call_seat_hwm_sum", "last_updated"} < {*attributes.response_fields}


def test_times_are_written_to_the_hour_by_default(datadog: FakeDatadog) -> None:
    """Without the header for RFC 3339, a time has no minutes and no time zone."""
    datadog.add_usage(f"{MONTH}-02", on_call_seat_hwm=1)
    _, body = ask(datadog, "GET", USAGE, params={"start_month": MONTH})
    assert (body["usage"][0]["date"], body["last_updated"]) == (f"{MONTH}-02T00", f"{MONTH}-02T23")


def test_several_months_are_one_answer(datadog: FakeDatadog) -> None:
    """From the first to the last month, all days are listed."""
    last = f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}"
    for month in (last, MONTH):
        datadog.add_usage(f"{month}-05", on_call_seat_hwm=1)
    _, body = ask(datadog, "GET", USAGE, params={"start_month": last, "end_month": MONTH})
    assert len(body["usage"]) == 2
    assert ask(datadog, "GET", USAGE, params={"start_month": last})[1]["usage"] == body["usage"][:1]


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2020-01"])
def test_a_month_that_datadog_does_not_have_is_refused(datadog: FakeDatadog, month: str) -> None:
    """A month has two digits, and is one of the last 15."""
    assert ask(datadog, "GET", USAGE, KEYS, params={"start_month": month})[0] == 400


def test_a_child_organisation_has_no_usage() -> None:
    """Only a parent organisation may read the usage."""
    with FakeDatadog(is_parent=False) as datadog:
        for path in (USAGE, USAGE_FIELDS):
            status, body = ask(datadog, "GET", path, params={"start_month": MONTH})
            assert (status, body["errors"]) == (
                403,
                ["This endpoint is only accessible for parent-level organizations"],
            )
