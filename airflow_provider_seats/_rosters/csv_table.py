"""CSV files as HR systems and spreadsheets write them: bytes, parsed into a header and rows of cells."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from airflow_provider_seats._rosters.emails import names_person
from airflow_provider_seats._rosters.table import (
    HeaderRow,
    NumberedRow,
    Table,
    Wanted,
    find_header,
    missing,
    refuse_header,
)
from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

SEPARATORS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
# For a file with one column. No text contains this character: Unicode reserves it for programs.
_NO_SEPARATOR: Final = "\ufdd0"
# The first line that Excel writes and hides. It is no row.
_find_directive: Final = re.compile(r'"?sep=([^"\s]|\t)"?[,;\t| ]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
# The first line that Windows PowerShell writes. Spreadsheets show it as a row.
_TYPE_LINE: Final = ("#TYPE ", '"#TYPE ')
# The marks of UTF-32 come first, because one of them begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENCODINGS: Final = (
    "'cp1252' (Western Europe and the Americas), 'cp1250' (Central Europe), 'cp1251' (Cyrillic), 'cp932' (Japan), "
    "'gb18030' (China) or 'mac-roman' (older Macs)"
)
_ESCAPED: Final = " In a cell they are written twice, and not after a backslash: pass option('escape', '\"') to Spark."
_MAX_CELL: Final = 80
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a file. It is decoded while it is read, so that it does not take its memory twice.

    :param is_ended: whether the last line has a line end.
    """

    content: bytes
    encoding: str
    file: str
    is_ended: bool = True

    def lines(self) -> tuple[str, Iterator[str]]:
        """Return the first line, without a byte order mark, and the others. Each has its line end."""
        lines = io.TextIOWrapper(io.BytesIO(self.content), self.encoding, newline="")
        return lines.readline().lstrip("\ufeff"), lines

    def rows(self, separator: str) -> Iterator[NumberedRow]:
        first, lines = self.lines()
        has_type = first.startswith(_TYPE_LINE)
        if first and not has_type and not _find_directive.match(first):
            lines = chain([first], lines)
        # Without strict, a quotation mark that is not closed would hide everyone below it in one cell.
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
        first_row = 2 if has_type else 1
        number, line = first_row - 1, 0
        try:
            for number, cells in enumerate(reader, first_row):
                if reader.line_num > line + 1:
                    _refuse_swallowed(number, cells, separator, self.file)
                line = reader.line_num
                yield number, cells
        except csv.Error as error:
            advice = _ESCAPED if b'\\"' in self.content else ""
            raise InvalidInputError(
                "path",
                f"{self.file} is not valid CSV from row {number + 1} on ({error}). Check its quotation marks.{advice}",
            ) from None


@dataclass(frozen=True, slots=True)
class CsvTable(Table):
    """A table in a text."""

    text: Text
    separator: str
    header_row: int

    @property
    def may_be_cut(self) -> bool:
        return not self.text.is_ended

    def rows(self) -> Iterator[NumberedRow]:
        rows = self.text.rows(self.separator)
        next(number for number, _ in rows if number == self.header_row)
        return rows


def parse_encoding(argument: str, value: object) -> str:
    try:
        "a".encode(name := str(value))
        codecs.getincrementaldecoder(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise InvalidInputError(
            argument, f"{shorten(value)} is not an encoding. Pass one that Python knows, such as {_ENCODINGS}."
        ) from None


def decode(content: bytes, encoding: str | None, file: str) -> Text:
    """Check that a file is text, and return that.

    :param encoding: the encoding; None for UTF-8, or what the byte order mark says.
    :raises InvalidInputError: if it is not text of this encoding.
    """
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if marked and encoding and not encoding.startswith(marked):
        raise InvalidInputError(
            "encoding", f"{file} begins with the byte order mark of {marked}, not {encoding}. Leave encoding out."
        )
    used = marked or encoding or "utf-8"
    part = ""
    try:
        for part in codecs.iterdecode((content[at : at + _CHUNK] for at in range(0, len(content), _CHUNK)), used):
            if "\0" in part:
                line = _line(content.decode(used, "replace").partition("\0")[0].encode("utf-8", "replace"))
                raise InvalidInputError(
                    "encoding",
                    f"{file} contains NUL bytes, the first in line {line}. If it is UTF-16 without a byte order mark, "
                    "pass encoding='utf-16-le' or 'utf-16-be'. Otherwise export it again.",
                )
    except UnicodeError:
        raise _not_text(content, used, file) from None
    return Text(content, used, file, part.endswith(("\n", "\r")))


def parse_csv(text: Text, wanted: Sequence[Wanted], header_row: HeaderRow) -> CsvTable | None:
    """Parse a table. With the right separator, the header has the wanted columns.

    :raises InvalidInputError: if the header lacks one of these columns, or can be read in two ways.
    """
    file = text.file
    directive = _find_directive.match(text.lines()[0])
    candidates = (_NO_SEPARATOR, *SEPARATORS) if directive is None else (directive[1],)
    headers: dict[str, NumberedRow] = {}
    malformed: InvalidInputError | None = None
    for separator in candidates:
        try:
            header = find_header(text.rows(separator), wanted, header_row, file)
        except InvalidInputError as error:
            malformed = error
            continue
        if header is None:
            return None
        # A header of one cell does not contain the separator. The first candidate need not be in it.
        if len(header[1]) > 1 or separator == candidates[0]:
            headers[separator] = header
    if malformed is not None and not headers:
        raise malformed
    fitting = [separator for separator, header in headers.items() if not missing(header[1], wanted)]
    # A tab after the only name is a separator: without one, it would be a blank at the end of the name.
    fitting = [separator for separator in fitting if separator != _NO_SEPARATOR] or fitting
    if len(fitting) > 1:
        separators = " or ".join(SEPARATORS[each] for each in fitting)
        raise InvalidInputError(
            "path",
            f"the header of {file} can be read in two ways, because its separator may be {separators}. Write the other "
            "character in quoted cells only.",
        )
    if not fitting:
        header = max(headers.values(), key=lambda each: len(each[1]))
        raise refuse_header(header, map(text.rows, candidates), wanted, file)
    number, names = headers[fitting[0]]
    return CsvTable(file, names, text, fitting[0], number)


def _refuse_swallowed(number: int, cells: Iterable[str], separator: str, file: str) -> None:
    """Raise an error if a cell of several lines contains what another row would: its quotation marks may be stray."""
    for cell in cells:
        if ("\n" in cell or "\r" in cell) and (separator in cell or names_person(cell)):
            raise InvalidInputError(
                "path",
                f"row {number} of {file} may have swallowed others: between quotation marks it has several lines with "
                f"{'the separator' if separator in cell else 'an address'} in them ({shorten(cell, _MAX_CELL)}). Check "
                "its quotation marks, or leave line breaks out.",
            )


def _not_text(content: bytes, encoding: str, file: str) -> InvalidInputError:
    start = 0
    try:
        content.decode(encoding)
    except UnicodeError as error:
        start = getattr(error, "start", 0)  # not every codec says where
    return InvalidInputError(
        "encoding",
        f"{file} is not {encoding} text (byte 0x{content[start]:02x} in line {_line(content[:start])}). Save it as "
        f"'CSV UTF-8', or pass its encoding: {_ENCODINGS}.",
    )


def _line(before: bytes) -> int:
    return 1 + max(before.count(b"\n"), before.count(b"\r"))
