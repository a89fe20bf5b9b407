"""SyncSeatsOperator against a FakeDatadog: what it reads, refuses, writes, tells, and undoes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_seats._api.flow import RateLimitedError, UnavailableError
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator, UnassignSeatsOperator
from airflow_provider_seats.testing import SEATS, USERS, FakeDatadog, Fault
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.planning import told


def sync(context: Any = None, **arguments: Any) -> Any:
    """Run the operator; give its report."""
    operator = SyncSeatsOperator(**{"task_id": "sync", "product_code": PRODUCT, **arguments})
    given: Any = context or {}
    return operator.execute(given)


def refused(datadog: FakeDatadog, **arguments: Any) -> str:
    """Run an operator that refuses: without retry, and before the first write."""
    ti = FakeTaskInstance()
    before, writes = datadog.holders(PRODUCT), len(datadog.calls("POST") + datadog.calls("DELETE"))
    with pytest.raises(AirflowFailException) as caught:
        sync({"ti": ti}, **arguments)
    assert datadog.holders(PRODUCT) == before
    assert len(datadog.calls("POST") + datadog.calls("DELETE")) == writes
    assert ti.pushed["return_value"]["assigned"] == ti.pushed["return_value"]["unassigned"] == []
    return str(caught.value)


Crowd = Callable[..., list[str]]


@pytest.fixture
def crowd(datadog: FakeDatadog) -> Crowd:
    """Give a maker of people, with seats or without."""

    def make(count: int, seat: str | None = PRODUCT, prefix: str = "u") -> list[str]:
        return [datadog.add_user(f"{prefix}{number}@x.com", seat=seat) for number in range(count)]

    return make


def emails(*numbers: int, prefix: str = "u") -> list[str]:
    """Give the emails of people by number."""
    return [f"{prefix}{number}@x.com" for number in numbers]


def test_whoever_is_to_be_identified_and_to_get_a_seat_is_looked_up_once(datadog: FakeDatadog, crowd: Crowd) -> None:
    """A seat without an email, and a roster of UUIDs and emails: one question answers both."""
    people = crowd(2)
    nameless = datadog.add_user("nameless@x.com")
    datadog.give_seat(PRODUCT, nameless, email=None)
    for number in range(500):
        datadog.add_user(f"other{number}@y.com")
    report = sync(user_uuids=people, user_emails=["nameless@x.com"])
    assert told(report) == {"unchanged": [nameless, *people]}
    assert [each.query["filter"] for each in datadog.calls("GET", USERS)] == ["nameless@x.com"]


def test_only_what_differs_is_written_and_seats_are_taken_first(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Those in the list are not looked up; billing counts the highest number held at once."""
    people = crowd(5)
    new = datadog.add_user("new@x.com")
    report = sync(user_emails=["U0@X.com", "u1@x.com", "u2@x.com", "new@x.com"])
    assert [(each.method, each.path) for each in datadog.calls()] == [
        ("GET", SEATS),
        ("GET", USERS),
        ("DELETE", SEATS),
        ("POST", SEATS),
    ]
    assert datadog.calls("GET", USERS)[0].query["filter"] == "new@x.com"
    assert told(report) == {"assigned": [new], "unassigned": people[3:], "unchanged": people[:3]}
    assert (report["seats_before"], report["seats_after"]) == (5, 4)
    assert datadog.holders(PRODUCT) == {*people[:3], new}


def test_a_second_run_writes_nothing(datadog: FakeDatadog, crowd: Crowd) -> None:
    """And asks only for the list."""
    crowd(3)
    sync(user_emails=emails(0, 1))
    datadog.received.clear()
    assert list(told(sync(user_emails=emails(0, 1)))) == ["unchanged"]
    assert [each.method for each in datadog.calls()] == ["GET"]


def test_the_modes_only_add_or_only_remove(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Removing needs no look-up at all."""
    people = crowd(3)
    new = datadog.add_user("new@x.com")
    assert told(sync(user_emails=["new@x.com"], mode="add_only")) == {"assigned": [new]}
    assert datadog.holders(PRODUCT) == {*people, new}
    datadog.received.clear()
    report = sync(user_uuids=[people[0], new], user_emails=["ghost@x.com"], mode="remove_only")
    assert told(report)["unassigned"] == people[1:]
    assert datadog.calls("GET", USERS) == []


def test_sixty_of_a_hundred_gone_are_refused_by_default(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Untouched; the message has the counts, the limit and the way to allow it once."""
    crowd(100)
    message = refused(datadog, user_emails=emails(*range(40)))
    assert "60 of 100 seats would be taken, and the limit is 20 (max_unassign=5 or 20%)" in message
    assert "nothing was changed" in message
    report = sync(user_emails=emails(*range(40)), max_unassign="60%")
    assert len(report["unassigned"]) == 60
    assert report["guards"]["max_unassign_people"] == 60


def test_a_share_of_too_few_seats_is_nobody_and_the_refusal_says_why(datadog: FakeDatadog, crowd: Crowd) -> None:
    """A limit that comes out as none is told to have been rounded."""
    crowd(3)
    message = refused(datadog, user_emails=emails(0, 1), max_unassign="10%")
    assert "1 of 3 seats would be taken, and the limit is 0 (max_unassign=10%, rounded down)" in message
    assert "rounded" not in refused(datadog, user_emails=emails(0, 1), max_unassign=0)


@pytest.mark.parametrize("empty", [[], "[]"])
def test_an_emptied_export_takes_nothing(datadog: FakeDatadog, crowd: Crowd, empty: Any) -> None:
    """Unless that is meant, and within the limit."""
    crowd(3)
    assert "allow_empty=True" in refused(datadog, user_emails=empty)
    assert len(sync(user_emails=empty, allow_empty="True")["unassigned"]) == 3


def test_a_protected_account_is_kept_in_any_case(datadog: FakeDatadog, crowd: Crowd) -> None:
    """By email or UUID, however written."""
    people = crowd(4)
    report = sync(user_emails=emails(0), protect=["U1@X.COM", people[2].upper()])
    assert told(report)["protected"] == [people[1], people[2]]
    assert datadog.holders(PRODUCT) == set(people[:3])


def test_young_seats_and_rows_that_cannot_be_told_are_kept(datadog: FakeDatadog) -> None:
    """With the reason in the report."""
    old, young, ageless, nameless, idless = (datadog.add_user(f"u{number}@x.com") for number in range(5))
    datadog.give_seat(PRODUCT, old, assigned_at="2020-01-01T00:00:00Z")
    datadog.give_seat(PRODUCT, young)
    datadog.give_seat(PRODUCT, ageless, assigned_at=None)
    datadog.give_seat(PRODUCT, nameless, email=None, assigned_at="2020-01-01T00:00:00Z")
    datadog.give_seat(PRODUCT, idless, id=None, email=None)
    stays = datadog.add_user("stays@x.com", seat=PRODUCT)
    report = sync(user_emails=["stays@x.com"], min_seat_age="7d")
    assert told(report)["unassigned"] == [old]
    reasons = {person["id"]: person["reason"] for person in report["protected"]}
    assert set(reasons) == {young, ageless, nameless, None}
    assert "younger than min_seat_age" in reasons[young]
    assert "emails only" in reasons[nameless]
    assert datadog.holders(PRODUCT) == {young, ageless, nameless, idless, stays}


def test_missing_people_refuse_or_are_told(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Only those who were to get a seat; a disabled holder in the roster has one already."""
    crowd(1)
    off = datadog.add_user("off@x.com", status="Disabled", seat=PRODUCT)
    roster = [*emails(0), "off@x.com", "ghost@x.com"]
    assert "ghost@x.com (1 in all)" in refused(datadog, user_emails=roster)
    report = sync(user_emails=roster, missing_users="skip")
    assert told(report)["missing"] == ["ghost@x.com"]
    assert off in told(report)["unchanged"]


def test_a_budget_counts_what_there_will_be(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Seats that are taken make room."""
    crowd(2)
    datadog.add_user("new@x.com")
    roster = [*emails(0), "new@x.com"]
    assert "max_seats" in refused(datadog, user_emails=roster, max_seats=1)
    assert sync(user_emails=roster, max_seats=2)["seats_after"] == 2


@pytest.mark.parametrize("fault", [Fault(403), Fault(200, {"data": None}), Fault(500)])
def test_a_list_that_cannot_be_read_whole_changes_nothing(
    datadog: FakeDatadog, crowd: Crowd, no_waits: list[float], fault: Fault
) -> None:
    """The second page fails: half a list would take half the seats for granted."""
    crowd(150)
    datadog.script("GET", SEATS, Fault(), *[fault] * 5)
    with pytest.raises((AirflowFailException, UnavailableError)):
        sync(user_emails=emails(*range(150)), mode="remove_only")
    assert datadog.calls("DELETE") == []
    assert len(datadog.holders(PRODUCT)) == 150


@pytest.mark.parametrize(
    ("arguments", "words"),
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
        ({"protect": ["boss"]}, "protect: 'boss'"),
        ({"approved": "{}"}, "approved: this is no report"),
        ({"approved": "None"}, "approved: None is no report"),
        ({"user_emails": None}, "user_uuids or user_emails"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    datadog: FakeDatadog, crowd: Crowd, arguments: dict[str, Any], words: str
) -> None:
    """And nothing is read or written."""
    crowd(2)
    datadog.received.clear()
    assert words in refused(datadog, **{"user_emails": emails(0), **arguments})
    assert datadog.calls() == []


# --- preview and approval ---


def test_a_preview_equals_what_is_then_done(datadog: FakeDatadog, crowd: Crowd) -> None:
    """And writes nothing."""
    people = crowd(4)
    datadog.add_user("new@x.com")
    roster = [*emails(0, 1), "new@x.com"]
    preview = sync(user_emails=roster, preview=True)
    assert datadog.holders(PRODUCT) == set(people)
    done = sync(user_emails=roster, approved=preview)
    assert {**done, "preview": True} == preview


@pytest.mark.parametrize("form", [dict, json.dumps, str])
def test_a_seat_claimed_since_the_approval_is_a_refusal(datadog: FakeDatadog, crowd: Crowd, form: Any) -> None:
    """However the report comes from XCom; what was approved still goes."""
    people = crowd(3)
    preview = sync(user_emails=emails(0), preview=True)
    claimed = datadog.add_user("claimed@x.com", seat=PRODUCT)
    message = refused(datadog, user_emails=emails(0), approved=form(preview))
    assert f"claimed@x.com ({claimed})" in message
    datadog.take_seat(PRODUCT, claimed)
    datadog.take_seat(PRODUCT, people[1])
    assert told(sync(user_emails=emails(0), approved=form(preview)))["unassigned"] == [people[2]]


def test_an_approval_must_be_of_a_preview_and_of_this_product(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Anything else is no approval."""
    crowd(2)
    done = sync(user_emails=emails(0, 1))
    assert "not the report of a preview" in refused(datadog, user_emails=emails(0), approved=done)
    other = sync(user_emails=[], mode="add_only", preview=True, product_code="on_call")
    assert "'on_call'" in refused(datadog, user_emails=emails(0), approved=other)


@pytest.mark.parametrize(
    "name", ["approved", "undo", "protect", "max_unassign", "max_seats", "min_seat_age", "user_uuids"]
)
def test_an_argument_that_came_to_nothing_is_an_error(datadog: FakeDatadog, crowd: Crowd, name: str) -> None:
    """A guard whose template or task gave nothing must not pass for one that was not wanted."""
    crowd(2)
    operator = SyncSeatsOperator(
        task_id="s",
        product_code=PRODUCT,
        user_emails=emails(0),
        **{name: "{{ x }}"},  # type: ignore[arg-type]
    )
    setattr(operator, name, None)
    nothing: Any = {}
    with pytest.raises(AirflowFailException, match=f"{name}: None: the template"):
        operator.execute(nothing)
    assert datadog.calls("DELETE") == []
    for kind in (AssignSeatsOperator, UnassignSeatsOperator):
        if name in kind.template_fields:
            arguments: Any = {"user_emails": emails(0), name: "{{ x }}"}
            other = kind(task_id="o", product_code=PRODUCT, **arguments)
            setattr(other, name, None)
            with pytest.raises(AirflowFailException, match=f"{name}: None"):
                other.execute(nothing)


# --- undo ---


def test_an_undo_restores_exactly_who_held_a_seat(datadog: FakeDatadog, crowd: Crowd) -> None:
    """From the report alone, as text or not; a second undo finds nothing to do."""
    people = crowd(6)
    datadog.add_user("new@x.com")
    report = sync(user_emails=[*emails(0, 1), "new@x.com"])
    undone = sync(undo=json.dumps(report))
    assert datadog.holders(PRODUCT) == set(people)
    assert sorted(told(undone)["assigned"]) == sorted(people[2:])
    assert list(told(sync(undo=report))) == ["unchanged"]
    sync(undo=undone)
    assert len(datadog.holders(PRODUCT)) == 3


def test_an_undo_leaves_alone_who_was_seated_before(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Whatever assigned_ids said, only our own difference is undone."""
    people = crowd(1)
    bob = datadog.add_user("bob@x.com")
    report = AssignSeatsOperator(task_id="a", product_code=PRODUCT, user_uuids=[*people, bob], max_seats=9).execute({})
    sync(undo=report)
    assert datadog.holders(PRODUCT) == set(people)


def test_a_report_that_does_not_know_what_was_before_is_not_undone(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Nor a preview, nor one of another product, nor together with a roster."""
    people = crowd(2, seat=None)
    blind = AssignSeatsOperator(task_id="a", product_code=PRODUCT, user_uuids=people).execute({})
    assert "seats_before is null" in refused(datadog, undo=blind)
    whole = sync(user_uuids=people)
    doubtful = {**whole, "unknown": [{"id": people[0], "email": None}]}
    assert "people are unknown" in refused(datadog, undo=doubtful)
    assert "preview" in refused(datadog, undo=sync(user_uuids=people, preview=True))
    assert "'on_call'" in refused(datadog, undo=whole, product_code="on_call")
    assert "not both" in refused(datadog, undo=whole, user_uuids=people)
    assert "no report" in refused(datadog, undo="None")
    broken = {**whole, "assigned": [{"id": "x", "email": None}]}
    assert "no person with a UUID" in refused(datadog, undo=broken)
    assert "'since_attempt'" in refused(datadog, undo={key: whole[key] for key in whole if key != "since_attempt"})
    shouting = {**whole, "assigned": [{"id": people[0].upper()}]}
    assert told(sync(undo=shouting))["unassigned"] == [people[0]]


# --- what fails on the way ---


def test_no_seat_is_given_after_taking_has_failed(datadog: FakeDatadog, crowd: Crowd, no_waits: list[float]) -> None:
    """The report says who was to gain and who to lose; running it again converges."""
    people = crowd(2)
    new = datadog.add_user("new@x.com")
    datadog.script("DELETE", SEATS, *[Fault(503)] * 5)
    ti = FakeTaskInstance()
    with pytest.raises(UnavailableError):
        sync({"ti": ti}, user_emails=[*emails(0), "new@x.com"])
    not_done = {person["id"]: person["reason"] for person in ti.pushed["return_value"]["not_done"]}
    assert not_done == {people[1]: "was to lose the seat", new: "was to get a seat"}
    assert datadog.calls("POST") == []
    sync(user_emails=[*emails(0), "new@x.com"])
    assert datadog.holders(PRODUCT) == {people[0], new}


@pytest.mark.parametrize(("most", "given"), [(None, True), (3, True), (2, False)])
def test_a_seat_that_could_not_be_taken_leaves_others_in_peace_but_for_the_budget(
    datadog: FakeDatadog, crowd: Crowd, most: int | None, *, given: bool
) -> None:
    """Everyone else's change lands, unless there would be more seats than allowed."""
    people = crowd(2)
    new = datadog.add_user("new@x.com")
    datadog.script("DELETE", SEATS, Fault(422, {"errors": ["owner of the organisation"]}))
    with pytest.raises(AirflowFailException, match="owner of the organisation"):
        sync(user_emails=[*emails(0), "new@x.com"], max_seats=most)
    assert datadog.holders(PRODUCT) == {*people, *([new] if given else [])}


class Store(dict[str, Any]):
    """A task state store, as Airflow 3.3 has it."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value, as JSON."""
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        """Forget a value."""
        self.pop(key, None)


def test_a_retry_tells_what_the_whole_run_changed(datadog: FakeDatadog, crowd: Crowd, no_waits: list[float]) -> None:
    """Where Airflow remembers; afterwards the memory is cleared, so that a new run begins anew."""
    people = crowd(4)
    store = Store()
    arguments = {"user_emails": emails(0), "batch_size": 1, "max_unassign": 3}
    datadog.script("DELETE", SEATS, Fault(), Fault(429, headers={"X-RateLimit-Reset": "900"}))
    with pytest.raises(RateLimitedError):
        sync({"ti": FakeTaskInstance(), "task_state_store": store}, **arguments)
    assert datadog.holders(PRODUCT) == {people[0], *people[2:]}
    assert store
    second = FakeTaskInstance()
    second.try_number = 2
    report = sync({"ti": second, "task_state_store": store}, **arguments)
    assert told(report) == {"unassigned": people[1:], "unchanged": people[:1]}
    assert (report["seats_before"], report["seats_after"], report["since_attempt"]) == (4, 1, 1)
    assert store == {}
    sync(undo=report)
    assert datadog.holders(PRODUCT) == set(people)


def test_a_task_that_failed_for_good_begins_anew_when_it_is_cleared(
    datadog: FakeDatadog, crowd: Crowd, no_waits: list[float]
) -> None:
    """What it did before is in its own report; limits are judged by the seats of the day."""
    crowd(4)
    store = Store()
    datadog.script("DELETE", SEATS, Fault(), Fault(403), Fault(403))
    context = {"ti": FakeTaskInstance(), "task_state_store": store}
    with pytest.raises(AirflowFailException):
        sync(context, user_emails=emails(0), batch_size=1)
    assert store == {}
    last = FakeTaskInstance()
    last.max_tries = 0
    datadog.script("DELETE", SEATS, Fault(429, headers={"X-RateLimit-Reset": "900"}))
    with pytest.raises(RateLimitedError):
        sync({"ti": last, "task_state_store": store}, user_emails=emails(0))
    assert store == {}


def test_a_store_that_fails_is_done_without(datadog: FakeDatadog, crowd: Crowd) -> None:
    """The seats are what counts; the report says that it tells of this attempt only."""

    class Broken(Store):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("no database")

    people = crowd(2)
    second = FakeTaskInstance()
    second.try_number = 2
    report = sync({"ti": second, "task_state_store": Broken()}, user_emails=emails(0))
    assert (told(report)["unassigned"], report["since_attempt"]) == (people[1:], 2)


def test_a_refusal_of_a_retry_does_not_deny_what_was_changed_before(datadog: FakeDatadog, crowd: Crowd) -> None:
    """The first attempt took two of four; then someone more is to go, which is too many."""
    people = crowd(5)
    store = Store()
    arguments = {"user_uuids": people[:1], "batch_size": 2, "max_unassign": 4}
    datadog.script("DELETE", SEATS, Fault(), Fault(429, headers={"X-RateLimit-Reset": "900"}))
    with pytest.raises(RateLimitedError):
        sync({"ti": FakeTaskInstance(), "task_state_store": store}, **arguments)
    datadog.add_user("joined@x.com", seat=PRODUCT)
    with pytest.raises(AirflowFailException, match=r"nothing was changed by this attempt. 5 of 5 seats"):
        sync({"ti": FakeTaskInstance(), "task_state_store": store}, **arguments)


def test_seats_afterwards_are_those_that_there_are(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Also if someone claimed one between two attempts."""
    people = crowd(3)
    store = Store()
    arguments = {"user_uuids": people[:1], "batch_size": 1, "protect": ["joined@x.com"]}
    datadog.script("DELETE", SEATS, Fault(), Fault(429, headers={"X-RateLimit-Reset": "900"}))
    with pytest.raises(RateLimitedError):
        sync({"ti": FakeTaskInstance(), "task_state_store": store}, **arguments)
    datadog.add_user("joined@x.com", seat=PRODUCT)
    report = sync({"ti": FakeTaskInstance(), "task_state_store": store}, **arguments)
    assert (report["seats_before"], report["seats_after"]) == (3, len(datadog.holders(PRODUCT)))


def test_a_retry_tells_nobody_twice(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Who was given by email and lost the seat in the first attempt is not unchanged in the second."""
    crowd(2)
    store = Store()
    arguments: dict[str, Any] = {"task_id": "u", "product_code": PRODUCT, "user_emails": emails(0, 1), "batch_size": 1}
    datadog.script("DELETE", SEATS, Fault(), Fault(429, headers={"X-RateLimit-Reset": "900"}))
    contexts: list[Any] = [{"ti": FakeTaskInstance(), "task_state_store": store} for _ in range(2)]
    with pytest.raises(RateLimitedError):
        UnassignSeatsOperator(**arguments).execute(contexts[0])
    assert list(told(UnassignSeatsOperator(**arguments).execute(contexts[1]))) == ["unassigned"]


def test_a_retry_says_which_part_it_saw_where_nothing_is_remembered(datadog: FakeDatadog, crowd: Crowd) -> None:
    """Before Airflow 3.3."""
    crowd(2)
    second = FakeTaskInstance()
    second.try_number = 2
    report = sync({"ti": second}, user_emails=emails(0))
    assert report["since_attempt"] == 2
