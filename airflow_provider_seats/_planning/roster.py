"""Rosters from files: the people in a column of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from airflow_provider_seats._api.identifiers import canonical_uuid, email_key
from airflow_provider_seats._planning.arguments import parse_bool, parse_literal
from airflow_provider_seats._planning.csv_table import CsvTable, comparable, decode, parse_encoding, parse_table
from airflow_provider_seats._planning.people import describe_problem, is_email, strip_hidden
from airflow_provider_seats._text import join_names, plural, shorten, shorten_url
from airflow_provider_seats.exceptions import InvalidInputError

_MAX_BAD: Final = 5
_MAX_VALUES: Final = 10


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of ``where``: a column, and the words that its cells may contain.

    :param words: the words as they were passed, by :func:`comparable`.
    """

    column: str
    words: Mapping[str, str]

    def __str__(self) -> str:
        return f"{shorten(self.column)} = {' or '.join(map(shorten, self.words.values()))}"


@dataclass(frozen=True, slots=True)
class RosterFile:
    """How to read a roster from a file.

    :param path: the path or URL.
    :param column: the column that holds emails or user UUIDs.
    :param where: the conditions that a row must meet.
    :param encoding: the encoding; None for UTF-8, or what the byte order mark says.
    :param allow_empty: whether a file that names nobody is an empty roster rather than an error.
    """

    path: str
    column: str = "email"
    where: tuple[Condition, ...] = ()
    encoding: str | None = None
    allow_empty: bool = False

    @classmethod
    def parse(cls, *, path: object, column: object, where: object, encoding: object, allow_empty: object) -> Self:
        """Parse rendered arguments.

        :raises InvalidInputError: for the first argument that cannot be used.
        """
        return cls(
            path=_parse_name("path", path, "Pass a path or URL, such as 's3://hr/roster.csv'"),
            column=_parse_name("column", column, "Pass the name of the column that holds emails or user UUIDs"),
            where=_parse_where(where),
            encoding=parse_encoding(encoding),
            allow_empty=parse_bool("allow_empty", allow_empty),
        )

    def people(self, content: bytes) -> list[str]:
        """Return the emails and user UUIDs in the column, each person once.

        :param content: the content of the file.
        :raises InvalidInputError: if the file cannot be read exactly, or names nobody.
        """
        text = decode(content, self.encoding, self._shown)
        wanted = [("column", self.column), *(("where", condition.column) for condition in self.where)]
        table = parse_table(text, wanted, self._shown)
        if table is None:
            return self._nobody("path", f"{self._shown} is empty")
        return self._people(table)

    def _people(self, table: CsvTable) -> list[str]:
        position = table.position("column", self.column)
        tests = [(table.position("where", each.column), each) for each in self.where]
        seen: list[dict[str, None]] = [{} for _ in tests]
        width = len(table.header)
        people: dict[str, str] = {}
        problems: list[str] = []
        count = 0
        for number, cells in table.rows:
            count += 1
            if any(map(strip_hidden, cells[width:])):
                problems.append(
                    f"row {number}: it has {len(cells)} cells, but the header has {plural(width, 'column')} (a cell "
                    "that contains the separator must be in quotation marks)"
                )
                continue
            cells.extend([""] * (width - len(cells)))
            words = [strip_hidden(cells[each]) for each, _ in tests]
            for known, word in zip(seen, words, strict=True):
                known[word] = None
            if any(comparable(word) not in test.words for word, (_, test) in zip(words, tests, strict=True)):
                continue
            person = strip_hidden(cells[position])
            uuid = canonical_uuid(person)
            if uuid is not None:
                people[uuid] = uuid
            elif is_email(person) and not self._is_misread(person):
                people.setdefault(email_key(person), person)
            else:
                problems.append(f"row {number}: {self._problem(cells[position], person)}")
        if problems:
            raise InvalidInputError(
                "path",
                f"{self._shown}, column {shorten(self.column)}: {join_names(problems, _MAX_BAD)}. Correct the file.",
            )
        if people:
            return list(people.values())
        if not count:
            return self._nobody("path", f"{self._shown} has a header and no other row")
        values = "; ".join(
            f"the column {shorten(test.column)} contains {join_names(map(shorten, known), _MAX_VALUES)}"
            for (_, test), known in zip(tests, seen, strict=True)
        )
        conditions = " and ".join(map(str, self.where))
        return self._nobody("where", f"none of the {plural(count, 'row')} of {self._shown} has {conditions}; {values}")

    def _nobody(self, argument: str, problem: str) -> list[str]:
        if self.allow_empty:
            return []
        raise InvalidInputError(argument, f"{problem}. If it is right that it names nobody, pass allow_empty=True.")

    def _problem(self, cell: str, person: str) -> str:
        if not person:
            return "the cell is empty (fill it in, or leave the row out with where)"
        if self._is_misread(person):
            return f"{shorten(cell)} looks like UTF-8 text that was read as {self.encoding} (leave encoding out)"
        return describe_problem(cell, person)

    def _is_misread(self, person: str) -> bool:
        """Return whether the bytes are valid UTF-8, too, and would then be another address: either could be right."""
        if self.encoding is None or self.encoding.startswith("utf") or person.isascii():
            return False
        try:
            person.encode(self.encoding).decode()
        except UnicodeError:
            return False
        return True

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


def _parse_where(value: object) -> tuple[Condition, ...]:
    if value is None:
        return ()
    conditions = parse_literal(value) if isinstance(value, str) else value
    if not isinstance(conditions, Mapping) or not conditions:
        raise InvalidInputError(
            "where", f"{shorten(value)} states no condition. Pass one such as {{'Status': 'Active'}}, or leave it out."
        )
    parsed: dict[str, Condition] = {}
    for name, words in conditions.items():
        column = _parse_name("where", name, "Pass columns and what their cells must be, such as {'Status': 'Active'}")
        if comparable(column) in parsed:
            raise InvalidInputError("where", f"it names the column {shorten(column)} twice. Pass a list of words once.")
        is_list = isinstance(words, Iterable) and not isinstance(words, str | bytes | Mapping)
        listed = list(words) if is_list else [words]
        if not listed or not all(isinstance(word, str | int | float) for word in listed):
            raise InvalidInputError(
                "where", f"{shorten(words)} is not what a cell of {shorten(column)} can be. Pass a text, or a list."
            )
        parsed[comparable(column)] = Condition(column, {comparable(str(word)): str(word) for word in listed})
    return tuple(parsed.values())
