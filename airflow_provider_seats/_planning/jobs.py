"""What an operator is to do: its rendered arguments, parsed into one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._arguments import (
    parse_age,
    parse_bool,
    parse_choice,
    parse_non_negative_int,
    parse_optional,
    parse_positive_int,
    parse_product_code,
    parse_report,
)
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.approval import parse_approved
from airflow_provider_seats._planning.guards import (
    DEFAULT_MAX_UNASSIGN,
    Guards,
    MissingUsers,
    parse_max_unassign,
    parse_on_call,
    parse_warn_seats,
)
from airflow_provider_seats._planning.plan import Plan, by_id
from airflow_provider_seats._planning.planner import Mode
from airflow_provider_seats._rosters.people import NOBODY, People, parse_people
from airflow_provider_seats._text import join_names
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_seats.report import Report


# What protect is if nobody is to be protected on purpose. A template cannot leave an argument out.
_NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Job:
    """What every operator has to know.

    :param people: the people that were passed.
    :param preview: whether nothing is changed.
    :param batch_size: the most people in one call.
    :param read_all_users: whether accounts are found in the list of all users, and nobody is looked up by email.
    """

    product: str
    people: People
    guards: Guards
    preview: bool
    batch_size: int
    read_all_users: bool

    @property
    def needs_seat_list(self) -> bool:
        """Whether the seat list has to be read."""
        return True

    @property
    def reads_back(self) -> bool:
        """Whether the seat list is read again after the changes."""
        return self.guards.max_seats is not None

    def as_requested(self) -> Plan:
        """Return what is known before anything is read."""
        return Plan(self.product)


@dataclass(frozen=True, slots=True)
class AssignJob(Job):
    """Assign people.

    :param read_seats_first: whether only people without a seat are sent, so that the report can be undone.
    """

    read_seats_first: bool

    @classmethod
    def parse(
        cls,
        *,
        product_code: object,
        user_uuids: object,
        user_emails: object,
        missing_users: object,
        max_seats: object,
        warn_seats: object,
        read_seats_first: object,
        preview: object,
        batch_size: object,
        read_all_users: object = False,
    ) -> AssignJob:
        """Parse the rendered arguments of an :class:`~airflow_provider_seats.operators.AssignSeatsOperator`."""
        limit = parse_optional("max_seats", max_seats, parse_non_negative_int)
        return cls(
            product=parse_product_code(product_code),
            people=parse_people(user_uuids=user_uuids, user_emails=user_emails),
            guards=Guards(
                missing_users=parse_choice("missing_users", missing_users, MissingUsers),
                max_seats=limit,
                warn_seats=_parse_warn_seats(warn_seats, limit),
            ),
            preview=parse_bool("preview", preview),
            batch_size=parse_positive_int("batch_size", batch_size),
            read_all_users=parse_bool("read_all_users", read_all_users),
            read_seats_first=parse_bool("read_seats_first", read_seats_first),
        )

    @property
    def needs_seat_list(self) -> bool:
        """Whether the seat list has to be read."""
        return self.preview or self.read_seats_first or self.guards.need_seat_list

    @property
    def reads_back(self) -> bool:
        """Whether the seat list is read again after the changes, which also dates the seats for an undo."""
        return self.needs_seat_list

    def as_requested(self) -> Plan:
        """Return what is known before anything is read."""
        return Plan(self.product, assign=self.people.as_persons())


@dataclass(frozen=True, slots=True)
class UnassignJob(Job):
    """Unassign people.

    :param read_seats_first: whether only people with a seat are sent, so that the report can be undone.
    """

    read_seats_first: bool

    @classmethod
    def parse(
        cls,
        *,
        product_code: object,
        user_uuids: object,
        user_emails: object,
        missing_users: object,
        max_unassign: object,
        min_seat_age: object,
        protect: object,
        check_accounts: object,
        on_call: object,
        check_escalation_policies: object,
        read_seats_first: object,
        preview: object,
        batch_size: object,
        read_all_users: object = False,
    ) -> UnassignJob:
        """Parse the rendered arguments of an :class:`~airflow_provider_seats.operators.UnassignSeatsOperator`."""
        missing = parse_choice("missing_users", missing_users, Literal["fail", "skip"])
        protected = _parse_protect(protect)
        return cls(
            product=parse_product_code(product_code),
            people=parse_people(user_uuids=user_uuids, user_emails=user_emails),
            guards=Guards(
                missing_users="fail" if missing == "fail" else None,
                max_unassign=parse_optional("max_unassign", max_unassign, parse_max_unassign),
                min_seat_age=parse_optional("min_seat_age", min_seat_age, parse_age),
                protect=protected,
                check_accounts=parse_bool("check_accounts", check_accounts) or not protected,
                on_call=parse_on_call(on_call),
                check_escalation_policies=parse_bool("check_escalation_policies", check_escalation_policies),
            ),
            preview=parse_bool("preview", preview),
            batch_size=parse_positive_int("batch_size", batch_size),
            read_all_users=parse_bool("read_all_users", read_all_users),
            read_seats_first=parse_bool("read_seats_first", read_seats_first),
        )

    @property
    def needs_seat_list(self) -> bool:
        """Whether the seat list has to be read."""
        return bool(self.people.emails) or self.preview or self.read_seats_first or self.guards.need_seat_list

    def as_requested(self) -> Plan:
        """Return what is known before anything is read."""
        return Plan(self.product, unassign=self.people.as_persons())


@dataclass(frozen=True, slots=True)
class SyncJob(Job):
    """Make the seats match a roster, or undo a report.

    :param people: the roster; nobody for an undo.
    :param report_unchanged: whether the report lists the people who already match.
    :param approved: the report of an approved preview.
    :param undo: the report to undo.
    :param only: the people that the undo is limited to; None for everyone.
    """

    mode: Mode
    report_unchanged: bool
    approved: Report | None
    undo: Report | None
    only: People | None

    @property
    def reads_back(self) -> bool:
        """Whether the seat list is read again after the changes."""
        return True

    @classmethod
    def parse(
        cls,
        *,
        product_code: object,
        user_uuids: object,
        user_emails: object,
        mode: object,
        missing_users: object,
        allow_empty: object,
        max_unassign: object,
        max_seats: object,
        warn_seats: object,
        min_seat_age: object,
        protect: object,
        check_accounts: object,
        on_call: object,
        check_escalation_policies: object,
        report_unchanged: object,
        preview: object,
        approved: object,
        undo: object,
        batch_size: object,
        read_all_users: object = False,
    ) -> SyncJob:
        """Parse the rendered arguments of a :class:`~airflow_provider_seats.operators.SyncSeatsOperator`."""
        product = parse_product_code(product_code)
        report = parse_optional("undo", undo, parse_report)
        chosen: Mode = parse_choice("mode", mode, Mode)
        limit = parse_optional("max_seats", max_seats, parse_non_negative_int)
        given = Guards(
            missing_users=parse_choice("missing_users", missing_users, MissingUsers),
            allow_empty=parse_bool("allow_empty", allow_empty),
            max_unassign=parse_optional("max_unassign", max_unassign, parse_max_unassign),
            max_seats=limit,
            warn_seats=_parse_warn_seats(warn_seats, limit),
            min_seat_age=parse_optional("min_seat_age", min_seat_age, parse_age),
            protect=_parse_protect(protect),
            check_accounts=parse_bool("check_accounts", check_accounts),
            on_call=parse_on_call(on_call),
            check_escalation_policies=parse_bool("check_escalation_policies", check_escalation_policies),
        )
        preview_report = parse_optional("approved", approved, parse_approved)
        if report is not None and given.allow_empty:
            raise InvalidInputError("allow_empty", "an undo has no roster that could be empty. Leave it out.")
        undoes_everyone = report is not None and user_uuids is NOT_PASSED and user_emails is NOT_PASSED
        people = NOBODY if undoes_everyone else parse_people(user_uuids=user_uuids, user_emails=user_emails)
        return cls(
            product=product,
            people=people if report is None else NOBODY,
            guards=_applicable(given, chosen, is_undo=report is not None),
            preview=parse_bool("preview", preview),
            batch_size=parse_positive_int("batch_size", batch_size),
            read_all_users=parse_bool("read_all_users", read_all_users),
            mode=chosen,
            report_unchanged=parse_bool("report_unchanged", report_unchanged),
            approved=_of_product("approved", preview_report, product),
            undo=_undoable(_of_product("undo", report, product)),
            only=None if report is None or undoes_everyone else _only(people, report),
        )


def _applicable(guards: Guards, mode: Mode, *, is_undo: bool) -> Guards:
    """Return the guards that apply to a mode or to an undo."""
    unassigns = mode != "add_only"
    default = None if is_undo else DEFAULT_MAX_UNASSIGN
    return replace(
        guards,
        missing_users=None if mode == "remove_only" else guards.missing_users,
        allow_empty=guards.allow_empty if unassigns and not is_undo else None,
        max_unassign=(guards.max_unassign or default) if unassigns else None,
        min_seat_age=guards.min_seat_age if unassigns else None,
        protect=guards.protect if unassigns else NOBODY,
        check_accounts=guards.check_accounts or not (unassigns or is_undo),
        on_call=guards.on_call if unassigns else None,
    )


def _parse_protect(value: object) -> People:
    if value is NOT_PASSED or (isinstance(value, str) and value.strip() == _NOBODY):
        return NOBODY
    protect: People = parse_optional("protect", value, lambda name, people: parse_people(**{name: people})) or NOBODY
    if not protect:
        raise InvalidInputError(
            "protect",
            "it protects nobody, for example because a team or a file was emptied. Check where it comes from. If this "
            f"is intended, leave it out or pass {_NOBODY!r}.",
        )
    return protect


def _parse_warn_seats(value: object, max_seats: int | None) -> int | None:
    return parse_optional("warn_seats", value, lambda name, limit: parse_warn_seats(name, limit, max_seats))


def _of_product(name: str, report: Report | None, product: str) -> Report | None:
    if report is not None and report["product"] != product:
        raise InvalidInputError(name, f"this report is of the product {report['product']!r}, not of {product!r}.")
    return report


def _only(people: People, report: Report) -> People:
    """Return the people that an undo is limited to. All of them must be in the report."""
    changed = [*report["assigned"], *report["unassigned"]]
    emails = {email_key(person["email"]) for person in changed if person["email"]}
    others = [email for email in people.emails if email_key(email) not in emails]
    uuids = by_id(changed).keys()
    others += [uuid for uuid in people.uuids if uuid not in uuids]
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


def _undoable(report: Report | None) -> Report | None:
    if report is None:
        return None
    if report["preview"]:
        raise InvalidInputError("undo", "this is the report of a preview, which changed nothing.")
    if not report["complete"]:
        raise InvalidInputError(
            "undo",
            "this report does not list everyone whose seat was changed, because it was too large for XCom. Pass the "
            "complete report, which is in the log of its task.",
        )
    if report["seats_before"] is None or report["unknown"]:
        raise InvalidInputError(
            "undo",
            "this report does not know everyone's state before it (seats_before is null, or people are unknown), so it "
            "cannot be undone. Assign or unassign the people that you know. With read_seats_first=True the report of "
            "the next run can be undone.",
        )
    return report
