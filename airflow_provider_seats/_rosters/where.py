"""The rows of a file that count: words that cells must contain, or a function of a row's cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from airflow_provider_seats._arguments import parse_literal, parse_text
from airflow_provider_seats._rosters.cells import comparable, problem_of
from airflow_provider_seats._rosters.table import Table, Wanted, missing
from airflow_provider_seats._text import join_names, shorten, strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError

# A function that is passed the cells of a row, by column, and returns whether the row counts.
RowFunction: TypeAlias = Callable[[Mapping[str, str]], bool]

_MAX_COLUMNS: Final = 30


@dataclass(frozen=True, slots=True)
class ColumnFilter:
    """A column, and the words that its cells may contain.

    :param words: the words as they were passed, by :func:`comparable`.
    """

    column: str
    words: Mapping[str, str]

    def __str__(self) -> str:
        return f"{shorten(self.column)} = {' or '.join(map(shorten, self.words.values()))}"


@dataclass(frozen=True, slots=True)
class Where:
    """Which rows count: those that all filters and the function keep."""

    filters: tuple[ColumnFilter, ...] = ()
    function: RowFunction | None = None

    def __str__(self) -> str:
        return "a row that the function keeps" if self.function else " and ".join(map(str, self.filters))


class Cells(Mapping[str, str]):
    """The cells of a row, by column. Columns are compared as everywhere in a file."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._position = cache(self._find)
        self.number = 0
        self.row: Sequence[str] = ()

    def __getitem__(self, column: str) -> str:
        position = self._position(column)
        file = self._table.file
        if position >= len(self.row):
            row = f"{self._table.place(self.number)} of {file}"
            raise InvalidInputError(
                "where",
                f"its function reads the column {shorten(column)}, and {row} ends before it (it may be cut). Correct "
                "the file.",
            )
        cell = self.row[position]
        if (problem := problem_of(cell)) is not None:
            raise InvalidInputError("where", f"{file}, {self._table.place(self.number, position)}: {problem}.")
        return strip_hidden(cell)

    def __contains__(self, column: object) -> bool:
        return not missing(self._table.header, [Wanted("where", str(column))])

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.header)

    def __len__(self) -> int:
        return len(self._table.header)

    def _find(self, column: str) -> int:
        if column in self:
            return self._table.position(Wanted("where", column))
        # No KeyError: get() would return its default for a misspelt column.
        raise InvalidInputError(
            "where",
            f"its function reads the column {shorten(column)}. The columns of {self._table.file} are "
            f"{join_names(map(shorten, self._table.header), _MAX_COLUMNS)}.",
        )


def row_filter(function: RowFunction, table: Table) -> Callable[[int, Sequence[str]], bool]:
    """Return a function that is passed the number and the cells of a row, and returns whether the row counts.

    :raises InvalidInputError: by that function, if the user's function fails or returns no boolean.
    """
    cells = Cells(table)

    def keeps(number: int, row: Sequence[str]) -> bool:
        cells.number, cells.row = number, row
        try:
            kept = function(cells)
        except InvalidInputError:
            raise
        except Exception as error:
            problem = f"its function failed for {table.place(number)} of {table.file}: {type(error).__name__}: {error}"
            raise InvalidInputError("where", f"{problem.rstrip('.')}. Correct the function, or the row.") from error
        if not isinstance(kept, bool):
            raise InvalidInputError(
                "where",
                f"its function returned {shorten(kept)} for {table.place(number)} of {table.file}. Return True or "
                "False.",
            )
        return kept

    return keeps


def parse_where(argument: str, value: object) -> Where:
    """Parse the conditions of rows: a function, or words by column.

    :raises InvalidInputError: if it states no condition, or one that no cell can meet.
    """
    if callable(value):
        return Where(function=value)
    conditions = parse_literal(value) if isinstance(value, str) else value
    if not isinstance(conditions, Mapping) or not conditions:
        raise InvalidInputError(
            argument,
            f"{shorten(value)} states no condition. Pass one such as {{'Status': 'Active'}}, a function of the cells "
            "of a row, or leave it out.",
        )
    parsed: dict[str, ColumnFilter] = {}
    for name, words in conditions.items():
        column = parse_text(argument, name, "Pass columns and what their cells must be, such as {'Status': 'Active'}")
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
        parsed[comparable(column)] = ColumnFilter(column, {comparable(str(word)): str(word) for word in listed})
    return Where(tuple(parsed.values()))


def parse_words(argument: str, value: object) -> list[str]:
    listed = parse_literal(value) if isinstance(value, str) else value
    if isinstance(value, str) and not isinstance(listed, list | tuple | set):
        listed = [value]
    if not isinstance(listed, Iterable) or isinstance(listed, bytes | Mapping):
        raise InvalidInputError(argument, f"{shorten(value)} is no word of where. Pass a text, or a list of them.")
    return [str(word) for word in listed]
