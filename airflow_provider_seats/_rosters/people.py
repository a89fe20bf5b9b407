"""Who is meant: user UUIDs and emails, parsed from lists and from text.

An entry is either exactly the person that a reader of the file sees, or an error that shows what is hidden in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from airflow_provider_seats._api.identifiers import canonical_uuid, email_key
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._rosters.entries import entries
from airflow_provider_seats._text import is_hidden, join_names, shorten, strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.report import Person

_MAX_BAD: Final = 5
_MAX_ENTRY: Final = 320  # the longest address that RFC 5321 allows
# RFC 5322 calls these, letters and digits the characters of an atom. Two are left out: a star is meant as a wildcard,
# and a question mark is what programs write for a letter that an encoding lacks.
_ATOM_MARKS: Final = frozenset("!#$%&'+-/=^_`{|}~")
# An address in ASCII without apostrophes and percent signs, which may be quotation marks and characters in a link.
# Nothing is tried twice (++ and *+), so that a UUID is quickly known to be none.
_PLAIN_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$&+\-/=^_`{|}~]++(?:\.[A-Za-z0-9!#$&+\-/=^_`{|}~]++)*+"
    r"@[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+(?:\.[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+)++(?<!\..)"
)
# What a web form or a link writes for a character of an address.
_find_encoded: Final = re.compile("%[0-9a-fA-F]{2}")
# The encodings of Windows that a program may take for UTF-8, by the names that a message shows.
_MISREAD_AS: Final = {f"cp{number}": f"Windows-{number}" for number in (1252, 1250, 1251, 1253, 1254, 1257)}
# Letters that look like those of another script, so that a reader of the file sees another address.
_ALPHABETS: Final = ("LATIN", "CYRILLIC", "GREEK")
_find_person: Final = re.compile(r"[^\s@]@[^\s@.]+\.[^\s@.]|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
is_plain_email: Final = _PLAIN_EMAIL.fullmatch
# Letters that look like an apostrophe. A reader cannot tell them from one.
_APOSTROPHES: Final = "\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8"
_ADVICE: Final = (
    (r"(?i)(?:smtp|mailto|sip|x500|x400):", "remove the prefix"),
    (r"\*", "a wildcard is not supported, list each person"),
    (r"^[\u2018\u2019']|[\u2018\u2019']$|[\u2018\u2019']@", "remove the quotation marks"),
    (rf"[\u2018\u2019\u00b4{_APOSTROPHES}]", "write a plain apostrophe (') instead of the typographic one"),
    (r"[\u201a-\u201f\u2039\u203a\u00ab\u00bb\"]", "remove the quotation marks"),
    (r"[<>()\[\]{}]", "write the address alone, without brackets"),
    (r"@.*[,;|/\s].*@", "it contains several addresses, separate them"),
    (r"[?\ufffd]", "the character {0!r} stands for a letter that was lost, export it as UTF-8"),
    (r"^[^@\s]+@(?:[^@.\s]+\.?)?$", "its domain has no dot, it may be cut"),
    (r"\.$", "remove the dot at the end"),
    (r"@.*\.[^.-]$", "its domain ends with a single character, it may be cut"),
    (_find_encoded.pattern, "it was encoded for a link, {0!r} stands for another character"),
    (r"@(?:.*\.)?(?:-|[^@]*-(?:\.|$))", "a part of its domain begins or ends with a hyphen, it may be cut"),
)


@dataclass(frozen=True, slots=True)
class People:
    """The people that an argument names.

    :param uuids: user UUIDs in lower case, each once.
    :param emails: emails as they were passed, each once.
    :param empty: the names of arguments that were passed and name nobody.
    """

    uuids: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

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
        problems = []
        for entry in found:
            text = strip_hidden(entry) if isinstance(entry, str) else ""
            uuid = canonical_uuid(entry if text == "" else text)
            if uuid is not None:
                uuids[uuid] = None
            elif is_email(text):
                emails.setdefault(email_key(text), text)
            else:
                problems.append(describe_problem(entry, text))
        if problems:
            raise InvalidInputError(
                name,
                f"{join_names(problems, _MAX_BAD)}. Correct or remove "
                f"{'it' if len(problems) == 1 else 'them'}. If the value comes from a template or a task, check what "
                "that returned.",
            )
    return People(tuple(uuids), tuple(emails.values()), tuple(empty))


def is_email(text: str) -> bool:
    """Return whether a text is an email address.

    Before the @: atoms with dots between them (RFC 5321, 5322), with letters of any script (RFC 6531). After it: at
    least two labels of letters, digits and hyphens, and no hyphen at either end of a label (RFC 1123).
    """
    if is_plain_email(text):  # most are, and this is ten times faster
        return True
    local, at, domain = unicodedata.normalize("NFC", text).rpartition("@")
    quoted = local.startswith("'") or local.endswith("'")
    labels = domain.split(".")
    return (
        bool(at)
        and not quoted
        and all(atom and all(_is_letter(each) or each in _ATOM_MARKS for each in atom) for atom in local.split("."))
        and not _find_encoded.search(local)
        and len(labels) > 1
        and len(labels[-1]) > 1
        and all(label.strip("-") == label != "" for label in labels)
        and all(_is_letter(each) or each == "-" for label in labels for each in label)
        and _misread_as(text) is None
        and _deceptive_letter(text) is None
    )


def names_person(text: str) -> bool:
    """Return whether a text contains what may be an email or a user UUID, whole or not."""
    return _find_person.search(text) is not None


def _is_letter(character: str) -> bool:
    """Return whether a character is a letter or digit of any script, or a mark that belongs to one."""
    if character.isascii():
        return character.isalnum()
    category = unicodedata.category(character)
    return category[0] in "LMN" and character not in _APOSTROPHES and not is_hidden(character)


def _misread_as(text: str) -> str | None:
    """Return the encoding of Windows in which a program read UTF-8 text; None if there is none."""
    for encoding in () if text.isascii() else _MISREAD_AS:
        try:
            text.encode(encoding).decode()
        except UnicodeError:
            continue
        return _MISREAD_AS[encoding]
    return None


def _deceptive_letter(text: str) -> str | None:
    """Return a letter that a reader may take for another one; None if there is none.

    It is a form of another letter, such as a ligature, which programs for PDF write, or a letter of another alphabet in
    a word that has letters of both.
    A word is what stands between dots, hyphens and other marks. Two words of an address may be of two scripts.
    """
    if text.isascii():
        return None
    for letter in filter(str.isalnum, text):
        if not unicodedata.is_normalized("NFKC", unicodedata.normalize("NFC", letter)):
            return letter
    for word in re.findall(r"\w+", text):
        found: dict[str, str] = {}
        for letter in filter(str.isalpha, word):
            alphabet = unicodedata.name(letter, "").partition(" ")[0]
            if alphabet in _ALPHABETS:
                found.setdefault(alphabet, letter)
        if len(found) > 1:
            return next(letter for alphabet, letter in found.items() if alphabet != "LATIN")
    return None


def describe_problem(entry: object, text: str) -> str:
    """Return why an entry is neither a UUID nor an email, and what to do.

    :param text: the entry without blanks at its ends.
    """
    problem = f"{shorten(entry)} is neither a user UUID nor an email address"
    if hidden := dict.fromkeys(filter(is_hidden, text)):
        shown = join_names((ascii(each)[1:-1] for each in hidden), _MAX_BAD)
        return f"{problem} (it contains hidden characters: {shown}; type it again)"
    if (encoding := _misread_as(text)) is not None:
        return f"{problem} (it is UTF-8 text that was read as {encoding}, export it again)"
    if (letter := _deceptive_letter(text)) is not None:
        name = unicodedata.name(letter, ascii(letter)).lower()
        return f"{problem} (its {letter!r} is a {name}, which only looks like another letter; type it again)"
    for pattern, advice in _ADVICE:
        if match := re.search(pattern, text[:_MAX_ENTRY]):
            return f"{problem} ({advice.format(match[0])})"
    return problem
