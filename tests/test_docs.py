"""The documentation: everything that it shows works, and it covers everything that users can pass or read."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest

from airflow_provider_seats import exceptions
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.report import Report, table
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.triggers import SeatChangesTrigger
from tests.helpers.airflow_home import AIRFLOW, AIRFLOW_3, ROOT

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
# Compared with the docstrings as a whole, below.
REFERENCE = "docs/api.md"


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
        if page != REFERENCE
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


@pytest.mark.parametrize("block", [each for each in blocks("python") if not runs_a_dag(each.values[0])])
def test_every_block_of_python_runs(block: Block, monkeypatch: pytest.MonkeyPatch, no_waits: list[float]) -> None:
    """Every Python block runs as it stands, and the tests in it pass."""
    if "AssetWatcher" in block.text and not AIRFLOW_3:
        pytest.skip("this Airflow has no asset watchers yet")
    if "RetryAfter" in block.text and AIRFLOW < (3, 3):
        pytest.skip("this Airflow has no retry policies yet")
    names: dict[str, Any] = {}
    exec(compile(block.text, block.page, "exec"), names)  # noqa: S102 (our own)
    for name, thing in names.items():
        if name.startswith("test_"):
            thing(monkeypatch)


@pytest.mark.parametrize(
    "block",
    [
        each
        for each in blocks("json", "text")
        if "seats before" in each.values[0].text or each.values[0].language == "json"
    ],
)
def test_the_report_that_is_shown_is_one(block: Block) -> None:
    """The report on a page has all keys, and the table beside it is what the log shows."""
    shown = [each.values[0].text for each in blocks("json") if each.values[0].page == block.page]
    report: Report = json.loads(shown[0])
    assert list(report) == list(Report.__annotations__)
    if block.language == "text":
        assert block.text.splitlines() == table(report)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_the_secret_that_is_shown_holds_a_connection(block: Block) -> None:
    """The Kubernetes secret on a page contains a valid connection."""
    yaml = pytest.importorskip("yaml", reason="Airflow no longer brings a reader of YAML")
    for document in yaml.safe_load_all(block.text):
        if document.get("kind") == "Secret":
            [(name, value)] = document["stringData"].items()
            assert name == "AIRFLOW_CONN_DATADOG_DEFAULT"
            fields = json.loads(value)
            assert DatadogConnection.parse(conn_id="shown", **fields).base_url == "https://api.datadoghq.eu"


def test_every_block_is_of_a_kind_that_is_run() -> None:
    """Every block is in a language that a test runs or checks."""
    assert {each.values[0].language for each in blocks()} <= {"python", "json", "text", "yaml", "console"}


def anchors(text: str) -> Iterator[str]:
    """Yield the anchors of the headings of a page."""
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    """Every link leads to an existing file and heading, and the README links to every page."""
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link
    assert page == "README.md" or f"]({page})" in PAGES["README.md"]


def test_every_error_is_described() -> None:
    """The table names each error class, and whether Airflow retries it."""
    rows = re.findall(r"^\| `(\w+Error)`.*? \| (yes|no|as its cause) \|", PAGES["docs/errors.md"], re.MULTILINE)
    described = dict(rows)
    errors = {
        name: kind
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type) and issubclass(kind, exceptions.DatadogSeatsError)
    }
    abstract = {"DatadogSeatsError", "TransientError"}
    assert set(described) == set(errors) - abstract
    for name, retried in described.items():
        assert errors[name].transient == (retried == "yes")


def test_every_argument_and_key_is_described() -> None:
    """The pages cover every argument, hook method and report key."""
    pages = "".join(PAGES[f"docs/{name}.md"] for name in ("operators", "sync", "sensor"))
    arguments = {
        name
        for kind in (AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator, SeatUsersSensor, SeatChangesTrigger)
        for name, each in inspect.signature(kind.__init__).parameters.items()
        if name != "self" and each.kind is not each.VAR_KEYWORD
    }
    assert {"deferrable", "poll_interval", "max_unassign"} <= arguments
    for name in arguments:
        assert f"`{name}`" in pages
    verbs = {name: verb for name, verb in vars(DatadogSeatsHook).items() if inspect.isfunction(verb) and name[0] != "_"}
    for name, verb in verbs.items():
        [row] = re.findall(rf"^\| `{name}\((.*)\)` \|", pages, re.MULTILINE)
        described = [each.partition("=")[0].strip() for each in row.split(",") if each]
        assert described == [each for each in inspect.signature(verb).parameters if each != "self"]
    for key in Report.__annotations__:
        assert f'"{key}"' in pages


def test_the_reference_is_what_the_docstrings_say() -> None:
    """The API reference is up to date with the docstrings."""
    pytest.importorskip("griffe", reason="the reference is written with the newest Airflow's environment")
    from tools import reference

    assert PAGES[REFERENCE] == reference.page()
