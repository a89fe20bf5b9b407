"""Small worlds for property tests: accounts, what the seat list shows of their seats, and arguments of an operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import strategies as st

from tests.conftest import PRODUCT
from tests.helpers.playing import uuid

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog

STRANGERS = ("stranger@x.com", uuid("stranger"))
MIN_DAYS = 7
Pick = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Person:
    """An account, and what the seat list shows of its seat.

    :param namesake: whose email the account has, too: the number of an earlier person, or its own.
    :param old: whether the handle is an old email.
    :param seat: whether the person holds a seat.
    :param shows: the email in the list: the account's, the old one, or none.
    :param listed: whether the list has the UUID.
    :param days: the age of the seat in the list; None if it does not say.
    """

    number: int
    namesake: int
    status: Literal["Active", "Pending", "Disabled", "deleted"] = "Active"
    old: bool = False
    on_call: Literal["no", "schedule", "policy"] = "no"
    seat: bool = True
    shows: Literal["email", "handle", "nothing"] = "email"
    listed: bool = True
    days: int | None = 100

    @property
    def id(self) -> str:
        """The UUID of the account."""
        return uuid(f"u{self.number}")

    @property
    def email(self) -> str:
        """The email of the account."""
        return f"u{self.namesake}@x.com"

    @property
    def handle(self) -> str:
        """The handle of the account."""
        return f"old{self.number}@x.com" if self.old else self.email

    @property
    def shown(self) -> str | None:
        """The email that the seat list shows."""
        return {"email": self.email, "handle": self.handle, "nothing": None}[self.shows]


@dataclass(frozen=True)
class Case:
    """A world, and the arguments of an operator. None stands for an argument that is not passed."""

    people: tuple[Person, ...]
    user_emails: tuple[str, ...] | None
    user_uuids: tuple[str, ...] | None
    mode: Literal["exact", "add_only", "remove_only"] = "exact"
    missing_users: str | None = None
    allow_empty: bool | None = None
    max_unassign: int | str | None = None
    max_seats: int | None = None
    min_seat_age: str | None = None
    protect: tuple[str, ...] | None = None
    check_accounts: bool = True
    on_call: Literal["ignore", "keep", "refuse"] = "ignore"
    check_escalation_policies: bool = True

    @property
    def names(self) -> set[str]:
        """Everyone who is named, by email or UUID."""
        return {*(self.user_emails or ()), *(self.user_uuids or ())}

    @staticmethod
    def named(people: tuple[str, ...] | None) -> set[str]:
        """Return a list of people as a set."""
        return set(people or ())

    @property
    def accounts(self) -> list[Person]:
        """The people that Datadog knows."""
        return [each for each in self.people if each.status != "deleted"]

    @property
    def places(self) -> set[str]:
        """Where people on call are looked for."""
        return {"schedule", "policy"} if self.check_escalation_policies else {"schedule"}

    @property
    def rows(self) -> list[Person]:
        """The people who hold a seat."""
        return [each for each in self.people if each.seat]

    def arguments(self, *names: str) -> dict[str, Any]:
        """Return the arguments that are passed; only those with these names besides the people, if there are any."""
        found = {name: value for name, value in vars(self).items() if value is not None and name != "people"}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if not names or name in {"user_emails", "user_uuids", *names}
        }

    def build(self, datadog: FakeDatadog) -> None:
        """Make the world."""
        for each in self.people:
            if each.status != "deleted":
                datadog.add_user(each.email, user_uuid=each.id, status=each.status, handle=each.handle)
        for each in self.rows:
            assigned = None if each.days is None else datetime.now(UTC) - timedelta(days=each.days)
            datadog.give_seat(
                PRODUCT,
                each.id,
                id=each.id if each.listed else None,
                email=each.shown,
                assigned_at=assigned and assigned.isoformat(),
            )
        team = datadog.add_team("sre", [self.people[0].id])
        on_call = {kind: [each.id for each in self.people if each.on_call == kind] for kind in ("schedule", "policy")}
        schedule = datadog.add_schedule("Nights", on_call["schedule"] or [self.people[0].id][:0])
        datadog.add_routing_rule(team, datadog.add_escalation_policy("Payments", [[schedule], on_call["policy"]]))


def _one(draw: Pick, *values: Any) -> Any:
    return draw(st.sampled_from(values))


def _person(draw: Pick, number: int) -> Person:
    """Draw a person, who is ordinary in most cases."""
    person = Person(number, number, seat=draw(st.booleans()))
    oddities: tuple[dict[str, Any], ...] = (
        *({},) * 4,
        {"status": _one(draw, "Pending", "Disabled", "deleted"), "seat": True},
        {"namesake": draw(st.integers(0, number)), "status": _one(draw, "Active", "Disabled")},
        {"old": True, "shows": _one(draw, "email", "handle")},
        _one(draw, {"shows": "nothing", "seat": True}, {"listed": False}),
        {"on_call": _one(draw, "schedule", "policy"), "seat": True},
        {"days": _one(draw, None, 1), "seat": True},
    )
    return replace(person, **_one(draw, *oddities))


@st.composite
def cases(draw: Pick, most: int = 8) -> Case:
    """Draw a world and arguments."""
    people = tuple(_person(draw, number) for number in range(draw(st.integers(2, most))))
    emails = sorted({name for each in people for name in (each.email, each.handle)})
    # A person whose UUID the list does not show could be assigned again by UUID, and nobody could see it.
    uuids = [each.id for each in people if each.listed and each.status != "deleted"]
    # Names that only an account shows are what goes wrong most easily.
    hidden = [name for each in people if each.seat for name in {each.email, each.handle} - {each.shown}]
    anyone = st.sampled_from([*emails, *uuids, *STRANGERS, *sorted(hidden) * 4])

    def some(values: list[str]) -> tuple[str, ...]:
        share = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
        return tuple(value for value, is_in in zip(values, share, strict=True) if is_in)

    seats = sum(each.seat for each in people)
    kind = _one(draw, "emails", "emails", "uuids", "both", "half")
    roster = some(emails) + ((STRANGERS[0],) if _one(draw, False, False, False, True) else ())
    return Case(
        people,
        user_emails=roster if kind != "uuids" else None,
        user_uuids={"emails": None, "half": ()}.get(kind, some(uuids)),
        mode=_one(draw, "exact", "exact", "add_only", "remove_only"),
        missing_users=_one(draw, "skip", "skip", "fail", None),
        allow_empty=_one(draw, True, True, False, None),
        max_unassign=_one(draw, "100%", "100%", None, 0, 1, 2, 3, "34%", "50%"),
        max_seats=draw(st.none() | st.integers(0, 3).map(lambda more: max(0, seats + more - 1))),
        min_seat_age=_one(draw, None, None, f"{MIN_DAYS}d"),
        protect=tuple(draw(st.lists(anyone, min_size=1, max_size=3))) if draw(st.booleans()) else None,
        check_accounts=_one(draw, True, True, False),
        on_call=_one(draw, "ignore", "keep", "refuse"),
        check_escalation_policies=_one(draw, True, True, False),
    )
