"""The example DAGs with an approval: nothing takes it away, and what is applied is what was shown."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_seats._airflow import AirflowSkipException
from tests.helpers.airflow_home import EXAMPLE_DAGS

if TYPE_CHECKING:
    from types import ModuleType

HITL = "airflow.providers.standard.operators.hitl"
EXAMPLES = {"seat_review": ("preview", "apply"), "reclaim_seats": ("preview", "reclaim")}
REPORT = {"digest": "d", "unassigned": [{"id": "1", "email": "ann@x.com"}]}
FOUND = [{"id": "1", "reason": "the account is disabled"}, {"id": "2", "reason": "the account is disabled"}]
XCOMS: dict[str, Any] = {"preview": REPORT, "find_seats": FOUND}
SHOWN = {"seat_review": REPORT, "reclaim_seats": FOUND[:1]}


class FakeXComs:
    """The XComs of a run, and those that a task pushes."""

    task_id = "approve"

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_pull(self, task_ids: str) -> object:
        """Return the result of a task."""
        return XCOMS[task_ids]

    def xcom_push(self, key: str, value: object) -> None:
        """Keep a value."""
        self.pushed[key] = value


def load(name: str) -> ModuleType:
    """Load an example DAG, as Airflow does when it parses the file."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLE_DAGS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("can_ask", [True, False])
@pytest.mark.parametrize("variable", ["yes", "no", "true", ""])
def test_nothing_removes_an_approval(
    monkeypatch: pytest.MonkeyPatch, name: str, *, can_ask: bool, variable: str
) -> None:
    """Whether Airflow can ask a person or not, the approval is between the preview and the change."""
    monkeypatch.setenv("SEAT_REVIEW_ASK", variable)
    if not can_ask:
        monkeypatch.setitem(sys.modules, HITL, None)
    module = load(name)
    before, after = EXAMPLES[name]
    dag = module.approve.dag
    assert before in dag.get_task("approve").get_flat_relative_ids(upstream=True)
    assert after in dag.get_task("approve").get_flat_relative_ids(upstream=False)


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_a_person_only_the_digest_approves(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """If Airflow cannot ask, the task approves the digest in the params of the run, and skips the rest otherwise."""
    monkeypatch.setitem(sys.modules, HITL, None)
    approve = load(name).approve
    for approved in (None, "", "other"):
        with pytest.raises(AirflowSkipException, match="with the digest of the preview as approved"):
            approve.execute({"ti": FakeXComs(), "params": {"approved": approved}})
    ti = FakeXComs()
    assert approve.execute({"ti": ti, "params": {"approved": "d"}}) is None
    assert ti.pushed == {"shown": SHOWN[name]}


@pytest.mark.parametrize(
    "date",
    ["0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-02-30", "soon", None, 0],
)
@pytest.mark.parametrize("field", ["last_login_at", "assigned_at"])
def test_nobody_loses_a_seat_for_a_date_that_cannot_be(field: str, date: object) -> None:
    """A date that cannot be is unknown, and the person keeps the seat."""
    reason_to_reclaim = load("reclaim_seats").reason_to_reclaim
    seat = {"status": "Active", "service_account": False, "last_login_at": None, "assigned_at": None, field: date}
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert reason_to_reclaim(seat, since) is None
    assert "since 2025-12-31" in reason_to_reclaim({**seat, field: "2025-12-31T00:00:00Z"}, since)
