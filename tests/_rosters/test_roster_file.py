"""Rosters from files as HR systems, spreadsheets and databases write them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._rosters.emails import is_email
from airflow_provider_seats._rosters.roster_file import Roster, RosterFile
from airflow_provider_seats.exceptions import InvalidInputError
from tests.helpers.addresses import addresses
from tests.helpers.examples import examples

U1 = "11111111-1111-1111-1111-11111111111a"
ANN, BOB = "ann@x.com", "bob@x.com"
PATH = "s3://hr/roster.csv"
DEFAULTS: dict[str, Any] = {
    "path": PATH,
    "column": "email",
    "where": NOT_PASSED,
    "may_be_absent": NOT_PASSED,
    "on_contradiction": "fail",
    "encoding": NOT_PASSED,
    "sheet": NOT_PASSED,
    "header_row": NOT_PASSED,
    "allow_empty": False,
    "allow_missing_line_end": False,
}


def read(content: bytes | str, **arguments: Any) -> list[str]:
    """Return the people in a file."""
    return roster(content, **arguments).people


def roster(content: bytes | str, **arguments: Any) -> Roster:
    """Return what is read from a file."""
    data = content.encode() if isinstance(content, str) else content
    return RosterFile.parse(**{**DEFAULTS, **arguments}).read([("roster.csv", data)])


def problem(content: bytes | str, **arguments: Any) -> str:
    """Return the message about a file or an argument that cannot be used."""
    with pytest.raises(InvalidInputError) as caught:
        read(content, **arguments)
    assert str(caught.value).startswith(f"{caught.value.field}: ")
    return str(caught.value)


# --- files as real systems write them ---

ROWS = "email,name\r\nann@x.com,Ann\r\nbob@x.com,Bob\r\n"
FILES: dict[str, bytes] = {
    "plain": ROWS.encode(),
    "CSV UTF-8 of Excel": ROWS.encode("utf-8-sig"),
    "Excel with a list separator of ;": ROWS.replace(",", ";").encode("utf-8-sig"),
    "Unicode text of Excel": ROWS.replace(",", "\t").encode("utf-16"),
    "UTF-16 in the other byte order": b"\xfe\xff" + ROWS.encode("utf-16-be"),
    "UTF-32": ROWS.encode("utf-32"),
    "two byte order marks": b"\xef\xbb\xbf" + ROWS.encode("utf-8-sig"),
    "a pipe": ROWS.replace(",", "|").encode(),
    "Excel's first line": b"sep=;\r\n" + ROWS.replace(",", ";").encode(),
    "Excel's first line, with a byte order mark and quoted": b'\xef\xbb\xbf"SEP=;"\r\n'
    + ROWS.replace(",", ";").encode(),
    "Excel's first line with a tab": b"sep=\t\r\n" + ROWS.replace(",", "\t").encode(),
    "Excel's first line with another separator": b"sep=^\r\n" + ROWS.replace(",", "^").encode(),
    "line ends of old Macs": ROWS.replace("\r\n", "\r").encode(),
    "line ends of Unix": ROWS.replace("\r\n", "\n").encode(),
    "everything quoted": b'"email","name"\r\n"ann@x.com","Ann"\r\n"bob@x.com","Bob"\r\n',
    "blanks after the separators": b'name, email\r\n"Doe, Ann", "ann@x.com"\r\n"Roe, Bob", bob@x.com \r\n',
    "blank rows at the end": ROWS.encode() + b",\r\n,\r\n\r\n",
    "blank rows above the header and between rows": b"\r\n,\r\n" + ROWS.replace("\r\n", "\r\n\r\n").encode(),
    "rows of spaces": ROWS.encode() + b" ,\xc2\xa0\r\n",
    "a blank column at the end": ROWS.replace("\r\n", ",\r\n").encode(),
    "rows with more separators than the header": b"email,name\r\nann@x.com,Ann,,\r\nbob@x.com,Bob,,,\r\n",
    "rows without their last cells": b"email,name,team\r\nann@x.com\r\nbob@x.com,Bob\r\n",
    "a header in another case with blanks around it": ROWS.replace("email", " \u00a0E-MAIL\u200b ").encode(),
    "cells with line breaks, separators and quotation marks": (
        b'name,"email",team\r\n"Doe\r\nAnn ""A""; x\ty|z",ann@x.com,"a, b"\r\n"Bob\nRoe",bob@x.com\r\n'
    ),
    "one column": b"email\r\nann@x.com\r\nbob@x.com\r\n",
    "one column between blank ones": b"\temail\t\r\n\tann@x.com\t\r\n\tbob@x.com\t\r\n",
    "one column whose name contains a separator": b"E-Mail | Work\r\nann@x.com\r\nbob@x.com\r\n",
    "one quoted column": b'"email"\r\n"ann@x.com"\r\n"bob@x.com"\r\n',
    "a header whose cell contains a separator": b'"team;unit",email\r\nA;B,ann@x.com\r\nC,bob@x.com\r\n',
    "a header with another separator outside quotation marks": b"team|unit,email\r\nA|B,ann@x.com\r\nC,bob@x.com\r\n",
    "people who are in it twice": ROWS.encode() + b"ANN@X.com,Ann again\r\nbob@x.com,Bob\r\n",
    "blanks and marks around addresses": b"email,name\r\n\xef\xbb\xbf ann@x.com\xc2\xa0,Ann\r\n\tbob@x.com\t,Bob\r\n",
    "an unnamed and two equal columns that nobody asks for": b",x,x,email\r\n1,2,3,ann@x.com\r\n1,2,3,bob@x.com\r\n",
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_files_of_real_systems_are_read(content: bytes) -> None:
    """A file of a spreadsheet, an HR system or a script names the same people in whatever form it comes."""
    column = "e-mail" if b"E-MAIL" in content else "e-mail | work" if b"Work" in content else "email"
    assert read(content, column=column) == [ANN, BOB]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1252", "Zo\xeb \u20ac"),
        ("cp1250", "Ji\u0159\xed"),
        ("cp1251", "\u0410\u043d\u043d\u0430"),
        ("cp932", "\u592a\u90ce"),
        ("gb18030", "\u738b"),
        ("mac-roman", "Zo\xeb"),
        ("utf-16-le", "Zo\xeb"),
    ],
)
def test_a_named_encoding_is_used(encoding: str, name: str) -> None:
    """A file in another encoding is read if the encoding is named, and is an error that says so if it is not."""
    content = f"Name;Email\r\n{name};ann@x.com\r\n".encode(encoding)
    assert read(content, encoding=encoding, where={"name": name}) == [ANN]
    assert "encoding=" in problem(content) or "pass its encoding: 'cp1252' (Western Europe" in problem(content)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF_8_SIG", "utf8"])
def test_a_named_encoding_may_have_a_byte_order_mark(encoding: str) -> None:
    """A byte order mark is removed, also if the encoding is named."""
    assert read(ROWS.encode("utf-8-sig"), encoding=encoding) == [ANN, BOB]
    assert read(ROWS.encode("utf-16"), encoding="utf-16-be") == [ANN, BOB]


def test_uuids_are_people_too() -> None:
    """A cell may hold a user UUID, in any form."""
    assert read(f"id\n{U1.upper()}\n{{{U1}}}\nann@x.com\n", column="ID") == [U1, ANN]


STAFF = "Email,Status,Country\nann@x.com, ACTIVE ,DE\nbob@x.com,On leave,FR\ncy@x.com,Terminated,DE\ndi@x.com,,DE\n"


@pytest.mark.parametrize(
    ("where", "people"),
    [
        ({"Status": "Active"}, ["ann@x.com"]),
        ({" status ": [" active", "ON LEAVE"]}, ["ann@x.com", "bob@x.com"]),
        ({"Status": ("Active", "Terminated"), "country": "de"}, ["ann@x.com", "cy@x.com"]),
        ({"Status": ""}, ["di@x.com"]),
        ({"Status": "on leave", "Country": ["fr", "de"]}, ["bob@x.com"]),
        ("{'Status': 'On leave'}", ["bob@x.com"]),
        ('{"Status": ["Active"]}', ["ann@x.com"]),
    ],
)
def test_where_keeps_rows(where: Any, people: list[str]) -> None:
    """The conditions of where are compared without case and blanks, and a list means any of its words."""
    assert read(STAFF, where=where) == people


@pytest.mark.parametrize(
    "word",
    [
        "On Leave",
        "on\u00a0leave",
        "On\u202fLeave",
        "On  Leave",
        "\u200bOn \u200bLeave\u00a0",
        "On Lea\u00adve",
        '"On\r\nLeave"',
    ],
)
def test_where_compares_what_a_reader_sees(word: str) -> None:
    """A blank is a blank, whichever and however many there are, and hidden characters count for nothing."""
    text = f"email,status\nann@x.com,{word}\nbob@x.com,On Leave\ncy@x.com,Left\n"
    assert read(text, where={"Status": "On Leave"}) == [ANN, BOB]
    assert read(text.replace("status", word), where={word.strip('"'): ["On leave", "Left"]}) == [ANN, BOB, "cy@x.com"]


@pytest.mark.parametrize("hyphen", "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d")
def test_where_compares_hyphens_as_one(hyphen: str) -> None:
    """All that looks like a hyphen is one, in words and in headers."""
    text = f"e{hyphen}mail,status\nann@x.com,On{hyphen}Leave\nbob@x.com,Left\n"
    assert read(text, column="E-Mail", where={"status": "on-leave"}) == [ANN]


@pytest.mark.parametrize("cell", ["#N/A", "#BEZUG!", "####"])
def test_a_failed_formula_is_no_word_in_csv_either(cell: str) -> None:
    """Nothing can be told from it: it leaves nobody out, unless it is a word of where."""
    content = f"email,status\nann@x.com,on\nbob@x.com,{cell}\n"
    assert f"row 3: it holds the error {cell!r} (correct the cell, or its formula)" in problem(
        content, where={"status": "on"}
    )
    assert f"row 3: it holds the error {cell!r} (correct" in problem(content, where=lambda row: row["status"] == "on")
    assert read(content) == [ANN, BOB]
    assert read(content, where={"status": ["on", cell]}) == [ANN, BOB]
    assert read(content, where=lambda row: row["email"] == ANN) == [ANN]


@pytest.mark.parametrize("cell", ["NULL", "-", "9999-12-31", "00.01.1900"])
def test_what_may_mean_a_blank_cell_leaves_nobody_out(cell: str) -> None:
    """Where blank cells are kept, NULL and a date that cannot be are words of where, too, or errors."""
    content = f"email,left\nann@x.com,\nbob@x.com,{cell}\ncy@x.com,2026-01-31\n"
    assert f"row 3: it holds {cell!r}, and where keeps blank cells (if it means none, too, add {cell!r}" in problem(
        content, where={"left": ""}
    )
    assert read(content, where={"left": ["", cell]}) == [ANN, BOB]
    assert read(content, where={"left": "2026-01-31"}) == ["cy@x.com"]


def test_where_compares_numbers_and_booleans_as_spreadsheets_write_them() -> None:
    """A number or a boolean in where is compared with the text that a spreadsheet writes for it."""
    text = "email,active,level\nann@x.com,TRUE,3\nbob@x.com,FALSE,3\n"
    assert read(text, where={"active": True, "level": 3}) == [ANN]


def test_rows_that_where_leaves_out_need_no_address() -> None:
    """A row that where leaves out may have no address, or words in its place."""
    assert read("email,status\nann@x.com,a\n,b\nnone yet,b\n", where={"status": "a"}) == [ANN]


def test_a_program_that_never_ends_the_last_line_may_be_allowed() -> None:
    """A last line without a line end is an error unless it is allowed: the file may be cut."""
    for content in (ROWS.rstrip(), ROWS + " ", "email,name"):
        assert "the last line of 's3://hr/roster.csv' has no line end, so the file may be cut" in problem(content)
    assert read(ROWS.rstrip(), allow_missing_line_end="true") == [ANN, BOB]


# --- errors ---


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("name,mail\nAnn,ann@x.com\n", "column: 's3://hr/roster.csv' has no column 'email'. Its columns are 'name', "),
        ("ann@x.com,Ann\nbob@x.com,Bob\n", "Its columns are 'ann@x.com', 'Ann'."),
        ("Staff of X;;\n\nName;Email;Team\nAnn;ann@x.com;A\n", "Row 3 has it: pass header_row=3, or 'find'."),
        (
            'Staff\n"Name";Email\nAnn;ann@x.com\n',
            "Its columns are 'Staff'. Row 2 has it: pass header_row=2, or 'find'.",
        ),
        ('"email;name"\nann@x.com\n', "Its columns are 'email;name'."),
        ("sep=;\nemail,name\nann@x.com,Ann\n", "Its columns are 'email,name'."),
        (
            "email;Email;name\n",
            "column: 2 columns of 's3://hr/roster.csv' are called 'email' (columns 1, 2). Rename all but one.",
        ),
        ("email,name;email\nann@x.com,Ann;x\n", "path: the header of 's3://hr/roster.csv' can be read in two ways"),
        ('name,email\n"Ann,ann@x.com\nBob,bob@x.com\n', "is not valid CSV from row 2 on (unexpected end of data)"),
        ('"email,name\nann@x.com,Ann\n', "is not valid CSV from row 1 on"),
        ("email\nann@x.com;bob@x.com\n", "row 2: 'ann@x.com;bob@x.com' is neither"),
        ("email\nann@x.com, bob@x.com\n", "(it contains several addresses, separate them)"),
        ("email,name\nann@x.com,Ann\n,Bob\n", "row 3: the cell is empty (fill it in"),
        ("name,email\nAnn\n", "row 2: it ends before the column 'email' (it may be cut)"),
        ("<!DOCTYPE html>\n<html>email</html>\n", "is a web page, perhaps a login. Pass a link to the file itself."),
        (" <HTML><body>email\n", "is a web page"),
        ("name,email\nDoe, Ann,ann@x.com\n", "row 2: it has 3 cells, but the header has 2 columns"),
        ('name,email\n\n"A\nB\nC",ann@x.com\n\nBob,bob\n', "row 5: 'bob' is neither a user UUID nor an email address"),
        ("sep=;\nemail;name\nann;Ann\n", "row 2: 'ann' is neither"),
        ("email\nann\u200b@x.com\n", r"row 2: 'ann\u200b@x.com' is neither"),
        ("email\n" + "x\n" * 7, "row 6: 'x' is neither a user UUID nor an email address and 2 more. Correct the file."),
        (ROWS.encode("utf-16-le"), "contains NUL bytes, the first in line 1. If it is UTF-16"),
        (b"email,name\nann@x.com,A\0nn\n", "contains NUL bytes, the first in line 2"),
        (b"email,name\r\nann@x.com,J\xfcrgen\r\n", "is not utf-8 text (byte 0xfc in line 2). Save it as 'CSV UTF-8', "),
        (b"\xff\xfee", "is not utf-16 text"),
    ],
)
def test_a_file_that_cannot_be_read_exactly_is_an_error(content: str | bytes, expected: str) -> None:
    """A file that cannot be read exactly is an error that shows what is wrong, and where."""
    assert expected in problem(content)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"path": None}, "path: it is empty (None). Pass a path or URL"),
        ({"path": " None "}, "path: it is empty (' None ')."),
        ({"column": ""}, "column: it is empty ('')."),
        ({"encoding": ""}, "encoding: '': the template or task that it comes from returned nothing."),
        ({"encoding": None}, "encoding: None: the template or task that it comes from returned nothing."),
        ({"where": None}, "where: None: the template or task that it comes from returned nothing."),
        ({"may_be_absent": None}, "may_be_absent: None: the template or task"),
        ({"may_be_absent": "Left"}, "may_be_absent: 'Left' is no word of where."),
        ({"may_be_absent": 7}, "may_be_absent: 7 is no word of where. Pass a text, or a list of them."),
        ({"on_contradiction": "first"}, "on_contradiction: 'first' is not one of 'fail', 'keep', 'last'."),
        ({"on_contradiction": None}, "on_contradiction: None is not one of"),
        ({"allow_empty": None}, "allow_empty: None is neither true nor false."),
        ({"allow_missing_line_end": None}, "allow_missing_line_end: None is neither true nor false."),
        ({"column": None}, "column: it is empty (None)."),
        ({"sheet": "None"}, "sheet: it is empty ('None'). Pass the name of a sheet."),
        *(({"header_row": each}, "header_row: ") for each in ("", None)),
        *(
            ({"header_row": each}, f"header_row: {each!r} is no row. Pass the number that a spreadsheet shows")
            for each in (0, -1, "x", 1.5, True, "1_0", "\u0663", "None", "9" * 10)
        ),
        ({"encoding": "cp1252\0"}, "is not an encoding. Pass one that Python knows, such as 'cp1252'"),
        ({"encoding": "rot13"}, "encoding: 'rot13' is not an encoding."),
        ({"encoding": "utf-16"}, "begins with the byte order mark of utf-8, not utf-16. Leave encoding out."),
        ({"encoding": "cp1252"}, "begins with the byte order mark of utf-8, not cp1252."),
        ({"where": {}}, "where: {} states no condition."),
        ({"where": "None"}, "where: 'None' states no condition."),
        ({"where": ["Status"]}, "where: ['Status'] states no condition."),
        ({"where": {"": "x"}}, "where: it is empty ('')."),
        ({"where": {"name": None}}, "where: None is not what a cell of 'name' can be."),
        ({"where": {"name": []}}, "where: [] is not what a cell of 'name' can be."),
        ({"where": {"name": [None]}}, "where: [None] is not what a cell of 'name' can be."),
        ({"where": {"name": {"a": 1}}}, "is not what a cell of 'name' can be."),
        ({"where": {"name": "a", "NAME": "b"}}, "where: it names the column 'NAME' twice."),
        ({"where": {"team": "A"}}, "where: 's3://hr/roster.csv' has no column 'team'. Its columns are 'email', 'name'"),
        ({"allow_empty": "maybe"}, "allow_empty: 'maybe' is neither true nor false."),
    ],
)
def test_an_argument_that_cannot_be_used_is_an_error(arguments: dict[str, Any], expected: str) -> None:
    """An argument that cannot be used is an error that names it and its value."""
    assert expected in problem(ROWS.encode("utf-8-sig"), **arguments)


def test_an_address_that_two_encodings_show_differently_is_an_error() -> None:
    """An address that is UTF-8 as well as the named encoding is an error, because it may name someone else."""
    content = "email\nm\xfcller@x.com\n".encode()
    assert read(content) == ["m\xfcller@x.com"]
    shown = problem(content, encoding="cp1252")
    assert "row 2: 'm\xc3\xbcller@x.com' looks like UTF-8 text that was read as cp1252 (leave encoding out)" in shown
    assert read(content.decode().encode("cp1252"), encoding="cp1252") == ["m\xfcller@x.com"]


def test_a_message_shows_no_password_of_a_url() -> None:
    """A password in the URL of the file is not in the message."""
    assert "sftp://***@hr/x.csv" in problem("", path="sftp://me:secret@hr/x.csv")


# --- nobody ---


@pytest.mark.parametrize(
    ("content", "where", "expected"),
    [
        (
            "",
            NOT_PASSED,
            "path: 's3://hr/roster.csv' is empty. If it is right that it names nobody, pass allow_empty=True.",
        ),
        ("\ufeff", NOT_PASSED, "is empty"),
        ("sep=;\r\n", NOT_PASSED, "is empty"),
        ("\n,,\n \n", NOT_PASSED, "is empty"),
        ("email,name\n", NOT_PASSED, "has a header and no other row"),
        ("email,name\n,\n\n", {"name": "Ann"}, "has a header and no other row"),
        (
            STAFF,
            {"Status": "Active", "Country": "FR"},
            "where: none of the 4 rows of 's3://hr/roster.csv' has 'Status' = 'Active' and 'Country' = 'FR'; the",
        ),
    ],
)
def test_a_file_that_names_nobody_is_an_error_or_an_empty_list(content: str, where: Any, expected: str) -> None:
    """A file that names nobody is an error, or an empty list with allow_empty=True."""
    assert expected in problem(content, where=where)
    assert read(content, where=where, allow_empty="True") == []


def test_a_where_that_matches_nothing_shows_what_it_could_match() -> None:
    """The error about conditions that no row meets lists what the cells of their columns contain."""
    shown = problem(STAFF, where={"Status": ["Active", ""], "Country": "FR"})
    assert "has 'Status' = 'Active' or '' and 'Country' = 'FR'; the column 'Status' contains 'ACTIVE', " in shown
    assert "; the column 'Country' contains 'DE', 'FR'. If" in shown


def test_a_word_that_no_row_has_is_an_error_unless_it_may_be_absent() -> None:
    """A word of where that no row has was probably renamed: it is an error, even if nobody may be named."""
    where = {"Status": ["Active", "LOA", "Parental leave"]}
    shown = problem(STAFF, where=where)
    assert "where: no row of 's3://hr/roster.csv' has 'Status' = 'LOA', 'Parental leave'; the column 'Status' " in shown
    assert "or pass may_be_absent=['LOA', 'Parental leave'] if the file need not contain it." in shown
    assert read(STAFF, where=where, may_be_absent=["loa", "Parental\u00a0leave"]) == [ANN]
    assert read(STAFF, where=where, may_be_absent="['LOA', 'Parental leave']") == [ANN]
    assert "has 'Status' = 'Parental leave'; " in problem(STAFF, where=where, may_be_absent="LOA")
    assert "no row of" in problem(STAFF, where={"Status": "Aktiv"}, allow_empty=True)
    assert read(STAFF, where={"Status": "Aktiv"}, allow_empty=True, may_be_absent="Aktiv") == []


REHIRED = "email,status\nann@x.com,Active\nbob@x.com,Active\nANN@x.com,Terminated\nbob@x.com,Left\nbob@x.com,Active\n"


def test_rows_that_contradict_each_other_are_an_error_unless_one_wins() -> None:
    """A person with a row that is kept and one that is left out is an error, unless an argument says which wins."""
    where = {"status": "Active"}
    shown = problem(REHIRED, where=where)
    assert (
        "ann@x.com is in row 2, and where leaves out row 4 of the same person ('Terminated'), bob@x.com is in" in shown
    )
    assert "row 6, and where leaves out row 5 of the same person ('Left'). Correct the file, or pass on_" in shown
    assert read(REHIRED, where=where, on_contradiction="keep") == [ANN, BOB]
    assert read(REHIRED, where=where, on_contradiction="last") == [BOB]
    assert read(REHIRED, where={"status": ["Active", "Terminated", "left"]}) == [ANN, BOB]
    assert "where leaves out row 3" in problem(f"email,s\n{U1},a\n{U1.upper()},b\n", where={"s": "a"})


def test_what_is_left_out_is_counted_by_word() -> None:
    """What was read says how many rows were left out, by the word that is in them, the most frequent first."""
    text = STAFF + "ed@x.com,Terminated,FR\nfay@x.com,Active,FR\n"
    assert roster(text, where={"Status": "Active", "Country": "DE"}).summary == (
        "1 person in 6 rows, left out: 2 rows with 'Status' = 'Terminated', 1 row with 'Status' = 'On leave', "
        "1 row with 'Status' = '', 1 row with 'Country' = 'FR'"
    )
    assert roster(ROWS).summary == "2 people in 2 rows"
    assert roster(ROWS + "ANN@x.com,Ann\r\n").summary == "2 people in 3 rows, 1 row with a person again"
    assert roster(REHIRED, where={"status": "Active"}, on_contradiction="last").summary == (
        "1 person in 5 rows, 1 row with a person again, 1 person left out by the last row, left out: 1 row with "
        "'status' = 'Terminated', 1 row with 'status' = 'Left'"
    )
    assert roster("", allow_empty=True).summary == "nobody: 's3://hr/roster.csv' is empty"


def test_a_file_without_the_column_is_an_error_even_if_it_may_be_empty() -> None:
    """With allow_empty=True, a file without the column is still an error."""
    assert "has no column 'email'" in problem("name\n", allow_empty=True)


# --- properties ---

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")
# Excel quotes a cell with any kind of line break. Python before 3.13 does not.
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\ufdd0"), max_size=12)
names = cells.filter(lambda name: not {*',;\t|"'} & {*name} and name.strip().lower() not in {"email", "keep"})


@given(
    st.lists(st.tuples(addresses, cells, st.booleans()), min_size=1, max_size=6),
    st.tuples(names, names),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from(ENCODINGS),
    st.permutations(["email", " KEEP", 0, 1]),
)
@examples(100)
def test_what_a_csv_writer_writes_is_read_exactly(  # noqa: PLR0917 (hypothesis passes them)
    people: list[tuple[str, str, bool]],
    others: tuple[str, str],
    separator: str,
    quoting: Any,
    line_end: str,
    encoding: str,
    order: list[str | int],
) -> None:
    """A roster that was written with any separator, quoting, line end and encoding is read back exactly."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=line_end)
    writer.writerow([others[each] if isinstance(each, int) else each for each in order])
    for email, other, keep in people:
        row = {"email": email, " KEEP": "yes" if keep else "no"}
        writer.writerow([row.get(str(each), other) for each in order])
    content = file.getvalue().encode(encoding)
    kept = {email.lower(): email for email, _, keep in reversed(people) if keep}
    expected = [kept.pop(email.lower()) for email, _, keep in people if keep and email.lower() in kept]
    arguments = {"where": {"keep": "Yes"}, "may_be_absent": "yes", "on_contradiction": "keep"}
    assert read(content, allow_empty=True, **arguments) == expected


beginnings = st.sampled_from(
    [b"email\n", b"email,", b'"email";a|b\n', b"sep=;\nemail;", b"", b"\xff\xfee\0m\0a\0i\0l\0\n\0"]
)
pieces = st.sampled_from(
    [b"ann@x.com", b"email", b",", b";", b"|", b"\t", b'"', b"\r", b"\n", b"\0", b" ", b"\xfc", b"\xc3\xbc"]
)


@given(
    beginnings,
    st.binary(max_size=60) | st.lists(pieces, max_size=12).map(b"".join),
    st.sampled_from([NOT_PASSED, "cp1252", "utf-16-le", "utf-8"]),
)
@examples(150)
def test_any_content_is_people_or_an_error(beginning: bytes, content: bytes, encoding: Any) -> None:
    """Whatever a file contains, the result is a list of addresses or an InvalidInputError."""
    try:
        people = read(beginning + content, encoding=encoding)
    except InvalidInputError:
        return
    assert people
    assert all(map(is_email, people))


@given(addresses, addresses, st.sampled_from([",", ";", " ", "\n", "|", "/", " or "]))
@examples(100)
def test_two_addresses_in_one_cell_are_an_error(first: str, second: str, between: str) -> None:
    """Two addresses in one cell are an error, and never one of the two."""
    assume(not is_email(f"{first}{between}{second}"))
    assert "row 2" in problem(f'email,name\n"{first}{between}{second}",x\n')
