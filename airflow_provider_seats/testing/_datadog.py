"""One fake Datadog organisation: what is in it, and who may do what."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal, Self

from airflow_provider_seats.connection import is_token
from airflow_provider_seats.testing._access import API_KEY, APP_KEY, RateLimitWindow, Rights, handle, unauthorized
from airflow_provider_seats.testing._endpoints import ENDPOINTS, ON_CALL_ENDPOINTS, PERMISSIONS
from airflow_provider_seats.testing._organization import (
    Account,
    EscalationPolicy,
    Organization,
    Role,
    RoutingRule,
    Schedule,
    Team,
)
from airflow_provider_seats.testing._seats import give_seat
from airflow_provider_seats.testing._server import Answer, Fault, Received, Request, Server


class FakeDatadog:
    """A Datadog organisation that serves on loopback while the ``with`` block lasts.

    .. versionadded:: 0.2.0
        ``permissions``, ``scopes``, ``seat_list_permissions``, ``on_call_api`` and ``is_parent``

    :param products: the codes of its products. Any other code is refused.
    :param api_key: the valid API key.
    :param app_key: the valid application key, or an access token (``ddpat_...``, ``ddsat_...``) in its place.
    :param seated_users: whether ``assigned_ids`` includes or omits people who already hold a seat.
    :param unknown_users: whether an assignment with an unknown UUID is refused, or the UUID ignored.
    :param permissions: what the owner of the keys may do; by default everything. ``datadog.permissions`` is a set that
        a test can change: ``datadog.permissions.remove("teams_read")``.
    :param scopes: what the keys are limited to; None for keys without scopes.
    :param seat_list_permissions: what the seat list needs: ``user_access_read`` and one of three permissions, as
        Datadog's newest page says, or only one of the three, as older pages say.
    :param on_call_api: whether the site has the on-call API.
    :param is_parent: whether it is a parent organisation. Only those have a usage summary.
    :param rate_limit: how many calls are allowed in how many seconds, for each method and path; None states no limit.
    :param port: the port; 0 takes a free one.
    """

    def __init__(
        self,
        *,
        products: tuple[str, ...] = ("incident_response", "example_product"),
        api_key: str = API_KEY,
        app_key: str = APP_KEY,
        seated_users: Literal["include", "omit"] = "omit",
        unknown_users: Literal["refuse", "ignore"] = "refuse",
        permissions: Iterable[str] = PERMISSIONS,
        scopes: Iterable[str] | None = None,
        seat_list_permissions: Literal["newest", "older"] = "newest",
        on_call_api: bool = True,
        is_parent: bool = True,
        rate_limit: tuple[int, float] | None = None,
        port: int = 0,
    ) -> None:
        self.products = products
        self.api_key = api_key
        self.app_key = app_key
        self.permissions = set(permissions)
        self.scopes = None if scopes is None else set(scopes)
        self.seat_list_permissions: Literal["newest", "older"] = seat_list_permissions
        for name, given in (("permissions", self.permissions), ("scopes", self.scopes or set())):
            if unknown := given - PERMISSIONS:
                raise ValueError(f"{name}: {sorted(unknown)} are not among {sorted(PERMISSIONS)}.")
        self.rate_limit = rate_limit
        self._seats: dict[str, dict[str, Any]] = {product: {} for product in products}
        self._organization = Organization(seated_users, unknown_users, self._seats, is_parent=is_parent)
        self._accounts = self._organization.accounts
        self._endpoints = ENDPOINTS + (ON_CALL_ENDPOINTS if on_call_api else ())
        self._window = RateLimitWindow()
        self._lock = threading.RLock()
        self._server = Server(port, self._answer)

    def __enter__(self) -> Self:
        self._server.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.end()

    @property
    def received(self) -> list[Received]:
        """All requests so far. Clear it to start counting."""
        return self._server.received

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The series that were sent to its intake: ``metric``, ``points``, ``type``, ``tags`` and ``host``.

        .. versionadded:: 0.2.0
        """
        return self._organization.metrics

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that were posted to it: ``title``, ``text``, ``tags`` and more.

        .. versionadded:: 0.2.0
        """
        return self._organization.events

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:18126``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def airflow_connection(self) -> str:
        """Return an Airflow connection as JSON, for the environment variable ``AIRFLOW_CONN_DATADOG_DEFAULT``."""
        extra = {} if is_token(self.app_key) else {"api_key": self.api_key}
        return json.dumps({"conn_type": "datadog_seats", "host": self.url, "password": self.app_key, "extra": extra})

    def add_user(
        self,
        email: str,
        name: str | None = None,
        *,
        user_uuid: str | None = None,
        status: Literal["Active", "Pending", "Disabled"] = "Active",
        service_account: bool = False,
        handle: str | None = None,
        created_at: str | None = None,
        last_login_at: str | None = None,
        seat: str | None = None,
    ) -> str:
        """Add an account, and a seat of the product ``seat`` if one is passed. Return its UUID.

        .. versionadded:: 0.2.0
            ``handle``, ``created_at`` and ``last_login_at``

        :param handle: the handle; the email if none is passed.
        :param created_at: when the account was created, in ISO 8601; now if nothing is passed.
        :param last_login_at: when its owner last logged in, in ISO 8601; None if they never did.
        """
        with self._lock:
            account = self._organization.add_account(
                email,
                name or email.partition("@")[0].title(),
                user_uuid=user_uuid,
                status=status,
                service_account=service_account,
                handle=handle,
                created_at=created_at,
                last_login_at=last_login_at,
            )
            if seat is not None:
                self.give_seat(seat, account.id)
        return account.id

    def set_status(self, user_uuid: str, status: Literal["Active", "Pending", "Disabled"]) -> None:
        """Set the status of an account. Its owner keeps a seat.

        .. versionadded:: 0.2.0
        """
        with self._lock:
            self._accounts[user_uuid].status = status

    def add_team(
        self,
        handle: str,
        members: Iterable[str] = (),
        *,
        name: str | None = None,
        is_managed: bool = False,
        team_id: str | None = None,
    ) -> str:
        """Add a team, or replace the one with this id. Return its id.

        .. versionadded:: 0.2.0

        :param members: user UUIDs, or emails of accounts.
        :param name: the name; made from the handle if none is passed.
        :param is_managed: whether the identity provider manages it.
        """
        with self._lock:
            team = Team(
                id=(team_id or str(uuid.uuid4())).lower(),
                handle=handle,
                name=name or handle.replace("-", " ").title(),
                members=self._organization.user_uuids(members),
                is_managed=is_managed,
                created_at=datetime.now(UTC).isoformat(),
            )
            self._organization.teams[team.id] = team
        return team.id

    def add_role(self, name: str, members: Iterable[str] = (), *, role_id: str | None = None) -> str:
        """Add a role, or replace the one with this id. Return its id. Several roles may have the same name.

        .. versionadded:: 0.2.0

        :param members: user UUIDs, or emails of accounts.
        """
        with self._lock:
            role = Role(
                id=(role_id or str(uuid.uuid4())).lower(),
                name=name,
                members=dict.fromkeys(self._organization.user_uuids(members)),
                created_at=datetime.now(UTC).isoformat(),
            )
            self._organization.roles[role.id] = role
        return role.id

    def add_schedule(
        self,
        name: str,
        members: Iterable[str] = (),
        *,
        teams: Iterable[str] = (),
        time_zone: str = "UTC",
        schedule_id: str | None = None,
    ) -> str:
        """Add an on-call schedule with one layer, or replace the one with this id. Return its id.

        .. versionadded:: 0.2.0

        :param members: user UUIDs, or emails of accounts.
        :param teams: the ids of the teams that own it.
        """
        with self._lock:
            schedule = Schedule(
                id=(schedule_id or str(uuid.uuid4())).lower(),
                name=name,
                members={str(uuid.uuid4()): each for each in self._organization.user_uuids(members)},
                teams=[self._organization.teams[each].id for each in teams],
                time_zone=time_zone,
                layer_id=str(uuid.uuid4()),
                starts_at=datetime.now(UTC).isoformat(),
            )
            self._organization.schedules[schedule.id] = schedule
        return schedule.id

    def add_escalation_policy(
        self, name: str, steps: Iterable[Iterable[str]] = (), *, teams: Iterable[str] = (), policy_id: str | None = None
    ) -> str:
        """Add an escalation policy, or replace the one with this id. Return its id.

        .. versionadded:: 0.2.0

        :param steps: the targets of each step: user UUIDs, emails of accounts, or ids of schedules or teams.
        :param teams: the ids of the teams that own it.
        """
        with self._lock:
            policy = EscalationPolicy(
                id=(policy_id or str(uuid.uuid4())).lower(),
                name=name,
                steps={str(uuid.uuid4()): list(map(self._organization.target, targets)) for targets in steps},
                teams=[self._organization.teams[each].id for each in teams],
            )
            self._organization.policies[policy.id] = policy
        return policy.id

    def add_routing_rule(
        self,
        team_id: str,
        policy_id: str | None = None,
        *,
        reroute_to: str | None = None,
        query: str = "",
        in_action: bool = False,
    ) -> None:
        """Add a routing rule to a team. It leads to an escalation policy, or reroutes to another team.

        .. versionadded:: 0.2.0

        :param reroute_to: the id of the other team.
        :param query: which pages the rule is for.
        :param in_action: whether an action of the rule names the policy. Datadog's rules do either.
        """
        with self._lock:
            rule = RoutingRule(str(uuid.uuid4()), query, policy_id, reroute_to, in_action)
            self._organization.rules.setdefault(self._organization.teams[team_id].id, []).append(rule)

    def add_usage(self, day: str, **seats: int) -> None:
        """Set what the usage summary has for a day. A month's number is its highest day.

        .. versionadded:: 0.2.0

        :param day: such as ``2026-11-14``.
        :param seats: numbers by Datadog's names, such as ``on_call_seat_hwm``.
        """
        with self._lock:
            self._organization.usage.setdefault(day, {}).update(seats)

    def accounts(self) -> list[Account]:
        """Return the accounts, oldest first.

        .. versionadded:: 0.2.0
        """
        with self._lock:
            return list(self._accounts.values())

    def user_uuid(self, email: str) -> str:
        """Return the UUID of the account that was last added with this email."""
        with self._lock:
            return self._organization.user_uuid(email)

    def give_seat(self, product: str, user_uuid: str, **fields: Any) -> None:
        """Assign a seat, as if the person claimed it in the web page.

        :param fields: what the seat list shows instead (``id``, ``email``, ``name``, ``assigned_at``).
        """
        with self._lock:
            give_seat(self._organization, product, user_uuid, fields)

    def take_seat(self, product: str, user_uuid: str) -> None:
        """Unassign a seat, as if the person returned it in the web page."""
        with self._lock:
            self._seats[product].pop(user_uuid, None)

    def holders(self, product: str) -> set[str]:
        """Return the UUIDs of the people who hold a seat."""
        with self._lock:
            return set(self._seats[product])

    def emails(self, product: str) -> list[str]:
        """Return the sorted emails of the people who hold a seat."""
        holders = self.holders(product)
        return sorted(account.email for account in self.accounts() if account.id in holders)

    def script(self, method: str, path: str, *faults: Fault) -> None:
        """Answer the next requests of this method and path with these faults, one each, in this order."""
        self._server.script(method, path, faults)

    def calls(self, method: str | None = None, path: str | None = None) -> list[Received]:
        """Return the requests so far, only those of a method or path if one is passed."""
        return [each for each in self.received if method in {None, each.method} and path in {None, each.path}]

    def _answer(self, request: Request) -> Answer:
        """Carry out a request and return the answer."""
        with self._lock:
            refused = unauthorized(request, self.api_key, self.app_key)
            if refused is not None:
                return refused
            limits, spent = self._window.count(request, self.rate_limit)
            if spent:
                return Answer(HTTPStatus.TOO_MANY_REQUESTS, {"errors": ["Too many requests"]}, headers=limits)
            rights = Rights(self.permissions, self.scopes, older=self.seat_list_permissions == "older")
            answer = handle(self._endpoints, self._organization, request, rights)
            return Answer(answer.status, answer.document, answer.content_type, limits)
