"""All active users: from complete lists, without service accounts. The tests of teams and roles test the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.groups import list_active_users
from airflow_provider_seats._api.users import PATH
from airflow_provider_seats.exceptions import KeysRefusedError, UnavailableError
from tests.helpers.playing import Played, answer_by, play, reply, serve, unserved, users, uuid

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Response

ANN, BOB = uuid("ann"), uuid("bob")
MANY = [uuid(f"u{number}") for number in range(101)]


def active(*people: str, total: int = 300, filtered: int | None = None) -> Response:
    """Return a page of active users."""
    return users(*((each, f"{each}@x.com", "Active") for each in people), total=total, filtered=filtered)


def test_active_users_are_one_call() -> None:
    """A hundred active users are one call, and the accounts that are not active are counted."""
    played = play(list_active_users(), active(BOB.upper(), ANN))
    assert (played.value.people, played.value.left_out, played.value.inactive) == ([BOB, ANN], [], 298)
    [request] = played.requests
    assert request.query == (("filter[status]", "Active"), ("page[size]", "100"), ("page[number]", "0"))
    assert (request.name, request.permission) == (f"GET {PATH}", "the permission user_access_read")


def test_a_list_of_several_pages_is_read_twice() -> None:
    """A user who was on none of the pages because the list shifted is found by a second reading."""
    pages = active(*MANY[:100], filtered=101), active(MANY[100], filtered=101)
    again = active(*MANY[:99], ANN, filtered=101), active(MANY[100], filtered=101)
    assert play(list_active_users(), *pages, *again).value.people == [*MANY, ANN]


def test_a_list_that_shifts_each_time_is_an_error() -> None:
    """A list that is shorter than it states is read three times, and then it is a transient error."""
    played = play(list_active_users(), *[active(ANN, filtered=2)] * 3)
    assert isinstance(played.error, UnavailableError)
    assert "changed while it was read" in str(played.error)
    shifted = active(*MANY[:100], filtered=101), active(MANY[0], filtered=101)
    assert isinstance(play(list_active_users(), *shifted * 3).error, UnavailableError)


def test_a_server_that_ignores_the_status_changes_nothing() -> None:
    """Someone whose account is not active is left out, also if the list contains them."""
    page = users((ANN, "a@x.com", "Active"), (BOB, "b@x.com", "Pending"), (MANY[0], "c@x.com", "Disabled"), total=3)
    members = play(list_active_users(), page).value
    assert (members.people, members.inactive) == ([ANN], 2)


@pytest.mark.parametrize("user", ["ann", "x", "7"])
def test_a_user_without_a_uuid_is_an_error(user: str) -> None:
    """An id that is no UUID is an error that shows it."""
    error = play(list_active_users(), active(ANN, user)).error
    assert isinstance(error, UnavailableError)
    assert f"is no UUID: '{user}'" in str(error)


def test_a_refusal_names_the_permission() -> None:
    """The error of refused keys names the permission."""
    error = play(list_active_users(), *[reply(403, {"errors": ["Forbidden"]})] * 2).error
    assert isinstance(error, KeysRefusedError)
    assert "has the permission user_access_read" in str(error)


STATUSES = ["Active", "Pending", "Disabled"]


@given(
    accounts=st.lists(st.tuples(st.sampled_from(STATUSES), st.booleans()), max_size=12),
    more=st.sampled_from([0, 0, 0, 95, 205]),
)
def test_everybody_who_is_active_is_returned(accounts: list[tuple[Any, bool]], more: int) -> None:
    """Whatever the accounts are, the result is the active people, and everybody else is counted."""
    everyone = [*accounts, *[("Active", False)] * more]
    with unserved() as datadog:
        ids = [
            datadog.add_user(f"u{number}@x.com", status=status, service_account=service)
            for number, (status, service) in enumerate(everyone)
        ]
        played: Played[Any] = Played()
        members = serve(list_active_users(), lambda step: answer_by(datadog, step), played)
    assert members.people == [each for each, kind in zip(ids, everyone, strict=True) if kind == ("Active", False)]
    assert len(members.left_out) == everyone.count(("Active", True))
    assert len(members.people) + len(members.left_out) + members.inactive == len(everyone)
    pages = -(-(len(members.people) + len(members.left_out)) // 100)
    assert len(played.requests) == (max(pages, 1) if pages < 2 else 2 * pages)
