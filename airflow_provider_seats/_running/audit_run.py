"""A run of the audit operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.usage import read_usage
from airflow_provider_seats._connect import fail_without_retry
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.audit import Audit, AuditJob, count_seats, summarize, summarize_failure, warn
from airflow_provider_seats._planning.audit_path import name_by_reading
from airflow_provider_seats._planning.usage import audit_usage, month_before, parse_month, seat_usage
from airflow_provider_seats._running.last_attempt import end_retries
from airflow_provider_seats._running.xcom import HEADLINE, RETURN_VALUE, SUMMARY, push_to_xcom
from airflow_provider_seats.exceptions import TooManySeatsError
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.report import headline

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context, TaskLog


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
    :raises TooManySeatsError: if there are more seats than ``max_seats``. The counts are pushed to XCom first.
    """

    def push(key: str, value: object) -> None:
        if push_summary:
            push_to_xcom(context, log, key, value)

    with fail_without_retry(conn_id):
        try:
            job = parse()
            audit = _audit(DatadogSeatsHook(conn_id), job)
        except BaseException as error:
            # Also for a time-out of the task or a signal.
            end_retries(error, context)
            text = summarize_failure(product_code, error)
            push(SUMMARY, text)
            push(HEADLINE, headline(text, str(error) or type(error).__name__))
            raise
        excess = None if job.max_seats is None else job.excess(audit, job.max_seats)
        failure = TooManySeatsError(job.product, excess, job.max_seats or 0) if excess else None
        problem = None if failure is None else str(failure)
        text = summarize(audit, problem)
        for line in filter(None, text.splitlines()):
            log.info("%s", line)
        for warning in audit["warnings"]:
            log.warning("%s", warning)
        push(SUMMARY, text)
        push(HEADLINE, headline(text, problem))
        if failure is not None:
            push(RETURN_VALUE, audit)
            raise failure
    return audit


def _audit(hook: DatadogSeatsHook, job: AuditJob) -> Audit:
    warning = None
    if job.csv_path is not None:
        path, warning = name_by_reading(job.csv_path, clock().utc())
        job = replace(job, csv_path=path)
    rows = hook.audit_seats(
        job.product,
        status=job.status,
        csv_path=NOT_PASSED if job.csv_path is None else job.csv_path,
        csv_conn_id=NOT_PASSED if job.csv_conn_id is None else job.csv_conn_id,
        read_all_users=job.read_all_users,
    )
    usage = None
    if job.usage:
        client = hook.get_conn()
        this = parse_month("month", client.server_time or clock().utc())
        last = month_before(this)
        now, before = client.run(read_usage(this, last))
        usage = audit_usage(seat_usage(this, now), seat_usage(last, before), job.usage_key)
    audit = count_seats(job.product, rows, status=job.status, csv_path=job.csv_path, usage=usage)
    audit["warnings"] += [warning] if warning else []
    return warn(audit, job)
