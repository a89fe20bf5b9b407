"""What real error trackers would send about errors of this package contains no key."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.helpers.tls import serve_with_tls

API_KEY, APP_KEY, PROXY_PASSWORD = "api0key1" * 4, "app2key3" * 5, "proxy4password"
SCRIPT = Path(__file__).parent / "samples" / "trackers.py"
ECHO = f"you sent {API_KEY} and {APP_KEY}"
# Each tool, and its module.
TOOLS = {
    "sentry": "sentry_sdk",
    "airflow's sentry": "sentry_sdk",
    "rollbar": "rollbar",
    "elastic apm": "elasticapm",
    "rich": "rich",
    "ddtrace": "ddtrace",
}
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(module) is None for module in TOOLS.values()),
    reason="the error trackers are installed with the newest Airflow only",
)


FAULTS = {
    "no response": Fault(lost="before"),
    "Datadog answered 401": Fault(401, {"errors": [ECHO]}),
    "Datadog answered 403": Fault(403, {"errors": [ECHO]}),
    "Datadog answered 422 to GET": Fault(422, {"errors": [ECHO]}),
    "rate limit": Fault(429, ECHO, {"X-RateLimit-Reset": "1000"}),
    "cannot be used": Fault(200, {"data": [{"id": 7, "note": ECHO}]}),
}
# What is wrong with a connection, and what the error says.
INVALID: dict[str, dict[str, Any]] = {
    "field host": {"host": f"https://someone:{APP_KEY}@proxy.example.com"},
    "field port": {"port": 99_999, "host": "proxy.example.com"},
    "field password": {"password": f"{APP_KEY} {APP_KEY}"},
    "field extra.api_key": {"extra": {"api_key": f"{API_KEY}\u00fc"}},
    "field extra.site": {"extra": {"api_key": API_KEY, "site": API_KEY}},
    "field extra.timeout": {"extra": {"api_key": API_KEY, "timeout": API_KEY}},
    "field extra: it is not a JSON": {"extra": f"api_key={API_KEY}"},
    "field extra.app_key": {"conn_type": "datadog", "password": "", "extra": {"app_key": f"{APP_KEY} x"}},
}


def connection(**fields: Any) -> str:
    """Return a connection as an environment variable defines it."""
    extra = {"api_key": API_KEY, "timeout": 2}
    return json.dumps({"conn_type": "datadog_seats", "password": APP_KEY, "extra": extra, **fields})


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_an_error_tracker_gets_our_message_and_no_key(tool: str, tmp_path: Path) -> None:
    """After each kind of error, what a tool would send has the message, and neither a key nor a proxy's password."""
    with ExitStack() as stack:
        cases = [connection(**fields) for fields in INVALID.values()]
        for fault in FAULTS.values():
            datadog = stack.enter_context(FakeDatadog(api_key=API_KEY, app_key=APP_KEY))
            for method, path in (("GET", SEATS), ("POST", SEATS), ("GET", USERS)):
                datadog.script(method, path, *[fault] * 60)
            cases.append(connection(host=datadog.url))
        _, url, _ = stack.enter_context(serve_with_tls(tmp_path))
        cases += [connection(host=url), connection(host="https://api.datadoghq.invalid")]
        env = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            **{f"CASE_{number:02}": case for number, case in enumerate(cases)},
            "TOOL": tool,
            "DEV": "1",
            "https_proxy": f"http://someone:{PROXY_PASSWORD}@127.0.0.1:1",
            "no_proxy": "127.0.0.1",
            "DD_TRACE_ENABLED": "false",
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        }
        command = [sys.executable, "-W", "ignore", str(SCRIPT)]
        run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    for secret in (API_KEY, APP_KEY, PROXY_PASSWORD):
        # The errors are also logged to the console, as Airflow does it with DEV.
        assert secret not in run.stderr
        place = run.stdout.find(secret)
        assert place < 0, f"{secret} in ...{run.stdout[max(place - 500, 0) : place + 100]}"
    for message in (*FAULTS, *INVALID, "certificate was rejected", "ConnectionRefusedError"):
        assert message in run.stdout
