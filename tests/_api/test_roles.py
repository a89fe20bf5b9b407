"""The role flow: who has a role, by exact name or id, from complete lists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import MAX_ATTEMPTS, Response
from airflow_provider_seats._api.roles import PATH, list_role_members
from airflow_provider_seats.connection import DatadogConnection
from airflow_provider_seats.exceptions import (
    GroupsNotFoundError,
    InvalidInputError,
    KeysRefusedError,
    RequestRefusedError,
    UnavailableError,
)
from airflow_provider_seats.testing import ROLES, FakeDatadog
from tests.helpers.looping import quickly
from tests.helpers.playing import Played, answer_by, lost, play, reply, serve, unserved, users, uuid

ANN, BOB, CY = uuid("ann"), uuid("bob"), uuid("cy")
MANY = [uuid(f"u{number}") for number in range(101)]


def roles(*names: str, total: int | None = None, filtered: int | None = None, first: int = 0) -> Response:
    """Return a page of roles. Their ids are the UUIDs of their numbers, which count from ``first``."""
    rows = [
        {"type": "roles", "id": uuid(f"role{number}"), "attributes": {"name": name}}
        for number, name in enumerate(names, first)
    ]
    counts = {"total_count": total, "total_filtered_count": len(rows) if filtered is None else filtered}
    return reply(200, {"data": rows, "meta": {"page": counts}})


def members(*people: str, total: int | None = None) -> Response:
    """Return a page of the users of a role."""
    count = len(people) if total is None else total
    return users(*((each, f"{each}@x.com", "Active") for each in people), total=count, filtered=count)


def test_a_role_by_name_is_a_search_and_a_list() -> None:
    """The members of a role cost two calls, and are returned as UUIDs in Datadog's order."""
    played = play(list_role_members(["SRE"]), roles("SRE", total=3300), members(BOB.upper(), ANN))
    assert (played.value.people, played.value.left_out) == ([BOB, ANN], [])
    search, listing = played.requests
    assert search.query == (("filter", "SRE"), ("page[size]", "100"), ("page[number]", "0"))
    assert listing.query == (("page[size]", "100"), ("page[number]", "0"))
    assert (search.name, listing.name) == (f"GET {PATH}", f"GET {PATH}/{uuid('role0')}/users")
    assert {search.permission, listing.permission} == {"the permission user_access_read"}
    assert listing.limit_key == f"GET {PATH}/{{role_id}}/users"


@pytest.mark.parametrize("spell", [str, str.upper, lambda role: role.replace("-", "")])
def test_a_role_by_id_is_one_call(spell: Any) -> None:
    """An id in any form needs no search."""
    played = play(list_role_members([spell(uuid("role7"))]), members(ANN))
    assert played.value.people == [ANN]
    assert [request.path for request in played.requests] == [f"{PATH}/{uuid('role7')}/users"]


def test_a_role_that_is_passed_by_name_and_id_is_read_in_the_order_of_both() -> None:
    """Names and ids may be mixed."""
    played = play(list_role_members([uuid("role7"), "SRE"]), roles("SRE"), members(CY), members(ANN, CY))
    assert played.value.people == [CY, ANN]


def test_a_role_that_nobody_has_is_an_empty_list() -> None:
    """A single role that nobody has is an empty list, which the guards of an operator refuse."""
    assert play(list_role_members(["SRE"]), roles("SRE"), members()).value.people == []


@pytest.mark.parametrize(
    ("everything", "message"),
    [
        (roles("Datadog Admin Role", "SRE"), "(there are 'Datadog Admin Role', 'SRE')"),
        (roles(), "(there is none)"),
        (
            roles(*(f"R{number}" for number in range(10, 35)), filtered=3300),
            "(there are 'R10', 'R11', 'R12', 'R13', 'R14', 'R15', 'R16', 'R17', 'R18', 'R19' and others)",
        ),
    ],
)
def test_an_unknown_name_shows_what_there_is(everything: Response, message: str) -> None:
    """If a search finds nothing, one call more reads some names for the error."""
    error = play(list_role_members(["sre"]), roles(), everything).error
    assert isinstance(error, GroupsNotFoundError)
    assert not error.transient
    assert str(error) == (
        f"Datadog: no role has the name or id 'sre' {message}. Pass each name exactly as Datadog shows it. If several "
        "roles have it, pass the id of one of them."
    )


def test_a_name_that_only_the_search_or_only_the_list_has_is_found() -> None:
    """Neither a search nor a list that shifted proves that there is no such role."""
    assert play(list_role_members(["A & B"]), roles(), roles("A & B"), members(ANN)).value.people == [ANN]
    shifted = roles("A"), roles("B", first=1), members(ANN), members(BOB)
    assert play(list_role_members(["A", "B"]), *shifted).value.people == [ANN, BOB]


def test_a_name_of_several_roles_is_an_error_with_their_ids() -> None:
    """A name that several roles have is an error that shows their ids."""
    error = play(list_role_members(["SRE"]), roles("SRE", "sre", "SRE")).error
    assert isinstance(error, GroupsNotFoundError)
    ids = [uuid("role0"), uuid("role2")]
    assert f"more than one role has the name or id 'SRE': {', '.join(ids)}." in str(error)
    assert error.ambiguous == {"SRE": ids}


def test_an_unknown_id_is_an_error_that_shows_what_there_is() -> None:
    """An id that no role has is an error with some names, and not an empty list."""
    ghost = uuid("ghost")
    error = play(list_role_members([ghost]), reply(404, {"errors": ["Not Found"]}), roles("SRE")).error
    assert isinstance(error, GroupsNotFoundError)
    assert error.unknown == {ghost: ["SRE"]}


@pytest.mark.parametrize(
    ("others", "names", "searches"),
    [(0, 1, 1), (0, 2, 1), (98, 2, 1), (150, 2, 2), (190, 2, 2), (250, 2, 3), (250, 3, 3), (950, 3, 4), (950, 12, 10)],
)
def test_several_roles_are_found_in_the_fewest_calls(others: int, names: int, searches: int) -> None:
    """Names cost a search each, or the list of all roles where that is fewer calls; finding out costs one at most."""
    with unserved() as datadog:
        for number in range(others):
            datadog.add_role(f"Other {number:03}")
        wanted = [f"Role {number}" for number in range(names)]
        people = [datadog.add_user(f"u{number}@x.com", user_uuid=MANY[number]) for number in range(names)]
        for role, person in zip(wanted, people, strict=True):
            datadog.add_role(role, [person])
        played: Played[Any] = Played()
        result = serve(list_role_members(wanted), lambda step: answer_by(datadog, step), played)
    assert result.people == people
    assert len([request for request in played.requests if request.path == PATH]) == searches


def test_a_list_of_several_pages_is_read_twice() -> None:
    """A user who was on none of the pages because the list shifted is found by a second reading."""
    pages = members(*MANY[:100], total=101), members(MANY[100], total=101)
    again = members(*MANY[:99], ANN, total=101), members(MANY[100], total=101)
    assert play(list_role_members(["SRE"]), roles("SRE"), *pages, *again).value.people == [*MANY, ANN]


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
    """Users that do not add up are an error, never a short list."""
    error = play(list_role_members(["SRE"]), roles("SRE"), *pages).error
    assert isinstance(error, UnavailableError)
    assert problem in str(error)


@pytest.mark.parametrize(
    "page",
    [{}, {"total_count": 2}, {"total_filtered_count": 2}, {"total_count": 2, "total_filtered_count": None}],
)
def test_either_total_counts(page: dict[str, Any]) -> None:
    """A list that states one of its totals has to reach it, and one without a total ends with a short page."""
    rows = [{"type": "users", "id": each, "attributes": {}} for each in (ANN, BOB)]
    halves = [reply(200, {"data": [row], "meta": {"page": page}}) for row in rows]
    played = play(list_role_members(["SRE"]), roles("SRE"), *halves, *halves, exhaust=False)
    assert played.value.people == ([ANN, BOB] if page else [ANN])


@pytest.mark.parametrize(
    "row",
    [
        {"id": None},
        {"id": "ann"},
        {"id": 7},
        {"id": ANN, "attributes": ["x"]},
        {"id": ANN, "attributes": {"email": 7}},
        7,
    ],
)
def test_a_user_without_a_uuid_is_an_error(row: Any) -> None:
    """A row that is no user is an error, and nobody is left out because of it."""
    answers = [reply(200, {"data": [{"id": BOB}, row]})] * MAX_ATTEMPTS
    error = play(list_role_members(["SRE"]), roles("SRE"), *answers).error
    assert isinstance(error, UnavailableError)


@pytest.mark.parametrize("row", [{"id": ANN}, {"attributes": {"name": "S"}}])
def test_a_role_without_an_id_or_name_is_an_error(row: Any) -> None:
    """A row that is no role is an error, because it may be the one that was asked for."""
    error = play(list_role_members(["SRE"]), *[reply(200, {"data": [row]})] * MAX_ATTEMPTS).error
    assert isinstance(error, UnavailableError)
    assert "has no id or no name" in str(error)


@pytest.mark.parametrize(
    "attributes",
    [{"disabled": True}, {"disabled": True, "status": "Active"}, {"status": "Disabled"}, {"status": "disabled"}],
)
def test_a_disabled_account_is_left_out_however_it_is_marked(attributes: dict[str, Any]) -> None:
    """A user of a role is left out if the status or the flag says that the account is disabled."""
    rows = [{"type": "users", "id": ANN, "attributes": attributes}, {"type": "users", "id": BOB, "attributes": {}}]
    members = play(list_role_members(["SRE"]), roles("SRE"), reply(200, {"data": rows})).value
    assert (members.people, members.left_out) == ([BOB], [f"{ANN}: the account is disabled"])


def test_a_refusal_names_the_permission() -> None:
    """Refused keys are tried twice, and the error names the permission."""
    played = play(list_role_members(["SRE"]), *[reply(403, {"errors": ["Forbidden"]})] * 2)
    assert isinstance(played.error, KeysRefusedError)
    assert "has the permission user_access_read" in str(played.error)


def test_another_refusal_is_an_error() -> None:
    """A list that Datadog refuses for another reason than 404 is an error with its explanation."""
    error = play(list_role_members(["SRE"]), roles("SRE"), reply(400, {"errors": ["bad page"]})).error
    assert isinstance(error, RequestRefusedError)


def test_a_transient_fault_is_retried() -> None:
    """A lost answer is asked for again."""
    assert play(list_role_members(["SRE"]), lost(), roles("SRE"), reply(503), members(ANN)).value.people == [ANN]


NAMES = ["SRE", "sre", "SRE EU", "Näch\u0300te & Tage", "R"]
PEOPLE = [uuid(f"p{number}") for number in range(6)]


@given(
    groups=st.fixed_dictionaries({name: st.lists(st.sampled_from(PEOPLE), unique=True) for name in NAMES}),
    wanted=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    disabled=st.sets(st.sampled_from(PEOPLE)),
    services=st.sets(st.sampled_from(PEOPLE)),
    by_id=st.booleans(),
)
def test_only_enabled_accounts_of_people_are_members(
    groups: dict[str, list[str]], wanted: list[str], disabled: set[str], services: set[str], *, by_id: bool
) -> None:
    """Whatever the roles are, everybody in them is returned once or left out by name, and none of several is empty."""
    with unserved() as datadog:
        for person in PEOPLE:
            status = "Disabled" if person in disabled else "Active"
            service = person in services
            datadog.add_user(f"{person}@x.com", status=status, service_account=service, user_uuid=person)  # type: ignore[arg-type]
        ids = {name: datadog.add_role(name, people) for name, people in groups.items()}
        flow = list_role_members([ids[name] for name in wanted] if by_id else wanted)
        enabled = {name: [each for each in groups[name] if each not in disabled | services] for name in wanted}
        if len(wanted) > 1 and not all(enabled.values()):
            with pytest.raises(InvalidInputError, match=r"^roles: no member of '"):
                serve(flow, lambda step: answer_by(datadog, step), Played())
            return
        result = serve(flow, lambda step: answer_by(datadog, step), Played())
    everyone = dict.fromkeys(person for name in wanted for person in groups[name])
    assert result.people == list(dict.fromkeys(person for name in wanted for person in enabled[name]))
    assert [each.split("@")[0] for each in result.left_out] == [
        each for each in everyone if each in disabled | services
    ]


@pytest.mark.parametrize("way", ["worker", "event loop"])
def test_a_client_lists_a_large_role_over_sockets(datadog: FakeDatadog, way: str) -> None:
    """A worker and an event loop return all users of a role of several pages."""
    people = [datadog.add_user(f"u{number}@x.com") for number in range(250)]
    role = datadog.add_role("SRE", people)
    client = Client(DatadogConnection(datadog.url, datadog.app_key, datadog.api_key))
    flow = list_role_members(["SRE"])
    assert (client.run(flow) if way == "worker" else quickly(client.arun(flow))).people == people
    client.close()
    assert len(datadog.calls("GET", ROLES)) == 1
    assert len(datadog.calls("GET", f"{ROLES}/{role}/users")) == 2 * 3
