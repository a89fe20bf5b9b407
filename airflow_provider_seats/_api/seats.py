"""The seat flows: list, assign and unassign, with their pages, batches, halving and reading back.

Datadog's Seats API: https://docs.datadoghq.com/api/latest/seats/.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from airflow_provider_seats._api.flow import (
    ATTEMPTS,
    EMPTY,
    LONGEST_WAIT,
    NOTHING,
    Flow,
    Pause,
    Request,
    RequestRefusedError,
    UnavailableError,
    call,
    gist,
    rows,
    text,
    unusable,
    wait_after,
)
from airflow_provider_seats.connection import BATCH, DatadogSeatsError
from airflow_provider_seats.report import some

PATH: Final = "/api/v2/seats/users"
PAGE: Final = 100
# Datadog documents no delay between a write and what the list shows; this is ours, before it is called a failure.
SETTLE_SECONDS: Final = 2.0
SAME_REFUSALS: Final = 16
_PROBE_AFTER: Final = 12
_IDLE_PAGES: Final = 3
_MOST_PAGES: Final = 10_000
_READERS: Final = "one of the permissions incident_read, on_call_read or billing_read"
_WRITERS: Final = "one of the permissions incident_write, on_call_write or billing_edit"


class SeatUser(NamedTuple):
    """Someone who holds a seat, as Datadog lists them. Any field may be None.

    :param id: the user UUID.
    :param assigned_at: when the seat was given, ISO 8601.
    """

    id: str | None
    email: str | None
    name: str | None
    assigned_at: str | None


class SeatsRefusedError(DatadogSeatsError):
    """Datadog refused to change the seats of some people. Everyone else's change has landed, but for ``not_done``.

    :ivar refused: Datadog's words about each user UUID that was refused.
    """

    def __init__(
        self, product: str, refused: Mapping[str, str], label: Callable[[str], str] = str, not_done: int = 0
    ) -> None:
        by_words: dict[str, list[str]] = {}
        for uuid, words in refused.items():
            by_words.setdefault(words, []).append(label(uuid))
        said = "; ".join(f"{some(people)} ({words})" for words, people in by_words.items())
        others = f"{not_done} more were not tried" if not_done else "Everyone else is as asked"
        super().__init__(
            f"{product}: Datadog refused {len(refused)} of the people given: {said}. {others}. "
            "Correct or remove those named and run this again."
        )
        self.refused = dict(refused)


class SeatsUnknownError(DatadogSeatsError):
    """A change may have been made or not, and the seat list could not be read to find out. Running it again is safe.

    :ivar people: the user UUIDs in doubt.
    """

    def __init__(self, product: str, people: tuple[str, ...], answer: object, reading: DatadogSeatsError) -> None:
        super().__init__(
            f"{product}: whether the seats of {len(people)} people were changed is not known. The change: {answer} "
            f"The seat list, which would have told: {reading} Running this again is safe."
        )
        self.people = people
        self.passing = reading.passing


class Outcome(NamedTuple):
    """What came of assigning or unassigning. Everyone who was asked for stands in one of the four, in order.

    :param done: the user UUIDs that are now as asked.
    :param refused: Datadog's words about those that it refused.
    :param unknown: those of whom it could not be established.
    :param not_done: those that are as they were, since an error ended the work.
    :param error: the error that ended it, None if it came to its end.
    """

    product: str
    done: tuple[str, ...] = ()
    refused: Mapping[str, str] = NOTHING
    unknown: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    error: DatadogSeatsError | None = None


def failure(*outcomes: Outcome, label: Callable[[str], str] = str) -> DatadogSeatsError | None:
    """Give the error to raise about outcomes for one product, or None if everyone is as asked.

    :param label: how to show a user UUID in the message.
    """
    error = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
    refused = {uuid: words for outcome in outcomes for uuid, words in outcome.refused.items()}
    if error is not None or not refused:
        return error
    return SeatsRefusedError(outcomes[0].product, refused, label, sum(len(outcome.not_done) for outcome in outcomes))


def list_seat_users(product_code: str) -> Flow[tuple[SeatUser, ...]]:
    """List everyone who holds a seat of a product, in Datadog's order. A list that cannot be read whole is an error."""
    return _list(product_code, lambda read: f"{read:,} seats of {product_code} are read")


def _list(product_code: str, so_far: Callable[[int], str]) -> Flow[tuple[SeatUser, ...]]:
    users: dict[object, SeatUser] = {}
    cursors: set[str] = set()
    cursor: str | None = None
    idle = 0
    while True:
        query = [("product_code", product_code), ("page[limit]", str(PAGE))]
        if cursor is not None:
            query.append(("page[cursor]", cursor))
        request = Request("GET", PATH, tuple(query), needs=_READERS, so_far=so_far(len(users)))
        page, cursor = yield from call(request, _page)
        known = len(users)
        for user in page:
            # The list may move while it is read, so that a row comes twice; rows without an id cannot be told apart.
            users[user.id or len(users)] = user
        if cursor is None:
            return tuple(users.values())
        idle = idle + 1 if len(users) == known else 0
        if cursor in cursors or idle >= _IDLE_PAGES or len(cursors) >= _MOST_PAGES:
            raise unusable(request, None, "the list does not end: its next cursor leads to nothing new")
        cursors.add(cursor)


def check_access(product_code: str) -> Flow[None]:
    """Ask for one row of the seat list, which proves the keys and the permission to read seats."""
    query = (("product_code", product_code), ("page[limit]", "1"))
    yield from call(Request("GET", PATH, query, needs=_READERS), lambda _: None)


def assign_seats(product_code: str, user_uuids: Iterable[str], batch_size: int = BATCH) -> Flow[Outcome]:
    """Give seats of a product to users; those who hold one keep it.

    The flow does not raise: the outcome tells who holds a seat afterwards, who does not, and why.
    """
    return _change("POST", product_code, user_uuids, batch_size)


def unassign_seats(product_code: str, user_uuids: Iterable[str], batch_size: int = BATCH) -> Flow[Outcome]:
    """Take seats of a product from users; those who hold none are as asked.

    The flow does not raise: the outcome tells who holds no seat afterwards, who does, and why.
    """
    return _change("DELETE", product_code, user_uuids, batch_size)


def _change(method: str, product: str, user_uuids: Iterable[str], batch_size: int) -> Flow[Outcome]:
    change = _Change(method, product, tuple(dict.fromkeys(uuid.strip().lower() for uuid in user_uuids)))
    error: DatadogSeatsError | None = None
    try:
        for people in in_batches(change.asked, batch_size):
            yield from change.land(people)
    except DatadogSeatsError as ended:
        error = ended
    if change.doubted:
        try:
            yield from change.settle_doubts()
        except DatadogSeatsError as unsettled:
            error = error or unsettled
    return change.outcome(error)


def in_batches(people: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    """Cut people into batches of at most so many."""
    for start in range(0, len(people), size):
        yield people[start : start + size]


class _Batch(NamedTuple):
    people: tuple[str, ...]
    attempt: int = 1


class _Change:
    """One assignment or unassignment under way: what was asked for, and what is known of it so far."""

    def __init__(self, method: str, product: str, asked: tuple[str, ...]) -> None:
        self.method = method
        self.product = product
        self.asked = asked
        self.done: set[str] = set()
        self.doubted: list[str] = []
        self.unknown: set[str] = set()
        self.refused: dict[str, str] = {}
        self.accepted = 0
        self.waited = 0.0

    def land(self, people: tuple[str, ...]) -> Flow[None]:
        """Send people, in one call if all goes well, and halve what is refused until the refused stand alone."""
        batches = deque([_Batch(people)])
        accepted_before = self.accepted
        refusals: list[RequestRefusedError] = []
        while batches:
            nothing_accepted = self.accepted == accepted_before
            if (
                nothing_accepted
                and len(refusals) >= SAME_REFUSALS
                and len({gist(each.words) for each in refusals}) == 1
            ):
                # It is not about the people, if Datadog says the same whoever is sent.
                left = [uuid for batch in batches for uuid in batch.people]
                self.refused.update(dict.fromkeys(left, _told(refusals[-1])))
                if not self.accepted:
                    raise refusals[-1]
                return
            # Until something is accepted look at both ends, and then in between, so that bad people in a row do not
            # pass for a bad product code.
            from_end = nothing_accepted and len(refusals) % 2 == 1
            if nothing_accepted and len(refusals) >= _PROBE_AFTER:
                batches = _with_the_middle_first(batches)
                from_end = False
            batch = batches.pop() if from_end else batches.popleft()
            try:
                again = yield from self._send(batch)
            except RequestRefusedError as refusal:
                refusals.append(refusal)
                again = yield from self._halves(batch, refusal)
            batches.extend(again) if from_end else batches.extendleft(reversed(again))

    def _halves(self, batch: _Batch, refusal: RequestRefusedError) -> Flow[list[_Batch]]:
        """Halve a refused batch, without those who are as asked all the same; whoever is refused alone is refused."""
        rest = yield from self._still_open(batch.people, refusal)
        if len(batch.people) == 1:
            self.refused.update(dict.fromkeys(rest, _told(refusal)))
            return []
        return [_Batch(half) for half in in_batches(rest, max(1, (len(rest) + 1) // 2))]

    def _send(self, batch: _Batch) -> Flow[list[_Batch]]:
        """Send one batch. What is in doubt after a fault is settled by the seat list before it is sent again.

        :returns: what to send again.
        """
        try:
            vouched = yield from call(self._request(batch.people), self._vouched)
        except UnavailableError as fault:
            wait = wait_after(fault, batch.attempt)
            patient = self.waited + wait <= LONGEST_WAIT
            if patient:
                yield Pause(wait, fault.problem)
                self.waited += wait
            rest = yield from self._still_open(batch.people, fault)
            if rest and (batch.attempt >= ATTEMPTS or not patient):
                raise
            return [_Batch(rest, batch.attempt + 1)] if rest else []
        self.accepted += 1
        doubted = () if vouched is None else tuple(uuid for uuid in batch.people if uuid not in vouched)
        self.doubted += doubted
        self.done.update(set(batch.people).difference(doubted))
        return []

    def settle_doubts(self) -> Flow[None]:
        """Look up those whom accepted calls left out: mostly they are as asked already."""
        answer = "Datadog accepted it for others."
        rest = yield from self._still_open(tuple(self.doubted), answer)
        if rest:
            yield Pause(SETTLE_SECONDS, f"{self.product}: {len(rest)} people were left out and hold no seat yet")
            rest = yield from self._still_open(rest, answer)
        self.refused.update(dict.fromkeys(rest, "the call was accepted, and they were left out and hold no seat"))

    def outcome(self, error: DatadogSeatsError | None = None) -> Outcome:
        settled = self.done.union(self.refused, self.unknown)
        return Outcome(
            product=self.product,
            done=tuple(uuid for uuid in self.asked if uuid in self.done),
            refused={uuid: self.refused[uuid] for uuid in self.asked if uuid in self.refused},
            unknown=tuple(uuid for uuid in self.asked if uuid in self.unknown),
            not_done=tuple(uuid for uuid in self.asked if uuid not in settled),
            error=error,
        )

    def _request(self, people: tuple[str, ...]) -> Request:
        attributes = {"product_code": self.product, "user_uuids": list(people)}
        body = {"data": {"type": "seat-assignments", "attributes": attributes}}
        return Request(self.method, PATH, body=body, needs=_WRITERS, so_far=self._so_far())

    def _so_far(self) -> str:
        return f"{len(self.done) + len(self.refused):,} of {len(self.asked):,} people are settled"

    def _vouched(self, document: dict[str, Any]) -> frozenset[str] | None:
        """Give the people whom an answer says to have changed; None if it stands for all."""
        if self.method == "DELETE":
            return None if document is EMPTY else frozenset()
        data = document.get("data")
        attributes = data.get("attributes") if isinstance(data, dict) else None
        assigned = attributes.get("assigned_ids") if isinstance(attributes, dict) else None
        return frozenset(str(uuid).lower() for uuid in assigned) if isinstance(assigned, list) else frozenset()

    def _still_open(self, people: tuple[str, ...], answer: object) -> Flow[tuple[str, ...]]:
        """Read the seat list, and give those who are not as asked."""
        try:
            users = yield from _list(self.product, lambda _: self._so_far())
        except DatadogSeatsError as reading:
            if isinstance(answer, RequestRefusedError) and isinstance(reading, RequestRefusedError):
                # Datadog refuses the product itself, so that nobody of it is in doubt.
                self.refused.update(dict.fromkeys(people, _told(answer)))
                raise answer from None
            self.unknown.update(people)
            raise SeatsUnknownError(self.product, people, answer, reading) from reading
        holders = {user.id for user in users}
        rest = tuple(uuid for uuid in people if (uuid in holders) != (self.method == "POST"))
        self.done.update(set(people).difference(rest))
        return rest


def _told(refusal: RequestRefusedError) -> str:
    return f"{refusal.status}: {refusal.words}"


def _with_the_middle_first(batches: deque[_Batch]) -> deque[_Batch]:
    """Cut whoever stands in the middle of the largest batch out of it, to be sent alone and first."""
    largest = max(range(len(batches)), key=lambda index: len(batches[index].people))
    people = batches[largest].people
    middle = len(people) // 2
    parts = [_Batch(part) for part in (people[:middle], people[middle + 1 :]) if part]
    others = list(batches)
    return deque([_Batch(people[middle : middle + 1]), *others[:largest], *parts, *others[largest + 1 :]])


def _page(document: dict[str, Any]) -> tuple[list[SeatUser], str | None]:
    users = [
        SeatUser(id=uuid, **{name: text(attributes, name) for name in ("email", "name", "assigned_at")})
        for uuid, attributes in rows(document)
    ]
    meta = document.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("its meta is not an object")  # noqa: TRY004 (a fault of the answer, not of a type here)
    return users, text(meta, "next_cursor") or None
