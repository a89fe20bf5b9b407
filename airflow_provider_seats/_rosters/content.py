"""What a file contains, whatever its name is: text, a workbook, an archive of either, or something else."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._rosters.csv_table import decode, parse_csv
from airflow_provider_seats._rosters.xlsx_table import parse_xlsx
from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_seats._rosters.table import HeaderRow, Table, Wanted

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"  # the container of old Excel files, and of locked ones
_LOCKED: Final = "EncryptedPackage".encode("utf-16-le")
_GZIP: Final = b"\x1f\x8b"
# How files begin that hold no table of text.
_OTHERS: Final = {
    b"%PDF": "a PDF",
    b"PAR1\x15": "a Parquet file",
    b"Obj\x01": "an Avro file",
    b"ORC\x08": "an ORC file",
    b"ARROW1": "an Arrow file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x04\x22\x4d\x18": "an LZ4 archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"<?xml": "XML",
    b"{\\rtf": "a text of a word processor (RTF)",
}
_WORKBOOK_NAMES: Final = (".xlsx", ".xlsm", ".xltx", ".xltm")


@dataclass(frozen=True, slots=True)
class Format:
    """How to read a file, as the arguments of ``read_roster`` say."""

    encoding: str | None = None
    sheet: str | None = None
    header_row: HeaderRow = None


def parse_content(content: bytes, name: str, form: Format, wanted: Sequence[Wanted], file: str) -> Table | None:
    """Parse the table that a file contains.

    :param name: the name of the file, which says whether it should be a workbook.
    :returns: the table; None if there is nothing in it.
    :raises InvalidInputError: if the file has no table with these columns.
    """
    while content.startswith(_GZIP):  # some programs compress what is compressed
        content = _decompress(content, file)
    if content.startswith(_OLE):
        if _LOCKED in content:
            raise InvalidInputError("path", f"{file} is locked with a password. Save it without one.")
        raise InvalidInputError(
            "path", f"{file} is an old Excel workbook (.xls). Save it as 'Excel Workbook (.xlsx)', or as 'CSV UTF-8'."
        )
    _refuse_others(content, file)
    if content.startswith(_ZIP):
        if form.encoding is not None:
            raise InvalidInputError("encoding", f"{file} is a workbook, which needs no encoding. Leave it out.")
        return parse_xlsx(content, form.sheet, wanted, form.header_row, file)
    if name.lower().removesuffix(".gz").endswith(_WORKBOOK_NAMES):
        raise InvalidInputError(
            "path",
            f"{file} has the name of a workbook, but is {'text' if content else 'empty'}. If it is CSV, call it .csv; "
            "otherwise export it again.",
        )
    if form.sheet is not None:
        raise InvalidInputError(
            "sheet", f"{file} is no workbook, so it has no sheet {shorten(form.sheet)}. Leave it out."
        )
    return parse_csv(decode(content, form.encoding, file), wanted, form.header_row)


def _refuse_others(content: bytes, file: str) -> None:
    """Raise an error about a file that is neither text nor a workbook, or text that is no table."""
    first = content[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = next((kind for start, kind in _OTHERS.items() if first.startswith(start)), None)
    if kind is not None:
        raise InvalidInputError("path", f"{file} is {kind}. Export the table as CSV, or as CSV in gzip.")
    if first.lower().startswith((b"<!doctype html", b"<html")):
        raise InvalidInputError("path", f"{file} is a web page, perhaps a login. Pass a link to the file itself.")
    if content.startswith(_ZIP) and _is_other_archive(content):
        raise InvalidInputError(
            "path",
            f"{file} is a zip archive that is no Excel workbook. Pass a file that it contains. If it is a workbook of "
            "another program, save it as 'Excel Workbook (.xlsx)'.",
        )


def _is_other_archive(content: bytes) -> bool:
    try:
        # The names in the archive itself: it may contain a workbook that is not compressed again.
        return "[Content_Types].xml" not in zipfile.ZipFile(io.BytesIO(content)).namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False  # openpyxl says what is wrong with it


def _decompress(content: bytes, file: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInputError(
            "path", f"{file} is a gzip archive that is cut or damaged ({error}). Read it again once it is complete."
        ) from None
