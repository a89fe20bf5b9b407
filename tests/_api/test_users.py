"""The user flows: find accounts by whole emails or by UUID, in as few calls as possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.flow import MAX_ATTEMPTS, Gather
from airflow_provider_seats._api.users import User, check_keys, find_users, get_accounts, search_accounts
from airflow_provider_seats.exceptions import (
    AmbiguousUsersError,
    KeysRefusedError,
    RequestRefusedError,
    UnavailableError,
)
from tests.helpers.playing import Played, account, answer_by, lost, play, reply, serve, unserved, users, uuid

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

ANN = ("id-ann", "ann@x.com", "Active")
BOB = ("id-bob", "bob@x.com", "Active")


def test_an_email_is_one_filtered_call() -> None:
    """One email is one filtered call, and its account is returned by lower-case email."""
    played = play(find_users([" Ann@X.com ", "ann@x.com"]), users(ANN, total=5000))
    ann = played.value["ann@x.com"]
    assert (ann.id, ann.email, ann.name, ann.status, ann.disabled) == ("id-ann", "ann@x.com", "N", "Active", False)
    assert [request.query[0] for request in played.requests] == [("filter", "ann@x.com")]
    assert dict(played.requests[0].query)["page[size]"] == "100"


def test_nobody_is_no_call() -> None:
    """No emails send nothing."""
    assert play(find_users([])).calls == ""


def test_only_a_whole_email_matches() -> None:
    """A name or a longer email that contains the email is no match, although Datadog's search finds it."""
    others = [("1", "joann@x.com", "Active"), ("2", "bob@x.com", "Active"), ("3", "ann@x.com.au", "Active")]
    assert play(find_users(["ann@x.com"]), users(*others)).value == {}
    assert play(find_users(["ann@x.com"]), users(*others, ANN)).value["ann@x.com"].id == "id-ann"


def test_emails_are_looked_up_side_by_side_in_a_large_organisation() -> None:
    """The first look-up states the size of the organisation, and in a large one the others are sent side by side."""
    flow = find_users(["ann@x.com", "bob@x.com", "cy@x.com"])
    next(flow)
    step = flow.send(users(ANN, total=57_061))
    assert isinstance(step, Gather)
    assert len(step.flows) == 2
    flow.close()
    for each in step.flows:
        each.close()
    played = play(find_users(["ann@x.com", "bob@x.com", "cy@x.com"]), users(ANN, total=57_061), users(BOB), users())
    assert sorted(played.value) == ["ann@x.com", "bob@x.com"]


def crowd(*numbers: int) -> list[tuple[str, str, str]]:
    """Return accounts of other people."""
    return [(f"id-{number}", f"{number}@y.com", "Active") for number in numbers]


EMAILS = [f"{name}@x.com" for name in ("ann", "bob", "cy", "di", "ed")]


def test_the_whole_list_is_read_if_that_is_fewer_calls() -> None:
    """Five people of an organisation of 150 cost one look-up and two pages."""
    pages = users(ANN, BOB, *crowd(*range(98)), total=150), users(*crowd(*range(98, 148)), total=150)
    played = play(find_users(EMAILS), users(ANN, total=150), *pages)
    assert sorted(played.value) == ["ann@x.com", "bob@x.com"]
    assert [dict(request.query).get("filter") for request in played.requests] == ["ann@x.com", None, None]
    assert [dict(request.query)["page[number]"] for request in played.requests] == ["0", "0", "1"]


def test_nobody_is_missing_because_the_list_was_cut_short() -> None:
    """If the pages do not add up to the stated total, each person who was not found is looked up."""
    cut = ("id-old", "bob@x.com", "Disabled")
    pages = users(cut, *crowd(*range(99)), total=150), users(total=150)
    found = [users(each) for each in (BOB, ("id-cy", "cy@x.com", "Active"))]
    played = play(find_users(EMAILS), users(ANN, total=150), *pages, *found, users(), users())
    assert sorted(played.value) == ["ann@x.com", "bob@x.com", "cy@x.com"]
    understated = play(
        find_users(EMAILS), users(ANN, total=1), users(*crowd(*range(100)), total=1), *found, users(), users()
    )
    assert sorted(understated.value) == ["ann@x.com", "bob@x.com", "cy@x.com"]


def test_a_search_that_ends_early_is_an_error() -> None:
    """A page may be smaller than requested, but an empty page or the same page again is an error and not the end."""
    small = users(*crowd(*range(50)), filtered=51), users(ANN, filtered=51)
    assert play(find_users(["ann@x.com"]), *small).value["ann@x.com"].id == "id-ann"
    short = users(*crowd(*range(50)), filtered=51), users(filtered=51)
    assert isinstance(play(find_users(["ann@x.com"]), *short).error, UnavailableError)
    rows = [{"id": str(number), "attributes": {"email": "x@x"}} for number in range(100)]
    assert isinstance(play(find_users(["ann@x.com"]), *[reply(200, {"data": rows})] * 2).error, UnavailableError)


def test_each_email_is_looked_up_if_no_total_is_stated() -> None:
    """Without a stated total, each email is looked up."""
    played = play(find_users(["ann@x.com", "bob@x.com"]), reply(200, {"data": []}), users(BOB))
    assert list(played.value) == ["bob@x.com"]


def test_a_search_with_many_hits_is_read_to_its_end() -> None:
    """An account is found behind a hundred others that the search returns first."""
    others = [(str(number), f"{number}@x.com", "Active") for number in range(100)]
    played = play(find_users(["ann@x.com"]), users(*others, filtered=101), users(ANN, filtered=101))
    assert played.value["ann@x.com"].id == "id-ann"


def test_a_disabled_account_is_returned_if_it_is_the_only_one() -> None:
    """A disabled account is returned if no other account has the email."""
    assert play(find_users(["ann@x.com"]), users(("1", "ann@x.com", "Disabled"))).value["ann@x.com"].disabled


def test_the_only_enabled_account_of_an_email_is_preferred() -> None:
    """If several accounts have an email, the only enabled one is returned."""
    found = play(find_users(["ann@x.com"]), users(("1", "ann@x.com", "Disabled"), ("2", "ANN@x.com", "Pending"))).value
    assert found["ann@x.com"].id == "2"


@pytest.mark.parametrize("statuses", [("Active", "Pending"), ("Disabled", "Disabled")])
def test_several_accounts_of_one_email_are_an_error(statuses: tuple[str, str]) -> None:
    """Several accounts of one email, not exactly one of them enabled, are an error that shows all of them."""
    accounts = [(f"id-{number}", "ann@x.com", status) for number, status in enumerate(statuses)]
    error = play(find_users(["ann@x.com"]), users(*accounts)).error
    assert isinstance(error, AmbiguousUsersError)
    assert not error.transient
    for part in ("ann@x.com", "id-0", "id-1", *statuses, "user_uuids"):
        assert part in str(error)


def test_rows_without_id_or_email_are_ignored() -> None:
    """A row without an id or without an email is no account of the email."""
    body = {"data": [{"id": None, "attributes": {"email": "ann@x.com"}}, {"id": "1", "attributes": {"email": None}}]}
    assert play(find_users(["ann@x.com"]), reply(200, body)).value == {}


def test_a_look_up_that_fails_is_an_error() -> None:
    """A look-up that fails raises an error, and a refusal names the permission."""
    assert isinstance(play(find_users(["ann@x.com"]), *[reply(200, {})] * MAX_ATTEMPTS).error, UnavailableError)
    refused = play(find_users(["ann@x.com"]), reply(403), reply(403)).error
    assert isinstance(refused, KeysRefusedError)
    assert "user_access_read" in str(refused)


def test_keys_are_checked_by_one_call() -> None:
    """One call checks both keys."""
    played = play(check_keys(), reply(200, {"status": "ok"}))
    assert played.error is None
    assert played.requests[0].path == "/api/v2/validate_keys"


def test_a_check_of_keys_that_does_not_say_ok_is_an_error() -> None:
    """A check whose response does not say ok proves nothing and raises an error."""
    played = play(check_keys(), *[reply(200, {"status": "no"})] * MAX_ATTEMPTS)
    assert isinstance(played.error, UnavailableError)


def test_emails_are_compared_in_composed_form() -> None:
    """An email with a combining accent finds the account whose email has the composed letter, and the reverse."""
    composed, combining = "ren\u00e9@x.com", "rene\u0301@x.com"
    for wanted, stored in ((composed, combining), (combining, composed)):
        found = play(find_users([wanted]), users(("1", stored, "Active"))).value
        assert {email: user.id for email, user in found.items()} == {composed: "1"}


def test_sharp_s_and_double_s_are_two_people() -> None:
    """An email with a sharp s does not find the account of the email with a double s."""
    assert play(find_users(["stra\u00dfe@x.com"]), users(("1", "strasse@x.com", "Active"))).value == {}


def test_progress_counts_look_ups_and_pages() -> None:
    """The progress of look-ups counts emails, and that of the user list counts pages."""
    played = play(search_accounts(EMAILS[:3]), users(ANN, total=57_061), users(BOB), users())
    assert [request.progress for request in played.requests] == [
        "",
        "1 of 3 emails looked up so far",
        "2 of 3 emails looked up so far",
    ]
    pages = users(ANN, BOB, *crowd(*range(98)), total=150), users(*crowd(*range(98, 148)), total=150)
    played = play(search_accounts(EMAILS), users(ANN, total=150), *pages)
    assert [request.progress for request in played.requests] == [
        "",
        "0 of 2 pages of users read so far",
        "1 of 2 pages of users read so far",
    ]


# --- accounts by UUID ---

A, B, C, D, E = map(uuid, "abcde")


def test_accounts_are_read_by_uuid() -> None:
    """Up to three accounts cost one call each, side by side, and share one rate limit."""
    flow = get_accounts({A: "a@x.com", B: None})
    step = next(flow)
    assert isinstance(step, Gather)
    assert len(step.flows) == 2
    flow.close()
    for each in step.flows:
        each.close()
    played = play(get_accounts({A: "a@x.com", B: None}), account(A, "new@x.com"), account(B, None, "Disabled"))
    assert played.value == {
        A: User(A, "new@x.com", None, "Active"),
        B: User(B, None, None, "Disabled"),
    }
    assert [request.path for request in played.requests] == [f"/api/v2/users/{A}", f"/api/v2/users/{B}"]
    assert {request.limit_key for request in played.requests} == {"GET /api/v2/users/{user_id}"}
    assert [request.progress for request in played.requests] == [
        "0 of 2 accounts read so far",
        "1 of 2 accounts read so far",
    ]


def test_no_uuids_send_nothing() -> None:
    """No people cost no call."""
    played = play(get_accounts({}))
    assert (played.result, played.calls) == ({}, "")


def test_an_account_that_datadog_does_not_know_is_left_out() -> None:
    """A 404 means that the account does not exist, and it is left out of the result."""
    played = play(get_accounts({A: None, B: None}), reply(404, {"errors": ["User not found"]}), account(B, "b@x.com"))
    assert list(played.value) == [B]


@pytest.mark.parametrize("status", [400, 409])
def test_another_refusal_is_not_an_unknown_account(status: int) -> None:
    """A refusal other than 404 is an error, so that nobody counts as unknown by accident."""
    assert isinstance(play(get_accounts({A: None}), reply(status)).error, RequestRefusedError)


def test_a_missing_permission_to_read_accounts_is_named() -> None:
    """The error of a 403 names the permission user_access_read."""
    error = play(get_accounts({A: None}), reply(403), reply(403)).error
    assert isinstance(error, KeysRefusedError)
    assert "user_access_read" in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, {}),
        reply(200, {"data": None}),
        reply(200, {"data": []}),
        reply(200, {"data": {"attributes": {"email": "a@x.com"}}}),
        account(B, "b@x.com"),
        reply(202),
        lost(),
    ],
)
def test_a_response_that_is_not_the_requested_account_is_an_error(answer: object) -> None:
    """A response without the requested account raises an error and is not an unknown account."""
    assert isinstance(play(get_accounts({A: None}), *[answer] * MAX_ATTEMPTS).error, UnavailableError)


def test_ids_of_accounts_are_compared_in_any_case() -> None:
    """An account whose id comes in upper case is the requested one."""
    assert list(play(get_accounts({A: None}), account(A.upper(), "a@x.com")).value) == [A]


FIVE = {each: f"{name}@x.com" for name, each in zip("abcde", (A, B, C, D, E), strict=True)}


def test_the_user_list_is_read_if_that_is_fewer_calls() -> None:
    """Five accounts of an organisation of 150 cost one search and two pages."""
    listed = [(each, email, "Active") for each, email in FIVE.items()]
    pages = users(*listed, *crowd(*range(95)), total=150), users(*crowd(*range(95, 145)), total=150)
    played = play(get_accounts(FIVE), users((E, "e@x.com", "Active"), total=150), *pages)
    assert sorted(played.value) == sorted(FIVE)
    assert len(played.requests) == 3


def test_a_large_organisation_costs_one_call_for_each_account() -> None:
    """Five accounts of a large organisation cost five calls, and the search that states the size is the first."""
    rest = [account(each, f"new-{each}@x.com") for each in list(FIVE)[:-1]]
    played = play(get_accounts(FIVE), users((E, "e@x.com", "Active"), total=57_061), *rest)
    assert sorted(played.value) == sorted(FIVE)
    assert len(played.requests) == 5
    assert played.requests[-1].progress == "4 of 5 accounts read so far"


def test_a_list_that_was_cut_short_proves_no_absence() -> None:
    """If the pages of users do not add up to their total, each account that was not found is read by its UUID."""
    pages = users((B, "b@x.com", "Active"), *crowd(*range(99)), total=150), users(total=150)
    rest = account(A, "a@x.com"), account(B, "b@x.com"), account(C, "c@x.com"), reply(404)
    played = play(get_accounts(FIVE), users((E, "e@x.com", "Active"), total=150), *pages, *rest)
    assert sorted(played.value) == sorted((A, B, C, E))


def test_a_known_total_costs_no_search() -> None:
    """If it is known how many accounts there are, nobody is searched for."""
    played = play(
        get_accounts(FIVE, 150), users(*crowd(*range(100)), total=150), users(*crowd(*range(100, 150)), total=150)
    )
    assert [dict(request.query).get("filter") for request in played.requests] == [None, None]
    played = play(get_accounts(FIVE, 57_061), *[account(each, None) for each in FIVE])
    assert len(played.requests) == 5


def test_accounts_without_known_emails_are_read_by_uuid() -> None:
    """People without a known email cost one call each, because nothing can be searched for."""
    played = play(get_accounts(dict.fromkeys(FIVE)), *[account(each, None) for each in FIVE])
    assert list(played.value) == list(FIVE)


def play_accounts(datadog: FakeDatadog, people: Mapping[str, str | None]) -> Played[Any]:
    """Run the flow against a FakeDatadog."""
    played: Played[Any] = Played()
    played.result = serve(get_accounts(people), lambda request: answer_by(datadog, request), played)
    return played


@given(st.integers(1, 12), st.integers(0, 1500), st.data())
def test_accounts_cost_at_most_one_call_for_each_person(wanted: int, others: int, data: st.DataObject) -> None:
    """Accounts are complete and cost at most one call for each person, or the user list if that is fewer calls."""
    with unserved() as datadog:
        ids = [datadog.add_user(f"u{number}@x.com", user_uuid=uuid(f"u{number}")) for number in range(wanted)]
        for number in range(others):
            datadog.add_user(f"other{number}@y.com", user_uuid=uuid(f"other{number}"))
        known = data.draw(st.lists(st.booleans(), min_size=wanted, max_size=wanted))
        people = {each: f"u{number}@x.com" if known[number] else None for number, each in enumerate(ids)}
        played = play_accounts(datadog, people)
    assert {each: user.email for each, user in played.value.items()} == {
        each: f"u{number}@x.com" for number, each in enumerate(ids)
    }
    pages = -(-(wanted + others) // 100)
    assert len(played.requests) <= wanted
    if any(known) and wanted > 3:
        assert len(played.requests) <= pages + 1


@pytest.mark.parametrize(("others", "calls"), [(0, 2), (150, 3), (1500, 7)])
def test_outdated_emails_cost_at_most_one_call_more(others: int, calls: int) -> None:
    """Six accounts with outdated emails cost one call each, or the user list if that is shorter, and one search."""
    with unserved() as datadog:
        ids = [datadog.add_user(f"new{number}@x.com") for number in range(6)]
        for number in range(others):
            datadog.add_user(f"other{number}@y.com")
        played = play_accounts(datadog, {each: f"old{number}@x.com" for number, each in enumerate(ids)})
    assert sorted(played.value) == sorted(ids)
    assert len(played.requests) == calls


@pytest.mark.parametrize("others", [0, 150, 1500])
def test_accounts_that_were_deleted_cost_no_more_calls(others: int) -> None:
    """Accounts that Datadog does not know cost one call for each person, and one search at most."""
    with unserved() as datadog:
        ann = datadog.add_user("ann@x.com")
        for number in range(others):
            datadog.add_user(f"other{number}@y.com")
        people = {ann: "ann@x.com", **{uuid(f"gone{number}"): f"gone{number}@x.com" for number in range(5)}}
        played = play_accounts(datadog, people)
    assert list(played.value) == [ann]
    assert len(played.requests) <= 7


# --- the list of all users, so that no email is in an address ---


def test_people_are_found_in_the_whole_list_without_a_search() -> None:
    """With ``read_all`` no email is in the address of a request, also for a single person."""
    with unserved() as datadog:
        for number in range(230):
            datadog.add_user(f"user{number}@x.com")
        played: Played[Any] = Played()
        found = serve(
            find_users(["user7@x.com", "ghost@x.com"], read_all=True), lambda each: answer_by(datadog, each), played
        )
        assert list(found) == ["user7@x.com"]
        assert [dict(request.query).get("filter") for request in played.requests] == [None] * 3
        assert [dict(request.query)["page[number]"] for request in played.requests] == ["0", "1", "2"]
        ids = {user.id: user.email for user in found.values()}
        played = Played()
        accounts = serve(get_accounts(ids, read_all=True), lambda each: answer_by(datadog, each), played)
        assert accounts.keys() == ids.keys()
        assert [dict(request.query).get("filter") for request in played.requests] == [None] * 3


def test_a_list_that_shifts_is_read_again() -> None:
    """If the list of all users shifts while it is read, it is read again, three times at most."""
    shifted = users(ANN, total=2)
    assert list(play(find_users(["ann@x.com"], read_all=True), shifted, users(ANN, total=1)).value) == ["ann@x.com"]
    played = play(find_users(["ann@x.com"], read_all=True), *[shifted] * 3)
    assert isinstance(played.error, UnavailableError)
    assert "changed while it was read" in str(played.error)


def test_nobody_is_no_reading_of_the_whole_list() -> None:
    """Without people the list of all users is not read."""
    assert play(find_users([], read_all=True)).calls == ""
    assert play(get_accounts({}, read_all=True)).calls == ""
