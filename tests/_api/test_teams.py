"""The team flow: the members of teams, by exact handles, from complete lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import MAX_ATTEMPTS, Gather, Request, Response
from airflow_provider_seats._api.teams import PATH, list_team_members
from airflow_provider_seats._api.users import User
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import (
    GroupsNotFoundError,
    InvalidInputError,
    KeysRefusedError,
    RequestRefusedError,
    UnavailableError,
)
from airflow_provider_seats.testing import TEAMS, FakeDatadog
from tests.helpers.looping import quickly
from tests.helpers.playing import Played, answer_by, lost, play, reply, serve, unserved, uuid

if TYPE_CHECKING:
    from airflow_provider_seats._api.groups import Members

ANN, BOB, CY = uuid("ann"), uuid("bob"), uuid("cy")


def teams(*handles: str, total: int | None = None, first: int = 0) -> Response:
    """Return a page of teams. Their ids count from ``first``."""
    rows = [
        {"type": "team", "id": f"team-{number}", "attributes": {"handle": handle, "name": "N"}}
        for number, handle in enumerate(handles, first)
    ]
    return reply(200, {"data": rows, "meta": {"pagination": {"total": len(rows) if total is None else total}}})


def members(*users: str, total: int | None = None) -> Response:
    """Return a page of memberships."""
    rows = [
        {
            "type": "team_memberships",
            "id": f"Membership-1-{user}",
            "relationships": {"user": {"data": {"type": "users", "id": user}}},
        }
        for user in users
    ]
    return reply(200, {"data": rows, "meta": {"pagination": {"total": len(rows) if total is None else total}}})


def test_a_team_is_a_search_and_a_list() -> None:
    """The members of a team cost two calls, and are returned as UUIDs in Datadog's order."""
    played = play(list_team_members(["sre"]), teams("sre"), members(BOB.upper(), ANN))
    assert played.value.people == [BOB, ANN]
    search, listing = played.requests
    assert search.query == (("filter[keyword]", "sre"), ("page[size]", "100"), ("page[number]", "0"))
    assert (search.name, listing.name) == (f"GET {PATH}", f"GET {PATH}/team-0/memberships")
    assert {search.permission, listing.permission} == {"the permission teams_read"}
    assert listing.limit_key == f"GET {PATH}/{{team_id}}/memberships"


def test_several_teams_are_one_search_and_lists_side_by_side() -> None:
    """Several teams are found in the list of all teams, and each user is returned once, in the order of the handles."""
    flow = list_team_members(["sre", "payments", "sre"])
    search = next(flow)
    assert isinstance(search, Request)
    assert search.query == (("page[size]", "100"), ("page[number]", "0"))
    lists = flow.send(teams("payments", "ops", "sre"))
    assert isinstance(lists, Gather)
    assert len(lists.flows) == 2
    with pytest.raises(StopIteration) as end:
        flow.send([{"1": person(BOB), "2": person(ANN)}, {"3": person(CY), "4": person(BOB)}])
    assert end.value.value.people == [BOB, ANN, CY]
    for each in lists.flows:
        each.close()


def person(uuid: str) -> User:
    """Return an account about which nothing else is known."""
    return User(uuid, None, None, None)


def test_a_team_without_members_is_an_empty_list() -> None:
    """A team without members has an empty list, which the guards of an operator refuse."""
    assert play(list_team_members(["sre"]), teams("sre"), members()).value.people == []


def test_only_the_exact_handle_counts() -> None:
    """Names, longer handles and handles in another case are no match, although the search finds them."""
    played = play(list_team_members(["sre"]), teams("sre-eu", "SRE", "sre"), members(ANN))
    assert played.requests[1].path.endswith("/team-2/memberships")
    error = play(list_team_members(["sre"]), teams("sre-eu", "SRE"), teams("sre-eu", "SRE", "ops")).error
    assert isinstance(error, GroupsNotFoundError)
    assert not error.transient
    assert str(error) == (
        "Datadog: no team has the handle 'sre' (there are 'SRE', 'sre-eu'). Pass each handle exactly as the team's "
        "page in Datadog shows it, without @. The name of a team is not its handle."
    )
    assert error.unknown == {"sre": ["SRE", "sre-eu"]}


def test_all_unclear_handles_are_named_at_once() -> None:
    """Handles of no team and of several teams are one error, which comes before any list is read."""
    everything = teams("sre", "twice", "twice")
    played = play(list_team_members(["gone", "sre", "twice", "\u200bsre"]), everything, teams(), teams("sre"))
    assert isinstance(played.error, GroupsNotFoundError)
    assert str(played.error).startswith(
        "Datadog: no team has the handle 'gone' (there are 'sre', 'twice'); no team has the handle '\\u200bsre' (there "
        "are 'sre'); more than one team has the handle 'twice': team-1, team-2. Pass each handle "
    )
    assert (played.error.unknown, played.error.ambiguous) == (
        {"gone": ["sre", "twice"], "\u200bsre": ["sre"]},
        {"twice": ["team-1", "team-2"]},
    )


def test_a_team_that_was_just_deleted_is_not_found() -> None:
    """A team that is deleted after the search is an unknown handle, and not an empty list."""
    error = play(list_team_members(["sre"]), teams("sre"), reply(404, {"errors": ["Not Found"]})).error
    assert isinstance(error, GroupsNotFoundError)
    assert error.unknown == {"sre": []}


def test_all_pages_of_a_search_are_read() -> None:
    """The exact handle is found behind a hundred others."""
    first = teams(*(f"sre-{number}" for number in range(100)), total=101)
    played = play(list_team_members(["sre"]), first, teams("sre", total=101, first=100), members(ANN))
    assert played.value.people == [ANN]
    assert dict(played.requests[1].query)["page[number]"] == "1"


MANY = [uuid(f"u{number}") for number in range(101)]


def test_a_list_of_several_pages_is_read_twice() -> None:
    """A member who was on none of the pages because the list shifted is found by a second reading."""
    pages = members(*MANY[:100], total=101), members(MANY[100], total=101)
    again = members(*MANY[:99], ANN, total=101), members(MANY[100], total=101)
    assert play(list_team_members(["sre"]), teams("sre"), *pages, *again).value.people == [*MANY, ANN]


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        ([members(ANN, total=2), members(total=2)], "it stops after 1 row, and states a total of 2"),
        (
            [members(*MANY[:100], total=150), members(*MANY[:100], total=150)],
            "it stops after 100 rows, and states a total of 150",
        ),
        ([members(*MANY[:100], total=150), members(MANY[100], total=101)], "it had 150 rows, then 101"),
    ],
)
def test_a_list_that_ends_early_is_an_error(pages: list[Response], problem: str) -> None:
    """Memberships that do not add up are an error, never a short list."""
    error = play(list_team_members(["sre"]), teams("sre"), *pages).error
    assert isinstance(error, UnavailableError)
    assert problem in str(error)


ROW = {"id": "m", "relationships": {"user": {"data": {"type": "users", "id": ANN}}}}


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "id": None},
        {"id": "m"},
        {**ROW, "relationships": {}},
        {**ROW, "relationships": {"user": {"data": None}}},
        {**ROW, "relationships": {"user": {"data": {"id": "ann"}}}},
        None,
    ],
)
def test_a_membership_without_a_user_is_an_error(row: Any) -> None:
    """A row that names no user by UUID is an error, and the member is not left out."""
    answers = [reply(200, {"data": [ROW, row]})] * MAX_ATTEMPTS
    error = play(list_team_members(["sre"]), teams("sre"), *answers).error
    assert isinstance(error, UnavailableError)


@pytest.mark.parametrize("row", [{"id": "1", "attributes": {}}, {"id": None, "attributes": {"handle": "sre"}}])
def test_a_team_without_an_id_or_handle_is_an_error(row: Any) -> None:
    """A row that is no team is an error, because it may be the one that was asked for."""
    error = play(list_team_members(["sre"]), *[reply(200, {"data": [row]})] * MAX_ATTEMPTS).error
    assert isinstance(error, UnavailableError)
    assert "has no id or no handle" in str(error)


def test_the_id_of_a_team_is_one_segment_of_the_path() -> None:
    """A team id with a slash does not lead to another endpoint."""
    row = {"id": "../users?x", "attributes": {"handle": "sre"}}
    played = play(list_team_members(["sre"]), reply(200, {"data": [row]}), members(ANN))
    assert played.requests[1].path == f"{PATH}/..%2Fusers%3Fx/memberships"


def test_a_refusal_names_the_permission() -> None:
    """Refused keys are tried twice, and the error names the permission."""
    played = play(list_team_members(["sre"]), *[reply(403, {"errors": ["Forbidden"]})] * 2)
    assert isinstance(played.error, KeysRefusedError)
    assert "has the permission teams_read" in str(played.error)


def test_another_refusal_is_an_error() -> None:
    """A list that Datadog refuses for another reason than 404 is an error with its explanation."""
    error = play(list_team_members(["sre"]), teams("sre"), reply(400, {"errors": ["bad page"]})).error
    assert isinstance(error, RequestRefusedError)
    assert "bad page" in str(error)


def test_a_transient_fault_is_retried() -> None:
    """A lost answer is asked for again."""
    assert play(list_team_members(["sre"]), lost(), teams("sre"), reply(503), members(ANN)).value.people == [ANN]


HANDLES = ["sre", "sre-eu", "payments", "s"]
PEOPLE = [uuid(f"p{number}") for number in range(6)]


@given(
    groups=st.fixed_dictionaries(
        {handle: st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1) for handle in HANDLES}
    ),
    wanted=st.lists(st.sampled_from(HANDLES)),
)
def test_everybody_in_the_teams_is_returned_once(groups: dict[str, list[str]], wanted: list[str]) -> None:
    """Whatever the teams are, the result is their members in order, each once, in a search and a call for each team."""
    with unserved() as datadog:
        for handle, people in groups.items():
            datadog.add_team(handle, people)
        played: Played[Members] = Played()
        result = serve(list_team_members(wanted), lambda step: answer_by(datadog, step), played)
    assert result.people == list(dict.fromkeys(person for handle in wanted for person in groups[handle]))
    assert len(played.requests) == (1 + len(set(wanted)) if wanted else 0)


@given(
    groups=st.fixed_dictionaries({handle: st.lists(st.sampled_from(PEOPLE), unique=True) for handle in HANDLES}),
    wanted=st.lists(st.sampled_from(HANDLES), min_size=1, unique=True),
    disabled=st.sets(st.sampled_from(PEOPLE)),
    services=st.sets(st.sampled_from(PEOPLE)),
)
def test_only_enabled_accounts_of_people_are_members(
    groups: dict[str, list[str]], wanted: list[str], disabled: set[str], services: set[str]
) -> None:
    """Disabled accounts and service accounts are left out by name, and an empty one of several teams is an error."""
    with unserved() as datadog:
        for person in PEOPLE:
            datadog.add_user(
                f"{person}@x.com",
                status="Disabled" if person in disabled else "Active",
                service_account=person in services,
                user_uuid=person,
            )
        for handle, people in groups.items():
            datadog.add_team(handle, people)
        enabled = {handle: [each for each in groups[handle] if each not in disabled | services] for handle in wanted}
        if len(wanted) > 1 and not all(enabled.values()):
            with pytest.raises(InvalidInputError, match=r"^handles: no member of '"):
                serve(list_team_members(wanted), lambda step: answer_by(datadog, step), Played())
            return
        result = serve(list_team_members(wanted), lambda step: answer_by(datadog, step), Played())
    everyone = dict.fromkeys(person for handle in wanted for person in groups[handle])
    assert result.people == list(dict.fromkeys(person for handle in wanted for person in enabled[handle]))
    assert [each.split("@")[0] for each in result.left_out] == [
        each for each in everyone if each in disabled | services
    ]


@pytest.mark.parametrize("way", ["worker", "event loop"])
def test_a_client_lists_a_large_team_over_sockets(datadog: FakeDatadog, way: str) -> None:
    """A worker and an event loop return all members of a team of several pages."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(250)]
    team = datadog.add_team("sre", people)
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    flow = list_team_members(["sre"])
    assert (client.run(flow) if way == "worker" else quickly(client.arun(flow))).people == people
    client.close()
    assert len(datadog.calls("GET", TEAMS)) == 1
    assert len(datadog.calls("GET", f"{TEAMS}/{team}/memberships")) == 2 * 3
