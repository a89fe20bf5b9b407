"""The on-call flow: who is found in which schedules, in as few calls as possible."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api import on_call
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import MAX_ATTEMPTS, Gather, Response
from airflow_provider_seats._api.on_call import PATH, find_schedules, prove_search, read_first_schedule
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import (
    InvalidInputError,
    KeysRefusedError,
    OnCallNotAvailableError,
    RequestRefusedError,
    UnavailableError,
)
from airflow_provider_seats.testing import SCHEDULES, FakeDatadog
from tests.helpers.looping import quickly
from tests.helpers.playing import Played, answer_by, lost, play, reply, serve, unserved, uuid

ANN, BOB, CY = uuid("ann"), uuid("bob"), uuid("cy")


def schedules(*names: str | None, total: int | None = None, first: int = 0) -> Response:
    """Return a page of schedules."""
    rows = [
        {"type": "schedules", "id": f"id-{number}", "attributes": {"name": name, "time_zone": "UTC"}}
        for number, name in enumerate(names, first)
    ]
    return reply(200, {"data": rows, "meta": {"page": {"total": len(rows) if total is None else total}}})


def queries(played: Played[dict[str, tuple[str, ...]]]) -> list[str]:
    """Return the searches of the calls."""
    return [dict(request.query)["filter[query]"] for request in played.requests]


def test_nobody_is_no_call() -> None:
    """No people send nothing."""
    assert play(find_schedules([])).calls == ""


def test_twenty_people_on_no_schedule_are_one_call() -> None:
    """Many people are looked up in one call, and if it finds nothing there is no other."""
    people = [uuid(f"u{number}") for number in range(20)]
    played = play(find_schedules(people), schedules())
    assert played.value == {}
    assert queries(played) == [f"user.id:({' OR '.join(people)})"]
    assert (played.requests[0].name, played.requests[0].permission) == (f"GET {PATH}", "the permission on_call_read")


def test_one_person_is_not_asked_twice() -> None:
    """The call for one person says all there is to know about them."""
    played = play(find_schedules([ANN.upper(), ANN]), schedules("B", "A"))
    assert played.value == {ANN: ("A", "B")}
    assert queries(played) == [f"user.id:{ANN}"]


def test_people_of_a_call_that_found_something_are_asked_one_by_one() -> None:
    """A call for several people does not say who matched, so each of them is asked, side by side."""
    played = play(find_schedules([ANN, BOB, CY]), schedules("A", "B"), schedules("B"), schedules(), schedules("B", "A"))
    assert played.value == {ANN: ("B",), CY: ("A", "B")}
    assert queries(played) == [
        f"user.id:({ANN} OR {BOB} OR {CY})",
        f"user.id:{ANN}",
        f"user.id:{BOB}",
        f"user.id:{CY}",
    ]


def test_searches_run_side_by_side() -> None:
    """Groups of people are searched side by side, and then the people of those that found something."""
    flow = find_schedules([uuid(f"u{number}") for number in range(170)])
    groups = next(flow)
    assert isinstance(groups, Gather)
    assert len(groups.flows) == 3
    people = flow.send([(), ("Nights",), ()])
    assert isinstance(people, Gather)
    assert len(people.flows) == 80
    flow.close()
    for each in (*groups.flows, *people.flows):
        each.close()


def test_only_the_people_of_a_call_that_found_something_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The people of a call that found nothing are not asked again, and neither is a person who was alone in a call."""
    monkeypatch.setattr(on_call, "_PEOPLE_IN_A_CALL", 2)
    first, second = [uuid("a"), uuid("b")], [uuid("c"), uuid("d")]
    answers = [schedules(), schedules("S"), schedules("T"), schedules("S"), schedules()]
    played = play(find_schedules([*first, *second, ANN]), *answers)
    assert played.value == {second[0]: ("S",), ANN: ("T",)}
    assert queries(played)[2:] == [f"user.id:{ANN}", *(f"user.id:{person}" for person in second)]


def test_the_url_stays_short() -> None:
    """The URL of a call with as many people as possible is shorter than 4,000 characters."""
    people = [uuid(f"u{number}") for number in range(200)]
    played = play(find_schedules(people), schedules(), schedules(), schedules())
    lengths = [
        len(f"https://api.us2.ddog-gov.com{each.path}?{urlencode(each.query, quote_via=quote)}")
        for each in played.requests
    ]
    assert len(lengths) == 3
    assert 3_500 < max(lengths) < 4_000


def test_all_pages_are_read() -> None:
    """The schedules of one person are read to the end of their list, and each name is returned once."""
    first = schedules(*(f"S{number}" for number in range(100)), total=102)
    played = play(find_schedules([ANN]), first, schedules("Z", "S5", total=102, first=100))
    assert played.value == {ANN: tuple(sorted([*(f"S{number}" for number in range(100)), "Z"]))}
    assert [dict(request.query)["page[number]"] for request in played.requests] == ["0", "1"]


def test_a_schedule_without_a_name_is_shown_by_its_id() -> None:
    """A schedule that has no name counts, and its id stands for the name."""
    assert play(find_schedules([ANN]), schedules(None)).value == {ANN: ("id-0",)}


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([schedules(total=1)], "it stops after 0 rows, and states a total of 1"),
        ([reply(200, {"meta": {"page": {"total": 0}}})] * MAX_ATTEMPTS, "its data is not a list"),
        ([reply(200, {"data": [{"type": "schedules", "attributes": {}}]})] * MAX_ATTEMPTS, "has no id"),
        ([reply(200, {"data": [{"id": "1", "attributes": {"name": 3}}]})] * MAX_ATTEMPTS, "its name is int"),
    ],
)
def test_an_answer_that_proves_nothing_is_an_error(answers: list[Response], problem: str) -> None:
    """An answer that is incomplete or not as documented is an error, and nobody counts as absent because of it."""
    error = play(find_schedules([ANN, BOB]), *answers).error
    assert isinstance(error, UnavailableError)
    assert problem in str(error)


def test_a_search_that_contradicts_itself_is_an_error() -> None:
    """If a call for several people finds schedules, and none of them alone is found, nobody counts as absent."""
    error = play(find_schedules([ANN, BOB]), schedules("Nights"), schedules(), schedules()).error
    assert isinstance(error, UnavailableError)
    assert error.transient
    assert "a search for 2 people finds schedules, and a search for each of them finds none" in str(error)


def test_an_answer_without_a_total_is_accepted() -> None:
    """Without a stated total, a page that is not full is the last one."""
    rows = [{"id": "1", "attributes": {"name": "Nights"}}]
    assert play(find_schedules([ANN]), reply(200, {"data": rows, "meta": []})).value == {ANN: ("Nights",)}
    assert play(find_schedules([ANN]), reply(200, {"data": [], "meta": {"page": None}})).value == {}


def test_a_site_without_the_api_is_an_error_of_its_own() -> None:
    """A 404 says that the site has no on-call API, and which argument does without it."""
    error = play(find_schedules([ANN, BOB]), reply(404, {"errors": ["Not Found"]})).error
    assert isinstance(error, OnCallNotAvailableError)
    assert not error.transient
    assert str(error) == (
        "Datadog answered 404 to GET /api/v2/on-call/schedules: Not Found. This Datadog site has no on-call API, so "
        "nobody can be looked up in on-call schedules and escalation policies. To continue without the "
        "look-up, pass on_call='ignore'."
    )


def test_a_refusal_names_the_permission() -> None:
    """Refused keys are tried twice, and the error names the permission."""
    played = play(find_schedules([ANN]), *[reply(403, {"errors": ["Forbidden"]})] * 2)
    assert isinstance(played.error, KeysRefusedError)
    assert "has the permission on_call_read" in str(played.error)


def test_another_refusal_is_an_error() -> None:
    """A search that Datadog refuses is an error with its explanation."""
    error = play(find_schedules([ANN]), reply(400, {"errors": ["bad query"]})).error
    assert isinstance(error, RequestRefusedError)
    assert "bad query" in str(error)


def test_a_transient_fault_is_retried() -> None:
    """A lost answer is asked for again."""
    assert play(find_schedules([ANN]), lost(), reply(503), schedules("Nights")).value == {ANN: ("Nights",)}


@pytest.mark.parametrize("value", ["ann@x.com", "", f"{ANN}) OR (team.id:1", None])
def test_anything_but_a_uuid_is_refused_before_a_call(value: object) -> None:
    """A value that is no UUID never becomes part of a search."""
    played = play(find_schedules([ANN, value]))  # type: ignore[list-item]
    assert isinstance(played.error, InvalidInputError)
    assert played.calls == ""


# --- the control of a search ---

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def schedule(user: str | None, status: str = "active", **layer: Any) -> Response:
    """Return a schedule with a layer and a member."""
    rows = [
        {
            "type": "layers",
            "id": "l1",
            "attributes": {"effective_date": "2026-01-01T00:00:00Z", **layer},
            "relationships": {"members": {"data": [{"type": "members", "id": "m1"}]}},
        },
        {"type": "members", "id": "m1", "relationships": {"user": {"data": user and {"type": "users", "id": user}}}},
        {"type": "users", "id": CY, "attributes": {"status": status}},
    ]
    return reply(200, {"data": {"type": "schedules", "id": "s1"}, "included": rows})


@pytest.mark.parametrize("begin", ["2026-01-01T00:00:00Z", "2026-01-01", "2026-11-21T12:00:00+00:00"])
def test_a_member_whom_the_search_finds_proves_it(begin: str) -> None:
    """A member of a layer that is in effect is searched for beside one of the people, and found."""
    played = play(prove_search(["s1", "s2"], [ANN, BOB], NOW), schedule(CY, effective_date=begin), schedules("Nights"))
    assert played.error is None
    assert [request.path for request in played.requests] == [f"{PATH}/s1", PATH]
    assert dict(played.requests[0].query) == {"include": "layers,layers.members,layers.members.user"}
    assert dict(played.requests[1].query)["filter[query]"] == f"user.id:({ANN} OR {CY})"


def test_a_member_whom_the_search_misses_is_an_error() -> None:
    """If the search does not find the member, it proves nothing about the others, and the error names the schedule."""
    error = play(prove_search(["s1"], [ANN, BOB], NOW), schedule(CY), schedules()).error
    assert isinstance(error, UnavailableError)
    assert f"a search for {CY} finds no schedule, although the schedule s1 has this member. So the search says" in str(
        error
    )
    assert "nothing about the 2 people that it did not find" in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        schedule(None),
        schedule(BOB),
        schedule(CY, "deactivated"),
        schedule(CY, end_date="2026-12-01T00:00:00Z"),
        schedule(CY, effective_date="2026-11-21T12:00:01Z"),
        schedule(CY, effective_date=None),
        schedule(CY, effective_date="soon"),
        reply(200, {"data": {"type": "schedules", "id": "s1"}}),
        reply(404),
    ],
)
def test_a_schedule_without_such_a_member_proves_nothing(answer: Response) -> None:
    """A member that the search need not find is not searched for."""
    played = play(prove_search(["s1"], [ANN], NOW), answer)
    assert (played.error, played.calls) == (None, "G")


def test_without_schedules_nothing_is_asked() -> None:
    """Without a schedule there is no control. The first of all schedules can be read."""
    assert play(prove_search([], [ANN], NOW)).calls == ""
    assert play(read_first_schedule(), schedules("Nights", "Days")).value == ("id-0",)
    assert play(read_first_schedule(), schedules()).value == ()


PEOPLE = [uuid(f"p{number}") for number in range(8)]


@given(
    schedules=st.lists(st.tuples(st.sampled_from(["A", "B", "C", ""]), st.sets(st.sampled_from(PEOPLE)))),
    wanted=st.lists(st.sampled_from(PEOPLE)),
    in_a_call=st.integers(1, 4),
    in_a_page=st.integers(1, 3),
)
def test_everybody_is_found_in_their_schedules_and_nowhere_else(
    schedules: list[tuple[str, set[str]]], wanted: list[str], in_a_call: int, in_a_page: int
) -> None:
    """Whatever the schedules, groups and pages are, the result and the number of searches are those of a model."""
    with (
        unserved() as datadog,
        patch.object(on_call, "_PEOPLE_IN_A_CALL", in_a_call),
        patch("airflow_provider_seats._api.pages.PAGE_SIZE", in_a_page),
    ):
        ids = [datadog.add_schedule(name, members) for name, members in schedules]
        played: Played[dict[str, tuple[str, ...]]] = Played()
        result = serve(find_schedules(wanted), lambda step: answer_by(datadog, step), played)
    people = list(dict.fromkeys(wanted))
    found = {
        person: {
            name or schedule_id
            for schedule_id, (name, members) in zip(ids, schedules, strict=True)
            if person in members
        }
        for person in people
    }
    assert result == {person: tuple(sorted(names)) for person, names in found.items() if names}
    assert list(result) == [person for person in people if found[person]]
    groups = [people[start : start + in_a_call] for start in range(0, len(people), in_a_call)]
    asked = [group for group in groups if len(group) > 1 and any(found[person] for person in group)]
    searches = [request for request in played.requests if dict(request.query)["page[number]"] == "0"]
    assert len(searches) == len(groups) + sum(map(len, asked))


@pytest.mark.parametrize("way", ["worker", "event loop"])
def test_a_client_finds_people_over_sockets(datadog: FakeDatadog, way: str) -> None:
    """A worker and an event loop find the same people with the same calls."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(20)]
    datadog.add_schedule("Nights", [people[3], people[7]])
    datadog.add_schedule("Days", [people[7]])
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    flow = find_schedules(people)
    found = client.run(flow) if way == "worker" else quickly(client.arun(flow))
    client.close()
    assert found == {people[3]: ("Nights",), people[7]: ("Days", "Nights")}
    assert len(datadog.calls("GET", SCHEDULES)) == 1 + 20


def test_twenty_leavers_are_one_call_over_sockets(datadog: FakeDatadog) -> None:
    """Twenty people on no schedule are one request."""
    datadog.add_schedule("Nights", [datadog.add_user("cy@x.com")])
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    assert client.run(find_schedules([datadog.add_user(f"u{number}@x.com") for number in range(20)])) == {}
    client.close()
    assert len(datadog.calls()) == 1
