"""FakeDatadog's intake: the official client sends metrics and events to it."""

from __future__ import annotations

from typing import Any

from airflow_provider_seats.testing import API_KEY, EVENTS, SERIES, FakeDatadog
from tests.testing.conftest import ask

KEY = {"DD-API-KEY": API_KEY}


def test_the_official_client_sends_metrics_and_events(datadog: FakeDatadog, official: Any) -> None:
    """What the official client sends is kept in the order in which it came."""
    from datadog_api_client.v1.api.events_api import EventsApi
    from datadog_api_client.v1.api.metrics_api import MetricsApi
    from datadog_api_client.v1.model.event_create_request import EventCreateRequest
    from datadog_api_client.v1.model.metrics_payload import MetricsPayload
    from datadog_api_client.v1.model.point import Point
    from datadog_api_client.v1.model.series import Series

    series = Series(metric="seats.held", type="gauge", points=[Point([1.0, 41.0])], tags=["product:p"])
    assert MetricsApi(official).submit_metrics(body=MetricsPayload(series=[series])).status == "ok"
    assert datadog.metrics == [
        {"metric": "seats.held", "type": "gauge", "points": [[1.0, 41.0]], "tags": ["product:p"]}
    ]
    answer = EventsApi(official).create_event(body=EventCreateRequest(title="Seats", text="41", tags=["a:b"]))
    assert (answer.status, answer.event.title) == ("ok", "Seats")
    assert datadog.events == [{"title": "Seats", "text": "41", "tags": ["a:b"]}]


def test_the_intake_needs_the_api_key_only(datadog: FakeDatadog) -> None:
    """Metrics and events need no application key, and a wrong API key is refused."""
    body = {"series": [{"metric": "m", "points": [[1, 2]]}]}
    assert ask(datadog, "POST", SERIES, KEY, json=body) == (202, {"status": "ok"})
    assert ask(datadog, "POST", SERIES, {"DD-API-KEY": "other"}, json=body)[0] == 403
    assert ask(datadog, "POST", EVENTS, KEY, json={"title": "t", "text": "x"})[0] == 202


def test_what_is_not_in_the_format_is_refused(datadog: FakeDatadog) -> None:
    """A payload without series, or an event without a title, is a 400."""
    for path, body in ((SERIES, {}), (SERIES, {"series": [{}]}), (SERIES, []), (EVENTS, {"title": "t"}), (EVENTS, [])):
        assert ask(datadog, "POST", path, KEY, json=body)[0] == 400
    assert (datadog.metrics, datadog.events) == ([], [])
