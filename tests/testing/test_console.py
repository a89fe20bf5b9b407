"""The lines of the command: each changes the organisation as it says, and a wrong one says what would be valid."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import UnassignSeatsOperator
from airflow_provider_seats.testing import SCHEDULES, SEATS, USERS, FakeDatadog, Fault
from airflow_provider_seats.testing._console import Console
from tests.conftest import PRODUCT
from tests.helpers.playing import unserved
from tests.testing.conftest import ask

OTHER = "example_product"
COMMANDS = "add, disable, enable, give, take, on-call, team, role, list, help"


def test_seats_are_given_and_taken(datadog: FakeDatadog) -> None:
    """A person who is added gets and loses a seat, of one product or of each."""
    console = Console(datadog)
    assert console.answer("add Dee@Example.com 'Dee Doe'") == f"{datadog.user_uuid('dee@example.com')}  dee@example.com"
    assert datadog.accounts()[0].name == "Dee Doe"
    assert console.answer(f"give dee@example.com {OTHER}") == f"dee@example.com holds a seat of {OTHER}."
    assert (datadog.emails(PRODUCT), datadog.emails(OTHER)) == ([], ["dee@example.com"])
    both = f"dee@example.com holds a seat of {PRODUCT} and {OTHER}"
    assert [console.answer(" GIVE  DEE@example.com ")] == [both.replace("dee@", "DEE@") + "."]
    assert console.answer("give dee@example.com") == f"{both} already."
    assert console.answer(f"take dee@example.com {OTHER}") == f"dee@example.com holds no seat of {OTHER}."
    assert (datadog.emails(PRODUCT), datadog.emails(OTHER)) == (["dee@example.com"], [])
    assert console.answer("take dee@example.com") == f"dee@example.com holds no seat of {PRODUCT} or {OTHER}."
    assert datadog.emails(PRODUCT) == []


def test_a_seat_that_was_taken_and_given_back_is_a_new_one(datadog: FakeDatadog) -> None:
    """A seat that somebody holds keeps its date."""
    datadog.give_seat(PRODUCT, datadog.add_user("ann@x.com"), assigned_at="2026-01-01T00:00:00Z")
    console = Console(datadog)
    console.answer("give ann@x.com")
    [before] = DatadogSeatsHook().list_seat_users(PRODUCT)
    console.answer("take ann@x.com")
    console.answer("give ann@x.com")
    [after] = DatadogSeatsHook().list_seat_users(PRODUCT)
    assert before.assigned_at == "2026-01-01T00:00:00Z" < str(after.assigned_at)


def test_people_are_set_on_call(datadog: FakeDatadog) -> None:
    """The people of the last line are on call, and an operator finds them there."""
    console = Console(datadog)
    ann, bob = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("bob@x.com", seat=PRODUCT)
    console.answer("on-call bob@x.com")
    assert console.answer("on-call ann@x.com") == "On call, in the schedule 'On call': ann@x.com."
    assert len(ask(datadog, "GET", SCHEDULES)[1]["data"]) == 1
    report = UnassignSeatsOperator(
        task_id="leave", product_code=PRODUCT, user_uuids=[ann, bob], on_call="keep", check_escalation_policies=False
    ).execute({})
    assert [each["id"] for each in report["unassigned"]] == [bob]
    assert console.answer("on-call").endswith(": nobody.")
    assert ask(datadog, "GET", SCHEDULES, params={"filter[query]": f"user.id:{ann}"})[1]["data"] == []


def test_teams_and_roles_are_set(datadog: FakeDatadog) -> None:
    """A team or a role of the same name is replaced, so that it has the people of the last line."""
    console, hook = Console(datadog), DatadogSeatsHook()
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    for line in ("team sre ann@x.com", "role 'Shift lead' ann@x.com", "role Other ann@x.com"):
        console.answer(line)
    assert (hook.list_team_members("sre"), hook.list_role_members("Shift lead")) == ([ann], [ann])
    assert console.answer("team sre bob@x.com ann@x.com") == "The team 'sre': bob@x.com, ann@x.com."
    assert console.answer("role 'Shift lead' bob@x.com") == "The role 'Shift lead': bob@x.com."
    assert (hook.list_team_members("sre"), hook.list_role_members("Shift lead")) == ([bob, ann], [bob])
    assert hook.list_role_members("Other") == [ann]


def test_accounts_are_disabled_enabled_and_listed(datadog: FakeDatadog) -> None:
    """A list shows each account with its UUID, and what is special about it."""
    console, hook = Console(datadog), DatadogSeatsHook()
    assert console.answer("list") == "There are no accounts."
    ann, new = datadog.add_user("ann@x.com", seat=PRODUCT), datadog.add_user("new@x.com", status="Pending")
    assert console.answer("disable ann@x.com") == "The account of ann@x.com is disabled."
    assert hook.list_active_users() == []
    assert console.answer("list") == f"{ann}  ann@x.com, disabled, holds a seat of {PRODUCT}\n{new}  new@x.com, pending"
    console.answer("enable ann@x.com")
    console.answer("enable new@x.com")
    assert hook.list_active_users() == [ann, new]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", ""),
        ("  \t ", ""),
        ("gvie ann@x.com", f"'gvie' is not a command. Valid are: {COMMANDS}. help explains them."),
        ("add", "Valid is: add EMAIL [NAME]"),
        ("give", "Valid is: give EMAIL [PRODUCT]"),
        ("take ann@x.com a b", "Valid is: take EMAIL [PRODUCT]"),
        ("list all", "Valid is: list"),
        ("team", "Valid is: team HANDLE [EMAIL ...]"),
        ("add ann", "'ann' is not an email address."),
        ("add ann@", "'ann@' is not an email address."),
        ("add ANN@x.com", "There is an account of 'ANN@x.com' already."),
        ("add 'Dee", "A quotation mark is missing. A name with spaces stands between two of them."),
        ("give ann@x.com seats", f"There is no product 'seats'. Products: {PRODUCT}, {OTHER}."),
        ("give b@x.com", "There is no account of 'b@x.com'. Accounts: ann@x.com. To add it: add b@x.com"),
        ("on-call ann@x.com b@x.com", "There is no account of 'b@x.com'. Accounts: ann@x.com. To add it: add b@x.com"),
    ],
)
def test_a_wrong_line_says_what_is_valid(datadog: FakeDatadog, line: str, answer: str) -> None:
    """A line that cannot be carried out changes nothing, and its answer says what is valid."""
    datadog.add_user("ann@x.com")
    assert Console(datadog).answer(line) == answer
    assert (len(datadog.accounts()), datadog.holders(PRODUCT)) == (1, set())
    assert ask(datadog, "GET", SCHEDULES)[1]["data"] == []


def test_the_help_has_a_line_for_each_command() -> None:
    """The help lists all commands, and each of them can be entered as it is listed."""
    with unserved() as datadog:
        console = Console(datadog)
        lines = console.answer("help").splitlines()
        assert ", ".join(line.split()[0] for line in lines) == COMMANDS
        assert len({line.index(line.split("  ")[-1].strip()) for line in lines}) == 1


@given(
    line=st.text(max_size=40)
    | st.lists(st.sampled_from([*COMMANDS.split(", "), "a@x.com", "b@x.com", PRODUCT])).map(" ".join)
)
@example("\x1f")
def test_any_line_has_an_answer(line: str) -> None:
    """Whatever is entered, there is an answer, and only blank lines have an empty one."""
    with unserved() as datadog:
        datadog.add_user("a@x.com")
        assert bool(Console(datadog).answer(line)) == bool(line.strip())


def test_requests_show_their_people(datadog: FakeDatadog) -> None:
    """A line for an assignment, an unassignment and a new account names the people, and the product."""
    console, hook = Console(datadog), DatadogSeatsHook()
    ann, bob = datadog.add_user("ann@x.com"), datadog.add_user("bob@x.com")
    hook.assign_seats(PRODUCT, [ann, bob])
    hook.unassign_seats(PRODUCT, [bob])
    ask(datadog, "POST", USERS, json={"data": {"type": "users", "attributes": {"email": "new@x.com"}}})
    datadog.script("GET", USERS, Fault(lost="before"))
    hook.find_users(["ann@x.com"])
    lines = [console.describe(each) for each in datadog.calls()]
    query = "{'filter': 'ann@x.com', 'page[size]': '100', 'page[number]': '0'}"
    assert lines == [
        f"201  POST {SEATS} {PRODUCT}: ann@x.com, bob@x.com",
        f"204  DELETE {SEATS} {PRODUCT}: bob@x.com",
        f"201  POST {USERS} new@x.com",
        f"lost  GET {USERS} {query}",
        f"200  GET {USERS} {query}",
    ]


def test_many_people_are_counted(datadog: FakeDatadog) -> None:
    """Twenty people of a request are named, and the others counted. Without an account the UUID is shown."""
    ghosts = [f"00000000-0000-0000-0000-0000000000{number}" for number in range(10, 35)]
    body = {"data": {"attributes": {"product_code": PRODUCT, "user_uuids": ghosts}}}
    ask(datadog, "DELETE", SEATS, json=body)
    line = Console(datadog).describe(datadog.calls()[0])
    assert line.endswith(f"{ghosts[19]} and 5 more")
    assert line.startswith(f"204  DELETE {SEATS} {PRODUCT}: {ghosts[0]}, ")


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"7", b'{"data": 7}', b'{"data": {"attributes": {"x": 1}}}'])
@pytest.mark.parametrize("path", [SEATS, USERS, "/api/v1/series"])
def test_a_request_with_any_body_is_shown(datadog: FakeDatadog, path: str, body: bytes) -> None:
    """A request with another body than documented is shown, too."""
    status, _ = ask(datadog, "POST", path, data=body)
    assert Console(datadog).describe(datadog.calls()[0]).startswith(f"{status}  POST {path}")
