"""The cells of a table, as a reader of the file sees them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Self

from airflow_provider_seats._text import is_hidden, strip_hidden

# What a reader cannot tell from a hyphen: dashes of every length, a bullet and a minus.
_find_hyphen: Final = re.compile("[\u058a\u1806\u2010-\u2015\u2043\u2212\u2e3a\u2e3b\ufe31\ufe32\ufe58\ufe63\uff0d]")


class BadCell(str):
    """A cell whose content cannot be relied on. It equals no other text, so no word matches it.

    :param problem: what is wrong with it, for a sentence that begins with its place.
    """

    __slots__ = ("problem",)
    problem: str

    def __new__(cls, text: str, problem: str) -> Self:
        cell = super().__new__(cls, text)
        cell.problem = problem
        return cell

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__


def is_blank(cells: Iterable[str]) -> bool:
    """Return whether a reader sees nothing in these cells."""
    return not any(map(strip_hidden, cells))


def comparable(text: str) -> str:
    """Return what two spellings of a header, or of a word in a cell, have in common.

    Case, hidden characters, blanks at the ends, and the kind and number of blanks or of hyphens inside are none of it.
    """
    if not text.isascii():
        visible = "".join(each for each in text if each.isspace() or not is_hidden(each))
        text = unicodedata.normalize("NFC", _find_hyphen.sub("-", visible))
    return " ".join(text.split()).casefold()
