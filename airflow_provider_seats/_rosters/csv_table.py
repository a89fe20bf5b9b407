"""CSV files as HR systems and spreadsheets write them: bytes, parsed into a header and rows of cells."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
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
    :param skipped: whether the first line is none of the table.
    """

    content: bytes
    encoding: str
    is_ended: bool = True
    skipped: bool = False

    def lines(self) -> Iterator[str]:
        """Yield the lines, each with its line end, without a byte order mark."""
        lines = io.TextIOWrapper(io.BytesIO(self.content), self.encoding, newline="")
        first = lines.readline().lstrip("\ufeff")
        return lines if self.skipped or not first else chain([first], lines)


@dataclass(frozen=True, slots=True)
class CsvTable(Table):
    """A table in a text.

    :param first_row: the number of the first row of the text.
    """

    text: Text
    separator: str
    header_row: int
    first_row: int

    def rows(self) -> Iterator[NumberedRow]:
        every = _rows(self.text, self.separator, self.first_row, self.file)
        return islice(every, self.header_row + 1 - self.first_row, None)


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
    decoder = codecs.getincrementaldecoder(used)()
    last = ""
    try:
        for start in range(0, len(content), _CHUNK):
            part = decoder.decode(content[start : start + _CHUNK])
            last = part or last
            if "\0" in part:
                raise _nul(content.decode(used, "replace"), file)
        last = decoder.decode(b"", True) or last  # noqa: FBT003 (takes no keyword in every codec)
    except UnicodeError:
        raise _not_text(content, used, file) from None
    return Text(content, used, is_ended=last.endswith(("\n", "\r")))


def parse_csv(text: Text, wanted: Sequence[Wanted], header_row: HeaderRow, file: str) -> CsvTable | None:
    """Parse a table. With the right separator, the header has the wanted columns.

    :raises InvalidInputError: if the header lacks one of these columns, or can be read in two ways.
    """
    first_line = next(text.lines(), "")
    directive = _find_directive.match(first_line)
    has_type = first_line.startswith(_TYPE_LINE)
    if directive is not None or has_type:
        text = Text(text.content, text.encoding, text.is_ended, skipped=True)
    first_row = 2 if has_type else 1
    candidates = (directive[1],) if directive is not None else (_NO_SEPARATOR, *SEPARATORS)
    headers: dict[str, NumberedRow] = {}
    malformed: InvalidInputError | None = None
    for separator in candidates:
        try:
            header = find_header(_rows(text, separator, first_row, file), wanted, header_row, file)
        except InvalidInputError as error:
            malformed = error
            continue
        if header is None:
            return None
        if len(header[1]) > 1 or separator not in SEPARATORS or directive is not None:
            headers[separator] = header
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
        if malformed is not None and not headers:
            raise malformed
        header = max(headers.values(), key=lambda each: len(each[1]))
        raise refuse_header(header, _first_rows(text, candidates, first_row, wanted, file), wanted, file)
    number, names = headers[fitting[0]]
    return CsvTable(file, names, text, fitting[0], number, first_row)


def _first_rows(
    text: Text, candidates: Iterable[str], first_row: int, wanted: Sequence[Wanted], file: str
) -> Iterator[NumberedRow]:
    """Yield rows that have the wanted columns with some separator."""
    for separator in candidates:
        try:
            found = find_header(_rows(text, separator, first_row, file), wanted, "find", file)
        except InvalidInputError:
            continue
        if found is not None:
            yield found


def _rows(text: Text, separator: str, first_row: int, file: str) -> Iterator[NumberedRow]:
    # Without strict, a quotation mark that is not closed would hide everyone below it in one cell.
    reader = csv.reader(text.lines(), delimiter=separator, skipinitialspace=True, strict=True)
    number = first_row - 1
    line = 0
    try:
        for number, cells in enumerate(reader, first_row):
            if reader.line_num > line + 1:
                _refuse_swallowed(number, cells, separator, file)
            line = reader.line_num
            yield number, cells
    except csv.Error as error:
        advice = _ESCAPED if b'\\"' in text.content else ""
        raise InvalidInputError(
            "path", f"{file} is not valid CSV from row {number + 1} on ({error}). Check its quotation marks.{advice}"
        ) from None


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
    except UnicodeDecodeError as error:
        start = error.start
    except UnicodeError:
        pass  # an error of the byte order mark has no place
    return InvalidInputError(
        "encoding",
        f"{file} is not {encoding} text (byte 0x{content[start]:02x} in line {_line(content[:start])}). Save it as "
        f"'CSV UTF-8', or pass its encoding: {_ENCODINGS}.",
    )


def _nul(text: str, file: str) -> InvalidInputError:
    line = _line(text[: text.index("\0")].encode("utf-8", "replace"))
    return InvalidInputError(
        "encoding",
        f"{file} contains NUL bytes, the first in line {line}. If it is UTF-16 without a byte order mark, pass "
        "encoding='utf-16-le' or 'utf-16-be'. Otherwise export it again.",
    )


def _line(before: bytes) -> int:
    return 1 + max(before.count(b"\n"), before.count(b"\r"))
