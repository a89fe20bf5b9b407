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


def create(official: Any, email: Any, roles: tuple[str, ...] = (), **fields: Any) -> Any:
    """Create an account with the official client. Return it."""
    from datadog_api_client.v2.api.users_api import UsersApi
    from datadog_api_client.v2.model.relationship_to_role_data import RelationshipToRoleData
    from datadog_api_client.v2.model.relationship_to_roles import RelationshipToRoles
    from datadog_api_client.v2.model.roles_type import RolesType
    from datadog_api_client.v2.model.user_create_attributes import UserCreateAttributes
    from datadog_api_client.v2.model.user_create_data import UserCreateData
    from datadog_api_client.v2.model.user_create_request import UserCreateRequest
    from datadog_api_client.v2.model.user_relationships import UserRelationships
    from datadog_api_client.v2.model.users_type import UsersType

    attributes = UserCreateAttributes(email=email, **fields)
    more: dict[str, Any] = {}
    if roles:
        references = [RelationshipToRoleData(id=each, type=RolesType.ROLES) for each in roles]
        more["relationships"] = UserRelationships(roles=RelationshipToRoles(data=references))
    data = UserCreateData(attributes=attributes, type=UsersType.USERS, **more)
    return UsersApi(official).create_user(body=UserCreateRequest(data=data)).data


def test_the_official_client_creates_an_account(datadog: FakeDatadog, official: Any) -> None:
    """The official client creates an account, which is pending until its owner accepts, and may have roles."""
    from datadog_api_client.v2.api.users_api import UsersApi

    role = datadog.add_role("SRE")
    account = create(official, "Ann@X.com", (role,), name="Ann", title="Engineer")
    shown = account.attributes
    assert (shown.email, shown.handle, shown.name, shown.title) == ("ann@x.com", "ann@x.com", "Ann", "Engineer")
    assert (shown.status, shown.disabled, shown.verified, shown.service_account) == ("Pending", False, False, False)
    assert [each.id for each in account.relationships.roles.data] == [role]
    assert create(official, "bob@x.com").attributes.name is None
    users = UsersApi(official)
    assert users.get_user(account.id).data == account
    assert [each.attributes.email for each in users.list_users(filter="bob").data] == ["bob@x.com"]
    assert [each.attributes.email for each in users.list_users_with_pagination(page_size=1)] == [
        "ann@x.com",
        "bob@x.com",
    ]
    datadog.set_status(account.id, "Active")
    assert [each.id for each in users.list_users(filter_status="Active").data] == [account.id]


def test_the_official_client_cannot_create_an_account_twice(datadog: FakeDatadog, official: Any) -> None:
    """An email that an account has is a 409, also if it is disabled, and a missing permission is a 403."""
    from datadog_api_client.exceptions import ApiException, ForbiddenException

    datadog.add_user("gone@x.com", status="Disabled")
    with pytest.raises(ApiException) as raised:
        create(official, "Gone@x.com")
    assert (raised.value.status, raised.value.body) == (409, {"errors": ["User gone@x.com already exists"]})
    datadog.permissions.remove("user_access_invite")
    with pytest.raises(ForbiddenException):
        create(official, "ann@x.com")
    assert len(ask(datadog, "GET", USERS)[1]["data"]) == 1


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"type": "users"},
        {"type": "users", "attributes": []},
        {"type": "users", "attributes": {}},
        {"type": "users", "attributes": {"email": "ann"}},
        {"type": "users", "attributes": {"email": ["ann@x.com"]}},
        {"type": "users", "attributes": {"email": "ann@x.com", "name": 7}},
        {"type": "roles", "attributes": {"email": "ann@x.com"}},
        {"attributes": {"email": "ann@x.com"}},
        {"type": "users", "attributes": {"email": "a@x.com"}, "relationships": {"roles": {"data": [{"id": GHOST}]}}},
        {"type": "users", "attributes": {"email": "a@x.com"}, "relationships": {"roles": {"data": [7]}}},
        {"type": "users", "attributes": {"email": "a@x.com"}, "relationships": []},
    ],
)
def test_a_body_that_is_no_account_is_refused(datadog: FakeDatadog, data: Any) -> None:
    """A body that is not as documented is a 400, and adds nobody."""
    assert ask(datadog, "POST", USERS, json={"data": data})[0] == 400
    assert ask(datadog, "POST", USERS, data=b"{")[0] == 400
    assert ask(datadog, "GET", USERS)[1]["data"] == []
