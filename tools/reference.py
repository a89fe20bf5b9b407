"""The API reference, written from the docstrings: ``make docs``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from griffe import (
    Attribute,
    Class,
    DocstringSectionKind,
    Function,
    GriffeLoader,
    Module,
    Object,
    Parser,
    SphinxOptions,
)

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/api.md"
# What users import, in the order in which they need it.
MODULES: Final = (
    "operators",
    "sensors",
    "triggers",
    "hooks",
    "links",
    "retries",
    "report",
    "exceptions",
    "connection",
    "testing",
)
PARTS: Final = {
    DocstringSectionKind.parameters: "Parameters",
    DocstringSectionKind.attributes: "Attributes",
    DocstringSectionKind.raises: "Raises",
    DocstringSectionKind.returns: "Returns",
}


def page() -> str:
    """Return the reference of all public modules."""
    # The fields of a value are documented as parameters of its class.
    options: SphinxOptions = {"warn_unknown_params": False, "warnings": False}
    loader = GriffeLoader(docstring_parser=Parser.sphinx, docstring_options=options, search_paths=[ROOT])
    package = loader.load("airflow_provider_seats")
    assert isinstance(package, Module)
    lines = ["# API reference", "", "Written by `make docs` from the docstrings.", ""]
    for name in MODULES:
        lines += module(package[name])
    return "\n".join(lines).rstrip() + "\n"


def module(source: Any) -> list[str]:
    """Return the reference of a module: its public classes and functions."""
    lines = [f"## `{source.path}`", "", *described(source)]
    for member in source.members.values():
        if public(member) and isinstance(member, Class | Function):
            lines += thing(member, 3)
    return lines


def thing(item: Class | Function, level: int) -> list[str]:
    """Return the reference of a class with its methods, or of a function."""
    lines = [f"{'#' * level} `{item.name}`", "", "```text", signature(item), "```", "", *described(item)]
    if isinstance(item, Class):
        for member in item.members.values():
            if public(member) and isinstance(member, Function) and member.docstring:
                lines += thing(member, level + 1)
            elif public(member) and isinstance(member, Attribute) and "property" in member.labels:
                lines += [f"**`{member.name}`**: {plain(member.docstring.value if member.docstring else '')}", ""]
    return lines


def public(member: Any) -> bool:
    """Return whether a member is defined in its module and public."""
    return not member.is_alias and not member.name.startswith("_")


def signature(item: Class | Function) -> str:
    """Return the signature of a class or function, one argument a line if it is long."""
    if isinstance(item, Class):
        bases = ", ".join(str(base) for base in item.bases)
        made = item.members.get("__init__")
        if not isinstance(made, Function):
            return f"class {item.name}({bases})" if bases else f"class {item.name}"
        item, name = made, f"class {item.name}"
    else:
        name = item.name
    given, star = [], False
    for each in item.parameters:
        if each.name in {"self", "cls"}:
            continue
        kind = each.kind.value if each.kind else ""
        if kind == "keyword-only" and not star:
            given.append("*")
            star = True
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        star = star or stars == "*"
        text = f"{stars}{each.name}" + (f": {each.annotation}" if each.annotation else "")
        given.append(text + (f" = {each.default}" if each.default is not None and not stars else ""))
    returns = f" -> {item.returns}" if item.returns and str(item.returns) != "None" else ""
    one = f"{name}({', '.join(given)}){returns}"
    return one if len(one) <= 100 else f"{name}(\n" + "".join(f"    {each},\n" for each in given) + f"){returns}"


def described(item: Object) -> list[str]:
    """Return a docstring as Markdown: its text, parameters, errors and results."""
    lines: list[str] = []
    if item.docstring is None:
        return lines
    for section in item.docstring.parsed:
        if section.kind == DocstringSectionKind.text:
            lines += [plain(section.value), ""]
        elif section.kind in PARTS:
            lines += [f"*{PARTS[section.kind]}*", ""]
            for each in section.value:
                name = getattr(each, "name", "") or (str(each.annotation) if section.kind.value == "raises" else "")
                text = plain(each.description).replace("\n", "\n  ")
                lines.append(f"- {f'`{name}`: ' if name else ''}{text}")
            lines.append("")
    return lines


def plain(text: str) -> str:
    """Turn the markup of a docstring into Markdown."""
    text = re.sub(r"\.\. seealso:: (\S+)", r"See <\1>.", text.strip())
    text = re.sub(r":\w+:`~?([^`]+)`", lambda role: f"`{role[1].rpartition('.')[2]}`", text)
    return text.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page())
