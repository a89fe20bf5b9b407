"""The triggers on an event loop, against FakeDatadog: what they yield, keep, ask and leave behind."""

from __future__ import annotations

import asyncio
import importlib
import json
import types
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from airflow_provider_seats import triggers
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import InvalidInputError
from airflow_provider_seats._runtime import shared_poller as poll
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from airflow_provider_seats.triggers import SeatChangesTrigger, SeatUsersTrigger
from tests.conftest import PRODUCT
from tests.helpers.looping import NOW, now, quickly

FORBIDDEN = Fault(403, {"errors": ["Forbidden"]})


@pytest.fixture(autouse=True)
def time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock of triggers and clients be that of the loop."""
    monkeypatch.setattr(triggers, "time", types.SimpleNamespace(time=now))
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "clock", now)  # type: ignore[arg-type]


def users_trigger(**arguments: Any) -> SeatUsersTrigger:
    """Make the trigger as a triggerer revives it: of what Airflow stored."""
    trigger: SeatUsersTrigger = revived(
        SeatUsersTrigger(**{"product_code": PRODUCT, "timeout_at": NOW + 3600, **arguments})
    )
    return trigger


def revived(trigger: Any) -> Any:
    """Make a trigger again of what it serializes to."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))


async def event_of(trigger: Any) -> Any:
    """Give the payload of the first event."""
    async with aclosing(trigger.run()) as events:
        return (await anext(events)).payload


def lines_of(trigger: Any) -> list[str]:
    """Keep what a trigger writes to its log."""
    lines: list[str] = []
    trigger._log = types.SimpleNamespace(
        **dict.fromkeys(("info", "warning", "error"), lambda message, *values: lines.append(message % values))
    )
    return lines


def test_what_airflow_stores_is_json_and_no_secret(datadog: FakeDatadog) -> None:
    """It stands in the database in clear."""
    trigger = users_trigger(user_uuids=["u"], user_emails=["e@x.com"] * 3000, execution_timeout_at=NOW + 5)
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_seats.triggers.SeatUsersTrigger"
    assert arguments == json.loads(json.dumps(arguments))
    assert set(arguments) == {
        *("product_code", "user_uuids", "user_emails", "state", "require"),
        *("datadog_conn_id", "poll_interval", "timeout_at", "execution_timeout_at", "looked_at"),
    }
    stored = json.dumps(arguments) + repr(trigger)
    assert datadog.app_key not in stored
    assert datadog.api_key not in stored


def test_it_yields_those_who_met_the_condition_and_then_ends(datadog: FakeDatadog) -> None:
    """With nothing left open."""
    ann = datadog.add_user("ann@x.com", "Ann")
    trigger = users_trigger(user_emails=["ANN@x.com"], poll_interval=5)
    lines = lines_of(trigger)

    async def main() -> list[Any]:
        asyncio.get_running_loop().call_later(12, datadog.give_seat, PRODUCT, ann)
        return [event.payload async for event in trigger.run()]

    [payload] = quickly(main())
    assert payload["status"] == "success"
    assert [(row["id"], row["name"]) for row in payload["met"]] == [(ann, "Ann")]
    assert lines == [
        "incident_response: 0 of 1 people hold a seat; waiting for ANN@x.com",
        "incident_response: 1 of 1 people hold a seat",
    ]
    assert len(datadog.calls()) == 4
    assert poll._organisations == {}


@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "limit", "passed"),
    [(30, None, "timeout", 30), (30, 60, "timeout", 30), (60, 30, "execution_timeout", 30), (-5, None, "timeout", 0)],
)
def test_the_limit_that_comes_first_ends_it(
    datadog: FakeDatadog, timeout: float, execution_timeout: float | None, limit: str, passed: float
) -> None:
    """At an absolute time, so that a restart of the triggerer does not begin it anew."""
    trigger = users_trigger(
        user_emails=["ann@x.com"],
        timeout_at=NOW + timeout,
        execution_timeout_at=None if execution_timeout is None else NOW + execution_timeout,
    )

    async def main() -> tuple[Any, float]:
        return await event_of(trigger), asyncio.get_running_loop().time()

    payload, seconds = quickly(main())
    assert (payload["status"], payload["limit"], seconds) == ("timeout", limit, passed)
    assert poll._organisations == {}


def test_a_time_that_is_over_before_it_begins_leaves_one_look(datadog: FakeDatadog) -> None:
    """As a poke looks before it says that it timed out; a longer absence of triggerers is nobody's fault."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    late = {"user_emails": ["ann@x.com"], "timeout_at": NOW - 500}
    assert quickly(event_of(users_trigger(**late)))["status"] == "success"
    datadog.script("GET", SEATS, *[Fault(503)] * 100)
    payload = quickly(event_of(users_trigger(**late)))
    assert (payload["status"], "503" in payload["told"]) == ("timeout", True)


@pytest.mark.parametrize("company", [False, True])
def test_it_looks_once_more_when_its_time_is_over(datadog: FakeDatadog, company: bool) -> None:
    """A seat that was given after the last look but one counts, as it does for a poke; others do not hold it up."""
    ann = datadog.add_user("ann@x.com")

    async def main() -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        loop.call_later(400, datadog.give_seat, PRODUCT, ann)
        other = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=600)))
        if not company:
            other.cancel()
        payload = await event_of(users_trigger(user_emails=["ann@x.com"], poll_interval=300, timeout_at=NOW + 599))
        ended = loop.time()
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        return payload, ended

    payload, ended = quickly(main())
    assert payload["status"] == "success"
    assert 599 <= ended <= 601


def test_a_last_look_is_not_held_up_by_others_who_look_seldom(datadog: FakeDatadog) -> None:
    """A trigger that begins after its time looks at once, also where a poll goes on at its own pace."""
    ann = datadog.add_user("ann@x.com")

    async def main() -> Any:
        other = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=600)))
        await asyncio.sleep(100)
        datadog.give_seat(PRODUCT, ann)
        late = users_trigger(user_emails=["ann@x.com"], poll_interval=600, timeout_at=NOW + 99, looked_at=NOW + 95)
        payload = await event_of(late)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        return payload

    assert quickly(main())["status"] == "success"


def test_refused_keys_of_a_connection_that_is_gone_are_refused_keys(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the connection is not there any more does not hide what Datadog said."""
    datadog.script("GET", SEATS, Fault(), *[FORBIDDEN] * 2)

    async def main() -> Any:
        asyncio.get_running_loop().call_later(30, monkeypatch.delenv, "AIRFLOW_CONN_DATADOG_DEFAULT")
        return await event_of(users_trigger(user_emails=["ann@x.com"]))

    assert quickly(main())["error"] == "KeysRefusedError"


@pytest.mark.parametrize("interval", [100 / 3, 1e-05, 2e9, 7, "90s"])
def test_any_span_of_time_is_an_interval(datadog: FakeDatadog, interval: Any) -> None:
    """Also one that is no round number."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    assert quickly(event_of(users_trigger(user_emails=["ann@x.com"], poll_interval=interval)))["status"] == "success"


@pytest.mark.parametrize("seconds", [0.5, 1.6, 1.8, 2.5])
def test_a_stop_while_a_change_is_kept_does_not_repeat_it(datadog: FakeDatadog, seconds: float) -> None:
    """However slow the store is, as long as it answers."""
    store = Store()
    store.takes = 0.4
    ann = datadog.add_user("ann@x.com")
    quickly(told(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, ann)
    assert len(quickly(told(changes_trigger(store), until=0.4 + seconds))) == 1
    assert quickly(told(changes_trigger(store))) == []


def test_seats_in_which_someone_may_not_be_recognised_are_warned_of_once(datadog: FakeDatadog) -> None:
    """A wait for people to lose their seats may end too early for it."""
    datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), email=None)
    bob = datadog.add_user("bob@x.com", seat=PRODUCT)
    trigger = users_trigger(user_emails=["ann@x.com", "bob@x.com"], state="unassigned", poll_interval=5)
    lines = lines_of(trigger)

    async def main() -> Any:
        asyncio.get_running_loop().call_later(12, datadog.add_user, "cy@x.com")
        asyncio.get_running_loop().call_later(22, datadog.take_seat, PRODUCT, bob)
        return await event_of(trigger)

    assert quickly(main())["status"] == "success"
    assert len([line for line in lines if "1 seats have no email" in line]) == 1


def test_a_timeout_says_how_far_it_got(datadog: FakeDatadog) -> None:
    """So that the last line of the task's log names those who are still waited for."""
    payload = quickly(event_of(users_trigger(user_emails=["ann@x.com"], timeout_at=NOW + 5)))
    assert payload["told"] == "incident_response: 0 of 1 people hold a seat; waiting for ann@x.com"


def test_passing_faults_are_waited_out_and_told_once(datadog: FakeDatadog) -> None:
    """Four in a row are tried again within a look; a longer spell is told, and that it is over."""
    trigger = users_trigger(user_emails=["ann@x.com"], poll_interval=10, timeout_at=NOW + 600)
    lines = lines_of(trigger)
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, *[Fault(503)] * 4, Fault(), *[Fault(503)] * 15)

    async def main() -> Any:
        asyncio.get_running_loop().call_later(150, datadog.give_seat, PRODUCT, ann)
        return await event_of(trigger)

    assert quickly(main())["status"] == "success"
    assert [line.partition(":")[0] for line in lines] == [PRODUCT, "Not known yet", PRODUCT]
    assert "503" in lines[1]


def test_a_limit_is_waited_for_as_the_server_asks(datadog: FakeDatadog) -> None:
    """Also one that is longer than a look waits."""
    datadog.script("GET", SEATS, Fault(429, headers={"X-RateLimit-Reset": "500"}))
    trigger = users_trigger(user_emails=["ann@x.com"], poll_interval=1, timeout_at=NOW + 502.5)
    quickly(event_of(trigger))
    assert len(datadog.calls()) == 5


def test_a_refused_key_ends_all_with_its_name_and_datadogs_words(datadog: FakeDatadog) -> None:
    """In two calls, however many watch."""
    datadog.script("GET", SEATS, Fault(), *[FORBIDDEN] * 20)

    async def main() -> list[Any]:
        return await asyncio.gather(*(event_of(users_trigger(user_emails=["ann@x.com"])) for _ in range(50)))

    payloads = quickly(main())
    assert {(each["status"], each["error"]) for each in payloads} == {("error", "KeysRefusedError")}
    assert all("403" in each["message"] and "Forbidden" in each["message"] for each in payloads)
    assert all("'datadog_default'" in each["message"] for each in payloads)
    assert len(datadog.calls()) == 3


def test_keys_that_were_rotated_meanwhile_are_taken_up(datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait of days outlives a key, if the connection holds another by then."""
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


def test_keys_that_are_others_at_each_reading_do_not_keep_it_going(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the renewed ones are refused, too, that is what ends it."""
    from airflow_provider_seats import hooks

    original = hooks.read_connection
    read: list[Any] = []

    async def another(conn_id: str) -> Any:
        read.append((await original(conn_id))._replace(app_key=f"key{len(read)}"))
        return read[-1]

    monkeypatch.setattr(hooks, "read_connection", another)
    assert quickly(event_of(users_trigger(user_emails=["ann@x.com"])))["error"] == "KeysRefusedError"
    assert len(datadog.calls()) == 4


def test_what_was_seen_before_the_workers_own_look_does_not_end_the_wait(datadog: FakeDatadog) -> None:
    """It was so, and is not any more: the worker has just seen that."""
    ann = datadog.add_user("ann@x.com")

    async def main() -> Any:
        first = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=60)))
        await asyncio.sleep(20)
        datadog.give_seat(PRODUCT, ann)
        arguments = {"user_emails": ["ann@x.com"], "state": "unassigned", "poll_interval": 60}
        late = users_trigger(**arguments, looked_at=now(), timeout_at=now() + 100)
        payload = await event_of(late)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return payload

    assert quickly(main())["status"] == "timeout"


@pytest.mark.parametrize("where", ["name", "argument", "words"])
def test_half_characters_do_not_reach_the_triggerer(datadog: FakeDatadog, where: str) -> None:
    """JSON can hold them, and Airflow's triggerer would end over an event with one."""
    arguments: dict[str, Any] = {"user_emails": ["ann@x.com"], "timeout_at": NOW + 5}
    if where == "name":
        datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), name="Ann \ud83d")
    elif where == "argument":
        arguments["user_emails"] = ["ann\ud83d@x.com"]
    else:
        datadog.script("GET", SEATS, *[Fault(400, '{"errors": ["half \\ud83d"]}')] * 5)
    payload = quickly(event_of(users_trigger(**arguments)))
    assert "?" in json.dumps(payload)
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
def test_what_no_retry_would_mend_ends_it_at_once(datadog: FakeDatadog, arguments: dict[str, Any], error: str) -> None:
    """A wrong product code, or arguments that another version stored."""
    payload = quickly(event_of(users_trigger(**arguments)))
    assert (payload["status"], payload["error"]) == ("error", error)


def test_a_connection_that_cannot_be_used_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the field."""
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps({"conn_type": "datadog_seats"}))
    payload = quickly(event_of(users_trigger(user_emails=["ann@x.com"])))
    assert (payload["error"], "password" in payload["message"]) == ("InvalidConnectionError", True)


def test_what_is_unexpected_leaves_it_as_it_is(datadog: FakeDatadog) -> None:
    """A connection that is gone is Airflow's own error, and a fault of ours is not called Datadog's."""
    with pytest.raises(Exception, match="no_such") as raised:
        quickly(event_of(users_trigger(user_emails=["ann@x.com"], datadog_conn_id="no_such")))
    assert "airflow" in type(raised.value).__module__


def test_two_organisations_and_two_products_side_by_side(datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked for its own, and answers for its own."""
    with FakeDatadog() as other:
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", other.airflow_connection())
        datadog.add_user("ann@x.com", seat=PRODUCT)
        other.add_user("bob@x.com", seat="on_call")

        async def main() -> list[Any]:
            waits = [
                users_trigger(user_emails=[email], product_code=product, datadog_conn_id=conn_id, timeout_at=NOW + 5)
                for email in ("ann@x.com", "bob@x.com")
                for product in (PRODUCT, "on_call")
                for conn_id in ("datadog_default", "other")
            ]
            return await asyncio.gather(*map(event_of, waits))

        statuses = [payload["status"] for payload in quickly(main())]
    assert statuses == ["success", *["timeout"] * 6, "success"]


def test_a_triggerer_that_begins_many_at_once_reads_their_connection_once(
    datadog: FakeDatadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand look-ups in one moment would hold up its loop."""
    from airflow_provider_seats import hooks

    read: list[str] = []
    original = hooks.read_connection

    async def counted(conn_id: str) -> Any:
        read.append(conn_id)
        return await original(conn_id)

    monkeypatch.setattr(hooks, "read_connection", counted)
    datadog.add_user("ann@x.com", seat=PRODUCT)

    async def main() -> None:
        await asyncio.gather(*(event_of(users_trigger(user_emails=["ann@x.com"])) for _ in range(100)))
        await event_of(users_trigger(user_emails=["ann@x.com"]))

    quickly(main())
    assert read == ["datadog_default"] * 2


# --- changes of seats ---


class Store:
    """Airflow's store of an asset's state, from 3.3 on; it may have gone silent, or be broken."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.silent = False
        self.broken: Exception | None = None
        self.failures = 0
        self.takes = 0.0

    async def aget(self, key: str) -> Any:
        """Give what was kept."""
        await self._answer()
        return self.kept.get(key)

    async def aset(self, key: str, value: Any) -> None:
        """Keep a value."""
        await self._answer()
        self.kept[key] = json.loads(json.dumps(value))

    async def _answer(self) -> None:
        await asyncio.sleep(self.takes)
        if self.broken is not None:
            raise self.broken
        if self.failures:
            self.failures -= 1
            raise ConnectionError("a hiccup")
        if self.silent:
            await asyncio.Event().wait()


def changes_trigger(store: Store | None = None, **arguments: Any) -> SeatChangesTrigger:
    """Make the trigger as a triggerer revives it, with the store that Airflow gives it."""
    trigger: SeatChangesTrigger = revived(SeatChangesTrigger(**{"product_code": PRODUCT, **arguments}))
    trigger.asset_state_store = store
    return trigger


async def told(
    trigger: SeatChangesTrigger, *later: tuple[float, Callable[[], object]], until: float = 300
) -> list[Any]:
    """Let it watch until a time of the loop, while things happen at their times; give what it told."""
    payloads: list[Any] = []
    loop = asyncio.get_running_loop()
    for seconds, do in later:
        loop.call_later(seconds, do)

    async def take() -> None:
        async for event in trigger.run():
            payloads.append(event.payload)  # noqa: PERF401 (as they come)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(until):
            await take()
    return payloads


def summary(payloads: list[Any]) -> list[tuple[list[str], list[str], int]]:
    """Shorten payloads to emails."""
    return [
        ([row["email"] for row in each["gained"]], [row["email"] for row in each["lost"]], each["seats"])
        for each in payloads
    ]


def test_each_change_is_told_with_who_gained_and_who_lost(datadog: FakeDatadog) -> None:
    """Those who held a seat at first are told of nobody; what Airflow stores of an event is JSON."""
    ann, bob = datadog.add_user("ann@x.com", "Ann", seat=PRODUCT), datadog.add_user("bob@x.com", "Bob")
    payloads = quickly(
        told(
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
    assert poll._organisations == {}


def test_a_restart_loses_no_change_and_repeats_none_where_airflow_keeps_a_state(datadog: FakeDatadog) -> None:
    """What changed while no triggerer ran is told by the next."""
    ann, bob, cy = (datadog.add_user(f"{name}@x.com") for name in ("ann", "bob", "cy"))
    store = Store()
    first = quickly(told(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, ann)), until=200))
    datadog.give_seat(PRODUCT, bob)
    datadog.take_seat(PRODUCT, ann)
    second = quickly(told(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, cy)), until=200))
    third = quickly(told(changes_trigger(store), until=200))
    assert summary(first + second + third) == [
        (["ann@x.com"], [], 1),
        (["bob@x.com"], ["ann@x.com"], 1),
        (["cy@x.com"], [], 2),
    ]


def test_without_a_state_the_first_look_after_a_restart_is_a_new_beginning(datadog: FakeDatadog) -> None:
    """As on Airflow before 3.3, which the documentation says."""
    ann = datadog.add_user("ann@x.com")
    quickly(told(changes_trigger()))
    datadog.give_seat(PRODUCT, ann)
    assert quickly(told(changes_trigger())) == []


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_a_change_that_was_taken_is_not_told_again(datadog: FakeDatadog, how: str) -> None:
    """Also if the trigger is let go at once, as when another triggerer takes it over."""
    store = Store()
    ann = datadog.add_user("ann@x.com")
    quickly(told(changes_trigger(store), until=10))
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
    assert quickly(told(changes_trigger(store))) == []


def test_a_look_from_before_does_not_turn_a_change_back(datadog: FakeDatadog) -> None:
    """A trigger that comes from another triggerer may remember more than the poll here has seen."""
    store = Store()
    ann = datadog.add_user("ann@x.com")

    async def main() -> list[Any]:
        slow = asyncio.create_task(event_of(users_trigger(user_emails=["zoe@x.com"], poll_interval=100)))
        await asyncio.sleep(20)
        datadog.give_seat(PRODUCT, ann)
        store.kept["datadog_seats incident_response through datadog_default"] = {ann: "ann@x.com"}
        payloads = await told(changes_trigger(store))
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        return payloads

    assert quickly(main()) == []


@pytest.mark.parametrize("silent", [False, True])
def test_a_change_that_airflow_let_go_before_it_took_it_is_told_again(datadog: FakeDatadog, silent: bool) -> None:
    """Interrupted between hearing of it and taking it, or stopped, when no store answers: nothing hangs on it."""
    store = Store()
    ann = datadog.add_user("ann@x.com")
    quickly(told(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, ann)

    async def main() -> None:
        events = changes_trigger(store).run()
        await anext(events)
        store.silent = silent
        await asyncio.create_task(events.aclose())  # type: ignore[attr-defined]

    quickly(main())
    store.silent = False
    assert summary(quickly(told(changes_trigger(store)))) == [(["ann@x.com"], [], 1)]


def test_a_trigger_of_several_assets_keeps_nothing_and_says_what_to_do(
    datadog: FakeDatadog, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow cannot tell which asset is meant; changes are told all the same."""
    ann = datadog.add_user("ann@x.com")
    store = Store()
    store.broken = ValueError("Task has 2 concrete inlets and outlets")
    payloads = quickly(told(changes_trigger(store), (70, lambda: datadog.give_seat(PRODUCT, ann))))
    assert summary(payloads) == [(["ann@x.com"], [], 1)]
    assert [record for record in caplog.records if "another poll_interval" in record.message]


@pytest.mark.parametrize("failures", [1, 2, 3])
@pytest.mark.parametrize("when", [0, 69])
def test_a_hiccup_of_the_store_loses_and_repeats_nothing(datadog: FakeDatadog, failures: int, when: float) -> None:
    """It is asked again, before the first look as after a change."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    store = Store()
    quickly(told(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, bob)
    first = quickly(
        told(
            changes_trigger(store),
            (when, lambda: setattr(store, "failures", failures)),
            (70, lambda: datadog.give_seat(PRODUCT, ann)),
        )
    )
    second = quickly(told(changes_trigger(store)))
    assert summary(first + second) == [(["bob@x.com"], [], 1), (["ann@x.com"], [], 2)]


def test_a_store_that_stays_away_at_first_is_waited_for(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """To begin anew would lose what changed meanwhile."""
    ann = datadog.add_user("ann@x.com")
    store = Store()
    quickly(told(changes_trigger(store), until=10))
    datadog.give_seat(PRODUCT, ann)
    store.failures = 10
    assert summary(quickly(told(changes_trigger(store), until=600))) == [(["ann@x.com"], [], 1)]
    assert [record for record in caplog.records if "something unexpected" in record.message]


def test_a_store_that_cannot_keep_stops_nobody(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """Changes are told, and the log says what a restart would do."""
    ann = datadog.add_user("ann@x.com")
    store = Store()
    payloads = quickly(
        told(
            changes_trigger(store),
            (30, lambda: setattr(store, "broken", ConnectionError("gone"))),
            (70, lambda: datadog.give_seat(PRODUCT, ann)),
        )
    )
    assert summary(payloads) == [(["ann@x.com"], [], 1)]
    assert [record for record in caplog.records if "would tell the last change of" in record.message]


@pytest.mark.parametrize("kept", [True, False])
def test_an_error_is_told_and_looked_after_again_each_minute(
    datadog: FakeDatadog, caplog: pytest.LogCaptureFixture, kept: bool
) -> None:
    """Airflow would begin a watcher that ended anew each second; what changed meanwhile is told when it is mended."""
    ann = datadog.add_user("ann@x.com")
    datadog.script("GET", SEATS, Fault(), *[FORBIDDEN] * 4)
    trigger = changes_trigger(Store() if kept else None)
    payloads = quickly(told(trigger, (90, lambda: datadog.give_seat(PRODUCT, ann)), until=250))
    lines = [record.message for record in caplog.records if "403" in record.message and "Waiting" not in record.message]
    assert len(lines) == 1
    assert "Changes of incident_response through datadog_default are not told until this is mended" in lines[0]
    assert summary(payloads) == [(["ann@x.com"], [], 1)]
    assert len(datadog.calls()) == 7


def test_a_passing_fault_is_no_change(datadog: FakeDatadog, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is said to have lost a seat because the list could not be read."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.script("GET", SEATS, Fault(), *[Fault(502)] * 5)
    assert quickly(told(changes_trigger(poll_interval=30))) == []
    assert len([record for record in caplog.records if "are not known yet" in record.message]) == 1


def test_seats_without_a_uuid_are_counted_and_told_of_nobody(datadog: FakeDatadog) -> None:
    """Nobody knows whose they are."""
    ann = datadog.add_user("ann@x.com")
    datadog.give_seat(PRODUCT, "x", id=None)
    payloads = quickly(told(changes_trigger(), (70, lambda: datadog.give_seat(PRODUCT, ann))))
    assert summary(payloads) == [(["ann@x.com"], [], 2)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"product_code": " "}, "product_code: ' '"), ({"product_code": "p", "poll_interval": "often"}, "poll_interval")],
)
def test_a_watcher_that_cannot_work_keeps_its_dag_from_being_taken_in(arguments: dict[str, Any], words: str) -> None:
    """An error of its author's is shown to its author, and does not end the triggerer."""
    with pytest.raises(InvalidInputError, match=words):
        SeatChangesTrigger(**arguments).serialize()


def test_the_interval_may_be_given_as_a_span() -> None:
    """What is stored is seconds."""
    assert SeatChangesTrigger(product_code="p", poll_interval="5m").serialize()[1]["poll_interval"] == 300
