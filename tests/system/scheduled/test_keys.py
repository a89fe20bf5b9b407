"""A search for keys in everything that a full run stores."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW_3, AirflowHome, Server, wait_for
from tests.system.scheduled.conftest import ANN, API_KEY, APP_KEY, BOB, STORED

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("scheduled"),
    pytest.mark.skipif(not AIRFLOW_3, reason="needs the API of Airflow 3"),
]

# The person of the DAG whose unassignment is redirected.
LEAVER = "0b1f1c0e-7a53-4f0e-9a1e-6a1f3f1f2d11"
FORMS = {form for key in (API_KEY, APP_KEY) for form in (key, quote(key), quote(key, safe=""), quote_plus(key))}


def test_a_full_run_leaks_no_key(
    server: Server,
    home: AirflowHome,
    fakes: dict[str, FakeDatadog],
    begun: dict[str, dict[str, Any]],
    other: FakeDatadog,
) -> None:
    """No log, database entry, template, XCom, trigger, exception, repr or API response contains a key in any form."""
    fake, emails = fakes["leaky"], {"emails": [ANN, BOB]}
    left = server.finish(begun["left"])
    gone = server.begin("datadog_seats_offboarding", {**emails, "product_code": "left", "max_unassign": "100%"})
    echo = {"errors": [f"Forbidden: {API_KEY} {APP_KEY} {quote(API_KEY, safe='')} {quote_plus(APP_KEY)}"]}
    away = {"Location": f"{other.url}{SEATS}?api_key={quote(API_KEY, safe='')}&application_key={APP_KEY}"}
    fake.give_seat(PRODUCT, fake.user_uuid(BOB), id=LEAVER)
    fake.script("POST", SEATS, *[Fault(403, echo)] * 2)
    fake.script("DELETE", SEATS, Fault(302, "", away))
    fake.script("GET", USERS, Fault(400, echo))
    run = server.begin("leaky", emails)

    def state(task: str) -> str:
        return str(server.tasks(run)[task]["state"])

    wait_for(lambda: (state("wait"), state("raises")) == ("deferred", "success"), 90, server.tail, pause=1)
    server.wait_until_left(run, "wait")
    fake.script("GET", SEATS, *[Fault(403, echo)] * 2)
    server.finish(run)
    states = {name: task["state"] for name, task in server.tasks(run).items()}
    assert states == {
        **dict.fromkeys(("refused", "misled", "rejected", "wait"), "failed"),
        **dict.fromkeys(("show", "raises"), "success"),
    }
    assert [left["state"], server.finish(gone)["state"]] == ["success", "success"]
    assert other.received == []
    assert any(each.headers["dd-application-key"] == APP_KEY for each in fake.calls())

    files = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    assert any(b"airflow_provider_seats" in content and b"DEBUG" in content.upper() for content in files.values())
    assert any(b"left: 2 of 2 people hold a seat" in content for content in files.values())
    for form in FORMS:
        assert not [path for path, content in files.items() if form.encode() in content], form

    answers = [
        server.raw("/api/v2/connections"),
        *(server.raw(f"/api/v2/connections/{name}") for name in STORED),
        server.raw("/api/v2/eventLogs?limit=500"),
        *(server.raw(f"/api/v2/dags/{dag_id}/details") for dag_id in ("leaky", "datadog_seats_onboarding")),
        *(server.raw(f"{server.path(run)}/taskInstances/{task}/logs/1?full_content=true") for task in states),
        *(server.raw(f"{server.path(run)}/taskInstances/{task}") for task in states),
    ]
    assert any("Forbidden: *** ***" in answer for answer in answers)
    for form in FORMS:
        assert not [answer for answer in answers if form in answer], form
