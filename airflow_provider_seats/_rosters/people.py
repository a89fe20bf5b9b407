"""Who is meant: user UUIDs and emails, parsed from lists and from text.

An entry is either exactly the person that a reader of the file sees, or an error that shows what is hidden in it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._rosters.entries import entries
from airflow_provider_seats._text import strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.report import Person


class People:
    """The people that arguments name.

    :param uuids: user UUIDs in lower case, each once.
    :param emails: emails as they were passed, each once.
    :param empty: the names of arguments that were passed and name nobody.
    """

    __slots__ = ("emails", "empty", "uuids")

    def __init__(self, uuids: tuple[str, ...] = (), emails: tuple[str, ...] = (), empty: tuple[str, ...] = ()) -> None:
        self.uuids, self.emails, self.empty = uuids, emails, empty

    def __repr__(self) -> str:
        return f"People{self._fields()}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, People) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> tuple[tuple[str, ...], ...]:
        return self.uuids, self.emails, self.empty

    def __bool__(self) -> bool:
        return bool(self.uuids or self.emails)

    def __len__(self) -> int:
        return len(self.uuids) + len(self.emails)

    def without(self, names: Container[str]) -> People:
        """Return those whose UUID or email, as it was passed, is not among the names."""
        uuids, emails = ([each for each in kind if each not in names] for kind in (self.uuids, self.emails))
        return People(tuple(uuids), tuple(emails))

    def as_persons(self) -> tuple[Person, ...]:
        """Return them as a report shows people if nothing else is known about them."""
        emails = [Person(id=None, email=email) for email in self.emails]
        return (*emails, *(Person(id=uuid, email=None) for uuid in self.uuids))


NOBODY: Final = People()


def parse_people(**arguments: object) -> People:
    """Parse people from arguments that hold UUIDs, emails or both. Each is a list, or a text that holds one.

    A text may hold JSON, JSON lines, what Python shows of a list, or entries between commas, semicolons, spaces and
    lines. A list may hold rows of one column.

    :param arguments: the arguments by name. ``NOT_PASSED`` stands for one that was not passed.
    :raises InvalidInputError: if none was passed, or an entry is neither a UUID nor an email.
    """
    passed = {name: value for name, value in arguments.items() if value is not NOT_PASSED}
    if not passed:
        raise InvalidInputError(" or ".join(arguments), "nobody was passed. Pass a list of people, or [] for nobody.")
    uuids: dict[str, None] = {}
    emails: dict[str, str] = {}
    empty = []
    for name, value in passed.items():
        found = entries(name, value)
        if not found:
            empty.append(name)
        others = []
        for entry in found:
            text = strip_hidden(entry) if isinstance(entry, str) else ""
            uuid = canonical_uuid(entry if text == "" else text)
            if uuid is None:
                others.append((entry, text))
            else:
                uuids[uuid] = None
        if others:
            # A task that assigns someone by UUID starts faster without it.
            from airflow_provider_seats._rosters.emails import add_emails  # noqa: PLC0415

            add_emails(emails, name, others)
    return People(tuple(uuids), tuple(emails.values()), tuple(empty))
