"""The run of an operator: parse, plan, change, report. Loaded when a task runs, not when a DAG file is parsed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.on_call import find_schedules
from airflow_provider_seats._api.seat_change import Outcome, assign_seats, failure, unassign_seats
from airflow_provider_seats._api.seats import list_seat_users, list_seat_users_twice
from airflow_provider_seats._api.users import User, get_accounts, search_accounts, unambiguous
from airflow_provider_seats._planning.jobs import AssignJob, Job, SyncJob, UnassignJob
from airflow_provider_seats._planning.kept_seats import World, accounts_to_read, unmatched_protection
from airflow_provider_seats._planning.plan import Origin, Period, Plan, by_id
from airflow_provider_seats._planning.planner import (
    apply_approval,
    emails_to_look_up,
    plan_assign,
    plan_sync,
    plan_unassign,
    plan_undo,
)
from airflow_provider_seats._planning.seat_list import SeatList
from airflow_provider_seats._runtime.attempt_store import AttemptStore
from airflow_provider_seats._runtime.xcom import RETURN_VALUE, SUMMARY, push_to_xcom
from airflow_provider_seats._text import join_names, plural
from airflow_provider_seats.hooks import DatadogSeatsHook, fail_without_retry
from airflow_provider_seats.report import Report, can_be_undone, for_undo, summary, table

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._runtime import TaskLog

T = TypeVar("T")


class OperatorRun:
    """One run of an operator. It goes through the states below, in this order, and may end in each of them.

    ============ ============================================================
    ``Parsing``  the arguments are being parsed
    ``Parsed``   they are valid, and what is needed for a plan is being read
    ``Planned``  a guard refused the plan, or nothing was changed yet
    ``Previewed``  nothing is to be changed
    ``Changing`` changes are being made; if it ends here, nobody knows how far it got
    ``Changed``  the outcome of all changes is known
    ============ ============================================================

    The report is built once, at the end, from the state that was reached.

    :param context: the context that Airflow passes to a running task.
    :param product_code: the argument, for the report if it cannot be parsed.
    :param conn_id: the connection's id.
    :param log: the task's log.
    :param push_report: whether the report is pushed to XCom when the task fails.
    """

    def __init__(
        self, context: Context, *, product_code: object, conn_id: str, log: TaskLog, push_report: bool
    ) -> None:
        self._context = context
        self._conn_id = conn_id
        self._log = log
        self._push_report = push_report
        self._total_users: int | None = None
        self._attempts: AttemptStore | None = None
        self._warnings: list[str] = []
        self._number: int = getattr(context.get("ti"), "try_number", 1)
        self._state: _State = _Parsing(Plan(str(product_code), since_attempt=self._number))

    def run(self, parse: Callable[[], Job]) -> Report:
        """Do the job and return its report. If the task fails, the report is pushed to XCom first."""
        with fail_without_retry(self._conn_id):
            try:
                self._execute(parse())
            except BaseException as error:
                # Also for a time-out of the task or a signal.
                self._push(RETURN_VALUE, self._finish(error))
                raise
            return self._finish(None)

    def _execute(self, job: Job) -> None:
        self._attempts = AttemptStore(self._context, job.product)
        self._state = _Parsed(replace(job.as_requested(), since_attempt=self._number), preview=job.preview)
        plan = self._plan(job)
        plan = replace(plan, since_attempt=self._attempts.since(plan))
        if job.preview:
            self._state = _Previewed(plan)
            if plan.refusal is not None:
                self._log.warning("Without preview=True this plan would be refused. %s", " ".join(plan.refusal.reasons))
            return
        earlier = Period(plan.earlier.started, self._client.server_time) if plan.earlier else Period()
        self._state = _Planned(plan, earlier)
        if plan.refusal is not None:
            raise plan.refusal
        if plan.assign or plan.unassign:
            self._attempts.remember(plan, self._client.server_time)
            self._change(plan, job.batch_size)

    def _change(self, plan: Plan, batch_size: int) -> None:
        """Unassign first: Datadog bills the highest number of seats that was held at the same time."""
        started = plan.started(self._client.server_time)
        self._state = _Changing(plan, Period(started))
        unassigned = assigned = Outcome(plan.product)
        if plan.unassign:
            unassigned = self._client.run(unassign_seats(plan.product, by_id(plan.unassign), batch_size))
        if plan.assign:
            people = plan.assignable_after(unassigned)
            if people:
                assigned = self._client.run(assign_seats(plan.product, people, batch_size))
            others = tuple(uuid for uuid in by_id(plan.assign) if uuid not in people)
            assigned = replace(assigned, not_done=(*assigned.not_done, *others))
        period = Period(started, self._client.server_time if started else None)
        self._state = _Changed(plan, period, unassigned, assigned)
        error = failure(unassigned, assigned, label=plan.label)
        if error is not None:
            raise error

    def _finish(self, error: BaseException | None) -> Report:
        """Build and log the report."""
        if self._attempts is not None:
            self._attempts.forget_after(error)
        origin = Origin(self._conn_id, self._site)
        plan = replace(self._state.plan, origin=origin, warnings=tuple(self._warnings))
        report = replace(self._state, plan=plan).report()
        if (text := for_undo(report)) is not None:
            purpose = ", to pass to undo" if can_be_undone(report) else ""
            self._log.info("The complete report%s:\n%s", purpose, text)
        for line in table(report):
            self._log.info("%s", line)
        for warning in report["warnings"][len(self._warnings) :]:
            self._log.warning("%s", warning)
        self._push(SUMMARY, summary(report, error))
        return report

    def _push(self, key: str, value: object) -> None:
        if self._push_report:
            push_to_xcom(self._context, self._log, key, value)

    def _warn(self, message: str) -> None:
        """Log a warning, and add it to the report."""
        self._warnings.append(message)
        self._log.warning("%s", message)

    def _plan(self, job: Job) -> Plan:
        """Read what a plan needs, and make it."""
        if isinstance(job, SyncJob):
            plan = self._plan_undo(job) if job.undo is not None else self._plan_sync(job)
            plan = plan if job.approved is None else apply_approval(plan, job.approved)
        elif isinstance(job, AssignJob):
            plan = self._plan_assign(job)
        elif isinstance(job, UnassignJob):
            plan = self._plan_unassign(job)
        else:
            raise TypeError(f"{type(job).__name__} is not a job")
        return plan

    def _plan_assign(self, job: AssignJob) -> Plan:
        seats = self._read_seats(job) if job.people and job.needs_seat_list else None
        users = unambiguous(job.people.emails, self._find_accounts(job.people.emails))
        return plan_assign(job.product, job.people, self._world(seats, users=users), job.guards)

    def _plan_unassign(self, job: UnassignJob) -> Plan:
        if not (job.people and job.needs_seat_list):
            return plan_unassign(job.product, job.people, self._world(None), job.guards)

        def someone_absent(users: Sequence[SeatUser]) -> bool:
            return any(not rows for _, rows in SeatList(users).match(job.people))

        seats = SeatList(self._client.run(list_seat_users_twice(job.product, someone_absent)))
        if job.people.emails and (unnamed := seats.rows_without_email()):
            seats_have = plural(unnamed, "seat has", "seats have")
            self._warn(f"{seats_have} no email, so someone passed by email may hold one of them unnoticed.")
        unlisted = seats.unlisted(job.people.emails) if job.guards.missing_users == "fail" else ()
        users = {email_key(user.email): user for user in self._find_accounts(unlisted) if user.email}
        world = self._world(seats, users=users)
        return self._with_accounts(world, job, lambda world: plan_unassign(job.product, job.people, world, job.guards))

    def _plan_sync(self, job: SyncJob) -> Plan:
        seats = self._read_seats(job)
        wanted = emails_to_look_up(job.people, seats, job.mode)
        users = unambiguous(wanted, self._find_accounts(wanted))
        world = self._world(seats, users=users)
        return self._with_accounts(
            world,
            job,
            lambda world: plan_sync(
                job.product, job.people, job.mode, world, job.guards, report_unchanged=job.report_unchanged
            ),
        )

    def _plan_undo(self, job: SyncJob) -> Plan:
        report = job.undo
        if report is None:
            raise TypeError("There is nothing to undo.")
        seats = self._read_seats(job)
        if report["since_attempt"] > 1:
            since = report["since_attempt"]
            self._warn(f"The report covers the attempts from {since} on. Changes of earlier attempts are not undone.")
        conn_id, site = report.get("conn_id"), report.get("site")
        if (conn_id and conn_id != self._conn_id) or (site and site != self._site):
            self._warn(
                f"The report was made through the connection {conn_id!r} to {site}. This undo goes through "
                f"{self._conn_id!r} to {self._site}."
            )
        return self._with_accounts(
            self._world(seats), job, lambda world: plan_undo(job.product, report, job.only, world, job.guards)
        )

    def _with_accounts(self, world: World, job: Job, plan: Callable[[World], Plan]) -> Plan:
        """Make a plan. Read the accounts and on-call schedules that it depends on, and plan again."""
        planned = plan(world)
        if planned.refusal is not None:
            return planned
        is_undo = isinstance(job, SyncJob) and job.undo is not None
        roster = job.people if isinstance(job, SyncJob) and not is_undo and job.mode != "add_only" else None
        people = accounts_to_read(planned, job.guards, roster)
        if is_undo and job.guards.check_accounts:
            # An account that was disabled since gets no seat back.
            people |= {uuid: person["email"] for uuid, person in by_id(planned.assign).items()}
        if people:
            world = replace(world, accounts=self._run(get_accounts(people, self._total_users)))
            planned = plan(world)
        if planned.refusal is None and planned.unassign and job.guards.on_schedule is not None:
            world = replace(world, schedules=self._run(find_schedules(by_id(planned.unassign))))
            planned = plan(world)
        if unmatched := unmatched_protection(job.guards, world.seats, world.accounts):
            self._warn(f"protect: nobody who holds a seat matches {join_names(unmatched)}.")
            planned = replace(planned, guards={**planned.guards, "protect_unmatched": unmatched})
        return planned

    @cached_property
    def _client(self) -> Client:
        return DatadogSeatsHook(self._conn_id).get_conn()

    @property
    def _site(self) -> str | None:
        return self._client.connection.base_url if "_client" in self.__dict__ else None

    def _world(self, seats: SeatList | None, users: dict[str, User] | None = None) -> World:
        earlier = self._attempts.earlier() if self._attempts is not None and seats is not None else None
        return World(datetime.fromtimestamp(clock().now(), UTC), seats, users or {}, earlier=earlier)

    def _read_seats(self, job: Job) -> SeatList:
        return SeatList(self._run(list_seat_users(job.product)))

    def _find_accounts(self, emails: Sequence[str]) -> list[User]:
        if not emails:
            return []
        users, self._total_users = self._run(search_accounts(emails))
        return users

    def _run(self, flow: Flow[T]) -> T:
        return self._client.run(flow)


@dataclass(frozen=True, slots=True)
class _State(ABC):
    """How far a run got."""

    plan: Plan

    @abstractmethod
    def report(self) -> Report:
        """Return the report of a run that ends here."""


@dataclass(frozen=True, slots=True)
class _Parsing(_State):
    def report(self) -> Report:
        return self.plan.not_started(preview=False)


@dataclass(frozen=True, slots=True)
class _Parsed(_State):
    preview: bool

    def report(self) -> Report:
        return self.plan.not_started(preview=self.preview)


@dataclass(frozen=True, slots=True)
class _Planned(_State):
    earlier: Period

    def report(self) -> Report:
        return self.plan.not_started(preview=False, period=self.earlier)


@dataclass(frozen=True, slots=True)
class _Previewed(_State):
    def report(self) -> Report:
        return self.plan.preview()


@dataclass(frozen=True, slots=True)
class _Changing(_State):
    period: Period

    def report(self) -> Report:
        return self.plan.interrupted(self.period)


@dataclass(frozen=True, slots=True)
class _Changed(_State):
    period: Period
    unassigned: Outcome
    assigned: Outcome

    def report(self) -> Report:
        return self.plan.report(self.unassigned, self.assigned, self.period)
