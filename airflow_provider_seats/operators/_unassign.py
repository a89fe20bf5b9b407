"""Unassign seats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._own_arguments import arguments_of
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.operators._base import SeatsOperator

if TYPE_CHECKING:
    from airflow_provider_seats._planning.guards import OnCallChoice
    from airflow_provider_seats.operators._base import AgeArgument, CountArgument, FlagArgument, PeopleArgument


class UnassignSeatsOperator(SeatsOperator):
    """Unassign seats of a Datadog product from people. Running it again is safe: people without a seat are left alone.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/#unassign-seats-from-users

    Pass people by UUID, by email, or both. At least one of the two is required; an empty list is valid and changes
    nobody. Emails are looked up in the seat list itself. No account is read for them, unless ``missing_users`` is
    ``fail``. If several accounts share an email, all of their seats are unassigned. UUIDs alone cost one call for each
    batch.

    The ``return_value`` is a :class:`~airflow_provider_seats.report.Report`. It is pushed to XCom also if the task
    fails. With UUIDs alone, and without ``read_seats_first``, ``preview`` or a guard, ``unassigned`` contains everyone
    who holds no seat now, because it is unknown who held one before.

    A run that was cleared, or that begins late, reads the seat list as well, and is refused if someone was given a seat
    after it was due: the person may have been rehired.

    Errors are as in :class:`AssignSeatsOperator`. A guard that refuses the plan raises
    :class:`~airflow_provider_seats.exceptions.PlanRefusedError`.

    .. versionadded:: 0.2.0
        ``missing_users``, ``min_seat_age``, ``check_accounts``, ``on_call``, ``check_escalation_policies``,
        ``read_seats_first`` and ``read_all_users``

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: Datadog user UUIDs: a list, or a text that holds one as JSON or with commas. (templated)
    :param user_emails: email addresses in any case, in the same forms. (templated)
    :param missing_users: what to do if an email holds no seat and Datadog does not know it: ``skip`` reports the person
        as ``unchanged``, ``fail`` changes nothing and fails the task, so that you notice a misspelt email. ``fail``
        needs the permission ``user_access_read``. (templated)
    :param max_unassign: the most people who may lose a seat: a number, or a percentage of all seats (``25``,
        ``"20%"``). More is refused. A number allows at most half of the seats; a percentage may be higher. (templated)
    :param min_seat_age: how long a seat must have been held to be unassigned: a ``timedelta``, or text such as ``"7d"``
        or ``"36h"``. A seat of unknown age is kept. (templated)
    :param protect: emails or UUIDs of people whose seats are never unassigned. The report names them. An entry that is
        nobody's account is refused. ``"nobody"`` protects nobody; an empty list is an error. (templated)
    :param check_accounts: read the accounts of the people about to lose a seat if ``protect`` contains an email that
        the seat list does not, because the list may show a different email from the account's. It needs the permission
        ``user_access_read``. (templated)
    :param on_call: what to do about people about to lose a seat who are found in an on-call schedule, or in an
        escalation policy that a team's routing rules lead to: ``ignore`` does not look, ``keep`` keeps their seats and
        reports where they were found, ``refuse`` changes nothing. ``keep`` and ``refuse`` need the permissions
        ``on_call_read`` and ``teams_read``. Overrides, and policies that no team routes to, are not seen. (templated)
    :param check_escalation_policies: whether ``on_call`` looks in escalation policies, not only in schedules. It costs
        one call for each team and each policy, if somebody is about to lose a seat. Without it ``teams_read`` is not
        needed. (templated)
    :param read_seats_first: read the seat list and send only people with a seat, so that the report says who was
        changed and can be undone. (templated)
    :param preview: report who would be unassigned and change nothing. (templated)
    :param read_all_users: find accounts in the list of all users, so that no email is in the address of a request. It
        costs a call for each 100 users. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    _operator = "unassign"
    ui_color = "#f5e6e0"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = NOT_PASSED,
        user_emails: PeopleArgument = NOT_PASSED,
        missing_users: Literal["fail", "skip"] = "skip",
        max_unassign: CountArgument = NOT_PASSED,
        min_seat_age: AgeArgument = NOT_PASSED,
        protect: PeopleArgument = NOT_PASSED,
        check_accounts: FlagArgument = True,
        on_call: OnCallChoice = "ignore",
        check_escalation_policies: FlagArgument = True,
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
