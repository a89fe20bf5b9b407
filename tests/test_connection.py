"""The connection: how its fields are parsed, and the errors of those that cannot be used."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_seats._secrets import Secret
from airflow_provider_seats.connection import KNOWN_SITES, DatadogConnection
from airflow_provider_seats.exceptions import DatadogSeatsError, InvalidConnectionError


def parse(**fields: Any) -> DatadogConnection:
    """Parse a complete connection with some of its fields replaced."""
    extra = {"api_key": "API-1", **fields.pop("extra", {})}
    return DatadogConnection.parse(conn_id="dd", **{"password": "APP-1", "extra": extra, **fields})


def refusal(**fields: Any) -> InvalidConnectionError:
    """Return the error of a connection that cannot be used."""
    with pytest.raises(InvalidConnectionError) as caught:
        parse(**fields)
    assert not caught.value.transient
    return caught.value


@pytest.mark.parametrize("site", KNOWN_SITES)
@pytest.mark.parametrize("form", ["{}", "app.{}", "api.{}", "https://app.{}/", "https://{}/account/login", " {} "])
def test_a_known_site_is_accepted_in_every_form(site: str, form: str) -> None:
    """A known site becomes the base URL of its API, in whatever form it was copied."""
    assert parse(extra={"site": form.format(site)}).base_url == f"https://api.{site}"


@pytest.mark.parametrize(
    ("site", "url"),
    [
        (None, "https://api.datadoghq.com"),
        ("", "https://api.datadoghq.com"),
        ("ap9.datadoghq.com", "https://api.ap9.datadoghq.com"),
        ("US5.DatadogHQ.com", "https://api.us5.datadoghq.com"),
        ("us3.ddog-gov.com", "https://api.us3.ddog-gov.com"),
        ("https://app.datadoghq.com/account", "https://api.datadoghq.com"),
        ("https://acme.datadoghq.com/dashboard/lists", "https://api.datadoghq.com"),
        ("acme.us5.datadoghq.com", "https://api.us5.datadoghq.com"),
        ("https://ACME-2.datadoghq.eu/", "https://api.datadoghq.eu"),
        ("acme.us2.ddog-gov.com", "https://api.us2.ddog-gov.com"),
        ("app.acme.datadoghq.com", "https://api.datadoghq.com"),
    ],
)
def test_a_missing_site_has_a_default_and_a_new_one_is_accepted(site: str | None, url: str) -> None:
    """A missing site means datadoghq.com, and a site that is newer than this version is accepted."""
    assert parse(extra={"site": site}).base_url == url


@pytest.mark.parametrize(
    "site",
    ["example.com", "datadoghq.com.evil.example", "xdatadoghq.com", "datadoghq", "a..datadoghq.com", 5, "//", "["],
)
def test_an_unknown_site_is_an_error(site: object) -> None:
    """A value that is not a site is an error that shows it and says what to enter."""
    error = refusal(extra={"site": site})
    assert (error.conn_id, error.field) == ("dd", "extra.site")
    assert repr(site) in str(error)
    assert "Enter" in str(error)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "https://proxy.example.com/datadog/"}, "https://proxy.example.com/datadog"),
        ({"host": "proxy.example.com"}, "https://proxy.example.com"),
        ({"host": "proxy.example.com", "port": 8443}, "https://proxy.example.com:8443"),
        ({"host": "http://127.0.0.1:8126"}, "http://127.0.0.1:8126"),
        ({"host": "127.0.0.1", "port": 8126, "schema": "http"}, "http://127.0.0.1:8126"),
        ({"host": "http://localhost:1"}, "http://localhost:1"),
        ({"host": "http://[::1]:1"}, "http://[::1]:1"),
        ({"host": "https://app.datadoghq.eu"}, "https://api.datadoghq.eu"),
        ({"host": "us3.datadoghq.com"}, "https://api.us3.datadoghq.com"),
        ({"host": "https://api.datadoghq.com"}, "https://api.datadoghq.com"),
    ],
)
def test_a_host_overrides_the_site(fields: dict[str, Any], url: str) -> None:
    """A host overrides the site, and the address of a Datadog page becomes that of the site's API."""
    assert parse(**fields, extra={"site": "us5.datadoghq.com"}).base_url == url


@pytest.mark.parametrize(
    "host",
    [
        "http://proxy.example.com",
        "http://127.0.0.1.example.com",
        "ftp://proxy.example.com",
        "https://user:SECRET-9@proxy.example.com",
        "https://proxy.example.com?x=1",
        "https://proxy.example.com#x",
        "https://",
        "https://a b",
        "https://[::1",
        "https://x:99999",
        7,
    ],
)
def test_a_host_that_cannot_be_used_is_an_error_without_its_password(host: object) -> None:
    """Plain HTTP to another machine, credentials and anything but a URL are errors, which show no password."""
    error = refusal(host=host)
    assert error.field == "host"
    assert "SECRET-9" not in str(error)


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_a_missing_key_is_an_error_with_field_and_connection(missing: str | None) -> None:
    """The error of a missing key names the field and the connection."""
    assert (refusal(password=missing).field, refusal(extra={"api_key": missing}).field) == ("password", "extra.api_key")
    assert "'dd'" in str(refusal(password=missing))
    assert refusal(conn_type="datadog", password=missing).field == "extra.app_key"


@pytest.mark.parametrize("key", ["***", "*", "ab cd", "ab\ncd", "schlüssel", 12345])
def test_an_impossible_key_is_an_error_that_does_not_show_it(key: Any) -> None:
    """A masked copy, or a key with a space or an odd character, is an error that does not show the key."""
    for error in (refusal(password=key), refusal(extra={"api_key": key})):
        assert str(key) not in str(error) or str(key).strip("*") == ""
    assert "asterisks" in str(refusal(password="********"))


def test_keys_are_stripped_and_are_not_in_the_repr() -> None:
    """Spaces and line ends around a key are removed, and the repr of a connection contains no key."""
    connection = parse(password=" APP-7\n", extra={"api_key": "API-7 "})
    assert connection.key_headers() == {"DD-APPLICATION-KEY": "APP-7", "DD-API-KEY": "API-7"}
    assert "-7" not in repr(connection)


@pytest.mark.parametrize("token", ["ddpat_abc", "ddsat_abc"])
def test_an_access_token_needs_no_api_key(token: str) -> None:
    """A connection with an access token needs no API key and drops one that is there."""
    assert parse(password=token, extra={"api_key": None}).api_key is None
    assert parse(password=token).api_key is None


def test_an_application_key_in_the_extra_is_found() -> None:
    """If the password is empty, the application key is read from app_key in the extra."""
    assert parse(password=None, extra={"app_key": "APP-2"}).app_key == Secret("APP-2")
    assert parse(extra={"app_key": "APP-2"}).app_key == Secret("APP-1")
    assert parse(password=" ", extra={"app_key": "APP-2"}).app_key == Secret("APP-2")
    assert parse(conn_type="datadog", extra={"app_key": " "}).app_key == Secret("APP-1")


def test_a_connection_of_airflows_own_datadog_provider_works_as_it_is() -> None:
    """A connection of type datadog uses api_host, and ignores the host, which is that of the events."""
    extra = {"api_key": "API-3", "app_key": "APP-3", "api_host": "https://api.datadoghq.eu", "source_type_name": "x"}
    connection = parse(conn_type="datadog", host="my-events-host", password=None, extra=extra)
    assert connection.base_url == "https://api.datadoghq.eu"
    assert (connection.api_key, connection.app_key) == (Secret("API-3"), Secret("APP-3"))
    without = parse(conn_type="datadog", host="my-events-host", password=None, extra={"app_key": "APP-3"})
    assert without.base_url == "https://api.datadoghq.com"
    assert refusal(conn_type="datadog", extra={"api_host": "http://x.example"}).field == "extra.api_host"


@pytest.mark.parametrize(("value", "seconds"), [(None, 30), ("", 30), (5, 5), ("2.5", 2.5), (3600, 3600)])
def test_the_timeout_is_a_number_of_seconds(value: object, seconds: float) -> None:
    """A timeout is a number or a text of one, and is 30 seconds by default."""
    assert parse(extra={"timeout": value}).timeout == seconds


@pytest.mark.parametrize("value", [0, -1, "soon", "nan", "inf", True, [], 3601, 10**400])
def test_an_impossible_timeout_is_an_error(value: object) -> None:
    """A timeout that is no number of seconds, not above 0 or too long, is an error that names the field."""
    assert refusal(extra={"timeout": value}).field == "extra.timeout"


def test_connections_with_the_same_address_and_keys_are_equal() -> None:
    """Connections are equal if their addresses and keys are, whatever their ids."""
    assert parse() == DatadogConnection.parse(conn_id="other", password="APP-1", extra={"api_key": "API-1"})
    assert parse() != parse(password="APP-2")
    assert hash(parse()) == hash(parse())


@pytest.mark.parametrize("extra", [[1], "x", 7])
def test_an_extra_that_is_no_object_is_an_error(extra: Any) -> None:
    """An extra that is JSON but no object is an error."""
    with pytest.raises(InvalidConnectionError, match=r"field extra: it is not a JSON object"):
        DatadogConnection.parse(conn_id="dd", password="APP-1", extra=extra)


@pytest.mark.parametrize(
    "host",
    [
        "ann:SECRET-9@proxy.example.com",
        "https://u:p@SECRET-9@proxy.example.com",
        "https://u:SECRET-9/w@proxy.example.com",
        "https://proxy.example.com/?api_key=SECRET-9",
    ],
)
def test_a_host_that_contains_a_secret_is_not_shown(host: str) -> None:
    """The error of a host with a password or a key does not repeat it, because Airflow shows it unmasked."""
    error = refusal(host=host)
    assert error.field == "host"
    assert "SECRET-9" not in str(error)


def test_a_key_that_was_pasted_into_the_site_is_not_shown() -> None:
    """The error of a key in the field of the site names the field and does not show the key."""
    key = "0123456789abcdef0123456789abcdef"
    assert key not in str(refusal(extra={"site": key}))
    assert key not in str(refusal(extra={"site": f"https://{key}.com"}))


@pytest.mark.parametrize("fields", [{"host": "{}"}, {"host": "https://{}.example.com"}, {"host": "https://x.com/{}"}])
@pytest.mark.parametrize("key", ["0123456789abcdef" * 2, "0123456789ABCDEF" * 3])
def test_a_key_in_the_address_is_an_error(fields: dict[str, str], key: str) -> None:
    """A key that was entered as the host, too, is an error, because messages and traces show addresses."""
    host = fields["host"].format(key)
    error = refusal(host=host, password=key)
    assert (error.field, key.lower() in str(error).lower()) == ("host", False)
    assert refusal(host=host, extra={"api_key": key}).field == "host"


@pytest.mark.parametrize("port", [65_536, -1, "x", "4 43", True, 1.5, "\u0664\u0664\u0663"])
def test_an_impossible_port_is_an_error(port: Any) -> None:
    """A value that is not a port is an error that names the field."""
    assert refusal(host="proxy.example.com", port=port).field == "port"


def test_a_local_host_without_a_scheme_is_plain_http() -> None:
    """A host on this machine without a scheme uses plain HTTP."""
    assert parse(host="127.0.0.1:18126").base_url == "http://127.0.0.1:18126"
    assert parse(host="localhost", port=18126).base_url == "http://localhost:18126"


def test_an_error_can_be_pickled_as_it_is() -> None:
    """An error has the same type, message and attributes after it was pickled, as executors do."""
    error = refusal(host="ftp://x")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("site", KNOWN_SITES)
def test_an_organisations_sub_domain_means_its_site(site: str) -> None:
    """An organisation's sub-domain before a known site means that site, in the site and in the host."""
    url = f"https://api.{site}"
    for organisation in ("acme", "a", "1st-acme", "acme2", "us5x", "europe"):
        assert parse(extra={"site": f"{organisation}.{site}"}).base_url == url, organisation
        assert parse(extra={"site": f"https://{organisation}.{site}/billing"}).base_url == url, organisation
        assert parse(host=f"https://{organisation}.{site}").base_url == url, organisation


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("docs.datadoghq.com", "datadoghq.com"),
        ("www.datadoghq.eu", "datadoghq.eu"),
        ("status.us3.datadoghq.com", "us3.datadoghq.com"),
        ("navy.oncall.datadoghq.com", "datadoghq.com"),
        ("a.b.us5.datadoghq.com", "us5.datadoghq.com"),
        ("http-intake.logs.ap1.datadoghq.com", "ap1.datadoghq.com"),
    ],
)
def test_a_name_below_datadogs_domains_that_is_no_site_is_an_error(name: str, site: str) -> None:
    """A name below Datadog's domains that cannot be a site is an error that says which site to use."""
    for field, error in (
        ("extra.site", refusal(extra={"site": name})),
        ("extra.site", refusal(extra={"site": f"https://{name}/x"})),
        ("host", refusal(host=name)),
        ("host", refusal(host=f"https://{name}/x")),
    ):
        assert error.field == field
        assert f"Enter {site}," in str(error)


@pytest.mark.parametrize("convert", [json.dumps, list, dict, tuple, vars, lambda value: value | {}])
def test_a_connection_cannot_be_turned_into_a_plain_value(convert: Any) -> None:
    """A connection becomes no JSON, list, dict or tuple, so that nothing logs its keys by accident."""
    with pytest.raises(TypeError) as caught:
        convert(parse(password="APP-SECRET", extra={"api_key": "API-SECRET"}))
    assert "SECRET" not in str(caught.value)


def test_no_text_of_a_connection_contains_a_key() -> None:
    """The texts of a connection contain its address and no key."""
    connection = parse(password="APP-SECRET", extra={"api_key": "API-SECRET"})
    for text in (str(connection), repr(connection), f"{connection}", f"{[connection]}", json.dumps(str(connection))):
        assert "datadoghq.com" in text
        assert "SECRET" not in text


@pytest.mark.parametrize(
    ("site", "page"),
    [
        ("datadoghq.com", "https://app.datadoghq.com/billing/seats"),
        ("datadoghq.eu", "https://app.datadoghq.eu/billing/seats"),
        ("us5.datadoghq.com", "https://us5.datadoghq.com/billing/seats"),
        ("us2.ddog-gov.com", "https://us2.ddog-gov.com/billing/seats"),
    ],
)
def test_the_page_of_the_seats_is_that_of_the_site(site: str, page: str) -> None:
    """A connection knows the page where the organisation manages its seats, and none behind a proxy."""
    assert parse(extra={"site": site}).seats_page == page
    assert parse(host="https://proxy.example.com").seats_page is None


_anything = st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()))


@given(
    conn_type=st.sampled_from(["datadog", "datadog_seats"]),
    host=_anything,
    schema=st.sampled_from([None, "", "http", "https", "x"]),
    password=_anything,
    extra=st.dictionaries(st.sampled_from(["api_key", "app_key", "api_host", "site", "timeout"]), _anything),
)
def test_any_connection_is_parsed_or_an_error_of_this_package(**fields: Any) -> None:
    """Whatever a connection contains, its base URL is https or this machine, or it is an error."""
    try:
        connection = DatadogConnection.parse(conn_id="dd", **fields)
    except DatadogSeatsError as error:
        assert "field" in str(error)
    else:
        assert connection.base_url.startswith(("https://", "http://127.", "http://localhost", "http://[::1]"))
        assert connection.timeout > 0
