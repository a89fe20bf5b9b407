"""Docstrings and pages say in which version something is new: what version 0.1.0 lacks says so, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_seats import (
    __version__,
    exceptions,
    hooks,
    links,
    operators,
    report,
    rosters,
    sensors,
    testing,
    triggers,
)
from tests.helpers.airflow_home import AIRFLOW, ROOT

# The public classes of version 0.1.0, with their arguments, fields, keys and methods.
FIRST = {
    "AssignSeatsOperator": "product_code user_uuids user_emails missing_users max_seats preview datadog_conn_id "
    "execute()",
    "UnassignSeatsOperator": "product_code user_uuids user_emails max_unassign protect preview datadog_conn_id "
    "execute()",
    "SyncSeatsOperator": "product_code user_uuids user_emails mode missing_users allow_empty max_unassign max_seats "
    "min_seat_age protect preview approved undo datadog_conn_id execute()",
    "SeatUsersSensor": "product_code user_uuids user_emails state require datadog_conn_id deferrable",
    "SeatUsersTrigger": "product_code state require datadog_conn_id poll_interval timeout_at "
    "execution_timeout_at serialize()",
    "SeatChangesTrigger": "product_code datadog_conn_id poll_interval serialize() run()",
    "DatadogSeatsHook": "datadog_conn_id get_ui_field_behaviour() get_connection_form_widgets() get_conn() "
    "list_seat_users(product_code) assign_seats(product_code,user_uuids) unassign_seats(product_code,user_uuids) "
    "find_users(emails) audit_seats(product_code,status,csv_path,csv_conn_id) test_connection()",
    "SeatUser": "id email name assigned_at",
    "User": "id email name status service_account disabled()",
    "Person": "id email reason",
    "Report": "product preview assigned unassigned unchanged missing refused protected unknown not_done seats_before "
    "seats_after guards since_attempt",
    "SeatsPageLink": "get_link(operator,ti_key)",
    "RetryAfter": "evaluate(exception,try_number,max_tries,context) serialize() deserialize(data)",
    "FakeDatadog": "products api_key app_key seated_users unknown_users rate_limit port received() url() "
    "airflow_connection() add_user(email,name,user_uuid,status,service_account,seat) user_uuid(email) "
    "give_seat(product,user_uuid) take_seat(product,user_uuid) holders(product) emails(product) "
    "script(method,path,faults) calls(method,path)",
    "Fault": "status body headers applied lost delay",
    "Received": "method path query body headers status user_uuids()",
}


def public() -> list[Any]:
    """Return the public classes and functions, apart from those of new modules."""
    modules = [operators, sensors, triggers, hooks, rosters, links, testing]
    if AIRFLOW >= (3, 3):
        modules.append(importlib.import_module("airflow_provider_seats.retries"))
    found = [report.Report, report.Person]
    for module in modules:
        own = [name for name, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__]
        names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
        found += [each for name in names if callable(each := getattr(module, name))]
    return found


def arguments(function: Any) -> set[str]:
    """Return the arguments of a function, without those of any name."""
    kinds = inspect.signature(function).parameters
    return {name for name, each in kinds.items() if name not in {"self", "cls"} and each.kind is not each.VAR_KEYWORD}


def members(kind: type) -> dict[str, Any]:
    """Return the public methods and properties of a class that are its own, by name."""
    own = {name: each for name, each in vars(kind).items() if not name.startswith("_")}
    kinds = (property, classmethod)
    return {name: each for name, each in own.items() if inspect.isfunction(each) or isinstance(each, kinds)}


def function_of(member: Any) -> Any:
    """Return the function behind a method or property."""
    return getattr(member, "fget", None) or getattr(member, "__func__", member)


def fields(kind: type) -> set[str]:
    """Return the arguments of a class, or its fields or keys."""
    if issubclass(kind, (dict, tuple)) or "__dataclass_fields__" in vars(kind):
        return set(inspect.get_annotations(kind))
    return arguments(kind.__init__) if "__init__" in vars(kind) else set()


def added(text: str | None) -> set[str] | None:
    """Return what a docstring says is new: an empty set is all of it, None nothing."""
    found = re.findall(
        r"^( *)\.\. versionadded:: (\S+)\n((?:\1 +.*(?:\n|$))*)", inspect.cleandoc(text or "") + "\n", re.MULTILINE
    )
    if not found:
        return None
    [(_, version, names)] = found
    assert version == __version__
    return set(re.findall(r"``(\w+)``", names))


def first_names(name: str) -> dict[str, set[str] | None]:
    """Return the names that a class of 0.1.0 has, with the arguments of its methods; None for its own arguments."""
    found = re.findall(r"(\w+)(\([\w,]*\))?", FIRST[name])
    return {each: set(re.findall(r"\w+", inside)) if inside else None for each, inside in found}


def expected(kind: Any) -> Iterator[tuple[str, str | None, set[str] | None]]:
    """Yield for a class or function, and for each method, the docstring and what it must say is new."""
    name = kind.__name__
    if name not in FIRST:
        yield name, kind.__doc__, set()
        if inspect.isclass(kind):
            yield from ((f"{name}.{each}", function_of(member).__doc__, None) for each, member in members(kind).items())
        return
    first = first_names(name)
    yield name, kind.__doc__, (fields(kind) - first.keys()) or None
    for each, member in members(kind).items():
        function = function_of(member)
        known = first.get(each)
        new = set() if known is None else (arguments(function) - known or None)
        if known is not None and each in {"execute", "run"}:
            new = None
        yield f"{name}.{each}", function.__doc__, new


@pytest.mark.parametrize("kind", public(), ids=lambda kind: kind.__name__)
def test_a_docstring_says_what_is_new(kind: Any) -> None:
    """What 0.1.0 lacks says since when it exists, and what 0.1.0 has does not."""
    for name, text, new in expected(kind):
        assert added(text) == new, name


def test_a_new_module_says_so_once() -> None:
    """The module of the errors is new, so its docstring says so, and that of no error does."""
    assert added(exceptions.__doc__) == set()
    for name, kind in vars(exceptions).items():
        if inspect.isclass(kind):
            assert "versionadded" not in (kind.__doc__ or ""), name


@pytest.mark.parametrize("name", FIRST)
def test_what_the_first_version_had_is_still_there(name: str) -> None:
    """Each name in the list of 0.1.0 still exists, so that the list cannot hide a new one."""
    kinds = {kind.__name__: kind for kind in public()}
    if name == "RetryAfter" and AIRFLOW < (3, 3):
        pytest.skip("this Airflow has no retry policies yet")
    kind = kinds[name]
    for each, known in first_names(name).items():
        if known is None:
            assert each in fields(kind)
        else:
            assert known - {"context"} <= arguments(function_of(inspect.getattr_static(kind, each)))


PAGES = {
    "assign": "AssignSeatsOperator",
    "unassign": "UnassignSeatsOperator",
    "sync": "SyncSeatsOperator",
    "sensor": "SeatUsersSensor",
    "report": "Report",
    "audit": None,
    "account-sensor": None,
    "rosters": None,
}


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_says_what_is_new(page: str) -> None:
    """A row of a new argument or key ends with its version, and no other row. A new page says it at its beginning."""
    text = (ROOT / f"docs/reference/{page}.md").read_text()
    since = f"Since {__version__}"
    rows = re.findall(r"^\| (`[^|]*)\|(.*)\|$", text, re.MULTILINE)
    marked = {name for cell, rest in rows if f"{since} |" in f"{rest}|" for name in re.findall(r"`(\w+)`", cell)}
    kind = next((each for each in public() if each.__name__ == PAGES[page]), None)
    if kind is None:
        assert f"{since}." in text.split("\n\n")[1]
        assert marked == set()
    else:
        assert marked == fields(kind) - first_names(kind.__name__).keys()


def test_the_page_of_the_hook_says_what_is_new() -> None:
    """The row of a new method ends with its version, and no other row."""
    text = (ROOT / "docs/reference/hook.md").read_text()
    marked = set(re.findall(rf"^\| `(\w+)\(.*Since {re.escape(__version__)} \|$", text, re.MULTILINE))
    assert marked == members(hooks.DatadogSeatsHook).keys() - first_names("DatadogSeatsHook").keys()
