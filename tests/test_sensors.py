"""The sensor: when it is satisfied, what it gives, and what it makes of faults."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT


def sensor(**arguments: Any) -> SeatUsersSensor:
    """Make the sensor; it pokes without a pause and gives up at once."""
    return SeatUsersSensor(
        **{"task_id": "wait", "product_code": PRODUCT, "poke_interval": 0, "timeout": 0, **arguments}
    )


def test_it_gives_the_seats_of_those_who_have_one(datadog: FakeDatadog) -> None:
    """With all their fields, in one look that never asks for users."""
    ann = datadog.add_user("ann@x.com", "Ann", seat=PRODUCT)
    given = sensor(user_emails="['ANN@x.com']").execute({})
    assert [(row["id"], row["email"], row["name"]) for row in given] == [(ann, "ann@x.com", "Ann")]
    assert given[0]["assigned_at"]
    assert [each.method for each in datadog.calls()] == ["GET"]


def test_it_gives_those_who_no_longer_have_one_as_they_were_given(datadog: FakeDatadog) -> None:
    """For an offboarding that waits."""
    ann = datadog.add_user("ann@x.com")
    given = sensor(user_emails=["Ann@x.com"], user_uuids=[ann], state="unassigned").execute({})
    assert given == [{"id": None, "email": "Ann@x.com"}, {"id": ann, "email": None}]


def test_all_or_any_of_the_people_are_waited_for(datadog: FakeDatadog) -> None:
    """Those who met the condition are given."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    emails = ["ann@x.com", "bob@x.com"]
    with pytest.raises(AirflowSensorTimeout):
        sensor(user_emails=emails).execute({})
    assert [row["email"] for row in sensor(user_emails=emails, require="any").execute({})] == ["ann@x.com"]


def test_it_looks_again_until_the_condition_is_met(datadog: FakeDatadog) -> None:
    """One look each interval."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, Fault(), Fault(delay=0.1), Fault())
    waiting = sensor(user_uuids=[ann], timeout=30)
    looks: list[Any] = []
    poke = waiting.poke

    def counted(context: Any) -> Any:
        looks.append(poke(context))
        datadog.give_seat(PRODUCT, ann)
        return looks[-1]

    waiting.poke = counted  # type: ignore[method-assign]
    assert waiting.execute({})[0]["id"] == ann
    assert [bool(look) for look in looks] == [False, True]


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(503)] * 5,
        [Fault(429, headers={"X-RateLimit-Reset": "900"})],
        [Fault(lost="before")] * 5,
        [Fault(200, "x")] * 5,
    ],
)
def test_a_passing_fault_is_not_yet(datadog: FakeDatadog, no_waits: list[float], faults: list[Fault]) -> None:
    """It neither ends the wait nor counts as met, not even for unassigned."""
    datadog.script("GET", SEATS, *faults)
    assert not sensor(user_emails=["gone@x.com"], state="unassigned").poke({})


def test_a_refused_key_fails_at_once(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """Without retry, in Datadog's words, after two tries, and with the connection's name."""
    datadog.script("GET", SEATS, *[Fault(403, {"errors": ["Forbidden"]})] * 2)
    with pytest.raises(AirflowFailException, match=r"403.*Forbidden.*'datadog_default'"):
        sensor(user_emails=["ann@x.com"], timeout=60).execute({})
    assert len(datadog.calls()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
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
def test_an_argument_that_cannot_be_used_is_named(datadog: FakeDatadog, arguments: dict[str, Any], words: str) -> None:
    """The task fails at once; nobody waits a week for a typing error."""
    with pytest.raises(AirflowFailException, match=words):
        sensor(**arguments).execute({})
    assert datadog.calls() == []


def test_seats_without_an_email_are_warned_of(datadog: FakeDatadog) -> None:
    """Whoever is waited for by email to lose a seat may be among them."""
    datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), email=None)
    waiting = sensor(user_emails=["ann@x.com"], state="unassigned")
    lines: list[str] = []
    waiting.log.warning = lambda message, *values: lines.append(message % values)  # type: ignore[method-assign]
    assert waiting.execute({}) == [{"id": None, "email": "ann@x.com"}]
    assert "1 seats have no email" in lines[-1]


def test_soft_fail_skips_as_airflow_does(datadog: FakeDatadog) -> None:
    """A time-out becomes a skip where that was asked for."""
    with pytest.raises(AirflowSkipException):
        sensor(user_emails=["ann@x.com"], soft_fail=True).execute({})


def test_people_that_came_to_nothing_are_an_error(datadog: FakeDatadog) -> None:
    """Those who are left would be waited for, and nobody would know of the others."""
    waiting = sensor(user_emails=["ann@x.com"], user_uuids="{{ x }}")
    waiting.user_uuids = None
    with pytest.raises(AirflowFailException, match="user_uuids: None: the template"):
        waiting.execute({})


def test_everything_that_depends_on_a_run_is_a_template() -> None:
    """Also the connection."""
    fields = {"product_code", "user_uuids", "user_emails", "state", "require", "datadog_conn_id"}
    assert set(SeatUsersSensor.template_fields) == fields
