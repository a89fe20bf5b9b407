"""Cells: what two spellings have in common, and cells that cannot be relied on."""

from __future__ import annotations

import pytest

from airflow_provider_seats._rosters.cells import BadCell, comparable, is_blank, may_mean_nothing, problem_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("On Leave", " on  leave\u00a0"),
        ("On Leave", "on\u202fle\u00adave"),
        ("On Leave", "on\r\nleave"),
        ("full-time", "FULL\u2011TIME"),
        *(("full-time", f"full{chr(dash)}time") for dash in (0x2010, 0x2013, 0x2014, 0x2212, 0x2E3A, 0xFE31, 0xFF0D)),
        ("caf\u00e9", "CAFE\u0301"),
        ("", "\u200b\u00a0"),
        ("Women's leave", "women\u2019s leave"),
        ('the "A" team', "The \u201cA\u201d team"),
        ("on leave...", "On leave\u2026"),
        ("Active", "\uff21\uff43\uff54\uff49\uff56\uff45"),
        ("\u30a2\u30af\u30c6\u30a3\u30d6", "\uff71\uff78\uff83\uff68\uff8c\uff9e"),
        ("Active", "\u0410ctive"),
        ("On leave", "\u039fn le\u0430ve"),
        ("Aktif", "AKT\u0130F"),
        ("\u00c7al\u0131\u015f\u0131yor", "\u00c7ALI\u015eIYOR"),
        ("IT\u0448\u043d\u0438\u043a\u0438", "IT\u0428\u041d\u0418\u041a\u0418"),
    ],
)
def test_what_looks_the_same_is_comparable(one: str, other: str) -> None:
    """Case, hidden characters, the width of letters, and the kind of blanks, hyphens and quotes make no difference."""
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("On Leave", "OnLeave"), ("a-b", "ab"), ("a-b", "a b"), ("1", "10"), ("\u0410", "A"), ("\u00e9", "e")],
)
def test_what_looks_different_is_not_comparable(one: str, other: str) -> None:
    """A missing blank or hyphen makes another word."""
    assert comparable(one) != comparable(other)


def test_a_bad_cell_is_no_word() -> None:
    """No word matches a cell that cannot be relied on, whatever its text is."""
    cell = BadCell("#N/A", "it holds the error #N/A")
    assert cell.problem == "it holds the error #N/A"
    assert cell != "#N/A"
    assert cell not in {"#N/A": 1}
    assert BadCell("#N/A", "") != cell
    assert cell.upper() == "#N/A"


def test_what_a_reader_does_not_see_is_blank() -> None:
    """Blanks and hidden characters are nothing."""
    assert is_blank(["", " ", "\u200b\u00a0"])
    assert is_blank([])
    assert not is_blank(["", "-"])


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "#N/A",
            "#n/a",
            "#REF!",
            "#VALUE!",
            "#DIV/0!",
            "#NAME?",
            "#SPILL!",
            "#GETTING_DATA",
            "#BEZUG!",
            "#NV",
            "#N/D",
        ),
        *("#\u00a1VALOR!", "#\u041d/\u0414", "########", "Err:502", "Loading..."),
    ],
)
def test_what_a_spreadsheet_shows_for_a_failed_formula_is_known(cell: str) -> None:
    """Programs save it as text, also in other languages, and what stands in a column that is too narrow."""
    assert problem_of(cell) == f"it holds the error {cell!r} (correct the cell, or its formula)"


@pytest.mark.parametrize("cell", ["", "#", "#sre", "#1", "N/A", "Active!", "Error", "loading", "Engineering"])
def test_another_word_is_no_failed_formula(cell: str) -> None:
    """A channel, a number and a sentence are words."""
    assert problem_of(cell) is None


@pytest.mark.parametrize(
    "cell",
    [
        *("NULL", "(null)", "\\N", "None", "NaN", "NaT", "n/a", "-", "\u2014", "0", "00:00:00", "(blank)"),
        *("0000-00-00", "0001-01-01T00:00:00", "1899-12-30", "00.01.1900", "1/0/1900", "1970-01-01 00:00:00"),
        *("01-Jan-1970", "9999-12-31", "31.12.9999", "31-DEC-4712", "12/31/9999 23:59"),
    ],
)
def test_what_programs_write_for_no_value_is_known(cell: str) -> None:
    """It may be a word such as NULL, or a date that cannot be."""
    assert may_mean_nothing(comparable(cell))


@pytest.mark.parametrize(
    "cell",
    ["2026-01-31", "31.01.2026", "1/31/1970", "1970-10-01", "01.01.1985", "31-Jan-2031", "9999", "left", "x-y-0000"],
)
def test_a_date_that_can_be_is_a_value(cell: str) -> None:
    """So is a number, and any other word."""
    assert not may_mean_nothing(comparable(cell))
