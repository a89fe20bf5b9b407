"""What a shared poll reads: the seats of a product, or the accounts of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from airflow_provider_seats._api import PAGE_SIZE
from airflow_provider_seats._api.identifiers import email_key
from airflow_provider_seats._api.seat_list import SeatList
from airflow_provider_seats._api.seats import LIST_LIMIT_KEY

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._api.users import User


class SeatSource(NamedTuple):
    """The seats of a product.

    :param subject: what messages call it.
    :param limit_key: of the rate limit that a reading uses.
    """

    product: str
    subject: str = "The seat list"
    limit_key: str = LIST_LIMIT_KEY

    @property
    def name(self) -> str:
        return self.product

    @property
    def whole(self) -> SeatSource:
        return self

    def read(self, known: Reading | None, number: int, emails: Iterable[str]) -> Flow[SeatList]:  # noqa: ARG002 (all are read)
        before = known if isinstance(known, SeatList) else SeatList(pages=0, number=0)
        seats = yield from before.read_next(self.product, number)
        return seats.index()


class AccountSource(NamedTuple):
    """The accounts of people.

    :param everyone: whether to read the accounts of the whole organisation.
    """

    everyone: bool = False
    subject: str = "The accounts"
    limit_key: str = "GET /api/v2/users"

    @property
    def name(self) -> str:
        return "all accounts" if self.everyone else "accounts"

    @property
    def whole(self) -> AccountSource:
        return AccountSource(everyone=True)

    def read(self, known: Reading | None, number: int, emails: Iterable[str]) -> Flow[AccountList]:  # noqa: ARG002 (one reading is proof)
        """Read the accounts of these emails, in as few requests as the API allows."""
        from airflow_provider_seats._api import users  # noqa: PLC0415 (waits for seats need no accounts)

        wanted = {*map(email_key, emails)}
        found, total = yield from (users.read_all_users() if self.everyone else users.search_accounts(wanted))
        accounts = users.accounts_by_email(found)
        if not self.everyone:
            accounts = {email: accounts[email] for email in wanted if email in accounts}
        pages = -(-(total or 0) // PAGE_SIZE)
        requests = pages if self.everyone else min(len(wanted), 1 + pages) if pages else len(wanted)
        reading = AccountList(accounts, max(requests, 1))
        if isinstance(known, AccountList) and known.by_email == accounts:
            reading.content = known.content
        return reading


class AccountList:
    """A reading of accounts.

    :param accounts: the accounts by :func:`email_key`.
    :param requests: how many requests the reading took.
    :ivar content: the same object in readings that follow each other, as long as nothing changes.
    """

    def __init__(self, accounts: Mapping[str, tuple[User, ...]], requests: int = 1) -> None:
        self.by_email = accounts
        self.requests = requests
        self.content: object = accounts

    def __len__(self) -> int:
        return len(self.by_email)

    def accounts(self, email: str) -> tuple[User, ...]:
        """Return the accounts of people with this email. Service accounts are none."""
        return tuple(user for user in self.by_email.get(email_key(email), ()) if not user.service_account)

    @property
    def fingerprint(self) -> str:
        """A text that is the same as long as each email has the same accounts."""
        rows = sorted(f"{user.id} {email} {user.status}" for email, same in self.by_email.items() for user in same)
        return sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


Source: TypeAlias = SeatSource | AccountSource
Reading: TypeAlias = SeatList | AccountList
