"""The seat flows: list, assign and unassign, with their pages, batches, halving and reading back.

Datadog's Seats API: https://docs.datadoghq.com/api/latest/seats/.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from airflow_provider_seats.connection import DatadogSeatsError
from airflow_provider_seats.protocol import (
    ATTEMPTS,
    NOTHING,
    Flow,
    Pause,
    Request,
    RequestRefusedError,
    UnavailableError,
    call,
    rows,
    text,
    unusable,
    wait_after,
)

PATH: Final = "/api/v2/seats/users"
PAGE: Final = 100
BATCH: Final = 100
# Datadog documents no delay between a write and what the list shows; this is ours, before it is called a failure.
SETTLE_SECONDS: Final = 2.0
SAME_REFUSALS: Final = 16
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
    """Datadog refused to change the seats of some people; everyone else's change has landed.

    :ivar refused: Datadog's words about each user UUID that was refused.
    """

    def __init__(self, product: str, refused: Mapping[str, str], label: Callable[[str], str] = str) -> None:
        by_words: dict[str, list[str]] = {}
        for uuid, words in refused.items():
            by_words.setdefault(words, []).append(label(uuid))
        said = "; ".join(f"{some(people)} ({words})" for words, people in by_words.items())
        super().__init__(
            f"{product}: Datadog refused {len(refused)} of the people given: {said}. Everyone else is as asked. "
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


def some(people: Iterable[str], most: int = 20) -> str:
    """Name people in a sentence, at most so many."""
    named = list(people)
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more


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

    def failure(self, label: Callable[[str], str] = str) -> DatadogSeatsError | None:
        """Give the error to raise, or None if everyone is as asked.

        :param label: how to show a user UUID in the message.
        """
        if self.error is not None or not self.refused:
            return self.error
        return SeatsRefusedError(self.product, self.refused, label)


def list_seat_users(product_code: str) -> Flow[tuple[SeatUser, ...]]:
    """List everyone who holds a seat of a product, in Datadog's order. A list that cannot be read whole is an error."""
    users: dict[object, SeatUser] = {}
    cursors: set[str] = set()
    cursor: str | None = None
    while True:
        query = [("product_code", product_code), ("page[limit]", str(PAGE))]
        if cursor is not None:
            query.append(("page[cursor]", cursor))
        request = Request("GET", PATH, tuple(query), needs=_READERS)
        page, cursor = yield from call(request, _page)
        for user in page:
            # The list may move while it is read, so that a row comes twice; rows without an id cannot be told apart.
            users[user.id or len(users)] = user
        if cursor is None:
            return tuple(users.values())
        if cursor in cursors:
            raise unusable(request, None, f"it repeats the cursor {cursor!r}")
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
    batches = deque(_Batch(people) for people in in_batches(change.asked, batch_size))
    while batches:
        try:
            again = yield from change.send(batches.popleft())
        except DatadogSeatsError as error:
            return change.outcome(error)
        batches.extendleft(reversed(again))
    return change.outcome()


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
        self.unknown: set[str] = set()
        self.refused: dict[str, str] = {}
        self.refusals: list[str] = []
        self.accepted = False

    def send(self, batch: _Batch) -> Flow[list[_Batch]]:
        """Send one batch. What its answer leaves in doubt is settled by the seat list before anything is sent again.

        :returns: the batches to send next.
        """
        try:
            vouched = yield from call(self._request(batch.people), self._vouched)
        except RequestRefusedError as refusal:
            rest = yield from self._still_open(batch.people, refusal)
            return self._halve(batch, rest, refusal)
        except UnavailableError as fault:
            yield Pause(wait_after(fault, batch.attempt), str(fault))
            rest = yield from self._still_open(batch.people, fault)
            if rest and batch.attempt >= ATTEMPTS:
                raise
            return [_Batch(rest, batch.attempt + 1)] if rest else []
        self.accepted = True
        doubted = () if vouched is None else tuple(uuid for uuid in batch.people if uuid not in vouched)
        self.done.update(set(batch.people).difference(doubted))
        if doubted:
            yield from self._contradicted(doubted)
        return []

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
        return Request(self.method, PATH, body=body, needs=_WRITERS)

    def _vouched(self, document: dict[str, Any]) -> frozenset[str] | None:
        """Give the people whom an answer says to have changed; None if it stands for all."""
        if self.method == "DELETE":
            return None
        data = document.get("data")
        attributes = data.get("attributes") if isinstance(data, dict) else None
        assigned = attributes.get("assigned_ids") if isinstance(attributes, dict) else None
        return frozenset(str(uuid).lower() for uuid in assigned) if isinstance(assigned, list) else frozenset()

    def _contradicted(self, people: tuple[str, ...]) -> Flow[None]:
        answer = "Datadog accepted it for others."
        rest = yield from self._still_open(people, answer)
        if rest:
            yield Pause(SETTLE_SECONDS, f"{self.product}: {len(rest)} people were left out and hold no seat yet")
            rest = yield from self._still_open(rest, answer)
        self.refused.update(dict.fromkeys(rest, "the call was accepted, and they were left out and hold no seat"))

    def _still_open(self, people: tuple[str, ...], answer: object) -> Flow[tuple[str, ...]]:
        """Read the seat list, and give those who are not as asked."""
        try:
            users = yield from list_seat_users(self.product)
        except DatadogSeatsError as reading:
            self.unknown.update(people)
            if isinstance(answer, RequestRefusedError) and isinstance(reading, RequestRefusedError):
                raise answer from reading
            raise SeatsUnknownError(self.product, people, answer, reading) from reading
        holders = {user.id.lower() for user in users if user.id}
        rest = tuple(uuid for uuid in people if (uuid in holders) != (self.method == "POST"))
        self.done.update(set(people).difference(rest))
        return rest

    def _halve(self, batch: _Batch, rest: tuple[str, ...], refusal: RequestRefusedError) -> list[_Batch]:
        """Halve a refused batch until the refused stand alone, unless every refusal says that it is not about them."""
        self.refusals.append(refusal.words)
        words = f"{refusal.status}: {refusal.words}"
        if not self.accepted and len(self.refusals) >= SAME_REFUSALS and len(set(self.refusals)) == 1:
            self.refused.update(dict.fromkeys(rest, words))
            raise refusal
        if len(batch.people) == 1:
            self.refused.update(dict.fromkeys(rest, words))
            return []
        return [_Batch(half) for half in in_batches(rest, max(1, (len(rest) + 1) // 2))]


def _page(document: dict[str, Any]) -> tuple[list[SeatUser], str | None]:
    users = [
        SeatUser(id=uuid, **{name: text(attributes, name) for name in ("email", "name", "assigned_at")})
        for uuid, attributes in rows(document)
    ]
    meta = document.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("its meta is not an object")  # noqa: TRY004 (a fault of the answer, not of a type here)
    return users, text(meta, "next_cursor") or None
