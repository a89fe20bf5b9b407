"""Parts of a roster: tables that may have their columns in another order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._rosters.csv_table import decode, parse_csv
from airflow_provider_seats._rosters.parts import Part, WordTest, filled_rows
from airflow_provider_seats._rosters.roster_file import Roster, RosterFile
from airflow_provider_seats._rosters.table import Wanted
from airflow_provider_seats._rosters.where import ColumnFilter, Where
from airflow_provider_seats.exceptions import InvalidInputError
from tests._rosters.test_roster_file import ANN, BOB, DEFAULTS, read
from tests._rosters.test_roster_rows import staff, written
from tests._rosters.test_xlsx_table import workbook
from tests.helpers.examples import examples

EMAIL = Wanted("column", "email")


def folder(*parts: bytes | str, **arguments: Any) -> Roster:
    """Return what is read from a folder of parts."""
    files = [
        (f"part-{number}.csv", part.encode() if isinstance(part, str) else part) for number, part in enumerate(parts)
    ]
    return RosterFile.parse(**{**DEFAULTS, "path": "s3://hr/parts/", **arguments}).read(files, is_folder=True)


def refusal(*parts: bytes | str, **arguments: Any) -> str:
    """Return the message about a folder that cannot be read."""
    with pytest.raises(InvalidInputError) as caught:
        folder(*parts, **arguments)
    return str(caught.value)


def test_a_column_has_one_name_in_all_parts() -> None:
    """Equal names are distinguished by their order, and columns without a name by their place."""
    table = parse_csv(decode(b"x,email,X,,\na,b,c\n\n", None, "f"), [EMAIL], None)
    assert table is not None
    part = Part(table, EMAIL, [], Where(), "f, ")
    names = [part.column(each) for each in range(6)]
    assert len({*names}) == 6
    assert part.place(2) == "f, row 2"
    assert [number for _, number, _ in filled_rows([part])] == [2]


def test_a_test_remembers_what_a_column_contains() -> None:
    """A new cell is compared once."""
    test = WordTest(ColumnFilter("Status", {"active": "Active", "loa": "LOA"}))
    assert test.judge(" ACTIVE")
    assert not test.judge("Left")
    assert test.keeps == {" ACTIVE": True, "Left": False}
    assert test.absent() == ["LOA"]
    assert test.values() == "the column 'Status' contains 'ACTIVE', 'Left'"


def test_parts_are_one_roster() -> None:
    """Parts may order their columns differently, and lack those that nobody asks for. Empty parts count for nothing."""
    found = folder(
        "email,status,name\nann@x.com,Active,Ann\n",
        "",
        "\ufeffStatus;E\u2011Mail;Email\r\nActive;x;bob@x.com\r\nLeft;y;cy@x.com\r\n",
        "email,status\n",
        workbook([["Status", "Email"], ["active", "ANN@x.com"]]),
        where={"status": "Active"},
    )
    assert found.people == [ANN, BOB]
    assert found.summary == (
        "5 files (1 empty): 2 people in 4 rows, 1 row with a person again, left out: 1 row with 'status' = 'Left'"
    )


def test_a_message_names_the_part() -> None:
    """Whatever is wrong with a part, the message has its name."""
    good = "email,status\nann@x.com,on\n"
    where = {"status": "on"}
    assert refusal(good, "mail,status\nbob@x.com,on\n").startswith("column: 'part-1.csv' has no column 'email'.")
    assert refusal(good, "email\nbob@x.com\n", where=where).startswith("where: 'part-1.csv' has no column 'status'.")
    assert refusal(good, "email,status\nbob\n") == (
        "path: 's3://hr/parts/', column 'email': 'part-1.csv', row 2: 'bob' is neither a user UUID nor an email "
        "address. Correct the file."
    )
    assert "'part-1.csv', row 2: it ends before the column 'status'" in refusal(
        good, "email,status\nbob@x.com\n", where=where
    )
    assert "the last line of 'part-0.csv' has no line end" in refusal(good.rstrip(), good)
    assert "'part-1.csv' is a gzip archive that is cut" in refusal(good, b"\x1f\x8b")
    assert "'part-1.csv', cell B2: the cell is empty" in refusal(good, workbook([["status", "email"], ["on", None]]))
    shown = refusal(good, "email,status\nbob@x.com,#N/A\n", where=lambda row: row["status"] == "on")
    assert shown.startswith("where: 'part-1.csv', row 2: it holds the error '#N/A' (correct the cell, or its formula).")
    assert "row 2 of 'part-1.csv' may have swallowed others" in refusal(good, 'email,status\n"a\n,",x\n')


def test_contradictions_are_found_over_all_parts() -> None:
    """A person in one part who is left out in another is an error, unless one of the rows counts."""
    parts = ("email,s\nann@x.com,on\nbob@x.com,off\n", "s,email\noff,ann@x.com\non,bob@x.com\n")
    where = {"s": "on"}
    shown = refusal(*parts, where=where)
    assert "ann@x.com is in 'part-0.csv', row 2, and where leaves out 'part-1.csv', row 2 of the same person" in shown
    assert "bob@x.com is in 'part-1.csv', row 3, and where leaves out 'part-0.csv', row 3 of the same person" in shown
    assert folder(*parts, where=where, on_contradiction="keep").people == [ANN, BOB]
    assert folder(*parts, where=where, on_contradiction="last").people == [BOB]


def test_words_must_be_in_some_part() -> None:
    """A word may be in any part, and an unusual column is one that is unusual in all of them."""
    where = {"s": ["on", "loa"]}
    assert folder("email,s\nann@x.com,on\n", "email,s\nbob@x.com,loa\n", where=where).people == [ANN, BOB]
    assert "no row of 's3://hr/parts/' has 's' = 'loa'" in refusal("email,s\nann@x.com,on\n", where=where)
    boss = ("email,s,boss\nann@x.com,on,cy@x.com\n", "boss,s,email\ncy@x.com,off,\n")
    assert folder(*boss, where={"s": "on"}).people == [ANN]
    assert "and only here the column 'boss' contains an address" in refusal(
        "email,s,boss\nann@x.com,on,\n", boss[1], where={"s": "on"}
    )


@pytest.mark.parametrize("parts", [(), ("", "\n"), ("email,s\n", "s,email\n"), ("email,s\nann@x.com,off\n",)])
def test_a_folder_is_never_an_empty_roster(parts: tuple[str, ...]) -> None:
    """A folder that names nobody is an error, also with allow_empty=True."""
    where = {"where": {"s": "on"}, "may_be_absent": "on", "allow_empty": True}
    assert refusal(*parts, **where).endswith("A folder is never an empty roster.")


@given(staff, st.lists(st.permutations([0, 1, 2]), min_size=3, max_size=3), st.integers(0, 5), st.integers(0, 5))
@examples(60)
def test_the_parts_of_a_file_name_the_same_people(
    people: list[tuple[str, str, str]], orders: list[list[int]], first: int, second: int
) -> None:
    """A file, and the same file in three parts with other orders of columns, are the same roster."""
    arguments: dict[str, Any] = {"where": {"status": "Active"}}
    cuts = sorted((first, second))
    parts = [people[: cuts[0]], people[cuts[0] : cuts[1]], people[cuts[1] :]]
    texts = [written(part, order, ",", "\n", 0) for part, order in zip(parts, orders, strict=True)]
    try:
        expected: object = read(written(people, [0, 1, 2], ",", "\n", 0), **arguments)
    except InvalidInputError as error:
        expected = error.field
    try:
        found: object = folder(*texts, **arguments).people
    except InvalidInputError as error:
        found = error.field
    assert found == expected
