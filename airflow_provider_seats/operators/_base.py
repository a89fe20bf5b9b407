"""What the operators have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from airflow_provider_seats._airflow import BaseOperator
from airflow_provider_seats._own_arguments import OwnArguments
from airflow_provider_seats.links import SeatsPageLink

if TYPE_CHECKING:
    import os
    from datetime import datetime, timedelta

    from airflow_provider_seats._airflow import Context, ObjectStoragePath, XComArg
    from airflow_provider_seats._not_passed import NotPassed
    from airflow_provider_seats._planning.jobs import Operator
    from airflow_provider_seats.report import Report

    PeopleArgument: TypeAlias = Iterable[str] | str | XComArg | NotPassed
    ReportArgument: TypeAlias = Mapping[str, Any] | str | XComArg | NotPassed
    CountArgument: TypeAlias = int | str | XComArg | NotPassed
    TimeArgument: TypeAlias = datetime | str | XComArg | NotPassed
    AgeArgument: TypeAlias = timedelta | str | XComArg | NotPassed
    PathArgument: TypeAlias = str | os.PathLike[str] | ObjectStoragePath | XComArg | NotPassed
    FlagArgument: TypeAlias = bool | str | XComArg


class SeatsOperator(BaseOperator, OwnArguments):
    """An operator that changes seats and returns a report. It also pushes the report's summary and headline to XCom."""

    template_fields_renderers: ClassVar[dict[str, str]] = {"user_uuids": "json", "user_emails": "json"}
    operator_extra_links = (SeatsPageLink(),)

    product_code: str
    datadog_conn_id: str
    _operator: ClassVar[Operator]

    def execute(self, context: Context) -> Report:
        """Change the seats, and return the report."""
        from airflow_provider_seats._planning.jobs import parse_job  # noqa: PLC0415 (not loaded in a DAG file)
        from airflow_provider_seats._running.operator_run import OperatorRun  # noqa: PLC0415 (as above)

        run = OperatorRun(
            context,
            product_code=self.product_code,
            conn_id=self.datadog_conn_id,
            log=self.log,
            push_report=self.do_xcom_push,
        )
        return run.run(lambda: parse_job(self._operator, self._stored()))
