"""Draw a flowchart in Mermaid's notation as SVG when the site is built, without a browser or a script.

It knows what the pages use: ``flowchart LR``, nodes such as ``name[A label]``, and arrows such as ``a --> b``. Each
node is drawn one column to the right of the nodes that lead to it. A label may contain ``<br>``. The site also has the
drawing from top to bottom, for narrow windows.
"""

from __future__ import annotations

import html
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_WIDTH, _HEIGHT, _GAP, _ROW_GAP, _LINE = 132, 56, 44, 24, 18
_HEAD: Final = (
    '<svg class="flowchart{kind}" role="img" aria-label="{title}" viewBox="0 0 {width} {height}" '
    'style="max-width:{width}px;width:100%" font-size="14" fill="currentColor" text-anchor="middle">'
    '<defs><marker id="arrow{kind}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>'
)


def draw(text: str, *, down: bool = False) -> str:
    """Return a flowchart as SVG.

    :param down: whether the arrows go from top to bottom.
    :raises ValueError: for a line that is not understood.
    """
    labels, arrows = parse(text)
    columns: dict[str, int] = dict.fromkeys(labels, 0)
    for _ in labels:
        for start, end in arrows:
            columns[end] = max(columns[end], columns[start] + 1)
    rows = {name: [each for each in labels if columns[each] == columns[name]].index(name) for name in labels}
    gaps = (_ROW_GAP, _ROW_GAP) if down else (_GAP, _ROW_GAP)
    x = {name: 1 + (rows if down else columns)[name] * (_WIDTH + gaps[0]) for name in labels}
    y = {name: 1 + (columns if down else rows)[name] * (_HEIGHT + gaps[1]) for name in labels}
    title = html.escape("; ".join(f"{_plain(labels[start])} to {_plain(labels[end])}" for start, end in arrows))
    width, height = max(x.values()) + _WIDTH + 1, max(y.values()) + _HEIGHT + 1
    kind = "-down" if down else ""
    parts = [_HEAD.format(title=title, width=width, height=height, kind=kind)]
    for name, label in labels.items():
        parts.append(
            f'<rect x="{x[name]}" y="{y[name]}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="none" '
            'stroke="currentColor"/>'
        )
        lines = label.split("<br>")
        for number, line in enumerate(lines):
            middle = y[name] + _HEIGHT / 2 + 5 + (number - (len(lines) - 1) / 2) * _LINE
            parts.append(f'<text x="{x[name] + _WIDTH / 2}" y="{middle}">{html.escape(line)}</text>')
    for start, end in arrows:
        if down:
            line = f"M{x[start] + _WIDTH / 2} {y[start] + _HEIGHT} L{x[end] + _WIDTH / 2} {y[end] - 2}"
        else:
            line = f"M{x[start] + _WIDTH} {y[start] + _HEIGHT / 2} L{x[end] - 2} {y[end] + _HEIGHT / 2}"
        parts.append(f'<path d="{line}" fill="none" stroke="currentColor" marker-end="url(#arrow{kind})"/>')
    return "".join(parts) + "</svg>"


def parse(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the label of each node, and the arrows."""
    labels: dict[str, str] = {}
    arrows: list[tuple[str, str]] = []
    first, *lines = filter(None, map(str.strip, text.splitlines()))
    if first != "flowchart LR":
        raise ValueError(f"{first!r} is not 'flowchart LR'")
    for line in lines:
        names = []
        for part in re.split(r"\s*-->\s*", line):
            match = re.fullmatch(r"(\w+)(?:\[([^\]]+)\])?", part)
            if match is None or (match[2] is None and match[1] not in labels):
                raise ValueError(f"{part!r} is not a node of a flowchart")
            if match[2] is not None:
                labels[match[1]] = match[2]
            names.append(match[1])
        arrows += pairwise(names)
    return labels, arrows


def _plain(label: str) -> str:
    return label.replace("<br>", " ")


def _replace(app: Sphinx, tree: nodes.document) -> None:
    for block in list(tree.findall(nodes.literal_block)):
        if block.get("language") == "mermaid":
            text = block.astext()
            block.replace_self(nodes.raw("", draw(text) + draw(text, down=True), format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("doctree-read", _replace)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
