"""Rosters from files: the people in a column of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

from airflow_provider_seats._arguments import (
    parse_bool,
    parse_choice,
    parse_literal,
    parse_optional,
    parse_path,
)
from airflow_provider_seats._rosters.csv_table import comparable, decode, parse_encoding, parse_table
from airflow_provider_seats._rosters.roster_rows import Condition, RosterRows
from airflow_provider_seats._text import join_names, plural, shorten, shorten_url, strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError

OnContradiction: TypeAlias = Literal["fail", "keep", "last"]

_MAX_BAD: Final = 5
_MAX_CONTRADICTIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Roster:
    """What was read from a file.

    :param people: emails and user UUIDs, each person once.
    :param summary: how many rows there were, and how many were left out, for the log.
    """

    people: list[str]
    summary: str


@dataclass(frozen=True, slots=True)
class RosterFile:
    """How to read a roster from a file.

    :param path: the path or URL.
    :param column: the column that holds emails or user UUIDs.
    :param where: the conditions that a row must meet.
    :param may_be_absent: the words of ``where`` that need not be in the file, by :func:`comparable`.
    :param on_contradiction: what to do about a person with a row that ``where`` keeps and one that it leaves out.
    :param encoding: the encoding; None for UTF-8, or what the byte order mark says.
    :param allow_empty: whether a file that names nobody is an empty roster rather than an error.
    :param allow_missing_line_end: whether the last line may lack a line end.
    """

    path: str
    column: str
    where: tuple[Condition, ...]
    may_be_absent: frozenset[str]
    on_contradiction: OnContradiction
    encoding: str | None
    allow_empty: bool
    allow_missing_line_end: bool

    @classmethod
    def parse(
        cls,
        *,
        path: object,
        column: object,
        where: object,
        may_be_absent: object,
        on_contradiction: object,
        encoding: object,
        allow_empty: object,
        allow_missing_line_end: object,
    ) -> Self:
        """Parse rendered arguments.

        :raises InvalidInputError: for the first argument that cannot be used.
        """
        conditions = parse_optional("where", where, _parse_where) or ()
        absent = parse_optional("may_be_absent", may_be_absent, _parse_words) or []
        for word in absent:
            if not any(comparable(word) in condition.words for condition in conditions):
                raise InvalidInputError("may_be_absent", f"{shorten(word)} is no word of where. Correct or remove it.")
        return cls(
            path=parse_path("path", path),
            column=_parse_name("column", column, "Pass the name of the column that holds emails or user UUIDs"),
            where=conditions,
            may_be_absent=frozenset(map(comparable, absent)),
            on_contradiction=parse_choice("on_contradiction", on_contradiction, OnContradiction),
            encoding=parse_optional("encoding", encoding, parse_encoding),
            allow_empty=parse_bool("allow_empty", allow_empty),
            allow_missing_line_end=parse_bool("allow_missing_line_end", allow_missing_line_end),
        )

    def read(self, content: bytes) -> Roster:
        """Return the emails and user UUIDs in the column.

        :param content: the content of the file.
        :raises InvalidInputError: if the file cannot be read exactly, or names nobody.
        """
        text = decode(content, self.encoding, self._shown)
        wanted = [("column", self.column), *(("where", condition.column) for condition in self.where)]
        table = parse_table(text, wanted, self._shown)
        if table is None:
            return self._nobody("path", f"{self._shown} is empty")
        rows = RosterRows(table, self.column, self.where, self.encoding)
        self._refuse_problems(rows, is_ended=text.endswith(("\n", "\r")))
        if not rows.count:
            return self._nobody("path", f"{self._shown} has a header and no other row")
        self._refuse_absent(rows)
        if self.on_contradiction == "last":
            rows.drop_outdated()
        people = rows.people()
        if people:
            return Roster(people, rows.summary())
        values = "; ".join(test.values() for test in rows.tests)
        conditions = " and ".join(map(str, self.where))
        return self._nobody(
            "where", f"none of the {plural(rows.count, 'row')} of {self._shown} has {conditions}; {values}"
        )

    def _refuse_problems(self, rows: RosterRows, *, is_ended: bool) -> None:
        if rows.problems:
            problems = join_names(rows.problems, _MAX_BAD)
            raise InvalidInputError(
                "path", f"{self._shown}, column {shorten(self.column)}: {problems}. Correct the file."
            )
        if not is_ended and not self.allow_missing_line_end:
            raise InvalidInputError(
                "path",
                f"the last line of {self._shown} has no line end, so the file may be cut. Read it again once it is "
                "complete. If the program that writes it never ends the last line, pass allow_missing_line_end=True.",
            )
        contradictions = rows.contradictions() if self.on_contradiction == "fail" else []
        if contradictions:
            raise InvalidInputError(
                "where",
                f"rows of {self._shown} contradict each other: {join_names(contradictions, _MAX_CONTRADICTIONS)}. "
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
                    f"no row of {self._shown} has {shorten(test.condition.column)} = {words}; {test.values()}. Correct "
                    f"the word, or pass may_be_absent=[{words}] if the file need not contain it.",
                )

    def _nobody(self, argument: str, problem: str) -> Roster:
        if self.allow_empty:
            return Roster([], f"nobody: {problem}")
        raise InvalidInputError(argument, f"{problem}. If it is right that it names nobody, pass allow_empty=True.")

    @property
    def _shown(self) -> str:
        return shorten_url(self.path)


def _parse_name(argument: str, value: object, advice: str) -> str:
    text = strip_hidden(value) if isinstance(value, str) else ""
    if not text or text == "None":
        raise InvalidInputError(
            argument, f"it is empty ({shorten(value)}). {advice}. If it comes from a template or a task, check that."
        )
    return text


def _parse_words(argument: str, value: object) -> list[str]:
    words = parse_literal(value) if isinstance(value, str) else value
    listed = [words] if isinstance(words, str) else words
    if not isinstance(listed, Iterable) or isinstance(listed, bytes | Mapping):
        raise InvalidInputError(argument, f"{shorten(value)} is no word of where. Pass a text, or a list of them.")
    return [str(word) for word in listed]


def _parse_where(argument: str, value: object) -> tuple[Condition, ...]:
    conditions = parse_literal(value) if isinstance(value, str) else value
    if not isinstance(conditions, Mapping) or not conditions:
        raise InvalidInputError(
            argument, f"{shorten(value)} states no condition. Pass one such as {{'Status': 'Active'}}, or leave it out."
        )
    parsed: dict[str, Condition] = {}
    for name, words in conditions.items():
        column = _parse_name(argument, name, "Pass columns and what their cells must be, such as {'Status': 'Active'}")
        if comparable(column) in parsed:
            raise InvalidInputError(
                argument, f"it names the column {shorten(column)} twice. Pass a list of words once."
            )
        is_list = isinstance(words, Iterable) and not isinstance(words, str | bytes | Mapping)
        listed = list(words) if is_list else [words]
        if not listed or not all(isinstance(word, str | int | float) for word in listed):
            raise InvalidInputError(
                argument, f"{shorten(words)} is not what a cell of {shorten(column)} can be. Pass a text, or a list."
            )
        parsed[comparable(column)] = Condition(column, {comparable(str(word)): str(word) for word in listed})
    return tuple(parsed.values())
