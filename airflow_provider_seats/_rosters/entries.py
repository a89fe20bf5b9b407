"""The entries of a list of people, as operators, queries and templates hand it over.

A row of one column is its cell, and a page of JSON is its entries. What may be read in two ways is an error that says
what to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from airflow_provider_seats._arguments import parse_literal
from airflow_provider_seats._text import join_names, shorten, strip_hidden
from airflow_provider_seats.exceptions import InvalidInputError

_JSON: Final = ("[", "(", "{", '"')
_MAX_KEYS: Final = 5


def entries(name: str, value: object) -> list[object]:
    """Return the entries of a list, or of a text that holds one.

    :raises InvalidInputError: if it is no list, or holds rows that are not one entry each.
    """
    if value is None:
        raise InvalidInputError(
            name, "None: the template or task that it comes from returned nothing. Check it, or pass [] for nobody."
        )
    if isinstance(value, str):
        parsed = _parse(strip_hidden(value))
        if isinstance(parsed, str):
            parts = [part for part in re.split(r"[,;\s]+", parsed) if part]
            if not parts:
                raise InvalidInputError(
                    name,
                    f"the text {shorten(value)} names nobody. Check what its template rendered to, or pass [] for "
                    "nobody.",
                )
            return parts
        value = parsed
    if (advice := _advice(value)) is not None:
        raise InvalidInputError(name, advice)
    listed = cast("Iterable[object]", value)
    rows = _results_of_mapped_tasks(name, listed) if _is_of_mapped_tasks(listed) else listed
    return [entry for number, row in enumerate(rows, 1) for entry in _entries_of_row(name, number, row)]


def _results_of_mapped_tasks(name: str, results: Iterable[object]) -> Iterator[object]:
    """Yield the rows of mapped tasks. Each task returned a list or one text."""
    for number, result in enumerate(results, 1):
        if isinstance(result, str):
            yield result
            continue
        advice = "it returned None" if result is None else _advice(result)
        if advice is not None:
            raise InvalidInputError(name, f"result {number} of the mapped task: {advice.rstrip('.')}.")
        yield from cast("Iterable[object]", result)


def _entries_of_row(name: str, number: int, row: object) -> Iterator[object]:
    if isinstance(row, str) and row.lstrip().startswith(_JSON):
        # An HTTP operator with pagination returns a list of texts.
        page = _parse(strip_hidden(row))
        if isinstance(page, list):
            for place, each in enumerate(page, 1):
                yield _entry(name, f"entry {place} of text {number}", each)
            return
        if isinstance(page, Mapping):
            row = page
    yield _entry(name, f"row {number}", row)


def _entry(name: str, where: str, row: object) -> object:
    if isinstance(row, str):  # as most are
        return row
    cells = _cells(row)
    if cells is not None and len(cells) == 1:
        [row] = cells
    if row is None:
        raise InvalidInputError(
            name, f"{where} is None, such as a NULL of a database. Leave such rows out: WHERE email IS NOT NULL."
        )
    if isinstance(row, Mapping):
        keys = join_names(map(shorten, row), _MAX_KEYS)
        raise InvalidInputError(
            name, f"{where} is a dict with the keys {keys}. Pass one value of each: [row['email'] for row in rows]."
        )
    cells = _cells(row)
    if cells is not None:
        problem = f"{where} has {len(cells)} columns" if cells else f"{where} is empty"
        raise InvalidInputError(
            name,
            f"{problem}: {shorten(cells)}. If rows of a table come from a task, pass its first column: "
            "[row[0] for row in rows], or task.output.map(lambda row: row[0]). If each row is a list of people, pass "
            "[person for row in rows for person in row].",
        )
    return row


def _cells(row: object) -> tuple[object, ...] | None:
    """Return the cells of a row: of a list, a tuple, or a row of a database's library; None if it is no row."""
    if isinstance(row, str | bytes | bytearray | Mapping) or not hasattr(row, "__getitem__"):
        return None
    try:
        return (*cast("Iterable[object]", row),)
    except TypeError:
        return None


def _parse(text: str) -> object:
    """Return what a text holds: JSON, JSON lines or what Python shows of a list; otherwise the text itself."""
    if not text.startswith(_JSON):
        return text
    value = parse_literal(text)
    if value is text or isinstance(value, str):
        try:
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            return value
        return lines if len(lines) > 1 else value
    return value


def _advice(value: object) -> str | None:
    """Return what to write instead of a value that holds people in another form; None for a list."""
    if isinstance(value, list):
        return None
    kind = type(value).__name__
    if hasattr(value, "columns"):
        return f"{kind} is not a list of people. Pass one column of it: df['email'].tolist(), in polars .to_list()."
    for method in ("to_list", "tolist", "to_pylist"):
        if hasattr(value, method):
            return f"{kind} is not a list of people. Pass .{method}() of it."
    if isinstance(value, Mapping):
        return f"a dict is not a list of people: {shorten(value)}. Pass one value of it, or list(...) of its keys."
    if isinstance(value, bytes | bytearray) or not isinstance(value, Iterable):
        return f"{shorten(value)} is not a list of people. Pass a list of emails or UUIDs."
    return None


def _is_of_mapped_tasks(value: object) -> bool:
    # The class lives in another module in each Airflow, and not all of them register it as a sequence.
    return type(value).__name__.startswith("Lazy") and not isinstance(value, list | tuple)
