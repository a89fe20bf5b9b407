"""The guards: limits and rules that apply before the first change. Each is declared once, as a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, Literal

from airflow_provider_seats._arguments import (
    parse_age,
    parse_bool,
    parse_choice,
    parse_non_negative_int,
    parse_optional,
)
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning.limit import (
    DEFAULT_MAX_ASSIGN,
    DEFAULT_MAX_UNASSIGN,
    Limit,
    parse_limit,
    parse_max_unassign,
    seats_to_warn_of,
)
from airflow_provider_seats._planning.plan import BOTH, Kind
from airflow_provider_seats._rosters.people import NOBODY, People, parse_people
from airflow_provider_seats.exceptions import InvalidInputError

MissingUsers = Literal["fail", "skip", "retry"]
OnCallChoice = Literal["ignore", "keep", "refuse"]
# What protect is if nobody is to be protected on purpose. A template cannot leave an argument out.
_NOBODY: Final = "nobody"
_DAY: Final = 86_400.0


def _guard(
    parse: Callable[[str, Any], Any],
    default: object = None,
    *,
    about: Kind | None = None,
    of_roster: bool = False,
    sync_default: object = None,
    needs_seat_list: bool = True,
) -> Any:  # noqa: ANN401 (it stands for the value)
    """Declare a guard.

    :param parse: parses the rendered argument, which has the guard's name.
    :param default: its value if it does not apply.
    :param about: the changes that it is about. It does not apply if the mode rules them out.
    :param of_roster: whether it is about a roster, so that it does not apply to an undo.
    :param sync_default: what holds for a sync that passes nothing. An undo has no such limit.
    :param needs_seat_list: whether the seat list has to be read for it, as for whatever counts seats or keeps them.
    """
    return SimpleNamespace(**locals())


def _parse_on_call(name: str, value: object) -> OnCallChoice | None:
    choice: OnCallChoice = parse_choice(name, value, OnCallChoice)
    return None if choice == "ignore" else choice


def _parse_protect(name: str, value: object) -> People:
    if isinstance(value, str) and value.strip() == _NOBODY:
        return NOBODY
    people = parse_people(**{name: value})
    if not people:
        raise InvalidInputError(
            name,
            "it protects nobody, for example because a team or a file was emptied. Check where it comes from. If this "
            f"is intended, leave it out or pass {_NOBODY!r}.",
        )
    return people


class Guards:
    """The guards of one run, by the arguments of the operators, which describe them. They refuse in this order.

    If a guard refuses, the function of ``checks`` that has its name does so. If it keeps seats, ``keepers`` does:
    ``protect``, ``min_seat_age``, ``check_accounts`` and ``on_call``. Ages are in seconds.
    """

    missing_users: MissingUsers | None = _guard(
        partial(parse_choice, kind=MissingUsers), about="assign", needs_seat_list=False
    )
    allow_empty: bool | None = _guard(parse_bool, about="unassign", of_roster=True)
    max_roster_age: float | None = _guard(parse_age, of_roster=True, sync_default=_DAY)
    protect: People = _guard(_parse_protect, NOBODY, about="unassign")
    max_unassign: Limit | None = _guard(parse_max_unassign, about="unassign", sync_default=DEFAULT_MAX_UNASSIGN)
    max_assign: Limit | None = _guard(parse_limit, about="assign", sync_default=DEFAULT_MAX_ASSIGN)
    max_seats: int | None = _guard(parse_non_negative_int)
    warn_seats: int | None = _guard(parse_limit)
    min_seat_age: float | None = _guard(parse_age, about="unassign")
    check_accounts: bool = _guard(parse_bool, default=True, needs_seat_list=False)
    on_call: OnCallChoice | None = _guard(_parse_on_call, about="unassign")
    check_escalation_policies: bool = _guard(parse_bool, default=True, about="unassign", needs_seat_list=False)

    def __init__(self, **values: Any) -> None:
        for name, guard in GUARDS.items():
            setattr(self, name, values.pop(name, guard.default))
        if values:
            raise TypeError(f"There is no guard {', '.join(values)}.")

    @classmethod
    def parse(
        cls,
        arguments: Mapping[str, object],
        kinds: frozenset[Kind] = BOTH,
        *,
        of_sync: bool = False,
        of_undo: bool = False,
    ) -> Guards:
        """Parse the guards among the rendered arguments of an operator.

        :param of_sync: whether it is a sync, which has limits of its own if none are passed.
        :param of_undo: whether it reverses a report.
        """
        values: dict[str, Any] = {}
        for name, guard in GUARDS.items():
            passed = arguments.get(name, NOT_PASSED)
            value = parse_optional(name, passed, guard.parse)
            if of_undo and guard.of_roster and value:
                raise InvalidInputError(name, "an undo has no roster. Leave it out.")
            applies = guard.about in {None, *kinds} and not (of_undo and guard.of_roster)
            if passed is NOT_PASSED and of_sync and not of_undo:
                value = guard.sync_default
            if applies and value is not None:
                values[name] = value
        values["warn_seats"] = seats_to_warn_of(values.get("warn_seats"), values.get("max_seats"))
        return cls(**values)

    @property
    def need_seat_list(self) -> bool:
        return any(GUARDS[name].needs_seat_list for name in self.in_force())

    def record(self, seats: int) -> dict[str, Any]:
        """Return the guards that apply, for the report."""
        recorded: dict[str, Any] = {}
        for name, value in self.in_force().items():
            if isinstance(value, Limit):
                recorded |= {name: str(value), f"{name}_people": value.of(seats)}
            else:
                recorded[name] = [*value.uuids, *value.emails] if isinstance(value, People) else value
        return recorded

    def in_force(self) -> dict[str, Any]:
        """Return the guards that apply, by name."""
        return {name: value for name, value in vars(self).items() if value != GUARDS[name].default}


GUARDS: Final = {name: guard for name, guard in vars(Guards).items() if isinstance(guard, SimpleNamespace)}
