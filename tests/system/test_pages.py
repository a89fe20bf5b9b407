"""The DAGs of the how-to pages, run as the pages show them in a real Airflow."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from airflow_provider_seats.operators import UnassignSeatsOperator
from airflow_provider_seats.testing import SEATS, FakeDatadog
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AirflowHome, free_port
from tests.test_docs import blocks, for_this_airflow

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("commands")]

DAGS = {
    *("lend_seats", "rehire", "sync_and_mail", "leavers_everywhere", "rosters_of_pairs"),
    *("seats_of_a_role", "seats_of_active_users", "seats_of_the_responders"),
}
ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"


class Mailbox:
    """Keeps the messages that an SMTP server receives."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (the interface of aiosmtpd)
        """Keep a message, and accept it."""
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"

    def pop(self) -> tuple[str, str]:
        """Return the subject and the body of the only message, and forget it."""
        [message] = self.messages
        self.messages.clear()
        [part] = [part for part in message.walk() if part.get_content_maintype() == "text"]
        assert isinstance(part, Message)
        return str(message["Subject"]), str(part.get_content())


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeDatadog]:
    """Serve an organisation with three people."""
    with FakeDatadog() as fake:
        for email in (ANN, BOB, CY):
            fake.add_user(email)
        yield fake


@pytest.fixture(scope="module")
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """Run an SMTP server on this machine."""
    mailbox, port = Mailbox(), free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield mailbox, port
    finally:
        server.stop()


@pytest.fixture(scope="module")
def home(
    fake: FakeDatadog, mailbox: tuple[Mailbox, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowHome]:
    """Create an Airflow home with the DAGs of the pages."""
    dags = tmp_path_factory.mktemp("dags")
    for name, text in dags_of_pages().items():
        (dags / f"{name}.py").write_text(text)
    smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": mailbox[1]}
    extra = {"disable_ssl": True, "disable_tls": True}
    connections = {
        "AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection(),
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps({**smtp, "extra": extra}),
    }
    with AirflowHome(dags, connections) as home:
        yield home


# A loan ends three days after its run started. Here it ends a second after the wait started.
WAIT = """
class ShortWait(TimeDeltaSensor):
    def execute(self, context):
        from datetime import UTC, datetime

        super().execute({**context, "data_interval_end": datetime.now(UTC)})


with DAG"""


def dags_of_pages() -> dict[str, str]:
    """Return the blocks that these tests run, by the ids of their DAGs. Only the days of the loan become a second."""
    found = {}
    for block in (each.values[0] for each in blocks("python")):
        dag_id = re.search(r"""DAG\(\s*"(\w+)\"""", block.text)
        if dag_id and dag_id[1] in DAGS:
            found[dag_id[1]] = for_this_airflow(block.text)
    loan = found["lend_seats"].replace("with DAG", WAIT).replace("wait = TimeDeltaSensor", "wait = ShortWait")
    found["lend_seats"] = loan.replace("timedelta(days=3)", "timedelta(seconds=1)")
    assert found.keys() == DAGS
    return found


@pytest.fixture(autouse=True)
def only_bob_holds_a_seat(fake: FakeDatadog) -> None:
    """Give Bob a seat that he has held for long, and nobody else, before each test."""
    for holder in fake.holders(PRODUCT):
        fake.take_seat(PRODUCT, holder)
    fake.give_seat(PRODUCT, fake.user_uuid(BOB), assigned_at="2026-01-01T00:00:00Z")
    fake.received.clear()


@pytest.mark.skipif(
    importlib.util.find_spec("airflow.providers.standard") is None, reason="this Airflow lacks the sensor"
)
def test_a_seat_is_lent_and_taken_back(home: AirflowHome, fake: FakeDatadog) -> None:
    """A loan assigns seats, waits in the triggerer, and takes back the seats that it assigned, and no others."""
    output = home.airflow("dags", "test", "lend_seats", "-c", json.dumps({"emails": [ANN, BOB]}))
    assert "PAUSING TASK AS DEFERRED" in output.upper()
    changes = [each for each in fake.calls() if each.method != "GET"]
    assert [(each.method, each.path) for each in changes] == [("POST", SEATS), ("DELETE", SEATS)]
    assert fake.emails(PRODUCT) == [BOB]


def test_one_person_gets_the_seat_back(home: AirflowHome, fake: FakeDatadog, monkeypatch: pytest.MonkeyPatch) -> None:
    """An undo that is limited to one person of a report gives the seat back to that person only."""
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", fake.airflow_connection())
    fake.give_seat(PRODUCT, fake.user_uuid(CY), assigned_at="2026-01-01T00:00:00Z")
    leave = UnassignSeatsOperator(task_id="leave", product_code=PRODUCT, user_emails=[BOB, CY])
    report = leave.execute({})
    assert fake.emails(PRODUCT) == []
    home.airflow("dags", "test", "rehire", "-c", json.dumps({"report": report, "emails": [CY]}))
    assert fake.emails(PRODUCT) == [CY]


def test_the_summary_is_sent_by_email(home: AirflowHome, fake: FakeDatadog, mailbox: tuple[Mailbox, int]) -> None:
    """After a success and after a refusal, Airflow's SMTP notifier sends the summary of the report."""
    home.airflow("dags", "test", "sync_and_mail", "-c", json.dumps({"emails": [ANN, BOB], "max_unassign": "0"}))
    subject, text = mailbox[0].pop()
    assert subject == "Seats: sync_and_mail changed them"
    assert "incident_response: 1 assigned, 1 unchanged; seats before 1, after 2" in text
    assert f"- assigned: `{ANN}`" in text
    # A seat that is assigned in the second in which a run starts may be newer than its roster.
    fake.give_seat(PRODUCT, fake.user_uuid(ANN), assigned_at="2026-01-01T00:00:00Z")
    output = run_to_failure(home, "sync_and_mail", {"emails": [BOB], "max_unassign": "0"})
    assert fake.emails(PRODUCT) == [ANN, BOB], output[-3000:]
    subject, text = mailbox[0].pop()
    assert subject == "Seats: sync_and_mail FAILED"
    assert "- The task failed: incident_response: nothing was changed. 1 of 2 seats would be unassigned" in text
    assert "raise max_unassign for this run" in text


def test_one_dag_changes_seats_of_two_organisations_with_three_products(home: AirflowHome) -> None:
    """A task that is mapped over connections and products unassigns in each pair. Pairs may have their own rosters."""
    products = (PRODUCT, "second_product", "third_product")
    with FakeDatadog(products=products) as ours, FakeDatadog(products=products) as theirs:
        organisations = {"AIRFLOW_CONN_DATADOG_DEFAULT": ours, "AIRFLOW_CONN_DATADOG_EMEA": theirs}
        more = {name: datadog.airflow_connection() for name, datadog in organisations.items()}
        for datadog in organisations.values():
            datadog.add_user(ANN)
            datadog.add_user(BOB)
            for product in products:
                datadog.give_seat(product, datadog.user_uuid(BOB), assigned_at="2026-01-01T00:00:00Z")
        home.airflow("dags", "test", "leavers_everywhere", "-c", json.dumps({"emails": [BOB]}), more=more)
        assert [datadog.emails(product) for datadog in (ours, theirs) for product in products] == [[]] * 6
        home.airflow("dags", "test", "rosters_of_pairs", more=more)
        held = [datadog.emails(product) for datadog in (ours, theirs) for product in products]
        assert held == [[ANN], [], [], [], [BOB], []]


@pytest.mark.parametrize(
    ("roster", "seated"), [("a_role", [ANN, BOB]), ("the_responders", [BOB, CY]), ("active_users", [BOB])]
)
def test_people_of_datadog_are_the_roster(home: AirflowHome, fake: FakeDatadog, roster: str, seated: list[str]) -> None:
    """A method of the hook is a task, and its people are the roster: of a role, of a team, or all active users."""
    fake.add_role("Incident Responder", [ANN, BOB], role_id="00000000-0000-4000-8000-000000000001")
    fake.add_team("incident-responders", [BOB, CY], team_id="00000000-0000-4000-8000-000000000002")
    gone = fake.add_user("gone@example.com", status="Disabled", user_uuid="00000000-0000-4000-8000-000000000003")
    if roster == "active_users":
        fake.give_seat(PRODUCT, gone, assigned_at="2026-01-01T00:00:00Z")
    output = home.airflow("dags", "test", f"seats_of_{roster}")
    assert fake.emails(PRODUCT) == seated
    assert f"{2 if roster != 'active_users' else 3} people found" in output


def run_to_failure(
    home: AirflowHome, dag_id: str, conf: dict[str, Any], *, more: Mapping[str, str] | None = None
) -> str:
    """Run a DAG that fails, and return its output. Not every version of Airflow shows it by the exit code."""
    try:
        return home.airflow("dags", "test", dag_id, "-c", json.dumps(conf), more=more)
    except RuntimeError as error:
        return str(error)
