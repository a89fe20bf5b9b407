"""The run of an operator: parse, plan, change, report. Loaded when a task runs, not when a DAG file is parsed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.seat_change import Outcome, assign_seats, failure, read_back, unassign_seats
from airflow_provider_seats._connect import client_of, fail_without_retry
from airflow_provider_seats._planning.plan import Origin, Plan, by_id, label
from airflow_provider_seats._planning.reporting import (
    exceeded,
    report_changes,
    report_interrupted,
    report_not_started,
    report_preview,
)
from airflow_provider_seats._running.task_context import (
    HEADLINE,
    MAX_XCOM,
    RETURN_VALUE,
    SUMMARY,
    end_retries,
    push_to_xcom,
    run_again,
    run_started,
)
from airflow_provider_seats.exceptions import DatadogSeatsError
from airflow_provider_seats.report import Report, can_be_undone, for_undo, headline, shortened, summary, table

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_seats._airflow import Context, TaskLog
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._api.seat_list import SeatList
    from airflow_provider_seats._planning.jobs import Job
    from airflow_provider_seats._running.attempt_store import AttemptStore


class OperatorRun:
    """One run of an operator. The report is built once, at the end, as of the step that was reached.

    :param product_code: the argument, for the report if it cannot be parsed.
    :param push_report: whether the report is pushed to XCom when the task fails.
    """

    _client: Client

    def __init__(
        self, context: Context, *, product_code: object, conn_id: str, log: TaskLog, push_report: bool
    ) -> None:
        self._context = context
        self._conn_id = conn_id
        self._log = log
        self._push_report = push_report
        self._attempts: AttemptStore | None = None
        self._warnings: list[str] = []
        number = getattr(context.get("ti"), "try_number", 1)
        self._plan = Plan(str(product_code), since_attempt=number, origin=Origin(conn_id))
        self._report: Callable[[Plan], Report] = report_not_started

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
        if job.operator == "sync" and job.undo is None and job.roster_read_at is None:
            job = job._replace(roster_read_at=run_started(self._context))
        if job.operator == "unassign":
            job = job._replace(run_again=run_again(self._context))
        requested = self._plan._replace(product=job.product, changes=job.as_requested(), guards=job.guards)
        self._reach(requested, partial(report_not_started, preview=job.preview))
        self._client = client_of(self._conn_id)
        self._plan = requested._replace(origin=Origin(self._conn_id, self._client.connection.base_url))
        if job.reads:
            self._read_and_plan(job)
        plan = self._plan
        error = plan.error
        if job.preview:
            self._reach(plan, report_preview)
            if error is not None:
                self._log.warning("Without preview=True this plan would be refused. %s", " ".join(error.reasons))
            return
        if error is not None:
            raise error
        if plan.changes:
            if self._attempts is not None:
                self._attempts.remember(plan, self._client.server_time)
            self._change(plan, job)

    def _read_and_plan(self, job: Job) -> None:
        # A task that assigns someone by UUID, the most frequent one, starts faster without these.
        from airflow_provider_seats._planning.planner import Planner  # noqa: PLC0415
        from airflow_provider_seats._planning.world import Reader  # noqa: PLC0415
        from airflow_provider_seats._running.attempt_store import AttemptStore  # noqa: PLC0415

        attempts = AttemptStore(self._context, job.product, self._plan.origin)
        earlier = None
        if job.needs_seat_list:
            self._attempts = attempts
            earlier = attempts.earlier()

        def not_started(plan: Plan) -> None:
            plan = plan._replace(since_attempt=attempts.since(plan))
            period = (plan.covered.started, self._client.server_time) if plan.covered else (None, None)
            self._reach(plan, partial(report_not_started, period=period, preview=job.preview))

        not_started(self._plan._replace(earlier=earlier))
        reader = Reader(job.product, read_all_users=job.read_all_users)
        planner = Planner(job, reader, self._plan, now=self._now, warn=self._warn, draft=not_started)
        not_started(self._client.run(planner.plan()))

    def _change(self, plan: Plan, job: Job) -> None:
        """Unassign first: Datadog bills the highest number of seats that was held at the same time."""
        started = plan.started(self._client.server_time)
        self._reach(plan, partial(report_interrupted, period=(started, None)))
        unassigned = assigned = Outcome(plan.product)
        if plan.unassign:
            unassigned = self._client.run(unassign_seats(plan.product, by_id(plan.unassign)))
        if plan.assign:
            people = plan.assignable_after(unassigned)
            if people:
                assigned = self._client.run(assign_seats(plan.product, people))
            others = tuple(by_id(plan.assign))[len(people) :]
            assigned = assigned._replace(not_done=(*assigned.not_done, *others))
        period = (started, self._client.server_time if started else None)
        report = partial(report_changes, unassigned=unassigned, assigned=assigned, period=period)
        self._reach(plan, report)
        if job.reads_back and (unassigned.done or assigned.done or not (unassigned.error or assigned.error)):
            unassigned, assigned, seats_after = self._read_back(plan, unassigned, assigned)
            self._reach(plan, partial(report, unassigned=unassigned, assigned=assigned, seats_after=seats_after))
        everyone = by_id(plan.unassign, plan.assign)
        error = failure(unassigned, assigned, label=lambda uuid: label(everyone[uuid]))
        if error is not None:
            raise error

    def _read_back(
        self, plan: Plan, unassigned: Outcome, assigned: Outcome
    ) -> tuple[Outcome, Outcome, SeatList | None]:
        """Return the outcomes as the seat list shows them after the changes, and the list."""
        try:
            unassigned, assigned, seats = self._client.run(read_back(unassigned, assigned))
        except DatadogSeatsError as error:
            self._warn(f"The seats could not be read after the changes, so this is what Datadog answered: {error}")
            return unassigned, assigned, None
        if (warning := exceeded(plan, seats)) is not None:
            self._warn(warning)
        return unassigned, assigned, seats

    def _reach(self, plan: Plan, report: Callable[[Plan], Report]) -> None:
        """Remember how far the run got: the plan, and what reports a run that ends here."""
        self._plan, self._report = plan, report

    def _finish(self, error: BaseException | None) -> Report:
        if self._attempts is not None:
            self._attempts.forget_after(error)
        report = self._report(self._plan._replace(warnings=tuple(self._warnings)))
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

    def _now(self) -> datetime:
        # Datadog's clock, because it dates the seats. Before the first response there is only this machine's.
        return self._client.server_time or clock().utc()
