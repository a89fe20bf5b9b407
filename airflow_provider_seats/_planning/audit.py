"""An audit: the seats of a product with their accounts, as rows, as CSV, as counts and as a summary."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, Self, TypedDict

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seats import list_seat_users
from airflow_provider_seats._api.users import accounts_by_email, get_accounts, search_accounts
from airflow_provider_seats._arguments import (
    parse_bool,
    parse_conn_id,
    parse_non_negative_int,
    parse_optional,
    parse_path,
    parse_product_code,
    parse_text,
    parse_time,
)
from airflow_provider_seats._planning.limit import parse_limit, seats_to_warn_of
from airflow_provider_seats._planning.usage import AuditUsage, describe_usage
from airflow_provider_seats._text import encodable, plural
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.report import code, plain

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._api.users import User

_SEAT_COLUMNS: Final = ("id", "email", "name", "assigned_at")
_ACCOUNT_COLUMNS: Final = ("status", "last_login_at", "created_at", "service_account")
# Where a spreadsheet may begin a cell, before what it would run as a formula. Some run the signs in wide form, too.
_find_formula: Final = re.compile(r"(?:^|(?<=[,;\t\r\n]))(?='*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_UNKNOWN_MONTH: Final = "unknown"
_MAX_MONTHS: Final = 12
_MAX_ERROR: Final = 900
_MAX_USAGE: Final = 300
_TOO_MANY_NOW: Final = "Unassign those that nobody needs, or raise the limit."
_TOO_HIGH_A_PEAK: Final = (
    "This month is billed by it: unassigning lowers the bill from next month on. Raise the limit, if the peak was "
    "intended."
)


class AuditRow(TypedDict):
    """A seat of a product, and with ``status=True`` the account that holds it. Any value may be None.

    .. versionadded:: 0.2.0
    """

    id: str | None
    email: str | None
    name: str | None
    assigned_at: str | None
    status: NotRequired[str | None]
    last_login_at: NotRequired[str | None]
    created_at: NotRequired[str | None]
    service_account: NotRequired[bool | None]


class Audit(TypedDict):
    """The counts of an audit. Those of accounts are None without ``status=True``.

    ``never_logged_in`` does not count service accounts. ``unknown_accounts`` are seats whose account was not found.
    ``seats_by_month`` counts seats by the month of their assignment in UTC, such as ``2026-11``, and as ``unknown`` if
    the seat list does not say it. ``csv_path`` is where the rows were written. ``usage`` is what Datadog counts for the
    bill, None without ``usage=True``. ``warnings`` are what a person should look at.
    """

    product: str
    seats: int
    disabled: int | None
    service_accounts: int | None
    never_logged_in: int | None
    unknown_accounts: int | None
    seats_by_month: dict[str, int]
    csv_path: str | None
    usage: AuditUsage | None
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class AuditJob:
    """What an audit is to do, by the arguments of the operator, which describes them."""

    product: str
    status: bool = False
    csv_path: str | None = None
    csv_conn_id: str | None = None
    usage: bool = False
    usage_key: str | None = None
    max_seats: int | None = None
    warn_seats: int | None = None
    read_all_users: bool = False

    @classmethod
    def parse(cls, **arguments: object) -> Self:
        """Parse the rendered arguments of an :class:`~airflow_provider_seats.operators.AuditSeatsOperator`."""
        limit = parse_optional("max_seats", arguments["max_seats"], parse_non_negative_int)
        csv_path, csv_conn_id = parse_csv_path(arguments["csv_path"], arguments["csv_conn_id"])
        job = cls(
            product=parse_product_code(arguments["product_code"]),
            status=parse_bool("status", arguments["status"]),
            read_all_users=parse_bool("read_all_users", arguments["read_all_users"]),
            csv_path=csv_path,
            csv_conn_id=csv_conn_id,
            usage=parse_bool("usage", arguments["usage"]),
            usage_key=parse_optional(
                "usage_key",
                arguments["usage_key"],
                partial(parse_text, advice="Pass a name that Datadog's usage summary has"),
            ),
            max_seats=limit,
            warn_seats=seats_to_warn_of(parse_optional("warn_seats", arguments["warn_seats"], parse_limit), limit),
        )
        if job.usage_key is not None and not job.usage:
            raise InvalidInputError("usage_key", "it has no effect without usage=True. Pass both, or leave it out.")
        if job.read_all_users and not job.status:
            raise InvalidInputError("read_all_users", "it has no effect without status=True. Pass both, or neither.")
        return job

    def excess(self, audit: Audit, name: Literal["max_seats", "warn_seats"]) -> str | None:
        """Return which number of seats is above a limit, and what to do about it; None if none is.

        The seats of now count, and with ``usage_key`` also the month's peak, because that is what is billed.
        """
        limit: int | None = getattr(self, name)
        if limit is None:
            return None
        usage = audit["usage"]
        peaks = usage["products"][self.usage_key] if usage is not None and self.usage_key is not None else None
        if audit["seats"] > limit:
            there_are, advice = "There is" if audit["seats"] == 1 else "There are", _TOO_MANY_NOW
            found = f"{there_are} {plural(audit['seats'], 'seat')} of {self.product}"
        elif usage is not None and peaks is not None and (peaks["peak"] or 0) > limit:
            peak, advice = plural(peaks["peak"] or 0, "seat"), _TOO_HIGH_A_PEAK
            found = f"The peak of {self.product} in {usage['month']} was {peak} on {peaks['peak_day']}"
        else:
            return None
        return f"{found}, more than {name}={limit}. {advice}"


def parse_csv_path(csv_path: object, csv_conn_id: object) -> tuple[str | None, str | None]:
    """Return the path of the file and the id of its connection; None for what was not passed.

    :raises InvalidInputError: if one was passed and is None or empty.
    """
    return parse_optional("csv_path", csv_path, parse_path), parse_optional("csv_conn_id", csv_conn_id, parse_conn_id)


def read_audit_rows(product: str, *, status: bool, read_all_users: bool) -> Flow[list[AuditRow]]:
    """Return the rows of a product, optionally with the accounts that hold the seats."""
    seats = yield from list_seat_users(product)
    rows = audit_rows(seats)
    if not status:
        return rows
    unidentified = [seat.email for seat in seats if seat.email and not seat.id]
    same_emails, total = yield from search_accounts(unidentified, read_all=read_all_users)
    emails = {seat.id: seat.email for seat in seats if seat.id}
    accounts = yield from get_accounts(emails, total, read_all=read_all_users)
    return with_accounts(rows, accounts, same_emails)


def audit_rows(seats: Iterable[SeatUser]) -> list[AuditRow]:
    return [AuditRow(id=seat.id, email=seat.email, name=seat.name, assigned_at=seat.assigned_at) for seat in seats]


def with_accounts(
    rows: Iterable[AuditRow], accounts: Mapping[str, User], same_emails: Iterable[User]
) -> list[AuditRow]:
    """Return the rows with the accounts that hold the seats.

    :param accounts: accounts by user UUID.
    :param same_emails: accounts with the emails of rows that have no UUID. Such a row gets the only account of its
        email, and none if several accounts have it.
    """
    by_email = accounts_by_email(same_emails)
    found: list[AuditRow] = []
    for row in rows:
        if row["id"]:
            user = accounts.get(row["id"])
        else:
            same = by_email.get(email_key(row["email"]), ()) if row["email"] else ()
            user = same[0] if len(same) == 1 else None
        account: Any = {name: getattr(user, name, None) for name in _ACCOUNT_COLUMNS}
        found.append({**row, **account})
    return found


def to_csv(rows: Iterable[AuditRow], *, status: bool) -> str:
    """Return rows as CSV. No cell is one that a spreadsheet would run as a formula."""
    file = io.StringIO(newline="")
    columns = (*_SEAT_COLUMNS, *(_ACCOUNT_COLUMNS if status else ()))
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {key: escape_formulas(value) if isinstance(value, str) else value for key, value in row.items()}
        )
    return file.getvalue()


def escape_formulas(cell: str) -> str:
    """Return the text of a cell, with an apostrophe before all that a spreadsheet would run as a formula.

    It stands before ``=``, ``+``, ``-``, ``@``, a tab or a line break at the beginning of the cell, and after a comma,
    semicolon, tab or line break in it, where a spreadsheet with another separator begins a cell. Apostrophes that are
    already there are kept, so the original is what is left without the first apostrophe of each such place.

    .. seealso:: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return _find_formula.sub("'", encodable(cell))


def count_seats(
    product: str, rows: Sequence[AuditRow], *, status: bool, csv_path: str | None, usage: AuditUsage | None = None
) -> Audit:
    """Return the counts of an audit, without warnings."""
    months = Counter(_month(row["assigned_at"]) for row in rows)
    accounts = [row for row in rows if row.get("service_account") is not None]
    people = [row for row in accounts if not row["service_account"]]
    return Audit(
        product=product,
        seats=len(rows),
        disabled=sum((row["status"] or "").lower() == "disabled" for row in accounts) if status else None,
        service_accounts=len(accounts) - len(people) if status else None,
        never_logged_in=sum(row["last_login_at"] is None for row in people) if status else None,
        unknown_accounts=len(rows) - len(accounts) if status else None,
        seats_by_month=dict(sorted(months.items())),
        csv_path=csv_path,
        usage=usage,
        warnings=[],
    )


def summarize(audit: Audit, problem: str | None = None) -> str:
    """Return an audit as Markdown that fits into a chat message."""
    lines = [f"{audit['product']}: {plural(audit['seats'], 'seat')}", ""]
    counts = (
        (audit["disabled"], "of a disabled account", "of disabled accounts"),
        (audit["service_accounts"], "of a service account", "of service accounts"),
        (audit["never_logged_in"], "of a person who has never logged in", "of people who have never logged in"),
        (audit["unknown_accounts"], "whose account was not found", "whose accounts were not found"),
    )
    lines += [f"- {plural(count, one, many)}" for count, one, many in counts if count]
    months = list(audit["seats_by_month"].items())
    if months:
        latest = ", ".join(f"{month}: {count:,}" for month, count in months[-_MAX_MONTHS:])
        earlier = sum(count for _, count in months[:-_MAX_MONTHS])
        lines.append(f"- by month of assignment: {f'earlier: {earlier:,}, ' if earlier else ''}{latest}")
    if audit["usage"] is not None:
        lines += [f"- {plain(line, _MAX_USAGE)}" for line in describe_usage(audit["usage"])]
    if audit["csv_path"] is not None:
        lines.append(f"- list: {code(audit['csv_path'][:_MAX_ERROR])}")
    lines += [f"- {plain(f'Warning: {warning}', _MAX_ERROR)}" for warning in audit["warnings"]]
    if problem is not None:
        lines.append(f"- {plain(f'The task failed: {problem}', _MAX_ERROR)}")
    return "\n".join(lines).strip()


def summarize_failure(product: object, error: BaseException) -> str:
    problem = plain(str(error) or type(error).__name__, _MAX_ERROR)
    return f"{plain(str(product), _MAX_ERROR)}: the audit failed: {problem}"


def _month(assigned_at: str | None) -> str:
    moment = parse_time(assigned_at)
    return _UNKNOWN_MONTH if moment is None else f"{moment.astimezone(UTC):%Y-%m}"
