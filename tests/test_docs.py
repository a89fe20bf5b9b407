"""The documentation: everything that it shows works, and it covers everything that users can pass or read."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_seats import __version__, exceptions, operators
from airflow_provider_seats._airflow import BaseSensorOperator
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.report import KINDS, Report, table
from airflow_provider_seats.rosters import read_roster
from airflow_provider_seats.sensors import SeatUsersSensor, UserAccountsSensor
from airflow_provider_seats.testing import FakeDatadog
from airflow_provider_seats.testing._console import Console
from airflow_provider_seats.triggers import SeatChangesTrigger
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, AIRFLOW_RELEASE, ROOT

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    )
}
# Outside links cannot be followed from everywhere. These hosts are known to be meant.
HOSTS = {
    *("airflow.apache.org", "docs.datadoghq.com", "semver.org"),
    # Where services state their limits.
    *("docs.slack.dev", "learn.microsoft.com", "github.com"),
    *("developer.okta.com", "developers.google.com", "www.rfc-editor.org"),
    *("docs.aws.amazon.com", "cloud.google.com", "www.astronomer.io"),
}
# Pages that lead to others, that a program writes, or that include another.
GROUPS = re.compile(r"README|docs/(index|benchmark|guides/.*|.*/index|api/.*|project/.*)\.md")
UNTIDY = r"(?i)\b(who[m]|whoeve[r]|of whic[h]|all the sam[e]|is tol[d]|what came of i[t])\b"
FOLDERS = ("airflow_provider_seats", "tests", "tools", "example_dags", "findings")


class Block(NamedTuple):
    """A block of code: its page, its language and its text."""

    page: str
    language: str
    text: str


def blocks(*languages: str) -> list[Any]:
    """Return the blocks in these languages, with their places as names."""
    found = [
        Block(page, match[2], textwrap.dedent(match[3]))
        for page, text in PAGES.items()
        for match in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```", text, flags=re.DOTALL | re.MULTILINE)
    ]
    return [
        pytest.param(block, id=f"{block.page}-{number}")
        for number, block in enumerate(found)
        if not languages or block.language in languages
    ]


def runs_a_dag(block: Block) -> bool:
    """Return whether a block needs a metadata database. ``tests/system/test_commands.py`` runs those."""
    return ".test(run_conf=" in block.text


def for_this_airflow(text: str) -> str:
    """Return a block as a reader with this Airflow would use it: a comment says what to import on an older one."""
    if AIRFLOW < (3, 1):
        text = re.sub(
            r"^from airflow\.sdk import BaseHook, (.*)  # .*$", r"from airflow.sdk import \1", text, flags=re.MULTILINE
        )
        hook = "from airflow.hooks.base import BaseHook"
        text = f"{hook}\n{text}" if AIRFLOW_3 and "BaseHook" in text else text
    if AIRFLOW_3:
        return text
    return re.sub(r"^# Airflow 2\.11: (.*)\nfrom airflow\.sdk .*$", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("block", [each for each in blocks("python") if not runs_a_dag(each.values[0])])
def test_every_block_of_python_runs(block: Block, monkeypatch: pytest.MonkeyPatch, no_waits: list[float]) -> None:
    """Every Python block runs as it stands, and the tests in it pass."""
    if "AssetWatcher" in block.text and not AIRFLOW_3:
        pytest.skip("this Airflow has no asset watchers yet")
    if "RetryAfter" in block.text and AIRFLOW < (3, 3):
        pytest.skip("this Airflow has no retry policies yet")
    if "TimeDeltaSensor(" in block.text and AIRFLOW_RELEASE == (3, 0, 0):
        pytest.skip("the TimeDeltaSensor of this Airflow's release day cannot be deferred")
    for module in re.findall(r"^from (airflow\.providers\.[\w.]+|airflowctl)", block.text, re.MULTILINE):
        pytest.importorskip(module, reason=f"{module} does not work with this Airflow", exc_type=ImportError)
    if "DatadogHook(" in block.text:
        # Without a name, the library behind it asks the metadata service of a cloud for it.
        monkeypatch.setattr("datadog.api._host_name", "tests")
    names: dict[str, Any] = {}
    exec(compile(for_this_airflow(block.text), block.page, "exec"), names)  # noqa: S102 (our own)
    for name, thing in names.items():
        if name.startswith("test_"):
            thing(monkeypatch)


@pytest.mark.parametrize("block", blocks("python", "json"))
def test_code_fits_into_the_window_of_a_laptop(block: Block) -> None:
    """A line of code in a page of the site has at most 88 characters, unless it is a comment or one long string."""
    if block.page != "README.md":
        lines = (line for line in block.text.splitlines() if not re.match(r' *(#|[\w=]*"[^" ]*",?$)', line))
        assert [line for line in lines if len(line) > 88] == []


def test_the_report_that_is_shown_is_one() -> None:
    """The report on its page has all keys in their order, and the table beside it is what the log shows."""
    texts = [each.values[0] for each in blocks("json", "text") if each.values[0].page == "docs/reference/report.md"]
    [log, shown] = [block.text for block in texts]
    report: Report = json.loads(shown)
    assert list(report) == list(Report.__annotations__)
    assert report["counts"] == {kind: len(vars_of(report)[kind]) for kind in KINDS}
    assert log.splitlines() == table(report)


def vars_of(report: Report) -> dict[str, Any]:
    """Return a report as a plain dictionary."""
    return {**report}


def test_the_log_in_the_readme_is_one() -> None:
    """The lines of a log in the README are what such a sync logs."""
    [log] = [each.values[0].text for each in blocks("text") if each.values[0].page == "README.md"]
    people = {kind: re.findall(rf"^  {kind} +(\S+) +(\S+)$", log, re.MULTILINE) for kind in KINDS}
    report: Any = {kind: [{"email": email, "id": uuid} for email, uuid in found] for kind, found in people.items()}
    report |= {"product": "incident_response", "preview": False, "seats_before": 84, "seats_after": 84}
    report["counts"] = {kind: len(found) for kind, found in people.items()} | {"unchanged": 83}
    assert log.splitlines() == table(report)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_the_secret_that_is_shown_holds_a_connection(block: Block) -> None:
    """The Kubernetes secret on a page contains a valid connection."""
    yaml = pytest.importorskip("yaml", reason="Airflow no longer brings a reader of YAML")
    for document in yaml.safe_load_all(block.text):
        if document.get("kind") == "Secret":
            [(name, value)] = document["stringData"].items()
            assert name in {"AIRFLOW_CONN_DATADOG_DEFAULT", "value"}
            fields = json.loads(value)
            assert DatadogConnection.parse(conn_id="shown", **fields).base_url == "https://api.datadoghq.eu"


def test_every_block_is_of_a_kind_that_is_run() -> None:
    """Every block is in a language that a test runs or checks."""
    assert {each.values[0].language for each in blocks()} <= {"python", "json", "text", "yaml", "console", "mermaid"}


def test_pages_name_the_file_of_this_version_and_no_index() -> None:
    """The file of a wheel has this version. No page installs the package by its name from a public index."""
    for page, text in PAGES.items():
        assert set(re.findall(r"airflow_provider_seats-([\d.]+)-py3", text)) <= {__version__}, page
        for command in re.findall(r"pip install .*airflow-provider-seats.*", text):
            assert re.search(r"--(index-url|no-index) ", command), page


def anchors(text: str) -> Iterator[str]:
    """Yield the anchors of the headings of a page."""
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    """Every link leads to an existing file and heading, or to a known host."""
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if ":" in link:
            address = urlsplit(link)
            assert (address.scheme, address.netloc in HOSTS) == ("https", True), link
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("page", [page for page in PAGES if not GROUPS.match(page)])
def test_every_page_says_what_it_gives_and_what_comes_next(page: str) -> None:
    """A page starts with what it gives, has headings that can be linked, and ends with the next pages."""
    title, gives, *_ = PAGES[page].split("\n\n")
    assert title.startswith("# ")
    assert re.match(r"(?!This page|These pages)[A-Z`]", gives)
    if page.startswith("docs/"):
        assert PAGES[page].rstrip().splitlines()[-1].startswith("Next: ") or "\nNext: " in PAGES[page][-300:]
    assert re.search(r"^## ", PAGES[page], re.MULTILINE)


def test_the_navigation_leads_to_every_page() -> None:
    """Each page is in one group of the navigation, which begins on the front page. The README links to that."""
    listed = [
        ((ROOT / page).parent / link).resolve().relative_to(ROOT).as_posix()
        for page, text in PAGES.items()
        for links in re.findall(r"^<!-- pages:.*-->\n\n((?:[* ] .*\n)+)", text, re.MULTILINE)
        for link in re.findall(r"^\* \[.*?\]\((.*?\.md)\)", links, re.MULTILINE)
    ]
    pages = {page for page in PAGES if page.startswith("docs/") and not re.match(r"docs/project/(?!index)", page)}
    outside = {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert sorted(listed) == sorted((pages | outside) - {"docs/index.md"})
    assert "](docs/index.md)" in PAGES["README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_avoid_words_that_are_hard_to_read_aloud(page: str) -> None:
    """The pages contain none of the words that this project has replaced by plainer ones."""
    assert not re.search(UNTIDY, PAGES[page])


def test_code_avoids_words_that_are_hard_to_read_aloud() -> None:
    """The same holds for messages, docstrings and comments."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in {".py", ".sh"}]
    assert len(files) > len(FOLDERS)
    found = {str(file.relative_to(ROOT)): re.findall(UNTIDY, file.read_text()) for file in files}
    assert {name: words for name, words in found.items() if words} == {}


def test_the_readme_fits_on_two_screens() -> None:
    """The README has at most 120 lines."""
    assert len(PAGES["README.md"].splitlines()) <= 120


def test_every_error_is_described() -> None:
    """The table names each error class, and whether Airflow retries it."""
    page = PAGES["docs/reference/errors.md"]
    described = dict(re.findall(r"^\| `(\w+Error)`.*? \| (yes|no|as its cause) \|", page, re.MULTILINE))
    errors = {
        name: kind
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type) and issubclass(kind, exceptions.DatadogSeatsError)
    }
    abstract = {"DatadogSeatsError", "TransientError"}
    assert set(described) == set(errors) - abstract
    for name, retried in described.items():
        assert errors[name].transient == (retried == "yes")


def first_cells(page: str) -> list[str]:
    """Return the names in the first cells of the tables of a page."""
    cells = re.findall(r"^\| (`[^|]*)\|", PAGES[f"docs/reference/{page}.md"], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)]


def rows(page: str, header: str) -> set[str]:
    """Return the names in the first cells of the tables of a page that have this first header."""
    tables = re.findall(
        rf"^\| {header} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", PAGES[f"docs/reference/{page}.md"], re.MULTILINE
    )
    cells = [row.split("|")[1] for table in tables for row in table.splitlines()]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def parameters(function: Any) -> set[str]:
    """Return the names of the parameters of a function or class."""
    kinds = inspect.signature(function).parameters
    return {name for name, each in kinds.items() if name != "self" and each.kind is not each.VAR_KEYWORD}


@pytest.mark.parametrize(
    ("page", "function"),
    [
        *((name.removesuffix("SeatsOperator").lower(), getattr(operators, name)) for name in operators.__all__),
        ("sensor", SeatUsersSensor),
        ("account-sensor", UserAccountsSensor),
        ("triggers", SeatChangesTrigger),
        ("rosters", read_roster),
    ],
)
def test_every_argument_is_described(page: str, function: Any) -> None:
    """The page of an operator, a sensor, a trigger or a function has a row for each argument, and for no other."""
    of_airflow = parameters(BaseSensorOperator) if page.endswith("sensor") else set()
    assert parameters(function) <= rows(page, "argument") <= parameters(function) | of_airflow
    described = re.findall(r"^:param (\w+):((?:.*\n?)(?:    .*\n?)*)", inspect.getdoc(function) or "", re.MULTILINE)
    assert {name for name, _ in described} == parameters(function)
    templated = {name for name, text in described if text.rstrip().endswith("(templated)")}
    assert templated == set(getattr(function, "template_fields", ()))


def test_the_design_names_what_there_is() -> None:
    """Each module, class, function and method that the page about the design names with its place is there."""
    names = re.findall(
        r"\b(?<!airflow\.)(_(?:api|planning|rosters|running|waiting)\.[\w.]+)", PAGES["docs/explanation/design.md"]
    )
    assert len(names) > 20
    for name in names:
        package, module, *path = name.split(".")
        thing: Any = importlib.import_module(f"airflow_provider_seats.{package}.{module}")
        for each in path:
            thing = getattr(thing, each)


def test_the_layout_lists_every_module() -> None:
    """The layout on the page about the design has a line for each module, and for no other."""
    layout = PAGES["docs/explanation/design.md"].partition("```text\n")[2].partition("```")[0]
    package = ROOT / "airflow_provider_seats"
    folder, listed = "", set()
    for indent, names in re.findall(r"^( {4,8})(\w+/?(?:, \w+)*) ", layout, re.MULTILINE):
        if names.endswith("/"):
            folder = names
        else:
            listed |= {f"{folder if len(indent) > 4 else ''}{name}" for name in names.split(", ")}
    inside = {"operators", "testing"}
    there = {str(path.relative_to(package).with_suffix("")) for path in package.rglob("*.py")}
    assert listed == {name for name in there if name.partition("/")[0] not in inside and "/__init__" not in name}


def test_every_method_of_the_hook_is_described() -> None:
    """The page of the hook shows each method with its arguments."""
    page = PAGES["docs/reference/hook.md"]
    for name, method in vars(DatadogSeatsHook).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            [row] = re.findall(rf"^\| `{name}\((.*)\)` \|", page, re.MULTILINE)
            described = [each.partition("=")[0].strip(" *") for each in row.split(",") if each.strip(" *")]
            assert described == [each for each in inspect.signature(method).parameters if each != "self"]


def test_every_command_of_fakedatadog_is_described() -> None:
    """The page of FakeDatadog has a row for each command that can be entered, as its help shows it."""
    with FakeDatadog() as datadog:
        lines = [re.split(r"  +", line.strip()) for line in Console(datadog).answer("help").splitlines()]
    cells = re.findall(r"^\| `([a-z-]+(?: [A-Z\[].*)?)` \|", PAGES["docs/reference/fake-datadog.md"], re.MULTILINE)
    assert cells[-len(lines) :] == [command for command, _ in lines]


def test_every_key_of_the_report_is_described() -> None:
    """The page of the report has a row for each key, and for no other."""
    assert rows("report", "key") == set(Report.__annotations__)


def test_the_public_modules_have_a_page() -> None:
    """Every public module is in the list of the public interface and in the API reference, and no other module is."""
    package = ROOT / "airflow_provider_seats"
    paths = [path for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    names = {path.stem for path in paths if not path.name.startswith("_")} - {"connection"}
    assert {Path(page).stem for page in PAGES if page.startswith("docs/api/")} - {"index"} == names
    listed = re.findall(r"^\| `airflow_provider_seats\.(\w+)`", PAGES["docs/reference/public.md"], re.MULTILINE)
    assert set(listed) == names
