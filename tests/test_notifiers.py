"""The notifiers of the page, run against a server on this machine with the real classes of Airflow's providers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_seats.operators import SyncSeatsOperator
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.test_docs import blocks, for_this_airflow

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

ANN = "ann@example.com"


class Receiver(BaseHTTPRequestHandler):
    """Keeps the messages that it gets, and answers as Slack, which suits the others, too."""

    server: Any

    def do_POST(self) -> None:
        """Keep a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append((self.path, json.loads(body)))
        answer = b'{"ok": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start a server, and make it the connection of all notifiers."""
    server: Any = HTTPServer(("127.0.0.1", 0), Receiver)
    server.messages = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    connections = {
        "SLACK_API_DEFAULT": {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": f"{url}/api/"}},
        "DISCORD_WEBHOOK_DEFAULT": {
            "conn_type": "discord",
            "host": url,
            "extra": {"webhook_endpoint": "webhooks/1/a-token"},
        },
        "TEAMS": {"conn_type": "http", "host": f"{url}/workflows/1/triggers?sig=s"},
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def notifiers(provider: str) -> dict[str, Any]:
    """Return the names of the page's block that uses this provider, after it was run."""
    reason = f"the provider {provider}, or its notifier, is not installed with this Airflow"
    pytest.importorskip(f"airflow.providers.{provider}.notifications", reason=reason)
    [text] = [
        each.values[0].text
        for each in blocks("python")
        if each.values[0].page == "docs/how-to/notify.md" and f"providers.{provider}." in each.values[0].text
    ]
    names: dict[str, Any] = {}
    text = for_this_airflow(text).replace("    SyncSeatsOperator(", "    sync = SyncSeatsOperator(")
    exec(compile(text, provider, "exec"), names)  # noqa: S102 (our own page)
    return names


class Pulling(FakeTaskInstance):
    """A task instance whose templates can pull what was pushed."""

    task_id = "sync"

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        """Return a value."""
        assert task_ids == self.task_id
        return self.pushed[key]


@pytest.fixture
def context(datadog: FakeDatadog) -> dict[str, Any]:
    """Run a sync that fails because of a person whose address calls everyone, and return its context."""
    datadog.add_user(ANN)
    datadog.add_schedule("Payments @everyone", [datadog.add_user("bob@example.com", seat=PRODUCT)])
    for number in range(30):
        datadog.add_user(f"person{number}.with.a.long.name@subsidiary.example.com", seat=PRODUCT)
    ti = Pulling()
    operator = SyncSeatsOperator(
        task_id="sync", product_code=PRODUCT, user_emails=[ANN], max_unassign="100%", on_call="refuse"
    )
    with pytest.raises(Exception, match="on-call"):
        operator.execute({"ti": ti})  # type: ignore[typeddict-item]
    assert "everyone" in ti.pushed["summary"]
    return {"ti": ti}


def sent(provider: str, context: dict[str, Any], receiver: Any) -> tuple[str, Any]:
    """Send the failure through the notifier of the page, and return the address and the message."""
    names = notifiers(provider)
    notifier = names["sync"].on_failure_callback
    (notifier[0] if isinstance(notifier, list | tuple) else notifier)({**context, "dag": names["sync"].dag})
    [(path, message)] = receiver.messages
    assert "@everyone" not in json.dumps(message, ensure_ascii=False)
    return path, message


def test_slack_gets_the_summary_in_a_markdown_block(context: dict[str, Any], receiver: Any) -> None:
    """Slack gets the summary as a markdown block, and the headline as the text of the notification."""
    path, message = sent("slack", context, receiver)
    [block] = json.loads(message["blocks"])
    assert path == "/api/chat.postMessage"
    assert block == {"type": "markdown", "text": f":red_circle: {context['ti'].pushed['summary']}"}
    assert message["text"] == context["ti"].pushed["headline"]
    assert "link_names" not in message


def test_discord_accepts_the_summary(context: dict[str, Any], receiver: Any) -> None:
    """Discord's class, which refuses more than 2,000 characters, sends the summary."""
    path, message = sent("discord", context, receiver)
    assert path == "/webhooks/1/a-token"
    assert message["content"] == context["ti"].pushed["summary"]


def test_teams_gets_a_card(context: dict[str, Any], receiver: Any) -> None:
    """A webhook gets an adaptive card with the summary, at the address of the connection."""
    path, message = sent("http", context, receiver)
    assert path == "/workflows/1/triggers?sig=s"
    [card] = [each["content"] for each in message["attachments"]]
    assert [part["text"] for part in card["body"]] == [context["ti"].pushed["summary"]]
