"""What the operators do when they run. Loaded then, and not into every DAG file that is parsed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_seats._api.flow import InvalidInputError
from airflow_provider_seats._api.seats import Outcome, assign_seats, failure, list_seat_users, unassign_seats
from airflow_provider_seats._api.users import User, find_accounts, unambiguous
from airflow_provider_seats._planning.arguments import (
    People,
    argument,
    read_choice,
    read_count,
    read_flag,
    read_limit,
    read_number,
    read_people,
    read_product,
    read_report,
    read_span,
)
from airflow_provider_seats._planning.plan import Earlier, Plan, by_id
from airflow_provider_seats._planning.planner import (
    DEFAULT_MAX_UNASSIGN,
    NOBODY,
    Guards,
    MissingUsers,
    Mode,
    approved,
    emails_to_identify,
    owners,
    plan_assign,
    plan_sync,
    plan_unassign,
    plan_undo,
)
from airflow_provider_seats._planning.seat_list import Holders
from airflow_provider_seats._runtime.attempt_store import Attempts
from airflow_provider_seats.connection import DatadogSeatsError
from airflow_provider_seats.hooks import DatadogSeatsHook, failing_at_once
from airflow_provider_seats.report import Report, table

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_seats._api.client import Client

T = TypeVar("T")

# Airflow's XCOM_RETURN_KEY, whose import would load Airflow's database models.
_RETURN_VALUE: Final = "return_value"


class Work(ABC):
    """One run of an operator: a plan, what was done of it, and the report, whatever comes of it.

    :param operator: the operator, whose arguments are read here, now that they are rendered.
    :param context: what Airflow gives a task when it runs.
    """

    def __init__(self, operator: Any, context: Context) -> None:  # noqa: ANN401 (each kind has arguments of its own)
        self.operator = operator
        self.context = context

    def run(self) -> Report:
        """Plan, change and report; the report is pushed also when the task then fails."""
        report = Plan(str(self.operator.product_code)).not_started(preview=False)
        attempts: Attempts | None = None
        with failing_at_once(self.operator.datadog_conn_id):
            try:
                product = read_product(self.operator.product_code)
                preview = read_flag("preview", self.operator.preview)
                batch_size = read_count("batch_size", self.operator.batch_size)
                attempts = Attempts(self.context, product)
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
            except BaseException as error:
                if attempts is not None and isinstance(error, DatadogSeatsError) and attempts.ended_by(error):
                    attempts.forget()
                # Also for a time-out of the task or a signal, which are not errors of ours.
                if self.operator.do_xcom_push and "ti" in self.context:
                    self.context["ti"].xcom_push(key=_RETURN_VALUE, value=report)
                raise
            finally:
                for line in table(report):
                    self.operator.log.info("%s", line)
        return report

    def _given(self, name: str, read: Callable[[str, Any], T]) -> T | None:
        """Read an argument that need not be given."""
        value = argument(self.operator, name)
        return None if value is None else read(name, value)

    @cached_property
    def _people(self) -> People:
        """Who is meant; read once, since it may be something that can be read but once."""
        return read_people(**{name: argument(self.operator, name) for name in ("user_uuids", "user_emails")})

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
        return DatadogSeatsHook(self.operator.datadog_conn_id).get_conn()

    def _holders(self, product: str) -> Holders:
        return Holders(self._client.run(list_seat_users(product)))

    def _accounts(self, emails: Sequence[str]) -> list[User]:
        return self._client.run(find_accounts(emails)) if emails else []

    def _protect(self) -> People:
        return self._given("protect", lambda name, value: read_people(**{name: value})) or NOBODY


class AssignWork(Work):
    """Give people seats."""

    def _unplanned(self, product: str) -> Plan:
        return Plan(product, give=self._people.as_given())

    def _plan(self, product: str, earlier: Earlier | None, *, preview: bool) -> Plan:
        people = self._people
        guards = Guards(
            missing_users=read_choice("missing_users", self.operator.missing_users, MissingUsers),
            max_seats=self._given("max_seats", read_number),
        )
        holders = self._holders(product) if people and (preview or guards.need_holders) else None
        users = unambiguous(people.emails, self._accounts(people.emails))
        return plan_assign(product, people, users=users, guards=guards, holders=holders, earlier=earlier)


class UnassignWork(Work):
    """Take people's seats."""

    def _unplanned(self, product: str) -> Plan:
        return Plan(product, take=self._people.as_given())

    def _plan(self, product: str, earlier: Earlier | None, *, preview: bool) -> Plan:
        people = self._people
        guards = Guards(
            max_unassign=self._given("max_unassign", read_limit),
            protect=self._protect(),
        )
        now = datetime.now(UTC)
        if not (people and (people.emails or preview or guards.need_holders)):
            return plan_unassign(product, people, guards=guards, now=now)
        holders = self._holders(product)
        if people.emails and (nameless := holders.rows_without_email()):
            self.operator.log.warning(
                "%s: %d seats have no email, so that someone given by email may hold one of them.", product, nameless
            )
        rows = [user for _, seats in holders.match(people) for user in seats]
        owned = owners(self._accounts(emails_to_identify(NOBODY, rows, guards)))
        return plan_unassign(product, people, owned=owned, guards=guards, now=now, holders=holders, earlier=earlier)


class SyncWork(Work):
    """Make the seats match a roster, or what they were before an earlier report."""

    def _plan(self, product: str, earlier: Earlier | None, *, preview: bool) -> Plan:  # noqa: ARG002 (it always reads the list)
        mode = read_choice("mode", self.operator.mode, Mode)
        guards = self._guards()
        preview_report = self._preview_report(product)
        now = datetime.now(UTC)
        undo = self._given("undo", read_report)
        if undo is not None:
            report = self._to_undo(undo, product)
            holders = self._holders(product)
            rows = [user for uuid in by_id(report["assigned"]) for user in holders.by_uuid(uuid)]
            owned = owners(self._accounts(emails_to_identify(NOBODY, rows, guards)))
            plan = plan_undo(product, report, owned=owned, guards=guards, now=now, holders=holders, earlier=earlier)
        else:
            roster = self._people
            holders = self._holders(product)
            to_give = holders.absent(roster.emails) if mode != "remove_only" else ()
            to_identify = emails_to_identify(roster, holders.users, guards) if mode != "add_only" else ()
            accounts = self._accounts((*to_give, *to_identify))
            plan = plan_sync(
                product,
                roster,
                mode,
                users=unambiguous(to_give, accounts),
                owned=owners(accounts),
                guards=guards,
                now=now,
                holders=holders,
                earlier=earlier,
            )
        return plan if preview_report is None else approved(plan, preview_report)

    def _guards(self) -> Guards:
        default = None if self.operator.undo is not None else DEFAULT_MAX_UNASSIGN
        return Guards(
            missing_users=read_choice("missing_users", self.operator.missing_users, MissingUsers),
            allow_empty=read_flag("allow_empty", self.operator.allow_empty),
            max_unassign=self._given("max_unassign", read_limit) or default,
            max_seats=self._given("max_seats", read_number),
            min_seat_age=self._given("min_seat_age", read_span),
            protect=self._protect(),
        )

    def _preview_report(self, product: str) -> Report | None:
        report = self._given("approved", read_report)
        if report is None:
            return None
        if not report["preview"]:
            raise InvalidInputError(
                "approved", "this is not the report of a preview; give that of a task with preview=True."
            )
        return _of_product("approved", report, product)

    def _to_undo(self, report: Report, product: str) -> Report:
        if self.operator.user_uuids is not None or self.operator.user_emails is not None:
            raise InvalidInputError("undo", "give either people or a report to undo, not both.")
        _of_product("undo", report, product)
        if report["preview"]:
            raise InvalidInputError("undo", "this is the report of a preview, which has changed nothing.")
        if report["seats_before"] is None or report["unknown"]:
            raise InvalidInputError(
                "undo",
                "this report does not know all that was before (seats_before is null, or people are unknown), so it "
                "cannot be undone exactly; assign or unassign those whom you know.",
            )
        if report["since_attempt"] > 1:
            self.operator.log.warning(
                "The report tells what was changed from attempt %d on; what earlier attempts changed stays.",
                report["since_attempt"],
            )
        return report


def _of_product(name: str, report: Report, product: str) -> Report:
    if report["product"] != product:
        raise InvalidInputError(name, f"this report is of the product {report['product']!r}, and not of {product!r}.")
    return report


def _raise(error: DatadogSeatsError | None) -> None:
    if error is not None:
        raise error
