"""The operators: steps of a DAG that give and take seats."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_seats.arguments import People, read_choice, read_count, read_flag, read_people, read_product
from airflow_provider_seats.connection import DEFAULT_CONN_ID, DatadogSeatsError
from airflow_provider_seats.hooks import DatadogSeatsHook, failing_at_once
from airflow_provider_seats.plan import Holders, MissingUsers, Plan, Verb, plan_assign, plan_unassign, unplanned
from airflow_provider_seats.report import Report, table
from airflow_provider_seats.seats import BATCH, Outcome, assign_seats, list_seat_users, unassign_seats
from airflow_provider_seats.users import find_users

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_seats.client import Client

    PeopleArgument: TypeAlias = Iterable[str] | str | XComArg | None


# Airflow's XCOM_RETURN_KEY, whose import would load Airflow's database models into every DAG file.
_RETURN_VALUE: Final = "return_value"


class _SeatsOperator(BaseOperator):
    """What giving and taking seats have in common: arguments, a plan, its execution and the report."""

    verb: ClassVar[Verb]
    template_fields: Sequence[str] = (
        "product_code",
        "user_uuids",
        "user_emails",
        "preview",
        "batch_size",
        "datadog_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"user_uuids": "json", "user_emails": "json"}

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        preview: bool | str = False,
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

    def execute(self, context: Context) -> Report:
        """Plan, change and report; the report is pushed also when the task then fails."""
        with failing_at_once():
            product = read_product(self.product_code)
            people = read_people(user_uuids=self.user_uuids, user_emails=self.user_emails)
            preview = read_flag("preview", self.preview)
            batch_size = read_count("batch_size", self.batch_size)
            report = unplanned(self.verb, product, people).not_started(preview=preview)
            try:
                plan = self._plan(product, people, preview=preview)
                report = plan.not_started(preview=preview)
                if plan.refusal is not None:
                    raise plan.refusal
                if preview:
                    report = plan.preview()
                else:
                    outcome = self._change(plan, batch_size)
                    report = plan.report(outcome)
                    failure = outcome.failure(plan.label)
                    if failure is not None:
                        raise failure
            except DatadogSeatsError:
                if self.do_xcom_push and "ti" in context:
                    context["ti"].xcom_push(key=_RETURN_VALUE, value=report)
                raise
            finally:
                for line in table(report):
                    self.log.info("%s", line)
        return report

    @abstractmethod
    def _plan(self, product: str, people: People, *, preview: bool) -> Plan:
        """Read what is needed to know what is to be done."""

    @abstractmethod
    def _change(self, plan: Plan, batch_size: int) -> Outcome:
        """Do what was planned."""

    @cached_property
    def _client(self) -> Client:
        return DatadogSeatsHook(self.datadog_conn_id).get_conn()

    def _holders(self, product: str) -> Holders:
        return Holders(self._client.run(list_seat_users(product)))


class AssignSeatsOperator(_SeatsOperator):
    """Give people seats of a Datadog product. Running it again is safe: those who hold one keep it.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#assign-seats-to-users

    People are given by UUID, by email, or both; at least one of the two must be given, and an empty list is an empty
    job. Emails need the permission ``user_access_read``. UUIDs alone cost a call for each batch and nothing else.

    The task's ``return_value`` is a :class:`~airflow_provider_seats.report.Report`, pushed also if the task then fails.
    Without a preview, ``assigned`` holds everyone who holds a seat now, since who held one before is not asked.

    Errors that no retry would mend fail the task at once
    (:class:`~airflow.exceptions.AirflowFailException`); rate limits, lost connections and faults of Datadog's
    (:class:`~airflow_provider_seats.protocol.PassingError`) are left to the task's retries.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, given in the same ways. (templated)
    :param missing_users: what to do about emails without an enabled Datadog account: ``fail`` changes nothing,
        ``skip`` goes on without them and reports them as ``missing``. (templated)
    :param preview: read who would gain a seat and change nothing. (templated)
    :param batch_size: the most people to send in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    verb: ClassVar[Verb] = "assign"
    template_fields: Sequence[str] = (*_SeatsOperator.template_fields, "missing_users")
    ui_color = "#e8e0f5"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        missing_users: MissingUsers = "fail",
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

    def _plan(self, product: str, people: People, *, preview: bool) -> Plan:
        missing_users = read_choice("missing_users", self.missing_users, MissingUsers)
        holders = self._holders(product) if preview else None
        wanted = people.emails if holders is None else holders.without(people.emails)
        users = self._client.run(find_users(wanted)) if wanted else {}
        return plan_assign(product, people, users, holders, missing_users)

    def _change(self, plan: Plan, batch_size: int) -> Outcome:
        if not plan.change:
            return Outcome(plan.product)
        return self._client.run(assign_seats(plan.product, plan.uuids, batch_size))


class UnassignSeatsOperator(_SeatsOperator):
    """Take seats of a Datadog product from people. Running it again is safe: those who hold none are left alone.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#unassign-seats-from-users

    People are given by UUID, by email, or both; at least one of the two must be given, and an empty list is an empty
    job. Emails are looked up in the seat list itself, so that ``user_access_read`` is not needed; where several
    accounts share an email, all of their seats are taken. UUIDs alone cost a call for each batch and nothing else.

    The task's ``return_value`` is a :class:`~airflow_provider_seats.report.Report`, pushed also if the task then fails.
    With UUIDs alone and no preview, ``unassigned`` holds everyone who holds no seat now, since who held one before is
    not asked; otherwise it holds those who lost theirs, and the others are ``unchanged``.

    Errors are as in :class:`AssignSeatsOperator`.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, given in the same ways. (templated)
    :param preview: read who would lose a seat and change nothing. (templated)
    :param batch_size: the most people to send in one call. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    verb: ClassVar[Verb] = "unassign"
    ui_color = "#f5e6e0"

    def _plan(self, product: str, people: People, *, preview: bool) -> Plan:
        holders = self._holders(product) if preview or people.emails else None
        if holders is not None and (nameless := sum(user.email is None for user in holders.users)):
            self.log.warning(
                "%s: Datadog lists %d seats without an email; nobody can be recognised there by email.",
                product,
                nameless,
            )
        return plan_unassign(product, people, holders)

    def _change(self, plan: Plan, batch_size: int) -> Outcome:
        if not plan.change:
            return Outcome(plan.product)
        return self._client.run(unassign_seats(plan.product, plan.uuids, batch_size))
