"""The sensor and the changes of seats in a real triggerer, which is stopped and begun again in the middle."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, Server, wait_for
from tests.system.killed.conftest import CHANGES, HIRES

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("killed"),
    pytest.mark.skipif(not AIRFLOW_3, reason="the triggerer is driven through the API of Airflow 3"),
]


def states(server: Server, run: dict[str, str]) -> Counter[str]:
    """Count the states of the waiting tasks of a run."""
    return Counter(task["state"] for name, task in server.tasks(run).items() if name.startswith("wait"))


def looks(fake: FakeDatadog) -> int:
    """Count the calls for the product of the deferred sensors that FakeDatadog received."""
    return sum(each.query["product_code"] == "on_call" for each in fake.calls())


def seconds_for(fake: FakeDatadog, number: int) -> float:
    """Give the seconds in which so many looks come; a busy machine makes them more, never fewer."""
    first = looks(fake) + 1
    wait_for(lambda: looks(fake) >= first, 30, pause=0.02)
    began = time.monotonic()
    wait_for(lambda: looks(fake) >= first + number, 60, pause=0.02)
    return time.monotonic() - began


def test_deferred_sensors_cost_the_calls_of_one_and_outlive_their_triggerer(
    server: Server, fake: FakeDatadog, begun: dict[str, dict[str, Any]]
) -> None:
    """One look a second for all twenty, before and after a restart; each gives its own person to the next task."""
    run = begun["deferred"]
    wait_for(lambda: states(server, run) == {"deferred": len(HIRES)}, 240, server.tail, pause=1)
    # Twenty looks of their own a second would be four in a fifth of a second.
    assert seconds_for(fake, 4) > 2.5
    server.triggerer.stop()
    before = looks(fake)
    fake.give_seat("on_call", fake.user_uuid(HIRES[0]))
    assert looks(fake) == before
    server.triggerer.begin()
    wait_for(lambda: states(server, run)["success"] == 1, 60, lambda: f"{states(server, run)} {server.triggerer.log()}")
    assert seconds_for(fake, 4) > 2.5
    for email in HIRES:
        fake.give_seat("on_call", fake.user_uuid(email))
    assert server.finish(run, 240)["state"] == "success"
    before = looks(fake)
    time.sleep(2.5)  # in which two looks would come
    assert looks(fake) == before
    for index in (0, len(HIRES) - 1):
        assert [holder["email"] for holder in server.xcom(run, "wait", index=index)] == [HIRES[index]]


def wait_for_looks(fake: FakeDatadog, number: int) -> None:
    """Wait until the seats of the product whose changes are told were looked at so many times more."""

    def looked() -> int:
        return sum(each.query["product_code"] == PRODUCT for each in fake.calls())

    before = looked()
    wait_for(lambda: looked() >= before + number, 60)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_changes_of_seats_run_a_dag_each_once_also_over_a_restart(
    server: Server, fake: FakeDatadog, how: signal.Signals
) -> None:
    """What changed while none ran is told by the next, where Airflow keeps a state, and nothing is told twice."""
    kept = AIRFLOW >= (3, 3)
    wait_for_looks(fake, 3)
    before = len(server.runs(CHANGES))

    def told() -> list[str]:
        runs = [server.finish(run) for run in server.runs(CHANGES)[before:]]
        return [line.partition(" ")[0] for run in runs for line in server.xcom(run, "tell")]

    emails = [f"claimed{number}-{how.name.lower()}@example.com" for number in range(4)]
    claimed = [fake.add_user(email) for email in emails]
    fake.give_seat(PRODUCT, claimed[0])
    fake.give_seat(PRODUCT, fake.user_uuid("expected@example.com"))
    wait_for(lambda: len(told()) == 1, 60, pause=1)
    wait_for_looks(fake, 2)
    server.triggerer.stop(how)
    fake.give_seat(PRODUCT, claimed[1])
    server.triggerer.begin()
    wait_for_looks(fake, 3)
    wait_for(lambda: len(told()) == 1 + kept, 60, server.tail, pause=1)
    # What would be told twice comes before what comes later.
    for number, person in enumerate(claimed[2:], 2):
        fake.give_seat(PRODUCT, person)
        wait_for(lambda: emails[number] in told(), 60, server.tail, pause=1)  # noqa: B023 (called at once)
    assert told() == (emails if kept else [emails[0], *emails[2:]])
