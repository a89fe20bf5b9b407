"""The guards: limits and rules that apply before the first change. Each is declared once, as a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_seats._arguments import (
    parse_age,
    parse_bool,
    parse_choice,
    parse_non_negative_int,
    parse_optional,
)
from airflow_provider_seats._not_passed import NOT_PASSED
from airflow_provider_seats._planning import checks
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

if TYPE_CHECKING:
    from airflow_provider_seats._planning.checks import Refusal
    from airflow_provider_seats._planning.jobs import Job
    from airflow_provider_seats._planning.plan import Plan
    from airflow_provider_seats._planning.world import World

MissingUsers = Literal["fail", "skip", "retry"]
OnCallChoice = Literal["ignore", "keep", "refuse"]
# What protect is if nobody is to be protected on purpose. A template cannot leave an argument out.
_NOBODY: Final = "nobody"
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class _Guard:
    """How a guard is declared.

    :param parse: parses the rendered argument, which has the guard's name.
    :param about: the changes that it is about. It does not apply if the mode rules them out.
    :param of_roster: whether it is about a roster, so that it does not apply to an undo.
    :param sync_default: what holds for a sync that passes nothing. An undo has no such limit.
    :param needs_seat_list: whether the seat list has to be read for it.
    :param check: returns why it refuses a plan, from its value, the plan, what was read, and the job.
    """

    parse: Callable[[str, Any], Any]
    about: Kind | None = None
    of_roster: bool = False
    sync_default: object = None
    needs_seat_list: bool = False
    check: Callable[[Any, Plan, World, Job], Refusal | None] | None = None


def _guard(parse: Callable[[str, Any], Any], default: object = None, **declared: Any) -> Any:  # noqa: ANN401 (a field)
    return field(default=default, metadata={"guard": _Guard(parse, **declared)})


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


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of one run, by the arguments of the operators, which describe them. They refuse in this order.

    A guard that does not apply has its default. Ages are in seconds.
    """

    missing_users: MissingUsers | None = _guard(
        partial(parse_choice, kind=MissingUsers), about="assign", check=checks.missing_users
    )
    allow_empty: bool | None = _guard(parse_bool, about="unassign", of_roster=True, check=checks.allow_empty)
    max_roster_age: float | None = _guard(parse_age, of_roster=True, sync_default=_DAY, check=checks.max_roster_age)
    protect: People = _guard(_parse_protect, NOBODY, about="unassign", needs_seat_list=True, check=checks.protect)
    max_unassign: Limit | None = _guard(
        parse_max_unassign,
        about="unassign",
        sync_default=DEFAULT_MAX_UNASSIGN,
        needs_seat_list=True,
        check=checks.max_unassign,
    )
    max_assign: Limit | None = _guard(
        parse_limit, about="assign", sync_default=DEFAULT_MAX_ASSIGN, needs_seat_list=True, check=checks.max_assign
    )
    max_seats: int | None = _guard(parse_non_negative_int, needs_seat_list=True, check=checks.max_seats)
    warn_seats: int | None = _guard(parse_limit, needs_seat_list=True)
    min_seat_age: float | None = _guard(parse_age, about="unassign", needs_seat_list=True)
    check_accounts: bool = _guard(parse_bool, default=True)
    on_call: OnCallChoice | None = _guard(_parse_on_call, about="unassign", needs_seat_list=True, check=checks.on_call)
    check_escalation_policies: bool = _guard(parse_bool, default=True, about="unassign")

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
        for each in fields(cls):
            guard: _Guard = each.metadata["guard"]
            passed = arguments.get(each.name, NOT_PASSED)
            value = parse_optional(each.name, passed, guard.parse)
            if of_undo and guard.of_roster and value:
                raise InvalidInputError(each.name, "an undo has no roster. Leave it out.")
            applies = guard.about in {None, *kinds} and not (of_undo and guard.of_roster)
            if passed is NOT_PASSED and of_sync and not of_undo:
                value = guard.sync_default
            values[each.name] = value if applies and value is not None else each.default
        values["warn_seats"] = seats_to_warn_of(values["warn_seats"], values["max_seats"])
        return cls(**values)

    @property
    def need_seat_list(self) -> bool:
        return any(each.metadata["guard"].needs_seat_list for _, each in self._in_force())

    def refusals(self, plan: Plan, world: World, job: Job) -> list[Refusal]:
        """Return why the guards refuse a plan: at most one refusal a guard."""
        checked = ((each.metadata["guard"].check, getattr(self, name)) for name, each in self._in_force())
        found = (check(value, plan, world, job) for check, value in checked if check is not None)
        return [refusal for refusal in found if refusal is not None]

    def record(self, seats: int) -> dict[str, Any]:
        """Return the guards that apply, for the report."""
        recorded: dict[str, Any] = {}
        for name, _ in self._in_force():
            value = getattr(self, name)
            if isinstance(value, Limit):
                recorded |= {name: str(value), f"{name}_people": value.of(seats)}
            else:
                recorded[name] = [*value.uuids, *value.emails] if isinstance(value, People) else value
        return recorded

    def _in_force(self) -> list[tuple[str, Field[Any]]]:
        return [(each.name, each) for each in fields(self) if getattr(self, each.name) != each.default]
