"""The flows that assign and unassign seats: in batches, bisecting what is refused, reading back what is unconfirmed.

Datadog's Seats API: https://docs.datadoghq.com/api/latest/seats/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from airflow_provider_seats._api import BATCH_SIZE
from airflow_provider_seats._api.batches import (
    Batch,
    BatchRefusal,
    are_alike,
    are_the_keys,
    halves,
    in_batches,
    with_singles_first,
)
from airflow_provider_seats._api.flow import EMPTY, MAX_ATTEMPTS, MAX_WAIT, Flow, Pause, Request, call, wait_after
from airflow_provider_seats._api.identifiers import require_uuids
from airflow_provider_seats._api.seat_list import SeatList, read_seat_list, read_until_proven
from airflow_provider_seats._api.seats import PATH
from airflow_provider_seats._text import plural
from airflow_provider_seats.exceptions import (
    DatadogSeatsError,
    KeysRefusedError,
    RateLimitError,
    RedirectError,
    RequestRefusedError,
    SeatsRefusedError,
    SeatsUnknownError,
    UnavailableError,
)

# Datadog documents no delay between a write and the list that shows it. The list gets this time, in seconds, before a
# change that it does not show counts as refused.
READ_BACK_PAUSES: Final = (2.0, 4.0, 8.0, 16.0, 30.0)
MAX_SAME_REFUSALS: Final = 16
_Method: TypeAlias = Literal["POST", "DELETE"]
_WRITE_PERMISSION: Final = "one of the permissions incident_write, on_call_write or billing_edit"


class Outcome(NamedTuple):
    """The result of an assignment or unassignment. Everyone requested is in exactly one of the four groups, in order.

    :param done: the user UUIDs that are now as requested.
    :param refused: those that Datadog refused, with its explanation.
    :param unknown: those whose state could not be found out.
    :param not_done: those that were not changed, because an error ended the work or they were not tried.
    :param error: the error that ended the work; None if there was none.
    """

    product: str
    done: tuple[str, ...] = ()
    refused: Mapping[str, str] = MappingProxyType({})
    unknown: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    error: DatadogSeatsError | None = None


def failure(*outcomes: Outcome, label: Callable[[str], str] = str) -> DatadogSeatsError | None:
    """Return the error to raise for outcomes of one product; None if everyone is as requested.

    :param label: how to show a user UUID in the message.
    """
    error = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
    refused = {uuid: detail for outcome in outcomes for uuid, detail in outcome.refused.items()}
    if error is not None or not refused:
        return error
    not_done = sum(len(outcome.not_done) for outcome in outcomes)
    accepted = {_without_effect(method) for method in ("POST", "DELETE")}
    not_shown = sum(detail in accepted for detail in refused.values())
    return SeatsRefusedError(outcomes[0].product, refused, label, not_done, not_shown)


def assign_seats(product: str, user_uuids: Iterable[str], batch_size: int | None = None) -> Flow[Outcome]:
    """Assign seats of a product to users. Users who hold one keep it.

    Errors of the API are not raised: the outcome says who holds a seat afterwards, who does not, and why.

    :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
    """
    return _change("POST", product, user_uuids, batch_size)


def unassign_seats(product: str, user_uuids: Iterable[str], batch_size: int | None = None) -> Flow[Outcome]:
    """Unassign seats of a product from users. Users who hold none stay as they are.

    Errors of the API are not raised: the outcome says who holds no seat afterwards, who does, and why.

    :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
    """
    return _change("DELETE", product, user_uuids, batch_size)


def _change(method: _Method, product: str, user_uuids: Iterable[str], batch_size: int | None) -> Flow[Outcome]:
    change = _Change(method, product, require_uuids("user_uuids", user_uuids))
    error: DatadogSeatsError | None = None
    try:
        for people in in_batches(change.requested, batch_size or BATCH_SIZE):
            yield from change.send(people)
    except DatadogSeatsError as ended:
        error = ended
    try:
        yield from change.read_back_unconfirmed()
    except DatadogSeatsError as failed:
        error = error or failed
    return change.outcome(error)


class _Change:
    """One assignment or unassignment in progress: what was requested, and what is known of it so far."""

    def __init__(self, method: _Method, product: str, requested: tuple[str, ...]) -> None:
        self.method = method
        self.product = product
        self.requested = requested
        self.done: set[str] = set()
        self.unconfirmed: list[str] = []
        # The last reading of the seat list.
        self.reading = SeatList(number=0)
        self.unknown: set[str] = set()
        self.refused: dict[str, str] = {}
        self.accepted, self.waited = 0, 0.0

    def send(self, people: tuple[str, ...]) -> Flow[None]:
        """Send people, in one call if all goes well. Bisect what is refused until the refused people stand alone."""
        batches = [Batch(people)]
        accepted_before = self.accepted
        refusals: list[BatchRefusal] = []
        while batches:
            batch = batches.pop()
            try:
                again = yield from self._send_batch(batch)
            except (RequestRefusedError, KeysRefusedError) as refusal:
                if refusal.status == HTTPStatus.UNAUTHORIZED:
                    raise
                refusals.append(refusal)
                rest = yield from self._to_send_again(batch.people, refusal)
                # Single ones first, so that several bad people in a row are not mistaken for a bad product code.
                again = with_singles_first(rest) if len(refusals) == 1 else halves(rest)
                everyone = len(self.refused) + len(self.done) == len(self.requested)
                if self.refused and not self.accepted and are_the_keys(refusals, everyone=everyone):
                    self.refused.clear()
                    raise
                is_over = not (again or batches) or self.accepted > accepted_before
                if not is_over and len(refusals) >= MAX_SAME_REFUSALS and are_alike(refusals):
                    # Datadog says the same about everyone, so it is not about these people. The rest is not tried.
                    if self.accepted:
                        return
                    raise
            batches += reversed(again)

    def read_back_unconfirmed(self) -> Flow[None]:
        """Look up the people that accepted calls did not confirm. Most of them are as requested already."""
        rest, self.unconfirmed = tuple(self.unconfirmed), []
        for pause in (0.0, *READ_BACK_PAUSES):
            if not rest:
                return
            if pause:
                unconfirmed = plural(len(rest), "person is", "people are")
                yield Pause(pause, f"{self.product}: {unconfirmed} not confirmed; the seat list is read again")
            response = "Datadog accepted the call and did not confirm these people."
            rest = yield from self._not_as_requested(rest, response)
        hidden = self._may_be_hidden(rest)
        self.done.update(hidden)
        self.refused.update(dict.fromkeys(set(rest).difference(hidden), _without_effect(self.method)))

    def outcome(self, error: DatadogSeatsError | None) -> Outcome:
        unknown = tuple(uuid for uuid in self.requested if uuid in self.unknown)
        if unknown and error is None:
            reading = UnavailableError(f"GET {PATH}", "a seat that has no user UUID may be theirs")
            error = SeatsUnknownError(self.product, unknown, "It was not confirmed.", reading)
        known = self.done.union(self.refused, self.unknown)
        return Outcome(
            product=self.product,
            done=tuple(uuid for uuid in self.requested if uuid in self.done),
            refused={uuid: self.refused[uuid] for uuid in self.requested if uuid in self.refused},
            unknown=unknown,
            not_done=tuple(uuid for uuid in self.requested if uuid not in known),
            error=error,
        )

    def _send_batch(self, batch: Batch) -> Flow[list[Batch]]:
        """Send one batch. After a fault, ask the seat list what was carried out before anything is sent again.

        :returns: what to send again.
        """
        try:
            confirmed = yield from call(self._request(batch.people), self._confirmed)
        except UnavailableError as fault:
            wait = wait_after(fault, batch.attempt)
            has_time = self.waited + wait <= MAX_WAIT
            if has_time:
                yield Pause(wait, fault.problem)
                self.waited += wait
            rest = yield from self._not_as_requested(batch.people, fault)
            if rest and (batch.attempt >= MAX_ATTEMPTS or not has_time):
                self.unknown.update(self._may_be_hidden(rest))
                raise
            return [Batch(rest, batch.attempt + 1)] if rest else []
        except (KeysRefusedError, RateLimitError, RedirectError) as error:
            if isinstance(error, KeysRefusedError) and error.status == HTTPStatus.FORBIDDEN:
                raise
            # A gateway may have changed the answer to a call that was carried out.
            if rest := (yield from self._not_as_requested(batch.people, error)):
                self.unknown.update(self._may_be_hidden(rest))
                raise
            return []
        self.accepted += 1
        unconfirmed = () if confirmed is None else tuple(uuid for uuid in batch.people if uuid not in confirmed)
        self.unconfirmed += unconfirmed
        self.done.update(set(batch.people).difference(unconfirmed))
        return []

    def _to_send_again(self, people: tuple[str, ...], refusal: BatchRefusal) -> Flow[tuple[str, ...]]:
        """Return who of a refused batch is to be sent again: those who are not as requested.

        A batch of one person is not sent again: the person is refused.
        """
        rest = yield from self._not_as_requested(people, refusal)
        if len(people) > 1:
            return rest
        if rest and not self.accepted and isinstance(refusal, RequestRefusedError) and refusal.concerns_method:
            raise refusal
        self.refused.update(dict.fromkeys(rest, f"{refusal.status}: {refusal.explanation}"))
        return ()

    def _not_as_requested(self, people: tuple[str, ...], response: object) -> Flow[tuple[str, ...]]:
        """Read the seat list, and again if an absence counts. Return who is not as requested; the others are done.

        :param response: what made it necessary to look, for the message if that fails.
        """
        before, is_wanted = self.reading, self.method == "POST"

        def relies_on_absence(seats: SeatList) -> bool:
            return not is_wanted and not all(map(seats.holds, people))

        try:
            self.reading = yield from read_until_proven(self.product, relies_on_absence, self._progress)
        except DatadogSeatsError as reading:
            if isinstance(response, KeysRefusedError | RedirectError) and isinstance(reading, type(response)):
                # Datadog refuses the keys for everything, or the address is not that of Datadog.
                raise response from None
            if isinstance(response, RateLimitError):
                # The error says when to try again.
                self.unknown.update(people)
                raise response from reading
            if isinstance(response, RequestRefusedError) and isinstance(reading, RequestRefusedError):
                # Datadog refuses the product itself, so nobody was changed.
                if len(people) == 1:
                    self.refused.update(dict.fromkeys(people, f"{response.status}: {response.explanation}"))
                raise response from None
            self.unknown.update(people)
            raise SeatsUnknownError(self.product, people, response, reading) from reading
        rest = tuple(uuid for uuid in people if self.reading.holds(uuid) != is_wanted)
        as_requested = set(people).difference(rest)
        if before.number and any(before.holds(uuid) != is_wanted for uuid in as_requested):
            self.accepted += 1  # the seat changed since, so a call was carried out whose answer was lost
        proven = {uuid for uuid in as_requested if is_wanted or self.reading.proven_absent(uuid)}
        self.done |= proven
        self.unknown |= as_requested - proven
        return rest

    def _may_be_hidden(self, people: tuple[str, ...]) -> tuple[str, ...]:
        """Return these people if the seats without a user UUID may be theirs."""
        return people if self.method == "POST" and len(people) <= len(self.reading.rows_without_uuid) else ()

    def _confirmed(self, document: dict[str, Any]) -> frozenset[str] | None:
        """Return the people that a response confirms; None if it confirms all."""
        if self.method == "DELETE":
            return None if document is EMPTY else frozenset()
        data = document.get("data")
        attributes = data.get("attributes") if isinstance(data, dict) else None
        assigned = attributes.get("assigned_ids") if isinstance(attributes, dict) else None
        return frozenset(str(uuid).lower() for uuid in assigned) if isinstance(assigned, list) else frozenset()

    def _request(self, people: tuple[str, ...]) -> Request:
        attributes = {"product_code": self.product, "user_uuids": list(people)}
        body = {"data": {"type": "seat-assignments", "attributes": attributes}}
        permission = f"{_WRITE_PERMISSION}, and that no proxy or gateway on the way refuses {self.method}"
        return Request(self.method, PATH, body=body, permission=permission, progress=self._progress())

    def _progress(self) -> str:
        finished = len(self.done) + len(self.refused)
        verb = "assigned" if self.method == "POST" else "unassigned"
        return f"{finished:,} of {plural(len(self.requested), 'person', 'people')} {verb} or refused so far"


def read_back(unassigned: Outcome, assigned: Outcome) -> Flow[tuple[Outcome, Outcome, SeatList]]:
    """Read the seat list after changes, and return the outcomes as it shows them, and the list.

    Datadog may answer a change that has no effect as it answers any other. The list gets time to show the changes.
    """
    pauses = [*READ_BACK_PAUSES]
    while True:
        reading = yield from read_seat_list(unassigned.product)
        kept = [uuid for uuid in unassigned.done if reading.holds(uuid)]
        lacking = [uuid for uuid in assigned.done if not reading.holds(uuid)]
        if len(lacking) <= len(reading.rows_without_uuid):
            lacking = []  # the seats without a user UUID may be theirs
        if not pauses or not (kept or lacking):
            break
        missing = plural(len(kept) + len(lacking), "change", "changes")
        yield Pause(pauses.pop(0), f"{unassigned.product}: the seat list does not show {missing} yet; it is read again")
    return _refuse(unassigned, "DELETE", kept), _refuse(assigned, "POST", lacking), reading


def _refuse(outcome: Outcome, method: _Method, people: list[str]) -> Outcome:
    refused = {**outcome.refused, **dict.fromkeys(people, _without_effect(method))}
    return outcome._replace(done=tuple(uuid for uuid in outcome.done if uuid not in refused), refused=refused)


def _without_effect(method: _Method) -> str:
    shown = "shows no seat" if method == "POST" else "still shows the seat"
    return f"Datadog accepted the call, but the seat list {shown} {sum(READ_BACK_PAUSES):g} s later"
