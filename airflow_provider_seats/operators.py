"""The operators: steps of a DAG that assign and unassign seats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_seats._api import BATCH_SIZE
from airflow_provider_seats._planning.arguments import NOT_PASSED, NotPassed
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.links import SeatsPageLink

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context, XComArg

    from airflow_provider_seats._planning.guards import MissingUsers
    from airflow_provider_seats._planning.jobs import Job
    from airflow_provider_seats._planning.planner import Mode
    from airflow_provider_seats.report import Report

    PeopleArgument: TypeAlias = Iterable[str] | str | XComArg | NotPassed
    ReportArgument: TypeAlias = Mapping[str, Any] | str | XComArg | NotPassed
    CountArgument: TypeAlias = int | str | XComArg | NotPassed
    FlagArgument: TypeAlias = bool | str | XComArg


_COMMON_FIELDS = ("product_code", "user_uuids", "user_emails", "preview", "batch_size", "datadog_conn_id")


class _SeatsOperator(BaseOperator):
    """What all operators have in common."""

    template_fields: Sequence[str] = _COMMON_FIELDS
    template_fields_renderers: ClassVar[dict[str, str]] = {"user_uuids": "json", "user_emails": "json"}
    operator_extra_links = (SeatsPageLink(),)

    product_code: str
    datadog_conn_id: str

    def _run(self, context: Context, parse: Callable[[], Job]) -> Report:
        from airflow_provider_seats._runtime.operator_run import OperatorRun  # noqa: PLC0415 (not loaded in a DAG file)

        run = OperatorRun(
            context,
            product_code=self.product_code,
            conn_id=self.datadog_conn_id,
            log=self.log,
            push_report=self.do_xcom_push,
        )
        return run.run(parse)


class AssignSeatsOperator(_SeatsOperator):
    """Assign seats of a Datadog product to people. Running it again is safe: people who hold a seat keep it.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#assign-seats-to-users

    Pass people by UUID, by email, or both. At least one of the two is required; an empty list is valid and changes
    nobody. Emails need the permission ``user_access_read``. UUIDs alone cost one call for each batch and nothing else.

    The ``return_value`` is a :class:`~airflow_provider_seats.report.Report`. It is pushed to XCom also if the task
    fails. Unless the seat list is read first (``read_seats_first``, ``preview`` or ``max_seats``), ``assigned``
    contains everyone who holds a seat now, because it is unknown who held one before.

    An error that no retry can fix fails the task at once (:class:`~airflow.exceptions.AirflowFailException`). A rate
    limit, a lost connection or a fault of Datadog (:class:`~airflow_provider_seats.exceptions.TransientError`) is left
    to the task's retries.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, in the same forms. (templated)
    :param missing_users: what to do if an email has no enabled Datadog account: ``fail`` changes nothing, ``skip``
        continues without the person and reports them as ``missing``. (templated)
    :param max_seats: the most seats that the product may have afterwards. More is refused. (templated)
    :param read_seats_first: read the seat list and send only people without a seat, so that the report says who was
        changed and can be undone. (templated)
    :param preview: report who would be assigned and change nothing. (templated)
    :param batch_size: the most people in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    template_fields: Sequence[str] = (*_COMMON_FIELDS, "missing_users", "max_seats", "read_seats_first")
    ui_color = "#e8e0f5"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = NOT_PASSED,
        user_emails: PeopleArgument = NOT_PASSED,
        missing_users: MissingUsers = "fail",
        max_seats: CountArgument = NOT_PASSED,
        read_seats_first: FlagArgument = False,
        preview: FlagArgument = False,
        batch_size: int | str = BATCH_SIZE,
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
        self.missing_users = missing_users
        self.max_seats = max_seats
        self.read_seats_first = read_seats_first

    def execute(self, context: Context) -> Report:
        """Assign people, and return the report."""
        from airflow_provider_seats._planning.jobs import AssignJob  # noqa: PLC0415 (not loaded in a DAG file)

        return self._run(
            context,
            lambda: AssignJob.parse(
                product_code=self.product_code,
                user_uuids=self.user_uuids,
                user_emails=self.user_emails,
                missing_users=self.missing_users,
                max_seats=self.max_seats,
                read_seats_first=self.read_seats_first,
                preview=self.preview,
                batch_size=self.batch_size,
            ),
        )


class UnassignSeatsOperator(_SeatsOperator):
    """Unassign seats of a Datadog product from people. Running it again is safe: people without a seat are left alone.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#unassign-seats-from-users

    Pass people by UUID, by email, or both. At least one of the two is required; an empty list is valid and changes
    nobody. Emails are looked up in the seat list itself, so ``user_access_read`` is not needed for them. If several
    accounts share an email, all of their seats are unassigned. UUIDs alone cost one call for each batch.

    The ``return_value`` is a :class:`~airflow_provider_seats.report.Report`. It is pushed to XCom also if the task
    fails. With UUIDs alone, and without ``read_seats_first``, ``preview`` or a guard, ``unassigned`` contains everyone
    who holds no seat now, because it is unknown who held one before.

    Errors are as in :class:`AssignSeatsOperator`. A guard that refuses the plan raises
    :class:`~airflow_provider_seats.exceptions.PlanRefusedError`.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, in the same forms. (templated)
    :param missing_users: what to do if an email holds no seat and Datadog does not know it: ``skip`` reports the person
        as ``unchanged``, ``fail`` changes nothing and needs the permission ``user_access_read``. A misspelt leaver
        keeps costing money. (templated)
    :param max_unassign: the most people who may lose a seat: a number, or a percentage of all seats (``25``,
        ``"20%"``). More is refused. (templated)
    :param protect: emails or UUIDs of people whose seats are never unassigned. The report names them. (templated)
    :param check_accounts: read the accounts of the people about to lose a seat if ``protect`` contains an email that
        the seat list does not, because the list may show another email than the account. It needs the permission
        ``user_access_read``. (templated)
    :param read_seats_first: read the seat list and send only people with a seat, so that the report says who was
        changed and can be undone. (templated)
    :param preview: report who would be unassigned and change nothing. (templated)
    :param batch_size: the most people in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    template_fields: Sequence[str] = (
        *_COMMON_FIELDS,
        *("missing_users", "max_unassign", "protect", "check_accounts", "read_seats_first"),
    )
    ui_color = "#f5e6e0"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = NOT_PASSED,
        user_emails: PeopleArgument = NOT_PASSED,
        missing_users: MissingUsers = "skip",
        max_unassign: CountArgument = NOT_PASSED,
        protect: PeopleArgument = NOT_PASSED,
        check_accounts: FlagArgument = True,
        read_seats_first: FlagArgument = False,
        preview: FlagArgument = False,
        batch_size: int | str = BATCH_SIZE,
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
        self.missing_users = missing_users
        self.max_unassign = max_unassign
        self.protect = protect
        self.check_accounts = check_accounts
        self.read_seats_first = read_seats_first

    def execute(self, context: Context) -> Report:
        """Unassign people, and return the report."""
        from airflow_provider_seats._planning.jobs import UnassignJob  # noqa: PLC0415 (not loaded in a DAG file)

        return self._run(
            context,
            lambda: UnassignJob.parse(
                product_code=self.product_code,
                user_uuids=self.user_uuids,
                user_emails=self.user_emails,
                missing_users=self.missing_users,
                max_unassign=self.max_unassign,
                protect=self.protect,
                check_accounts=self.check_accounts,
                read_seats_first=self.read_seats_first,
                preview=self.preview,
                batch_size=self.batch_size,
            ),
        )


class SyncSeatsOperator(_SeatsOperator):
    """Make the seats of a Datadog product match a roster, within guards that are checked before anything is changed.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/

    The operator reads the whole seat list first and matches people by UUID or email. It looks up only the rest of the
    roster, and writes only the difference. It unassigns before it assigns, because Datadog bills the highest number of
    seats that was held at the same time.

    Before someone loses a seat because the roster does not name them, the operator makes sure that the account behind
    the seat has no other email that the roster or ``protect`` names (see ``check_accounts``).

    With ``undo`` instead of a roster it reverses the changes of an earlier report of any of these operators.

    The ``return_value`` is a :class:`~airflow_provider_seats.report.Report`. It is pushed to XCom also if the task
    fails. Errors are as in :class:`AssignSeatsOperator`. A guard that refuses the plan raises
    :class:`~airflow_provider_seats.exceptions.PlanRefusedError`.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: the roster by user UUID: a list, or a text that holds one as JSON or with commas. With ``undo``,
        the people that it is limited to. (templated)
    :param user_emails: the roster by email address in any case, in the same forms. (templated)
    :param mode: ``exact`` assigns and unassigns, ``add_only`` only assigns, ``remove_only`` only unassigns. (templated)
    :param missing_users: what to do if someone to assign has no enabled Datadog account: ``fail`` changes nothing,
        ``skip`` continues without the person and reports them as ``missing``. (templated)
    :param allow_empty: whether people may lose their seats if the roster is empty, half of it is empty, or nobody in it
        holds a seat. (templated)
    :param max_unassign: the most people who may lose a seat: a number, or a percentage of all seats (``25``,
        ``"20%"``). More is refused, and 0 forbids it. The default is the larger of 5 people and 20 %, but at most half
        of the seats and at most 100 people; one is always allowed. An undo has no default. (templated)
    :param max_seats: the most seats that the product may have afterwards. More is refused. (templated)
    :param min_seat_age: how long a seat must have been held to be unassigned: a ``timedelta``, seconds, or text such as
        ``"7d"`` or ``"36h"``. A seat of unknown age is kept. (templated)
    :param protect: emails or UUIDs of people whose seats are never unassigned. The report names them. (templated)
    :param check_accounts: read the accounts of the people about to lose a seat if the roster or ``protect`` contains an
        email that the seat list does not, because the list may show another email than the account. It needs the
        permission ``user_access_read``. (templated)
    :param preview: report what would be done and change nothing, even if a guard would refuse it. (templated)
    :param approved: the report of a preview. Changing someone who is not in it is refused. (templated)
    :param undo: an earlier report whose changes are reversed. (templated)
    :param batch_size: the most people in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    template_fields: Sequence[str] = (
        *_COMMON_FIELDS,
        *("mode", "missing_users", "allow_empty", "max_unassign", "max_seats", "min_seat_age"),
        *("protect", "check_accounts", "approved", "undo"),
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
        user_uuids: PeopleArgument = NOT_PASSED,
        user_emails: PeopleArgument = NOT_PASSED,
        mode: Mode = "exact",
        missing_users: MissingUsers = "fail",
        allow_empty: FlagArgument = False,
        max_unassign: CountArgument = NOT_PASSED,
        max_seats: CountArgument = NOT_PASSED,
        min_seat_age: timedelta | float | str | XComArg | NotPassed = NOT_PASSED,
        protect: PeopleArgument = NOT_PASSED,
        check_accounts: FlagArgument = True,
        preview: FlagArgument = False,
        approved: ReportArgument = NOT_PASSED,
        undo: ReportArgument = NOT_PASSED,
        batch_size: int | str = BATCH_SIZE,
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
        self.mode = mode
        self.missing_users = missing_users
        self.allow_empty = allow_empty
        self.max_unassign = max_unassign
        self.max_seats = max_seats
        self.min_seat_age = min_seat_age
        self.protect = protect
        self.check_accounts = check_accounts
        self.approved = approved
        self.undo = undo

    def execute(self, context: Context) -> Report:
        """Make the seats match, and return the report."""
        from airflow_provider_seats._planning.jobs import SyncJob  # noqa: PLC0415 (not loaded in a DAG file)

        return self._run(
            context,
            lambda: SyncJob.parse(
                product_code=self.product_code,
                user_uuids=self.user_uuids,
                user_emails=self.user_emails,
                mode=self.mode,
                missing_users=self.missing_users,
                allow_empty=self.allow_empty,
                max_unassign=self.max_unassign,
                max_seats=self.max_seats,
                min_seat_age=self.min_seat_age,
                protect=self.protect,
                check_accounts=self.check_accounts,
                preview=self.preview,
                approved=self.approved,
                undo=self.undo,
                batch_size=self.batch_size,
            ),
        )
