"""The guards: limits and rules that apply before the first change. Each is declared once, as a field."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple, get_type_hints

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


class _Guard(NamedTuple):
    """How a guard is declared.

    :param parse: parses the rendered argument, which has the guard's name.
    :param about: the changes that it is about. It does not apply if the mode rules them out.
    :param of_roster: whether it is about a roster, so that it does not apply to an undo.
    :param sync_default: what holds for a sync that passes nothing. An undo has no such limit.
    :param needs_seat_list: whether the seat list has to be read for it, as for whatever counts seats or keeps them.
    """

    parse: Callable[[str, Any], Any]
    about: Kind | None = None
    of_roster: bool = False
    sync_default: object = None
    needs_seat_list: bool = True


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


class Guards(NamedTuple):
    """The guards of one run, by the arguments of the operators, which describe them. They refuse in this order.

    A guard is checked by the function of the module ``checks`` that has its name. A guard that does not apply has its
    default. Ages are in seconds.
    """

    missing_users: Annotated[
        MissingUsers | None, _Guard(partial(parse_choice, kind=MissingUsers), about="assign", needs_seat_list=False)
    ] = None
    allow_empty: Annotated[bool | None, _Guard(parse_bool, about="unassign", of_roster=True)] = None
    max_roster_age: Annotated[float | None, _Guard(parse_age, of_roster=True, sync_default=_DAY)] = None
    protect: Annotated[People, _Guard(_parse_protect, about="unassign")] = NOBODY
    max_unassign: Annotated[
        Limit | None, _Guard(parse_max_unassign, about="unassign", sync_default=DEFAULT_MAX_UNASSIGN)
    ] = None
    max_assign: Annotated[Limit | None, _Guard(parse_limit, about="assign", sync_default=DEFAULT_MAX_ASSIGN)] = None
    max_seats: Annotated[int | None, _Guard(parse_non_negative_int)] = None
    warn_seats: Annotated[int | None, _Guard(parse_limit)] = None
    min_seat_age: Annotated[float | None, _Guard(parse_age, about="unassign")] = None
    check_accounts: Annotated[bool, _Guard(parse_bool, needs_seat_list=False)] = True
    on_call: Annotated[OnCallChoice | None, _Guard(_parse_on_call, about="unassign")] = None
    check_escalation_policies: Annotated[bool, _Guard(parse_bool, about="unassign", needs_seat_list=False)] = True

    @classmethod
    def parse(
        cls,
        arguments: Mapping[str, object],
        kinds: frozenset[Kind] = BOTH,
        *,
        of_sync: bool = False,
        of_undo: bool = False,
    ) -> "Guards":
        """Parse the guards among the rendered arguments of an operator.

        :param of_sync: whether it is a sync, which has limits of its own if none are passed.
        :param of_undo: whether it reverses a report.
        """
        values: dict[str, Any] = {}
        for name, guard in _GUARDS.items():
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
        return any(_GUARDS[name].needs_seat_list for name in self.in_force())

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
        return {name: value for name, value in self._asdict().items() if value != self._field_defaults[name]}


# Each is declared with its field.
_GUARDS: Final[dict[str, _Guard]] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Guards, include_extras=True).items()
}
