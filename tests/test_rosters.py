"""read_roster: files through Airflow's object storage, and errors as a task needs them."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_seats._airflow import AirflowFailException, ObjectStoragePath
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.rosters import read_roster


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """Write a roster as Excel writes it where the list separator is a semicolon."""
    path = tmp_path / "roster.csv"
    path.write_bytes("Name;Email\r\nAnn;ann@x.com\r\n".encode("utf-8-sig"))
    return path


@pytest.mark.parametrize("form", [str, Path, Path.as_uri, lambda path: f" {path.as_uri()}\n"])
def test_a_path_may_have_any_form(roster: Path, form: Any) -> None:
    """A path may be a text, a URL, or a path of pathlib."""
    assert read_roster(form(roster)) == ["ann@x.com"]


def test_a_connection_is_passed_to_the_storage(roster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection's id is passed to ObjectStoragePath."""
    seen: list[Any] = []

    def storage(path: str, conn_id: str | None) -> Any:
        seen.append((path, conn_id))
        return ObjectStoragePath(path)

    monkeypatch.setattr("airflow_provider_seats._airflow.ObjectStoragePath", storage, raising=False)
    assert read_roster(roster, conn_id="hr") == ["ann@x.com"]
    assert seen == [(str(roster), "hr")]


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
    """A file that is not there, or a storage that is away, raises the storage's own error, which Airflow retries."""
    with pytest.raises(FileNotFoundError):
        read_roster(tmp_path / "roster.csv")


def test_any_error_of_the_storage_is_left_to_the_retries(roster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage may raise anything while it is read, also what would be a wrong path while it is opened."""

    def lose(_: Any) -> bytes:
        raise ValueError("the storage closed the connection")

    monkeypatch.setattr(ObjectStoragePath, "read_bytes", lose)
    with pytest.raises(ValueError, match="closed the connection"):
        read_roster(roster)


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
