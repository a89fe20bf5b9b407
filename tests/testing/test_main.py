"""The command that starts a FakeDatadog."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import requests

from airflow_provider_seats.testing import API_KEY, APP_KEY, SEATS, FakeDatadog
from airflow_provider_seats.testing.__main__ import main
from tests.conftest import PRODUCT

KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted(end: signal.Signals) -> None:
    """The command prints the line that defines the connection, and ends with 0 when it is interrupted or terminated."""
    people = ["ann@example.com", "--seated", "bob@example.com"]
    command = [sys.executable, "-m", "airflow_provider_seats.testing", "--port", "0", *people]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as fake:
        assert fake.stdout is not None
        lines: list[str] = []
        deadline = time.monotonic() + 20
        while not (lines and "export" in lines[-1]) and time.monotonic() < deadline:
            lines.append(fake.stdout.readline())
        connection = json.loads(lines[-1].partition("='")[2].strip().rstrip("'"))
        query = {"product_code": PRODUCT}
        answer = requests.get(connection["host"] + SEATS, params=query, headers=KEYS, timeout=5).json()
        assert [row["attributes"]["email"] for row in answer["data"]] == ["bob@example.com"]
        assert fake.stdout.readline().startswith("200  GET /api/v2/seats/users")
        fake.send_signal(end)
        try:
            assert fake.wait(timeout=30) == 0
        finally:
            fake.kill()
    assert any("ann@example.com" in line for line in lines)


def test_a_port_in_use_is_an_error_message(datadog: FakeDatadog, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what to do if its port is in use, without a traceback."""
    with pytest.raises(SystemExit):
        main(["--port", datadog.url.rpartition(":")[2]])
    assert "--port 0" in capsys.readouterr().err
