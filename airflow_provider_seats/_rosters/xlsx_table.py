"""Excel workbooks: the cells of one sheet, read with openpyxl, as Excel shows them.

openpyxl tells a failed formula from a blank cell, and keeps the row numbers of Excel. It does not report formulas
without a value, and it skips rows in the wrong order. This module finds both in the sheet's XML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, ClassVar, Final

from airflow_provider_seats._rosters.cells import BadCell
from airflow_provider_seats._rosters.table import (
    HeaderRow,
    NumberedRow,
    Table,
    Wanted,
    find_header,
    missing,
    refuse_header,
)
from airflow_provider_seats._rosters.xlsx_workbook import choose_sheet, look_through, open_workbook, reading
from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

# Characters that XML cannot hold, as some programs write them. openpyxl undoes none of them.
_find_escape: Final = re.compile(r"_x00([01][0-9a-f])_", re.IGNORECASE)
# A number that Excel shows with zeros before it.
_has_leading_zeros: Final = re.compile(r"[^.eE]*00").match
_is_id: Final = re.compile(r"0[0-9]+").fullmatch
_COMPUTE: Final = "open the workbook in Excel and save it, so that its formulas get their values"


@dataclass(frozen=True, slots=True)
class XlsxTable(Table):
    """A table in a sheet of a workbook.

    :param formulas: the same sheet with formulas instead of their values, if some may not have been computed.
    """

    sheet: Any
    formulas: _Formulas | None
    header_row: int
    wanted: Sequence[Wanted]

    has_unnamed_columns: ClassVar[bool] = True
    shift_advice: ClassVar[str] = "its cells may be shifted"

    @property
    def may_be_cut(self) -> bool:
        """A workbook is an archive, and one that was cut cannot be opened."""
        return False

    def rows(self) -> Iterator[NumberedRow]:
        width = len(self.header)
        person = self.position(self.wanted[0])
        columns = _WhereColumns(self)
        with reading(self.file):
            for number, cells in _rows(self.sheet, self.formulas):
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

    :returns: the table; None if the sheet is empty.
    :raises InvalidInputError: if it is no workbook, or the sheet or the column cannot be found.
    """
    with reading(file):
        reader = open_workbook(content, file, data_only=True)
        chosen = choose_sheet(reader, sheet, file)
        [part] = [link.target for each, link in reader.parser.find_sheets() if each.name == chosen.title]
        file = f"sheet {shorten(chosen.title)} of {file}"
        formulas = None
        lacks_values, has_empty_values = look_through(reader.archive, part, file)
        if lacks_values or has_empty_values:
            formulas = _Formulas(open_workbook(content, file, data_only=False).wb[chosen.title], lacks_values)
        every = ((number, [_text(cell) for cell in cells]) for number, cells in _rows(chosen, formulas))
        header = find_header(every, wanted, header_row, file)
        if header is None:
            return None
        if missing(header[1], wanted):
            every = ((number, [_text(cell) for cell in cells]) for number, cells in _rows(chosen, None))
            raise refuse_header(header, [every], wanted, file)
    return XlsxTable(file, header[1], chosen, formulas, header[0], tuple(wanted))


class _WhereColumns:
    """Looks at the columns of ``where`` for numbers that are not what a reader would see in their place."""

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


def _rows(sheet: Any, formulas: _Formulas | None) -> Iterator[tuple[int, Sequence[Any]]]:  # noqa: ANN401 (as above)
    """Return the numbers and cells of all rows that the sheet has."""
    sheet.reset_dimensions()  # which are often wrong, and would cut the sheet
    rows = sheet.iter_rows()
    if formulas is not None:
        formulas.sheet.reset_dimensions()
        rows = map(formulas.mark, rows, formulas.sheet.iter_rows())
    return enumerate(rows, 1)


@dataclass(frozen=True, slots=True)
class _Formula:
    """A cell with a formula. The sheet may have some without a value."""

    value: Any
    data_type: str
    number_format: str
    is_computed: bool


@dataclass(frozen=True, slots=True)
class _Formulas:
    """A sheet with formulas instead of their values.

    :param lacks_values: whether some cells have none, so that one that seems to be an empty text may be one of them.
    """

    sheet: Any
    lacks_values: bool

    def mark(self, cells: Sequence[Any], formulas: Sequence[Any]) -> Sequence[Any]:
        """Return the cells of a row, those with a formula as such."""
        pairs = zip(cells, formulas, strict=True)
        return [self._marked(cell) if formula.data_type == "f" else cell for cell, formula in pairs]

    def _marked(self, cell: Any) -> _Formula:  # noqa: ANN401 (as above)
        # openpyxl gives no value for an empty text, but the type that the cell says.
        is_computed = cell.value is not None or (cell.data_type == "str" and not self.lacks_values)
        return _Formula(cell.value, cell.data_type, cell.number_format, is_computed)


def _text(cell: Any) -> str:  # noqa: ANN401 (a cell of openpyxl, of several classes)
    """Return what Excel shows of a cell, as text, or a :class:`BadCell`."""
    value = cell.value
    if isinstance(value, str):
        if value[:1] == "#" and cell.data_type == "e":
            return BadCell(value, f"it holds the error {value} (correct the cell, or its formula)")
        return _find_escape.sub(lambda match: chr(int(match[1], 16)), value) if "_x00" in value else value
    if value is None:
        is_bad = isinstance(cell, _Formula) and not cell.is_computed
        return BadCell("=", f"it holds a formula without a value ({_COMPUTE})") if is_bad else ""
    if _is_number(value):
        return _number_text(cell)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return str(value).upper() if isinstance(value, bool) else str(value)


def _number_text(cell: Any) -> str:  # noqa: ANN401 (as above)
    value = cell.value
    text = str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)
    if not _has_leading_zeros(cell.number_format):
        return text
    problem = f"it holds the number {text}, which Excel shows with zeros before it ({cell.number_format})"
    return BadCell(text, f"{problem} (format the column as text, and write its zeros again)")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_problem(value: float) -> str:
    what = f"it holds the number {value}, not an address"
    return f"{what} ({_COMPUTE}, if it is one)" if value == 0 else f"{what} or a UUID"
