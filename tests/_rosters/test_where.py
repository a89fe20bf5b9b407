"""The rows that count: words by column, or a function of a row's cells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from airflow_provider_seats._rosters.where import ColumnFilter, Where, parse_where, parse_words
from airflow_provider_seats.exceptions import InvalidInputError
from tests._rosters.test_roster_file import ANN, BOB, problem, read, roster
from tests._rosters.test_xlsx_table import workbook

LEAVING = "Email;Leaving  date;Boss\nann@x.com;;cy@x.com\nbob@x.com;2999-01-31;\ncy@x.com; 2020-01-31 ;\n;2020-01-01;\n"


def stays(row: Mapping[str, str]) -> bool:
    """Return whether a person has no leaving date, or one in the future."""
    leaving = row["leaving date"]
    return not leaving or date.fromisoformat(leaving) > date(2026, 1, 1)


def test_a_function_says_which_rows_count() -> None:
    """It is passed the cells of a row by column, and the log counts what it left out."""
    found = roster(LEAVING, where=stays)
    assert found.people == [ANN, BOB]
    assert found.summary == "2 people in 4 rows, left out: 2 rows by the function of where"


def test_a_function_reads_a_workbook_like_a_csv_file() -> None:
    """Dates in a workbook are texts in ISO 8601, too."""
    rows: list[list[Any]] = [
        ["Email", "Leaving date"],
        [ANN, None],
        [BOB, date(2999, 1, 31)],
        ["cy@x.com", date(2020, 1, 31)],
    ]
    assert read(workbook(rows), where=stays) == [ANN, BOB]
    failed = [*rows, ["di@x.com", "#N/A"]]
    assert problem(workbook(failed), where=stays) == (
        "where: sheet 'Staff' of 's3://hr/roster.csv', cell B5: it holds the error #N/A (correct the cell, or its "
        "formula)."
    )
    assert len(read(workbook(failed), where=lambda row: bool(row["Email"]))) == 4


def test_a_row_that_ends_before_a_column_of_the_function_is_an_error() -> None:
    """A cut row is no row with blank cells. Columns that the function does not read may be left out."""
    text = "Email,Status,Team\nann@x.com,Active,SRE\nbob@x.com\ncy@x.com,Left\n"
    for function in (
        lambda row: row["status"] == "Active",
        lambda row: row.get("Status") != "Left",
        lambda row: bool(dict(row)),
    ):
        message = problem(text, where=function)
        assert "where: its function reads the column" in message
        assert "and row 3 of 's3://hr/roster.csv' ends before it (it may be cut)" in message
    assert read(text, where=lambda row: row["Email"] != "cy@x.com") == [ANN, BOB]


def test_a_row_behaves_like_a_mapping() -> None:
    """Each column of the file can be asked for, and a column may be missing if the function asks that."""
    seen: list[Any] = []

    def look(row: Mapping[str, str]) -> bool:
        seen.append((dict(row), len(row), "BOSS" in row, "team" in row, row.get("boss")))
        return True

    read("Email,Boss\nann@x.com,\u200b Cy \nbob@x.com,\n", where=look)
    assert seen == [
        ({"Email": "ann@x.com", "Boss": "Cy"}, 2, True, False, "Cy"),
        ({"Email": "bob@x.com", "Boss": ""}, 2, True, False, ""),
    ]


@pytest.mark.parametrize("read_cell", [lambda row: row["leaving"] == "", lambda row: row.get("leaving") is None])
def test_a_misspelt_column_of_a_function_is_an_error(read_cell: Any) -> None:
    """A default would keep or leave out everyone in silence."""
    assert problem(LEAVING, where=read_cell) == (
        "where: its function reads the column 'leaving'. The columns of 's3://hr/roster.csv' are 'Email', 'Leaving  "
        "date', 'Boss'."
    )


def test_a_column_that_is_there_twice_is_an_error_for_a_function() -> None:
    """A function cannot say which of two columns it means."""
    assert "where: 2 columns of 's3://hr/roster.csv' are called 'Left'" in (
        problem("email,left,Left\nann@x.com,1,2\n", where=lambda row: row["Left"] == "1")
    )


@pytest.mark.parametrize("value", [None, 1, "", "yes"])
def test_a_function_that_returns_no_boolean_is_an_error(value: Any) -> None:
    """A function without a return statement would leave everyone out."""
    shown = problem(LEAVING, where=lambda _: value)
    assert f"where: its function returned {value!r} for row 2 of 's3://hr/roster.csv'. Return True or False." in shown


def test_a_function_that_fails_is_an_error_that_names_the_row() -> None:
    """An error of the function fails the task, and says for which row."""
    assert problem("email,leaving date\nann@x.com,31.01.2999\n", where=stays) == (
        "where: its function failed for row 2 of 's3://hr/roster.csv': ValueError: Invalid isoformat string: "
        "'31.01.2999'. Correct the function, or the row."
    )


def test_a_function_may_contradict_itself() -> None:
    """A person with a row that it keeps and one that it leaves out is an error, unless one of the rows counts."""
    text = "email,left\nann@x.com,\nbob@x.com,\nANN@x.com,2020\n"
    where = {"where": lambda row: not row["left"]}
    assert "ann@x.com is in row 2, and where leaves out row 4 of the same person." in problem(text, **where)
    assert read(text, on_contradiction="last", **where) == [BOB]
    assert read(text, on_contradiction="keep", **where) == [ANN, BOB]


def test_a_function_that_keeps_nobody_is_an_error() -> None:
    """Nobody is an error, unless it is allowed."""
    assert "none of the 4 rows of 's3://hr/roster.csv' has a row that the function keeps. If it is right" in (
        problem(LEAVING, where=lambda _: False)
    )
    assert read(LEAVING, where=lambda _: False, allow_empty=True) == []


def test_a_function_leaves_damaged_rows_as_errors() -> None:
    """Each row is checked, also if a function leaves it out."""
    assert "row 3: 'bob@x' is neither" in problem("email\nann@x.com\nbob@x\n", where=lambda row: "ann" in row["email"])


def test_conditions_are_parsed() -> None:
    """A mapping is parsed, also from text, and a function is itself."""
    assert parse_where("where", {"Status": ["A", 1]}) == Where((ColumnFilter("Status", {"a": "A", "1": "1"}),))
    assert parse_where("where", stays) == Where(function=stays)
    assert str(parse_where("where", "{'Status': ['A', 'B'], 'x': ''}")) == "'Status' = 'A' or 'B' and 'x' = ''"
    with pytest.raises(InvalidInputError, match=r"^where: 7 states no condition\. .* a function of the cells of a row"):
        parse_where("where", 7)


def test_words_may_look_like_numbers() -> None:
    """A text that is a number is a word."""
    assert parse_words("may_be_absent", "7") == ["7"]
    assert parse_words("may_be_absent", "['7', 'a']") == ["7", "a"]
