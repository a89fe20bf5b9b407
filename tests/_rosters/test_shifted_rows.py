"""Rows that where leaves out and that may be shifted. test_roster_rows.py has more of them, as parts of files."""

from __future__ import annotations

from airflow_provider_seats._rosters.csv_table import decode, parse_csv
from airflow_provider_seats._rosters.parts import Part, WordTest
from airflow_provider_seats._rosters.shifted_rows import ShiftedRows
from airflow_provider_seats._rosters.table import Wanted
from airflow_provider_seats._rosters.where import ColumnFilter, Where

ADVICE = "(a cell that contains the separator must be in quotation marks)"


def problems(text: str) -> list[str]:
    """Return what is wrong with the rows that have not the status ``on``."""
    test = WordTest(ColumnFilter("status", {"on": "on"}))
    email = Wanted("column", "email")
    table = parse_csv(decode(text.encode(), None, "f"), [email], None)
    assert table is not None
    part = Part(table, email, [test], Where(), "")
    shifted = ShiftedRows([part], [test])
    [(_, at)] = part.tests
    for number, cells in table.rows():
        if not test.judge(cells[at]):
            shifted.add_word(part, number, cells, 0)
            if "@" not in cells[part.position]:
                shifted.add_person(part, number, [each for each, cell in enumerate(cells) if "@" in cell])
    return shifted.problems()


def test_a_row_that_has_a_word_where_no_other_row_has_one_is_shifted() -> None:
    """The first such row is named. Another row with the same status shows that it is one."""
    head = "email,status,team\na@x.io,on,T\n"
    [found] = problems(f"{head}b@x.io,Ann,on\n")
    assert found.startswith("row 3: where leaves it out, and unlike in other rows its column 'team' contains a word of")
    assert found.endswith(ADVICE)
    assert problems(f"{head}b@x.io,off,on\nc@x.io,off,T\n") == []
    assert problems(f"{head}c@x.io,off,T\nb@x.io,off,on\n") == []


def test_several_rows_may_be_shifted_alike() -> None:
    """Two shifted rows do not excuse each other, and a column with other values of the same kind excuses both."""
    [found] = problems("email,status,team\na@x.io,on,T\nb@x.io,Ann,on\nc@x.io,Ann,on\n")
    assert found.startswith("row 3: ")
    assert problems("email,status,before\na@x.io,on,off\nb@x.io,off,on\nc@x.io,Ann,on\n") == []


def test_a_row_that_has_a_person_where_no_other_row_has_one_is_shifted() -> None:
    """A column of managers usually has people, and is no sign of a shifted row."""
    [found] = problems("email,status,boss\na@x.io,on,\n,off,b@x.io\n")
    assert found.startswith(
        "row 3: it names nobody in this column, and only here the column 'boss' contains an address or"
    )
    assert found.endswith(ADVICE)
    assert problems("email,status,boss\na@x.io,on,c@x.io\n,off,b@x.io\n") == []
