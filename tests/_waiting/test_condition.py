"""What a sensor waits for."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._waiting.condition import Condition, Progress, Require, SeatState
from airflow_provider_seats.exceptions import InvalidInputError
from tests.helpers.planning import seat

ANN, TWO, NINE = (f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "129")


def condition(
    uuids: object = NOT_PASSED, emails: object = NOT_PASSED, state: SeatState = "assigned", require: Require = "all"
) -> Condition:
    """Make a condition."""
    return Condition.parse(product_code="p", user_uuids=uuids, user_emails=emails, state=state, require=require)


def emails_of(progress: Progress) -> list[str | None]:
    """Return the emails of the people who met the condition."""
    assert progress.met is not None
    return [row["email"] for row in progress.met["people"]]


@pytest.mark.parametrize(
    ("state", "require", "done", "met"),
    [
        ("assigned", "all", False, []),
        ("assigned", "any", True, ["ann@x.io", "2@x.io"]),
        ("unassigned", "all", False, []),
        ("unassigned", "any", True, ["gone@x.io", None]),
    ],
)
def test_a_condition_is_met_by_all_or_any(state: SeatState, require: Require, done: bool, met: list[Any]) -> None:
    """The progress returns the people who met the condition, and its summary names the others until it is done."""
    seats = SeatList([seat(ANN, "ann@x.io"), seat(TWO, "2@x.io")])
    progress = condition([TWO, NINE], ["Ann@x.io", "gone@x.io"], state, require).progress(seats)
    assert (progress.met is not None) is done
    assert progress.met is None or (progress.met["count"], emails_of(progress)) == (len(met), met)
    others = ["gone@x.io", NINE] if state == "assigned" else ["Ann@x.io", TWO]
    assert all((other in progress.summary) is not done for other in others)


@pytest.mark.parametrize("require", ["all", "any"])
def test_a_condition_that_nobody_meets_is_not_done(require: Require) -> None:
    """Neither all nor any ends the wait if nobody is in the expected state."""
    seats = SeatList([seat(ANN, "ann@x.io")])
    assert condition([NINE], ["gone@x.io"], "assigned", require).progress(seats).met is None
    assert condition([ANN], ["ann@x.io"], "unassigned", require).progress(seats).met is None


@pytest.mark.parametrize("require", ["all", "any"])
def test_a_condition_that_everyone_meets_is_done(require: Require) -> None:
    """Both all and any end the wait if everyone is in the expected state."""
    seats = SeatList([seat(ANN, "ann@x.io")])
    assert emails_of(condition([ANN], ["ANN@x.io"], "assigned", require).progress(seats)) == ["ann@x.io"]
    assert emails_of(condition([NINE], ["gone@x.io"], "unassigned", require).progress(seats)) == ["gone@x.io", None]


def test_only_a_proven_absence_counts() -> None:
    """In a list of several pages, people count as unassigned once two readings in a row do not show them."""
    first = SeatList([seat(ANN, "ann@x.io"), seat(NINE, "9@x.io")], 2)
    people = condition([NINE], ["ann@x.io", "gone@x.io"], "unassigned", "all")
    assert people.progress(first).summary == f"p: 0 of 3 people hold no seat; waiting for ann@x.io, {NINE}, gone@x.io"
    second = first.followed_by((), 2, 2)
    progress = people.progress(second)
    assert (progress.met, progress.is_unproven) == (None, True)
    assert progress.summary == "p: 3 of 3 people hold no seat (a second reading has to confirm it)"
    anyone = condition([NINE], ["ann@x.io"], "unassigned", "any").progress(second)
    assert anyone.met is None
    third = second.followed_by((), 2, 3)
    assert len(emails_of(people.progress(third))) == 3
    assert people.progress(third, after=2).met is None


def test_nobody_is_unassigned_by_uuid_beside_a_row_without_one() -> None:
    """A row without a UUID may be anyone who was passed by UUID, and the wait says so. Emails are not affected."""
    seats = SeatList([seat(ANN, "ann@x.io"), seat(None, "nid@x.io")])
    blocked = condition([NINE], state="unassigned")
    progress = blocked.progress(seats)
    assert (progress.met, progress.is_unproven) == (None, False)  # another reading would not prove it
    assert progress.summary == "p: 1 of 1 person holds no seat (a seat without a user UUID may be theirs)"
    warning = blocked.warning(seats)
    assert warning is not None
    assert warning.startswith("p: 1 seat has no user UUID, ")
    assert emails_of(condition(emails=["bob@x.io"], state="unassigned").progress(seats)) == ["bob@x.io"]
    assert emails_of(condition([ANN]).progress(seats)) == ["ann@x.io"]
    assert condition([ANN]).warning(seats) is None


def test_the_progress_returns_seats_with_all_fields_and_others_as_passed() -> None:
    """A person with a seat is returned as its row, once, and a person without one as they were passed."""
    ann = seat(ANN, "ann@x.io")
    assert condition([ANN], ["ann@x.io"]).progress(SeatList([ann])).met == {"count": 1, "people": [ann._asdict()]}
    gone = condition([NINE], ["Bob@x.io"], "unassigned").progress(SeatList([ann])).met
    assert gone == {"count": 2, "people": [{"id": None, "email": "Bob@x.io"}, {"id": NINE, "email": None}]}


def test_the_summary_counts_people_and_names_those_it_waits_for() -> None:
    """The summary is one sentence with correct plurals."""
    seats = SeatList([seat(ANN, "ann@x.io")])
    summary = condition(emails=["ann@x.io", "bob@x.io"]).progress(seats).summary
    assert summary == "p: 1 of 2 people hold a seat; waiting for bob@x.io"
    assert (
        condition(emails=["bob@x.io"], state="unassigned").progress(seats).summary == "p: 1 of 1 person holds no seat"
    )
    waiting = condition(emails=["ann@x.io"], state="unassigned").progress(seats).summary
    assert waiting == "p: 0 of 1 person holds no seat; waiting for ann@x.io"


@pytest.mark.parametrize(
    ("emails", "state", "warns"),
    [(["a@x.io"], "unassigned", True), (["a@x.io"], "assigned", False), ([ANN], "unassigned", False)],
)
def test_a_row_without_an_email_is_a_warning(emails: list[str], state: SeatState, warns: bool) -> None:
    """A wait by email for unassigned warns if a row without an email may belong to one of the people."""
    seats = SeatList([seat(ANN), seat(TWO, "2@x.io")])
    warning = condition(emails=emails, state=state).warning(seats)
    assert (warning is not None) is warns
    assert warning is None or warning.startswith("p: 1 seat has no email, ")
    assert condition(emails=["a@x.io"], state="unassigned").warning(SeatList([seat(TWO, "2@x.io")])) is None
    two = condition(emails=["a@x.io"], state="unassigned").warning(SeatList([seat(ANN), seat(TWO)]))
    assert two is not None
    assert two.startswith("p: 2 seats have no email, ")


def test_the_first_reading_warns_about_emails_that_it_does_not_contain() -> None:
    """A wait for unassigned warns at its first reading if the list contains none of the seats of an email."""
    seats = SeatList([seat(ANN, "ann@x.io")])
    warning = condition([NINE], ["ANN@x.io", "Misspelt@x.io"], "unassigned").warning(seats, is_first=True)
    assert warning is not None
    assert "Misspelt@x.io" in warning
    assert "ANN@x.io" not in warning
    assert NINE not in warning
    assert condition(emails=["misspelt@x.io"]).warning(seats, is_first=True) is None
    assert condition(emails=["misspelt@x.io"], state="unassigned").warning(seats) is None
    assert condition(emails=["ann@x.io"], state="unassigned").warning(seats, is_first=True) is None


@pytest.mark.parametrize(
    ("uuids", "state", "require", "relies"),
    [
        ([NINE], "unassigned", "all", True),
        ([ANN, NINE], "unassigned", "any", True),
        ([ANN, NINE], "unassigned", "all", False),
        ([ANN], "unassigned", "any", False),
        ([ANN], "assigned", "all", False),
        ([NINE], "assigned", "all", False),
    ],
)
def test_a_wait_that_ends_relies_on_absence(uuids: list[str], state: SeatState, require: Require, relies: bool) -> None:
    """Only a wait for unassigned that would end with this list of several pages relies on the absence of people."""
    assert (
        condition(uuids, state=state, require=require).progress(SeatList([seat(ANN, "ann@x.io")], pages=2)).is_unproven
        is relies
    )


GOOD: dict[str, Any] = {
    "product_code": "p",
    "user_uuids": NOT_PASSED,
    "user_emails": ["a@x.io"],
    "state": "assigned",
    "require": "all",
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user_emails": []}, "nobody to wait for"),
        ({"user_emails": NOT_PASSED}, "user_uuids or user_emails: nobody was passed"),
        ({"user_emails": ["a"]}, "user_emails: 'a'"),
        ({"state": "gone"}, "state: 'gone'"),
        ({"require": None}, "require: None"),
        ({"product_code": ""}, "product_code: ''"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(arguments: dict[str, Any], message: str) -> None:
    """The error about an argument of a sensor names it and shows its value."""
    with pytest.raises(InvalidInputError, match=message):
        Condition.parse(**{**GOOD, **arguments})


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [None, "", " "])
def test_nothing_is_an_error_for_every_argument(name: str, value: Any) -> None:
    """None and an empty text are an error for each argument of a sensor, which names it."""
    with pytest.raises(InvalidInputError) as caught:
        Condition.parse(**{**GOOD, name: value})
    assert caught.value.field == name
