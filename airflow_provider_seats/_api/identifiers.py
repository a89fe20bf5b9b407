"""What identifies a person at Datadog: a user UUID, or an email."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from uuid import UUID

from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def email_key(email: str) -> str:
    """Return what two spellings of one email have in common: Unicode's composed form, in lower case.

    ``casefold`` would make one person of two: ``strasse`` and ``stra\u00dfe`` are different addresses.
    """
    text = email.strip()
    if text.isascii():  # there may be 100,000 of them
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def canonical_uuid(value: object) -> str | None:
    """Return a UUID in lower case with hyphens, from every form that :class:`uuid.UUID` accepts; None if it is none."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and _CANONICAL.fullmatch(value):
        return value
    text = value.strip() if isinstance(value, str) else ""
    # UUID() also accepts what int() does: underscores, and digits of other scripts.
    if not re.fullmatch(r"[0-9a-fA-F{}:urnid-]+", text):
        return None
    try:
        return str(UUID(text))
    except ValueError:
        return None


def require_uuids(field: str, values: Iterable[object]) -> tuple[str, ...]:
    """Return UUIDs in canonical form, each once.

    :param field: the name of the argument, for the error.
    :raises InvalidInputError: for the first value that is not a UUID.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInputError(field, f"{shorten(values)} is not a list. Pass a list of user UUIDs.")
    found: dict[str, None] = {}
    for value in values:
        uuid = canonical_uuid(value)
        if uuid is None:
            raise InvalidInputError(field, f"{shorten(value)} is not a user UUID. Correct or remove it.")
        found[uuid] = None
    return tuple(found)
