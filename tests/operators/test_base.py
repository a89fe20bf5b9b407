"""The arguments of all operators, and what the operators have in common."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_seats import operators
from airflow_provider_seats._airflow import AirflowFailException
from airflow_provider_seats._planning.guards import GUARDS
from airflow_provider_seats.operators import (
    AssignSeatsOperator,
    AuditSeatsOperator,
    SyncSeatsOperator,
    UnassignSeatsOperator,
)
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.testing import SEATS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.airflow_names import DAG
from tests.helpers.operators import (
    add_people,
    assign,
    by_email,
    calls,
    emails,
    execute,
    failure,
    refused,
    sync,
    unassign,
)
from tests.helpers.planning import defaults

EVERY_ARGUMENT = [
    pytest.param(kind, name, id=f"{kind.__name__}-{name}")
    for kind in (AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator)
    for name in defaults(kind)
    if name != "datadog_conn_id"
]


# --- parsing a DAG ---


def test_an_operator_stores_its_arguments_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a DAG is parsed, an operator stores its arguments, also invalid ones, and looks up no connection."""
    monkeypatch.delenv("AIRFLOW_CONN_DATADOG_DEFAULT", raising=False)
    templates: dict[str, Any] = {name: f"{{{{ params.{name} }}}}" for name in defaults(SyncSeatsOperator)}
    operator = SyncSeatsOperator(task_id="task", product_code="{{ x }}", **templates)
    assert {name: getattr(operator, name) for name in templates} == templates


@pytest.mark.parametrize("kind", [AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator])
def test_every_argument_is_a_template_field(kind: Any) -> None:
    """Each argument of an operator can be a template, and a guard of a run is an argument of an operator."""
    assert set(kind.template_fields) == {*defaults(kind), "product_code"}


def test_every_guard_is_an_argument() -> None:
    """Each guard can be passed to an operator."""
    passed = {*defaults(AssignSeatsOperator), *defaults(UnassignSeatsOperator), *defaults(SyncSeatsOperator)}
    assert {*GUARDS} <= passed


# --- invalid arguments ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "user_uuids or user_emails"),
        ({"user_emails": "None"}, "user_emails: 'None'"),
        ({"user_uuids": ["abc"]}, "user_uuids: 'abc'"),
        ({"user_emails": ["a@x.com"], "product_code": ""}, "product_code: ''"),
        ({"user_emails": ["a@x.com"], "preview": "perhaps"}, "preview: 'perhaps'"),
        ({"user_emails": ["a@x.com"], "missing_users": "ignore"}, "missing_users: 'ignore'"),
        ({"user_emails": ["a@x.com"], "read_seats_first": "perhaps"}, "read_seats_first: 'perhaps'"),
    ],
)
def test_an_invalid_argument_of_an_assign_is_named(
    datadog: FakeDatadog, ti: FakeTaskInstance, arguments: dict[str, Any], message: str
) -> None:
    """An invalid argument fails the task at once, before any call, and the message has its name and value."""
    assert message in failure(assign, ti, **arguments)[0]
    assert datadog.calls() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"missing_users": "ignore"}, "missing_users: 'ignore'"),
        ({"check_accounts": "perhaps"}, "check_accounts: 'perhaps'"),
        ({"read_seats_first": 2}, "read_seats_first: 2"),
        ({"max_unassign": "many"}, "max_unassign: 'many'"),
        ({"protect": ["boss"]}, "protect: 'boss'"),
    ],
)
def test_an_invalid_argument_of_an_unassign_is_named(
    datadog: FakeDatadog, ti: FakeTaskInstance, arguments: dict[str, Any], message: str
) -> None:
    """An invalid argument of an unassign fails the task at once, before any call."""
    assert message in failure(unassign, ti, user_emails=["a@x.com"], **arguments)[0]
    assert datadog.calls() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_unassign": "many"}, "max_unassign: 'many'"),
        ({"max_unassign": "120%"}, "max_unassign: '120%'"),
        ({"max_unassign": -1}, "max_unassign: -1"),
        ({"max_unassign": True}, "max_unassign: True"),
        ({"max_unassign": "None"}, "max_unassign: 'None'"),
        ({"max_seats": "1.5"}, "max_seats: '1.5'"),
        ({"min_seat_age": "a week"}, "min_seat_age: 'a week'"),
        ({"min_seat_age": -1}, "min_seat_age: -1"),
        ({"mode": "both"}, "mode: 'both'"),
        ({"allow_empty": "perhaps"}, "allow_empty: 'perhaps'"),
        ({"check_accounts": "perhaps"}, "check_accounts: 'perhaps'"),
        ({"protect": ["boss"]}, "protect: 'boss'"),
        ({"approved": "{}"}, "approved: this is not a report"),
        ({"approved": "None"}, "approved: None is not a report"),
        ({"undo": "None"}, "undo: None is not a report"),
    ],
)
def test_an_invalid_argument_of_a_sync_is_named(datadog: FakeDatadog, arguments: dict[str, Any], message: str) -> None:
    """An invalid argument of a sync fails the task at once, before any call."""
    add_people(datadog, 2)
    assert message in refused(datadog, **{"user_emails": emails(0), **arguments})
    assert datadog.calls() == []


def test_a_roster_or_an_undo_is_required(datadog: FakeDatadog) -> None:
    """A sync without people and without a report to undo fails and names the arguments."""
    assert "user_uuids or user_emails: nobody was passed" in refused(datadog)


# --- arguments that came out as nothing ---


@pytest.mark.parametrize(("kind", "name"), EVERY_ARGUMENT)
def test_an_argument_that_came_out_as_nothing_is_an_error(
    datadog: FakeDatadog, ti: FakeTaskInstance, kind: Any, name: str
) -> None:
    """If a template or a task returned nothing for an argument, the task fails, names it and changes nothing."""
    people = add_people(datadog, 2)
    arguments: dict[str, Any] = {"user_emails": emails(0), "user_uuids": people[:1], name: "{{ x }}"}
    context: Any = {"ti": ti}
    for value in (None, "", " \n"):
        operator = kind(task_id="task", product_code=PRODUCT, **arguments)
        setattr(operator, name, value)
        with pytest.raises(AirflowFailException, match=f"^{name}: "):
            operator.execute(context)
    assert datadog.calls() == []


@pytest.mark.parametrize(("kind", "name"), EVERY_ARGUMENT)
def test_an_argument_that_came_out_as_nothing_is_an_error_in_a_mapped_operator(
    datadog: FakeDatadog, kind: Any, name: str
) -> None:
    """If the value of a mapped argument is None, the mapped task fails, names it and changes nothing."""
    people = add_people(datadog, 2)
    fixed: dict[str, Any] = {"product_code": PRODUCT, "user_emails": emails(0), "user_uuids": people[:1]}
    fixed.pop(name, None)
    with DAG("mapped", schedule=None):
        partials = [kind.partial(task_id=f"task{number}", **fixed) for number in range(2)]
        mapped = [partials[0].expand(**{name: [None]}), partials[1].expand_kwargs([{name: None}])]
    for each in mapped:
        with pytest.raises(AirflowFailException, match=f"^{name}: "):
            each.unmap({name: None}).execute({})
    assert datadog.calls() == []


@pytest.mark.parametrize(
    "kind", [AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator, AuditSeatsOperator, SeatUsersSensor]
)
def test_a_mapped_operator_has_the_defaults_of_a_plain_one(kind: Any) -> None:
    """Airflow 3.3.2 gives a mapped operator None for a list if a base of its class stands before BaseOperator."""
    arguments: dict[str, Any] = {"product_code": PRODUCT}
    with DAG("mapped", schedule=None):
        single = kind(task_id="single", **arguments)
        mapped = kind.partial(task_id="mapped").expand_kwargs([arguments])
    assert (mapped.inlets, mapped.outlets) == (single.inlets, single.outlets) == ([], [])


def test_a_mapped_operator_without_a_guard_runs(datadog: FakeDatadog) -> None:
    """A mapped argument that has a value, beside guards that were not passed, is no error."""
    people = add_people(datadog, 2)
    with DAG("mapped", schedule=None):
        mapped = SyncSeatsOperator.partial(task_id="task", product_code=PRODUCT).expand(user_emails=[emails(0)])
    report = mapped.unmap({"user_emails": emails(0)}).execute({})
    assert by_email(report) == {"unassigned": emails(1)}
    assert datadog.holders(PRODUCT) == {people[0]}


def test_an_empty_half_of_a_mapped_roster_is_refused(datadog: FakeDatadog) -> None:
    """If one mapped half of a roster is an empty list, the mapped sync refuses to unassign."""
    people = add_people(datadog, 2)
    with DAG("mapped", schedule=None):
        partial = SyncSeatsOperator.partial(task_id="task", product_code=PRODUCT, user_uuids=people[:1])
        mapped = partial.expand(user_emails=[[]])
    with pytest.raises(AirflowFailException, match="user_emails is empty"):
        mapped.unmap({"user_emails": []}).execute({})
    assert datadog.holders(PRODUCT) == set(people)


# --- people ---


def test_people_may_be_an_iterator(datadog: FakeDatadog) -> None:
    """People can be passed as an iterator, which can be read only once."""
    ann = datadog.add_user("ann@x.com")
    assert by_email(assign(user_uuids=(each for each in [ann]))) == {"assigned": [ann]}
    assert by_email(unassign(user_emails=iter(["ann@x.com"]))) == {"unassigned": ["ann@x.com"]}


@pytest.mark.parametrize("empty", [[], "[]", ()])
def test_an_empty_list_of_people_makes_no_call(datadog: FakeDatadog, empty: Any) -> None:
    """An assign or unassign of an empty list succeeds with an empty report and without a call."""
    assert by_email(assign(user_emails=empty)) == {}
    assert by_email(unassign(user_uuids=empty)) == {}
    assert by_email(unassign(user_emails=empty)) == {}
    assert datadog.calls() == []


@pytest.mark.parametrize("form", [str.upper, lambda uuid: uuid.replace("-", ""), "{{{}}}".format, "urn:uuid:{}".format])
def test_a_uuid_is_accepted_in_every_form(datadog: FakeDatadog, form: Any) -> None:
    """Every operator accepts a user UUID in each form that uuid.UUID accepts."""
    ann = datadog.add_user("ann@x.com")
    assign(user_uuids=[form(ann)])
    assert datadog.holders(PRODUCT) == {ann}
    assert sync(user_uuids=[form(ann)], protect=[form(ann)])["counts"]["unchanged"] == 1
    unassign(user_uuids=[form(ann)])
    assert datadog.holders(PRODUCT) == set()


@pytest.mark.parametrize("email", ["mary.o'brien@x.com", "\ufeffmary.o'brien@x.com", "MARY.O'BRIEN@x.com\u200b"])
def test_an_email_means_the_person_that_a_reader_sees(datadog: FakeDatadog, email: str) -> None:
    """Apostrophes belong to an email, and hidden characters at its ends do not, in every argument for people."""
    mary = datadog.add_user("mary.o'brien@x.com", seat=PRODUCT)
    add_people(datadog, 1)
    assert sync(user_emails=[email, *emails(0)], max_unassign=0)["counts"]["unchanged"] == 2
    assert by_email(sync(user_emails=emails(0), protect=email))["protected"] == ["mary.o'brien@x.com"]
    assert by_email(unassign(user_emails=f"{email}, u9@x.com"))["unassigned"] == ["mary.o'brien@x.com"]
    assert by_email(assign(user_emails=[email]))["assigned"] == ["mary.o'brien@x.com"]
    assert mary in datadog.holders(PRODUCT)


# --- previews ---


@pytest.mark.parametrize("preview", [True, "True", "true"])
def test_a_preview_reports_the_changes_and_makes_none(datadog: FakeDatadog, preview: Any) -> None:
    """A preview reports what would be changed, with the keys of a real report, and changes nothing."""
    ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com")
    assigned = assign(user_emails=["ann@x.com", "bob@x.com"], preview=preview)
    assert by_email(assigned) == {"assigned": ["bob@x.com"], "unchanged": ["ann@x.com"]}
    assert (assigned["preview"], assigned["seats_before"], assigned["seats_after"]) == (True, 1, 2)
    unassigned = unassign(user_uuids=[ann, bob], preview=preview)
    assert by_email(unassigned) == {"unassigned": ["ann@x.com"], "unchanged": [bob]}
    assert datadog.calls("POST") == datadog.calls("DELETE") == []
    assert datadog.holders(PRODUCT) == {ann}
    done = assign(user_emails=["ann@x.com", "bob@x.com"])
    assert list(done) == list(assigned) == list(unassigned)


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        (assign, {"user_emails": ["new@x.com"], "max_seats": 4}, "max_seats"),
        (assign, {"user_emails": ["new@x.com", "ghost@x.com"]}, "ghost@x.com"),
        (unassign, {"user_emails": emails(0, 1, 2), "max_unassign": 1}, "max_unassign"),
        (unassign, {"user_emails": [*emails(0), "ghost@x.com"], "missing_users": "fail"}, "ghost@x.com"),
        (sync, {"user_emails": emails(0), "max_unassign": 1}, "max_unassign"),
        (sync, {"user_emails": []}, "allow_empty"),
        (sync, {"user_emails": emails(0), "user_uuids": []}, "user_uuids is empty"),
        (sync, {"user_emails": [*emails(0, 1, 2, 3), "new@x.com"], "max_seats": 4}, "max_seats"),
        (sync, {"user_emails": ["new@x.com"], "max_unassign": 4}, "Nobody in the roster holds a seat"),
        (sync, {"user_emails": [*emails(0, 1, 2, 3), "ghost@x.com"]}, "ghost@x.com"),
    ],
)
def test_a_preview_that_a_guard_would_refuse_succeeds(
    datadog: FakeDatadog, kind: Any, arguments: dict[str, Any], reason: str
) -> None:
    """A preview shows a plan that a guard refuses, with the reasons and a warning, and applying it is refused."""
    people = add_people(datadog, 4)
    datadog.add_user("new@x.com")
    log: list[str] = []
    report = kind(preview=True, log=log, **arguments)
    assert any(reason in each for each in report["refusals"])
    assert (report["not_done"], report["preview"]) == ([], True)
    assert any(line.startswith("warning: Without preview=True this plan would be refused.") for line in log)
    message = refused(datadog, kind, **arguments)
    assert all(each in message for each in report["refusals"])
    assert datadog.holders(PRODUCT) == set(people)


def test_a_refused_preview_shows_the_whole_plan(datadog: FakeDatadog) -> None:
    """A preview that exceeds several limits shows everyone that the plan would change, and every reason."""
    people = add_people(datadog, 4)
    new = datadog.add_user("new@x.com")
    report = sync(user_uuids=[people[0], new], max_unassign=2, max_seats=1, preview=True)
    assert by_email(report) == {"assigned": [new], "unassigned": emails(1, 2, 3)}
    assert [reason.split("raise ")[-1] for reason in report["refusals"]] == [
        "max_unassign for this run to a percentage above 50%: a number allows no more.",
        "max_seats.",
    ]
    assert sync(user_uuids=people, preview=True)["refusals"] == []


# --- errors ---


@pytest.mark.parametrize(
    ("status", "detail"), [(401, "API key required"), (403, "Forbidden"), (404, "Not Found"), (405, "Not allowed")]
)
def test_a_refused_call_fails_the_task_at_once(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float], status: int, detail: str
) -> None:
    """An error that no retry can fix fails the task without retry, with status, detail and advice, and no change."""
    ann = datadog.add_user("ann@x.com", seat=PRODUCT)
    datadog.script("GET", SEATS, *[Fault(status, {"errors": [detail]})] * 2)
    message, people = failure(unassign, ti, user_emails=["ann@x.com"])
    assert str(status) in message
    assert detail in message
    advice = {404: "product code", 405: "A proxy or gateway may not let GET pass"}
    assert advice.get(status, "'datadog_default'") in message
    assert people == {"not_done": ["ann@x.com"]}
    assert datadog.holders(PRODUCT) == {ann}


def test_an_invalid_connection_fails_the_task_at_once(ti: FakeTaskInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that cannot be used fails the task without retry, and the message names the field and the id."""
    monkeypatch.setenv("AIRFLOW_CONN_DD", json.dumps({"conn_type": "datadog_seats"}))
    message, _ = failure(assign, ti, user_emails=["ann@x.com"], datadog_conn_id="dd")
    assert "'dd'" in message
    assert "password" in message


@pytest.mark.parametrize("kind", [AssignSeatsOperator, UnassignSeatsOperator, SyncSeatsOperator])
def test_a_write_without_people_to_change_is_never_sent(datadog: FakeDatadog, kind: Any) -> None:
    """Every operator sends no write if everyone already is as requested."""
    people = add_people(datadog, 2, seat=None if kind is UnassignSeatsOperator else PRODUCT)
    more: dict[str, Any] = {} if kind is SyncSeatsOperator else {"read_seats_first": True}
    report = execute(kind, user_uuids=people, **more)
    assert {each: count for each, count in report["counts"].items() if count} == {"unchanged": 2}
    assert calls(datadog) == ["GET seats/users"]


def test_the_package_shows_its_operators_before_they_are_loaded() -> None:
    """Completion, ``help()`` and documentation tools find the operators in a package that has loaded none."""
    names = "import airflow_provider_seats.operators as o, sys; print(*dir(o)); print(*sys.modules)"
    shown, loaded = subprocess.check_output([sys.executable, "-c", names], text=True).splitlines()
    assert {*operators.__all__} < {*shown.split()}
    assert "__name__" in shown.split()
    assert "airflow" not in loaded.split()
