"""What a shared poll reads."""

from __future__ import annotations

import pytest

from airflow_provider_seats._api.users import User
from airflow_provider_seats._waiting.sources import AccountList, AccountSource, SeatSource
from tests.helpers.playing import page, play, users, uuid

ANN = (uuid("a"), "ann@x.com", "Active")
BOB = (uuid("b"), "bob@x.com", "Disabled")


def test_seats_are_read_and_numbered() -> None:
    """A reading of seats has the number of the poll, and shares what did not change with the one before."""
    source = SeatSource("p")
    first = play(source.read(None, 1, ()), page(uuid("a"))).value
    second = play(source.read(first, 4, ()), page(uuid("a"))).value
    assert (first.number, second.number, second.requests) == (1, 4, 1)
    assert second.content is first.content
    assert play(source.read(second, 5, ()), page()).value.content is not first.content


def test_accounts_are_read_for_all_who_are_wanted() -> None:
    """The accounts of all emails are read, each once, and accounts of others are left out."""
    played = play(AccountSource().read(None, 3, ["Ann@x.com", "ann@X.com"]), users(ANN, BOB, total=2))
    assert [account.id for account in played.value.accounts("ANN@x.com")] == [ANN[0]]
    assert played.value.accounts("bob@x.com") == ()
    assert (len(played.value), played.calls) == (1, "G")


def test_accounts_that_did_not_change_have_the_same_content() -> None:
    """A reading that shows the same has the content of the one before, and another status is a change."""
    source = AccountSource()
    first = play(source.read(None, 1, ["ann@x.com"]), users(ANN, total=1)).value
    second = play(source.read(first, 2, ["ann@x.com"]), users(ANN, total=1)).value
    assert second.content is first.content
    disabled = play(source.read(second, 3, ["ann@x.com"]), users((*ANN[:2], "Disabled"), total=1)).value
    assert disabled.content is not first.content
    assert disabled.fingerprint != first.fingerprint == second.fingerprint


@pytest.mark.parametrize(("wanted", "total", "requests"), [(1, 5_000, 1), (5, 5_000, 5), (3, None, 3)])
def test_a_reading_counts_its_requests(wanted: int, total: int | None, requests: int) -> None:
    """A reading costs a request for each email, or one and the pages of all users, where that is fewer."""
    flow = AccountSource().read(None, 1, [f"hire{number}@x.com" for number in range(wanted)])
    played = play(flow, *[users(total=total, filtered=0)] * requests)
    assert played.value.requests == requests


def test_everyone_is_read_without_a_search() -> None:
    """The accounts of the whole organisation are read page by page."""
    played = play(AccountSource(everyone=True).read(None, 1, ()), users(ANN, BOB, total=2))
    assert [dict(request.query).get("filter") for request in played.requests] == [None]
    assert len(played.value) == 2


def test_a_service_account_is_nobodys() -> None:
    """A service account with a person's email is left out."""
    bot = User("1", "ann@x.com", None, "Active", service_account=True)
    assert AccountList({"ann@x.com": (bot,)}).accounts("ann@x.com") == ()
