"""What a task pushes to XCom."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._running.xcom import RETURN_VALUE, SUMMARY, push_to_xcom

if TYPE_CHECKING:
    import pytest

    from tests.conftest import FakeTaskInstance

log = logging.getLogger(__name__)


def test_a_value_is_pushed_under_its_key(ti: FakeTaskInstance) -> None:
    """The keys are those that Airflow's pages and other tasks read."""
    context: Any = {"ti": ti}
    push_to_xcom(context, log, RETURN_VALUE, {"product": "p"})
    push_to_xcom(context, log, SUMMARY, "one line")
    assert ti.pushed == {"return_value": {"product": "p"}, "summary": "one line"}


def test_a_value_that_cannot_be_pushed_is_only_logged(ti: FakeTaskInstance, caplog: pytest.LogCaptureFixture) -> None:
    """If XCom is away, the task still ends with its own result or error."""

    def fail(key: str, value: Any) -> None:
        raise OSError("no space left")

    ti.xcom_push = fail  # type: ignore[method-assign]
    context: Any = {"ti": ti}
    push_to_xcom(context, log, SUMMARY, "one line")
    assert caplog.messages == ["summary could not be pushed to XCom (no space left)."]


def test_nothing_is_pushed_outside_of_a_task() -> None:
    """An operator that a test executes with an empty context has no XCom."""
    push_to_xcom({}, log, SUMMARY, "one line")
