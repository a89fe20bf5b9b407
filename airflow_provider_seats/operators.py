"""The operators: steps of a DAG that give and take seats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_seats.connection import BATCH, DEFAULT_CONN_ID
from airflow_provider_seats.links import SeatsPageLink

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context, XComArg

    from airflow_provider_seats._planning.planner import MissingUsers, Mode
    from airflow_provider_seats.report import Report

    PeopleArgument: TypeAlias = Iterable[str] | str | XComArg | None
    ReportArgument: TypeAlias = Mapping[str, Any] | str | XComArg | None
    CountArgument: TypeAlias = int | str | XComArg | None
    FlagArgument: TypeAlias = bool | str | XComArg


class _SeatsOperator(BaseOperator):
    """The arguments that all three have in common."""

    template_fields: Sequence[str] = (
        "product_code",
        "user_uuids",
        "user_emails",
        "preview",
        "batch_size",
        "datadog_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"user_uuids": "json", "user_emails": "json"}
    operator_extra_links = (SeatsPageLink(),)

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        preview: FlagArgument = False,
        batch_size: int | str = BATCH,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.product_code = product_code
        self.user_uuids = user_uuids
        self.user_emails = user_emails
        self.preview = preview
        self.batch_size = batch_size
        self.datadog_conn_id = datadog_conn_id
        # A template or a task may give nothing, which must not pass for an argument that was not given.
        people = {"user_uuids": user_uuids, "user_emails": user_emails}
        self.asked_for = [name for name, value in people.items() if value is not None]


class AssignSeatsOperator(_SeatsOperator):
    """Give people seats of a Datadog product. Running it again is safe: those who hold one keep it.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#assign-seats-to-users

    People are given by UUID, by email, or both; at least one of the two must be given, and an empty list is an empty
    job. Emails need the permission ``user_access_read``. UUIDs alone cost a call for each batch and nothing else.

    The task's ``return_value`` is a :class:`~airflow_provider_seats.report.Report`, pushed also if the task then fails.
    Unless a preview or ``max_seats`` asks for the seat list, ``assigned`` holds everyone who holds a seat now, since
    who held one before is not known.

    Errors that no retry would mend fail the task at once
    (:class:`~airflow.exceptions.AirflowFailException`); rate limits, lost connections and faults of Datadog's
    (:class:`~airflow_provider_seats._api.flow.PassingError`) are left to the task's retries.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, given in the same ways. (templated)
    :param missing_users: what to do about emails without an enabled Datadog account: ``fail`` changes nothing,
        ``skip`` goes on without them and reports them as ``missing``. (templated)
    :param max_seats: the most seats that the product may have afterwards; more is refused. (templated)
    :param preview: read who would gain a seat and change nothing. (templated)
    :param batch_size: the most people to send in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    template_fields: Sequence[str] = (*_SeatsOperator.template_fields, "missing_users", "max_seats")
    ui_color = "#e8e0f5"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        missing_users: MissingUsers = "fail",
        max_seats: CountArgument = None,
        preview: FlagArgument = False,
        batch_size: int | str = BATCH,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            product_code=product_code,
            user_uuids=user_uuids,
            user_emails=user_emails,
            preview=preview,
            batch_size=batch_size,
            datadog_conn_id=datadog_conn_id,
            **kwargs,
        )
        self.missing_users = missing_users
        self.max_seats = max_seats
        self.asked_for += ["max_seats"] if max_seats is not None else []

    def execute(self, context: Context) -> Report:
        """Plan, change and report."""
        from airflow_provider_seats._runtime.operator_run import AssignWork  # noqa: PLC0415 (not loaded when a DAG is parsed)

        return AssignWork(self, context).run()


class UnassignSeatsOperator(_SeatsOperator):
    """Take seats of a Datadog product from people. Running it again is safe: those who hold none are left alone.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#unassign-seats-from-users

    People are given by UUID, by email, or both; at least one of the two must be given, and an empty list is an empty
    job. Emails are looked up in the seat list itself, so that ``user_access_read`` is not needed; where several
    accounts share an email, all of their seats are taken. UUIDs alone cost a call for each batch and nothing else.

    The task's ``return_value`` is a :class:`~airflow_provider_seats.report.Report`, pushed also if the task then fails.
    With UUIDs alone, and neither a preview nor a guard, ``unassigned`` holds everyone who holds no seat now, since who
    held one before is not known; otherwise it holds those who lost theirs, and the others are ``unchanged``.

    Errors are as in :class:`AssignSeatsOperator`.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, given in the same ways. (templated)
    :param max_unassign: the most people who may lose a seat, a number or a share of all seats (``25``, ``"20%"``);
        more is refused. (templated)
    :param protect: emails or UUIDs of people whose seats are never taken; the report says who they were. (templated)
    :param preview: read who would lose a seat and change nothing. (templated)
    :param batch_size: the most people to send in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    template_fields: Sequence[str] = (*_SeatsOperator.template_fields, "max_unassign", "protect")
    ui_color = "#f5e6e0"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        max_unassign: CountArgument = None,
        protect: PeopleArgument = None,
        preview: FlagArgument = False,
        batch_size: int | str = BATCH,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            product_code=product_code,
            user_uuids=user_uuids,
            user_emails=user_emails,
            preview=preview,
            batch_size=batch_size,
            datadog_conn_id=datadog_conn_id,
            **kwargs,
        )
        self.max_unassign = max_unassign
        self.protect = protect
        guards = {"max_unassign": max_unassign, "protect": protect}
        self.asked_for += [name for name, value in guards.items() if value is not None]

    def execute(self, context: Context) -> Report:
        """Plan, change and report."""
        from airflow_provider_seats._runtime.operator_run import UnassignWork  # noqa: PLC0415 (not loaded when a DAG is parsed)

        return UnassignWork(self, context).run()


class SyncSeatsOperator(_SeatsOperator):
    """Make the seats of a Datadog product match a roster, within limits that are checked before anything is changed.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/

    The whole seat list is read first; those in it are matched by UUID or email, and only the rest of the roster is
    looked up as users. Only what differs is written. Seats are taken before seats are given, since Datadog bills the
    highest number that was held at once.

    Instead of a roster, ``undo`` takes an earlier report of any of these operators, and puts back what it changed.

    The task's ``return_value`` is a :class:`~airflow_provider_seats.report.Report`, pushed also if the task then fails.
    Errors are as in :class:`AssignSeatsOperator`; what a guard refuses is a
    :class:`~airflow_provider_seats._planning.planner.PlanRefusedError`.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: the roster by user UUID: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: the roster by email address in any case, given in the same ways. (templated)
    :param mode: ``exact`` gives and takes, ``add_only`` only gives, ``remove_only`` only takes. (templated)
    :param missing_users: what to do about people of the roster who are to get a seat and have no enabled Datadog
        account: ``fail`` changes nothing, ``skip`` goes on without them and reports them as ``missing``. (templated)
    :param allow_empty: whether an empty roster may take seats. (templated)
    :param max_unassign: the most people who may lose a seat, a number or a share of all seats (``25``, ``"20%"``);
        more is refused, 0 forbids it. By default the larger of 5 people and 20 %; no limit for ``undo``. (templated)
    :param max_seats: the most seats that the product may have afterwards; more is refused. (templated)
    :param min_seat_age: how long a seat must have been held to be taken: a ``timedelta``, seconds, or text such as
        ``"7d"`` or ``"36h"``. A seat of unknown age counts as young. (templated)
    :param protect: emails or UUIDs of people whose seats are never taken; the report says who they were. (templated)
    :param preview: tell what would be done and change nothing. (templated)
    :param approved: the report of a preview; changing anyone whom it does not list is refused. (templated)
    :param undo: an earlier report, instead of a roster, to put back what it changed. (templated)
    :param batch_size: the most people to send in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    template_fields: Sequence[str] = (
        *_SeatsOperator.template_fields,
        "mode",
        "missing_users",
        "allow_empty",
        "max_unassign",
        "max_seats",
        "min_seat_age",
        "protect",
        "approved",
        "undo",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **_SeatsOperator.template_fields_renderers,
        "approved": "json",
        "undo": "json",
    }
    ui_color = "#e0f5e8"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        mode: Mode = "exact",
        missing_users: MissingUsers = "fail",
        allow_empty: FlagArgument = False,
        max_unassign: CountArgument = None,
        max_seats: CountArgument = None,
        min_seat_age: timedelta | float | str | XComArg | None = None,
        protect: PeopleArgument = None,
        preview: FlagArgument = False,
        approved: ReportArgument = None,
        undo: ReportArgument = None,
        batch_size: int | str = BATCH,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            product_code=product_code,
            user_uuids=user_uuids,
            user_emails=user_emails,
            preview=preview,
            batch_size=batch_size,
            datadog_conn_id=datadog_conn_id,
            **kwargs,
        )
        self.mode = mode
        self.missing_users = missing_users
        self.allow_empty = allow_empty
        self.max_unassign = max_unassign
        self.max_seats = max_seats
        self.min_seat_age = min_seat_age
        self.protect = protect
        self.approved = approved
        self.undo = undo
        guards = {
            "max_unassign": max_unassign,
            "max_seats": max_seats,
            "min_seat_age": min_seat_age,
            "protect": protect,
        }
        others = {"approved": approved, "undo": undo}
        self.asked_for += [name for name, value in {**guards, **others}.items() if value is not None]

    def execute(self, context: Context) -> Report:
        """Plan, change and report."""
        from airflow_provider_seats._runtime.operator_run import SyncWork  # noqa: PLC0415 (not loaded when a DAG is parsed)

        return SyncWork(self, context).run()
