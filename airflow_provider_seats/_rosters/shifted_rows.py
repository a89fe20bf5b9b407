"""Rows whose cells stand one column beside their own, because a separator is not in quotation marks.

``where`` leaves such a row out, and its person would lose a seat. It shows in what only this row has in a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._rosters.cells import comparable
from airflow_provider_seats._rosters.emails import is_email, names_person
from airflow_provider_seats._rosters.parts import Part, WordTest, filled_rows
from airflow_provider_seats._text import shorten, strip_hidden


@dataclass(slots=True)
class _Moved:
    """The rows that a word leaves out and that have another word of ``where`` in another column.

    :param usual: the cells that left out a row with no word in another column: they are in no word's place.
    :param places: the first such row, by that column and by what leaves the row out.
    """

    usual: set[str] = field(default_factory=set)
    places: dict[tuple[str, str], str] = field(default_factory=dict)


class ShiftedRows:
    """Collects rows that are left out and may be shifted, and compares them with the others in the end."""

    def __init__(self, parts: Sequence[Part], tests: Sequence[WordTest]) -> None:
        self._parts = parts
        self._advice = parts[0].table.shift_advice
        self._moved = [(test, _Moved()) for test in tests]
        self._elsewhere: dict[frozenset[str], str] = {}

    def add_word(self, part: Part, number: int, cells: Sequence[str], test: int) -> None:
        (tested, at), moved = part.tests[test], self._moved[test][1]
        word = cells[at]
        if word in moved.usual:
            return
        words = tested.filter.words
        columns = [each for each, cell in enumerate(cells) if (other := comparable(cell)) and other in words]
        if not columns:
            moved.usual.add(word)
        for each in columns:
            moved.places.setdefault((part.column(each), tested.found[word]), part.place(number))

    def add_person(self, part: Part, number: int, columns: Sequence[int]) -> None:
        """Add a row that names nobody in its column and somebody in others."""
        self._elsewhere.setdefault(frozenset(map(part.column, columns)), part.place(number))

    def problems(self) -> list[str]:
        """Return what is wrong with rows that differ from all others."""
        found = self._people() if self._elsewhere else []
        for number, (test, moved) in enumerate(self._moved):
            found += self._words(number, test, moved) if moved.places else []
        return found

    def _people(self) -> list[str]:
        """Return the rows that have a person in a column that has none in any other row."""
        usual = {
            part.column(each)
            for part, _, cells in filled_rows(self._parts)
            if _names_one(strip_hidden(cells[part.position]))
            for each, cell in enumerate(cells)
            if names_person(cell)
        }
        return [
            f"{place}: it names nobody in this column, and only here the column {_shown(each)} contains an address or "
            f"a UUID ({self._advice})"
            for columns, place in self._elsewhere.items()
            for each in sorted(columns - usual)
        ]

    def _words(self, number: int, test: WordTest, moved: _Moved) -> list[str]:
        """Return the rows that have a word of ``where`` in another column, if no other row has one there.

        Another row with the same cell in the column of ``where`` shows that it is no cell from elsewhere.
        """
        known, words = {*test.found.values()}, test.filter.words
        usual = {test.found[cell] for cell in moved.usual}
        left: dict[str, set[str]] = {}  # by column, the words that such rows have in the place of one that is moved
        for column, word in moved.places:
            if word not in usual:
                left.setdefault(column, set()).add(word)
        for part, _, cells in filled_rows(self._parts) if left else ():
            key = test.found[cells[part.tests[number][1]]]
            columns = {part.column(each): cell for each, cell in enumerate(cells)}
            for column in [*left]:
                other = comparable(columns.get(column, ""))
                if key not in words and other and other in words:
                    continue
                left[column].discard(key)
                if (other and other in known) or not left[column]:
                    del left[column]
            if not left:
                break
        places = {
            column: next(place for (name, word), place in moved.places.items() if name == column and word in each)
            for column, each in left.items()
        }
        return [
            f"{place}: where leaves it out, and unlike in other rows its column {_shown(column)} contains a word of "
            f"where ({self._advice})"
            for column, place in places.items()
        ]


def _names_one(text: str) -> bool:
    return canonical_uuid(text) is not None or is_email(text)


def _shown(column: str) -> str:
    return shorten(column.partition("\0")[0])
