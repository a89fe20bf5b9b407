"""Turns on an event loop."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
from typing import Any

import pytest

from airflow_provider_seats._waiting import turns
from airflow_provider_seats._waiting.turns import compute, next_turn, wake_in_turns
from tests.helpers.looping import quickly
from tests.helpers.triggers import event_of, users_trigger


def test_others_run_between_the_turns_of_many() -> None:
    """A thousand tasks that start at once run a few at a time, in their order, and other tasks run in between."""
    passed: list[int] = []
    seen: list[int] = []

    async def one(number: int) -> None:
        await next_turn()
        passed.append(number)

    async def other() -> None:
        while len(passed) < 1000:
            seen.append(len(passed))
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(other(), *map(one, range(1000)))

    quickly(main())
    assert passed == list(range(1000))
    assert max(after - before for before, after in itertools.pairwise(seen)) <= turns._AT_ONCE


def test_cancelled_turns_do_not_stop_the_others() -> None:
    """Tasks that are cancelled while they wait for their turn do not stop the others."""

    async def one() -> None:
        await next_turn()

    async def main() -> None:
        tasks = [asyncio.create_task(one()) for _ in range(5 * turns._AT_ONCE)]
        await asyncio.sleep(0)
        for task in tasks[:-1]:
            task.cancel()
        await tasks[-1]

    quickly(main())


def test_a_future_that_waits_twice_is_woken_once() -> None:
    """A follower may be notified again before its turn. All others behind it get their turns, too."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        wake_in_turns([future, future])
        wake_in_turns([future])
        await asyncio.gather(future, *(next_turn() for _ in range(3 * turns._AT_ONCE)))

    quickly(main())
    assert turns._queues == {}


def test_a_loop_that_stops_and_runs_again_still_gives_turns() -> None:
    """If all tasks are cancelled while they wait, the loop still gives turns later, and its queue is removed."""
    loop = asyncio.new_event_loop()

    async def one() -> None:
        await next_turn()

    async def interrupted() -> None:
        tasks = [asyncio.create_task(one()) for _ in range(5 * turns._AT_ONCE)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()

    loop.run_until_complete(interrupted())
    loop.run_until_complete(asyncio.wait_for(one(), 5))
    loop.close()
    assert turns._queues == {}


def test_an_error_while_modules_are_loaded_reaches_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a module cannot be loaded, each trigger that waits raises the error, and none waits for ever."""
    name = "airflow_provider_seats._waiting.users_wait"

    class Broken:
        def find_spec(self, module: str, *_: object) -> None:
            if module == name:
                raise ModuleNotFoundError("it is broken")

    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    triggers = [users_trigger(user_emails=["ann@x.com"]) for _ in range(3 * turns._AT_ONCE)]

    async def main() -> list[Any]:
        return await asyncio.gather(*map(event_of, triggers), return_exceptions=True)

    assert [str(error) for error in quickly(main())] == ["it is broken"] * len(triggers)


def test_a_load_that_cannot_start_leaves_no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no thread can start, the trigger raises the error, and the next one tries again."""

    async def main() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(turns, "MODULES", ("no_such_module",))
            patched.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
            with pytest.raises(RuntimeError, match="no thread"):
                next_turn()
        await next_turn()

    def refuse(*_: object) -> None:
        raise RuntimeError("no thread")

    quickly(main())
    assert turns._queues == {}


@pytest.mark.parametrize(("size", "in_thread"), [(200, False), (201, True)])
def test_much_work_is_done_in_a_thread(size: int, in_thread: bool) -> None:
    """Work on many people does not happen on the event loop, and little work causes no change of threads."""
    thread = quickly(compute(size, threading.current_thread))
    assert (thread is not threading.current_thread()) == in_thread


@pytest.mark.slow
def test_the_first_turn_loads_modules_in_a_thread() -> None:
    """What triggers need is loaded off the event loop, and before the turn ends."""
    code = """
import asyncio, sys, threading
from airflow_provider_seats._waiting.turns import next_turn

class Watch:
    def find_spec(self, name, *_):
        if name in {"airflow_provider_seats._waiting.shared_poller", "airflow_provider_seats._rosters.emails"}:
            print(threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Watch())
async def main():
    await next_turn()

asyncio.run(main())
print("airflow_provider_seats._waiting.users_wait" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]
