"""The flows that read the seat list: its pages, its rows, and the second reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api import PAGE_SIZE
from airflow_provider_seats._api.flow import MAX_ATTEMPTS
from airflow_provider_seats._api.seats import (
    SeatUser,
    list_seat_users,
    list_seat_users_twice,
    read_seat_list,
)
from airflow_provider_seats.exceptions import KeysRefusedError, UnavailableError
from tests.helpers.playing import page, play, reply

FORBIDDEN = reply(403, {"errors": ["Forbidden"]})


def ids(users: tuple[SeatUser, ...]) -> list[str | None]:
    """Return the ids of rows."""
    return [user.id for user in users]


def test_a_list_is_read_page_by_page() -> None:
    """The list is read in pages of a hundred, each with the cursor of the one before, until there is no cursor."""
    played = play(list_seat_users("p"), page("a", next_cursor="c2"), page("b"))
    assert ids(played.value) == ["a", "b"]
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
        {"id": "a", "attributes": {"email": "a@x", "name": "A", "assigned_at": "2026-01-01T00:00:00Z"}},
    ]
    nobody = SeatUser(None, None, None, None)
    expected = (nobody, nobody, SeatUser("a", "a@x", "A", "2026-01-01T00:00:00Z"))
    assert play(list_seat_users("p"), reply(200, {"data": rows, "more": 1})).value == expected


def test_a_row_that_moved_to_the_next_page_counts_once() -> None:
    """A row that is on two pages, because seats changed during the reading, is listed once."""
    played = play(list_seat_users("p"), page("a", "b", next_cursor="2"), page("b", "c"))
    assert ids(played.value) == ["a", "b", "c"]


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
        {"data": [{"id": "a", "attributes": {"email": 3}}]},
    ],
)
def test_a_list_that_is_not_as_documented_is_an_error(body: object) -> None:
    """A page that is not as documented raises an error and is never an empty list."""
    assert isinstance(play(list_seat_users("p"), *[reply(200, body)] * MAX_ATTEMPTS).error, UnavailableError)


def test_a_cursor_that_comes_twice_is_an_error() -> None:
    """A cursor that comes twice raises an error instead of an endless loop or a list that is cut short."""
    played = play(list_seat_users("p"), page("a", next_cursor="c"), page("b", next_cursor="c"))
    assert isinstance(played.error, UnavailableError)
    assert "does not end" in str(played.error)


def test_a_list_without_end_is_an_error() -> None:
    """New cursors that lead to nothing new are followed for three pages and then raise an error."""
    answers = [page("a", next_cursor="1"), *[page("a", next_cursor=str(number)) for number in (2, 3, 4)]]
    assert isinstance(play(list_seat_users("p"), *answers).error, UnavailableError)


def test_ids_are_in_lower_case() -> None:
    """The ids of rows are returned in lower case, so that they can be compared as text."""
    assert play(list_seat_users("p"), page("ABC")).value[0].id == "abc"


def test_a_list_whose_second_page_is_refused_is_an_error() -> None:
    """A list whose second page is refused raises an error instead of returning the first page."""
    played = play(list_seat_users("p"), page("a", next_cursor="c"), FORBIDDEN, FORBIDDEN)
    assert isinstance(played.error, KeysRefusedError)


def test_a_reading_counts_its_pages() -> None:
    """A reading returns how many pages the list had."""
    assert play(read_seat_list("p"), page()).value == ((), 1)
    _, pages = play(read_seat_list("p"), page("a", next_cursor="2"), page("b", next_cursor="3"), page("c")).value
    assert pages == 3


@pytest.mark.parametrize(
    ("flow", "described"),
    [
        (list_seat_users("p"), ["0 seats of p read so far", "1 seat of p read so far", "3 seats of p read so far"]),
        (read_seat_list("p"), ["0 seats read so far", "1 seat read so far", "3 seats read so far"]),
    ],
)
def test_progress_counts_the_rows_that_are_read(flow: Any, described: list[str]) -> None:
    """The progress of a reading is the number of rows read before each page."""
    played = play(flow, page("a", next_cursor="2"), page("b", "c", next_cursor="3"), page("d"))
    assert [request.progress for request in played.requests] == described


# --- the second reading ---


def test_a_list_of_one_page_is_read_once() -> None:
    """A list of one page is not read a second time, although someone is absent."""
    played = play(list_seat_users_twice("p", lambda _: True), page("a"))
    assert (ids(played.value), played.calls) == (["a"], "G")


def test_a_list_in_which_nobody_is_absent_is_read_once() -> None:
    """A list of several pages is not read a second time if nobody is absent."""
    played = play(list_seat_users_twice("p", lambda users: len(users) < 2), page("a", next_cursor="2"), page("b"))
    assert (ids(played.value), played.calls) == (["a", "b"], "GG")


def test_a_second_reading_adds_the_rows_that_the_first_one_missed() -> None:
    """If someone is absent from a list of several pages, a second reading adds the missed rows and removes none."""
    first = page("a", "b", next_cursor="2"), page("d", None)
    second = page("b", "c", next_cursor="2"), page("d", None)
    played = play(list_seat_users_twice("p", lambda users: "c" not in ids(users)), *first, *second)
    assert ids(played.value) == ["a", "b", "d", None, "c"]


def test_a_second_reading_happens_at_most_once() -> None:
    """Someone who is absent from both readings causes no third one."""
    pages = page("a", next_cursor="2"), page("b")
    played = play(list_seat_users_twice("p", lambda _: True), *pages, *pages)
    assert (ids(played.value), played.calls) == (["a", "b"], "GGGG")


def test_a_second_reading_that_fails_is_an_error() -> None:
    """If the second reading fails, no list is returned."""
    pages = page("a", next_cursor="2"), page("b")
    played = play(list_seat_users_twice("p", lambda _: True), *pages, FORBIDDEN, FORBIDDEN)
    assert isinstance(played.error, KeysRefusedError)


@given(
    rows=st.lists(st.sampled_from("abcdefghijkl"), unique=True, min_size=1),
    size=st.integers(1, 5),
    moved=st.integers(0, 12),
    at=st.integers(0, 30),
)
def test_nobody_who_holds_a_seat_is_absent_after_one_shift(rows: list[str], size: int, moved: int, at: int) -> None:
    """If one row is removed while the list is read, everyone else who holds a seat is listed after all."""
    seats = list(rows)
    pages = 0

    def serve(request: Any) -> Any:
        nonlocal pages
        if pages == at and moved < len(seats):
            del seats[moved]
        pages += 1
        start = int(dict(request.query).get("page[cursor]", "0"))
        more = str(start + size) if start + size < len(seats) else None
        return page(*seats[start : start + size], next_cursor=more)

    flow = list_seat_users_twice("p", lambda users: not set(rows) <= set(ids(users)))
    step = next(flow)
    try:
        while True:
            step = flow.send(serve(step))
    except StopIteration as end:
        assert set(seats) <= set(ids(end.value))


def test_a_page_has_a_hundred_rows() -> None:
    """The page size is the most that Datadog allows, so that a list costs the fewest calls."""
    assert PAGE_SIZE == 100
