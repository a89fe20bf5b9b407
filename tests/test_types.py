"""What an editor shows the author of a DAG: each mistake in its line, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.airflow_home import ROOT

pytestmark = pytest.mark.skipif(not find_spec("pyright"), reason="types are looked at with the newest Airflow")

SAMPLES = ROOT / "tests/samples"
EVERYTHING, WRONG = SAMPLES / "everything.py", SAMPLES / "wrong.py"


def pyright() -> set[tuple[str, int]]:
    """Return the lines in which pyright, which most editors use, sees an error."""
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        str(EVERYTHING),
        str(WRONG),
    ]
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    found = json.loads(done.stdout[done.stdout.index("{") :])["generalDiagnostics"]
    return {
        (each["file"].rpartition("/")[2], each["range"]["start"]["line"] + 1)
        for each in found
        if each["severity"] == "error"
    }


def mypy() -> set[tuple[str, int]]:
    """Return the lines in which mypy sees an error, in the whole project."""
    # One run for all: another one for the samples alone would take as long. The cache is that of make types.
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]
    cache = Path(sys.prefix) / "mypy-cache"
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(cache), *folders, str(WRONG)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    print(done.stdout, done.stderr)
    found = re.findall(r"^(?:.*/)?(\w+\.py):(\d+): error:", done.stdout, flags=re.MULTILINE)
    return {(file, int(line)) for file, line in found}


# In two groups, to run side by side. For quick results, mypy checks the types.
@pytest.mark.parametrize(
    "checker",
    [
        pytest.param(mypy, marks=pytest.mark.xdist_group("mypy")),
        pytest.param(pyright, marks=[pytest.mark.xdist_group("pyright"), pytest.mark.slow]),
    ],
)
def test_every_mistake_is_seen_and_nothing_else(checker: object) -> None:
    """Type checkers see every mistake in a DAG of mistakes, and none in a DAG that uses everything."""
    wrong = {
        (WRONG.name, number)
        for number, line in enumerate(WRONG.read_text().splitlines(), 1)
        if line.endswith("# wrong")
    }
    assert len(wrong) > 10
    assert callable(checker)
    assert checker() == wrong
