"""Excel workbooks: the cells of one sheet, read with openpyxl, as Excel shows them.

openpyxl tells a failed formula from a blank cell, and keeps the row numbers of Excel. What it does not tell is found in
the sheet's XML: formulas without a value, and rows in the wrong order, of which openpyxl would skip one.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, ClassVar, Final

from airflow_provider_seats._rosters.cells import BadCell, comparable
from airflow_provider_seats._rosters.table import (
    HeaderRow,
    NumberedRow,
    Table,
    Wanted,
    find_header,
    missing,
    refuse_header,
    refuse_header_row,
)
from airflow_provider_seats._text import join_names, shorten
from airflow_provider_seats.exceptions import InvalidInputError

_STRICT: Final = b"http://purl.oclc.org/ooxml/"
# Characters that XML cannot hold, as some programs write them. openpyxl undoes none of them.
_find_escape: Final = re.compile(r"_x00([01][0-9a-f])_", re.IGNORECASE)
# A number that Excel shows with zeros before it.
_has_leading_zeros: Final = re.compile(r"[^.eE]*00").match
_is_id: Final = re.compile(r"0[0-9]+").fullmatch
# A formula without a value, or with the value 0, which programs write that do not compute it.
_find_not_computed: Final = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^>]*)?/>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v(?:\s[^>]*)?>\s*0?\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
# The number of a row, whose element may have a prefix. One pattern for both would take ten times as long.
_find_row: Final = re.compile(rb"""<row\s(?:[^>]*?\s)?r=["']([0-9]+)["']""")
_find_prefixed_row: Final = re.compile(rb"""<\w+:row\s(?:[^>]*?\s)?r=["']([0-9]+)["']""")
_CHUNK: Final = 1024 * 1024
_COMPUTE: Final = "open the workbook in Excel and save it, so that its formulas get their values"


@dataclass(frozen=True, slots=True)
class XlsxTable(Table):
    """A table in a sheet of a workbook.

    :param sheet: the sheet.
    :param formulas: the same sheet with formulas instead of their values, if some may have none.
    :param header_row: the number of the row with the header.
    :param wanted: the columns that are needed, of which the first holds people.
    """

    sheet: Any
    formulas: Any
    header_row: int
    wanted: Sequence[Wanted]

    has_unnamed_columns: ClassVar[bool] = True
    shift_advice: ClassVar[str] = "its cells may be shifted"

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows below the header."""
        width = len(self.header)
        person = self.position(self.wanted[0])
        columns = _WhereColumns(self)
        for number, cells in _rows(self.sheet, self.formulas, self.file):
            if number <= self.header_row:
                continue
            texts = [
                value
                if type(value := cell.value) is str and value[:1] != "#" and "_x00" not in value  # as most are
                else _text(cell)
                for cell in cells
            ]
            if len(texts) < width:
                texts.extend([""] * (width - len(texts)))
            if person < len(cells) and _is_number(value := cells[person].value):
                texts[person] = BadCell(texts[person], _number_problem(value))
            columns.look(number, cells, texts)
            yield number, texts
        columns.check()

    def place(self, number: int, position: int | None = None) -> str:
        """Return the coordinates that Excel shows."""
        from openpyxl.utils import get_column_letter  # noqa: PLC0415 (it may not be installed)

        return f"row {number}" if position is None else f"cell {get_column_letter(position + 1)}{number}"


def parse_xlsx(
    content: bytes, sheet: str | None, wanted: Sequence[Wanted], header_row: HeaderRow, file: str
) -> XlsxTable | None:
    """Parse a sheet of a workbook.

    :param content: the content of the file, a zip archive.
    :param sheet: the name of the sheet; None for the only one that is visible.
    :param wanted: the columns that are needed, of which the first holds people.
    :param header_row: the row with the header.
    :param file: what messages call the file.
    :returns: the table; None if the sheet is empty.
    :raises InvalidInputError: if it is no workbook, or the sheet or the column cannot be found.
    """
    reader = _open(content, file, data_only=True)
    chosen = _choose_sheet(reader.wb, sheet, content, file)
    [part] = [link.target for each, link in reader.parser.find_sheets() if each.name == chosen.title]
    file = f"sheet {shorten(chosen.title)} of {file}"
    formulas = None
    if _may_have_formulas_without_value(reader.archive, part, file):
        formulas = _open(content, file, data_only=False).wb[chosen.title]
    every = ((number, [_text(cell) for cell in cells]) for number, cells in _rows(chosen, formulas, file))
    header = find_header(every, wanted, header_row)
    if header is None:
        if isinstance(header_row, int) and next(_rows(chosen, None, file), None):
            raise refuse_header_row(header_row, file)
        return None
    if missing(header[1], wanted):
        every = ((number, [_text(cell) for cell in cells]) for number, cells in _rows(chosen, None, file))
        raise refuse_header(header, every, wanted, file)
    return XlsxTable(file, header[1], chosen, formulas, header[0], tuple(wanted))


class _WhereColumns:
    """Looks at the columns of ``where`` for numbers that are not what a reader would see in their place.

    :param table: the table.
    """

    def __init__(self, table: XlsxTable) -> None:
        self._table = table
        self._words = {table.position(each): each.words for each in table.wanted if each.words is not None}
        # Columns of texts that begin with zeros, columns whose formulas have values, and the first cells with a
        # number, and with a formula that is 0.
        self._ids = {at for at, words in self._words.items() if any(map(_is_id, words))}
        self._computed = {at for at, words in self._words.items() if "0" in words}
        self._numbers: dict[int, str] = {}
        self._zeros: dict[int, str] = {}

    def look(self, number: int, cells: Sequence[Any], texts: Sequence[str]) -> None:
        """Look at a row."""
        for at in self._words:
            text = texts[at]
            if not text or text.isalpha():  # as most are
                continue
            value = cells[at].value
            is_number = _is_number(value)
            if is_number and at not in self._numbers:
                self._numbers[at] = f"{self._table.place(number, at)} holds the number {text}"
            elif not is_number and _is_id(text):
                self._ids.add(at)
            if isinstance(cells[at], _Formula):
                if is_number and value == 0:
                    self._zeros.setdefault(at, self._table.place(number, at))
                else:
                    self._computed.add(at)

    def check(self) -> None:
        """Raise an error if a column has numbers among texts that begin with zeros, or if all its formulas are 0."""
        for at in self._words:
            column = f"the column {self._table.name(at)}"
            if at in self._ids and at in self._numbers:
                raise InvalidInputError(
                    "path",
                    f"{self._table.file}: {self._numbers[at]}, and {column} is compared with texts that begin with "
                    "zeros, which a number loses. Format the column as text, and write its zeros again.",
                )
            if at in self._zeros and at not in self._computed:
                raise InvalidInputError(
                    "path",
                    f"{self._table.file}: {self._zeros[at]} holds a formula with the value 0, as has every formula in "
                    f"{column}, so they may never have been computed: {_COMPUTE}.",
                )


def _open(content: bytes, file: str, *, data_only: bool) -> Any:  # noqa: ANN401 (openpyxl has no types)
    try:
        from openpyxl.reader.excel import ExcelReader  # noqa: PLC0415 (it may not be installed)
    except ImportError:
        raise InvalidInputError(
            "path",
            f"{file} is an Excel workbook. To read it, install openpyxl: pip install 'airflow-provider-seats[excel]'. "
            "Or save it as 'CSV UTF-8'.",
        ) from None
    try:
        # As load_workbook does, and the reader also knows the sheets' XML.
        reader = ExcelReader(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
        with warnings.catch_warnings():  # about what a sheet has besides cells
            warnings.simplefilter("ignore")
            reader.read()
        return reader  # noqa: TRY300 (as above)
    except Exception as error:
        raise _unreadable(error, file) from error


def _unreadable(error: Exception, file: str) -> InvalidInputError:
    detail = f"{type(error).__name__}: {error}".rstrip(".: ")
    return InvalidInputError(
        "path",
        f"{file} cannot be read as an Excel workbook ({shorten(detail)[1:-1]}). It may be cut or damaged, or be "
        "another kind of archive. Open it in Excel and save it as 'Excel Workbook (.xlsx)', or as 'CSV UTF-8'.",
    )


def _choose_sheet(book: Any, name: str | None, content: bytes, file: str) -> Any:  # noqa: ANN401 (as above)
    sheets: list[Any] = book.worksheets
    charts = [chart.title for chart in book.chartsheets]
    if not sheets and not charts:
        if _is_strict(content):
            raise InvalidInputError(
                "path",
                f"{file} is saved as 'Strict Open XML', which cannot be read. Save it as 'Excel Workbook (.xlsx)'.",
            )
        raise InvalidInputError("path", f"{file} has no sheet. Open it in Excel and save it again.")
    if not sheets:
        raise InvalidInputError("path", f"{file} has only chart sheets, which have no cells: {_names(charts)}.")
    if name is None:
        visible = [each for each in sheets if each.sheet_state == "visible"]
        if len(visible) == 1:
            return visible[0]
        names = _names(each.title for each in visible or sheets)
        kind = f"{len(visible)} visible sheets" if visible else "only hidden sheets"
        raise InvalidInputError("path", f"{file} has {kind}: {names}. Pass the name of one as sheet.")
    # Excel compares the names of sheets without case, so no two of them differ only in that.
    found = [each for each in sheets if each.title == name] or [
        each for each in sheets if comparable(each.title) == comparable(name)
    ]
    if len(found) == 1:
        return found[0]
    if comparable(name) in map(comparable, charts):
        raise InvalidInputError("sheet", f"{shorten(name)} of {file} is a chart sheet, which has no cells.")
    names = _names(each.title for each in sheets)
    raise InvalidInputError("sheet", f"{file} has no sheet {shorten(name)}. Its sheets are {names}.")


def _names(names: Iterable[str]) -> str:
    return join_names(map(shorten, names))


def _is_strict(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _STRICT in archive.read("xl/workbook.xml")
    except (KeyError, zipfile.BadZipFile):
        return False


def _may_have_formulas_without_value(archive: zipfile.ZipFile, part: str, file: str) -> bool:
    """Look through the XML of a sheet.

    :raises InvalidInputError: if its rows are not in order: openpyxl would leave out those that come late.
    """
    found = False
    last = 0
    rest = b""
    try:
        with archive.open(part) as xml:
            while chunk := xml.read(_CHUNK):
                rest += chunk
                end = rest.rfind(b"row>") + 1  # up to here it has whole rows
                rows = _find_row.findall(rest, 0, end) or _find_prefixed_row.findall(rest, 0, end)
                for row in map(int, rows):
                    if row <= last:
                        problem = f"row {row} comes after row {last} in {file}"
                        raise InvalidInputError("path", f"{problem}. Open the workbook in Excel and save it again.")
                    last = row
                if not found and (b"<f" in rest or b":f" in rest):
                    found = _find_not_computed.search(rest, 0, end) is not None
                rest = rest[end:]
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise _unreadable(error, file) from error
    return found


def _rows(sheet: Any, formulas: Any, file: str) -> Iterator[tuple[int, Sequence[Any]]]:  # noqa: ANN401 (as above)
    """Yield the numbers and cells of all rows that the sheet has."""
    sheet.reset_dimensions()  # which are often wrong, and would cut the sheet
    rows = sheet.iter_rows()
    if formulas is not None:
        formulas.reset_dimensions()
        rows = map(_with_formulas, rows, formulas.iter_rows())
    try:
        yield from enumerate(rows, 1)
    except Exception as error:
        raise _unreadable(error, file) from error


@dataclass(frozen=True, slots=True)
class _Formula:
    """A cell with a formula, in a sheet in which some have no value."""

    value: Any
    data_type: str
    number_format: str


def _with_formulas(cells: Sequence[Any], formulas: Sequence[Any]) -> Sequence[Any]:
    return [
        _Formula(cell.value, cell.data_type, cell.number_format) if formula.data_type == "f" else cell
        for cell, formula in zip(cells, formulas, strict=True)
    ]


def _text(cell: Any) -> str:  # noqa: ANN401 (a cell of openpyxl, of several classes)
    """Return what Excel shows of a cell, as text, or a :class:`BadCell`."""
    value = cell.value
    if isinstance(value, str):
        if value[:1] == "#" and cell.data_type == "e":
            return BadCell(value, f"it holds the error {value} (correct the cell, or its formula)")
        return _find_escape.sub(lambda match: chr(int(match[1], 16)), value) if "_x00" in value else value
    if value is None:
        return BadCell("=", f"it holds a formula without a value ({_COMPUTE})") if isinstance(cell, _Formula) else ""
    if _is_number(value):
        return _number_text(cell)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return str(value).upper() if isinstance(value, bool) else str(value)


def _number_text(cell: Any) -> str:  # noqa: ANN401 (as above)
    text = str(int(cell.value)) if cell.value == int(cell.value) else str(cell.value)
    if not _has_leading_zeros(cell.number_format):
        return text
    problem = f"it holds the number {text}, which Excel shows with zeros before it ({cell.number_format})"
    return BadCell(text, f"{problem} (format the column as text, and write its zeros again)")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_problem(value: float) -> str:
    what = f"it holds the number {value}, not an address"
    return f"{what} ({_COMPUTE}, if it is one)" if value == 0 else f"{what} or a UUID"
