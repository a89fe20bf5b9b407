"""One Airflow 3 for all tests in this folder. Their DAG runs start together, and use separate organisations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW, EXAMPLE_DAGS, AirflowHome, Server
from tests.test_docs import blocks

# The keys contain characters that URLs, shells and regular expressions treat specially.
API_KEY: Final = "api/key+3141=&%"
APP_KEY: Final = "app/key+2718=&$"
ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"
PRODUCTS: Final = (PRODUCT, "outside", "example_product", "approved", "rejected", "left", "reclaimed")
LEAVERS: Final = [f"leaver{number}@example.com" for number in range(3)]
# These connections are in the metadata database. The others are in environment variables.
STORED: Final = ("datadog_default", "leaky")
ORGANISATIONS: Final = (*STORED, "borrowed", "faulty", "hired", "limits", "mapped", "other", "refused", "synced")
# The DAG id and the conf of each run.
RUNS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "limits": ("limits", {}),
    "onboarding": ("datadog_seats_onboarding", {"emails": [ANN, BOB]}),
    "left": ("datadog_seats_onboarding", {"emails": [ANN, BOB], "product_code": "left"}),
    "mapped": ("mapped", {"emails": [ANN, BOB, CY]}),
    "hired": ("hired", {}),
    "keyed": ("keyed", {}),
    "borrowed": ("borrowed", {"emails": [ANN, BOB]}),
    "linked": ("linked", {}),
    "refused": ("refused", {"emails": [ANN, "ghost@example.com"]}),
    "faulty": ("faulty", {"emails": [ANN]}),
    "synced": ("synced", {"emails": [ANN, BOB]}),
}
if AIRFLOW >= (3, 1):  # older versions have no human approval
    RUNS["approved"] = ("datadog_seats_review", {"emails": [ANN, BOB], "product_code": "approved"})
    RUNS["reclaimed"] = (
        "datadog_seats_reclaim",
        {"inactive_days": 30, "product_code": "reclaimed", "max_unassign": "3"},
    )
    RUNS["rejected"] = ("datadog_seats_review", {"emails": [ANN], "product_code": "rejected"})


@pytest.fixture(scope="package")
def fakes() -> Iterator[dict[str, FakeDatadog]]:
    """Serve an organisation for each connection, with the users, seats and faults for its DAG."""
    with ExitStack() as stack:
        fakes = {
            name: stack.enter_context(FakeDatadog(products=PRODUCTS, api_key=API_KEY, app_key=APP_KEY))
            for name in ORGANISATIONS
        }
        for fake in fakes.values():
            for email in (ANN, BOB, CY):
                fake.add_user(email)
        default = fakes["datadog_default"]
        for email in (ANN, CY):
            default.give_seat("approved", default.user_uuid(email), assigned_at="2020-01-01T00:00:00Z")
        default.add_user("off@example.com", status="Disabled", seat="reclaimed")
        for email in (BOB, CY):
            default.give_seat("reclaimed", default.user_uuid(email), assigned_at="2020-01-01T00:00:00Z")
        default.add_schedule("Nights", [default.user_uuid(CY)])
        fakes["hired"].add_user("no@example.com", status="Disabled")
        fakes["borrowed"].give_seat("example_product", fakes["borrowed"].user_uuid(BOB))
        fakes["faulty"].give_seat(PRODUCT, fakes["faulty"].user_uuid(ANN))
        slow_down = Fault(429, {"errors": ["slow down"]}, {"X-RateLimit-Reset": "900"})
        fakes["faulty"].script("GET", SEATS, slow_down)
        fakes["synced"].give_seat(PRODUCT, fakes["synced"].user_uuid(BOB))
        for email in LEAVERS:
            fakes["synced"].add_user(email, seat=PRODUCT)
        fakes["synced"].script("DELETE", SEATS, Fault(), slow_down)
        yield fakes


@pytest.fixture(scope="package")
def home(fakes: dict[str, FakeDatadog], tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """Create an Airflow home with the example DAGs, the DAGs of these tests and logs at level DEBUG."""
    dags = tmp_path_factory.mktemp("dags")
    ours = Path(__file__).parents[1] / "dags"
    for file in (*EXAMPLE_DAGS.glob("*.py"), ours / "leaky.py", ours / "seats_in_use.py"):
        shutil.copy(file, dags)
    [leavers] = [each.values[0].text for each in blocks("python") if 'DAG("leavers_from_hr"' in each.values[0].text]
    (dags / "leavers.py").write_text(leavers)
    in_europe = {"conn_type": "datadog_seats", "password": "K", "extra": {"api_key": "A", "site": "datadoghq.eu"}}
    # With DEV, Airflow prints the variables of all frames with a traceback.
    settings = {"AIRFLOW_CONN_IN_EUROPE": json.dumps(in_europe), "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG", "DEV": "1"}
    for name, fake in fakes.items():
        if name not in STORED:
            settings[f"AIRFLOW_CONN_{name.upper()}"] = fake.airflow_connection()
    with AirflowHome(dags, settings) as home:
        yield home


@pytest.fixture(scope="package")
def server(home: AirflowHome, fakes: dict[str, FakeDatadog]) -> Iterator[Server]:
    """Run all parts of Airflow, and create connections through the API that the web page uses."""
    with home.standalone() as server:
        server.wait_until_ready("leaky", *(dag_id for dag_id, _ in RUNS.values()))
        for name in STORED:
            fields = {"connection_id": name, "conn_type": "datadog_seats", "host": fakes[name].url}
            keys = {"password": APP_KEY, "extra": json.dumps({"api_key": API_KEY})}
            server.ask("POST", "/api/v2/connections", {**fields, **keys})
        yield server


@pytest.fixture(scope="package")
def begun(server: Server) -> dict[str, dict[str, Any]]:
    """Start the runs of all tests at the same time, and return them by name."""
    return {name: server.begin(dag_id, conf) for name, (dag_id, conf) in RUNS.items()}
