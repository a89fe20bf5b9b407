"""The connection: what is read from Airflow's fields, and what is refused with which words."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_seats.connection import KNOWN_SITES, DatadogConnection, DatadogSeatsError, InvalidConnectionError


def parse(**fields: Any) -> DatadogConnection:
    """Parse a connection that is whole but for the given fields."""
    extra = {"api_key": "API-1", **fields.pop("extra", {})}
    return DatadogConnection.parse(conn_id="dd", **{"password": "APP-1", "extra": extra, **fields})


def refusal(**fields: Any) -> InvalidConnectionError:
    """Give the error that a connection raises."""
    with pytest.raises(InvalidConnectionError) as caught:
        parse(**fields)
    assert not caught.value.passing
    return caught.value


@pytest.mark.parametrize("site", KNOWN_SITES)
@pytest.mark.parametrize("form", ["{}", "app.{}", "api.{}", "https://app.{}/", "https://{}/account/login", " {} "])
def test_every_known_site_is_read_in_every_form_that_people_paste(site: str, form: str) -> None:
    """A site leads to its API, however it was copied."""
    assert parse(extra={"site": form.format(site)}).base_url == f"https://api.{site}"


@pytest.mark.parametrize(
    ("site", "url"),
    [
        (None, "https://api.datadoghq.com"),
        ("", "https://api.datadoghq.com"),
        ("ap9.datadoghq.com", "https://api.ap9.datadoghq.com"),
        ("US5.DatadogHQ.com", "https://api.us5.datadoghq.com"),
        ("us3.ddog-gov.com", "https://api.us3.ddog-gov.com"),
    ],
)
def test_a_missing_site_is_the_first_one_and_a_new_one_is_accepted(site: str | None, url: str) -> None:
    """Sites that came after this version work, and none means datadoghq.com."""
    assert parse(extra={"site": site}).base_url == url


@pytest.mark.parametrize(
    "site",
    ["example.com", "datadoghq.com.evil.example", "xdatadoghq.com", "datadoghq", "a..datadoghq.com", 5, "//", "["],
)
def test_a_site_that_is_none_is_named(site: object) -> None:
    """The error shows the value and what to give instead."""
    error = refusal(extra={"site": site})
    assert (error.conn_id, error.field) == ("dd", "extra.site")
    assert repr(site) in str(error)


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
    """A base URL is taken as it is; a site's own page becomes the site's API."""
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
def test_a_host_that_cannot_be_used_is_named_without_its_password(host: object) -> None:
    """Clear text to another machine, credentials, and what is no URL are refused."""
    error = refusal(host=host)
    assert error.field == "host"
    assert "SECRET-9" not in str(error)


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_a_missing_key_is_named_by_field_and_connection(missing: str | None) -> None:
    """Who reads the error knows where to enter which key."""
    assert (refusal(password=missing).field, refusal(extra={"api_key": missing}).field) == ("password", "extra.api_key")
    assert "'dd'" in str(refusal(password=missing))
    assert refusal(conn_type="datadog", password=missing).field == "extra.app_key"


@pytest.mark.parametrize("key", ["***", "*", "ab cd", "ab\ncd", "schlüssel", 12345])
def test_a_key_that_cannot_be_one_is_refused_and_never_shown(key: Any) -> None:
    """A masked copy, or a key with a space in it, would only be refused by Datadog later."""
    for error in (refusal(password=key), refusal(extra={"api_key": key})):
        assert str(key) not in str(error) or str(key).strip("*") == ""
    assert "asterisks" in str(refusal(password="********"))


def test_keys_are_stripped_and_stay_out_of_the_repr() -> None:
    """A pasted line end does no harm, and a printed connection shows no key."""
    connection = parse(password=" APP-7\n", extra={"api_key": "API-7 "})
    assert (connection.app_key, connection.api_key) == ("APP-7", "API-7")
    assert "-7" not in repr(connection)


@pytest.mark.parametrize("token", ["ddpat_abc", "ddsat_abc"])
def test_an_access_token_goes_without_an_api_key(token: str) -> None:
    """An API key beside a token is neither needed nor sent."""
    assert parse(password=token, extra={"api_key": None}).api_key is None
    assert parse(password=token).api_key is None


def test_an_application_key_in_the_extra_is_found() -> None:
    """Where the password is empty, app_key serves, as connections for other tools have it."""
    assert parse(password=None, extra={"app_key": "APP-2"}).app_key == "APP-2"
    assert parse(extra={"app_key": "APP-2"}).app_key == "APP-1"


def test_a_connection_of_airflows_own_datadog_provider_works_as_it_is() -> None:
    """Its API host is used, and its host, which is that of the events, is not."""
    extra = {"api_key": "API-3", "app_key": "APP-3", "api_host": "https://api.datadoghq.eu", "source_type_name": "x"}
    connection = parse(conn_type="datadog", host="my-events-host", password=None, extra=extra)
    assert connection.base_url == "https://api.datadoghq.eu"
    assert (connection.api_key, connection.app_key) == ("API-3", "APP-3")
    without = parse(conn_type="datadog", host="my-events-host", password=None, extra={"app_key": "APP-3"})
    assert without.base_url == "https://api.datadoghq.com"
    assert refusal(conn_type="datadog", extra={"api_host": "http://x.example"}).field == "extra.api_host"


@pytest.mark.parametrize(("value", "seconds"), [(None, 30), ("", 30), (5, 5), ("2.5", 2.5), (3600, 3600)])
def test_the_timeout_is_a_number_of_seconds(value: object, seconds: float) -> None:
    """Numbers and their text are read; none is half a minute."""
    assert parse(extra={"timeout": value}).timeout == seconds


@pytest.mark.parametrize("value", [0, -1, "soon", "nan", "inf", True, [], 3601, 10**400])
def test_a_timeout_that_is_none_is_named(value: object) -> None:
    """An endless or impossible wait is refused."""
    assert refusal(extra={"timeout": value}).field == "extra.timeout"


def test_connections_are_equal_if_they_reach_the_same_with_the_same_keys() -> None:
    """Rotated keys make another connection; another id does not."""
    assert parse() == DatadogConnection.parse(conn_id="other", password="APP-1", extra={"api_key": "API-1"})
    assert parse() != parse(password="APP-2")
    assert hash(parse()) == hash(parse())


@pytest.mark.parametrize("extra", [[1], "x", 7])
def test_an_extra_that_is_no_object_is_named(extra: Any) -> None:
    """It is JSON, but nothing can be found in it."""
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
def test_a_host_with_a_secret_in_it_is_not_shown(host: str) -> None:
    """Airflow shows the message of a connection's test unmasked."""
    error = refusal(host=host)
    assert error.field == "host"
    assert "SECRET-9" not in str(error)


def test_a_key_that_was_pasted_into_the_site_is_not_shown() -> None:
    """The error says where it is, and not what."""
    key = "0123456789abcdef0123456789abcdef"
    assert key not in str(refusal(extra={"site": key}))


@pytest.mark.parametrize("port", [65_536, -1])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    """Whether it stands in the host or beside it."""
    assert refusal(host="proxy.example.com", port=port).field == "port"


def test_a_local_host_without_a_scheme_is_plain_http() -> None:
    """A stand-in on this machine has no certificate."""
    assert parse(host="127.0.0.1:18126").base_url == "http://127.0.0.1:18126"
    assert parse(host="localhost", port=18126).base_url == "http://localhost:18126"


def test_an_error_can_be_pickled_as_it_is() -> None:
    """Executors and test runners hand errors from one process to another."""
    error = refusal(host="ftp://x")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


_anything = st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()))


@given(
    conn_type=st.sampled_from(["datadog", "datadog_seats"]),
    host=_anything,
    schema=st.sampled_from([None, "", "http", "https", "x"]),
    password=_anything,
    extra=st.dictionaries(st.sampled_from(["api_key", "app_key", "api_host", "site", "timeout"]), _anything),
)
def test_any_connection_is_read_or_refused_by_one_of_our_errors(**fields: Any) -> None:
    """Whatever a connection holds, the keys go to an https address or to this machine, or nowhere."""
    try:
        connection = DatadogConnection.parse(conn_id="dd", **fields)
    except DatadogSeatsError as error:
        assert "field" in str(error)
    else:
        assert connection.base_url.startswith(("https://", "http://127.", "http://localhost", "http://[::1]"))
        assert connection.timeout > 0
