"""The report of an operator: its keys, the table in the task's log, and the summary for people."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import sha256
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
# Discord refuses more than 2,000 characters. The rest is for what a template adds.
_MAX_SUMMARY: Final = 1_900
_MAX_HEADLINE: Final = 199
_MAX_NOTES: Final = 1_400
_FEW_NOTES: Final = 2
_MANY_NOTES: Final = 8
_MAX_LINE: Final = 400
_MAX_REASON: Final = 120
_MAX_NAMES: Final = 5
# What Markdown or a chat reads as more than text. An underscore inside a word is none of it.
_MARKUP: Final = r"(?i)[`*~|\[\]\\#!&]|(?<!\w)_|_(?!\w)|@(?:everyone|here|channel)"
# A chat reads <...> as a link or a mention, also in code.
_ANGLES: Final = str.maketrans("<>", "\u2039\u203a")
# A mention calls people. The @ of an email address follows a letter or the like, and its domain has a dot.
_MENTION: Final = r"(?i)(?<![^\s(\[{\"',;:|\u2039])@|@(?=(?:everyone|here|channel)(?![\w-]*\.\w))"
_NOT_FOR_UNDO: Final = ("counts", "guards", "refusals", "warnings")


class Person(TypedDict):
    """Someone in a report.

    The email of someone who was passed by UUID is known only if the seat list was read. ``reason`` says why someone is
    ``protected``, what to know of someone ``unchanged``, why someone with an account is ``missing``, and for a sync
    what was to happen to someone who was not changed. ``assigned_at`` is the date of a seat that was assigned, as the
    seat list showed it afterwards.

    .. versionadded:: 0.2.0
        ``assigned_at``
    """

    id: str | None
    email: str | None
    reason: NotRequired[str]
    assigned_at: NotRequired[str]


class Report(TypedDict):
    """What an operator did, or would do in a preview. A failed task has a report with the same keys.

    ``assigned`` and ``unassigned`` are the people whose seats changed. If the seat list was not read first, they are
    the people who now hold a seat, or hold none. ``unchanged`` people needed no change, ``missing`` people have no
    enabled Datadog account, Datadog ``refused`` some, a guard ``protected`` some, the state of ``unknown`` people could
    not be found out, and ``not_done`` people were not changed because an error came first. ``counts`` has the number of
    people of each kind. A sync only counts ``unchanged`` people.

    ``seats_before`` and ``seats_after`` count the product's seats; None if that is unknown. ``guards`` are the guards
    that applied, by argument. ``refusals`` are the reasons why a guard refuses the plan. ``warnings`` are what a person
    should look at. ``since_attempt`` is the first attempt of the task that the report covers. ``started_at`` and
    ``ended_at`` enclose the changes, by Datadog's clock in ISO 8601; None if nothing was changed. For a preview
    ``started_at`` is when the seats were read. ``conn_id`` is the connection's id and ``site`` its base URL; None if
    the connection was not read.

    ``digest`` is a text that is the same for the same changes of the same product and site. ``complete`` says whether
    everyone but the ``unchanged`` people is listed. Not every database returns more than 190 KiB to Airflow, so a
    larger report lists the first people of each kind, and the task's log has the complete one.

    .. versionadded:: 0.2.0
        ``counts``, ``refusals``, ``warnings``, ``started_at``, ``ended_at``, ``conn_id``, ``site``, ``digest`` and
        ``complete``
    """

    product: str
    preview: bool
    counts: dict[str, int]
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
    warnings: list[str]
    since_attempt: int
    started_at: str | None
    ended_at: str | None
    conn_id: str
    site: str | None
    digest: str
    complete: bool


def table(report: Report) -> list[str]:
    """Return the lines that a task logs: one with counts, and one for each person, but not for everyone of many."""
    groups = [(_label(kind, report), people) for kind, people in people_of(report) if people]
    lines = [_headline(report)]
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


def shortened(report: Report, limit: int) -> Report:
    """Return a report that takes at most ``limit`` bytes of JSON, with as many people of each kind as fit."""

    def first(count: int) -> Report:
        short: Any = {kind: people[:count] for kind, people in people_of(report)}
        complete = all(len(people) <= count for kind, people in people_of(report) if kind != "unchanged")
        return {**report, **short, "complete": complete}

    if len(json.dumps(report)) <= limit:
        return report
    most = max(len(people) for _, people in people_of(report))
    # The smallest number of people that makes the report too long.
    too_many = bisect_left(range(most), 1, key=lambda count: len(json.dumps(first(count))) > limit)
    return first(max(too_many - 1, 0))


def can_be_undone(report: Report) -> bool:
    """Return whether a report says who was changed: the seat list was read first, and nobody is unknown."""
    return report["seats_before"] is not None and not report["unknown"]


def for_undo(report: Report) -> str | None:
    """Return everything that an undo needs as JSON, one person a line; None if there is nothing to undo or to look up.

    A cleared task loses its XCom, so the log is where this stays.
    """
    if report["preview"] or not (report["assigned"] or report["unassigned"]):
        return None
    if not can_be_undone(report) and all(len(people) <= _MAX_ROWS for _, people in people_of(report)):
        return None
    facts = {key: value for key, value in report.items() if key not in {*KINDS, *_NOT_FOR_UNDO}}
    parts = [json.dumps(facts)[1:-1]]
    for kind in ("assigned", "unassigned", "unknown"):
        people = ",\n  ".join(json.dumps(person) for person in report[kind])
        parts.append(f'"{kind}": [\n  {people}]' if people else f'"{kind}": []')
    joined = ",\n ".join(parts)
    return f"{{{joined}}}"


def summary(report: Report, problem: str | None = None) -> str:
    """Return a report as Markdown that fits into a chat message.

    :param problem: why the task failed.
    """
    notes = [f"Applying this would be refused: {reason}" for reason in report["refusals"] if report["preview"]]
    notes += [f"Warning: {warning}" for warning in report["warnings"]]
    notes += [] if problem is None else [f"The task failed: {problem}"]
    if len(notes) > _MANY_NOTES:
        more = f"{len(notes) - _MANY_NOTES + 1} more notes are in the report"
        notes = [*notes[: _MANY_NOTES - 2], more, notes[-1]]
    limit = _MAX_NOTES // max(len(notes), _FEW_NOTES)
    last = [f"- {plain(note, limit)}" for note in notes]
    lines = [_headline(report), ""]
    for kind, people in people_of(report):
        if people and kind != "unchanged":
            lines.append(_named(f"- {_label(kind, report)}: ", people))
    left = _MAX_SUMMARY - sum(len(line) + 1 for line in last)
    while len(lines) > 1 and sum(len(line) + 1 for line in lines) > left:
        # The notes say what to do, and the counts are in the first line.
        del lines[-1]
    return "\n".join((*lines, *last)).strip()


def headline(text: str, problem: str | None = None) -> str:
    """Return the first line of a summary, and why the task failed, as one line of plain text under 200 characters."""
    line = text.partition("\n")[0] if problem is None else f"FAILED: {problem}"
    return _one_line(line, _MAX_HEADLINE)


def plain(text: str, limit: int) -> str:
    """Return a text as one line of Markdown that shows it as it is. A cut leaves the end, which says what to do."""
    line = _one_line(text, limit).replace("`", "'")
    return code(line) if re.search(_MARKUP, line) else line


def code(text: str) -> str:
    """Return a text as code in Markdown, so that none of its characters is markup."""
    text = _harmless(text)
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", text))))
    return f"{fence} {text} {fence}"


def _one_line(text: str, limit: int) -> str:
    line = _harmless(" ".join(text.split()))
    half = (limit - 7) // 2
    return line if len(line) <= limit else f"{line[:half]} ... {line[-half:]}"


def _harmless(text: str) -> str:
    """Replace what calls people in a chat, also in code, by characters that look like it."""
    text = text.translate(_ANGLES)
    return re.sub(_MENTION, "\uff20", text) if "@" in text else text


def _named(line: str, people: list[Person]) -> str:
    """Return a line with the names of people, as many as fit, and how many more there are."""
    shown = 0
    for person in people[:_MAX_NAMES]:
        reason = f" ({plain(person['reason'], _MAX_REASON)})" if "reason" in person else ""
        name = f"{code(person['email'] or person['id'] or '-')}{reason}"
        if len(line) + len(name) > _MAX_LINE and shown:
            break
        line += f", {name}" if shown else name
        shown += 1
    return line if shown == len(people) else f"{line} and {len(people) - shown:,} more"


def _headline(report: Report) -> str:
    counts = ", ".join(f"{count:,} {_label(kind, report)}" for kind, count in report["counts"].items() if count)
    preview = " (preview, nothing is changed)" if report["preview"] else ""
    nobody = "nobody would be changed" if report["preview"] else "nobody was changed"
    line = f"{plain(report['product'], _MAX_REASON)}{preview}: {counts or nobody}"
    if report["seats_before"] is None:
        return line
    after = "unknown" if report["seats_after"] is None else f"{report['seats_after']:,}"
    return f"{line}; seats before {report['seats_before']:,}, after {after}"


def people_of(report: Report) -> list[tuple[str, list[Person]]]:
    """Return each kind of people in a report, with its people."""
    return [(kind, report[kind]) for kind in KINDS]


def digest(product: str, site: str | None, assigned: Iterable[str], unassigned: Iterable[str]) -> str:
    """Return a text that is the same for the same changes, by user UUIDs, of the same product and site."""
    changes = json.dumps([product, site, sorted(assigned), sorted(unassigned)])
    return sha256(changes.encode()).hexdigest()


def _label(kind: str, report: Report) -> str:
    if report["seats_before"] is None and not report["preview"]:
        # The seat list was not read, so it is unknown who held a seat before.
        kind = {"assigned": "with a seat now", "unassigned": "without a seat now"}.get(kind, kind)
    return kind.replace("_", " ")
