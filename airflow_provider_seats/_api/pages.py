"""Read lists that come in numbered pages, and what a document includes beside its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from airflow_provider_seats._api import MAX_PAGES, PAGE_SIZE
from airflow_provider_seats._api.flow import Flow, Request, call, resource, unusable
from airflow_provider_seats._text import plural

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """One page of a list.

    :param rows: the rows, by an id that tells them apart.
    :param total: how many rows the whole list has; None if the response does not state it.
    :param unfiltered: how many it has without the search, if that is stated.
    """

    rows: Mapping[str, T]
    total: int | None
    unfiltered: int | None = None


def page_query(number: int) -> tuple[tuple[str, str], ...]:
    """Return the query parameters of a page. The first one has the number 0."""
    return ("page[size]", str(PAGE_SIZE)), ("page[number]", str(number))


def read_pages(
    request_page: Callable[[int], Request], read: Callable[[dict[str, Any]], Page[T]], first: Page[T] | None = None
) -> Flow[tuple[dict[str, T], int]]:
    """Read a list to its end. Return its rows by id, and how many pages it had.

    :param read: takes the JSON object of a response; raises ``ValueError`` if it is not as documented.
    :raises UnavailableError: if the list ends before the total that it states, or the total changes on the way.
    """
    rows: dict[str, T] = {}
    number = 0
    total: int | None = None
    while True:
        request = request_page(number)
        page = first if first is not None and not number else (yield from call(request, read))
        if number and page.total != total:
            raise unusable(request, None, f"the list changed while it was read: it had {total} rows, then {page.total}")
        known, total = len(rows), page.total
        rows.update(page.rows)
        number += 1
        if len(rows) >= total if total is not None else len(page.rows) < PAGE_SIZE:
            return rows, number
        if len(rows) == known or number >= MAX_PAGES:
            after = f"after {plural(len(rows), 'row')}"
            problem = (
                f"it does not end {after}" if total is None else f"it stops {after}, and states a total of {total}"
            )
            raise unusable(request, None, f"the list is not complete: {problem}")


def read_twice(request_page: Callable[[int], Request], read: Callable[[dict[str, Any]], Page[T]]) -> Flow[dict[str, T]]:
    """Read a list to its end, twice if it has several pages. Return the rows that are in one of the readings, by id.

    A list of several pages can shift while it is read, so that a row is on none of its pages and its total is right.
    """
    rows, pages = yield from read_pages(request_page, read)
    if pages > 1:
        again, _ = yield from read_pages(request_page, read)
        rows |= again
    return rows


def parse_total(document: Mapping[str, Any], *names: str) -> int | None:
    """Return the number of rows that a response states under these nested names; None if it states none."""
    value = nested(document, *names)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def nested(value: Any, *names: str) -> Any:  # noqa: ANN401 (any JSON)
    """Return what is under these names in JSON objects inside one another; None if there is nothing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def included(document: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the included resources of one type, by id.

    :raises ValueError: if what is included is not a list of resources.
    """
    rows = document.get("included") or []
    if not isinstance(rows, list):
        raise ValueError("what it includes is not a list")  # noqa: TRY004 (a fault of the response, not of a type here)
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        row_id, _ = resource(row)
        if row_id is not None and row.get("type") == kind:
            found[row_id] = row
    return found


def references(row: object, name: str, *kinds: str) -> list[str] | None:
    """Return the ids that a relationship of a resource refers to, only of some types if they are passed.

    :returns: the ids in lower case; None if the resource has no such relationship.
    :raises ValueError: if the relationship is not a list of references.
    """
    data = nested(row, "relationships", name, "data")
    if data is None:
        return None
    if not isinstance(data, list):
        raise ValueError(f"its {name} are not a list")  # noqa: TRY004 (as above)
    found = []
    for reference in data:
        reference_id, _ = resource(reference)
        if reference_id is None:
            raise ValueError(f"one of its {name} has no id")
        if not kinds or reference.get("type") in kinds:
            found.append(reference_id)
    return found
