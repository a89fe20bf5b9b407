"""What all operators have in common: a plan, what was done of it, and the report, whatever comes of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_seats.arguments import People, read_count, read_flag, read_people, read_product
from airflow_provider_seats.changes import Earlier, Plan, by_id
from airflow_provider_seats.connection import DEFAULT_CONN_ID, DatadogSeatsError
from airflow_provider_seats.holders import Holders
from airflow_provider_seats.hooks import DatadogSeatsHook, failing_at_once
from airflow_provider_seats.report import Report, table
from airflow_provider_seats.seats import BATCH, Outcome, assign_seats, failure, list_seat_users, unassign_seats
from airflow_provider_seats.users import User, find_users

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_seats.client import Client

    PeopleArgument: TypeAlias = Iterable[str] | str | XComArg | None
    ReportArgument: TypeAlias = Mapping[str, Any] | str | XComArg | None

# Airflow's XCOM_RETURN_KEY, whose import would load Airflow's database models into every DAG file.
_RETURN_VALUE: Final = "return_value"
_STATE_KEY: Final = "datadog_seats"


class SeatsOperator(BaseOperator):
    """What all three have in common: a plan, what was done of it, and the report, whatever comes of it."""

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
        report = Plan(str(self.product_code)).not_started(preview=False)
        with failing_at_once():
            try:
                product = read_product(self.product_code)
                preview = read_flag("preview", self.preview)
                batch_size = read_count("batch_size", self.batch_size)
                attempts = Attempts(context, product)
                report = self._unplanned(product).not_started(preview=preview)
                plan = self._plan(product, attempts.earlier(), preview=preview)
                plan = plan._replace(since_attempt=attempts.since(plan))
                report = plan.not_started(preview=preview)
                _raise(plan.refusal)
                if preview:
                    report = plan.preview()
                    return report
                attempts.remember(plan)
                report = plan.interrupted()
                taken, given = self._carry_out(plan, batch_size)
                report = plan.report(taken, given)
                _raise(failure(taken, given, label=plan.label))
                attempts.forget()
            except BaseException:
                # Also for a time-out of the task or a signal, which are not errors of ours.
                if self.do_xcom_push and "ti" in context:
                    context["ti"].xcom_push(key=_RETURN_VALUE, value=report)
                raise
            finally:
                for line in table(report):
                    self.log.info("%s", line)
        return report

    def _people(self) -> People:
        return read_people(user_uuids=self.user_uuids, user_emails=self.user_emails)

    def _unplanned(self, product: str) -> Plan:
        """Give what is told where nothing could be read."""
        return Plan(product)

    @abstractmethod
    def _plan(self, product: str, earlier: Earlier | None, *, preview: bool) -> Plan:
        """Read what is needed to know what is to be done."""

    def _carry_out(self, plan: Plan, batch_size: int) -> tuple[Outcome, Outcome]:
        """Take seats, and then give seats: Datadog bills the highest number that was held at once."""
        taken = given = Outcome(plan.product)
        if plan.take:
            taken = self._client.run(unassign_seats(plan.product, by_id(plan.take), batch_size))
        if plan.give and plan.may_give_after(taken):
            given = self._client.run(assign_seats(plan.product, by_id(plan.give), batch_size))
        elif plan.give:
            given = Outcome(plan.product, not_done=tuple(by_id(plan.give)))
        return taken, given

    @cached_property
    def _client(self) -> Client:
        return DatadogSeatsHook(self.datadog_conn_id).get_conn()

    def _holders(self, product: str) -> Holders:
        return Holders(self._client.run(list_seat_users(product)))

    def _users(self, emails: Sequence[str]) -> dict[str, User]:
        return self._client.run(find_users(emails)) if emails else {}


def _raise(error: DatadogSeatsError | None) -> None:
    if error is not None:
        raise error


class Attempts:
    """What earlier attempts of a task set out to change, where Airflow remembers it (its task state store, 3.3 on)."""

    def __init__(self, context: Context, product: str) -> None:
        self._store: Any = context.get("task_state_store")
        self._product = product
        self._number = getattr(context.get("ti"), "try_number", 1)

    def earlier(self) -> Earlier | None:
        """Give what earlier attempts set out to change; None if nothing, or not known."""
        state = None if self._store is None else self._store.get(_STATE_KEY)
        if not isinstance(state, Mapping) or state.get("product") != self._product:
            return None
        return Earlier(state["seats_before"], by_id(state["given"]), by_id(state["taken"]))

    def remember(self, plan: Plan) -> None:
        """Keep what this attempt and those before set out to change, before anything is changed."""
        earlier = plan.to_remember()
        if self._store is not None and earlier is not None:
            state = {"product": self._product, "seats_before": earlier.seats_before}
            people = {"given": list(earlier.given.values()), "taken": list(earlier.taken.values())}
            self._store.set(_STATE_KEY, {**state, **people})

    def forget(self) -> None:
        """Begin anew, since the task has come to its end."""
        if self._store is not None:
            self._store.delete(_STATE_KEY)

    def since(self, plan: Plan) -> int:
        """Give the first attempt whose changes the report of a plan tells."""
        return 1 if self._store is not None and plan.holders is not None else self._number
