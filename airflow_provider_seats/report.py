"""The report: what an operator did or would do, for the next task and, as a table, for a person."""

from __future__ import annotations

from typing import Final, TypedDict

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
    """Someone in a report. The email of someone given by UUID is known only if the seat list was read."""

    id: str | None
    email: str | None


class Report(TypedDict):
    """What an operator did, or in a preview would do. It has the same keys when the task failed.

    ``assigned`` and ``unassigned`` are those whose seats changed; if the seat list was not read beforehand, they are
    those who now hold, or hold no, seat. ``unchanged`` are those who needed no change, ``missing`` those without an
    enabled Datadog account, ``refused`` those whom Datadog refused, ``protected`` those who were kept by a rule,
    ``unknown`` those of whom it could not be established, and ``not_done`` those who are as they were because an error
    came first. ``seats_before`` and ``seats_after`` count the product's seats, and are None where that is not known.
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


def table(report: Report) -> list[str]:
    """Show a report to a person: a line of counts, and a line for each person, but not for everyone of many."""
    kinds: dict[str, list[Person]] = {kind: report[kind] for kind in KINDS}
    counts = ", ".join(f"{len(people)} {_words(kind)}" for kind, people in kinds.items() if people)
    lines = [
        f"{report['product']}{' (preview, nothing is changed)' if report['preview'] else ''}: {counts or 'nobody'}"
    ]
    if report["seats_before"] is not None:
        after = "not known" if report["seats_after"] is None else report["seats_after"]
        lines[0] += f"; seats before {report['seats_before']}, after {after}"
    emails = [person["email"] or "-" for people in kinds.values() for person in people[:_SHOWN_ROWS]]
    width = max(map(len, emails), default=0)
    for kind, people in kinds.items():
        lines += [
            f"  {_words(kind):<10}  {person['email'] or '-':<{width}}  {person['id'] or '-'}"
            for person in people[:_SHOWN_ROWS]
        ]
        if len(people) > _SHOWN_ROWS:
            lines.append(f"  {_words(kind):<10}  and {len(people) - _SHOWN_ROWS} more, all in the XCom return_value")
    return lines


def _words(kind: str) -> str:
    return kind.replace("_", " ")
