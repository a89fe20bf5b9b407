"""Operators and people on call: nobody loses a seat unnoticed who may be paged at night."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.testing import FakeDatadog
from tests.conftest import PRODUCT, FakeTaskInstance
from tests.helpers.operators import by_email, calls, emails, failure, refused, sync, unassign

LOOK_UP = "GET on-call/schedules"


def seated(datadog: FakeDatadog, count: int) -> list[str]:
    """Add people who have held a seat since 2020. Return their UUIDs."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(count)]
    for person in people:
        datadog.give_seat(PRODUCT, person, assigned_at="2020-01-01T00:00:00Z")
    return people


@pytest.mark.parametrize("guard", ["keep", "refuse"])
def test_twenty_leavers_who_are_not_on_call_cost_two_more_calls(datadog: FakeDatadog, guard: str) -> None:
    """All people about to lose a seat are looked up in one call, and without teams there are no policies."""
    people = seated(datadog, 20)
    datadog.add_schedule("Primary", [datadog.add_user("elsewhere@x.com")])
    report = unassign(user_emails=[f"u{number}@x.com" for number in range(20)], on_call=guard)
    assert len(report["unassigned"]) == len(people)
    assert calls(datadog) == ["GET seats/users", "GET team", LOOK_UP, "DELETE seats/users"]
    assert report["guards"]["on_call"] == guard


def test_people_in_a_schedule_keep_their_seat(datadog: FakeDatadog) -> None:
    """With on_call="keep" people in a schedule keep their seat, and the report names the schedules."""
    people = seated(datadog, 3)
    datadog.add_schedule("Primary", [people[0]])
    datadog.add_schedule("Nights", [people[0]])
    for operator in (unassign, sync):
        arguments: dict[str, Any] = {"user_uuids": people[:2] if operator is unassign else people[2:]}
        report = operator(**arguments, on_call="keep", max_unassign=3, preview=True)
        assert (by_email(report)["unassigned"], by_email(report)["protected"]) == (emails(1), emails(0))
        assert report["protected"][0]["reason"] == "found in the on-call schedules Nights, Primary"
    unassign(user_uuids=people[:2], on_call="keep")
    assert datadog.holders(PRODUCT) == {people[0], people[2]}


def test_people_in_a_schedule_refuse_the_run(datadog: FakeDatadog) -> None:
    """With on_call="refuse" nothing is changed, and the message names the person and the schedule."""
    people = seated(datadog, 3)
    datadog.add_schedule("Primary", [people[0]])
    message = refused(datadog, unassign, user_uuids=people[:2], on_call="refuse")
    assert f"u0@x.com ({people[0]}) is found in the on-call schedule Primary." in message
    assert "Primary" in refused(datadog, sync, user_uuids=people[2:], on_call="refuse", max_unassign="100%")


def on_policy(datadog: FakeDatadog, *people: str) -> None:
    """Let the team payments route to an escalation policy whose second step names people."""
    policy = datadog.add_escalation_policy("Payments", [[datadog.add_schedule("Primary")], people])
    datadog.add_routing_rule(datadog.add_team("payments"), policy)


STEP = "in step 2 of the escalation policy Payments, which team payments routes to"


def test_someone_who_stands_only_in_an_escalation_policy_refuses_a_sync(datadog: FakeDatadog) -> None:
    """A leaver in a step of a policy that a team routes to refuses the run, and the message says where."""
    people = seated(datadog, 3)
    on_policy(datadog, people[0])
    arguments: dict[str, Any] = {"user_uuids": people[1:], "on_call": "refuse"}
    assert f"u0@x.com ({people[0]}) is found {STEP}. Replace them there" in refused(datadog, sync, **arguments)
    report = sync(**arguments, check_escalation_policies=False)
    assert by_email(report)["unassigned"] == emails(0)
    assert report["guards"]["check_escalation_policies"] is False


def test_someone_in_an_escalation_policy_keeps_the_seat(datadog: FakeDatadog) -> None:
    """With on_call="keep" the reason names schedules and steps, and the others lose their seats."""
    people = seated(datadog, 3)
    on_policy(datadog, people[0], people[1])
    datadog.add_schedule("Nights", [people[1]])
    report = unassign(user_uuids=people, on_call="keep")
    assert by_email(report) == {"protected": emails(0, 1), "unassigned": emails(2)}
    assert [each.get("reason") for each in report["protected"]] == [
        f"found {STEP}",
        f"found in the on-call schedule Nights; {STEP}",
    ]
    assert "check_escalation_policies" not in report["guards"]


def test_a_preview_shows_who_would_be_kept_by_a_schedule(datadog: FakeDatadog) -> None:
    """The preview of a run that a schedule refuses succeeds, and its refusals name the schedule."""
    [person] = seated(datadog, 1)
    datadog.add_schedule("Primary", [person])
    report = unassign(user_uuids=[person], on_call="refuse", preview=True)
    assert by_email(report) == {"unassigned": emails(0)}
    assert "Primary" in report["refusals"][0]


def test_nobody_is_looked_up_if_nobody_loses_a_seat(datadog: FakeDatadog) -> None:
    """A second run, a run that a limit refuses, and people without a seat cost no look-up."""
    people = seated(datadog, 2)
    other = datadog.add_user("other@x.com")
    unassign(user_uuids=[other], on_call="refuse")
    refused(datadog, unassign, user_uuids=people, on_call="refuse", max_unassign=1)
    sync(user_uuids=people, on_call="refuse")
    sync(user_uuids=[other], mode="add_only", on_call="refuse")
    assert LOOK_UP not in calls(datadog)


def test_people_who_keep_their_seat_for_another_reason_are_not_looked_up(datadog: FakeDatadog) -> None:
    """A protected person in a schedule does not refuse the run."""
    people = seated(datadog, 2)
    datadog.add_schedule("Primary", [people[0]])
    report = unassign(user_uuids=people, on_call="refuse", protect=[people[0]])
    assert by_email(report) == {"protected": emails(0), "unassigned": emails(1)}


def test_an_undo_looks_people_up(datadog: FakeDatadog) -> None:
    """An undo that unassigns someone who was put into a schedule since is refused."""
    person = datadog.add_user("u0@x.com")
    report = sync(user_uuids=[person])
    datadog.add_schedule("Primary", [person])
    assert "Primary" in refused(datadog, sync, undo=report, on_call="refuse")
    assert by_email(sync(undo=report, on_call="keep")) == {"protected": emails(0)}


@pytest.mark.parametrize("permission", ["on_call_read", "teams_read"])
def test_a_missing_permission_changes_nothing(
    datadog: FakeDatadog, ti: FakeTaskInstance, no_waits: list[float], permission: str
) -> None:
    """Without one of its permissions the task fails, names it and changes nothing."""
    [person] = seated(datadog, 1)
    datadog.permissions.remove(permission)
    message, people = failure(unassign, ti, user_uuids=[person], on_call="refuse")
    assert f"the permission {permission}" in message
    assert people == {"not_done": emails(0)}
    assert ti.pushed["return_value"]["seats_before"] == 1
    assert datadog.holders(PRODUCT) == {person}


def test_a_site_without_the_on_call_api_changes_nothing(ti: FakeTaskInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a site without the on-call API the task fails, and says how to go on without it."""
    with FakeDatadog(on_call_api=False) as datadog:
        monkeypatch.setenv("AIRFLOW_CONN_DATADOG_DEFAULT", datadog.airflow_connection())
        [person] = seated(datadog, 1)
        message, _ = failure(unassign, ti, user_uuids=[person], on_call="keep")
        assert "on_call='ignore'" in message
        assert datadog.holders(PRODUCT) == {person}
