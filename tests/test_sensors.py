"""The sensor: when it succeeds, what it returns, and how it handles errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from airflow_provider_seats._airflow import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT


def sensor(**arguments: Any) -> SeatUsersSensor:
    """Make a sensor that pokes without a pause and times out after one poke."""
    return SeatUsersSensor(
        **{"task_id": "wait", "product_code": PRODUCT, "poke_interval": 0, "timeout": 0, **arguments}
    )


def test_the_result_contains_the_seats_of_the_people(datadog: FakeDatadog) -> None:
    """The sensor returns all fields of the seats after one reading of the seat list, and reads no users."""
    ann = datadog.add_user("ann@x.com", "Ann", seat=PRODUCT)
    result = sensor(user_emails="['ANN@x.com']").execute({})
    assert [(row["id"], row["email"], row["name"]) for row in result["people"]] == [(ann, "ann@x.com", "Ann")]
    assert result["count"] == 1
    assert result["people"][0]["assigned_at"]
    assert [each.method for each in datadog.calls()] == ["GET"]


def test_people_without_a_seat_are_returned_as_passed(datadog: FakeDatadog) -> None:
    """A wait for `unassigned` returns the people with the id and the email that were passed."""
    ann = datadog.add_user("ann@x.com")
    result = sensor(user_emails=["Ann@x.com"], user_uuids=[ann], state="unassigned").execute({})
    assert result == {"count": 2, "people": [{"id": None, "email": "Ann@x.com"}, {"id": ann, "email": None}]}


def test_require_all_or_any(datadog: FakeDatadog) -> None:
    """The sensor waits for all people, or with ``require='any'`` for one, and returns who met the condition."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    emails = ["ann@x.com", "bob@x.com"]
    with pytest.raises(AirflowSensorTimeout):
        sensor(user_emails=emails).execute({})
    found = sensor(user_emails=emails, require="any").execute({})
    assert [row["email"] for row in found["people"]] == ["ann@x.com"]


def test_the_sensor_pokes_until_the_condition_is_met(datadog: FakeDatadog) -> None:
    """The sensor reads the seat list once at each poke."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, Fault(), Fault(delay=0.1), Fault())
    waiting = sensor(user_uuids=[ann], timeout=30)
    pokes: list[Any] = []
    poke = waiting.poke

    def counted(context: Any) -> Any:
        pokes.append(poke(context))
        datadog.give_seat(PRODUCT, ann)
        return pokes[-1]

    waiting.poke = counted  # type: ignore[method-assign]
    assert waiting.execute({})["people"][0]["id"] == ann
    assert [bool(each) for each in pokes] == [False, True]


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(503)] * 5,
        [Fault(429, headers={"X-RateLimit-Reset": "900"})],
        [Fault(lost="before")] * 5,
        [Fault(200, "x")] * 5,
    ],
)
def test_a_transient_error_is_not_yet(datadog: FakeDatadog, no_waits: list[float], faults: list[Fault]) -> None:
    """A transient error neither ends the wait nor counts as an absence."""
    datadog.script("GET", SEATS, *faults)
    assert not sensor(user_emails=["gone@x.com"], state="unassigned").poke({})


def test_refused_keys_fail_the_task_at_once(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """Refused keys fail the task without a retry, with Datadog's explanation and the connection's id."""
    datadog.script("GET", SEATS, *[Fault(403, {"errors": ["Forbidden"]})] * 2)
    with pytest.raises(AirflowFailException, match=r"403.*Forbidden.*'datadog_default'"):
        sensor(user_emails=["ann@x.com"], timeout=60).execute({})
    assert len(datadog.calls()) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "user_uuids or user_emails"),
        ({"user_emails": []}, "nobody to wait for"),
        ({"user_emails": ["None"]}, "user_emails: 'None'"),
        ({"user_emails": ["a@x.com"], "state": "gone"}, "state: 'gone'"),
        ({"user_emails": ["a@x.com"], "require": "one"}, "require: 'one'"),
        ({"user_emails": ["a@x.com"], "product_code": None}, "product_code: None"),
        ({"user_emails": ["a@x.com"], "deferrable": "perhaps"}, "deferrable: 'perhaps'"),
    ],
)
def test_an_unusable_argument_fails_the_task_at_once(
    datadog: FakeDatadog, arguments: dict[str, Any], message: str
) -> None:
    """An unusable argument fails the task before a request is sent, and the message names it."""
    with pytest.raises(AirflowFailException, match=message):
        sensor(**arguments).execute({})
    assert datadog.calls() == []


def test_seats_without_an_email_cause_a_warning(datadog: FakeDatadog) -> None:
    """The log warns that someone passed by email could hold one of the seats that have no email."""
    datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), email=None)
    waiting = sensor(user_emails=["ann@x.com"], state="unassigned")
    lines: list[str] = []
    waiting.log.warning = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    assert waiting.execute({})["people"] == [{"id": None, "email": "ann@x.com"}]
    assert [line for line in lines if "1 seat has no email" in line]


def test_soft_fail_skips_the_task(datadog: FakeDatadog) -> None:
    """A timeout becomes a skip with ``soft_fail``."""
    with pytest.raises(AirflowSkipException):
        sensor(user_emails=["ann@x.com"], soft_fail=True).execute({})


def test_people_that_are_none_are_an_error(datadog: FakeDatadog) -> None:
    """A people argument that a template turned into None fails the task, although the other names people."""
    waiting = sensor(user_emails=["ann@x.com"], user_uuids="{{ x }}")
    waiting.user_uuids = None
    with pytest.raises(AirflowFailException, match="user_uuids: None: the template"):
        waiting.execute({})


def test_the_templated_fields() -> None:
    """Everything that may depend on a run is templated, also the connection's id."""
    fields = {"product_code", "user_uuids", "user_emails", "state", "require", "datadog_conn_id"}
    assert set(SeatUsersSensor.template_fields) == fields


@pytest.mark.parametrize(
    "people",
    [
        lambda: ["ann@x.com"],
        lambda: filter(None, ["ann@x.com", None]),
        lambda: (email for email in ["ann@x.com"]),
        lambda: iter(["ann@x.com"]),
        lambda: map(str.lower, ["ANN@x.com"]),
        {"ann@x.com": 1}.keys,
    ],
    ids=["list", "filter", "generator", "iterator", "map", "keys"],
)
def test_people_that_can_be_iterated_once_survive_a_second_poke(
    datadog: FakeDatadog, people: Callable[[], Any]
) -> None:
    """The sensor waits for the same people at every poke, although an iterator can be read only once."""
    ann = datadog.add_user("ann@x.com")
    waiting = sensor(user_emails=people(), timeout=30)
    poke = waiting.poke
    pokes: list[bool] = []

    def assign_after_two(context: Any) -> Any:
        result = poke(context)
        pokes.append(bool(result))
        if len(pokes) == 2:
            datadog.give_seat(PRODUCT, ann)
        return result

    waiting.poke = assign_after_two  # type: ignore[method-assign]
    assert [row["email"] for row in waiting.execute({})["people"]] == ["ann@x.com"]
    assert pokes == [False, False, True]


def warnings_of(waiting: SeatUsersSensor) -> list[str]:
    """Return a list that receives the warnings of a sensor."""
    lines: list[str] = []
    waiting.log.warning = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    return lines


def test_the_first_poke_warns_about_emails_that_the_list_does_not_contain(datadog: FakeDatadog) -> None:
    """A wait for `unassigned` names the emails that it never saw, but only at the first poke, and not those it saw."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    waiting = sensor(user_emails=["ann@x.com", "misspelt@x.com"], state="unassigned")
    lines = warnings_of(waiting)
    assert not waiting.poke({})
    [line] = lines
    assert "does not contain misspelt@x.com" in line
    assert "ann@x.com" not in line
    datadog.take_seat(PRODUCT, ann)
    assert waiting.poke({})
    assert lines == [line]


@pytest.mark.parametrize(
    "arguments", [{"user_emails": ["new@x.com"]}, {"user_uuids": [str(UUID(int=1))], "state": "unassigned"}]
)
def test_no_warning_about_people_who_are_expected_to_be_absent(datadog: FakeDatadog, arguments: dict[str, Any]) -> None:
    """There is no warning for a wait for `assigned`, or for people passed by UUID, which cannot be misspelt."""
    waiting = sensor(**arguments)
    lines = warnings_of(waiting)
    waiting.poke({})
    assert lines == []


@pytest.mark.usefixtures("no_waits")
def test_the_first_reading_warns_although_an_earlier_poke_failed(datadog: FakeDatadog) -> None:
    """A poke that could not read the list does not count as the first reading."""
    datadog.script("GET", SEATS, *[Fault(503)] * 5)
    waiting = sensor(user_emails=["misspelt@x.com"], state="unassigned")
    lines = warnings_of(waiting)
    assert not waiting.poke({})
    assert waiting.poke({})
    assert [line for line in lines if "does not contain misspelt@x.com" in line] == lines[1:]
