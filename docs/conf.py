"""Build the site: ``make docs``. The pages are plain Markdown, which a repository browser shows as well."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1]))
# To import Airflow creates a folder with its settings.
os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).parents[1] / "build/airflow"))
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")

from airflow_provider_seats import __version__

project = "airflow-provider-seats"
author = "The airflow-provider-seats authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "tools.flowchart"]

html_theme = "furo"
html_title = f"Datadog seats in Airflow {version}"
pygments_dark_style = "github-dark"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
templates_path = ["_templates"]
html_theme_options: dict[str, Any] = {
    "light_logo": "wordmark-light.svg",
    "dark_logo": "wordmark-dark.svg",
    "sidebar_hide_name": True,
    "light_css_variables": {"color-brand-primary": "#0f766e", "color-brand-content": "#0b6bcb"},
    "dark_css_variables": {"color-brand-primary": "#5eead4", "color-brand-content": "#7cb8ff"},
}
# Once the project has a public address, each page links to its source.
SOURCE = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["urls"].get("Source")
if SOURCE:
    html_theme_options |= {"source_repository": SOURCE, "source_branch": "main", "source_directory": "docs/"}
html_show_sourcelink = False
html_show_copyright = False
html_copy_source = False

# The button copies commands without their prompts, and values of several lines whole.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = False

myst_heading_anchors = 3
myst_all_links_external = False

# Each page of the API says where its names are imported from, so names need no module in front of them.
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"show-inheritance": True}
python_maximum_signature_line_length = 88
nitpicky = True
# The site has pages of public names only: none of Airflow, of the standard library, and of private names. Signatures
# show the short names of types.
nitpick_ignore_regex = [
    ("py:.*", r"(airflow|collections|datetime|os|requests|typing)\..*"),
    ("py:.*", r"airflow_provider_seats\.(.*\.)?(_\w+|connection)\..*"),
    ("py:.*", r"\w+"),
]
# "console" blocks contain values of several lines.
suppress_warnings = ["misc.highlighting_failure"]


# These files are outside of this folder, where a repository browser expects them. Pages of the site include them.
OUTSIDE = {"CHANGELOG": "changes", "CONTRIBUTING": "contributing", "SECURITY": "security-policy"}


def adapt_page(_app: Sphinx, _docname: str, source: list[str]) -> None:
    """Turn what a repository browser shows, too, into what Sphinx understands.

    Links to files outside of this folder lead to the pages that include them. A list of links below a comment
    ``<!-- pages: caption -->`` is a group of the navigation. The search finds a page by the words in its comment
    ``<!-- search: ... -->`` first.
    """
    text = re.sub(
        rf"\]\((?:\.\./)+({'|'.join(OUTSIDE)})\.md(#[\w-]+)?\)",
        lambda link: f"](/project/{OUTSIDE[link[1]]}.md{link[2] or ''})",
        source[0],
    )
    text = re.sub(
        r"^<!-- search: (.*) -->$",
        lambda found: "\n".join(
            ["```{eval-rst}", ".. index::", *(f"   ! single: {word}" for word in found[1].split(", ")), "```"]
        ),
        text,
        flags=re.MULTILINE,
    )
    for caption, links in re.findall(r"^<!-- pages: ?(.*?) ?-->\n\n((?:[* ] .*\n)+)", text, re.MULTILINE):
        pages = re.findall(r"^\* \[.*?\]\(([\w/.-]+)\.md\)", links, re.MULTILINE)
        options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
        text += "\n".join(["", "```{toctree}", *options, "", *pages, "```", ""])
    source[0] = text


def tidy_signature(*event: Any) -> tuple[str | None, str | None]:
    """Leave out of a signature that an argument need not be passed: its default says so. Write defaults as code.

    Users catch the errors of the package, and do not make them, so errors have no signature.
    """
    _app, what, *_, signature, returns = event
    if what == "exception":
        return signature and "", returns
    for shown, code in ((r" \| [~\w.]*\bNotPassed\b", ""), (r"<class '(\w+)'>", r"\1"), ("<factory>", "{}")):
        signature = signature and re.sub(shown, code, signature)
    return signature, returns


def drop_aliases(*event: Any) -> None:
    """Leave out what Python writes for a field of a tuple: its number."""
    lines: list[str] = event[-1]
    lines[:] = [line for line in lines if not line.startswith("Alias for field number")]


def name_public_bases(*event: Any) -> None:
    """Name the public classes behind private base classes."""
    bases: list[Any] = event[-1]
    while private := [base for base in bases if "._" in f".{base.__module__}.{base.__name__}"]:
        bases[:] = [each for base in bases for each in (base.__bases__ if base in private else (base,))]
    bases[:] = [base for base in bases if base is not object] or bases


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("autodoc-process-bases", name_public_bases)
    app.connect("autodoc-process-docstring", drop_aliases)
    app.connect("source-read", adapt_page)
    app.connect("autodoc-process-signature", tidy_signature)
