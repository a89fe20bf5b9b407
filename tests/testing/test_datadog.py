"""FakeDatadog: Datadog's official client works against it, and it answers as the real API does."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from airflow_provider_seats.testing import (
    API_KEY,
    PERMISSIONS,
    SCHEDULES,
    SEATS,
    TEAMS,
    USERS,
    VALIDATE,
    VALIDATE_KEYS,
    FakeDatadog,
)
from tests.conftest import PRODUCT
from tests.testing.conftest import GHOST, KEYS, ask


def test_the_official_client_lists_assigns_and_unassigns(datadog: FakeDatadog, official: Any) -> None:
    """The official client works with its own models and without changes."""
    from datadog_api_client.v2.api.seats_api import SeatsApi
    from datadog_api_client.v2.model.assign_seats_user_request import AssignSeatsUserRequest
    from datadog_api_client.v2.model.assign_seats_user_request_data import AssignSeatsUserRequestData
    from datadog_api_client.v2.model.assign_seats_user_request_data_attributes import (
        AssignSeatsUserRequestDataAttributes,
    )
    from datadog_api_client.v2.model.seat_assignments_data_type import SeatAssignmentsDataType
    from datadog_api_client.v2.model.unassign_seats_user_request import UnassignSeatsUserRequest
    from datadog_api_client.v2.model.unassign_seats_user_request_data import UnassignSeatsUserRequestData
    from datadog_api_client.v2.model.unassign_seats_user_request_data_attributes import (
        UnassignSeatsUserRequestDataAttributes,
    )

    people = [datadog.add_user(f"u{number}@x.com") for number in range(3)]
    kind = SeatAssignmentsDataType.SEAT_ASSIGNMENTS
    api = SeatsApi(official)
    to_assign = AssignSeatsUserRequestDataAttributes(product_code=PRODUCT, user_uuids=people)
    answer = api.assign_seats_user(
        body=AssignSeatsUserRequest(data=AssignSeatsUserRequestData(attributes=to_assign, type=kind))
    )
    assert [str(each) for each in answer.data.attributes.assigned_ids] == people

    first = api.get_seats_users(product_code=PRODUCT, page_limit=2)
    rest = api.get_seats_users(product_code=PRODUCT, page_limit=2, page_cursor=first.meta.next_cursor)
    assert [each.attributes.email for each in (*first.data, *rest.data)] == ["u0@x.com", "u1@x.com", "u2@x.com"]
    assert rest.meta.next_cursor is None

    to_unassign = UnassignSeatsUserRequestDataAttributes(product_code=PRODUCT, user_uuids=people[:2])
    data = UnassignSeatsUserRequestData(attributes=to_unassign, type=kind)
    api.unassign_seats_user(body=UnassignSeatsUserRequest(data=data))
    assert datadog.holders(PRODUCT) == {people[2]}
    assert api.get_seats_users(product_code="example_product").data == []


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


@pytest.mark.parametrize(
    ("method", "more", "status", "detail"),
    [
        ("GET", {}, 400, "product_code query parameter is required"),
        ("GET", {"params": {"product_code": "nope"}}, 422, "product_code nope is not valid"),
        ("GET", {"params": {"product_code": PRODUCT, "page[cursor]": "x"}}, 400, "page parameter is not valid"),
        ("POST", {"json": {}}, 400, "the body is not a seat assignment"),
        ("POST", {"data": "{"}, 400, "the body is not a seat assignment"),
        ("POST", {"json": {"data": {"attributes": {"user_uuids": [GHOST]}}}}, 422, "product_code is required"),
        (
            "DELETE",
            {"json": {"data": {"attributes": {"product_code": "nope", "user_uuids": [GHOST]}}}},
            422,
            "not valid",
        ),
        (
            "DELETE",
            {"json": {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": []}}}},
            422,
            "user_uuids is required and must not be empty",
        ),
    ],
)
def test_the_seats_endpoints_answer_errors_as_objects(
    datadog: FakeDatadog, method: str, more: dict[str, Any], status: int, detail: str
) -> None:
    """An error of the seats endpoints has the form that recordings of the real API show."""
    code, body = ask(datadog, method, SEATS, **more)
    assert code == status
    assert body["errors"][0]["title"] == "Generic Error"
    assert detail in body["errors"][0]["detail"]


def test_keys_are_checked(datadog: FakeDatadog) -> None:
    """The API key alone validates itself and allows nothing else, and errors are plain strings."""
    assert ask(datadog, "GET", VALIDATE_KEYS) == (200, {"status": "ok"})
    assert ask(datadog, "GET", VALIDATE, {"DD-API-KEY": API_KEY}) == (200, {"valid": True})
    assert ask(datadog, "GET", VALIDATE_KEYS, {"DD-API-KEY": API_KEY}) == (403, {"errors": ["Forbidden"]})
    assert ask(datadog, "GET", USERS, {}) == (401, {"errors": ["API key required"]})
    assert ask(datadog, "GET", "/api/v2/else") == (404, {"errors": ["Not Found"]})
    assert ask(datadog, "GET", USERS, params={"page[size]": "101"})[0] == 400


def test_an_account_is_read_by_its_uuid_in_any_case(datadog: FakeDatadog) -> None:
    """An account is an object of its own, with the attributes that the user list shows, and needs the keys."""
    ann = datadog.add_user("ann@x.com")
    _, users = ask(datadog, "GET", USERS)
    assert ask(datadog, "GET", f"{USERS}/{ann.upper()}") == (200, {"data": users["data"][0]})
    assert ask(datadog, "GET", f"{USERS}/{GHOST}") == (404, {"errors": ["User not found"]})
    assert ask(datadog, "GET", f"{USERS}/{ann}", {})[0] == 401
    assert ask(datadog, "DELETE", f"{USERS}/{ann}")[0] == 404


def test_a_token_is_accepted_in_both_headers() -> None:
    """An access token works in the header of the application key and as a bearer."""
    with FakeDatadog(app_key="ddpat_1") as datadog:
        assert ask(datadog, "GET", USERS, {"DD-APPLICATION-KEY": "ddpat_1"})[0] == 200
        assert ask(datadog, "GET", USERS, {"Authorization": "Bearer ddpat_1"})[0] == 200
        assert ask(datadog, "GET", USERS, {"DD-APPLICATION-KEY": "ddpat_2"})[0] == 401
        assert "api_key" not in json.loads(datadog.airflow_connection())["extra"]


def test_an_empty_seat_list_has_no_meta(datadog: FakeDatadog) -> None:
    """An empty seat list has no meta, as recordings of the real API show."""
    answer = requests.get(datadog.url + SEATS, params={"product_code": PRODUCT}, headers=KEYS, timeout=5)
    assert answer.json() == {"data": []}
    assert answer.headers["Content-Type"] == "application/vnd.api+json"


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


def test_rate_limits_are_stated_and_enforced() -> None:
    """Every answer has the five headers, and the call after the last allowed one is refused."""
    with FakeDatadog(rate_limit=(2, 3600)) as datadog:
        answers = [requests.get(datadog.url + VALIDATE_KEYS, headers=KEYS, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 0 < float(answers[0].headers["X-RateLimit-Reset"]) <= 3600
    assert answers[0].headers["X-RateLimit-Limit"] == "2"


def test_the_owner_of_the_keys_may_do_everything_by_default(datadog: FakeDatadog) -> None:
    """By default no permission is missing, and the permissions are those of all endpoints."""
    assert datadog.permissions == PERMISSIONS
    assert {"teams_read", "on_call_read", "user_access_read", "billing_read", "billing_edit"} < PERMISSIONS


PERMISSION_CASES = [
    ("GET", USERS, {"user_access_read"}),
    ("GET", f"{USERS}/{GHOST}", {"user_access_read"}),
    ("GET", TEAMS, {"teams_read"}),
    ("GET", f"{TEAMS}/{GHOST}/memberships", {"teams_read"}),
    ("GET", SCHEDULES, {"on_call_read"}),
    ("GET", f"{SCHEDULES}/{GHOST}", {"on_call_read"}),
    ("GET", SEATS, {"billing_read", "incident_read", "on_call_read"}),
    ("POST", SEATS, {"billing_edit", "incident_write", "on_call_write"}),
    ("DELETE", SEATS, {"billing_edit", "incident_write", "on_call_write"}),
]


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


def test_permissions_are_passed_by_name() -> None:
    """Only the permissions that are passed are given, and a name that no endpoint knows is an error."""
    with FakeDatadog(permissions=["teams_read"]) as datadog:
        assert ask(datadog, "GET", TEAMS)[0] == 200
        assert ask(datadog, "GET", USERS)[0] == 403
        assert ask(datadog, "GET", VALIDATE_KEYS)[0] == 200
    with pytest.raises(ValueError, match=r"permissions: \['team_read'\] are not among \['billing_edit', "):
        FakeDatadog(permissions=["team_read"])
