"""The seat flows: pages, batches, halving, and reading back before anything is said or sent again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats._api.flow import (
    ATTEMPTS,
    KeysRefusedError,
    NoAnswer,
    Pause,
    RateLimitedError,
    Request,
    RequestRefusedError,
    Response,
    UnavailableError,
)
from airflow_provider_seats._api.seats import (
    SAME_REFUSALS,
    SETTLE_SECONDS,
    Outcome,
    SeatsRefusedError,
    SeatsUnknownError,
    SeatUser,
    assign_seats,
    check_access,
    failure,
    list_seat_users,
    unassign_seats,
)
from tests.helpers.examples import examples
from tests.helpers.playing import Played, assigned, lost, page, play, refused, reply

FORBIDDEN = reply(403, {"errors": ["Forbidden"]})
DONE = reply(204)


def outcome(played: Played[Outcome]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Give those done, refused, unknown and not done."""
    result = played.value
    return result.done, tuple(result.refused), result.unknown, result.not_done


def sent(played: Played[Any]) -> list[list[str]]:
    """Give the people of each write."""
    return [
        list(request.body["data"]["attributes"]["user_uuids"])
        for request in played.requests
        if request.body is not None
    ]


# --- list ---


def test_a_list_is_read_page_by_page_until_there_is_no_cursor() -> None:
    """Each page asks for a hundred and hands on the cursor of the one before."""
    played = play(list_seat_users("p"), page("a", next_cursor="c2"), page("b"))
    assert [user.id for user in played.value] == ["a", "b"]
    assert played.requests[0].query == (("product_code", "p"), ("page[limit]", "100"))
    assert played.requests[1].query[-1] == ("page[cursor]", "c2")


@pytest.mark.parametrize("body", [{"data": []}, {"data": [], "meta": None}, {"data": [], "meta": {"next_cursor": ""}}])
def test_an_empty_list_has_no_meta_and_is_empty(body: object) -> None:
    """Datadog answers an empty list without any meta."""
    assert play(list_seat_users("p"), reply(200, body)).value == ()


def test_every_field_of_a_row_may_be_null_and_unknown_ones_are_ignored() -> None:
    """Rows without an id are all kept, since they cannot be told apart."""
    rows: list[dict[str, Any]] = [
        {"id": None, "attributes": {"email": None, "assigned_at": None, "color": "blue"}, "links": {}},
        {"id": None},
        {"id": "a", "attributes": {"email": "a@x", "name": "A", "assigned_at": "2026-01-01T00:00:00Z"}},
    ]
    nobody = SeatUser(None, None, None, None)
    expected = (nobody, nobody, SeatUser("a", "a@x", "A", "2026-01-01T00:00:00Z"))
    assert play(list_seat_users("p"), reply(200, {"data": rows, "more": 1})).value == expected


def test_a_row_that_moved_to_the_next_page_counts_once() -> None:
    """Seats change while pages are read."""
    played = play(list_seat_users("p"), page("a", "b", next_cursor="2"), page("b", "c"))
    assert [user.id for user in played.value] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": [3]},
        {"data": [{"id": 3}]},
        {"data": [], "meta": 3},
        {"data": [], "meta": {"next_cursor": 3}},
        {"data": [{"id": "a", "attributes": {"email": 3}}]},
    ],
)
def test_a_list_that_is_not_as_documented_is_an_error_and_never_empty(body: object) -> None:
    """Nobody loses a seat because a page could not be read."""
    assert isinstance(play(list_seat_users("p"), *[reply(200, body)] * ATTEMPTS).error, UnavailableError)


def test_a_cursor_that_comes_twice_is_an_error() -> None:
    """Neither an endless loop nor a list that is cut short."""
    played = play(list_seat_users("p"), page("a", next_cursor="c"), page("b", next_cursor="c"))
    assert isinstance(played.error, UnavailableError)
    assert "does not end" in str(played.error)


def test_a_list_without_end_is_an_error() -> None:
    """Ever new cursors that lead to nothing new are not followed for long."""
    answers = [page("a", next_cursor="1"), *[page("a", next_cursor=str(number)) for number in (2, 3, 4)]]
    assert isinstance(play(list_seat_users("p"), *answers).error, UnavailableError)


def test_ids_are_given_in_lower_case() -> None:
    """A UUID is the same in any case, and is compared as one text everywhere."""
    assert play(list_seat_users("p"), page("ABC")).value[0].id == "abc"


def test_a_list_whose_second_page_is_refused_is_an_error() -> None:
    """Half a list is no list."""
    played = play(list_seat_users("p"), page("a", next_cursor="c"), FORBIDDEN, FORBIDDEN)
    assert isinstance(played.error, KeysRefusedError)


def test_access_is_checked_by_one_row() -> None:
    """It costs one small call, whatever the number of seats."""
    played = play(check_access("p"), page("a"))
    assert played.error is None
    assert played.requests[0].query[-1] == ("page[limit]", "1")


# --- writes that go well ---


def test_people_are_sent_in_batches_and_nothing_else_is_asked() -> None:
    """230 people are three calls."""
    people = [f"u{number}" for number in range(230)]
    played = play(assign_seats("p", people), *[assigned(*people)] * 3)
    assert outcome(played) == (tuple(people), (), (), ())
    assert [len(batch) for batch in sent(played)] == [100, 100, 30]
    assert failure(played.value) is None
    assert play(unassign_seats("p", people), DONE, DONE, DONE).calls == "DDD"


def test_a_write_has_the_documented_body_and_repeats_nobody() -> None:
    """Upper and lower case are the same UUID."""
    played = play(unassign_seats("p", ["A", "b", "a", " B "], batch_size=1), DONE, DONE)
    assert sent(played) == [["a"], ["b"]]
    assert played.requests[0].body == {
        "data": {"type": "seat-assignments", "attributes": {"product_code": "p", "user_uuids": ["a"]}}
    }


def test_nobody_is_no_call() -> None:
    """An empty list is an empty job."""
    assert play(assign_seats("p", [])).calls == ""


# --- doubt is settled by the list ---


def test_those_left_out_of_assigned_ids_are_looked_up() -> None:
    """Who already held a seat is as asked, though Datadog does not name them."""
    played = play(assign_seats("p", ["a", "b"]), assigned("a"), page("a", "b"))
    assert outcome(played) == (("a", "b"), (), (), ())
    assert played.calls == "PG"


@pytest.mark.parametrize(
    "answer", [assigned(), reply(201, {}), reply(201), reply(200, {"data": {"attributes": {"assigned_ids": None}}})]
)
def test_a_201_that_changed_nothing_is_an_error(answer: Response) -> None:
    """The list is read once more after a moment, and then it is believed."""
    played = play(assign_seats("p", ["a", "b"]), answer, page("b"), page("b"))
    assert outcome(played) == (("b",), ("a",), (), ())
    assert played.pauses == [SETTLE_SECONDS]
    assert isinstance(failure(played.value), SeatsRefusedError)


def test_a_list_that_lags_behind_a_201_is_read_once_more() -> None:
    """A seat that shows up two seconds later is a seat."""
    played = play(assign_seats("p", ["a"]), assigned(), page(), page("a"))
    assert outcome(played) == (("a",), (), (), ())


@pytest.mark.parametrize("fault", [reply(500), reply(502, b"<html>"), reply(408), lost(), reply(201, b"half {")])
def test_a_lost_answer_is_settled_by_the_list_before_anything_is_sent_again(fault: object) -> None:
    """Those whose change has landed are not sent again; the others are."""
    played = play(assign_seats("p", ["a", "b"]), fault, page("a"), assigned("b"))
    assert outcome(played) == (("a", "b"), (), (), ())
    assert sent(played) == [["a", "b"], ["b"]]
    gone = play(unassign_seats("p", ["a", "b"]), fault, page("a"), DONE)
    assert sent(gone) == [["a", "b"], ["a"]]


def test_a_write_that_was_applied_before_its_answer_was_lost_is_not_repeated() -> None:
    """One write and one look are enough."""
    assert play(assign_seats("p", ["a"]), reply(502), page("a")).calls == "PG"
    assert play(unassign_seats("p", ["a"]), lost(), page()).calls == "DG"


def test_a_fault_that_lasts_ends_the_work_and_tells_who_is_as_before() -> None:
    """Nobody is unknown if the list could be read; later batches are not tried."""
    faults = [reply(503, {"errors": ["down"]}), page()] * ATTEMPTS
    played = play(assign_seats("p", ["a", "b", "c"], 1), assigned("a"), *faults)
    assert outcome(played) == (("a",), (), (), ("b", "c"))
    error = failure(played.value)
    assert isinstance(error, UnavailableError)
    assert error.passing
    assert "down" in str(error)


def test_people_are_unknown_where_neither_answer_nor_list_can_be_had() -> None:
    """The error has both causes in it, and later batches are not tried."""
    played = play(assign_seats("p", ["a", "b"], 1), reply(500, {"errors": ["oops"]}), FORBIDDEN, FORBIDDEN)
    assert outcome(played) == ((), (), ("a",), ("b",))
    error = failure(played.value)
    assert isinstance(error, SeatsUnknownError)
    assert "oops" in str(error)
    assert "Forbidden" in str(error)
    assert not error.passing
    assert isinstance(error.__cause__, KeysRefusedError)
    passing = failure(play(unassign_seats("p", ["a"]), lost(), *[lost()] * ATTEMPTS).value)
    assert isinstance(passing, SeatsUnknownError)
    assert passing.passing


def test_refused_keys_or_a_spent_limit_end_the_work_without_a_doubt() -> None:
    """Neither has done anything, so the list is not needed."""
    played = play(assign_seats("p", ["a", "b"], 1), assigned("a"), FORBIDDEN, FORBIDDEN)
    assert outcome(played) == (("a",), (), (), ("b",))
    assert isinstance(failure(played.value), KeysRefusedError)
    spent = play(assign_seats("p", ["a"]), reply(429, x_ratelimit_reset="9999")).value
    assert (spent.not_done, type(failure(spent))) == (("a",), RateLimitedError)


# --- refusals ---


def test_one_bad_person_among_many_is_found_and_all_others_land() -> None:
    """The error names the one, with Datadog's words; nobody is sent after the list shows them as asked."""
    world = World(bad={"bad"})
    people = [f"u{number}" for number in range(90)]
    people.insert(17, "bad")
    result = world.serve(assign_seats("p", people))
    assert set(result.done) == set(people) - {"bad"} == world.holders
    assert list(result.refused) == ["bad"]
    error = failure(result, label=lambda uuid: f"<{uuid}>")
    assert isinstance(error, SeatsRefusedError)
    assert "<bad>" in str(error)
    assert "no user bad" in str(error)
    assert "422" in str(error)
    assert not error.passing


def test_a_refused_batch_that_landed_in_part_is_not_sent_again_whole() -> None:
    """Whether Datadog refuses a call as a whole is not known, so the list is asked."""
    played = play(assign_seats("p", ["a", "b"]), refused(), page("a"), refused(), page("a"))
    assert outcome(played) == (("a",), ("b",), (), ())
    assert sent(played) == [["a", "b"], ["b"]]


def test_someone_refused_who_is_as_asked_is_done() -> None:
    """If Datadog refuses those who already have what is asked for, nobody needs to know."""
    assert outcome(play(assign_seats("p", ["a"]), refused(409), page("a"))) == (("a",), (), (), ())
    assert outcome(play(unassign_seats("p", ["a"]), refused(400), page())) == (("a",), (), (), ())


def test_halving_ends_early_if_every_refusal_has_the_same_words() -> None:
    """It is the product code then, and not the people; the rest is not tried."""
    people = [f"u{number}" for number in range(200)]
    played = play(assign_seats("p", people), *[refused(422, "bad product"), page()] * SAME_REFUSALS)
    assert played.calls == "PG" * SAME_REFUSALS
    assert played.value.done == ()
    assert (len(played.value.refused), len(played.value.not_done)) == (100, 100)
    assert isinstance(failure(played.value), RequestRefusedError)
    assert "bad product" in str(failure(played.value))


@pytest.mark.parametrize(
    "bad", [range(6), range(94, 100), range(20, 40), range(0, 100, 9), (0, 98, 99), (0, 1, 2, 3, 4, 5, *range(94, 100))]
)
def test_bad_people_in_a_row_do_not_pass_for_a_bad_product_code(bad: Iterable[int]) -> None:
    """However they stand, and though every refusal has the same words, everyone else lands."""
    world = World(bad={f"u{number}" for number in bad}, words="Unprocessable")
    result = world.serve(assign_seats("p", [f"u{number}" for number in range(100)]))
    assert set(result.refused) == world.bad
    assert len(result.done) == 100 - len(world.bad)
    assert isinstance(failure(result), SeatsRefusedError)


def test_words_that_differ_in_numbers_only_are_the_same() -> None:
    """A request's number in the words does not turn one refusal into many hundreds of calls."""
    people = [f"u{number}" for number in range(230)]
    answers = [each for number in range(SAME_REFUSALS) for each in (refused(422, f"bad (request {number:x}7)"), page())]
    assert play(assign_seats("p", people), *answers).calls == "PG" * SAME_REFUSALS


def test_a_product_that_takes_no_more_is_not_asked_person_by_person() -> None:
    """After some were accepted, each batch is given up after as many refusals in the same words."""
    people = [f"u{number}" for number in range(1000)]
    answers = [refused(422, "no seats left"), page(*people[:100])] * SAME_REFUSALS * 9
    played = play(assign_seats("p", people), assigned(*people[:100]), *answers)
    assert played.value.done == tuple(people[:100])
    assert len(played.value.refused) == 900
    error = failure(played.value)
    assert isinstance(error, SeatsRefusedError)
    assert "no seats left" in str(error)


def test_a_refusal_whose_list_is_refused_too_is_told_in_datadogs_words() -> None:
    """A wrong product code is refused everywhere; that is the error, and nobody is in doubt."""
    played = play(assign_seats("p", ["a"]), refused(422, "bad product"), refused(422, "bad list"))
    assert outcome(played) == ((), ("a",), (), ())
    assert isinstance(failure(played.value), RequestRefusedError)
    assert "bad product" in str(failure(played.value))


def test_a_wait_that_outlasts_the_bound_is_not_waited() -> None:
    """What was done is looked up at once, and the error carries the wait."""
    played = play(unassign_seats("p", ["a", "b"]), reply(503, retry_after="600"), page("a"))
    assert (outcome(played), played.pauses) == ((("b",), (), (), ("a",)), [])
    error = failure(played.value)
    assert isinstance(error, UnavailableError)
    assert error.retry_after == 600
    several = play(unassign_seats("p", ["a"]), *[reply(503, retry_after="50"), page("a")] * 3)
    assert several.pauses == [50, 50]
    batches = play(unassign_seats("p", ["a", "b", "c"], 1), *[reply(503, retry_after="50"), page()] * 2, *LATE)
    assert sum(batches.pauses) == 100


LATE = (reply(503, retry_after="50"), page("c"))


def test_those_left_out_of_several_calls_are_looked_up_once() -> None:
    """Assigning again those who are seated costs their calls and one list."""
    played = play(assign_seats("p", ["a", "b", "c"], 1), assigned(), assigned(), assigned(), page("a", "b", "c"))
    assert outcome(played) == (("a", "b", "c"), (), (), ())
    assert played.calls == "PPPG"


def test_those_left_out_are_looked_up_also_when_a_later_call_fails() -> None:
    """Nobody is in doubt who need not be."""
    played = play(assign_seats("p", ["a", "b"], 1), assigned(), FORBIDDEN, FORBIDDEN, page("a"))
    assert outcome(played) == (("a",), (), (), ("b",))
    unread = play(assign_seats("p", ["a"], 1), assigned(), FORBIDDEN, FORBIDDEN)
    assert outcome(unread) == ((), (), ("a",), ())


# --- everything together, against a small Datadog that breaks in every way ---


class World:
    """A pure model of Datadog's seats: refuses calls with bad people whole, and fails as scripted."""

    def __init__(
        self, holders: set[str] | None = None, bad: set[str] | None = None, faults: str = "", words: str = "no user {}"
    ) -> None:
        self.holders = set(holders or ())
        self.bad = set(bad or ())
        self.faults = list(faults)
        self.words = words
        self.calls = 0

    def serve(self, flow: Any) -> Outcome:
        """Serve a flow to its end, and check that it ends."""
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
        """Answer as the next fault says: done and lost, lost, 503, done and 502, or (a full stop) truly."""
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else "."
        if fault == "x":
            return lost()
        if fault == "5":
            return reply(503)
        answer = page(*sorted(self.holders)) if request.body is None else self.write(request)
        instead: dict[str, Response | NoAnswer] = {"X": lost(), "2": reply(502, b"<html>")}
        return instead.get(fault, answer)

    def write(self, request: Request) -> Response:
        """Do as asked, or refuse."""
        assert request.body is not None
        people = set(json.loads(json.dumps(request.body))["data"]["attributes"]["user_uuids"])
        assert people
        if people & self.bad:
            return refused(422, self.words.format(min(people & self.bad)))
        if request.method == "DELETE":
            self.holders -= people
            return DONE
        fresh = people - self.holders
        self.holders |= people
        return assigned(*fresh)


_some = st.sets(st.sampled_from("abcdefghij"))


@examples(500)
@given(
    asked=_some,
    before=_some,
    bad=_some,
    faults=st.text(st.sampled_from("....xX52"), max_size=40),
    batch_size=st.integers(1, 11),
    gives=st.booleans(),
)
def test_whatever_fails_nothing_is_lost_invented_or_left_untold(
    asked: set[str], before: set[str], bad: set[str], faults: str, batch_size: int, *, gives: bool
) -> None:
    """Everyone stands in one place of the outcome, which is true; nobody else is touched."""
    world = World(before, bad, faults)
    flow = (assign_seats if gives else unassign_seats)("p", sorted(asked), batch_size)
    result = world.serve(flow)
    told = [*result.done, *result.refused, *result.unknown, *result.not_done]
    assert sorted(told) == sorted(asked)
    assert {uuid in world.holders for uuid in result.done} <= {gives}
    for uuid in (*result.refused, *result.not_done):
        assert (uuid in world.holders) == (uuid in before)
    assert world.holders - asked == before - asked
    assert set(result.refused) <= bad
    if failure(result) is None:
        assert set(result.done) == asked
    if not faults.strip("."):
        assert set(result.done) >= asked - bad
        assert result.unknown == ()
