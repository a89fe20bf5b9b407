"""The user endpoints of FakeDatadog, read by the official client."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.testing import (
    USERS,
    FakeDatadog,
)
from tests.testing.conftest import GHOST, ask


def test_the_official_client_finds_users_and_checks_keys(datadog: FakeDatadog, official: Any) -> None:
    """The endpoints for users and keys work with the official client too."""
    from datadog_api_client.v1.api.authentication_api import AuthenticationApi
    from datadog_api_client.v2.api.users_api import UsersApi

    ann = datadog.add_user("ann@x.com", "Ann")
    datadog.add_user("bob@x.com", status="Disabled")
    users = UsersApi(official)
    found = users.list_users(filter="ANN")
    assert [(each.id, each.attributes.email, each.attributes.status) for each in found.data] == [
        (ann, "ann@x.com", "Active")
    ]
    assert (found.meta.page.total_count, found.meta.page.total_filtered_count) == (2, 1)
    disabled = users.list_users(page_size=1, page_number=0, filter_status="Disabled,Pending")
    assert [each.attributes.disabled for each in disabled.data] == [True]
    assert AuthenticationApi(official).validate().valid


def test_the_official_client_reads_an_account(datadog: FakeDatadog, official: Any) -> None:
    """The official client reads an account by its UUID, also a disabled one, and an unknown UUID is a 404."""
    from datadog_api_client.exceptions import NotFoundException
    from datadog_api_client.v2.api.users_api import UsersApi

    ann = datadog.add_user("Ann@x.com", "Ann")
    bob = datadog.add_user("bob@x.com", status="Disabled")
    users = UsersApi(official)
    account = users.get_user(ann).data
    assert (account.id, account.type.value) == (ann, "users")
    assert (account.attributes.email, account.attributes.name, account.attributes.status) == (
        "ann@x.com",
        "Ann",
        "Active",
    )
    assert (account.attributes.disabled, users.get_user(bob).data.attributes.disabled) == (False, True)
    with pytest.raises(NotFoundException) as raised:
        users.get_user(GHOST)
    assert (raised.value.status, raised.value.body) == (404, {"errors": ["User not found"]})


def test_an_account_is_read_by_its_uuid_in_any_case(datadog: FakeDatadog) -> None:
    """An account is an object of its own, with the attributes that the user list shows, and needs the keys."""
    ann = datadog.add_user("ann@x.com")
    _, users = ask(datadog, "GET", USERS)
    assert ask(datadog, "GET", f"{USERS}/{ann.upper()}") == (200, {"data": users["data"][0]})
    assert ask(datadog, "GET", f"{USERS}/{GHOST}") == (404, {"errors": ["User not found"]})
    assert ask(datadog, "GET", f"{USERS}/{ann}", {})[0] == 401
    assert ask(datadog, "DELETE", f"{USERS}/{ann}")[0] == 404
