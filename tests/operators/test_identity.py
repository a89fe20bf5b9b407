"""Property tests: no sequence of operators takes a seat from a person that the roster or ``protect`` names."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from unittest import mock

from hypothesis import given, note, strategies as st

from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats.exceptions import DatadogSeatsError
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.clients import answering
from tests.helpers.clocks import FakeClock, installed
from tests.helpers.examples import examples
from tests.helpers.operators import OLD, RATE_LIMITED, Store, attempt, sync, unassign
from tests.helpers.playing import answer_by, unserved

COUNT = 6
UUIDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(COUNT)]
UUID_FORMS: tuple[Callable[[str], str], ...] = (
    str.lower,
    str.upper,
    lambda uuid: uuid.replace("-", ""),
    "{{{}}}".format,
    "urn:uuid:{}".format,
)
EMAIL_FORMS: tuple[Callable[[str], str], ...] = (str.lower, str.upper, "\ufeff{}".format, " {}\u200b".format)
# What the seat list shows as the email of a person: that of the account, an old one, or none. If the person is gone, it
# shows an old one, and Datadog does not know the account.
ROW_EMAILS = st.lists(st.sampled_from(["account", "old", "none", "gone"]), min_size=COUNT, max_size=COUNT)


@st.composite
def entries(draw: st.DrawFn) -> dict[int, str]:
    """Return some people by number, each by one of their emails or UUIDs in one of its forms."""
    people: dict[int, str] = {}
    for number in draw(st.sets(st.integers(0, COUNT - 1))):
        kind = draw(st.sampled_from(["uuid", "account", "old"]))
        if kind == "uuid":
            people[number] = draw(st.sampled_from(UUID_FORMS))(UUIDS[number])
        else:
            people[number] = draw(st.sampled_from(EMAIL_FORMS))(f"{kind}{number}@x.com")
    return people


STEPS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([sync, sync, unassign]),
        "people": entries(),
        "protect": entries(),
        "mode": st.sampled_from(["exact", "remove_only"]),
        "fault": st.sampled_from([None, None, RATE_LIMITED, Fault(403), Fault(lost="after"), Fault(422)]),
        "then": st.sampled_from(["new run", "retry", "clear"]),
        "undo": st.booleans(),
    }
)


def names(entry: str, row: str) -> bool:
    """Return whether an entry names a person by the UUID, by the account's email or by that of the seat list."""
    return "old" not in entry.lower() or row in {"old", "gone"}


@examples(100)
@given(ROW_EMAILS, st.lists(STEPS, min_size=1, max_size=4))
def test_nobody_who_is_named_loses_a_seat(rows: list[str], steps: list[dict[str, Any]]) -> None:
    """No sequence of syncs, unassigns, faults, retries, clears and undos takes a seat from a person who is named."""
    with unserved() as datadog:
        for number, uuid in enumerate(UUIDS):
            datadog.add_user(f"account{number}@x.com", user_uuid=uuid)
            seat(datadog, number, rows[number])
            if rows[number] == "gone":
                del datadog._accounts[uuid]
        store, number, max_tries = Store(), 1, 3
        with (
            mock.patch.dict("os.environ", {"AIRFLOW_CONN_DATADOG_DEFAULT": datadog.airflow_connection()}),
            installed(FakeClock(time.time)),
            answering(partial(answer_by, datadog)),
        ):
            for step in steps:
                before = datadog.holders(PRODUCT)
                report = run(datadog, step, attempt(store, number, max_tries))
                after = datadog.holders(PRODUCT)
                keep = {UUIDS[each] for each, entry in step["protect"].items() if names(entry, rows[each])}
                if step["kind"] is sync:
                    keep |= {UUIDS[each] for each, entry in step["people"].items() if names(entry, rows[each])}
                note(f"{step} {report}")
                assert not (before - after) & keep
                if report is not None:
                    assert {person["id"] for person in report["unassigned"]} <= set(UUIDS) - after
                if step["undo"] and report is not None:
                    run_undo(report)
                    assert before & keep <= datadog.holders(PRODUCT)
                store, number, max_tries = advance(step["then"], store, number, max_tries)
                for each, uuid in enumerate(UUIDS):
                    if uuid in datadog.holders(PRODUCT):
                        datadog._seats[PRODUCT][uuid]["email"] = row_email(each, rows[each])


def row_email(number: int, row: str) -> str | None:
    """Return the email that the seat list shows of a person."""
    return None if row == "none" else f"{'account' if row == 'account' else 'old'}{number}@x.com"


def seat(datadog: FakeDatadog, number: int, row: str) -> None:
    """Assign a seat to a person."""
    datadog.give_seat(PRODUCT, UUIDS[number], email=row_email(number, row), assigned_at=OLD)


def run(datadog: FakeDatadog, step: dict[str, Any], context: Any) -> Any:
    """Run a step. Return its report; None if it failed."""
    if step["fault"] is not None:
        datadog.script("DELETE", SEATS, step["fault"])
    more = {"mode": step["mode"], "missing_users": "skip", "allow_empty": True} if step["kind"] is sync else {}
    people = list(step["people"].values())
    try:
        report = step["kind"](
            context,
            user_emails=people,
            protect=list(step["protect"].values()),
            max_unassign=COUNT,
            batch_size=2,
            **more,
        )
    except (AirflowFailException, DatadogSeatsError):
        report = None
    with datadog._server._lock:
        datadog._server._faults.clear()
    return report


def run_undo(report: Any) -> None:
    """Undo a report."""
    with suppress(AirflowFailException, DatadogSeatsError):
        sync(undo=report)


def advance(then: str, store: Store, number: int, max_tries: int) -> tuple[Store, int, int]:
    """Return the store, the attempt and its max_tries of the next step."""
    if then == "retry" and number <= max_tries:
        return store, number + 1, max_tries
    if then == "clear":
        return store, number + 1, number + 3
    return Store(), 1, 3
