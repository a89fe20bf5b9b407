"""The hook: its connection, its methods, the connection form, and the test of a connection."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock
from uuid import UUID

import pytest

from airflow_provider_seats._api.flow import Pause
from airflow_provider_seats._connection_form import BEHAVIOUR, FIELDS
from airflow_provider_seats.exceptions import (
    AmbiguousUsersError,
    ConnectionNotFoundError,
    GroupsNotFoundError,
    InvalidConnectionError,
    InvalidInputError,
    KeysRefusedError,
    SeatsRefusedError,
    UsageNotAvailableError,
)
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.testing import (
    API_KEY,
    APP_KEY,
    PERMISSIONS,
    SEATS,
    USERS,
    VALIDATE_KEYS,
    FakeDatadog,
    Fault,
)
from tests.conftest import PRODUCT
from tests.helpers.airflow_home import AIRFLOW_RELEASE
from tests.helpers.tls import serve_with_tls

GHOST = "00000000-0000-0000-0000-000000000000"
SEATED = "00000000-0000-0000-0000-00000000005e"


def set_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str = "datadog_default", **fields: Any) -> None:
    """Define a connection in its environment variable."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "datadog_seats", **fields}))


def test_the_methods_list_assign_unassign_and_find(datadog: FakeDatadog) -> None:
    """Each method returns what it is documented to return."""
    ann, bob = datadog.add_user("ann@x.com", "Ann"), datadog.add_user("bob@x.com", seat=PRODUCT)
    hook = DatadogSeatsHook()
    assert hook.assign_seats(PRODUCT, [ann, bob.upper()]) == [ann, bob]
    holder = next(user for user in hook.list_seat_users(PRODUCT) if user.id == ann)
    assert (holder.email, holder.name) == ("ann@x.com", "Ann")
    assert holder.assigned_at is not None
    assert hook.unassign_seats(PRODUCT, [ann, ann]) == [ann]
    found = hook.find_users(["Ann@X.com", "ghost@x.com"])
    assert {email: (user.id, user.email, user.status) for email, user in found.items()} == {
        "ann@x.com": (ann, "ann@x.com", "Active")
    }
    assert datadog.holders(PRODUCT) == {bob}


def test_a_refused_user_is_an_error(datadog: FakeDatadog) -> None:
    """An assignment that is refused for one user raises an error that names them, and assigns everyone else."""
    ann = datadog.add_user("ann@x.com")
    with pytest.raises(SeatsRefusedError, match=GHOST):
        DatadogSeatsHook().assign_seats(PRODUCT, [ann, GHOST])
    assert datadog.holders(PRODUCT) == {ann}


def test_a_text_for_a_list_is_an_error(datadog: FakeDatadog) -> None:
    """A single text instead of a list is an error before anything is sent."""
    hook = DatadogSeatsHook()
    for method in (hook.assign_seats, hook.unassign_seats):
        with pytest.raises(InvalidInputError, match="user_uuids"):
            method(PRODUCT, GHOST)
    with pytest.raises(InvalidInputError, match="emails"):
        hook.find_users("ann@x.com")
    assert datadog.calls() == []


def test_the_client_runs_custom_flows(datadog: FakeDatadog) -> None:
    """The client of the hook runs flows that the hook has no method for."""

    def flow() -> Any:
        yield Pause(0, "nothing")
        return "done"

    assert DatadogSeatsHook().get_conn().run(flow()) == "done"


def test_the_connection_is_looked_up_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook can be created while a DAG is parsed, because it does not look up its connection."""
    monkeypatch.setattr(DatadogSeatsHook, "get_connection", lambda *_: pytest.fail("looked up"))
    hook = DatadogSeatsHook("nowhere", logger_name="x")
    assert APP_KEY not in repr(hook)


def test_a_connection_of_airflows_own_datadog_provider_works_as_it_is(
    monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog
) -> None:
    """A connection of Airflow's own Datadog provider works, with its api_host and its keys."""
    extra = {"api_key": API_KEY, "app_key": APP_KEY, "api_host": datadog.url}
    set_connection(monkeypatch, "other", conn_type="datadog", host="events.example.com", extra=extra)
    assert DatadogSeatsHook("other").list_seat_users(PRODUCT) == []


def test_a_connection_may_be_a_uri(monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog) -> None:
    """A connection can be a URI in an environment variable."""
    port = datadog.url.rpartition(":")[2]
    monkeypatch.setenv("AIRFLOW_CONN_U", f"datadog-seats://:{APP_KEY}@127.0.0.1:{port}/http?api_key={API_KEY}")
    assert DatadogSeatsHook("u").list_seat_users(PRODUCT) == []


def test_an_application_key_in_the_extra_is_masked(monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog) -> None:
    """An application key in the extra is masked in logs, because Airflow does not know the name of its field."""
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_seats._airflow.mask_secret", masked.append)
    set_connection(monkeypatch, host=datadog.url, extra={"api_key": API_KEY, "app_key": APP_KEY})
    assert DatadogSeatsHook().list_seat_users(PRODUCT) == []
    assert masked == [APP_KEY]


def test_a_connection_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a connection names its field and its id."""
    set_connection(monkeypatch, "broken", password="APP", extra={"api_key": "***"})
    with pytest.raises(InvalidConnectionError, match=r"'broken'.*extra.api_key"):
        DatadogSeatsHook("broken").list_seat_users(PRODUCT)


@pytest.mark.skipif(AIRFLOW_RELEASE == (3, 1, 0), reason="this Airflow looks for connections in tasks only")
def test_a_missing_connection_is_an_error() -> None:
    """The error names the connection and the argument, and a task does not retry it."""
    with pytest.raises(ConnectionNotFoundError, match=r"'no_such'.*Create it, or correct datadog_conn_id") as raised:
        DatadogSeatsHook("no_such").list_seat_users(PRODUCT)
    assert not raised.value.transient
    assert DatadogSeatsHook("no_such").test_connection() == (False, str(raised.value))


def test_a_uri_with_an_underscore_is_an_error_that_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to write instead. Airflow takes such a URI, with its key, for the schema."""
    monkeypatch.setenv("AIRFLOW_CONN_U", f"datadog_seats://:{APP_KEY}@/?api_key={API_KEY}&site=datadoghq.eu")
    with pytest.raises(
        InvalidConnectionError, match=r"'u', field URI: .* underscore. Write datadog-seats://"
    ) as raised:
        DatadogSeatsHook("u").list_seat_users(PRODUCT)
    assert APP_KEY not in str(raised.value)


def test_an_extra_that_is_not_json_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that is not JSON is one error, and not an error about each field that it lacks."""
    monkeypatch.setattr(DatadogSeatsHook, "get_connection", lambda *_: Extra())

    class Extra:
        conn_type, host, port, schema, password, extra = "datadog_seats", None, None, None, "APP", "api_key=API"
        extra_dejson: ClassVar[dict[str, str]] = {}

    with pytest.raises(InvalidConnectionError, match="field extra: it is not a JSON object"):
        DatadogSeatsHook().list_seat_users(PRODUCT)


@pytest.mark.parametrize("nobody", [[None], [""], [" "]])
def test_an_empty_entry_is_an_error(datadog: FakeDatadog, nobody: Any) -> None:
    """An empty entry in a list is an error before anything is sent, because an empty search finds everyone."""
    hook = DatadogSeatsHook()
    with pytest.raises(InvalidInputError, match=r"is neither a user UUID nor an email address|row 1 is None"):
        hook.find_users(nobody)
    for method in (hook.assign_seats, hook.unassign_seats):
        with pytest.raises(InvalidInputError, match="is not a user UUID"):
            method(PRODUCT, nobody)
    assert datadog.calls() == []


FORMS = [
    str,
    str.upper,
    lambda text: text.replace("-", ""),
    lambda text: f"{{{text}}}",
    lambda text: f"urn:uuid:{text}",
    lambda text: f" {text}\n",
    UUID,
]


@pytest.mark.parametrize("form", FORMS)
def test_uuids_are_accepted_in_every_form(datadog: FakeDatadog, form: Any) -> None:
    """The hook accepts a UUID in every form, and returns it in lower case with hyphens."""
    ann = datadog.add_user("ann@x.com")
    hook = DatadogSeatsHook()
    assert hook.assign_seats(PRODUCT, [form(ann)]) == [ann]
    assert datadog.holders(PRODUCT) == {ann}
    assert hook.unassign_seats(PRODUCT, [form(ann)]) == [ann]
    assert datadog.holders(PRODUCT) == set()


@pytest.mark.parametrize("value", ["ann@x.com", "ann", GHOST[:-1], 7])
def test_anything_but_a_uuid_is_an_error(datadog: FakeDatadog, value: Any) -> None:
    """An email or a damaged UUID is an error that shows it, before anything is sent, and no success."""
    datadog.add_user("ann@x.com", seat=PRODUCT)
    hook = DatadogSeatsHook()
    for method in (hook.assign_seats, hook.unassign_seats):
        with pytest.raises(InvalidInputError, match=r"user_uuids: .* is not a user UUID") as caught:
            method(PRODUCT, [GHOST, value])
        assert repr(value) in str(caught.value)
    assert datadog.calls() == []
    assert datadog.emails(PRODUCT) == ["ann@x.com"]


def test_users_are_found_by_emails_in_any_case(datadog: FakeDatadog) -> None:
    """find_users returns the accounts by lower-case email, and leaves out emails that have none."""
    ann, bob = datadog.add_user("Ann@x.com"), datadog.add_user("bob@x.com", status="Disabled")
    datadog.add_user("joann@x.com")
    found = DatadogSeatsHook().find_users(iter(["ANN@X.com", " bob@x.com", "bob@X.com", "nobody@x.com"]))
    assert {email: user.id for email, user in found.items()} == {"ann@x.com": ann, "bob@x.com": bob}
    assert found["bob@x.com"].disabled


def test_nobody_is_found_without_a_call(datadog: FakeDatadog) -> None:
    """find_users of an empty list returns nothing and sends nothing."""
    assert DatadogSeatsHook().find_users([]) == {}
    assert datadog.calls() == []


@pytest.mark.parametrize("value", [GHOST, "ann", "ann@", "a*@x.com", "\ufeffann\u200b@x.com", None, 7])
def test_anything_but_an_email_finds_nobody(datadog: FakeDatadog, value: Any) -> None:
    """find_users refuses anything that is not an email, before anything is sent."""
    with pytest.raises(InvalidInputError) as caught:
        DatadogSeatsHook().find_users(["ann@x.com", value])
    assert caught.value.field == "emails"
    assert datadog.calls() == []


def test_an_email_of_several_accounts_is_an_error(datadog: FakeDatadog) -> None:
    """find_users raises an error that shows the accounts if an email has several enabled ones."""
    accounts = [datadog.add_user("ann@x.com") for _ in range(2)]
    with pytest.raises(AmbiguousUsersError) as caught:
        DatadogSeatsHook().find_users(["Ann@x.com"])
    assert [user.id for user in caught.value.accounts["ann@x.com"]] == accounts


# --- audit ---


def test_the_members_of_teams_are_listed(datadog: FakeDatadog) -> None:
    """The members of several teams are returned once, in a search and a call for each team, without sub-teams."""
    ann, bob, cy = (datadog.add_user(f"{name}@x.com") for name in ("ann", "bob", "cy"))
    datadog.add_team("sre", [bob, ann])
    datadog.add_team("payments", [cy, bob])
    datadog.add_team("sre-eu", [datadog.add_user("di@x.com")])
    assert DatadogSeatsHook().list_team_members(" sre ", "payments") == [bob, ann, cy]
    assert len(datadog.calls()) == 3


def test_members_who_are_left_out_are_named(datadog: FakeDatadog) -> None:
    """Disabled accounts and service accounts of a team are left out, and the log names them."""
    ann, gone = datadog.add_user("ann@x.com"), datadog.add_user("gone@x.com", status="Disabled")
    robot = datadog.add_user("robot@x.com", service_account=True)
    datadog.add_team("sre", [gone, ann, robot])
    hook = DatadogSeatsHook()
    with mock.patch.object(hook.log, "warning") as warning:
        assert hook.list_team_members("sre") == [ann]
    [call] = warning.call_args_list
    assert call.args[0] % call.args[1:] == (
        f"Datadog teams: 2 accounts are left out: gone@x.com ({gone}): the account is disabled, "
        f"robot@x.com ({robot}): it is a service account"
    )


def test_an_unknown_team_is_an_error(datadog: FakeDatadog) -> None:
    """An unknown handle is an error that names it, and shows what is hidden in it."""
    datadog.add_team("sre")
    with pytest.raises(GroupsNotFoundError, match=r"no team has the handle 'sre\\u200b'"):
        DatadogSeatsHook().list_team_members("sre\u200b")


@pytest.mark.parametrize("handles", [(), ("",), ("sre", " "), (None,), (["sre"],), (7,)])
def test_anything_but_a_handle_is_an_error(datadog: FakeDatadog, handles: Any) -> None:
    """No handle, an empty one and anything but text is an error that names it, before anything is sent."""
    with pytest.raises(InvalidInputError, match=r"^handles: ") as raised:
        DatadogSeatsHook().list_team_members(*handles)
    assert not handles or repr(handles[-1]) in str(raised.value)
    assert datadog.calls() == []


def test_accounts_are_read_by_uuid(datadog: FakeDatadog) -> None:
    """Accounts are returned by UUID, each once, also disabled ones. UUIDs that Datadog does not know are left out."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com", status="Disabled")
    hook = DatadogSeatsHook()
    for read_all in (False, True):
        found = hook.get_users([ann.upper(), bob, GHOST, ann], read_all_users=read_all)
        assert {uuid: (user.email, user.status) for uuid, user in found.items()} == {
            ann: ("ann@x.com", "Active"),
            bob: ("bob@x.com", "Disabled"),
        }
    assert [each.path == USERS for each in datadog.calls()] == [False] * 3 + [True]
    assert hook.get_users([]) == {}
    for wrong in (ann, ["ann@x.com"], [None]):
        with pytest.raises(InvalidInputError, match=r"^user_uuids: "):
            hook.get_users(wrong)  # type: ignore[arg-type]


def test_everyone_who_has_a_role_is_listed(datadog: FakeDatadog) -> None:
    """Roles are passed by name or id, and everyone who has one of them is returned once."""
    ann, bob, cy = (datadog.add_user(f"{name}@x.com") for name in ("ann", "bob", "cy"))
    leads = datadog.add_role("Leads", [bob, ann])
    datadog.add_role("On-Call", [cy, bob, datadog.add_user("robot@x.com", service_account=True)])
    datadog.add_role("On-Call EU", [datadog.add_user("di@x.com")])
    hook = DatadogSeatsHook()
    with mock.patch.object(hook.log, "warning") as warning:
        assert hook.list_role_members(" On-Call ", leads.upper()) == [cy, bob, ann]
    assert len(datadog.calls()) == 3
    assert (
        "Datadog roles: 1 account is left out: robot@x.com (" in warning.call_args.args[0] % warning.call_args.args[1:]
    )


@pytest.mark.parametrize("roles", [(), ("",), ("SRE", " "), (None,), (["SRE"],), (7,)])
def test_anything_but_a_role_is_an_error(datadog: FakeDatadog, roles: Any) -> None:
    """No role, an empty one and anything but text is an error that names it, before anything is sent."""
    with pytest.raises(InvalidInputError, match=r"^roles: ") as raised:
        DatadogSeatsHook().list_role_members(*roles)
    assert not roles or repr(roles[-1]) in str(raised.value)
    assert datadog.calls() == []


def test_an_empty_role_among_several_is_an_error(datadog: FakeDatadog) -> None:
    """Of several roles, each has to have a member who counts, and all that have none are named."""
    datadog.add_role("Leads", [datadog.add_user("ann@x.com")])
    datadog.add_role("Empty")
    datadog.add_role("Robots", [datadog.add_user("robot@x.com", service_account=True)])
    assert DatadogSeatsHook().list_role_members("Empty") == []
    with pytest.raises(InvalidInputError, match=r"^roles: no member of 'Empty', 'Robots' has an enabled account"):
        DatadogSeatsHook().list_role_members("Leads", "Empty", "Robots")


def test_active_users_are_listed_and_the_others_counted(datadog: FakeDatadog) -> None:
    """Everyone with an active account is returned. Service accounts are named in the log, and the others counted."""
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    robot = datadog.add_user("robot@x.com", service_account=True)
    datadog.add_user("gone@x.com", status="Disabled")
    datadog.add_user("new@x.com", status="Pending")
    hook = DatadogSeatsHook()
    lines: list[str] = []
    with (
        mock.patch.object(hook.log, "warning", lambda text, *values: lines.append(text % values)),
        mock.patch.object(hook.log, "info", lambda text, *values: lines.append(text % values)),
    ):
        assert hook.list_active_users() == [ann, bob]
    assert lines == [
        f"Datadog users: 1 account is left out: robot@x.com ({robot}): it is a service account",
        "Datadog users: 2 people found; 2 inactive accounts left out",
    ]


@pytest.mark.parametrize(
    ("permission", "call"),
    [
        ("teams_read", lambda hook: hook.list_team_members("sre")),
        ("user_access_read", lambda hook: hook.list_role_members("SRE")),
        ("user_access_read", lambda hook: hook.list_active_users()),
    ],
)
def test_listing_people_needs_a_permission(
    datadog: FakeDatadog, no_waits: list[float], permission: str, call: Callable[[DatadogSeatsHook], object]
) -> None:
    """Without the permission, the error names it. No other permission is needed."""
    datadog.add_team("sre")
    datadog.add_role("SRE")
    datadog.permissions.remove(permission)
    with pytest.raises(KeysRefusedError, match=f"has the permission {permission}"):
        call(DatadogSeatsHook())
    datadog.permissions = {permission}
    assert call(DatadogSeatsHook()) == []


def test_an_audit_returns_rows_and_writes_them_as_csv(datadog: FakeDatadog, tmp_path: Path) -> None:
    """An audit returns the seats with their accounts, and writes the same rows as CSV in UTF-8."""
    ann = datadog.add_user("ann@x.com", 'Zo\xeb, "Z"', last_login_at="2026-11-01T00:00:00Z", seat=PRODUCT)
    off = datadog.add_user("off@x.com", status="Disabled", seat=PRODUCT)
    left = datadog.add_user("left@x.com")
    datadog.give_seat(PRODUCT, left, email=None, name=None, assigned_at=None)
    datadog.give_seat(PRODUCT, GHOST, email="off@x.com")
    hook = DatadogSeatsHook()
    assert [list(row) for row in hook.audit_seats(PRODUCT)] == [["id", "email", "name", "assigned_at"]] * 4
    path = tmp_path / "2026/audit.csv"
    rows = hook.audit_seats(PRODUCT, status=True, csv_path=path.as_uri())
    assert {row["id"]: (row["status"], row["last_login_at"], row["service_account"]) for row in rows} == {
        ann: ("Active", "2026-11-01T00:00:00Z", False),
        off: ("Disabled", None, False),
        left: ("Active", None, False),
        GHOST: (None, None, None),
    }
    assert all((row["created_at"] is None) == (row["id"] == GHOST) for row in rows)
    with path.open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert written == [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]


def test_an_audit_shows_the_account_that_holds_the_seat(datadog: FakeDatadog) -> None:
    """If two accounts share an email, the row shows the one that holds the seat, also if that is disabled."""
    first = datadog.add_user("ann@x.com", status="Disabled", seat=PRODUCT)
    datadog.add_user("ann@x.com", last_login_at="2026-11-01T00:00:00Z")
    [row] = DatadogSeatsHook().audit_seats(PRODUCT, status=True)
    assert (row["id"], row["status"], row["last_login_at"]) == (first, "Disabled", None)


def test_an_audit_finds_the_account_of_a_seat_without_uuid_by_its_email(datadog: FakeDatadog) -> None:
    """A seat that is listed without a UUID shows the account of its email, for one call more."""
    ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com", status="Disabled")
    datadog.give_seat(PRODUCT, bob, id=None)
    rows = DatadogSeatsHook().audit_seats(PRODUCT, status=True)
    assert [(row["id"], row["status"]) for row in rows] == [(ann, "Active"), (None, "Disabled")]
    assert len(datadog.calls()) == 3


@pytest.mark.parametrize(
    ("seats", "others", "reads"),
    [(1, 0, 1), (3, 0, 3), (4, 0, 2), (120, 0, 3), (5, 250, 4), (5, 1000, 5)],
)
def test_an_audit_reads_accounts_in_the_fewest_calls(datadog: FakeDatadog, seats: int, others: int, reads: int) -> None:
    """The accounts cost at most one call for each person, or the list of all users where that is fewer calls."""
    for number in range(seats):
        datadog.add_user(f"seated{number}@x.com", seat=PRODUCT)
    for number in range(others):
        datadog.add_user(f"other{number}@x.com")
    rows = DatadogSeatsHook().audit_seats(PRODUCT, status=True)
    assert {row["status"] for row in rows} == {"Active"}
    assert len(datadog.calls("GET")) - len(datadog.calls("GET", SEATS)) == reads


def test_an_audit_escapes_what_a_spreadsheet_would_run(datadog: FakeDatadog, tmp_path: Path) -> None:
    """A name that a spreadsheet would run as a formula is escaped in the CSV, and returned as it is."""
    datadog.add_user("ann@x.com", "=HYPERLINK(1)", seat=PRODUCT)
    path = tmp_path / "audit.csv"
    [row] = DatadogSeatsHook().audit_seats(PRODUCT, csv_path=str(path))
    assert row["name"] == "=HYPERLINK(1)"
    assert ",'=HYPERLINK(1)," in path.read_text()


def test_a_path_that_airflow_cannot_write_is_an_error(datadog: FakeDatadog) -> None:
    """A kind of URL that this Airflow does not know is an error that names the argument, and shows no password."""
    for path, problem in (
        ("nosuchscheme://x/a.csv", r"Airflow cannot open 'nosuchscheme://x/a.csv'"),
        ("s3://me:secret@x/a.csv", r"no connection of the id before the @, which is needed for 's3://\*\*\*@x/a.csv'"),
    ):
        with pytest.raises(InvalidInputError, match=rf"^csv_path: .*{problem}") as caught:
            DatadogSeatsHook().audit_seats(PRODUCT, csv_path=path)
        assert "secret" not in str(caught.value)
    for value in (None, "", "None"):
        with pytest.raises(InvalidInputError, match=r"^csv_path: "):
            DatadogSeatsHook().audit_seats(PRODUCT, csv_path=value)  # type: ignore[arg-type]


# --- usage ---


def test_the_usage_of_a_month_has_its_peak_in_the_middle(datadog: FakeDatadog) -> None:
    """The hook returns the seats of each day, the peak with its day, and Datadog's own number, by Datadog's names."""
    month = f"{datetime.now(UTC):%Y-%m}"
    for day, seats in enumerate((40, 43, 43, 41), 1):
        datadog.add_usage(f"{month}-0{day}", on_call_seat_hwm=seats, brand_new_seats_hwm=seats - 40)
    for wanted in (None, month, f"{month}-14", datetime.now(UTC), datetime.now(UTC).date()):
        usage = DatadogSeatsHook().get_seat_usage(wanted)
        assert (usage["month"], usage["last_updated"]) == (month, f"{month}-04T23")
        assert usage["products"]["on_call_seat_hwm"] == {
            "peak": 43,
            "peak_day": f"{month}-02",
            "days": {f"{month}-01": 40, f"{month}-02": 43, f"{month}-03": 43, f"{month}-04": 41},
            "sum": 43,
        }
        assert usage["products"]["brand_new_seats_hwm"]["peak"] == 3
        assert usage["products"]["incident_management_seats_hwm"] == {
            "peak": None,
            "peak_day": None,
            "days": {},
            "sum": None,
        }


def test_a_month_that_datadog_does_not_have_is_an_error(datadog: FakeDatadog) -> None:
    """A month of long ago is an error that names it, and anything else than a month is one before a call."""
    with pytest.raises(UsageNotAvailableError, match="Check the month 2020-01, and that"):
        DatadogSeatsHook().get_seat_usage("2020-01")
    datadog.received.clear()
    with pytest.raises(InvalidInputError, match=r"^month: 'November' is not a month. Pass one such as '2026-11'."):
        DatadogSeatsHook().get_seat_usage("November")
    assert datadog.calls() == []


# --- permissions ---

SEAT_LIST = (
    "has the permission user_access_read, and besides one of incident_read, on_call_read and billing_read. A key or "
    "token that is limited to scopes needs the scope user_access_read."
)


@pytest.mark.parametrize(
    ("left", "scopes"),
    [
        ({"user_access_read"}, None),
        ({"incident_read", "on_call_read", "billing_read"}, None),
        (PERMISSIONS, {"incident_read"}),
    ],
)
def test_a_refused_seat_list_names_both_permissions_and_the_scope(
    datadog: FakeDatadog, no_waits: list[float], left: set[str], scopes: set[str] | None
) -> None:
    """A 403 to the seat list does not say which permission is missing, so the error names all that are needed."""
    datadog.permissions, datadog.scopes = set(left), scopes
    with pytest.raises(KeysRefusedError) as raised:
        DatadogSeatsHook().list_seat_users(PRODUCT)
    assert SEAT_LIST in str(raised.value)


def test_the_older_rule_needs_one_permission(datadog: FakeDatadog) -> None:
    """Where Datadog still follows its older pages, one of three permissions is enough."""
    datadog.permissions, datadog.seat_list_permissions = {"billing_read"}, "older"
    assert DatadogSeatsHook().list_seat_users(PRODUCT) == []


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda hook: hook.assign_seats(PRODUCT, [GHOST]), "one of the permissions incident_write"),
        (
            lambda hook: hook.unassign_seats(PRODUCT, [SEATED]),
            "one of the permissions incident_write, on_call_write or",
        ),
        (lambda hook: hook.find_users(["ann@x.com"]), "the permission user_access_read"),
        (lambda hook: hook.get_users([GHOST]), "the permission user_access_read"),
        (lambda hook: hook.list_team_members("sre"), "the permission teams_read"),
        (lambda hook: hook.list_role_members("SRE"), "the permission user_access_read"),
        (lambda hook: hook.list_active_users(), "the permission user_access_read"),
        (lambda hook: hook.get_seat_usage(), "the permission usage_read, and that the keys are those of the parent"),
    ],
)
def test_every_refusal_names_a_permission(
    datadog: FakeDatadog, no_waits: list[float], call: Callable[[DatadogSeatsHook], object], named: str
) -> None:
    """A 403 to each call names the permission that it needs."""
    datadog.give_seat(PRODUCT, datadog.add_user("seated@x.com"), id=SEATED)
    datadog.permissions = {"user_access_read", "billing_read"} if "write" in named else set()
    with pytest.raises((KeysRefusedError, SeatsRefusedError)) as raised:
        call(DatadogSeatsHook())
    assert named in str(raised.value)


# --- test_connection ---


ALL = "seats, users, teams, on-call schedules and usage"


def test_testing_a_connection_checks_both_keys_and_what_they_may_read(datadog: FakeDatadog) -> None:
    """The test of a connection checks both keys, and tries each kind of reading once."""
    accepted = f"{datadog.url} accepts the application key and API key."
    assert DatadogSeatsHook().test_connection() == (True, f"{accepted} This connection may read {ALL}.")
    assert datadog.calls()[0].path == VALIDATE_KEYS
    assert len(datadog.calls()) == 1 + 5


@pytest.mark.parametrize("product", [PRODUCT, "another"])
def test_testing_a_token_reads_one_row_of_seats(monkeypatch: pytest.MonkeyPatch, product: str) -> None:
    """The test of a token reads one row of seats, and succeeds also if the organisation lacks the product."""
    with FakeDatadog(app_key="ddsat_7", products=(product,)) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        accepted = f"{datadog.url} accepts the access token."
        assert DatadogSeatsHook().test_connection() == (True, f"{accepted} This connection may read {ALL}.")
        assert datadog.calls("GET", SEATS)[0].query["page[limit]"] == "1"
        assert len(datadog.calls()) == 5


@pytest.mark.parametrize("app_key", ["APP", "ddsat_7"])
def test_what_is_optional_does_not_fail_the_test(
    monkeypatch: pytest.MonkeyPatch, no_waits: list[float], app_key: str
) -> None:
    """Keys that may read only seats pass the test, which names what they may not read."""
    permissions = ["user_access_read", "incident_read"]
    with FakeDatadog(app_key=app_key, permissions=permissions, on_call_api=False) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        ok, message = DatadogSeatsHook().test_connection()
    assert ok
    assert (
        "This connection may read seats and users. It may not read teams (needs teams_read) or usage (needs "
        "usage_read, in the parent organisation). This site or organisation has no on-call schedules."
    ) in message


@pytest.mark.parametrize("app_key", ["APP", "ddsat_7"])
def test_keys_that_may_not_read_seats_fail_the_test(
    monkeypatch: pytest.MonkeyPatch, no_waits: list[float], app_key: str
) -> None:
    """Keys that are valid and may not read seats fail the test, which names both permissions."""
    with FakeDatadog(app_key=app_key, permissions=["incident_read", "teams_read"]) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        ok, message = DatadogSeatsHook().test_connection()
    assert not ok
    assert " accepts the " in message
    needs = "user_access_read, and one of incident_read, on_call_read and billing_read"
    assert f"It may not read seats (needs {needs}), " in message


def test_a_token_that_may_read_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, no_waits: list[float]) -> None:
    """If a token may read nothing, it may also be invalid, and the message names the permissions of seats."""
    with FakeDatadog(app_key="ddsat_7", permissions=[]) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        ok, message = DatadogSeatsHook().test_connection()
    assert not ok
    assert "refused the access token (403)" in message
    assert "user_access_read, and one of incident_read" in message


def test_a_site_that_cannot_list_seats_fails_the_test(datadog: FakeDatadog, no_waits: list[float]) -> None:
    """If the keys are valid and the seats cannot be read for another reason, the message says what to do."""
    datadog.script("GET", SEATS, Fault(404))
    ok, message = DatadogSeatsHook().test_connection()
    assert not ok
    assert "answered 404, which Datadog's API would not" in message


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (Fault(401, {"errors": ["SECRET-RAW"]}), "Enter a valid application key and API key"),
        (Fault(403, "SECRET-RAW"), "Enter a valid application key and API key"),
        (Fault(404, "SECRET-RAW"), "Correct the site or the host"),
        (Fault(302, "SECRET-RAW", {"Location": "https://SECRET-RAW.example"}), "Correct the site or the host"),
        (Fault(429, "SECRET-RAW", {"X-RateLimit-Reset": "900"}), "Try again in a minute"),
        (Fault(500, "SECRET-RAW"), "try again"),
        (Fault(200, "SECRET-RAW"), "try again"),
        (Fault(lost="before"), "try again"),
    ],
)
def test_a_failed_test_says_what_to_do(datadog: FakeDatadog, no_waits: list[float], fault: Fault, advice: str) -> None:
    """The message of a failed test says what to do, and repeats no key and nothing of the answer."""
    datadog.script("GET", VALIDATE_KEYS, *[fault] * 5)
    ok, message = DatadogSeatsHook().test_connection()
    assert not ok
    assert advice in message
    assert "SECRET-RAW" not in message
    assert "\n" not in message
    assert API_KEY not in message


def test_a_failed_test_names_the_token_or_the_field(
    monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog, no_waits: list[float]
) -> None:
    """The message of a failed test names the token that was refused, or the field that is missing."""
    set_connection(monkeypatch, host=datadog.url, password="ddpat_wrong")
    assert "refused the access token (401)" in DatadogSeatsHook().test_connection()[1]
    set_connection(monkeypatch, host=datadog.url, password="x")
    assert "extra.api_key" in DatadogSeatsHook().test_connection()[1]
    set_connection(monkeypatch, host=datadog.url, password="WRONG-KEY", extra={"api_key": "WRONG-KEY"})
    assert "WRONG-KEY" not in DatadogSeatsHook().test_connection()[1]


def test_a_rejected_certificate_fails_the_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_waits: list[float]
) -> None:
    """The test of a connection says that the certificate was rejected, and names REQUESTS_CA_BUNDLE."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serve_with_tls(tmp_path) as (datadog, url, _):
        set_connection(monkeypatch, host=url, password=APP_KEY, extra={"api_key": API_KEY})
        ok, message = DatadogSeatsHook().test_connection()
        assert datadog.calls() == []
    assert not ok
    assert "certificate that was rejected" in message
    assert "REQUESTS_CA_BUNDLE" in message
    assert no_waits == []


# --- the form ---


def test_both_descriptions_of_the_standard_fields_are_the_same() -> None:
    """The standard fields are described alike for all versions of Airflow, apart from the spelling of their names."""
    behaviour = {name.replace("-", "_"): value for name, value in BEHAVIOUR.items()}
    assert DatadogSeatsHook.get_ui_field_behaviour() == behaviour


def test_no_field_is_required_and_keys_are_hidden() -> None:
    """No field of the form is required, the API key is hidden, and every known site is offered."""
    assert all("null" in field["schema"]["type"] for field in FIELDS.values())
    assert FIELDS["api_key"]["schema"]["format"] == "password"
    assert len(FIELDS["site"]["schema"]["examples"]) == 9
