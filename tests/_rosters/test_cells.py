"""Cells: what two spellings have in common, and cells that cannot be relied on."""

from __future__ import annotations

import pytest

from airflow_provider_seats._rosters.cells import BadCell, comparable, is_blank


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
    ],
)
def test_what_looks_the_same_is_comparable(one: str, other: str) -> None:
    """Case, hidden characters, and the kind of blanks and hyphens make no difference."""
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(("one", "other"), [("On Leave", "OnLeave"), ("a-b", "ab"), ("a-b", "a b"), ("1", "10")])
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
