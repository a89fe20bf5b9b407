"""Make seats match a roster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._own_arguments import arguments_of
from airflow_provider_seats.connection import DEFAULT_CONN_ID
from airflow_provider_seats.operators._base import SeatsOperator

if TYPE_CHECKING:
    from airflow_provider_seats._planning.guards import MissingUsers, OnCallChoice
    from airflow_provider_seats._planning.jobs import Mode
    from airflow_provider_seats.operators._base import (
        AgeArgument,
        CountArgument,
        FlagArgument,
        PeopleArgument,
        ReportArgument,
        TimeArgument,
    )


class SyncSeatsOperator(SeatsOperator):
    """Make the seats of a Datadog product match a roster, within guards that are checked before anything is changed.

    .. seealso:: https://docs.datadoghq.com/api/latest/seats/

    The operator reads the whole seat list first and matches people by UUID or email. It looks up only the rest of the
    roster, and writes only the difference. It unassigns before it assigns, because Datadog bills the highest number of
    seats that was held at the same time.

    Before someone loses a seat because the roster does not name them, the operator makes sure that the account behind
    the seat has no other email that the roster or ``protect`` names (see ``check_accounts``).

    With ``undo`` instead of a roster it reverses the changes of an earlier report of any of these operators.

    The ``return_value`` is a :class:`~airflow_provider_seats.report.Report`. It is pushed to XCom also if the task
    fails. Errors are as in :class:`AssignSeatsOperator`. A guard that refuses the plan raises
    :class:`~airflow_provider_seats.exceptions.PlanRefusedError`.

    .. versionadded:: 0.2.0
        ``max_roster_age``, ``roster_read_at``, ``max_assign``, ``warn_seats``, ``check_accounts``, ``on_call``,
        ``check_escalation_policies`` and ``read_all_users``

    :param product_code: Datadog's code of the product, such as ``incident_response``. (templated)
    :param user_uuids: the roster by user UUID: a list, or a text that holds one as JSON or with commas. With ``undo``,
        the people that it is limited to. (templated)
    :param user_emails: the roster by email address in any case, in the same forms. (templated)
    :param mode: ``exact`` assigns and unassigns, ``add_only`` only assigns, ``remove_only`` only unassigns. (templated)
    :param missing_users: what to do if someone to assign has no enabled Datadog account: ``fail`` changes nothing,
        ``skip`` continues without the person and reports them as ``missing``, ``retry`` changes nothing and leaves it
        to the task's ``retries`` and ``retry_delay``. (templated)
    :param allow_empty: whether people may lose their seats if the roster is empty, half of it is empty, or nobody in it
        holds a seat. (templated)
    :param max_roster_age: how long ago the roster may have been read: a ``timedelta``, or text such as ``"36h"``. An
        older one changes nobody. The default is one day. (templated)
    :param roster_read_at: when the roster was read: a ``datetime``, or text in ISO 8601. Seats that were assigned since
        are kept. The default is when the DAG run started, or was due if it was cleared or is a backfill. (templated)
    :param max_unassign: the most people who may lose a seat: a number, or a percentage of all seats (``25``,
        ``"20%"``). More is refused, and 0 forbids it. A number allows at most half of the seats; a percentage may be
        higher. The default is the larger of 5 people and 20 %, but at most half of the seats and at most 100 people;
        one is always allowed. An undo has no default. (templated)
    :param max_assign: the most people who may be given a seat: a number, or a percentage of all seats. More is refused.
        The default is the larger of 20 people and 50 %. It does not hold for an approved preview, nor for an undo.
        (templated)
    :param max_seats: the most seats that the product may have after an assignment. More is refused. (templated)
    :param warn_seats: the most seats that the product may have afterwards without a warning in the log, in the report
        and in the summary: a number, or a percentage of ``max_seats`` (``"90%"``). (templated)
    :param min_seat_age: how long a seat must have been held to be unassigned: a ``timedelta``, or text such as ``"7d"``
        or ``"36h"``. A seat of unknown age is kept. (templated)
    :param protect: emails or UUIDs of people whose seats are never unassigned. The report names them. An entry that is
        nobody's account is refused. ``"nobody"`` protects nobody; an empty list is an error. (templated)
    :param check_accounts: read the accounts of the people about to lose a seat if the roster or ``protect`` contains an
        email that the seat list does not, because the list may show a different email from the account's. It needs the
        permission ``user_access_read``. (templated)
    :param on_call: what to do about people about to lose a seat who are found in an on-call schedule, or in an
        escalation policy that a team's routing rules lead to: ``ignore`` does not look, ``keep`` keeps their seats and
        reports where they were found, ``refuse`` changes nothing. ``keep`` and ``refuse`` need the permissions
        ``on_call_read`` and ``teams_read``. Overrides, and policies that no team routes to, are not seen. (templated)
    :param check_escalation_policies: whether ``on_call`` looks in escalation policies, not only in schedules. It costs
        one call for each team and each policy, if somebody is about to lose a seat. Without it ``teams_read`` is not
        needed. (templated)
    :param preview: report what would be done and change nothing, even if a guard would refuse it. (templated)
    :param approved: the report of a preview that a person saw. Changing someone who is not in it is refused, and seats
        that were assigned after it are kept. (templated)
    :param undo: an earlier report whose changes are reversed, in the directions that ``mode`` allows. (templated)
    :param read_all_users: find accounts in the list of all users, so that no email is in the address of a request. It
        costs a call for each 100 users. (templated)
    :param datadog_conn_id: a connection of type ``datadog_seats`` or ``datadog``. (templated)
    """

    template_fields_renderers: ClassVar[dict[str, str]] = {
        **SeatsOperator.template_fields_renderers,
        "approved": "json",
        "undo": "json",
    }
    _operator = "sync"
    ui_color = "#e0f5e8"

    def __init__(
        self,
        *,
        product_code: str,
        user_uuids: PeopleArgument = NOT_PASSED,
        user_emails: PeopleArgument = NOT_PASSED,
        mode: Mode = "exact",
        missing_users: MissingUsers = "fail",
        allow_empty: FlagArgument = False,
        max_roster_age: AgeArgument = NOT_PASSED,
        roster_read_at: TimeArgument = NOT_PASSED,
        max_unassign: CountArgument = NOT_PASSED,
        max_assign: CountArgument = NOT_PASSED,
        max_seats: CountArgument = NOT_PASSED,
        warn_seats: CountArgument = NOT_PASSED,
        min_seat_age: AgeArgument = NOT_PASSED,
        protect: PeopleArgument = NOT_PASSED,
        check_accounts: FlagArgument = True,
        on_call: OnCallChoice = "ignore",
        check_escalation_policies: FlagArgument = True,
        preview: FlagArgument = False,
        approved: ReportArgument = NOT_PASSED,
        undo: ReportArgument = NOT_PASSED,
        read_all_users: FlagArgument = False,
        datadog_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())

    _own_arguments = arguments_of(__init__)
    template_fields: Sequence[str] = _own_arguments
