"""The sensor and the seat changes in real triggerers, which the tests stop and start again."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, Server, wait_for
from tests.system.killed.conftest import CAPACITY, CHANGES, HIRES

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("killed"),
    pytest.mark.skipif(not AIRFLOW_3, reason="needs the API of Airflow 3"),
]


def states(server: Server, run: dict[str, str]) -> Counter[str]:
    """Return the number of sensors of a run in each state."""
    return Counter(task["state"] for name, task in server.tasks(run).items() if name.startswith("wait"))


def polls(fake: FakeDatadog) -> int:
    """Return the number of requests for the product of the deferred sensors."""
    return sum(each.query["product_code"] == "example_product" for each in fake.calls())


def seconds_for(fake: FakeDatadog, number: int) -> float:
    """Return the seconds that a number of polls take. A busy machine only makes polls slower."""
    first = polls(fake) + 1
    wait_for(lambda: polls(fake) >= first, 30, pause=0.02)
    began = time.monotonic()
    wait_for(lambda: polls(fake) >= first + number, 60, pause=0.02)
    return time.monotonic() - began


def triggerer_ids(server: Server, run: dict[str, str]) -> dict[int, int | None]:
    """Return the id of the triggerer in which each deferred sensor waits, by map index."""
    return {
        task["map_index"]: task["trigger"]["triggerer_id"]
        for name, task in server.tasks(run).items()
        if name.startswith("wait") and task["trigger"]
    }


def test_two_triggerers_share_the_sensors_and_one_takes_over_from_the_other(
    server: Server, fake: FakeDatadog, begun: dict[str, dict[str, Any]]
) -> None:
    """The sensors of a triggerer share one poll, and go on in the other triggerer when their triggerer stops."""
    run = begun["deferred"]
    wait_for(lambda: states(server, run) == {"deferred": len(HIRES)}, 240, server.tail, pause=1)
    # The trigger of seat changes may take one of the places.
    wait_for(lambda: Counter(triggerer_ids(server, run).values())[None] <= len(HIRES) - CAPACITY + 1, 60, server.tail)
    # With a poll for each of four sensors, four polls would take a second.
    assert seconds_for(fake, 4) > 2.5
    [first] = set(triggerer_ids(server, run).values()) - {None}
    server.triggerers.begin()
    wait_for(lambda: None not in triggerer_ids(server, run).values(), 60, server.triggerers.log)
    waiting = triggerer_ids(server, run)
    assert len(set(waiting.values())) == 2
    # With a poll for each sensor, eight polls would take a second.
    assert seconds_for(fake, 8) > 2.5
    server.triggerers.stop()
    [taken_over, *_] = [index for index, triggerer in waiting.items() if triggerer == first]
    fake.give_seat("example_product", fake.user_uuid(HIRES[taken_over]))
    wait_for(lambda: states(server, run)["success"] == 1, 60, server.triggerers.log)
    wait_for(lambda: len(set(triggerer_ids(server, run).values())) == 1, 60, server.triggerers.log)
    assert seconds_for(fake, 4) > 2.5
    for email in HIRES:
        fake.give_seat("example_product", fake.user_uuid(email))
    assert server.finish(run, 240)["state"] == "success"
    before = polls(fake)
    time.sleep(2.5)  # enough time for two polls
    assert polls(fake) == before
    for index in (0, len(HIRES) - 1):
        assert [holder["email"] for holder in server.xcom(run, "wait", index=index)["people"]] == [HIRES[index]]


def wait_for_polls(fake: FakeDatadog, number: int) -> None:
    """Wait for a number of further polls of the product whose changes start a DAG."""

    def count() -> int:
        return sum(each.query["product_code"] == PRODUCT for each in fake.calls())

    before = count()
    wait_for(lambda: count() >= before + number, 60)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_each_seat_change_starts_a_dag_once_also_after_a_restart(
    server: Server, fake: FakeDatadog, how: signal.Signals
) -> None:
    """Each seat change starts one DAG run, on Airflow 3.3 also if the triggerer was stopped at the time."""
    kept = AIRFLOW >= (3, 3)
    wait_for_polls(fake, 3)
    before = len(server.runs(CHANGES))

    def reported() -> list[str]:
        runs = [server.finish(run) for run in server.runs(CHANGES)[before:]]
        return [line.partition(" ")[0] for run in runs for line in server.xcom(run, "notify")]

    emails = [f"claimed{number}-{how.name.lower()}@example.com" for number in range(4)]
    claimed = [fake.add_user(email) for email in emails]
    fake.give_seat(PRODUCT, claimed[0])
    fake.give_seat(PRODUCT, fake.user_uuid("expected@example.com"))
    wait_for(lambda: len(reported()) == 1, 60, pause=1)
    wait_for_polls(fake, 2)
    server.triggerers.stop(how)
    fake.give_seat(PRODUCT, claimed[1])
    server.triggerers.begin()
    wait_for_polls(fake, 3)
    wait_for(lambda: len(reported()) == 1 + kept, 60, server.tail, pause=1)
    # A second report of an earlier change would come before the reports of these later changes.
    for number, person in enumerate(claimed[2:], 2):
        fake.give_seat(PRODUCT, person)
        wait_for(lambda: emails[number] in reported(), 60, server.tail, pause=1)  # noqa: B023 (called at once)
    assert reported() == (emails if kept else [emails[0], *emails[2:]])
