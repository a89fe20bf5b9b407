"""The user flows: whole emails in as few calls as can be, and no one mistaken for another."""

from __future__ import annotations

import pytest

from airflow_provider_seats._api.flow import ATTEMPTS, KeysRefusedError, Together, UnavailableError
from airflow_provider_seats._api.users import AmbiguousUsersError, check_keys, find_users
from tests.helpers.playing import play, reply, users

ANN = ("id-ann", "ann@x.com", "Active")
BOB = ("id-bob", "bob@x.com", "Active")


def test_an_email_is_one_filtered_call() -> None:
    """The account comes by case-folded email, with all that a caller decides by."""
    played = play(find_users([" Ann@X.com ", "ann@x.com"]), users(ANN, total=5000))
    ann = played.value["ann@x.com"]
    assert (ann.id, ann.email, ann.name, ann.status, ann.disabled) == ("id-ann", "ann@x.com", "N", "Active", False)
    assert [request.query[0] for request in played.requests] == [("filter", "ann@x.com")]
    assert dict(played.requests[0].query)["page[size]"] == "100"


def test_nobody_is_no_call() -> None:
    """No emails, no question."""
    assert play(find_users([])).calls == ""


def test_a_name_or_a_longer_email_that_holds_the_email_is_no_match() -> None:
    """Datadog searches names and parts of emails; only the whole email counts."""
    others = [("1", "joann@x.com", "Active"), ("2", "bob@x.com", "Active"), ("3", "ann@x.com.au", "Active")]
    assert play(find_users(["ann@x.com"]), users(*others)).value == {}
    assert play(find_users(["ann@x.com"]), users(*others, ANN)).value["ann@x.com"].id == "id-ann"


def test_emails_are_looked_up_side_by_side_in_a_large_organisation() -> None:
    """The first look-up tells how large it is; the others go together."""
    flow = find_users(["ann@x.com", "bob@x.com", "cy@x.com"])
    next(flow)
    step = flow.send(users(ANN, total=57_061))
    assert isinstance(step, Together)
    assert len(step.flows) == 2
    flow.close()
    for each in step.flows:
        each.close()
    played = play(find_users(["ann@x.com", "bob@x.com", "cy@x.com"]), users(ANN, total=57_061), users(BOB), users())
    assert sorted(played.value) == ["ann@x.com", "bob@x.com"]


def crowd(*numbers: int) -> list[tuple[str, str, str]]:
    """Make accounts of other people."""
    return [(f"id-{number}", f"{number}@y.com", "Active") for number in numbers]


EMAILS = [f"{name}@x.com" for name in ("ann", "bob", "cy", "di", "ed")]


def test_the_whole_list_is_read_where_that_is_fewer_calls() -> None:
    """Five people of an organisation of 150 are one look-up and two pages."""
    pages = users(ANN, BOB, *crowd(*range(98)), total=150), users(*crowd(*range(98, 148)), total=150)
    played = play(find_users(EMAILS), users(ANN, total=150), *pages)
    assert sorted(played.value) == ["ann@x.com", "bob@x.com"]
    assert [dict(request.query).get("filter") for request in played.requests] == ["ann@x.com", None, None]
    assert [dict(request.query)["page[number]"] for request in played.requests] == ["0", "0", "1"]


def test_nobody_is_missing_because_the_list_was_cut_short() -> None:
    """If the pages do not add up to what they tell, whoever was not found is asked for."""
    cut = ("id-old", "bob@x.com", "Disabled")
    pages = users(cut, *crowd(*range(99)), total=150), users(total=150)
    found = [users(each) for each in (BOB, ("id-cy", "cy@x.com", "Active"))]
    played = play(find_users(EMAILS), users(ANN, total=150), *pages, *found, users(), users())
    assert sorted(played.value) == ["ann@x.com", "bob@x.com", "cy@x.com"]
    understated = play(
        find_users(EMAILS), users(ANN, total=1), users(*crowd(*range(100)), total=1), *found, users(), users()
    )
    assert sorted(understated.value) == ["ann@x.com", "bob@x.com", "cy@x.com"]


def test_a_search_that_ends_before_its_end_is_an_error() -> None:
    """Pages may be smaller than asked for, but an empty one, or the same again, is not the end."""
    small = users(*crowd(*range(50)), filtered=51), users(ANN, filtered=51)
    assert play(find_users(["ann@x.com"]), *small).value["ann@x.com"].id == "id-ann"
    short = users(*crowd(*range(50)), filtered=51), users(filtered=51)
    assert isinstance(play(find_users(["ann@x.com"]), *short).error, UnavailableError)
    rows = [{"id": str(number), "attributes": {"email": "x@x"}} for number in range(100)]
    assert isinstance(play(find_users(["ann@x.com"]), *[reply(200, {"data": rows})] * 2).error, UnavailableError)


def test_look_ups_are_used_where_the_size_is_not_told() -> None:
    """Without a count, every email is asked for."""
    played = play(find_users(["ann@x.com", "bob@x.com"]), reply(200, {"data": []}), users(BOB))
    assert list(played.value) == ["bob@x.com"]


def test_a_search_with_many_hits_is_read_to_its_end() -> None:
    """The account may stand behind a hundred others whose names hold the email."""
    crowd = [(str(number), f"{number}@x.com", "Active") for number in range(100)]
    played = play(find_users(["ann@x.com"]), users(*crowd, filtered=101), users(ANN, filtered=101))
    assert played.value["ann@x.com"].id == "id-ann"


def test_a_disabled_account_is_given_if_it_is_the_only_one() -> None:
    """The caller decides what that means."""
    assert play(find_users(["ann@x.com"]), users(("1", "ann@x.com", "Disabled"))).value["ann@x.com"].disabled


def test_of_several_accounts_the_only_enabled_one_counts() -> None:
    """An account that was left behind disabled does no harm."""
    found = play(find_users(["ann@x.com"]), users(("1", "ann@x.com", "Disabled"), ("2", "ANN@x.com", "Pending"))).value
    assert found["ann@x.com"].id == "2"


@pytest.mark.parametrize("statuses", [("Active", "Pending"), ("Disabled", "Disabled")])
def test_several_accounts_that_are_not_clear_are_an_error_that_shows_them(statuses: tuple[str, str]) -> None:
    """Nobody guesses who is meant."""
    accounts = [(f"id-{number}", "ann@x.com", status) for number, status in enumerate(statuses)]
    error = play(find_users(["ann@x.com"]), users(*accounts)).error
    assert isinstance(error, AmbiguousUsersError)
    assert not error.passing
    for part in ("ann@x.com", "id-0", "id-1", *statuses, "user_uuids"):
        assert part in str(error)


def test_rows_without_id_or_email_are_passed_over() -> None:
    """They cannot be the account."""
    body = {"data": [{"id": None, "attributes": {"email": "ann@x.com"}}, {"id": "1", "attributes": {"email": None}}]}
    assert play(find_users(["ann@x.com"]), reply(200, body)).value == {}


def test_a_look_up_that_fails_is_an_error_and_nobody_is_missing() -> None:
    """Not being able to ask is not the same as not being there."""
    assert isinstance(play(find_users(["ann@x.com"]), *[reply(200, {})] * ATTEMPTS).error, UnavailableError)
    refused = play(find_users(["ann@x.com"]), reply(403), reply(403)).error
    assert isinstance(refused, KeysRefusedError)
    assert "user_access_read" in str(refused)


def test_keys_are_checked_by_one_call() -> None:
    """Both keys are proven at once."""
    played = play(check_keys(), reply(200, {"status": "ok"}))
    assert played.error is None
    assert played.requests[0].path == "/api/v2/validate_keys"
