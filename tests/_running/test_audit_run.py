"""A run of the audit operator. tests/operators/test_audit.py has the rest."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_seats._planning.audit import AuditJob
from airflow_provider_seats._running.audit_run import run_audit
from tests.conftest import PRODUCT, FakeTaskInstance

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

log = logging.getLogger(__name__)


def run(ti: FakeTaskInstance, parse: Any, *, push_summary: bool = True) -> Any:
    """Run an audit as the operator does."""
    context: Any = {"ti": ti}
    return run_audit(
        context, parse, product_code=PRODUCT, conn_id="datadog_default", log=log, push_summary=push_summary
    )


@pytest.mark.parametrize("push_summary", [True, False])
def test_an_audit_counts_seats_and_pushes_a_summary(
    datadog: FakeDatadog, ti: FakeTaskInstance, push_summary: bool
) -> None:
    """The summary is pushed unless the operator pushes nothing."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    assert run(ti, lambda: AuditJob(PRODUCT), push_summary=push_summary)["seats"] == 1
    assert list(ti.pushed) == (["summary", "headline"] if push_summary else [])


@pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), ValueError("broken")])
def test_a_failed_audit_pushes_why(ti: FakeTaskInstance, error: BaseException) -> None:
    """The summary says why the audit failed, also if a signal or a time-out ended it."""

    def parse() -> AuditJob:
        raise error

    with pytest.raises(type(error)):
        run(ti, parse)
    assert str(error) in ti.pushed["summary"]
