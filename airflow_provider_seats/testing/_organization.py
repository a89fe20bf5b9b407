"""What a fake Datadog organisation consists of, and what its endpoints have in common."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final, Literal

from airflow_provider_seats.testing._server import Answer, Request

JSON_API: Final = "application/vnd.api+json"
_MOST_IN_A_PAGE: Final = 100


@dataclass
class Account:
    """A user of the organisation."""

    id: str
    email: str
    name: str | None
    status: str
    service_account: bool
    handle: str
    created_at: str
    last_login_at: str | None
    title: str | None

    def matches(self, text: str) -> bool:
        """Return whether a search for a text finds it: Datadog searches emails and names."""
        return text.lower() in self.email or text.lower() in (self.name or "").lower()


@dataclass
class Team:
    """A team. Its members are user UUIDs."""

    id: str
    handle: str
    name: str
    members: list[str]
    is_managed: bool
    created_at: str


@dataclass
class Role:
    """A role. The keys of its members are user UUIDs."""

    id: str
    name: str
    members: dict[str, None]
    created_at: str


@dataclass
class Schedule:
    """An on-call schedule with one layer. Its members are user UUIDs by the ids of their memberships."""

    id: str
    name: str
    members: dict[str, str]
    teams: list[str]
    time_zone: str
    layer_id: str
    starts_at: str


@dataclass
class EscalationPolicy:
    """An escalation policy. Each step has targets: pairs of a type and an id."""

    id: str
    name: str
    steps: dict[str, list[tuple[str, str]]]
    teams: list[str]


@dataclass
class RoutingRule:
    """A routing rule of a team: it leads to an escalation policy or to another team.

    :param in_action: whether an action of the rule names the policy, or the rule itself.
    """

    id: str
    query: str
    policy_id: str | None
    reroute_to: str | None
    in_action: bool


@dataclass
class Organization:
    """The state of an organisation, and how it behaves where Datadog's behaviour is not known."""

    seated_users: Literal["include", "omit"]
    unknown_users: Literal["refuse", "ignore"]
    seats: dict[str, dict[str, dict[str, Any]]]
    accounts: dict[str, Account] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    policies: dict[str, EscalationPolicy] = field(default_factory=dict)
    rules: dict[str, list[RoutingRule]] = field(default_factory=dict)
    usage: dict[str, dict[str, int]] = field(default_factory=dict)
    is_parent: bool = True
    metrics: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def add_account(
        self,
        email: str,
        name: str | None = None,
        *,
        user_uuid: str | None = None,
        status: str = "Active",
        service_account: bool = False,
        handle: str | None = None,
        created_at: str | None = None,
        last_login_at: str | None = None,
        title: str | None = None,
    ) -> Account:
        """Add an account, or replace the one with this id. What is not passed is as in a new account."""
        account = Account(
            id=user_uuid or str(uuid.uuid4()),
            email=email.lower(),
            name=name,
            status=status,
            service_account=service_account,
            handle=handle or email.lower(),
            created_at=created_at or datetime.now(UTC).isoformat(),
            last_login_at=last_login_at,
            title=title,
        )
        self.accounts[account.id] = account
        return account

    def user_uuid(self, person: str) -> str:
        """Return a user UUID, also from an email: that of the account that was last added with it."""
        if "@" not in person:
            return person
        return [account.id for account in self.accounts.values() if account.email == person.lower()][-1]

    def user_uuids(self, people: Iterable[str]) -> list[str]:
        """Return user UUIDs, also from emails."""
        return list(map(self.user_uuid, people))

    def target(self, target: str) -> tuple[str, str]:
        """Return type and id of a target of an escalation policy."""
        for kind, known in (("schedules", self.schedules), ("teams", self.teams)):
            if target in known:
                return kind, target
        return "users", self.user_uuid(target)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of the API.

    :param path: its path. ``{id}`` stands for one segment.
    :param handle: answers a request; takes the organisation, the request and the segment.
    :param permissions: any one of these suffices; with none of them given, everybody may call it.
    :param also: what is needed besides, by Datadog's newest page.
    """

    method: str
    path: str
    handle: Callable[[Organization, Request, str], Answer]
    permissions: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that keys limited to scopes need: what no other permission can stand in for."""
        return self.also or (self.permissions if len(self.permissions) == 1 else frozenset())

    def match(self, request: Request) -> str | None:
        """Return the segment for ``{id}`` (empty if the path has none), or None if the request is for another one."""
        match = self._pattern.fullmatch(request.path) if request.method == self.method else None
        return None if match is None else "".join(match.groups()).lower()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.path).replace(re.escape("{id}"), "([^/]+)"))


@dataclass(frozen=True)
class Page:
    """The page of a list that a request asks for."""

    number: int
    size: int

    @classmethod
    def parse(cls, request: Request, default_size: int) -> Page | Answer:
        """Return the page, or the answer that refuses it."""
        size = parse_whole(request.query.get("page[size]", str(default_size)))
        number = parse_whole(request.query.get("page[number]", "0"))
        if size is None or number is None or not 0 < size <= _MOST_IN_A_PAGE:
            return error(HTTPStatus.BAD_REQUEST, "Invalid page parameter")
        return cls(number, size)

    def of(self, rows: list[Any]) -> list[Any]:
        """Return the rows of this page."""
        return rows[self.number * self.size : (self.number + 1) * self.size]

    def counts(self, total: int) -> dict[str, Any]:
        """Return the numbers that teams and schedules state with each page. The last page has a next one, too."""
        return {
            "type": "number_size",
            "number": self.number,
            "size": self.size,
            "total": total,
            "first_number": 0,
            "prev_number": max(0, self.number - 1),
            "next_number": self.number + 1,
            "last_number": max(0, -(-total // self.size) - 1),
        }


def error(status: int, *messages: str) -> Answer:
    """Return an error as most endpoints answer it: plain strings."""
    return Answer(status, {"errors": list(messages)})


def parse_whole(text: str) -> int | None:
    """Return a whole number, or None if the text is none."""
    return int(text) if text.isdecimal() else None
