"""The tools with which users mock HTTP in their own tests work as they do with plain requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
import requests_mock

from airflow_provider_seats.exceptions import UnavailableError
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.testing import API_KEY, APP_KEY, SEATS, FakeDatadog
from tests.conftest import PRODUCT

SITE = "https://api.datadoghq.eu"
ANN = "11111111-1111-1111-1111-111111111111"
ROWS = {"data": [{"id": ANN, "type": "seat-users", "attributes": {"email": "ann@example.com"}}]}
ASSIGNED = {"data": {"type": "seat-assignments", "attributes": {"assigned_ids": [ANN], "product_code": PRODUCT}}}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a real site of Datadog the default connection. No test here sends anything to it."""
    extra = {"api_key": "a" * 32, "site": "datadoghq.eu"}
    connection = {"conn_type": "datadog_seats", "password": "b" * 40, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps(connection))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def emails() -> list[str | None]:
    """Return the emails of those who hold a seat."""
    return [user.email for user in DatadogSeatsHook().list_seat_users(PRODUCT)]


def response(status: int, document: object) -> requests.Response:
    """Return a response as people build it in a test."""
    answer = requests.Response()
    answer.status_code = status
    answer._content = json.dumps(document).encode()
    return answer


@pytest.mark.usefixtures("site")
def test_requests_mock_answers() -> None:
    """The addresses that requests_mock registers are answered by it, and it records the calls."""
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{SITE}{SEATS}", json=ROWS)
        mocker.post(f"{SITE}{SEATS}", status_code=201, json=ASSIGNED)
        assert emails() == ["ann@example.com"]
        assert DatadogSeatsHook().assign_seats(PRODUCT, [ANN]) == [ANN]
        assert [call.method for call in mocker.request_history] == ["GET", "POST"]
        assert mocker.request_history[0].qs["product_code"] == [PRODUCT]
        assert mocker.request_history[1].json()["data"]["attributes"]["user_uuids"] == [ANN]


@pytest.mark.usefixtures("site")
def test_responses_answers() -> None:
    """The addresses that responses registers are answered by it."""
    responses = pytest.importorskip("responses")
    with responses.RequestsMock() as mocker:
        mocker.get(f"{SITE}{SEATS}", json=ROWS)
        mocker.post(f"{SITE}{SEATS}", status=201, json=ASSIGNED)
        assert emails() == ["ann@example.com"]
        assert DatadogSeatsHook().assign_seats(PRODUCT, [ANN]) == [ANN]


@pytest.mark.usefixtures("site")
def test_pook_answers() -> None:
    """The addresses that pook registers are answered by it."""
    pook = pytest.importorskip("pook")
    with pook.use():
        pook.get(f"{SITE}{SEATS}").reply(200).json(ROWS)
        pook.post(f"{SITE}{SEATS}").reply(201).json(ASSIGNED)
        assert emails() == ["ann@example.com"]
        assert DatadogSeatsHook().assign_seats(PRODUCT, [ANN]) == [ANN]
        assert pook.isdone()


@pytest.mark.usefixtures("site")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mocket leaves sockets open
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_mocket_answers(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses that mocket registers are answered by it, at the level of sockets."""
    mocket = pytest.importorskip("mocket")
    from mocket.mocks.mockhttp import Entry

    url = f"{scheme}://localhost"
    connection = {"conn_type": "datadog_seats", "host": url, "password": "b" * 40, "extra": {"api_key": "a" * 32}}
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps(connection))
    with mocket.Mocketizer(strict_mode=True):
        Entry.single_register(Entry.GET, f"{url}{SEATS}?product_code={PRODUCT}&page[limit]=100", body=json.dumps(ROWS))
        Entry.single_register(Entry.POST, f"{url}{SEATS}", status=201, body=json.dumps(ASSIGNED))
        assert DatadogSeatsHook().assign_seats(PRODUCT, [ANN]) == [ANN]
        assert emails() == ["ann@example.com"]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "target", ["requests.Session.request", "requests.Session.send", "requests.adapters.HTTPAdapter.send"]
)
def test_a_patched_method_of_requests_answers(target: str) -> None:
    """A response that a test builds is read, whichever method of requests returns it."""
    with mock.patch(target, return_value=response(200, ROWS)) as patched:
        assert emails() == ["ann@example.com"]
    assert patched.call_count == 1
    with mock.patch(target, return_value=response(201, ASSIGNED)):
        assert DatadogSeatsHook().assign_seats(PRODUCT, [ANN]) == [ANN]


@pytest.mark.usefixtures("site")
def test_a_patched_request_shows_the_call() -> None:
    """A mock of ``requests.Session.request`` gets method and address, and no key."""
    with mock.patch("requests.Session.request", return_value=response(200, ROWS)) as patched:
        emails()
    method, url = patched.call_args.args
    assert (method, url.partition("?")[0]) == ("GET", f"{SITE}{SEATS}")
    assert "a" * 32 not in repr(patched.mock_calls)


@pytest.mark.usefixtures("site", "no_waits")
def test_a_mock_that_is_no_response_is_no_answer() -> None:
    """A bare mock in place of a response is an error of this package, and sends nothing."""
    answer = mock.MagicMock(status_code=200, json=lambda: ROWS)
    with (
        mock.patch("requests.Session.request", return_value=answer),
        pytest.raises(UnavailableError, match="not a JSON object"),
    ):
        emails()


def test_a_patched_function_of_requests_is_not_called(datadog: FakeDatadog) -> None:
    """The functions ``requests.get`` and so on are not used, so a patch of them does nothing, as the page says."""
    datadog.add_user("ann@example.com", seat=PRODUCT)
    with mock.patch("requests.get") as patched:
        assert emails() == ["ann@example.com"]
    assert patched.call_count == 0


@pytest.mark.parametrize("where", ["hook", "operator"])
def test_a_cassette_records_and_replays(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vcrpy records all calls, with the keys left out as its user asks, and replays them without a server."""
    vcr = pytest.importorskip("vcr")
    recorder = vcr.VCR(filter_headers=["DD-API-KEY", "DD-APPLICATION-KEY"])
    cassette = str(tmp_path / "seats.yaml")

    def work() -> list[str | None]:
        if where == "operator":
            from airflow_provider_seats.operators import AssignSeatsOperator

            context: Any = {}
            operator = AssignSeatsOperator(task_id="t", product_code=PRODUCT, user_emails=["ann@example.com"])
            report = operator.execute(context)
            return [person["email"] for person in report["assigned"]]
        return emails()

    with FakeDatadog() as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        datadog.add_user("ann@example.com", seat=None if where == "operator" else PRODUCT)
        with recorder.use_cassette(cassette, record_mode="once"):
            assert work() == ["ann@example.com"]
        sent = len(datadog.calls())
    assert sent > 0
    written = Path(cassette).read_text()
    assert written.count("- request:") == sent
    assert API_KEY not in written
    assert APP_KEY not in written
    # The server is gone.
    with recorder.use_cassette(cassette, record_mode="none") as played:
        assert work() == ["ann@example.com"]
        assert played.play_count == sent


def test_a_cassette_records_calls_that_are_made_side_by_side(
    datadog: FakeDatadog, tmp_path: Path, no_waits: list[float]
) -> None:
    """Each of many look-ups is in the cassette, although vcrpy lets other threads send past it."""
    vcr = pytest.importorskip("vcr")
    wanted = {datadog.add_user(f"person{number}@example.com") for number in range(12)}
    # The list of all users would be a single call.
    for number in range(1_300):
        datadog.add_user(f"other{number}@example.org")
    people = [f"person{number}@example.com" for number in range(12)]
    cassette = str(tmp_path / "users.yaml")
    with vcr.use_cassette(cassette, record_mode="once") as recorded:
        assert {user.id for user in DatadogSeatsHook().find_users(people).values()} == wanted
    assert len(recorded) == len(datadog.calls()) >= 12
    with vcr.use_cassette(cassette, record_mode="none") as played:
        assert {user.id for user in DatadogSeatsHook().find_users(people).values()} == wanted
    assert played.play_count == len(recorded) == len(datadog.calls())


def test_a_cassette_does_not_leak_into_a_later_test(datadog: FakeDatadog, tmp_path: Path) -> None:
    """A hook that was used before, inside and after a cassette asks the cassette only inside of it."""
    vcr = pytest.importorskip("vcr")
    hook = DatadogSeatsHook()
    hook.list_seat_users(PRODUCT)
    cassette = str(tmp_path / "seats.yaml")
    with vcr.use_cassette(cassette, record_mode="once"):
        hook.list_seat_users(PRODUCT)
    datadog.add_user("ann@example.com", seat=PRODUCT)
    assert len(hook.list_seat_users(PRODUCT)) == 1
    before = len(datadog.calls())
    with vcr.use_cassette(cassette, record_mode="none"):
        assert hook.list_seat_users(PRODUCT) == []
    assert len(datadog.calls()) == before
    assert len(hook.list_seat_users(PRODUCT)) == 1
    with vcr.use_cassette(str(tmp_path / "other.yaml"), record_mode="once") as other:
        hook.list_seat_users(PRODUCT)
    assert (len(other), other.play_count) == (1, 0)
