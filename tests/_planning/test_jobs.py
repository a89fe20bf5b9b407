"""Jobs: the rendered arguments of the operators, parsed into one value."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.jobs import Job, Operator, parse_job
from airflow_provider_seats._planning.limit import DEFAULT_MAX_UNASSIGN, Limit
from airflow_provider_seats._planning.plan import Plan
from airflow_provider_seats._planning.reporting import report_not_started, report_preview
from airflow_provider_seats._rosters.people import NOBODY, People
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.report import KINDS
from tests.helpers.planning import P, defaults, kinds, person, seat, sync

U1, U2, U3 = (f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "123")

ARGUMENTS: dict[Operator, dict[str, Any]] = {
    operator._operator: {"product_code": P, **defaults(operator), "user_emails": ["ann@x.io"]}
    for operator in (AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator)
}
# The hook parses the connection's id.
EACH_ARGUMENT = [
    (kind, name) for kind, arguments in ARGUMENTS.items() for name in arguments if name != "datadog_conn_id"
]


def parsed(operator: Operator, **arguments: Any) -> Job:
    """Parse a job with the default arguments of its operator and the user ann@x."""
    return parse_job(operator, {**ARGUMENTS[operator], **arguments})


def parsed_sync(**arguments: Any) -> Job:
    """Parse a sync."""
    return parsed("sync", **arguments)


# --- every argument ---


@pytest.mark.parametrize(("kind", "name"), EACH_ARGUMENT)
def test_nothing_is_an_error_for_every_argument(kind: Operator, name: str) -> None:
    """An argument that a template or a mapped task made None or empty is an error that names it."""
    for value in (None, "", "  "):
        with pytest.raises(InvalidInputError) as caught:
            parsed(kind, **{name: value})
        assert caught.value.field == name
        assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("value", [None, "", "  "])
@pytest.mark.parametrize("name", ["user_uuids", "user_emails"])
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_an_empty_half_is_an_error(kind: Operator, name: str, value: Any) -> None:
    """If one people argument came out as nothing, the other one does not hide it."""
    both = {"user_uuids": [U1], "user_emails": ["ann@x.io"], name: value}
    with pytest.raises(InvalidInputError) as caught:
        parsed(kind, **both)
    assert caught.value.field == name


@pytest.mark.parametrize("name", ["protect", "approved", "undo", "max_unassign", "max_seats", "min_seat_age"])
@pytest.mark.parametrize("value", ["None", "NOT_PASSED", [None], {}])
def test_no_stand_in_for_nothing_switches_a_guard_off(name: str, value: Any) -> None:
    """The text of None or NOT_PASSED, a list of None and an empty mapping are errors for each guard."""
    with pytest.raises(InvalidInputError) as caught:
        parsed_sync(**{name: value})
    assert caught.value.field == name


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_people_must_be_passed(kind: Operator) -> None:
    """A job without any people argument is an error that names both arguments."""
    with pytest.raises(InvalidInputError, match=r"^user_uuids or user_emails: nobody was passed"):
        parsed(kind, user_emails=NOT_PASSED)


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_rendered_texts_are_parsed(kind: Operator) -> None:
    """Every argument may be the text that a template renders."""
    job = parsed(kind, user_uuids=U1.upper(), user_emails='["Ann@x.io"]', preview="True")
    assert job.people == People((U1,), ("Ann@x.io",))
    assert (job.product, job.preview) == (P, True)
    with pytest.raises(AttributeError):
        job.preview = False  # type: ignore[misc]


# --- assign ---


def test_an_assignment_is_described_before_anything_is_read() -> None:
    """The report of an assignment that did not start lists everyone passed as not done."""
    job = parsed("assign", user_uuids=[U1])
    assert kinds(report_not_started(Plan(P, job.as_requested()))) == {"not_done": ["ann@x.io", U1]}
    assert job.guards.record(0) == {"missing_users": "fail"}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [({}, False), ({"preview": True}, True), ({"read_seats_first": "true"}, True), ({"max_seats": "0"}, True)],
)
def test_an_assignment_reads_the_seat_list_only_if_needed(arguments: dict[str, Any], needed: bool) -> None:
    """An assignment reads the seat list for a preview, for max_seats, and with read_seats_first."""
    assert parsed("assign", **arguments).needs_seat_list is needed


# --- unassign ---


def test_an_unassignment_is_described_before_anything_is_read() -> None:
    """The report of an unassignment that did not start lists everyone passed as not done."""
    job = parsed("unassign", user_uuids=[U1])
    assert kinds(report_not_started(Plan(P, job.as_requested()))) == {"not_done": ["ann@x.io", U1]}
    assert job.guards.record(0) == {"missing_users": "skip"}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        ({}, False),
        ({"user_emails": ["ann@x.io"]}, True),
        ({"preview": True}, True),
        ({"read_seats_first": True}, True),
        ({"max_unassign": 0}, True),
        ({"protect": ["boss@x.io"]}, True),
        ({"missing_users": "fail"}, False),
    ],
)
def test_an_unassignment_reads_the_seat_list_only_if_needed(arguments: dict[str, Any], needed: bool) -> None:
    """An unassignment by UUID reads the seat list only for a preview, guards, and with read_seats_first."""
    job = parsed("unassign", **{"user_uuids": [U1], "user_emails": NOT_PASSED, **arguments})
    assert job.needs_seat_list is needed


def test_an_unassignment_records_its_guards() -> None:
    """An unassignment has no limit by default, and records the guards that were set."""
    job = parsed("unassign", missing_users="fail", max_unassign="20%", protect="boss@x.io", check_accounts="false")
    assert job.guards.record(10) == {
        "missing_users": "fail",
        "max_unassign": "20%",
        "max_unassign_people": 2,
        "protect": ["boss@x.io"],
        "check_accounts": False,
    }


# --- sync ---

EVERY_GUARD: dict[str, Any] = {
    "missing_users": "skip",
    "allow_empty": True,
    "max_roster_age": "2d",
    "max_unassign": 3,
    "max_assign": 5,
    "max_seats": 9,
    "min_seat_age": "7d",
    "protect": ["boss@x.io"],
    "check_accounts": False,
}


@pytest.mark.parametrize(
    ("mode", "not_applicable"),
    [
        ("exact", set()),
        ("remove_only", {"missing_users", "max_assign", "max_assign_people"}),
        (
            "add_only",
            {"allow_empty", "max_unassign", "max_unassign_people", "min_seat_age", "protect"},
        ),
    ],
)
def test_a_sync_records_only_the_guards_of_its_mode(mode: str, not_applicable: set[str]) -> None:
    """The guards in the report are those that apply to the mode."""
    recorded = parsed_sync(mode=mode, **EVERY_GUARD).guards.record(10)
    everything = {*EVERY_GUARD, "max_unassign_people", "max_assign_people"}
    assert set(recorded) == everything - not_applicable


def test_an_undo_records_only_its_guards() -> None:
    """An undo has no default limit and no empty roster, but every other guard."""
    job = parsed_sync(
        undo=_report(), user_emails=NOT_PASSED, **{**EVERY_GUARD, "allow_empty": False, "max_roster_age": NOT_PASSED}
    )
    assert set(job.guards.record(10)) == {
        "missing_users",
        "max_unassign",
        "max_unassign_people",
        "max_assign",
        "max_assign_people",
        "max_seats",
        "min_seat_age",
        "protect",
        "check_accounts",
    }
    assert parsed_sync(undo=_report(), user_emails=NOT_PASSED).guards.record(10) == {"missing_users": "fail"}
    for name, value in (("allow_empty", True), ("max_roster_age", "7d"), ("roster_read_at", "2026-11-29T06:00:00Z")):
        with pytest.raises(InvalidInputError, match=rf"^{name}: an undo has no roster\. Leave it out\."):
            parsed_sync(undo=_report(), user_emails=NOT_PASSED, **{name: value})


def test_the_mode_of_an_undo_leaves_out_the_guards_of_the_other_direction() -> None:
    """An undo that only assigns has no guard of seats that are taken away, and the other way round."""
    guards = {**EVERY_GUARD, "allow_empty": False, "max_roster_age": NOT_PASSED}
    assigns = parsed_sync(undo=_report(), user_emails=NOT_PASSED, mode="add_only", **guards).guards
    assert set(assigns.record(10)) == {
        "missing_users",
        "max_assign",
        "max_assign_people",
        "max_seats",
        "check_accounts",
    }
    unassigns = parsed_sync(undo=_report(), user_emails=NOT_PASSED, mode="remove_only", **guards).guards
    assert unassigns.missing_users is None


@pytest.mark.parametrize("nobody", [[], "[]", (), " [ ] "])
def test_protect_that_protects_nobody_is_an_error(nobody: Any) -> None:
    """A list that was emptied is an error, and the word nobody is not."""
    with pytest.raises(InvalidInputError, match=r"^protect: it protects nobody, .*pass 'nobody'"):
        parsed_sync(protect=nobody)
    assert parsed_sync(protect="nobody").guards.protect == NOBODY


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"digest": ""}, "its digest is not that of its changes"),
        ({"assigned": []}, "its digest is not that of its changes"),
        ({"started_at": None}, "does not say when the seats were read"),
        ({"guards": None}, "which guards applied"),
        ({"refusals": None}, "or why it would be refused"),
    ],
)
def test_an_approval_that_is_not_what_was_shown_is_an_error(changes: dict[str, Any], message: str) -> None:
    """A report without the moment or the refusals of the preview, or with other changes, approves nothing."""
    with pytest.raises(InvalidInputError, match=f"^approved: .*{message}"):
        parsed_sync(approved=_report(preview=True, **changes))


@pytest.mark.parametrize(
    ("mode", "limit"), [("exact", DEFAULT_MAX_UNASSIGN), ("remove_only", DEFAULT_MAX_UNASSIGN), ("add_only", None)]
)
def test_a_sync_has_a_limit_by_default(mode: str, limit: Limit | None) -> None:
    """A sync that unassigns has the default limit, which any limit replaces, also 0."""
    assert parsed_sync(mode=mode).guards.max_unassign == limit
    assert parsed_sync(mode=mode, max_unassign=0).guards.max_unassign == (
        Limit(people=0, max_percent=50) if limit else None
    )


def test_an_empty_half_of_a_roster_is_kept_for_the_guard() -> None:
    """A roster with one empty list is parsed, and the guard against empty rosters sees which one it is."""
    assert parsed_sync(user_uuids=[]).people == People((), ("ann@x.io",), ("user_uuids",))


def _report(**changes: Any) -> Any:
    plan = sync(People((U1, U2)), SeatList([seat(U1, "1@x.io"), seat(U3, "3@x.io")]))
    return {**report_preview(plan), "preview": False, **changes}


@pytest.mark.parametrize("form", [dict, json.dumps, repr])
def test_an_approved_preview_is_parsed(form: Any) -> None:
    """The report of a preview is accepted as an approval in every form."""
    assert parsed_sync(approved=form(_report(preview=True))).approved == _report(preview=True)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("approved", {"preview": False}, "this is not the report of a preview"),
        (
            "approved",
            {"preview": True, "product": "other", "complete": False},
            "this report is of the product 'other', not of 'p'",
        ),
        ("undo", {"preview": True}, "this is the report of a preview, which changed nothing. Pass that of the task"),
        ("undo", {"product": "other"}, "this report is of the product 'other', not of 'p'"),
        ("undo", {"seats_before": None}, "does not know everyone's state before it"),
        ("undo", {"unknown": [person(U1)]}, "does not know everyone's state before it"),
    ],
)
def test_a_report_that_does_not_fit_is_an_error(name: str, changes: dict[str, Any], message: str) -> None:
    """A report of another kind or product, or one that is incomplete, is neither an approval nor undone."""
    with pytest.raises(InvalidInputError, match=f"^{name}: .*{message}"):
        parsed_sync(**{name: _report(**changes)})


def test_an_undo_without_people_is_of_the_whole_report() -> None:
    """An undo without people arguments has no roster and no limit to people."""
    job = parsed_sync(undo=_report(), user_emails=NOT_PASSED)
    assert (job.people, job.only, job.approved) == (NOBODY, None, None)
    assert job.undo is not None
    assert job.undo["assigned"] == [person(U2)]


@pytest.mark.parametrize(
    ("people", "only"),
    [
        ({"user_emails": ["3@X.io"]}, People((), ("3@X.io",))),
        ({"user_uuids": [UUID(U2).hex], "user_emails": NOT_PASSED}, People((U2,))),
        ({"user_uuids": U3.upper(), "user_emails": ["3@x.io"]}, People((U3,), ("3@x.io",))),
    ],
)
def test_an_undo_with_people_is_limited_to_them(people: dict[str, Any], only: People) -> None:
    """People together with undo limit it, and are no roster."""
    job = parsed_sync(undo=_report(), **people)
    assert (job.only, job.people) == (only, NOBODY)


@pytest.mark.parametrize(
    ("people", "names"),
    [
        ({"user_emails": ["1@x.io"]}, "1@x.io"),
        ({"user_uuids": [U1, U2], "user_emails": ["3@x.io", "nobody@x.io"]}, f"nobody@x.io, {U1}"),
    ],
)
def test_an_undo_cannot_be_limited_to_people_that_the_report_did_not_change(people: dict[str, Any], names: str) -> None:
    """A limit to a person that the report did not change is an error that shows them."""
    with pytest.raises(InvalidInputError, match=f"^undo: .*the report did not change {names}\\."):
        parsed_sync(undo=_report(), **people)


@pytest.mark.parametrize(
    ("people", "field"),
    [({"user_emails": []}, "user_emails"), ({"user_uuids": [], "user_emails": []}, "user_uuids and user_emails")],
)
def test_an_undo_cannot_be_limited_to_nobody(people: dict[str, Any], field: str) -> None:
    """A limit to nobody is an error that names the argument."""
    with pytest.raises(InvalidInputError, match=f"^{field}: nobody to limit the undo to"):
        parsed_sync(undo=_report(), **people)


@pytest.mark.parametrize("person", [{}, "x", None, {"id": "?"}, {"id": None, "email": 7}])
def test_a_damaged_person_in_a_preview_is_an_error(person: Any) -> None:
    """A person in an approved preview that is no person is an error that shows it, in every kind of people."""
    for kind in KINDS:
        damaged = {**_report(), "preview": True, kind: [person]}
        with pytest.raises(InvalidInputError, match=r"^approved: it contains .* is not a person of a report"):
            parsed_sync(approved=damaged)


def test_uuids_in_a_preview_are_accepted_in_every_form() -> None:
    """The people of an approved preview are compared by canonical UUIDs, and may have none if they were missing."""
    preview = {**_report(), "preview": True, "protected": [person(U2.upper())], "missing": [person(None, "new@x.io")]}
    approved = parsed_sync(approved=preview).approved
    assert approved is not None
    assert (approved["protected"], approved["missing"]) == ([person(U2)], [person(None, "new@x.io")])


@given(st.sampled_from(EACH_ARGUMENT), st.none() | st.text(" \t\r\n", max_size=3))
def test_nothing_never_becomes_a_job(argument: tuple[Operator, str], value: str | None) -> None:
    """No argument that came out as None or as white space is ever parsed into a job."""
    kind, name = argument
    with pytest.raises(InvalidInputError):
        parsed(kind, **{name: value})


def test_a_sync_is_described_before_anything_is_read() -> None:
    """The report of a sync that did not start knows only the product."""
    assert parsed_sync().as_requested() == ()
