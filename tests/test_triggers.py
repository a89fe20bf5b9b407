"""The triggers on an event loop, against FakeDatadog: their events, their log lines and their calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from airflow_provider_seats._waiting import shared_poller
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from airflow_provider_seats.triggers import SeatChangesTrigger
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW_RELEASE
from tests.helpers.asset_state import FakeStateStore
from tests.helpers.looping import NOW, quickly
from tests.helpers.triggers import FORBIDDEN, event_of, revived, rows, users_trigger

pytestmark = pytest.mark.usefixtures("quick_time")
STATE_KEY = "datadog_seats incident_response through datadog_default"


# --- a wait for people ---


def test_the_stored_trigger_is_json_without_secrets(datadog: FakeDatadog) -> None:
    """Airflow stores the trigger unencrypted, so it contains JSON and no key."""
    trigger = users_trigger(user_uuids=["u"], user_emails=["e@x.com"] * 3000, execution_timeout_at=NOW + 5)
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_seats.triggers.SeatUsersTrigger"
    assert arguments == json.loads(json.dumps(arguments))
    assert set(arguments) == {
        *("product_code", "people", "seen", "summary", "state", "require"),
        *("datadog_conn_id", "poll_interval", "timeout_at", "execution_timeout_at"),
    }
    stored = json.dumps(arguments) + repr(trigger)
    assert datadog.app_key not in stored
    assert datadog.api_key not in stored


def test_the_event_contains_the_people_who_met_the_condition(
    datadog: FakeDatadog, wait_lines: Callable[[], list[str]]
) -> None:
    """The trigger ends with one event, which contains all fields of the seats, and leaves no poll behind."""
    ann = datadog.add_user("ann@x.com", "Ann")
    trigger = users_trigger(user_emails=["ANN@x.com"], poll_interval=5)

    async def main() -> list[Any]:
        asyncio.get_running_loop().call_later(12, datadog.give_seat, PRODUCT, ann)
        return [event.payload async for event in trigger.run()]

    [payload] = quickly(main())
    assert payload["status"] == "success"
    assert [(row["id"], row["name"]) for row in payload["people"]] == [(ann, "Ann")]
    assert wait_lines() == [
        "incident_response: 0 of 1 person holds a seat; waiting for ANN@x.com",
        "incident_response: 1 of 1 person holds a seat",
    ]
    assert len(datadog.calls()) == 4
    assert shared_poller._organisations == {}


@pytest.mark.parametrize("interval", [100 / 3, 1e-05, 2e9, 7, "90s"])
def test_the_interval_can_be_any_duration(datadog: FakeDatadog, interval: Any) -> None:
    """The interval can be a fraction, very short, very long, or a text."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    assert quickly(event_of(users_trigger(user_emails=["ann@x.com"], poll_interval=interval)))["status"] == "success"


@pytest.mark.parametrize("where", ["name", "argument", "message"])
def test_an_event_contains_no_lone_surrogates(datadog: FakeDatadog, where: str) -> None:
    """An event can always be encoded, because a lone surrogate in it would end Airflow's triggerer."""
    arguments: dict[str, Any] = {"user_emails": ["ann@x.com"], "timeout_at": NOW + 5}
    if where == "name":
        datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), name="Ann \ud83d")
    elif where == "argument":
        arguments["user_emails"] = ["ann\ud83d@x.com"]
    else:
        datadog.script("GET", SEATS, *[Fault(400, '{"errors": ["half \\ud83d"]}')] * 5)
    payload = quickly(event_of(users_trigger(**arguments)))
    assert ("\\ud83d" if where == "argument" else "?") in (payload.get("message") or json.dumps(payload))
    json.dumps(payload, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"user_emails": ["a@x.com"], "poll_interval": None}, "InvalidInputError"),
        ({"user_emails": ["a@x.com"], "poll_interval": "often"}, "InvalidInputError"),
        ({"user_emails": ["None"]}, "InvalidInputError"),
        ({"user_emails": []}, "InvalidInputError"),
        ({"user_emails": ["a@x.com"], "state": "gone"}, "InvalidInputError"),
        ({"user_emails": ["a@x.com"], "product_code": "no_such_product"}, "RequestRefusedError"),
    ],
)
def test_an_error_that_no_retry_can_fix_ends_the_wait(
    datadog: FakeDatadog, arguments: dict[str, Any], error: str
) -> None:
    """A wrong product code, or arguments that another version stored, end the trigger at once."""
    payload = quickly(event_of(users_trigger(**arguments)))
    assert (payload["status"], payload["error"]) == ("error", error)


def test_an_unusable_connection_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event names the field of the connection."""
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps({"conn_type": "datadog_seats"}))
    payload = quickly(event_of(users_trigger(user_emails=["ann@x.com"])))
    assert (payload["error"], "password" in payload["message"]) == ("InvalidConnectionError", True)


@pytest.mark.skipif(AIRFLOW_RELEASE == (3, 1, 0), reason="this Airflow looks for connections in its own processes only")
def test_a_missing_connection_ends_the_wait() -> None:
    """The event names the connection, and says why a triggerer may not find one that a worker finds."""
    payload = quickly(event_of(users_trigger(user_emails=["ann@x.com"], datadog_conn_id="no_such")))
    assert (payload["error"], payload["message"].count("'no_such'")) == ("ConnectionNotFoundError", 1)
    assert "The triggerer did not find it" in payload["message"]
    assert "deferrable=False" in payload["message"]


# --- changes of seats ---


def changes_trigger(store: FakeStateStore | None = None, **arguments: Any) -> SeatChangesTrigger:
    """Make the trigger as a triggerer does, with the state store that Airflow passes to it."""
    trigger: SeatChangesTrigger = revived(SeatChangesTrigger(**{"product_code": PRODUCT, **arguments}))
    trigger.asset_state_store = store
    return trigger


async def changes_of(
    trigger: SeatChangesTrigger, *later: tuple[float, Callable[[], object]], until: float = 300
) -> list[Any]:
    """Return the payloads of a trigger's events until a time of the loop.

    :param later: what happens meanwhile, with its time.
    """
    payloads: list[Any] = []
    for seconds, do in later:
        asyncio.get_running_loop().call_later(seconds, do)

    async def receive() -> None:
        async for event in trigger.run():
            payloads.append(event.payload)  # noqa: PERF401 (as they come)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(until):
            await receive()
    return payloads


def summary(payloads: list[Any]) -> list[tuple[list[str], list[str], int]]:
    """Return the emails of each payload, and the number of seats."""
    return [
        ([row["email"] for row in each["gained"]], [row["email"] for row in each["lost"]], each["seats"])
        for each in payloads
    ]


def test_each_change_is_an_event(datadog: FakeDatadog) -> None:
    """An event names the people who gained and lost a seat, and the people of the first poll are not in it."""
    ann, bob = datadog.add_user("ann@x.com", "Ann", seat=PRODUCT), datadog.add_user("bob@x.com", "Bob")
    payloads = quickly(
        changes_of(
            changes_trigger(),
            (70, lambda: datadog.give_seat(PRODUCT, bob)),
            (190, lambda: datadog.take_seat(PRODUCT, ann)),
        )
    )
    assert payloads == json.loads(json.dumps(payloads))
    assert summary(payloads) == [(["bob@x.com"], [], 2), ([], ["ann@x.com"], 1)]
    assert payloads[0]["product"] == PRODUCT
    assert set(payloads[0]["gained"][0]) == {"id", "email", "name", "assigned_at"}
    assert payloads[1]["lost"] == [{"id": ann, "email": "ann@x.com"}]
    assert shared_poller._organisations == {}


def test_a_restart_loses_and_repeats_no_change(datadog: FakeDatadog) -> None:
    """With a state store, the next triggerer reports what changed while none ran."""
    ann, bob, cy = (datadog.add_user(f"{name}@x.com") for name in ("ann", "bob", "cy"))
    store = FakeStateStore()
    first = quickly(changes_of(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, ann)), until=200))
    datadog.give_seat(PRODUCT, bob)
    datadog.take_seat(PRODUCT, ann)
    second = quickly(changes_of(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, cy)), until=200))
    third = quickly(changes_of(changes_trigger(store), until=200))
    assert summary(first + second + third) == [
        (["ann@x.com"], [], 1),
        (["bob@x.com"], ["ann@x.com"], 1),
        (["cy@x.com"], [], 2),
    ]


def test_without_a_state_store_a_restart_starts_from_nothing(datadog: FakeDatadog) -> None:
    """Before Airflow 3.3, changes while no triggerer runs are not reported."""
    ann = datadog.add_user("ann@x.com")
    quickly(changes_of(changes_trigger()))
    datadog.give_seat(PRODUCT, ann)
    assert quickly(changes_of(changes_trigger())) == []


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_a_change_that_airflow_received_is_not_repeated(datadog: FakeDatadog, how: str) -> None:
    """A change is not reported again if the trigger is closed or cancelled right after its event."""
    store = FakeStateStore()
    ann = datadog.add_user("ann@x.com")
    quickly(changes_of(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, ann)

    async def main() -> None:
        events: AsyncIterator[Any] = changes_trigger(store).run()
        assert (await anext(events)).payload["seats"] == 1
        if how == "closed":
            await events.aclose()  # type: ignore[attr-defined]
        else:
            rest = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.5)
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)

    quickly(main())
    assert quickly(changes_of(changes_trigger(store))) == []


def test_a_reading_from_before_the_trigger_does_not_revert_a_change(datadog: FakeDatadog) -> None:
    """A trigger from another triggerer can know more than the earlier readings of the poll here."""
    store = FakeStateStore()
    ann = datadog.add_user("ann@x.com")

    async def main() -> list[Any]:
        slow = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=100)))
        await asyncio.sleep(20)
        datadog.give_seat(PRODUCT, ann)
        store.stored[STATE_KEY] = {"site": datadog.url, "seats": {ann: "ann@x.com"}}
        payloads = await changes_of(changes_trigger(store))
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        return payloads

    assert quickly(main()) == []


@pytest.mark.parametrize("seconds", [0.5, 1.6, 1.8, 2.5])
def test_a_stop_while_a_change_is_stored_does_not_repeat_it(datadog: FakeDatadog, seconds: float) -> None:
    """If the trigger stops after an event, the change is stored even if the state store is slow."""
    store = FakeStateStore()
    store.seconds = 0.4
    ann = datadog.add_user("ann@x.com")
    quickly(changes_of(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, ann)
    assert len(quickly(changes_of(changes_trigger(store), until=0.4 + seconds))) == 1
    assert quickly(changes_of(changes_trigger(store))) == []


@pytest.mark.parametrize("silent", [False, True])
def test_a_change_that_airflow_did_not_receive_is_repeated(datadog: FakeDatadog, silent: bool) -> None:
    """A change is reported again if the receiver ended before it took the event or if the store is silent."""
    store = FakeStateStore()
    ann = datadog.add_user("ann@x.com")
    quickly(changes_of(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, ann)

    async def main() -> None:
        events = changes_trigger(store).run()
        await anext(events)
        store.silent = silent
        await asyncio.create_task(events.aclose())  # type: ignore[attr-defined]

    quickly(main())
    store.silent = False
    assert summary(quickly(changes_of(changes_trigger(store)))) == [(["ann@x.com"], [], 1)]


def test_a_trigger_of_several_assets_still_reports_changes(
    datadog: FakeDatadog, caplog: pytest.LogCaptureFixture
) -> None:
    """If Airflow cannot tell which asset is meant, changes are reported, and the log says what to do."""
    ann = datadog.add_user("ann@x.com")
    store = FakeStateStore()
    store.error = ValueError("Task has 2 concrete inlets and outlets")
    payloads = quickly(changes_of(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, ann))))
    assert summary(payloads) == [(["ann@x.com"], [], 1)]
    assert [record for record in caplog.records if "another poll_interval" in record.message]


@pytest.mark.parametrize("failures", [1, 2, 3])
@pytest.mark.parametrize("when", [0, 69])
def test_a_short_failure_of_the_state_store_loses_and_repeats_no_change(
    datadog: FakeDatadog, failures: int, when: float
) -> None:
    """The state store is called again, both before the first poll and after a change."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    store = FakeStateStore()
    quickly(changes_of(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, bob)
    first = quickly(
        changes_of(
            changes_trigger(store),
            (when, lambda: setattr(store, "failures", failures)),
            (70, lambda: datadog.give_seat(PRODUCT, ann)),
        )
    )
    second = quickly(changes_of(changes_trigger(store)))
    assert summary(first + second) == [(["bob@x.com"], [], 1), (["ann@x.com"], [], 2)]


def test_the_trigger_waits_for_a_state_store_that_cannot_be_read(
    datadog: FakeDatadog, caplog: pytest.LogCaptureFixture
) -> None:
    """The trigger does not start from nothing if the store fails at first, because that would lose changes."""
    ann = datadog.add_user("ann@x.com")
    store = FakeStateStore()
    quickly(changes_of(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, ann)
    store.failures = 10
    assert summary(quickly(changes_of(changes_trigger(store), until=600))) == [(["ann@x.com"], [], 1)]
    assert [record for record in caplog.records if "an unexpected error" in record.message]


def test_a_state_store_that_cannot_write_does_not_stop_the_trigger(
    datadog: FakeDatadog, caplog: pytest.LogCaptureFixture
) -> None:
    """Changes are reported, and the log says that a restart would repeat one."""
    ann = datadog.add_user("ann@x.com")
    store = FakeStateStore()
    payloads = quickly(
        changes_of(
            changes_trigger(store),
            (30, lambda: setattr(store, "error", ConnectionError("gone"))),
            (70, lambda: datadog.give_seat(PRODUCT, ann)),
        )
    )
    assert summary(payloads) == [(["ann@x.com"], [], 1)]
    assert [record for record in caplog.records if "a restart would repeat a change" in record.message]


@pytest.mark.parametrize("kept", [True, False])
def test_an_error_is_logged_once_and_the_trigger_tries_again_each_minute(
    datadog: FakeDatadog, caplog: pytest.LogCaptureFixture, kept: bool
) -> None:
    """The trigger does not end with an error, and reports what changed meanwhile once the error is over."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, Fault(), *[FORBIDDEN] * 4)
    trigger = changes_trigger(FakeStateStore() if kept else None)
    payloads = quickly(changes_of(trigger, (90, lambda: datadog.give_seat(PRODUCT, ann)), until=250))
    lines = [record.message for record in caplog.records if "403" in record.message and "Waiting" not in record.message]
    assert len(lines) == 1
    assert "incident_response through datadog_default: changes are not reported until this is corrected" in lines[0]
    assert summary(payloads) == [(["ann@x.com"], [], 1)]
    assert len(datadog.calls()) == 7


def test_a_transient_error_is_no_change(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is reported to have lost a seat because the list could not be read."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.script("GET", SEATS, Fault(), *[Fault(502)] * 5)
    assert quickly(changes_of(changes_trigger(poll_interval=30))) == []
    assert len([record for record in caplog.records if "are not known yet" in record.message]) == 1


def test_seats_without_a_uuid_are_only_counted(datadog: FakeDatadog) -> None:
    """A row without a UUID is part of the number of seats, but not of who gained or lost one."""
    ann = datadog.add_user("ann@x.com")
    datadog.give_seat(PRODUCT, "x", id=None)
    payloads = quickly(changes_of(changes_trigger(), (70, lambda: datadog.give_seat(PRODUCT, ann))))
    assert summary(payloads) == [(["ann@x.com"], [], 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"product_code": " "}, "product_code: ' '"), ({"product_code": "p", "poll_interval": "often"}, "poll_interval")],
)
def test_an_unusable_argument_is_an_error_when_the_trigger_is_serialized(
    arguments: dict[str, Any], message: str
) -> None:
    """Airflow rejects the DAG, and the error does not reach the triggerer."""
    with pytest.raises(InvalidInputError, match=message):
        SeatChangesTrigger(**arguments).serialize()


def test_the_stored_interval_is_in_seconds() -> None:
    """An interval that was passed as text is stored in seconds."""
    assert SeatChangesTrigger(product_code="p", poll_interval="5m").serialize()[1]["poll_interval"] == 300


@pytest.mark.parametrize(("others", "at"), [(0, 20), (3, 30)], ids=["one page", "two pages"])
@pytest.mark.usefixtures("small_pages")
def test_a_loss_from_several_pages_is_reported_after_the_next_poll(
    datadog: FakeDatadog, others: int, at: float
) -> None:
    """A loss is confirmed by the next poll if the list has several pages, and reported at once if it has one."""
    for number in range(others):
        datadog.add_user(f"other{number}@x.com", seat=PRODUCT)
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    change = (15.0, lambda: datadog.take_seat(PRODUCT, ann))
    assert quickly(changes_of(changes_trigger(poll_interval=10), change, until=at - 1)) == []
    datadog.give_seat(PRODUCT, ann)
    payloads = quickly(changes_of(changes_trigger(poll_interval=10), change, until=at + 1))
    assert summary(payloads) == [([], ["ann@x.com"], others)]


@pytest.mark.usefixtures("small_pages")
def test_a_shifted_list_is_no_loss_and_no_gain(datadog: FakeDatadog) -> None:
    """A person who is missing in one reading of several pages is reported neither as lost nor, later, as gained."""
    bob, cy, _ = (datadog.add_user(f"{name}@x.com", seat=PRODUCT) for name in ("bob", "cy", "ann"))
    shifted = (rows(bob, cy, next_cursor="after-2"), rows())
    datadog.script("GET", SEATS, Fault(), Fault(), *shifted, Fault(), Fault(), *shifted)
    assert quickly(changes_of(changes_trigger(poll_interval=10), until=65)) == []


@pytest.mark.usefixtures("small_pages")
def test_a_seat_that_the_first_reading_missed_is_no_gain(datadog: FakeDatadog) -> None:
    """The list shifted, and the first reading missed a person with an older seat: no change. A new seat counts."""
    bob, cy, ann = (datadog.add_user(f"{name}@x.com") for name in ("bob", "cy", "ann"))
    for number, person in enumerate((ann, bob, cy)):
        datadog.give_seat(PRODUCT, person, assigned_at=f"2026-01-0{number + 1}T00:00:00Z")
    eve = datadog.add_user("eve@x.com")
    attributes = {"assigned_at": "2026-01-03T00:00:00Z"}
    shown = [{"type": "seat-users", "id": each, "attributes": attributes} for each in (bob, cy)]
    datadog.script("GET", SEATS, Fault(200, {"data": shown, "meta": {"next_cursor": "after-2"}}), rows())
    gain = (5.0, lambda: datadog.give_seat(PRODUCT, eve))
    payloads = quickly(changes_of(changes_trigger(poll_interval=10), gain, until=35))
    assert summary(payloads) == [(["eve@x.com"], [], 4)]


@pytest.mark.usefixtures("small_pages")
def test_a_gain_is_reported_while_a_loss_is_not_confirmed(datadog: FakeDatadog) -> None:
    """A gain does not wait for the confirmation of a loss, and its event still counts the unconfirmed seat."""
    _, _, _, ann = (datadog.add_user(f"{name}@x.com", seat=PRODUCT) for name in ("bob", "cy", "di", "ann"))
    eve = datadog.add_user("eve@x.com")
    payloads = quickly(
        changes_of(
            changes_trigger(poll_interval=10),
            (15, lambda: datadog.take_seat(PRODUCT, ann)),
            (15, lambda: datadog.give_seat(PRODUCT, eve)),
            until=65,
        )
    )
    assert summary(payloads) == [(["eve@x.com"], [], 5), ([], ["ann@x.com"], 4)]


def test_seats_of_another_site_are_a_new_starting_point(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """If the connection points elsewhere after a restart, nobody is reported as gained or lost, and the log says it."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    bob = datadog.add_user("bob@x.com")
    store = FakeStateStore()
    store.keep(STATE_KEY, "https://api.datadoghq.eu", {"u": "zoe@x.com"})
    payloads = quickly(changes_of(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, bob))))
    assert summary(payloads) == [(["bob@x.com"], [], 2)]
    assert len([line for line in caplog.messages if f"now leads to {datadog.url} instead of" in line]) == 1
    assert store.stored[STATE_KEY]["site"] == datadog.url


def test_a_connection_that_moves_to_another_site_is_a_new_starting_point(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the connection changes while the trigger runs, the seats of both sites are never compared."""
    with FakeDatadog(app_key="another-key") as other:
        datadog.add_user("ann@x.com", seat=PRODUCT)
        other.add_user("zoe@x.com", seat=PRODUCT)
        yan = other.add_user("yan@x.com")

        def move() -> None:
            datadog.app_key = "revoked"
            monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", other.airflow_connection())

        payloads = quickly(
            changes_of(changes_trigger(), (30, move), (100, lambda: other.give_seat(PRODUCT, yan)), until=300)
        )
        assert f"now leads to {other.url} instead of {datadog.url}" in caplog.text
    assert summary(payloads) == [(["yan@x.com"], [], 2)]


@pytest.mark.parametrize("state", [None, [], {"u": "zoe@x.com"}, {"site": 5, "seats": {"u": "zoe@x.com"}}])
def test_damaged_state_is_a_new_starting_point(datadog: FakeDatadog, state: object) -> None:
    """State that this package did not store is ignored, and changes are reported from then on."""
    ann = datadog.add_user("ann@x.com")
    store = FakeStateStore()
    store.stored[STATE_KEY] = state
    payloads = quickly(changes_of(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, ann))))
    assert summary(payloads) == [(["ann@x.com"], [], 1)]
