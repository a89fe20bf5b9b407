"""Where keys might leak: everything that a full run leaves behind is searched for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW_3, EXAMPLE_DAGS, AirflowHome, Server, wait_for

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW_3, reason="the scheduler is driven through the API of Airflow 3"),
]

# What a URL, a shell or a regular expression would change is in them.
API_KEY, APP_KEY = "api/key+3141=&%", "app/key+2718=&$"
FORMS = {form for key in (API_KEY, APP_KEY) for form in (key, quote(key), quote(key, safe=""), quote_plus(key))}
ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeDatadog]:
    """Serve an organisation whose keys are no ordinary words."""
    with FakeDatadog(api_key=API_KEY, app_key=APP_KEY) as fake:
        for email in (ANN, BOB):
            fake.add_user(email)
        yield fake


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """Make an Airflow home that logs all it can."""
    dags = tmp_path_factory.mktemp("dags")
    for file in (*EXAMPLE_DAGS.glob("*.py"), Path(__file__).parent / "dags" / "leaky.py"):
        shutil.copy(file, dags)
    with AirflowHome(dags, {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"}) as home:
        yield home


@pytest.fixture(scope="module")
def server(home: AirflowHome, fake: FakeDatadog) -> Iterator[Server]:
    """Run a whole Airflow, and make the connection as a person would: through the API behind the page."""
    with home.standalone() as server:
        server.wait_until_ready("leaky", "datadog_seats_onboarding", "datadog_seats_offboarding")
        fields = {"connection_id": "datadog_default", "conn_type": "datadog_seats", "host": fake.url}
        keys = {"password": APP_KEY, "extra": json.dumps({"api_key": API_KEY})}
        server.ask("POST", "/api/v2/connections", {**fields, **keys})
        yield server


def test_no_key_is_left_behind_by_a_full_run(
    server: Server, home: AirflowHome, fake: FakeDatadog, other: FakeDatadog
) -> None:
    """Logs at DEBUG, database, rendered templates, XCom, triggers, the audit log, exceptions, reprs and the API."""
    emails = {"emails": [ANN, BOB]}
    runs = [server.run("datadog_seats_onboarding", emails), server.run("datadog_seats_offboarding", emails)]
    assert [run["state"] for run in runs] == ["success", "success"]
    echo = {"errors": [f"Forbidden: {API_KEY} {APP_KEY} {quote(API_KEY, safe='')} {quote_plus(APP_KEY)}"]}
    away = {"Location": f"{other.url}{SEATS}?api_key={quote(API_KEY, safe='')}&application_key={APP_KEY}"}
    fake.script("POST", SEATS, *[Fault(403, echo)] * 2)
    fake.script("DELETE", SEATS, Fault(302, "", away))
    fake.script("GET", USERS, Fault(400, echo))
    run = server.begin("leaky", emails)

    def state(task: str) -> str:
        return str(server.tasks(run)[task]["state"])

    wait_for(lambda: (state("wait"), state("raises")) == ("deferred", "success"), 90)
    fake.script("GET", SEATS, *[Fault(403, echo)] * 2)
    server.finish(run)
    states = {name: task["state"] for name, task in server.tasks(run).items()}
    assert states == {
        **dict.fromkeys(("refused", "misled", "rejected", "wait"), "failed"),
        **dict.fromkeys(("show", "raises"), "success"),
    }
    assert other.received == []
    assert any(each.headers["dd-application-key"] == APP_KEY for each in fake.calls())

    files = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    assert any(b"airflow_provider_seats" in content and b"DEBUG" in content.upper() for content in files.values())
    assert any(f"{PRODUCT}: 2 of 2 people hold a seat".encode() in content for content in files.values())
    for form in FORMS:
        assert not [path for path, content in files.items() if form.encode() in content], form

    answers = [
        server.raw("/api/v2/connections"),
        server.raw("/api/v2/connections/datadog_default"),
        server.raw("/api/v2/eventLogs?limit=500"),
        *(server.raw(f"/api/v2/dags/{dag_id}/details") for dag_id in ("leaky", "datadog_seats_onboarding")),
        *(server.raw(f"{server.path(run)}/taskInstances/{task}/logs/1?full_content=true") for task in states),
        *(server.raw(f"{server.path(run)}/taskInstances/{task}") for task in states),
    ]
    assert any("Forbidden: *** ***" in answer for answer in answers)
    for form in FORMS:
        assert not [answer for answer in answers if form in answer], form
