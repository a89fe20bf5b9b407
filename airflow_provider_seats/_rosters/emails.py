"""What an email address is, and what is wrong with a text that is none.

A list of UUIDs, which many tasks have, is read without this module.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._text import is_hidden, join_names, shorten
from airflow_provider_seats.exceptions import InvalidInputError

_MAX_SHOWN: Final = 5
_MAX_ENTRY: Final = 320  # the longest address that RFC 5321 allows
# RFC 5322 calls these, letters and digits the characters of an atom. Two are left out: a star is meant as a wildcard,
# and a question mark is what programs write for a letter that an encoding lacks.
_ATOM_MARKS: Final = frozenset("!#$%&'+-/=^_`{|}~")
# An address in ASCII without apostrophes, percent signs and equals signs, which may be quotation marks and encoded.
# Nothing is tried twice (++ and *+), so that a UUID is quickly known to be none.
_PLAIN_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$&+\-/^_`{|}~]++(?:\.[A-Za-z0-9!#$&+\-/^_`{|}~]++)*+"
    r"@[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+(?:\.[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+)++(?<!\..)(?<!\.(?i:invalid))"
)
# What a web form or a link writes for a character of an address, and a mail for one outside of ASCII.
_find_encoded: Final = re.compile("%[0-9a-fA-F]{2}|(?:=[89a-fA-F][0-9a-fA-F]){2}")
# RFC 2606 reserves it for what is no address. Salesforce adds it to those in a sandbox.
_NO_DOMAIN: Final = "invalid"
# The encodings of Windows that a program may take UTF-8 for.
_WINDOWS: Final = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257")
# Letters that look like those of another script, so that a reader of the file sees another address.
_ALPHABETS: Final = ("LATIN", "CYRILLIC", "GREEK")
_find_person: Final = re.compile(r"[^\s@]@[^\s@.]+\.[^\s@.]|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
is_plain_email: Final = _PLAIN_EMAIL.fullmatch
# Letters that look like an apostrophe. A reader cannot tell them from one.
_APOSTROPHES: Final = "\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8"
_ADVICE: Final = (
    (r"(?i)(?:smtp|mailto|sip|x500|x400):", "remove the prefix"),
    (r"\*", "a wildcard is not supported, list each person"),
    (
        r"^[\u2018\u2019']|[\u2018\u2019'](?:$|@)|[\u201a-\u201f\u2039\u203a\u00ab\u00bb\"]",
        "remove the quotation marks",
    ),
    (rf"[\u2018\u2019\u00b4{_APOSTROPHES}]", "write a plain apostrophe (') instead of the typographic one"),
    (r"[<>()\[\]{}]", "write the address alone, without brackets"),
    (r"@.*[,;|/\s].*@", "it contains several addresses, separate them"),
    (r"[?\ufffd]", "the character {0!r} stands for a letter that was lost, export it as UTF-8"),
    (r"^[^@\s]+@(?:[^@.\s]+\.?)?$", "its domain has no dot, it may be cut"),
    (r"\.$", "remove the dot at the end"),
    (r"@.*\.[^.-]$", "its domain ends with a single character, it may be cut"),
    (_find_encoded.pattern, "it was encoded for a link or a mail, {0!r} stands for another character"),
    (rf"(?i)\.{_NO_DOMAIN}$", "nobody has an address that ends with {0!r}, such as those of a test system"),
    (r"@(?:.*\.)?(?:-|[^@]*-(?:\.|$))", "a part of its domain begins or ends with a hyphen, it may be cut"),
)


def add_emails(emails: dict[str, str], name: str, entries: Iterable[tuple[object, str]]) -> None:
    """Add emails to those of a list, each once: by :func:`email_key`, as it was passed first.

    :param name: the name of the argument.
    :param entries: each as it was passed, and as text without blanks at its ends.
    :raises InvalidInputError: if one is not an email.
    """
    problems = []
    for entry, text in entries:
        if is_email(text):
            emails.setdefault(email_key(text), text)
        else:
            problems.append(describe_problem(entry, text))
    if problems:
        raise InvalidInputError(
            name,
            f"{join_names(problems, _MAX_SHOWN)}. Correct or remove {'it' if len(problems) == 1 else 'them'}. If the "
            "value comes from a template or a task, check what that returned.",
        )


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
        and labels[-1].lower() != _NO_DOMAIN
        and all(label.strip("-") == label != "" for label in labels)
        and all(_is_letter(each) or each == "-" for label in labels for each in label)
        and misread_as(text) is None
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


def misread_as(text: str, encodings: Iterable[str] = _WINDOWS) -> str | None:
    """Return the encoding in which a program read UTF-8 text; None if it is none of these."""
    for encoding in () if text.isascii() else encodings:
        with suppress(UnicodeError):
            text.encode(encoding).decode()
            return encoding
    return None


def _deceptive_letter(text: str) -> str | None:
    """Return a letter that a reader may take for another one; None if there is none.

    It is a form of another letter, such as a ligature, which programs for PDF write, or a letter of another alphabet in
    a word that has letters of both. A word is what stands between dots, hyphens and other marks, so two words of an
    address may be of two scripts.
    """
    if text.isascii():
        return None
    for letter in filter(str.isalnum, text):
        if not unicodedata.is_normalized("NFKC", unicodedata.normalize("NFC", letter)):
            return letter
    for word in re.findall(r"\w+", text):
        letters: dict[str, str] = {unicodedata.name(each, "").partition(" ")[0]: each for each in reversed(word)}
        found = [letters[alphabet] for alphabet in _ALPHABETS if alphabet in letters]
        if len(found) > 1:
            return found[-1]
    return None


def describe_problem(entry: object, text: str) -> str:
    """Return why an entry is neither a UUID nor an email, and what to do.

    :param text: the entry without blanks at its ends.
    """
    problem = f"{shorten(entry)} is neither a user UUID nor an email address"
    if hidden := dict.fromkeys(filter(is_hidden, text)):
        shown = join_names((ascii(each)[1:-1] for each in hidden), _MAX_SHOWN)
        return f"{problem} (it contains hidden characters: {shown}; type it again)"
    if (encoding := misread_as(text)) is not None:
        windows = encoding.replace("cp", "Windows-")
        return f"{problem} (it is UTF-8 text that was read as {windows}, export it again)"
    if (letter := _deceptive_letter(text)) is not None:
        name = unicodedata.name(letter, ascii(letter)).lower()
        return f"{problem} (its {letter!r} is a {name}, which only looks like another letter; type it again)"
    for pattern, advice in _ADVICE:
        if match := re.search(pattern, text[:_MAX_ENTRY]):
            return f"{problem} ({advice.format(match[0])})"
    return problem
