"""The flows that read the seat list.

Datadog's Seats API: https://docs.datadoghq.com/api/latest/seats/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, cast

from airflow_provider_seats._api import MAX_PAGES, PAGE_SIZE
from airflow_provider_seats._api.flow import Flow, Request, call, resources, text, unusable
from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._text import plural

PATH: Final = "/api/v2/seats/users"
LIST_LIMIT_KEY: Final = f"GET {PATH}"
READ_PERMISSION: Final = (
    "the permission user_access_read, and besides one of incident_read, on_call_read and billing_read. A key or token "
    "that is limited to scopes needs the scope user_access_read"
)
_MAX_IDLE_PAGES: Final = 3


class SeatUser(NamedTuple):
    """A row of the seat list. Any field may be None.

    :param id: the user UUID.
    :param assigned_at: when the seat was assigned, in ISO 8601.
    """

    id: str | None
    email: str | None
    name: str | None
    assigned_at: str | None


# A seat user as a plain tuple. The garbage collector stops tracking it after one pass, other than a NamedTuple.
Row: TypeAlias = tuple[str | None, str | None, str | None, str | None]


def list_seat_users(product: str) -> Flow[tuple[SeatUser, ...]]:
    """Return everyone who holds a seat of a product, in Datadog's order.

    A list that cannot be read completely is an error.
    """
    # Page by page, because many objects at once may start a garbage collection of Airflow's whole heap.
    users, _ = yield from read_rows(product, partial(map, SeatUser._make))
    return cast("tuple[SeatUser, ...]", users)


def read_rows(
    product: str, keep: Callable[[list[Row]], Iterable[Row]] = iter, progress: Callable[[], str] | None = None
) -> Flow[tuple[tuple[Row, ...], int]]:
    """Read the seat list once. Return its rows and how many pages it had.

    :param keep: returns the rows to keep for those of a page.
    :param progress: describes the progress; by default the number of rows read.
    """
    rows: dict[object, Row] = {}
    cursors: set[str] = set()
    cursor: str | None = None
    idle = 0
    while True:
        query = [("product_code", product), ("page[limit]", str(PAGE_SIZE))]
        if cursor is not None:
            query.append(("page[cursor]", cursor))
        read_so_far = progress() if progress else f"{plural(len(rows), 'seat')} of {product} read so far"
        request = Request("GET", PATH, tuple(query), permission=READ_PERMISSION, progress=read_so_far)
        page, cursor = yield from call(request, _read_page)
        known = len(rows)
        for row in keep(page):
            # The list may shift while it is read, so that a row comes twice. Rows without an id are all kept.
            rows[row[0] or len(rows)] = row
        if cursor is None:
            return tuple(rows.values()), len(cursors) + 1
        idle = idle + 1 if len(rows) == known else 0
        if cursor in cursors or idle >= _MAX_IDLE_PAGES or len(cursors) >= MAX_PAGES:
            raise unusable(request, None, "the list does not end: its next cursor leads to nothing new")
        cursors.add(cursor)


def _read_page(document: dict[str, Any]) -> tuple[list[Row], str | None]:
    # An id that is no UUID cannot be that of a user.
    rows = [
        (
            canonical_uuid(uuid),
            text(attributes, "email"),
            text(attributes, "name"),
            text(attributes, "assigned_at"),
        )
        for uuid, attributes in resources(document)
    ]
    meta = document.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("its meta is not an object")  # noqa: TRY004 (a fault of the response, not of a type here)
    return rows, text(meta, "next_cursor")
