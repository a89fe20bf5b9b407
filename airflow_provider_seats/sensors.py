"""The sensor: wait until people have, or no longer have, a seat."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.links import SeatsPageLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_seats._api.client import Client
    from airflow_provider_seats._planning.condition import Require, SeatState
    from airflow_provider_seats._runtime.sensor_run import Met
    from airflow_provider_seats.operators import PeopleArgument


class SeatUsersSensor(BaseSensorOperator):
    """Wait until people hold a seat of a Datadog product, or until they no longer hold one.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#get-users-with-seats

    Each look reads the whole seat list, which carries the emails, so that ``user_access_read`` is not needed. A passing
    error (a rate limit, a lost connection, a fault of Datadog's) counts as "not yet"; any other of Datadog's, or in the
    arguments or the connection's fields, fails the task at once.

    The task's ``return_value`` is the list of those who met the condition: ``id``, ``email``, ``name`` and
    ``assigned_at`` of seat holders, or ``id`` and ``email`` as they were given of people without a seat.

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, given in the same ways. An email is met by any account that has it
        for ``assigned``, and by none for ``unassigned``. (templated)
    :param state: what to wait for, ``assigned`` or ``unassigned``. (templated)
    :param require: whether ``all`` of the people must be in that state, or ``any``. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    :param deferrable: look once in a worker, and leave the wait to the triggerer, which reads the seat list once for
        all sensors that wait for the same product through the same connection, at the shortest ``poke_interval``
        among them, but not more than once a second. ``mode``, ``exponential_backoff`` and ``max_wait`` do not apply
        then; all else is as in the other modes. The default is Airflow's ``[operators] default_deferrable``.
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
    operator_extra_links = (SeatsPageLink(),)
    ui_color = "#e0eef5"
    # When this attempt began, in Unix time, and how far it is.
    began: float | None = None
    told: str | None = None

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = None,
        user_emails: PeopleArgument = None,
        state: SeatState = "assigned",
        require: Require = "all",
        datadog_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
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
        # A template or a task may give nothing, which must not pass for an argument that was not given.
        people = {"user_uuids": user_uuids, "user_emails": user_emails}
        self.asked_for = [name for name, value in people.items() if value is not None]

    def execute(self, context: Context) -> Any:  # noqa: ANN401 (Airflow's interface)
        """Look, and look again until the condition is met, here or in the triggerer."""
        self.began = time.time()
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"{error} {self.told}") from None

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 (Airflow's interface)
        """Read the seat list once, and tell whether the condition is met; within ``execute`` it may defer instead."""
        from airflow_provider_seats._runtime.sensor_run import poke  # noqa: PLC0415 (not loaded when a DAG is parsed)

        return poke(self)

    def execute_complete(self, context: Context, event: Any = None) -> Met:  # noqa: ANN401, ARG002 (Airflow's interface)
        """Take up the task again when the triggerer has ended the wait."""
        from airflow_provider_seats._runtime.sensor_run import resume  # noqa: PLC0415 (as above)

        return resume(self, event)

    @cached_property
    def client(self) -> Client:
        """The client, kept from one look to the next with its connections and what it knows of rate limits."""
        from airflow_provider_seats.hooks import DatadogSeatsHook  # noqa: PLC0415 (as above)

        return DatadogSeatsHook(self.datadog_conn_id).get_conn()
