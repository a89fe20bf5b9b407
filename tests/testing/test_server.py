"""The server of FakeDatadog: scripted faults, and what it records."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_seats.testing import API_KEY, APP_KEY, SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT

KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}


def test_faults_are_answered_in_turn(datadog: FakeDatadog) -> None:
    """Each request gets the next fault, is carried out only if the fault says so, and is recorded with its status."""
    ann = datadog.add_user("ann@x.com")
    body = {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": [ann]}}}
    datadog.script("POST", SEATS, Fault(502, "<html>", applied=True), Fault(lost="after"), Fault(lost="before"))
    assert requests.post(datadog.url + SEATS, json=body, headers=KEYS, timeout=5).text == "<html>"
    assert datadog.holders(PRODUCT) == {ann}
    datadog.take_seat(PRODUCT, ann)
    for applied in (True, False):
        with pytest.raises(requests.ConnectionError):
            requests.post(datadog.url + SEATS, json=body, headers=KEYS, timeout=5)
        assert (ann in datadog.holders(PRODUCT)) == applied
        datadog.take_seat(PRODUCT, ann)
    assert requests.post(datadog.url + SEATS, json=body, headers=KEYS, timeout=5).status_code == 201
    assert [each.status for each in datadog.calls("POST", SEATS)] == [502, None, None, 201]
    assert datadog.calls("POST")[0].user_uuids == [ann]


def test_an_answer_can_be_cut_off(datadog: FakeDatadog) -> None:
    """With ``lost="during"`` the request is carried out, and the connection is closed within the answer."""
    ann = datadog.add_user("ann@x.com")
    body = {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": [ann]}}}
    datadog.script("POST", SEATS, Fault(lost="during"))
    with pytest.raises(requests.RequestException):
        requests.post(datadog.url + SEATS, json=body, headers=KEYS, timeout=5)
    assert datadog.holders(PRODUCT) == {ann}


def test_a_fault_has_an_error_body_and_headers(datadog: FakeDatadog) -> None:
    """A fault without a body answers an error like those of the real API, also for a status that no standard knows."""
    datadog.script("GET", SEATS, Fault(503, headers={"Retry-After": "7"}), Fault(520), Fault(500, b"\xff"))
    answers = [requests.get(datadog.url + SEATS, headers=KEYS, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 520, 500]
    assert answers[0].json() == {"errors": ["Service Unavailable"]}
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[1].json() == {"errors": ["Status 520"]}
    assert (answers[2].content, answers[2].headers["Content-Type"]) == (b"\xff", "text/html")
