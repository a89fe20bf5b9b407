"""The seat endpoints of FakeDatadog, used by the official client."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_seats.testing import (
    SEATS,
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


def test_an_empty_seat_list_has_no_meta(datadog: FakeDatadog) -> None:
    """An empty seat list has no meta, as recordings of the real API show."""
    answer = requests.get(datadog.url + SEATS, params={"product_code": PRODUCT}, headers=KEYS, timeout=5)
    assert answer.json() == {"data": []}
    assert answer.headers["Content-Type"] == "application/vnd.api+json"
