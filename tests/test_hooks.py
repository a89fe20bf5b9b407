"""The hook: connections by id, the public verbs, the form, and the test of a connection."""

from __future__ import annotations

import csv
import json
import re
import warnings
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_provider_seats._api.flow import InvalidInputError, Pause
from airflow_provider_seats._api.seats import SeatsRefusedError
from airflow_provider_seats.connection import FORM, InvalidConnectionError, conn_fields, ui_field_behaviour
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.testing import API_KEY, APP_KEY, VALIDATE_KEYS, FakeDatadog, Fault
from tests.conftest import PRODUCT

GHOST = "00000000-0000-0000-0000-000000000000"


def set_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str = "datadog_default", **fields: Any) -> None:
    """Define a connection by its environment variable."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "datadog_seats", **fields}))


def test_the_verbs_speak_of_uuids_and_emails(datadog: FakeDatadog) -> None:
    """List, assign, unassign and find, each with what it is documented to give."""
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


def test_the_verbs_raise_what_went_wrong(datadog: FakeDatadog) -> None:
    """A refused user is named, and everyone else holds a seat."""
    ann = datadog.add_user("ann@x.com")
    with pytest.raises(SeatsRefusedError, match=GHOST):
        DatadogSeatsHook().assign_seats(PRODUCT, [ann, GHOST])
    assert datadog.holders(PRODUCT) == {ann}


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_that_is_none_and_a_text_for_a_list_are_refused(datadog: FakeDatadog, size: int) -> None:
    """A text would be read letter by letter."""
    hook = DatadogSeatsHook()
    with pytest.raises(InvalidInputError, match="batch_size"):
        hook.assign_seats(PRODUCT, [GHOST], batch_size=size)
    for verb in (hook.assign_seats, hook.unassign_seats):
        with pytest.raises(InvalidInputError, match="user_uuids"):
            verb(PRODUCT, GHOST)
    with pytest.raises(InvalidInputError, match="emails"):
        hook.find_users("ann@x.com")
    assert datadog.calls() == []


def test_the_client_serves_flows_of_ones_own(datadog: FakeDatadog) -> None:
    """What the hook does not cover can be run with its connection."""

    def flow() -> Any:
        yield Pause(0, "nothing")
        return "done"

    assert DatadogSeatsHook().get_conn().run(flow()) == "done"


def test_nothing_is_looked_up_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook can be made while a DAG is parsed."""
    monkeypatch.setattr(DatadogSeatsHook, "get_connection", lambda *_: pytest.fail("looked up"))
    hook = DatadogSeatsHook("nowhere", logger_name="x")
    assert APP_KEY not in repr(hook)


def test_a_connection_of_airflows_own_datadog_provider_works_as_it_is(
    monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog
) -> None:
    """Only its API host and keys are used."""
    extra = {"api_key": API_KEY, "app_key": APP_KEY, "api_host": datadog.url}
    set_connection(monkeypatch, "other", conn_type="datadog", host="events.example.com", extra=extra)
    assert DatadogSeatsHook("other").list_seat_users(PRODUCT) == []


def test_a_connection_may_be_a_uri(monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog) -> None:
    """The classic form of an environment variable works, with the port apart from the host."""
    port = datadog.url.rpartition(":")[2]
    monkeypatch.setenv("AIRFLOW_CONN_U", f"datadog-seats://:{APP_KEY}@127.0.0.1:{port}/http?api_key={API_KEY}")
    assert DatadogSeatsHook("u").list_seat_users(PRODUCT) == []


def test_an_application_key_in_the_extra_is_masked(monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog) -> None:
    """Airflow masks by name and does not know this one."""
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_seats.hooks.mask_secret", masked.append)
    set_connection(monkeypatch, host=datadog.url, extra={"api_key": API_KEY, "app_key": APP_KEY})
    assert DatadogSeatsHook().list_seat_users(PRODUCT) == []
    assert masked == [APP_KEY]


def test_a_connection_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Field and connection id are in the error."""
    set_connection(monkeypatch, "broken", password="APP", extra={"api_key": "***"})
    with pytest.raises(InvalidConnectionError, match=r"'broken'.*extra.api_key"):
        DatadogSeatsHook("broken").list_seat_users(PRODUCT)


def test_an_extra_that_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than all that is missing in it."""
    monkeypatch.setattr(DatadogSeatsHook, "get_connection", lambda *_: Extra())

    class Extra:
        conn_type, host, port, schema, password, extra = "datadog_seats", None, None, None, "APP", "api_key=API"
        extra_dejson: ClassVar[dict[str, str]] = {}

    with pytest.raises(InvalidConnectionError, match="field extra: it is not a JSON object"):
        DatadogSeatsHook().list_seat_users(PRODUCT)


@pytest.mark.parametrize("nobody", [[None], [""], [" "]])
def test_nobody_in_a_list_is_an_error(datadog: FakeDatadog, nobody: Any) -> None:
    """An empty search would find everyone."""
    hook = DatadogSeatsHook()
    for call in (lambda: hook.find_users(nobody), lambda: hook.assign_seats(PRODUCT, nobody)):
        with pytest.raises(InvalidInputError, match="is nobody"):
            call()
    assert datadog.calls() == []


# --- audit ---


def test_an_audit_gives_rows_and_writes_them_as_csv(datadog: FakeDatadog, tmp_path: Path) -> None:
    """Seats that are held by disabled accounts stand out; without a path nothing is written."""
    ann = datadog.add_user("ann@x.com", 'Ann, "A"', seat=PRODUCT)
    off = datadog.add_user("off@x.com", status="Disabled", seat=PRODUCT)
    left = datadog.add_user("left@x.com")
    datadog.give_seat(PRODUCT, left, email=None, name=None, assigned_at=None)
    hook = DatadogSeatsHook()
    assert [list(row) for row in hook.audit_seats(PRODUCT)] == [["id", "email", "name", "assigned_at"]] * 3
    path = tmp_path / "audit.csv"
    rows = hook.audit_seats(PRODUCT, status=True, csv_path=path.as_uri())
    assert {row["id"]: row["status"] for row in rows} == {ann: "Active", off: "Disabled", left: None}
    with path.open(newline="") as file:
        assert list(csv.DictReader(file)) == [{key: value or "" for key, value in row.items()} for row in rows]


def test_an_audit_tells_the_status_of_accounts_that_share_an_email(datadog: FakeDatadog) -> None:
    """Each row is known by its UUID."""
    first = datadog.add_user("ann@x.com", status="Disabled", seat=PRODUCT)
    second = datadog.add_user("ann@x.com", seat=PRODUCT)
    rows = DatadogSeatsHook().audit_seats(PRODUCT, status=True)
    assert {row["id"]: row["status"] for row in rows} == {first: "Disabled", second: "Active"}


# --- test_connection ---


def test_testing_a_connection_proves_both_keys(datadog: FakeDatadog) -> None:
    """One call, and a sentence."""
    assert DatadogSeatsHook().test_connection() == (True, f"{datadog.url} accepts the application key and API key.")
    assert [received.path for received in datadog.calls()] == [VALIDATE_KEYS]


@pytest.mark.parametrize("product", [PRODUCT, "another"])
def test_testing_a_token_reads_one_row_of_seats(monkeypatch: pytest.MonkeyPatch, product: str) -> None:
    """The check of keys needs an API key; a token is proven even where the product is not there."""
    with FakeDatadog(app_key="ddsat_7", products=(product,)) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        assert DatadogSeatsHook().test_connection() == (True, f"{datadog.url} accepts the access token.")
        assert datadog.calls()[0].query["page[limit]"] == "1"


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (Fault(401, {"errors": ["SECRET-RAW"]}), "enter a valid application key and API key"),
        (Fault(403, "SECRET-RAW"), "enter a valid application key and API key"),
        (Fault(404, "SECRET-RAW"), "correct the site or the host"),
        (Fault(302, "SECRET-RAW", {"Location": "https://SECRET-RAW.example"}), "correct the site or the host"),
        (Fault(429, "SECRET-RAW", {"X-RateLimit-Reset": "900"}), "try again in a minute"),
        (Fault(500, "SECRET-RAW"), "try again"),
        (Fault(200, "SECRET-RAW"), "try again"),
        (Fault(lost="before"), "try again"),
    ],
)
def test_a_failed_test_says_what_to_do_in_one_sentence(
    datadog: FakeDatadog, no_waits: list[float], fault: Fault, advice: str
) -> None:
    """It repeats no key and nothing of the answer, since Airflow shows it unmasked."""
    datadog.script("GET", VALIDATE_KEYS, *[fault] * 5)
    ok, message = DatadogSeatsHook().test_connection()
    assert not ok
    assert advice in message
    assert "SECRET-RAW" not in message
    assert "\n" not in message
    assert API_KEY not in message


def test_a_refused_token_and_a_missing_field_are_told(
    monkeypatch: pytest.MonkeyPatch, datadog: FakeDatadog, no_waits: list[float]
) -> None:
    """The sentence speaks of the token, or names the field."""
    set_connection(monkeypatch, host=datadog.url, password="ddpat_wrong")
    assert "refused the access token (401)" in DatadogSeatsHook().test_connection()[1]
    set_connection(monkeypatch, host=datadog.url, password="x")
    assert "extra.api_key" in DatadogSeatsHook().test_connection()[1]
    set_connection(monkeypatch, host=datadog.url, password="WRONG-KEY", extra={"api_key": "WRONG-KEY"})
    assert "WRONG-KEY" not in DatadogSeatsHook().test_connection()[1]


# --- the form ---


def test_both_forms_have_the_same_fields() -> None:
    """Airflow from 3.2 on reads the metadata, and before it the hook's methods; they must not drift apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the form libraries of Airflow 2, which are old
        pytest.importorskip("flask_appbuilder", reason="the form of Airflow 2 needs Flask-AppBuilder")
        import flask
        import flask_babel
        import wtforms

        widgets = DatadogSeatsHook.get_connection_form_widgets()
        app = flask.Flask("form")
        flask_babel.Babel(app)
        with app.test_request_context():
            form: Any = type("Form", (wtforms.Form,), widgets)()
            html = {field.name: str(field()) for field in form}
            form.api_key.data = "SECRET-KEY"
            stored = str(form.api_key())
            kinds = {
                field.name: (field.type, str(field.label.text), field.description, field.default) for field in form
            }
    fields = conn_fields()
    types = {"string": "StringField", "integer": "IntegerField"}
    expected = {}
    for name, field in fields.items():
        secret = field["schema"].get("format") == "password"
        kind = "PasswordField" if secret else types[field["schema"]["type"][0]]
        expected[name] = (kind, field["label"], field["description"], field["schema"].get("default"))
    assert kinds == expected
    assert 'type="password"' in html["api_key"]
    assert 'value=""' in html["api_key"]
    assert 'value="RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"' in stored
    # The form's script takes every element so named for a field.
    assert all(each.count('id="') - each.count('id="examples-') == 1 for each in html.values())
    assert re.findall(r'<option value="([^"]*)"', html["site"]) == fields["site"]["schema"]["examples"]
    assert all(" required" not in each for each in html.values())


def test_both_descriptions_of_the_standard_fields_are_the_same() -> None:
    """Only the spelling of their names differs between Airflow's versions."""
    behaviour = {name.replace("-", "_"): value for name, value in ui_field_behaviour().items()}
    assert DatadogSeatsHook.get_ui_field_behaviour() == behaviour


def test_nothing_is_required_that_is_not_and_keys_are_hidden() -> None:
    """A token needs no API key, and every known site is offered."""
    fields = conn_fields()
    assert all("null" in field["schema"]["type"] for field in fields.values())
    assert fields["api_key"]["schema"]["format"] == "password"
    assert len(fields["site"]["schema"]["examples"]) == 9
    assert [each.name for each in FORM] == list(fields)
