"""An audit: the seats of a product with their accounts, as rows, as CSV, as counts and as a summary."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final, NotRequired, Self, TypedDict

from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.users import accounts_by_email
from airflow_provider_seats._planning.arguments import parse_bool, parse_product_code, parse_time
from airflow_provider_seats._text import encodable, plural, shorten
from airflow_provider_seats.exceptions import InvalidInputError
from airflow_provider_seats.report import code, plain

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._api.users import User

_SEAT_COLUMNS: Final = ("id", "email", "name", "assigned_at")
_ACCOUNT_COLUMNS: Final = ("status", "last_login_at", "created_at", "service_account")
# Where a spreadsheet may begin a cell, before what it would run as a formula. Some run the signs in wide form, too.
_find_formula: Final = re.compile(r"(?:^|(?<=[,;\t\r\n]))(?='*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_UNKNOWN_MONTH: Final = "unknown"
_MAX_MONTHS: Final = 12
_MAX_ERROR: Final = 900


class AuditRow(TypedDict):
    """A seat of a product, and with ``status=True`` the account that holds it. Any value may be None."""

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
    the seat list does not say it. ``csv_path`` is where the rows were written.
    """

    product: str
    seats: int
    disabled: int | None
    service_accounts: int | None
    never_logged_in: int | None
    unknown_accounts: int | None
    seats_by_month: dict[str, int]
    csv_path: str | None


@dataclass(frozen=True, slots=True)
class AuditJob:
    """What an audit is to do.

    :param status: whether to read the accounts.
    :param csv_path: where to write the rows; None for nowhere.
    :param csv_conn_id: the Airflow connection for that path.
    """

    product: str
    status: bool = False
    csv_path: str | None = None
    csv_conn_id: str | None = None

    @classmethod
    def parse(cls, *, product_code: object, status: object, csv_path: object, csv_conn_id: object) -> Self:
        """Parse rendered arguments.

        :raises InvalidInputError: for the first argument that cannot be used.
        """
        return cls(
            product=parse_product_code(product_code),
            status=parse_bool("status", status),
            csv_path=_parse_text("csv_path", csv_path),
            csv_conn_id=_parse_text("csv_conn_id", csv_conn_id),
        )


def audit_rows(seats: Iterable[SeatUser]) -> list[AuditRow]:
    """Return the rows of seats without their accounts."""
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
    return [_with_account(row, _holder(row, accounts, by_email)) for row in rows]


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


def count_seats(product: str, rows: Sequence[AuditRow], *, status: bool, csv_path: str | None) -> Audit:
    """Return the counts of an audit."""
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
    )


def summarize(audit: Audit) -> str:
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
    if audit["csv_path"] is not None:
        lines.append(f"- list: {code(audit['csv_path'][:_MAX_ERROR])}")
    return "\n".join(lines).strip()


def summarize_failure(product: object, error: BaseException) -> str:
    """Return the summary of an audit that failed."""
    return (
        f"{plain(str(product), _MAX_ERROR)}: the audit failed: {plain(str(error) or type(error).__name__, _MAX_ERROR)}"
    )


def _holder(row: AuditRow, accounts: Mapping[str, User], by_email: Mapping[str, Sequence[User]]) -> User | None:
    if row["id"]:
        return accounts.get(row["id"])
    same = by_email.get(email_key(row["email"]), ()) if row["email"] else ()
    return same[0] if len(same) == 1 else None


def _with_account(row: AuditRow, user: User | None) -> AuditRow:
    return {
        **row,
        "status": user.status if user else None,
        "last_login_at": user.last_login_at if user else None,
        "created_at": user.created_at if user else None,
        "service_account": user.service_account if user else None,
    }


def _month(assigned_at: str | None) -> str:
    moment = parse_time(assigned_at)
    return _UNKNOWN_MONTH if moment is None else f"{moment.astimezone(UTC):%Y-%m}"


def _parse_text(name: str, value: object) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if text in {"", "None"}:
        raise InvalidInputError(
            name, f"it is empty ({shorten(value)}). Check the template or task that it comes from, or leave it out."
        )
    return text
