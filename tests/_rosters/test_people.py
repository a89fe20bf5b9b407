"""People as arguments: lists, texts, UUIDs, and the grammar of an email address."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given, strategies as st

from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._rosters.people import NOBODY, People, is_email, parse_people
from airflow_provider_seats._text import strip_hidden
from airflow_provider_seats.exceptions import DatadogSeatsError, InvalidInputError
from tests.helpers.planning import person

U1 = "11111111-1111-1111-1111-11111111111a"
U2 = "22222222-2222-2222-2222-22222222222b"
MARKS = "!#$%&'+-/=^_`{|}~"
# Letters and marks that no font shows, although Unicode does not call them format characters.
IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
FORMAT = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
CONTROL = [chr(code) for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc" and not chr(code).isspace()]

letters = st.characters(categories=("Lu", "Ll", "Lt", "Lo", "Nd"), exclude_characters=IGNORABLE)
atoms = st.text(letters | st.sampled_from(MARKS), min_size=1, max_size=8)
labels = st.text(letters | st.just("-"), min_size=1, max_size=8).filter(lambda label: label.strip("-") == label)
locals_ = st.lists(atoms, min_size=1, max_size=3).map(".".join).filter(lambda local: local.strip("'") == local)
domains = st.lists(labels, min_size=2, max_size=4).filter(lambda each: len(each[-1]) > 1).map(".".join)
format_characters = st.text(st.sampled_from(FORMAT), max_size=3)


def is_misread(text: str) -> bool:
    """Return whether a text is what an encoding of Windows makes of UTF-8."""
    for number in (1250, 1251, 1252, 1253, 1254, 1257):
        try:
            if text.encode(f"cp{number}").decode() != text:
                return True
        except UnicodeError:
            continue
    return False


def is_deceptive(text: str) -> bool:
    """Return whether a text has a word of two alphabets, other forms of letters, or a character of a link."""
    words = (
        [unicodedata.name(each, "").split()[:1] for each in word if each.isalpha()] for word in re.findall(r"\w+", text)
    )
    mixed = (sum([each] in names for each in ("LATIN", "CYRILLIC", "GREEK")) > 1 for names in words)
    composed = unicodedata.normalize("NFC", text)
    is_other_form = unicodedata.normalize("NFKC", composed) != composed
    return any(mixed) or is_other_form or re.search("%[0-9a-fA-F]{2}", text) is not None


addresses = st.builds("{}@{}".format, locals_, domains).filter(
    lambda email: not is_misread(email) and not is_deceptive(email)
)


def emails_of(value: Any) -> tuple[str, ...]:
    """Return the emails that an argument holds."""
    return parse_people(user_emails=value).emails


def problem(value: Any) -> str:
    """Return the message about an argument that cannot be used."""
    with pytest.raises(InvalidInputError, match=r"^user_emails: ") as caught:
        parse_people(user_emails=value)
    assert caught.value.field == "user_emails"
    return str(caught.value)


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


# --- the grammar of an address ---


@given(addresses)
def test_every_dot_atom_is_accepted_unchanged(email: str) -> None:
    """A dot-atom with an apostrophe, any other mark of RFC 5322 or letters of any script is accepted unchanged."""
    assert emails_of([email]) == (email,)


@given(st.emails())
def test_usual_addresses_are_accepted_unchanged(email: str) -> None:
    """An address without stars, question marks, quoting apostrophes and encoded characters is accepted unchanged."""
    local = email.rpartition("@")[0]
    assume(not {*"*?"} & {*local} and local.strip("'") == local and not re.search("%[0-9a-fA-F]{2}", local))
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
        ("o%27neil@example.com", "it was encoded for a link, '%27' stands for another character"),
        ("bob%2Bseats@example.com", "it was encoded for a link, '%2B' stands for another character"),
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


# --- one person or two ---


@given(addresses)
def test_two_spellings_of_an_email_are_one_person(email: str) -> None:
    """Composed and decomposed letters are one person, who keeps the first spelling."""
    decomposed, composed = unicodedata.normalize("NFD", email), unicodedata.normalize("NFC", email)
    assert emails_of([email, decomposed, composed]) == (email,)


@given(st.emails().filter(lambda email: not {*"*?'"} & {*email} and not re.search("%[0-9a-fA-F]{2}", email)))
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
