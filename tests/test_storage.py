"""Files in storages: read whole whatever is remembered of them, replaced when complete, and errors that name them."""

from __future__ import annotations

import http.server
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_seats._airflow import ObjectStoragePath, attach
from airflow_provider_seats._storage import StoredFile
from airflow_provider_seats.exceptions import InvalidInputError, StorageError

OLD, NEW = b"email\nann@x.com\n", b"email\nann@x.com\nbob@x.com\n"


class Memory(MemoryFileSystem):
    """A file system of its own, which remembers sizes as object stores do, and fails when a test wants it."""

    cachable = False
    protocol = "s3"

    def __init__(self) -> None:
        super().__init__()
        self.store: dict[str, Any] = {}
        self.pseudo_dirs = [""]
        self.remembered: dict[str, int] = {}
        self.errors: dict[str, list[Exception]] = {}
        self.is_folder = True

    def _fail(self, method: str) -> None:
        errors = self.errors.get(method)
        if errors:
            raise errors.pop(0)

    def info(self, path: str, **kwargs: Any) -> Any:
        """Return what is known of a file, with the size that it had when it was first seen."""
        found = super().info(path, **kwargs)
        return {**found, "size": self.remembered.setdefault(path, found["size"])}

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget all sizes."""
        self.remembered.clear()

    def cat_file(self, path: str, start: Any = None, end: Any = None, **kwargs: Any) -> Any:
        """Return as many bytes as are remembered."""
        self._fail("cat_file")
        return super().cat_file(path)[: self.info(path)["size"]]

    def pipe_file(self, path: str, value: bytes, *args: Any, **kwargs: Any) -> None:
        """Write a file; if it fails, half of it is written."""
        if self.errors.get("pipe_file"):
            super().pipe_file(path, value[: len(value) // 2])
        self._fail("pipe_file")
        super().pipe_file(path, value)

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Rename a file."""
        self._fail("mv")
        self.pipe_file(path2, super().cat_file(path1))
        self.rm_file(path1)

    def rm_file(self, path: str) -> None:
        """Remove a file, or fail."""
        self._fail("rm_file")
        super().rm_file(path)

    def isdir(self, path: str) -> bool:
        """Return whether it is a folder, or fail."""
        self._fail("isdir")
        return self.is_folder and bool(super().isdir(path))


@pytest.fixture
def storage() -> Memory:
    """Return a file system that is attached to S3 and to an unknown kind of storage."""
    return Memory()


@pytest.fixture
def find(storage: Memory) -> Callable[..., StoredFile]:
    """Return a function that finds a file of that file system."""
    conn_id = f"memory_{uuid4().hex}"
    for protocol in ("s3", "sftp", "smb"):
        attach(protocol, conn_id, fs=storage)
    return lambda name="hr/roster.csv", protocol="s3": StoredFile.find(
        "path", f"{protocol}://{name}", conn_id, "conn_id", may_be_folder=True
    )


def problem(value: Any, conn_id: str | None = None) -> str:
    """Return the message about a path that cannot be used."""
    with pytest.raises(InvalidInputError) as caught:
        StoredFile.find("path", value, conn_id, "conn_id")
    return str(caught.value)


def content(file: StoredFile) -> bytes:
    """Return the content of a single file."""
    files = file.read()
    assert not files.is_folder
    [(_, content)] = files.contents
    return content


# --- paths and connections ---


def test_airflows_own_path_is_a_path(tmp_path: Path, storage: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ObjectStoragePath is read and written, with its connection."""
    path = ObjectStoragePath((tmp_path / "roster.csv").as_uri())
    StoredFile.find("path", path, None, "conn_id").write(OLD)
    assert content(StoredFile.find("path", path, None, "conn_id")) == OLD
    attach("s3", "mine", fs=storage)
    storage.pipe_file("hr/roster.csv", NEW)
    for value in (ObjectStoragePath("s3://hr/roster.csv", conn_id="mine"), "s3://mine@hr/roster.csv"):
        file = StoredFile.find("path", value, None, "conn_id")
        assert (content(file), file.conn_id, file.shown) == (NEW, "mine", "'s3://mine@hr/roster.csv'")


def test_a_connection_that_airflow_does_not_have_is_an_error_before_anything_is_read(tmp_path: Path) -> None:
    """Without its connection a storage would be read with default keys, so that is an error, for any storage."""
    path = (tmp_path / "roster.csv").as_uri()
    assert problem("s3://hr/roster.csv", "typo") == (
        "conn_id: Airflow has no connection 'typo', which is needed for 's3://hr/roster.csv'. Create it, or correct "
        "its id."
    )
    before = "path: Airflow has no connection of the id before the @, which is needed for 's3://typo@hr/roster.csv'."
    assert problem("s3://typo@hr/roster.csv").startswith(before)
    assert "no connection 'typo'" in problem(path, "typo")
    assert problem(ObjectStoragePath("s3://hr/roster.csv", conn_id="typo")).startswith(before)


def test_a_connection_that_airflow_has_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection may be passed on its own, before the @, or in both places."""
    monkeypatch.setenv("AIRFLOW_CONN_HR", '{"conn_type": "fs"}')
    path = tmp_path / "roster.csv"
    path.write_bytes(OLD)
    for url, conn_id in ((path.as_uri(), "hr"), (f"file://hr@{path}", None), (f"file://hr@{path}", "hr")):
        file = StoredFile.find("path", url, conn_id, "conn_id")
        assert (content(file), file.conn_id) == (OLD, "hr")


def test_two_connections_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's versions disagree about which of two connections counts, so they are refused."""
    monkeypatch.setenv("AIRFLOW_CONN_HR", '{"conn_type": "fs"}')
    assert problem("file://hr@/srv/roster.csv", "other") == (
        "conn_id: it is 'other', but another connection is before the @ in 'file://hr@/srv/roster.csv'. Remove one."
    )


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("abfss://hr@company.dfs.core.windows.net/a/roster.csv", "abfss://hr/a/roster.csv"),
        ("abfs://conn@hr@company.blob.core.windows.net/roster.csv", "abfs://hr/roster.csv"),
        ("wasbs://company.blob.core.windows.net/roster.csv", "wasbs://container/roster.csv"),
        ("abfss://hr@onelake.dfs.fabric.microsoft.com/roster.csv", "abfss://hr/roster.csv"),
        ("abfss://me:secret@company.dfs.core.windows.net/roster.csv", "abfss://container/roster.csv"),
    ],
)
def test_azures_own_form_of_a_url_is_an_error_that_shows_airflows(url: str, right: str) -> None:
    """In Azure's form the container stands where Airflow expects a connection."""
    message = problem(url)
    assert message.startswith("path: in 'abfs" if url.startswith("abfs") else "path: in 'wasb")
    assert f", Airflow takes the text before @ for a connection. Pass '{right}', and a connection" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "path: it is empty (None). Pass a path or URL"),
        ("", "path: it is empty ('')."),
        (" None\n", "path: it is empty (' None\\n')."),
        (7, "path: it is empty (7)."),
        ("s3://hr/", "path: 's3://hr/' is a folder. Pass the path of a file."),
        ("s3://hr", "path: 's3://hr' is a folder."),
        ("/srv/rosters/", "path: '/srv/rosters/' is a folder."),
        ("s3://[hr/roster.csv", "path: 's3://[hr/roster.csv' is neither a path nor a URL: "),
        ("nosuchscheme://hr/roster.csv", "path: Airflow cannot open 'nosuchscheme://hr/roster.csv': ValueError: "),
    ],
)
def test_what_is_no_path_of_a_file_is_an_error(value: Any, expected: str) -> None:
    """No path, a folder, and a kind of URL that Airflow does not know are errors that no retry can fix."""
    assert problem(value).startswith(expected)


# --- reading ---


def test_a_file_that_has_grown_since_its_folder_was_listed_is_read_whole(
    storage: Memory, find: Callable[..., StoredFile]
) -> None:
    """A size that the storage remembers does not cut a file."""
    storage.pipe_file("hr/roster.csv", OLD)
    assert storage.info("hr/roster.csv")["size"] == len(OLD)
    storage.pipe_file("hr/roster.csv", NEW)
    assert storage.cat_file("hr/roster.csv") != NEW
    assert content(find()) == NEW


@pytest.mark.parametrize("name", ["hr/roster.csv", "hr/roster.csv/", "hr/roster.csv/*", "hr/*/part*", "hr/**/*.csv"])
def test_a_folder_is_read_as_its_files(storage: Memory, find: Callable[..., StoredFile], name: str) -> None:
    """A folder or a pattern is its files in the order of their names and numbers, without those that are no parts."""
    marks = {"_SUCCESS": b"", ".part-0.csv.crc": b"x", "~$part-0.csv": b"x"}
    for part, text in {"part-10.csv": NEW, "part-9.csv": OLD, **marks}.items():
        storage.pipe_file(f"hr/roster.csv/{part}", text)
    files = find(name).read()
    assert files.is_folder
    assert [(name.rpartition("/")[2], text) for name, text in files.contents] == [
        ("part-9.csv", OLD),
        ("part-10.csv", NEW),
    ]


def test_an_object_that_is_called_like_its_folder_is_not_read_as_empty(
    storage: Memory, find: Callable[..., StoredFile]
) -> None:
    """An empty object that has others below its name is a folder, and an empty object alone is an empty file."""
    storage.pipe_file("hr/roster.csv/part-0.csv", OLD)
    storage.pipe_file("hr/other.csv", b"")
    assert content(find("hr/other.csv")) == b""
    storage.is_folder = False
    assert find("hr/roster.csv").read().contents == [("part-0.csv", OLD)]


@pytest.mark.parametrize("form", ["{}", "{}/", "file://{}", "file://{}/", "{}/*.csv", "file://{}/*", "{}/**/p*"])
def test_a_local_folder_is_read(tmp_path: Path, form: str) -> None:
    """A folder on this machine is read, too, in any form of its path."""
    (tmp_path / "part-0.csv").write_bytes(OLD)
    (tmp_path / "_SUCCESS").write_bytes(b"")
    found = StoredFile.find("path", form.format(tmp_path), None, "conn_id", may_be_folder=True).read()
    assert found.is_folder
    assert [(name.rpartition("/")[2], text) for name, text in found.contents] == [("part-0.csv", OLD)]


def test_a_folder_without_files_is_an_error(storage: Memory, find: Callable[..., StoredFile], tmp_path: Path) -> None:
    """No file in a folder, or none of a pattern, may be written later. It is never nothing."""
    storage.pipe_file("hr/marked/_SUCCESS", b"")
    for name in ("hr/marked/", "hr/marked/*.csv"):
        with pytest.raises(StorageError, match=r"^path: 's3://hr/marked/.*' cannot be read: it has no files, without"):
            find(name).read()
    with pytest.raises(StorageError, match="it has no files"):
        StoredFile.find("path", tmp_path, None, "conn_id").read()
    with pytest.raises(StorageError, match=r"^path: 's3://hr/missing/' cannot be read: FileNotFoundError"):
        find("hr/missing/").read()


def test_a_folder_of_folders_is_an_error(storage: Memory, find: Callable[..., StoredFile]) -> None:
    """Nobody in a folder's folders is left out in silence."""
    storage.pipe_file("hr/roster/day=1/part-0.csv", OLD)
    with pytest.raises(InvalidInputError, match=r"'s3://hr/roster' has folders of its own, such as 'day=1'\. Pass one"):
        find("hr/roster").read()
    assert find("hr/roster/*/*.csv").read().contents == [("day=1/part-0.csv", OLD)]
    with pytest.raises(InvalidInputError, match=r"^path: 's3://hr/\*\*\.csv' is no valid pattern: "):
        find("hr/**.csv").read()
    storage.pipe_file("hr/parts/_temporary/part-0.csv", OLD)
    storage.pipe_file("hr/parts/part-0.csv", NEW)
    assert find("hr/parts").read().contents == find("hr/parts/**/*").read().contents == [("part-0.csv", NEW)]


@pytest.mark.parametrize("part", ["part-0.csv", "part-1.csv"])
def test_a_folder_that_changes_while_it_is_read_is_read_again_later(
    storage: Memory, find: Callable[..., StoredFile], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """A job that still writes parts makes a transient error, also if a part has as many bytes as before."""
    storage.pipe_file("hr/roster/part-0.csv", OLD)
    read = storage.cat_file

    def read_and_write(path: str, **arguments: Any) -> Any:
        content = read(path, **arguments)
        storage.pipe_file(f"hr/roster/{part}", content[::-1])
        return content

    monkeypatch.setattr(storage, "cat_file", read_and_write)
    with pytest.raises(StorageError, match=r"^path: 's3://hr/roster/' cannot be read: its files changed while they"):
        find("hr/roster/").read()


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            FileNotFoundError(2, "No such file"),
            "[Errno 2] No such file. Check the path, and whether the file is written",
        ),
        (PermissionError("Forbidden"), "PermissionError: Forbidden. Check that the connection 'memory_"),
        (RuntimeError("slow down"), "RuntimeError: slow down. Check that the connection 'memory_"),
        (TimeoutError(), "TimeoutError. Check that the connection 'memory_"),
        (ValueError("no answer from https://me:secret@x/y?sig=abc"), "no answer from https://***@x/y?***. Check that"),
    ],
)
def test_an_error_of_a_storage_names_the_file_and_what_to_do(
    storage: Memory, find: Callable[..., StoredFile], error: Exception, advice: str
) -> None:
    """An error of a storage names the file, says what to check, and is left to the task's retries."""
    storage.errors["cat_file"] = [error]
    with pytest.raises(StorageError) as caught:
        content(find())
    assert str(caught.value).startswith("path: 's3://hr/roster.csv' cannot be read: ")
    assert advice in str(caught.value)
    assert str(caught.value).endswith(". Try again later.")
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("protocol", ["s3", "file"])
def test_without_a_connection_an_error_says_whose_keys_counted(storage: Memory, protocol: str) -> None:
    """A default connection, such as aws_default, does not open a path. A local file needs no keys."""
    storage.errors["cat_file"] = [PermissionError("Forbidden")]
    file = StoredFile("path", "'roster.csv'", Mock(fs=storage, path="hr/roster.csv", protocol=protocol))
    with pytest.raises(StorageError, match="Check that the worker may access it") as caught:
        file.read()
    assert ("the worker's own keys count" in str(caught.value)) == (protocol == "s3")


def test_an_error_of_sftp_says_where_the_file_was_looked_for(storage: Memory, find: Callable[..., StoredFile]) -> None:
    """The first part of an SFTP URL is a host, which users take for a folder."""
    storage.errors["cat_file"] = [FileNotFoundError(2, "No such file")]
    with pytest.raises(StorageError, match=r"An SFTP URL has a host before the folder, and this one means the file '"):
        content(find("upload/roster.csv", "sftp"))


def test_an_error_while_a_folder_is_looked_for_hides_no_other(storage: Memory, find: Callable[..., StoredFile]) -> None:
    """If the storage fails again, the first error counts."""
    storage.errors = {"cat_file": [RuntimeError("first")], "isdir": [RuntimeError("second")]}
    with pytest.raises(StorageError, match="first"):
        content(find())


def test_a_storage_that_cannot_be_opened_is_left_to_the_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that is away when it is opened is a transient error; a package that is missing is not."""
    for error, kind in ((OSError("no route"), StorageError), (ImportError("install s3fs"), InvalidInputError)):
        opens = Mock(side_effect=error)
        monkeypatch.setattr("airflow_provider_seats._airflow.ObjectStoragePath", opens, raising=False)
        with pytest.raises(kind, match=rf"^path: .*'s3://hr/roster.csv'.* {error}"):
            StoredFile.find("path", "s3://hr/roster.csv", None, "conn_id")


# --- the web ---


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, Any]]]:
    """Start a web server. Return its address, and what it answers."""
    answer: dict[str, Any] = {"status": 200, "body": NEW, "length": len(NEW)}

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(answer["status"])
            self.send_header("Content-Length", str(answer["length"]))
            self.end_headers()
            self.wfile.write(answer["body"])

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/roster.csv?token=secret", answer
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_on_the_web_is_read(web: tuple[str, dict[str, Any]]) -> None:
    """A link is read without a connection, and shown without its token."""
    for value in (web[0], ObjectStoragePath(web[0])):
        file = StoredFile.find("path", value, None, "conn_id")
        assert content(file) == NEW
        assert file.shown.endswith("/roster.csv?***'")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": 403}, "cannot be read: the server answered 403. Check the URL, and its token if any"),
        ({"status": 206}, "the server answered 206"),
        ({"length": len(NEW) + 1}, "cannot be read: "),
    ],
)
def test_an_error_of_the_web_names_the_file_without_its_token(
    web: tuple[str, dict[str, Any]], change: dict[str, Any], expected: str
) -> None:
    """An answer without the whole file is left to the retries. No message, and no cause of it, contains the token."""
    web[1].update(change)
    with pytest.raises(StorageError, match=r"^path: 'http://127.*\?\*\*\*' ") as caught:
        content(StoredFile.find("path", web[0], None, "conn_id"))
    assert expected in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_server_that_is_away_is_left_to_the_retries() -> None:
    """A server that cannot be reached is a transient error."""
    with pytest.raises(StorageError, match=r"cannot be read: ConnectionError\. Check the URL"):
        content(StoredFile.find("path", "http://127.0.0.1:1/roster.csv", None, "conn_id"))


def test_nothing_is_written_to_the_web_or_read_there_with_a_connection() -> None:
    """A connection for a link would be ignored, so it is an error. So is a link to write to."""
    assert "is read without a connection. Leave it out." in problem("https://hr.example.com/roster.csv", "hr")
    with pytest.raises(InvalidInputError, match="is on the web, where no file can be written"):
        StoredFile.find("csv_path", "https://hr.example.com/roster.csv", None, "csv_conn_id").write(NEW)


# --- writing ---


@pytest.mark.parametrize("protocol", ["s3", "smb"])
def test_a_file_is_replaced(storage: Memory, find: Callable[..., StoredFile], protocol: str) -> None:
    """A file is written, and replaces one that is there, in an object store and elsewhere."""
    file = find(protocol=protocol)
    for text in (OLD, NEW):
        file.write(text)
        assert content(file) == text
    assert len(storage.store) == 1


@pytest.mark.parametrize(
    "errors",
    [{"pipe_file": [OSError("disk full")]}, {"mv": [OSError("not allowed")], "rm_file": [OSError("not allowed")]}],
    ids=["half written", "not renamed"],
)
def test_a_file_that_cannot_be_replaced_is_unchanged(
    storage: Memory, find: Callable[..., StoredFile], errors: dict[str, list[Exception]]
) -> None:
    """If a storage that shows half a file fails, the old file is there as it was, and nothing else."""
    file = find(protocol="smb")
    file.write(OLD)
    storage.errors = errors
    with pytest.raises(StorageError, match=r"^path: 'smb://hr/roster.csv' cannot be written: OSError: "):
        file.write(NEW)
    assert content(file) == OLD
    assert len(storage.store) == 1


def test_a_missing_folder_is_an_error_that_says_so(storage: Memory, find: Callable[..., StoredFile]) -> None:
    """A file is not created in a folder that is not there, and the error says what to check."""
    storage.errors["pipe_file"] = [FileNotFoundError(2, "No such file")]
    with pytest.raises(StorageError, match=r"cannot be written: .* Check the path, and that its folder exists\. Try"):
        find().write(NEW)


def test_a_storage_that_does_not_rename_onto_a_file_is_written_too(
    storage: Memory, find: Callable[..., StoredFile]
) -> None:
    """Where a file cannot be renamed to a name that is taken, the old file is removed once the new one is complete."""
    file = find(protocol="smb")
    file.write(OLD)
    storage.errors["mv"] = [FileExistsError("there is one")]
    file.write(NEW)
    assert content(file) == NEW
    assert len(storage.store) == 1


def test_a_new_file_that_cannot_be_renamed_is_an_error(storage: Memory, find: Callable[..., StoredFile]) -> None:
    """If no file was there, a failed rename is the error. The complete new file is not removed."""
    storage.errors["mv"] = [OSError("not supported")]
    with pytest.raises(StorageError, match="not supported"):
        find(protocol="smb").write(NEW)
    [(name, file)] = storage.store.items()
    assert name.endswith(".part")
    assert file.getvalue() == NEW


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A local file is replaced at once when the new one is complete, and is unchanged if that fails."""
    path = tmp_path / "new folder" / "seats.csv"
    file = StoredFile.find("csv_path", path, None, "csv_conn_id")
    file.write(OLD)
    path.chmod(0o640)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"^csv_path: '.*seats.csv' cannot be written: OSError: \[Errno 27\]"):
            file.write(NEW * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == OLD
    assert [each.name for each in path.parent.iterdir()] == ["seats.csv"]
    file.write(NEW)
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    """What a link leads to is replaced, and a device is written."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "seats.csv")
    StoredFile.find("csv_path", tmp_path / "link.csv", None, "csv_conn_id").write(NEW)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "seats.csv").read_bytes() == NEW
    StoredFile.find("csv_path", os.devnull, None, "csv_conn_id").write(NEW)
    assert Path(os.devnull).is_char_device()


def test_a_folder_cannot_be_written(tmp_path: Path) -> None:
    """A folder in the place of the file is an error that no retry can fix."""
    with pytest.raises(InvalidInputError, match=r"^csv_path: .* is a folder"):
        StoredFile.find("csv_path", tmp_path, None, "csv_conn_id").write(NEW)
