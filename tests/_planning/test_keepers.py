"""Who keeps a seat, which accounts are read to know it, and the promise that nobody loses a seat by accident."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.seat_change import Outcome
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._api.users import User
from airflow_provider_seats._arguments import parse_time
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.jobs import Job, Mode, parse_job
from airflow_provider_seats._planning.plan import EarlierAttempts, Plan, by_id
from airflow_provider_seats._planning.reporting import report_changes, report_preview
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.operators import SyncSeatsOperator
from airflow_provider_seats.report import Report, for_undo
from tests.helpers.examples import examples
from tests.helpers.planning import NONE, NOW, P, Readings, defaults, kinds, planned, seat, sync, unassign, user

OTHERS = People(("9",))


def protect(*emails: str) -> Guards:
    """Return guards that protect these emails."""
    return Guards(protect=People((), emails))


# --- reasons ---


@pytest.mark.parametrize(
    ("row", "guards", "reason"),
    [
        (seat(None, "x@x"), NONE, "Datadog lists the seat without a user UUID"),
        (seat("1", "Ann@x"), protect("aNN@X"), "named in protect"),
        (seat("1", "jose\u0301@x"), protect("jos\u00e9@x"), "named in protect"),
        (seat("1"), Guards(protect=People(("1",))), "named in protect"),
        (seat("1", "a@x", days=6), Guards(min_seat_age=7 * 86_400), "the seat is younger than min_seat_age"),
        (seat("1", "a@x", days=None), Guards(min_seat_age=0.0), "it is unknown since when the seat is held"),
        *(
            (
                seat("1", "a@x")._replace(assigned_at=date),
                Guards(min_seat_age=1.0),
                "it is unknown since when the seat is held",
            )
            for date in ("soon", "0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z")
        ),
    ],
)
def test_a_kept_seat_has_a_reason(row: SeatUser, guards: Guards, reason: str) -> None:
    """A seat that a guard keeps is not unassigned, and the report says why."""
    for plan in (
        sync(OTHERS, SeatList([row]), "remove_only", guards=guards),
        unassign(People(tuple(filter(None, [row.id])), tuple(filter(None, [row.email]))), SeatList([row]), guards),
    ):
        assert plan.unassign == ()
        assert [(each["id"], each["reason"]) for each in plan.protected] == [(row.id, reason)]


@pytest.mark.parametrize("assigned_at", ["2026-11-20T11:59:59", "2026-11-20T12:59:59+01:00", "2026-11-20T11:59:59Z"])
def test_a_seat_that_is_old_enough_is_unassigned(assigned_at: str) -> None:
    """The age of a seat counts from its time, in UTC if it has no time zone."""
    row = seat("1", "a@x")._replace(assigned_at=assigned_at)
    plan = sync(OTHERS, SeatList([row]), "remove_only", guards=Guards(min_seat_age=86_400.0))
    assert [each["id"] for each in plan.unassign] == ["1"]
    plan = sync(OTHERS, SeatList([row]), "remove_only", guards=Guards(min_seat_age=86_402.0))
    assert plan.unassign == ()


# --- which accounts are read ---


def to_read(
    rows: Iterable[SeatUser], guards: Guards = NONE, roster: People | None = None, mode: Mode = "remove_only"
) -> set[str]:
    """Return the UUIDs of the accounts that a sync reads, or an unassignment of everyone if there is no roster."""
    seats = SeatList(rows)
    people = People(tuple(str(row.id) for row in seats.users)) if roster is None else roster
    readings = Readings(seats, [user("9", email) for email in guards.protect.emails])
    job = Job("unassign", P, people, guards, read_seats_first=True)
    if roster is not None:
        job = Job("sync", P, people, guards, mode=mode)
    planned(job, readings)
    return set(readings.read) - set(guards.protect.uuids)


ANN, BOB, BLANK = seat("1", "ann@x"), seat("2", "bob@x"), seat("3")


@pytest.mark.parametrize(
    ("rows", "guards", "roster", "read"),
    [
        ([ANN, BOB], NONE, People(("1",)), set()),
        ([ANN, BOB, BLANK], NONE, People(("1",)), set()),
        ([ANN, BOB], NONE, People((), ("ANN@x",)), set()),
        ([ANN, BOB], protect("Ann@x"), People(("1",)), set()),
        ([ANN, BOB, BLANK], NONE, People((), ("ann@x",)), {"3"}),
        ([ANN, BOB, BLANK], protect("ann@x"), People(("1",)), {"3"}),
        ([ANN, BOB], NONE, People((), ("ann@x", "new@x")), {"2"}),
        ([ANN, BOB, BLANK], NONE, People((), ("ann@x", "new@x")), {"2", "3"}),
        ([ANN, BOB], protect("boss@x"), People(("1",)), {"2"}),
        ([ANN, BOB], protect("boss@x"), People(("1", "2")), set()),
        ([ANN, BOB], Guards(protect=People((), ("boss@x",)), check_accounts=False), People(("1",)), set()),
        ([ANN, BOB], NONE, None, set()),
        ([ANN, BLANK], NONE, None, set()),
        ([ANN, BOB], protect("boss@x"), None, {"1", "2"}),
        ([ANN, BOB], protect("ann@x"), None, set()),
        ([ANN, BOB, BLANK], protect("ann@x"), None, {"3"}),
        ([ANN, BOB], Guards(protect=People(("7",))), None, set()),
    ],
)
def test_only_accounts_that_could_be_somebody_else_are_read(
    rows: list[SeatUser], guards: Guards, roster: People | None, read: set[str]
) -> None:
    """An account is read only of a person about to lose a seat, and only if an unlisted email could be theirs."""
    assert to_read(rows, guards, roster) == read


def test_no_account_is_read_if_nobody_loses_a_seat() -> None:
    """A plan that unassigns nobody needs no account."""
    assert to_read([ANN], roster=People((), ("new@x",)), mode="add_only") == set()


@given(
    rows=st.lists(st.tuples(st.sampled_from("123456"), st.booleans()), unique_by=lambda row: row[0]),
    roster=st.sets(st.sampled_from("123456")),
    protected=st.sets(st.sampled_from("123456")),
)
def test_at_most_one_account_is_read_for_each_person_about_to_lose_a_seat(
    rows: list[tuple[str, bool]], roster: set[str], protected: set[str]
) -> None:
    """The accounts that are read belong to people about to lose a seat, and a list that names everyone needs none."""
    table = [seat(each, f"{each}@x" if shown else None) for each, shown in rows]
    people = People((), tuple(f"{each}@x" for each in sorted(roster)))
    guards = protect(*(f"{each}@x" for each in sorted(protected)))
    read = to_read(table, guards, people)
    # Nobody is kept by what the accounts say, because each row shows the account's email or none.
    assert read <= {each for each, _ in rows}
    assert not read & {each for each, shown in rows if shown and each in roster | protected}
    if roster | protected <= {each for each, shown in rows if shown} and all(shown for _, shown in rows):
        assert read == set()


# --- what an account decides ---


def sync_with(
    roster: People,
    rows: Iterable[SeatUser],
    accounts: Iterable[User],
    guards: Guards = NONE,
    mode: Mode = "remove_only",
) -> Plan:
    """Plan a sync with the accounts that it reads."""
    return sync(roster, SeatList(rows), mode, guards=guards, accounts=accounts)


@pytest.mark.parametrize("row_email", ["old@x", None])
@pytest.mark.parametrize("status", ["Active", "Disabled"])
def test_a_person_keeps_the_seat_if_the_accounts_email_is_in_the_roster(row_email: str | None, status: str) -> None:
    """The roster names a person by the email of the account, although the row shows another one or none."""
    plan = sync_with(People((), ("bob@x", "NEW@x")), [seat("1", row_email), BOB], [user("1", "new@x", status)])
    assert kinds(report_preview(plan))["protected"] == ["1"]
    assert plan.protected[0]["reason"] == "the account's email new@x is in the roster"


@pytest.mark.parametrize("row_email", ["old@x", None])
def test_a_person_keeps_the_seat_if_the_accounts_email_is_protected(row_email: str | None) -> None:
    """A protected email may be that of the account, in a sync by UUID and in an unassignment too."""
    rows, accounts = [seat("1", row_email), BOB], [user("1", "Boss@x", "Disabled"), user("2", "bob@x")]
    guards = protect("boss@x", "nobody@x")
    by_sync = sync_with(People(("2",)), rows, accounts, guards)
    by_unassign = unassign(People(("1", "2")), SeatList(rows), guards, accounts=accounts)
    for plan in (by_sync, by_unassign):
        assert kinds(report_preview(plan))["protected"] == ["1"]
        assert plan.protected[0]["reason"] == "the account's email Boss@x is named in protect"
    assert kinds(report_preview(by_unassign))["unassigned"] == ["2"]


@pytest.mark.parametrize("accounts", [[], [user("1", None)]])
def test_a_person_whose_account_cannot_be_read_keeps_the_seat(accounts: list[User]) -> None:
    """An account that Datadog does not know, or that has no email, may be anyone in the roster."""
    plan = sync_with(People((), ("bob@x", "new@x")), [seat("1", "old@x"), BOB], accounts)
    assert kinds(report_preview(plan))["protected"] == ["1"]
    assert plan.protected[0]["reason"] == "the account cannot be read, so the person may be in the roster or protected"


def test_a_person_that_nothing_names_loses_the_seat() -> None:
    """A person whose account's email is in neither the roster nor protect is unassigned."""
    plan = sync_with(People((), ("bob@x", "new@x")), [seat("1"), BOB], [user("1", "gone@x")], protect("boss@x"))
    assert kinds(report_preview(plan)) == {"unassigned": ["1"], "unchanged": ["2", "new@x"]}


def test_every_account_of_a_protected_email_keeps_its_seat() -> None:
    """If two accounts share a protected email, both keep their seats, although one row shows no email."""
    rows = [seat("1", "u1@x"), seat("20"), BOB]
    accounts = [user("1", "u1@x"), user("20", "u1@x", "Disabled")]
    assert sync_with(People(("2",)), rows, accounts, protect("U1@x")).unassign == ()


def test_an_account_is_not_matched_by_a_similar_email() -> None:
    """An account's email that only casefold() would match identifies nobody, so the seat is unassigned."""
    plan = sync_with(People((), ("bob@x", "strasse@x")), [seat("1"), BOB], [user("1", "stra\u00dfe@x")])
    assert [each["id"] for each in plan.unassign] == ["1"]
    kept = sync_with(People((), ("bob@x", "jos\u00e9@x")), [seat("1"), BOB], [user("1", "Jose\u0301@x")])
    assert kept.unassign == ()


@pytest.mark.parametrize(("row_email", "unassigned"), [("old@x", ["1"]), (None, [])])
def test_without_the_check_a_row_without_an_email_is_kept(row_email: str | None, unassigned: list[str]) -> None:
    """check_accounts=False relies on the emails of the list, and keeps a seat that shows none."""
    guards = Guards(check_accounts=False)
    plan = sync_with(People((), ("bob@x", "new@x")), [seat("1", row_email), BOB], [user("1", "new@x")], guards)
    assert [each["id"] for each in plan.unassign] == unassigned
    assert report_preview(plan)["guards"]["check_accounts"] is False
    if not unassigned:
        assert "the seat list does not show the email" in plan.protected[0]["reason"]


def test_a_roster_of_uuids_needs_no_email() -> None:
    """A sync by UUID without protected emails unassigns a row without an email."""
    plan = sync_with(People(("2",)), [seat("1"), BOB], [])
    assert [each["id"] for each in plan.unassign] == ["1"]


# --- nobody loses a seat by accident ---


@dataclass(frozen=True)
class Someone:
    """A person with an account, whose emails nobody else has."""

    number: int
    account_email: str | None
    row_email: str | None
    disabled: bool

    @property
    def uuid(self) -> str:
        """The user UUID."""
        return str(UUID(int=0xABCDEF << 96 | self.number))

    def names(self, spelling: int) -> list[str]:
        """Return what a roster may call the person, in one of several spellings."""
        emails = [each for each in (self.account_email, self.row_email) if each]
        uuid = UUID(self.uuid)
        forms = [self.uuid, uuid.hex.upper(), uuid.urn, f"{{{uuid}}}"]
        changes: list[Callable[[str], str]] = [
            str,
            str.upper,
            lambda text: f"\u200b{text}\ufeff",
            lambda text: f" {text.swapcase()} ",
        ]
        return [forms[spelling % 4], *(changes[spelling % 4](email) for email in emails)]


@dataclass
class Organisation:
    """People, their seats, and a clock. It carries plans out as Datadog would."""

    people: dict[str, Someone]
    unreadable: set[str]
    seats: dict[str, datetime] = field(default_factory=dict)
    now: datetime = NOW
    reports: list[Report] = field(default_factory=list)

    def tick(self) -> datetime:
        """Let ten seconds pass."""
        self.now += timedelta(seconds=10)
        return self.now

    @property
    def accounts(self) -> dict[str, User]:
        """The accounts that can be read."""
        return {
            uuid: User(uuid, each.account_email, None, "Disabled" if each.disabled else "Active")
            for uuid, each in self.people.items()
            if uuid not in self.unreadable
        }

    def seat_list(self) -> SeatList:
        """Return the seat list as Datadog shows it."""
        return SeatList(
            SeatUser(uuid, self.people[uuid].row_email, None, since.isoformat()) for uuid, since in self.seats.items()
        )

    def plan(self, job: Job, earlier: EarlierAttempts | None = None) -> Plan:
        """Plan a job with what it reads."""
        accounts = self.accounts.values()
        return planned(job, Readings(self.seat_list(), accounts, accounts), earlier=earlier, now=self.now)

    def carry_out(self, plan: Plan, *, killed_after: int | None = None) -> None:
        """Change the seats as planned, and keep the report; or stop after so many changes without one."""
        if plan.error is not None:
            return
        started = plan.started(self.tick())
        unassigned, assigned = tuple(by_id(plan.unassign)), tuple(by_id(plan.assign))
        for count, uuid in enumerate((*unassigned, *assigned)):
            if count == killed_after:
                return
            if uuid in unassigned:
                del self.seats[uuid]
            else:
                self.seats[uuid] = self.tick()
        self.reports.append(
            report_changes(
                plan,
                Outcome(P, done=unassigned),
                Outcome(P, done=assigned),
                (started, self.tick()),
                self.seat_list(),
            )
        )


DEFAULTS: dict[str, Any] = {
    **defaults(SyncSeatsOperator),
    "product_code": P,
    "missing_users": "skip",
    "allow_empty": True,
    "max_unassign": "100%",
}
PEOPLE = 6


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    """Make people whose rows show the account's email, an older one or none, and and some hold a seat."""
    people = {}
    for number in range(PEOPLE):
        account = f"p{number}@x.com" if draw(st.booleans()) or draw(st.booleans()) else None
        row = draw(st.sampled_from([account, f"old{number}@x.com", None]))
        someone = Someone(number, account, row, disabled=draw(st.integers(0, 3)) == 0)
        people[someone.uuid] = someone
    some = st.sets(st.sampled_from(sorted(people)))
    organisation = Organisation(people, unreadable=draw(some) & draw(some))
    organisation.seats = dict.fromkeys(sorted(draw(some) | draw(some)), NOW - timedelta(days=30))
    return organisation


def draw_names(data: st.DataObject, organisation: Organisation) -> tuple[list[str], set[str]]:
    """Draw names for some people. Return the names and the UUIDs of the people."""
    chosen = data.draw(st.sets(st.sampled_from(sorted(organisation.people))))
    names = [
        data.draw(st.sampled_from(organisation.people[uuid].names(data.draw(st.integers(0, 3)))))
        for uuid in sorted(chosen)
    ]
    return names, chosen


@examples(80)
@given(organisations(), st.data())
def test_nobody_named_by_the_roster_or_protect_loses_a_seat(organisation: Organisation, data: st.DataObject) -> None:
    """No sequence of syncs, approvals, kills, retries and undos unassigns a person that the roster or protect names.

    The name may be the email of the row, the email of the account, or the UUID, in any spelling.
    """
    for _ in range(data.draw(st.integers(1, 5))):
        kind = data.draw(st.sampled_from(["sync", "killed", "approved", "undo", "other tool"]))
        protected, safe = draw_names(data, organisation)
        mode = data.draw(st.sampled_from(["exact", "remove_only"]))
        arguments = {**DEFAULTS, "protect": protected or NOT_PASSED, "mode": mode}
        before = dict(organisation.seats)
        if kind == "other tool":
            for uuid in safe:
                if organisation.seats.pop(uuid, None) is None:
                    organisation.seats[uuid] = organisation.tick()
            continue
        if kind == "undo":
            if not organisation.reports:
                continue
            report = data.draw(st.sampled_from(organisation.reports))
            arguments |= {
                "allow_empty": False,
                "undo": data.draw(st.sampled_from([json.dumps(report), for_undo(report) or report])),
            }
            organisation.carry_out(organisation.plan(parse_job("sync", arguments)))
            lost = before.keys() - organisation.seats.keys()
            changed = by_id(report["assigned"])
            started, ended = parse_time(report["started_at"]), parse_time(report["ended_at"])
            assert started is not None
            assert ended is not None
            assert all(uuid in changed and started <= before[uuid] <= ended for uuid in lost)
            assert not lost & safe
            continue
        roster, named = draw_names(data, organisation)
        arguments |= {"user_emails": roster}
        safe |= named
        if kind == "approved":
            preview = report_preview(organisation.plan(parse_job("sync", {**arguments, "preview": True})))
            assert organisation.seats == before
            for uuid in data.draw(st.sets(st.sampled_from(sorted(organisation.people)), max_size=2)):
                organisation.seats.setdefault(uuid, organisation.tick())
            before = dict(organisation.seats)
            organisation.carry_out(organisation.plan(parse_job("sync", {**arguments, "approved": json.dumps(preview)})))
            assert before.keys() - organisation.seats.keys() <= by_id(preview["unassigned"]).keys()
        else:
            job = parse_job("sync", arguments)
            plan = organisation.plan(job)
            killed_after = data.draw(st.integers(0, 4)) if kind == "killed" else None
            began = organisation.now
            organisation.carry_out(plan, killed_after=killed_after)
            if kind == "killed":
                # A retry remembers the first attempt, and a cleared task does not.
                earlier = plan.to_remember(began) if data.draw(st.booleans()) and plan.error is None else None
                organisation.carry_out(organisation.plan(job, earlier))
        assert not (before.keys() - organisation.seats.keys()) & safe


@given(organisations(), st.data())
def test_an_undo_restores_the_seats_of_a_sync(organisation: Organisation, data: st.DataObject) -> None:
    """The undo of a sync without later changes restores everyone who held a seat and can still be assigned one."""
    roster, _ = draw_names(data, organisation)
    before = set(organisation.seats)
    organisation.carry_out(organisation.plan(parse_job("sync", {**DEFAULTS, "user_emails": roster})))
    for report in organisation.reports[:1]:
        organisation.carry_out(
            organisation.plan(parse_job("sync", {**DEFAULTS, "allow_empty": False, "undo": for_undo(report) or report}))
        )
    lost = before - organisation.seats.keys()
    assert organisation.seats.keys() <= before
    assert all(uuid in organisation.unreadable or organisation.people[uuid].disabled for uuid in lost)


@given(organisations(), st.data())
def test_an_empty_or_foreign_roster_never_unassigns_by_default(organisation: Organisation, data: st.DataObject) -> None:
    """With the default guards, an empty roster, an empty half or a roster of strangers unassigns nobody."""
    roster: dict[str, list[str]] = {"user_emails": data.draw(st.sampled_from([[], ["nobody@elsewhere.com"]]))}
    if data.draw(st.booleans()):
        roster |= {"user_uuids": []}
    mode = data.draw(st.sampled_from(["exact", "remove_only", "add_only"]))
    job = parse_job("sync", {**DEFAULTS, "allow_empty": False, "mode": mode, **roster})
    before = dict(organisation.seats)
    organisation.carry_out(organisation.plan(job))
    assert organisation.seats == before
