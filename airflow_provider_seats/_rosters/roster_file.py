"""Rosters from files: the people in a column of a file, or of all files of a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Self, TypeAlias

from airflow_provider_seats._arguments import (
    parse_bool,
    parse_choice,
    parse_optional,
    parse_path,
    parse_text,
)
from airflow_provider_seats._rosters.cells import comparable
from airflow_provider_seats._rosters.content import Format, parse_content
from airflow_provider_seats._rosters.csv_table import parse_encoding
from airflow_provider_seats._rosters.roster_rows import RosterRows
from airflow_provider_seats._rosters.table import Table, Wanted
from airflow_provider_seats._rosters.where import Where, parse_where, parse_words
from airflow_provider_seats._text import join_names, plural, shorten, shorten_url
from airflow_provider_seats.exceptions import InvalidInputError

OnContradiction: TypeAlias = Literal["fail", "keep", "last"]

_MAX_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Roster:
    """What was read from a file or a folder.

    :param people: emails and user UUIDs, each person once.
    :param summary: how many rows there were, and how many were left out, for the log.
    :param rows: how many rows there were.
    """

    people: list[str]
    summary: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class RosterFile:
    """How to read a roster from a file.

    :param may_be_absent: the words of ``where`` that need not be in the file, by :func:`comparable`.
    :param form: how to read the file.
    """

    path: str
    column: str
    where: Where
    may_be_absent: frozenset[str]
    on_contradiction: OnContradiction
    form: Format
    allow_empty: bool
    allow_missing_line_end: bool

    @classmethod
    def parse(cls, **arguments: object) -> Self:
        """Parse the rendered arguments of :func:`~airflow_provider_seats.rosters.read_roster`."""
        conditions = parse_optional("where", arguments["where"], parse_where) or Where()
        absent = parse_optional("may_be_absent", arguments["may_be_absent"], parse_words) or []
        for word in absent:
            if not any(comparable(word) in each.words for each in conditions.filters):
                raise InvalidInputError("may_be_absent", f"{shorten(word)} is no word of where. Correct or remove it.")
        return cls(
            path=parse_path("path", arguments["path"]),
            column=parse_text(
                "column", arguments["column"], "Pass the name of the column that holds emails or user UUIDs"
            ),
            where=conditions,
            may_be_absent=frozenset(map(comparable, absent)),
            on_contradiction=parse_choice("on_contradiction", arguments["on_contradiction"], OnContradiction),
            form=Format(
                parse_optional("encoding", arguments["encoding"], parse_encoding),
                parse_optional("sheet", arguments["sheet"], partial(parse_text, advice="Pass the name of a sheet")),
                parse_optional("header_row", arguments["header_row"], _parse_header_row),
            ),
            allow_empty=parse_bool("allow_empty", arguments["allow_empty"]),
            allow_missing_line_end=parse_bool("allow_missing_line_end", arguments["allow_missing_line_end"]),
        )

    def read(self, files: Sequence[tuple[str, bytes]], *, is_folder: bool = False) -> Roster:
        """Return the emails and user UUIDs in the column.

        :param is_folder: whether they are of a folder, which never is an empty roster.
        :raises InvalidInputError: if a file cannot be read exactly, or if they name nobody.
        """
        wanted = [Wanted("column", self.column)]
        wanted += [Wanted("where", each.column, tuple(each.words.values())) for each in self.where.filters]
        parts: list[tuple[str, Table]] = []
        for name, content in files:
            file = shorten(name) if is_folder else self._shown
            table = parse_content(content, name, self.form, wanted, file)
            if table is not None:
                parts.append((f"{shorten(name)}, " if is_folder else "", table))
        if not parts:
            problem = f"{self._shown} has no file with a table" if is_folder else f"{self._shown} is empty"
            return self._nobody("path", problem, is_folder=is_folder)
        rows = RosterRows(parts, self.column, self.where, self.form.encoding)
        self._refuse_problems(rows, [table for _, table in parts])
        if not rows.count:
            return self._nobody("path", f"{self._shown} has a header and no other row", is_folder=is_folder)
        self._refuse_absent(rows)
        if self.on_contradiction == "last":
            rows.drop_outdated()
        people = rows.people()
        if people:
            count = f"{plural(len(files), 'file')} ({len(files) - len(parts):,} empty): " if is_folder else ""
            return Roster(people, count + rows.summary(), rows.count)
        values = "".join(f"; {test.values()}" for test in rows.tests)
        problem = f"none of the {plural(rows.count, 'row')} of {self._shown} has {self.where}{values}"
        return self._nobody("where", problem, is_folder=is_folder)

    def _refuse_problems(self, rows: RosterRows, tables: Sequence[Table]) -> None:
        if rows.problems:
            file = tables[0].file if len(tables) == 1 else self._shown
            problems = join_names(rows.problems, _MAX_SHOWN)
            raise InvalidInputError("path", f"{file}, column {shorten(self.column)}: {problems}. Correct the file.")
        for table in tables:
            if table.may_be_cut and not self.allow_missing_line_end:
                raise InvalidInputError(
                    "path",
                    f"the last line of {table.file} has no line end, so the file may be cut. Read it again once it is "
                    "complete. If the program that writes it never ends the last line, pass "
                    "allow_missing_line_end=True.",
                )
        contradictions = rows.contradictions() if self.on_contradiction == "fail" else []
        if contradictions:
            raise InvalidInputError(
                "where",
                f"rows of {self._shown} contradict each other: {join_names(contradictions, _MAX_SHOWN)}. "
                "Correct the file, or pass on_contradiction='keep' to keep such people, or 'last' if their last row "
                "counts.",
            )

    def _refuse_absent(self, rows: RosterRows) -> None:
        for test in rows.tests:
            absent = [word for word in test.absent() if comparable(word) not in self.may_be_absent]
            if absent:
                words = join_names(map(shorten, absent))
                raise InvalidInputError(
                    "where",
                    f"no row of {self._shown} has {shorten(test.filter.column)} = {words}; {test.values()}. Correct "
                    f"the word, or pass may_be_absent=[{words}] if the file need not contain it.",
                )

    def _nobody(self, argument: str, problem: str, *, is_folder: bool) -> Roster:
        if is_folder:
            raise InvalidInputError(argument, f"{problem}. A folder is never an empty roster.")
        if self.allow_empty:
            return Roster([], f"nobody: {problem}")
        raise InvalidInputError(argument, f"{problem}. If it is right that it names nobody, pass allow_empty=True.")

    @property
    def _shown(self) -> str:
        return shorten_url(self.path)


def _parse_header_row(argument: str, value: object) -> int | Literal["find"]:
    text = str(value).strip()
    if text.lower() == "find":
        return "find"
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise InvalidInputError(
            argument,
            f"{shorten(value)} is no row. Pass the number that a spreadsheet shows beside the header, or 'find'.",
        )
    return int(text)
