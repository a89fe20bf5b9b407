"""People as arguments: lists, texts, UUIDs, and who is one person."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._rosters.people import NOBODY, People, parse_people
from airflow_provider_seats.exceptions import DatadogSeatsError, InvalidInputError
from tests.helpers.addresses import (
    addresses,
    emails_of,
    is_encoded,
    problem,
)
from tests.helpers.planning import person

U1 = "11111111-1111-1111-1111-11111111111a"
U2 = "22222222-2222-2222-2222-22222222222b"


# --- lists and texts ---


@pytest.mark.parametrize(
    "value",
    [
        ["a@x.com", "b@x.com"],
        ("a@x.com", "b@x.com"),
        (each for each in ["a@x.com", "b@x.com"]),
        filter(None, ["a@x.com", None, "b@x.com"]),
        '["a@x.com", "b@x.com"]',
        "['a@x.com', 'b@x.com']",
        "('a@x.com', 'b@x.com')",
        "a@x.com,b@x.com",
        " a@x.com ; b@x.com ;",
        "a@x.com\nb@x.com\n",
        "\ufeffa@x.com\r\nb@x.com\r\n",
        '\ufeff["a@x.com", "b@x.com"]',
        ["a@x.com", "A@X.com ", "b@x.com"],
    ],
)
def test_a_list_is_parsed_from_every_form_that_a_template_renders(value: Any) -> None:
    """A list, JSON, Python's repr and separated text name the same people, each once, as first written."""
    assert parse_people(user_uuids=NOT_PASSED, user_emails=value) == People((), ("a@x.com", "b@x.com"))


def test_uuids_and_emails_may_be_mixed() -> None:
    """Each argument accepts UUIDs and emails, because the form of an entry shows which of the two it is."""
    people = parse_people(user_uuids=[U1.upper(), "b@x.com"], user_emails=["a@x.com", U2])
    assert people == People((U1, U2), ("b@x.com", "a@x.com"))


@pytest.mark.parametrize("value", [[], (), "[]", "()", set()])
def test_an_empty_list_names_nobody_and_is_recorded(value: Any) -> None:
    """An empty list is nobody, and the argument's name is kept for the guard against empty rosters."""
    assert parse_people(user_uuids=value, user_emails=NOT_PASSED) == People(empty=("user_uuids",))
    assert parse_people(user_uuids=[U1], user_emails=value) == People((U1,), empty=("user_emails",))
    assert parse_people(user_uuids=value, user_emails=value) == People(empty=("user_uuids", "user_emails"))


def test_an_argument_must_be_passed() -> None:
    """If neither argument is passed, the error names both."""
    with pytest.raises(InvalidInputError, match=r"^user_uuids or user_emails: nobody was passed"):
        parse_people(user_uuids=NOT_PASSED, user_emails=NOT_PASSED)


@pytest.mark.parametrize("value", [None, "", "  ", " , ;", "\ufeff", "\u200b", "\n"])
@pytest.mark.parametrize("other", [NOT_PASSED, [], [U1]])
def test_none_and_a_text_that_names_nobody_are_errors(value: Any, other: Any) -> None:
    """A template or task that returned nothing is an error, whatever the other argument holds."""
    with pytest.raises(InvalidInputError, match=r"^user_emails: .*pass \[\] for nobody"):
        parse_people(user_uuids=other, user_emails=value)
    with pytest.raises(InvalidInputError, match=r"^user_uuids: .*pass \[\] for nobody"):
        parse_people(user_uuids=value, user_emails=other)


@pytest.mark.parametrize(
    "value",
    [
        ["None"],
        "None",
        "['a@x.com', None]",
        [None],
        [""],
        [3],
        ["a@"],
        ["@x"],
        ["a b@x.com"],
        ["a@b@x.com"],
        ["a..b@x.com"],
        [".a@x.com"],
        ["a.@x.com"],
        ["a@x..com"],
        ["a@x_y.com"],
        ["a@x"],
        ["a?b@x.com"],
        ["a@x.com,b@x.com"],
        [U1[:-1]],
        "[",
        "['a@x.com'",
        "{'a': 1}",
        {"a@x.com": 1},
        b"a@x.com",
        [b"a@x.com"],
        7,
        "[[]]",
        "[" * 5000,
    ],
)
def test_anything_else_is_an_error_that_names_the_argument(value: Any) -> None:
    """A value that is neither a UUID nor an email is an error that names the argument and stays short."""
    assert len(problem(value)) < 400


def test_the_error_lists_only_the_first_bad_entries() -> None:
    """An error about many entries shows five of them and counts the others."""
    message = problem([f"bad{number}" for number in range(7)])
    assert "'bad4'" in message
    assert "'bad5'" not in message
    assert "and 2 more. Correct or remove them." in message
    assert "Correct or remove it." in problem(["bad"])


@given(st.text() | st.lists(st.text() | st.none()) | st.integers())
def test_any_value_is_parsed_or_is_an_error_of_this_package(value: Any) -> None:
    """Every entry that is accepted is a UUID or an email."""
    try:
        people = parse_people(user_emails=value)
    except DatadogSeatsError as error:
        assert str(error).startswith("user_emails: ")
    else:
        assert all("@" in email for email in people.emails)
        assert all(str(UUID(uuid)) == uuid for uuid in people.uuids)


@given(st.lists(addresses, max_size=4))
def test_every_form_of_a_list_names_the_same_people(emails: list[str]) -> None:
    """A list, its JSON, its repr and its text name the same people."""
    people = parse_people(user_emails=emails)
    assert parse_people(user_emails=json.dumps(emails)) == people == parse_people(user_emails=repr(emails))
    if emails:
        assert parse_people(user_emails=", ".join(emails)) == people == parse_people(user_emails="\n".join(emails))


def test_people_are_counted_and_shown_as_a_report_shows_them() -> None:
    """People have a length, are falsy if there is nobody, and become persons of a report."""
    people = People((U1,), ("a@x.com",))
    assert (len(people), bool(people), len(NOBODY), bool(NOBODY)) == (2, True, 0, False)
    assert people.as_persons() == (person(None, "a@x.com"), person(U1))


# --- one person or two ---


@given(addresses)
def test_two_spellings_of_an_email_are_one_person(email: str) -> None:
    """Composed and decomposed letters are one person, who keeps the first spelling."""
    decomposed, composed = unicodedata.normalize("NFD", email), unicodedata.normalize("NFC", email)
    assert emails_of([email, decomposed, composed]) == (email,)


@given(st.emails().filter(lambda email: not {*"*?'"} & {*email} and not is_encoded(email)))
def test_case_does_not_make_two_people(email: str) -> None:
    """Upper and lower case are one person."""
    assert emails_of([email, email.upper(), email.lower(), email.swapcase()]) == (email,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stra\u00dfe@x.com", "strasse@x.com"),
        ("STRA\u1e9eE@x.com", "STRASSE@x.com"),
        ("\u0131an@x.com", "ian@x.com"),
        ("\u03bf\u03c2@x.com", "\u03bf\u03c3@x.com"),
        ("jos\u00e9@x.com", "jose@x.com"),
        ("\u0430\u0441\u0435@x.com", "ace@x.com"),
        ("ann+a@x.com", "ann@x.com"),
        ("a.nn@x.com", "ann@x.com"),
        ("ann@b\u00fccher.de", "ann@xn--bcher-kva.de"),
    ],
)
def test_two_addresses_are_never_one_person(one: str, other: str) -> None:
    """Addresses that differ after NFC and lower() are two people, although casefold() would join them."""
    assert emails_of([one, other]) == (one, other)


@given(st.lists(addresses, min_size=2, max_size=6))
def test_only_addresses_that_are_equal_in_lower_case_are_joined(emails: list[str]) -> None:
    """People are as many as there are different addresses in composed lower case."""
    composed = {unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).lower()) for email in emails}
    assert len(parse_people(user_emails=emails)) == len(composed)


UUID_FORMS = [
    str(UUID(U1)),
    U1.upper(),
    UUID(U1).hex,
    UUID(U1).hex.upper(),
    f"{{{U1}}}",
    f"urn:uuid:{U1}",
    f" {U1}\n",
    UUID(U1),
]


@pytest.mark.parametrize("form", UUID_FORMS)
def test_every_form_of_a_uuid_is_the_same_person(form: Any) -> None:
    """Hyphens, case, braces, the URN prefix and UUID objects make no difference."""
    assert parse_people(user_uuids=[form, U1]) == People((U1,))
    if isinstance(form, str):
        assert parse_people(user_uuids=form) == People((U1,))


@given(st.uuids(), st.data())
def test_uuids_are_parsed_in_every_form(uuid: UUID, data: st.DataObject) -> None:
    """Each UUID is parsed from every form to the same lower-case text."""
    forms = [str(uuid), uuid.hex, uuid.urn, f"{{{uuid}}}", str(uuid).upper(), uuid]
    assert parse_people(user_uuids=[data.draw(st.sampled_from(forms)), str(uuid)]) == People((str(uuid),))


@pytest.mark.parametrize(
    "entry",
    [
        U1[:-1],
        f"{U1}0",
        f"{UUID(U1).hex[:-2]}_1",
        U1.replace("1", "\u0661"),
        U1.replace("-", "\u2010"),
        f"{U1[:9]}\u200b{U1[9:]}",
        U1.replace("a", "g"),
    ],
)
def test_anything_else_is_no_uuid(entry: str) -> None:
    """A UUID with another length, foreign digits, underscores or hidden characters is an error."""
    assert "neither a user UUID nor an email" in problem([entry])
