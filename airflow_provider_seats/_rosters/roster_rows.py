"""The rows of a roster: each is checked, also if ``where`` leaves it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_seats._api.identifiers import canonical_uuid, email_key
from airflow_provider_seats._rosters.csv_table import CsvTable, comparable
from airflow_provider_seats._rosters.people import describe_problem, is_email, is_plain_email, names_person
from airflow_provider_seats._text import join_names, plural, shorten, strip_hidden

_MAX_VALUES: Final = 10
_QUOTE: Final = "(a cell that contains the separator must be in quotation marks)"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of ``where``: a column, and the words that its cells may contain.

    :param words: the words as they were passed, by :func:`comparable`.
    """

    column: str
    words: Mapping[str, str]

    def __str__(self) -> str:
        return f"{shorten(self.column)} = {' or '.join(map(shorten, self.words.values()))}"


@dataclass(slots=True, eq=False)
class _Test:
    """A condition, and what the cells of its column contain."""

    condition: Condition
    position: int
    found: dict[str, str] = field(default_factory=dict)  # cells in comparable form
    left_out: dict[str, int] = field(default_factory=dict)  # cells, and how many rows they left out
    # The columns that have a word instead, with what is in its place, and the first such row.
    moved: dict[tuple[int, str], int] = field(default_factory=dict)

    def keeps(self, cell: str) -> bool:
        """Return whether a row with this cell may be kept."""
        key = self.found.get(cell)
        if key is None:
            key = self.found[cell] = comparable(cell)
        return key in self.condition.words

    def absent(self) -> list[str]:
        """Return the words that no row has."""
        found = {*self.found.values()}
        return [word for key, word in self.condition.words.items() if key not in found]

    def values(self) -> str:
        """Return what the column contains, for a sentence."""
        shown = dict.fromkeys(map(strip_hidden, self.found))
        return f"the column {shorten(self.condition.column)} contains {join_names(map(shorten, shown), _MAX_VALUES)}"


def _names_one(text: str) -> bool:
    return canonical_uuid(text) is not None or is_email(text)


class RosterRows:
    """Reads the rows of a table.

    :param encoding: the encoding, if the user named one.
    """

    def __init__(self, table: CsvTable, column: str, where: Sequence[Condition], encoding: str | None) -> None:
        self._table = table
        self._encoding = encoding
        self._position = table.position("column", column)
        self._column = column
        self.tests = [_Test(each, table.position("where", each.column)) for each in where]
        self._names = {comparable(column), *(comparable(each.column) for each in where)}
        self._kept: dict[str, tuple[int, str]] = {}  # the last row, and the first spelling
        self._left_out: dict[str, tuple[int, str]] = {}  # the last row, and the cell that leaves it out
        self._suspects: dict[frozenset[int], int] = {}
        self._padded = 0  # the first row that is left out and has more cells than the header
        self.count = self._count_kept = self._outdated = 0
        self.problems: list[str] = []
        self._read()
        self._check_suspects()
        self._check_moved_words()

    def people(self) -> list[str]:
        """Return the people of the rows that are kept, each once."""
        return [text for _, text in self._kept.values()]

    def contradictions(self) -> list[str]:
        """Return the people with a row that is kept and one that is left out."""
        return [
            f"{self._kept[key][1]} is in row {self._kept[key][0]}, and where leaves out row {row} of the same person "
            f"({shorten(cell)})"
            for key, (row, cell) in self._left_out.items()
            if key in self._kept
        ]

    def drop_outdated(self) -> None:
        """Remove the people whose last row is one that is left out."""
        for key, (row, _) in self._left_out.items():
            if key in self._kept and row > self._kept[key][0]:
                del self._kept[key]
                self._outdated += 1

    def summary(self) -> str:
        """Return how many rows there were, and what was left out, by word."""
        left_out = [
            f"{plural(count, 'row')} with {shorten(test.condition.column)} = {shorten(strip_hidden(cell))}"
            for test in self.tests
            for cell, count in sorted(test.left_out.items(), key=lambda item: -item[1])
        ]
        repeated = self._count_kept - self._outdated - len(self._kept)
        parts = [
            f"{plural(len(self._kept), 'person', 'people')} in {plural(self.count, 'row')}",
            f"{plural(repeated, 'row')} with a person again" if repeated else "",
            f"{plural(self._outdated, 'person', 'people')} left out by the last row" if self._outdated else "",
            f"left out: {join_names(left_out)}" if left_out else "",
        ]
        return ", ".join(filter(None, parts))

    def _read(self) -> None:
        width, position, kept = len(self._table.header), self._position, self._kept
        is_kept_padded = False
        for number, cells in self._table.rows:
            self.count += 1
            if len(cells) != width and not self._fits(number, cells):
                continue
            failed = None
            for test in self.tests:
                # Each column is looked up, so that the words that it contains are known.
                if not test.keeps(cells[test.position]) and failed is None:
                    failed = test
            cell = cells[position]
            if is_plain_email(cell):  # most are
                key, text = cell.lower(), cell
            else:
                key, text = self._parse(number, cells, is_kept=failed is None)
            if failed is not None:
                self._leave_out(number, cells, failed, key)
            elif key:
                self._count_kept += 1
                kept[key] = (number, kept[key][1] if key in kept else text)
                is_kept_padded = is_kept_padded or len(cells) > width
        if self._padded and kept and not is_kept_padded:
            self.problems.append(
                f"row {self._padded}: where leaves it out, and unlike the rows that it keeps, the row has more cells "
                f"than the header {_QUOTE}"
            )

    def _fits(self, number: int, cells: Sequence[str]) -> bool:
        """Return whether a row has each column that is needed, and no cell beyond the header but blank ones."""
        width = len(self._table.header)
        if any(map(strip_hidden, cells[width:])):
            self.problems.append(
                f"row {number}: it has {len(cells)} cells, but the header has {plural(width, 'column')} {_QUOTE}"
            )
            return False
        missing = [each for each in (self._position, *(test.position for test in self.tests)) if each >= len(cells)]
        if missing and self._repeats_header(cells):
            self._report_header(number)
        elif missing:
            column = self._table.header[min(missing)]
            self.problems.append(f"row {number}: it ends before the column {shorten(column)} (it may be cut)")
        return not missing

    def _leave_out(self, number: int, cells: Sequence[str], test: _Test, key: str) -> None:
        word = cells[test.position]
        test.left_out[word] = test.left_out.get(word, 0) + 1
        if key:
            self._left_out[key] = (number, word)
        for each, cell in enumerate(cells):
            if (other := comparable(cell)) and other in test.condition.words:
                test.moved.setdefault((each, test.found[word]), number)
        if len(cells) > len(self._table.header) and not self._padded:
            self._padded = number

    def _parse(self, number: int, cells: Sequence[str], *, is_kept: bool) -> tuple[str, str]:
        """Return what identifies the person of a row, and how the row spells it; empty texts if it names nobody."""
        text = strip_hidden(cells[self._position])
        uuid = canonical_uuid(text)
        if uuid is not None:
            return uuid, uuid
        if is_email(text) and not self._is_misread(text):
            return email_key(text), text
        self._check(number, cells, text, is_kept=is_kept)
        return "", ""

    def _report_header(self, number: int) -> None:
        self.problems.append(f"row {number}: it is a second header (pass each of several files on its own)")

    def _repeats_header(self, cells: Sequence[str]) -> bool:
        found = [comparable(cell) for cell in cells]
        at_its_place = found[self._position : self._position + 1] == [comparable(self._column)]
        return at_its_place or (len(self._names) > 1 and self._names <= {*found})

    def _check(self, number: int, cells: Sequence[str], text: str, *, is_kept: bool) -> None:
        """Check a row that has nobody in the wanted column. It may, if ``where`` leaves it out."""
        elsewhere = [each for each, cell in enumerate(cells) if each != self._position and names_person(cell)]
        moved = [self._table.header[each] for each in elsewhere if "@" in cells[each]]
        cell = shorten(cells[self._position]) if text else "empty"
        if self._repeats_header(cells):
            self._report_header(number)
        elif "@" in text or (text and is_kept and not moved):
            self.problems.append(f"row {number}: {self._describe(cells[self._position], text)}")
        elif moved and (text or is_kept):
            self.problems.append(
                f"row {number}: the cell is {cell}, and the column {shorten(moved[0])} contains an address {_QUOTE}"
            )
        elif is_kept:
            self.problems.append(f"row {number}: the cell is empty (fill it in, or leave the row out with where)")
        elif elsewhere:
            self._suspects.setdefault(frozenset(elsewhere), number)

    def _check_suspects(self) -> None:
        """Report rows that are left out and have a person in a column in which no other row has one."""
        if not self._suspects or self.problems:
            return
        usual = {
            each
            for _, cells in self._table.rows
            if _names_one(strip_hidden(cells[self._position]))
            for each, cell in enumerate(cells)
            if names_person(cell)
        }
        for columns, number in self._suspects.items():
            for each in sorted(columns - usual):
                self.problems.append(
                    f"row {number}: it names nobody in this column, and only here the column "
                    f"{shorten(self._table.header[each])} contains an address or a UUID {_QUOTE}"
                )

    def _check_moved_words(self) -> None:
        """Report rows that have a word of ``where`` in another column, if no other row has one there.

        Another row with the same cell in the column of ``where`` shows that it is no cell from elsewhere.
        """
        if self.problems:
            return
        for test in self.tests:
            known, words = {*test.found.values()}, test.condition.words
            left: dict[int, set[str]] = {}  # by column, the words that such rows have in the place of one that is moved
            for column, word in test.moved:
                left.setdefault(column, set()).add(word)
            for _, cells in self._table.rows if left else ():
                key = test.found[cells[test.position]]
                for column in [*left]:
                    other = comparable(cells[column]) if column < len(cells) else ""
                    if key not in words and other and other in words:
                        continue
                    left[column].discard(key)
                    if (other and other in known) or not left[column]:
                        del left[column]
                if not left:
                    break
            for column, each in left.items():
                number = min(test.moved[column, word] for word in each)
                self.problems.append(
                    f"row {number}: where leaves it out, and unlike in other rows its column "
                    f"{shorten(self._table.header[column])} contains a word of where {_QUOTE}"
                )

    def _describe(self, cell: str, text: str) -> str:
        if self._is_misread(text):
            return f"{shorten(cell)} looks like UTF-8 text that was read as {self._encoding} (leave encoding out)"
        return describe_problem(cell, text)

    def _is_misread(self, person: str) -> bool:
        """Return whether the bytes are valid UTF-8, too, and would then be another address: either could be right."""
        if self._encoding is None or self._encoding.startswith("utf") or person.isascii():
            return False
        try:
            person.encode(self._encoding).decode()
        except UnicodeError:
            return False
        return True
