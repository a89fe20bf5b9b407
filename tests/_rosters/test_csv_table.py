"""CSV files: bytes, parsed into a header and rows. tests/_planning/test_roster.py has the files of real systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_seats._rosters.cells import comparable
from airflow_provider_seats._rosters.csv_table import SEPARATORS, CsvTable, decode, parse_csv, parse_encoding
from airflow_provider_seats._rosters.table import HeaderRow, Wanted
from airflow_provider_seats.exceptions import InvalidInputError

EMAIL = [Wanted("column", "email")]


def parse(text: str, wanted: Sequence[Wanted] = EMAIL, header_row: HeaderRow = None) -> CsvTable | None:
    """Parse a table in a text."""
    return parse_csv(decode(text.encode(), None, "f.csv"), wanted, header_row)


def table(text: str, **arguments: Any) -> CsvTable:
    """Parse a table that is not empty."""
    found = parse(text, **arguments)
    assert found is not None
    return found


def cells(text: str, **arguments: Any) -> list[Sequence[str]]:
    """Return the rows below the header that are not blank."""
    return [row for _, row in table(text, **arguments).rows() if any(row)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(encoding: str) -> None:
    """Without a named encoding a text is UTF-8, or what its byte order mark says. The mark is no part of the text."""
    assert decode("Zoë".encode(encoding), None, "f.csv").lines()[0] == "Zoë"


def test_bytes_that_are_no_text_are_an_error() -> None:
    """The error names the file and what to do."""
    with pytest.raises(InvalidInputError, match=r"f\.csv"):
        decode(b"J\xfcrgen", None, "f.csv")
    with pytest.raises(InvalidInputError, match="encoding"):
        parse_encoding("encoding", "no-such-encoding")


@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_separator_is_the_one_that_the_header_contains(separator: str) -> None:
    """The header decides. A number of a row is the one that a spreadsheet shows."""
    found = table(f"Name{separator} E-Mail \n\nAnn{separator}ann@x\n", wanted=[Wanted("column", "e-mail")])
    assert [comparable(name) for name in found.header] == ["name", "e-mail"]
    assert found.position(Wanted("column", "E-MAIL")) == 1
    assert [*found.rows()] == [*found.rows()] == [(2, []), (3, ["Ann", "ann@x"])]


def test_the_directive_of_excel_is_no_row() -> None:
    """The line with which Excel names its separator is not the header, and no spreadsheet shows it."""
    assert [*table("sep=;\nemail;name\nann@x;Ann\n").rows()] == [(2, ["ann@x", "Ann"])]


@pytest.mark.parametrize("line", ["#TYPE System.Management.Automation.PSCustomObject", '"#TYPE Selected.User"'])
def test_the_first_line_of_powershell_is_not_the_header(line: str) -> None:
    """The line with which Windows PowerShell names a type is skipped, and is a row that a spreadsheet shows."""
    assert [*table(f'{line}\r\n"email","name"\r\n"ann@x","Ann"\r\n').rows()] == [(3, ["ann@x", "Ann"])]
    assert cells(f"\ufeff{line}\nemail,name\nann@x,Ann\n", header_row=2) == [["ann@x", "Ann"]]
    assert parse(f"{line}\n") is None


def test_a_header_without_the_column_is_an_error_that_lists_the_others() -> None:
    """The error shows the columns of the file. An empty file has no header."""
    with pytest.raises(InvalidInputError, match=r"column: .*'Mail'"):
        parse("Mail,Name\n")
    assert parse("\n \n") is None


TITLED = "Staff; of the company\nemail\n\nName;Email;Status\nAnn;ann@x;on\n"


@pytest.mark.parametrize("header_row", [4, "find"])
def test_rows_above_the_header_are_skipped_if_you_ask(header_row: HeaderRow) -> None:
    """The header may be named by its row, or be found by its columns."""
    wanted = [*EMAIL, Wanted("where", "status", ("on",))]
    assert cells(TITLED, wanted=wanted, header_row=header_row) == [["Ann", "ann@x", "on"]]
    with pytest.raises(InvalidInputError, match=r"Row 4 has it: pass header_row=4, or 'find'\.$"):
        parse(TITLED, wanted)


def test_a_header_row_without_the_columns_is_an_error() -> None:
    """A wrong number is an error, as is a number beyond the end."""
    with pytest.raises(InvalidInputError, match=r"^column: f\.csv has no column 'email'\. Its columns are 'Staff"):
        parse(TITLED, header_row=1)
    with pytest.raises(InvalidInputError, match=r"^header_row: f\.csv ends before row 9\. Correct the number"):
        parse(TITLED, header_row=9)
    with pytest.raises(InvalidInputError, match=r"^column: f\.csv has no column 'email'"):
        parse("Mail\n" * 60, header_row="find")
    assert parse("", header_row=9) is None


def test_a_file_is_not_decoded_as_a_whole() -> None:
    """Lines are decoded while they are read, across the borders of what is decoded at once."""
    text = decode("email\r\n".encode("utf-16") + "ä@x\r\n".encode("utf-16-le") * 50_000, None, "f.csv")
    first, others = text.lines()
    assert first == "email\r\n"
    assert sum(line == "ä@x\r\n" for line in others) == 50_000
    assert text.is_ended
    assert not decode(b"email\nx", None, "f.csv").is_ended


@pytest.mark.parametrize(
    "cell", ["Ann\nbob@x.com", "Ann\r11111111-1111-1111-1111-11111111111a", "Ann,Active\nBob", "A\n,\nB", "\r\n,"]
)
def test_a_cell_that_may_contain_a_row_is_an_error(cell: str) -> None:
    """A cell with a line break and an address, a UUID or the separator may have swallowed rows."""
    found = table(f'email,name\nann@x.com,"{cell}"\n')
    with pytest.raises(InvalidInputError, match=r"^path: row 2 of f\.csv may have swallowed others: "):
        list(found.rows())


@pytest.mark.parametrize("cell", ["Ann\nDoe", "a;b|c\r\nd", "Doe, Ann", "bob@x.com, cy@x.com"])
def test_a_cell_of_several_lines_or_with_a_separator_is_valid(cell: str) -> None:
    """A cell may contain line breaks, or the separator, if it cannot be mistaken for a row."""
    assert cells(f'email,name\nann@x.com,"{cell}"\n') == [["ann@x.com", cell]]
