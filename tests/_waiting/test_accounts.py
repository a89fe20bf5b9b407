"""The wait for accounts: every end, in a worker and in the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout
from airflow_provider_seats._api.users import User
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.stored import MAX_VALUE, pack, size
from airflow_provider_seats._waiting.accounts import AccountsCondition
from airflow_provider_seats._waiting.sources import AccountList
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.sensors import UserAccountsSensor
from airflow_provider_seats.testing import USERS, FakeDatadog, Fault
from airflow_provider_seats.triggers import UserAccountsTrigger
from tests.helpers.airflow_names import TaskDeferred
from tests.helpers.looping import NOW, quickly
from tests.helpers.sensing import WorkerClock, deferred, ended, event_of, many, resume
from tests.helpers.triggers import FORBIDDEN, end, event_of as event_of_trigger, revived

ANN = "11111111-1111-1111-1111-111111111111"
BOB = "22222222-2222-2222-2222-222222222222"


def user(email: str, status: str = "Active", *, service: bool = False) -> User:
    """Return an account."""
    return User(f"id of {email} {status} {service}", email, "A Name", status, service)


def read(*users: User) -> AccountList:
    """Return a reading of these accounts."""
    same: dict[str, tuple[User, ...]] = {}
    for each in users:
        same[str(each.email)] = (*same.get(str(each.email), ()), each)
    return AccountList(same)


def condition(emails: object, require: object = "all") -> AccountsCondition:
    """Make a condition."""
    return AccountsCondition.parse(user_emails=emails, require=require)


def sensor(**arguments: Any) -> UserAccountsSensor:
    """Return a sensor that waits for Ann."""
    given = {"task_id": "wait", "user_emails": ["ann@x.com"], "poke_interval": 10, "timeout": 60}
    return UserAccountsSensor(**{**given, **arguments})


def trigger(user_emails: Sequence[str] = (), **arguments: Any) -> Any:
    """Make a trigger as a triggerer does, from what Airflow stored."""
    people = pack({}, [[], user_emails])
    return revived(UserAccountsTrigger(**{"people": people, "timeout_at": NOW + 3600, **arguments}))


# --- the condition ---


def test_an_enabled_account_is_what_counts() -> None:
    """An active or invited account counts; a disabled one and a service account do not."""
    emails = ["Ann@x.com", "pat@x.com", "dee@x.com", "bot@x.com", "new@x.com"]
    accounts = read(
        user("ann@x.com"), user("pat@x.com", "Pending"), user("dee@x.com", "Disabled"), user("bot@x.com", service=True)
    )
    progress = condition(emails).progress(accounts)
    assert progress.summary == (
        "2 of 5 people have an enabled account; waiting for dee@x.com (the account is disabled), bot@x.com, new@x.com"
    )
    assert progress.met is None
    anyone = condition(emails, "any").progress(accounts).met
    assert anyone is not None
    assert anyone["count"] == 2
    assert [each["email"] for each in anyone["people"]] == ["ann@x.com", "pat@x.com"]
    assert anyone["people"][0] == {"id": user("ann@x.com").id, "email": "ann@x.com", "name": "A Name"}


def test_a_disabled_account_beside_an_enabled_one_is_no_obstacle() -> None:
    """The enabled account of an email counts, and two of them are a warning, because nobody can choose."""
    one = condition(["ann@x.com"])
    accounts = read(user("ann@x.com", "Disabled"), user("ann@x.com"))
    assert one.progress(accounts).met is not None
    assert one.warning(accounts) is None
    warning = one.warning(read(user("ann@x.com", "Pending"), user("ann@x.com")))
    assert warning is not None
    assert "ann@x.com" in warning


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user_emails": []}, "user_emails: there is nobody to wait for"),
        ({"user_emails": NOT_PASSED}, "user_emails: nobody was passed"),
        ({"user_emails": None}, "user_emails: None"),
        ({"user_emails": ["ann"]}, "user_emails: 'ann'"),
        ({"user_emails": [ANN]}, "is not an email address. A person with a user UUID has an account"),
        ({"require": "some"}, "require: 'some'"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(arguments: dict[str, Any], message: str) -> None:
    """The error about an argument names it and shows its value."""
    with pytest.raises(InvalidInputError, match=message):
        AccountsCondition.parse(**{"user_emails": ["ann@x.com"], "require": "all", **arguments})


def test_many_accounts_are_returned_as_far_as_airflow_can_store_them() -> None:
    """The result has all accounts as a number, and as many of them as fit."""
    emails = [f"person{number}@x.com" for number in range(2_000)]
    met = condition(emails).progress(read(*map(user, emails))).met
    assert met is not None
    assert met["count"] == 2_000
    assert 100 < len(met["people"]) < 2_000
    assert size(met) <= MAX_VALUE


# --- every end, in a worker and deferred ---

WAYS: dict[str, tuple[dict[str, Any], Callable[[FakeDatadog], object], Callable[[FakeDatadog], object]]] = {
    "met at once": ({}, lambda d: d.add_user("ann@x.com", user_uuid=ANN), lambda d: None),
    "met later": ({}, lambda d: None, lambda d: d.add_user("ann@x.com", user_uuid=ANN)),
    "never met": ({}, lambda d: None, lambda d: None),
    "disabled": ({}, lambda d: d.add_user("ann@x.com", status="Disabled"), lambda d: None),
    "a service account": ({}, lambda d: d.add_user("ann@x.com", service_account=True), lambda d: None),
    "any": (
        {"user_emails": "ann@x.com, bob@x.com", "require": "any"},
        lambda d: None,
        lambda d: d.add_user("bob@x.com", user_uuid=BOB),
    ),
    "not all": ({"user_emails": "ann@x.com, bob@x.com"}, lambda d: d.add_user("bob@x.com"), lambda d: None),
    "no time at all": ({"timeout": 0}, lambda d: None, lambda d: None),
    "a fault at first": (
        {},
        lambda d: d.script("GET", USERS, *[Fault(503)] * 5),
        lambda d: d.add_user("ann@x.com", user_uuid=ANN),
    ),
    "faults that last": ({}, lambda d: None, lambda d: d.script("GET", USERS, *[Fault(503)] * 100)),
    "refused at first": ({}, lambda d: d.script("GET", USERS, *[FORBIDDEN] * 2), lambda d: None),
    "refused later": ({}, lambda d: None, lambda d: d.script("GET", USERS, *[FORBIDDEN] * 2)),
    "nobody": ({"user_emails": []}, lambda d: None, lambda d: None),
    "a UUID": ({"user_emails": [ANN]}, lambda d: None, lambda d: None),
    "a connection that is none": ({"datadog_conn_id": "gone"}, lambda d: None, lambda d: None),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["", "soft_fail", "never_fail"])
def test_a_deferred_sensor_ends_like_one_in_a_worker(
    clock: WorkerClock, monkeypatch: pytest.MonkeyPatch, way: str, how: str
) -> None:
    """A deferred sensor returns the same value or raises the same error as one that pokes in a worker."""
    arguments, before, meanwhile = WAYS[way]
    if how:
        arguments = {**arguments, how: True}
    ends = []
    for deferrable in (False, True):
        with FakeDatadog() as datadog:
            monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
            before(datadog)
            clock.passed = 0.0
            waiting = sensor(deferrable=deferrable, **arguments)

            def run(waiting: Any = waiting, datadog: FakeDatadog = datadog) -> Any:
                clock.meanwhile = lambda: meanwhile(datadog)
                try:
                    return waiting.execute({})
                except TaskDeferred as deferral:
                    meanwhile(datadog)
                    return resume(waiting, event_of(deferral))

            ends.append(ended(run))
    one, other = ends
    if how == "never_fail" and one[0] == "AirflowSensorTimeout" and way != "no time at all":
        # Airflow's own modes differ here: it skips when a deferred sensor times out, and fails where a poke does.
        one = ("AirflowSkipException", "", "")
    assert one == other


def test_a_sensor_returns_the_accounts(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """The result has the UUID, the email and the name of each account, for the next task."""
    ann = datadog.add_user("ann@x.com", "Ann")
    assert sensor().execute({}) == {"count": 1, "people": [{"id": ann, "email": "ann@x.com", "name": "Ann"}]}


def test_reschedule_mode_reads_the_accounts_in_each_poke(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """A poke outside of execute reads once and never defers."""
    waiting = sensor(mode="reschedule", deferrable=True)
    assert not waiting.poke({}).is_done
    datadog.add_user("ann@x.com")
    assert waiting.poke({}).is_done


def test_a_deferral_contains_no_key(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """What Airflow stores of a deferral contains no key, although the sensor has just used both."""
    waiting = sensor(deferrable=True)
    stored = f"{deferred(waiting).trigger.serialize()} {vars(waiting)}"
    assert datadog.app_key not in stored
    assert datadog.api_key not in stored


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"timeout": 60, "execution_timeout": timedelta(seconds=30)}, AirflowTaskTimeout),
        ({"timeout": 30, "execution_timeout": timedelta(seconds=60)}, AirflowSensorTimeout),
    ],
)
def test_the_first_limit_determines_the_error(
    datadog: FakeDatadog, clock: WorkerClock, limits: dict[str, Any], error: type[BaseException]
) -> None:
    """The error is that of the first limit, and names the people without an account, and who is disabled."""
    datadog.add_user("bob@x.com", status="Disabled")
    waiting = sensor(deferrable=True, user_emails=["ann@x.com", "bob@x.com"], **limits)
    expected = r"0 of 2 people have an enabled account; waiting for ann@x.com, bob@x.com \(the account is disabled\)"
    with pytest.raises(error, match=expected):
        resume(waiting, event_of(deferred(waiting)))


def test_people_who_do_not_fit_into_a_trigger_are_checked_when_an_account_changes(
    datadog: FakeDatadog, clock: WorkerClock
) -> None:
    """The triggerer waits until any account changes, a worker checks the people, and defers again."""
    people = many(6_000)
    for email in people[2:]:
        datadog.add_user(email)
    waiting = sensor(deferrable=True, user_emails=people, timeout=6_000)
    first = deferred(waiting)
    assert size(first.trigger.serialize()[1]) < 1_000
    datadog.add_user(people[1])
    event = event_of(first)
    assert event["status"] == "changed"
    with pytest.raises(TaskDeferred) as again:
        resume(waiting, event)
    datadog.add_user(people[0])
    assert resume(waiting, event_of(again.value))["count"] == 6_000


def test_people_that_cannot_be_read_from_a_trigger_fail_the_task(datadog: FakeDatadog, clock: WorkerClock) -> None:
    """What Airflow stored of a trigger is checked like an argument."""
    payload = quickly(event_of_trigger(trigger(people="nonsense")))
    assert (payload["status"], payload["error"]) == ("error", "InvalidInputError")
    with pytest.raises(AirflowFailException, match="Clear the task"):
        resume(sensor(deferrable=True), payload)


# --- one look-up for all ---


@pytest.mark.usefixtures("quick_time")
def test_all_triggers_share_one_look_up(datadog: FakeDatadog) -> None:
    """Triggers for different people cost one look-up of all of them in each interval, and end one by one."""
    datadog.add_user("someone@x.com")
    triggers = [trigger(user_emails=[f"hire{number}@x.com"], poll_interval=10) for number in range(50)]

    async def main() -> list[Any]:
        tasks = [asyncio.create_task(event_of_trigger(each)) for each in triggers]
        await asyncio.sleep(5)
        first = len(datadog.calls("GET", USERS))
        datadog.add_user("hire7@x.com")
        await asyncio.sleep(10)
        done = [number for number, task in enumerate(tasks) if task.done()]
        second = len(datadog.calls("GET", USERS)) - first
        await end(*tasks)
        return [first, second, done]

    # Fifty people are looked up by a search and the whole list of users, because that is fewer requests.
    assert quickly(main()) == [2, 2, [7]]


@pytest.mark.usefixtures("quick_time")
def test_the_list_of_all_users_is_read_where_that_is_fewer_requests(datadog: FakeDatadog) -> None:
    """Three hundred people in an organisation of 1,000 users cost a search and ten pages."""
    for number in range(1_000):
        datadog.add_user(f"user{number}@x.com")
    waiting = trigger(user_emails=[f"hire{number}@x.com" for number in range(300)], timeout_at=NOW + 5)
    assert quickly(event_of_trigger(waiting))["status"] == "timeout"
    # One reading, and the last one at the time-out.
    assert len(datadog.calls("GET", USERS)) == 2 * 11


@pytest.mark.usefixtures("quick_time")
def test_a_wait_of_look_ups_side_by_side_is_logged_once(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """Look-ups that Datadog answers with the same fault make one line of the log, as a single reading does."""
    caplog.set_level("INFO")
    for number in range(900):
        datadog.add_user(f"user{number}@x.com")
    datadog.script("GET", USERS, Fault(), *[Fault(503)] * 8)
    waiting = trigger(user_emails=[f"hire{number}@x.com" for number in range(5)], timeout_at=NOW + 5)
    assert quickly(event_of_trigger(waiting))["status"] == "timeout"
    assert len([each for each in datadog.received if each.status == 503]) == 8
    assert len([line for line in caplog.messages if "Waiting" in line]) == 1


@pytest.mark.usefixtures("quick_time")
def test_waiting_leaves_half_of_a_stated_rate_limit(datadog: FakeDatadog) -> None:
    """Look-ups use at most half of a limit that Datadog states, and are stretched to it."""
    datadog.rate_limit = (20, 10)
    waiting = trigger(user_emails=[f"hire{number}@x.com" for number in range(5)], poll_interval=1, timeout_at=NOW + 60)
    for number in range(900):
        datadog.add_user(f"user{number}@x.com")
    assert quickly(event_of_trigger(waiting))["status"] == "timeout"
    assert [each for each in datadog.received if each.status == 429] == []
    assert 30 <= len(datadog.received) <= 6 * 10 + 5  # and the last look-up, at the time-out
