"""What an operator is to do: its rendered arguments, parsed into one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from airflow_provider_seats._api.identifiers import PersonSet
from airflow_provider_seats._arguments import (
    parse_bool,
    parse_choice,
    parse_moment,
    parse_optional,
    parse_product_code,
    parse_report,
)
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.guards import Guards
from airflow_provider_seats._planning.plan import BOTH, Change, Kind
from airflow_provider_seats._rosters.people import NOBODY, People, parse_people
from airflow_provider_seats._text import join_names
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.report import digest

if TYPE_CHECKING:
    from airflow_provider_seats.report import Person, Report

Operator = Literal["assign", "unassign", "sync"]
Mode = Literal["exact", "add_only", "remove_only"]
KINDS_OF_MODE: Final[dict[Mode, frozenset[Kind]]] = {
    "exact": BOTH,
    "add_only": frozenset({"assign"}),
    "remove_only": frozenset({"unassign"}),
}


class Job(NamedTuple):
    """What an operator is to do.

    :param operator: the operator that it is of.
    :param people: the people that were passed, or the roster; nobody for an undo.
    :param read_seats_first: whether only people whose seats change are sent, so that the report can be undone.
    :param mode: the mode of a sync or an undo.
    :param roster_read_at: when the roster was read; None if that is unknown.
    :param run_again: when an old run that unassigns people was due, and when it began now; None for any other.
    :param approved: the report of an approved preview.
    :param undo: the report to undo.
    :param only: the people that the undo is limited to; None for everyone.
    """

    operator: Operator
    product: str
    people: People
    guards: Guards
    preview: bool = False
    read_all_users: bool = False
    read_seats_first: bool = False
    mode: Mode = "exact"
    roster_read_at: datetime | None = None
    run_again: tuple[datetime, datetime] | None = None
    approved: Report | None = None
    undo: Report | None = None
    only: People | None = None

    @property
    def kinds(self) -> frozenset[Kind]:
        """The changes that may be made."""
        return KINDS_OF_MODE[self.mode] if self.operator == "sync" else frozenset({self.operator})

    @property
    def needs_seat_list(self) -> bool:
        if self.operator == "sync" or self.preview or self.read_seats_first or self.guards.need_seat_list:
            return True
        return self.operator == "unassign" and bool(self.people.emails or self.run_again)

    @property
    def reads(self) -> bool:
        """Whether anything is read before the changes: otherwise everyone is sent as requested."""
        return self.needs_seat_list or bool(self.people.emails)

    @property
    def reads_back(self) -> bool:
        """Whether the seat list is read again after the changes, which also dates the seats for an undo."""
        return self.operator != "unassign" and self.needs_seat_list

    @property
    def awaited(self) -> list[Person]:
        """The people who are missing in an approved preview, if it was approved with them."""
        approved = self.approved
        is_awaited = approved and self.guards.missing_users == approved["guards"].get("missing_users") == "retry"
        return approved["missing"] if approved and is_awaited else []

    def as_requested(self) -> tuple[Change, ...]:
        """Return the changes that are known before anything is read."""
        if self.operator == "sync":
            return ()
        return tuple(Change(self.operator, person) for person in self.people.as_persons())


def parse_job(operator: Operator, arguments: Mapping[str, object]) -> Job:
    """Parse the rendered arguments of an operator, which describes them."""
    product = parse_product_code(arguments["product_code"])
    preview = parse_bool("preview", arguments["preview"])
    read_all_users = parse_bool("read_all_users", arguments["read_all_users"])
    if operator == "sync":
        return _parse_sync(arguments, product, preview=preview, read_all_users=read_all_users)
    if operator == "unassign":
        parse_choice("missing_users", arguments["missing_users"], Literal["fail", "skip"])
    return Job(
        operator,
        product,
        parse_people(user_uuids=arguments["user_uuids"], user_emails=arguments["user_emails"]),
        Guards.parse(arguments),
        preview,
        read_all_users,
        read_seats_first=parse_bool("read_seats_first", arguments["read_seats_first"]),
    )


def _parse_sync(arguments: Mapping[str, object], product: str, *, preview: bool, read_all_users: bool) -> Job:
    undo = _of_product("undo", arguments, product, parse_undo)
    mode: Mode = parse_choice("mode", arguments["mode"], Mode)
    read_at = parse_optional("roster_read_at", arguments["roster_read_at"], parse_moment)
    if undo is not None and read_at is not None:
        raise InvalidInputError("roster_read_at", "an undo has no roster. Leave it out.")
    passed = {name: arguments[name] for name in ("user_uuids", "user_emails")}
    people, only = NOBODY, None
    if undo is None:
        people = parse_people(**passed)
    elif any(value is not NOT_PASSED for value in passed.values()):
        only = _only(parse_people(**passed), undo)
    return Job(
        "sync",
        product,
        people,
        Guards.parse(arguments, KINDS_OF_MODE[mode], of_sync=True, of_undo=undo is not None),
        preview,
        read_all_users,
        mode=mode,
        roster_read_at=read_at,
        approved=_of_product("approved", arguments, product, parse_approved),
        undo=undo,
        only=only,
    )


def _of_product(
    name: str, arguments: Mapping[str, object], product: str, parse: Callable[[str, object], Report]
) -> Report | None:
    report = parse_optional(name, arguments[name], parse)
    if report is not None and report["product"] != product:
        raise InvalidInputError(name, f"this report is of the product {report['product']!r}, not of {product!r}.")
    return report


def _only(people: People, report: Report) -> People:
    """Return the people that an undo is limited to. All of them must be in the report."""
    changed = PersonSet([*report["assigned"], *report["unassigned"]])
    others = [name for name in (*people.emails, *people.uuids) if name not in changed]
    if not people:
        field = " and ".join(people.empty)
        raise InvalidInputError(field, "nobody to limit the undo to. Leave it out to undo the whole report.")
    if others:
        raise InvalidInputError(
            "undo",
            f"it is limited to people (user_uuids, user_emails), and the report did not change {join_names(others)}. "
            "Correct them, or leave them out to undo the whole report.",
        )
    return people


def parse_approved(name: str, value: object) -> Report:
    """Parse the report of an approved preview: it must say when seats were read, and have the digest of its changes."""
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


def parse_undo(name: str, value: object) -> Report:
    """Parse a report to undo: it must list everyone whose seat was changed, and say who held one before."""
    report = parse_report(name, value)
    if report["preview"]:
        raise InvalidInputError(
            name, "this is the report of a preview, which changed nothing. Pass that of the task which changed seats."
        )
    if not report["complete"]:
        raise InvalidInputError(
            name,
            "this report does not list everyone whose seat was changed, because it was too large for XCom. Pass the "
            "complete report, which is in the log of its task.",
        )
    # A report that changed nobody has nothing that would have to be known.
    if report["unknown"] or (report["seats_before"] is None and (report["assigned"] or report["unassigned"])):
        raise InvalidInputError(
            name,
            "this report does not know everyone's state before it (seats_before is null, or people are unknown), so it "
            "cannot be undone. Assign or unassign the people that you know. With read_seats_first=True the report of "
            "the next run can be undone.",
        )
    return report
