"""What a file contains, whatever its name is: text, a workbook, an archive of either, or something else."""

from __future__ import annotations

import gzip
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
    if content.startswith(_GZIP):
        content = _decompress(content, file)
    if content.startswith(_OLE):
        if _LOCKED in content:
            raise InvalidInputError("path", f"{file} is locked with a password. Save it without one.")
        raise InvalidInputError(
            "path", f"{file} is an old Excel workbook (.xls). Save it as 'Excel Workbook (.xlsx)', or as 'CSV UTF-8'."
        )
    if content.startswith(_ZIP):
        if form.encoding is not None:
            raise InvalidInputError("encoding", f"{file} is a workbook, which needs no encoding. Leave it out.")
        return parse_xlsx(content, form.sheet, wanted, form.header_row, file)
    if content.startswith(b"%PDF"):
        raise InvalidInputError("path", f"{file} is a PDF. Export the table as CSV.")
    if content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise InvalidInputError("path", f"{file} is a web page, perhaps a login. Pass a link to the file itself.")
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
    return parse_csv(decode(content, form.encoding, file), wanted, form.header_row, file)


def _decompress(content: bytes, file: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInputError(
            "path", f"{file} is a gzip archive that is cut or damaged ({error}). Read it again once it is complete."
        ) from None
