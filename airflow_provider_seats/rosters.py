"""Rosters from files: the people in a file that an HR system or a spreadsheet exports."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping


def read_roster(
    path: str | os.PathLike[str],
    *,
    column: str = "email",
    where: Mapping[str, str | Iterable[str]] | None = None,
    encoding: str | None = None,
    conn_id: str | None = None,
    allow_empty: bool = False,
) -> list[str]:
    """Return the people in a column of a CSV file, to pass to an operator as ``user_emails``.

    Use it as a task, ``task(read_roster)("s3://hr/roster.csv", conn_id="aws_default")``, or in a task of your own. As a
    task, its arguments are templated.

    The first row that is not blank is the header. Columns, and the words of ``where``, are compared without case and
    surrounding blanks. Blank rows are skipped. Every other row must name one person: an email address or a user UUID.

    The separator is a comma, semicolon, tab or ``|``, whichever the header contains outside quotation marks, or what
    Excel's first line ``sep=`` says. A file with one column has none. Save an Excel workbook as CSV first.

    A file or a storage that cannot be reached raises the storage's own error, and Airflow retries the task. A file that
    can be read but not used fails the task at once.

    :param path: a path or URL that Airflow's ``ObjectStoragePath`` can read, such as ``s3://...`` or ``file:///...``.
    :param column: the column that holds email addresses or user UUIDs.
    :param where: the rows that count, as column and word: ``{"Status": "Active"}``. A list means any of its words.
    :param encoding: the encoding, such as ``cp1252``. By default it is UTF-8, or what the byte order mark says.
    :param conn_id: the Airflow connection for the path, if it needs one.
    :param allow_empty: return an empty list for a file that is empty, has only a header, or has no row that ``where``
        keeps, instead of failing.
    :returns: emails as the file has them, and user UUIDs in lower case, each person once, in the file's order.
    :raises AirflowFailException: from an :class:`~airflow_provider_seats.exceptions.InvalidInputError` that lists what
        to correct, with the row numbers that a spreadsheet shows.
    """
    # A DAG file imports this module, so what it needs is imported when it is called.
    from airflow_provider_seats._planning.roster import RosterFile  # noqa: PLC0415
    from airflow_provider_seats.hooks import fail_without_retry, storage_path  # noqa: PLC0415

    with fail_without_retry(conn_id or ""):
        file = RosterFile.parse(
            path=str(path) if isinstance(path, os.PathLike) else path,
            column=column,
            where=where,
            encoding=encoding,
            allow_empty=allow_empty,
        )
        return file.people(storage_path("path", file.path, conn_id).read_bytes())
