"""Audit seats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._airflow import BaseOperator
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._own_arguments import OwnArguments, arguments_of
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.links import SeatsPageLink

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context, XComArg
    from airflow_provider_seats._not_passed import NotPassed
    from airflow_provider_seats._planning.audit import Audit
    from airflow_provider_seats.operators._base import CountArgument, FlagArgument, PathArgument


class AuditSeatsOperator(BaseOperator, OwnArguments):
    """Count the seats of a Datadog product, and optionally write who holds them as CSV. It changes nothing.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    The ``return_value`` is a dict of ``product``, ``seats``, ``seats_by_month`` (by month of assignment, in UTC),
    ``csv_path``, ``usage``, ``warnings``, and with ``status=True`` the numbers of seats whose accounts are
    ``disabled``, ``service_accounts``, ``never_logged_in`` (people only) or not found (``unknown_accounts``). A short
    Markdown text is pushed to XCom as ``summary``, and one line of plain text as ``headline``, also if the task fails.

    Errors are as in :class:`AssignSeatsOperator`. If the file cannot be written, because its storage is away, that is
    left to the task's retries. More seats than ``max_seats`` raise
    :class:`~airflow_provider_seats.exceptions.TooManySeatsError`, after the file is written and counts and summary are
    pushed to XCom.

    .. versionadded:: 0.2.0

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param status: read the accounts that hold the seats. It needs the permission ``user_access_read``, and costs at
        most one call for each person, or the list of all users where that is fewer calls. (templated)
    :param read_all_users: find these accounts in the list of all users, so that no email is in the address of a
        request. It costs a call for each 100 users. (templated)
    :param csv_path: where to write the seats: a path or URL that Airflow's ``ObjectStoragePath`` can write, such as
        ``s3://audit/{today}/seats.csv``, or an ``ObjectStoragePath``. An audit shows the seats of now, so ``{today}``
        becomes the day of reading in UTC (``2026-11-29``), and ``{now}`` the time (``2026-11-29T220500Z``). A path that
        is named after another day is an error. An existing file is replaced once the new one is complete. The file is
        UTF-8; for its columns and for cells that look like formulas see
        :meth:`~airflow_provider_seats.hooks.DatadogSeatsHook.audit_seats`. (templated)
    :param csv_conn_id: the Airflow connection for that path, if it needs one. (templated)
    :param usage: read what Datadog counts for the bill: the highest number of seats of this month so far with its day,
        and of last month. It needs the permission ``usage_read`` in the parent organisation, and costs three calls.
        (templated)
    :param usage_key: under which of Datadog's names the product is counted, such as ``on_call_seat_hwm``. Datadog does
        not say which product code belongs to which name. Without it, all names are shown. (templated)
    :param max_seats: the most seats that the product may have. More fail the task. With ``usage_key``, the highest
        number of seats of this month counts, too. (templated)
    :param warn_seats: the most seats without a warning in the log, in ``warnings`` and in the summary: a number, or a
        percentage of ``max_seats`` (``"90%"``). It counts as ``max_seats`` does. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    product_code: str
    datadog_conn_id: str
    operator_extra_links = (SeatsPageLink(),)
    ui_color = "#e0ebf5"

    def __init__(
        self,
        *,
        product_code: str,
        status: FlagArgument = False,
        read_all_users: FlagArgument = False,
        csv_path: PathArgument = NOT_PASSED,
        csv_conn_id: str | XComArg | NotPassed = NOT_PASSED,
        usage: FlagArgument = False,
        usage_key: str | XComArg | NotPassed = NOT_PASSED,
        max_seats: CountArgument = NOT_PASSED,
        warn_seats: CountArgument = NOT_PASSED,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())

    _own_arguments = arguments_of(__init__)
    template_fields: Sequence[str] = _own_arguments

    def execute(self, context: Context) -> Audit:
        """Audit the seats, and return the counts."""
        from airflow_provider_seats._planning.audit import AuditJob  # noqa: PLC0415 (not loaded in a DAG file)
        from airflow_provider_seats._running.audit_run import run_audit  # noqa: PLC0415 (as above)

        return run_audit(
            context,
            lambda: AuditJob.parse(**self._stored()),
            product_code=self.product_code,
            conn_id=self.datadog_conn_id,
            log=self.log,
            push_summary=self.do_xcom_push,
        )
