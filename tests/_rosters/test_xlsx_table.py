"""Workbooks of openpyxl, XlsxWriter, exceljs, SheetJS and LibreOffice, and some whose XML is written by hand."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from openpyxl import Workbook
from xlsxwriter import Workbook as WriterWorkbook

from airflow_provider_seats._rosters.cells import BadCell
from airflow_provider_seats._rosters.table import HeaderRow, Wanted
from airflow_provider_seats._rosters.xlsx_table import XlsxTable, parse_xlsx
from airflow_provider_seats.exceptions import InvalidInputError
from tests._rosters.test_roster_file import problem, read
from tests.helpers.addresses import addresses
from tests.helpers.airflow_home import ROOT
from tests.helpers.examples import examples

SAMPLES = ROOT / "tests" / "samples" / "workbooks"
EMAIL = [Wanted("column", "email")]
STAFF = [["Name", "Email", "Status"], ["Ann", "ann@x.io", "Active"], ["Bob", "bob@x.io", "Left"]]
ACTIVE = {"status": "Active"}


def saved(book: Any) -> bytes:
    """Return what openpyxl saves."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def workbook(rows: Iterable[Sequence[Any]], change: Callable[[Any, Any], object] = lambda book, sheet: None) -> bytes:
    """Return a workbook by openpyxl, with one sheet ``Staff``, changed as a test wants it."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "Staff"
    for row in rows:
        sheet.append(row)
    change(book, sheet)
    return saved(book)


def by_xlsxwriter(
    rows: Iterable[Sequence[Any]], change: Callable[[Any, Any], object] = lambda book, sheet: None
) -> bytes:
    """Return a workbook by XlsxWriter."""
    file = io.BytesIO()
    book = WriterWorkbook(file, {"in_memory": True})
    sheet = book.add_worksheet("Staff")
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    change(book, sheet)
    book.close()
    return file.getvalue()


def rewritten(content: bytes, name: str, change: Callable[[str], str]) -> bytes:
    """Return a workbook with the XML of one of its parts changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for each in old.namelist():
            data = old.read(each)
            new.writestr(each, change(data.decode()).encode() if each == name else data)
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def by_hand(rows: str) -> bytes:
    """Return a workbook whose rows are XML."""
    data = f"<sheetData>{rows}</sheetData>"
    return rewritten(workbook([]), SHEET, lambda xml: re.sub(r"<sheetData ?/>|<sheetData>.*</sheetData>", data, xml))


def text(cell: str, value: str) -> str:
    """Return the XML of a cell with a text."""
    return f'<c r="{cell}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'


HEADER = f'<row r="1">{text("A1", "Email")}{text("B1", "Status")}</row>'
ANN = f'<row r="2">{text("A2", "ann@x.io")}{text("B2", "Active")}</row>'


def table(content: bytes, wanted: Sequence[Wanted] = EMAIL, header_row: HeaderRow = None, **more: Any) -> XlsxTable:
    """Parse a workbook."""
    found = parse_xlsx(content, more.get("sheet"), wanted, header_row, "f.xlsx")
    assert found is not None
    return found


# --- what other programs write ---


@pytest.mark.parametrize("name", ["exceljs", "sheetjs", "libreoffice"])
def test_workbooks_of_other_programs_are_read(name: str) -> None:
    """Links give their text, formulas their value, hidden rows and rich text count, and dates are in ISO 8601."""
    content = (SAMPLES / f"{name}.xlsx").read_bytes()
    computed = ["di@example.com"] if name == "libreoffice" else []
    assert read(content) == ["ann@example.com", "bob@example.com", "cy@example.com", *computed]
    assert read(content, where=ACTIVE) == ["ann@example.com", "bob@example.com", *computed]
    assert read(content, where={"left on": "2030-01-31"}) == ["bob@example.com"]


@pytest.mark.parametrize("write", [workbook, by_xlsxwriter])
def test_a_workbook_is_read_as_its_csv_would_be(write: Callable[..., bytes]) -> None:
    """The same header, columns and conditions count as in CSV."""
    content = write([[], *STAFF, [], ["Cy", " CY@x.io\u00a0", "on\u00a0 leave"]])
    assert read(content, where={"STATUS": ["active", "On Leave"]}) == ["ann@x.io", "CY@x.io"]
    assert "column: sheet 'Staff' of 's3://hr/roster.csv' has no column 'mail'. Its columns are 'Name', 'Email'" in (
        problem(content, column="mail")
    )
    assert "no row of 's3://hr/roster.csv' has 'status' = 'LOA'" in problem(
        content, where={"status": ["Active", "LOA"]}
    )


def test_a_formula_without_a_value_is_an_error() -> None:
    """Programs such as exceljs and openpyxl compute nothing. A formula without a value is not a blank cell."""
    content = (SAMPLES / "exceljs_formula.xlsx").read_bytes()
    assert "column 'email': cell C5: it holds a formula without a value (open the workbook in Excel and save it" in (
        problem(content, where=ACTIVE)
    )
    content = workbook([*STAFF, ["Cy", '="cy"&"@x.io"', "Active"]])
    assert "cell B4: it holds a formula without a value" in problem(content)
    assert "cell A3: it holds a formula without a value" in problem(workbook([["Email"], ["ann@x.io"], ['="cy@x.io"']]))
    content = workbook([*STAFF, ['="C"&"y"', "cy@x.io", "Active"]])
    assert read(content) == ["ann@x.io", "bob@x.io", "cy@x.io"]


def test_a_formula_that_is_an_empty_text_is_blank() -> None:
    """Excel and LibreOffice write an empty value for an empty text, and that the cell is a text."""
    cell = '<c r="{0}" t="str"><f>IF(A2="","x","")</f><v></v></c>'
    row = f'<row r="2">{text("A2", "ann@x.io")}{cell.format("B2")}</row>'
    assert read(by_hand(HEADER + row), where={"status": ""}) == ["ann@x.io"]
    assert read(by_hand(HEADER + row + f'<row r="3">{cell.format("A3")}{cell.format("B3")}</row>')) == ["ann@x.io"]
    for other in (
        cell.replace(' t="str"', ""),
        cell.replace("<v></v>", ""),
        cell.replace(' t="str"', "").replace("<v></v>", "<v/>"),
    ):
        row = f'<row r="2">{text("A2", "ann@x.io")}{other.format("B2")}</row>'
        assert "cell B2: it holds a formula without a value" in problem(by_hand(HEADER + row), where={"status": ""})


def test_a_zero_for_an_address_is_a_formula_that_was_not_computed() -> None:
    """XlsxWriter writes the value 0 for each formula, also for one whose value is a text."""
    content = by_xlsxwriter(STAFF, lambda _, sheet: sheet.write_formula("B4", '="cy"&"@x.io"'))
    assert "cell B4: it holds the number 0, not an address (open the workbook in Excel and save it" in problem(content)
    content = by_xlsxwriter([*STAFF, ["Cy", "cy@x.io"]], lambda _, sheet: sheet.write_formula("C4", '="Act"&"ive"'))
    assert "cell C4 holds a formula with the value 0, as has every formula in the column 'Status', so they may" in (
        problem(content, where=ACTIVE)
    )
    assert read(content) == ["ann@x.io", "bob@x.io", "cy@x.io"]


def test_a_formula_may_be_zero_if_others_are_not() -> None:
    """A column of formulas that have other values, too, was computed."""

    def formulas(_: Any, sheet: Any) -> None:
        sheet.write_formula("C2", "=2-1", None, 1)
        sheet.write_formula("C3", "=1-1", None, 0)

    content = by_xlsxwriter([["Name", "Email", "Days"], ["Ann", "ann@x.io"], ["Bob", "bob@x.io"]], formulas)
    assert read(content, where={"days": 1}) == ["ann@x.io"]
    assert read(content, where={"days": "0"}) == ["bob@x.io"]


def test_a_cell_with_an_error_is_no_blank_cell() -> None:
    """A failed formula in a column that is needed is an error with its coordinates, and no word matches it."""
    content = workbook([*STAFF, ["Cy", "cy@x.io", "#N/A"]])
    assert "cell C4: it holds the error #N/A (correct the cell, or its formula)" in problem(content, where=ACTIVE)
    assert "cell C4: it holds the error #N/A" in problem(content, where={"status": ["Active", "#N/A"]})
    assert read(content) == ["ann@x.io", "bob@x.io", "cy@x.io"]
    assert "cell B4: it holds the error #REF!" in problem(workbook([*STAFF, ["Cy", "#REF!", "Active"]]))
    as_text = by_xlsxwriter([*STAFF, ["Cy", "cy@x.io", "#N/A"]])
    assert read(as_text, where={"status": "#n/a"}) == ["cy@x.io"]


@pytest.mark.parametrize("written", ["_x000D_", "_x000d_", "_x000D__x000A_", "_x0009_", "_x001F_"])
def test_control_characters_that_a_program_escaped_are_undone(written: str) -> None:
    """What a program writes for a carriage return is no part of an address or a word."""
    content = by_hand(HEADER + f'<row r="2">{text("A2", f"ann@x.io{written}")}{text("B2", f"Active{written}")}</row>')
    assert read(content, where=ACTIVE) == ["ann@x.io"]
    content = by_xlsxwriter([["Email", "Status"], ["ann@x.io\r", "Active\r"]])
    assert read(content, where=ACTIVE) == ["ann@x.io"]


def test_numbers_that_lost_their_zeros_are_errors() -> None:
    """A number in a column that is compared with texts that begin with zeros may have lost its own."""
    rows: list[list[Any]] = [["Email", "Cost centre"], ["ann@x.io", "00123"], ["bob@x.io", 123]]
    assert (
        "cell B3 holds the number 123, and the column 'Cost centre' is compared with texts that begin with zeros"
        in (problem(workbook(rows), where={"cost centre": ["00123", "7"]}, may_be_absent="7"))
    )
    assert "cell B3 holds the number 123" in problem(workbook(rows), where={"cost centre": "123"})
    assert "cell B2 holds the number 123" in problem(workbook([rows[0], rows[2]]), where={"cost centre": "00123"})
    assert read(workbook([rows[0], rows[2]]), where={"cost centre": 123}) == ["bob@x.io"]
    assert read(workbook(rows)) == ["ann@x.io", "bob@x.io"]


@pytest.mark.parametrize("number_format", ["00000", "000-00", '"Id "000'])
def test_a_number_that_excel_shows_with_zeros_is_an_error(number_format: str) -> None:
    """The zeros that a format adds are no part of the number, so no word could match what a reader sees."""

    def form(_: Any, sheet: Any) -> None:
        sheet["B2"].number_format = number_format

    content = workbook([["Email", "Id"], ["ann@x.io", 123]], form)
    assert f"cell B2: it holds the number 123, which Excel shows with zeros before it ({number_format})" in (
        problem(content, where={"id": "123"})
    )
    assert read(content) == ["ann@x.io"]


def test_a_number_is_no_person() -> None:
    """A number in the column of addresses is an error that shows it."""
    assert "cell A2: it holds the number 4711, not an address or a UUID" in problem(workbook([["Email"], [4711]]))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7, "7"),
        (7.0, "7"),
        (0.5, "0.5"),
        (123456789012345, "123456789012345"),
        (True, "TRUE"),
        (False, "FALSE"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 9, 30), "2026-01-31 09:30:00"),  # noqa: DTZ001 (Excel knows no time zones)
        (time(9, 30), "09:30:00"),
        (timedelta(hours=36), "1 day, 12:00:00"),
        (None, ""),
        (" a ", " a "),
    ],
)
def test_a_cell_is_a_text(value: Any, shown: str) -> None:
    """Numbers, booleans, dates and times are texts that look the same in each workbook."""
    rows = [*table(workbook([["Email", "x"], ["ann@x.io", value], ["b", "c"]])).rows()]
    assert rows[0] == (2, ["ann@x.io", shown])


def test_a_number_beyond_all_numbers_is_a_text_too() -> None:
    """It is no error of Python."""
    content = by_hand(f'{HEADER}<row r="2">{text("A2", "ann@x.io")}<c r="B2"><v>1e400</v></c></row>')
    assert read(content, where={"status": "inf"}) == ["ann@x.io"]


@pytest.mark.parametrize("number_format", ["yyyy-mm-dd", "General"])
def test_the_date_that_a_lookup_makes_of_a_blank_cell_leaves_nobody_out(number_format: str) -> None:
    """A formula that refers to a blank cell is 0, which Excel shows as a date of 1900."""

    def look_up(book: Any, sheet: Any) -> None:
        for row, value in enumerate([0, 46053], 1):
            sheet.write_formula(row, 1, f"=Leavers!B{row}", book.add_format({"num_format": number_format}), value)

    rows = [["Email", "Left on"], ["ann@x.io"], ["bob@x.io"], ["cy@x.io"]]
    assert "cell B2: it holds '0" in problem(by_xlsxwriter(rows, look_up), where={"left on": ""})


def test_dates_of_a_workbook_from_an_old_mac_are_right() -> None:
    """A workbook may count days from 1904."""

    def from_1904(book: Any, sheet: Any) -> None:
        sheet["B2"].number_format = "yyyy-mm-dd"
        book.epoch = datetime(1904, 1, 1)  # noqa: DTZ001 (as above)

    [(_, row)] = table(workbook([["Email", "x"], ["ann@x.io", 44591]], from_1904)).rows()
    assert row == ["ann@x.io", "2026-01-31"]


@pytest.mark.filterwarnings("ignore:Cell B2 is marked as a date")
def test_a_date_that_excel_cannot_show_is_an_error_if_it_is_needed() -> None:
    """Excel shows ##### for a date after the year 9999."""

    def form(_: Any, sheet: Any) -> None:
        sheet["B2"].number_format = "yyyy-mm-dd"

    content = workbook([["Email", "x"], ["ann@x.io", 9e9]], form)
    assert "cell B2: it holds the error #VALUE!" in problem(content, where={"x": "y"})


# --- the sheet ---


@pytest.mark.parametrize("dimension", ["A1", "A1:B2", "A1:ZZ9999"])
def test_a_wrong_size_of_the_sheet_cuts_nothing(dimension: str) -> None:
    """The size that a workbook states may be too small or too large."""
    content = workbook(STAFF)
    content = rewritten(
        content, SHEET, lambda xml: re.sub(r'<dimension ref="[^"]*"', f'<dimension ref="{dimension}"', xml)
    )
    assert read(content, where={"status": "Left"}) == ["bob@x.io"]


def test_rows_have_the_numbers_that_excel_shows() -> None:
    """Blank rows and columns count, and formatted blank cells are blank."""

    def form(_: Any, sheet: Any) -> None:
        sheet["A1000"].number_format = "@"
        sheet["B6"], sheet["C6"], sheet["B9"], sheet["C9"] = "Email", "Status", "bob", "Active"

    assert "sheet 'Staff' of 's3://hr/roster.csv', column 'email': cell B9: 'bob' is neither" in problem(
        workbook([], form)
    )


def test_rows_that_are_not_in_order_are_an_error() -> None:
    """A row that comes late, or comes twice, would be left out by openpyxl."""
    late = ANN.replace("2", "3") + ANN
    for content in (by_hand(HEADER + late), by_hand(HEADER + ANN + ANN)):
        assert "in sheet 'Staff' of 's3://hr/roster.csv'. Open the workbook in Excel and save it again." in problem(
            content
        )
    content = rewritten(
        by_hand(HEADER + late),
        SHEET,
        lambda xml: re.sub(r"<(/?)(\w+)", r"<\1x:\2", xml.replace(' xmlns="', ' xmlns:x="')),
    )
    assert "row 2 comes after row 3" in problem(content)
    assert read(by_hand(HEADER + re.sub(r' r="\w+"', "", ANN))) == ["ann@x.io"]


def test_a_row_may_be_longer_than_what_is_looked_through_at_once() -> None:
    """A long text makes no difference to what is found in the XML of the sheet."""
    long = f'<row r="2">{text("A2", "ann@x.io")}{text("C2", "x" * 3_000_000)}</row>'
    formula = '<row r="3"><c r="A3" t="str"><f>LOWER("B")</f></c></row>'
    assert read(by_hand(HEADER + long)) == ["ann@x.io"]
    assert "cell A3: it holds a formula without a value" in problem(by_hand(HEADER + long + formula))
    assert "row 3 comes after row 3" in problem(by_hand(HEADER + long + formula + formula))


def test_cells_beside_the_table_are_in_columns_without_a_name() -> None:
    """A note beside the table is no error, but a shifted row is."""
    note = [*STAFF, ["Cy", "cy@x.io", "Active", "", "see HR"]]
    assert read(workbook(note)) == ["ann@x.io", "bob@x.io", "cy@x.io"]
    shifted = [*STAFF, ["Cy", "cy@x.io", "", "Active"]]
    assert (
        "row 4: where leaves it out, and unlike in other rows its column '' contains a word of where (its cells may"
        in (problem(workbook(shifted), where={"status": "Active"}))
    )
    assert "cell B4: the cell is 'Cy', and the column 'Status' contains an address (its cells may be shifted)" in (
        problem(workbook([*STAFF, ["", "Cy", "cy@x.io", "Active"]]), where=ACTIVE, may_be_absent="Active")
    )


def test_hidden_rows_count_and_merged_cells_have_their_first_value() -> None:
    """A filter or a hidden row leaves nobody out. Of merged cells only the first has a value."""

    def change(_: Any, sheet: Any) -> None:
        sheet.auto_filter.ref = "A1:C3"
        sheet.auto_filter.add_filter_column(2, ["Active"])
        sheet.row_dimensions[3].hidden = True
        sheet.merge_cells("A2:A3")

    assert read(workbook(STAFF, change)) == ["ann@x.io", "bob@x.io"]


@pytest.mark.parametrize("header_row", [3, "3", "find"])
def test_rows_above_the_header_are_skipped_if_you_ask(header_row: Any) -> None:
    """The header may be named by its row, or be found by its columns."""
    content = workbook([["Staff of X"], [], *STAFF])
    assert read(content, header_row=header_row, where=ACTIVE) == ["ann@x.io"]
    assert problem(content).endswith("Its columns are 'Staff of X'. Row 3 has it: pass header_row=3, or 'find'.")
    assert "header_row: sheet 'Staff' of 's3://hr/roster.csv' ends before row 9." in problem(content, header_row=9)


def test_an_empty_sheet_is_an_empty_file() -> None:
    """A sheet without cells, or with a header only, names nobody."""
    assert "is empty" in problem(workbook([]))
    assert "has a header and no other row" in problem(workbook(STAFF[:1]))
    assert read(workbook([]), allow_empty=True) == []


# --- properties ---

# XML has no control characters, and a text of "#" with letters would be an error to openpyxl.
cells = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=8).filter(
    lambda cell: not cell.startswith(("#", "=")) and "_x" not in cell.lower()
)
# A text that begins with an equals sign is a formula to openpyxl, also an address.
writable = addresses.filter(lambda address: not address.startswith("="))
staff = st.lists(st.tuples(writable, st.sampled_from(["Active", "Left", " active"]), cells), min_size=1, max_size=5)


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Return what Excel would save as CSV."""
    quoted = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return "".join(f"{row}\n" for row in quoted)


@given(staff, st.permutations([0, 1, 2]), st.booleans(), st.booleans(), st.sampled_from([workbook, by_xlsxwriter]))
@examples(60)
def test_a_workbook_and_its_csv_name_the_same_people(
    people: list[tuple[str, str, str]],
    order: list[int],
    filtered: bool,
    is_keeping: bool,
    write: Callable[..., bytes],
) -> None:
    """A table is the same roster, or the same kind of error, as a workbook and as CSV."""
    rows = [[row[each] for each in order] for row in [("email", "status", "name"), *people]]
    arguments: dict[str, Any] = {"on_contradiction": "keep" if is_keeping else "fail", "allow_empty": True}
    if filtered:
        arguments |= {"where": ACTIVE, "may_be_absent": "Active"}

    def result(content: bytes | str) -> object:
        try:
            return read(content, **arguments)
        except InvalidInputError as error:
            return error.field

    assert result(write(rows)) == result(as_csv(rows))


def test_a_bad_cell_is_what_rows_contain() -> None:
    """Rows hold the cells that cannot be relied on, so that only those that are needed are errors."""
    [(_, row)] = table(workbook([["Email", "x"], ["ann@x.io", "#N/A"]])).rows()
    assert isinstance(row[1], BadCell)
