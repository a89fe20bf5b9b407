"""Run the test suite on every supported Airflow, and on every installed Python: ``make test-matrix``.

It needs only the standard library. Each cell runs ``make test`` in its own environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
PINS: Final = ROOT / ".ci/constraints"
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
# What Airflow's own metadata allow: the newest Python of a minor version; of all others, the newest here.
NEWEST_PYTHON_OF: Final = {"2.11": "3.12", "3.0": "3.12", "3.1": "3.13"}


class Cell(NamedTuple):
    """An Airflow version, a Python version and the path of the interpreter.

    :param pre_release: the full version if it is a pre-release, which may fail.
    """

    airflow: str
    python: str
    interpreter: str
    pre_release: str = ""


def airflows() -> dict[str, str]:
    """Return the Airflow version that each file of pins has, the oldest first.

    The file of a minor version, such as 3.3, has the newest version of everything, so it comes after 3.3.2.
    """
    pins = {path.stem.removeprefix("airflow-"): path.read_text() for path in PINS.glob("airflow-*.txt")}
    return {
        name: re.findall(r"^apache-airflow==(\S+)", pins[name], re.MULTILINE)[0]
        for name in sorted(pins, key=lambda name: [*map(int, name.split(".")), 999][:3])
    }


def interpreter(python: str) -> str | None:
    """Return the path of an installed Python of this minor version, or None."""
    try:
        done = subprocess.run(
            [f"python{python}", "-c", "import sys; print(sys.executable)"],
            # Without this variable, pyenv runs only the version that it is set to.
            env={**os.environ, "PYENV_VERSION": python},
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def cells(versions: dict[str, str], at_hand: dict[str, str]) -> list[Cell]:
    """Return every Airflow on the oldest installed Python, and the oldest and newest release on each other Python."""
    pre_releases = {minor: version for minor, version in versions.items() if re.search("[a-z]", version)}
    released = [minor for minor in versions if minor not in pre_releases]
    return [
        Cell(minor, python, path, pre_releases.get(minor, ""))
        for number, (python, path) in enumerate(at_hand.items())
        for minor in (versions if number == 0 else (released[0], released[-1]))
        if int(python[2:]) <= int(NEWEST_PYTHON_OF.get(".".join(minor.split(".")[:2]), "3.99")[2:])
    ]


def row(cell: Cell, words: str, *, passed: bool) -> str:
    """Return the table row of a cell."""
    state = "passed" if passed else "failed" if cell.pre_release else "FAILED"
    note = f" ({cell.pre_release} is a pre-release, which may fail)" if cell.pre_release else ""
    return f"{cell.airflow:<8} {cell.python:<7} {state}: {words}{note}"


def holds(results: list[tuple[Cell, bool]]) -> bool:
    """Return whether at least one release was tested and every release passed."""
    released = [passed for cell, passed in results if not cell.pre_release]
    return bool(released) and all(released)


def run(cell: Cell) -> tuple[bool, str]:
    """Test a cell, and return whether it passed and the summary line of pytest."""
    command = ["make", "--no-print-directory", "test", f"AIRFLOW={cell.airflow}", f"PYTHON={cell.interpreter}"]
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("=") and (" passed" in line or " failed" in line):
                last = line.strip("= \n")
    return process.returncode == 0, last or "no test ran"


def main() -> int:
    """Test all cells, print a table of the results, and return the exit code."""
    found = {python: interpreter(python) for python in PYTHONS}
    at_hand = {python: path for python, path in found.items() if path}
    if not at_hand:
        print(f"No supported Python is installed: {', '.join(PYTHONS)}.")
    rows = []
    for cell in cells(airflows(), at_hand):
        print(f"== Airflow {cell.airflow} on Python {cell.python} ==", flush=True)
        began = time.monotonic()
        passed, words = run(cell)
        minutes = (time.monotonic() - began) / 60
        rows.append((cell, passed, f"{words}, {minutes:.0f} min including the environment"))
    print("\nAirflow  Python")
    for cell, passed, words in rows:
        print(row(cell, words, passed=passed))
    for python in PYTHONS:
        if python not in at_hand:
            print(f"Python {python} is not installed and was not tested.")
    return 0 if holds([(cell, passed) for cell, passed, _ in rows]) else 1


if __name__ == "__main__":
    sys.exit(main())
