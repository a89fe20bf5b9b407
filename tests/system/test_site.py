"""The site of the documentation: it is built without a warning, and its search works."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.helpers.airflow_home import ROOT

sphinx = pytest.importorskip("sphinx", reason="the site is built with the newest Airflow's environment")
pytestmark = pytest.mark.xdist_group("site")

from playwright.sync_api import expect  # noqa: E402 (skipped before)
from sphinx.util.inventory import InventoryFile  # noqa: E402 (as above)

from tests.helpers import browser  # noqa: E402 (as above)
from tools import flowchart  # noqa: E402 (as above)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, as ``make docs`` does."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--doctree-dir", str(folder / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(folder / "html")]
    built = subprocess.run(command, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "html"


def test_the_inventory_contains_the_public_names(site: Path) -> None:
    """Other projects can link to the public names. A private name is there only as another name of a public one."""
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    names = {name for kind in inventory.data if kind.startswith("py:") for name in inventory.data[kind]}
    package = "airflow_provider_seats"
    expected = {"operators.SyncSeatsOperator", "rosters.read_roster", "exceptions.PlanRefusedError", "hooks.SeatUser"}
    assert {f"{package}.{name}" for name in expected} <= names
    public = {name.rpartition(".")[2] for name in names if "._" not in name}
    assert {name.rpartition(".")[2] for name in names if "._" in name} <= public


@pytest.mark.parametrize("word", [r"\._\w", r"\bNotPassed\b", r"\bSeatsOperator\b", r"\W_[A-Z]"])
def test_the_api_shows_public_names_only(site: Path, word: str) -> None:
    """No page of the API shows the name of a private module, of the type of a default, or of a private base class."""
    for page in (site / "api").glob("*.html"):
        article = re.findall(r"<article.*</article>", page.read_text(), re.DOTALL)[0]
        assert not re.search(word, re.sub(r"<[^>]+>", "", article)), page.name


def test_the_site_needs_nothing_from_elsewhere(site: Path) -> None:
    """No page loads a script, a style, a font or a picture from another host."""
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert 'src="http' not in text
        assert 'rel="stylesheet" type="text/css" href="http' not in text


def test_the_diagram_is_drawn(site: Path) -> None:
    """The front page shows the flowchart as a picture with a description, and not its text."""
    text = (site / "index.html").read_text()
    assert '<svg class="flowchart" role="img" aria-label="Roster from HR to Preview; ' in text
    assert "flowchart LR" not in text


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """Serve the site."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name)
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="Chromium is not installed")
# Words of readers, and the pages that answer them. The first one that the site has is expected.
WANTED = {
    "undo": "how-to/undo",
    "vault": "how-to/connections",
    "upgrade": "install",
    "role": "how-to/role-roster",
    "slack": "how-to/notify",
    "mwaa": "how-to/managed",
    "budget": "explanation/seats",
    "escalation": "how-to/offboard",
    "pager": "how-to/offboard",
    "okta": "how-to/roster-directory",
    "excel": "how-to/roster-excel",
    "sql": "how-to/roster-sql",
    "folder": "how-to/roster-folder",
}


@needs_chromium
@pytest.mark.parametrize("word", WANTED)
def test_the_search_finds_the_right_page_first(address: str, word: str) -> None:
    """A reader who searches a word finds the page that answers it first, and lands on it."""
    with browser.page() as page:
        page.goto(f"{address}/index.html")
        page.get_by_role("textbox", name="Search").fill(word)
        page.keyboard.press("Enter")
        found = page.locator("ul.search li a").first
        expect(found).to_be_visible()
        assert (found.get_attribute("href") or "").partition(".html")[0] == WANTED[word]
        found.click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()


# The parts of a page that are wider than it, apart from what scrolls by itself.
TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const right = each => each.getBoundingClientRect().right;
    const wide = [...document.querySelectorAll("article *")].filter(each => right(each) > width + 1);
    return [document.documentElement.scrollWidth, ...wide.slice(0, 5).map(each => each.outerHTML.slice(0, 120))];
}"""

WIDE_TABLES = """() => [...document.querySelectorAll(".table-wrapper")]
    .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.innerText)"""


@needs_chromium
@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_no_page_scrolls_sideways(address: str, site: Path, width: int) -> None:
    """Every page fits into a telephone, a small and a large window, in light and dark, with tables that fit, too."""
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert len(pages) > 40
    with browser.page() as page:
        page.set_viewport_size({"width": width, "height": 900})
        for name in pages:
            page.goto(f"{address}/{name}")
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate(TOO_WIDE) == [], (name, width, scheme)
                assert page.evaluate(WIDE_TABLES) == [], (name, width, scheme)


@needs_chromium
def test_a_block_of_code_can_be_copied_without_its_prompt(address: str) -> None:
    """The button of a block copies the commands without their prompts, and values of several lines whole."""
    with browser.page() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{address}/how-to/connections.html")
        block = page.locator("div.highlight-console", has_text="export AIRFLOW_CONN_DATADOG_DEFAULT='{")
        block.hover()
        block.get_by_role("button").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("export AIRFLOW_CONN_DATADOG_DEFAULT='{")
        assert '"conn_type": "datadog_seats"' in copied


def test_a_flowchart_has_a_box_for_each_node_and_a_line_for_each_arrow() -> None:
    """Nodes are drawn in columns from left to right, and a label may have several lines."""
    svg = flowchart.draw("flowchart LR\n  a[From <br>HR] --> b[B & C] --> c[C]\n  b --> d[D]")
    assert (svg.count("<rect "), svg.count('marker-end="url(#arrow)"')) == (4, 3)
    assert svg.count("<text ") == 5
    assert flowchart.draw("flowchart LR\n  a[A] --> b[B]", down=True).count(' x="1"') == 2
    assert "B &amp; C" in svg
    assert flowchart.parse("flowchart LR\na[A] --> b[B]\nb --> a") == ({"a": "A", "b": "B"}, [("a", "b"), ("b", "a")])


@pytest.mark.parametrize("text", ["graph TD\na[A]", "flowchart LR\na --> b[B]", "flowchart LR\na[A] -.-> b[B]"])
def test_a_flowchart_that_is_not_understood_is_an_error(text: str) -> None:
    """Notation that the site does not know fails the build, and is not drawn wrongly."""
    with pytest.raises(ValueError, match="is not"):
        flowchart.draw(text)
