"""Tables: their columns, and how the header is found."""

from __future__ import annotations

import pytest

from airflow_provider_seats._rosters.csv_table import CsvTable, Text
from airflow_provider_seats._rosters.table import HeaderRow, Wanted, find_header, missing, refuse_header
from airflow_provider_seats.exceptions import InvalidInputError

EMAIL, STATUS = Wanted("column", "e-mail"), Wanted("where", "Status", ("Active",))
ROWS = [(1, ["Staff"]), (2, ["", " "]), (4, ["E\u2011Mail", "status"]), (5, ["ann@x", "Active"])]


def test_the_header_is_the_first_row_that_is_not_blank_unless_you_ask() -> None:
    """The header may be named by its row, or found by its columns."""
    assert find_header(ROWS, [EMAIL], None, "f.csv") == ROWS[0]
    assert find_header(ROWS[1:], [EMAIL], None, "f.csv") == ROWS[2]
    assert find_header(ROWS, [EMAIL], 4, "f.csv") == find_header(ROWS, [EMAIL, STATUS], "find", "f.csv") == ROWS[2]
    assert find_header(ROWS, [EMAIL], 2, "f.csv") == ROWS[1]
    assert find_header(ROWS, [Wanted("column", "mail")], "find", "f.csv") == ROWS[0]


@pytest.mark.parametrize("header_row", [None, 3, "find"])
def test_an_empty_file_has_no_header(header_row: HeaderRow) -> None:
    """A file without rows has no header, and one that ends before the header is an error."""
    assert find_header([], [EMAIL], header_row, "f.csv") is None
    with pytest.raises(InvalidInputError, match=r"header_row: f\.csv ends before row 6\. Correct"):
        find_header(ROWS, [EMAIL], 6, "f.csv")


def test_missing_columns_are_found_by_what_a_reader_sees() -> None:
    """Columns are compared without case, and without differences between hyphens."""
    assert missing(["STATUS", "e\u2013mail"], [EMAIL, STATUS]) == []
    assert missing(["mail"], [EMAIL, STATUS]) == [EMAIL, STATUS]
    error = refuse_header(ROWS[0], [ROWS], [EMAIL], "f.csv")
    assert str(error) == (
        "column: f.csv has no column 'e-mail'. Its columns are 'Staff'. Row 4 has it: pass header_row=4, or 'find'."
    )


def test_a_column_must_be_there_once() -> None:
    """Two columns of one name are an error that says where they are."""
    table = CsvTable("f.csv", ["a", "E-Mail", "e-mail"], Text(b"", "utf-8", "f.csv"), ",", 1)
    assert table.position(Wanted("where", "A")) == 0
    assert (table.name(1), table.name(7)) == ("'E-Mail'", "''")
    with pytest.raises(InvalidInputError, match=r"^column: 2 columns of f\.csv are called 'e-mail' \(columns 2, 3\)"):
        table.position(EMAIL)
