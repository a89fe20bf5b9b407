"""FakeDatadog: the official client works against it unchanged, and it does what it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_provider_seats.testing import (
    API_KEY,
    APP_KEY,
    SEATS,
    USERS,
    VALIDATE,
    VALIDATE_KEYS,
    FakeDatadog,
    Fault,
    main,
)
from tests.conftest import PRODUCT

GHOST = "00000000-0000-0000-0000-000000000000"
KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}


@pytest.fixture
def official(datadog: FakeDatadog) -> Iterator[Any]:
    """Give the official client, set up as its documentation says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the client's own imports
        from datadog_api_client import ApiClient, Configuration

    configuration = Configuration(host=datadog.url, api_key={"apiKeyAuth": API_KEY, "appKeyAuth": APP_KEY})
    with ApiClient(configuration) as client:
        yield client


def test_the_official_client_lists_assigns_and_unassigns(datadog: FakeDatadog, official: Any) -> None:
    """Unchanged, with its own models, all the way round."""
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
    given = AssignSeatsUserRequestDataAttributes(product_code=PRODUCT, user_uuids=people)
    answer = api.assign_seats_user(
        body=AssignSeatsUserRequest(data=AssignSeatsUserRequestData(attributes=given, type=kind))
    )
    assert [str(each) for each in answer.data.attributes.assigned_ids] == people

    first = api.get_seats_users(product_code=PRODUCT, page_limit=2)
    rest = api.get_seats_users(product_code=PRODUCT, page_limit=2, page_cursor=first.meta.next_cursor)
    assert [each.attributes.email for each in (*first.data, *rest.data)] == ["u0@x.com", "u1@x.com", "u2@x.com"]
    assert rest.meta.next_cursor is None

    taken = UnassignSeatsUserRequestDataAttributes(product_code=PRODUCT, user_uuids=people[:2])
    data = UnassignSeatsUserRequestData(attributes=taken, type=kind)
    api.unassign_seats_user(body=UnassignSeatsUserRequest(data=data))
    assert datadog.holders(PRODUCT) == {people[2]}
    assert api.get_seats_users(product_code="on_call").data == []


def test_the_official_client_finds_users_and_checks_keys(datadog: FakeDatadog, official: Any) -> None:
    """The parts of other endpoints that this package uses are faithful, too."""
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


def ask(datadog: FakeDatadog, method: str, path: str, headers: dict[str, str] = KEYS, **more: Any) -> tuple[int, Any]:
    """Send a request; give status and JSON."""
    answer = requests.request(method, datadog.url + path, headers=headers, timeout=5, **more)
    return answer.status_code, answer.json() if answer.content else None


@pytest.mark.parametrize(
    ("method", "more", "status", "words"),
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
def test_seats_answer_errors_as_objects(
    datadog: FakeDatadog, method: str, more: dict[str, Any], status: int, words: str
) -> None:
    """As recordings of the real API show them."""
    code, body = ask(datadog, method, SEATS, **more)
    assert code == status
    assert body["errors"][0]["title"] == "Generic Error"
    assert words in body["errors"][0]["detail"]


def test_keys_are_checked_and_refused_with_plain_words(datadog: FakeDatadog) -> None:
    """The API key alone is enough to validate it, and for nothing else."""
    assert ask(datadog, "GET", VALIDATE_KEYS) == (200, {"status": "ok"})
    assert ask(datadog, "GET", VALIDATE, {"DD-API-KEY": API_KEY}) == (200, {"valid": True})
    assert ask(datadog, "GET", VALIDATE_KEYS, {"DD-API-KEY": API_KEY}) == (403, {"errors": ["Forbidden"]})
    assert ask(datadog, "GET", USERS, {}) == (401, {"errors": ["API key required"]})
    assert ask(datadog, "GET", "/api/v2/else") == (404, {"errors": ["Not Found"]})
    assert ask(datadog, "GET", USERS, params={"page[size]": "101"})[0] == 400


def test_a_token_is_accepted_in_both_places() -> None:
    """In the application key's header, or as a bearer."""
    with FakeDatadog(app_key="ddpat_1") as datadog:
        assert ask(datadog, "GET", USERS, {"DD-APPLICATION-KEY": "ddpat_1"})[0] == 200
        assert ask(datadog, "GET", USERS, {"Authorization": "Bearer ddpat_1"})[0] == 200
        assert ask(datadog, "GET", USERS, {"DD-APPLICATION-KEY": "ddpat_2"})[0] == 401
        assert "api_key" not in json.loads(datadog.airflow_connection())["extra"]


def test_an_empty_seat_list_has_no_meta(datadog: FakeDatadog) -> None:
    """As recorded."""
    answer = requests.get(datadog.url + SEATS, params={"product_code": PRODUCT}, headers=KEYS, timeout=5)
    assert answer.json() == {"data": []}
    assert answer.headers["Content-Type"] == "application/vnd.api+json"


def test_unknown_users_can_be_ignored_instead() -> None:
    """What Datadog does is not known, so both can be tried."""
    with FakeDatadog(unknown_users="ignore") as datadog:
        body = {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": [GHOST]}}}
        status, answer = ask(datadog, "POST", SEATS, json=body)
        assert (status, answer["data"]["attributes"]["assigned_ids"]) == (201, [])


def test_seats_are_given_and_taken_as_if_by_hand(datadog: FakeDatadog) -> None:
    """A row may be shown otherwise than it is."""
    ann = datadog.add_user("Ann@X.com")
    datadog.give_seat("on_call", ann, email=None, assigned_at=None)
    _, body = ask(datadog, "GET", SEATS, params={"product_code": "on_call"})
    assert body["data"] == [
        {"type": "seat-users", "id": ann, "attributes": {"email": None, "name": "Ann", "assigned_at": None}}
    ]
    assert datadog.emails("on_call") == ["ann@x.com"]
    datadog.take_seat("on_call", ann)
    assert datadog.holders("on_call") == set()


def test_rate_limits_are_told_and_kept() -> None:
    """Every answer has the five headers, and the call after the last is refused."""
    with FakeDatadog(rate_limit=(2, 3600)) as datadog:
        answers = [requests.get(datadog.url + VALIDATE_KEYS, headers=KEYS, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 0 < float(answers[0].headers["X-RateLimit-Reset"]) <= 3600
    assert answers[0].headers["X-RateLimit-Limit"] == "2"


def test_faults_are_answered_in_turn_and_applied_if_told(datadog: FakeDatadog) -> None:
    """What was received is kept, with the status that was answered."""
    ann = datadog.add_user("ann@x.com")
    body = {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": [ann]}}}
    datadog.script("POST", SEATS, Fault(502, "<html>", applied=True), Fault(lost="after"), Fault(lost="before"))
    assert requests.post(datadog.url + SEATS, json=body, headers=KEYS, timeout=5).text == "<html>"
    assert datadog.holders(PRODUCT) == {ann}
    datadog.take_seat(PRODUCT, ann)
    for applied in (True, False):
        with pytest.raises(requests.ConnectionError):
            ask(datadog, "POST", SEATS, json=body)
        assert (ann in datadog.holders(PRODUCT)) == applied
        datadog.take_seat(PRODUCT, ann)
    assert ask(datadog, "POST", SEATS, json=body)[0] == 201
    assert [each.status for each in datadog.calls("POST", SEATS)] == [502, None, None, 201]
    assert datadog.calls("POST")[0].user_uuids == [ann]


def test_the_command_serves_until_it_is_interrupted() -> None:
    """It prints the line that defines the connection."""
    people = ["ann@example.com", "--seated", "bob@example.com"]
    command = [sys.executable, "-m", "airflow_provider_seats.testing", "--port", "0", *people]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as fake:
        assert fake.stdout is not None
        lines: list[str] = []
        deadline = time.monotonic() + 20
        while not (lines and "export" in lines[-1]) and time.monotonic() < deadline:
            lines.append(fake.stdout.readline())
        connection = json.loads(lines[-1].partition("='")[2].strip().rstrip("'"))
        query = {"product_code": PRODUCT}
        answer = requests.get(connection["host"] + SEATS, params=query, headers=KEYS, timeout=5).json()
        assert [row["attributes"]["email"] for row in answer["data"]] == ["bob@example.com"]
        assert fake.stdout.readline().startswith("200  GET /api/v2/seats/users")
        fake.send_signal(signal.SIGINT)
        assert fake.wait(timeout=10) == 0
    assert any("ann@example.com" in line for line in lines)


def test_a_port_that_is_taken_is_told(datadog: FakeDatadog, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do, and without a traceback."""
    with pytest.raises(SystemExit):
        main(["--port", datadog.url.rpartition(":")[2]])
    assert "--port 0" in capsys.readouterr().err
