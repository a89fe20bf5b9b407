"""Helpers that messages share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from html import escape
from json import dumps
from urllib.parse import quote, quote_plus

_MAX_VALUE = 200
# Characters that no font shows although they are letters or marks: fillers, joiners and variation selectors. Together
# with Unicode's format characters they are what a reader cannot see.
_IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
_find_ignorable = re.compile(f"[{_IGNORABLE}]")


def join_names(names: Iterable[str], limit: int = 20) -> str:
    """Join names for a sentence. After ``limit`` names, say how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def plural(count: int, singular: str, many: str | None = None) -> str:
    """Return a count with its noun: ``1 seat``, ``2 seats``, ``1,200 people``."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


def is_hidden(character: str) -> bool:
    """Return whether a reader cannot see a character that is not a space."""
    return unicodedata.category(character) in {"Cf", "Cc"} or _find_ignorable.match(character) is not None


def strip_hidden(text: str) -> str:
    """Remove spaces, and characters that only control the layout of text, from both ends."""
    if text.isascii():  # it contains no such characters, and there may be 100,000 texts
        return text.strip()
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def shorten(value: object, limit: int = _MAX_VALUE) -> str:
    """Return the ``repr`` of a value for a message. It makes hidden characters visible and is cut after ``limit``."""
    shown = _find_ignorable.sub(lambda match: ascii(match[0])[1:-1], repr(value))
    return shown if len(shown) <= limit else f"{shown[:limit]}..."


def shorten_url(url: str) -> str:
    """Return a path or URL for a message, without a password or token that it may contain."""
    return shorten(without_credentials(url))


def without_credentials(text: str) -> str:
    """Replace passwords and tokens in the URLs of a text."""
    text = re.sub(r"(?<=//)[^@\s]*:[^@\s]*(?=@)", "***", text)
    # Before a host of the web, a user without a password is a token. Elsewhere it is Airflow's connection id.
    text = re.sub(r"(\bhttps?://)[^/@\s]+(?=@)", r"\1***", text)
    # A link to a file on the web may contain a signature.
    return re.sub(r"(\bhttps?://[^?#\s]*)[?#][^\s'\")]+", r"\1?***", text)


def without_numbers(text: str) -> str:
    """Replace numbers and ids, which differ from call to call, so that two messages can be compared."""
    return re.sub(r"[0-9a-fA-F-]*[0-9][0-9a-fA-F-]*", "#", text)


def encodable(text: str) -> str:
    """Replace lone surrogates: JSON can hold them, but no file, database or socket accepts them."""
    return text.encode("utf-8", "replace").decode()


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that replaces secrets in a text, also as a page, a URL or JSON may repeat them."""
    known = tuple(secrets)

    @cache
    def pattern() -> re.Pattern[str]:  # compiled for the first text: a request that succeeds has none
        forms = {
            form
            for secret in known
            for form in (
                secret,
                quote(secret),
                quote(secret, safe=""),
                quote_plus(secret),
                escape(secret),
                dumps(secret)[1:-1],
            )
        }
        # The longest form comes first, so that no part of it is left.
        ordered = sorted(forms, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, ordered)) or r"(?!)", re.IGNORECASE)

    return lambda text: pattern().sub("***", text)
