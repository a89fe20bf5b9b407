"""Workbooks: their sheets, and what is no workbook. test_xlsx_table.py has the cells and rows."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_seats.exceptions import InvalidInputError
from tests._rosters.test_roster_file import problem, read
from tests._rosters.test_xlsx_table import ACTIVE, SHEET, STAFF, by_xlsxwriter, rewritten, workbook


def add_sheets(*names: str, state: str = "visible") -> Callable[[Any, Any], None]:
    """Return a change that adds sheets, each with a row of its own."""

    def change(book: Any, _: Any) -> None:
        for name in names:
            sheet = book.create_sheet(name, 0)
            sheet.append(["Email"])
            sheet.append([f"{name.lower()}@x.io"])
            sheet.sheet_state = state

    return change


def test_the_only_visible_sheet_is_read() -> None:
    """A hidden sheet is read only if you name it, even if it comes first."""
    for state in ("hidden", "veryHidden"):
        content = workbook(STAFF, add_sheets("Old", state=state))
        assert read(content, where=ACTIVE) == ["ann@x.io"]
        assert read(content, sheet="Old") == ["old@x.io"]


def test_one_of_several_sheets_must_be_named() -> None:
    """No sheet is chosen by its place."""
    content = workbook(STAFF, add_sheets("May", "June"))
    assert "has 3 visible sheets: 'June', 'May', 'Staff'. Pass the name of one as sheet." in problem(content)
    assert read(content, sheet=" may ") == ["may@x.io"]
    assert problem(content, sheet="July") == (
        "sheet: 's3://hr/roster.csv' has no sheet 'July'. Its sheets are 'June', 'May', 'Staff'."
    )

    def hide(book: Any, sheet: Any) -> None:
        add_sheets("May", state="hidden")(book, sheet)
        sheet.sheet_state = "hidden"

    # openpyxl itself refuses to save a workbook without a visible sheet.
    hidden = rewritten(workbook(STAFF), "xl/workbook.xml", lambda xml: xml.replace('state="visible"', 'state="hidden"'))
    assert "has only hidden sheets: 'Staff'. Pass the name of one as sheet." in problem(hidden)


def test_a_chart_sheet_is_never_an_empty_roster() -> None:
    """A chart sheet has no cells. One beside the sheet of people makes no difference."""

    def chart(book: Any, _: Any) -> None:
        sheet = book.add_chartsheet("Chart")
        drawn = book.add_chart({"type": "column"})
        drawn.add_series({"values": "=Staff!$A$1:$A$2"})
        sheet.set_chart(drawn)
        sheet.set_first_sheet()
        sheet.activate()

    content = by_xlsxwriter(STAFF, chart)
    assert read(content, where=ACTIVE) == ["ann@x.io"]
    assert (
        problem(content, sheet="Chart")
        == "sheet: 'Chart' of 's3://hr/roster.csv' is a chart sheet, which has no cells."
    )
    only = rewritten(content, "xl/workbook.xml", lambda xml: re.sub(r'<sheet name="Staff"[^>]*/>', "", xml))
    assert "has only chart sheets, which have no cells: 'Chart'." in problem(only)


def test_strict_open_xml_is_an_error_that_says_so() -> None:
    """In a workbook that is saved as Strict Open XML, openpyxl finds no sheets."""

    def strict(xml: str) -> str:
        xml = xml.replace(
            "http://schemas.openxmlformats.org/officeDocument/2006", "http://purl.oclc.org/ooxml/officeDocument"
        )
        return xml.replace(
            "http://schemas.openxmlformats.org/spreadsheetml/2006", "http://purl.oclc.org/ooxml/spreadsheetml"
        )

    content = rewritten(workbook(STAFF), "xl/workbook.xml", strict)
    assert problem(content) == (
        "path: 's3://hr/roster.csv' is saved as 'Strict Open XML', which cannot be read. Save it as 'Excel Workbook "
        "(.xlsx)'."
    )
    none = rewritten(workbook(STAFF), "xl/workbook.xml", lambda xml: re.sub(r"<sheet [^>]*/>", "", xml))
    assert "has no sheet. Open it in Excel and save it again." in problem(none)


@pytest.mark.parametrize(
    "content",
    [
        rewritten(workbook(STAFF), "xl/styles.xml", lambda xml: re.sub(r"<fill>.*?</fill>", "<fill/>", xml, count=1)),
        rewritten(workbook(STAFF), SHEET, lambda xml: xml[: len(xml) // 2]),
        rewritten(by_xlsxwriter(STAFF), SHEET, lambda xml: xml.replace("<v>1</v>", "<v>999</v>")),
        rewritten(workbook(STAFF), "[Content_Types].xml", lambda _: ""),
        rewritten(workbook([*STAFF, [7, "cy@x.io"]]), SHEET, lambda xml: xml.replace('<c r="A4"', '<c r="A4" s="99"')),
    ],
    ids=["an empty fill", "a cut sheet", "a text beyond the table", "no types", "a style beyond the table"],
)
def test_what_openpyxl_cannot_read_is_one_error(content: bytes) -> None:
    """Whatever openpyxl raises, on opening or while it reads rows, is an error that says what to do."""
    shown = problem(content)
    assert "cannot be read as an Excel workbook (" in shown
    assert "Open it in Excel and save it as 'Excel Workbook (.xlsx)', or as 'CSV UTF-8'." in shown


def test_any_cut_of_a_workbook_is_an_error() -> None:
    """A workbook that ends early is never read."""
    content = workbook(STAFF)
    for end in range(4, len(content), 7):
        assert "cannot be read as an Excel workbook (" in problem(content[:end])


def test_damaged_bytes_are_an_error_or_make_no_difference() -> None:
    """A damaged byte in the archive never changes who is in the roster."""
    content = workbook(STAFF)
    for at in range(0, len(content), 37):
        damaged = content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]
        try:
            assert read(damaged) == ["ann@x.io", "bob@x.io"]
        except InvalidInputError:
            continue


def test_without_openpyxl_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library openpyxl is all that is missing. No public index has this package and its extra."""
    content = workbook(STAFF)
    monkeypatch.setitem(sys.modules, "openpyxl.reader.excel", None)
    assert problem(content) == (
        "path: 's3://hr/roster.csv' is an Excel workbook. To read it, install openpyxl: pip install "
        "'openpyxl>=3.1.5,<4'. Or save it as 'CSV UTF-8'."
    )
