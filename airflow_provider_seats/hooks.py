"""The hook: a connection, its client, and the public methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_seats import _airflow
from airflow_provider_seats._airflow import AirflowFailException, AirflowNotFoundException, BaseHook, mask_secret
from airflow_provider_seats._api import BATCH_SIZE
from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.identifiers import require_uuids
from airflow_provider_seats._api.seat_change import Outcome, assign_seats, failure, unassign_seats
from airflow_provider_seats._api.seats import SeatUser, list_seat_users
from airflow_provider_seats._api.users import User, check_keys, find_users
from airflow_provider_seats._arguments import parse_positive_int, parse_product_code, parse_team_handles
from airflow_provider_seats._not_passed import NOT_PASSED, NotPassed
from airflow_provider_seats._rosters.people import parse_people
from airflow_provider_seats._secrets import airflow_reads_a_connection, sealed
from airflow_provider_seats._text import join_names, plural, shorten
from airflow_provider_seats.connection import CONN_TYPE, DEFAULT_CONN_ID, FORM, DatadogConnection, ui_field_behaviour
from airflow_provider_seats.exceptions import (
    ConnectionNotFoundError,
    DatadogSeatsError,
    InvalidConnectionError,
    InvalidInputError,
    KeysRefusedError,
)

if TYPE_CHECKING:
    import os

    from airflow_provider_seats._airflow import ObjectStoragePath
    from airflow_provider_seats._planning.audit import AuditRow
    from airflow_provider_seats._planning.usage import SeatUsage

# Measured with Airflow 3.3.2: triggers find no connection of a team, neither in variables nor in the database.
_IN_THE_TRIGGERER: Final = (
    " The triggerer did not find it. It needs the environment variables and the secrets backend of the workers. If "
    "Airflow has teams ([core] multi_team), a triggerer finds no team's connection: pass deferrable=False."
)


class DatadogSeatsHook(BaseHook):
    """Talk to Datadog's Seats API v2 through an Airflow connection.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/

    The connection is looked up when it is first needed. All errors are subclasses of
    :class:`~airflow_provider_seats.exceptions.DatadogSeatsError`; ``transient`` says whether a retry may help.

    :param datadog_conn_id: a connection of type ``datadog_seats``, or one of type ``datadog``.
    """

    conn_name_attr = "datadog_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = "Datadog Seats"

    def __init__(self, datadog_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.datadog_conn_id = datadog_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the standard fields of the connection form for Airflow before 3.2."""
        return {name.replace("-", "_"): value for name, value in ui_field_behaviour().items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the additional fields of the connection form for Airflow before 3.2."""
        from airflow_provider_seats._form_before_3_2 import widget

        return {each.name: widget(each) for each in FORM}

    def get_conn(self) -> Client:
        """Return the client. Its ``run(flow)`` and ``arun(flow)`` run what the hook has no method for.

        :raises InvalidConnectionError: for the first field of the connection that is missing or cannot be used.
        """
        return self._client

    @cached_property
    def _client(self) -> Client:
        with sealed, airflow_reads_a_connection():
            return Client(self._read_connection())

    def _read_connection(self) -> DatadogConnection:
        try:
            connection = self.get_connection(self.datadog_conn_id)
        except AirflowNotFoundException:
            raise ConnectionNotFoundError(self.datadog_conn_id) from None
        extra = connection.extra_dejson
        if isinstance(extra, Mapping) and extra.get("app_key"):
            # Airflow masks fields by their names and does not know this one.
            mask_secret(extra["app_key"])
        return _parse_connection(self.datadog_conn_id, connection, extra)

    def list_seat_users(self, product_code: str) -> list[SeatUser]:
        """Return everyone who holds a seat of a product.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

        :param product_code: Datadog's code of the product, such as ``incident_response``.
        :returns: rows of ``id``, ``email``, ``name`` and ``assigned_at`` (ISO 8601), in Datadog's order. Any may be
            None.
        """
        return list(self.get_conn().run(list_seat_users(parse_product_code(product_code))))

    def assign_seats(self, product_code: str, user_uuids: Iterable[str], *, batch_size: int = BATCH_SIZE) -> list[str]:
        """Assign seats of a product to users. Users who hold one keep it.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#assign-seats-to-users

        :param product_code: Datadog's code of the product.
        :param user_uuids: the users, in any form of a UUID.
        :param batch_size: the most people in one call.
        :returns: the UUIDs of all these users, in lower case and each once. All of them hold a seat now.
        :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
        :raises SeatsRefusedError: if Datadog refused some users. Everyone else holds a seat.
        """
        people, size = require_uuids("user_uuids", user_uuids), parse_positive_int("batch_size", batch_size)
        return _all_done(self.get_conn().run(assign_seats(parse_product_code(product_code), people, size)))

    def unassign_seats(
        self, product_code: str, user_uuids: Iterable[str], *, batch_size: int = BATCH_SIZE
    ) -> list[str]:
        """Unassign seats of a product from users. Users without a seat are left alone.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#unassign-seats-from-users

        :param product_code: Datadog's code of the product.
        :param user_uuids: the users, in any form of a UUID.
        :param batch_size: the most people in one call.
        :returns: the UUIDs of all these users, in lower case and each once. None of them holds a seat now.
        :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
        :raises SeatsRefusedError: if Datadog refused some users. Nobody else holds a seat.
        """
        people, size = require_uuids("user_uuids", user_uuids), parse_positive_int("batch_size", batch_size)
        return _all_done(self.get_conn().run(unassign_seats(parse_product_code(product_code), people, size)))

    def find_users(self, emails: Iterable[str], *, read_all_users: bool = False) -> dict[str, User]:
        """Find the Datadog accounts of emails.

        .. seealso:: https://docs.datadoghq.com/api/latest/users/#list-all-users

        :param emails: whole email addresses in any case.
        :param read_all_users: find them in the list of all users, so that no email is in the address of a request. It
            costs a call for each 100 users.
        :returns: the account (``id``, ``email``, ``name``, ``status``, ...) of each email that has one, by lower-case
            email.
        :raises InvalidInputError: for a value that is not an email, before anything is sent.
        :raises AmbiguousUsersError: if an email has several accounts and not exactly one of them is enabled.
        """
        if isinstance(emails, str) or not isinstance(emails, Iterable):
            raise InvalidInputError("emails", f"{shorten(emails)} is not a list. Pass a list of emails.")
        people = parse_people(emails=list(emails))
        if people.uuids:
            raise InvalidInputError("emails", f"{shorten(people.uuids[0])} is not an email address. Remove it.")
        return self.get_conn().run(find_users(people.emails, read_all=read_all_users))

    def list_team_members(self, *handles: str) -> list[str]:
        """Return the user UUIDs of the members of Datadog teams, for a roster or for ``protect``.

        It needs the permission ``teams_read``. Members of sub-teams are not included. Disabled accounts and service
        accounts are left out, and the log names them. A single team without members is an empty list.

        .. seealso:: https://docs.datadoghq.com/api/latest/teams/#get-team-memberships

        :param handles: the handles of the teams, exactly as Datadog shows them, without ``@``.
        :returns: the UUIDs in lower case, each once, in the order of the handles and of Datadog's lists.
        :raises InvalidInputError: if there is no handle, or one that is empty or not text, before anything is sent; if
            one of several teams has no members.
        :raises TeamsNotFoundError: if a handle is not that of exactly one team.
        """
        from airflow_provider_seats._api.teams import list_team_members

        members = self.get_conn().run(list_team_members(parse_team_handles(handles)))
        if members.left_out:
            count = plural(len(members.left_out), "member is", "members are")
            self.log.warning("Datadog teams: %s left out: %s", count, join_names(members.left_out))
        return members.people

    def audit_seats(
        self,
        product_code: str,
        *,
        status: bool = False,
        csv_path: str | os.PathLike[str] | ObjectStoragePath | NotPassed = NOT_PASSED,
        csv_conn_id: str | NotPassed = NOT_PASSED,
        read_all_users: bool = False,
    ) -> list[AuditRow]:
        """Return everyone who holds a seat of a product as plain values, and optionally write them as CSV.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats and
            https://docs.datadoghq.com/api/latest/users/#list-all-users

        In the CSV, an apostrophe stands before what a spreadsheet would run as a formula, as OWASP advises: before
        ``=``, ``+``, ``-``, ``@`` (also in wide form), a tab or a line break at the beginning of a cell, and after a
        comma, semicolon, tab or line break in it. To get the original back, remove the first apostrophe at each such
        place.

        :param product_code: Datadog's code of the product.
        :param status: whether to read the accounts that hold the seats. It needs the permission ``user_access_read``,
            and costs at most one call for each person (one more if an email is outdated), or the list of all users
            where that is fewer calls.
        :param csv_path: a path or URL that Airflow's ``ObjectStoragePath`` can write, such as ``file:///...`` or
            ``s3://...``, or such an object. ``{today}`` in it becomes the day of reading in UTC (``2026-11-29``), and
            ``{now}`` the time (``2026-11-29T220500Z``). The file is UTF-8. One that is there is replaced once the new
            one is complete. A local folder is created.
        :param csv_conn_id: the Airflow connection for that path, if it needs one.
        :param read_all_users: find the accounts in the list of all users, as :meth:`find_users` does.
        :returns: rows of ``id``, ``email``, ``name`` and ``assigned_at`` (ISO 8601). With ``status=True`` they have
            also the ``status`` (such as ``Disabled``), ``last_login_at``, ``created_at`` (ISO 8601) and
            ``service_account`` of the account that has the seat's user UUID. All four are None if Datadog does not
            know the account; ``last_login_at`` alone is None if its owner has never logged in.
        :raises InvalidInputError: if this Airflow cannot write such a path, or does not have the connection, or the
            path is named after another day.
        :raises StorageError: if the file cannot be written.
        """
        from airflow_provider_seats._planning.audit import parse_csv_path, read_audit_rows, to_csv
        from airflow_provider_seats._planning.audit_path import name_by_reading
        from airflow_provider_seats._storage import StoredFile

        path, conn_id = parse_csv_path(csv_path, csv_conn_id)
        file = None
        if path is not None:
            path, warning = name_by_reading(path, datetime.fromtimestamp(clock().now(), UTC))
            if warning:
                self.log.warning("%s", warning)
            file = StoredFile.find("csv_path", path, conn_id, "csv_conn_id")
        product = parse_product_code(product_code)
        rows = self.get_conn().run(read_audit_rows(product, status=status, read_all_users=read_all_users))
        if file is not None:
            file.write(to_csv(rows, status=status).encode())
        return rows

    def get_seat_usage(self, month: str | date | None = None) -> SeatUsage:
        """Return the seats that Datadog counts for the bill of a month, day by day, by Datadog's names.

        Datadog bills the highest number of seats of a month. It does not say which product code belongs to which name.
        It counts with a delay: see ``last_updated``. It needs the permission ``usage_read``, and keys of the parent
        organisation.

        .. seealso:: https://docs.datadoghq.com/api/latest/usage-metering/#get-usage-across-your-account

        :param month: a month in UTC such as ``2026-11``, or a date in it; by default the current month. Datadog has the
            last 15 months.
        :returns: ``month``, ``last_updated`` and ``products``: for each name ``peak``, ``peak_day``, ``days`` and
            ``sum``.
        :raises InvalidInputError: if the month is none, before anything is sent.
        :raises UsageNotAvailableError: if Datadog has no usage of this month or of this organisation.
        """
        from airflow_provider_seats._api.usage import read_usage
        from airflow_provider_seats._planning.usage import parse_month, seat_usage

        now = datetime.fromtimestamp(clock().now(), UTC)
        wanted = parse_month("month", now if month is None else month)
        [usage] = self.get_conn().run(read_usage(wanted))
        return seat_usage(wanted, usage)

    def test_connection(self) -> tuple[bool, str]:
        """Test the keys or the access token. Return whether they may read seats, and what else they may read.

        The text says what to do. It contains no key and nothing that the server answered, because Airflow shows it
        unmasked. What is optional (users, teams, on-call schedules and usage) does not make the test fail.

        .. seealso:: https://docs.datadoghq.com/api/latest/authentication/
        """
        from airflow_provider_seats._api.access import SEATS, advice, describe_access, read_access
        from airflow_provider_seats._planning.usage import parse_month

        try:
            client = self.get_conn()
        except InvalidConnectionError as error:
            return False, str(error)
        is_token = client.connection.api_key is None
        kind = "access token" if is_token else "application key and API key"
        try:
            if not is_token:
                client.run(check_keys())
            access = client.run(read_access(parse_month("month", datetime.fromtimestamp(clock().now(), UTC))))
        except DatadogSeatsError as error:
            return False, f"{client.connection.base_url} {advice(error, kind)}"
        refused = access[SEATS]
        # If a token may read nothing at all, the token itself is what is refused.
        if isinstance(refused, KeysRefusedError) and not (is_token and all(access.values())):
            refused = None
        if refused is not None:
            return False, f"{client.connection.base_url} {advice(refused, kind)}"
        return access[SEATS] is None, f"{client.connection.base_url} accepts the {kind}. {describe_access(access)}"


async def read_connection(conn_id: str) -> DatadogConnection:
    """Read a connection in the triggerer.

    :raises InvalidConnectionError: if there is no such connection, or for the first field of it that cannot be used.
    """
    with sealed, airflow_reads_a_connection():
        return await _read_connection(conn_id)


async def _read_connection(conn_id: str) -> DatadogConnection:
    try:
        connection, extra = await _airflow.read_connection(conn_id)
    except AirflowNotFoundException:
        raise ConnectionNotFoundError(conn_id, _IN_THE_TRIGGERER) from None
    # An app_key in the extra is not masked here, because Airflow's mask_secret may block the event loop for ever. The
    # client redacts the keys in everything that it logs or raises.
    return _parse_connection(conn_id, connection, extra)


@contextmanager
def fail_without_retry(conn_id: str) -> Iterator[None]:
    """Raise ``AirflowFailException`` for an error that no retry can fix. Transient errors go to Airflow's retries.

    :param conn_id: the connection's id, which the message names if the connection has to be corrected.
    """
    try:
        yield
    except DatadogSeatsError as error:
        if error.transient:
            raise
        raise AirflowFailException(error.message_for(conn_id)) from error


def _parse_connection(conn_id: str, connection: Any, extra: Any) -> DatadogConnection:  # noqa: ANN401 (of any Airflow)
    if (connection.extra or "").strip().strip("{} ") and not extra:
        raise InvalidConnectionError(conn_id, "extra", "it is not a JSON object. Enter one.")
    return DatadogConnection.parse(
        conn_id=conn_id,
        conn_type=connection.conn_type,
        host=connection.host,
        port=connection.port,
        schema=connection.schema,
        password=connection.password,
        extra=extra,
    )


def _all_done(outcome: Outcome) -> list[str]:
    error = failure(outcome)
    if error is not None:
        raise error
    return list(outcome.done)
