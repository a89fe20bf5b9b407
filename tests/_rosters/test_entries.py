"""What operators, queries and templates hand over as a list of people."""

from __future__ import annotations

import json
import sqlite3
from collections import deque, namedtuple
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._rosters.entries import entries
from airflow_provider_seats.exceptions import InvalidInputError

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"
Row = namedtuple("Row", ["email"])  # noqa: PYI024 (as databases return it)


class LazyXComSequence:
    """A stand-in for what Airflow passes instead of the results of mapped tasks."""

    def __init__(self, *results: object) -> None:
        self._results = results

    def __iter__(self) -> Iterator[object]:
        return iter(self._results)


def sqlite_rows(query: str, *values: str) -> list[sqlite3.Row]:
    """Return rows of a database's library, which are no tuples."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.row_factory = sqlite3.Row
        return database.execute(query, values).fetchall()


class DataFrame:
    """A stand-in for a frame of pandas or polars, which iterates over the names of its columns."""

    columns = ("email",)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


class Series:
    """A stand-in for a column of pandas."""

    def tolist(self) -> list[str]:
        """Return the values."""
        return [ANN]


def problem(value: object) -> str:
    """Return the message of the error about a value."""
    with pytest.raises(InvalidInputError) as raised:
        entries("user_emails", value)
    return str(raised.value)


@pytest.mark.parametrize(
    "value",
    [
        [ANN, BOB],
        (ANN, BOB),
        {ANN: None, BOB: None}.keys(),
        [(ANN,), (BOB,)],
        [[ANN], [BOB]],
        [[ANN], BOB],
        [Row(ANN), Row(BOB)],
        f"[('{ANN}',), ('{BOB}',)]",
        json.dumps([[ANN], [BOB]]),
        f'"{ANN}"\n"{BOB}"',
        f'["{ANN}"]\n["{BOB}"]',
        [json.dumps([ANN]), json.dumps([BOB])],
        [json.dumps([[ANN], [BOB]])],
        LazyXComSequence([ANN], [BOB]),
        LazyXComSequence([(ANN,), (BOB,)]),
        LazyXComSequence(ANN, BOB),
        LazyXComSequence(json.dumps([ANN]), [], json.dumps([[BOB]])),
        sqlite_rows("SELECT ? UNION ALL SELECT ?", ANN, BOB),
        [deque([ANN]), BOB],
        f"{ANN}, {BOB}",
        f"{ANN}\n{BOB}\n",
    ],
)
def test_a_list_in_any_form_is_its_entries(value: Any) -> None:
    """Rows of one column, JSON, JSON lines, pages of JSON and the results of mapped tasks are lists of people."""
    assert entries("user_emails", value) == [ANN, BOB]


def test_one_address_as_json_is_one_entry() -> None:
    """A text may hold a single address as JSON."""
    assert entries("user_emails", json.dumps(ANN)) == [ANN]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([(ANN, "Ann")], r"row 1 has 2 columns: ('ann@example.com', 'Ann')."),
        ([[ANN], [BOB, CY]], r"row 2 has 2 columns"),
        ([(ANN,), ()], "row 2 is empty"),
        (sqlite_rows("SELECT ?, ?", ANN, "Ann"), "row 1 has 2 columns: ('ann@example.com', 'Ann')."),
        ([json.dumps([ANN]), json.dumps([[BOB, "Bob"]])], "entry 1 of text 2 has 2 columns"),
        (LazyXComSequence([(ANN, "Ann")]), "row 1 has 2 columns"),
    ],
)
def test_a_row_of_several_columns_is_an_error_that_says_what_to_write(value: Any, message: str) -> None:
    """Nobody can say which column is meant. A second address may be that of the manager."""
    shown = problem(value)
    assert message in shown
    assert "[row[0] for row in rows]" in shown
    assert ".map(lambda row: row[0])" in shown


@pytest.mark.parametrize("value", [[ANN, None], [(ANN,), (None,)], f"['{ANN}', None]", json.dumps([ANN, None])])
def test_a_null_is_an_error_with_its_number(value: Any) -> None:
    """A NULL of a database is an error that names its row and says how to leave it out."""
    assert problem(value).startswith("user_emails: row 2 is None, such as a NULL of a database.")
    assert "WHERE email IS NOT NULL" in problem(value)


def test_a_dict_in_a_list_is_an_error_that_names_its_keys() -> None:
    """An API often returns a list of objects."""
    shown = problem([{"email": ANN, "name": "Ann"}])
    assert (
        "row 1 is a dict with the keys 'email', 'name'. Pass one value of each: [row['email'] for row in rows]" in shown
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (DataFrame(), "DataFrame is not a list of people. Pass one column of it: df['email'].tolist()"),
        (Series(), "Series is not a list of people. Pass .tolist() of it."),
        ({"email": ANN}, "a dict is not a list of people"),
        ({}, "a dict is not a list of people"),
        (b"ann@example.com", "is not a list of people"),
        (7, "7 is not a list of people. Pass a list of emails or UUIDs."),
    ],
)
def test_another_container_is_an_error_that_says_how_to_make_a_list(value: Any, message: str) -> None:
    """A frame is never read as the names of its columns, and never as an empty roster."""
    assert message in problem(value)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "it returned None."),
        (DataFrame(), "DataFrame is not a list of people. Pass one column of it"),
        ({}, "a dict is not a list of people"),
        (7, "7 is not a list of people."),
    ],
)
def test_a_mapped_task_that_returns_no_list_is_an_error_with_its_number(result: Any, message: str) -> None:
    """What one of many mapped readers returned is never left out, nor read letter by letter."""
    assert f"result 2 of the mapped task: {message}" in problem(LazyXComSequence([ANN], result))


@pytest.mark.parametrize("text", ['""', '" "', '", ;"'])
def test_an_empty_text_as_json_names_nobody(text: str) -> None:
    """A template with tojson makes this of an empty value. It is no empty list."""
    assert f"the text {text!r} names nobody" in problem(text)


def test_a_page_that_is_an_object_names_its_keys() -> None:
    """Pages of an API are often objects that hold the list."""
    shown = problem([json.dumps({"users": [ANN], "next": None})])
    assert "row 1 is a dict with the keys 'users', 'next'" in shown


@given(st.lists(st.emails(), max_size=5), st.sampled_from([tuple, list]))
def test_a_table_of_one_column_is_its_cells(people: list[str], row: Any) -> None:
    """Whatever the cells hold, they come out in their order, unless the text of one looks like JSON."""
    plain = [each for each in people if not each.startswith(("[", "(", "{", '"'))]
    assert entries("user_emails", [row([each]) for each in plain]) == plain
