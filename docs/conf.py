"""Build the site: ``make docs``. The pages are plain Markdown, which a repository browser shows as well."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
extensions = ["myst_parser", "sphinx.ext.autodoc", "tools.flowchart"]

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


def adapt_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Link to the pages that include files, and turn the lists of links on the front page into the navigation."""
    source[0] = re.sub(
        rf"\]\((?:\.\./)+({'|'.join(OUTSIDE)})\.md\)", lambda link: f"](/project/{OUTSIDE[link[1]]}.md)", source[0]
    )
    if docname != app.config.root_doc:
        return
    for heading, part in re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", source[0], re.MULTILINE):
        pages = re.findall(r"^\* \[.*?\]\(([\w/-]+)\.md\)", part, re.MULTILINE)
        if pages:
            lines = ["```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```"]
            source[0] += "\n" + "\n".join(lines) + "\n"


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", adapt_page)
