"""Planning: a flow that compares people with seats, narrows the changes, and checks what is left.

A preview, an approved run, a retry and an undo go through the same lines.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._arguments import parse_time
from airflow_provider_seats._planning.checks import refusals
from airflow_provider_seats._planning.comparison import (
    assignments,
    reversed_changes,
    roster_changes,
    still_to_make,
    unassignments,
)
from airflow_provider_seats._planning.keepers import (
    accounts_to_read,
    among,
    found_on_call,
    free_keepers,
    named_by_account,
    without_account,
)
from airflow_provider_seats._planning.plan import Plan, by_email, by_id, label
from airflow_provider_seats._planning.world import Reader, World
from airflow_provider_seats._rosters.round_numbers import warn_if_cut
from airflow_provider_seats._text import join_names, plural

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._planning.jobs import Job
    from airflow_provider_seats.report import Report

# A preview that a guard refuses may be about everyone in the organisation.
_MAX_LOOK_UPS: Final = 1_000
# An undo of an older report is a warning.
_LONG_AGO: Final = timedelta(days=1)


class Planner:
    """Makes the plan of one run.

    :param start: what is known of the plan before anything is read.
    :param now: returns the time, by Datadog's clock as soon as that is known: it dates the seats.
    :param warn: takes what a person should look at.
    :param draft: takes the plan as it is known before accounts and who is on call are read, in case a reading fails.
    """

    def __init__(
        self,
        job: Job,
        reader: Reader,
        start: Plan,
        *,
        now: Callable[[], datetime],
        warn: Callable[[str], None],
        draft: Callable[[Plan], None],
    ) -> None:
        self._job = job
        self._reader = reader
        self._start = start
        self._now = now
        self._warn = warn
        self._draft = draft

    def plan(self) -> Flow[Plan]:
        job = self._job
        if job.undo is not None:
            plan, world = yield from self._undo(job, job.undo)
        else:
            begin = {"assign": self._assign, "unassign": self._unassign, "sync": self._sync}[job.operator]
            plan, world = yield from begin(job)
        if world.seat_list is None:
            # Only the list says how far earlier attempts got, so the report covers this attempt alone.
            plan = plan._replace(earlier=None)
        plan = yield from self._narrow(plan._replace(seat_list=world.seat_list, read_at=world.now), world)
        if job.undo is not None:
            self._warn_of_a_second_undo(plan, job.undo, world.now)
        return self._approvable(plan) if job.preview else plan

    def _assign(self, job: Job) -> Flow[tuple[Plan, World]]:
        seats = (yield from self._reader.seats()) if job.people and job.needs_seat_list else None
        found = yield from self._reader.search_accounts(job.people.emails)
        world = World(self._now(), seats, found)
        return assignments(self._start, job.people, world), world

    def _unassign(self, job: Job) -> Flow[tuple[Plan, World]]:
        if not (job.people and job.needs_seat_list):
            return self._start, World(self._now())
        people = job.people.as_persons()
        seats = yield from self._reader.seats(lambda seats: not all(map(seats.holds, people)))
        looks_up = job.guards.missing_users == "fail"
        if job.people.emails and not looks_up and (unnamed := seats.rows_without_email):
            seats_have = plural(unnamed, "seat has", "seats have")
            self._warn(f"{seats_have} no email, so someone passed by email may hold one of them unnoticed.")
        found = (yield from self._reader.search_accounts(seats.unlisted(job.people.emails))) if looks_up else []
        world = World(self._now(), seats, found)
        return unassignments(self._start, job.people, world, fails=looks_up), world

    def _sync(self, job: Job) -> Flow[tuple[Plan, World]]:
        if (warning := warn_if_cut(len(job.people), "The roster")) is not None:
            self._warn(warning)
        seats = yield from self._reader.seats()
        wanted = seats.unlisted(job.people.emails) if "assign" in job.kinds else ()
        found = yield from self._reader.search_accounts(wanted)
        return roster_changes(self._start, job, World(self._now(), seats, found))

    def _undo(self, job: Job, report: Report) -> Flow[tuple[Plan, World]]:
        changes = reversed_changes(report, job.only)
        borrowers = [change.person for change in changes if change.kind == "unassign"]
        seats = yield from self._reader.seats(lambda seats: not all(map(seats.holds, borrowers)))
        self._warn_of_another_origin(report)
        plan = still_to_make(self._start, changes, seats)
        if job.mode != "exact":
            plan = plan._replace(facts={"mode": job.mode})
        if "assign" not in job.kinds:
            plan = plan.narrow("assign", [lambda _: f"mode={job.mode!r} assigns nobody"], "unchanged")
        return plan, World(self._now(), seats)

    def _narrow(self, plan: Plan, world: World) -> Flow[Plan]:
        """Leave out those who keep their seat, first by what is known, and then by what is read about the rest.

        A plan that is refused whatever the readings say costs none, unless it is a preview, which shows the whole plan.
        """
        job = self._job
        plan = plan.narrow("unassign", free_keepers(job, world))
        if job.approved is not None and not job.awaited:
            were_missing = among(map(by_email, job.approved["missing"]), "missing in the approved preview")
            plan = plan.narrow("assign", [were_missing], "missing_before")
        plan = plan._replace(refusals=refusals(plan, world, job))
        self._draft(plan)
        if self._is_worth_reading(plan, world):
            plan, world = yield from self._narrow_by_readings(plan, world)
            plan = plan._replace(refusals=refusals(plan, world, job))
        if world.nobodys is None and (unmatched := world.unmatched(job.guards.protect)):
            names = [*unmatched.uuids, *unmatched.emails]
            self._warn(
                f"protect: no seat and no account that was read matches {join_names(names)}. Check the spelling."
            )
            plan = plan._replace(facts={**plan.facts, "protect_unmatched": names})
        return plan

    def _is_worth_reading(self, plan: Plan, world: World) -> bool:
        if not plan.refusals:
            return True
        on_call, accounts = self._job.guards.on_call, bool(accounts_to_read(self._job, world, plan))
        is_small = len(plan.unassign) <= _MAX_LOOK_UPS
        # Those who keep their seat because of what is read must not use up a limit.
        may_pass = (on_call == "keep" or accounts) and all(refusal.may_pass for refusal in plan.refusals)
        if self._job.preview and not is_small and (on_call or accounts):
            people = plural(len(plan.unassign), "person", "people")
            self._warn(f"Accounts and who is on call were not read, because {people} would lose their seat.")
        return is_small and (self._job.preview or may_pass)

    def _narrow_by_readings(self, plan: Plan, world: World) -> Flow[tuple[Plan, World]]:
        """Return what is left when it is known who is on call, and whose account it is. Return what was read, too."""
        guards = self._job.guards
        if guards.on_call is not None and (losing := sorted(by_id(plan.unassign))):
            # First: one call looks for many people in schedules, and an account takes a call of its own.
            found = yield from self._reader.on_call(losing, world.now, in_policies=guards.check_escalation_policies)
            world = world._replace(on_call=found)
            if guards.on_call == "keep":
                plan = plan.narrow("unassign", [found_on_call(world)])
        looks_up = bool(plan.unassign) and guards.check_accounts
        if wanted := accounts_to_read(self._job, world, plan):
            accounts = yield from self._reader.get_accounts(wanted)
            in_roster = any(account.names & world.roster_emails for account in accounts.values())
            holds_seat = world.someone_of_roster_holds_a_seat or in_roster
            world = world._replace(accounts=accounts, someone_of_roster_holds_a_seat=holds_seat)
            plan = plan.narrow("unassign", [named_by_account(world, guards.protect, wanted)])
            if self._job.undo is not None:
                plan = plan.narrow("assign", [without_account(world)], "missing")
        if looks_up:
            world = world._replace(nobodys=(yield from self._find_nobodys(world)))
        return plan, world

    def _approvable(self, plan: Plan) -> Plan:
        """Turn what a person may approve into warnings: a refusal of a preview is one of its approval, too."""
        for refusal in plan.refusals:
            if refusal.approvable:
                self._warn(f"{refusal.text} Without approved, applying this would be refused.")
        return plan._replace(refusals=tuple(each for each in plan.refusals if not each.approvable))

    def _find_nobodys(self, world: World) -> Flow[tuple[str, ...]]:
        protect = self._job.guards.protect
        if self._job.approved is not None:
            # The preview looked these up. An approved run reads no account of those who were protected in it.
            guards = self._job.approved["guards"]
            protect = protect.without({*guards.get("protect", ())} - {*guards.get("protect_unmatched", ())})
        unmatched = world.unmatched(protect)
        accounts = yield from self._reader.get_accounts(dict.fromkeys(unmatched.uuids))
        found = (*accounts.values(), *(yield from self._reader.search_accounts(unmatched.emails)))
        rest = world._replace(found=(*world.found, *found)).unmatched(protect)
        return (*rest.uuids, *rest.emails)

    def _warn_of_another_origin(self, report: Report) -> None:
        since, conn_id, site = report["since_attempt"], report.get("conn_id"), report.get("site")
        origin = self._start.origin
        if since > 1:
            self._warn(f"The report covers the attempts from {since} on. Changes of earlier attempts are not undone.")
        if (conn_id and conn_id != origin.conn_id) or (site and site != origin.site):
            other = f"{conn_id!r}{f' to {site}' if site else ''}"
            own = f"{origin.conn_id!r} to {origin.site}"
            self._warn(f"The report was made through the connection {other}. This undo goes through {own}.")

    def _warn_of_a_second_undo(self, plan: Plan, report: Report, now: datetime) -> None:
        ended = parse_time(report.get("ended_at"))
        is_old = ended is not None and now - ended > _LONG_AGO
        undated = [each.person for each in plan.changes if each.seat and parse_time(each.seat.assigned_at) is None]
        if is_old and undated:
            self._warn(
                "The seat list does not show since when these people hold a seat, so it may be another one than the "
                f"report's: {join_names(map(label, undated))}."
            )
        # On a retry, these are those that an earlier attempt has changed back, too.
        tried = () if plan.earlier is None else {*plan.earlier.assigned, *plan.earlier.unassigned}
        unchanged = [each for each in plan.unchanged if each["id"] not in tried]
        if plan.assign and (is_old or unchanged):
            age = f" is from {ended:%Y-%m-%d}, and" if is_old and ended else ""
            before = plural(len(unchanged), "person", "people")
            self._warn(
                f"The report to undo{age} may have been undone before: {before} in it are as before its changes. These "
                f"people get a seat, also if they lost it since for another reason: "
                f"{join_names(map(label, plan.assign))}."
            )
