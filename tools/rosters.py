"""What reading a roster of 100,000 people costs, beside a loop that checks nothing.

``make bench`` runs it. By itself, ``python -m tools.rosters`` prints the figures in a minute.
"""

from __future__ import annotations

import csv
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.helpers.airflow_home import ROOT
from tools import airflow_home

PEOPLE: Final = 100_000
COLUMNS: Final = ("Name", "Work email", "Status", "Team")


class Cost(NamedTuple):
    """The cost of reading a roster.

    :param csv_time: the processor time for CSV, as a multiple of a loop over ``csv.DictReader``: the median of nine
        pairs.
    :param csv_memory: the peak of the memory for CSV, as a multiple of the size of the file.
    :param xlsx_time: the processor time for a workbook, as a multiple of a loop over the cells that openpyxl reads: the
        median of three pairs.
    :param xlsx_memory: the peak of the memory for a workbook beyond that of the loop, in bytes.
    """

    csv_time: float
    csv_memory: float
    xlsx_time: float
    xlsx_memory: float


def rows() -> list[tuple[str, ...]]:
    """Return a table with a header. Nine of ten people are active."""
    chance = random.Random(1)  # noqa: S311 (the same for each run)
    people = [
        (
            f"First Lastname{number}",
            f"first.lastname{number}@example.com",
            "Terminated" if chance.random() < 0.1 else "Active",
            f"Team {number % 50}",
        )
        for number in range(PEOPLE)
    ]
    return [COLUMNS, *people]


def write(folder: Path) -> tuple[Path, Path]:
    """Write the table as CSV and as a workbook."""
    from xlsxwriter import Workbook

    table = rows()
    text, book = folder / "roster.csv", folder / "roster.xlsx"
    with text.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    workbook = Workbook(book)
    sheet = workbook.add_worksheet("Staff")
    for number, row in enumerate(table):
        sheet.write_row(number, 0, row)
    workbook.close()
    return text, book


def ours(path: Path) -> int:
    """Read a roster with all its checks."""
    from airflow_provider_seats.rosters import read_roster

    return len(read_roster(path, column="Work email", where={"Status": "Active"}))


def dict_reader(path: Path) -> int:
    """Count the active people of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return sum(row["Status"] == "Active" for row in csv.DictReader(file))


def bare_cells(path: Path) -> int:
    """Count the active people of a workbook."""
    from openpyxl import load_workbook

    sheet = load_workbook(path, read_only=True, data_only=True)["Staff"]
    return sum(cell.value == "Active" for row in sheet.iter_rows() for cell in row)


def ratio(job: Callable[[Path], int], bare: Callable[[Path], int], path: Path, times: int) -> float:
    """Return the processor time of a job as a multiple of another's: the median of pairs."""
    ratios = []
    for _ in range(times + 1):
        spent = []
        for each in (job, bare):
            begun = time.process_time()
            assert each(path) > PEOPLE * 0.8
            spent.append(time.process_time() - begun)
        ratios.append(spent[0] / spent[1])
    # The first pair loads modules.
    return statistics.median(ratios[1:])


def peak_of_csv(path: Path) -> float:
    """Return the peak of the memory, as a multiple of the size of the file."""
    tracemalloc.start()
    ours(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / path.stat().st_size


def read_small(path: Path) -> None:
    """Read a workbook of one person, so that everything is loaded."""
    from openpyxl import Workbook, load_workbook

    from airflow_provider_seats.rosters import read_roster

    book = Workbook()
    book.active.append(["email"])
    book.active.append(["ann@example.com"])
    book.save(path)
    load_workbook(path, read_only=True)
    read_roster(path)


def peak_of_process(job: str, path: Path) -> float:
    """Return the peak of the memory of a process that does one job, in bytes, on Linux."""
    command = [sys.executable, "-m", "tools.rosters", job, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def measure() -> Cost:
    """Read CSV and a workbook, each beside a loop that checks nothing."""
    with tempfile.TemporaryDirectory(prefix="rosters-") as folder:
        text, book = write(Path(folder))
        return Cost(
            ratio(ours, dict_reader, text, 9),
            peak_of_csv(text),
            ratio(ours, bare_cells, book, 3),
            peak_of_process("ours", book) - peak_of_process("bare_cells", book),
        )


def main() -> None:
    """Print the figures, or do one job and print the peak of the memory."""
    jobs: dict[str, Any] = {"ours": ours, "bare_cells": bare_cells}
    if sys.argv[1:]:
        path = Path(sys.argv[2])
        # Both load the same modules. Those of Airflow take more memory than the workbook.
        read_small(path.with_name("small.xlsx"))
        jobs[sys.argv[1]](path)
        [peak] = re.findall(r"^VmHWM:\s+([0-9]+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
        print(int(peak) * 1024)
        return
    with airflow_home():
        cost = measure()
    print(f"CSV: {cost.csv_time:.2f} times a loop over csv.DictReader, peak {cost.csv_memory:.1f} times the file")
    print(f"workbook: {cost.xlsx_time:.2f} times a loop over cells, peak {cost.xlsx_memory / 2**20:.0f} MiB more")


if __name__ == "__main__":
    main()
