"""The on-call flow: in which schedules people are found.

Datadog's On-Call API: https://docs.datadoghq.com/api/latest/on-call/.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from airflow_provider_seats._api.flow import Flow, Gather, Request, resources, text, unusable
from airflow_provider_seats._api.identifiers import require_uuids
from airflow_provider_seats._api.pages import Page, page_query, parse_total, read_pages
from airflow_provider_seats._text import plural
from airflow_provider_seats.exceptions import OnCallNotAvailableError, RequestRefusedError

PATH: Final = "/api/v2/on-call/schedules"
_PERMISSION: Final = "the permission on_call_read"
# Each person adds 44 characters to the URL. Servers and proxies accept at least 4,000.
_PEOPLE_IN_A_CALL: Final = 80


def find_schedules(uuids: Iterable[str]) -> Flow[dict[str, tuple[str, ...]]]:
    """Return the sorted names of the on-call schedules in which users are found, by user UUID.

    Users who are found in no schedule are left out. Datadog does not say whether a search considers overrides and past
    members, and escalation policies cannot be searched.

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
    return Request("GET", PATH, query, permission=_PERMISSION, progress=progress)


def _read_page(document: dict[str, Any]) -> Page[str]:
    """Return the names of schedules by their ids."""
    names: dict[str, str] = {}
    for schedule_id, attributes in resources(document):
        if schedule_id is None:
            raise ValueError("one of its schedules has no id")
        names[schedule_id] = text(attributes, "name") or schedule_id
    return Page(names, parse_total(document, "meta", "page", "total"))
