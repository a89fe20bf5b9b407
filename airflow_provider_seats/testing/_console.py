"""The lines that the command of FakeDatadog reads and prints."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_provider_seats.testing._seats import SEATS
from airflow_provider_seats.testing._users import USERS

if TYPE_CHECKING:
    from airflow_provider_seats.testing._datadog import FakeDatadog
    from airflow_provider_seats.testing._server import Received

_SCHEDULE: Final = "On call"
_SHOWN: Final = 20


class _Command(NamedTuple):
    """A command: what it takes, what it does in a few words, and the function that does it."""

    takes: str
    does: str
    run: Callable[..., str]


class Console:
    """Changes an organisation by lines of text, such as ``add dee@example.com``."""

    def __init__(self, datadog: FakeDatadog) -> None:
        self._datadog = datadog
        # The ids of the schedules, teams and roles that were made here: to set one again replaces it.
        self._ids: dict[tuple[str, str], str] = {}
        self._commands = {
            "add": _Command("EMAIL [NAME]", "add an account", self._add),
            "disable": _Command("EMAIL", "disable an account; its owner keeps a seat", self._disable),
            "enable": _Command("EMAIL", "enable an account, also a pending one", self._enable),
            "give": _Command("EMAIL [PRODUCT]", "give a seat of a product, or of each", self._give),
            "take": _Command("EMAIL [PRODUCT]", "take a seat of a product, or of each", self._take),
            "on-call": _Command("[EMAIL ...]", "put these people on call, and nobody else", self._on_call),
            "team": _Command("HANDLE [EMAIL ...]", "make a team of these people, and nobody else", self._team),
            "role": _Command("NAME [EMAIL ...]", "give a role to these people, and to nobody else", self._role),
            "list": _Command("", "show the people, and their seats", self._list),
            "help": _Command("", "show this list", self._help),
        }

    def answer(self, line: str) -> str:
        """Carry out a line. Return what to print: what was done, or what is wrong and what would be valid."""
        if not line.strip():
            return ""
        try:
            name, *arguments = shlex.split(line)
        except ValueError:
            return "A quotation mark is missing. A name with spaces stands between two of them."
        command = self._commands.get(name.lower())
        if command is None:
            return f"{name!r} is not a command. Valid are: {', '.join(self._commands)}. help explains them."
        try:
            inspect.signature(command.run).bind(*arguments)
        except TypeError:
            return f"Valid is: {name.lower()} {command.takes}".rstrip()
        try:
            return command.run(*arguments)
        except ValueError as error:
            return str(error)

    def describe(self, received: Received) -> str:
        """Return a request in one line: the status of its answer, and the people that it names."""
        about = f" {dict(received.query)}" if received.query else ""
        try:
            attributes = received.body["data"]["attributes"] if received.method != "GET" else {}
            if received.path == SEATS and attributes:
                about += f" {attributes['product_code']}: {self._names(received.user_uuids)}"
            elif received.path == USERS and attributes:
                about += f" {attributes['email']}"
        except (KeyError, TypeError):
            about += " (its body is not as documented)"
        return f"{received.status or 'lost'}  {received.method} {received.path}{about}"

    def people(self) -> list[str]:
        """Return a line for each account: its UUID, its email, and what is special about it."""
        return [
            "  ".join([account.id, ", ".join([account.email, *self._special(account.id, account.status)])])
            for account in self._datadog.accounts()
        ]

    def _special(self, user_uuid: str, status: str) -> list[str]:
        held = [product for product in self._datadog.products if user_uuid in self._datadog.holders(product)]
        seats = [f"holds a seat of {' and '.join(held)}"] if held else []
        return [*([] if status == "Active" else [status.lower()]), *seats]

    def _names(self, user_uuids: Iterable[str]) -> str:
        """Return emails for user UUIDs, and the UUIDs of those without an account."""
        emails = {account.id: account.email for account in self._datadog.accounts()}
        names = [emails.get(each, str(each)) for each in user_uuids]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return ", ".join(names[:_SHOWN]) + more

    def _account(self, email: str) -> str:
        """Return the UUID of the account with an email."""
        found = {account.email: account.id for account in self._datadog.accounts()}
        if email.lower() not in found:
            known = ", ".join([*found][:_SHOWN]) or "none"
            raise ValueError(f"There is no account of {email!r}. Accounts: {known}. To add it: add {email}")
        return found[email.lower()]

    def _accounts(self, emails: Iterable[str]) -> list[str]:
        return [self._account(email) for email in emails]

    def _products(self, product: str | None) -> tuple[str, ...]:
        if product not in {None, *self._datadog.products}:
            raise ValueError(f"There is no product {product!r}. Products: {', '.join(self._datadog.products)}.")
        return self._datadog.products if product is None else (product,)

    def _add(self, email: str, name: str | None = None) -> str:
        if "@" not in email.strip("@"):
            raise ValueError(f"{email!r} is not an email address.")
        if any(account.email == email.lower() for account in self._datadog.accounts()):
            raise ValueError(f"There is an account of {email!r} already.")
        return f"{self._datadog.add_user(email, name)}  {email.lower()}"

    def _disable(self, email: str) -> str:
        self._datadog.set_status(self._account(email), "Disabled")
        return f"The account of {email} is disabled."

    def _enable(self, email: str) -> str:
        self._datadog.set_status(self._account(email), "Active")
        return f"The account of {email} is enabled."

    def _give(self, email: str, product: str | None = None) -> str:
        user_uuid, products = self._account(email), self._products(product)
        new = [each for each in products if user_uuid not in self._datadog.holders(each)]
        for each in new:
            self._datadog.give_seat(each, user_uuid)
        return f"{email} holds a seat of {' and '.join(products)}{'' if new else ' already'}."

    def _take(self, email: str, product: str | None = None) -> str:
        user_uuid, products = self._account(email), self._products(product)
        for each in products:
            self._datadog.take_seat(each, user_uuid)
        return f"{email} holds no seat of {' or '.join(products)}."

    def _on_call(self, *emails: str) -> str:
        known = self._ids.get(("schedule", _SCHEDULE))
        people = self._accounts(emails)
        self._ids["schedule", _SCHEDULE] = self._datadog.add_schedule(_SCHEDULE, people, schedule_id=known)
        return f"On call, in the schedule {_SCHEDULE!r}: {', '.join(emails) or 'nobody'}."

    def _team(self, handle: str, *emails: str) -> str:
        people, known = self._accounts(emails), self._ids.get(("team", handle))
        self._ids["team", handle] = self._datadog.add_team(handle, people, team_id=known)
        return f"The team {handle!r}: {', '.join(emails) or 'nobody'}."

    def _role(self, name: str, *emails: str) -> str:
        people, known = self._accounts(emails), self._ids.get(("role", name))
        self._ids["role", name] = self._datadog.add_role(name, people, role_id=known)
        return f"The role {name!r}: {', '.join(emails) or 'nobody'}."

    def _list(self) -> str:
        return "\n".join(self.people()) or "There are no accounts."

    def _help(self) -> str:
        width = max(len(f"{name} {each.takes}") for name, each in self._commands.items())
        lines = [f"  {f'{name} {each.takes}':{width}}  {each.does}" for name, each in self._commands.items()]
        return "\n".join(lines)
