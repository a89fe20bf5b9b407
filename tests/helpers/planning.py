"""Short ways to make rows, accounts, people and plans."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._api.users import User
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.jobs import Job, Mode
from airflow_provider_seats._planning.plan import Change, EarlierAttempts, Plan
from airflow_provider_seats._planning.planner import Planner
from airflow_provider_seats._planning.world import Reader
from airflow_provider_seats._rosters.people import NOBODY
from airflow_provider_seats.report import KINDS, Person, Report

if TYPE_CHECKING:
    from airflow_provider_seats._api.seat_list import SeatList
    from airflow_provider_seats._rosters.people import People

T = TypeVar("T")
P = "p"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NONE = Guards()


def defaults(operator: type[Any]) -> dict[str, Any]:
    """Return the arguments of an operator with their defaults. Required ones are left out."""
    parameters = inspect.signature(operator.__init__).parameters.values()
    own = (each for each in parameters if each.kind is each.KEYWORD_ONLY and each.name != "task_id")
    return {each.name: each.default for each in own if each.default is not each.empty}


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


def changes(assign: Iterable[Person] = (), unassign: Iterable[Person] = ()) -> tuple[Change, ...]:
    """Return the changes of these people."""
    return (*(Change("unassign", each) for each in unassign), *(Change("assign", each) for each in assign))


class Readings(Reader):
    """Answers what a planner reads, without a call, and remembers whose accounts were read.

    :param users: the accounts that a search by email finds.
    :param accounts: the accounts that are found by UUID. Without them everyone has one, with the row's email.
    :param on_call: where people are found on call.
    """

    def __init__(
        self,
        seats: SeatList | None,
        users: Iterable[User] = (),
        accounts: Iterable[User] | None = None,
        on_call: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(P, read_all_users=False)
        self._seats = seats
        self._users = list(users)
        rows = [user(row.id, row.email) for row in (seats.users if seats else ()) if row.id]
        known = (*rows, *self._users) if accounts is None else accounts
        self._by_uuid = {each.id: each for each in known}
        self._knows_all = accounts is None
        self._on_call = on_call or {}
        self.looked_up: list[str] = []
        self.read: list[str] = []

    def seats(self, relies_on_absence: Callable[[SeatList], bool] = lambda _: False) -> Any:
        """Return the seat list."""
        return _flow(self._seats)

    def search_accounts(self, emails: Sequence[str]) -> Any:
        """Return all accounts that can be searched."""
        self.looked_up += emails
        return _flow(self._users if emails else [])

    def get_accounts(self, people: Mapping[str, str | None]) -> Any:
        """Return accounts by UUID."""
        self.read += people
        others = {uuid: user(uuid, None) for uuid in people if self._knows_all}
        return _flow({uuid: each for uuid, each in (others | self._by_uuid).items() if uuid in people})

    def on_call(self, people: Sequence[str], now: datetime, *, in_policies: bool) -> Any:
        """Return where people are found."""
        return _flow({uuid: found for uuid, found in self._on_call.items() if uuid in people})


def _flow(value: T) -> Generator[Any, Any, T]:
    """Return a flow that needs nothing."""
    return value
    yield


def planned(
    job: Job,
    readings: Reader,
    *,
    earlier: EarlierAttempts | None = None,
    now: datetime = NOW,
    warn: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Return the plan of a job."""
    start = Plan(job.product, job.as_requested(), guards=job.guards, earlier=earlier)
    flow = Planner(job, readings, start, now=lambda: now, warn=warn, draft=lambda _: None).plan()
    try:
        next(flow)
    except StopIteration as end:
        plan: Plan = end.value
        return plan
    raise AssertionError("The readings answer without a call.")


def assign(
    people: People, users: Iterable[User] = (), seat_list: SeatList | None = None, guards: Guards = NONE
) -> Plan:
    """Plan an assignment."""
    job = Job("assign", P, people, guards, read_seats_first=seat_list is not None)
    return planned(job, Readings(seat_list, users))


def unassign(
    people: People,
    seat_list: SeatList | None = None,
    guards: Guards = NONE,
    *,
    earlier: EarlierAttempts | None = None,
    run_again: tuple[datetime, datetime] | None = None,
    **more: Any,
) -> Plan:
    """Plan an unassignment."""
    job = Job("unassign", P, people, guards, read_seats_first=seat_list is not None)
    return planned(job._replace(run_again=run_again), Readings(seat_list, **more), earlier=earlier)


def sync(
    roster: People,
    seat_list: SeatList,
    mode: Mode = "exact",
    users: Iterable[User] = (),
    guards: Guards = NONE,
    *,
    approved: Report | None = None,
    undo: Report | None = None,
    only: People | None = None,
    earlier: EarlierAttempts | None = None,
    preview: bool = False,
    roster_read_at: datetime | None = None,
    now: datetime = NOW,
    warn: Callable[[str], None] = lambda _: None,
    **more: Any,
) -> Plan:
    """Plan a sync. Its report lists unchanged people."""
    if guards.allow_empty is None and undo is None and mode != "add_only":
        guards = Guards(**guards.in_force(), allow_empty=False)
    job = Job(
        "sync",
        P,
        roster,
        guards,
        mode=mode,
        approved=approved,
        undo=undo,
        only=only,
        preview=preview,
        roster_read_at=roster_read_at,
    )
    plan = planned(job, Readings(seat_list, users, **more), earlier=earlier, now=now, warn=warn)
    return plan._replace(lists_unchanged=True)


def undo(
    report: Report,
    seat_list: SeatList,
    only: People | None = None,
    guards: Guards = NONE,
    mode: Mode = "exact",
    **more: Any,
) -> Plan:
    """Plan an undo."""
    return sync(NOBODY, seat_list, mode, guards=guards, undo=report, only=only, **more)


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
