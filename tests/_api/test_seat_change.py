"""The flows that assign and unassign seats: batches, bisecting refusals, and reading back what is unconfirmed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._api import BATCH_SIZE
from airflow_provider_seats._api.batches import in_batches
from airflow_provider_seats._api.flow import MAX_ATTEMPTS, NoAnswer, Pause, Request, Response
from airflow_provider_seats._api.seat_change import (
    MAX_SAME_REFUSALS,
    READ_BACK_PAUSES,
    Outcome,
    assign_seats,
    failure,
    read_back,
    unassign_seats,
)
from airflow_provider_seats.exceptions import (
    InvalidInputError,
    KeysRefusedError,
    RateLimitError,
    RedirectError,
    RequestRefusedError,
    SeatsRefusedError,
    SeatsUnknownError,
    UnavailableError,
)
from tests.helpers.examples import examples
from tests.helpers.playing import Played, assigned, lost, page, play, refused, reply, serve, uuid

FORBIDDEN = reply(403, {"errors": ["Forbidden"]})
DONE = reply(204)
A, B, C = map(uuid, "abc")
READINGS = len(READ_BACK_PAUSES) + 1


def crowd(number: int) -> list[str]:
    """Return the UUIDs of so many people."""
    return [uuid(f"u{each}") for each in range(number)]


def outcome(played: Played[Outcome]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the people who are done, refused, unknown and not done."""
    result = played.value
    return result.done, tuple(result.refused), result.unknown, result.not_done


def sent(played: Played[Any]) -> list[list[str]]:
    """Return the people of each write."""
    return [
        list(request.body["data"]["attributes"]["user_uuids"])
        for request in played.requests
        if request.body is not None
    ]


# --- writes that go well ---


def test_people_are_sent_in_batches() -> None:
    """230 people are three calls and nothing else."""
    people = crowd(230)
    played = play(assign_seats("p", people), *[assigned(*people)] * 3)
    assert outcome(played) == (tuple(people), (), (), ())
    assert [len(batch) for batch in sent(played)] == [BATCH_SIZE, BATCH_SIZE, 30] == [100, 100, 30]
    assert failure(played.value) is None
    assert play(unassign_seats("p", people), DONE, DONE, DONE).calls == "DDD"


def test_a_write_has_the_documented_body() -> None:
    """A write has the documented body, and two spellings of one UUID are sent once."""
    played = play(unassign_seats("p", [A.upper(), B, A, f" {{{B}}} ", A.replace("-", "")], batch_size=1), DONE, DONE)
    assert sent(played) == [[A], [B]]
    assert played.requests[0].body == {
        "data": {"type": "seat-assignments", "attributes": {"product_code": "p", "user_uuids": [A]}}
    }


def test_assigned_ids_are_compared_in_any_case() -> None:
    """An assignment is confirmed by ids in upper case, too."""
    assert play(assign_seats("p", [A]), assigned(A.upper())).calls == "P"


def test_nobody_is_no_call() -> None:
    """An empty list of people sends nothing."""
    assert play(assign_seats("p", [])).calls == ""


@pytest.mark.parametrize("flow", [assign_seats, unassign_seats])
@pytest.mark.parametrize("value", ["ann@x.com", "", "a", None, 7, A[:-1]])
def test_a_value_that_is_not_a_uuid_sends_nothing(flow: Any, value: Any) -> None:
    """A value that is not a UUID is an error before anything is sent, although the others are UUIDs."""
    played = play(flow("p", [A, value]))
    assert isinstance(played.error, InvalidInputError)
    assert played.error.field == "user_uuids"
    assert played.calls == ""


@given(st.lists(st.integers()), st.integers(1, 10))
def test_batches_hold_everyone_in_order(people: list[int], size: int) -> None:
    """Batches hold everyone once, in order, and only the last one is smaller than the size."""
    batches = list(in_batches(tuple(map(str, people)), size))
    assert [each for batch in batches for each in batch] == list(map(str, people))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(batches)


# --- what a response leaves open is read back ---


def test_people_left_out_of_assigned_ids_are_read_back() -> None:
    """People that assigned_ids omits are done if the seat list shows them."""
    played = play(assign_seats("p", [A, B]), assigned(A), page(A, B))
    assert outcome(played) == ((A, B), (), (), ())
    assert played.calls == "PG"


@pytest.mark.parametrize(
    "answer", [assigned(), reply(201, {}), reply(201), reply(200, {"data": {"attributes": {"assigned_ids": None}}})]
)
def test_a_201_that_changed_nothing_is_an_error(answer: Response) -> None:
    """People are refused if neither the response nor any reading of the list in a minute shows them."""
    played = play(assign_seats("p", [A, B]), answer, *[page(B)] * READINGS)
    assert outcome(played) == ((B,), (A,), (), ())
    assert played.pauses == [*READ_BACK_PAUSES]
    assert isinstance(failure(played.value), SeatsRefusedError)
    assert "shows no seat" in played.value.refused[A]


@pytest.mark.parametrize("late", range(1, READINGS))
def test_a_list_that_lags_behind_a_201_is_read_again(late: int) -> None:
    """A seat that the list shows only after some time, up to a minute, is done."""
    played = play(assign_seats("p", [A]), assigned(), *[page()] * late, page(A))
    assert outcome(played) == ((A,), (), (), ())
    assert played.pauses == [*READ_BACK_PAUSES][:late]


def test_people_are_unknown_until_the_list_had_its_time() -> None:
    """If a reading fails before the minute is over, nobody is refused: the list may still show the seats."""
    played = play(assign_seats("p", [A]), assigned(), page(), *[lost()] * MAX_ATTEMPTS)
    assert outcome(played) == ((), (), (A,), ())
    assert isinstance(failure(played.value), SeatsUnknownError)


def test_a_202_to_an_assignment_confirms_nothing() -> None:
    """An assignment that is answered with 202 is read back, although the body names everyone."""
    body = json.loads(assigned(A, B).content)
    played = play(assign_seats("p", [A, B]), reply(202, body), *[page(A)] * READINGS)
    assert outcome(played) == ((A,), (B,), (), ())
    assert played.calls == "P" + "G" * READINGS
    assert play(assign_seats("p", [A]), reply(202), page(A)).value.done == (A,)


@pytest.mark.parametrize("body", [None, {}, {"data": []}])
def test_a_202_to_an_unassignment_confirms_nothing(body: object) -> None:
    """An unassignment that is answered with 202 is read back, with or without a body."""
    played = play(unassign_seats("p", [A, B]), reply(202, body), *[page(A)] * READINGS)
    assert outcome(played) == ((B,), (A,), (), ())
    assert played.calls == "D" + "G" * READINGS
    assert played.pauses == [*READ_BACK_PAUSES]


def test_an_unconfirmed_unassignment_says_that_the_seat_is_still_there() -> None:
    """The message about an unassignment that changed nothing says that the seat list still shows the seat."""
    played = play(unassign_seats("p", [A]), reply(202), *[page(A)] * READINGS)
    assert isinstance(failure(played.value), SeatsRefusedError)
    for message in (str(failure(played.value)), played.value.refused[A]):
        assert "seat list" in message
        assert "still" in message
        assert "no seat" not in message


@pytest.mark.parametrize("body", [{}, {"data": {}}])
def test_an_unassignment_that_is_answered_with_an_object_is_read_back(body: object) -> None:
    """A response to an unassignment confirms it only if it has no body, as documented."""
    assert play(unassign_seats("p", [A]), reply(200, body), page()).calls == "DG"


@pytest.mark.parametrize("fault", [reply(500), reply(502, b"<html>"), reply(408), lost(), reply(201, b"half {")])
def test_after_a_fault_the_list_is_read_before_anything_is_sent_again(fault: object) -> None:
    """After a fault, only the people that the list does not show as requested are sent again."""
    played = play(assign_seats("p", [A, B]), fault, page(A), assigned(B))
    assert outcome(played) == ((A, B), (), (), ())
    assert sent(played) == [[A, B], [B]]
    gone = play(unassign_seats("p", [A, B]), fault, page(A), DONE)
    assert sent(gone) == [[A, B], [A]]


def test_a_write_that_was_carried_out_before_its_fault_is_not_repeated() -> None:
    """A write that was carried out although it failed costs one write and one reading."""
    assert play(assign_seats("p", [A]), reply(502), page(A)).calls == "PG"
    assert play(unassign_seats("p", [A]), lost(), page()).calls == "DG"


def test_a_fault_that_lasts_ends_the_work() -> None:
    """A lasting fault ends the work, and nobody is unknown if the list could be read."""
    faults = [reply(503, {"errors": ["down"]}), page()] * MAX_ATTEMPTS
    played = play(assign_seats("p", [A, B, C], 1), assigned(A), *faults)
    assert outcome(played) == ((A,), (), (), (B, C))
    error = failure(played.value)
    assert isinstance(error, UnavailableError)
    assert error.transient
    assert "down" in str(error)


def test_people_are_unknown_if_neither_response_nor_list_can_be_read() -> None:
    """If the response and the list both fail, the people are unknown, and the error has both causes."""
    played = play(assign_seats("p", [A, B], 1), reply(500, {"errors": ["oops"]}), FORBIDDEN, FORBIDDEN)
    assert outcome(played) == ((), (), (A,), (B,))
    error = failure(played.value)
    assert isinstance(error, SeatsUnknownError)
    assert "oops" in str(error)
    assert "Forbidden" in str(error)
    assert not error.transient
    assert isinstance(error.__cause__, KeysRefusedError)
    transient = failure(play(unassign_seats("p", [A]), lost(), *[lost()] * MAX_ATTEMPTS).value)
    assert isinstance(transient, SeatsUnknownError)
    assert transient.transient


UNAUTHORIZED = reply(401, {"errors": ["Unauthorized"]})
# Answers that do not confirm a write, each with how often it is sent before the write ends, and the error.
UNCONFIRMED: list[Any] = [
    pytest.param([UNAUTHORIZED] * 2, KeysRefusedError, id="401"),
    pytest.param([FORBIDDEN] * 2, KeysRefusedError, id="403"),
    pytest.param([reply(302, location="https://sso.example.com")], RedirectError, id="302"),
    pytest.param([reply(429, x_ratelimit_reset="9999")], RateLimitError, id="429"),
]


@pytest.mark.parametrize(("answers", "error"), UNCONFIRMED)
def test_a_write_whose_answer_does_not_confirm_it_is_read_back(answers: list[Any], error: type[Exception]) -> None:
    """A gateway may change the answer to a write that was carried out, so the list says what was done."""
    carried_out = play(unassign_seats("p", [A]), *answers, page(B))
    assert (outcome(carried_out), failure(carried_out.value)) == (((A,), (), (), ()), None)
    if error is not KeysRefusedError:
        in_part = play(assign_seats("p", [A, B]), *answers, page(A))
        assert in_part.value.done == (A,)
        assert (in_part.value.not_done, type(failure(in_part.value))) == ((B,), error)


def test_keys_that_are_refused_for_the_list_too_changed_nothing() -> None:
    """If the keys, or the address, are refused for the write and the list, the error is that of the write."""
    for answer, error in ((UNAUTHORIZED, KeysRefusedError), (FORBIDDEN, KeysRefusedError)):
        played = play(assign_seats("p", [A, B]), *[answer] * 4)
        assert (outcome(played), type(failure(played.value))) == (((), (), (), (A, B)), error)
    redirect = reply(302, location="https://sso.example.com")
    played = play(assign_seats("p", [A, B]), redirect, redirect)
    assert (outcome(played), type(failure(played.value))) == (((), (), (), (A, B)), RedirectError)


def test_a_rate_limit_that_hides_the_list_leaves_people_unknown() -> None:
    """If the list cannot be read either, nobody knows whether the write was carried out; the error has the time."""
    limited = reply(429, x_ratelimit_reset="9999")
    played = play(assign_seats("p", [A]), limited, limited)
    error = failure(played.value)
    assert (outcome(played), type(error)) == (((), (), (A,), ()), RateLimitError)
    assert isinstance(error, RateLimitError)
    assert error.retry_after is not None


@pytest.mark.parametrize("bad", [0, 1, 49, 50, 98, 99])
def test_a_403_about_one_person_does_not_stop_the_others(bad: int) -> None:
    """Datadog may refuse a call with 403 because of one person. That person is refused, and everyone else is done."""
    people = crowd(100)
    world = World(bad={people[bad]}, detail="Forbidden", status=403)
    result = world.serve(assign_seats("p", people))
    assert set(result.refused) == {people[bad]}
    assert result.refused[people[bad]] == "403: Generic Error: Forbidden"
    assert len(result.done) == 99
    assert isinstance(failure(result), SeatsRefusedError)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 100])
def test_a_403_about_everyone_is_about_the_keys(number: int) -> None:
    """If the first, the last and the middle person and the halves between them are refused alike, it is the keys."""
    people = crowd(number)
    world = World(bad=set(people), detail="Forbidden", status=403)
    result = world.serve(assign_seats("p", people))
    assert (result.not_done, result.refused) == (tuple(people), {})
    assert isinstance(failure(result), KeysRefusedError)
    assert world.calls <= 6 * 3


def test_a_wait_that_is_too_long_is_not_waited() -> None:
    """If the server asks for a long wait, the list is read at once, and the error has the seconds."""
    played = play(unassign_seats("p", [A, B]), reply(503, retry_after="600"), page(A))
    assert (outcome(played), played.pauses) == (((B,), (), (), (A,)), [])
    error = failure(played.value)
    assert isinstance(error, UnavailableError)
    assert error.retry_after == 600
    several = play(unassign_seats("p", [A]), *[reply(503, retry_after="50"), page(A)] * 3)
    assert several.pauses == [50, 50]


def test_the_waits_of_all_batches_are_bounded_in_sum() -> None:
    """The waits for faults in several batches add up to no more than the maximum of one call."""
    late = reply(503, retry_after="50"), page(C)
    batches = play(unassign_seats("p", [A, B, C], 1), *[reply(503, retry_after="50"), page()] * 2, *late)
    assert sum(batches.pauses) == 100


def test_people_left_out_of_several_calls_are_read_back_once() -> None:
    """Several calls that confirm nobody are checked by one reading at the end."""
    played = play(assign_seats("p", [A, B, C], 1), assigned(), assigned(), assigned(), page(A, B, C))
    assert outcome(played) == ((A, B, C), (), (), ())
    assert played.calls == "PPPG"


def test_people_left_out_are_read_back_if_a_later_call_fails() -> None:
    """People that a call did not confirm are read back, although a later call ends the work."""
    played = play(assign_seats("p", [A, B], 1), assigned(), UNAUTHORIZED, UNAUTHORIZED, page(A), page(A))
    assert outcome(played) == ((A,), (), (), (B,))
    unread = play(assign_seats("p", [A], 1), assigned(), FORBIDDEN, FORBIDDEN)
    assert outcome(unread) == ((), (), (A,), ())


# --- the second reading of a list of several pages ---


def test_an_absence_from_one_page_needs_no_second_reading() -> None:
    """An unassignment is confirmed by one reading of a list that has one page."""
    played = play(unassign_seats("p", [A]), lost(), page(B))
    assert (outcome(played), played.calls) == (((A,), (), (), ()), "DG")


def test_an_absence_from_several_pages_is_confirmed_by_a_second_reading() -> None:
    """An unassignment that the pages of a list confirm is done only after a second reading."""
    pages = page(B, next_cursor="2"), page(C)
    played = play(unassign_seats("p", [A]), lost(), *pages, *pages)
    assert (outcome(played), played.calls) == (((A,), (), (), ()), "DGGGG")


def test_someone_hidden_by_a_shifting_list_is_sent_again() -> None:
    """Someone who is only in the second reading still holds a seat and is sent again."""
    first, second = (page(B, next_cursor="2"), page(C)), (page(B, next_cursor="2"), page(A, C))
    played = play(unassign_seats("p", [A]), lost(), *first, *second, DONE)
    assert outcome(played) == ((A,), (), (), ())
    assert sent(played) == [[A], [A]]


def test_each_batch_has_a_second_reading_of_its_own() -> None:
    """The absences of a batch are confirmed before the next one is sent."""
    pages = page(uuid("x"), next_cursor="2"), page(uuid("y"))
    twice = *pages, *pages
    played = play(unassign_seats("p", [A, B, C], 1), lost(), *twice, lost(), *twice, reply(503), *twice)
    assert outcome(played) == ((A, B, C), (), (), ())
    assert played.calls == "DGGGG" * 3


def test_people_who_are_all_listed_need_no_second_reading() -> None:
    """A reading of several pages that shows everyone relies on no absence."""
    pages = page(A, next_cursor="2"), page(B)
    played = play(unassign_seats("p", [A, B]), lost(), *pages, DONE)
    assert (outcome(played), played.calls) == (((A, B), (), (), ()), "DGGD")


def test_someone_who_is_sent_again_needs_a_proof_of_their_own() -> None:
    """A change that is sent again after the second reading is confirmed by two readings after that."""
    first, second = (page(B, next_cursor="2"), page(C)), (page(B, next_cursor="2"), page(A, C))
    played = play(unassign_seats("p", [A]), lost(), *first, *second, lost(), *first, *first)
    assert (outcome(played), played.calls) == (((A,), (), (), ()), "DGGGGDGGGG")


@pytest.mark.parametrize(("last", "done"), [(page(B, C), True), (page(A, B, C), False)])
def test_someone_who_is_sent_again_without_a_confirmation_is_read_back(last: object, done: bool) -> None:
    """If a change that is sent again after the second reading is not confirmed, the list decides about it."""
    first, second = (page(B, next_cursor="2"), page(C)), (page(B, next_cursor="2"), page(A, C))
    again = [] if done else [page(A, B, C)] * (READINGS - 1)
    played = play(unassign_seats("p", [A]), lost(), *first, *second, reply(202), last, *again)
    assert outcome(played) == (((A,), (), (), ()) if done else ((), (A,), (), ()))


def test_an_assignment_needs_no_second_reading() -> None:
    """A seat that a page shows is there, so an assignment is confirmed by one reading of several pages."""
    played = play(assign_seats("p", [A]), lost(), page(A, next_cursor="2"), page(C))
    assert (outcome(played), played.calls) == (((A,), (), (), ()), "PGG")


def test_people_are_unknown_if_the_second_reading_fails() -> None:
    """If the second reading fails, the absent people are unknown and not done."""
    pages = page(B, next_cursor="2"), page(C)
    played = play(unassign_seats("p", [A]), lost(), *pages, FORBIDDEN, FORBIDDEN)
    assert outcome(played) == ((), (), (A,), ())
    assert isinstance(failure(played.value), SeatsUnknownError)


def test_only_unconfirmed_people_are_unknown_if_a_later_reading_fails() -> None:
    """If the reading of unconfirmed people fails, those whose absence was confirmed before are done."""
    pages = page(B, next_cursor="2"), page(C)
    played = play(unassign_seats("p", [A, B], 1), lost(), *pages, *pages, reply(202), FORBIDDEN, FORBIDDEN)
    assert outcome(played) == ((A,), (), (B,), ())
    assert isinstance(failure(played.value), SeatsUnknownError)


def test_absences_are_confirmed_if_a_later_call_fails() -> None:
    """A later call that ends the work leaves those done whose absence was confirmed before."""
    pages = page(B, next_cursor="2"), page(C)
    played = play(unassign_seats("p", [A, B], 1), lost(), *pages, *pages, UNAUTHORIZED, UNAUTHORIZED, *pages)
    assert outcome(played) == ((A,), (), (), (B,))
    assert isinstance(failure(played.value), KeysRefusedError)


# --- rows without a user UUID ---


def test_an_absence_beside_a_row_without_a_uuid_is_unknown() -> None:
    """A lost unassignment is not confirmed by a list in which the person may be a row without a UUID."""
    played = play(unassign_seats("p", [A, B]), lost(), page(B, None), DONE)
    assert outcome(played) == ((B,), (), (A,), ())
    error = failure(played.value)
    assert isinstance(error, SeatsUnknownError)
    assert "a seat that has no user UUID may be theirs" in str(error)
    assert (error.people, error.transient) == ((A,), True)


def test_a_row_without_a_uuid_blocks_nobody_else() -> None:
    """Confirmed calls need no list, and who is listed is as before."""
    assert outcome(play(unassign_seats("p", [A]), DONE)) == ((A,), (), (), ())
    assert outcome(play(assign_seats("p", [A, B]), lost(), page(A, B, None))) == ((A, B), (), (), ())


def test_an_accepted_assignment_is_not_refused_if_a_row_without_a_uuid_may_be_its_seat() -> None:
    """As many people as there are such rows may hold these seats."""
    played = play(assign_seats("p", [A, B]), assigned(B), *[page(B, "service-42")] * READINGS)
    assert outcome(played) == ((A, B), (), (), ())
    more = play(assign_seats("p", [A, B]), assigned(), *[page(None)] * READINGS)
    assert outcome(more) == ((), (A, B), (), ())


def test_a_lost_assignment_beside_a_row_without_a_uuid_is_unknown() -> None:
    """If all attempts are lost, the person may hold the seat whose row has no UUID."""
    played = play(assign_seats("p", [A]), *[lost(), page(None)] * MAX_ATTEMPTS)
    assert outcome(played) == ((), (), (A,), ())


def test_a_read_back_does_not_deny_an_assignment_because_of_a_row_without_a_uuid() -> None:
    """The reading after all changes leaves people who may be rows without a UUID as they were answered."""
    played = play(read_back(Outcome("p"), Outcome("p", done=(A, B))), page(A, None))
    _, assigned_now, reading = played.value
    assert (assigned_now.done, len(reading), played.calls) == ((A, B), 2, "G")


# --- refusals ---


def test_a_refused_person_is_found_and_everyone_else_is_done() -> None:
    """One refused person among many is found and named with Datadog's explanation, and all others are assigned."""
    bad = uuid("bad")
    world = World(bad={bad})
    people = crowd(90)
    people.insert(17, bad)
    result = world.serve(assign_seats("p", people))
    assert set(result.done) == set(people) - {bad} == world.holders
    assert list(result.refused) == [bad]
    error = failure(result, label=lambda person: f"<{person}>")
    assert isinstance(error, SeatsRefusedError)
    assert f"<{bad}>" in str(error)
    assert f"no user {bad}" in str(error)
    assert "422" in str(error)
    assert "All others are as requested" in str(error)
    assert not error.transient


def test_a_refused_batch_that_was_carried_out_in_part_is_not_sent_again_whole() -> None:
    """After a refusal, the list is read and only the people who are not as requested are sent again."""
    played = play(assign_seats("p", [A, B]), refused(), page(A), refused(), page(A))
    assert outcome(played) == ((A,), (B,), (), ())
    assert sent(played) == [[A, B], [B]]


def test_a_refused_person_who_is_as_requested_is_done() -> None:
    """People that Datadog refuses because they are as requested already are done."""
    assert outcome(play(assign_seats("p", [A]), refused(409), page(A))) == ((A,), (), (), ())
    assert outcome(play(unassign_seats("p", [A]), refused(400), page())) == ((A,), (), (), ())


def test_bisecting_ends_early_if_all_refusals_are_alike() -> None:
    """If Datadog refuses everyone alike, the rest is not tried, and the error is that of the product code."""
    people = crowd(200)
    played = play(assign_seats("p", people), *[refused(422, "bad product"), page()] * MAX_SAME_REFUSALS)
    assert played.calls == "PG" * MAX_SAME_REFUSALS
    assert played.value.done == ()
    assert isinstance(failure(played.value), RequestRefusedError)
    assert "bad product" in str(failure(played.value))


def test_only_people_who_were_sent_alone_are_refused() -> None:
    """People who were only sent together with others are not done and not refused."""
    people = crowd(200)
    played = play(assign_seats("p", people), *[refused(422, "bad product"), page()] * MAX_SAME_REFUSALS)
    alone = {batch[0] for batch in sent(played) if len(batch) == 1}
    assert alone
    assert set(played.value.refused) == alone
    assert set(played.value.not_done) == set(people) - alone


def test_the_message_counts_the_people_who_were_not_tried() -> None:
    """The error of a refusal says how many more people were not tried, and not that they are as requested."""
    one = Outcome("p", refused={A: "422: x"}, not_done=(B,))
    assert "1 more person was not tried" in str(failure(one))
    many = failure(one, Outcome("p", not_done=tuple(crowd(1199))))
    assert "1,200 more people were not tried" in str(many)
    for error in (failure(one), many):
        assert "Everyone else" not in str(error)


@pytest.mark.parametrize(
    "bad", [range(6), range(94, 100), range(20, 40), range(0, 100, 9), (0, 98, 99), (0, 1, 2, 3, 4, 5, *range(94, 100))]
)
def test_refused_people_in_a_row_are_not_mistaken_for_a_wrong_product_code(bad: Iterable[int]) -> None:
    """Wherever the refused people stand, everyone else is assigned, although all refusals are alike."""
    people = crowd(100)
    world = World(bad={people[number] for number in bad}, detail="Unprocessable")
    result = world.serve(assign_seats("p", people))
    assert set(result.refused) == world.bad
    assert len(result.done) == 100 - len(world.bad)
    assert isinstance(failure(result), SeatsRefusedError)


def test_refusals_that_differ_in_numbers_are_alike() -> None:
    """Refusals whose explanations differ only in a request number are alike and end the bisecting."""
    answers = [
        each for number in range(MAX_SAME_REFUSALS) for each in (refused(422, f"bad (request {number:x}7)"), page())
    ]
    assert play(assign_seats("p", crowd(230)), *answers).calls == "PG" * MAX_SAME_REFUSALS


def test_a_product_without_free_seats_is_not_tried_person_by_person() -> None:
    """After some people were accepted, each refused batch ends after the same number of equal refusals."""
    people = crowd(1000)
    answers = [refused(422, "no seats left"), page(*people[:100])] * MAX_SAME_REFUSALS * 9
    played = play(assign_seats("p", people), assigned(*people[:100]), *answers)
    assert played.value.done == tuple(people[:100])
    alone = {batch[0] for batch in sent(played) if len(batch) == 1}
    assert set(played.value.refused) == alone
    assert len(played.value.not_done) == 900 - len(alone)
    error = failure(played.value)
    assert isinstance(error, SeatsRefusedError)
    assert "no seats left" in str(error)
    assert f"{900 - len(alone)} more people were not tried" in str(error)


def test_a_wrong_product_code_that_the_list_refuses_too_is_the_error() -> None:
    """If Datadog refuses the write and the list, the error is the refusal of the write, and nobody is unknown."""
    played = play(assign_seats("p", [A]), refused(422, "bad product"), refused(422, "bad list"))
    assert outcome(played) == ((), (A,), (), ())
    assert isinstance(failure(played.value), RequestRefusedError)
    assert "bad product" in str(failure(played.value))
    several = play(assign_seats("p", [A, B]), refused(422, "bad product"), refused(422, "bad list"))
    assert outcome(several) == ((), (), (), (A, B))
    assert isinstance(failure(several.value), RequestRefusedError)


def test_progress_counts_the_people_who_are_finished() -> None:
    """The progress of a change counts the people who are done or refused before each call."""
    flow = assign_seats("p", [A, B, C], 1)
    played = play(flow, assigned(A), refused(), page(A), assigned(C))
    assert [request.progress for request in played.requests] == [
        "0 of 3 people assigned or refused so far",
        "1 of 3 people assigned or refused so far",
        "1 of 3 people assigned or refused so far",
        "2 of 3 people assigned or refused so far",
    ]
    played = play(unassign_seats("p", [A]), lost(), page())
    assert {request.progress for request in played.requests} == {"0 of 1 person unassigned or refused so far"}


# --- everything together, against a small model of Datadog with faults ---


class World:
    """A model of Datadog's seats. It refuses whole calls that contain bad people, and fails as scripted.

    :param faults: one character for each call: ``X`` carries out and is lost, ``x`` is lost, ``5`` is a 503, ``2``
        carries out and answers 502, ``a`` carries out and answers 202, a full stop answers normally.
    :param page_size: the rows in one page of the list.
    :param status: the HTTP status of a refusal.
    :param shift_at: someone else's row, the first of the list, disappears before the page of this number is read.
    """

    BYSTANDER = uuid("!")

    def __init__(
        self,
        holders: set[str] | None = None,
        bad: set[str] | None = None,
        faults: str = "",
        *,
        detail: str = "no user {}",
        page_size: int = 1000,
        shift_at: int | None = None,
        status: int = 422,
    ) -> None:
        self.holders = set(holders or ())
        self.bad = set(bad or ())
        self.faults = list(faults)
        self.detail = detail
        self.status = status
        self.page_size = page_size
        self.shift_at = shift_at
        self.calls = 0
        self.pages = 0

    def serve(self, flow: Any) -> Outcome:
        """Run a flow to its end, and check that it ends."""
        answer: Response | NoAnswer | None = None
        try:
            while True:
                step = flow.send(answer)
                answer = None if isinstance(step, Pause) else self.answer(step)
                assert self.calls < 2000
        except StopIteration as end:
            result: Outcome = end.value
            return result

    def answer(self, request: Request) -> Response | NoAnswer:
        """Answer a request, as the next fault says."""
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else "."
        if fault == "x":
            return lost()
        if fault == "5":
            return reply(503)
        answer = self.list(request) if request.body is None else self.write(request)
        accepted = request.body is not None and answer.status < 300
        instead: dict[str, Response | NoAnswer] = {"X": lost(), "2": reply(502, b"<html>")}
        if accepted:
            instead["a"] = reply(202)
        return instead.get(fault, answer)

    def list(self, request: Request) -> Response:
        """Return a page of the list."""
        if self.pages == self.shift_at:
            self.holders.discard(self.BYSTANDER)
        self.pages += 1
        rows = sorted(self.holders)
        start = int(dict(request.query).get("page[cursor]", "0"))
        end = start + self.page_size
        return page(*rows[start:end], next_cursor=str(end) if end < len(rows) else None)

    def write(self, request: Request) -> Response:
        """Change seats, or refuse the whole call."""
        assert request.body is not None
        people = set(json.loads(json.dumps(request.body))["data"]["attributes"]["user_uuids"])
        assert people
        assert all(str(UUID(each)) == each for each in people)
        if people & self.bad:
            return refused(self.status, self.detail.format(min(people & self.bad)))
        if request.method == "DELETE":
            self.holders -= people
            return DONE
        fresh = people - self.holders
        self.holders |= people
        return assigned(*fresh)


_some = st.sets(st.sampled_from([uuid(name) for name in "abcdefghij"]))


@examples(200)
@given(
    requested=_some,
    before=_some,
    bad=_some,
    faults=st.text(st.sampled_from("....xX52a"), max_size=40),
    batch_size=st.integers(1, 11),
    page_size=st.integers(1, 12),
    shift_at=st.none() | st.integers(0, 30),
    assign=st.booleans(),
    status=st.sampled_from([403, 422]),
)
def test_an_outcome_is_complete_and_true_whatever_fails(
    *,
    requested: set[str],
    before: set[str],
    bad: set[str],
    faults: str,
    batch_size: int,
    page_size: int,
    shift_at: int | None,
    assign: bool,
    status: int,
) -> None:
    """Everyone requested is in one group of the outcome, the groups are true, and nobody else is changed.

    A list may shift once while it is read.
    """
    world = World({*before, World.BYSTANDER}, bad, faults, page_size=page_size, shift_at=shift_at, status=status)
    flow = (assign_seats if assign else unassign_seats)("p", sorted(requested), batch_size)
    result = world.serve(flow)
    grouped = [*result.done, *result.refused, *result.unknown, *result.not_done]
    assert sorted(grouped) == sorted(requested)
    assert {person in world.holders for person in result.done} <= {assign}
    holders = world.holders - {World.BYSTANDER}
    assert holders - requested == before - requested
    if failure(result) is None:
        assert set(result.done) == requested
    if shift_at is None:
        for person in (*result.refused, *result.not_done):
            assert (person in world.holders) == (person in before)
        assert set(result.refused) <= bad
        if isinstance(result.error, KeysRefusedError):
            to_change = {person for person in requested if (person in before) != assign}
            assert len(to_change & bad) >= min(len(to_change), 5)
        elif not faults.strip("."):
            assert set(result.done) >= requested - bad
            assert result.unknown == ()


def test_a_change_whose_answer_was_lost_shows_that_the_keys_are_good() -> None:
    """If one of two people is refused with 403, and the other's call was carried out, the keys are not blamed."""
    result = World({A, B}, {B}, "...X", status=403).serve(unassign_seats("p", [A, B]))
    assert (result.done, [*result.refused], result.error) == ((A,), [B], None)


@pytest.mark.parametrize("status", [405, 411, 415, 501])
def test_a_refused_method_is_not_blamed_on_people(status: int) -> None:
    """If the method is refused for everyone, nobody is refused, and the message names a proxy or gateway."""
    held = page(A, B)
    answers = [reply(status, b"<h1>Not here</h1>"), held, reply(status, b"<h1>Not here</h1>"), held]
    played = play(unassign_seats("p", [A, B]), *answers)
    assert outcome(played) == ((), (), (), (A, B))
    message = str(played.value.error)
    assert "A proxy or gateway may not let DELETE pass" in message
    assert "product code" not in message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (reply(403, {"errors": ["Forbidden"]}), "and that no proxy or gateway on the way refuses DELETE"),
        (
            reply(403, b"<html>Forbidden</html>"),
            "not in the form of Datadog's API, so a proxy or gateway may have answered",
        ),
        (reply(404, b"nothing here"), "not in the form of Datadog's API, so a proxy or gateway may have answered"),
        (
            reply(422, {"errors": ["user_uuids is required"]}),
            "If all are refused, a proxy or gateway may be the cause.",
        ),
        (lost(), "that no proxy or gateway drops DELETE"),
    ],
)
def test_what_a_gateway_does_to_delete_is_named(answer: object, hint: str) -> None:
    """A DELETE that is refused or lost, while the list can be read, may be the work of a proxy or gateway."""
    result = serve(unassign_seats("p", [A]), lambda request: page(A) if request.is_read else answer, Played[Any]())
    assert hint in str(failure(result))
