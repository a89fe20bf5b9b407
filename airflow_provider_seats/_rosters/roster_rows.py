"""The rows of a roster: each is checked, also if ``where`` leaves it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from airflow_provider_seats._api.identifiers import canonical_uuid, email_key
from airflow_provider_seats._rosters.cells import BadCell, comparable, is_blank
from airflow_provider_seats._rosters.emails import describe_problem, is_email, is_plain_email, misread_as, names_person
from airflow_provider_seats._rosters.parts import Part, WordTest, filled_rows
from airflow_provider_seats._rosters.shifted_rows import ShiftedRows
from airflow_provider_seats._rosters.table import Table, Wanted
from airflow_provider_seats._text import join_names, plural, shorten, strip_hidden

if TYPE_CHECKING:
    from airflow_provider_seats._rosters.where import Where

_LINK: Final = "mailto:"
_UUID_HYPHENS: Final = 4
_JOINED: Final = "keep each of several files as one of its own"


class RosterRows:
    """Reads the rows of a roster. Each of its tables is one part.

    :param tables: each after what a message puts before the place of a row.
    :param encoding: the encoding, if the user named one.
    """

    def __init__(self, tables: Iterable[tuple[str, Table]], column: str, where: Where, encoding: str | None) -> None:
        self._encoding = encoding
        self._column = column
        self.tests = [WordTest(each) for each in where.filters]
        wanted = Wanted("column", column)
        self._parts = [Part(table, wanted, self.tests, where, label) for label, table in tables]
        self._names = {comparable(column), *(comparable(each.column) for each in where.filters)}
        self._first_name = comparable(column).partition(" ")[0]
        self._kept: dict[str, str] = {}  # who has a row that is kept, as their first such row spells it
        self._left_out: set[str] = set()  # who has a row that is left out
        self._shifted = ShiftedRows(self._parts, self.tests)
        self._padded = ""  # the first row that is left out and has more cells than the header
        self._is_kept_padded = False
        self.count = self._count_left_out = self._dropped = 0
        self.problems: list[str] = []
        for part in self._parts:
            self._read(part)
        if self._padded and self._kept and not self._is_kept_padded:
            self.problems.append(
                f"{self._padded}: where leaves it out, and unlike the rows that it keeps, the row has more cells than "
                f"the header ({self._parts[0].table.shift_advice})"
            )
        if not self.problems:
            self.problems += self._shifted.problems()

    def people(self) -> list[str]:
        return [*self._kept.values()]

    def contradictions(self) -> list[str]:
        """Return the people with a row that is kept and one that is left out."""
        kept: dict[str, str] = {}
        left_out: dict[str, str] = {}
        for key, is_kept, place in self._rows_of_both():
            (kept if is_kept else left_out)[key] = place
        return [
            f"{self._kept[key]} is in {kept[key]}, and where leaves out {place}"
            for key, place in left_out.items()
            if key in kept
        ]

    def drop_outdated(self) -> None:
        """Remove the people whose last row is one that is left out."""
        is_last_kept = {key: is_kept for key, is_kept, _ in self._rows_of_both()}
        for key in [key for key, is_kept in is_last_kept.items() if not is_kept]:
            del self._kept[key]
            self._dropped += 1

    def _rows_of_both(self) -> Iterator[tuple[str, bool, str]]:
        """Yield the rows of people who have both: who it is, whether the row is kept, and where it is."""
        both = self._kept.keys() & self._left_out
        for part, number, cells in filled_rows(self._parts) if both else ():
            key, _ = self._identify(strip_hidden(cells[part.position]))
            if key not in both:
                continue
            failed = next((cells[at] for test, at in part.tests if not test.keeps[cells[at]]), None)
            if failed is not None:
                yield key, False, f"{part.place(number)} of the same person ({shorten(failed)})"
            elif part.keeps is not None and not part.keeps(number, cells):
                yield key, False, f"{part.place(number)} of the same person"
            else:
                yield key, True, part.place(number)

    def summary(self) -> str:
        """Return how many rows there were, and what was left out, by word."""
        left_out = [
            f"{plural(count, 'row')} with {shorten(test.filter.column)} = {shorten(strip_hidden(cell))}"
            for test in self.tests
            for cell, count in test.left_out.most_common()
        ]
        count_kept = self.count - self._count_left_out - sum(test.left_out.total() for test in self.tests)
        if self._count_left_out:
            left_out.append(f"{plural(self._count_left_out, 'row')} by the function of where")
        repeated = count_kept - self._dropped - len(self._kept)
        parts = [
            f"{plural(len(self._kept), 'person', 'people')} in {plural(self.count, 'row')}",
            f"{plural(repeated, 'row')} with a person again" if repeated else "",
            f"{plural(self._dropped, 'person', 'people')} left out by the last row" if self._dropped else "",
            f"left out: {join_names(left_out)}" if left_out else "",
        ]
        return ", ".join(filter(None, parts))

    def _read(self, part: Part) -> None:  # noqa: C901, PLR0912 (one loop, for speed: there may be 100,000 rows)
        width, position, kept = part.width, part.position, self._kept
        tests = [(at, test.keeps) for test, at in part.tests]
        joined = next((cell for cell in part.table.header if "@" in cell and names_person(cell)), None)
        if joined is not None:
            problem = f"its header contains the address {shorten(joined)} (the line end between them may be missing)"
            self.problems.append(f"{part.label}{problem}")
        for number, cells in part.table.rows():
            if len(cells) != width and not self._fits(part, number, cells):
                continue
            cell = cells[position]
            if is_plain_email(cell) is not None:  # as most are
                key, text = cell.lower(), cell
                if key == text:
                    key = text  # one text takes less memory than two
            else:
                text = strip_hidden(cell)
                if not text and is_blank(cells):
                    continue
                key, text = self._identify(text) if text and not isinstance(cell, BadCell) else ("", text)
            self.count += 1
            failed = None
            for which, (at, keeps) in enumerate(tests):
                # Each column is looked up, so that the words that it contains are known.
                is_kept = keeps.get(cells[at])
                if is_kept is None:
                    is_kept = self._judge(part, number, which, cells[at])
                if not is_kept and failed is None:
                    failed = which
            is_kept = failed is None and (part.keeps is None or part.keeps(number, cells))
            if not key:
                self._check(part, number, cells, text, is_kept=is_kept)
            if not is_kept:
                self._leave_out(part, number, cells, failed, key)
            elif key:
                kept.setdefault(key, text)
                if len(cells) > width:
                    self._is_kept_padded = True
        if width == 1:
            self._refuse_joined(part)

    def _refuse_joined(self, part: Part) -> None:
        """Report a header at the end of an address: a file was appended to one whose last line has no line end.

        With several columns, such a row has too many cells.
        """
        name = comparable(self._column)
        joined = {key for key in self._kept if key.endswith(name) and is_email(key.removesuffix(name))}
        for number, cells in part.table.rows() if joined else ():
            text = strip_hidden(cells[0]) if cells else ""
            if email_key(text) in joined:
                self.problems.append(f"{part.place(number)}: {shorten(text)} ends with a second header ({_JOINED})")

    def _judge(self, part: Part, number: int, which: int, cell: str) -> bool:
        test, position = part.tests[which]
        if (problem := test.problem(cell)) is not None:
            self.problems.append(f"{part.place(number, position)}: {problem}")
            return True
        return test.judge(cell)

    def _fits(self, part: Part, number: int, cells: Sequence[str]) -> bool:
        """Return whether a row has each column that is needed, and no cell beyond the header but blank ones."""
        if part.table.has_unnamed_columns:
            return True
        width = part.width
        if not is_blank(cells[width:]):
            self.problems.append(
                f"{part.place(number)}: it has {len(cells)} cells, but the header has {plural(width, 'column')} "
                f"({part.table.shift_advice})"
            )
            return False
        lacking = [each for each in (part.position, *(at for _, at in part.tests)) if each >= len(cells)]
        if not lacking:
            return True
        if is_blank(cells):
            return False
        self.count += 1
        if self._repeats_header(part, cells):
            self._report_header(part, number)
        else:
            column = part.table.name(min(lacking))
            self.problems.append(f"{part.place(number)}: it ends before the column {column} (it may be cut)")
        return False

    def _leave_out(self, part: Part, number: int, cells: Sequence[str], failed: int | None, key: str) -> None:
        if key:
            self._left_out.add(key)
        if failed is None:
            self._count_left_out += 1
            return
        test, at = part.tests[failed]
        test.left_out[cells[at]] += 1
        self._shifted.add_word(part, number, cells, failed)
        if len(cells) > part.width and not part.table.has_unnamed_columns and not self._padded:
            self._padded = part.place(number)

    def _identify(self, text: str) -> tuple[str, str]:
        """Return what identifies a person, and how they are spelled; no key if it is no person."""
        uuid = canonical_uuid(text)
        if uuid is not None:
            return uuid, uuid
        address = text[len(_LINK) :].lstrip() if text[: len(_LINK)].lower() == _LINK else text
        if is_email(address) and not self._is_misread(address):
            return email_key(address), address
        return "", text

    def _report_header(self, part: Part, number: int) -> None:
        is_first = self.count == 1  # with header_row, the rows above it would be lost
        advice = f"if it is the right one, pass header_row={number}" if is_first else _JOINED
        self.problems.append(f"{part.place(number)}: it is a second header ({advice})")

    def _repeats_header(self, part: Part, cells: Sequence[str]) -> bool:
        found = [comparable(cell) for cell in cells]
        at_its_place = found[part.position : part.position + 1] == [comparable(self._column)]
        return at_its_place or (len(self._names) > 1 and self._names <= {*found})

    def _check(self, part: Part, number: int, cells: Sequence[str], text: str, *, is_kept: bool) -> None:
        """Check a row that has nobody in the wanted column. It may, if ``where`` leaves it out."""
        position = part.position
        if isinstance(bad := cells[position], BadCell):
            self.problems.append(f"{part.place(number, position)}: {bad.problem}")
            return
        if not text and not is_kept and not self._may_be_shifted(cells):
            return
        elsewhere = [each for each, cell in enumerate(cells) if each != position and names_person(cell)]
        moved = [each for each in elsewhere if "@" in cells[each]]
        cell = shorten(cells[position]) if text else "empty"
        place = part.place(number, position)
        if self._repeats_header(part, cells):
            self._report_header(part, number)
        elif "@" in text or (text and is_kept and not moved):
            self.problems.append(f"{place}: {self._describe(cells[position], text)}")
        elif moved and (text or is_kept):
            self.problems.append(
                f"{place}: the cell is {cell}, and the column {part.table.name(moved[0])} contains an address "
                f"({part.table.shift_advice})"
            )
        elif is_kept:
            self.problems.append(f"{place}: the cell is empty (fill it in, or leave the row out with where)")
        elif elsewhere:
            self._shifted.add_person(part, number, elsewhere)

    def _may_be_shifted(self, cells: Sequence[str]) -> bool:
        """Return, quickly, whether a row may contain a person or a header. There may be 100,000 without an address."""
        line = "\n".join(cells)
        return "@" in line or line.count("-") >= _UUID_HYPHENS or not line.isascii() or self._first_name in line.lower()

    def _describe(self, cell: str, text: str) -> str:
        if self._is_misread(text):
            return f"{shorten(cell)} looks like UTF-8 text that was read as {self._encoding} (leave encoding out)"
        return describe_problem(cell, text)

    def _is_misread(self, person: str) -> bool:
        """Return whether the bytes are valid UTF-8, too, and would then be another address: either could be right."""
        named = self._encoding
        return named is not None and not named.startswith("utf") and misread_as(person, [named]) is not None
