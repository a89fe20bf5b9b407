"""The organisation that FakeDatadog serves: its people, seats and permissions."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.testing import (
    PERMISSIONS,
    POLICIES,
    ROLES,
    ROUTING_RULES,
    SCHEDULES,
    SEATS,
    TEAMS,
    USAGE,
    USAGE_FIELDS,
    USERS,
    VALIDATE_KEYS,
    FakeDatadog,
)
from tests.conftest import PRODUCT
from tests.testing.conftest import GHOST, ask

PERMISSION_CASES = [
    ("GET", USERS, {"user_access_read"}),
    ("GET", f"{USERS}/{GHOST}", {"user_access_read"}),
    ("POST", USERS, {"user_access_invite"}),
    ("GET", ROLES, {"user_access_read"}),
    ("GET", f"{ROLES}/{GHOST}/users", {"user_access_read"}),
    ("GET", TEAMS, {"teams_read"}),
    ("GET", f"{TEAMS}/{GHOST}/memberships", {"teams_read"}),
    ("GET", SCHEDULES, {"on_call_read"}),
    ("GET", f"{SCHEDULES}/{GHOST}", {"on_call_read"}),
    ("GET", ROUTING_RULES.replace("{id}", GHOST), {"on_call_read"}),
    ("GET", f"{POLICIES}/{GHOST}", {"on_call_read"}),
    ("GET", USAGE, {"usage_read"}),
    ("GET", USAGE_FIELDS, {"usage_read"}),
    ("POST", SEATS, {"billing_edit", "incident_write", "on_call_write"}),
    ("DELETE", SEATS, {"billing_edit", "incident_write", "on_call_write"}),
]


def test_unknown_users_can_be_ignored() -> None:
    """With ``unknown_users='ignore'`` an assignment leaves out unknown UUIDs and assigns the others."""
    with FakeDatadog(unknown_users="ignore") as datadog:
        body = {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": [GHOST]}}}
        status, answer = ask(datadog, "POST", SEATS, json=body)
        assert (status, answer["data"]["attributes"]["assigned_ids"]) == (201, [])


def test_seats_can_be_assigned_and_unassigned_by_hand(datadog: FakeDatadog) -> None:
    """A row of the seat list can show other values than those of the account."""
    ann = datadog.add_user("Ann@X.com")
    datadog.give_seat("example_product", ann, email=None, assigned_at=None)
    _, body = ask(datadog, "GET", SEATS, params={"product_code": "example_product"})
    assert body["data"] == [
        {"type": "seat-users", "id": ann, "attributes": {"email": None, "name": "Ann", "assigned_at": None}}
    ]
    assert datadog.emails("example_product") == ["ann@x.com"]
    datadog.take_seat("example_product", ann)
    assert datadog.holders("example_product") == set()


def test_the_owner_of_the_keys_may_do_everything_by_default(datadog: FakeDatadog) -> None:
    """By default no permission is missing, and the permissions are those of all endpoints."""
    assert datadog.permissions == PERMISSIONS
    assert {"teams_read", "on_call_read", "user_access_read", "billing_read", "billing_edit"} < PERMISSIONS


@pytest.mark.parametrize(("method", "path", "permissions"), PERMISSION_CASES)
def test_one_of_the_permissions_of_an_endpoint_is_needed(
    datadog: FakeDatadog, method: str, path: str, permissions: set[str]
) -> None:
    """Any one of its permissions opens an endpoint, and without them it answers 403 in Datadog's form."""
    body = {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": [GHOST]}}}
    more: dict[str, Any] = {"params": {"product_code": PRODUCT}} if method == "GET" else {"json": body}
    datadog.permissions -= permissions
    refusal = {"errors": ["Forbidden", "Failed permission authorization checks"]}
    assert ask(datadog, method, path, **more) == (403, refusal)
    for permission in permissions:
        datadog.permissions = {permission}
        assert ask(datadog, method, path, **more)[0] != 403


ONE_OF = ("billing_read", "incident_read", "on_call_read")


@pytest.mark.parametrize("one", ONE_OF)
def test_the_seat_list_needs_user_access_and_one_of_three(one: str) -> None:
    """By the newest page, user_access_read is needed besides one of the three. By the older ones, one is enough."""
    params = {"product_code": PRODUCT}
    cases = {("newest", one): 403, ("newest", one, "user_access_read"): 200, ("newest", "user_access_read"): 403}
    cases |= {("older", one): 200, ("older", "user_access_read"): 403}
    for (rule, *permissions), status in cases.items():
        with FakeDatadog(permissions=permissions) as datadog:
            datadog.seat_list_permissions = "older" if rule == "older" else "newest"
            assert ask(datadog, "GET", SEATS, params=params)[0] == status, (rule, permissions)


def test_keys_with_scopes_need_the_scope() -> None:
    """Keys that are limited to scopes need the one of the call. For the seat list it is user_access_read."""
    with FakeDatadog(scopes=["teams_read"]) as datadog:
        assert ask(datadog, "GET", TEAMS)[0] == 200
        assert ask(datadog, "GET", USERS)[0] == 403
        assert ask(datadog, "GET", SEATS, params={"product_code": PRODUCT})[0] == 403
        datadog.scopes = {"user_access_read"}
        assert ask(datadog, "GET", TEAMS)[0] == 403
        assert ask(datadog, "GET", SEATS, params={"product_code": PRODUCT})[0] == 200
        datadog.scopes = set()
        datadog.seat_list_permissions = "older"
        assert ask(datadog, "GET", SEATS, params={"product_code": PRODUCT})[0] == 200
    with pytest.raises(ValueError, match=r"scopes: \['team_read'\] are not among"):
        FakeDatadog(scopes=["team_read"])


def test_permissions_are_passed_by_name() -> None:
    """Only the permissions that are passed are given, and a name that no endpoint knows is an error."""
    with FakeDatadog(permissions=["teams_read"]) as datadog:
        assert ask(datadog, "GET", TEAMS)[0] == 200
        assert ask(datadog, "GET", USERS)[0] == 403
        assert ask(datadog, "GET", VALIDATE_KEYS)[0] == 200
    with pytest.raises(ValueError, match=r"permissions: \['team_read'\] are not among \['billing_edit', "):
        FakeDatadog(permissions=["team_read"])
