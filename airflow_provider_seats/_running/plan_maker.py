"""Read what the plan of a run needs, and make the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.seat_list import SeatList, read_seat_list, read_until_proven
from airflow_provider_seats._api.users import User, accounts_by_email, get_accounts, search_accounts, unambiguous
from airflow_provider_seats._arguments import parse_time
from airflow_provider_seats._planning.jobs import AssignJob, Job, SyncJob, UnassignJob
from airflow_provider_seats._planning.kept_seats import accounts_to_read, unmatched_protection
from airflow_provider_seats._planning.plan import EarlierAttempts, Origin, Plan, by_id, label
from airflow_provider_seats._planning.planner import (
    emails_to_look_up,
    match_roster,
    plan_assign,
    plan_sync,
    plan_unassign,
    plan_undo,
    to_undo,
)
from airflow_provider_seats._planning.verdict import too_many_unassigned
from airflow_provider_seats._planning.world import World
from airflow_provider_seats._running.on_call_reader import OnCallReader
from airflow_provider_seats._text import join_names, plural

if TYPE_CHECKING:
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats.report import Report

# A preview that a guard refuses may be about everyone in the organisation.
_MAX_LOOK_UPS: Final = 1_000
# An undo of an older report is a warning.
_LONG_AGO: Final = timedelta(days=1)


class PlanMaker:
    """Makes the plan of one run.

    :param origin: the connection of the run.
    :param earlier: what earlier attempts of the task set out to change.
    :param warn: takes what a person should look at.
    :param draft: takes the plan as it is known before accounts and who is on call are read, in case a reading fails.
    """

    def __init__(
        self,
        client: Client,
        origin: Origin,
        earlier: EarlierAttempts | None,
        *,
        warn: Callable[[str], None],
        draft: Callable[[Plan], None],
    ) -> None:
        self._client = client
        self._origin = origin
        self._earlier = earlier
        self._warn = warn
        self._draft = draft
        self._total_users: int | None = None
        self._on_call = OnCallReader(client)
        self._read_all_users = False

    def make(self, job: Job) -> Plan:
        """Read what the plan of a job needs, and make it."""
        self._read_all_users = isinstance(job, Job) and job.read_all_users
        if isinstance(job, SyncJob):
            return self._sync(job) if job.undo is None else self._undo(job, job.undo)
        if isinstance(job, AssignJob):
            return self._assign(job)
        if isinstance(job, UnassignJob):
            return self._unassign(job)
        raise TypeError(f"{type(job).__name__} is not a job")

    def _assign(self, job: AssignJob) -> Plan:
        seats = self._read_seats(job) if job.people and job.needs_seat_list else None
        users = unambiguous(job.people.emails, self._find_accounts(job.people.emails))
        return plan_assign(job.product, job.people, self._world(seats, users=users), job.guards)

    def _unassign(self, job: UnassignJob) -> Plan:
        if not (job.people and job.needs_seat_list):
            return plan_unassign(job.product, job.people, self._world(None), job.guards)

        def someone_absent(seats: SeatList) -> bool:
            return any(not rows for _, rows in seats.match(job.people))

        seats = self._client.run(read_until_proven(job.product, someone_absent))
        looks_up = job.guards.missing_users == "fail"
        if job.people.emails and not looks_up and (unnamed := seats.rows_without_email()):
            seats_have = plural(unnamed, "seat has", "seats have")
            self._warn(f"{seats_have} no email, so someone passed by email may hold one of them unnoticed.")
        same_emails = self._find_accounts(seats.unlisted(job.people.emails)) if looks_up else []
        world = replace(self._world(seats), same_emails=accounts_by_email(same_emails))
        return self._checked(world, job, lambda world: plan_unassign(job.product, job.people, world, job.guards))

    def _sync(self, job: SyncJob) -> Plan:
        seats = self._read_seats(job)
        wanted = emails_to_look_up(job.people, seats, job.mode)
        world = self._world(seats, users=unambiguous(wanted, self._find_accounts(wanted)))
        return self._checked(
            replace(world, match=match_roster(job.people, job.mode, world)),
            job,
            lambda world: plan_sync(
                job.product, job.mode, world, job.guards, approved=job.approved, report_unchanged=job.report_unchanged
            ),
        )

    def _undo(self, job: SyncJob, report: Report) -> Plan:
        _, unassign = to_undo(report, job.only)

        def someone_absent(seats: SeatList) -> bool:
            return not all(map(seats.holds, unassign))

        seats = self._client.run(read_until_proven(job.product, someone_absent))
        since, conn_id, site = report["since_attempt"], report.get("conn_id"), report.get("site")
        if since > 1:
            self._warn(f"The report covers the attempts from {since} on. Changes of earlier attempts are not undone.")
        if (conn_id and conn_id != self._origin.conn_id) or (site and site != self._origin.site):
            other = f"{conn_id!r}{f' to {site}' if site else ''}"
            own = f"{self._origin.conn_id!r} to {self._origin.site}"
            self._warn(f"The report was made through the connection {other}. This undo goes through {own}.")
        world = self._world(seats)
        planned = self._checked(
            world,
            job,
            lambda world: plan_undo(
                job.product, report, job.only, world, job.guards, mode=job.mode, approved=job.approved
            ),
        )
        ended = parse_time(report.get("ended_at"))
        is_old = ended is not None and world.now - ended > _LONG_AGO
        if planned.assign and (is_old or planned.unchanged):
            age = f" is from {ended:%Y-%m-%d}, and" if is_old and ended else ""
            before = plural(len(planned.unchanged), "person", "people")
            self._warn(
                f"The report to undo{age} may have been undone before: {before} in it are as before its changes. These "
                f"people get a seat, also if they lost it since for another reason: "
                f"{join_names(map(label, planned.assign))}."
            )
        return planned

    def _checked(self, world: World, job: Job, plan: Callable[[World], Plan]) -> Plan:
        """Make a plan. Read the accounts that it depends on, and who is on call, and plan again.

        A plan that is refused whatever they say costs no reading, unless it is a preview, which shows the whole plan.
        """
        first = plan(replace(world, checked=False))
        self._draft(first)
        is_small = len(first.unassign) <= _MAX_LOOK_UPS
        # Those who keep their seat because of what is read must not use up the limit.
        only_count_refuses = first.refusal and first.refusal.reasons == tuple(too_many_unassigned(first, job.guards))
        may_keep = job.guards.on_call == "keep" or bool(self._accounts_to_read(world, job, first))
        if first.refusal is None or (is_small and (job.preview or (only_count_refuses and may_keep))):
            if job.guards.on_call is not None:
                # First: one call looks for many people in schedules, and an account takes a call of its own.
                world = self._with_on_call(world, job, first)
                first = plan(replace(world, checked=False))
            world = self._with_accounts(world, job, first)
            looks_up = bool(first.unassign) and job.guards.check_accounts
            if looks_up:
                world = replace(world, nobodys=self._nobodys(world, job))
            planned = plan(world)
        else:
            planned, looks_up = first, False
            if job.preview and (job.guards.on_call or self._accounts_to_read(world, job, first)):
                people = plural(len(first.unassign), "person", "people")
                self._warn(f"Accounts and who is on call were not read, because {people} would lose their seat.")
        if not looks_up and (unmatched := unmatched_protection(job.guards, world)):
            names = [*unmatched.uuids, *unmatched.emails]
            self._warn(
                f"protect: no seat and no account that was read matches {join_names(names)}. Check the spelling."
            )
            planned = replace(planned, guards={**planned.guards, "protect_unmatched": names})
        return planned

    def _nobodys(self, world: World, job: Job) -> tuple[str, ...]:
        """Return the entries of ``protect`` that are nobody's account."""
        unmatched = unmatched_protection(job.guards, world)
        accounts = self._client.run(get_accounts(dict.fromkeys(unmatched.uuids))) if unmatched.uuids else {}
        users = (*accounts.values(), *self._find_accounts(unmatched.emails))
        rest = unmatched_protection(job.guards, replace(world, same_emails={"": users, **world.same_emails}))
        return (*rest.uuids, *rest.emails)

    def _accounts_to_read(self, world: World, job: Job, first: Plan) -> dict[str, str | None]:
        people = accounts_to_read(first, job.guards, world)
        if isinstance(job, SyncJob) and job.undo is not None and job.guards.check_accounts:
            # An account that was disabled since gets no seat back.
            people |= {uuid: person["email"] for uuid, person in by_id(first.assign).items()}
        return people

    def _with_accounts(self, world: World, job: Job, first: Plan) -> World:
        people = self._accounts_to_read(world, job, first)
        if not people:
            return world
        return replace(
            world, accounts=self._client.run(get_accounts(people, self._total_users, read_all=self._read_all_users))
        )

    def _with_on_call(self, world: World, job: Job, planned: Plan) -> World:
        people = sorted(by_id(planned.unassign).keys() - world.on_call.keys())
        if not people:
            return world
        found = self._on_call.find(people, world.now, in_policies=job.guards.check_escalation_policies)
        return replace(world, on_call={**world.on_call, **found})

    def _world(self, seats: SeatList | None, users: dict[str, User] | None = None) -> World:
        # Datadog's clock, because it dates the seats. Before the first response there is only this machine's.
        now = self._client.server_time or datetime.fromtimestamp(clock().now(), UTC)
        return World(now, seats, users or {}, earlier=self._earlier if seats is not None else None)

    def _read_seats(self, job: Job) -> SeatList:
        return self._client.run(
            read_seat_list(job.product, lambda read: f"{plural(read, 'seat')} of {job.product} read so far")
        )

    def _find_accounts(self, emails: Sequence[str]) -> list[User]:
        if not emails:
            return []
        users, self._total_users = self._client.run(search_accounts(emails, read_all=self._read_all_users))
        return users
