"""The user flows: find accounts by email or UUID, and check the keys.

Datadog's Users API: https://docs.datadoghq.com/api/latest/users/, and the check of both keys:
https://docs.datadoghq.com/api/latest/authentication/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from airflow_provider_seats._api import MAX_PAGES, PAGE_SIZE
from airflow_provider_seats._api.flow import Flow, Gather, Request, call, or_none, resource, resources, text
from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.pages import Page, page_query, parse_total, read_pages
from airflow_provider_seats._text import plural
from airflow_provider_seats.exceptions import AmbiguousUsersError, UnavailableError

PATH: Final = "/api/v2/users"
PERMISSION: Final = "the permission user_access_read"
# For fewer accounts it is not worth finding out how long the list of all users is.
_FEW: Final = 3
_READINGS: Final = 3


class User(NamedTuple):
    """An account of the organisation.

    .. versionadded:: 0.2.0
        ``created_at``, ``last_login_at`` and ``handle``

    :param id: the user UUID.
    :param email: as Datadog stores it, in lower case.
    :param status: ``Active``, ``Pending`` or ``Disabled``.
    :param handle: what they log in with, which may differ from the email.
    :param service_account: whether it is a service account rather than a person's.
    :param created_at: when the account was created, in ISO 8601.
    :param last_login_at: when its owner last logged in, in ISO 8601; None if they never did.
    """

    id: str
    email: str | None
    name: str | None
    status: str | None
    service_account: bool = False
    created_at: str | None = None
    last_login_at: str | None = None
    handle: str | None = None

    @property
    def disabled(self) -> bool:
        """Whether the account is disabled. For an assignment it then counts as missing."""
        return (self.status or "").lower() == "disabled"

    @property
    def names(self) -> set[str]:
        """What may name the account in a list of emails: its email and its handle, in lower case.

        .. versionadded:: 0.2.0
        """
        return {email_key(name) for name in (self.email, self.handle) if name}

    def __str__(self) -> str:
        kind = "service account, " if self.service_account else ""
        return f"{self.id} ({kind}{self.status or 'status unknown'})"


def find_users(emails: Iterable[str], *, read_all: bool = False) -> Flow[dict[str, User]]:
    """Find the accounts of these emails, in as few calls as the API allows.

    Datadog searches emails and names for a substring. Only a whole email counts, in any case. The cost is one call for
    each email, side by side, or the whole list of users if that is fewer calls.

    :param read_all: whether to read the whole list in any case, so that no email is in the address of a request.
    :returns: the account of each email that has one, by :func:`email_key`. A disabled account is returned only if it is
        the only one of its email.
    :raises AmbiguousUsersError: if an email has several accounts and not exactly one of them is enabled.
    """
    wanted = tuple(emails)
    users, _ = yield from search_accounts(wanted, read_all=read_all)
    return unambiguous(wanted, users)


def unambiguous(emails: Iterable[str], users: Iterable[User]) -> dict[str, User]:
    """Return the account that each email means, by :func:`email_key`.

    :raises AmbiguousUsersError: if an email has several accounts and not exactly one of them is enabled.
    """
    wanted = [email_key(email) for email in emails]
    accounts = {email: _preferred(same) for email, same in accounts_by_email(users).items()}
    ambiguous = {email: accounts[email] for email in wanted if len(accounts.get(email, ())) > 1}
    if ambiguous:
        raise AmbiguousUsersError(ambiguous)
    return {email: accounts[email][0] for email in wanted if email in accounts}


def search_accounts(emails: Iterable[str], *, read_all: bool = False) -> Flow[tuple[list[User], int | None]]:
    """Return all accounts that have these emails, and some that do not, in as few calls as the API allows.

    The second result is how many accounts there are in all, if Datadog states it.
    """
    wanted = tuple(dict.fromkeys(email_key(email) for email in emails))
    if not wanted:
        return [], None
    if read_all:
        return (yield from read_all_users())
    first, *others = wanted
    users, total = yield from _search(first)
    listed = yield from _list_if_fewer_calls(total, len(others))
    if listed is not None:
        return [*users, *listed], total
    count = f"of {len(wanted):,} emails looked up so far"
    searches = [_search(email, f"{number:,} {count}") for number, email in enumerate(others, 1)]
    for part, _ in (yield Gather(searches)):
        users += part
    return users, total


def get_accounts(
    people: Mapping[str, str | None], total: int | None = None, *, read_all: bool = False
) -> Flow[dict[str, User]]:
    """Return the accounts of these user UUIDs, in as few calls as the API allows.

    The cost is one call for each UUID, side by side, or the whole list of users if that is fewer calls. To find out how
    long that list is, someone is searched by email instead of by UUID. It is one call more if that email is outdated.

    :param people: emails by user UUID, as far as they are known.
    :param total: how many accounts there are in all, if that is known.
    :param read_all: whether to read the whole list in any case.
    :returns: accounts by user UUID. Those that Datadog does not know are left out.
    """
    if read_all and people:
        everyone, _ = yield from read_all_users()
        return {user.id: user for user in everyone if user.id in people}
    found: list[User] = []
    someone = next((email for uuid in reversed(list(people)) if (email := people[uuid])), None)
    if total is None and someone is not None and len(people) > _FEW:
        found, total = yield from _search(someone)
    known = {user.id for user in found}
    rest = [uuid for uuid in people if uuid not in known]
    others = yield from _list_if_fewer_calls(total, len(rest))
    if others is None:
        count = f"of {plural(len(people), 'account')} read so far"
        wanted = enumerate(rest, len(people) - len(rest))
        others = yield Gather([_get(uuid, f"{number:,} {count}") for number, uuid in wanted])
    return {user.id: user for user in (*found, *others) if user is not None and user.id in people}


def check_keys() -> Flow[None]:
    """Ask Datadog whether it knows the API key and the application key. The answer says nothing about permissions."""

    def read(document: dict[str, Any]) -> None:
        if document.get("status") != "ok":
            raise ValueError("its status is not ok")

    yield from call(Request("GET", "/api/v2/validate_keys"), read)


def accounts_by_email(users: Iterable[User]) -> dict[str, tuple[User, ...]]:
    """Return accounts by :func:`email_key`, each account once. Several accounts may share an email."""
    same: dict[str, dict[str, User]] = {}
    for user in users:
        if user.email is not None:
            same.setdefault(email_key(user.email), {})[user.id] = user
    return {email: tuple(accounts.values()) for email, accounts in same.items()}


def _preferred(accounts: tuple[User, ...]) -> tuple[User, ...]:
    """Return the only enabled account of a person, or all of people if there is not exactly one.

    A service account may have the email of its owner. It counts only if nobody else has the email.
    """
    people = tuple(user for user in accounts if not user.service_account) or accounts
    enabled = tuple(user for user in people if not user.disabled)
    return enabled if len(enabled) == 1 else people


def _search(needle: str, progress: str = "") -> Flow[tuple[list[User], int | None]]:
    """Return all users whose email or name contains the text, and how many users there are in all."""
    total: int | None = None

    def read(document: dict[str, Any]) -> Page[User]:
        nonlocal total
        page = _read_page(document)
        total = page.unfiltered
        return page

    users, _ = yield from read_pages(lambda number: _list_request(needle, number, progress), read)
    return list(users.values()), total


def read_all_users(status: str = "") -> Flow[tuple[list[User], int | None]]:
    """Return all users, without a search. The second result is how many accounts there are in all, if that is stated.

    :param status: only users of this status, such as ``Active``.
    :raises UnavailableError: if the list shifts each time that it is read.
    """
    for _ in range(_READINGS):
        first = yield from _page(0, 1, status)
        length = first.total if status else first.unfiltered
        pages = _pages(length or 0)
        listed = (yield from _list_all(pages, first, status=status)) if pages <= MAX_PAGES else None
        if listed is not None:
            return listed, first.unfiltered
    problem = "changed while it was read, or does not state how many there are"
    raise UnavailableError(f"GET {PATH}", f"the list of all users {problem}, {_READINGS} times in a row")


def _list_if_fewer_calls(total: int | None, calls: int) -> Flow[list[User] | None]:
    """Return all users if their list is complete and costs fewer calls than this; otherwise None.

    :param total: how many users there are, if that is known.
    """
    if total is None or _pages(total) >= calls:
        return None
    return (yield from _list_all(_pages(total)))


def _list_all(pages: int, *known: Page[User], status: str = "") -> Flow[list[User] | None]:
    """Return all users; None if the list was cut short or shifted while it was read, so that it proves no absence.

    :param known: the first pages, if they were read already.
    """
    listed: dict[str, User] = {}
    lengths = set()
    others = [_page(number, pages, status) for number in range(len(known), pages)]
    for page in (*known, *(yield Gather(others))):
        listed.update(page.rows)
        lengths.add(page.total if status else page.unfiltered)
    return list(listed.values()) if lengths == {len(listed)} else None


def _page(number: int, pages: int, status: str) -> Flow[Page[User]]:
    progress = f"{number:,} of {pages:,} pages of users read so far"
    return (yield from call(_list_request("", number, progress, status), _read_page))


def _get(uuid: str, progress: str) -> Flow[User | None]:
    """Return one account; None if Datadog does not know it."""

    def read(document: dict[str, Any]) -> User | None:
        user = parse_user(*resource(document.get("data")))
        if user is None or user.id != uuid:
            raise ValueError("it is not the requested account")
        return user

    return or_none(call(Request.get_one(f"{PATH}/{{user_id}}", uuid, (), PERMISSION, progress), read))


def _pages(total: int) -> int:
    return -(-total // PAGE_SIZE)


def _list_request(needle: str, number: int, progress: str, status: str = "") -> Request:
    search = tuple((name, value) for name, value in (("filter", needle), ("filter[status]", status)) if value)
    return Request("GET", PATH, (*search, *page_query(number)), permission=PERMISSION, progress=progress)


def _read_page(document: dict[str, Any]) -> Page[User]:
    users = {user.id: user for row in resources(document) if (user := parse_user(*row)) is not None}
    total = parse_total(document, "meta", "page", "total_filtered_count")
    return Page(users, total, unfiltered=parse_total(document, "meta", "page", "total_count"))


def parse_user(uuid: str | None, attributes: Mapping[str, Any]) -> User | None:
    """Return an account from a resource; None if it has no id.

    :raises ValueError: if an attribute is of another type than documented.
    """
    if uuid is None:
        return None
    return User(
        id=uuid,
        email=text(attributes, "email"),
        name=text(attributes, "name"),
        status="Disabled" if attributes.get("disabled") is True else text(attributes, "status"),
        service_account=attributes.get("service_account") is True,
        created_at=text(attributes, "created_at"),
        last_login_at=text(attributes, "last_login_time"),
        handle=text(attributes, "handle"),
    )
