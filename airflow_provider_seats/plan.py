"""Who gains and who loses a seat, and the rules that refuse: pure values and functions that never yield."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from airflow_provider_seats.connection import DatadogSeatsError
from airflow_provider_seats.protocol import InvalidInputError
from airflow_provider_seats.report import Person, Report
from airflow_provider_seats.seats import Outcome, SeatUser, some

if TYPE_CHECKING:
    from airflow_provider_seats.arguments import People
    from airflow_provider_seats.users import User

Verb = Literal["assign", "unassign"]
MissingUsers = Literal["fail", "skip"]
SeatState = Literal["assigned", "unassigned"]
Require = Literal["all", "any"]


class UsersMissingError(DatadogSeatsError):
    """Some emails have no Datadog account, or only a disabled one.

    :ivar emails: those emails, as they were given.
    """

    def __init__(self, product: str, missing: Iterable[Person]) -> None:
        self.emails = tuple(str(person["email"]) for person in missing)
        super().__init__(
            f"{product}: {len(self.emails)} of the people given have no enabled Datadog account: {some(self.emails)}. "
            "Nothing was changed. Invite them to Datadog or correct the emails, or go on without them by "
            "missing_users='skip'."
        )


class Plan(NamedTuple):
    """What is to be done for a product.

    :param change: whose seats are to change.
    :param unchanged: who already is as asked.
    :param missing: who has no enabled account.
    :param refusal: why nothing may be changed, decided before the first write; None if the plan may go ahead.
    :param seats_before: how many seats the product has; None if the seat list was not read.
    """

    verb: Verb
    product: str
    change: tuple[Person, ...] = ()
    unchanged: tuple[Person, ...] = ()
    missing: tuple[Person, ...] = ()
    seats_before: int | None = None
    refusal: DatadogSeatsError | None = None

    @property
    def uuids(self) -> list[str]:
        """The user UUIDs to send."""
        return [person["id"] for person in self.change if person["id"]]

    def label(self, uuid: str) -> str:
        """Show a user UUID together with the email, where it is known."""
        email = next((person["email"] for person in self.change if person["id"] == uuid), None)
        return f"{email} ({uuid})" if email else uuid

    def preview(self) -> Report:
        """Tell what would be done."""
        return self._report(preview=True, done=self.change)

    def not_started(self, *, preview: bool) -> Report:
        """Tell that nothing was done."""
        return self._report(preview=preview, not_done=self.change)

    def report(self, outcome: Outcome) -> Report:
        """Tell what was done."""
        people = {person["id"]: person for person in self.change}
        return self._report(
            preview=False,
            done=[people[uuid] for uuid in outcome.done],
            refused=[people[uuid] for uuid in outcome.refused],
            unknown=[people[uuid] for uuid in outcome.unknown],
            not_done=[people[uuid] for uuid in outcome.not_done],
        )

    def _report(
        self,
        *,
        preview: bool,
        done: Iterable[Person] = (),
        refused: Iterable[Person] = (),
        unknown: Iterable[Person] = (),
        not_done: Iterable[Person] = (),
    ) -> Report:
        assigned = list(done) if self.verb == "assign" else []
        unassigned = list(done) if self.verb == "unassign" else []
        unknown = list(unknown)
        after = None
        if self.seats_before is not None and not unknown:
            after = self.seats_before + len(assigned) - len(unassigned)
        return Report(
            product=self.product,
            preview=preview,
            assigned=assigned,
            unassigned=unassigned,
            unchanged=list(self.unchanged),
            missing=list(self.missing),
            refused=list(refused),
            protected=[],
            unknown=unknown,
            not_done=list(not_done),
            seats_before=self.seats_before,
            seats_after=after,
        )


class Holders:
    """A seat list that was read, to look people up in."""

    def __init__(self, users: Iterable[SeatUser]) -> None:
        self.users = tuple(users)
        self._by_uuid = {user.id.lower(): user for user in self.users if user.id}
        self._by_email: dict[str, list[SeatUser]] = {}
        for user in self.users:
            if user.email is not None:
                self._by_email.setdefault(user.email.casefold(), []).append(user)

    def by_uuid(self, uuid: str) -> list[SeatUser]:
        """Give the seat of a user UUID, if there is one."""
        return [self._by_uuid[uuid.lower()]] if uuid.lower() in self._by_uuid else []

    def by_email(self, email: str) -> list[SeatUser]:
        """Give the seats of all accounts with this email, which may be several."""
        return self._by_email.get(email.casefold(), [])

    def without(self, emails: Iterable[str]) -> tuple[str, ...]:
        """Give the emails that nobody in the list has."""
        return tuple(email for email in emails if not self.by_email(email))


def unplanned(verb: Verb, product: str, people: People) -> Plan:
    """Plan nothing yet: what was asked for, before anything was read."""
    given = [Person(id=None, email=email) for email in people.emails]
    given += [Person(id=uuid, email=None) for uuid in people.uuids]
    return Plan(verb, product, tuple(given))


def plan_assign(
    product: str,
    people: People,
    users: Mapping[str, User],
    holders: Holders | None = None,
    missing_users: MissingUsers = "fail",
) -> Plan:
    """Plan whom to give a seat.

    :param users: the accounts of the emails; those of seat holders are not needed if the seat list was read.
    :param holders: the seat list, if it was read: who is in it is left alone.
    :param missing_users: whether people without an enabled account refuse the plan or are only told.
    """
    change: dict[str, Person] = {}
    unchanged: dict[str, Person] = {}
    missing: list[Person] = []

    def seated(found: list[SeatUser]) -> bool:
        unchanged.update((user.id or str(user.email), _person(user)) for user in found)
        return bool(found)

    for email in people.emails:
        if holders is not None and seated(holders.by_email(email)):
            continue
        user = users.get(email.casefold())
        if user is None or user.disabled:
            missing.append(Person(id=user.id if user else None, email=email))
        elif holders is None or not seated(holders.by_uuid(user.id)):
            change[user.id.lower()] = Person(id=user.id.lower(), email=user.email)
    for uuid in people.uuids:
        if holders is None or not seated(holders.by_uuid(uuid)):
            change.setdefault(uuid, Person(id=uuid, email=None))
    return Plan(
        verb="assign",
        product=product,
        change=tuple(change.values()),
        unchanged=tuple(unchanged.values()),
        missing=tuple(missing),
        seats_before=None if holders is None else len(holders.users),
        refusal=UsersMissingError(product, missing) if missing and missing_users == "fail" else None,
    )


def plan_unassign(product: str, people: People, holders: Holders | None = None) -> Plan:
    """Plan whose seats to take.

    :param holders: the seat list, which emails need: who is not in it is left alone.
    """
    if holders is None:
        return Plan("unassign", product, tuple(Person(id=uuid, email=None) for uuid in people.uuids))
    change: dict[str, Person] = {}
    unchanged: list[Person] = []
    given = [(Person(id=None, email=email), holders.by_email(email)) for email in people.emails]
    given += [(Person(id=uuid, email=None), holders.by_uuid(uuid)) for uuid in people.uuids]
    for someone, seats in given:
        if not seats:
            unchanged.append(someone)
        for user in seats:
            if user.id is None:
                raise InvalidInputError(
                    "user_emails",
                    f"Datadog lists the seat of {someone['email']} without a user UUID, so that it cannot be taken by "
                    "email. Nothing was changed. Give the UUID in user_uuids instead.",
                )
            change[user.id] = _person(user)
    return Plan("unassign", product, tuple(change.values()), tuple(unchanged), seats_before=len(holders.users))


class Watched(NamedTuple):
    """How far the people are whom a sensor watches.

    :param met: those who are as they should be: all fields of their seats, or id and email where they hold none.
    :param waiting: the others, as they were given.
    :param done: whether that is enough.
    """

    met: list[dict[str, str | None]]
    waiting: list[str]
    done: bool


def watch(people: People, holders: Holders, state: SeatState, require: Require) -> Watched:
    """Tell how far people are who are to hold a seat, or none."""
    met: dict[str, dict[str, str | None]] = {}
    waiting: list[str] = []
    given = [(email, Person(id=None, email=email), holders.by_email(email)) for email in people.emails]
    given += [(uuid, Person(id=uuid, email=None), holders.by_uuid(uuid)) for uuid in people.uuids]
    for name, someone, seats in given:
        if bool(seats) != (state == "assigned"):
            waiting.append(name)
        elif seats:
            met.update((user.id or name, user._asdict()) for user in seats)
        else:
            met[name] = {"id": someone["id"], "email": someone["email"]}
    done = bool(met) if require == "any" else not waiting
    return Watched(list(met.values()), waiting, done)


def _person(user: SeatUser) -> Person:
    return Person(id=user.id, email=user.email)
