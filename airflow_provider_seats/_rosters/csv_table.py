"""CSV files as HR systems and spreadsheets write them: bytes, parsed into a header and rows of cells."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from airflow_provider_seats._rosters.people import names_person
from airflow_provider_seats._text import is_hidden, join_names, shorten, strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError

# The cells of a row, after the number that a spreadsheet shows beside it.
Row: TypeAlias = tuple[int, list[str]]

SEPARATORS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
# For a file with one column. No text contains this character: Unicode reserves it for programs.
_NO_SEPARATOR: Final = "\ufdd0"
# The first line that Excel writes and hides. It is no row.
_find_directive: Final = re.compile(r'"?sep=([^"\s]|\t)"?[,;\t| ]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
# The marks of UTF-32 come first, because one of them begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT: Final = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF"),
)
_ENCODINGS: Final = (
    "'cp1252' (Western Europe and the Americas), 'cp1250' (Central Europe), 'cp1251' (Cyrillic), 'cp932' (Japan), "
    "'gb18030' (China) or 'mac-roman' (older Macs)"
)
# What a reader cannot tell from a hyphen.
_find_hyphen: Final = re.compile("[\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d]")
_MAX_COLUMNS: Final = 30
_MAX_TITLE_ROWS: Final = 20
_MAX_CELL: Final = 80


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows below a header that are not blank. Each iteration parses them again."""

    text: str
    separator: str
    file: str

    def __iter__(self) -> Iterator[Row]:
        return islice(_rows(self.text, self.separator, self.file), 1, None)


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table with a header.

    :param header: the names of the columns, as the file has them.
    :param rows: the rows below the header that are not blank. They can be read again.
    """

    header: list[str]
    rows: Rows

    def position(self, argument: str, column: str) -> int:
        """Return the position of a column.

        :param argument: the argument that names the column, for the error.
        :raises InvalidInputError: if several columns have this name.
        """
        name = comparable(column)
        positions = [number for number, each in enumerate(self.header) if comparable(each) == name]
        if len(positions) > 1:
            raise InvalidInputError(
                argument,
                f"{len(positions)} columns are called {shorten(column)} (columns "
                f"{join_names(str(position + 1) for position in positions)}). Rename all but one.",
            )
        return positions[0]


def comparable(text: str) -> str:
    """Return what two spellings of a header, or of a word in a cell, have in common.

    Case, hidden characters, blanks at the ends, and the kind and number of blanks or of hyphens inside are none of it.
    """
    if not text.isascii():
        visible = "".join(each for each in text if each.isspace() or not is_hidden(each))
        text = unicodedata.normalize("NFC", _find_hyphen.sub("-", visible))
    return " ".join(text.split()).casefold()


def parse_encoding(argument: str, value: object) -> str:
    """Parse the name of an encoding."""
    try:
        "a".encode(name := str(value))
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise InvalidInputError(
            argument, f"{shorten(value)} is not an encoding. Pass one that Python knows, such as {_ENCODINGS}."
        ) from None


def decode(content: bytes, encoding: str | None, file: str) -> str:
    """Return the text of a file, without its byte order mark.

    :param encoding: the encoding; None for UTF-8, or what the byte order mark says.
    :param file: what messages call the file.
    :raises InvalidInputError: if it is not text of this encoding.
    """
    for beginning, kind in _NO_TEXT:
        if content.startswith(beginning):
            raise InvalidInputError("path", f"{file} is {kind}. Save it as CSV.")
    if content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise InvalidInputError("path", f"{file} is a web page, perhaps a login. Pass a link to the file itself.")
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if marked and encoding and not encoding.startswith(marked):
        raise InvalidInputError(
            "encoding", f"{file} begins with the byte order mark of {marked}, not {encoding}. Leave encoding out."
        )
    used = marked or encoding or "utf-8"
    try:
        text = content.decode(used)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise InvalidInputError(
            "encoding",
            f"{file} is not {used} text (byte 0x{content[start]:02x} in line {_line(content[:start])}). Save it as "
            f"'CSV UTF-8', or pass its encoding: {_ENCODINGS}.",
        ) from None
    if "\0" in text:
        line = _line(text[: text.index("\0")].encode("utf-8", "replace"))
        raise InvalidInputError(
            "encoding",
            f"{file} contains NUL bytes, the first in line {line}. If it is UTF-16 without a byte order mark, pass "
            "encoding='utf-16-le' or 'utf-16-be'. Otherwise export it again.",
        )
    return text.lstrip("\ufeff")


def parse_table(text: str, wanted: Sequence[tuple[str, str]], file: str) -> CsvTable | None:
    """Parse a table. The separator is the one with which the header has the wanted columns.

    :param wanted: the columns that are needed, each after the argument that names it.
    :param file: what messages call the file.
    :returns: the table; None if the file is empty.
    :raises InvalidInputError: if the header lacks one of these columns, or can be read in two ways.
    """
    directive = _find_directive.match(text)
    if directive is not None:
        text = text[directive.end() :]
    candidates = (directive[1],) if directive is not None else (_NO_SEPARATOR, *SEPARATORS)
    headers: dict[str, list[str]] = {}
    malformed: InvalidInputError | None = None
    for separator in candidates:
        try:
            first = next(_rows(text, separator, file), None)
        except InvalidInputError as error:
            malformed = error
            continue
        if first is None:
            return None
        if len(first[1]) > 1 or separator not in SEPARATORS or directive is not None:
            headers[separator] = first[1]
    fitting = [separator for separator, header in headers.items() if not _missing(header, wanted)]
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
        header = max(headers.values(), key=len)
        argument, column = _missing(header, wanted)[0]
        raise InvalidInputError(
            argument,
            f"{file} has no column {shorten(column)}. Its columns are {join_names(map(shorten, header), _MAX_COLUMNS)}."
            f"{_header_below(text, candidates, wanted, file)}",
        )
    return CsvTable(headers[fitting[0]], Rows(text, fitting[0], file))


def _missing(header: Iterable[str], wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    names = set(map(comparable, header))
    return [(argument, column) for argument, column in wanted if comparable(column) not in names]


def _header_below(text: str, candidates: Iterable[str], wanted: Sequence[tuple[str, str]], file: str) -> str:
    """Return the advice to remove the rows above the header, if there are any."""
    for separator in candidates:
        rows = islice(_rows(text, separator, file), _MAX_TITLE_ROWS)
        try:
            number = next((number for number, cells in rows if not _missing(cells, wanted)), None)
        except InvalidInputError:
            continue
        if number is not None:
            return f" Row {number} has it: remove the rows above it."
    return ""


def _rows(text: str, separator: str, file: str) -> Iterator[Row]:
    """Yield the rows that are not blank."""
    # Without strict, a quotation mark that is not closed would hide everyone below it in one cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    number = line = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidInputError(
                "path", f"{file} is not valid CSV from row {number} on ({error}). Check its quotation marks."
            ) from None
        if reader.line_num > line + 1:
            _refuse_swallowed(number, cells, separator, file)
        line = reader.line_num
        if any(map(strip_hidden, cells)):
            yield number, cells


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


def _line(before: bytes) -> int:
    return 1 + max(before.count(b"\n"), before.count(b"\r"))
