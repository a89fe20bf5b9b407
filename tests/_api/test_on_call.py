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
from airflow_provider_seats._api.on_call import PATH, Schedule, find_schedules, read_first_schedule, read_schedule
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
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


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
    assert play(find_schedules([], NOW)).calls == ""


def test_twenty_people_on_no_schedule_are_one_call() -> None:
    """Many people are looked up in one call, and if it finds nothing there is no other."""
    people = [uuid(f"u{number}") for number in range(20)]
    played = play(find_schedules(people, NOW), schedules())
    assert played.value == {}
    assert queries(played) == [f"user.id:({' OR '.join(people)})"]
    assert (played.requests[0].name, played.requests[0].permission) == (f"GET {PATH}", "the permission on_call_read")


def test_one_person_is_not_asked_twice() -> None:
    """The call for one person says all there is to know about them."""
    played = play(find_schedules([ANN.upper(), ANN], NOW), schedules("B", "A"))
    assert played.value == {ANN: ("A", "B")}
    assert queries(played) == [f"user.id:{ANN}"]


def members(name: str, *people: str, **layer: Any) -> Response:
    """Return a schedule with one layer of these members."""
    rows: list[Any] = [
        {
            "type": "layers",
            "id": "l1",
            "attributes": {"effective_date": "2026-01-01T00:00:00Z", **layer},
            "relationships": {"members": {"data": [{"type": "members", "id": f"m{each}"} for each in people]}},
        }
    ]
    for each in people:
        user = {"user": {"data": {"type": "users", "id": each}}}
        rows.append({"type": "members", "id": f"m{each}", "relationships": user})
        rows.append({"type": "users", "id": each, "attributes": {"status": "active"}})
    document = {"data": {"type": "schedules", "id": "s", "attributes": {"name": name}}, "included": rows}
    return reply(200, document)


def test_a_schedule_that_was_found_is_read_with_its_members() -> None:
    """A call for several people does not say who matched. The schedules do, and a last search finds nobody else."""
    answers = [schedules("A", "B"), members("A", CY), members("B", ANN.upper(), CY, uuid("di")), schedules()]
    played = play(find_schedules([ANN, BOB, CY], NOW), *answers)
    assert played.value == {ANN: ("B",), CY: ("A", "B")}
    assert [request.path for request in played.requests] == [PATH, f"{PATH}/id-0", f"{PATH}/id-1", PATH]
    assert dict(played.requests[1].query) == {"include": "layers,layers.members,layers.members.user"}
    assert dict(played.requests[3].query)["filter[query]"] == f"user.id:{BOB}"


@pytest.mark.parametrize("read", [members("A"), members("A", ANN, end_date="2026-11-21T12:00:00Z"), reply(404)])
def test_people_that_no_member_list_shows_are_found_by_halves(read: Response) -> None:
    """A search may know overrides or past members. People that no schedule shows are searched for by halves."""
    people = [ANN, BOB, CY, uuid("di")]
    answers = [schedules("A"), read, schedules("A"), schedules(), schedules("A"), schedules()]
    played = play(find_schedules(people, NOW), *answers)
    assert played.value == {ANN: ("A",)}
    groups = [people, people[:2], people[2:], [ANN], [BOB]]
    searches = [f"user.id:({' OR '.join(group)})" if len(group) > 1 else f"user.id:{group[0]}" for group in groups]
    assert [dict(each.query)["filter[query]"] for each in played.requests if each.path == PATH] == searches


def test_the_rest_of_a_group_is_searched_for_by_halves_too() -> None:
    """After the members of a schedule, one search for the others, and halves if it finds something."""
    answers = [schedules("A"), members("A", ANN), schedules("A"), schedules(), schedules("A")]
    assert play(find_schedules([ANN, BOB, CY], NOW), *answers).value == {ANN: ("A",), CY: ("A",)}


def test_more_schedules_than_people_are_not_read() -> None:
    """If a search finds more schedules than it has people, the people are searched for by halves."""
    answers = [schedules("A", "B", "C"), schedules("A"), schedules("B", "C")]
    assert play(find_schedules([ANN, BOB], NOW), *answers).value == {ANN: ("A",), BOB: ("B", "C")}


def test_searches_run_side_by_side() -> None:
    """Groups of people are searched side by side."""
    flow = find_schedules([uuid(f"u{number}") for number in range(170)], NOW)
    groups = next(flow)
    assert isinstance(groups, Gather)
    assert len(groups.flows) == 3
    flow.close()
    for each in groups.flows:
        each.close()


def test_the_url_stays_short() -> None:
    """The URL of a call with as many people as possible is shorter than 4,000 characters."""
    people = [uuid(f"u{number}") for number in range(200)]
    played = play(find_schedules(people, NOW), schedules(), schedules(), schedules())
    lengths = [
        len(f"https://api.us2.ddog-gov.com{each.path}?{urlencode(each.query, quote_via=quote)}")
        for each in played.requests
    ]
    assert len(lengths) == 3
    assert 3_500 < max(lengths) < 4_000


def test_all_pages_are_read() -> None:
    """The schedules of one person are read to the end of their list, and each name is returned once."""
    first = schedules(*(f"S{number}" for number in range(100)), total=102)
    played = play(find_schedules([ANN], NOW), first, schedules("Z", "S5", total=102, first=100))
    assert played.value == {ANN: tuple(sorted([*(f"S{number}" for number in range(100)), "Z"]))}
    assert [dict(request.query)["page[number]"] for request in played.requests] == ["0", "1"]


def test_a_schedule_without_a_name_is_shown_by_its_id() -> None:
    """A schedule that has no name counts, and its id stands for the name."""
    assert play(find_schedules([ANN], NOW), schedules(None)).value == {ANN: ("id-0",)}


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
    error = play(find_schedules([ANN, BOB], NOW), *answers).error
    assert isinstance(error, UnavailableError)
    assert problem in str(error)


def test_a_search_that_contradicts_itself_is_an_error() -> None:
    """If a call for several people finds schedules, and none of them alone is found, nobody counts as absent."""
    answers = [schedules("Nights"), members("Nights"), schedules(), schedules()]
    error = play(find_schedules([ANN, BOB], NOW), *answers).error
    assert isinstance(error, UnavailableError)
    assert error.transient
    assert "a search for 2 people finds schedules, and a search for each half of them finds none" in str(error)


def test_an_answer_without_a_total_is_accepted() -> None:
    """Without a stated total, a page that is not full is the last one."""
    rows = [{"id": "1", "attributes": {"name": "Nights"}}]
    assert play(find_schedules([ANN], NOW), reply(200, {"data": rows, "meta": []})).value == {ANN: ("Nights",)}
    assert play(find_schedules([ANN], NOW), reply(200, {"data": [], "meta": {"page": None}})).value == {}


def test_a_site_without_the_api_is_an_error_of_its_own() -> None:
    """A 404 says that the site has no on-call API, and which argument does without it."""
    error = play(find_schedules([ANN, BOB], NOW), reply(404, {"errors": ["Not Found"]})).error
    assert isinstance(error, OnCallNotAvailableError)
    assert not error.transient
    assert str(error) == (
        "Datadog answered 404 to GET /api/v2/on-call/schedules: Not Found. This Datadog site has no on-call API, so "
        "nobody can be looked up in on-call schedules and escalation policies. To continue without the "
        "look-up, pass on_call='ignore'."
    )


def test_a_refusal_names_the_permission() -> None:
    """Refused keys are tried twice, and the error names the permission."""
    played = play(find_schedules([ANN], NOW), *[reply(403, {"errors": ["Forbidden"]})] * 2)
    assert isinstance(played.error, KeysRefusedError)
    assert "has the permission on_call_read" in str(played.error)


def test_another_refusal_is_an_error() -> None:
    """A search that Datadog refuses is an error with its explanation."""
    error = play(find_schedules([ANN], NOW), reply(400, {"errors": ["bad query"]})).error
    assert isinstance(error, RequestRefusedError)
    assert "bad query" in str(error)


def test_a_transient_fault_is_retried() -> None:
    """A lost answer is asked for again."""
    assert play(find_schedules([ANN], NOW), lost(), reply(503), schedules("Nights")).value == {ANN: ("Nights",)}


@pytest.mark.parametrize("value", ["ann@x.com", "", f"{ANN}) OR (team.id:1", None])
def test_anything_but_a_uuid_is_refused_before_a_call(value: object) -> None:
    """A value that is no UUID never becomes part of a search."""
    played = play(find_schedules([ANN, value], NOW))  # type: ignore[list-item]
    assert isinstance(played.error, InvalidInputError)
    assert played.calls == ""


# --- the control of a search ---


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
def test_a_member_that_a_search_has_to_find_is_its_control(begin: str) -> None:
    """An enabled member of a layer that is in effect is a control."""
    played = play(read_schedule("s/1", NOW), schedule(CY, effective_date=begin))
    assert played.value == Schedule("s/1", "s/1", frozenset([CY]), CY)
    assert [request.path for request in played.requests] == [f"{PATH}/s%2F1"]


@pytest.mark.parametrize(
    ("answer", "people"),
    [
        (schedule(None), []),
        (schedule(BOB), [BOB]),
        (schedule(CY, "deactivated"), [CY]),
        (schedule(CY, end_date="2026-12-01T00:00:00Z"), [CY]),
        (schedule(CY, end_date="2026-11-21T12:00:00Z"), []),
        (schedule(CY, effective_date="2026-11-21T12:00:01Z"), [CY]),
        (schedule(CY, effective_date=None), [CY]),
        (schedule(CY, effective_date="soon"), [CY]),
        (reply(200, {"data": {"type": "schedules", "id": "s1"}}), []),
    ],
)
def test_a_member_that_a_search_need_not_find_is_no_control(answer: Response, people: list[str]) -> None:
    """Such a member may still be on call, unless the layer has ended."""
    assert play(read_schedule("s1", NOW), answer).value == Schedule("s1", "s1", frozenset(people), None)


def test_a_schedule_may_be_gone() -> None:
    """A schedule that Datadog no longer has is none."""
    played = play(read_schedule("s1", NOW), reply(404))
    assert (played.result, played.error) == (None, None)


def test_the_first_schedule_of_the_list_is_read() -> None:
    """The first of all schedules is read, if there is one."""
    played = play(read_first_schedule(NOW), schedules("Nights", "Days"), schedule(CY))
    assert played.value == Schedule("id-0", "id-0", frozenset([CY]), CY)
    assert play(read_first_schedule(NOW), schedules()).result is None
    assert isinstance(play(read_first_schedule(NOW), reply(404)).error, OnCallNotAvailableError)


CONTROL = Schedule("id-0", "Nights", frozenset([CY, BOB]), CY)


def test_a_member_is_searched_for_together_with_the_people() -> None:
    """A search that finds only the control finds its members among the people, and nobody else."""
    played = play(find_schedules([ANN, BOB], NOW, CONTROL), schedules("Nights"))
    assert played.value == {BOB: ("Nights",)}
    assert queries(played) == [f"user.id:({ANN} OR {BOB} OR {CY})"]


def test_a_search_that_finds_more_than_the_control_is_repeated_without_it() -> None:
    """The member may be in other schedules, too, so the people are searched for alone."""
    played = play(find_schedules([ANN], NOW, CONTROL), schedules("Nights", "Days"), schedules())
    assert played.value == {}
    assert queries(played) == [f"user.id:({ANN} OR {CY})", f"user.id:{ANN}"]
    played = play(find_schedules([CY], NOW, CONTROL), schedules("Nights", "Days"))
    assert played.value == {CY: ("Days", "Nights")}


@pytest.mark.parametrize("answer", [schedules(), schedules("Days", first=1)])
@pytest.mark.parametrize("people", [[ANN, BOB], [ANN, CY]])
def test_a_search_that_misses_the_control_is_an_error(answer: Response, people: list[str]) -> None:
    """If a search does not find the schedule of a member, it proves nothing about the others."""
    error = play(find_schedules(people, NOW, CONTROL), answer).error
    assert isinstance(error, UnavailableError)
    assert f"does not find the schedule id-0, although {CY} is one of them and its member. So the search says" in str(
        error
    )


PEOPLE = [uuid(f"p{number}") for number in range(8)]


@given(
    schedules=st.lists(st.tuples(st.sampled_from(["A", "B", "C", ""]), st.sets(st.sampled_from(PEOPLE)))),
    wanted=st.lists(st.sampled_from(PEOPLE)),
    in_a_call=st.integers(1, 4),
    in_a_page=st.integers(1, 3),
    control=st.integers(0, 9),
)
def test_everybody_is_found_in_their_schedules_and_nowhere_else(
    schedules: list[tuple[str, set[str]]], wanted: list[str], in_a_call: int, in_a_page: int, control: int
) -> None:
    """Whatever the schedules, groups, pages and the control are, the result is that of a model, and calls are few."""
    with (
        unserved() as datadog,
        patch.object(on_call, "PEOPLE_IN_A_CALL", in_a_call),
        patch("airflow_provider_seats._api.pages.PAGE_SIZE", in_a_page),
    ):
        ids = [datadog.add_schedule(name, members) for name, members in schedules]
        played: Played[dict[str, tuple[str, ...]]] = Played()
        first = schedules[control] if control < len(schedules) and schedules[control][1] else None
        known = first and Schedule(ids[control], first[0] or ids[control], frozenset(first[1]), min(first[1]))
        result = serve(find_schedules(wanted, NOW, known), lambda step: answer_by(datadog, step), played)
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
    asked = [group for group in groups if any(found[person] for person in group)]
    firsts = [request for request in played.requests if dict(request.query).get("page[number]", "0") == "0"]
    # For a group: a search with the control, one without, then a reading for each person at most, or halves.
    assert len(firsts) <= 2 * len(groups) + sum(2 * len(group) + 1 for group in asked)


@pytest.mark.parametrize("way", ["worker", "event loop"])
def test_a_client_finds_people_over_sockets(datadog: FakeDatadog, way: str) -> None:
    """A worker and an event loop find the same people with the same calls."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(20)]
    datadog.add_schedule("Nights", [people[3], people[7]])
    datadog.add_schedule("Days", [people[7]])
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    flow = find_schedules(people, NOW)
    found = client.run(flow) if way == "worker" else quickly(client.arun(flow))
    client.close()
    assert found == {people[3]: ("Nights",), people[7]: ("Days", "Nights")}
    assert len(datadog.calls("GET", SCHEDULES)) == 2
    assert len(datadog.calls()) == 4


def test_twenty_leavers_are_one_call_over_sockets(datadog: FakeDatadog) -> None:
    """Twenty people on no schedule are one request."""
    datadog.add_schedule("Nights", [datadog.add_user("cy@x.com")])
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    assert client.run(find_schedules([datadog.add_user(f"u{number}@x.com") for number in range(20)], NOW)) == {}
    client.close()
    assert len(datadog.calls()) == 1
