"""An audit as rows, as CSV, as counts and as a summary."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.seats import SeatUser
from airflow_provider_seats._api.users import User
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.audit import (
    Audit,
    AuditJob,
    AuditRow,
    audit_rows,
    count_seats,
    escape_formulas,
    summarize,
    summarize_failure,
    to_csv,
    with_accounts,
)
from airflow_provider_seats._planning.usage import AuditUsage, Peaks
from airflow_provider_seats.exceptions import InvalidInputError
from tests.helpers.examples import examples

PRODUCT = "incident_response"


def seat(**fields: Any) -> SeatUser:
    """Return a row of the seat list."""
    return SeatUser(
        **{"id": "u1", "email": "ann@x.com", "name": "Ann", "assigned_at": "2026-11-05T00:00:00Z", **fields}
    )


def user(**fields: Any) -> User:
    """Return an account."""
    return User(**{"id": "u1", "email": "ann@x.com", "name": "Ann", "status": "Active", **fields})


def rows(*seats: SeatUser, accounts: tuple[User, ...] = (), same_emails: tuple[User, ...] = ()) -> list[AuditRow]:
    """Return the rows of seats with their accounts."""
    return with_accounts(audit_rows(seats), {each.id: each for each in accounts}, same_emails)


# --- rows ---


def test_a_row_shows_the_account_of_its_uuid() -> None:
    """A row shows the account with the seat's UUID, whatever its email is."""
    account = user(
        email="new@x.com", status="Disabled", last_login_at="2026-01-01", created_at="2025-01-01", service_account=True
    )
    assert rows(seat(), accounts=(account,), same_emails=(user(id="u2"),)) == [
        {
            "id": "u1",
            "email": "ann@x.com",
            "name": "Ann",
            "assigned_at": "2026-11-05T00:00:00Z",
            "status": "Disabled",
            "last_login_at": "2026-01-01",
            "created_at": "2025-01-01",
            "service_account": True,
        }
    ]


@pytest.mark.parametrize(
    ("row", "same_emails", "status"),
    [
        (seat(), (user(id="u2"),), None),
        (seat(id=None), (user(id="u2", email="ANN@x.com"),), "Active"),
        (seat(id=None), (user(id="u2"), user(id="u2")), "Active"),
        (seat(id=None), (user(id="u2"), user(id="u3")), None),
        (seat(id=None), (user(id="u2", email="joann@x.com"), user(id="u3", email=None)), None),
        (seat(id=None, email=None), (user(id="u2"),), None),
    ],
)
def test_an_email_finds_the_account_only_of_a_seat_without_uuid(
    row: SeatUser, same_emails: tuple[User, ...], status: str | None
) -> None:
    """A seat without a UUID shows the only account of its email; any other unknown seat shows no account."""
    [shown] = rows(row, same_emails=same_emails)
    assert (shown["status"], shown["service_account"]) == (status, None if status is None else False)


# --- CSV ---


@pytest.mark.parametrize(
    ("cell", "escaped"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1+1)", "'@SUM(1+1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("'=1", "''=1"),
        ("Ann;=1+1", "Ann;'=1+1"),
        ("Ann,-1", "Ann,'-1"),
        ("Ann", "Ann"),
        ("'Ann'", "'Ann'"),
        ("Ann-Marie = A, B", "Ann-Marie = A, B"),
        ("ann+b@x.com", "ann+b@x.com"),
        ("2026-11-05T00:00:00+00:00", "2026-11-05T00:00:00+00:00"),
        ("", ""),
        ("\ud800", "?"),
    ],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str, escaped: str) -> None:
    """An apostrophe stands before each sign with which a spreadsheet may begin a formula, and nowhere else."""
    assert escape_formulas(cell) == escaped


pieces = st.text(st.sampled_from("'=+-@\t\r\n,;|a \uff1d"), max_size=12)


@given(pieces)
@examples(150)
def test_the_original_of_an_escaped_cell_comes_back(cell: str) -> None:
    """Without the first apostrophe of each such place, an escaped cell is the original, so no two become one."""
    escaped = escape_formulas(cell)
    assert re.sub("(^|[,;\t\r\n])'(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])", r"\1", escaped) == cell


@given(pieces)
@examples(150)
def test_no_cell_is_a_formula_with_any_separator(cell: str) -> None:
    """Whatever separator a spreadsheet assumes, no cell begins with a sign that makes it a formula."""
    file = io.StringIO(to_csv(audit_rows([seat(name=cell)]), status=False), newline="")
    [shown] = csv.DictReader(file)
    for part in re.split("[,;\t\r\n]", shown["name"]):
        assert not part.startswith(("=", "+", "-", "@", "\uff1d"))


def test_the_csv_has_the_columns_of_the_rows() -> None:
    """The CSV has the columns of the rows, with empty cells for what is unknown."""
    assert to_csv([], status=False) == "id,email,name,assigned_at\r\n"
    unknown = rows(seat(email=None, name='Ann, "A"'))
    assert to_csv(unknown, status=True).splitlines() == [
        "id,email,name,assigned_at,status,last_login_at,created_at,service_account",
        'u1,,"Ann, ""A""",2026-11-05T00:00:00Z,,,,',
    ]
    assert to_csv(rows(seat(), accounts=(user(),)), status=True).endswith(",Active,,,False\r\n")


# --- counts ---

SEATS = [
    seat(),
    seat(id="u2", assigned_at="2026-10-31T23:30:00-02:00"),
    seat(id="u3", assigned_at="2026-10-01"),
    seat(id="u4", assigned_at=None),
    seat(id="u5", assigned_at="soon"),
]
ACCOUNTS = (
    user(last_login_at="2026-01-01"),
    user(id="u2", status="Disabled"),
    user(id="u3", service_account=True),
    user(id="u4", status="Pending"),
)


def test_the_counts_of_an_audit() -> None:
    """An audit counts seats, months and kinds of accounts; a service account is no person who never logged in."""
    audit = count_seats(PRODUCT, rows(*SEATS, accounts=ACCOUNTS), status=True, csv_path="s3://audit/seats.csv")
    assert audit == {
        "product": PRODUCT,
        "seats": 5,
        "disabled": 1,
        "service_accounts": 1,
        "never_logged_in": 2,
        "unknown_accounts": 1,
        "seats_by_month": {"2026-10": 1, "2026-11": 2, "unknown": 2},
        "csv_path": "s3://audit/seats.csv",
        "usage": None,
        "warnings": [],
    }
    assert list(audit["seats_by_month"]) == ["2026-10", "2026-11", "unknown"]


def test_without_accounts_their_counts_are_unknown() -> None:
    """Without the accounts, what depends on them is None and not 0."""
    audit = count_seats(PRODUCT, audit_rows(SEATS), status=False, csv_path=None)
    assert [key for key, value in audit.items() if value is None] == [
        "disabled",
        "service_accounts",
        "never_logged_in",
        "unknown_accounts",
        "csv_path",
        "usage",
    ]
    assert summarize(audit) == f"{PRODUCT}: 5 seats\n\n- by month of assignment: 2026-10: 1, 2026-11: 2, unknown: 2"
    assert summarize(count_seats(PRODUCT, [], status=True, csv_path=None)) == f"{PRODUCT}: 0 seats"


# --- summary ---


def test_the_summary_of_an_audit() -> None:
    """The summary is Markdown with the counts that are not 0, and where the list is."""
    audit = count_seats(PRODUCT, rows(*SEATS, accounts=ACCOUNTS), status=True, csv_path="s3://a/`s`.csv")
    assert summarize(audit).splitlines() == [
        f"{PRODUCT}: 5 seats",
        "",
        "- 1 of a disabled account",
        "- 1 of a service account",
        "- 2 of people who have never logged in",
        "- 1 whose account was not found",
        "- by month of assignment: 2026-10: 1, 2026-11: 2, unknown: 2",
        "- list: `` s3://a/`s`.csv ``",
    ]


def test_the_summary_adds_up_the_months_before_the_latest() -> None:
    """The summary shows the latest twelve months, and the seats of earlier ones as one number."""
    months = {f"{year}-{month:02}": 1000 for year in (2025, 2026) for month in range(1, 13)}
    audit = Audit(
        product=PRODUCT,
        seats=24_000,
        disabled=None,
        service_accounts=None,
        never_logged_in=None,
        unknown_accounts=None,
        seats_by_month=months,
        csv_path=None,
        usage=None,
        warnings=[],
    )
    assert "- by month of assignment: earlier: 12,000, 2026-01: 1,000, 2026-02: 1,000, " in summarize(audit)
    assert len(summarize(audit)) < 500


def test_the_summary_of_a_failure() -> None:
    """The summary of an audit that failed has the error, in one short line."""
    assert summarize_failure(PRODUCT, ValueError("a\nb")) == f"{PRODUCT}: the audit failed: a b"
    assert summarize_failure(PRODUCT, TimeoutError()) == f"{PRODUCT}: the audit failed: TimeoutError"
    assert len(summarize_failure(PRODUCT, ValueError("x" * 5000))) < 1100


# --- limits ---

KEY = "on_call_seat_hwm"
DEFAULTS: dict[str, Any] = {
    "product_code": "a",
    "status": False,
    "read_all_users": False,
    "csv_path": NOT_PASSED,
    "csv_conn_id": NOT_PASSED,
    "usage": False,
    "usage_key": NOT_PASSED,
    "max_seats": NOT_PASSED,
    "warn_seats": NOT_PASSED,
}
PEAKS = {KEY: Peaks(peak=9, peak_day="2026-11-14", last_month_peak=8)}
USAGE = AuditUsage(month="2026-11", last_month="2026-10", last_updated="2026-11-28T23", products=PEAKS)


def audit_of(seats: int, usage: AuditUsage | None = None) -> Audit:
    """Return an audit of so many seats."""
    return count_seats("a", audit_rows([seat()] * seats), status=False, csv_path=None, usage=usage)


@pytest.mark.parametrize(
    ("seats", "usage", "key", "limit", "excess"),
    [
        (5, None, None, None, None),
        (5, None, None, 5, None),
        (1, None, None, 0, "There is 1 seat of a, more than max_seats=0. Unassign"),
        (6, None, None, 5, "There are 6 seats of a, more than max_seats=5. Unassign"),
        (5, USAGE, None, 5, None),
        (5, USAGE, KEY, 9, None),
        (5, USAGE, KEY, 8, "The peak of a in 2026-11 was 9 seats on 2026-11-14, more than max_seats=8. This month"),
        (5, {**USAGE, "products": {KEY: {**PEAKS[KEY], "peak": None}}}, KEY, 5, None),
    ],
)
def test_a_limit_counts_the_seats_of_now_and_the_peak_of_a_mapped_name(
    seats: int, usage: Any, key: str | None, limit: int | None, excess: str | None
) -> None:
    """Seats of now always count, and the month's peak only if the user says under which name it is counted."""
    job = AuditJob("a", usage=usage is not None, usage_key=key, max_seats=limit)
    found = job.excess(audit_of(seats, usage), "max_seats")
    assert found == excess if excess is None else (found or "").startswith(excess)
    assert job.excess(audit_of(seats, usage), "warn_seats") is None


def test_too_many_seats_are_a_warning() -> None:
    """The warning says what was counted, and the argument."""
    job = AuditJob("a", warn_seats=5)
    assert job.excess(audit_of(5), "warn_seats") is None
    warning = job.excess(audit_of(6), "warn_seats") or ""
    assert warning == (
        "There are 6 seats of a, more than warn_seats=5. Unassign those that nobody needs, or raise the limit."
    )
    assert summarize({**audit_of(6), "warnings": [warning]}, "broken").splitlines()[-2:] == [
        f"- Warning: {warning}",
        "- The task failed: broken",
    ]


def test_a_peak_that_was_reached_is_not_lowered_by_unassigning() -> None:
    """The warning about a peak does not advise what has no effect this month."""
    job = AuditJob("a", usage=True, usage_key=KEY, warn_seats=8)
    assert job.excess(audit_of(5, USAGE), "warn_seats") == (
        "The peak of a in 2026-11 was 9 seats on 2026-11-14, more than warn_seats=8. This month is billed by it: "
        "unassigning lowers the bill from next month on. Raise the limit, if the peak was intended."
    )


# --- arguments ---


def test_rendered_arguments_are_parsed() -> None:
    """Arguments are parsed from what templates render."""
    job = AuditJob.parse(
        product_code=" a ",
        status="True",
        csv_path=" s3://a/b ",
        csv_conn_id="aws",
        usage="true",
        usage_key=f" {KEY} ",
        max_seats="50",
        warn_seats="90%",
        read_all_users=" True",
    )
    assert job == AuditJob("a", True, "s3://a/b", "aws", True, KEY, 50, 45, read_all_users=True)
    assert AuditJob.parse(**DEFAULTS) == AuditJob("a")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"product_code": ""}, "product_code: '' is not a product code"),
        ({"status": "maybe"}, "status: 'maybe' is neither true nor false"),
        ({"csv_path": None}, "csv_path: None: the template or task that it comes from returned nothing."),
        ({"csv_path": " "}, "csv_path: ' ': the template or task that it comes from returned nothing."),
        ({"csv_path": "None"}, "csv_path: it is empty ('None'). Pass a path or URL"),
        ({"csv_conn_id": None}, "csv_conn_id: None: the template or task that it comes from returned nothing."),
        ({"csv_conn_id": ""}, "csv_conn_id: '': the template or task that it comes from returned nothing."),
        ({"csv_conn_id": "None"}, "csv_conn_id: it is empty ('None'). Pass the id of a connection."),
        ({"csv_conn_id": 7}, "csv_conn_id: it is empty (7). Pass the id of a connection."),
        ({"usage": "maybe"}, "usage: 'maybe' is neither true nor false"),
        ({"usage": True, "usage_key": None}, "usage_key: None: the template or task"),
        ({"read_all_users": True}, "read_all_users: it has no effect without status=True."),
        ({"usage_key": KEY}, "usage_key: it has no effect without usage=True."),
        ({"max_seats": "many"}, "max_seats: 'many' is not a whole number"),
        ({"max_seats": ""}, "max_seats: '': the template or task"),
        ({"warn_seats": "90%"}, "warn_seats: '90%' is a percentage of max_seats, which was not passed"),
    ],
)
def test_an_argument_that_came_out_as_nothing_is_an_error(arguments: Any, expected: str) -> None:
    """An argument that a template rendered to nothing is an error, so that no list is left unwritten unnoticed."""
    with pytest.raises(InvalidInputError, match=re.escape(expected)):
        AuditJob.parse(**{**DEFAULTS, **arguments})
