"""A run of the audit operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.usage import read_usage
from airflow_provider_seats._connect import client_of, fail_without_retry
from airflow_provider_seats._planning.audit import (
    Audit,
    AuditJob,
    count_seats,
    read_audit_rows,
    summarize,
    summarize_failure,
    to_csv,
)
from airflow_provider_seats._planning.audit_path import name_by_reading
from airflow_provider_seats._planning.usage import audit_usage, month_before, parse_month, seat_usage
from airflow_provider_seats._running.task_context import HEADLINE, RETURN_VALUE, SUMMARY, end_retries, push_to_xcom
from airflow_provider_seats._storage import StoredFile
from airflow_provider_seats.exceptions import TooManySeatsError
from airflow_provider_seats.report import headline

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context, TaskLog
    from airflow_provider_seats._api.client import Client


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
            audit = _audit(client_of(conn_id), job)
        except BaseException as error:
            # Also for a time-out of the task or a signal.
            end_retries(error, context)
            text = summarize_failure(product_code, error)
            push(SUMMARY, text)
            push(HEADLINE, headline(text, str(error) or type(error).__name__))
            raise
        problem = job.excess(audit, "max_seats")
        text = summarize(audit, problem)
        for line in filter(None, summarize({**audit, "warnings": []}, problem).splitlines()):
            log.info("%s", line)
        for warning in audit["warnings"]:
            log.warning("%s", warning)
        push(SUMMARY, text)
        push(HEADLINE, headline(text, problem))
        if problem is not None:
            push(RETURN_VALUE, audit)
            raise TooManySeatsError(problem, job.max_seats or 0)
    return audit


def _audit(client: Client, job: AuditJob) -> Audit:
    warning = file = None
    if job.csv_path is not None:
        path, warning = name_by_reading(job.csv_path, clock().utc())
        file = StoredFile.find("csv_path", path, job.csv_conn_id, "csv_conn_id")
        job = replace(job, csv_path=path)
    rows = client.run(read_audit_rows(job.product, status=job.status, read_all_users=job.read_all_users))
    if file is not None:
        file.write(to_csv(rows, status=job.status).encode())
    usage = None
    if job.usage:
        this = parse_month("month", client.server_time or clock().utc())
        last = month_before(this)
        now, before = client.run(read_usage(this, last))
        usage = audit_usage(seat_usage(this, now), seat_usage(last, before), job.usage_key)
    audit = count_seats(job.product, rows, status=job.status, csv_path=job.csv_path, usage=usage)
    audit["warnings"] += filter(None, [warning, job.excess(audit, "warn_seats")])
    return audit
