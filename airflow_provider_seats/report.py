"""The report of an operator: its keys, and the table that the task's log shows of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NotRequired, TypedDict

KINDS: Final = (
    "assigned",
    "unassigned",
    "unchanged",
    "missing",
    "refused",
    "protected",
    "unknown",
    "not_done",
)
_MAX_ROWS: Final = 20


class Person(TypedDict):
    """Someone in a report.

    The email of someone who was passed by UUID is known only if the seat list was read. ``reason`` says why someone is
    ``protected``, and for a sync what was to happen to someone who was not changed.
    """

    id: str | None
    email: str | None
    reason: NotRequired[str]


class Report(TypedDict):
    """What an operator did, or would do in a preview. A failed task has a report with the same keys.

    ``assigned`` and ``unassigned`` are the people whose seats changed. If the seat list was not read first, they are
    the people who now hold a seat, or hold none. ``unchanged`` people needed no change, ``missing`` people have no
    enabled Datadog account, Datadog ``refused`` some, a guard ``protected`` some, the state of ``unknown`` people could
    not be found out, and ``not_done`` people were not changed because an error came first.

    ``seats_before`` and ``seats_after`` count the product's seats; None if that is unknown. ``guards`` are the guards
    that applied, by argument. ``refusals`` are the reasons why a guard refuses the plan. ``since_attempt`` is the first
    attempt of the task that the report covers. ``started_at`` and ``ended_at`` enclose the changes, by Datadog's clock
    in ISO 8601; None if nothing was changed. ``conn_id`` is the connection's id and ``site`` its base URL, None if the
    connection was not read.
    """

    product: str
    preview: bool
    assigned: list[Person]
    unassigned: list[Person]
    unchanged: list[Person]
    missing: list[Person]
    refused: list[Person]
    protected: list[Person]
    unknown: list[Person]
    not_done: list[Person]
    seats_before: int | None
    seats_after: int | None
    guards: dict[str, Any]
    refusals: list[str]
    since_attempt: int
    started_at: str | None
    ended_at: str | None
    conn_id: str
    site: str | None


def table(report: Report) -> list[str]:
    """Return the lines that a task logs: one with counts, and one for each person, but not for everyone of many."""
    groups = [(_label(kind, report), people) for kind, people in _people(report) if people]
    counts = ", ".join(f"{len(people)} {label}" for label, people in groups)
    preview = " (preview, nothing is changed)" if report["preview"] else ""
    lines = [f"{report['product']}{preview}: {counts or 'nobody to change'}"]
    if report["seats_before"] is not None:
        after = "unknown" if report["seats_after"] is None else report["seats_after"]
        lines[0] += f"; seats before {report['seats_before']}, after {after}"
    shown = [(label, person) for label, people in groups for person in people[:_MAX_ROWS]]
    width = max((len(label) for label, _ in groups), default=0)
    email_width = max((len(person["email"] or "-") for _, person in shown), default=0)
    for label, people in groups:
        for person in people[:_MAX_ROWS]:
            reason = f"  ({person['reason']})" if "reason" in person else ""
            lines.append(f"  {label:<{width}}  {person['email'] or '-':<{email_width}}  {person['id'] or '-'}{reason}")
        if len(people) > _MAX_ROWS:
            lines.append(f"  {label:<{width}}  and {len(people) - _MAX_ROWS} more")
    return lines


def can_be_undone(report: Report) -> bool:
    """Return whether a report says who was changed: the seat list was read first, and nobody is unknown."""
    return report["seats_before"] is not None and not report["unknown"]


def for_undo(report: Report) -> str | None:
    """Return everything that an undo needs as JSON, one person a line; None if the table says everything.

    A cleared task loses its XCom, so the log is where this stays.
    """
    if report["preview"] or not (report["assigned"] or report["unassigned"]):
        return None
    if not can_be_undone(report) and all(len(people) <= _MAX_ROWS for _, people in _people(report)):
        return None
    facts = {key: value for key, value in report.items() if key not in {*KINDS, "guards", "refusals"}}
    parts = [json.dumps(facts)[1:-1]]
    for kind in ("assigned", "unassigned", "unknown"):
        people = ",\n  ".join(json.dumps(person) for person in dict(_people(report))[kind])
        parts.append(f'"{kind}": [\n  {people}]' if people else f'"{kind}": []')
    joined = ",\n ".join(parts)
    return f"{{{joined}}}"


def _people(report: Report) -> Iterator[tuple[str, list[Person]]]:
    fields: dict[str, Any] = {**report}
    for kind in KINDS:
        yield kind, fields[kind]


def _label(kind: str, report: Report) -> str:
    if report["seats_before"] is None and not report["preview"]:
        # The seat list was not read, so it is unknown who held a seat before.
        kind = {"assigned": "hold a seat now", "unassigned": "hold no seat now"}.get(kind, kind)
    return kind.replace("_", " ")
