"""An approval: the report of a preview that a person saw."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from json import dumps
from typing import TYPE_CHECKING

from airflow_provider_seats._arguments import parse_report
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_seats.report import Report


def digest(product: str, site: str | None, assigned: Iterable[str], unassigned: Iterable[str]) -> str:
    """Return a text that is the same for the same changes, by user UUIDs, of the same product and site."""
    changes = dumps([product, site, sorted(assigned), sorted(unassigned)])
    return sha256(changes.encode()).hexdigest()


def parse_approved(name: str, value: object) -> Report:
    """Parse the report of an approved preview: it has the moment of what was shown, and its digest is that of it."""
    report = parse_report(name, value)
    if not report["preview"]:
        raise InvalidInputError(name, "this is not the report of a preview. Pass that of a task with preview=True.")
    refusals: object = report.get("refusals")
    guards: object = report.get("guards")
    if report.get("started_at") is None or not isinstance(refusals, list) or not isinstance(guards, dict):
        raise InvalidInputError(
            name,
            "this report does not say when the seats were read, which guards applied, or why it would be refused. "
            "Pass the whole report.",
        )
    assigned, unassigned = ([str(person["id"]) for person in report[kind]] for kind in ("assigned", "unassigned"))
    if report["complete"] and report["digest"] != digest(report["product"], report.get("site"), assigned, unassigned):
        raise InvalidInputError(
            name, "its digest is not that of its changes, so it is not what was shown. Pass the report as it was made."
        )
    return report
