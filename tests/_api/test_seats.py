"""The flow that reads the rows of the seat list, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats._api import PAGE_SIZE
from airflow_provider_seats._api.flow import MAX_ATTEMPTS
from airflow_provider_seats._api.seats import SeatUser, list_seat_users, read_rows
from airflow_provider_seats.exceptions import KeysRefusedError, UnavailableError
from tests.helpers.playing import page, play, reply, uuid

FORBIDDEN = reply(403, {"errors": ["Forbidden"]})
A, B, C, D = map(uuid, "abcd")


def ids(users: tuple[SeatUser, ...]) -> list[str | None]:
    """Return the ids of rows."""
    return [user.id for user in users]


def test_a_list_is_read_page_by_page() -> None:
    """The list is read in pages of a hundred, each with the cursor of the one before, until there is no cursor."""
    played = play(list_seat_users("p"), page(A, next_cursor="c2"), page(B))
    assert ids(played.value) == [A, B]
    assert played.requests[0].query == (("product_code", "p"), ("page[limit]", "100"))
    assert played.requests[1].query[-1] == ("page[cursor]", "c2")


@pytest.mark.parametrize("body", [{"data": []}, {"data": [], "meta": None}, {"data": [], "meta": {"next_cursor": ""}}])
def test_an_empty_list_has_no_meta(body: object) -> None:
    """An empty list is read, although Datadog sends it without any meta."""
    assert play(list_seat_users("p"), reply(200, body)).value == ()


def test_every_field_of_a_row_may_be_null() -> None:
    """Null fields and unknown fields of a row are accepted, and rows without an id are all kept."""
    rows: list[dict[str, Any]] = [
        {"id": None, "attributes": {"email": None, "assigned_at": None, "color": "blue"}, "links": {}},
        {"id": None},
        {"id": A, "attributes": {"email": "a@x", "name": "A", "assigned_at": "2026-01-01T00:00:00Z"}},
    ]
    nobody = SeatUser(None, None, None, None)
    expected = (nobody, nobody, SeatUser(A, "a@x", "A", "2026-01-01T00:00:00Z"))
    assert play(list_seat_users("p"), reply(200, {"data": rows, "more": 1})).value == expected


def test_a_row_that_moved_to_the_next_page_counts_once() -> None:
    """A row that is on two pages, because seats changed during the reading, is listed once."""
    played = play(list_seat_users("p"), page(A, B, next_cursor="2"), page(B, C))
    assert ids(played.value) == [A, B, C]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": [3]},
        {"data": [{"id": 3}]},
        {"data": [], "meta": 3},
        {"data": [], "meta": {"next_cursor": 3}},
        {"data": [{"id": A, "attributes": {"email": 3}}]},
    ],
)
def test_a_list_that_is_not_as_documented_is_an_error(body: object) -> None:
    """A page that is not as documented raises an error and is never an empty list."""
    assert isinstance(play(list_seat_users("p"), *[reply(200, body)] * MAX_ATTEMPTS).error, UnavailableError)


def test_a_cursor_that_comes_twice_is_an_error() -> None:
    """A cursor that comes twice raises an error instead of an endless loop or a list that is cut short."""
    played = play(list_seat_users("p"), page(A, next_cursor="c"), page(B, next_cursor="c"))
    assert isinstance(played.error, UnavailableError)
    assert "does not end" in str(played.error)


def test_a_list_without_end_is_an_error() -> None:
    """New cursors that lead to nothing new are followed for three pages and then raise an error."""
    answers = [page(A, next_cursor="1"), *[page(A, next_cursor=str(number)) for number in (2, 3, 4)]]
    assert isinstance(play(list_seat_users("p"), *answers).error, UnavailableError)


def test_ids_are_in_lower_case() -> None:
    """The ids of rows are returned in lower case, so that they can be compared as text."""
    assert play(list_seat_users("p"), page(A.upper())).value[0].id == A


def test_a_list_whose_second_page_is_refused_is_an_error() -> None:
    """A list whose second page is refused raises an error instead of returning the first page."""
    played = play(list_seat_users("p"), page(A, next_cursor="c"), FORBIDDEN, FORBIDDEN)
    assert isinstance(played.error, KeysRefusedError)


ROWS = read_rows("p", progress=lambda: "all is well")


def test_a_row_whose_id_is_no_uuid_has_none() -> None:
    """An id such as "service-42" is that of no user, so such a row counts as one without a user UUID."""
    played = play(list_seat_users("p"), page("service-42", A, "", A[:-1]))
    assert ids(played.value) == [None, A, None, None]
    assert played.value[0].email == "service-42@x.com"


@pytest.mark.parametrize(
    ("flow", "described"),
    [
        (list_seat_users("p"), ["0 seats of p read so far", "1 seat of p read so far", "3 seats of p read so far"]),
        (ROWS, ["all is well"] * 3),
    ],
)
def test_progress_counts_the_rows_that_are_read(flow: Any, described: list[str]) -> None:
    """The progress of a reading is the number of rows read before each page, unless the caller has another one."""
    played = play(flow, page(A, next_cursor="2"), page(B, C, next_cursor="3"), page(D))
    assert [request.progress for request in played.requests] == described


def test_a_page_has_a_hundred_rows() -> None:
    """The page size is the most that Datadog allows, so that a list costs the fewest calls."""
    assert PAGE_SIZE == 100
