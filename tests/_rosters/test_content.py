"""What a file contains: text, a workbook, an archive of either, or something that is no table."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from airflow_provider_seats._rosters.content import Format, parse_content
from airflow_provider_seats._rosters.csv_table import CsvTable
from airflow_provider_seats._rosters.table import Table, Wanted
from airflow_provider_seats._rosters.xlsx_table import XlsxTable
from airflow_provider_seats.exceptions import InvalidInputError
from tests._rosters.test_xlsx_table import STAFF, workbook

CSV = b"Email\nann@x.io\n"
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)


def parse(content: bytes, name: str = "f.csv", form: Format | None = None) -> Table | None:
    """Parse the table that a file contains."""
    return parse_content(content, name, form or Format(), [Wanted("column", "email")], "f")


def other_archive(name: str = "roster.csv", member: bytes = CSV) -> bytes:
    """Return a zip archive that is no workbook."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, member)
    return file.getvalue()


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f", "f.xls", "f.xlsx.csv"])
def test_the_content_says_what_a_file_is(name: str) -> None:
    """A file is what its content is, and not what its name says. An archive may hold either kind."""
    for content in (CSV, gzip.compress(CSV)):
        assert isinstance(parse(content, name), CsvTable)
    for content in (workbook(STAFF), gzip.compress(workbook(STAFF))):
        assert isinstance(parse(content, name), XlsxTable)


def test_an_archive_of_several_members_is_read_whole() -> None:
    """Programs append to a gzip archive by adding a member."""
    table = parse(gzip.compress(CSV) + gzip.compress(b"bob@x.io\n"))
    assert table is not None
    assert [cells for _, cells in table.rows()] == [["ann@x.io"], ["bob@x.io"]]
    assert isinstance(parse(gzip.compress(gzip.compress(CSV))), CsvTable)


def test_any_cut_of_an_archive_is_an_error() -> None:
    """An archive that ends early, or is damaged, is never read."""
    content = gzip.compress(CSV)
    for end in range(2, len(content)):
        with pytest.raises(InvalidInputError, match=r"^path: f is a gzip archive that is cut or damaged \("):
            parse(content[:end])
    for damaged in (content[:-8] + bytes(8), content[:12] + b"\xff" * 9 + content[21:]):
        with pytest.raises(InvalidInputError, match="is cut or damaged"):
            parse(damaged)


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (OLE + "EncryptedPackage".encode("utf-16-le"), "f.xlsx", "path: f is locked with a password. Save it without"),
        (OLE, "f.xls", r"path: f is an old Excel workbook \(\.xls\)\. Save it as"),
        (CSV, "f.XLSX", r"path: f has the name of a workbook, but is text\. If it is CSV, call it \.csv"),
        (b"", "f.xlsm", "path: f has the name of a workbook, but is empty"),
        (b"%PDF-1.7", "f.csv", "path: f is a PDF. Export the table as CSV."),
        (bz2.compress(CSV), "f.csv.bz2", "path: f is a bzip2 archive. Export the table as CSV, or as CSV in gzip."),
        (lzma.compress(CSV), "f.csv.xz", "path: f is an xz archive"),
        (b"PAR1\x15\x04\x15\x10", "part-0.parquet", "path: f is a Parquet file"),
        (b"Obj\x01\x04\x14avro.codec", "f.avro", "path: f is an Avro file"),
        (gzip.compress(b"ORC\x08\x03", mtime=0), "f.orc.gz", "path: f is an ORC file"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><people/>", "f.csv", "path: f is XML"),
        (
            other_archive(),
            "f.zip",
            r"path: f is a zip archive that is no Excel workbook\. Pass a file",
        ),
        (
            other_archive("roster.xlsx", workbook(STAFF)),
            "f.zip",
            r"path: f is a zip archive that is no Excel workbook\. Pass a file",
        ),
        (b"<html>", "f.xlsx", "path: f is a web page, perhaps a login"),
        (b"PK\x03\x04", "f.zip", "path: f cannot be read as an Excel workbook"),
    ],
)
def test_what_is_no_table_has_a_sentence_of_its_own(content: bytes, name: str, expected: str) -> None:
    """Each kind of file that is no table says what it is, and what to do."""
    with pytest.raises(InvalidInputError, match=f"^{expected}"):
        parse(content, name)


def test_an_argument_of_the_other_kind_is_an_error() -> None:
    """A sheet of CSV, or an encoding of a workbook, would have no effect."""
    with pytest.raises(InvalidInputError, match=r"^sheet: f is no workbook, so it has no sheet 'Staff'\. Leave it out"):
        parse(CSV, form=Format(sheet="Staff"))
    with pytest.raises(InvalidInputError, match=r"^encoding: f is a workbook, which needs no encoding\. Leave it out"):
        parse(workbook(STAFF), form=Format(encoding="cp1252"))
