"""The flows that list people of Datadog's own groups: of teams, of roles, and all active users.

A group is found by its exact name. Only enabled accounts of people count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_provider_seats._api import MAX_PAGES, PAGE_SIZE
from airflow_provider_seats._api.flow import Flow, Gather, Request, call, or_none, resources, text
from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._api.pages import Page, page_query, parse_total, read_pages, read_twice
from airflow_provider_seats._api.users import PATH, User, read_all_users
from airflow_provider_seats._text import join_names, shorten
from airflow_provider_seats.exceptions import (
    GroupsNotFoundError,
    InvalidInputError,
    UnavailableError,
)

_ACTIVE: Final = "Active"


@dataclass(frozen=True, slots=True)
class Members:
    """The people of groups.

    :param people: the user UUIDs, each once.
    :param left_out: descriptions of those who are left out.
    :param inactive: how many more accounts are left out, because they are pending or disabled.
    """

    people: list[str]
    left_out: list[str]
    inactive: int = 0


@dataclass(frozen=True, slots=True)
class Groups:
    """A kind of groups, and how to read them.

    :param argument: the name of the argument that names them.
    :param name: the attribute of a group that names it.
    :param has: what a group is, and what it has that names it, for the error about an unknown one.
    :param advice: what to pass instead of a name that no group has, or that several have.
    :param path: the path of the list of groups.
    :param search: the name of its query parameter that searches.
    :param members: the route of a group's members.
    :param permission: the permission that both need.
    :param total: where the meta of a page of groups states how many there are.
    :param read_members: takes a page of members, and returns the accounts by the ids of the rows.
    """

    argument: str
    name: str
    has: str
    advice: str
    path: str
    search: str
    members: str
    permission: str
    total: tuple[str, str]
    read_members: Callable[[dict[str, Any]], Page[User]]

    def request(self, needle: str, number: int) -> Request:
        """Return the request for a page of the groups that a text finds, or of all if it is empty."""
        query = (*([(self.search, needle)] if needle else ()), *page_query(number))
        progress = f"{number:,} pages of groups read so far"
        return Request("GET", self.path, query, permission=self.permission, progress=progress)

    def read(self, document: dict[str, Any]) -> Page[str]:
        """Return the names of the groups on a page, by id."""
        names: dict[str, str] = {}
        for group_id, attributes in resources(document):
            name = text(attributes, self.name)
            if group_id is None or name is None:
                raise ValueError(f"one of its groups has no id or no {self.name}")
            names[group_id] = name
        return Page(names, parse_total(document, "meta", *self.total))


def list_members(groups: Groups, names: Iterable[str], ids: Iterable[str] = ()) -> Flow[Members]:
    """Return the members of groups, in the order of the groups and of Datadog.

    Disabled accounts and service accounts are left out. Someone whose account the list does not describe is a member.

    The cost is a search for each name, or the list of all groups if that is fewer calls, and a list of members for each
    group. A list of members that has several pages is read twice: see :func:`read_twice`.

    :param names: what names the groups. Only whole names count.
    :param ids: those of the names that are ids, so that they need no search.
    :raises GroupsNotFoundError: if a name is not that of exactly one group.
    :raises InvalidInputError: if one of several groups has no members.
    """
    wanted, known = tuple(dict.fromkeys(names)), set(ids)
    found = yield from _find(groups, [name for name in wanted if name not in known])
    exact = {name: [each for each, own in found[name].items() if own == name] for name in found}
    yield from _require_one(groups, exact, found)
    each_id = [exact[name][0] if name in exact else name for name in wanted]
    count = f"of {len(wanted):,} groups read so far"
    lists = yield Gather([_members(groups, each, f"{number:,} {count}") for number, each in enumerate(each_id)])
    members: dict[str, dict[str, User] | None] = dict(zip(wanted, lists, strict=True))
    # A group may be deleted between the search and the list.
    yield from _require_one(groups, {name: [] for name in wanted if members[name] is None}, found)
    each_group = {name: _members_of((members[name] or {}).values()) for name in wanted}
    empty = [name for name in wanted if not each_group[name].people]
    if empty and len(wanted) > 1:
        raise InvalidInputError(
            groups.argument,
            f"no member of {join_names(map(shorten, empty))} has an enabled account, not counting service accounts. "
            "Correct the name, or leave out what is empty on purpose.",
        )
    return Members(
        people=list(dict.fromkeys(person for each in each_group.values() for person in each.people)),
        left_out=list(dict.fromkeys(account for each in each_group.values() for account in each.left_out)),
    )


def list_active_users() -> Flow[Members]:
    """Return all users whose account is active, in Datadog's order. Service accounts are left out.

    The cost is a call for each 100 users. A list of several pages is read twice: see :func:`read_twice`.

    :raises UnavailableError: if the list shifts each time that it is read.
    """
    listed, total = yield from read_all_users(_ACTIVE)
    if len(listed) > PAGE_SIZE:
        again, total = yield from read_all_users(_ACTIVE)
        listed = [*listed, *again]
    try:
        users = {user.id: user for user in map(identified, listed)}
    except ValueError as error:
        raise UnavailableError(f"GET {PATH}", f"Datadog's response cannot be used: {error}") from error
    active = {user.id: user for user in users.values() if (user.status or _ACTIVE).lower() == _ACTIVE.lower()}
    return replace(_members_of(active.values()), inactive=max(total or 0, len(users)) - len(active))


def identified(user: User | None) -> User:
    """Return a user with the canonical form of the UUID.

    :raises ValueError: if there is no user, or one whose id is no UUID.
    """
    uuid = canonical_uuid(user.id) if user is not None else None
    if user is None or uuid is None:
        raise ValueError(f"the id of one of its users is no UUID: {shorten(user and user.id)}")
    return user if user.id == uuid else user._replace(id=uuid)


def _find(groups: Groups, names: Sequence[str]) -> Flow[dict[str, Mapping[str, str]]]:
    """Return for each name the groups among which it is to be found: their names by id.

    For several names, the first page of all groups says whether the whole list is fewer calls than a search for each.
    """
    if not names:
        return {}
    everything: Mapping[str, str] = {}
    first: Page[str] | None = None
    if len(names) > 1:
        first = yield from call(groups.request("", 0), groups.read)
        if _pages_after(first) <= len(names):
            everything, _ = yield from read_pages(lambda number: groups.request("", number), groups.read, first)
    # A search may find what a list that shifted lacks, and the other way round.
    searched = [name for name in names if name not in everything.values()]
    searches = (yield Gather([_search(groups, name) for name in searched])) if searched else ()
    found = dict(zip(searched, searches, strict=True))
    if any(name not in found[name].values() for name in searched):
        some = everything or (first or (yield from call(groups.request("", 0), groups.read))).rows
        found = {name: each if each and name not in some.values() else some for name, each in found.items()}
    return dict.fromkeys(names, everything) | found


def _search(groups: Groups, name: str) -> Flow[dict[str, str]]:
    rows, _ = yield from read_pages(lambda number: groups.request(name, number), groups.read)
    return rows


def _pages_after(first: Page[str]) -> int:
    if first.total is None:
        return 0 if len(first.rows) < PAGE_SIZE else MAX_PAGES
    return -(-first.total // PAGE_SIZE) - 1


def _require_one(
    groups: Groups, ids: Mapping[str, Sequence[str]], found: Mapping[str, Mapping[str, str]]
) -> Flow[None]:
    """Raise an error unless there is one group for each name.

    :param ids: the ids of the groups that have exactly this name, by name.
    :param found: groups among which each name was to be found, by name and id.
    """
    unknown = [name for name in ids if not ids[name]]
    ambiguous = {name: each for name, each in ids.items() if len(each) > 1}
    some: Mapping[str, str] = {}
    if any(name not in found for name in unknown):
        some = (yield from call(groups.request("", 0), groups.read)).rows
    if unknown or ambiguous:
        similar = {name: sorted({*found.get(name, some).values()} - {name}) for name in unknown}
        raise GroupsNotFoundError(groups.has, similar, ambiguous, groups.advice)


def _members(groups: Groups, group_id: str, progress: str) -> Flow[dict[str, User] | None]:
    """Return the accounts of a group by the ids of their rows; None if there is no such group."""

    def request(number: int) -> Request:
        return Request.get_one(groups.members, group_id, page_query(number), groups.permission, progress)

    return or_none(read_twice(request, groups.read_members))


def _members_of(users: Iterable[User]) -> Members:
    """Return whose accounts count, and who is left out."""
    reasons = {user.id: _why_left_out(user) for user in users}
    people = [uuid for uuid, reason in reasons.items() if reason is None]
    return Members(people, [reason for reason in reasons.values() if reason is not None])


def _why_left_out(user: User) -> str | None:
    name = f"{user.email} ({user.id})" if user.email else user.id
    if user.disabled:
        return f"{name}: the account is disabled"
    return f"{name}: it is a service account" if user.service_account else None
