"""The helpers that messages share."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._text import (
    encodable,
    is_hidden,
    join_names,
    plural,
    redactor,
    shorten,
    shorten_url,
    without_numbers,
)


def test_names_are_joined_up_to_a_limit() -> None:
    """Names beyond the limit are counted."""
    assert join_names([]) == ""
    assert join_names("abc", 3) == "a, b, c"
    assert join_names(iter("abcde"), 3) == "a, b, c and 2 more"
    assert join_names(map(str, range(21))).endswith(", 19 and 1 more")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 seats"), (1, "1 seat"), (2, "2 seats"), (1_200, "1,200 seats"), (1_000_000, "1,000,000 seats")],
)
def test_a_count_has_the_right_noun(count: int, text: str) -> None:
    """One thing has the singular, every other count the plural, and thousands are separated."""
    assert plural(count, "seat") == text


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    """An irregular plural is used for every count but one."""
    assert [plural(count, "person", "people") for count in (0, 1, 2)] == ["0 people", "1 person", "2 people"]


@pytest.mark.parametrize(
    "character", ["\u200b", "\u200d", "\u00ad", "\ufeff", "\x00", "\x7f", "\u034f", "\u3164", "\ufe0f"]
)
def test_a_character_without_a_picture_is_hidden(character: str) -> None:
    """Format and control characters, fillers and variation selectors are hidden, and are shown escaped."""
    assert is_hidden(character)
    assert shorten(f"a{character}b") == f"'a{ascii(character)[1:-1]}b'"


@pytest.mark.parametrize("character", ["a", "\u00e9", "\u0301", "\u4e2d", "'", " ", "\u00a0", "\u0645"])
def test_a_character_with_a_picture_is_not_hidden(character: str) -> None:
    """Letters, accents, marks and spaces are not hidden."""
    assert not is_hidden(character)


@given(st.text(max_size=40))
def test_a_shortened_value_hides_nothing(text: str) -> None:
    """The text for a message contains no hidden character."""
    assert not any(map(is_hidden, shorten(text)))


def test_a_long_value_is_cut() -> None:
    """A long value is cut after the limit, with dots."""
    assert shorten("a" * 198) == f"'{'a' * 198}'"
    assert shorten("a" * 199) == f"'{'a' * 199}..."
    assert shorten([1, 2, 3], limit=3) == "[1,..."
    assert shorten(None) == "None"


def test_messages_that_differ_in_numbers_are_alike() -> None:
    """Numbers and ids are replaced, so that messages about different people can be compared."""
    one = "user 11111111-1111-1111-1111-11111111111a: no seat 7"
    other = "user 22222222-2222-2222-2222-22222222222b: no seat 23"
    assert without_numbers(one) == without_numbers(other) == "user #: no seat #"
    assert without_numbers("no such product") == "no such product"


@given(st.text(max_size=20))
def test_any_text_becomes_encodable(text: str) -> None:
    """Text without lone surrogates stays as it is."""
    assert encodable(text) == text


def test_a_lone_surrogate_is_replaced() -> None:
    """A lone surrogate becomes a question mark, so that the text can be written to a file."""
    assert encodable("a\ud800b") == "a?b"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://AKIA:ab/cd@bucket/x.csv", "'s3://***@bucket/x.csv'"),
        ("https://ghp_token@host/x.csv", "'https://***@host/x.csv'"),
        ("https://user:pass@host/x.csv", "'https://***@host/x.csv'"),
        ("s3://aws_default@bucket/a@b.csv", "'s3://aws_default@bucket/a@b.csv'"),
        ("file:///srv/roster.csv", "'file:///srv/roster.csv'"),
        ("https://hr.example.com/r.csv?sig=abc&x=1", "'https://hr.example.com/r.csv?***'"),
        ("https://hr.example.com/r.csv#abc", "'https://hr.example.com/r.csv?***'"),
        ("https://me:secret@hr.example.com/r.csv?sig=abc", "'https://***@hr.example.com/r.csv?***'"),
        ("s3://hr/what?.csv", "'s3://hr/what?.csv'"),
    ],
)
def test_a_url_is_shown_without_its_password_or_token(url: str, shown: str) -> None:
    """A user with a password, and a user of a web address, are replaced; Airflow's connection id is not."""
    assert shorten_url(url) == shown


@pytest.mark.parametrize("form", [str, quote, quote_plus, escape, lambda secret: quote(secret, safe=""), json.dumps])
def test_a_secret_is_redacted_in_every_form(form: object) -> None:
    """A secret is replaced as it is, in a URL, in HTML and in JSON, in any case."""
    assert callable(form)
    secret = 'k/e y&"<1>'
    redact = redactor([secret, "other"])
    for text in (form(secret), form(secret).upper()):
        redacted = redact(f"a {text} b OTHER")
        assert redacted.replace('"', "") == "a *** b ***"


def test_the_longest_form_is_redacted_first() -> None:
    """A secret that contains another one leaves no rest."""
    assert redactor(["abc", "abcdef"])("xabcdefx") == "x***x"


def test_nothing_is_redacted_without_secrets() -> None:
    """Without secrets a text stays as it is."""
    assert redactor([])("abc") == "abc"


@given(st.lists(st.text("abc/ &", min_size=3, max_size=6), min_size=1, max_size=3), st.text("abc/ &", max_size=9))
def test_no_secret_remains(secrets: list[str], text: str) -> None:
    """No secret is left in any text."""
    redacted = redactor(secrets)(f"{text}{secrets[0]}{text}")
    assert not any(secret in redacted for secret in secrets)
