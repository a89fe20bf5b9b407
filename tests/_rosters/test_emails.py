"""The grammar of an email address, and the error that says what is wrong with another text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given, strategies as st

from airflow_provider_seats._rosters.emails import is_email
from airflow_provider_seats._rosters.people import People, parse_people
from airflow_provider_seats._text import strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError
from tests.helpers.addresses import (
    CONTROL,
    FORMAT,
    IGNORABLE,
    addresses,
    emails_of,
    format_characters,
    is_encoded,
    is_misread,
    problem,
)

U1 = "11111111-1111-1111-1111-11111111111a"


@given(addresses)
def test_every_dot_atom_is_accepted_unchanged(email: str) -> None:
    """A dot-atom with an apostrophe, any other mark of RFC 5322 or letters of any script is accepted unchanged."""
    assert emails_of([email]) == (email,)


@given(st.emails())
def test_usual_addresses_are_accepted_unchanged(email: str) -> None:
    """An address without stars, question marks, quoting apostrophes and encoded characters is accepted unchanged."""
    local = email.rpartition("@")[0]
    assume(not {*"*?"} & {*local} and local.strip("'") == local and not is_encoded(email))
    assert emails_of([email]) == emails_of(email) == (email,)


@pytest.mark.parametrize(
    "email",
    [
        "mary.o'brien@example.com",
        "ann+seats@example.com",
        "ann@a-b--c.example.com",
        "jos\u00e9@example.com",
        "jose\u0301@example.com",
        "\u0430\u043d\u043d\u0430@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
        "\u30b5\u30fc\u30d0\u30fc@example.jp",
        "\u0430\u043d\u043d\u0430.lee@\u043f\u0440\u0438\u043c\u0435\u0440.com",
        "100%ann@example.com",
        "\u0905\u0928\u093f\u0932@example.in",
        "\u0645\u062d\u0645\u062f@example.com",
    ],
)
def test_addresses_of_real_people_are_accepted_unchanged(email: str) -> None:
    """Apostrophes, plus signs, accents and other scripts are accepted in a list and in a text."""
    assert emails_of([email]) == emails_of(f"bob@x.com, {email}")[1:] == (email,)


@given(addresses, st.sampled_from([*FORMAT, *CONTROL, *IGNORABLE]), st.data())
def test_a_hidden_character_inside_is_an_error_that_shows_it(email: str, hidden: str, data: st.DataObject) -> None:
    """A character that nobody can see inside an entry is an error whose message shows it escaped."""
    place = data.draw(st.integers(1, len(email) - 1))
    message = problem([f"{email[:place]}{hidden}{email[place:]}"])
    assert ascii(hidden)[1:-1] in message
    assert hidden not in message
    assert "hidden characters" in message


@given(st.sampled_from([*CONTROL, *IGNORABLE]))
def test_a_hidden_character_at_an_end_that_is_no_format_character_is_an_error(hidden: str) -> None:
    """A control character or a filler at either end is an error whose message shows it escaped."""
    for entry in (f"{hidden}ann@example.com", f"ann@example.com{hidden}"):
        assert ascii(hidden)[1:-1] in problem([entry])


@pytest.mark.parametrize("space", [" ", "\t", "\u00a0", "\u2009", "\u3000"])
def test_a_space_inside_is_an_error_that_shows_it(space: str) -> None:
    """A space inside an entry of a list is an error, and its message shows an unusual space escaped."""
    message = problem([f"ann{space}smith@example.com"])
    assert f"'ann{' ' if space == ' ' else ascii(space)[1:-1]}smith@example.com'" in message


@given(addresses, format_characters, format_characters)
def test_format_characters_at_the_ends_are_dropped(email: str, before: str, after: str) -> None:
    """Zero-width, direction and joining characters at the ends of an entry are dropped, also between spaces."""
    entry = f" {before} {email}\u00a0{after} "
    assert emails_of([f"{before}{email}{after}"]) == emails_of([entry]) == (email,)
    assert strip_hidden(entry) == email
    assert emails_of(f"\ufeff{before}{email}{after}\r\n") == (email,)
    assert emails_of(f"\ufeffbob@x.io\n{before}{email}{after}") == ("bob@x.io", email)


@given(format_characters, format_characters)
def test_format_characters_around_a_uuid_are_dropped(before: str, after: str) -> None:
    """A UUID is recognised between format characters as well."""
    assert parse_people(user_emails=[f"{before}{U1}{after}"]) == People((U1,))


def test_a_lone_surrogate_is_an_error_that_can_be_printed() -> None:
    """A lone surrogate, which no file accepts, is shown escaped."""
    message = problem(["ann\ud800@example.com"])
    assert "\\ud800" in message
    assert message.encode()


@given(st.text(min_size=1, max_size=12) | st.builds("{}@{}".format, st.text(max_size=6), st.text(max_size=6)))
def test_an_accepted_entry_shows_everything_that_it_contains(entry: str) -> None:
    """An accepted email is what the entry shows: nothing in it is hidden, and only its ends are stripped."""
    try:
        people = parse_people(user_emails=[entry])
    except InvalidInputError:
        return
    for email in people.emails:
        assert email in entry
        assert all(unicodedata.category(each)[0] in "LMNPS" and each not in IGNORABLE for each in email)
        assert not entry.replace(email, "", 1).strip("".join([*FORMAT, " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85"])).strip()


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("SMTP:ann@example.com", "remove the prefix"),
        ("smtp:ann@example.com", "remove the prefix"),
        ("mailto:ann@example.com", "remove the prefix"),
        ("<ann@example.com>", "without brackets"),
        ("Ann <ann@example.com>", "without brackets"),
        ("[ann@example.com]", "without brackets"),
        ("ann@[127.0.0.1]", "without brackets"),
        ("ann(work)@example.com", "without brackets"),
        ("\u201cann@example.com\u201d", "remove the quotation marks"),
        ("\u201eann@example.com\u201c", "remove the quotation marks"),
        ("\u00abann@example.com\u00bb", "remove the quotation marks"),
        ("\u2018ann@example.com\u2019", "remove the quotation marks"),
        ('"ann"@example.com', "remove the quotation marks"),
        ("'ann@example.com'", "remove the quotation marks"),
        ("'ann@example.com", "remove the quotation marks"),
        ("ann@example.com'", "remove the quotation marks"),
        ("'ann'@example.com", "remove the quotation marks"),
        ("mary.o\u2019brien@example.com", "write a plain apostrophe"),
        ("mary.o\u02bcbrien@example.com", "write a plain apostrophe"),
        ("mary.o\u00b4brien@example.com", "write a plain apostrophe"),
        ("ann@example.com.", "remove the dot at the end"),
        ("bob@exam", "its domain has no dot, it may be cut"),
        ("bob@example", "its domain has no dot, it may be cut"),
        ("bob@example.", "its domain has no dot, it may be cut"),
        ("bob@", "its domain has no dot, it may be cut"),
        ("bob@example.c", "its domain ends with a single character, it may be cut"),
        ("o%27neil@example.com", "it was encoded for a link or a mail, '%27' stands for another character"),
        ("J=C3=BCrgen@example.com", "it was encoded for a link or a mail, '=C3=BC' stands for another character"),
        ("ann@example.com.invalid", "nobody has an address that ends with '.invalid', such as those of a test system"),
        ("j\u00f6rg@example.com.Invalid", "nobody has an address that ends with '.Invalid', such as those of a test"),
        ("bob%2Bseats@example.com", "it was encoded for a link or a mail, '%2B' stands for another character"),
        ("b\u043eb@example.com", "its '\u043e' is a cyrillic small letter o, which only looks like another letter"),
        ("bob@ex\u0430mple.com", "its '\u0430' is a cyrillic small letter a, which only looks like another letter"),
        ("\u0391nn@example.com", "its '\u0391' is a greek capital letter alpha, which only looks like another letter"),
        ("\ufb01ona@example.com", "its '\ufb01' is a latin small ligature fi, which only looks like another letter"),
        ("\uff41nn@example.com", "its '\uff41' is a fullwidth latin small letter a, which only looks like another"),
        ("ann\u00b2@example.com", "its '\u00b2' is a superscript two, which only looks like another letter"),
        ("jos\u00e9@example", "its domain has no dot, it may be cut"),
        ("ann@-x.io", "begins or ends with a hyphen"),
        ("ann@x-.io", "begins or ends with a hyphen"),
        ("ann@x.io-", "begins or ends with a hyphen"),
        ("ann@x.-", "begins or ends with a hyphen"),
        ("jos\u00e9@x.-io", "begins or ends with a hyphen"),
        ("?ukasz@example.com", "the character '?' stands for a letter that was lost, export it as UTF-8"),
        ("ann@?.example.com", "the character '?' stands for a letter that was lost"),
        ("\ufffdukasz@example.com", "the character '\ufffd' stands for a letter that was lost"),
        ("J\u00c3\u00bcrgen@example.com", "it is UTF-8 text that was read as Windows-1252"),
        ("\u00c5\u201aukasz@example.com", "it is UTF-8 text that was read as Windows-1252"),
        ("J\u0102\u013drgen@example.com", "it is UTF-8 text that was read as Windows-1250"),
        ("\u0420\u0451@example.com", "it is UTF-8 text that was read as Windows-1251"),
        ("*@example.com", "a wildcard is not supported"),
        ("ann*@example.com", "a wildcard is not supported"),
        ("ann@*.example.com", "a wildcard is not supported"),
    ],
)
def test_a_usual_mistake_is_an_error_that_says_what_to_write(entry: str, advice: str) -> None:
    """A prefix, bracket, quotation mark, trailing dot or wildcard is an error that shows the entry and the remedy."""
    message = problem([entry])
    assert repr(entry) in message
    assert advice in message


@given(addresses, st.sampled_from(["SMTP:", "mailto:", "<", "(", '"', "\u201c", "\u2018", " ", "*", ".", "@"]))
def test_decoration_before_an_address_is_an_error(email: str, before: str) -> None:
    """An address with a prefix, bracket, quotation mark, wildcard or dot before it is never a person."""
    if before == " ":
        before = "Ann "
    assert repr(before)[1:-1] in problem([f"{before}{email}"])
    assert not is_email(f"{before}{email}")


@given(addresses, st.data())
def test_what_is_left_of_a_cut_address_has_a_whole_domain(email: str, data: st.DataObject) -> None:
    """A cut address is an error, unless what is left has a domain of whole labels, the last of two characters."""
    cut = email[: data.draw(st.integers(1, len(email) - 1))]
    labels = cut.partition("@")[2].split(".")
    whole = cut.count("@") == 1 and all(label.strip("-") == label != "" for label in labels)
    assert is_email(cut) == (whole and len(labels) > 1 and len(labels[-1]) > 1 and not is_misread(cut))


@given(addresses, st.characters() | st.sampled_from("?@.-* \ufffd"), st.data())
def test_a_single_edit_is_an_error_or_another_address(email: str, new: str, data: st.DataObject) -> None:
    """An address with one character inserted, replaced or removed is an error, or exactly the address that it shows."""
    place = data.draw(st.integers(0, len(email) - 1))
    end = data.draw(st.integers(place, place + 1))
    edited = f"{email[:place]}{data.draw(st.sampled_from([new, '']))}{email[end:]}"
    if not is_email(strip_hidden(edited)):
        assert problem([edited])
        return
    assert emails_of([edited]) == (strip_hidden(edited),)
    local, _, domain = strip_hidden(edited).partition("@")
    assert not {*"?*@ \ufffd"} & {*local, *domain}
    assert domain.count(".") > 0
    assert all(label.strip("-") == label != "" for label in domain.split("."))
