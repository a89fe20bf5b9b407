"""The access flow: what the keys may read, in words that say what to do."""

from __future__ import annotations

from airflow_provider_seats._api.access import SEATS, describe_access, read_access
from airflow_provider_seats._api.flow import MAX_ATTEMPTS
from airflow_provider_seats.exceptions import KeysRefusedError, RequestRefusedError, UnavailableError
from tests.helpers.playing import lost, play, refused, reply

OK = reply(200, {"data": []})
FORBIDDEN = [reply(403, {"errors": ["Forbidden"]})] * 2


def test_each_kind_of_reading_is_one_small_request() -> None:
    """Everything that may be read costs one request each, for one row."""
    played = play(read_access("2026-11"), *[OK] * 5)
    assert set(played.value.values()) == {None}
    assert [request.path.rpartition("/v")[2] for request in played.requests] == [
        "2/seats/users",
        "2/users",
        "2/team",
        "2/on-call/schedules",
        "1/usage/summary",
    ]
    assert [dict(request.query).get("page[size]") for request in played.requests] == [None, "1", "1", "1", None]
    assert dict(played.requests[-1].query) == {"start_month": "2026-11", "end_month": "2026-11"}
    assert describe_access(played.value) == "This connection may read seats, users, teams, on-call schedules and usage."


def test_an_unknown_product_may_be_read() -> None:
    """Datadog says that it does not know a product only to a caller that it has let in."""
    for status in (400, 422):
        assert play(read_access("2026-11"), refused(status), *[OK] * 4).value[SEATS] is None


def test_every_outcome_is_described() -> None:
    """A refusal names the permissions, an API that is absent and a reading that failed are named as such."""
    answers = [*FORBIDDEN, OK, *FORBIDDEN, reply(404), *[lost()] * MAX_ATTEMPTS]
    errors = play(read_access("2026-11"), *answers).value
    assert [type(error) for error in errors.values()] == [
        KeysRefusedError,
        type(None),
        KeysRefusedError,
        RequestRefusedError,
        UnavailableError,
    ]
    assert describe_access(errors) == (
        "This connection may read users. It may not read seats (needs user_access_read, and one of incident_read, "
        "on_call_read and billing_read) or teams (needs teams_read). This site or organisation has no on-call "
        "schedules. Whether it may read usage could not be tested. Try again."
    )


def test_a_key_that_may_read_nothing_has_a_sentence_less() -> None:
    """If nothing may be read, no sentence claims that something may."""
    errors = play(read_access("2026-11"), *FORBIDDEN * 5).value
    assert describe_access(errors).startswith("It may not read seats (")
