"""The report: what an operator did or would do, for the next task and, as a table, for a person."""

from __future__ import annotations

from collections.abc import Iterable
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
_SHOWN_ROWS: Final = 20


class Person(TypedDict):
    """Someone in a report. The email of someone given by UUID is known only if the seat list was read.

    ``reason`` tells why someone was kept, of those who are ``protected``.
    """

    id: str | None
    email: str | None
    reason: NotRequired[str]


class Report(TypedDict):
    """What an operator did, or in a preview would do. It has the same keys when the task failed.

    ``assigned`` and ``unassigned`` are those whose seats changed; if the seat list was not read beforehand, they are
    those who now hold, or hold no, seat. ``unchanged`` are those who needed no change, ``missing`` those without an
    enabled Datadog account, ``refused`` those whom Datadog refused, ``protected`` those who were kept by a rule,
    ``unknown`` those of whom it could not be established, and ``not_done`` those who are as they were because an error
    came first. ``seats_before`` and ``seats_after`` count the product's seats, and are None where that is not known.
    ``guards`` are the limits and rules that applied, by the names of the arguments. ``since_attempt`` is the first of
    the task's attempts whose changes are told here: 1 unless earlier attempts could not be remembered.
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
    since_attempt: int


def table(report: Report) -> list[str]:
    """Show a report to a person: a line of counts, and a line for each person, but not for everyone of many."""
    groups: list[tuple[str, list[Person]]] = [(_words(kind, report), report[kind]) for kind in KINDS if report[kind]]
    counts = ", ".join(f"{len(people)} {words}" for words, people in groups)
    preview = " (preview, nothing is changed)" if report["preview"] else ""
    lines = [f"{report['product']}{preview}: {counts or 'nobody to change'}"]
    if report["seats_before"] is not None:
        after = "not known" if report["seats_after"] is None else report["seats_after"]
        lines[0] += f"; seats before {report['seats_before']}, after {after}"
    shown = [(words, person) for words, people in groups for person in people[:_SHOWN_ROWS]]
    wide = max((len(words) for words, _ in groups), default=0)
    wider = max((len(person["email"] or "-") for _, person in shown), default=0)
    for words, people in groups:
        for person in people[:_SHOWN_ROWS]:
            why = f"  ({person['reason']})" if "reason" in person else ""
            lines.append(f"  {words:<{wide}}  {person['email'] or '-':<{wider}}  {person['id'] or '-'}{why}")
        if len(people) > _SHOWN_ROWS:
            lines.append(f"  {words:<{wide}}  and {len(people) - _SHOWN_ROWS} more, all in the XCom return_value")
    return lines


def some(people: Iterable[str], most: int = 20) -> str:
    """Name people in a sentence, at most so many."""
    named = list(people)
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more


def _words(kind: str, report: Report) -> str:
    if report["seats_before"] is None and not report["preview"]:
        # Whether they did before was not asked.
        kind = {"assigned": "hold a seat now", "unassigned": "hold no seat now"}.get(kind, kind)
    return kind.replace("_", " ")
