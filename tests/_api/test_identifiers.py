"""What identifies a person: user UUIDs in every form, and emails in any case."""

from __future__ import annotations

import unicodedata
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.identifiers import (
    AnyPerson,
    PersonSet,
    canonical_uuid,
    email_key,
    identity,
    require_uuids,
)
from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._api.users import User
from airflow_provider_seats.exceptions import InvalidInputError

ANN = "8a2fdb92-0000-4000-8000-00000000abcd"
FORMS = [
    str,
    str.upper,
    lambda text: text.replace("-", ""),
    lambda text: f"{{{text}}}",
    lambda text: f"urn:uuid:{text}",
    lambda text: f" {text}\n",
    UUID,
]
_words = st.text(min_size=1, max_size=20)


@pytest.mark.parametrize("form", FORMS)
def test_a_uuid_is_accepted_in_every_form(form: Any) -> None:
    """A UUID is accepted in every form that databases print, and becomes lower case with hyphens."""
    assert canonical_uuid(form(ANN)) == ANN


@given(st.uuids(), st.sampled_from(FORMS))
def test_two_forms_of_one_uuid_are_one_person(uuid: UUID, form: Any) -> None:
    """Two forms of one UUID are one person, whatever the UUID."""
    assert require_uuids("user_uuids", [form(str(uuid)), uuid, str(uuid)]) == (str(uuid),)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "ann@example.com",
        ANN[:-1],
        f"{ANN}0",
        ANN.replace("a", "g"),
        ANN.replace("8", "\u0668"),
        "8a2fdb9_0000_4000_8000_00000000abcd",
        f"\ufeff{ANN}",
        ANN.encode(),
        7,
        [ANN],
    ],
)
def test_anything_else_is_no_uuid(value: Any) -> None:
    """Emails, damaged UUIDs, digits of other scripts and other types are no UUID, and the error shows the value."""
    assert canonical_uuid(value) is None
    with pytest.raises(InvalidInputError, match=r"user_uuids: .* is not a user UUID") as caught:
        require_uuids("user_uuids", [ANN, value])
    assert caught.value.field == "user_uuids"
    assert repr(value) in str(caught.value)


def test_a_text_is_not_a_list_of_uuids() -> None:
    """A single text is an error, because it would be read letter by letter."""
    with pytest.raises(InvalidInputError, match=r"is not a list\. Pass a list of user UUIDs"):
        require_uuids("user_uuids", ANN)
    nothing: Any = None
    with pytest.raises(InvalidInputError, match=r"^user_uuids: None is not a list"):
        require_uuids("user_uuids", nothing)


def test_uuids_keep_their_order() -> None:
    """UUIDs are returned in their order, each once, also from an iterator."""
    other = ANN.replace("8a", "11")
    assert require_uuids("user_uuids", iter([other, ANN, other.upper()])) == (other, ANN)


@given(st.text(max_size=60) | st.none() | st.integers() | st.binary())
def test_no_value_raises_a_foreign_error(value: object) -> None:
    """Every value is either no UUID or one in lower case with hyphens."""
    uuid = canonical_uuid(value)
    assert uuid is None or str(UUID(uuid)) == uuid


def test_spellings_of_one_email_have_the_same_key() -> None:
    """Case, spaces around it and the composition of accents do not make another email."""
    assert email_key(" Ren\u00c9@X.com ") == email_key("rene\u0301@x.com") == "ren\u00e9@x.com"


@pytest.mark.parametrize(("one", "other"), [("strasse@x.com", "stra\u00dfe@x.com"), ("\ufb01n@x.com", "fin@x.com")])
def test_two_emails_that_only_look_alike_have_different_keys(one: str, other: str) -> None:
    """Letters that casefold or NFKC would make equal are different people."""
    assert email_key(one) != email_key(other)


@given(_words)
def test_a_key_is_its_own_key(email: str) -> None:
    """The key of a key is the same key."""
    assert email_key(email_key(email)) == email_key(email)


@given(_words)
def test_a_key_does_not_depend_on_the_composition(email: str) -> None:
    """An email has the same key in composed and in decomposed form."""
    assert email_key(unicodedata.normalize("NFD", email)) == email_key(unicodedata.normalize("NFC", email))


@given(st.emails())
def test_a_key_does_not_depend_on_the_case(email: str) -> None:
    """An ASCII email has the same key in upper and in lower case."""
    assert email_key(email.upper()) == email_key(email.lower()) == email.lower()


# --- the same person ---

BOB = "8a2fdb92-0000-4000-8000-00000000abce"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ANN, ANN, True),
        (ANN, SeatUser(ANN, "ann@x", None, None), True),
        (ANN, User(ANN, "ann@x", None, None), True),
        (ANN, {"id": ANN, "email": None}, True),
        (ANN.upper(), {"id": ANN, "email": None}, True),
        ("Ann@x", SeatUser(ANN, "ann@X", None, None), True),
        ("ann@x", User(ANN, "ann.new@x", None, None, handle="ann@x"), True),
        (SeatUser(None, "ann@x", None, None), {"id": ANN, "email": "ann@x"}, True),
        (SeatUser(BOB, "ann@x", None, None), {"id": ANN, "email": "ann@x"}, False),
        (SeatUser(None, None, None, None), {"id": None, "email": None}, False),
        (ANN, "ann@x", False),
        ("ann@x", "bob@x", False),
    ],
)
def test_two_are_the_same_person(one: AnyPerson, other: AnyPerson, same: bool) -> None:
    """Two UUIDs decide it, and otherwise an email that both have, in whatever form a person comes."""
    assert (one in PersonSet([other])) is same
    assert (other in PersonSet([one])) is same
    assert (other in PersonSet([one, BOB, "eve@x"])) is (same or identity(other).uuid == BOB)


PEOPLE = st.builds(
    SeatUser, st.none() | st.sampled_from([ANN, BOB]), st.none() | st.sampled_from(["1@x", "2@x"]), st.none(), st.none()
)


@given(PEOPLE, st.lists(PEOPLE))
def test_a_set_contains_everyone_who_is_the_same_as_one_in_it(person: SeatUser, people: list[SeatUser]) -> None:
    """Someone is in a set if a UUID or, where one of both has none, an email says so about anyone in it."""

    def is_same(other: SeatUser) -> bool:
        if person.id and other.id:
            return person.id == other.id
        return person.email is not None and person.email == other.email

    assert (person in PersonSet(people)) is any(map(is_same, people))
