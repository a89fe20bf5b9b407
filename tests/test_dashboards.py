"""Seats in Datadog's own dashboards, through Airflow's own Datadog provider, with one connection and with two."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AuditSeatsOperator
from airflow_provider_seats.testing import API_KEY, APP_KEY, FakeDatadog
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import EXAMPLE_DAGS
from tests.helpers.operators import sync

datadog_provider = pytest.importorskip(
    "airflow.providers.datadog.hooks.datadog", reason="Airflow's Datadog provider is not installed here"
)


@pytest.fixture(autouse=True)
def _fresh_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the library behind the provider keeps from one connection to the next."""
    from datadog import api

    for name in ("_api_key", "_application_key", "_api_host"):
        monkeypatch.setattr(api, name, None)
    # Without a name, the library asks the metadata service of a cloud for it.
    monkeypatch.setattr(api, "_host_name", "tests")
    monkeypatch.delenv("DATADOG_HOST", raising=False)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """Return the module of the example DAG."""
    spec = importlib.util.spec_from_file_location("seat_metrics", EXAMPLE_DAGS / "seat_metrics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def one_for_both(datadog: FakeDatadog) -> dict[str, Any]:
    """Return a connection of this package that Airflow's own hook can use, too."""
    fields: dict[str, Any] = json.loads(datadog.airflow_connection())
    return {**fields, "extra": {**fields["extra"], "api_host": datadog.url}}


def of_the_other_type(datadog: FakeDatadog) -> dict[str, Any]:
    """Return a connection of Airflow's own provider, which this package can use, too."""
    extra = {"api_key": API_KEY, "app_key": APP_KEY, "api_host": datadog.url}
    return {"conn_type": "datadog", "host": "", "extra": extra}


@pytest.fixture(params=[one_for_both, of_the_other_type])
def shared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDatadog]:
    """Start a FakeDatadog, and make it a connection for both providers."""
    with FakeDatadog() as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps(request.param(datadog)))
        yield datadog


def sent(datadog: FakeDatadog) -> list[tuple[str, float, str, list[str]]]:
    """Return name, value, type and tags of each metric."""
    return [(each["metric"], each["points"][0][1], each["type"], each["tags"]) for each in datadog.metrics]


def test_one_connection_sends_seats_and_peaks(shared: FakeDatadog, example: ModuleType) -> None:
    """The seats of now and the peaks become gauges, in the organisation whose seats were read."""
    month = f"{datetime.now(UTC):%Y-%m}"
    shared.add_usage(f"{month}-01", on_call_seat_hwm=43)
    shared.add_user("ann@x.com", seat=PRODUCT)
    audit = AuditSeatsOperator(task_id="audit", product_code=PRODUCT, usage=True)
    example.send_seats(audit.execute({}))
    assert sent(shared) == [
        ("seats.held", 1, "gauge", [f"product:{PRODUCT}"]),
        ("seats.peak", 43, "gauge", ["usage:on_call_seat_hwm"]),
    ]


def test_an_audit_without_usage_sends_no_peak(shared: FakeDatadog, example: ModuleType) -> None:
    """Without the usage there is no peak to send."""
    audit = AuditSeatsOperator(task_id="audit", product_code=PRODUCT)
    example.send_seats(audit.execute({}))
    assert [name for name, *_ in sent(shared)] == ["seats.held"]


def test_changes_are_metrics_and_an_event_that_names_nobody(shared: FakeDatadog, example: ModuleType) -> None:
    """The numbers of changed seats become counts, and an event if there are any."""
    shared.add_user("ann@x.com")
    shared.give_seat(PRODUCT, shared.add_user("zed@x.com"))
    example.send_changes(sync(user_emails=["ann@x.com"], allow_empty=True))
    assert sent(shared) == [
        ("seats.changed", 1, "count", [f"product:{PRODUCT}", "change:assigned"]),
        ("seats.changed", 1, "count", [f"product:{PRODUCT}", "change:unassigned"]),
    ]
    [event] = shared.events
    assert (event["title"], event["text"]) == (f"Seats of {PRODUCT} changed", "1 assigned, 1 unassigned; 1 seats now")
    assert "x.com" not in json.dumps(shared.events)
    example.send_changes(sync(user_emails=["ann@x.com"]))
    assert len(shared.events) == 1
    assert [value for _, value, *_ in sent(shared)][2:] == [0, 0]


def test_two_connections_work_side_by_side(monkeypatch: pytest.MonkeyPatch, example: ModuleType) -> None:
    """Seats of one organisation can be shown in the dashboards of another."""
    with FakeDatadog() as seats, FakeDatadog(api_key="other") as dashboards:
        monkeypatch.setenv("AIRFLOW_CONN_SEATS", seats.airflow_connection())
        fields = of_the_other_type(dashboards)
        fields["extra"]["api_key"] = "other"
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps(fields))
        seats.add_user("ann@x.com", seat=PRODUCT)
        audit = AuditSeatsOperator(task_id="audit", product_code=PRODUCT, datadog_conn_id="seats")
        example.send_seats(audit.execute({}))
        assert (len(dashboards.metrics), seats.metrics) == (1, [])
        assert seats.calls("GET") != []
        assert dashboards.calls("GET") == []


def test_without_api_host_the_other_hook_would_send_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of this package gives Airflow's own hook no application key, and Datadog's US site."""
    from datadog import api

    fields = {"conn_type": "datadog_seats", "password": "P", "extra": {"api_key": "A", "site": "datadoghq.eu"}}
    monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", json.dumps(fields))
    datadog_provider.DatadogHook()
    assert (api._api_key, api._application_key, api._api_host) == ("A", None, "https://api.datadoghq.com")
    assert DatadogSeatsHook().get_conn().connection.base_url == "https://api.datadoghq.eu"
