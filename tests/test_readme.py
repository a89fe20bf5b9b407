"""The README: what it shows works, as it stands there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_seats import connection, plan, protocol, seats, users, waiting
from airflow_provider_seats.connection import DatadogSeatsError
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.report import Report
from airflow_provider_seats.sensors import SeatUsersSensor
from tests.airflow.home import AIRFLOW, AIRFLOW_3, ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_block_of_code_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies it has something that works; what it calls a test passes."""
    if "AssetWatcher" in block and not AIRFLOW_3:
        pytest.skip("this Airflow has no asset watchers yet")
    if "RetryAfter" in block and AIRFLOW < (3, 3):
        pytest.skip("this Airflow has no retry policies yet")
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 (our own)
    for name, thing in names.items():
        if name.startswith("test_"):
            thing(monkeypatch)


def test_every_error_is_told() -> None:
    """The table names each class that can be raised, and whether Airflow's retries are for it."""
    told = dict(re.findall(r"^\| `(\w+Error)` in .*? \| (yes|no|as its cause) \|", README, flags=re.MULTILINE))
    errors = {
        thing.__name__: thing
        for room in (connection, protocol, seats, users, plan, waiting)
        for thing in vars(room).values()
        if isinstance(thing, type) and issubclass(thing, DatadogSeatsError) and thing.__module__ == room.__name__
    }
    abstract = {"DatadogSeatsError", "PassingError"}
    assert set(told) == set(errors) - abstract
    for name, retried in told.items():
        assert errors[name].passing == (retried == "yes")


def test_every_argument_and_key_is_told() -> None:
    """Nothing can be passed or read that the README does not speak of."""
    for kind in (AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator, SeatUsersSensor):
        for field in kind.template_fields:
            assert f"`{field}`" in README
    for key in Report.__annotations__:
        assert f'"{key}"' in README
