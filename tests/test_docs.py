"""The documentation: what it shows works, as it stands there, and it speaks of everything."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest

from airflow_provider_seats import connection
from airflow_provider_seats._api import flow as protocol
from airflow_provider_seats._api import seats, users
from airflow_provider_seats._planning import planner as plan
from airflow_provider_seats._runtime import sensor_run as waiting
from airflow_provider_seats.connection import DatadogConnection, DatadogSeatsError
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
# Compared whole with what the docstrings say, below.
REFERENCE = "docs/api.md"


class Block(NamedTuple):
    """A block of code: its page, its language and its text."""

    page: str
    language: str
    text: str


def blocks(*languages: str) -> list[Any]:
    """Give the blocks in these languages, each with its place as its name."""
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
    """Whether it needs a metadata database; such a block is run in ``tests/system/test_commands.py``."""
    return ".test(run_conf=" in block.text


@pytest.mark.parametrize("block", [each for each in blocks("python") if not runs_a_dag(each.values[0])])
def test_every_block_of_python_runs(block: Block, monkeypatch: pytest.MonkeyPatch, no_waits: list[float]) -> None:
    """A reader who copies it has something that works; what it calls a test passes."""
    if "AssetWatcher" in block.text and not AIRFLOW_3:
        pytest.skip("this Airflow has no asset watchers yet")
    if "RetryAfter" in block.text and AIRFLOW < (3, 3):
        pytest.skip("this Airflow has no retry policies yet")
    names: dict[str, Any] = {}
    exec(compile(block.text, block.page, "exec"), names)  # noqa: S102 (our own)
    for name, thing in names.items():
        if name.startswith("test_"):
            thing(monkeypatch)


@pytest.mark.parametrize("block", blocks("json", "text"))
def test_the_report_that_is_shown_is_one(block: Block) -> None:
    """With all of its keys, and the table is what the log shows of it."""
    shown = [each.values[0].text for each in blocks("json") if each.values[0].page == block.page]
    report: Report = json.loads(shown[0])
    assert list(report) == list(Report.__annotations__)
    if block.language == "text":
        assert block.text.splitlines() == table(report)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_the_secret_that_is_shown_holds_a_connection(block: Block) -> None:
    """Read as Kubernetes and Airflow read it."""
    yaml = pytest.importorskip("yaml", reason="Airflow no longer brings a reader of YAML")
    for document in yaml.safe_load_all(block.text):
        if document.get("kind") == "Secret":
            [(name, value)] = document["stringData"].items()
            assert name == "AIRFLOW_CONN_DATADOG_DEFAULT"
            fields = json.loads(value)
            assert DatadogConnection.parse(conn_id="shown", **fields).base_url == "https://api.datadoghq.eu"


def test_every_block_is_of_a_kind_that_is_run() -> None:
    """Commands are run in ``tests/system/test_commands.py``."""
    assert {each.values[0].language for each in blocks()} <= {"python", "json", "text", "yaml", "console"}


def anchors(text: str) -> Iterator[str]:
    """Give the names under which the headings of a page can be reached."""
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    """To a file that is there, and a heading that it has; each page of the documentation can be reached."""
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link
    assert page == "README.md" or f"]({page})" in PAGES["README.md"]


def test_every_error_is_told() -> None:
    """The table names each class that can be raised, and whether Airflow's retries are for it."""
    rows = re.findall(r"^\| `(\w+Error)` in .*? \| (yes|no|as its cause) \|", PAGES["docs/errors.md"], re.MULTILINE)
    told = dict(rows)
    errors = {
        thing.__name__: thing
        for room in (connection, protocol, seats, users, plan, waiting)
        for thing in vars(room).values()
        if isinstance(thing, type) and issubclass(thing, DatadogSeatsError) and thing.__module__ == room.__name__
    }
    abstract = {"DatadogSeatsError", "PassingError"}
    assert set(told) == set(errors) - abstract
    for name, retried in told.items():
        assert errors[name].passing == (retried == "yes")


def test_every_argument_and_key_is_told() -> None:
    """Nothing can be passed or read that the pages do not speak of."""
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
        told = [each.partition("=")[0].strip() for each in row.split(",") if each]
        assert told == [each for each in inspect.signature(verb).parameters if each != "self"]
    for key in Report.__annotations__:
        assert f'"{key}"' in pages


def test_the_reference_is_what_the_docstrings_say() -> None:
    """``make docs`` was run after they were changed."""
    pytest.importorskip("griffe", reason="the reference is written with the newest Airflow's environment")
    from tools import reference

    assert PAGES[REFERENCE] == reference.page()
