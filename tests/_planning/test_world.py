"""What is read for a plan: by which accounts, schedules and second readings a run decides about people."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.jobs import parse_job
from airflow_provider_seats._planning.plan import Plan
from airflow_provider_seats._planning.planner import Planner
from airflow_provider_seats._planning.reporting import report_preview
from airflow_provider_seats._planning.world import Reader, World
from airflow_provider_seats._rosters.people import NOBODY, People
from airflow_provider_seats.exceptions import RateLimitError
from airflow_provider_seats.operators import AuditSeatsOperator, SyncSeatsOperator
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.clocks import FakeClock, installed
from tests.helpers.operators import (
    GHOST,
    OLD,
    RATE_LIMITED,
    Store,
    account_reads,
    add_people,
    assign,
    attempt,
    by_email,
    calls,
    emails,
    execute,
    failure,
    interrupt,
    refused,
    shifting,
    sync,
    unassign,
)
from tests.helpers.planning import NOW, defaults, seat, user
from tests.helpers.playing import Played, answer_by, serve, unserved


def renamed(datadog: FakeDatadog, old: str | None = "ann.old@x.com", **account: Any) -> str:
    """Add an account ann.new@x.com that holds a seat for which the seat list shows another email. Return its UUID."""
    ann = datadog.add_user("ann.new@x.com", **account)
    datadog.give_seat(PRODUCT, ann, email=old, assigned_at=OLD)
    return ann


# --- absence ---


def test_an_undo_confirms_an_absence_by_a_second_reading(datadog: FakeDatadog) -> None:
    """If two pages shift so that a borrower is on neither, a second reading finds the seat, and it is unassigned."""
    add_people(datadog, 101)
    ann = datadog.add_user("ann@x.com")
    report = assign(user_emails=["ann@x.com"], read_seats_first=True)
    datadog.received.clear()
    shifting(datadog, ann)
    assert by_email(sync(undo=report)) == {"unassigned": ["ann@x.com"]}
    assert calls(datadog).count("GET seats/users") == 6
    assert ann not in datadog.holders(PRODUCT)


def test_an_undo_of_an_unassignment_reads_the_list_once(datadog: FakeDatadog) -> None:
    """People who get a seat back are expected to be absent, so their absence needs no second reading."""
    add_people(datadog, 102)
    report = unassign(user_emails=emails(1))
    datadog.received.clear()
    sync(undo=report)
    assert calls(datadog).count("GET seats/users") == 4


# --- previews that a guard refuses ---


SYNC: dict[str, Any] = {**defaults(SyncSeatsOperator), "product_code": PRODUCT, "check_escalation_policies": False}
PEOPLE = st.sets(st.integers(0, 7))
NOBODYS = {90: "typo@x.com", 91: GHOST}


@given(
    seated=PEOPLE,
    roster=PEOPLE,
    disabled=PEOPLE,
    on_call=PEOPLE,
    protected=st.sets(st.sampled_from([*range(8), *NOBODYS])),
    renamed_people=PEOPLE,
    arguments=st.fixed_dictionaries(
        {
            "max_unassign": st.sampled_from([NOT_PASSED, 0, 1, "3", "100%"]),
            "max_seats": st.sampled_from([NOT_PASSED, 2, 5]),
            "mode": st.sampled_from(["exact", "add_only", "remove_only"]),
            "missing_users": st.sampled_from(["fail", "skip", "retry"]),
            "on_call": st.sampled_from(["ignore", "keep", "refuse"]),
            "allow_empty": st.booleans(),
        }
    ),
)
def test_a_preview_is_refused_if_applying_it_is(  # noqa: PLR0917 (the state of the world)
    seated: set[int],
    roster: set[int],
    disabled: set[int],
    on_call: set[int],
    protected: set[int],
    renamed_people: set[int],
    arguments: dict[str, Any],
) -> None:
    """A preview, a run and an approved run are refused in the same cases, and otherwise change the same people."""
    with unserved() as datadog:
        people = {
            number: datadog.add_user(f"u{number}@x.com", status="Disabled" if number in disabled else "Active")
            for number in range(8)
        }
        for number in seated:
            old = f"old{number}@x.com" if number in renamed_people else f"u{number}@x.com"
            datadog.give_seat(PRODUCT, people[number], email=old, assigned_at=OLD)
        datadog.add_schedule("Nights", [people[number] for number in sorted(on_call)] or [datadog.add_user("s@x.com")])
        names = [NOBODYS.get(number) or f"u{number}@x.com" for number in sorted(protected)]

        def plan(**more: Any) -> Plan:
            given = {**SYNC, "user_emails": [f"u{number}@x.com" for number in roster], "protect": names or "nobody"}
            job = parse_job("sync", {**given, **arguments, **more})
            reader = Reader(PRODUCT, read_all_users=False)
            now = datetime.now(UTC)
            planner = Planner(
                job,
                reader,
                Plan(job.product, guards=job.guards),
                now=lambda: now,
                warn=lambda _: None,
                draft=lambda _: None,
            )
            plan: Plan = serve(planner.plan(), lambda step: answer_by(datadog, step), Played())
            return plan

        preview, run = plan(preview=True), plan()
        applied = plan(approved=report_preview(preview))
    assert (preview.error is None) == (run.error is None) == (applied.error is None)
    if run.error is None:
        assert (preview.assign, preview.unassign) == (run.assign, run.unassign) == (applied.assign, applied.unassign)
        assert not protected & NOBODYS.keys() or not run.unassign


@pytest.mark.parametrize("missing_users", ["fail", "skip", "retry"])
def test_a_refused_preview_keeps_the_seats_that_accounts_protect(datadog: FakeDatadog, missing_users: str) -> None:
    """A preview shows a person as protected by the account's email, whether another guard refuses it or not."""
    renamed(datadog)
    add_people(datadog, 1)
    report = sync(
        user_emails=[*emails(0), "ghost@x.com"],
        protect=["ann.new@x.com"],
        missing_users=missing_users,
        preview=True,
    )
    assert by_email(report) == {"missing": ["ghost@x.com"], "protected": ["ann.old@x.com"]}
    assert bool(report["refusals"]) is (missing_users != "skip")


def test_an_approved_preview_that_kept_the_only_match_is_applied(datadog: FakeDatadog) -> None:
    """The only person of the roster with a seat is known by the account, which an approved run does not read again."""
    renamed(datadog)
    add_people(datadog, 1)
    arguments: dict[str, Any] = {"user_emails": ["ann.new@x.com"], "mode": "remove_only"}
    preview = sync(**arguments, preview=True)
    assert by_email(sync(**arguments, approved=preview)) == {"unassigned": emails(0), "protected": ["ann.old@x.com"]}


def test_a_refused_preview_looks_people_up_in_schedules(datadog: FakeDatadog) -> None:
    """A preview lists the refusal of a schedule beside that of another guard."""
    people = add_people(datadog, 3)
    datadog.add_schedule("Nights", [people[1]])
    arguments: dict[str, Any] = {"user_uuids": people, "on_call": "refuse", "max_unassign": 1}
    reasons = unassign(**arguments, preview=True)["refusals"]
    assert [("max_unassign" in reason, "Nights" in reason) for reason in reasons] == [(True, False), (False, True)]


def test_people_kept_for_a_schedule_do_not_count_for_the_limit(datadog: FakeDatadog) -> None:
    """People who keep their seat at each sync because of a schedule do not use up the limit at each sync."""
    people = add_people(datadog, 4)
    datadog.add_schedule("Nights", people[1:3])
    report = sync(user_uuids=people[:1], on_call="keep", max_unassign=1)
    assert by_email(report) == {"unassigned": emails(3), "protected": emails(1, 2)}
    assert calls(datadog).count("GET on-call/schedules") == 2


def test_people_on_a_schedule_are_named_with_it_beyond_the_limit(datadog: FakeDatadog) -> None:
    """If schedules are read before the limit is checked, the reason is still the schedule, not the account."""
    people = add_people(datadog, 4)
    datadog.add_schedule("Nights", people[1:3])
    datadog.add_user("new@x.com")
    report = sync(user_emails=[*emails(0), "new@x.com"], on_call="keep", max_unassign=1)
    assert {each.get("reason") for each in report["protected"]} == {"found in the on-call schedule Nights"}


def test_a_person_that_a_schedule_keeps_needs_no_account(datadog: FakeDatadog) -> None:
    """Schedules are read first, and accounts only of the others who are about to lose their seat."""
    people = add_people(datadog, 4)
    datadog.add_schedule("Nights", people[1:3])
    datadog.add_user("new@x.com")
    report = sync(user_emails=[*emails(0), "new@x.com"], on_call="keep", max_unassign=3)
    assert by_email(report)["protected"] == emails(1, 2)
    assert account_reads(datadog) == [people[3]]


def test_a_run_that_is_refused_anyway_reads_no_schedules(datadog: FakeDatadog) -> None:
    """Schedules are read before the limit is checked only if nothing else refuses the run."""
    add_people(datadog, 4)
    refused(datadog, sync, user_emails=[*emails(0), "ghost@x.com"], on_call="keep", max_unassign=1)
    assert "GET on-call/schedules" not in calls(datadog)


def test_a_person_protected_in_the_preview_needs_no_account(datadog: FakeDatadog) -> None:
    """A person that the approved preview protects keeps the seat for that reason, and the account is not read."""
    people = add_people(datadog, 3)
    datadog.add_user("new@x.com")
    arguments: dict[str, Any] = {"user_emails": [*emails(0), "new@x.com"], "max_unassign": 2}
    preview = sync(**arguments, protect=emails(1), preview=True)
    datadog.received.clear()
    report = sync(**arguments, approved=preview)
    assert [each.get("reason") for each in report["protected"]] == ["protected in the approved preview"]
    assert account_reads(datadog) == [people[2]]


def test_the_report_of_a_refused_undo_names_all_guards(datadog: FakeDatadog) -> None:
    """A guard that was not checked yet is in the report of a refused undo as well."""
    people = add_people(datadog, 3, seat=None)
    report = sync(user_uuids=people)
    ti = FakeTaskInstance()
    failure(sync, ti, undo=report, max_unassign=1, max_seats=10)
    assert ti.pushed["return_value"]["guards"].items() >= {"max_unassign": "1, at most 50%", "max_seats": 10}.items()


@pytest.mark.parametrize("preview", [True, False])
def test_people_that_an_account_protects_do_not_count_for_the_limit(datadog: FakeDatadog, *, preview: bool) -> None:
    """The limit counts the people who would lose a seat after accounts were read, in a preview and in a run."""
    renamed(datadog)
    add_people(datadog, 2)
    arguments: dict[str, Any] = {"protect": ["ann.new@x.com"], "max_unassign": "67%", "preview": preview}
    report = unassign(user_emails=["ann.old@x.com", *emails(0, 1)], **arguments)
    assert by_email(report) == {"unassigned": emails(0, 1), "protected": ["ann.old@x.com"]}
    assert report["refusals"] == []


def test_a_refused_run_reads_neither_accounts_nor_schedules(datadog: FakeDatadog) -> None:
    """A run that is no preview stops at the first guard that no reading can lift."""
    people = add_people(datadog, 3)
    refused(datadog, unassign, user_uuids=people, on_call="refuse", protect=emails(0), max_unassign=1)
    assert calls(datadog) == ["GET seats/users"]


@pytest.mark.parametrize(("more", "warned"), [({"on_call": "keep"}, True), ({}, False)])
def test_a_refused_preview_about_everyone_says_what_was_not_read(
    datadog: FakeDatadog, more: dict[str, Any], warned: bool
) -> None:
    """A refused preview that would unassign more than 1,000 people reads nothing more, and warns if it would have."""
    new = datadog.add_user("new@x.com")
    add_people(datadog, 1_001)
    report = sync(user_uuids=[new], preview=True, **more)
    warning = "Accounts and who is on call were not read, because 1,001 people would lose their seat."
    assert report["warnings"] == ([warning] if warned else [])
    assert {each.path for each in datadog.calls()} == {SEATS}


# --- guards that a reading can lift ---


def test_a_disabled_account_does_not_count_for_the_seats_after_an_undo(datadog: FakeDatadog) -> None:
    """An undo that can assign only one of two people is within a limit of one seat."""
    people = add_people(datadog, 2)
    report = unassign(user_uuids=people, read_seats_first=True)
    datadog.add_user("u1@x.com", user_uuid=people[1], status="Disabled")
    assert by_email(sync(undo=report, max_seats=1, missing_users="skip")) == {
        "assigned": emails(0),
        "missing": emails(1),
    }
    assert "There would be 2 seats" in refused(datadog, sync, undo=report, max_seats=1, check_accounts=False)


@pytest.mark.parametrize("mode", ["exact", "remove_only"])
def test_a_roster_is_not_foreign_if_an_account_is_in_it(datadog: FakeDatadog, mode: str) -> None:
    """If the only match of a roster is the email of an account, the roster does not count as foreign."""
    ann = renamed(datadog)
    add_people(datadog, 1)
    sync(user_emails=["ann.new@x.com"], mode=mode, max_unassign=2)
    assert datadog.holders(PRODUCT) == {ann}


def test_a_person_is_recognized_by_the_handle(datadog: FakeDatadog) -> None:
    """A person who is named by the handle of the account keeps the seat, and the report shows both names."""
    ann = renamed(datadog, handle="ann@login.x.com")
    add_people(datadog, 1)
    report = sync(user_emails=[*emails(0), "Ann@login.x.com"], mode="remove_only")
    [kept] = report["protected"]
    assert kept["reason"] == "the account's email ann.new@x.com (handle ann@login.x.com) is in the roster"
    assert ann in datadog.holders(PRODUCT)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_email_is_no_email(datadog: FakeDatadog, blank: str) -> None:
    """A row with a blank email is treated like one without an email."""
    ann = renamed(datadog, blank)
    add_people(datadog, 1)
    report = sync(user_emails=[*emails(0), "ann.new@x.com"], mode="remove_only", check_accounts=False)
    assert [each["id"] for each in report["protected"]] == [ann]
    assert "1 seat has no email" in unassign(user_emails=["ann.new@x.com"], preview=True)["warnings"][0]


def test_ages_are_counted_by_datadogs_clock(datadog: FakeDatadog) -> None:
    """A clock of this machine that is ten days ahead does not make a new seat old."""
    person = datadog.add_user("ann@x.com", seat=PRODUCT)
    since = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    for days, group in ((10, "protected"), (-10, "unassigned")):
        with installed(FakeClock(lambda days=days: time.time() + days * 86_400)):  # type: ignore[misc]
            assert by_email(unassign(user_uuids=[person], min_seat_age="7d")) == {group: ["ann@x.com"]}
        datadog.give_seat(PRODUCT, person, assigned_at=since)


# --- accounts of leavers ---


@pytest.mark.parametrize("disabled_first", [True, False])
def test_every_account_of_an_email_loses_its_seat(datadog: FakeDatadog, disabled_first: bool) -> None:
    """If two accounts share an email, the seat of either is found, in whatever order Datadog lists them."""
    for disabled in (disabled_first, not disabled_first):
        uuid = datadog.add_user("ann@x.com", status="Disabled" if disabled else "Active")
        if disabled:
            datadog.give_seat(PRODUCT, uuid, email="old@x.com")
    assert by_email(unassign(user_emails=["ann@x.com"], missing_users="fail")) == {"unassigned": ["old@x.com"]}
    assert datadog.holders(PRODUCT) == set()


def test_a_retry_knows_people_who_lost_their_seat_before(datadog: FakeDatadog) -> None:
    """A person who was unassigned by an email that only the seat list had is not missing at the next attempt."""
    renamed(datadog)
    add_people(datadog, 1)
    store = Store()
    arguments: dict[str, Any] = {"user_emails": ["ann.old@x.com", *emails(0)], "missing_users": "fail", "batch_size": 1}
    interrupt(datadog, attempt(store), unassign, **arguments)
    report = unassign(attempt(store, 2), **arguments)
    assert by_email(report) == {"unassigned": ["ann.old@x.com", *emails(0)]}
    assert datadog.holders(PRODUCT) == set()


# --- failures while reading ---


def test_a_failure_before_the_plan_is_complete_reports_the_people(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """If accounts cannot be read, the report lists who was about to be changed, and how many seats there are."""
    renamed(datadog)
    add_people(datadog, 2)
    ti = FakeTaskInstance()
    datadog.permissions.remove("user_access_read")
    datadog.seat_list_permissions = "older"
    _, people = failure(sync, ti, user_emails=emails(0), protect=["boss@x.com"], max_unassign=2)
    assert people == {"not_done": ["ann.old@x.com", *emails(1)]}
    assert ti.pushed["return_value"]["seats_before"] == 3
    assert "not done: `ann.old@x.com`" in ti.pushed["summary"]


def test_a_retry_that_cannot_look_people_up_reports_the_whole_run(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """If the second attempt fails while it reads schedules, its report has the changes of the first."""
    people = add_people(datadog, 12)
    arguments: dict[str, Any] = {"user_uuids": people[8:], "max_unassign": "70%", "batch_size": 4, "on_call": "keep"}
    store = Store()
    interrupt(datadog, attempt(store), **arguments)
    datadog.permissions.remove("on_call_read")
    ti = attempt(store, 2)["ti"]
    failure(lambda context, **more: sync({**context, "task_state_store": store}, **more), ti, **arguments)
    report = ti.pushed["return_value"]
    assert (len(report["unassigned"]), len(report["not_done"]), report["seats_before"]) == (4, 4, 12)
    assert (report["since_attempt"], report["started_at"] is None) == (1, False)


def test_a_retry_that_cannot_read_the_list_reports_people_as_unknown(datadog: FakeDatadog) -> None:
    """Only the seat list says how far an earlier attempt got, so without it its people are unknown."""
    people = add_people(datadog, 12)
    arguments: dict[str, Any] = {"user_uuids": people[8:], "max_unassign": "70%", "batch_size": 4}
    store = Store()
    interrupt(datadog, attempt(store), **arguments)
    datadog.script("GET", SEATS, RATE_LIMITED)
    last = attempt(store, 2)
    with pytest.raises(RateLimitError):
        sync(last, **arguments)
    report = last["ti"].pushed["return_value"]
    assert sorted(str(each["id"]) for each in report["unknown"]) == sorted(people[:8])
    assert (report["seats_before"], report["seats_after"], report["since_attempt"]) == (12, None, 1)


def test_a_failure_before_anything_is_known_claims_nothing(datadog: FakeDatadog) -> None:
    """If the seat list cannot be read, the summary says that nobody was changed, not that there is nobody to change."""
    ti = FakeTaskInstance()
    datadog.script("GET", SEATS, Fault(400, {"errors": ["no"]}))
    failure(sync, ti, user_emails=emails(0))
    assert ti.pushed["summary"].splitlines()[0] == f"{PRODUCT}: nobody was changed"


def test_the_summary_names_the_connection_to_correct(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """The summary of a task whose keys are refused names the connection's id, as the task's error does."""
    ti = FakeTaskInstance()
    datadog.script("GET", USERS, Fault(403, {"errors": ["Forbidden"]}), Fault(403, {"errors": ["Forbidden"]}))
    message, _ = failure(assign, ti, user_emails=emails(0))
    assert "The connection's id is 'datadog_default'." in message
    assert ti.pushed["summary"].endswith(message)


@pytest.mark.parametrize("operation", ["assign", "unassign", "sync", "audit"])
def test_no_email_is_in_an_address_if_all_users_are_read(datadog: FakeDatadog, operation: str) -> None:
    """With ``read_all_users`` no operator puts an email into the address of a request."""
    ann = datadog.add_user("ann@x.com")
    datadog.add_user("x@x.com")
    for number in range(6):
        datadog.add_user(f"held{number}@x.com", seat=PRODUCT)
    emails = ["ann@x.com", *(f"held{number}@x.com" for number in range(4))]
    if operation == "assign":
        assign(user_emails=["ann@x.com"], read_all_users=True)
    elif operation == "unassign":
        unassign(
            user_emails=["held1@x.com", "ann@x.com"], missing_users="fail", protect=["x@x.com"], read_all_users="True"
        )
    elif operation == "audit":
        datadog.give_seat(PRODUCT, ann, id=None)
        counts: Any = execute(AuditSeatsOperator, status=True, read_all_users="true")
        assert (counts["seats"], counts["unknown_accounts"]) == (7, 0)
    else:
        sync(user_emails=emails, read_all_users=True)
        assert ann in datadog.holders(PRODUCT)
    assert any(each.path == USERS for each in datadog.calls())
    assert not [each for each in datadog.calls() if "filter" in each.query]


# --- what is known ---

BOSS, EIGHT = user("1", "boss@x"), user("8", "b@x")


@pytest.mark.parametrize(
    ("read", "unmatched"),
    [
        ({}, People(("8",), ("Boss@x", "Typo@x"))),
        ({"accounts": {"1": BOSS}}, People(("8",), ("Typo@x",))),
        ({"found": [BOSS]}, People(("8",), ("Typo@x",))),
        ({"found": [EIGHT]}, People((), ("Boss@x", "Typo@x"))),
    ],
)
def test_a_protected_entry_that_matches_nobody_is_found(read: dict[str, Any], unmatched: People) -> None:
    """The entries of protect that match no row and no account that was read are returned as they were passed."""
    people = People(("1", "8"), ("BOB@x", "Boss@x", "Typo@x"))
    seats = SeatList([seat("1", "ann@x"), seat("2", "bob@x")])
    assert World(NOW, seats, **read).unmatched(people) == unmatched
    assert World(NOW, seats, **read).unmatched(NOBODY) == NOBODY


def test_a_plan_without_the_list_matches_nobody() -> None:
    """Without the seat list nothing is known about the entries of protect, and a plan that needs the list fails."""
    assert World(NOW).unmatched(People(("1",))) == NOBODY
    with pytest.raises(TypeError, match="needs the seat list"):
        _ = World(NOW).seats
