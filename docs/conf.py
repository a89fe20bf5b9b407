"""Build the site: ``make docs``. The pages are plain Markdown, which a repository browser shows as well."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from airflow_provider_seats import __version__  # noqa: E402 (the path comes first)

project = "airflow-provider-seats"
author = "The airflow-provider-seats authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "flowchart"]
exclude_patterns = ["_ext"]

html_theme = "furo"
html_title = f"Datadog seats in Airflow {version}"
html_show_sourcelink = False
html_show_copyright = False
html_copy_source = False

myst_heading_anchors = 3
myst_all_links_external = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"show-inheritance": True}
python_maximum_signature_line_length = 88
nitpicky = True
# Names of Airflow and of the standard library have no pages here, and private names have no pages at all.
nitpick_ignore_regex = [
    ("py:.*", r"(airflow|collections|datetime|requests|typing)\..*"),
    ("py:.*", r".*\b_(api|planning|runtime)\..*"),
]


def add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    """Turn each list of links on the front page into a part of the navigation."""
    if docname != app.config.root_doc:
        return
    for heading, part in re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", source[0], re.MULTILINE):
        pages = re.findall(r"^\* \[.*?\]\(([\w/-]+)\.md\)", part, re.MULTILINE)
        if pages:
            lines = ["```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```"]
            source[0] += "\n" + "\n".join(lines) + "\n"


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", add_navigation)
