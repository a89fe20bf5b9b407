"""Excel workbooks, opened with openpyxl: their sheets, and what only the XML of a sheet tells."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from airflow_provider_seats._rosters.cells import comparable
from airflow_provider_seats._text import join_names, shorten
from airflow_provider_seats.exceptions import InvalidInputError

_STRICT: Final = b"http://purl.oclc.org/ooxml/"
# A formula without a value, or with an empty one or 0, which programs write that do not compute it. Excel writes an
# empty one for an empty text, too, but then it says that the cell is a text.
_FORMULA: Final = rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^>]*)?/>)\s*"
_find_no_value: Final = re.compile(_FORMULA + rb"</(?:\w+:)?c>")
_find_empty_value: Final = re.compile(
    _FORMULA + rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v(?:\s[^>]*)?>\s*0?\s*</(?:\w+:)?v>)\s*</(?:\w+:)?c>"
)
# The number of a row, whose element may have a prefix. One pattern for both would take ten times as long.
_find_row: Final = re.compile(rb"""<row\s(?:[^>]*?\s)?r=["']([0-9]+)["']""")
_find_prefixed_row: Final = re.compile(rb"""<\w+:row\s(?:[^>]*?\s)?r=["']([0-9]+)["']""")
_CHUNK: Final = 1024 * 1024


def open_workbook(content: bytes, file: str, *, data_only: bool) -> Any:  # noqa: ANN401 (openpyxl has no types)
    """Return openpyxl's reader of a workbook: it has the workbook, and knows the XML of its sheets.

    :param data_only: whether a formula is its value.
    :raises InvalidInputError: if openpyxl is not installed. If it cannot read the workbook, it may raise anything.
    """
    try:
        from openpyxl.reader.excel import ExcelReader  # noqa: PLC0415 (it may not be installed)
    except ImportError:
        raise InvalidInputError(
            "path",
            f"{file} is an Excel workbook. To read it, install openpyxl: pip install 'openpyxl>=3.1.5,<4'. "
            "Or save it as 'CSV UTF-8'.",
        ) from None
    # As load_workbook does, and the reader also knows the sheets' XML.
    reader = ExcelReader(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
    with warnings.catch_warnings():  # about what a sheet has besides cells
        warnings.simplefilter("ignore")
        reader.read()
    return reader


@contextmanager
def reading(file: str) -> Iterator[None]:
    """Make each error of openpyxl one that names the workbook. Its errors have no common base."""
    try:
        yield
    except InvalidInputError:
        raise
    except Exception as error:
        detail = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise InvalidInputError(
            "path",
            f"{file} cannot be read as an Excel workbook ({shorten(detail)[1:-1]}). It may be cut or damaged, or be "
            "another kind of archive. Open it in Excel and save it as 'Excel Workbook (.xlsx)', or as 'CSV UTF-8'.",
        ) from error


def choose_sheet(reader: Any, name: str | None, file: str) -> Any:  # noqa: ANN401 (as above)
    """Return a sheet by its name, or the only one that is visible.

    :raises InvalidInputError: if there is none, or several.
    """
    sheets: list[Any] = reader.wb.worksheets
    charts = [chart.title for chart in reader.wb.chartsheets]
    if not sheets:
        if charts:
            raise InvalidInputError("path", f"{file} has only chart sheets, which have no cells: {_names(charts)}.")
        if _STRICT in reader.archive.read(reader.parser.workbook_part_name):
            raise InvalidInputError(
                "path",
                f"{file} is saved as 'Strict Open XML', which cannot be read. Save it as 'Excel Workbook (.xlsx)'.",
            )
        raise InvalidInputError("path", f"{file} has no sheet. Open it in Excel and save it again.")
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


def look_through(archive: zipfile.ZipFile, part: str, file: str) -> tuple[bool, bool]:
    """Return whether the XML of a sheet has formulas without a value, and formulas whose value is empty or 0.

    :raises InvalidInputError: if its rows are not in order: openpyxl would leave out those that come late.
    """
    lacks_values = has_empty_values = False
    last = 0
    rest = b""
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
            if b"<f" in rest or b":f" in rest:
                lacks_values = lacks_values or _find_no_value.search(rest, 0, end) is not None
                has_empty_values = has_empty_values or _find_empty_value.search(rest, 0, end) is not None
            rest = rest[end:]
    return lacks_values, has_empty_values
