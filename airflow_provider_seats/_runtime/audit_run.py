"""A run of the audit operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_seats._planning.audit import Audit, AuditJob, count_seats, summarize, summarize_failure
from airflow_provider_seats._runtime.xcom import HEADLINE, SUMMARY, push_to_xcom
from airflow_provider_seats.hooks import DatadogSeatsHook, fail_without_retry
from airflow_provider_seats.report import headline

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context
    from airflow_provider_seats._runtime import TaskLog


def run_audit(
    context: Context,
    parse: Callable[[], AuditJob],
    *,
    product_code: object,
    conn_id: str,
    log: TaskLog,
    push_summary: bool,
) -> Audit:
    """Audit the seats of a product, push a summary to XCom, and return the counts.

    :param product_code: the argument, for the summary if it cannot be parsed.
    :param push_summary: whether the summary is pushed, also if the task fails.
    """
    with fail_without_retry(conn_id):
        try:
            job = parse()
            rows = DatadogSeatsHook(conn_id).audit_seats(
                job.product, status=job.status, csv_path=job.csv_path, csv_conn_id=job.csv_conn_id
            )
        except BaseException as error:
            # Also for a time-out of the task or a signal.
            if push_summary:
                text = summarize_failure(product_code, error)
                push_to_xcom(context, log, SUMMARY, text)
                push_to_xcom(context, log, HEADLINE, headline(text, str(error) or type(error).__name__))
            raise
    audit = count_seats(job.product, rows, status=job.status, csv_path=job.csv_path)
    text = summarize(audit)
    for line in filter(None, text.splitlines()):
        log.info("%s", line)
    if push_summary:
        push_to_xcom(context, log, SUMMARY, text)
        push_to_xcom(context, log, HEADLINE, headline(text))
    return audit
