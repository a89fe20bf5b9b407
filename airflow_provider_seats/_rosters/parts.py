"""The parts of a roster: tables with the same columns, perhaps in another order, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from airflow_provider_seats._rosters.cells import BadCell, comparable, is_blank, may_mean_nothing, problem_of
from airflow_provider_seats._rosters.table import Table, Wanted
from airflow_provider_seats._rosters.where import ColumnFilter, Where, row_filter
from airflow_provider_seats._text import join_names, shorten, strip_hidden

# What a column is called in all parts, which may have it in different places: its name, and how many of that name are
# before it. A column without a name is known by its position.
Column: TypeAlias = tuple[str, int]

_MAX_VALUES: Final = 10


@dataclass(slots=True, eq=False)
class WordTest:
    """A filter, and what the cells of its column contain, over all parts."""

    filter: ColumnFilter
    found: dict[str, str] = field(default_factory=dict)  # cells in comparable form
    keeps: dict[str, bool] = field(default_factory=dict)  # cells, and whether a row with them may be kept
    left_out: Counter[str] = field(default_factory=Counter)  # cells, and how many rows they left out

    def problem(self, cell: str) -> str | None:
        """Return why nothing can be told from a cell, for a sentence that begins with its place; None if it can."""
        key, words = comparable(cell), self.filter.words
        if key in words and not isinstance(cell, BadCell):
            return None
        if (problem := problem_of(cell)) is not None:
            return problem
        if cell.count('"') % 2 or ('"' in cell and comparable(cell.replace('"', "")) in words):
            return f"it holds {shorten(cell)} (check its quotation marks)"
        if "" in words and may_mean_nothing(key):
            shown = shorten(strip_hidden(cell))
            return f"it holds {shown}, and where keeps blank cells (if it means none, too, add {shown} to the words)"
        return None

    def judge(self, cell: str) -> bool:
        """Return whether a row with this cell, which is a new one, may be kept."""
        key = self.found[cell] = comparable(cell)
        kept = self.keeps[cell] = key in self.filter.words
        return kept

    def absent(self) -> list[str]:
        found = {*self.found.values()}
        return [word for key, word in self.filter.words.items() if key not in found]

    def values(self) -> str:
        """Return what the column contains, for a sentence."""
        shown = dict.fromkeys(map(strip_hidden, self.found))
        return f"the column {shorten(self.filter.column)} contains {join_names(map(shorten, shown), _MAX_VALUES)}"


class Part:
    """A table, and where its columns are."""

    def __init__(self, table: Table, column: Wanted, tests: Sequence[WordTest], where: Where, label: str) -> None:
        self.table = table
        self.label = label
        self.width = len(table.header)
        self._names = [*map(comparable, table.header)]
        self.position = table.position(column)
        self.tests = [(test, table.position(Wanted("where", test.filter.column))) for test in tests]
        self.keeps: Callable[[int, Sequence[str]], bool] | None = where.function and row_filter(where.function, table)

    def place(self, number: int, position: int | None = None) -> str:
        return f"{self.label}{self.table.place(number, position)}"

    def column(self, position: int) -> Column:
        name = self._names[position] if position < self.width else ""
        return name, self._names[:position].count(name) if name else position


def filled_rows(parts: Iterable[Part]) -> Iterator[tuple[Part, int, Sequence[str]]]:
    for part in parts:
        for number, cells in part.table.rows():
            if not is_blank(cells):
                yield part, number, cells
