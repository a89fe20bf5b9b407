"""What is read for a plan, in as few calls as the API allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_seats._api.seat_list import SeatList, read_until_proven
from airflow_provider_seats._api.users import get_accounts, search_accounts

if TYPE_CHECKING:
    from airflow_provider_seats._api.flow import Flow
    from airflow_provider_seats._api.users import User


class Reader:
    """The readings of one plan, as flows."""

    def __init__(self, product: str, *, read_all_users: bool) -> None:
        self._product = product
        self._read_all_users = read_all_users
        self._total_users: int | None = None

    def seats(self, relies_on_absence: Callable[[SeatList], bool] = lambda _: False) -> Flow[SeatList]:
        """Return the seat list, read twice if an absence counts and could be an accident."""
        return read_until_proven(self._product, relies_on_absence)

    def accounts_of(self, emails: Sequence[str]) -> Flow[list[User]]:
        """Return all accounts that have these emails, and maybe others."""
        if not emails:
            return []
        users, self._total_users = yield from search_accounts(emails, read_all=self._read_all_users)
        return users

    def accounts(self, people: Mapping[str, str | None]) -> Flow[dict[str, User]]:
        """Return accounts by user UUID, without those that Datadog does not know.

        :param people: emails by user UUID, as far as they are known.
        """
        if not people:
            return {}
        return (yield from get_accounts(people, self._total_users, read_all=self._read_all_users))

    def on_call(self, people: Sequence[str], now: datetime, *, in_policies: bool) -> Flow[dict[str, str]]:
        """Return where people are found on call, in words, by user UUID."""
        from airflow_provider_seats._planning.on_call import find_on_call  # noqa: PLC0415 (few plans need it)

        return find_on_call(people, now, in_policies=in_policies)
