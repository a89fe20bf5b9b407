"""What the documentation says that an operator does in a small world. None of it is the planner's code."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tests.helpers.small_worlds import MIN_DAYS, Case, Person

# The documentation does not say whether an entry of protect is refused that is only somebody's handle, or is nobody's
# while everybody about to lose a seat turns out to keep it.
UNCLEAR = "unclear"


@dataclass(frozen=True)
class Expected:
    """What an operator does: who is changed, who is left, and which guards refuse that. UUIDs, or else emails."""

    assigned: Collection[str] = ()
    unassigned: Collection[str] = ()
    protected: Collection[str] = ()
    missing: Collection[str] = ()
    refusals: Collection[str] = ()


def expect_sync(case: Case) -> Expected:
    """Say what a sync does (docs/reference/sync.md, docs/explanation/sync.md)."""
    adds, removes = case.mode != "remove_only", case.mode != "add_only"
    listed = [each for each in case.rows if {each.shown, each.id if each.listed else None} & case.names]
    shown = {each.shown for each in case.rows}
    meant, missing, is_ambiguous = _accounts(case, shown) if adds else (set(), set(), False)
    assigned = meant - {each.id for each in case.rows if each.listed}
    losing = [each for each in case.rows if removes and each not in listed and each.id not in meant]
    kept = _kept(case, losing, by_roster=True)
    unassigned = [each for each in losing if each not in kept]
    refusals = _refusals(case, losing, unassigned, _limit(case.max_unassign, len(case.rows)))
    holders = [each for each in case.rows if each not in losing or (each in kept and _names(case, each) & case.names)]
    is_empty = not case.names or () in {case.user_emails, case.user_uuids} or bool(unassigned and not holders)
    if removes and not case.allow_empty and is_empty:
        refusals.add("allow_empty")
    if missing and case.missing_users != "skip":
        refusals.add("missing_users")
    if is_ambiguous:
        refusals.add("ambiguous")
    if assigned and len(case.rows) - len(unassigned) + len(assigned) > _or(case.max_seats, 99):
        refusals.add("max_seats")
    return _expected(assigned, unassigned, kept, missing, refusals)


def expect_assign(case: Case) -> Expected:
    """Say what an assignment does that reads the seats first (docs/reference/assign.md)."""
    meant, missing, is_ambiguous = _accounts(case, set())
    assigned = meant - {each.id for each in case.rows}
    refusals = {"missing_users"} if missing and case.missing_users != "skip" else set()
    if is_ambiguous:
        refusals.add("ambiguous")
    if assigned and len(case.rows) + len(assigned) > _or(case.max_seats, 99):
        refusals.add("max_seats")
    return _expected(assigned, [], [], missing, refusals)


def expect_unassign(case: Case) -> Expected:
    """Say what an unassignment does that reads the seats first (docs/reference/unassign.md)."""
    emails = set(case.user_emails or ())
    looked_up = emails - {each.shown for each in case.rows} if case.missing_users == "fail" else set()
    names = case.names | {each.id for each in case.accounts if each.email in looked_up}
    losing = [each for each in case.rows if {each.shown, each.id if each.listed else None} & names]
    kept = _kept(case, losing, by_roster=False)
    unassigned = [each for each in losing if each not in kept]
    limit = 99 if case.max_unassign is None else _limit(case.max_unassign, len(case.rows))
    refusals = _refusals(case, losing, unassigned, limit)
    if looked_up - {each.email for each in case.accounts}:
        refusals.add("missing_users")
    if any(not each.listed and each.shown in emails for each in losing):
        refusals.add("a seat without a UUID")
    return _expected(set(), unassigned, kept, set(), refusals)


def _accounts(case: Case, shown: set[str | None]) -> tuple[set[str], set[str], bool]:
    """Return who is meant, who is missing, and whether an email means several people (docs/reference/people.md)."""
    meant, missing, is_ambiguous = set(case.user_uuids or ()), set(), False
    for email in set(case.user_emails or ()) - shown:
        owners = [each for each in case.accounts if each.email == email]
        enabled = [each.id for each in owners if each.status != "Disabled"]
        if len(enabled) == 1:
            meant.update(enabled)
        elif len(owners) > 1:
            is_ambiguous = True
        elif not {each.id for each in owners} & meant:
            missing.add(email)
    return meant, missing, is_ambiguous


def _kept(case: Case, losing: list[Person], *, by_roster: bool) -> list[Person]:
    """Return who keeps a seat that somebody else would lose."""
    emails = {each for each in case.named(case.protect) | (case.names if by_roster else set()) if "@" in each}
    unlisted = emails - {each.shown for each in case.rows}

    def is_kept(each: Person) -> bool:
        # Nothing but the account's email could say that this person is named.
        is_hidden = bool(unlisted or (emails and not each.shown))
        if case.check_accounts and each.status != "deleted":
            is_hidden &= bool(_names(case, each) & emails)
        elif not case.check_accounts:
            is_hidden &= not each.shown
        is_on_call = case.on_call == "keep" and each.on_call in case.places
        return _is_kept_at_once(case, each) or is_hidden or is_on_call

    return [each for each in losing if is_kept(each)]


def _names(case: Case, each: Person) -> set[str]:
    """Return what an account is found under, if accounts are read."""
    return {each.email, each.handle} if case.check_accounts and each.status != "deleted" else set()


def _is_kept_at_once(case: Case, each: Person) -> bool:
    """Return whether the seat list alone shows that a seat is kept."""
    is_young = case.min_seat_age is not None and (each.days is None or each.days < MIN_DAYS)
    return not each.listed or is_young or bool({each.id, each.shown} & case.named(case.protect))


def _refusals(case: Case, losing: list[Person], unassigned: list[Person], limit: int) -> set[str]:
    """Return the guards that refuse to unassign people."""
    refusals = {"max_unassign"} if len(unassigned) > limit else set()
    if case.on_call == "refuse" and any(each.on_call in case.places for each in unassigned):
        refusals.add("on_call")
    about_to_lose = [each for each in losing if not _is_kept_at_once(case, each)]
    if case.check_accounts and about_to_lose:
        known = {name for each in case.accounts for name in (each.id, each.email)}
        known |= {name for each in case.rows for name in (each.id, each.shown) if name}
        handles = {each.handle for each in case.accounts}
        if case.named(case.protect) - known - handles:
            refusals.add("protect" if unassigned else UNCLEAR)
        elif case.named(case.protect) - known:
            refusals.add(UNCLEAR)
    return refusals


def _limit(given: int | str | None, seats: int) -> int:
    """Return how many people may lose a seat."""
    if given is None:
        return max(1, min(max(5, seats * 20 // 100), seats // 2, 100))
    return seats * int(given[:-1]) // 100 if isinstance(given, str) else min(given, max(1, seats // 2))


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def _expected(
    assigned: set[str], unassigned: list[Person], kept: list[Person], missing: set[str], refusals: set[str]
) -> Expected:
    protected = {each.id if each.listed else str(each.shown) for each in kept}
    return Expected(assigned, {each.id for each in unassigned}, protected, missing, refusals)
