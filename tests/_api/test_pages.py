"""Lists in numbered pages: they are read to their end, and a list that may be incomplete is an error."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats._api import PAGE_SIZE
from airflow_provider_seats._api.flow import Flow, Request, Response
from airflow_provider_seats._api.pages import Page, page_query, parse_total, read_pages
from airflow_provider_seats.exceptions import UnavailableError
from tests.helpers.playing import play, reply


def listing() -> Flow[tuple[dict[str, int], int]]:
    """Return a flow that reads a list."""

    def read(document: dict[str, Any]) -> Page[int]:
        return Page({str(row): row for row in document["data"]}, parse_total(document, "total"))

    return read_pages(lambda number: Request("GET", "/list", page_query(number)), read)


def rows(*numbers: int, total: object = None) -> Response:
    """Return a page of the list."""
    return reply(200, {"data": numbers, "total": total})


FULL = range(PAGE_SIZE)


def test_an_empty_list_is_one_page() -> None:
    """A list without rows is one call, whether or not it states a total."""
    assert play(listing(), rows()).value == ({}, 1)
    assert play(listing(), rows(total=0)).value == ({}, 1)


def test_a_list_is_read_until_its_total_is_reached() -> None:
    """Pages are requested by number until all rows are there, also if a page is smaller than requested."""
    played = play(listing(), rows(*FULL, total=103), rows(100, total=103), rows(101, 102, total=103))
    assert played.value == ({str(number): number for number in range(103)}, 3)
    assert [dict(request.query) for request in played.requests] == [
        {"page[size]": "100", "page[number]": str(number)} for number in range(3)
    ]
    # A full page that is the whole list needs no second call.
    assert play(listing(), rows(*FULL, total=PAGE_SIZE)).value[1] == 1


def test_a_list_without_a_total_ends_with_a_short_page() -> None:
    """Without a stated total, the first page that is not full is the last one."""
    assert play(listing(), rows(*FULL), rows(100)).value[1] == 2
    assert play(listing(), rows(*FULL), rows()).value[1] == 2


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        ([rows(total=1)], "it stops after 0 rows, and states a total of 1"),
        ([rows(*FULL, total=101), rows(total=101)], "it stops after 100 rows, and states a total of 101"),
        ([rows(*FULL, total=200), rows(*FULL, total=200)], "it stops after 100 rows, and states a total of 200"),
        ([rows(*FULL), rows(*FULL)], "it does not end after 100 rows"),
        ([rows(*FULL, total=102), rows(100, total=101)], "it had 102 rows, then 101"),
        ([rows(*FULL, total=102), rows(100)], "it had 102 rows, then None"),
    ],
)
def test_a_list_that_may_be_incomplete_is_an_error(pages: list[Response], problem: str) -> None:
    """A list that ends early, repeats a page or changes while it is read is a transient error, never a short list."""
    error = play(listing(), *pages).error
    assert isinstance(error, UnavailableError)
    assert problem in str(error)
    assert error.transient


@pytest.mark.parametrize(
    ("value", "total"), [(0, 0), (7, 7), (-1, None), ("7", None), (None, None), (1.5, None), (True, None)]
)
def test_a_total_is_a_whole_number(value: object, total: int | None) -> None:
    """A total that is no whole number counts as not stated."""
    assert parse_total({"meta": {"total": value}}, "meta", "total") == total


@pytest.mark.parametrize("document", [{}, {"meta": None}, {"meta": []}, {"meta": {"page": 7}}, {"meta": {"page": {}}}])
def test_a_total_may_be_missing(document: dict[str, Any]) -> None:
    """A response without a total, or with other things in its place, states none."""
    assert parse_total(document, "meta", "page", "total") is None
