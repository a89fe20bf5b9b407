"""Who gains and who loses a seat, and the rules that refuse: pure values and functions that never yield."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from airflow_provider_seats._api.flow import NOTHING
from airflow_provider_seats._planning.arguments import Limit, People
from airflow_provider_seats._planning.plan import Earlier, Plan, by_id
from airflow_provider_seats.connection import DatadogSeatsError
from airflow_provider_seats.report import Person, Report, some

if TYPE_CHECKING:
    from airflow_provider_seats._api.seats import SeatUser
    from airflow_provider_seats._api.users import User
    from airflow_provider_seats._planning.seat_list import Holders

MissingUsers = Literal["fail", "skip"]
Mode = Literal["exact", "add_only", "remove_only"]
Owners: TypeAlias = Mapping[str, set[str]]
NOBODY: Final = People((), ())
NO_OWNERS: Final[Owners] = {}
# Large enough for the usual week, small enough that an export gone wrong does not get far.
DEFAULT_MAX_UNASSIGN: Final = Limit(people=5, percent=20)
_SHOWN_PEOPLE: Final = 10
_NO_ACCOUNT: Final = (
    "There is no enabled Datadog account for {emails} ({count} in all). Invite them to Datadog or correct the emails, "
    "or go on without them by missing_users='skip'."
)


class PlanRefusedError(DatadogSeatsError):
    """A rule refuses the plan as a whole. It is decided before the first write: nothing was changed.

    :ivar reasons: what was counted, the limit, and the argument that would allow it, for each rule that refuses.
    """

    def __init__(self, product: str, reasons: Iterable[str], *, again: bool = False) -> None:
        self.reasons = tuple(reasons)
        by_whom = " by this attempt" if again else ""
        super().__init__(f"{product}: nothing was changed{by_whom}. {' '.join(self.reasons)}")


class UsersMissingError(PlanRefusedError):
    """Some of those who were to get a seat have no Datadog account, or only a disabled one.

    :ivar emails: their emails, as they were given.
    """

    def __init__(
        self, product: str, missing: Iterable[Person], reasons: Iterable[str] = (), *, again: bool = False
    ) -> None:
        self.emails = tuple(str(person["email"]) for person in missing)
        super().__init__(
            product,
            (_NO_ACCOUNT.format(count=len(self.emails), emails=some(self.emails)), *reasons),
            again=again,
        )


class Guards(NamedTuple):
    """The limits and rules that apply to a plan; those that do not are None.

    :param missing_users: whether people without an enabled account refuse the plan or are only told.
    :param allow_empty: whether an empty roster may take seats.
    :param max_unassign: the most people who may lose a seat.
    :param max_seats: the most seats that the product may have afterwards.
    :param min_seat_age: the seconds that a seat must have been held to be taken.
    :param protect: whose seats are never taken.
    """

    missing_users: MissingUsers | None = None
    allow_empty: bool | None = None
    max_unassign: Limit | None = None
    max_seats: int | None = None
    min_seat_age: float | None = None
    protect: People = NOBODY

    @property
    def need_holders(self) -> bool:
        """Whether they can only be judged by the seat list."""
        return self.max_unassign is not None or self.max_seats is not None or bool(self.protect)

    def record(self, holders: int) -> dict[str, Any]:
        """Give those that apply, for the report."""
        told = {name: value for name, value in self._asdict().items() if value is not None}
        told["protect"] = [*self.protect.uuids, *self.protect.emails]
        if self.max_unassign is not None:
            told["max_unassign"] = str(self.max_unassign)
            told["max_unassign_people"] = self.max_unassign.of(holders)
        return {name: value for name, value in told.items() if value != []}


def plan_assign(
    product: str,
    people: People,
    *,
    users: Mapping[str, User],
    guards: Guards,
    holders: Holders | None = None,
    earlier: Earlier | None = None,
) -> Plan:
    """Plan whom to give a seat.

    :param users: the accounts of the emails.
    :param holders: the seat list, if it was read: who is in it is left alone.
    """
    give, unchanged, missing = _to_give(people, users, holders)
    return _guarded(Plan(product, give, (), unchanged, missing, (), holders, earlier=earlier), guards)


def plan_unassign(
    product: str,
    people: People,
    *,
    owned: Owners = NO_OWNERS,
    guards: Guards,
    now: datetime,
    holders: Holders | None = None,
    earlier: Earlier | None = None,
) -> Plan:
    """Plan whose seats to take.

    :param owned: the accounts of the emails that had to be identified.
    :param holders: the seat list, which emails and rules need: who is not in it is left alone.
    """
    if holders is None:
        return _guarded(Plan(product, take=people.as_given()), guards)
    rows: dict[str, SeatUser] = {}
    unchanged: list[Person] = []
    for someone, seats in holders.match(people):
        rows.update((user.id or str(user.email), user) for user in seats)
        if not seats:
            unchanged.append(someone)
    take, kept = _to_take(rows.values(), owned, guards, now)
    plan = Plan(product, (), take, tuple(unchanged), (), kept, holders, earlier=earlier)
    idless = [str(person["email"]) for person in kept if person["id"] is None]
    # They were named, so that keeping them is no success.
    reason = f"Datadog lists the seats of {some(idless)} without a user UUID; give the UUIDs in user_uuids instead."
    return _guarded(plan, guards, reasons=[reason] if idless else [])


def plan_sync(
    product: str,
    roster: People,
    mode: Mode,
    *,
    users: Mapping[str, User],
    guards: Guards,
    owned: Owners = NO_OWNERS,
    now: datetime,
    holders: Holders,
    earlier: Earlier | None = None,
) -> Plan:
    """Plan what makes the seats match a roster.

    :param users: the accounts of those of the roster who are not in the seat list.
    :param owned: all accounts of the emails that had to be identified.
    """
    give, seated, missing = _to_give(roster, users, holders, seated_first=True)
    take: tuple[Person, ...] = ()
    kept: tuple[Person, ...] = ()
    if mode != "add_only":
        ids, emails = _identities(roster, owned)
        ids.update(user.id for user in users.values())
        strangers = [user for user in holders.users if not _is_one_of(user, ids, emails)]
        take, kept = _to_take(strangers, owned, guards, now, by_email_only=bool(roster.emails) and not roster.uuids)
    if mode == "remove_only":
        seated, give, missing = (*seated, *give, *missing), (), ()
    plan = Plan(product, give, take, seated, missing, kept, holders, earlier=earlier)
    reasons = []
    if not roster and mode != "add_only" and not guards.allow_empty:
        reasons.append(
            f"The roster is empty, which would take {len(take)} of {len(holders.users)} seats. If that is meant, set "
            "allow_empty=True."
        )
    return _guarded(plan, guards, {"mode": mode}, reasons)


def plan_undo(
    product: str,
    report: Report,
    *,
    owned: Owners = NO_OWNERS,
    guards: Guards,
    now: datetime,
    holders: Holders,
    earlier: Earlier | None = None,
) -> Plan:
    """Plan what puts things back to what they were before an earlier report; who already is as before is left alone."""
    give: dict[str, Person] = by_id(report["unassigned"])
    take: dict[str, Person] = by_id(report["assigned"])
    unchanged = [person for uuid, person in give.items() if holders.by_uuid(uuid)]
    unchanged += [person for uuid, person in take.items() if not holders.by_uuid(uuid)]
    rows = [user for uuid in take for user in holders.by_uuid(uuid)]
    taking, kept = _to_take(rows, owned, guards, now)
    giving = tuple(person for uuid, person in give.items() if not holders.by_uuid(uuid))
    return _guarded(Plan(product, giving, taking, tuple(unchanged), (), kept, holders, earlier=earlier), guards)


def approved(plan: Plan, preview: Report) -> Plan:
    """Refuse a plan that changes anyone whom an approved preview did not list."""
    new_to_give = by_id(plan.give).keys() - by_id(preview["assigned"]).keys()
    new_to_take = by_id(plan.take).keys() - by_id(preview["unassigned"]).keys()
    if plan.refusal is not None or not (new_to_give or new_to_take):
        return plan
    reason = (
        f"Since the approved preview, {len(new_to_give)} more people are to get a seat and {len(new_to_take)} more to "
        f"lose one: {some(map(plan.label, sorted(new_to_give | new_to_take)), _SHOWN_PEOPLE)}. Make a new preview and "
        "have it approved, or leave out approved."
    )
    return _refused(plan, [reason])


def emails_to_identify(people: People, rows: Iterable[SeatUser], guards: Guards) -> tuple[str, ...]:
    """Give the emails whose accounts have to be known to tell whose seats may be taken.

    That is none, unless Datadog lists seats without an email: such a row may be that of anyone who is to be kept and
    was given by email.

    :param people: whose seats are to be kept, as a roster; nobody for an unassignment.
    :param rows: the seats that may be taken.
    """
    if not any(user.email is None and user.id is not None and user.id not in people.uuids for user in rows):
        return ()
    # If the roster has emails only, such rows are kept in any case.
    rostered = people.emails if people.uuids else ()
    return tuple(dict.fromkeys((*guards.protect.emails, *rostered)))


def owners(users: Iterable[User]) -> Owners:
    """Give the UUIDs of all accounts, disabled ones too, by case-folded email."""
    found: dict[str, set[str]] = {}
    for user in users:
        if user.email is not None:
            found.setdefault(user.email.casefold(), set()).add(user.id)
    return found


def _to_give(
    people: People, users: Mapping[str, User], holders: Holders | None, *, seated_first: bool = False
) -> tuple[tuple[Person, ...], tuple[Person, ...], tuple[Person, ...]]:
    """Give who is to get a seat, who has one, and who has no enabled account.

    :param seated_first: whether an email in the seat list is enough to have a seat, whatever the account.
    """
    give: dict[str, Person] = {}
    seated: dict[str, Person] = {}
    missing: list[Person] = []

    def has_seat(rows: Iterable[SeatUser]) -> bool:
        found = {user.id or str(user.email): _person(user) for user in rows}
        seated.update(found)
        return bool(found)

    for email in people.emails:
        user = users.get(email.casefold())
        if holders is not None and seated_first:
            rows = holders.by_email(email) or (holders.by_uuid(user.id) if user else [])
            if has_seat(rows):
                continue
        if user is None or user.disabled:
            missing.append(Person(id=user.id if user else None, email=email))
        elif holders is None or not has_seat(holders.by_uuid(user.id)):
            give[user.id] = Person(id=user.id, email=user.email)
    for uuid in people.uuids:
        if holders is None or not has_seat(holders.by_uuid(uuid)):
            give.setdefault(uuid, Person(id=uuid, email=None))
    # Whoever was given by UUID, too, is meant, whatever the account.
    missing = [person for person in missing if person["id"] not in people.uuids]
    return tuple(give.values()), tuple(seated.values()), tuple(missing)


def _to_take(
    rows: Iterable[SeatUser], owned: Owners, guards: Guards, now: datetime, *, by_email_only: bool = False
) -> tuple[tuple[Person, ...], tuple[Person, ...]]:
    """Give whose seats may be taken, and who is kept, with the reason."""
    protected = _identities(guards.protect, owned)
    take: list[Person] = []
    kept: list[Person] = []
    for user in rows:
        reason = None
        if user.id is None:
            reason = "Datadog lists the seat without a user UUID"
        elif _is_one_of(user, *protected):
            reason = "protected"
        elif by_email_only and user.email is None:
            reason = "the email is not known, and the roster has emails only"
        elif guards.min_seat_age is not None:
            reason = _too_young(user, guards.min_seat_age, now)
        if reason is None:
            take.append(_person(user))
        else:
            kept.append(Person(id=user.id, email=user.email, reason=reason))
    return tuple(take), tuple(kept)


def _too_young(user: SeatUser, min_seat_age: float, now: datetime) -> str | None:
    try:
        assigned_at = datetime.fromisoformat(user.assigned_at or "")
    except ValueError:
        return "since when the seat is held is not known"
    if assigned_at.tzinfo is None:
        assigned_at = assigned_at.replace(tzinfo=UTC)
    return "the seat is younger than min_seat_age" if (now - assigned_at).total_seconds() < min_seat_age else None


def _identities(people: People, owned: Owners) -> tuple[set[str], set[str]]:
    """Give the UUIDs and emails by which people may stand in the seat list."""
    emails = {email.casefold() for email in people.emails}
    return set(people.uuids).union(*(owned.get(email, ()) for email in emails)), emails


def _is_one_of(user: SeatUser, ids: set[str], emails: set[str]) -> bool:
    return user.id in ids or (user.email is not None and user.email.casefold() in emails)


def _guarded(plan: Plan, guards: Guards, more: Mapping[str, Any] = NOTHING, reasons: Iterable[str] = ()) -> Plan:
    """Note the guards in the plan, and refuse it where one of them does, or for reasons found before."""
    before = plan.seats_before or 0
    after = len(plan.holders.users) - len(plan.take) + len(plan.give) if plan.holders is not None else 0
    # Counted over all attempts, so that a retry does not get a new allowance.
    losers = plan.preview()["unassigned"]
    reasons = list(reasons)
    if guards.max_unassign is not None and len(losers) > guards.max_unassign.of(before):
        named = some((person["email"] or str(person["id"]) for person in losers), _SHOWN_PEOPLE)
        reasons.append(
            f"{len(losers)} of {before} seats would be taken, and the limit is "
            f"{guards.max_unassign.told_of(before)}: {named}. If that is meant, raise max_unassign for this run."
        )
    if guards.max_seats is not None and after > guards.max_seats:
        reasons.append(
            f"There would be {after} seats ({len(plan.take)} taken, {len(plan.give)} given), and the limit is "
            f"{guards.max_seats}. If that is meant, raise max_seats."
        )
    plan = plan._replace(guards={**more, **guards.record(before)})
    if plan.missing and guards.missing_users == "fail":
        again = plan.earlier is not None
        return plan._replace(refusal=UsersMissingError(plan.product, plan.missing, reasons, again=again))
    return _refused(plan, reasons) if reasons else plan


def _refused(plan: Plan, reasons: Iterable[str]) -> Plan:
    return plan._replace(refusal=PlanRefusedError(plan.product, reasons, again=plan.earlier is not None))


def _person(user: SeatUser) -> Person:
    return Person(id=user.id, email=user.email)
