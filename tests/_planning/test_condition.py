"""What a sensor waits for: when it is met, by whom, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats._api.flow import InvalidInputError
from airflow_provider_seats._planning.condition import Condition, Require, SeatState
from airflow_provider_seats._planning.seat_list import Holders
from tests.helpers.planning import seat

ANN, TWO, NINE = (f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "129")


def condition(
    uuids: object = None, emails: object = None, state: SeatState = "assigned", require: Require = "all"
) -> Condition:
    """Read a condition."""
    return Condition.read(product_code="p", user_uuids=uuids, user_emails=emails, state=state, require=require)


@pytest.mark.parametrize(
    ("state", "require", "done", "met"),
    [
        ("assigned", "all", False, ["ann@x", "2@x"]),
        ("assigned", "any", True, ["ann@x", "2@x"]),
        ("unassigned", "all", False, ["gone@x", None]),
        ("unassigned", "any", True, ["gone@x", None]),
    ],
)
def test_it_is_met_by_all_or_any(state: SeatState, require: Require, done: bool, met: list[Any]) -> None:
    """Those who met it are given; while they are not enough, the others are named as they were given."""
    holders = Holders([seat(ANN, "ann@x"), seat(TWO, "2@x")])
    progress = condition([TWO, NINE], ["Ann@x", "gone@x"], state, require).progress(holders)
    assert progress.done is done
    assert [row["email"] for row in progress.met] == met
    others = ["gone@x", NINE] if state == "assigned" else ["Ann@x", TWO]
    assert all((other in progress.told) is not done for other in others)


def test_holders_are_given_with_all_their_fields_and_others_as_they_were_given() -> None:
    """The next task knows since when, or whose seat is gone."""
    ann = seat(ANN, "ann@x")
    assert condition([ANN], ["ann@x"]).progress(Holders([ann])).met == [ann._asdict()]
    gone = condition([NINE], ["Bob@x"], "unassigned").progress(Holders([ann])).met
    assert gone == [{"id": None, "email": "Bob@x"}, {"id": NINE, "email": None}]


def test_its_progress_is_told_in_a_sentence() -> None:
    """For the log, with a few names."""
    holders = Holders([seat(ANN, "ann@x")])
    told = condition(emails=["ann@x", "bob@x"]).progress(holders).told
    assert told == "p: 1 of 2 people hold a seat; waiting for bob@x"
    assert condition(emails=["bob@x"], state="unassigned").progress(holders).told == "p: 1 of 1 people hold no seat"


@pytest.mark.parametrize(
    ("emails", "state", "doubted"),
    [(["a@x"], "unassigned", True), (["a@x"], "assigned", False), ([ANN], "unassigned", False)],
)
def test_it_is_in_doubt_where_someone_may_not_have_been_recognised(
    emails: list[str], state: SeatState, doubted: bool
) -> None:
    """Only where that would make it look met: an email that may stand behind a row without one."""
    holders = Holders([seat(ANN), seat(TWO, "2@x")])
    doubt = condition(emails=emails, state=state).doubt(holders)
    assert (doubt is not None) is doubted
    assert condition(emails=["a@x"], state="unassigned").doubt(Holders([seat(TWO, "2@x")])) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"user_emails": []}, "nobody to wait for"),
        ({"user_emails": ["a"]}, "user_emails: 'a'"),
        ({"state": "gone"}, "state: 'gone'"),
        ({"require": None}, "require: None"),
        ({"product_code": ""}, "product_code: ''"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(arguments: dict[str, Any], words: str) -> None:
    """With its value."""
    good = {
        "product_code": "p",
        "user_uuids": None,
        "user_emails": ["a@x"],
        "state": "assigned",
        "require": "all",
    }
    with pytest.raises(InvalidInputError, match=words):
        Condition.read(**{**good, **arguments})
