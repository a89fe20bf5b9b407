"""The connection to Datadog, once: the fields of its form, and the value parsed from an Airflow connection.

Addresses and keys follow https://docs.datadoghq.com/getting_started/site/ and
https://docs.datadoghq.com/account_management/api-app-keys/.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

CONN_TYPE = "datadog_seats"
DEFAULT_CONN_ID = "datadog_default"
DEFAULT_SITE = "datadoghq.com"
DEFAULT_TIMEOUT = 30.0
BATCH = 100
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
# New sites appear about yearly, always as a name below one of these domains.
_SITE = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*(?:datadoghq\.com|datadoghq\.eu|ddog-gov\.com)"
_KEY = r"[\x21-\x7e]+"
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|[.](?![.]))*|[0-9a-fA-F:.]+"
_PORTS = 65_536
_LONGEST_TIMEOUT = 3600.0
_LONGEST_SHOWN = 100


class DatadogSeatsError(Exception):
    """The base of every error that this package raises.

    :cvar passing: whether trying again later may help (a limit, a lost connection); Airflow's retries are for these.
    :cvar of_connection: whether the connection is what is to be looked at, which a message may not know by its id.
    """

    passing: bool = False
    of_connection: bool = False

    def told_of(self, conn_id: str) -> str:
        """Give the message, with the connection's id where that is what to look for."""
        return f"{self} The connection's id is {conn_id!r}." if self.of_connection else str(self)

    def __reduce__(self) -> tuple[object, ...]:
        """Let an error be pickled as it is: its class may take other arguments than the message."""
        return _restored, (type(self), self.args), self.__dict__


def restored(name: str, message: str) -> DatadogSeatsError:
    """Make an error again of the name of its class and its message, as far as they are known here."""
    kinds = [DatadogSeatsError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    named = next((kind for kind in kinds if kind.__name__ == name), DatadogSeatsError)
    return _restored(named, (message,))


def _restored(kind: type[DatadogSeatsError], arguments: tuple[object, ...]) -> DatadogSeatsError:
    error = kind.__new__(kind)
    error.args = arguments
    return error


class InvalidConnectionError(DatadogSeatsError):
    """A connection cannot be used as it is; the message names the connection, the field and what to do.

    :ivar conn_id: the connection's id.
    :ivar field: the field at fault, as the connection stores it (``password``, ``extra.api_key``, ``host``, ...).
    """

    def __init__(self, conn_id: str, field: str, problem: str) -> None:
        super().__init__(f"Connection {conn_id!r}, field {field}: {problem}")
        self.conn_id = conn_id
        self.field = field


class FormField(NamedTuple):
    """One field of the connection form that is kept in the connection's extra."""

    name: str
    label: str
    description: str
    type: str = "string"
    secret: bool = False
    default: str | int | None = None
    examples: tuple[str, ...] = ()


# No field is required: an access token needs no API key, and the rest has defaults.
FORM = (
    FormField(
        name="api_key",
        label="API key",
        description="Not needed with an access token (ddpat_... or ddsat_...) in the application key's place.",
        secret=True,
    ),
    FormField(
        name="site",
        label="Site",
        description=f"Your Datadog site: {', '.join(KNOWN_SITES)}, or a newer one.",
        default=DEFAULT_SITE,
        examples=KNOWN_SITES,
    ),
    FormField(
        name="timeout",
        label="Timeout",
        description="Seconds to wait for one answer.",
        type="integer",
        default=int(DEFAULT_TIMEOUT),
    ),
)
# The extra is shown, also where it could be hidden: Airflow 2's Test button does nothing if the type that its form
# begins with, which may be this one, hides it.
_HIDDEN = ["login", "schema"]
_RELABELING = {"password": "Application key", "host": "Base URL"}
_PLACEHOLDERS = {
    "password": "Or an access token. The API key is among the extra fields",
    "host": "Instead of the site: a proxy, or a local stand-in at http://127.0.0.1:18126",
    # The Test button of 3.3.1 and 3.3.2 refuses a connection without one. Without a base URL it is of no account.
    "port": "443; only the Test button of Airflow 3.3 needs one",
}


def conn_fields() -> dict[str, Any]:
    """Give the form as ``conn-fields`` of the provider's metadata, which Airflow reads from 3.2 on."""
    fields = {}
    for each in FORM:
        schema: dict[str, Any] = {"type": [each.type, "null"]}
        if each.secret:
            schema["format"] = "password"
        if each.default is not None:
            schema["default"] = each.default
        if each.examples:
            schema["examples"] = list(each.examples)
        fields[each.name] = {"label": each.label, "description": each.description, "schema": schema}
    return fields


def ui_field_behaviour() -> dict[str, Any]:
    """Give the ``ui-field-behaviour`` of the provider's metadata: which standard fields show, and their names."""
    return {
        "hidden-fields": list(_HIDDEN),
        "relabeling": dict(_RELABELING),
        "placeholders": dict(_PLACEHOLDERS),
    }


class DatadogConnection(NamedTuple):
    """What is needed to reach one Datadog organisation. Equal values reach it in the same way with the same keys.

    :param base_url: scheme, host and optional path before ``/api/...``, without a final slash.
    :param app_key: the application key, or an access token in its place.
    :param api_key: the API key; None with an access token.
    :param timeout: seconds to wait for one answer.
    """

    base_url: str
    app_key: str
    api_key: str | None
    timeout: float = DEFAULT_TIMEOUT

    @property
    def seats_page(self) -> str | None:
        """The address of the page where the organisation manages its seats; None if the site is not known.

        .. seealso:: https://docs.datadoghq.com/account_management/billing/incident_response/
        """
        api = re.fullmatch(rf"https://api\.({_SITE})", self.base_url)
        if api is None:
            return None
        # The oldest site of a domain has its pages below "app", the others below their own name.
        site = api[1] if api[1].count(".") > 1 else f"app.{api[1]}"
        return f"https://{site}/billing/seats"

    def __repr__(self) -> str:
        return f"DatadogConnection(base_url={self.base_url!r}, timeout={self.timeout!r})"

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
        """Read the fields of an Airflow connection.

        A connection of type ``datadog``, as Airflow's own Datadog provider makes it, serves as it is: its extra holds
        ``api_key``, ``app_key`` and ``api_host``, and its host, which is that of the events, is ignored.

        :param conn_id: the connection's id, for messages.
        :param conn_type: ``datadog_seats`` or ``datadog``; any other is read as the former.
        :param host: a base URL that overrides the site.
        :param port: the port of a host that was given apart from it, as a connection URI does.
        :param schema: the URL scheme of a host that has none; ``https`` if None.
        :param password: the application key or an access token.
        :param extra: ``api_key``, ``site``, ``timeout``, and for an application key not in the password ``app_key``.
        :raises InvalidConnectionError: naming the first field that is missing or cannot be used.
        """
        reader = _Reader(conn_id)
        if not isinstance(extra or {}, Mapping):
            raise reader.error("extra", "it is not a JSON object; enter it as one, with api_key and site in it.")
        extra = extra or {}
        if conn_type == "datadog":
            base_url = reader.base_url("extra.api_host", extra.get("api_host")) or reader.site(extra.get("site"))
        else:
            base_url = reader.base_url("host", host, reader.port(port), schema) or reader.site(extra.get("site"))
        if extra.get("app_key") and (conn_type == "datadog" or not password):
            app_key = reader.key("extra.app_key", extra["app_key"], "application key")
        else:
            field = "extra.app_key" if conn_type == "datadog" and not str(password or "").strip() else "password"
            app_key = reader.key(field, password, "application key")
        return cls(
            base_url=base_url,
            app_key=app_key,
            api_key=None if is_token(app_key) else reader.key("extra.api_key", extra.get("api_key"), "API key"),
            timeout=reader.timeout(extra.get("timeout")),
        )


def is_token(app_key: str) -> bool:
    """Whether this is a personal or service access token, which goes without an API key."""
    return app_key.startswith(("ddpat_", "ddsat_"))


class _Reader:
    """Reads single fields of one connection, each with errors that name it."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def error(self, field: str, problem: str) -> InvalidConnectionError:
        return InvalidConnectionError(self.conn_id, field, problem)

    def key(self, field: str, value: object, what: str) -> str:
        """Read a key. No message may hold its value."""
        if value is None or (isinstance(value, str) and not value.strip()):
            raise self.error(field, f"the Datadog {what} is missing; enter it there.")
        if not isinstance(value, str):
            raise self.error(field, f"the Datadog {what} must be text, not {type(value).__name__}; enter it again.")
        key = value.strip()
        if not key.strip("*"):
            raise self.error(field, f"the Datadog {what} is only asterisks (a masked copy); enter the real one.")
        if not re.fullmatch(_KEY, key):
            raise self.error(field, f"the Datadog {what} holds a space or a character that no key has; enter it again.")
        return key

    def site(self, value: object) -> str:
        """Read a site, also as people paste it, into the base URL of its API."""
        if value is None or value == "":
            value = DEFAULT_SITE
        host = _hostname(value) if isinstance(value, str) else None
        site = re.sub(r"^(?:app|api)\.", "", host or "")
        if not re.fullmatch(_SITE, site):
            raise self.error(
                "extra.site",
                f"{_shown(value)} is no Datadog site; give one like datadoghq.com or us5.datadoghq.com, "
                "or put the base URL of a proxy into host.",
            )
        return f"https://api.{site}"

    def base_url(self, field: str, value: object, port: int | None = None, schema: str | None = None) -> str | None:
        """Read a base URL; None if there is none. A known site in its place becomes that site's API."""
        if value is None or value == "":
            return None
        text = value.strip() if isinstance(value, str) else ""
        if "://" not in text:
            text = f"{schema or ('http' if _is_loopback(_hostname(text) or '') else 'https')}://{text}"
        shown = _shown(value)
        try:
            url = urlsplit(text)
            hostname, port = url.hostname or "", url.port or port
        except ValueError:
            raise self.error(field, f"{shown} is no URL; give one like https://proxy.example.com.") from None
        if url.username is not None or url.password is not None or url.query or url.fragment:
            raise self.error(field, f"{shown} must not hold a user, a password, a query or a fragment; leave them out.")
        if not re.fullmatch(_HOST, hostname) or url.scheme not in {"http", "https"}:
            raise self.error(field, f"{shown} is no web address; give one like https://proxy.example.com.")
        if url.scheme == "http" and not _is_loopback(hostname):
            raise self.error(field, f"{shown} would send the keys in clear; use https (http is for this machine only).")
        if hostname in KNOWN_SITES or (hostname.startswith("app.") and re.fullmatch(_SITE, hostname)):
            return f"https://api.{hostname.removeprefix('app.')}"
        netloc = f"[{hostname}]" if ":" in hostname else hostname
        return f"{url.scheme}://{netloc}{f':{port}' if port else ''}{url.path.rstrip('/')}"

    def port(self, value: object) -> int | None:
        """Read a port, which a connection given as JSON may hold as text."""
        text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
        if value is None or value == "":
            return None
        if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) >= _PORTS:
            raise self.error("port", f"{_shown(value)} is no port; leave it out, or write it into the host.")
        return int(text)

    def timeout(self, value: object) -> float:
        """Read a number of seconds."""
        if value is None or value == "":
            return DEFAULT_TIMEOUT
        try:
            seconds = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            seconds = math.nan
        if not 0 < seconds <= _LONGEST_TIMEOUT:
            raise self.error("extra.timeout", f"{value!r} is not a number of seconds above 0 and up to 3600.")
        return seconds


def _hostname(text: str) -> str | None:
    """Give the host of a pasted address, with or without a scheme; None if there is none."""
    text = text.strip()
    try:
        return urlsplit(text if "://" in text else f"https://{text}").hostname
    except ValueError:
        return None


def _shown(value: object) -> str:
    """Show an address in a message, unless a password or a key may be in it."""
    text = value if isinstance(value, str) else repr(value)
    secret = any(mark in text for mark in "@?#") or (len(text) > 20 and "." not in text) or len(text) > _LONGEST_SHOWN  # noqa: PLR2004 (shorter than any key)
    return "what is there (not shown, since it may hold a secret)" if secret else repr(value)


def _is_loopback(hostname: str) -> bool:
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False
