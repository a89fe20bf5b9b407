"""Tables: a header, and numbered rows below it, whatever kind of file they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final, Literal, TypeAlias

from airflow_provider_seats._rosters.cells import comparable, is_blank
from airflow_provider_seats._text import join_names, shorten
from airflow_provider_seats.exceptions import InvalidInputError

# The cells of a row, after the number that a spreadsheet shows beside it.
NumberedRow: TypeAlias = tuple[int, Sequence[str]]
# The number of the row with the header, or how it is found. None means the first row that is not blank.
HeaderRow: TypeAlias = int | Literal["find"] | None

_MAX_COLUMNS: Final = 30
_MAX_TITLE_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column that is needed.

    :param argument: the argument that names it, for errors.
    :param words: the words that ``where`` looks for in it; None for the column that holds people.
    """

    argument: str
    column: str
    words: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Table(ABC):
    """A table with a header.

    :param file: what messages call the file.
    :param header: the names of the columns, as the file has them.
    """

    file: str
    header: Sequence[str]

    # Whether cells beyond the header belong to columns without a name, as in a spreadsheet.
    has_unnamed_columns: ClassVar[bool] = False
    # What a message says about a row whose cells stand beside their columns.
    shift_advice: ClassVar[str] = "a cell that contains the separator must be in quotation marks"

    @property
    @abstractmethod
    def may_be_cut(self) -> bool:
        """Whether nothing shows that the file has its end, so that it may be cut between two rows."""

    @abstractmethod
    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows below the header, also blank ones. Each call reads them again."""

    def place(self, number: int, position: int | None = None) -> str:  # noqa: ARG002 (a workbook names its cells)
        """Return what a message calls a row, or the cell of a row."""
        return f"row {number}"

    def name(self, position: int) -> str:
        return shorten(self.header[position] if position < len(self.header) else "")

    def position(self, wanted: Wanted) -> int:
        """Return the position of a column.

        :raises InvalidInputError: if several columns have this name.
        """
        name = comparable(wanted.column)
        positions = [number for number, each in enumerate(self.header) if comparable(each) == name]
        if len(positions) > 1:
            raise InvalidInputError(
                wanted.argument,
                f"{len(positions)} columns of {self.file} are called {shorten(wanted.column)} (columns "
                f"{join_names(str(position + 1) for position in positions)}). Rename all but one.",
            )
        return positions[0]


def missing(header: Iterable[str], wanted: Iterable[Wanted]) -> list[Wanted]:
    names = set(map(comparable, header))
    return [each for each in wanted if comparable(each.column) not in names]


def find_header(
    rows: Iterable[NumberedRow], wanted: Sequence[Wanted], header_row: HeaderRow, file: str
) -> NumberedRow | None:
    """Return the row that is the header; None if there is none, because the file is empty.

    :raises InvalidInputError: if the file ends before it.
    """
    if isinstance(header_row, int):
        row = None
        for row in rows:
            if row[0] == header_row:
                return row
        if row is not None:
            raise InvalidInputError(
                "header_row", f"{file} ends before row {header_row}. Correct the number, or pass 'find'."
            )
        return None
    filled = (row for row in rows if not is_blank(row[1]))
    if header_row is None:
        return next(filled, None)
    tops = [*islice(filled, _MAX_TITLE_ROWS)]
    return next((row for row in tops if not missing(row[1], wanted)), next(iter(tops), None))


def refuse_header(
    header: NumberedRow, ways: Iterable[Iterable[NumberedRow]], wanted: Sequence[Wanted], file: str
) -> InvalidInputError:
    """Return the error about a header that lacks a column. It names the row that has the columns, if one does.

    :param ways: the rows of the file, in each way to read them.
    """
    lacking = missing(header[1], wanted)[0]
    advice = ""
    for rows in ways:
        with suppress(InvalidInputError):
            found = find_header(rows, wanted, "find", file)
            if found is not None and not missing(found[1], wanted):
                advice = f" Row {found[0]} has it: pass header_row={found[0]}, or 'find'."
                break
    return InvalidInputError(
        lacking.argument,
        f"{file} has no column {shorten(lacking.column)}. Its columns are "
        f"{join_names(map(shorten, header[1]), _MAX_COLUMNS)}.{advice}",
    )
