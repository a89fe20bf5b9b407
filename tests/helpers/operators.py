"""Short ways to run operators on a FakeDatadog."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats._api import BATCH_SIZE, seat_change
from airflow_provider_seats.exceptions import RateLimitError
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.report import KINDS
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance

if TYPE_CHECKING:
    from airflow_provider_seats.report import Report

GHOST = "00000000-0000-0000-0000-000000000000"
# A rate limit that lasts longer than a call waits, so that the attempt ends.
RATE_LIMITED = Fault(429, headers={"X-RateLimit-Reset": "900"})
OLD = "2020-01-01T00:00:00Z"


def execute(
    kind: type[Any],
    context: Any = None,
    *,
    log: list[str] | None = None,
    batch_size: int = BATCH_SIZE,
    **arguments: Any,
) -> Report:
    """Run an operator, and return its report.

    :param log: a list for the lines that the operator logs, each after its level.
    :param batch_size: the most people in one call.
    """
    operator = kind(**{"task_id": "task", "product_code": PRODUCT, **arguments})
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(seat_change, "BATCH_SIZE", batch_size))
        if log is not None:
            for level in ("info", "warning"):
                stack.enter_context(mock.patch.object(operator.log, level, partial(_append, log, level)))
        report: Report = operator.execute({} if context is None else context)
        return report


def _append(log: list[str], level: str, message: str, *values: object) -> None:
    log.append(f"{level}: {message % values}")


def assign(context: Any = None, *, log: list[str] | None = None, **arguments: Any) -> Report:
    """Run an AssignSeatsOperator, and return its report."""
    return execute(AssignSeatsOperator, context, log=log, **arguments)


def unassign(context: Any = None, *, log: list[str] | None = None, **arguments: Any) -> Report:
    """Run an UnassignSeatsOperator, and return its report."""
    return execute(UnassignSeatsOperator, context, log=log, **arguments)


def sync(context: Any = None, *, log: list[str] | None = None, **arguments: Any) -> Report:
    """Run a SyncSeatsOperator, and return its report, which lists unchanged people."""
    return execute(SyncSeatsOperator, context, log=log, **arguments)


def failure(kind: Any, ti: FakeTaskInstance, **arguments: Any) -> tuple[str, dict[str, list[str]]]:
    """Run an operator that fails without retry. Return the message, and the people of the pushed report."""
    with pytest.raises(AirflowFailException) as caught:
        kind({"ti": ti}, **arguments)
    assert caught.value.__cause__ is not None
    return str(caught.value), by_email(ti.pushed["return_value"])


def refused(datadog: FakeDatadog, kind: Any = sync, **arguments: Any) -> str:
    """Run an operator that refuses before it changes anything. Return the message."""
    ti = FakeTaskInstance()
    before, count = datadog.holders(PRODUCT), len(writes(datadog))
    message, _ = failure(kind, ti, **arguments)
    report = ti.pushed["return_value"]
    assert datadog.holders(PRODUCT) == before
    assert len(writes(datadog)) == count
    assert report["assigned"] == report["unassigned"] == []
    return message


def by_email(report: Report) -> dict[str, list[str]]:
    """Return the people of a report by kind, as emails or else UUIDs. Empty kinds are left out."""
    groups: dict[str, Any] = {**report}
    return {kind: [str(each["email"] or each["id"]) for each in groups[kind]] for kind in KINDS if groups[kind]}


def reasons(report: Report) -> dict[str | None, str]:
    """Return why people are protected, by user UUID."""
    return {person["id"]: person["reason"] for person in report["protected"]}


def add_people(datadog: FakeDatadog, count: int, seat: str | None = PRODUCT, prefix: str = "u") -> list[str]:
    """Add accounts with the emails ``u0@x.com``, ``u1@x.com`` and so on, and return their UUIDs."""
    return [datadog.add_user(f"{prefix}{number}@x.com", seat=seat) for number in range(count)]


def emails(*numbers: int, prefix: str = "u") -> list[str]:
    """Return the emails of people by number."""
    return [f"{prefix}{number}@x.com" for number in numbers]


# The call that reads the seat list.
READ = "GET seats/users"


def calls(datadog: FakeDatadog) -> list[str]:
    """Return the method and the path of each call, without the part that all paths have in common."""
    return [f"{each.method} {each.path.split('/', 3)[-1]}" for each in datadog.calls()]


def account_reads(datadog: FakeDatadog) -> list[str]:
    """Return the UUIDs of the accounts that were read one by one."""
    return [each.path.rpartition("/")[2] for each in datadog.calls("GET") if each.path.startswith(f"{USERS}/")]


def writes(datadog: FakeDatadog) -> list[Any]:
    """Return the calls that change seats."""
    return [each for each in datadog.calls() if each.method != "GET"]


class Store(dict[str, Any]):
    """A task state store, like that of Airflow 3.3."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value, as JSON."""
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.pop(key, None)


def attempt(store: Store, number: int = 1, max_tries: int = 3) -> dict[str, Any]:
    """Return the context of an attempt of a task with three retries."""
    return {"ti": FakeTaskInstance(number, max_tries), "task_state_store": store}


def interrupt(datadog: FakeDatadog, context: Any, kind: Any = sync, **arguments: Any) -> None:
    """Run an operator that unassigns one batch and ends with a transient error at the second."""
    datadog.script("DELETE", SEATS, Fault(), RATE_LIMITED)
    with pytest.raises(RateLimitError):
        kind(context, **arguments)


def shifting(datadog: FakeDatadog, *omitted: str) -> None:
    """Answer the next reading of the seat list with two pages that shift, so that some people are on neither."""
    rows = [
        {"type": "seat-users", "id": uuid, "attributes": {"email": f"x{number}@y.com"}}
        for number, uuid in enumerate(sorted(datadog.holders(PRODUCT).difference(omitted)))
    ]
    half = len(rows) // 2
    first = {"data": rows[:half], "meta": {"next_cursor": f"after-{half}"}}
    datadog.script("GET", SEATS, Fault(200, first), Fault(200, {"data": rows[half:], "meta": {"next_cursor": None}}))
