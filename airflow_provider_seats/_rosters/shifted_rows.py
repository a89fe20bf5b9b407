"""Rows whose cells stand one column beside their own, because a separator is not in quotation marks.

``where`` leaves such a row out, and its person would lose a seat. It shows in what only this row has in a column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._rosters.cells import comparable
from airflow_provider_seats._rosters.emails import is_email, names_person
from airflow_provider_seats._rosters.parts import Column, Part, WordTest, filled_rows
from airflow_provider_seats._text import shorten, strip_hidden


class ShiftedRows:
    """Collects rows that are left out and may be shifted, and compares them with the others in the end."""

    def __init__(self, parts: Sequence[Part], tests: Sequence[WordTest]) -> None:
        self._parts, self._tests = parts, tests
        self._advice = parts[0].table.shift_advice
        self._people: dict[Column, str] = {}  # the first row that names somebody only there
        # For each test, the cells that left out a row. A row that has a word of the test in another column may be
        # shifted: ``moved`` has these by that column, with the first such row of each cell, and ``usual`` the others.
        self._usual: list[set[str]] = [set() for _ in tests]
        self._moved: list[dict[Column, dict[str, str]]] = [{} for _ in tests]

    def add_word(self, part: Part, number: int, cells: Sequence[str], which: int) -> None:
        """Add a row that a test leaves out."""
        test, at = part.tests[which]
        left_out_by = test.found[cells[at]]
        if left_out_by in self._usual[which]:
            return
        words = test.filter.words
        columns = [part.column(each) for each, cell in enumerate(cells) if (key := comparable(cell)) and key in words]
        if not columns:
            self._usual[which].add(left_out_by)
        for column in columns:
            self._moved[which].setdefault(column, {}).setdefault(left_out_by, part.place(number))

    def add_person(self, part: Part, number: int, positions: Sequence[int]) -> None:
        """Add a row that names nobody in its column and somebody in others."""
        for each in positions:
            self._people.setdefault(part.column(each), part.place(number))

    def problems(self) -> list[str]:
        """Return what is wrong with rows that differ from all others."""
        usual = self._columns_with_people() if self._people else set()
        problems = [
            f"{place}: it names nobody in this column, and only here the column {shorten(column[0])} contains an "
            f"address or a UUID ({self._advice})"
            for column, place in self._people.items()
            if column not in usual
        ]
        for which, moved in enumerate(self._moved):
            for column, places in moved.items():
                place = self._first_shifted(which, column, places)
                if place is not None:
                    problems.append(
                        f"{place}: where leaves it out, and unlike in other rows its column {shorten(column[0])} "
                        f"contains a word of where ({self._advice})"
                    )
        return problems

    def _columns_with_people(self) -> set[Column]:
        """Return the columns that have a person in rows that name one in theirs, such as the manager."""
        return {
            part.column(each)
            for part, _, cells in filled_rows(self._parts)
            if _names_one(strip_hidden(cells[part.position]))
            for each, cell in enumerate(cells)
            if names_person(cell)
        }

    def _first_shifted(self, which: int, column: Column, places: Mapping[str, str]) -> str | None:
        """Return the first row that has a word of a test in this other column because its cells are shifted.

        It is None if the other column also has what the test's column has, as a column of former states does. A cell
        that also leaves out a row without such a word belongs to the test's column, so its rows are not shifted.

        :param places: the cells that left out rows with such a word, and the first row of each.
        """
        usual = {*self._usual[which]}
        if places.keys() <= usual:
            return None
        known = {*self._tests[which].found.values()}
        for part, _, cells in filled_rows(self._parts):
            test, at = part.tests[which]
            other = comparable(next((cell for each, cell in enumerate(cells) if part.column(each) == column), ""))
            if other and other in test.filter.words and not test.keeps[cells[at]]:
                continue
            if other and other in known:
                return None
            usual.add(test.found[cells[at]])
        return next((place for left_out_by, place in places.items() if left_out_by not in usual), None)


def _names_one(text: str) -> bool:
    return canonical_uuid(text) is not None or is_email(text)
