"""Rosters from files: the people in a file that an HR system, a spreadsheet or another job writes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol

from airflow_provider_seats._not_passed import NOT_PASSED, NotPassed

_log = logging.getLogger(__name__)


# Airflow evaluates the annotations of a task, so Airflow's own class cannot stand there without being imported.
class StoragePath(Protocol):
    """A path object that knows its storage, such as Airflow's ``ObjectStoragePath``.

    .. versionadded:: 0.2.0
    """

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
    where: Mapping[str, str | Iterable[str]] | Callable[[Mapping[str, str]], bool] | NotPassed = NOT_PASSED,
    may_be_absent: Iterable[str] | str | NotPassed = NOT_PASSED,
    on_contradiction: Literal["fail", "keep", "last"] = "fail",
    sheet: str | NotPassed = NOT_PASSED,
    header_row: int | Literal["find"] | NotPassed = NOT_PASSED,
    encoding: str | NotPassed = NOT_PASSED,
    conn_id: str | NotPassed = NOT_PASSED,
    allow_empty: bool = False,
    allow_missing_line_end: bool = False,
) -> list[str]:
    """Return the people in a column of a CSV file, an Excel workbook or a folder of such files.

    Use it as a task, ``task(read_roster)("s3://hr/roster.csv", conn_id="aws_default")``, or in a task of your own. As a
    task, its arguments are templated. To leave one out, do not pass it: None is an error. Pass the list that it returns
    to an operator as ``user_emails``, which takes UUIDs, too.

    The first row that is not blank is the header. Columns, and the words of ``where``, are compared without case, and
    without differences between blanks or between hyphens. Blank rows are skipped. Every other row must name one person:
    an email address or a user UUID. Rows that ``where`` leaves out may name nobody. They are checked, too, so
    a file that was cut or damaged is an error. The log says how many rows were left out, by word, and warns about a
    round number of people or rows, because the source may have been cut.

    What a file is follows from its content: CSV, an Excel workbook (``.xlsx``), or either in a gzip archive. A workbook
    needs openpyxl, which the extra ``excel`` brings. The separator of CSV is a comma, semicolon, tab or ``|``,
    whichever the header contains outside quotation marks, or what Excel's first line ``sep=`` says. A file with one
    column has none.

    A folder, and a path with ``*``, is read as one roster. Each of its files has a header of its own. Empty files,
    and those whose names begin with ``_`` or a dot, do not count.

    Airflow retries the task if a storage cannot be reached, or the file is not there. A file that can be read but not
    used fails the task at once.

    .. versionadded:: 0.2.0

    :param path: a path or URL that Airflow's ``ObjectStoragePath`` can read, such as ``s3://...`` or ``file:///...``,
        such an object, or a link to a file on the web.
    :param column: the column that holds email addresses or user UUIDs.
    :param where: the rows that count, as column and word: ``{"Status": "Active"}``. A list means any of its words. Or
        a function that is passed the cells of a row as texts, by column, and returns whether the row counts.
    :param may_be_absent: the words of ``where`` that the file need not contain. Any other word that no row has is an
        error, because it was probably renamed.
    :param on_contradiction: what to do about a person with a row that ``where`` keeps and one that it leaves out:
        ``fail``, ``keep`` the person, or let the ``last`` row decide.
    :param sheet: the name of the sheet of a workbook. By default it is the only one that is visible.
    :param header_row: the number of the row with the header, as a spreadsheet shows it, or ``find`` for the first of
        the top 50 rows that has the columns.
    :param encoding: the encoding, such as ``cp1252``. By default it is UTF-8, or what the byte order mark says.
    :param conn_id: the Airflow connection for the path, if it needs one.
    :param allow_empty: return an empty list for a file that is empty, has only a header, or has no row that ``where``
        keeps, instead of failing. A folder is never an empty list.
    :param allow_missing_line_end: read CSV whose last line has no line end. Otherwise it is an error, because the
        file may be cut.
    :returns: emails as the file has them, and user UUIDs in lower case, each person once, in the file's order.
    :raises AirflowFailException: from an :class:`~airflow_provider_seats.exceptions.InvalidInputError` that lists what
        to correct, with the row numbers that a spreadsheet shows.
    :raises StorageError: if the file cannot be read.
    """
    arguments = locals()
    # A DAG file imports this module, so what it needs is imported when it is called.
    from airflow_provider_seats._arguments import parse_conn_id, parse_optional  # noqa: PLC0415
    from airflow_provider_seats._connect import fail_without_retry  # noqa: PLC0415
    from airflow_provider_seats._rosters.roster_file import RosterFile  # noqa: PLC0415
    from airflow_provider_seats._rosters.round_numbers import warn_if_cut  # noqa: PLC0415
    from airflow_provider_seats._storage import StoredFile  # noqa: PLC0415

    with fail_without_retry(""):
        file = RosterFile.parse(**arguments)
        used = parse_optional("conn_id", conn_id, parse_conn_id)
        stored = StoredFile.find("path", file.path, used, "conn_id", may_be_folder=True)
        files = stored.read()
        roster = file.read(files.contents, is_folder=files.is_folder)
        _log.info("%s: %s", stored.shown, roster.summary)
        warning = warn_if_cut(len(roster.people), stored.shown) or warn_if_cut(roster.rows, stored.shown, "rows")
        if warning is not None:
            _log.warning(warning)
        return roster.people
