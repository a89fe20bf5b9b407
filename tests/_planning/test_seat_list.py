"""A seat list, indexed by UUID and email."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seats import Row, SeatUser, read_rows
from airflow_provider_seats._planning.seat_list import SeatList
from airflow_provider_seats._rosters.people import People
from airflow_provider_seats.connection import DatadogConnection
from tests.conftest import PRODUCT
from tests.helpers.planning import person, seat

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

SEATS = SeatList([seat("1", "ann@x"), seat("2", "Ann@X"), seat("3"), seat(None, "nid@x")])


def test_seats_are_found_by_uuid_and_by_email() -> None:
    """An email finds the seats of all accounts that share it, in any case, and a UUID finds one without an email."""
    assert [user.id for user in SEATS.by_email("ANN@x")] == ["1", "2"]
    assert [user.email for user in SEATS.by_uuid("3")] == [None]
    assert SEATS.by_uuid("9") == SEATS.by_email("9@x") == []


def test_a_list_is_counted() -> None:
    """The list has a length, and counts its rows without an email."""
    assert (len(SEATS), len(SeatList()), SEATS.rows_without_email(), SEATS.pages) == (4, 0, 1, 1)


def test_emails_that_no_row_has_are_unlisted() -> None:
    """Unlisted emails are returned as they were passed."""
    assert SEATS.unlisted(["ANN@x", "Cy@x"]) == ("Cy@x",)


def test_people_are_matched_with_their_rows() -> None:
    """Each person is matched as passed, emails first, with all rows of their seats."""
    matched = [(who, [row.id for row in rows]) for who, rows in SEATS.match(People(("3", "9"), ("ann@x", "cy@x")))]
    assert matched == [
        (person(None, "ann@x"), ["1", "2"]),
        (person(None, "cy@x"), []),
        (person("3"), ["3"]),
        (person("9"), []),
    ]


@pytest.mark.parametrize(("listed", "passed"), [("jos\u00e9@x", "JOSE\u0301@x"), ("jose\u0301@x", "jos\u00e9@X")])
def test_two_spellings_find_the_same_seat(listed: str, passed: str) -> None:
    """An email is found in the list in its composed and in its decomposed form."""
    assert [user.id for user in SeatList([seat("1", listed)]).by_email(passed)] == ["1"]


@pytest.mark.parametrize(
    ("listed", "passed"),
    [("stra\u00dfe@x", "strasse@x"), ("\ufb01nn@x", "finn@x"), ("\u0131an@x", "ian@x"), ("\u017fam@x", "sam@x")],
)
def test_two_addresses_never_find_the_same_seat(listed: str, passed: str) -> None:
    """Addresses that casefold() or NFKC would join are not found for each other."""
    assert SeatList([seat("1", listed)]).by_email(passed) == []
    assert SeatList([seat("1", passed)]).by_email(listed) == []


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
    for uuid in "abcdefghi":
        assert seats.by_uuid(uuid) == [user for user in table if user.id == uuid]
    for email in ("", "1@x", "2@X", "3@x", "\u00e9@x"):
        found = [user for user in table if user.email is not None and email_key(user.email) == email_key(email)]
        assert seats.by_email(email) == found
    assert seats.users == tuple(table)


def plain(user: SeatUser) -> Row:
    """Return a row as it is read."""
    return (user.id, user.email, user.name, user.assigned_at)


@given(TABLES, TABLES, st.integers(1, 3))
def test_a_later_list_keeps_the_rows_that_are_equal(before: list[SeatUser], after: list[SeatUser], page: int) -> None:
    """A later reading has its own rows in its own order, and each that is equal to an earlier one is that one."""
    known = SeatList(map(plain, before))
    keep = known.keeper()
    rows = list(map(plain, after))
    kept = [row for start in range(0, len(rows), page) for row in keep(rows[start : start + page])]
    assert kept == rows
    by_uuid = {row[0]: row for row in known.rows}
    for row in kept:
        if row[0] is not None and by_uuid.get(row[0]) == row:
            assert row is by_uuid[row[0]]


def test_rows_that_moved_are_kept() -> None:
    """Rows before, between and after those that came and went are the same objects as before."""
    known = SeatList([(str(number), f"{number}@x", None, None) for number in range(50)])
    later = [plain(SeatUser(*row)) for row in known.rows]
    later.insert(0, ("new", None, None, None))
    del later[20:25]
    rows = list(known.keeper()(later))
    assert sum(row not in known.rows for row in rows) == 1
    assert all(any(row is each for each in known.rows) for row in rows[1:])


def test_the_rows_of_a_poll_do_not_burden_the_garbage_collector(datadog: FakeDatadog) -> None:
    """After a first pass, the collector no longer looks at the rows, so that a long list causes no long pauses."""
    for number in range(10):
        datadog.add_user(f"{number}@example.com", seat=PRODUCT)
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    rows, _ = client.run(read_rows(PRODUCT, SeatList().keeper(), str, 1.0))
    gc.collect()
    assert len(rows) == 10
    assert not any(gc.is_tracked(row) for row in rows)


def test_looking_someone_up_after_index_does_not_index_again() -> None:
    """``index`` does all the work beforehand, so that a look-up on an event loop is quick."""
    seats = SeatList([seat("1", "ann@x"), seat("2")]).index()
    done = {name for name in vars(seats) if name.startswith("_")}
    assert seats.by_uuid("1") == seats.by_email("ann@x") != []
    assert seats.rows_without_email() == 1
    assert {name for name in vars(seats) if name.startswith("_")} == done
