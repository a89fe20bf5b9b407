"""The on-call flows: the schedules of people, and whether the search for them works.

Datadog's On-Call API: https://docs.datadoghq.com/api/latest/on-call/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from airflow_provider_seats._api.batches import in_batches
from airflow_provider_seats._api.flow import Flow, Gather, Request, call, or_none, resource, resources, text, unusable
from airflow_provider_seats._api.identifiers import canonical_uuid, require_uuids
from airflow_provider_seats._api.pages import Page, included, nested, page_query, parse_total, read_pages, references
from airflow_provider_seats._text import plural
from airflow_provider_seats.exceptions import OnCallNotAvailableError, RequestRefusedError

T = TypeVar("T")

PATH: Final = "/api/v2/on-call/schedules"
PERMISSION: Final = "the permission on_call_read"
# Each person adds 44 characters to the URL. Servers and proxies accept at least 4,000.
PEOPLE_IN_A_CALL: Final = 80

# The names of schedules, by their ids.
Names: TypeAlias = Mapping[str, str]


class Schedule(NamedTuple):
    """An on-call schedule with its members.

    :param name: its name, or else its id.
    :param members: the users in its layers that have no end, or none yet.
    :param control: a member that every search has to find; None if there is none. The account is enabled, and the layer
        has begun and has no end.
    """

    id: str
    name: str
    members: frozenset[str]
    control: str | None


def find_schedules(
    uuids: Iterable[str], now: datetime, control: Schedule | None = None
) -> Flow[dict[str, tuple[str, ...]]]:
    """Return the names of each user's on-call schedules, sorted, by user UUID.

    Users who are found in no schedule are left out. Datadog does not say whether a search considers overrides and past
    members.

    One call looks for many users. It does not say which of them it found. So the schedules that it found are read with
    their members, side by side. One more search makes sure that there is nobody else, or else it is narrowed down.

    :param uuids: the users, in any form of a UUID.
    :param control: a schedule that each search has to find. A server that does not understand a search may answer it
        with an empty list, so a member of this schedule is searched for together with the users.
    :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
    :raises OnCallNotAvailableError: if the Datadog site has no on-call API.
    :raises UnavailableError: if a search does not find the control.
    """
    people = require_uuids("user_uuids", uuids)
    count = f"of {plural(len(people), 'person', 'people')} looked up in on-call schedules so far"
    groups = enumerate(in_batches(people, PEOPLE_IN_A_CALL))
    flows = [_find(group, now, control, f"{n * PEOPLE_IN_A_CALL:,} {count}") for n, group in groups]
    found: dict[str, Names] = {}
    for names in (yield Gather(flows)):
        found |= names
    return {person: tuple(sorted({*found[person].values()})) for person in people if person in found}


def read_first_schedule(now: datetime) -> Flow[Schedule | None]:
    request = Request("GET", PATH, (("page[size]", "1"),), permission=PERMISSION)
    page = yield from _or_unavailable(call(request, _read_page))
    return (yield from read_schedule(next(iter(page.rows)), now)) if page.rows else None


def read_schedule(schedule_id: str, now: datetime) -> Flow[Schedule | None]:
    """Return an on-call schedule with its members; None if Datadog no longer has it."""

    def read(document: dict[str, Any]) -> Schedule:
        return _read_schedule(document, schedule_id, now)

    query = (("include", "layers,layers.members,layers.members.user"),)
    return or_none(call(Request.get_one(f"{PATH}/{{schedule_id}}", schedule_id, query, PERMISSION), read))


def _find(group: tuple[str, ...], now: datetime, control: Schedule | None, progress: str) -> Flow[dict[str, Names]]:
    """Return the schedules of each user of a group, by user UUID."""
    member = control.control if control else None
    together = group if member is None else tuple(dict.fromkeys((*group, member)))
    seen = yield from _search(together, progress)
    if control and member:
        if control.id not in seen:
            problem = (
                f"a search for {plural(len(together), 'person', 'people')} does not find the schedule {control.id}, "
                f"although {member} is one of them and its member. So the search says nothing about the others"
            )
            raise unusable(_request(together, 0), None, problem)
        if len(seen) == 1:
            return _members(group, [control])
        if member not in group:
            seen = yield from _search(group, progress)
    return (yield from _locate(group, seen, now, [control] if control else []))


def _locate(group: tuple[str, ...], seen: Names, now: datetime, known: Sequence[Schedule]) -> Flow[dict[str, Names]]:
    """Return who of a group is in the schedules that a search for all of them has found."""
    if not seen:
        return {}
    found: dict[str, Names] = {}
    if 1 < len(group) >= len(seen):
        ids = seen.keys() - {each.id for each in known}
        schedules = yield Gather([read_schedule(each, now) for each in sorted(ids)])
        found = _members(group, [each for each in (*known, *schedules) if each is not None and each.id in seen])
        if not found:
            return (yield from _bisect(group, seen))
        group = tuple(person for person in group if person not in found)
        # A search may know more than the members, such as overrides.
        seen = (yield from _search(group)) if group else {}
    return found | ((yield from _bisect(group, seen)) if seen else {})


def _bisect(group: tuple[str, ...], seen: Names) -> Flow[dict[str, Names]]:
    """Return who of a group is found, if a search for all of them has found these schedules."""
    if len(group) == 1:
        return {group[0]: seen}
    halves = group[: len(group) // 2], group[len(group) // 2 :]
    searches = yield Gather([_search(half) for half in halves])
    if not any(searches):
        problem = f"a search for {len(group):,} people finds schedules, and a search for each half of them finds none"
        raise unusable(_request(group, 0), None, problem)
    parts = yield Gather([_bisect(half, names) for half, names in zip(halves, searches, strict=True) if names])
    return {person: names for part in parts for person, names in part.items()}


def _members(group: Iterable[str], schedules: Iterable[Schedule]) -> dict[str, Names]:
    """Return the schedules that have users of a group as members, by user UUID."""
    names = {person: {each.id: each.name for each in schedules if person in each.members} for person in group}
    return {person: each for person, each in names.items() if each}


def _search(people: tuple[str, ...], progress: str = "") -> Flow[Names]:
    return (yield from _or_unavailable(read_pages(lambda number: _request(people, number, progress), _read_page)))[0]


def _or_unavailable(flow: Flow[T]) -> Flow[T]:
    """Run a flow. A 404 says that the site has no on-call API."""
    try:
        return (yield from flow)
    except RequestRefusedError as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise OnCallNotAvailableError(f"GET {PATH}", refusal.explanation) from refusal
        raise


def _request(people: tuple[str, ...], number: int, progress: str = "") -> Request:
    users = people[0] if len(people) == 1 else f"({' OR '.join(people)})"
    query = (("filter[query]", f"user.id:{users}"), *page_query(number))
    return Request("GET", PATH, query, permission=PERMISSION, progress=progress)


def _read_page(document: dict[str, Any]) -> Page[str]:
    names: dict[str, str] = {}
    for schedule_id, attributes in resources(document):
        if schedule_id is None:
            raise ValueError("one of its schedules has no id")
        names[schedule_id] = text(attributes, "name") or schedule_id
    return Page(names, parse_total(document, "meta", "page", "total"))


def _read_schedule(document: dict[str, Any], schedule_id: str, now: datetime) -> Schedule:
    _, attributes = resource(document.get("data"))
    layers, rows = included(document, "layers").values(), included(document, "members")
    users = included(document, "users")
    members: set[str] = set()
    control: str | None = None
    for layer in layers:
        end = nested(layer, "attributes", "end_date")
        if end is not None and _moment(end) <= now:
            continue
        has_begun = _moment(nested(layer, "attributes", "effective_date")) <= now
        for member in references(layer, "members") or ():
            user = canonical_uuid(nested(rows.get(member), "relationships", "user", "data", "id"))
            if user is None:
                continue
            members.add(user)
            is_enabled = user in users and nested(users[user], "attributes", "status") != "deactivated"
            if control is None and has_begun and end is None and is_enabled:
                control = user
    return Schedule(schedule_id, text(attributes, "name") or schedule_id, frozenset(members), control)


def _moment(value: object) -> datetime:
    """Return a time of a layer; the end of all times if it is none."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
