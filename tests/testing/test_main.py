"""The command that starts a FakeDatadog."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from airflow_provider_seats.testing import API_KEY, APP_KEY, SEATS, FakeDatadog
from airflow_provider_seats.testing.__main__ import main
from tests.conftest import PRODUCT

KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}


@contextmanager
def command(*arguments: str, stdin: Any = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """Run the command until the block ends."""
    line = [sys.executable, "-m", "airflow_provider_seats.testing", "--port", "0", *arguments]
    with subprocess.Popen(line, stdin=stdin, stdout=subprocess.PIPE, text=True) as fake:
        try:
            yield fake
        finally:
            fake.kill()


def read_until(fake: subprocess.Popen[str], text: str) -> list[str]:
    """Return the lines that the command prints, up to the first one that contains a text."""
    assert fake.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + 20
    while not (lines and text in lines[-1]) and time.monotonic() < deadline:
        lines.append(fake.stdout.readline())
    return lines


def seats_of(lines: list[str]) -> list[str]:
    """Return the emails of the seats at the address that the command printed."""
    connection = json.loads(lines[-1].partition("='")[2].strip().rstrip("'"))
    query = {"product_code": PRODUCT}
    answer = requests.get(connection["host"] + SEATS, params=query, headers=KEYS, timeout=5).json()
    return [row["attributes"]["email"] for row in answer["data"]]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted(end: signal.Signals) -> None:
    """The command prints the line that defines the connection, and ends with 0 when it is interrupted or terminated."""
    with command("ann@example.com", "--seated", "bob@example.com") as fake:
        lines = read_until(fake, "export")
        assert seats_of(lines) == ["bob@example.com"]
        assert fake.stdout is not None
        assert fake.stdout.readline().startswith("200  GET /api/v2/seats/users")
        fake.send_signal(end)
        assert fake.wait(timeout=30) == 0
        assert fake.stdout.read() == ""
    assert any("ann@example.com" in line for line in lines)


def test_lines_change_what_it_serves() -> None:
    """Lines on standard input change the organisation, also in parts and without a last line end."""
    with command("ann@example.com") as fake:
        lines = read_until(fake, "export")
        assert fake.stdin is not None
        fake.stdin.write("add dee@example.com\n\ngive dee@exam")
        fake.stdin.flush()
        assert len(read_until(fake, "dee@example.com")) == 1
        fake.stdin.write("ple.com\ngive ann@example.com example_product")
        fake.stdin.close()
        assert read_until(fake, "ann@")[-2:] == [
            f"dee@example.com holds a seat of {PRODUCT} and example_product.\n",
            "ann@example.com holds a seat of example_product.\n",
        ]
        assert seats_of(lines) == ["dee@example.com"]
        fake.stdin = None


def test_it_serves_without_standard_input() -> None:
    """The command needs no standard input: a container or a background command has none."""
    for stdin in (subprocess.DEVNULL, None):
        with command("ann@example.com", stdin=stdin) as fake:
            assert seats_of(read_until(fake, "export")) == []
            fake.send_signal(signal.SIGTERM)
            assert fake.wait(timeout=30) == 0


def test_in_the_background_of_a_terminal_it_serves_on() -> None:
    """A terminal does not stop the command in its background when somebody types into another program."""
    ours, terminal = pty.openpty()
    code = textwrap.dedent(
        f"""
        import contextlib, fcntl, json, os, signal, subprocess, termios, urllib.request
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        line = [{sys.executable!r}, "-m", "airflow_provider_seats.testing", "--port", "0"]
        fake = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, process_group=0)
        while "export" not in (shown := fake.stdout.readline()):
            pass
        os.write({ours}, b"ls -l\\n")
        # Each turn of the command first looks for input, and then prints requests.
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(json.loads(shown.partition("='")[2].strip()[:-1])["host"], timeout=10)
        print(fake.stdout.readline())
        fake.send_signal(signal.SIGTERM)
        print(fake.wait(20))
        """
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=terminal,
            capture_output=True,
            text=True,
            start_new_session=True,
            pass_fds=[ours],
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(terminal)
    assert (done.stdout.split(), done.stderr) == (["401", "GET", "/", "0"], "")


def test_a_port_in_use_is_an_error_message(datadog: FakeDatadog, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what to do if its port is in use, without a traceback."""
    with pytest.raises(SystemExit):
        main(["--port", datadog.url.rpartition(":")[2]])
    assert "--port 0" in capsys.readouterr().err
