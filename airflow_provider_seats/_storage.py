"""Files and folders in any storage that Airflow knows, and on the web: read whole, and replaced by complete files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit
from uuid import uuid4

from airflow_provider_seats import _airflow
from airflow_provider_seats._arguments import parse_path
from airflow_provider_seats._secrets import sealed
from airflow_provider_seats._text import shorten, shorten_url, without_credentials
from airflow_provider_seats.exceptions import InvalidInputError, StorageError

# These storages show a file only once it is complete, and until then the one before it.
_OBJECT_STORES: Final = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl", "az", "wasb", "wasbs"})
_LOCAL: Final = frozenset({"", "file", "local"})
_AZURE_HOST: Final = re.compile(r"\.(?:core\.windows|core\.chinacloudapi|core\.usgovcloudapi|fabric\.microsoft)\.\w+$")
_CONNECT_SECONDS, _READ_SECONDS = 10, 300
_OK: Final = 200
_MAX_DETAIL: Final = 300
# Errors that say nothing about whether a path is a folder.
_NO_FOLDER: Final = (PermissionError, ConnectionError, TimeoutError)
# Programs give such names to files that are no parts: _SUCCESS, _metadata, .part-0.crc, and ~$roster.xlsx while
# somebody has that workbook open.
_NO_PARTS: Final = ("_", ".", "~$")

# What storages tell of a file in a listing, and what of it changes when the file is written again.
_VERSION: Final = ("size", "created", "mtime", "LastModified", "last_modified", "updated", "ETag", "etag", "generation")


class Files(NamedTuple):
    """The files that a path leads to.

    :param is_folder: whether they are the files of a folder or of a pattern, rather than a single one.
    """

    contents: list[tuple[str, bytes]]
    is_folder: bool


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a storage.

    :param argument: the argument that the path comes from, for errors.
    :param shown: the path as messages show it, without a password or token.
    :param path: Airflow's ``ObjectStoragePath``; None on the web.
    :param is_folder: whether the path says that it is a folder. It may be one that does not say so.
    """

    argument: str
    shown: str
    path: Any
    url: str = ""
    conn_id: str | None = None
    is_folder: bool = False

    @classmethod
    def find(
        cls, argument: str, value: object, conn_id: str | None, conn_argument: str, *, may_be_folder: bool = False
    ) -> Self:
        """Return the file of a path or URL, before anything of it is read.

        :param conn_id: the Airflow connection, if it was passed in an argument of its own.
        :param conn_argument: the name of that argument.
        :param may_be_folder: whether the path may be one of a folder.
        :raises InvalidInputError: if Airflow cannot open such a path, or does not have the connection.
        :raises StorageError: if the storage cannot be reached.
        """
        text = parse_path(argument, value)
        shown = shorten_url(text)
        try:
            address = urlsplit(text)
        except ValueError as error:
            raise InvalidInputError(argument, f"{shown} is neither a path nor a URL: {error}.") from None
        if address.scheme in {"http", "https"}:
            if conn_id is not None:
                raise InvalidInputError(conn_argument, f"{shown} is read without a connection. Leave it out.")
            return cls(argument, shown, None, text)
        is_folder = text.endswith("/") or not (address.path or address.scheme in _LOCAL)
        if is_folder and not may_be_folder:
            raise _folder(argument, shown)
        own, _, host = address.netloc.rpartition("@")
        if _AZURE_HOST.search(host):
            container = own.rpartition("@")[2]
            right = address._replace(netloc="container" if not container or ":" in container else container).geturl()
            raise InvalidInputError(
                argument,
                f"in {shown}, Airflow takes the text before @ for a connection. Pass {shorten(right)}, and a "
                "connection that names the storage account.",
            )
        if own and conn_id not in {None, own}:
            raise InvalidInputError(
                conn_argument,
                f"it is {shorten(conn_id)}, but another connection is before the @ in {shown}. Remove one.",
            )
        used = conn_id or own or None
        if used and not _has_connection(address.scheme, used):
            # Some storages would be read with default keys. The text before @ may be a password, so it is not shown.
            name = shorten(conn_id) if conn_id else "of the id before the @"
            raise InvalidInputError(
                conn_argument if conn_id else argument,
                f"Airflow has no connection {name}, which is needed for {shown}. Create it, or correct its id.",
            )
        file = cls(argument, shown, None, "", used, is_folder)
        with file._explain("opened"):
            # The connection is passed on its own, because Airflow 2.11 and 3 resolve two of them differently.
            url = address._replace(netloc=host).geturl() if own else text
            storage = _airflow.ObjectStoragePath(url, conn_id=used)
            _ = storage.fs  # which finds the package, and may connect
        return replace(file, path=storage)

    def read(self) -> Files:
        """Return the whole content: of the file, or of each file in the folder.

        :raises InvalidInputError: if a folder has folders of its own.
        :raises StorageError: if there are no files, or one cannot be read or changes meanwhile.
        """
        if self.path is None:
            return Files([(urlsplit(self.url).path, self._read_web())], is_folder=False)
        with self._explain("read"):
            # A size that is remembered from an earlier listing would cut a file that has grown since.
            self.path.fs.invalidate_cache()
            key = self.path.path
            if self.is_folder or "*" in key:
                return self._read_folder()
            try:
                content: bytes = self.path.fs.cat_file(key)
            except Exception as error:
                if isinstance(error, _NO_FOLDER) or not self._is_folder():
                    raise
                return self._read_folder()
            if not content and self._is_folder():
                return self._read_folder()
        _airflow.add_lineage(self.path, self.conn_id, written=False)
        return Files([(key.rpartition("/")[2], content)], is_folder=False)

    def write(self, content: bytes) -> None:
        """Write the file. One that is there is replaced once the new one is complete. A local folder is created.

        :raises InvalidInputError: if it is a folder, or on the web.
        :raises StorageError: if it cannot be written. One that was there is unchanged.
        """
        if self.path is None:
            raise InvalidInputError(self.argument, f"{self.shown} is on the web, where no file can be written.")
        with self._explain("written"):
            if self.path.protocol in _LOCAL:
                _replace_local(Path(self.path.path).expanduser().resolve(), content)
            elif self.path.protocol in _OBJECT_STORES:
                self.path.fs.pipe_file(self.path.path, content)
            else:
                _replace(self.path.fs, self.path.path, content)
        _airflow.add_lineage(self.path, self.conn_id, written=True)

    def _read_folder(self) -> Files:
        """Return the files of a folder or of a pattern, in the order of their names and numbers."""
        before = self._list()
        files = [(name, self.path.fs.cat_file(key)) for name, (key, _) in before.items()]
        self.path.fs.invalidate_cache()
        if self._list() != before:
            raise self._error("read", "its files changed while they were read. Read them once they are complete")
        _airflow.add_lineage(self.path, self.conn_id, written=False)
        return Files(files, is_folder=True)

    def _list(self) -> dict[str, tuple[str, list[object]]]:
        """Return the files in a folder or of a pattern: keys and versions, by the part of the path that differs."""
        fs, key = self.path.fs, self.path.path.rstrip("/")
        if "*" in key:
            try:
                listed = fs.glob(key, detail=True).values()
            except ValueError as error:
                raise InvalidInputError(self.argument, f"{self.shown} is no valid pattern: {error}.") from error
            base = key[: key.index("*")].rpartition("/")[0]
        else:
            listed = fs.ls(key, detail=True)
            base = key
        start = len(fs._strip_protocol(base).strip("/"))  # noqa: SLF001 (as its own methods name paths)
        found = {name: each for each in listed if (name := each["name"].strip("/")[start:].strip("/"))}
        # An object store may list a folder as an empty file in itself.
        names = [name for name in found if not any(part.startswith(_NO_PARTS) for part in name.split("/"))]
        names.sort(key=_as_counted)
        folders = [name for name in names if found[name]["type"] == "directory"]
        if folders and "*" not in key:
            raise InvalidInputError(
                self.argument,
                f"{self.shown} has folders of its own, such as {shorten(folders[0])}. Pass one of them, or a pattern "
                f"that includes them, such as {shorten('*/*.csv')} after its last slash.",
            )
        files = {
            name: (found[name]["name"], [found[name].get(key) for key in _VERSION])
            for name in names
            if name not in folders
        }
        if not files:
            problem = "it has no files, without those whose names begin with _, ~$ or a dot"
            raise self._error("read", f"{problem}. Check the path, and whether they are written before this task runs")
        return files

    def _is_folder(self) -> bool:
        """Return whether this is a folder, or what an object store shows as one: files whose names begin with it."""
        fs, key = self.path.fs, self.path.path
        with suppress(Exception):  # the caller knows a better error
            return fs.isdir(key) or any(f"{key.strip('/')}/" in name for name in fs.ls(key, detail=False))
        return False

    def _read_web(self) -> bytes:
        try:
            # The frames of requests, and the requests in its errors, lead to the password of a proxy.
            with sealed:
                return _get(self.url)
        except StorageError as error:
            problem = str(error)
        except (OSError, ValueError) as error:
            # An error of requests may contain the URL, and the URL a token.
            is_ours = isinstance(error, OSError) and not hasattr(error, "request")
            problem = f"{error if is_ours else type(error).__name__}. Check the URL, and that the worker reaches it"
        raise self._error("read", problem)

    @contextmanager
    def _explain(self, verb: str) -> Iterator[None]:
        """Make each error of the storage one that names the file and says what to do."""
        try:
            yield
        except (InvalidInputError, StorageError):
            raise
        except Exception as error:
            detail = without_credentials(f"{type(error).__name__}: {error}"[:_MAX_DETAIL]).rstrip(".: ")
            wrong = (ImportError, ValueError, _airflow.AirflowOptionalProviderFeatureException)
            if verb == "opened" and isinstance(error, wrong):
                advice = "Check the kind of path, the provider package for it, and the connection"
                raise InvalidInputError(
                    self.argument, f"Airflow cannot open {self.shown}: {detail}. {advice}."
                ) from error
            if verb == "written" and not isinstance(error, _NO_FOLDER) and self._is_folder():
                raise _folder(self.argument, self.shown) from error
            connection = f"the connection {shorten(self.conn_id)}" if self.conn_id else "the worker"
            if isinstance(error, FileNotFoundError):
                advice = "Check the path, and whether the file is written before this task runs"
                if verb == "written":
                    advice = "Check the path, and that its folder exists"
            elif isinstance(error, PermissionError):
                advice = f"Check that {connection} may access it"
            else:
                advice = f"Check that {connection} can reach the storage"
            if not self.conn_id and self.path is not None and self.path.protocol not in _LOCAL:
                advice += ". Without a connection in the arguments, the worker's own keys count"
            if self.path is not None and self.path.protocol in {"sftp", "ssh"}:
                advice += (
                    f". An SFTP URL has a host before the folder, and this one means the file {shorten(self.path.path)}"
                )
            raise self._error(verb, f"{detail}. {advice}") from error

    def _error(self, verb: str, problem: str) -> StorageError:
        return StorageError(f"{self.argument}: {self.shown} cannot be {verb}: {problem}")


def _get(url: str) -> bytes:
    """Return what a web server has at an address.

    :raises StorageError: if it answered, but not with the whole file.
    """
    from requests import Session  # noqa: PLC0415 (heavy)

    from airflow_provider_seats._api.transport import BoundedAdapter, read_content  # noqa: PLC0415 (as above)

    with Session() as session:
        session.mount("http://", BoundedAdapter())
        session.mount("https://", BoundedAdapter())
        with session.get(url, timeout=(_CONNECT_SECONDS, _READ_SECONDS), stream=True) as response:
            content = read_content(response)
    if response.status_code != _OK:
        raise StorageError(f"the server answered {response.status_code}. Check the URL, and its token if any")
    stated = response.headers.get("Content-Length", "")
    if stated.isdecimal() and response.raw.tell() != int(stated):
        raise StorageError(f"only {response.raw.tell():,} of {int(stated):,} bytes arrived")
    return content


def _as_counted(name: str) -> list[tuple[int, str]]:
    """Return what sorts names as people count: ``part-2`` comes before ``part-10``."""
    return [(int(each) if each.isdecimal() else 0, each) for each in re.split("([0-9]+)", name)]


def _has_connection(protocol: str, conn_id: str) -> bool:
    # The user may have given Airflow a file system in place of a connection, with attach(fs=...). Such a one is the
    # store's first attribute, and one that was made of the connection its last.
    store = vars(_airflow.attach(protocol or "file", conn_id))
    if [name for name in store if name in {"fs", "storage_options"}] == ["fs", "storage_options"]:
        return True
    try:
        _airflow.BaseHook.get_connection(conn_id)
    except _airflow.AirflowNotFoundException:
        return False
    return True


def _folder(argument: str, shown: str) -> InvalidInputError:
    return InvalidInputError(argument, f"{shown} is a folder. Pass the path of a file.")


def _replace_local(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # a folder is an error, a device is written
        path.write_bytes(content)
        return
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _replace(fs: Any, key: str, content: bytes) -> None:  # noqa: ANN401 (of fsspec)
    part = f"{key}.{uuid4().hex}.part"
    try:
        fs.pipe_file(part, content)
        try:
            fs.mv(part, key)
        except Exception:
            if not fs.exists(key):
                raise
            # Some storages do not rename a file to a name that is taken.
            fs.rm_file(key)
            fs.mv(part, key)
    except BaseException:
        with suppress(Exception):
            if fs.exists(key):  # otherwise the part may be the only complete file
                fs.rm_file(part)
        raise
