"""CSV files: bytes, parsed into a header and rows. tests/_planning/test_roster.py has the files of real systems."""

from __future__ import annotations

import pytest

from airflow_provider_seats._rosters.csv_table import SEPARATORS, comparable, decode, parse_encoding, parse_table
from airflow_provider_seats.exceptions import InvalidInputError

EMAIL = [("column", "email")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(encoding: str) -> None:
    """Without a named encoding a text is UTF-8, or what its byte order mark says. The mark is no part of the text."""
    assert decode("Zoë".encode(encoding), None, "f.csv") == "Zoë"


def test_bytes_that_are_no_text_are_an_error() -> None:
    """The error names the file and what to do."""
    with pytest.raises(InvalidInputError, match=r"f\.csv"):
        decode(b"PK\x03\x04rest", None, "f.csv")
    with pytest.raises(InvalidInputError, match="encoding"):
        parse_encoding("encoding", "no-such-encoding")


@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_separator_is_the_one_that_the_header_contains(separator: str) -> None:
    """The header decides. A number of a row is the one that a spreadsheet shows."""
    table = parse_table(f"Name{separator} E-Mail \n\nAnn{separator}ann@x\n", [("column", "e-mail")], "f.csv")
    assert table is not None
    assert [comparable(name) for name in table.header] == ["name", "e-mail"]
    assert table.position("column", "E-MAIL") == 1
    assert [(number, cells) for number, cells in table.rows] == [(3, ["Ann", "ann@x"])]
    assert [*table.rows] == [*table.rows]


def test_the_directive_of_excel_is_no_row() -> None:
    """The line with which Excel names its separator is not the header."""
    table = parse_table("sep=;\nemail;name\nann@x;Ann\n", EMAIL, "f.csv")
    assert table is not None
    assert [cells for _, cells in table.rows] == [["ann@x", "Ann"]]


def test_a_header_without_the_column_is_an_error_that_lists_the_others() -> None:
    """The error shows the columns of the file. An empty file has no header."""
    with pytest.raises(InvalidInputError, match=r"column: .*'Mail'"):
        parse_table("Mail,Name\n", EMAIL, "f.csv")
    assert parse_table("\n \n", EMAIL, "f.csv") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("On Leave", " on  leave\u00a0"),
        ("On Leave", "on\u202fle\u00adave"),
        ("On Leave", "on\r\nleave"),
        ("full-time", "FULL\u2011TIME"),
        ("caf\u00e9", "CAFE\u0301"),
        ("", "\u200b\u00a0"),
    ],
)
def test_what_looks_the_same_is_comparable(one: str, other: str) -> None:
    """Case, hidden characters, and the kind of blanks and hyphens make no difference."""
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(("one", "other"), [("On Leave", "OnLeave"), ("a-b", "ab"), ("a-b", "a b"), ("1", "10")])
def test_what_looks_different_is_not_comparable(one: str, other: str) -> None:
    """A missing blank or hyphen makes another word."""
    assert comparable(one) != comparable(other)


@pytest.mark.parametrize(
    "cell", ["Ann\nbob@x.com", "Ann\r11111111-1111-1111-1111-11111111111a", "Ann,Active\nBob", "A\n,\nB", "\r\n,"]
)
def test_a_cell_that_may_contain_a_row_is_an_error(cell: str) -> None:
    """A cell with a line break and an address, a UUID or the separator may have swallowed rows."""
    table = parse_table(f'email,name\nann@x.com,"{cell}"\n', EMAIL, "f.csv")
    assert table is not None
    with pytest.raises(InvalidInputError, match=r"^path: row 2 of f\.csv may have swallowed others: "):
        list(table.rows)


@pytest.mark.parametrize("cell", ["Ann\nDoe", "a;b|c\r\nd", "Doe, Ann", "bob@x.com, cy@x.com"])
def test_a_cell_of_several_lines_or_with_a_separator_is_valid(cell: str) -> None:
    """A cell may contain line breaks, or the separator, if it cannot be mistaken for a row."""
    table = parse_table(f'email,name\nann@x.com,"{cell}"\n', EMAIL, "f.csv")
    assert table is not None
    assert [cells for _, cells in table.rows] == [["ann@x.com", cell]]
