"""The DAGs of the pages about rosters, with real databases, files and a web server, in a real Airflow."""

from __future__ import annotations

import gzip
import http.server
import importlib.util
import json
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_seats._rosters.people import parse_people
from airflow_provider_seats._rosters.round_numbers import warn_if_cut
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.testing import FakeDatadog
from tests._rosters.test_xlsx_table import workbook
from tests.conftest import PRODUCT
from tests.helpers import cluster
from tests.helpers.airflow_home import EXAMPLE_DAGS, AirflowHome
from tests.system.test_pages import run_to_failure
from tests.test_docs import blocks, for_this_airflow

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("commands")]

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"
DAGS = ("seats_from_sql", "seats_from_excel", "seats_of_who_stays", "seats_from_folder", "seats_from_okta")
DATABASES = ("sqlite", "postgres")
HAS_HTTP = importlib.util.find_spec("airflow.providers.http") is not None


class Okta(http.server.BaseHTTPRequestHandler):
    """Serves the members of a group on pages of two."""

    members = (
        {"status": "ACTIVE", "profile": {"login": "ann", "email": ANN}},
        {"status": "SUSPENDED", "profile": {"login": "cy", "email": CY}},
        {"status": "PASSWORD_EXPIRED", "profile": {"login": "bob", "email": BOB}},
    )
    keys: list[str] = []  # noqa: RUF012 (it is shared on purpose)

    def log_message(self, *args: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Answer with a page, and a link to the next one."""
        address = urlsplit(self.path)
        start = int(parse_qs(address.query).get("after", ["0"])[0])
        self.keys.append(self.headers["Authorization"])
        body = json.dumps(self.members[start : start + 2]).encode()
        self.send_response(200)
        if start + 2 < len(self.members):
            url = f"http://{self.headers['Host']}{address.path}"
            self.send_header("Link", f'<{url}?limit=2>; rel="self"')
            self.send_header("Link", f'<{url}?after={start + 2}&limit=2>; rel="next"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def okta() -> Iterator[str]:
    """Serve a directory, and return its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Okta)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeDatadog]:
    """Serve an organisation with three people."""
    with FakeDatadog() as fake:
        for email in (ANN, BOB, CY):
            fake.add_user(email)
        yield fake


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that stands for the bucket of the pages."""
    return tmp_path_factory.mktemp("hr")


@pytest.fixture(scope="module")
def home(fake: FakeDatadog, files: Path, okta: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """Create an Airflow home with the DAGs of the pages, and the example for queries."""
    dags = tmp_path_factory.mktemp("dags")
    texts = [for_this_airflow(each.values[0].text) for each in blocks("python")]
    for name in DAGS:
        [text] = [each for each in texts if re.search(rf'DAG\(\s*"{name}"', each)]
        (dags / f"{name}.py").write_text(text.replace("s3://hr", files.as_uri()))
    (dags / "example.py").write_text((EXAMPLE_DAGS / "roster_from_sql.py").read_text())
    connections = {
        "AIRFLOW_CONN_DATADOG_DEFAULT": fake.airflow_connection(),
        "AIRFLOW_CONN_OKTA": json.dumps({"conn_type": "http", "host": okta, "extra": {"Authorization": "SSWS token"}}),
    }
    with AirflowHome(dags, connections) as home:
        yield home


@pytest.fixture(autouse=True)
def bob_and_cy_hold_seats(fake: FakeDatadog) -> None:
    """Give Bob and Cy seats that they have held for long, and nobody else, before each test."""
    for holder in fake.holders(PRODUCT):
        fake.take_seat(PRODUCT, holder)
    for email in (BOB, CY):
        fake.give_seat(PRODUCT, fake.user_uuid(email), assigned_at="2026-01-01T00:00:00Z")
    fake.received.clear()


class Database:
    """A database with a table of staff, and the view of the page.

    :param kind: the type of the Airflow connection.
    :param connect: opens a connection.
    :param connection: the Airflow connection.
    """

    def __init__(self, kind: str, connect: Any, connection: dict[str, Any]) -> None:
        self._connect = connect
        self.mark = "?" if kind == "sqlite" else "%s"
        self.connection = json.dumps({"conn_type": kind, **connection})
        self.run("CREATE TABLE staff (work_email VARCHAR(99), leaving_date DATE)")
        [view] = [each.values[0].text for each in blocks("text") if "CREATE VIEW active_staff" in each.values[0].text]
        self.run(view)

    def run(self, sql: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        """Run a statement for each row."""
        with closing(self._connect()) as connection:
            connection.cursor().executemany(sql, rows)
            connection.commit()

    def fill(self, *rows: tuple[str | None, str | None]) -> None:
        """Replace all staff."""
        self.run("DELETE FROM staff")
        self.run(f"INSERT INTO staff VALUES ({self.mark}, {self.mark})", rows)  # noqa: S608 (a mark of the driver)


@pytest.fixture(scope="module", params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Serve a database of each kind."""
    if importlib.util.find_spec(f"airflow.providers.{request.param}") is None:
        pytest.skip(f"Airflow's provider for {request.param} is not installed here")
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("sqlite") / "staff.db"
        yield Database("sqlite", lambda: sqlite3.connect(path), {"host": str(path)})
        return
    if not cluster.AT_HAND:
        pytest.skip("PostgreSQL is not installed here")
    psycopg2 = pytest.importorskip("psycopg2", reason="it comes with Airflow's provider")
    with cluster.postgres() as port:
        place = {"host": "127.0.0.1", "port": port, "login": "airflow", "schema": "airflow"}
        yield Database(
            "postgres",
            lambda: psycopg2.connect(host="127.0.0.1", port=port, user="airflow", dbname="airflow"),
            place,
        )


STAFF = [(ANN, None), (f" {BOB.upper()}", "2999-01-31"), (CY, "2020-01-31")]


def test_a_query_is_the_roster(home: AirflowHome, fake: FakeDatadog, database: Database) -> None:
    """The page's DAG makes the seats match a view. A NULL fails its check before anything is changed."""
    warehouse = {"AIRFLOW_CONN_WAREHOUSE": database.connection}
    database.fill(*STAFF)
    output = home.airflow("dags", "test", "seats_from_sql", more=warehouse)
    assert fake.emails(PRODUCT) == [ANN, BOB], output[-3000:]
    database.fill(*STAFF, (None, None))
    fake.received.clear()
    assert "Test failed" in run_to_failure(home, "seats_from_sql", {}, more=warehouse)
    assert fake.calls() == []


def test_a_null_without_a_check_is_an_error_with_its_row(
    home: AirflowHome, fake: FakeDatadog, database: Database
) -> None:
    """The example refuses a NULL in the result, if the check lets it through."""
    database.fill(*STAFF, (None, None))
    conf = {"check": "SELECT 1", "query": "SELECT email FROM active_staff ORDER BY email IS NULL, email"}
    warehouse = {"AIRFLOW_CONN_WAREHOUSE": database.connection}
    output = run_to_failure(home, "datadog_seats_from_sql", conf, more=warehouse)
    assert "row 3 is None, such as a NULL of a database" in output
    assert fake.emails(PRODUCT) == [BOB, CY]


def test_what_a_query_returns_is_people_or_an_error(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one column are people, several columns are an error, and a cut result has a round number of people."""
    from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", database.connection)
    database.fill(*((f"p{number:03}@example.com", None) for number in range(120)))

    def query(sql: str) -> Any:
        operator: Any = SQLExecuteQueryOperator(task_id="query", conn_id="warehouse", sql=sql)
        return operator.execute({})

    assert len(parse_people(user_emails=query("SELECT email FROM active_staff"))) == 120
    cut = parse_people(user_emails=query("SELECT email FROM active_staff ORDER BY email LIMIT 100"))
    assert warn_if_cut(len(cut)) is not None
    with pytest.raises(InvalidInputError, match="row 1 has 2 columns"):
        parse_people(user_emails=query("SELECT email, email FROM active_staff"))
    assert len(parse_people(user_emails=query("SELECT email FROM active_staff WHERE 1 = 0"))) == 0


def test_a_workbook_is_the_roster(home: AirflowHome, fake: FakeDatadog, files: Path) -> None:
    """The page's DAGs read a sheet by name and below a title, with words and with a function."""
    from datetime import date

    rows: list[list[Any]] = [
        ["Staff"],
        ["Name", "Work email", "Status", "Leaving date"],
        ["Ann", ANN, "Active", None],
        ["Bob", BOB, "Parental leave", date(2999, 1, 31)],
        ["Cy", CY, "Left", date(2020, 1, 31)],
    ]
    (files / "Staff.xlsx").write_bytes(workbook(rows))
    home.airflow("dags", "test", "seats_from_excel")
    assert fake.emails(PRODUCT) == [ANN, BOB]
    # A seat that is assigned in the second in which a run starts may be newer than its roster.
    fake.give_seat(PRODUCT, fake.user_uuid(ANN), assigned_at="2026-01-01T00:00:00Z")
    (files / "Staff.xlsx").write_bytes(workbook([rows[1], rows[3], rows[4]]))
    home.airflow("dags", "test", "seats_of_who_stays")
    assert fake.emails(PRODUCT) == [BOB]


def test_a_folder_is_the_roster(home: AirflowHome, fake: FakeDatadog, files: Path) -> None:
    """The page's DAG reads all parts of a folder. A folder without parts changes nothing."""
    folder = files / "roster"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    output = run_to_failure(home, "seats_from_folder", {"folder": folder.as_uri()})
    assert "it has no files" in output
    assert fake.emails(PRODUCT) == [BOB, CY]
    (folder / "part-0.csv").write_text(f"email,status\n{ANN},Active\n{CY},Left\n")
    (folder / "part-1.csv.gz").write_bytes(gzip.compress(f"status,email\nActive,{BOB}\n".encode()))
    home.airflow("dags", "test", "seats_from_folder", "-c", json.dumps({"folder": f"{folder.as_uri()}/"}))
    assert fake.emails(PRODUCT) == [ANN, BOB]


@pytest.mark.skipif(not HAS_HTTP, reason="Airflow's HTTP provider is not installed here")
def test_a_group_of_a_directory_is_the_roster(home: AirflowHome, fake: FakeDatadog) -> None:
    """The page's task reads all pages of a group, and leaves out who is suspended."""
    home.airflow("dags", "test", "seats_from_okta")
    assert fake.emails(PRODUCT) == [ANN, BOB]
    assert Okta.keys == ["SSWS token"] * 2
