"""The user flows: find people by email, and check the keys.

Datadog's Users API: https://docs.datadoghq.com/api/latest/users/#list-all-users, and the check of both keys:
https://docs.datadoghq.com/api/latest/authentication/.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from airflow_provider_seats._api.flow import Flow, Request, Together, call, rows, text, unusable
from airflow_provider_seats.connection import DatadogSeatsError

PATH: Final = "/api/v2/users"
PAGE: Final = 100
_MOST_PAGES: Final = 10_000
_NEEDS: Final = "the permission user_access_read"


class User(NamedTuple):
    """An account of the organisation.

    :param id: the user UUID.
    :param email: as Datadog holds it, lower-case.
    :param status: ``Active``, ``Pending`` or ``Disabled``.
    :param service_account: whether it is a service account rather than a person's.
    """

    id: str
    email: str | None
    name: str | None
    status: str | None
    service_account: bool = False

    @property
    def disabled(self) -> bool:
        """Whether the account is disabled, so that it counts as missing."""
        return (self.status or "").casefold() == "disabled"


class AmbiguousUsersError(DatadogSeatsError):
    """Some emails belong to several accounts, of which not exactly one is enabled.

    :ivar accounts: the accounts of each such email.
    """

    def __init__(self, accounts: dict[str, tuple[User, ...]]) -> None:
        shown = "; ".join(f"{email}: {', '.join(map(_shown, users))}" for email, users in accounts.items())
        super().__init__(
            f"Several Datadog accounts have the same email, and not exactly one of them is enabled: {shown}. Nothing "
            "was changed. Give the UUID of the one that is meant in user_uuids, instead of the email."
        )
        self.accounts = accounts


def find_users(emails: Iterable[str]) -> Flow[dict[str, User]]:
    """Find the accounts that have these emails, in as few calls as the API allows.

    Datadog searches emails and names for a part of them; only a whole email that is equal but for case counts. That is
    a look-up for each email, side by side, or the whole list of users where that is fewer calls.

    :returns: the account of each email that has one, by case-folded email. A disabled account is given only if it is
        the email's only one.
    :raises AmbiguousUsersError: if an email has several accounts and not exactly one of them is enabled.
    """
    wanted = tuple(emails)
    return unambiguous(wanted, (yield from find_accounts(wanted)))


def unambiguous(emails: Iterable[str], users: Iterable[User]) -> dict[str, User]:
    """Give the account that each email means, by case-folded email, as :func:`find_users` does of accounts at hand."""
    wanted = [email.strip().casefold() for email in emails]
    accounts = _by_email(users)
    ambiguous = {email: accounts[email] for email in wanted if len(accounts.get(email, ())) > 1}
    if ambiguous:
        raise AmbiguousUsersError(ambiguous)
    return {email: accounts[email][0] for email in wanted if email in accounts}


def find_accounts(emails: Iterable[str]) -> Flow[list[User]]:
    """Find all accounts that have these emails, and some that do not, in as few calls as the API allows."""
    wanted = tuple(dict.fromkeys(email.strip().casefold() for email in emails))
    if not wanted:
        return []
    first, *others = wanted
    users, everyone = yield from _search(first)
    pages = len(others) if everyone is None else -(-everyone // PAGE)
    if pages < len(others):
        listed: dict[str, User] = {}
        counts = set()
        for page, count in (yield Together([_page(number, pages) for number in range(pages)])):
            listed.update((user.id, user) for user in page)
            counts.add(count)
        users += listed.values()
        if counts == {len(listed)}:
            return users
        # The list was cut short, or moved while it was read: so everyone is asked for all the same.
    if others:
        far = f"of {len(wanted):,} emails are looked up"
        searches = [_search(email, f"{number:,} {far}") for number, email in enumerate(others, 1)]
        for part, _ in (yield Together(searches)):
            users += part
    return users


def check_keys() -> Flow[None]:
    """Ask Datadog whether it knows the API key and the application key. It does not tell what they may do."""

    def read(document: dict[str, Any]) -> None:
        if document.get("status") != "ok":
            raise ValueError("its status is not ok")

    yield from call(Request("GET", "/api/v2/validate_keys"), read)


def _by_email(users: Iterable[User]) -> dict[str, tuple[User, ...]]:
    """Give the accounts that each case-folded email may mean: one where it is clear, all where it is not."""
    same: dict[str, dict[str, User]] = {}
    for user in users:
        if user.email is not None:
            same.setdefault(user.email.casefold(), {})[user.id] = user
    accounts = {}
    for email, those in same.items():
        enabled = tuple(user for user in those.values() if not user.disabled)
        accounts[email] = enabled if len(enabled) == 1 else tuple(those.values())
    return accounts


def _search(needle: str, so_far: str = "") -> Flow[tuple[list[User], int | None]]:
    """Give all users in whose email or name the needle stands, and how many users there are in all."""
    users: dict[str, User] = {}
    number = 0
    while True:
        request = _request(needle, number, so_far)
        page, everyone, filtered = yield from call(request, _read_page)
        known = len(users)
        users.update((user.id, user) for user in page)
        number += 1
        if len(users) >= filtered if filtered is not None else len(page) < PAGE:
            return list(users.values()), everyone
        if len(users) == known or number >= _MOST_PAGES:
            raise unusable(request, None, f"it ends after {known} users, and tells of {filtered}")


def _page(number: int, pages: int) -> Flow[tuple[list[User], int | None]]:
    """Give one page of all users, and how many users there are in all."""
    request = _request("", number, f"{number:,} of {pages:,} pages of users are read")
    page, everyone, _ = yield from call(request, _read_page)
    return page, everyone


def _request(needle: str, number: int, so_far: str) -> Request:
    search = (("filter", needle),) if needle else ()
    query = (*search, ("page[size]", str(PAGE)), ("page[number]", str(number)))
    return Request("GET", PATH, query, needs=_NEEDS, so_far=so_far)


def _read_page(document: dict[str, Any]) -> tuple[list[User], int | None, int | None]:
    users = [
        User(
            id=uuid,
            email=text(attributes, "email"),
            name=text(attributes, "name"),
            status=text(attributes, "status"),
            service_account=attributes.get("service_account") is True,
        )
        for uuid, attributes in rows(document)
        if uuid is not None
    ]
    meta = document.get("meta")
    page = meta.get("page") if isinstance(meta, dict) else None
    counts = page if isinstance(page, dict) else {}
    return users, _count(counts.get("total_count")), _count(counts.get("total_filtered_count"))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _shown(user: User) -> str:
    kind = "service account, " if user.service_account else ""
    return f"{user.id} ({kind}{user.status or 'status not known'})"
