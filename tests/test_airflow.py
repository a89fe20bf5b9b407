"""Where names live in Airflow, and how the triggerer reads a connection."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import sys
import threading
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_provider_seats import _airflow
from tests.helpers.airflow_home import AIRFLOW

# What only type checkers need: it is not the same in all versions.
FOR_TYPES = {"Context", "TaskInstanceKey", "XComArg"}
NAMES = sorted(
    alias.asname or alias.name
    for node in ast.walk(ast.parse(Path(_airflow.__file__).read_text()))
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow.")
    for alias in node.names
)


@pytest.mark.parametrize("name", sorted({*NAMES} - FOR_TYPES))
def test_every_name_is_found_in_this_airflow(name: str) -> None:
    """Every name that a type checker sees is there when the package runs, on each Airflow."""
    if name.startswith("Retry") and AIRFLOW < (3, 3):
        assert not hasattr(_airflow, name)
    else:
        assert getattr(_airflow, name).__module__.startswith("airflow") or name == "conf"


def test_every_name_that_is_looked_up_is_known_to_type_checkers() -> None:
    """A name that was forgotten among the types would not be checked."""
    assert {*_airflow._HOMES} <= {*NAMES}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module. The cause says why a name could not be imported."""
    with pytest.raises(AttributeError, match="has no attribute 'AirflowNoSuchException'") as raised:
        _ = _airflow.AirflowNoSuchException
    assert isinstance(raised.value.__cause__, AttributeError)
    assert not hasattr(_airflow, "sdk")


def test_a_missing_name_has_a_stand_in_or_another_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older Airflow lacks the newest home of a name, or the name itself."""
    old = ModuleType("airflow.triggers.base")
    old.BaseTrigger = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow.triggers.base", old)
    for name in ("BaseEventTrigger", "BaseTrigger"):
        monkeypatch.delitem(_airflow.__dict__, name, raising=False)
    assert _airflow.BaseEventTrigger is old.BaseTrigger
    monkeypatch.delitem(_airflow.__dict__, "BaseTrigger")
    older = ModuleType("airflow.hooks.base")
    older.BaseHook = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow.hooks.base", older)
    monkeypatch.setitem(sys.modules, "airflow.sdk", None)
    monkeypatch.delitem(_airflow.__dict__, "BaseHook", raising=False)
    assert _airflow.BaseHook is older.BaseHook
    monkeypatch.delitem(_airflow.__dict__, "BaseHook")


def test_the_triggerer_reads_a_connection_of_this_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """It returns the connection and its parsed extra, in the way that this Airflow has."""
    monkeypatch.setenv("AIRFLOW_CONN_X", json.dumps({"conn_type": "datadog_seats", "host": "h", "extra": {"a": 1}}))
    connection, extra = asyncio.run(_airflow.read_connection("x"))
    assert (connection.host, extra) == ("h", {"a": 1})


def use(monkeypatch: pytest.MonkeyPatch, hook: object, connection: object) -> None:
    """Let these stand for Airflow's classes."""
    monkeypatch.setitem(_airflow.__dict__, "BaseHook", hook)
    monkeypatch.setitem(_airflow.__dict__, "Connection", connection)


def test_a_new_airflow_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 3.3.2 on, both calls are awaited on the event loop, and the blocking ones are not made."""

    class Connection:
        async def aextra_dejson(self) -> dict[str, int]:
            return {"thread": threading.get_ident()}

    class Hook:
        @staticmethod
        async def aget_connection(conn_id: str) -> Any:
            assert conn_id == "x"
            return Connection()

    use(monkeypatch, Hook, Connection)
    _, extra = asyncio.run(_airflow.read_connection("x"))
    assert extra == {"thread": threading.get_ident()}


@pytest.mark.parametrize("has_aget", [False, True])
def test_an_older_airflow_is_called_in_the_thread_of_asgiref(
    monkeypatch: pytest.MonkeyPatch, *, has_aget: bool
) -> None:
    """Before 3.3.2, aget_connection blocks, too. Both blocking calls are made in one thread, that of asgiref."""
    threads: list[int] = []

    class Connection:
        @property
        def extra_dejson(self) -> dict[str, int]:
            threads.append(threading.get_ident())
            return {}

    def get_connection(conn_id: str) -> Connection:
        assert conn_id == "x"
        threads.append(threading.get_ident())
        return Connection()

    def aget_connection(_: str) -> None:
        pytest.fail("it would block the event loop")

    more = {"aget_connection": aget_connection} if has_aget else {}
    use(monkeypatch, SimpleNamespace(get_connection=get_connection, **more), Connection)

    async def both() -> int:
        from asgiref.sync import sync_to_async

        await _airflow.read_connection("x")
        return await sync_to_async(threading.get_ident)()

    expected = asyncio.run(both())
    assert threads == [expected, expected]
    assert expected != threading.get_ident()


def test_the_source_says_where_each_version_differs() -> None:
    """The module stays small: it holds names and differences, and no code of ours."""
    assert len(inspect.getsource(_airflow).splitlines()) < 130


@pytest.mark.parametrize("kind", ["asset", "dataset"])
@pytest.mark.parametrize(("written", "direction"), [(False, "input"), (True, "output")])
def test_lineage_has_the_name_that_an_airflow_gives_it(
    monkeypatch: pytest.MonkeyPatch, kind: str, written: bool, direction: str
) -> None:
    """A file that was read or written is an asset, and on Airflow 2.11 a dataset."""
    seen: list[Any] = []

    def add(which: str, **facts: Any) -> None:
        seen.append((which, facts))

    names = [f"add_{each}_{kind}" for each in ("input", "output")]
    collector = SimpleNamespace(**{name: partial(add, name) for name in names})
    monkeypatch.setattr(_airflow, "get_hook_lineage_collector", lambda: collector, raising=False)
    # A name with a connection would be another file to lineage than the one that another operator wrote.
    path = _airflow.ObjectStoragePath("file:///srv/roster.csv", conn_id="hr")
    assert str(path) == "file://hr@/srv/roster.csv"
    _airflow.add_lineage(path, "hr", written=written)
    assert seen == [(f"add_{direction}_{kind}", {"context": path, "uri": "file:///srv/roster.csv"})]


def test_lineage_is_collected_by_this_airflow() -> None:
    """The collector of each Airflow accepts what it is given."""
    _airflow.add_lineage(_airflow.ObjectStoragePath("file:///srv/roster.csv"), None, written=True)
