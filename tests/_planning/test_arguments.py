"""The arguments, as people give them and as templates leave them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.flow import InvalidInputError
from airflow_provider_seats._planning.arguments import (
    People,
    read_choice,
    read_count,
    read_flag,
    read_people,
    read_product,
)
from airflow_provider_seats._planning.planner import MissingUsers
from airflow_provider_seats.connection import DatadogSeatsError

U1 = "11111111-1111-1111-1111-11111111111a"
U2 = "22222222-2222-2222-2222-22222222222b"


@pytest.mark.parametrize(
    "given_",
    [
        ["a@x.com", "b@x.com"],
        ("a@x.com", "b@x.com"),
        (each for each in ["a@x.com", "b@x.com"]),
        '["a@x.com", "b@x.com"]',
        "['a@x.com', 'b@x.com']",
        "('a@x.com', 'b@x.com')",
        "a@x.com,b@x.com",
        " a@x.com ; b@x.com ;",
        "a@x.com\nb@x.com\n",
        ["a@x.com", "A@X.com ", "b@x.com"],
    ],
)
def test_a_list_is_read_from_every_form_that_a_template_leaves(given_: Any) -> None:
    """A list, its JSON, what Python shows of it, or text with commas; each person once, as first written."""
    assert read_people(user_uuids=None, user_emails=given_) == People((), ("a@x.com", "b@x.com"))


def test_uuids_and_emails_may_come_together_and_uuids_in_any_case() -> None:
    """What an entry is, is seen by its form."""
    people = read_people(user_uuids=[U1.upper(), U1], user_emails=["a@x.com", U2])
    assert people == People((U1, U2), ("a@x.com",))


def test_an_empty_list_is_nobody_and_none_is_an_error() -> None:
    """Nobody was meant, or somebody forgot to say who."""
    assert not read_people(user_uuids=[], user_emails=None)
    assert not read_people(user_uuids="[]", user_emails=None)
    with pytest.raises(InvalidInputError, match="user_uuids or user_emails: nobody is given"):
        read_people(user_uuids=None, user_emails=None)


@pytest.mark.parametrize(
    "value",
    [
        ["None"],
        "None",
        "['a@x.com', None]",
        [""],
        [3],
        ["a@"],
        ["@x"],
        ["a b@x.com"],
        ["Ann <a@x.com>"],
        [U1[:-1]],
        "",
        "  ",
        " , ;",
        "[",
        "['a@x.com'",
        "{'a': 1}",
        {"a@x.com": 1},
        b"a@x.com",
        7,
        "[[]]",
        "[" * 5000,
    ],
)
def test_what_is_neither_uuid_nor_email_is_named(value: Any) -> None:
    """A template that rendered to None must not become a person, nor one that rendered to nothing an empty job."""
    with pytest.raises(InvalidInputError, match=r"^user_emails: ") as caught:
        read_people(user_uuids=None, user_emails=value)
    assert len(str(caught.value)) < 400


@given(st.text() | st.lists(st.text() | st.none()) | st.integers())
def test_any_value_is_read_or_refused_by_one_of_our_errors(value: Any) -> None:
    """Everyone who is read is a UUID or an email."""
    try:
        people = read_people(user_emails=value)
    except DatadogSeatsError as error:
        assert str(error).startswith("user_emails: ")
    else:
        assert all("@" in email for email in people.emails)
        assert all(len(uuid) == 36 for uuid in people.uuids)


@given(st.lists(st.emails(), max_size=4))
def test_reading_what_was_read_changes_nothing(emails: list[str]) -> None:
    """A list, its JSON and its Python text are the same people, unless an email has an exotic character."""
    try:
        people = read_people(user_emails=emails)
    except InvalidInputError:
        return
    assert read_people(user_emails=json.dumps(emails)) == people == read_people(user_emails=repr(emails))


@pytest.mark.parametrize("value", ["", " ", None, "None", "incident response", 3, ["incident_response"]])
def test_what_is_no_product_code_is_named(value: Any) -> None:
    """A code is opaque, but it is one word."""
    with pytest.raises(InvalidInputError, match=r"^product_code: "):
        read_product(value)
    assert read_product(" on_call ") == "on_call"


def test_a_word_must_be_one_of_those_allowed() -> None:
    """The error shows the value and the choices."""
    assert read_choice("missing_users", "skip", MissingUsers) == "skip"
    with pytest.raises(InvalidInputError, match="'Skip' is none of 'fail', 'skip'"):
        read_choice("missing_users", "Skip", MissingUsers)
    with pytest.raises(InvalidInputError):
        read_choice("missing_users", ["skip"], MissingUsers)


@pytest.mark.parametrize(
    ("value", "flag"), [(True, True), ("True", True), ("1", True), (False, False), (" false", False)]
)
def test_a_flag_is_read_from_text(value: Any, flag: bool) -> None:
    """The text False is not true."""
    assert read_flag("preview", value) is flag


@pytest.mark.parametrize("value", ["", None, "maybe", 2, []])
def test_what_is_no_flag_is_named(value: Any) -> None:
    """Nothing is changed because a template rendered to nothing."""
    with pytest.raises(InvalidInputError, match=r"^preview: "):
        read_flag("preview", value)


@pytest.mark.parametrize("value", [0, -1, "x", 1.5, True, "", None, "1_0", "٣"])
def test_a_count_is_a_whole_number_above_0(value: Any) -> None:
    """And is read from text, too."""
    with pytest.raises(InvalidInputError, match=r"^batch_size: "):
        read_count("batch_size", value)
    assert (read_count("batch_size", 7), read_count("batch_size", "100")) == (7, 100)
