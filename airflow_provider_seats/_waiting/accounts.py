"""The wait for accounts: what is met, and who is still waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_seats._arguments import parse_choice
from airflow_provider_seats._rosters.people import People, parse_people
from airflow_provider_seats._text import join_names, plural, shorten
from airflow_provider_seats._waiting.condition import Progress, Require, as_met
from airflow_provider_seats._waiting.sources import AccountList, AccountSource
from airflow_provider_seats.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_seats._api.users import User


class AccountsCondition(NamedTuple):
    """All or any of some people have an enabled account. A service account is nobody's."""

    people: People
    require: Require
    source: AccountSource = AccountSource()

    @classmethod
    def parse(cls, **arguments: object) -> AccountsCondition:
        """Parse the rendered arguments of a sensor."""
        people = parse_people(user_emails=arguments["user_emails"])
        if people.uuids:
            raise InvalidInputError(
                "user_emails",
                f"{shorten(people.uuids[0])} is not an email address. A person with a user UUID has an account. "
                "Remove it.",
            )
        if not people:
            raise InvalidInputError("user_emails", "there is nobody to wait for. Pass at least one person.")
        return cls(people, parse_choice("require", arguments["require"], Require))

    def progress(self, accounts: AccountList, _: int = 0) -> Progress:
        met: list[User] = []
        waiting: list[str] = []
        for email in self.people.emails:
            same = accounts.accounts(email)
            enabled = [user for user in same if not user.disabled]
            met += enabled
            if not enabled:
                waiting.append(f"{email} (the account is disabled)" if same else email)
        count, total = len(self.people) - len(waiting), len(self.people)
        done = bool(count) if self.require == "any" else not waiting
        others = "" if done else f"; waiting for {join_names(waiting)}"
        people = plural(total, "person", "people")
        summary = f"{count:,} of {people} {'has' if total == 1 else 'have'} an enabled account{others}"
        return Progress(summary, as_met(map(_fields, met), len(met)) if done else None)

    def warning(self, accounts: AccountList, *, is_first: bool = False) -> str | None:  # noqa: ARG002 (nobody has to have an account yet)
        """Return a warning about emails with several enabled accounts: an assignment refuses to choose one."""
        several = [
            email for email in self.people.emails if sum(not user.disabled for user in accounts.accounts(email)) > 1
        ]
        if not several:
            return None
        return f"Several enabled accounts have the email {join_names(several)}. To assign a seat, pass the user UUID."


def _fields(user: User) -> dict[str, Any]:
    return {"id": user.id, "email": user.email, "name": user.name}
