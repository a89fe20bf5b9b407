"""The extra link of a task: where it leads, and that it never fails a task."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_seats import get_provider_info
from airflow_provider_seats.connection import KNOWN_SITES, DatadogConnection
from airflow_provider_seats.links import SeatsPageLink
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.sensors import SeatUsersSensor
from tests.conftest import PRODUCT

PAGES = {
    "datadoghq.com": "https://app.datadoghq.com/billing/seats",
    "us3.datadoghq.com": "https://us3.datadoghq.com/billing/seats",
    "us5.datadoghq.com": "https://us5.datadoghq.com/billing/seats",
    "ap1.datadoghq.com": "https://ap1.datadoghq.com/billing/seats",
    "ap2.datadoghq.com": "https://ap2.datadoghq.com/billing/seats",
    "uk1.datadoghq.com": "https://uk1.datadoghq.com/billing/seats",
    "datadoghq.eu": "https://app.datadoghq.eu/billing/seats",
    "ddog-gov.com": "https://app.ddog-gov.com/billing/seats",
    "us2.ddog-gov.com": "https://us2.ddog-gov.com/billing/seats",
}


def sensor(**arguments: Any) -> SeatUsersSensor:
    """Make a sensor."""
    return SeatUsersSensor(task_id="wait", product_code=PRODUCT, user_emails=["ann@x.com"], **arguments)


@pytest.mark.parametrize("site", KNOWN_SITES)
def test_the_link_leads_to_the_page_on_the_site_of_the_connection(monkeypatch: pytest.MonkeyPatch, site: str) -> None:
    """Each site has the page that Datadog documents, below the name under which the site serves its pages."""
    connection = {"conn_type": "datadog_seats", "password": "K", "extra": {"api_key": "A", "site": site}}
    monkeypatch.setenv("AIRFLOW_CONN_SEATS", json.dumps(connection))
    assert SeatsPageLink().get_link(sensor(datadog_conn_id="seats"), ti_key=None) == PAGES[site]  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["https://proxy.example.com", "https://api.datadoghq.com/proxy", "http://127.0.0.1:1"])
def test_a_host_that_is_not_a_site_has_no_page(url: str) -> None:
    """A proxy or another host has no page, because its site is unknown."""
    assert DatadogConnection(url, "K", "A").seats_page is None


@pytest.mark.usefixtures("datadog")
def test_a_missing_page_is_an_empty_link() -> None:
    """A connection that is missing, or has no page, results in an empty link and no error."""
    assert SeatsPageLink().get_link(sensor(datadog_conn_id="nowhere"), ti_key=None) == ""  # type: ignore[arg-type]
    assert SeatsPageLink().get_link(sensor(), ti_key=None) == ""  # type: ignore[arg-type]


def test_every_operator_has_the_link_and_the_provider_lists_it() -> None:
    """Airflow 2's webserver loads only the links that a provider lists."""
    for kind in (AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator, SeatUsersSensor):
        assert [type(link) for link in kind.operator_extra_links] == [SeatsPageLink]
    assert get_provider_info()["extra-links"] == [f"{SeatsPageLink.__module__}.{SeatsPageLink.__name__}"]
