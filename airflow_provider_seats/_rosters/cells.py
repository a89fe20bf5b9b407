"""The cells of a table, as a reader of the file sees them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Self

from airflow_provider_seats._text import is_hidden, shorten, strip_hidden

# What a spreadsheet shows in place of the value of a formula, in the languages of Excel, and of a column that is too
# narrow. Programs save it as text.
_find_failed: Final = re.compile(
    r"#(?:\S*[!?]|#+|\w/\w|getting_data|nv|yok|hi\u00e1nyzik|nen\u00ed_k_dispozici)|err:[0-9]{3}|loading\.\.\."
)
# What programs write where there is no value.
_find_nothing: Final = re.compile(r"--?|\.|\?|0|00:00:00|\\n|<na>|n/?a|nan|nat|nil|\(?(?:null|none|blank|empty)\)?")
_find_date: Final = re.compile(r"(?:([0-9]{4})\W[0-9]{1,2}\W[0-9]{1,2}|[0-9]{1,2}\W\w{1,9}\W([0-9]{4}))(?:[\Wt].*)?")
_find_epoch: Final = re.compile(r"(?:1970\W0?1\W0?1|0?1\W(?:0?1|jan)\W1970)(?:[\Wt].*)?")
_POSSIBLE_YEARS: Final = range(1901, 2200)
_find_quote: Final = re.compile("[\u0060\u00b4\u02b9\u02bb\u02bc\u02c8\u2018-\u201b\u2032]")
_find_double_quote: Final = re.compile("[\u00ab\u00bb\u201c-\u201f\u2033]")
# Letters of Cyrillic and Greek that look like these of Latin.
_LOOKALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405"
    "\u03bf\u03bd\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "aeopcyxijsABEKMHOPCTYXIJSovABEZHIKMNOPTYX",
)
_has_lookalikes: Final = re.compile("[\u0370-\u04ff]").search
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
    Nor are the kind of apostrophes and the width of letters, and letters of another alphabet that look the same.
    """
    if not text.isascii():
        visible = "".join(each for each in text if each.isspace() or not is_hidden(each))
        quoted = _find_double_quote.sub('"', _find_quote.sub("'", visible))
        text = _find_hyphen.sub("-", unicodedata.normalize("NFKC", quoted))
        if _has_lookalikes(text):
            text = re.sub(r"\w+", _without_lookalikes, text)
        # In Turkish, a capital I has two forms, and so has a small one.
        return " ".join(text.split()).casefold().replace("i\u0307", "i").replace("\u0131", "i")
    return " ".join(text.split()).casefold()


def problem_of(cell: str) -> str | None:
    """Return why a cell cannot be relied on, for a sentence that begins with its place; None if it can.

    A spreadsheet shows an error for a formula that failed, or for a value that does not fit.
    """
    if isinstance(cell, BadCell):
        return cell.problem
    text = strip_hidden(cell)
    if text[:1] in "#EeLl" and _find_failed.fullmatch(comparable(text)):
        return f"it holds the error {shorten(text)} (correct the cell, or its formula)"
    return None


def may_mean_nothing(key: str) -> bool:
    """Return whether a program may have written this where there is no value, such as a date of the year 9999.

    :param key: a cell in comparable form.
    """
    if _find_nothing.fullmatch(key) or _find_epoch.fullmatch(key):
        return True
    date = _find_date.fullmatch(key)
    return date is not None and int(date[1] or date[2]) not in _POSSIBLE_YEARS


def _without_lookalikes(match: re.Match[str]) -> str:
    """Return a word in Latin letters, if it has some and its others look like them."""
    word = match[0]
    latin = word.translate(_LOOKALIKES)
    return latin if latin.isascii() and any("a" <= each.lower() <= "z" for each in word) else word
