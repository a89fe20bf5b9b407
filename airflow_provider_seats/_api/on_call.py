"""The on-call flows: in which schedules people are found, and whether the search for them works.

Datadog's On-Call API: https://docs.datadoghq.com/api/latest/on-call/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from airflow_provider_seats._api.flow import Flow, Gather, Request, call, resource, resources, text, unusable
from airflow_provider_seats._api.identifiers import canonical_uuid, require_uuids
from airflow_provider_seats._api.pages import Page, included, nested, page_query, parse_total, read_pages, references
from airflow_provider_seats._text import plural
from airflow_provider_seats.exceptions import OnCallNotAvailableError, RequestRefusedError

PATH: Final = "/api/v2/on-call/schedules"
PERMISSION: Final = "the permission on_call_read"
# Each person adds 44 characters to the URL. Servers and proxies accept at least 4,000.
_PEOPLE_IN_A_CALL: Final = 80


def find_schedules(uuids: Iterable[str]) -> Flow[dict[str, tuple[str, ...]]]:
    """Return the sorted names of the on-call schedules in which users are found, by user UUID.

    Users who are found in no schedule are left out. Datadog does not say whether a search considers overrides and past
    members.

    One call looks for many users. It does not say which of them it found, so the users of a call that found a schedule
    are then looked up one by one, side by side.

    :param uuids: the users, in any form of a UUID.
    :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
    :raises OnCallNotAvailableError: if the Datadog site has no on-call API.
    """
    people = require_uuids("user_uuids", uuids)
    groups = [people[start : start + _PEOPLE_IN_A_CALL] for start in range(0, len(people), _PEOPLE_IN_A_CALL)]
    found = yield from _search_all(groups, len(people))
    several = [group for group in found if len(group) > 1]
    suspects = [(person,) for group in several for person in group]
    found |= yield from _search_all(suspects, len(suspects))
    for group in several:
        if not any((person,) in found for person in group):
            problem = f"a search for {len(group):,} people finds schedules, and a search for each of them finds none"
            raise unusable(_request(group, 0), None, problem)
    return {person: found[person,] for person in people if (person,) in found}


def read_first_schedule() -> Flow[tuple[str, ...]]:
    """Return the id of one on-call schedule, if there is any."""

    def read(document: dict[str, Any]) -> tuple[str, ...]:
        return tuple(schedule_id for schedule_id, _ in resources(document) if schedule_id is not None)[:1]

    return (yield from call(Request("GET", PATH, (("page[size]", "1"),), permission=PERMISSION), read))


def prove_search(schedules: Sequence[str], people: Sequence[str], now: datetime) -> Flow[None]:
    """Make sure that a search finds people at all, after it has found none of these people.

    A server that does not understand a search may answer it with an empty list. So a member of a schedule is searched
    for in the same form. Nothing is proven if there is no schedule, or if the schedule has no member that the search
    has to find: someone with an enabled account, in a layer that is in effect.

    :param schedules: the ids of schedules. The first one is read.
    :param people: the users that were searched for.
    :param now: the time.
    :raises UnavailableError: if the search finds nothing for the member, either.
    """
    member = (yield from _read_member(schedules[0], now)) if schedules else None
    if member is None:
        return
    group = (member,) if len(people) == 1 else (people[0], member)
    # If the member is one of these people, the search should have found them.
    if member in people or not (yield from _search(group, "")):
        problem = (
            f"a search for {member} finds no schedule, although the schedule {schedules[0]} has this member. So the "
            f"search says nothing about the {plural(len(people), 'person', 'people')} that it did not find"
        )
        raise unusable(_request(group, 0), None, problem)


def _search_all(groups: Sequence[tuple[str, ...]], people: int) -> Flow[dict[tuple[str, ...], tuple[str, ...]]]:
    """Search for each group of users, side by side. Return what was found, by group."""
    if not groups:
        return {}
    count = f"of {plural(people, 'person', 'people')} looked up in on-call schedules so far"
    done = 0
    searches = []
    for group in groups:
        searches.append(_search(group, f"{done:,} {count}"))
        done += len(group)
    names = yield Gather(searches)
    return {group: each for group, each in zip(groups, names, strict=True) if each}


def _search(people: tuple[str, ...], progress: str) -> Flow[tuple[str, ...]]:
    """Return the sorted names of the schedules in which any of these users is found."""
    try:
        schedules, _ = yield from read_pages(lambda number: _request(people, number, progress), _read_page)
    except RequestRefusedError as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise OnCallNotAvailableError(_request(people, 0).name, refusal.explanation) from refusal
        raise
    return tuple(sorted(set(schedules.values())))


def _request(people: tuple[str, ...], number: int, progress: str = "") -> Request:
    users = people[0] if len(people) == 1 else f"({' OR '.join(people)})"
    query = (("filter[query]", f"user.id:{users}"), *page_query(number))
    return Request("GET", PATH, query, permission=PERMISSION, progress=progress)


def _read_page(document: dict[str, Any]) -> Page[str]:
    """Return the names of schedules by their ids."""
    names: dict[str, str] = {}
    for schedule_id, attributes in resources(document):
        if schedule_id is None:
            raise ValueError("one of its schedules has no id")
        names[schedule_id] = text(attributes, "name") or schedule_id
    return Page(names, parse_total(document, "meta", "page", "total"))


def _read_member(schedule_id: str, now: datetime) -> Flow[str | None]:
    """Return a member of a schedule that a search has to find; None if there is none."""

    def read(document: dict[str, Any]) -> str | None:
        resource(document.get("data"))
        layers = [row for row in included(document, "layers").values() if _is_in_effect(row, now)]
        members, users = included(document, "members"), included(document, "users")
        for member in (member for layer in layers for member in references(layer, "members") or ()):
            user = canonical_uuid(nested(members.get(member), "relationships", "user", "data", "id"))
            if user in users and nested(users[user], "attributes", "status") != "deactivated":
                return user
        return None

    query = (("include", "layers,layers.members,layers.members.user"),)
    path, route = f"{PATH}/{quote(schedule_id, safe='')}", f"{PATH}/{{schedule_id}}"
    try:
        return (yield from call(Request("GET", path, query, permission=PERMISSION, route=route), read))
    except RequestRefusedError as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def _is_in_effect(layer: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a layer of a schedule has begun and has no end."""
    try:
        begin = datetime.fromisoformat(str(nested(layer, "attributes", "effective_date")))
    except ValueError:
        return False
    begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
    return begin <= now and nested(layer, "attributes", "end_date") is None
