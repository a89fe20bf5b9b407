"""The state of one fake Datadog organisation, and how it answers."""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Literal, Self

from airflow_provider_seats.connection import is_token
from airflow_provider_seats.testing._server import Answer, Fault, Received, Request, Server

SEATS: Final = "/api/v2/seats/users"
USERS: Final = "/api/v2/users"
VALIDATE_KEYS: Final = "/api/v2/validate_keys"
VALIDATE: Final = "/api/v1/validate"

API_KEY: Final = "fake-api-key"
APP_KEY: Final = "fake-application-key"
_MOST_IN_A_PAGE: Final = 100
_JSON_API: Final = "application/vnd.api+json"


@dataclass
class _Account:
    id: str
    email: str
    name: str
    status: str
    service_account: bool
    handle: str
    created_at: str
    last_login_at: str | None

    def as_json(self) -> dict[str, Any]:
        attributes = {
            "email": self.email,
            "handle": self.handle,
            "name": self.name,
            "status": self.status,
            "disabled": self.status == "Disabled",
            "service_account": self.service_account,
            "verified": self.status != "Pending",
            "created_at": self.created_at,
            "last_login_time": self.last_login_at,
        }
        return {"type": "users", "id": self.id, "attributes": attributes}


class FakeDatadog:
    """A Datadog organisation that serves on loopback while the ``with`` block lasts.

    :param products: the codes of its products. Any other code is refused.
    :param api_key: the valid API key.
    :param app_key: the valid application key, or an access token (``ddpat_...``, ``ddsat_...``) in its place.
    :param seated_users: whether ``assigned_ids`` includes or omits people who already hold a seat.
    :param unknown_users: whether an assignment with an unknown UUID is refused, or the UUID ignored.
    :param rate_limit: how many calls are allowed in how many seconds, for each method and path; None states no limit.
    :param port: the port; 0 takes a free one.
    """

    def __init__(
        self,
        *,
        products: tuple[str, ...] = ("incident_response", "on_call"),
        api_key: str = API_KEY,
        app_key: str = APP_KEY,
        seated_users: Literal["include", "omit"] = "omit",
        unknown_users: Literal["refuse", "ignore"] = "refuse",
        rate_limit: tuple[int, float] | None = None,
        port: int = 0,
    ) -> None:
        self.products = products
        self.api_key = api_key
        self.app_key = app_key
        self.seated_users = seated_users
        self.unknown_users = unknown_users
        self.rate_limit = rate_limit
        self._accounts: dict[str, _Account] = {}
        self._seats: dict[str, dict[str, dict[str, Any]]] = {product: {} for product in products}
        self._calls: dict[tuple[str, str, int], int] = {}
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

        :param handle: the handle; the email if none is passed.
        :param created_at: when the account was created, in ISO 8601; now if nothing is passed.
        :param last_login_at: when its owner last logged in, in ISO 8601; None if they never did.
        """
        account = _Account(
            id=user_uuid or str(uuid.uuid4()),
            email=email.lower(),
            name=name or email.partition("@")[0].title(),
            status=status,
            service_account=service_account,
            handle=handle or email.lower(),
            created_at=created_at or datetime.now(UTC).isoformat(),
            last_login_at=last_login_at,
        )
        with self._lock:
            self._accounts[account.id] = account
            if seat is not None:
                self.give_seat(seat, account.id)
        return account.id

    def user_uuid(self, email: str) -> str:
        """Return the UUID of the account that was last added with this email."""
        with self._lock:
            return [account.id for account in self._accounts.values() if account.email == email.lower()][-1]

    def give_seat(self, product: str, user_uuid: str, **fields: Any) -> None:
        """Assign a seat, as if the person claimed it in the web page.

        :param fields: what the seat list shows instead (``id``, ``email``, ``name``, ``assigned_at``).
        """
        with self._lock:
            account = self._accounts.get(user_uuid)
            self._seats[product][user_uuid] = {
                "id": user_uuid,
                "email": account and account.email,
                "name": account and account.name,
                "assigned_at": datetime.now(UTC).isoformat(),
                **fields,
            }

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
        with self._lock:
            return sorted(self._accounts[each].email for each in self._seats[product] if each in self._accounts)

    def script(self, method: str, path: str, *faults: Fault) -> None:
        """Answer the next requests of this method and path with these faults, one each, in this order."""
        self._server.script(method, path, faults)

    def calls(self, method: str | None = None, path: str | None = None) -> list[Received]:
        """Return the requests so far, only those of a method or path if one is passed."""
        return [each for each in self.received if method in {None, each.method} and path in {None, each.path}]

    def _answer(self, request: Request) -> Answer:
        """Carry out a request and return the answer."""
        with self._lock:
            refused = self._unauthorized(request)
            if refused is not None:
                return refused
            limits, spent = self._limits(request.method, request.path)
            if spent:
                return Answer(HTTPStatus.TOO_MANY_REQUESTS, {"errors": ["Too many requests"]}, headers=limits)
            handlers = {
                ("GET", VALIDATE): self._validate,
                ("GET", VALIDATE_KEYS): self._validate_keys,
                ("GET", USERS): self._list_users,
                ("GET", SEATS): self._list_seats,
                ("POST", SEATS): self._assign,
                ("DELETE", SEATS): self._unassign,
            }
            handler = handlers.get((request.method, request.path))
            if request.method == "GET" and request.path.startswith(f"{USERS}/"):
                handler = self._get_user
            answer = handler(request) if handler else _plain(HTTPStatus.NOT_FOUND, "Not Found")
            return Answer(answer.status, answer.document, answer.content_type, limits)

    def _unauthorized(self, request: Request) -> Answer | None:
        api_key, app_key = request.headers.get("dd-api-key"), request.headers.get("dd-application-key")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if is_token(self.app_key) and self.app_key in {app_key, bearer}:
            return None
        if api_key is None:
            return _plain(HTTPStatus.UNAUTHORIZED, "API key required")
        if api_key != self.api_key or (app_key != self.app_key and request.path != VALIDATE):
            return _plain(HTTPStatus.FORBIDDEN, "Forbidden")
        return None

    def _limits(self, method: str, path: str) -> tuple[dict[str, str], bool]:
        if self.rate_limit is None:
            return {}, False
        allowed, period = self.rate_limit
        now = time.time()
        window = int(now / period)
        used = self._calls[method, path, window] = self._calls.get((method, path, window), 0) + 1
        headers = {
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Period": f"{period:g}",
            "X-RateLimit-Remaining": str(max(0, allowed - used)),
            "X-RateLimit-Reset": f"{(window + 1) * period - now:.3f}",
            "X-RateLimit-Name": f"{method.lower()}_{path.strip('/').replace('/', '_')}",
        }
        return headers, used > allowed

    def _validate(self, _: Request) -> Answer:
        return Answer(HTTPStatus.OK, {"valid": True})

    def _validate_keys(self, _: Request) -> Answer:
        return Answer(HTTPStatus.OK, {"status": "ok"})

    def _list_users(self, request: Request) -> Answer:
        size = _whole(request.query.get("page[size]", "10"))
        number = _whole(request.query.get("page[number]", "0"))
        if size is None or number is None or not 0 < size <= _MOST_IN_A_PAGE:
            return _plain(HTTPStatus.BAD_REQUEST, "Invalid page parameter")
        needle = request.query.get("filter", "").lower()
        statuses = {each.strip().lower() for each in request.query.get("filter[status]", "").split(",") if each}
        found = [
            account
            for account in self._accounts.values()
            if (needle in account.email or needle in account.name.lower())
            and (not statuses or account.status.lower() in statuses)
        ]
        page = found[number * size : (number + 1) * size]
        counts = {"total_count": len(self._accounts), "total_filtered_count": len(found)}
        return Answer(HTTPStatus.OK, {"data": [each.as_json() for each in page], "meta": {"page": counts}})

    def _get_user(self, request: Request) -> Answer:
        account = self._accounts.get(request.path.removeprefix(f"{USERS}/").lower())
        if account is None:
            return _plain(HTTPStatus.NOT_FOUND, "User not found")
        return Answer(HTTPStatus.OK, {"data": account.as_json()})

    def _list_seats(self, request: Request) -> Answer:
        product = request.query.get("product_code")
        if not product:
            return _object(HTTPStatus.BAD_REQUEST, "product_code query parameter is required")
        if product not in self._seats:
            return _object(HTTPStatus.UNPROCESSABLE_ENTITY, f"product_code {product} is not valid")
        limit = _whole(request.query.get("page[limit]", str(_MOST_IN_A_PAGE)))
        cursor = request.query.get("page[cursor]", "")
        start = _whole(cursor.removeprefix("after-")) if cursor else 0
        if not limit or start is None:
            return _object(HTTPStatus.BAD_REQUEST, "page parameter is not valid")
        seats = list(self._seats[product].values())
        if not seats:
            return Answer(HTTPStatus.OK, {"data": []}, _JSON_API)
        end = start + limit
        data = [
            {"type": "seat-users", "id": row["id"], "attributes": {key: row[key] for key in row if key != "id"}}
            for row in seats[start:end]
        ]
        following = f"after-{end}" if end < len(seats) else None
        meta = {"cursor": cursor or None, "limit": limit, "next_cursor": following}
        return Answer(HTTPStatus.OK, {"data": data, "meta": meta}, _JSON_API)

    def _assign(self, request: Request) -> Answer:
        asked = self._asked(request)
        if isinstance(asked, Answer):
            return asked
        product, users = asked
        unknown = [each for each in users if each not in self._accounts]
        if unknown and self.unknown_users == "refuse":
            return _object(HTTPStatus.UNPROCESSABLE_ENTITY, f"user {unknown[0]} not found")
        known = [each for each in users if each in self._accounts]
        fresh = [each for each in known if each not in self._seats[product]]
        for each in fresh:
            self.give_seat(product, each)
        assigned = fresh if self.seated_users == "omit" else known
        attributes = {"assigned_ids": assigned, "product_code": product}
        data = {"id": str(uuid.uuid4()), "type": "seat-assignments", "attributes": attributes}
        return Answer(HTTPStatus.CREATED, {"data": data}, _JSON_API)

    def _unassign(self, request: Request) -> Answer:
        asked = self._asked(request)
        if isinstance(asked, Answer):
            return asked
        product, users = asked
        for each in users:
            self.take_seat(product, each)
        return Answer(HTTPStatus.NO_CONTENT)

    def _asked(self, request: Request) -> tuple[str, list[str]] | Answer:
        """Return product and users of an assignment or unassignment, or the answer that refuses it."""
        try:
            attributes = request.body["data"]["attributes"]
            product, users = attributes.get("product_code"), attributes.get("user_uuids")
        except (AttributeError, KeyError, TypeError):
            return _object(HTTPStatus.BAD_REQUEST, "the body is not a seat assignment")
        if not product:
            return _object(HTTPStatus.UNPROCESSABLE_ENTITY, "product_code is required")
        if not users:
            return _object(HTTPStatus.UNPROCESSABLE_ENTITY, "user_uuids is required and must not be empty")
        if product not in self._seats:
            return _object(HTTPStatus.UNPROCESSABLE_ENTITY, f"product_code {product} is not valid")
        return product, list(dict.fromkeys(users))


def _plain(status: int, words: str) -> Answer:
    """Return an error as most endpoints answer it: plain strings."""
    return Answer(status, {"errors": [words]})


def _object(status: int, detail: str) -> Answer:
    """Return an error as the Seats API answers it: JSON:API objects."""
    return Answer(status, {"errors": [{"title": "Generic Error", "detail": detail}]}, _JSON_API)


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
