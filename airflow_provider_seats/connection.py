"""The connection to Datadog, parsed from an Airflow connection.

Addresses and keys follow https://docs.datadoghq.com/getting_started/site/ and
https://docs.datadoghq.com/account_management/api-app-keys/.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from airflow_provider_seats._secrets import Secret
from airflow_provider_seats.exceptions import InvalidConnectionError

CONN_TYPE = "datadog_seats"
DEFAULT_CONN_ID = "datadog_default"
DEFAULT_SITE = "datadoghq.com"
DEFAULT_TIMEOUT = 30.0
KNOWN_SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "datadoghq.eu",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
_DOMAINS = r"datadoghq\.com|datadoghq\.eu|ddog-gov\.com"
# New sites appear about yearly, always as a region with a number below one of the domains.
_SITE = rf"(?:[a-z]{{2,3}}[0-9]{{1,2}}\.)?(?:{_DOMAINS})"
# An organisation may have a sub-domain of its own, but not one of the names that Datadog uses itself.
_ORGANISATION = r"(?!(?:docs|www|status|learn|help|support|trust|trace|browser-intake)\.)[a-z0-9][a-z0-9-]*\."
_KEY = r"[\x21-\x7e]+"
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|[.](?![.]))*|[0-9a-fA-F:.]+"
_PORTS = 65_536
_MAX_TIMEOUT = 3600.0
_MAX_SHOWN = 100
# Every key of Datadog is longer.
_MIN_KEY = 20


class DatadogConnection:
    """The address and the keys of one Datadog organisation. Nothing that shows it shows a key.

    :param base_url: scheme, host and optional path before ``/api/...``, without a final slash.
    :param app_key: the application key, or an access token in its place. It is kept as a :class:`Secret`.
    :param api_key: the API key, also kept as a :class:`Secret`; None with an access token.
    :param timeout: seconds to wait for one answer.
    """

    __slots__ = ("api_key", "app_key", "base_url", "timeout")

    def __init__(self, base_url: str, app_key: str, api_key: str | None, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.base_url: Final = base_url
        self.app_key: Final = Secret(app_key)
        self.api_key: Final = None if api_key is None else Secret(api_key)
        self.timeout: Final = timeout

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r}, timeout={self.timeout!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatadogConnection) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> tuple[object, ...]:
        return self.base_url, self.app_key, self.api_key, self.timeout

    def key_headers(self) -> dict[str, str]:
        """Return the request headers that carry the keys. To be called only inside ``with sealed``."""
        keys = {"DD-APPLICATION-KEY": self.app_key, "DD-API-KEY": self.api_key}
        return {name: key.reveal() for name, key in keys.items() if key is not None}

    @property
    def seats_page(self) -> str | None:
        """The address of the page where the organisation manages its seats; None if the site is unknown.

        .. seealso:: https://docs.datadoghq.com/account_management/billing/incident_response/
        """
        api = re.fullmatch(rf"https://api\.({_SITE})", self.base_url)
        if api is None:
            return None
        # The first site of a domain has its pages below "app", the others below their own name.
        site = api[1] if api[1].count(".") > 1 else f"app.{api[1]}"
        return f"https://{site}/billing/seats"

    @classmethod
    def parse(
        cls,
        *,
        conn_id: str,
        conn_type: str | None = CONN_TYPE,
        host: str | None = None,
        port: int | None = None,
        schema: str | None = None,
        password: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> DatadogConnection:
        """Parse the fields of an Airflow connection.

        A connection of type ``datadog``, as Airflow's own Datadog provider uses it, works unchanged: its extra contains
        ``api_key``, ``app_key`` and ``api_host``. Its host is that of the events and is ignored.

        :param conn_id: the connection's id, for messages.
        :param conn_type: ``datadog_seats`` or ``datadog``; any other is read as the former.
        :param host: a base URL that overrides the site.
        :param port: the port of the host, if the host does not contain it.
        :param schema: the URL scheme of a host that has none; ``https`` if None.
        :param password: the application key or an access token.
        :param extra: ``api_key``, ``site`` and ``timeout``; ``app_key`` if the application key is not the password.
        :raises InvalidConnectionError: for the first field that is missing or cannot be used.
        """
        reader = _Reader(conn_id)
        if not isinstance(extra or {}, Mapping):
            raise reader.error("extra", "it is not a JSON object. Enter one with api_key and site.")
        extra = extra or {}
        if not conn_type and "//" in str(schema):
            # Python's urlsplit ends the scheme of a URI at an underscore, and Airflow takes the rest for the schema.
            raise reader.error("URI", "Airflow cannot read a scheme with an underscore. Write datadog-seats://...")
        host_field, key_fields = "host", {"password": password, "extra.app_key": extra.get("app_key")}
        if conn_type == "datadog":
            host_field, host, port, schema = "extra.api_host", extra.get("api_host"), None, None
            key_fields = dict(reversed(key_fields.items()))
        base_url = reader.base_url(host_field, host, reader.port(port), schema) or reader.site(extra.get("site"))
        given = [field for field, key in key_fields.items() if key and str(key).strip()]
        field = (given or [*key_fields])[0]
        app_key = reader.key(field, key_fields[field], "application key")
        api_key = None if is_token(app_key) else reader.key("extra.api_key", extra.get("api_key"), "API key")
        if any(len(key) >= _MIN_KEY and key.lower() in base_url.lower() for key in (app_key, api_key or "")):
            raise reader.error(host_field, "it contains a key. Enter a web address.")
        return cls(
            base_url=base_url,
            app_key=app_key,
            api_key=api_key,
            timeout=reader.timeout(extra.get("timeout")),
        )


def is_token(app_key: str) -> bool:
    """Return whether this is a personal or service access token, which needs no API key."""
    return app_key.startswith(("ddpat_", "ddsat_"))


class _Reader:
    """Reads single fields of one connection. Its errors name the field."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def error(self, field: str, problem: str) -> InvalidConnectionError:
        return InvalidConnectionError(self.conn_id, field, problem)

    def key(self, field: str, value: object, what: str) -> str:
        """Read a key. No message contains its value."""
        if value is None or (isinstance(value, str) and not value.strip()):
            raise self.error(field, f"the Datadog {what} is missing. Enter it there.")
        key = value.strip() if isinstance(value, str) else ""
        if not re.fullmatch(_KEY, key):
            raise self.error(
                field,
                f"the Datadog {what} is not text, or contains a space or a character that no key has. Enter it again.",
            )
        if not key.strip("*"):
            raise self.error(field, f"the Datadog {what} is only asterisks (a masked copy). Enter the real one.")
        return key

    def site(self, value: object) -> str:
        """Return the base URL of a site's API. The site may be a pasted address of one of its pages."""
        if value is None or value == "":
            value = DEFAULT_SITE
        return self._site_url("extra.site", _hostname(value) if isinstance(value, str) else "", value)

    def _site_url(self, field: str, host: str, value: object) -> str:
        site = re.fullmatch(rf"(?:(?:app|api)\.)?(?:{_ORGANISATION})??({_SITE})", host)
        if site is None:
            domain = re.search(rf"{_SITE}$", host)
            example = f"Enter {domain[0]}" if domain else "Enter one such as datadoghq.com or us5.datadoghq.com"
            raise self.error(
                field, f"{_shown(value)} is not a Datadog site. {example}, or put the base URL of a proxy into host."
            )
        return f"https://api.{site[1]}"

    def base_url(self, field: str, value: object, port: int | None = None, schema: str | None = None) -> str | None:
        """Return a base URL; None if there is none. The address of a Datadog site becomes that of its API."""
        if value is None or value == "":
            return None
        text = value.strip() if isinstance(value, str) else ""
        if "://" not in text:
            text = f"{schema or ('http' if _is_loopback(_hostname(text)) else 'https')}://{text}"
        shown = _shown(value)
        try:
            url = urlsplit(text)
            hostname, port = url.hostname or "", url.port or port
        except ValueError:
            raise self.error(field, f"{shown} is not a URL. Enter one such as https://proxy.example.com.") from None
        if url.username is not None or url.password is not None or url.query or url.fragment:
            raise self.error(field, f"{shown} must not contain a user, a password, a query or a fragment. Remove them.")
        if not re.fullmatch(_HOST, hostname) or url.scheme not in {"http", "https"}:
            raise self.error(field, f"{shown} is not a web address. Enter one such as https://proxy.example.com.")
        if url.scheme == "http" and not _is_loopback(hostname):
            raise self.error(
                field, f"{shown} would send the keys unencrypted. Use https (http is for this machine only)."
            )
        if re.search(rf"(?:^|\.)(?:{_DOMAINS})$", hostname):
            return self._site_url(field, hostname, value)
        netloc = f"[{hostname}]" if ":" in hostname else hostname
        return f"{url.scheme}://{netloc}{f':{port}' if port else ''}{url.path.rstrip('/')}"

    def port(self, value: object) -> int | None:
        """Read a port. A connection in JSON may have it as text."""
        if value is None or value == "":
            return None
        text = str(value).strip()
        if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) >= _PORTS:
            raise self.error("port", f"{_shown(value)} is not a port. Leave it out, or write it into the host.")
        return int(text)

    def timeout(self, value: object) -> float:
        if value is None or value == "":
            return DEFAULT_TIMEOUT
        try:
            seconds = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            seconds = math.nan
        if not 0 < seconds <= _MAX_TIMEOUT:
            raise self.error(
                "extra.timeout", f"{_shown(value)} is not a number of seconds above 0 and up to 3600. Correct it."
            )
        return seconds


def _hostname(text: str) -> str:
    """Return the host of a pasted address, with or without a scheme; an empty text if there is none."""
    text = text.strip()
    try:
        return urlsplit(text if "://" in text else f"https://{text}").hostname or ""
    except ValueError:
        return ""


def _shown(value: object) -> str:
    """Show an address in a message, unless it may contain a password or a key."""
    text = value if isinstance(value, str) else repr(value)
    is_long = len(text) > _MAX_SHOWN or (len(text) > _MIN_KEY and "." not in text) or re.search(r"\w{30}", text)
    secret = is_long or any(mark in text for mark in "@?#")
    return "the value (not shown, because it may contain a secret)" if secret else repr(value)


def _is_loopback(hostname: str) -> bool:
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False
