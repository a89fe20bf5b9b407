"""What identifies a person at Datadog: a user UUID, or an email."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from uuid import UUID

from airflow_provider_seats._text import shorten
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._api.users import User

_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def email_key(email: str) -> str:
    """Return what two spellings of one email have in common: Unicode's composed form, in lower case.

    ``casefold`` would make one person of two: ``strasse`` and ``stra\u00dfe`` are different addresses.
    """
    text = email.strip()
    if text.isascii():  # there may be 100,000 of them
        lower = text.lower()
        return text if lower == text else lower
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def canonical_uuid(value: object) -> str | None:
    """Return a UUID in lower case with hyphens, from every form that :class:`uuid.UUID` accepts; None if it is none."""
    if isinstance(value, str) and _CANONICAL.fullmatch(value):  # there may be 100,000 of them
        return value
    text = str(value).strip() if isinstance(value, str | UUID) else ""
    # UUID() also accepts what int() does: underscores, and digits of other scripts.
    if not re.fullmatch(r"[0-9a-fA-F{}:urnid-]+", text):
        return None
    try:
        return str(UUID(text))
    except ValueError:
        return None


def require_uuids(field: str, values: Iterable[object]) -> tuple[str, ...]:
    """Return UUIDs in canonical form, each once.

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


# A row of the seat list, an account, a person of a report, or an entry of a roster: a UUID in lower case, or an email.
AnyPerson: TypeAlias = "SeatUser | User | Mapping[str, object] | str"


class Identity(NamedTuple):
    """What identifies a person, as far as it is known.

    :param emails: what names the person in a list of emails, each an :func:`email_key`.
    """

    uuid: str | None
    emails: frozenset[str]


def identity(person: AnyPerson) -> Identity:
    """Return what identifies a person. An account is also named by its handle."""
    if isinstance(person, str):
        uuid = canonical_uuid(person)
        return Identity(uuid, frozenset() if uuid else frozenset({email_key(person)}))
    if isinstance(person, Mapping):
        found, names = person.get("id"), [person.get("email")]
    else:
        found, names = person.id, [person.email, getattr(person, "handle", None)]
    return Identity(str(found) if found else None, frozenset(email_key(str(name)) for name in names if name))


class PersonSet:
    """People, to ask whether someone is among them: a row, an account, a person of a report, an entry of a roster.

    Two user UUIDs decide whether two are the same person. If one has none, an email that both have decides.
    """

    def __init__(self, people: Iterable[AnyPerson]) -> None:
        self._uuids: set[str] = set()
        self._emails: set[str] = set()
        self._emails_without_uuid: set[str] = set()
        for uuid, emails in map(identity, people):
            self._emails |= emails
            if uuid:
                self._uuids.add(uuid)
            else:
                self._emails_without_uuid |= emails

    def __contains__(self, person: AnyPerson) -> bool:
        uuid, emails = identity(person)
        if uuid in self._uuids:
            return True
        return not emails.isdisjoint(self._emails_without_uuid if uuid else self._emails)
