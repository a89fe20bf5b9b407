"""Short ways to make rows, accounts, people and plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._api.users import User
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.kept_seats import accounts_to_read
from airflow_provider_seats._planning.planner import Mode, match_roster, plan_assign, plan_sync, plan_unassign
from airflow_provider_seats._planning.verdict import too_many_unassigned
from airflow_provider_seats._planning.world import World
from airflow_provider_seats.report import KINDS, Person, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_seats._planning.plan import Plan
    from airflow_provider_seats._planning.seat_list import SeatList
    from airflow_provider_seats._rosters.people import People

P = "p"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NONE = Guards()


def seat(uuid: str | None, email: str | None = None, days: float | None = 100) -> SeatUser:
    """Return a row of the seat list that was assigned so many days ago."""
    since = None if days is None else (NOW - timedelta(days=days)).isoformat()
    return SeatUser(uuid, email, None, since)


def user(uuid: str, email: str | None, status: str = "Active") -> User:
    """Return an account."""
    return User(uuid, email, None, status)


def person(uuid: str | None, email: str | None = None) -> Person:
    """Return a person of a report."""
    return Person(id=uuid, email=email)


def world(
    seat_list: SeatList | None = None,
    *,
    users: Iterable[User] = (),
    accounts: Iterable[User] | None = None,
    **more: Any,
) -> World:
    """Return what was read before a plan is made."""
    return World(
        NOW,
        seat_list,
        {email_key(each.email): each for each in users if each.email},
        None if accounts is None else {each.id: each for each in accounts},
        **more,
    )


def assign(
    people: People, users: Iterable[User] = (), seat_list: SeatList | None = None, guards: Guards = NONE
) -> Plan:
    """Plan an assignment."""
    return plan_assign(P, people, world(seat_list, users=users), guards)


def unassign(people: People, seat_list: SeatList | None = None, guards: Guards = NONE, **more: Any) -> Plan:
    """Plan an unassignment."""
    return plan_unassign(P, people, world(seat_list, **more), guards)


def sync(
    roster: People,
    seat_list: SeatList,
    mode: Mode = "exact",
    users: Iterable[User] = (),
    guards: Guards = NONE,
    *,
    approved: Report | None = None,
    **more: Any,
) -> Plan:
    """Plan a sync."""
    state = compared(world(seat_list, users=users, **more), roster, mode)
    return plan_sync(P, mode, state, guards, approved=approved, report_unchanged=True)


def compared(state: World, roster: People, mode: Mode = "exact") -> World:
    """Return what is known when a sync is planned: with the roster beside the seat list."""
    return replace(state, match=match_roster(roster, mode, state))


def with_accounts(
    plan: Callable[[World], Plan],
    before: World,
    guards: Guards,
    accounts: Mapping[str, User],
) -> Plan:
    """Plan, read the accounts that the plan needs, and plan again, as an operator does."""
    first = plan(replace(before, checked=False))
    if first.refusal is not None and first.refusal.reasons != tuple(too_many_unassigned(first, guards)):
        return first
    if wanted := accounts_to_read(first, guards, before):
        before = replace(before, accounts={uuid: accounts[uuid] for uuid in wanted if uuid in accounts})
    return plan(before)


def people_of(report: Report, kind: str) -> list[Person]:
    """Return the people of one kind."""
    people: list[Person] = dict(report)[kind]  # type: ignore[assignment]
    return people


def kinds(report: Report) -> dict[str, list[str]]:
    """Return the people of a report by kind, as UUIDs or else emails. Empty kinds are left out."""
    return {
        kind: [str(each["id"] or each["email"]) for each in people_of(report, kind)]
        for kind in KINDS
        if people_of(report, kind)
    }
