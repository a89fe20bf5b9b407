"""The hook: a connection, its client, and the public methods."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._airflow import BaseHook
from airflow_provider_seats._api.access import check_access
from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.groups import list_active_users
from airflow_provider_seats._api.identifiers import require_uuids
from airflow_provider_seats._api.roles import list_role_members
from airflow_provider_seats._api.seat_change import Outcome, assign_seats, failure, unassign_seats
from airflow_provider_seats._api.seats import SeatUser, list_seat_users
from airflow_provider_seats._api.teams import list_team_members
from airflow_provider_seats._api.usage import read_usage
from airflow_provider_seats._api.users import User, find_users, get_accounts
from airflow_provider_seats._arguments import parse_names, parse_product_code
from airflow_provider_seats._connect import client_of
from airflow_provider_seats._not_passed import NOT_PASSED, NotPassed
from airflow_provider_seats._planning.audit import AuditRow, parse_csv_path, read_audit_rows, to_csv
from airflow_provider_seats._planning.audit_path import name_by_reading
from airflow_provider_seats._planning.usage import SeatUsage, parse_month, seat_usage
from airflow_provider_seats._rosters.people import parse_people
from airflow_provider_seats._storage import StoredFile
from airflow_provider_seats._text import join_names, plural, shorten
from airflow_provider_seats.connection import CONN_TYPE, DEFAULT_CONN_ID
from airflow_provider_seats.exceptions import (
    InvalidConnectionError,
    InvalidInputError,
)

if TYPE_CHECKING:
    import os
    from datetime import date

    from airflow_provider_seats._airflow import ObjectStoragePath
    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._api.groups import Members

__all__ = ["AuditRow", "DatadogSeatsHook", "SeatUsage", "SeatUser", "User"]


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
        from airflow_provider_seats._connection_form import BEHAVIOUR  # noqa: PLC0415 (a task has no form)

        return {name.replace("-", "_"): value for name, value in BEHAVIOUR.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the additional fields of the connection form for Airflow before 3.2."""
        from airflow_provider_seats._connection_form import FIELDS, widget  # noqa: PLC0415 (as above)

        return {name: widget(each) for name, each in FIELDS.items()}

    def get_conn(self) -> Client:
        """Return the client. Its ``connection`` is what was read from Airflow; everything else of it is private.

        :raises InvalidConnectionError: for the first field of the connection that is missing or cannot be used.
        """
        return self._client

    @cached_property
    def _client(self) -> Client:
        return client_of(self.datadog_conn_id, self.get_connection)

    def list_seat_users(self, product_code: str) -> list[SeatUser]:
        """Return everyone who holds a seat of a product.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

        :param product_code: Datadog's code of the product, such as ``incident_response``.
        :returns: rows of ``id``, ``email``, ``name`` and ``assigned_at`` (ISO 8601), in Datadog's order. Any may be
            None.
        """
        return list(self.get_conn().run(list_seat_users(parse_product_code(product_code))))

    def assign_seats(self, product_code: str, user_uuids: Iterable[str]) -> list[str]:
        """Assign seats of a product to users. Users who hold one keep it.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#assign-seats-to-users

        :param product_code: Datadog's code of the product.
        :param user_uuids: the users, in any form of a UUID.
        :returns: the UUIDs of all these users, in lower case and each once. All of them hold a seat now.
        :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
        :raises SeatsRefusedError: if Datadog refused some users. Everyone else holds a seat.
        """
        return _all_done(self.get_conn().run(assign_seats(parse_product_code(product_code), user_uuids)))

    def unassign_seats(self, product_code: str, user_uuids: Iterable[str]) -> list[str]:
        """Unassign seats of a product from users. Users without a seat are left alone.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#unassign-seats-from-users

        :param product_code: Datadog's code of the product.
        :param user_uuids: the users, in any form of a UUID.
        :returns: the UUIDs of all these users, in lower case and each once. None of them holds a seat now.
        :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
        :raises SeatsRefusedError: if Datadog refused some users. Nobody else holds a seat.
        """
        return _all_done(self.get_conn().run(unassign_seats(parse_product_code(product_code), user_uuids)))

    def find_users(self, emails: Iterable[str], *, read_all_users: bool = False) -> dict[str, User]:
        """Find the Datadog accounts of emails.

        .. seealso:: https://docs.datadoghq.com/api/latest/users/#list-all-users

        .. versionadded:: 0.2.0
            ``read_all_users``

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

    def get_users(self, user_uuids: Iterable[str], *, read_all_users: bool = False) -> dict[str, User]:
        """Return the Datadog accounts of user UUIDs. It needs the permission ``user_access_read``.

        .. seealso:: https://docs.datadoghq.com/api/latest/users/#get-user-details

        .. versionadded:: 0.2.0

        :param user_uuids: the users, in any form of a UUID.
        :param read_all_users: read them in the list of all users, at a call for each 100 users instead of one for each
            UUID.
        :returns: the account (``id``, ``email``, ``name``, ``status``, ...) of each user that Datadog knows, by UUID in
            lower case.
        :raises InvalidInputError: for a value that is not a UUID, before anything is sent.
        """
        people = dict.fromkeys(require_uuids("user_uuids", user_uuids))
        return self.get_conn().run(get_accounts(people, read_all=read_all_users))

    def list_team_members(self, *handles: str) -> list[str]:
        """Return the user UUIDs of the members of Datadog teams, for a roster or for ``protect``.

        It needs the permission ``teams_read``. Members of sub-teams are not included. Disabled accounts and service
        accounts are left out, and the log names them. A single team without members is an empty list.

        .. seealso:: https://docs.datadoghq.com/api/latest/teams/#get-team-memberships

        .. versionadded:: 0.2.0

        :param handles: the handles of the teams, exactly as Datadog shows them, without ``@``.
        :returns: the UUIDs in lower case, each once, in the order of the handles and of Datadog's lists.
        :raises InvalidInputError: if there is no handle, or one that is empty or not text, before anything is sent; if
            one of several teams has no members.
        :raises GroupsNotFoundError: if a handle is not that of exactly one team.
        """
        wanted = parse_names("handles", handles, "the handle of a team")
        return self._people("teams", self.get_conn().run(list_team_members(wanted)))

    def list_role_members(self, *roles: str) -> list[str]:
        """Return the user UUIDs of everyone who has one of these Datadog roles, for a roster or for ``protect``.

        It needs the permission ``user_access_read``. Disabled accounts and service accounts are left out, and the log
        names them. A single role that nobody has is an empty list.

        .. seealso:: https://docs.datadoghq.com/api/latest/roles/#get-all-users-of-a-role

        .. versionadded:: 0.2.0

        :param roles: the names of the roles, exactly as Datadog shows them, or their ids.
        :returns: the UUIDs in lower case, each once, in the order of the roles and of Datadog's lists.
        :raises InvalidInputError: if there is no role, or one that is empty or not text, before anything is sent; if
            nobody has one of several roles.
        :raises GroupsNotFoundError: if a name or id is not that of exactly one role.
        """
        wanted = parse_names("roles", roles, "the name or id of a role")
        return self._people("roles", self.get_conn().run(list_role_members(wanted)))

    def list_active_users(self) -> list[str]:
        """Return the user UUIDs of everyone with an active Datadog account, for a roster or for ``protect``.

        It needs the permission ``user_access_read``. Service accounts are left out, and the log names them. So are
        pending and disabled accounts, which the log counts.

        .. seealso:: https://docs.datadoghq.com/api/latest/users/#list-all-users

        .. versionadded:: 0.2.0

        :returns: the UUIDs in lower case, each once, in Datadog's order.
        """
        return self._people("users", self.get_conn().run(list_active_users()))

    def _people(self, kind: str, members: Members) -> list[str]:
        """Return the people. Log how many they are, and who was left out."""
        if members.left_out:
            count = plural(len(members.left_out), "account is", "accounts are")
            self.log.warning("Datadog %s: %s left out: %s", kind, count, join_names(members.left_out))
        others = f"; {plural(members.inactive, 'inactive account')} left out" if members.inactive else ""
        self.log.info("Datadog %s: %s found%s", kind, plural(len(members.people), "person", "people"), others)
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
        comma, semicolon, tab or line break in it. Remove it at each such place to get the original back.

        .. versionadded:: 0.2.0
            ``read_all_users``

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
        path, conn_id = parse_csv_path(csv_path, csv_conn_id)
        file = None
        if path is not None:
            path, warning = name_by_reading(path, clock().utc())
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

        .. versionadded:: 0.2.0

        :param month: a month in UTC such as ``2026-11``, or a date in it; by default the current month. Datadog has the
            last 15 months.
        :returns: ``month``, ``last_updated`` and ``products``: for each name ``peak``, ``peak_day``, ``days`` and
            ``sum``.
        :raises InvalidInputError: if the month is none, before anything is sent.
        :raises UsageNotAvailableError: if Datadog has no usage of this month or of this organisation.
        """
        wanted = parse_month("month", clock().utc() if month is None else month)
        [usage] = self.get_conn().run(read_usage(wanted))
        return seat_usage(wanted, usage)

    def test_connection(self) -> tuple[bool, str]:
        """Test the keys or the access token. Return whether they may read seats, and what else they may read.

        The text says what to do. It contains no key and nothing that the server answered, because Airflow shows it
        unmasked. What is optional (users, teams, on-call schedules and usage) does not make the test fail.

        .. seealso:: https://docs.datadoghq.com/api/latest/authentication/
        """
        try:
            client = self.get_conn()
        except InvalidConnectionError as error:
            return False, str(error)
        return client.run(check_access(client.connection, parse_month("month", clock().utc())))


def _all_done(outcome: Outcome) -> list[str]:
    error = failure(outcome)
    if error is not None:
        raise error
    return list(outcome.done)
