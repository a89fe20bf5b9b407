"""A seat list, indexed by UUID and email."""

from __future__ import annotations

import pytest

from airflow_provider_seats._planning.people import People
from airflow_provider_seats._planning.seat_list import SeatList
from tests.helpers.planning import person, seat

SEATS = SeatList([seat("1", "ann@x"), seat("2", "Ann@X"), seat("3"), seat(None, "nid@x")])


def test_seats_are_found_by_uuid_and_by_email() -> None:
    """An email finds the seats of all accounts that share it, in any case, and a UUID finds one without an email."""
    assert [user.id for user in SEATS.by_email("ANN@x")] == ["1", "2"]
    assert [user.email for user in SEATS.by_uuid("3")] == [None]
    assert SEATS.by_uuid("9") == SEATS.by_email("9@x") == []


def test_a_list_is_counted() -> None:
    """The list has a length, and counts its rows without an email."""
    assert (len(SEATS), len(SeatList()), SEATS.rows_without_email(), SEATS.pages) == (4, 0, 1, 1)


def test_emails_that_no_row_has_are_unlisted() -> None:
    """Unlisted emails are returned as they were passed."""
    assert SEATS.unlisted(["ANN@x", "Cy@x"]) == ("Cy@x",)


def test_people_are_matched_with_their_rows() -> None:
    """Each person is matched as passed, emails first, with all rows of their seats."""
    matched = [(who, [row.id for row in rows]) for who, rows in SEATS.match(People(("3", "9"), ("ann@x", "cy@x")))]
    assert matched == [
        (person(None, "ann@x"), ["1", "2"]),
        (person(None, "cy@x"), []),
        (person("3"), ["3"]),
        (person("9"), []),
    ]


@pytest.mark.parametrize(("listed", "passed"), [("jos\u00e9@x", "JOSE\u0301@x"), ("jose\u0301@x", "jos\u00e9@X")])
def test_two_spellings_find_the_same_seat(listed: str, passed: str) -> None:
    """An email is found in the list in its composed and in its decomposed form."""
    assert [user.id for user in SeatList([seat("1", listed)]).by_email(passed)] == ["1"]


@pytest.mark.parametrize(
    ("listed", "passed"),
    [("stra\u00dfe@x", "strasse@x"), ("\ufb01nn@x", "finn@x"), ("\u0131an@x", "ian@x"), ("\u017fam@x", "sam@x")],
)
def test_two_addresses_never_find_the_same_seat(listed: str, passed: str) -> None:
    """Addresses that casefold() or NFKC would join are not found for each other."""
    assert SeatList([seat("1", listed)]).by_email(passed) == []
    assert SeatList([seat("1", passed)]).by_email(listed) == []
