"""Readings of a seat list: who holds a seat, and who certainly does not."""

from __future__ import annotations

import gc
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seat_list import SeatList, read_seat_list, read_until_proven
from airflow_provider_seats._api.seats import Row, SeatUser
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import KeysRefusedError
from tests.conftest import PRODUCT
from tests.helpers.planning import person, seat
from tests.helpers.playing import page, play, reply, uuid

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

FORBIDDEN = reply(403, {"errors": ["Forbidden"]})
A, B, C, D = map(uuid, "abcd")
SEATS = SeatList([seat("1", "ann@x"), seat("2", "Ann@X"), seat("3"), seat(None, "nid@x")])


def test_seats_are_found_by_uuid_and_by_email() -> None:
    """An email finds the seats of all accounts that share it, in any case, and a UUID finds one without an email."""
    assert [user.id for user in SEATS.seats_of("ANN@x")] == ["1", "2"]
    assert [user.email for user in SEATS.by_uuid("3")] == [None]
    assert SEATS.by_uuid("9") == SEATS.seats_of("9@x") == []


def test_a_list_is_counted() -> None:
    """The list has a length, and counts its rows without an email."""
    assert (len(SEATS), len(SeatList()), SEATS.rows_without_email, SEATS.pages) == (4, 0, 1, 1)
    assert [row.email for row in SEATS.rows_without_uuid] == ["nid@x"]


def test_emails_that_no_row_has_are_unlisted() -> None:
    """Unlisted emails are returned as they were passed."""
    assert SEATS.unlisted(["ANN@x", "Cy@x"]) == ("Cy@x",)


def test_people_are_matched_with_their_rows() -> None:
    """Each person is matched as passed, emails first, with all rows of their seats."""
    people = People(("3", "9"), ("ann@x", "cy@x")).as_persons()
    matched = [(who, [row.id for row in SEATS.seats_of(who)]) for who in people]
    assert matched == [
        (person(None, "ann@x"), ["1", "2"]),
        (person(None, "cy@x"), []),
        (person("3"), ["3"]),
        (person("9"), []),
    ]


@pytest.mark.parametrize(("listed", "passed"), [("jos\u00e9@x", "JOSE\u0301@x"), ("jose\u0301@x", "jos\u00e9@X")])
def test_two_spellings_find_the_same_seat(listed: str, passed: str) -> None:
    """An email is found in the list in its composed and in its decomposed form."""
    assert [user.id for user in SeatList([seat("1", listed)]).seats_of(passed)] == ["1"]


@pytest.mark.parametrize(
    ("listed", "passed"),
    [("stra\u00dfe@x", "strasse@x"), ("\ufb01nn@x", "finn@x"), ("\u0131an@x", "ian@x"), ("\u017fam@x", "sam@x")],
)
def test_two_addresses_never_find_the_same_seat(listed: str, passed: str) -> None:
    """Addresses that casefold() or NFKC would join are not found for each other."""
    assert SeatList([seat("1", listed)]).seats_of(passed) == []
    assert SeatList([seat("1", passed)]).seats_of(listed) == []


UUIDS = st.none() | st.sampled_from("abcdefgh")
TABLES = st.lists(
    st.builds(SeatUser, UUIDS, st.none() | st.sampled_from(["", "1@x", "1@X", "2@x", "e\u0301@x", "\u00e9@x"]),
              st.none(), st.sampled_from(["then", "now"])),
    unique_by=lambda user: user.id or object(),
)  # fmt: skip


@given(TABLES)
def test_lookups_find_what_a_search_of_all_rows_finds(table: list[SeatUser]) -> None:
    """The index finds each row by its UUID and its email, in the order of the list, and nothing else."""
    seats = SeatList(table)
    for name in "abcdefghi":
        assert seats.by_uuid(name) == [user for user in table if user.id == name]
    for email in ("", "1@x", "2@X", "3@x", "\u00e9@x"):
        found = [user for user in table if user.email is not None and email_key(user.email) == email_key(email)]
        assert seats.seats_of(email) == found
    assert seats.users == tuple(table)


@given(TABLES, st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from(["1@x", "\u00e9@x"])))
def test_the_others_are_found_by_neither(table: list[SeatUser], uuids: set[str], emails: set[str]) -> None:
    """The others are the rows, in order, that are found neither by one of the UUIDs nor by one of the emails."""
    seats = SeatList(table)
    found = [*chain(*map(seats.by_uuid, uuids), *map(seats.seats_of, emails))]
    keys = frozenset(map(email_key, emails))
    assert list(seats.others(uuids, keys)) == [user for user in table if user not in found]


def plain(user: SeatUser) -> Row:
    """Return a row as it is read."""
    return (user.id, user.email, user.name, user.assigned_at)


@given(TABLES, TABLES, st.integers(1, 3))
def test_a_later_list_keeps_the_rows_that_are_equal(before: list[SeatUser], after: list[SeatUser], page: int) -> None:
    """A later reading has its own rows in its own order, and each that is equal to an earlier one is that one."""
    known = SeatList(map(plain, before))
    rows = list(map(plain, after))
    kept = [row for start in range(0, len(rows), page) for row in known.keep(rows[start : start + page])]
    assert kept == rows
    by_uuid = {row[0]: row for row in known.rows}
    for row in kept:
        if row[0] is not None and by_uuid.get(row[0]) == row:
            assert row is by_uuid[row[0]]


@pytest.mark.parametrize("before", [None, SeatList()])
def test_the_rows_do_not_burden_the_garbage_collector(datadog: FakeDatadog, before: SeatList | None) -> None:
    """After a first pass, the collector no longer looks at the rows, so that a long list causes no long pauses."""
    for number in range(10):
        datadog.add_user(f"{number}@example.com", seat=PRODUCT)
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    seats = client.run(read_seat_list(PRODUCT) if before is None else before.read_next(PRODUCT, 2))
    gc.collect()
    assert len(seats) == 10
    assert not any(gc.is_tracked(row) for row in seats.rows)


def test_looking_someone_up_after_index_does_not_index_again() -> None:
    """``index`` does all the work beforehand, so that a look-up on an event loop is quick."""
    seats = SeatList([seat("1", "ann@x"), seat("2")]).index()
    done = {name for name in vars(seats) if name.startswith("_")}
    assert seats.by_uuid("1") == seats.seats_of("ann@x") != []
    assert seats.rows_without_email == 1
    assert {name for name in vars(seats) if name.startswith("_")} == done


# --- absence needs proof ---


def ids(seats: SeatList) -> list[str | None]:
    """Return the ids of rows."""
    return [user.id for user in seats.users]


def read(*tables: list[SeatUser], pages: int = 2) -> SeatList:
    """Return the last of readings that follow each other."""
    seats = SeatList(number=0)
    for number, table in enumerate(tables, 1):
        seats = seats.followed_by(tuple(seats.keep(map(plain, table))), pages, number)
    return seats


ONE, TWO = seat(A, "ann@x"), seat(B, "bob@x")


def test_one_reading_of_a_single_page_proves_an_absence() -> None:
    """A list of one page cannot shift. A reading that does not count proves nothing."""
    seats = read([ONE], pages=1)
    assert seats.proven_absent(B)
    assert seats.proven_absent("bob@x")
    assert not seats.proven_absent(A)
    assert not seats.proven_absent(B, after=1)


def test_two_readings_of_several_pages_prove_an_absence() -> None:
    """An absence from a list of several pages is proven by two readings in a row that count."""
    assert not read([ONE]).proven_absent(B)
    assert not read([ONE, TWO], [ONE]).proven_absent(B)
    assert read([ONE, TWO], [ONE], [ONE]).proven_absent(B)
    assert read([ONE], [ONE]).proven_absent("bob@x")
    assert not read([ONE], [ONE]).proven_absent(B, after=1)


def test_a_failed_reading_between_two_proves_nothing() -> None:
    """Only readings that were made count, although the numbers have a gap."""
    seats = SeatList((), 2, 1).followed_by((), 2, 5)
    assert seats.proven_absent(A)
    assert not seats.proven_absent(A, after=1)
    assert not seats.proven_absent(A, after=4)


def test_an_email_that_the_reading_before_showed_is_not_proven_absent() -> None:
    """Someone whose row has another email now may be found by the earlier one in the next reading."""
    assert not read([ONE], [ONE._replace(email="new@x")]).proven_absent("ann@x")


def test_a_row_without_a_uuid_may_be_anyone_who_is_known_by_uuid() -> None:
    """While a row has no UUID, no absence by UUID is proven. It blocks nobody who is known by email."""
    seats = read([ONE, seat(None, "nid@x")], pages=1)
    assert not seats.proven_absent(B)
    assert not seats.proven_absent({"id": B, "email": "bob@x"})
    assert seats.proven_absent("bob@x")
    assert seats.holds("nid@x")
    assert seats.holds({"id": B, "email": "NID@x"})


@pytest.mark.parametrize(("listed", "proven"), [("nid@x", False), (None, False), ("eve@x", True)])
def test_a_row_without_a_uuid_is_not_someone_listed_with_another_email(listed: str | None, proven: bool) -> None:
    """The list showed someone with an email. A row with another email is not that person."""
    seats = read([seat(None, listed)], pages=1)
    assert seats.proven_absent(B, listed_as="nid@x") is proven


HELD = st.lists(st.sets(st.sampled_from([A, B, C])), min_size=1, max_size=8)


@given(HELD, st.integers(1, 2), st.integers(0, 8))
def test_proof_is_what_two_readings_in_a_row_show(readings: list[set[str]], pages: int, after: int) -> None:
    """The last reading proves what a look at the readings that count shows."""
    seats = read(*([seat(who, f"{who}@x") for who in sorted(holders)] for holders in readings), pages=pages)
    counting = readings[after:]
    needed = counting[-pages:] if len(counting) >= pages else []
    for who in (A, B, C):
        expected = bool(needed) and all(who not in holders for holders in needed)
        assert seats.proven_absent(who, after=after) is expected
        assert seats.proven_absent(f"{who}@x", after=after) is expected
        assert seats.holds(who) is (who in readings[-1])


def test_readings_that_show_the_same_share_their_content() -> None:
    """The next reading of an unchanged list has the same content, another number, and no index of its own."""
    first = read([ONE, TWO])
    second = first.followed_by(tuple(first.keep(first.rows)), 2, 2)
    assert second.content is first.content
    assert (first.number, second.number) == (1, 2)
    assert first.followed_by(first.rows, 1, 2).content is not first.content


# --- the second reading ---


def test_a_list_of_one_page_is_read_once() -> None:
    """A list of one page is not read a second time, although someone is absent."""
    played = play(read_until_proven("p", lambda _: True), page(A))
    assert (ids(played.value), played.calls) == ([A], "G")


def test_a_list_in_which_nobody_is_absent_is_read_once() -> None:
    """A list of several pages is not read a second time if nobody is absent."""
    played = play(read_until_proven("p", lambda seats: len(seats) < 2), page(A, next_cursor="2"), page(B))
    assert (ids(played.value), played.calls) == ([A, B], "GG")


def test_a_second_reading_keeps_the_rows_that_only_the_first_one_shows() -> None:
    """If someone is absent from a list of several pages, it is read again, and no row of the first reading is lost."""
    first = page(A, B, next_cursor="2"), page(D, None)
    second = page(B, C, next_cursor="2"), page(D, None)
    played = play(read_until_proven("p", lambda seats: not seats.holds(C)), *first, *second)
    assert ids(played.value) == [B, C, D, None, A]


def test_a_row_without_a_uuid_that_only_the_first_reading_shows_counts() -> None:
    """A row without a UUID may be anyone, also if the list shifted and the second reading does not show it."""
    first, second = (page(A, next_cursor="2"), page(None)), (page(A, next_cursor="2"), page(B))
    seats = play(read_until_proven("p", lambda seats: not seats.holds(C)), *first, *second).value
    assert len(seats.rows_without_uuid) == 1
    assert not seats.proven_absent(C)


def test_a_second_reading_happens_at_most_once() -> None:
    """Someone who is absent from both readings causes no third one."""
    pages = page(A, next_cursor="2"), page(B)
    played = play(read_until_proven("p", lambda _: True), *pages, *pages)
    assert (ids(played.value), played.calls) == ([A, B], "GGGG")


def test_a_second_reading_that_fails_is_an_error() -> None:
    """If the second reading fails, no list is returned."""
    pages = page(A, next_cursor="2"), page(B)
    played = play(read_until_proven("p", lambda _: True), *pages, FORBIDDEN, FORBIDDEN)
    assert isinstance(played.error, KeysRefusedError)


@given(
    rows=st.lists(st.sampled_from([*map(uuid, "abcdefghijkl")]), unique=True, min_size=1),
    size=st.integers(1, 5),
    moved=st.integers(0, 12),
    at=st.integers(0, 30),
)
def test_nobody_who_holds_a_seat_is_absent_after_one_shift(rows: list[str], size: int, moved: int, at: int) -> None:
    """If one row is removed while the list is read, everyone else who holds a seat is listed after all."""
    seats = list(rows)
    pages = 0

    def serve(request: Any) -> Any:
        nonlocal pages
        if pages == at and moved < len(seats):
            del seats[moved]
        pages += 1
        start = int(dict(request.query).get("page[cursor]", "0"))
        more = str(start + size) if start + size < len(seats) else None
        return page(*seats[start : start + size], next_cursor=more)

    flow = read_until_proven("p", lambda seats: not all(map(seats.holds, rows)))
    step = next(flow)
    try:
        while True:
            step = flow.send(serve(step))
    except StopIteration as end:
        assert set(seats) <= set(ids(end.value))
        assert all(end.value.proven_absent(each) for each in set(rows) - set(seats) if not end.value.holds(each))
