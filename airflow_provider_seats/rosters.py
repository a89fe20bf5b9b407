"""Rosters from files: the people in a file that an HR system or a spreadsheet exports."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

from airflow_provider_seats._not_passed import NOT_PASSED, NotPassed

_log = logging.getLogger(__name__)


class StoragePath(Protocol):
    """A path object that knows its storage, such as Airflow's ``ObjectStoragePath``."""

    @property
    def protocol(self) -> str:
        """The kind of storage, such as ``s3``."""

    @property
    def path(self) -> str:
        """The path in the storage."""


def read_roster(
    path: str | os.PathLike[str] | StoragePath,
    *,
    column: str = "email",
    where: Mapping[str, str | Iterable[str]] | NotPassed = NOT_PASSED,
    may_be_absent: Iterable[str] | str | NotPassed = NOT_PASSED,
    on_contradiction: Literal["fail", "keep", "last"] = "fail",
    encoding: str | NotPassed = NOT_PASSED,
    conn_id: str | NotPassed = NOT_PASSED,
    allow_empty: bool = False,
    allow_missing_line_end: bool = False,
) -> list[str]:
    """Return the people in a column of a CSV file, to pass to an operator as ``user_emails``.

    Use it as a task, ``task(read_roster)("s3://hr/roster.csv", conn_id="aws_default")``, or in a task of your own. As a
    task, its arguments are templated. To leave one out, do not pass it: None is an error.

    The first row that is not blank is the header. Columns, and the words of ``where``, are compared without case, and
    without differences between blanks or between hyphens. Blank rows are skipped. Every other row must name one person:
    an email address or a user UUID. Rows that ``where`` leaves out may name nobody. They are checked, too, so
    a file that was cut or damaged is an error. The log says how many rows were left out, by word.

    The separator is a comma, semicolon, tab or ``|``, whichever the header contains outside quotation marks, or what
    Excel's first line ``sep=`` says. A file with one column has none. Save an Excel workbook as CSV first.

    Airflow retries the task if a storage cannot be reached, or the file is not there. A file that can be read but not
    used fails the task at once.

    :param path: a path or URL that Airflow's ``ObjectStoragePath`` can read, such as ``s3://...`` or ``file:///...``,
        such an object, or a link to a file on the web.
    :param column: the column that holds email addresses or user UUIDs.
    :param where: the rows that count, as column and word: ``{"Status": "Active"}``. A list means any of its words.
    :param may_be_absent: the words of ``where`` that the file need not contain. Any other word that no row has is an
        error, because it was probably renamed.
    :param on_contradiction: what to do about a person with a row that ``where`` keeps and one that it leaves out:
        ``fail``, ``keep`` the person, or let the ``last`` row decide.
    :param encoding: the encoding, such as ``cp1252``. By default it is UTF-8, or what the byte order mark says.
    :param conn_id: the Airflow connection for the path, if it needs one.
    :param allow_empty: return an empty list for a file that is empty, has only a header, or has no row that ``where``
        keeps, instead of failing.
    :param allow_missing_line_end: read a file whose last line has no line end. Otherwise it is an error, because the
        file may be cut.
    :returns: emails as the file has them, and user UUIDs in lower case, each person once, in the file's order.
    :raises AirflowFailException: from an :class:`~airflow_provider_seats.exceptions.InvalidInputError` that lists what
        to correct, with the row numbers that a spreadsheet shows.
    :raises StorageError: if the file cannot be read.
    """
    # A DAG file imports this module, so what it needs is imported when it is called.
    from airflow_provider_seats._arguments import parse_conn_id, parse_optional  # noqa: PLC0415
    from airflow_provider_seats._connect import fail_without_retry  # noqa: PLC0415
    from airflow_provider_seats._rosters.roster import RosterFile  # noqa: PLC0415
    from airflow_provider_seats._storage import StoredFile  # noqa: PLC0415

    with fail_without_retry(""):
        file = RosterFile.parse(
            path=path,
            column=column,
            where=where,
            may_be_absent=may_be_absent,
            on_contradiction=on_contradiction,
            encoding=encoding,
            allow_empty=allow_empty,
            allow_missing_line_end=allow_missing_line_end,
        )
        stored = StoredFile.find("path", file.path, parse_optional("conn_id", conn_id, parse_conn_id), "conn_id")
        roster = file.read(stored.read())
        _log.info("%s: %s", stored.shown, roster.summary)
        return roster.people
