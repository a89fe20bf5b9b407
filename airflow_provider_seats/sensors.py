"""The sensor: wait until people have, or no longer have, a seat."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_seats.arguments import read_choice, read_people, read_product
from airflow_provider_seats.connection import DEFAULT_CONN_ID, DatadogSeatsError
from airflow_provider_seats.holders import Holders, Require, SeatState, watch
from airflow_provider_seats.hooks import DatadogSeatsHook, failing_at_once
from airflow_provider_seats.protocol import InvalidInputError
from airflow_provider_seats.report import some
from airflow_provider_seats.seats import list_seat_users

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_seats.base import PeopleArgument
    from airflow_provider_seats.client import Client


class SeatUsersSensor(BaseSensorOperator):
    """Wait until people hold a seat of a Datadog product, or until they no longer hold one.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    Each look reads the whole seat list, which carries the emails, so that ``user_access_read`` is not needed. A passing
    error (a rate limit, a lost connection, a fault of Datadog's) counts as "not yet"; any other fails the task at once.

    The task's ``return_value`` is the list of those who met the condition: ``id``, ``email``, ``name`` and
    ``assigned_at`` of seat holders, or ``id`` and ``email`` as they were given of people without a seat.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, given in the same ways. An email is met by any account that has it
        for ``assigned``, and by none for ``unassigned``. (templated)
    :param state: what to wait for, ``assigned`` or ``unassigned``. (templated)
    :param require: whether ``all`` of the people must be in that state, or ``any``. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    :param deferrable: not available yet, True is an error; use ``mode="reschedule"`` for long waits.
    """

    template_fields: Sequence[str] = (
        "product_code",
        "user_uuids",
        "user_emails",
        "state",
        "require",
        "datadog_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"user_uuids": "json", "user_emails": "json"}
    ui_color = "#e0eef5"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        state: SeatState = "assigned",
        require: Require = "all",
        datadog_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.product_code = product_code
        self.user_uuids = user_uuids
        self.user_emails = user_emails
        self.state = state
        self.require = require
        self.datadog_conn_id = datadog_conn_id
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 (Airflow's interface)
        """Read the seat list once, and tell whether the condition is met."""
        with failing_at_once():
            if self.deferrable:
                raise InvalidInputError("deferrable", "this version cannot defer; use mode='reschedule'.")
            product = read_product(self.product_code)
            people = read_people(user_uuids=self.user_uuids, user_emails=self.user_emails)
            if not people:
                raise InvalidInputError("user_uuids, user_emails", "there is nobody to wait for; give at least one.")
            state = read_choice("state", self.state, SeatState)
            require = read_choice("require", self.require, Require)
            try:
                holders = Holders(self._client.run(list_seat_users(product)))
            except DatadogSeatsError as error:
                if not error.passing:
                    raise
                self.log.warning("Not known yet: %s", error)
                return PokeReturnValue(is_done=False)
        watched = watch(people, holders, state, require)
        if people.emails and state == "unassigned" and (nameless := holders.without_email()):
            self.log.warning("%s: %d seats have no email, so that nobody can be recognised there.", product, nameless)
        total = len(people.uuids) + len(people.emails)
        waiting = f"; waiting for {some(watched.waiting)}" if watched.waiting else ""
        hold = "hold a seat" if state == "assigned" else "hold no seat"
        self.log.info("%s: %d of %d people %s%s", product, total - len(watched.waiting), total, hold, waiting)
        return PokeReturnValue(is_done=watched.done, xcom_value=watched.met)

    @cached_property
    def _client(self) -> Client:
        return DatadogSeatsHook(self.datadog_conn_id).get_conn()
