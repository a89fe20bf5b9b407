"""The operators: steps of a DAG that give and take seats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_seats.arguments import (
    read_age,
    read_choice,
    read_flag,
    read_limit,
    read_number,
    read_people,
    read_report,
)
from airflow_provider_seats.base import SeatsOperator
from airflow_provider_seats.changes import Earlier, Plan
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.plan import (
    DEFAULT_MAX_UNASSIGN,
    NOBODY,
    Guards,
    MissingUsers,
    Mode,
    approved,
    emails_to_look_up,
    plan_assign,
    plan_sync,
    plan_unassign,
    plan_undo,
)
from airflow_provider_seats.protocol import InvalidInputError
from airflow_provider_seats.seats import BATCH

if TYPE_CHECKING:
    from airflow_provider_seats.base import PeopleArgument, ReportArgument
    from airflow_provider_seats.report import Report


class AssignSeatsOperator(SeatsOperator):
    """Give people seats of a Datadog product. Running it again is safe: those who hold one keep it.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#assign-seats-to-users

    People are given by UUID, by email, or both; at least one of the two must be given, and an empty list is an empty
    job. Emails need the permission ``user_access_read``. UUIDs alone cost a call for each batch and nothing else.

    The task's ``return_value`` is a :class:`~airflow_provider_seats.report.Report`, pushed also if the task then fails.
    Unless a preview or ``max_seats`` asks for the seat list, ``assigned`` holds everyone who holds a seat now, since
    who held one before is not known.

    Errors that no retry would mend fail the task at once
    (:class:`~airflow.exceptions.AirflowFailException`); rate limits, lost connections and faults of Datadog's
    (:class:`~airflow_provider_seats.protocol.PassingError`) are left to the task's retries.

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

    template_fields: Sequence[str] = (*SeatsOperator.template_fields, "missing_users", "max_seats")
    ui_color = "#e8e0f5"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        missing_users: MissingUsers = "fail",
        max_seats: int | str | None = None,
        preview: bool | str = False,
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

    def _unplanned(self, product: str) -> Plan:
        return Plan(product, give=self._people().as_given())

    def _plan(self, product: str, earlier: Earlier | None, *, preview: bool) -> Plan:
        people = self._people()
        guards = Guards(
            missing_users=read_choice("missing_users", self.missing_users, MissingUsers),
            max_seats=None if self.max_seats is None else read_number("max_seats", self.max_seats),
        )
        holders = self._holders(product) if people and (preview or guards.need_holders) else None
        return plan_assign(
            product, people, users=self._users(people.emails), guards=guards, holders=holders, earlier=earlier
        )


class UnassignSeatsOperator(SeatsOperator):
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

    template_fields: Sequence[str] = (*SeatsOperator.template_fields, "max_unassign", "protect")
    ui_color = "#f5e6e0"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        max_unassign: int | str | None = None,
        protect: PeopleArgument = None,
        preview: bool | str = False,
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

    def _unplanned(self, product: str) -> Plan:
        return Plan(product, take=self._people().as_given())

    def _plan(self, product: str, earlier: Earlier | None, *, preview: bool) -> Plan:
        people = self._people()
        guards = Guards(
            max_unassign=None if self.max_unassign is None else read_limit("max_unassign", self.max_unassign),
            protect=NOBODY if self.protect is None else read_people(protect=self.protect),
        )
        now = datetime.now(UTC)
        if not (people and (people.emails or preview or guards.need_holders)):
            return plan_unassign(product, people, users={}, guards=guards, now=now)
        holders = self._holders(product)
        if people.emails and (nameless := holders.without_email()):
            self.log.warning("%s: %d seats have no email, so that nobody can be recognised there.", product, nameless)
        users = self._users(emails_to_look_up(NOBODY, holders, guards, gives=False, takes=True))
        return plan_unassign(product, people, users=users, guards=guards, now=now, holders=holders, earlier=earlier)


class SyncSeatsOperator(SeatsOperator):
    """Make the seats of a Datadog product match a roster, within limits that are checked before anything is changed.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/

    The whole seat list is read first; those in it are matched by UUID or email, and only the rest of the roster is
    looked up as users. Only what differs is written. Seats are taken before seats are given, since Datadog bills the
    highest number that was held at once.

    Instead of a roster, ``undo`` takes an earlier report of any of these operators, and puts back what it changed.

    The task's ``return_value`` is a :class:`~airflow_provider_seats.report.Report`, pushed also if the task then fails.
    Errors are as in :class:`AssignSeatsOperator`; what a guard refuses is a
    :class:`~airflow_provider_seats.plan.PlanRefusedError`.

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
        *SeatsOperator.template_fields,
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
        **SeatsOperator.template_fields_renderers,
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
        allow_empty: bool | str = False,
        max_unassign: int | str | None = None,
        max_seats: int | str | None = None,
        min_seat_age: timedelta | float | str | None = None,
        protect: PeopleArgument = None,
        preview: bool | str = False,
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
        # A preview whose task was skipped leaves None, which must not mean that no approval is needed.
        self.needs_approval = approved is not None

    def _plan(self, product: str, earlier: Earlier | None, *, preview: bool) -> Plan:  # noqa: ARG002 (it always reads)
        mode = read_choice("mode", self.mode, Mode)
        guards = self._guards()
        preview_report = self._preview_report(product)
        now = datetime.now(UTC)
        if self.undo is not None:
            report = self._report_to_undo(product)
            holders = self._holders(product)
            users = self._users(emails_to_look_up(NOBODY, holders, guards, gives=False, takes=True))
            plan = plan_undo(product, report, users=users, guards=guards, now=now, holders=holders, earlier=earlier)
        else:
            roster = self._people()
            holders = self._holders(product)
            gives, takes = mode != "remove_only", mode != "add_only"
            users = self._users(emails_to_look_up(roster, holders, guards, gives=gives, takes=takes))
            plan = plan_sync(
                product, roster, mode, users=users, guards=guards, now=now, holders=holders, earlier=earlier
            )
        return plan if preview_report is None else approved(plan, preview_report)

    def _guards(self) -> Guards:
        default = None if self.undo is not None else DEFAULT_MAX_UNASSIGN
        return Guards(
            missing_users=read_choice("missing_users", self.missing_users, MissingUsers),
            allow_empty=read_flag("allow_empty", self.allow_empty),
            max_unassign=default if self.max_unassign is None else read_limit("max_unassign", self.max_unassign),
            max_seats=None if self.max_seats is None else read_number("max_seats", self.max_seats),
            min_seat_age=None if self.min_seat_age is None else read_age("min_seat_age", self.min_seat_age),
            protect=NOBODY if self.protect is None else read_people(protect=self.protect),
        )

    def _preview_report(self, product: str) -> Report | None:
        if not self.needs_approval and self.approved is None:
            return None
        report = read_report("approved", self.approved)
        if not report["preview"]:
            raise InvalidInputError(
                "approved", "this is not the report of a preview; give that of a task with preview=True."
            )
        return _of_product("approved", report, product)

    def _report_to_undo(self, product: str) -> Report:
        if self.user_uuids is not None or self.user_emails is not None:
            raise InvalidInputError("undo", "give either people or a report to undo, not both.")
        report = _of_product("undo", read_report("undo", self.undo), product)
        if report["preview"]:
            raise InvalidInputError("undo", "this is the report of a preview, which has changed nothing.")
        if report["seats_before"] is None or report["unknown"]:
            raise InvalidInputError(
                "undo",
                "this report does not know all that was before (seats_before is null, or people are unknown), so it "
                "cannot be undone exactly; assign or unassign those whom you know.",
            )
        if report["since_attempt"] > 1:
            self.log.warning(
                "The report tells what was changed from attempt %d on; what earlier attempts changed stays.",
                report["since_attempt"],
            )
        return report


def _of_product(name: str, report: Report, product: str) -> Report:
    if report["product"] != product:
        raise InvalidInputError(name, f"this report is of the product {report['product']!r}, and not of {product!r}.")
    return report
