"""The run of an operator: parse, plan, change, report. Loaded when a task runs, not when a DAG file is parsed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_seats._api.seat_change import Outcome, assign_seats, failure, read_back, unassign_seats
from airflow_provider_seats._planning.plan import Origin, Period, Plan, by_id, label
from airflow_provider_seats._planning.stored import MAX_XCOM
from airflow_provider_seats._running.attempt_store import AttemptStore
from airflow_provider_seats._running.last_attempt import end_retries
from airflow_provider_seats._running.plan_maker import PlanMaker
from airflow_provider_seats._running.run_states import Changed, Changing, Parsing, Planning, Previewed, State
from airflow_provider_seats._running.xcom import HEADLINE, RETURN_VALUE, SUMMARY, push_to_xcom
from airflow_provider_seats.exceptions import DatadogSeatsError
from airflow_provider_seats.hooks import DatadogSeatsHook, fail_without_retry
from airflow_provider_seats.report import Report, can_be_undone, for_undo, headline, shortened, summary, table

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_seats._airflow import Context, TaskLog
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._planning.jobs import Job


class OperatorRun:
    """One run of an operator. Its state says how far it got, and it may end in each of them.

    ============= ============================================================
    ``Parsing``   the arguments are being parsed
    ``Planning``  they are valid; what the plan needs is being read, a guard refuses it, or nothing is to be changed
    ``Previewed`` it is a preview, which changes nothing
    ``Changing``  changes are being made; if it ends here, nobody knows how far it got
    ``Changed``   the outcome of all changes is known
    ============= ============================================================

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
        self._attempts: AttemptStore | None = None
        self._warnings: list[str] = []
        self._number: int = getattr(context.get("ti"), "try_number", 1)
        self._state: State = Parsing(Plan(str(product_code), since_attempt=self._number))

    def run(self, parse: Callable[[], Job]) -> Report:
        """Do the job and return its report. If the task fails, the report is pushed to XCom first."""
        with fail_without_retry(self._conn_id):
            try:
                self._execute(parse())
            except BaseException as error:
                # Also for a time-out of the task or a signal.
                end_retries(error, self._context)
                self._push(RETURN_VALUE, self._finish(error))
                raise
            return self._finish(None)

    def _execute(self, job: Job) -> None:
        requested = replace(job.as_requested(), since_attempt=self._number)
        self._state = Planning(requested, Period(), preview=job.preview)
        origin = Origin(self._conn_id, self._client.connection.base_url)
        attempts = self._attempts = AttemptStore(self._context, job.product, str(origin.site))
        earlier = attempts.earlier() if job.needs_seat_list else None

        def draft(plan: Plan) -> None:
            plan = replace(plan, since_attempt=attempts.since(plan))
            period = Period(plan.earlier.started, self._server_time) if plan.earlier else Period()
            self._state = Planning(plan, period, preview=job.preview)

        draft(replace(requested, earlier=earlier))
        draft(PlanMaker(self._client, origin, earlier, warn=self._warn, draft=draft).make(job))
        plan = self._state.plan
        if job.preview:
            self._state = Previewed(plan)
            if plan.refusal is not None:
                self._log.warning("Without preview=True this plan would be refused. %s", " ".join(plan.refusal.reasons))
            return
        if plan.refusal is not None:
            raise plan.refusal
        if plan.assign or plan.unassign:
            attempts.remember(plan, self._server_time)
            self._change(plan, job)

    def _change(self, plan: Plan, job: Job) -> None:
        """Unassign first: Datadog bills the highest number of seats that was held at the same time."""
        started = plan.started(self._server_time)
        self._state = Changing(plan, Period(started))
        unassigned = assigned = Outcome(plan.product)
        if plan.unassign:
            unassigned = self._client.run(unassign_seats(plan.product, by_id(plan.unassign), job.batch_size))
        if plan.assign:
            people = plan.assignable_after(unassigned)
            if people:
                assigned = self._client.run(assign_seats(plan.product, people, job.batch_size))
            others = tuple(by_id(plan.assign))[len(people) :]
            assigned = replace(assigned, not_done=(*assigned.not_done, *others))
        period = Period(started, self._server_time if started else None)
        self._state = Changed(plan, period, unassigned, assigned)
        if job.reads_back and unassigned.error is None and assigned.error is None:
            self._state = self._read_back(self._state)
            unassigned, assigned = self._state.unassigned, self._state.assigned
        everyone = by_id(plan.unassign, plan.assign)
        error = failure(unassigned, assigned, label=lambda uuid: label(everyone[uuid]))
        if error is not None:
            raise error

    def _read_back(self, changed: Changed) -> Changed:
        """Return the state as the seat list shows it after the changes."""
        try:
            unassigned, assigned, users = self._client.run(read_back(changed.unassigned, changed.assigned))
        except DatadogSeatsError as error:
            self._warn(f"The seats could not be read after the changes, so this is what Datadog answered: {error}")
            return changed
        if (exceeded := changed.plan.exceeded(users)) is not None:
            self._warn(exceeded)
        return replace(changed, unassigned=unassigned, assigned=assigned, users_after=users)

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
        problem = None if error is None else self._problem(error)
        text = summary(report, problem)
        self._push(SUMMARY, text)
        self._push(HEADLINE, headline(text, problem))
        return shortened(report, MAX_XCOM)

    def _problem(self, error: BaseException) -> str:
        """Return why the task fails, as Airflow will show it."""
        text = error.message_for(self._conn_id) if isinstance(error, DatadogSeatsError) else str(error)
        return text or type(error).__name__

    def _push(self, key: str, value: object) -> None:
        if self._push_report:
            push_to_xcom(self._context, self._log, key, value)

    def _warn(self, message: str) -> None:
        """Log a warning, and add it to the report."""
        self._warnings.append(message)
        self._log.warning("%s", message)

    @cached_property
    def _client(self) -> Client:
        return DatadogSeatsHook(self._conn_id).get_conn()

    @property
    def _server_time(self) -> datetime | None:
        return self._client.server_time if "_client" in self.__dict__ else None

    @property
    def _site(self) -> str | None:
        return self._client.connection.base_url if "_client" in self.__dict__ else None
