"""The error classes: their tree, their messages, and how they survive pickling and the database."""

from __future__ import annotations

import inspect
import pickle
import re
from typing import Any

import pytest

from airflow_provider_seats import exceptions
from airflow_provider_seats._api.users import User
from airflow_provider_seats.exceptions import (
    AmbiguousUsersError,
    CertificateError,
    ConnectionNotFoundError,
    DatadogSeatsError,
    GroupsNotFoundError,
    InvalidConnectionError,
    InvalidInputError,
    KeysRefusedError,
    OnCallNotAvailableError,
    PlanRefusedError,
    RateLimitError,
    RedirectError,
    RequestRefusedError,
    SeatsRefusedError,
    SeatsUnknownError,
    StorageError,
    TooManySeatsError,
    TransientError,
    UnavailableError,
    UnknownEventError,
    UsageNotAvailableError,
    UsersMissingError,
    UsersNotReadyError,
    restore_error,
)
from tests.helpers.airflow_home import ROOT

CALL = "GET /api/v2/seats/users"
GONE = UnavailableError(CALL, "no response", 503, 7)
ERRORS: list[DatadogSeatsError] = [
    DatadogSeatsError("broken"),
    InvalidConnectionError("dd", "password", "it is empty"),
    ConnectionNotFoundError("dd", "there is none. Create it."),
    InvalidInputError("mode", "'x' is not one of 'exact'."),
    KeysRefusedError(CALL, 403, "Forbidden", "the permission user_access_read"),
    CertificateError(CALL, "self-signed certificate"),
    RedirectError(CALL, 302, "https://elsewhere"),
    RequestRefusedError(CALL, 422, "no such user"),
    OnCallNotAvailableError("GET /api/v2/on-call/schedules", "Not Found"),
    UsageNotAvailableError("GET /api/v1/usage/summary", 400, "Bad Request", "2020-01"),
    GroupsNotFoundError("team has the handle", {"sre": ["sre-eu"]}, {"ops": ["1", "2"]}, "Pass another."),
    AmbiguousUsersError({"ann@x": [User("1", "ann@x", None, "Active"), User("2", "ann@x", None, "Pending")]}),
    SeatsRefusedError("p", {"1": "no such user"}, not_done=2),
    SeatsUnknownError("p", ["1"], "Datadog accepted the call.", GONE),
    PlanRefusedError("p", {"allow_empty": "The roster is empty."}, earlier_attempts=True),
    UsersMissingError("p", ["gone@x"], {"missing_users": "Nobody.", "max_seats": "There would be 2 seats."}),
    UsersNotReadyError("p", ["new@x"], {"missing_users": "Nobody."}),
    TooManySeatsError("There are 103 seats of p, more than max_seats=100. Unassign some.", 100),
    UnknownEventError({"kind": "x"}),
    TransientError("The server is busy", 3.2),
    StorageError("path: 's3://hr/roster.csv' cannot be read: Forbidden"),
    RateLimitError(CALL, "Too many requests", 60),
    GONE,
]
by_name = pytest.mark.parametrize("error", ERRORS, ids=[type(error).__name__ for error in ERRORS])


def classes() -> list[type[DatadogSeatsError]]:
    """Return every error class of the package."""
    found: list[type[DatadogSeatsError]] = [DatadogSeatsError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return found


def test_every_class_is_tested_here() -> None:
    """The list of errors above has one of each class, so the tests below cover them all."""
    assert {type(error) for error in ERRORS} == set(classes())


def test_every_class_is_in_the_module() -> None:
    """All error classes of the package are in one module, which contains no others."""
    public = {each for _, each in inspect.getmembers(exceptions, inspect.isclass) if issubclass(each, Exception)}
    assert public == set(classes())
    assert {each.__module__ for each in public} == {exceptions.__name__}


def test_the_tree_on_the_page_is_the_tree_of_classes() -> None:
    """The page shows every class below its base class."""
    page = (ROOT / "docs/reference/errors.md").read_text()
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in page.splitlines():
        match = re.match(r"^([\u2502 ]*[\u251c\u2514]\u2500\u2500 )?([A-Z]\w+Error)\b(?=$| {2})", line)
        if match:
            depth = len(match[1] or "") // 4
            path[depth:] = [match[2]]
            parents[match[2]] = path[depth - 1] if depth else "Exception"
    assert parents == {kind.__name__: kind.__bases__[0].__name__ for kind in classes()}


@by_name
def test_an_error_survives_pickling(error: DatadogSeatsError) -> None:
    """An error that Airflow pickles keeps its class, its message and its attributes."""
    again: Any = pickle.loads(pickle.dumps(error))  # noqa: S301 (it was pickled here)
    assert type(again) is type(error)
    assert (str(again), again.args, again.transient) == (str(error), error.args, error.transient)
    assert {name: str(value) for name, value in vars(again).items()} == {
        name: str(value) for name, value in vars(error).items()
    }


@by_name
def test_an_error_is_restored_from_its_name_and_message(error: DatadogSeatsError) -> None:
    """An error that the triggerer sent as name and message becomes an error of the same class."""
    again = restore_error(type(error).__name__, str(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.transient == type(error).transient
    assert again.message_for("dd") == error.message_for("dd")


@pytest.mark.parametrize("name", ["", "ValueError", "NewerError", "restore_error"])
def test_an_unknown_name_is_restored_as_the_base_class(name: str) -> None:
    """An error class that this version does not know becomes the base class with the same message."""
    error = restore_error(name, "broken")
    assert (type(error), str(error)) == (DatadogSeatsError, "broken")


@by_name
def test_only_transient_errors_are_retried(error: DatadogSeatsError) -> None:
    """Errors that may be over later are transient, and the others are not."""
    later = isinstance(error, TransientError | UnknownEventError)
    assert error.transient is (later or (isinstance(error, SeatsUnknownError) and GONE.transient))


def test_an_unknown_state_is_as_transient_as_the_failed_reading() -> None:
    """An unknown state is retried only if the reading that failed may work later."""
    for reading in (GONE, KeysRefusedError(CALL, 403, "Forbidden")):
        assert SeatsUnknownError("p", ["1"], "x", reading).transient is reading.transient


@by_name
def test_an_error_names_the_connection_that_the_user_has_to_correct(error: DatadogSeatsError) -> None:
    """The message names the connection's id only if the connection is what to correct."""
    concerns = isinstance(error, KeysRefusedError | RedirectError | CertificateError | UsageNotAvailableError)
    suffix = " The connection's id is 'my_conn'." if concerns else ""
    assert error.message_for("my_conn") == f"{error}{suffix}"


# --- messages ---


@pytest.mark.parametrize(
    ("not_done", "others"),
    [
        (0, "All others are as requested. "),
        (1, "1 more person was not tried. "),
        (2, "2 more people were not tried. "),
        (1_200, "1,200 more people were not tried. "),
    ],
)
def test_a_refusal_counts_the_people_who_were_not_tried(not_done: int, others: str) -> None:
    """The message about refused people says how many more were not tried, or that everyone else is as requested."""
    message = str(SeatsRefusedError("p", {"1": "no such user"}, not_done=not_done))
    assert message == (
        f"p: Datadog refused 1 person: 1 (no such user). {others}Correct or remove the people named here and run this "
        "again. If all are refused, a proxy or gateway may be the cause."
    )


def test_a_change_that_the_list_does_not_show_is_not_blamed_on_the_person() -> None:
    """Nobody is to be removed from a roster because the seat list lags behind a change that Datadog accepted."""
    refused = {"1": "why", "2": "why"}
    assert str(SeatsRefusedError("p", refused, not_shown=2)) == (
        "p: the seat list does not show the changes of 2 people: 1, 2 (why). All others are as requested. The list may "
        "lag behind: look at it some minutes later, and run this again. If all are refused, a proxy or gateway may be "
        "the cause."
    )
    some = str(SeatsRefusedError("p", refused, not_shown=1))
    assert "Datadog refused 2 people: 1, 2 (why)." in some
    assert "Correct or remove the people named here and run this again. The list may lag behind: look" in some


def test_a_refusal_groups_people_by_explanation() -> None:
    """The message about refused people names each explanation once, with the labels of its people."""
    error = SeatsRefusedError("p", {"1": "no", "2": "disabled", "3": "no"}, lambda uuid: f"{uuid}@x")
    assert str(error).startswith("p: Datadog refused 3 people: 1@x, 3@x (no); 2@x (disabled). ")
    assert error.refused == {"1": "no", "2": "disabled", "3": "no"}


@pytest.mark.parametrize(
    ("people", "counted"), [(["1"], "the seats of 1 person were changed"), (["1", "2"], "the seats of 2 people were")]
)
def test_an_unknown_state_counts_people(people: list[str], counted: str) -> None:
    """The message about an unknown state counts the people with the right noun and names both causes."""
    error = SeatsUnknownError("p", people, "The answer was lost.", GONE)
    assert counted in str(error)
    assert "The answer was lost." in str(error)
    assert str(GONE) in str(error)
    assert error.people == tuple(people)


@pytest.mark.parametrize(
    ("earlier_attempts", "start"),
    [(False, "p: nothing was changed. "), (True, "p: nothing was changed by this attempt. ")],
)
def test_a_refused_plan_says_which_attempt_changed_nothing(earlier_attempts: bool, start: str) -> None:
    """After an earlier attempt a refusal says only that this attempt changed nothing."""
    refusals = {"max_unassign": "Too many.", "allow_empty": "The roster is empty."}
    refused = PlanRefusedError("p", refusals, earlier_attempts=earlier_attempts)
    assert str(refused) == f"{start}Too many. The roster is empty."
    assert dict(zip(refused.guards, refused.reasons, strict=True)) == refusals
    missing = UsersMissingError("p", ["gone@x"], refusals, earlier_attempts=earlier_attempts)
    assert (str(missing), missing.emails) == (str(refused), ("gone@x",))


@pytest.mark.parametrize(
    ("seconds", "when"), [(None, "later"), (0.2, "in 1 s"), (3.0, "in 3 s"), (3.2, "in 4 s"), (600, "in 600 s")]
)
def test_a_transient_error_says_when_to_try_again(seconds: float | None, when: str) -> None:
    """The message of a transient error rounds the seconds up, and the attribute keeps them."""
    error = TransientError("The server is busy", seconds)
    assert str(error) == f"The server is busy. Try again {when}."
    assert (error.problem, error.retry_after) == ("The server is busy", seconds)


def test_refused_keys_name_the_permission() -> None:
    """The message about refused keys names the permission that the call needs, if it needs one."""
    assert "has the permission user_access_read" in str(
        KeysRefusedError(CALL, 403, "x", "the permission user_access_read")
    )
    assert "owner" not in str(KeysRefusedError(CALL, 403, "x"))


def test_a_redirect_names_its_target() -> None:
    """The message about a redirect names the target, if there is one, and says that no keys were sent to it."""
    assert "302, a redirect to https://elsewhere. Keys are never sent" in str(
        RedirectError(CALL, 302, "https://elsewhere")
    )
    assert "302, a redirect. Keys are never sent" in str(RedirectError(CALL, 302, ""))


def test_a_rejected_certificate_names_the_remedy() -> None:
    """The message about a rejected certificate names the environment variable for a private CA."""
    assert "REQUESTS_CA_BUNDLE" in str(CertificateError(CALL, "self-signed certificate"))


def test_ambiguous_users_are_listed_with_their_accounts() -> None:
    """The message about an ambiguous email lists each account with its status."""
    error = AmbiguousUsersError({"ann@x": [User("1", "ann@x", None, "Active"), User("2", "ann@x", None, None, True)]})
    assert "ann@x: 1 (Active), 2 (service account, status unknown)" in str(error)
    assert [user.id for user in error.accounts["ann@x"]] == ["1", "2"]


def test_a_long_event_is_shortened() -> None:
    """The message about an unknown event stays short."""
    assert len(str(UnknownEventError({"kind": "x" * 9_999}))) < 600
