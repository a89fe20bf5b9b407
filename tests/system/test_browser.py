"""Airflow's web pages in a real browser. These tests also take the screenshots of the documentation."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from airflow_provider_seats.testing import FakeDatadog
from tests.conftest import PRODUCT
from tests.helpers import browser
from tests.helpers.airflow_home import AIRFLOW, EXAMPLE_DAGS, AirflowHome, Server, wait_for
from tests.helpers.browser import picture

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(browser.CHROMIUM is None, reason="Chromium is not installed"),
]
MAY_READ = "seats, users, teams, on-call schedules and usage"
ACCEPTS = f"accepts the application key and API key. This connection may read {MAY_READ}."
ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"
LONG_AGO = "2026-01-01T09:00:00Z"
# Without people it sends no request, so its connection may lead to a real site.
LINKED = """
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models import DAG
from airflow_provider_seats.operators import AssignSeatsOperator

with DAG("hires", schedule=None):
    AssignSeatsOperator(
        task_id="assign_seats", product_code="incident_response", user_emails=[], datadog_conn_id="datadog_eu"
    )
"""
SITE = {"conn_type": "datadog_seats", "password": "b" * 40, "extra": {"api_key": "a" * 32, "site": "datadoghq.eu"}}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeDatadog]:
    """Serve an organisation with three people. One person holds a seat."""
    with FakeDatadog(api_key="a" * 32, app_key="b" * 40) as fake:
        for email in (ANN, BOB, CY):
            fake.add_user(email)
        fake.give_seat(PRODUCT, fake.user_uuid(BOB))
        yield fake


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """Create an Airflow home that allows connection tests."""
    dags = tmp_path_factory.mktemp("dags")
    for name in ("onboarding.py", "offboarding.py"):
        shutil.copy(EXAMPLE_DAGS / name, dags)
    if AIRFLOW >= (3, 3):
        shutil.copy(EXAMPLE_DAGS / "seat_review.py", dags)
        changes = (EXAMPLE_DAGS / "seat_changes.py").read_text()
        (dags / "seat_changes.py").write_text(changes.replace("poll_interval=60", "poll_interval=1"))
        (dags / "linked.py").write_text(LINKED)
    as_installed = {
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW_CONN_DATADOG_EU": json.dumps(SITE),
    }
    with AirflowHome(dags, as_installed) as home:
        yield home


@pytest.fixture(scope="module")
def server(home: AirflowHome) -> Iterator[Server]:
    """Run all parts of Airflow."""
    with home.standalone() as server:
        yield server


@pytest.fixture
def page() -> Iterator[Page]:
    """Open a page in a browser."""
    with browser.page() as page:
        yield page


def make_connection(page: Page, server: Server, fake: FakeDatadog) -> None:
    """Create a connection with the form, and test it with the button in the list."""
    page.set_viewport_size({"width": 1280, "height": 900})  # the whole form
    page.goto(f"{server.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("[name=connection_id]").fill("datadog_default")
    form.get_by_role("combobox").first.fill("Datadog Seats")
    page.get_by_role("option", name="Datadog Seats", exact=True).click()
    expect(form.locator("[name=password]")).to_have_attribute("type", "password")
    form.locator("[name=password]").fill(fake.app_key)
    picture(form, "connection_form")
    host, _, port = fake.url.rpartition(":")
    form.locator("[name=host]").fill(host)
    form.locator("[name=port]").fill(port)
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    expect(form.locator("[name=element_api_key]")).to_have_attribute("type", "password")
    sites = form.locator("datalist option").evaluate_all("options => options.map(option => option.value)")
    assert {"datadoghq.com", "datadoghq.eu", "us5.datadoghq.com"} <= set(sites)
    form.locator("[name=element_api_key]").fill(fake.api_key)
    form.locator("[name=element_site]").fill("datadoghq.eu")
    form.locator("[name=element_site]").blur()
    picture(form, "connection_form_extra")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    with page.expect_response(re.compile("/connections/test$")) as tested:
        page.get_by_role("button", name="Test Connection").click()
    assert tested.value.json() == {"status": True, "message": f"{fake.url} {ACCEPTS}"}
    shown = page.content()
    assert fake.api_key not in shown
    assert fake.app_key not in shown


def trigger(page: Page, server: Server) -> None:
    """Trigger the onboarding DAG with its params form, and wait for the page of the run."""
    page.goto(f"{server.url}/dags/datadog_seats_onboarding")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    expect(form).to_contain_text("The people who get a seat, one email a line.")
    form.locator("[name=element_emails]").fill(f"{ANN}\n{BOB}\n{CY}")
    picture(form, "trigger_form")
    submit = form.get_by_test_id("trigger-dag-submit")
    expect(submit).to_be_enabled()
    submit.click()
    # A busy machine takes long to create the run.
    expect(form).to_be_hidden(timeout=120_000)
    page.wait_for_url("**/runs/**")


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="needs the web pages of Airflow 3.3")
def test_a_user_can_assign_seats_with_the_web_pages_alone(page: Page, server: Server, fake: FakeDatadog) -> None:
    """The web pages can create and test a connection, trigger the onboarding DAG, and show the report in the log."""
    server.wait_until_ready("datadog_seats_onboarding")
    make_connection(page, server, fake)
    trigger(page, server)
    expect(page.get_by_test_id("state-badge").first).to_have_text("Success", timeout=120_000)
    page.reload()
    for task_id in ("assign_seats", "wait_for_seats", "say_who"):
        expect(page.get_by_role("row").filter(has_text=task_id).last).to_contain_text("Success")
    assert fake.emails(PRODUCT) == [ANN, BOB, CY]
    run = page.url
    page.goto(f"{run}/tasks/assign_seats")
    expect(page.get_by_text("incident_response: 3 with a seat now").first).to_be_visible()
    expect(page.get_by_text(re.compile(f"with a seat now +{ANN}")).first).to_be_visible()
    picture(panel(page), "task_log")
    page.goto(run)
    page.get_by_role("button", name="Show Graph").click()
    expect(page.locator(".react-flow__node")).to_have_count(4)
    picture(page, "graph")


def prepare(server: Server, fake: FakeDatadog, *dag_ids: str) -> None:
    """Make the connection unless a test before this one has, and let the DAGs run."""
    server.wait_until_ready(*dag_ids)
    fields = {"connection_id": "datadog_default", **json.loads(fake.airflow_connection())}
    with suppress(RuntimeError):
        server.ask("POST", "/api/v2/connections", {**fields, "extra": json.dumps(fields["extra"])})
    for dag_id in dag_ids:
        dag = server.ask("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        # Airflow starts the watchers of a DAG when it parses its file.
        server.ask("PUT", f"/api/v2/parseDagFile/{dag['file_token']}")


def panel(page: Page) -> Locator:
    """Return the part of a page that describes a task."""
    return page.locator("[data-panel]").last


def show(page: Page, server: Server, run: dict[str, Any], task_id: str = "", tab: str = "") -> None:
    """Open the page of a run, or of one of its tasks."""
    task = f"/tasks/{task_id}" if task_id else ""
    page.goto(f"{server.url}/dags/{run['dag_id']}/runs/{run['dag_run_id']}{task}{tab}")


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="needs the web pages of Airflow 3.3")
def test_the_web_pages_show_refusals_previews_and_reports(page: Page, server: Server, fake: FakeDatadog) -> None:
    """The web pages show the refusal of a guard, a preview to approve, and a report with the seats before and after."""
    prepare(server, fake, "datadog_seats_offboarding", "datadog_seats_review")
    for email in (ANN, BOB, CY):
        fake.give_seat(PRODUCT, fake.user_uuid(email), assigned_at=LONG_AGO)
    fake.add_schedule("Payments primary", [BOB])
    refused = server.run("datadog_seats_offboarding", {"emails": [BOB, CY], "max_unassign": "100%"})
    show(page, server, refused, "unassign_seats")
    expect(page.get_by_text("is found in the on-call schedule Payments primary").last).to_be_visible()
    page.keyboard.press("w")  # it wraps long lines
    for opened in page.locator("details[open] > summary").all()[::-1]:
        opened.click()
    picture(panel(page), "refusal")
    done = server.run("datadog_seats_offboarding", {"emails": [CY]})
    show(page, server, done, "unassign_seats")
    expect(page.get_by_text("incident_response: 1 unassigned; seats before 3, after 2").first).to_be_visible()
    picture(panel(page), "report")
    page.goto(f"{server.url}/xcoms?key_pattern=headline")
    expect(page.get_by_text("incident_response: 1 unassigned; seats before 3, after 2").first).to_be_visible()
    page.get_by_role("button", name="Filter table columns").click()
    for column in ("Run After", "Map Index", "Timestamp"):
        page.get_by_role("menu").get_by_text(re.compile(f"^{column}$", re.IGNORECASE)).click()
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.set_viewport_size({"width": 1280, "height": 400})
    picture(page, "xcoms")
    page.set_viewport_size({"width": 1280, "height": 680})
    review = server.begin("datadog_seats_review", {"emails": [ANN, CY]})
    details = f"{server.path(review)}/taskInstances/approve/-1/hitlDetails"
    wait_for(lambda: bool(server.ask("GET", details)["options"]), 180, server.tail)
    show(page, server, review, "approve", "/required_actions")
    expect(page.get_by_text("1 lose their seat:").first).to_be_visible()
    picture(panel(page), "approval")
    server.answer(review, "approve", "Approve", before=lambda: fake.emails(PRODUCT) == [ANN, BOB])
    server.finish(review)
    assert fake.emails(PRODUCT) == [ANN, CY]


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="needs the web pages of Airflow 3.3")
def test_the_web_pages_link_to_datadog(page: Page, server: Server, fake: FakeDatadog) -> None:
    """A task has a link to the seats of its organisation on its Datadog site."""
    prepare(server, fake, "hires")
    show(page, server, server.run("hires"), "assign_seats", "/details")
    link = page.get_by_role("link", name="Datadog seats")
    expect(link).to_have_attribute("href", "https://app.datadoghq.eu/billing/seats")
    picture(panel(page), "extra_link")


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="needs the web pages of Airflow 3.3")
def test_the_web_pages_show_a_run_that_a_seat_change_started(page: Page, server: Server, fake: FakeDatadog) -> None:
    """A seat that somebody claims by hand starts a run of the DAG that waits for changes."""
    fake.take_seat(PRODUCT, fake.user_uuid(BOB))
    fake.received.clear()
    prepare(server, fake, "datadog_seats_changes")
    wait_for(lambda: len(fake.calls()) > 1, 120, server.tail)
    fake.give_seat(PRODUCT, fake.user_uuid(BOB))
    wait_for(lambda: bool(server.runs("datadog_seats_changes")), 120, server.tail)
    run = server.finish(server.runs("datadog_seats_changes")[0])
    show(page, server, run, "notify")
    expect(page.get_by_text(f"{BOB} holds a seat since").first).to_be_visible()
    page.keyboard.press("w")
    picture(panel(page), "seat_change")


@pytest.mark.skipif(AIRFLOW >= (3, 0), reason="needs the connection form of Airflow 2")
def test_the_form_of_airflow_2_creates_and_tests_a_connection(
    page: Page, home: AirflowHome, server: Server, fake: FakeDatadog
) -> None:
    """The form of Airflow 2 shows only the fields of this type, hides both keys, and tests the connection."""
    wait_for(lambda: _is_healthy(server.url), 120, server.tail)
    page.goto(f"{server.url}/login/")
    page.locator("#username").fill("admin")
    page.locator("#password").fill("admin")
    page.locator("[type=submit]").click()
    page.wait_for_url("**/home*")
    page.goto(f"{server.url}/connection/add")
    page.locator("#conn_type").select_option("datadog_seats", force=True)
    field = {name: page.locator(f"#extra__datadog_seats__{name}") for name in ("api_key", "site", "timeout")}
    expect(field["site"]).to_have_value("datadoghq.com")
    expect(field["timeout"]).to_have_value("30")
    for hidden in ("#schema", "#login"):
        expect(page.locator(hidden)).to_be_hidden()
    for key in (page.locator("#password"), field["api_key"]):
        expect(key).to_have_attribute("type", "password")
    page.locator("#conn_id").fill("datadog_default")
    page.locator("#password").fill(fake.app_key)
    field["api_key"].fill(fake.api_key)
    page.set_viewport_size({"width": 1280, "height": 1440})
    page.evaluate("scrollTo(0, 0)")
    picture(page, "connection_form_2.11")
    page.locator("#host").fill(fake.url)
    page.locator("#test-connection").click()
    expect(page.locator("body")).to_contain_text(f"{fake.url} {ACCEPTS}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Added Row")).to_be_visible()
    # A second save keeps the keys.
    page.goto(f"{server.url}/connection/list/")
    page.locator("a[href*='/connection/edit/']").first.click()
    page.locator("#description").fill("edited")
    assert fake.api_key not in page.content()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Changed Row")).to_be_visible()
    fake.received.clear()
    assert "Connection success!" in home.airflow("connections", "test", "datadog_default")
    assert {received.status for received in fake.calls()} == {200}


def _is_healthy(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:  # noqa: S310 (our own http)
        return b'"healthy"' in answer.read()
