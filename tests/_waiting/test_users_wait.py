"""The wait for people in the triggerer, against FakeDatadog: when it ends, what it logs, and its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.seats import list_seat_users
from airflow_provider_seats._connect import read_connection
from airflow_provider_seats._waiting import shared_poller
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.connections import reading_connections
from tests.helpers.looping import NOW, now, quickly
from tests.helpers.polling import clock
from tests.helpers.triggers import FORBIDDEN, end, event_of, rows, users_trigger

pytestmark = pytest.mark.usefixtures("quick_time")


@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "limit", "passed"),
    [(30, None, "timeout", 30), (30, 60, "timeout", 30), (60, 30, "execution_timeout", 30), (-5, None, "timeout", 0)],
)
def test_the_first_limit_ends_the_wait(
    datadog: FakeDatadog, timeout: float, execution_timeout: float | None, limit: str, passed: float
) -> None:
    """Limits are absolute times, so a restart of the triggerer does not extend them."""
    trigger = users_trigger(
        user_emails=["ann@x.com"],
        timeout_at=NOW + timeout,
        execution_timeout_at=None if execution_timeout is None else NOW + execution_timeout,
    )

    async def main() -> tuple[Any, float]:
        return await event_of(trigger), asyncio.get_running_loop().time()

    payload, seconds = quickly(main())
    assert (payload["status"], payload["limit"], seconds) == ("timeout", limit, passed)
    assert shared_poller._organisations == {}


def test_a_trigger_that_starts_after_its_time_polls_once(datadog: FakeDatadog) -> None:
    """A trigger that starts after its timeout still polls once, as a poke does before it times out."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    late: dict[str, Any] = {"user_emails": ["ann@x.com"], "timeout_at": NOW - 500}
    assert quickly(event_of(users_trigger(**late)))["status"] == "success"
    datadog.script("GET", SEATS, *[Fault(503)] * 100)
    payload = quickly(event_of(users_trigger(**late)))
    assert (payload["status"], "503" in payload["summary"]) == ("timeout", True)


@pytest.mark.parametrize("shared", [False, True])
def test_the_trigger_polls_once_more_when_its_time_is_over(datadog: FakeDatadog, shared: bool) -> None:
    """A seat that was assigned after the last regular poll counts, also if others share the poll."""
    ann = datadog.add_user("ann@x.com")

    async def main() -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        loop.call_later(400, datadog.give_seat, PRODUCT, ann)
        other = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=600)))
        if not shared:
            other.cancel()
        payload = await event_of(users_trigger(user_emails=["ann@x.com"], poll_interval=300, timeout_at=NOW + 599))
        ended = loop.time()
        await end(other)
        return payload, ended

    payload, ended = quickly(main())
    assert payload["status"] == "success"
    assert 599 <= ended <= 601


def test_a_last_poll_does_not_wait_for_the_interval_of_others(datadog: FakeDatadog) -> None:
    """A trigger that starts after its timeout polls at once, although a shared poll has a long interval."""
    ann = datadog.add_user("ann@x.com")

    async def main() -> Any:
        other = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=600)))
        await asyncio.sleep(100)
        datadog.give_seat(PRODUCT, ann)
        late = users_trigger(user_emails=["ann@x.com"], poll_interval=600, timeout_at=NOW + 99)
        payload = await event_of(late)
        await end(other)
        return payload

    assert quickly(main())["status"] == "success"


def test_refused_keys_are_reported_although_the_connection_is_gone(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the keys are refused and the connection was deleted, the error is that of Datadog."""
    datadog.script("GET", SEATS, Fault(), *[FORBIDDEN] * 2)

    async def main() -> Any:
        asyncio.get_running_loop().call_later(30, monkeypatch.delenv, "AIRFLOW_CONN_DATADOG_DEFAULT")
        return await event_of(users_trigger(user_emails=["ann@x.com"]))

    assert quickly(main())["error"] == "KeysRefusedError"


def test_seats_without_an_email_cause_one_warning(datadog: FakeDatadog, wait_lines: Callable[[], list[str]]) -> None:
    """A wait for `unassigned` logs one warning about seats without an email, because it could end too early."""
    datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), email=None)
    bob = datadog.add_user("bob@x.com", seat=PRODUCT)
    trigger = users_trigger(user_emails=["ann@x.com", "bob@x.com"], state="unassigned", poll_interval=5)

    async def main() -> Any:
        asyncio.get_running_loop().call_later(12, datadog.add_user, "cy@x.com")
        asyncio.get_running_loop().call_later(22, datadog.take_seat, PRODUCT, bob)
        return await event_of(trigger)

    assert quickly(main())["status"] == "success"
    assert len([line for line in wait_lines() if "1 seat has no email" in line]) == 1


def test_a_timeout_contains_the_progress(datadog: FakeDatadog) -> None:
    """The event of a timeout names the people who are not in the expected state."""
    payload = quickly(event_of(users_trigger(user_emails=["ann@x.com"], timeout_at=NOW + 5)))
    assert payload["summary"] == "incident_response: 0 of 1 person holds a seat; waiting for ann@x.com"


def test_transient_errors_are_logged_once_and_the_wait_goes_on(
    datadog: FakeDatadog, wait_lines: Callable[[], list[str]]
) -> None:
    """Four errors in a row are retried within a poll, and a longer series is logged once, and so is its end."""
    trigger = users_trigger(user_emails=["ann@x.com"], poll_interval=10, timeout_at=NOW + 600)
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, *[Fault(503)] * 4, Fault(), *[Fault(503)] * 15)

    async def main() -> Any:
        asyncio.get_running_loop().call_later(150, datadog.give_seat, PRODUCT, ann)
        return await event_of(trigger)

    assert quickly(main())["status"] == "success"
    assert [line.partition(":")[0] for line in wait_lines()] == [PRODUCT, "The seat list could not be read", PRODUCT]
    assert "503" in wait_lines()[1]


@pytest.mark.usefixtures("small_pages")
def test_a_hundred_triggers_use_half_of_a_stated_limit(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """Many sensors that want to poll each second leave half of the limit to a sync, which never waits for a reset."""
    caplog.set_level("INFO")
    datadog.rate_limit = (120, 10)
    for number in range(60):
        datadog.add_user(f"{number}@x.com", seat=PRODUCT)
    waits: list[Any] = []
    sync = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key), announce=waits.append)

    async def main() -> list[int]:
        triggers = [users_trigger(user_emails=[f"hire{number}@x.com"], poll_interval=1) for number in range(100)]
        tasks = [asyncio.create_task(event_of(trigger)) for trigger in triggers]
        calls = []
        for _ in range(4):
            await asyncio.sleep(6.9)
            before = len(datadog.received)
            for _ in range(2):
                await sync.arun(list_seat_users(PRODUCT))
            calls.append(len(datadog.received) - before)
            await asyncio.sleep(3)
        await end(*tasks)
        return calls

    assert quickly(main()) == [60] * 4
    assert waits == []
    assert 200 <= len(datadog.received) - 240 <= 240
    assert [each for each in datadog.received if each.status == 429] == []
    [line] = [line for line in caplog.messages if "polling every" in line]
    assert "every 5.0 s instead of every 1 s" in line


def test_triggers_that_start_at_once_share_the_first_reading(
    datadog: FakeDatadog, wait_lines: Callable[[], list[str]]
) -> None:
    """After a restart of the triggerer, one reading and one look-up of the connection serve all triggers."""
    looked_up = []

    async def read(conn_id: str) -> DatadogConnection:
        looked_up.append(conn_id)
        return DatadogConnection(datadog.url, datadog.app_key, datadog.api_key)

    async def main() -> None:
        triggers = [users_trigger(user_emails=[f"{number}@x.com"], poll_interval=60) for number in range(200)]
        tasks = [asyncio.create_task(event_of(trigger)) for trigger in triggers]
        await asyncio.sleep(5)
        await end(*tasks)

    with reading_connections(read):
        quickly(main())
    assert len(datadog.received) == 1
    assert len(wait_lines()) == len(set(wait_lines())) == 200
    assert looked_up == ["datadog_default"]


def test_the_trigger_waits_as_long_as_the_rate_limit_says(datadog: FakeDatadog) -> None:
    """The next call comes after the time that Datadog states, even if that is longer than a poll waits."""
    datadog.script("GET", SEATS, Fault(429, headers={"X-RateLimit-Reset": "500"}))
    trigger = users_trigger(user_emails=["ann@x.com"], poll_interval=1, timeout_at=NOW + 502.5)
    quickly(event_of(trigger))
    assert len(datadog.calls()) == 5


def test_refused_keys_end_every_trigger(datadog: FakeDatadog) -> None:
    """Refused keys end all triggers with Datadog's explanation and the connection's id, after two calls in all."""
    datadog.script("GET", SEATS, Fault(), *[FORBIDDEN] * 20)

    async def main() -> list[Any]:
        return await asyncio.gather(*(event_of(users_trigger(user_emails=["ann@x.com"])) for _ in range(50)))

    payloads = quickly(main())
    assert {(each["status"], each["error"]) for each in payloads} == {("error", "KeysRefusedError")}
    assert all("403" in each["message"] and "Forbidden" in each["message"] for each in payloads)
    assert all("'datadog_default'" in each["message"] for each in payloads)
    assert len(datadog.calls()) == 3


def test_rotated_keys_are_used(datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait of days continues with the new keys if the connection's keys are rotated."""
    trigger = users_trigger(user_emails=["ann@x.com"], poll_interval=10)

    async def main() -> Any:
        def rotate() -> None:
            datadog.app_key = "another"
            monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
            datadog.add_user("ann@x.com", seat=PRODUCT)

        asyncio.get_running_loop().call_later(15, rotate)
        return await event_of(trigger)

    assert quickly(main())["status"] == "success"
    assert [each.status for each in datadog.calls()] == [200, 200, 403, 403, 200]


def test_new_keys_that_are_refused_too_end_the_wait(datadog: FakeDatadog) -> None:
    """If the connection has new keys at each reading and all are refused, the trigger ends."""
    read: list[Any] = []

    async def another(conn_id: str) -> Any:
        site = (await read_connection(conn_id)).base_url
        read.append(DatadogConnection(site, f"key{len(read)}", "api"))
        return read[-1]

    with reading_connections(another):
        assert quickly(event_of(users_trigger(user_emails=["ann@x.com"])))["error"] == "KeysRefusedError"
    assert len(datadog.calls()) == 4


def test_a_reading_from_before_the_trigger_does_not_end_the_wait(datadog: FakeDatadog) -> None:
    """A shared poll's earlier reading does not count, because it is older than the worker's own poke."""
    ann = datadog.add_user("ann@x.com")

    async def main() -> Any:
        first = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=60)))
        await asyncio.sleep(20)
        datadog.give_seat(PRODUCT, ann)
        late = users_trigger(user_emails=["ann@x.com"], state="unassigned", poll_interval=60, timeout_at=now() + 100)
        payload = await event_of(late)
        await end(first)
        return payload

    assert quickly(main())["status"] == "timeout"


@pytest.mark.parametrize("left", [-1, 10])
def test_an_error_from_before_the_trigger_does_not_prevent_the_last_poll(datadog: FakeDatadog, left: float) -> None:
    """A trigger whose time is over polls once, although the shared poll failed before the trigger started."""
    datadog.add_user("ann@x.com", seat=PRODUCT)

    async def main() -> Any:
        datadog.script("GET", SEATS, *[Fault(503)] * 5)
        first = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=60)))
        await asyncio.sleep(28)
        payload = await event_of(users_trigger(user_emails=["ann@x.com"], poll_interval=60, timeout_at=now() + left))
        await end(first)
        return payload

    assert quickly(main())["status"] == "success"


def test_a_trigger_that_has_read_nothing_by_its_time_polls_once(datadog: FakeDatadog) -> None:
    """A trigger whose time ends before the next reading of a shared poll does not end without any reading."""

    async def main() -> Any:
        first = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=60)))
        await asyncio.sleep(2)
        datadog.add_user("ann@x.com", seat=PRODUCT)
        payload = await event_of(users_trigger(user_emails=["ann@x.com"], poll_interval=60, timeout_at=now() + 20))
        await end(first)
        return payload

    assert quickly(main())["status"] == "success"


def test_a_last_poll_logs_no_error_twice(datadog: FakeDatadog, wait_lines: Callable[[], list[str]]) -> None:
    """If the last poll fails like the shared poll before it, the trigger logs that once."""

    async def main() -> Any:
        datadog.script("GET", SEATS, *[Fault(503)] * 100)
        first = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=30)))
        await asyncio.sleep(28)
        late = users_trigger(user_emails=["ann@x.com"], timeout_at=now() - 1)
        payload = await event_of(late)
        await end(first)
        return payload

    payload = quickly(main())
    # The first trigger logs the error, too.
    assert (payload["status"], len(wait_lines())) == ("timeout", 2)
    assert "503" in payload["summary"]


def test_organisations_and_products_are_polled_separately(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triggers of two organisations and two products each see only their own seats."""
    with FakeDatadog() as other:
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", other.airflow_connection())
        datadog.add_user("ann@x.com", seat=PRODUCT)
        other.add_user("bob@x.com", seat="example_product")

        async def main() -> list[Any]:
            waits = [
                users_trigger(user_emails=[email], product_code=product, datadog_conn_id=conn_id, timeout_at=NOW + 5)
                for email in ("ann@x.com", "bob@x.com")
                for product in (PRODUCT, "example_product")
                for conn_id in ("datadog_default", "other")
            ]
            return await asyncio.gather(*map(event_of, waits))

        statuses = [payload["status"] for payload in quickly(main())]
    assert statuses == ["success", *["timeout"] * 6, "success"]


@pytest.mark.parametrize(("others", "polls", "ends"), [(0, 2, 10), (3, 6, 20)], ids=["one page", "two pages"])
@pytest.mark.usefixtures("small_pages")
def test_an_absence_from_several_pages_counts_after_a_second_reading(
    datadog: FakeDatadog, others: int, polls: int, ends: float
) -> None:
    """A wait for `unassigned` ends with the next poll if the list has several pages, and at once if it has one."""
    for number in range(others):
        datadog.add_user(f"other{number}@x.com", seat=PRODUCT)
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    trigger = users_trigger(user_emails=["ann@x.com"], state="unassigned", poll_interval=10)

    async def main() -> tuple[Any, float]:
        asyncio.get_running_loop().call_later(5, datadog.take_seat, PRODUCT, ann)
        return await event_of(trigger), clock()

    payload, ended = quickly(main())
    assert (payload["status"], payload["people"], ended) == ("success", [{"id": None, "email": "ann@x.com"}], ends)
    assert len(datadog.calls("GET", SEATS)) == polls


@pytest.mark.parametrize("require", ["all", "any"])
@pytest.mark.usefixtures("small_pages")
def test_a_shifted_list_does_not_end_a_wait(datadog: FakeDatadog, require: str) -> None:
    """Two shifts with a complete reading between them do not count as a confirmed absence."""
    bob, cy, ann = (datadog.add_user(f"{name}@x.com", seat=PRODUCT) for name in ("bob", "cy", "ann"))
    shifted = (rows(bob, cy, next_cursor="after-2"), rows())
    datadog.script("GET", SEATS, *shifted, Fault(), Fault(), *shifted)
    trigger = users_trigger(
        user_uuids=[ann], state="unassigned", require=require, poll_interval=10, timeout_at=NOW + 45
    )
    assert quickly(event_of(trigger))["status"] == "timeout"


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.usefixtures("small_pages")
def test_only_the_same_absence_confirms_an_absence(
    datadog: FakeDatadog, wait_lines: Callable[[], list[str]], left: bool
) -> None:
    """If two readings shift differently, nobody counts as absent except someone who is absent from both."""
    ann, bob, cy, dee = (datadog.add_user(f"{name}@x.com", seat=PRODUCT) for name in ("ann", "bob", "cy", "dee"))
    without_ann = (rows(bob, cy, next_cursor="after-2"), rows(dee))
    without_bob = (rows(*(() if left else (ann,)), cy, next_cursor="after-2"), rows(dee))
    datadog.script("GET", SEATS, *without_ann, *without_bob)
    trigger = users_trigger(
        user_uuids=[ann, bob], state="unassigned", require="any", poll_interval=10, timeout_at=NOW + 15
    )
    payload = quickly(event_of(trigger))
    if left:
        assert payload["people"] == [{"id": ann, "email": None}]
        assert payload["summary"] == "incident_response: 1 of 2 people hold no seat"
    else:
        assert payload["summary"] == f"incident_response: 0 of 2 people hold no seat; waiting for {ann}, {bob}"
    assert wait_lines()[0] == "incident_response: 1 of 2 people hold no seat (a second reading has to confirm it)"


def test_an_execution_timeout_limits_the_last_poll(datadog: FakeDatadog) -> None:
    """The last poll ends with the time of the task, as a poke in a worker does."""
    datadog.script("GET", SEATS, *[Fault(), *[Fault(429, headers={"X-RateLimit-Reset": "30"})] * 9])
    trigger = users_trigger(
        user_emails=["ann@x.com"], poll_interval=60, timeout_at=NOW + 50, execution_timeout_at=NOW + 55
    )

    async def main() -> tuple[Any, float]:
        return await event_of(trigger), clock()

    payload, ended = quickly(main())
    assert (payload["status"], payload["limit"], ended) == ("timeout", "timeout", 55)


@pytest.mark.parametrize(("shifts", "status"), [(1, "timeout"), (2, "success")])
@pytest.mark.usefixtures("small_pages")
def test_a_last_poll_confirms_an_absence_too(datadog: FakeDatadog, shifts: int, status: str) -> None:
    """A trigger that starts after its timeout reads a list of several pages twice before it reports an absence."""
    bob, cy, ann = (datadog.add_user(f"{name}@x.com", seat=PRODUCT) for name in ("bob", "cy", "ann"))
    datadog.script("GET", SEATS, *[rows(bob, cy, next_cursor="after-2"), rows()] * shifts)
    trigger = users_trigger(user_uuids=[ann], state="unassigned", timeout_at=NOW - 5)
    assert quickly(event_of(trigger))["status"] == status
    assert len(datadog.calls("GET", SEATS)) == 4
