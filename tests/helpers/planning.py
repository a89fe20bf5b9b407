"""Small makers for the tests of plans: rows, accounts, people, and the usual arguments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._api.users import User
from airflow_provider_seats._planning.planner import Guards, Mode, plan_assign, plan_sync, plan_unassign
from airflow_provider_seats.report import KINDS, Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._planning.arguments import People
    from airflow_provider_seats._planning.plan import Plan
    from airflow_provider_seats._planning.seat_list import Holders

P = "p"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NONE = Guards()


def seat(uuid: str | None, email: str | None = None, days: float | None = 100) -> SeatUser:
    """Make a row of the seat list, held for so many days."""
    since = None if days is None else (NOW - timedelta(days=days)).isoformat()
    return SeatUser(uuid, email, None, since)


def user(uuid: str, email: str, status: str = "Active") -> User:
    """Make an account."""
    return User(uuid, email, None, status)


def who(uuid: str | None, email: str | None = None) -> Person:
    """Make a person of a report."""
    return Person(id=uuid, email=email)


def assign(people: People, users: dict[str, User], holders: Holders | None = None, guards: Guards = NONE) -> Plan:
    """Plan an assignment."""
    return plan_assign(P, people, users=users, guards=guards, holders=holders)


def unassign(people: People, holders: Holders | None = None, guards: Guards = NONE, **more: Any) -> Plan:
    """Plan an unassignment."""
    return plan_unassign(P, people, **{"guards": guards, "now": NOW, "holders": holders, **more})


def sync(
    roster: People,
    holders: Holders,
    mode: Mode = "exact",
    users: dict[str, User] | None = None,
    guards: Guards = NONE,
    **more: Any,
) -> Plan:
    """Plan a sync."""
    return plan_sync(P, roster, mode, users=users or {}, guards=guards, now=NOW, holders=holders, **more)


def those(report: Report, kind: str) -> list[Person]:
    """Give the people of one kind."""
    people: list[Person] = dict(report)[kind]  # type: ignore[assignment]
    return people


def told(report: Report) -> dict[str, list[str]]:
    """Give the kinds of a report that hold someone, by UUID or else email."""
    return {
        kind: [str(person["id"] or person["email"]) for person in those(report, kind)]
        for kind in KINDS
        if those(report, kind)
    }
