"""read_roster: files through Airflow's object storage, and errors as a task needs them."""

from __future__ import annotations

import gzip
import typing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException, ObjectStoragePath
from airflow_provider_seats.exceptions import InvalidInputError, StorageError
from airflow_provider_seats.rosters import read_roster
from tests._rosters.test_xlsx_table import STAFF, workbook


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """Write a roster as Excel writes it where the list separator is a semicolon."""
    path = tmp_path / "roster.csv"
    path.write_bytes("Name;Email\r\nAnn;ann@x.com\r\n".encode("utf-8-sig"))
    return path


@pytest.mark.parametrize(
    "form", [str, Path, Path.as_uri, lambda path: f" {path.as_uri()}\n", lambda path: ObjectStoragePath(path.as_uri())]
)
def test_a_path_may_have_any_form(roster: Path, form: Any) -> None:
    """A path may be a text, a URL, a path of pathlib, or Airflow's own."""
    assert read_roster(form(roster)) == ["ann@x.com"]


def test_the_connection_must_exist(roster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that Airflow does not have fails the task before anything is read."""
    with pytest.raises(AirflowFailException, match=r"^conn_id: Airflow has no connection 'hr'"):
        read_roster(roster, conn_id="hr")
    monkeypatch.setenv("AIRFLOW_CONN_HR", '{"conn_type": "fs"}')
    assert read_roster(roster, conn_id="hr") == ["ann@x.com"]


def test_the_log_counts_what_was_left_out(roster: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says how many rows where has left out, by word, and nobody's address."""
    roster.write_text("email,status\nann@x.com,Active\nbob@x.com,On\u00a0Leave\n")
    caplog.set_level("INFO")
    assert read_roster(roster, where={"status": "Active"}) == ["ann@x.com"]
    [line] = [each.getMessage() for each in caplog.records if each.name == "airflow_provider_seats.rosters"]
    assert line == f"'{roster}': 1 person in 2 rows, left out: 1 row with 'status' = 'On\\xa0Leave'"


def test_a_workbook_is_read(tmp_path: Path) -> None:
    """A workbook is a roster as its CSV would be, in any form of its path."""
    path = tmp_path / "roster.xlsx"
    path.write_bytes(workbook(STAFF))
    for form in (path, path.as_uri(), ObjectStoragePath(path.as_uri())):
        assert read_roster(form, sheet="Staff", where={"status": "Active"}) == ["ann@x.io"]
    with pytest.raises(AirflowFailException, match=r"^sheet: '.*roster\.xlsx' has no sheet 'May'"):
        read_roster(path, sheet="May")


@pytest.mark.parametrize("form", ["{}", "{}/", "file://{}/", "{}/part-*", "file://{}/*.csv*"])
def test_a_folder_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str) -> None:
    """A folder is one roster of all its files, and the log says how many there were."""
    (tmp_path / "part-0.csv").write_bytes(b"email,status\nann@x.com,Active\n")
    (tmp_path / "part-1.csv.gz").write_bytes(gzip.compress(b"status,email\nActive,bob@x.com\nLeft,cy@x.com\n"))
    (tmp_path / "part-2.csv").write_bytes(b"")
    (tmp_path / "_SUCCESS").write_bytes(b"")
    caplog.set_level("INFO", "airflow_provider_seats.rosters")
    assert read_roster(form.format(tmp_path), where={"status": "Active"}) == ["ann@x.com", "bob@x.com"]
    [line] = caplog.messages
    assert line.endswith("': 3 files (1 empty): 2 people in 3 rows, left out: 1 row with 'status' = 'Left'")


def test_a_folder_is_never_an_empty_roster(tmp_path: Path) -> None:
    """A folder without files is left to the retries, and one whose files name nobody fails the task."""
    with pytest.raises(StorageError, match="it has no files"):
        read_roster(tmp_path, allow_empty=True)
    (tmp_path / "part-0.csv").write_bytes(b"email\n")
    with pytest.raises(AirflowFailException, match="A folder is never an empty roster"):
        read_roster(tmp_path, allow_empty=True)


@pytest.mark.parametrize(("count", "warnings"), [(99, 0), (100, 1), (101, 0)])
def test_a_round_number_of_people_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, count: int, warnings: int
) -> None:
    """The log warns if exactly as many people are in the roster as a source hands over at most."""
    path = tmp_path / "roster.csv"
    path.write_text("email\n" + "".join(f"p{number}@x.com\n" for number in range(count)))
    assert len(read_roster(path)) == count
    found = [each for each in caplog.records if each.levelname == "WARNING" and "exactly 100 people" in each.message]
    assert len(found) == warnings


@pytest.mark.parametrize(
    "argument", ["path", "column", "where", "may_be_absent", "on_contradiction", "encoding", "sheet", "header_row"]
)
def test_an_argument_that_came_out_as_none_fails_the_task(roster: Path, argument: str) -> None:
    """None from a template or a task never means that an argument was left out."""
    arguments: Any = {"path": roster, argument: None}
    with pytest.raises(AirflowFailException, match=rf"^{argument}: .*None"):
        read_roster(**arguments)


@pytest.mark.parametrize("argument", ["conn_id", "allow_empty", "allow_missing_line_end"])
@pytest.mark.parametrize("value", [None, "", "None"])
def test_no_rendered_value_leaves_an_argument_out(roster: Path, argument: str, value: Any) -> None:
    """None, an empty text and the text None are errors for these arguments, too."""
    with pytest.raises(AirflowFailException, match=rf"^{argument}: "):
        read_roster(roster, **{argument: value})


@pytest.mark.parametrize("arguments", [{"column": "mail"}, {"where": {"name": "Bob"}}, {"encoding": "x"}])
def test_what_no_retry_can_fix_fails_the_task_at_once(roster: Path, arguments: Any) -> None:
    """An error in the file or in an argument fails the task without retry, with the reason as its cause."""
    with pytest.raises(AirflowFailException) as caught:
        read_roster(roster, **arguments)
    assert isinstance(caught.value.__cause__, InvalidInputError)
    assert str(caught.value) == str(caught.value.__cause__)


@pytest.mark.parametrize("path", ["nosuchscheme://hr/roster.csv", None, ""])
def test_a_path_that_airflow_cannot_read_fails_the_task_at_once(path: Any) -> None:
    """A URL whose kind this Airflow cannot read, or no path at all, fails the task without retry."""
    with pytest.raises(AirflowFailException, match="path: "):
        read_roster(path)


def test_a_file_that_is_not_there_yet_is_left_to_the_retries(tmp_path: Path) -> None:
    """A file that is not there raises an error that names it, which Airflow retries."""
    with pytest.raises(StorageError, match=r"^path: '.*roster.csv' cannot be read: FileNotFoundError: ") as caught:
        read_roster(tmp_path / "roster.csv")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_file_that_names_nobody_may_be_allowed(tmp_path: Path) -> None:
    """With allow_empty=True, an empty file is an empty roster."""
    path = tmp_path / "roster.csv"
    path.write_bytes(b"")
    assert read_roster(path, allow_empty=True) == []
    with pytest.raises(AirflowFailException, match="allow_empty=True"):
        read_roster(path)


def test_airflow_can_read_the_annotations() -> None:
    """All annotations exist at run time, because Airflow reads them to find out what a task returns."""
    assert typing.get_type_hints(read_roster)["return"] == list[str]
