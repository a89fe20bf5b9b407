"""Assign seats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._own_arguments import arguments_of
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.operators._base import SeatsOperator

if TYPE_CHECKING:
    from airflow_provider_seats._planning.guards import MissingUsers
    from airflow_provider_seats.operators._base import CountArgument, FlagArgument, PeopleArgument


class AssignSeatsOperator(SeatsOperator):
    """Assign seats of a Datadog product to people. Running it again is safe: people who hold a seat keep it.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#assign-seats-to-users

    Pass people by UUID, by email, or both. At least one of the two is required; an empty list is valid and changes
    nobody. Emails need the permission ``user_access_read``. UUIDs alone cost one call for each batch and nothing else.

    The ``return_value`` is a :class:`~airflow_provider_seats.report.Report`. It is pushed to XCom also if the task
    fails. Unless the seat list is read first (``read_seats_first``, ``preview``, ``max_assign``, ``max_seats`` or
    ``warn_seats``), ``assigned`` contains everyone who holds a seat now, because it is unknown who held one before.

    An error that no retry can fix fails the task at once (:class:`~airflow.exceptions.AirflowFailException`). A rate
    limit, a lost connection or a fault of Datadog (:class:`~airflow_provider_seats.exceptions.TransientError`) is left
    to the task's retries.

    .. versionadded:: 0.2.0
        ``max_assign``, ``warn_seats``, ``read_seats_first`` and ``read_all_users``

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, in the same forms. (templated)
    :param missing_users: what to do if an email has no enabled Datadog account: ``fail`` changes nothing, ``skip``
        continues without the person and reports them as ``missing``. ``retry`` changes nothing and leaves it to the
        task's ``retries`` and ``retry_delay``, for accounts that SSO or SCIM creates later. (templated)
    :param max_assign: the most people who may be given a seat: a number, or a percentage of all seats. More is refused.
        People who hold a seat do not count. (templated)
    :param max_seats: the most seats that the product may have after an assignment. More is refused. (templated)
    :param warn_seats: the most seats that the product may have afterwards without a warning in the log, in the report
        and in the summary: a number, or a percentage of ``max_seats`` (``"90%"``). (templated)
    :param read_seats_first: read the seat list and send only people without a seat, so that the report says who was
        changed and can be undone. (templated)
    :param preview: report who would be assigned and change nothing. (templated)
    :param read_all_users: find accounts in the list of all users, so that no email is in the address of a request. It
        costs a call for each 100 users. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    _operator = "assign"
    ui_color = "#e8e0f5"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = NOT_PASSED,
        user_emails: PeopleArgument = NOT_PASSED,
        missing_users: MissingUsers = "fail",
        max_assign: CountArgument = NOT_PASSED,
        max_seats: CountArgument = NOT_PASSED,
        warn_seats: CountArgument = NOT_PASSED,
        read_seats_first: FlagArgument = False,
        preview: FlagArgument = False,
        read_all_users: FlagArgument = False,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())

    _own_arguments = arguments_of(__init__)
    template_fields: Sequence[str] = _own_arguments
