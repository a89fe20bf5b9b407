"""Addresses of any kind, and what is said about them."""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import strategies as st

from airflow_provider_seats._rosters.people import parse_people
from airflow_provider_seats.exceptions import InvalidInputError

MARKS = "!#$%&'+-/=^_`{|}~"
# Letters and marks that no font shows, although Unicode does not call them format characters.
IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
FORMAT = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
CONTROL = [chr(code) for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc" and not chr(code).isspace()]

letters = st.characters(categories=("Lu", "Ll", "Lt", "Lo", "Nd"), exclude_characters=IGNORABLE)
atoms = st.text(letters | st.sampled_from(MARKS), min_size=1, max_size=8)
labels = st.text(letters | st.just("-"), min_size=1, max_size=8).filter(lambda label: label.strip("-") == label)
locals_ = st.lists(atoms, min_size=1, max_size=3).map(".".join).filter(lambda local: local.strip("'") == local)
domains = st.lists(labels, min_size=2, max_size=4).filter(lambda each: len(each[-1]) > 1).map(".".join)
format_characters = st.text(st.sampled_from(FORMAT), max_size=3)


def is_misread(text: str) -> bool:
    """Return whether a text is what an encoding of Windows makes of UTF-8."""
    for number in (1250, 1251, 1252, 1253, 1254, 1257):
        try:
            if text.encode(f"cp{number}").decode() != text:
                return True
        except UnicodeError:
            continue
    return False


def is_deceptive(text: str) -> bool:
    """Return whether a text has a word of two alphabets, other forms of letters, or what no address has."""
    words = (
        [unicodedata.name(each, "").split()[:1] for each in word if each.isalpha()] for word in re.findall(r"\w+", text)
    )
    mixed = (sum([each] in names for each in ("LATIN", "CYRILLIC", "GREEK")) > 1 for names in words)
    composed = unicodedata.normalize("NFC", text)
    is_other_form = unicodedata.normalize("NFKC", composed) != composed
    return any(mixed) or is_other_form or is_encoded(text)


def is_encoded(text: str) -> bool:
    """Return whether a text has characters of a link or a mail, or ends as no address does."""
    return re.search(r"(?i)%[0-9a-f]{2}|(?:=[89a-f][0-9a-f]){2}|\.invalid$", text) is not None


addresses = st.builds("{}@{}".format, locals_, domains).filter(
    lambda email: not is_misread(email) and not is_deceptive(email)
)


def emails_of(value: Any) -> tuple[str, ...]:
    """Return the emails that an argument holds."""
    return parse_people(user_emails=value).emails


def problem(value: Any) -> str:
    """Return the message about an argument that cannot be used."""
    with pytest.raises(InvalidInputError, match=r"^user_emails: ") as caught:
        parse_people(user_emails=value)
    assert caught.value.field == "user_emails"
    return str(caught.value)
