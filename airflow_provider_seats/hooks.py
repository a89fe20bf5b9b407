"""The hook: a connection id becomes a client, and the public verbs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook, mask_secret

from airflow_provider_seats._api.client import Client
from airflow_provider_seats._api.flow import (
    InvalidInputError,
    KeysRefusedError,
    MisdirectedError,
    RateLimitedError,
    RequestRefusedError,
)
from airflow_provider_seats._api.seats import (
    Outcome,
    SeatUser,
    assign_seats,
    check_access,
    failure,
    list_seat_users,
    unassign_seats,
)
from airflow_provider_seats._api.users import User, check_keys, find_accounts, find_users
from airflow_provider_seats._planning.arguments import read_count
from airflow_provider_seats.connection import (
    BATCH,
    CONN_TYPE,
    DEFAULT_CONN_ID,
    FORM,
    DatadogConnection,
    DatadogSeatsError,
    FormField,
    InvalidConnectionError,
    ui_field_behaviour,
)

# The only product code that Datadog's own material shows. A token is tried on it; its seats need not be used.
_SHOWN_PRODUCT: Final = "incident_response"
_NO_SUCH_PRODUCT: Final = (400, 422)


class DatadogSeatsHook(BaseHook):
    """Talk to Datadog's Seats API v2 through an Airflow connection.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/

    Nothing is looked up before it is needed. Errors are those of :mod:`airflow_provider_seats._api.flow`,
    :mod:`~airflow_provider_seats._api.seats`, :mod:`~airflow_provider_seats._api.users` and
    :mod:`~airflow_provider_seats.connection`, all of them
    :class:`~airflow_provider_seats.connection.DatadogSeatsError`; ``passing`` tells whether trying again may help.

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
        """Describe the standard fields of the connection form to Airflow before 3.2."""
        return {name.replace("-", "_"): value for name, value in ui_field_behaviour().items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the fields of the connection form to Airflow before 3.2."""
        return {each.name: _widget(each) for each in FORM}

    def get_conn(self) -> Client:
        """Give the client, whose ``run(flow)`` and ``arun(flow)`` serve what the hook does not cover.

        :raises InvalidConnectionError: naming the connection's field that is missing or cannot be used.
        """
        return self._client

    @cached_property
    def _client(self) -> Client:
        connection = self.get_connection(self.datadog_conn_id)
        extra = connection.extra_dejson
        if isinstance(extra, Mapping) and extra.get("app_key"):
            # Airflow masks by the names of fields, and does not know this one.
            mask_secret(extra["app_key"])
        return Client(_parsed(self.datadog_conn_id, connection, extra))

    def list_seat_users(self, product_code: str) -> list[SeatUser]:
        """List everyone who holds a seat of a product.

        :param product_code: Datadog's code of the product, such as ``incident_response``.
        :returns: in Datadog's order, with ``id``, ``email``, ``name`` and ``assigned_at`` (ISO 8601), each may be None.
        """
        return list(self.get_conn().run(list_seat_users(product_code)))

    def assign_seats(self, product_code: str, user_uuids: Iterable[str], *, batch_size: int = BATCH) -> list[str]:
        """Give seats of a product to users. Those who hold one keep it.

        :param product_code: Datadog's code of the product.
        :param user_uuids: whom to give a seat.
        :param batch_size: the most people to send in one call.
        :returns: everyone asked for, each of whom holds a seat now, in lower case and without repetition.
        :raises SeatsRefusedError: if Datadog refused some; everyone else holds a seat.
        """
        people, size = _listed("user_uuids", user_uuids), read_count("batch_size", batch_size)
        return _all_done(self.get_conn().run(assign_seats(product_code, people, size)))

    def unassign_seats(self, product_code: str, user_uuids: Iterable[str], *, batch_size: int = BATCH) -> list[str]:
        """Take seats of a product from users. Those who hold none are as asked.

        :param product_code: Datadog's code of the product.
        :param user_uuids: whose seats to take.
        :param batch_size: the most people to send in one call.
        :returns: everyone asked for, none of whom holds a seat now, in lower case and without repetition.
        :raises SeatsRefusedError: if Datadog refused some; nobody else holds a seat.
        """
        people = _listed("user_uuids", user_uuids)
        return _all_done(
            self.get_conn().run(unassign_seats(product_code, people, read_count("batch_size", batch_size)))
        )

    def find_users(self, emails: Iterable[str]) -> dict[str, User]:
        """Find the Datadog accounts that have these emails.

        .. seealso:: https://docs.datadoghq.com/api/latest/users/#list-all-users

        :param emails: whole email addresses in any case.
        :returns: the account (``id``, ``email``, ``name``, ``status``, ...) of each email that has one, by case-folded
            email.
        :raises AmbiguousUsersError: if an email has several accounts and not exactly one of them is enabled.
        """
        return self.get_conn().run(find_users(_listed("emails", emails)))

    def audit_seats(
        self, product_code: str, *, status: bool = False, csv_path: str | None = None, csv_conn_id: str | None = None
    ) -> list[dict[str, str | None]]:
        """List everyone who holds a seat of a product as rows of plain values, and on request write them as CSV.

        .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

        :param product_code: Datadog's code of the product.
        :param status: whether to look up the ``status`` of the accounts, such as ``Disabled``, which needs the
            permission ``user_access_read``. It is None where the account is not found by its email.
        :param csv_path: where to write the rows: a path or URL that Airflow's ``ObjectStoragePath`` can write, such as
            ``file:///...`` or ``s3://...``.
        :param csv_conn_id: the Airflow connection for that path, if it needs one.
        :returns: rows of ``id``, ``email``, ``name``, ``assigned_at`` (ISO 8601) and, if asked for, ``status``.
        """
        users = self.list_seat_users(product_code)
        rows = [user._asdict() for user in users]
        if status:
            emails = [user.email for user in users if user.email]
            found = {account.id: account.status for account in self.get_conn().run(find_accounts(emails))}
            rows = [{**row, "status": found.get(str(row["id"]))} for row in rows]
        if csv_path is not None:
            columns = [*SeatUser._fields, *(["status"] if status else [])]
            from airflow.providers.common.compat.sdk import ObjectStoragePath  # noqa: PLC0415 (heavy, and rarely used)

            path = ObjectStoragePath(csv_path, conn_id=csv_conn_id)
            with path.open("w") as file:  # type: ignore[no-untyped-call]
                writer = csv.DictWriter(file, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
        return rows

    def test_connection(self) -> tuple[bool, str]:
        """Prove the keys, or the access token, and say in one sentence what to do if they are not accepted.

        The sentence holds no key and nothing that was answered, since Airflow shows it unmasked.

        .. seealso:: https://docs.datadoghq.com/api/latest/authentication/
        """
        try:
            client = self.get_conn()
        except InvalidConnectionError as error:
            return False, str(error)
        where = client.connection.base_url
        kind = "access token" if client.connection.api_key is None else "application key and API key"
        accepted = f"{where} accepts the {kind}."
        try:
            if client.connection.api_key is None:
                client.run(check_access(_SHOWN_PRODUCT))
            else:
                client.run(check_keys())
        except DatadogSeatsError as error:
            if client.connection.api_key is None and getattr(error, "status", None) in _NO_SUCH_PRODUCT:
                # Only whom Datadog has let in is told that it has no such product.
                return True, accepted
            return False, f"{where} {_advice(error, kind)}"
        return True, accepted


async def read_connection(conn_id: str) -> DatadogConnection:
    """Read a connection in the triggerer, where nothing may block and nothing of Airflow may be asked in a thread.

    :raises InvalidConnectionError: naming the connection's field that is missing or cannot be used.
    """
    from airflow.providers.common.compat.connection import (  # noqa: PLC0415 (not loaded when a DAG is parsed)
        get_async_connection,
        get_async_extra_dejson,
    )

    connection = await get_async_connection(conn_id)
    return _parsed(conn_id, connection, await get_async_extra_dejson(connection))


def _parsed(conn_id: str, connection: Any, extra: Any) -> DatadogConnection:  # noqa: ANN401 (of any Airflow version)
    if (connection.extra or "").strip().strip("{} ") and not extra:
        raise InvalidConnectionError(conn_id, "extra", "it is not a JSON object; enter it as one.")
    return DatadogConnection.parse(
        conn_id=conn_id,
        conn_type=connection.conn_type,
        host=connection.host,
        port=connection.port,
        schema=connection.schema,
        password=connection.password,
        extra=extra,
    )


@contextmanager
def failing_at_once(conn_id: str) -> Iterator[None]:
    """Fail the task without retries for an error that no retry would mend. Passing errors go to Airflow's retries.

    :param conn_id: the connection's id, which the last line of the log tells where it is to be corrected.
    """
    try:
        yield
    except DatadogSeatsError as error:
        if error.passing:
            raise
        raise AirflowFailException(error.told_of(conn_id)) from error


def _advice(error: DatadogSeatsError, kind: str) -> str:
    """Say in a few words of our own what went wrong and what to do."""
    if isinstance(error, KeysRefusedError):
        return (
            f"refused the {kind} ({error.status}): enter a valid {kind} of one organisation, see that the site is that "
            "organisation's, and that the owner may read seats."
        )
    if isinstance(error, MisdirectedError | RequestRefusedError):
        return f"answered {error.status}, as Datadog's API would not: correct the site or the host."
    if isinstance(error, RateLimitedError):
        return "is at its rate limit (429): try again in a minute."
    return "could not be reached, or did not answer properly: see that the site or the host is right, and try again."


def _listed(name: str, people: Iterable[str]) -> list[str]:
    if isinstance(people, str):
        raise InvalidInputError(name, f"{people!r} is text; give a list.")
    listed = list(people)
    for each in listed:
        if not isinstance(each, str) or not each.strip():
            raise InvalidInputError(name, f"{each!r} is nobody; correct or remove it.")
    return listed


def _all_done(outcome: Outcome) -> list[str]:
    error = failure(outcome)
    if error is not None:
        raise error
    return list(outcome.done)


def _widget(form_field: FormField) -> object:
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget  # noqa: PLC0415 (Airflow 2)
    from flask_babel import lazy_gettext  # noqa: PLC0415 (as above)
    from wtforms import IntegerField, PasswordField, StringField  # noqa: PLC0415 (as above)
    from wtforms.validators import Optional  # noqa: PLC0415 (as above)

    def with_examples(field: Any, **attributes: Any) -> object:  # noqa: ANN401 (a type of wtforms)
        from markupsafe import Markup  # noqa: PLC0415 (as above)

        options = Markup("").join(Markup('<option value="{}">').format(each) for each in form_field.examples)
        # Whatever begins with a field's own name the form's script takes for another field, and stumbles.
        box = BS3TextFieldWidget()(field, list=f"examples-{field.id}", **attributes)
        return box + Markup('<datalist id="examples-{}">{}</datalist>').format(field.id, options)

    def kept(field: Any, **attributes: Any) -> object:  # noqa: ANN401 (as above)
        # Airflow 2 deletes what comes back empty from its form, and puts the stored key back for this.
        shown = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER" if field.data else ""
        return BS3PasswordFieldWidget(hide_value=False)(field, value=shown, **attributes)

    kind, widget = StringField, with_examples if form_field.examples else BS3TextFieldWidget()
    if form_field.secret:
        kind, widget = PasswordField, kept
    elif form_field.type == "integer":
        kind = IntegerField
    return kind(
        lazy_gettext(form_field.label),
        validators=[Optional()],
        description=form_field.description,
        default=form_field.default,
        widget=widget,
    )
